"""How long a word about a bundle takes, and what a handing over is called."""

from __future__ import annotations

import pytest

from tiercel.delivery.parcels import handing_over, usual_round_trip_ms, wait_ms
from tiercel.limits import DAY_MS, RECEIPT_DELAY_MS_MAX

NOW = 20_000 * DAY_MS


@pytest.mark.parametrize(
    ("delay_days", "by_time", "seen_days", "days"),
    [
        (60, False, (), 120),
        (60, False, (1,), 120),
        (0, False, (), RECEIPT_DELAY_MS_MAX / DAY_MS),
        (30, True, (), 61),
        (30, True, (0.1, 0.2), 1),
        (30, True, (2, 9, 3), 9),
        (30, True, (2, 400), 61),
        (0, True, (5,), 1 + RECEIPT_DELAY_MS_MAX / DAY_MS),
    ],
)
def test_a_word_takes_the_declared_time_where_losses_show_and_the_usual_one_where_only_time_tells(
    delay_days: float, by_time: bool, seen_days: tuple[float, ...], days: float
) -> None:
    seen = [int(each * DAY_MS) for each in seen_days]
    assert usual_round_trip_ms(int(delay_days * DAY_MS), by_time, seen) == days * DAY_MS


@pytest.mark.parametrize(
    ("tries", "until_days", "days"),
    [
        (-1, None, 4),
        (0, None, 4),
        (1, None, 8),
        (2, None, 16),
        (3, None, 30),
        (1000, None, 30),
        (0, 3, 3),
        (0, 9, 4),
        (2, 9, 9),
        (0, -5, 1),
        (0, 0.01, 1),
        (2, 0.01, 4),
        (9, 0.01, 30),
    ],
)
def test_the_sooner_of_time_and_promise_ends_the_wait_and_each_pass_doubles_both(
    tries: int, until_days: float | None, days: int
) -> None:
    """A road that promises less than a day is not believed more than a day: it would be filled at every visit."""
    until = None if until_days is None else NOW + int(until_days * DAY_MS)
    assert wait_ms(NOW, 2 * DAY_MS, tries, until) == days * DAY_MS


def test_handing_over_a_second_time_is_called_so() -> None:
    assert handing_over(()) == "handed over"
    assert handing_over({"handed over"}) == handing_over({"handed over", "handed over again"}) == "handed over again"
