"""Rules at their exact edges: found by changing the code and seeing no test fail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tiercel.delivery import parcels, passes, schedule
from tiercel.delivery.passes import profile_for
from tiercel.delivery.schedule import opens_at
from tiercel.delivery.states import UNDER_WAY
from tiercel.limits import DAY_MS, SYMBOL_SMALL_BYTES
from tiercel.parcel.profiles import FILE, STICK
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
