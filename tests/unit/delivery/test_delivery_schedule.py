"""When things are due."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tiercel.delivery import schedule
from tiercel.limits import DAY_MS, GIFTS_LOW

NOW = 20_000 * DAY_MS
HOUR_MS = DAY_MS // 24


@pytest.mark.parametrize(
    ("ago_ms", "due"),
    [
        (0, False), (5 * DAY_MS - 1, False), (5 * DAY_MS, True), (500 * DAY_MS, True),
        (-1, False), (-DAY_MS, False), (-DAY_MS - 1, True), (-3650 * DAY_MS, True),
    ],
)  # fmt: skip
def test_a_wait_passes_and_an_instant_of_a_wrong_clock_is_long_ago(ago_ms: int, due: bool) -> None:
    assert schedule.passed(NOW - ago_ms, NOW, 5 * DAY_MS) is due


@pytest.mark.parametrize(
    ("due", "days"),
    [
        (schedule.repeat_receipt, 1),
        (schedule.ask_recall_again, 1),
        (schedule.stale_on_folder, 60),
        (lambda last, now: schedule.service_due(GIFTS_LOW - 1, False, last, now), 7),
    ],
)
def test_what_is_said_again_waits_its_days_and_never_for_a_year_to_come(
    due: Callable[[int, int], bool], days: int
) -> None:
    assert not due(NOW, NOW) and not due(NOW - days * DAY_MS + 1, NOW) and due(NOW - days * DAY_MS, NOW)
    assert due(NOW + 3650 * DAY_MS, NOW)


def test_what_was_never_said_is_due() -> None:
    assert schedule.repeat_receipt(None, NOW) and schedule.service_due(0, False, None, NOW)


@pytest.mark.parametrize(
    ("held", "renewal", "due"), [(15, False, True), (16, False, False), (16, True, True), (0, True, True)]
)
def test_a_service_letter_is_due_for_a_low_stock_or_a_key(held: int, renewal: bool, due: bool) -> None:
    assert schedule.service_due(held, renewal, None, NOW) is due


@pytest.mark.parametrize(
    ("made_day", "delay_ms", "fits"),
    [
        (20_000, 120 * DAY_MS, True), (20_000, 120 * DAY_MS + 1, False), (19_940, 60 * DAY_MS, True),
        (19_939, 60 * DAY_MS, False), (19_880, 0, True), (19_879, 0, False), (None, 10_000 * DAY_MS, True),
    ],
)  # fmt: skip
def test_a_seal_goes_on_a_road_only_if_it_outlives_it(made_day: int | None, delay_ms: int, fits: bool) -> None:
    assert schedule.seal_fits(made_day, 20_000, delay_ms) is fits


@pytest.mark.parametrize(("tries", "hours"), [(0, 4), (1, 8), (7, 512), (8, 720), (10_000, 720)])
def test_the_wait_for_word_doubles_up_to_thirty_days(tries: int, hours: int) -> None:
    assert schedule.retransmit_after_ms(2 * HOUR_MS, tries) == hours * HOUR_MS


@pytest.mark.parametrize(
    ("moved", "doubtful"), [(0, False), (45, False), (45.01, True), (-1, False), (-1.01, True), (3650, True)]
)
def test_a_clock_that_moved_far_is_in_doubt(moved: float, doubtful: bool) -> None:
    assert schedule.clock_in_doubt(NOW, NOW + int(moved * DAY_MS)) is doubtful


@pytest.mark.parametrize(
    ("held", "room", "count"), [(0, 256, 32), (20, 216, 12), (32, 224, 0), (40, 216, 0), (0, 6, 6), (0, 0, 0)]
)
def test_gifts_fill_up_the_other_side_as_far_as_there_is_room(held: int, room: int, count: int) -> None:
    assert schedule.gifts_wanted(held, room) == count
