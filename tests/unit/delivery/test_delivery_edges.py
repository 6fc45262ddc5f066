"""Rules at their exact edges: found by changing the code and seeing no test fail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tiercel.delivery import parcels, passes, schedule
from tiercel.delivery.passes import profile_for, repair_of, whole_pass
from tiercel.delivery.schedule import clock_in_doubt, opens_at, promise_kept_ms
from tiercel.delivery.states import UNDER_WAY
from tiercel.limits import DAY_MS, SYMBOL_SMALL_BYTES
from tiercel.parcel.profiles import FILE, QR, STICK
from tiercel.parcel.symbols import layout_of


@pytest.mark.parametrize(
    ("accepted_ms", "after_days", "at_ms"),
    [(None, 0, 0), (5, 0, 0), (5, 1, 5 + DAY_MS), (5, 365, 5 + 365 * DAY_MS), (None, 2, 2 * DAY_MS), (0, 1, DAY_MS)],
)
def test_a_later_road_opens_so_many_days_after_the_letter_was_sent(
    accepted_ms: int | None, after_days: int, at_ms: int
) -> None:
    assert opens_at(accepted_ms, after_days) == at_ms


def test_eight_small_parcels_are_few_and_nine_are_many() -> None:
    eight = 8 * 36 * SYMBOL_SMALL_BYTES
    assert profile_for(layout_of(eight), (FILE, STICK)) is FILE
    assert profile_for(layout_of(eight + 1), (FILE, STICK)) is STICK


def test_what_is_under_way_is_what_is_still_sent() -> None:
    assert {state.value for state in UNDER_WAY} == {"accepted", "sealed", "handed over"}


def test_the_numbers_of_the_engine_are_those_of_the_specification() -> None:
    page = (Path(__file__).resolve().parents[3] / "spec" / "delivery.md").read_text("utf-8")
    for words, number in (
        (r"from so many days \(0 to (\d+)\)", schedule.ROAD_AFTER_DAYS_MAX),
        (r"in at most (\d+) parcels", passes.SMALL_PARCELS_MAX),
        (r"the last (\d+) acknowledged", parcels.ROUND_TRIPS_SEEN),
    ):
        assert re.findall(words, page) == [str(number)]


def test_a_clock_is_in_doubt_one_millisecond_past_its_bounds() -> None:
    moves = (45 * DAY_MS, 45 * DAY_MS + 1, -DAY_MS, -DAY_MS - 1)
    assert [clock_in_doubt(10 * DAY_MS, 10 * DAY_MS + moved) for moved in moves] == [False, True, False, True]


def test_a_promise_is_given_a_day_at_least() -> None:
    assert [promise_kept_ms(0, tries) for tries in (-1, 0, 1, 3)] == [DAY_MS, DAY_MS, 2 * DAY_MS, 8 * DAY_MS]


def test_a_road_that_never_talks_back_gets_half_as_much_again_under_the_next_numbers() -> None:
    layout = layout_of(127 * SYMBOL_SMALL_BYTES)
    assert repair_of(layout, QR, talks_back=False) == 64
    sent = [ref for parcel in whole_pass(layout, QR, 3, talks_back=False) for ref in parcel]
    assert sent == [(0, index) for index in range(3, 3 + 127 + 64)]
