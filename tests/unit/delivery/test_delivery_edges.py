"""Rules at their exact edges: found by changing the code and seeing no test fail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tiercel.delivery.parcels import ROUND_TRIPS_SEEN
from tiercel.delivery.passes import SMALL_PARCELS_MAX, profile_for
from tiercel.delivery.schedule import ROAD_AFTER_DAYS_MAX, opens_at
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


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (r"from so many days \(0 to (\d+)\)", ROAD_AFTER_DAYS_MAX),
        (r"in at most (\d+) parcels", SMALL_PARCELS_MAX),
        (r"the last (\d+) acknowledged", ROUND_TRIPS_SEEN),
    ],
)
def test_a_number_of_the_engine_is_that_of_the_specification(words: str, number: int) -> None:
    page = Path(__file__).resolve().parents[3] / "spec" / "delivery.md"
    assert re.findall(words, page.read_text("utf-8")) == [str(number)]
