"""Which symbols go into which parcel."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiercel.delivery.passes import SMALL_PARCELS_MAX, in_parcels, profile_for, wanted_pass, whole_pass
from tiercel.limits import GROUP_INDICES, SYMBOL_LARGE_BYTES, SYMBOL_SMALL_BYTES
from tiercel.parcel.profiles import PROFILES, capacity
from tiercel.parcel.symbols import layout_of

FOLDER = (PROFILES["file"], PROFILES["stick"])


def test_a_pass_is_k_symbols_of_every_group_and_the_next_one_sends_others() -> None:
    layout = layout_of(300 * SYMBOL_SMALL_BYTES)
    assert layout.groups == 3 and layout.k == 100
    first, second = set(whole_pass(layout, 0)), set(whole_pass(layout, 100))
    assert first == {(group, index) for group in range(3) for index in range(100)}
    assert len(second) == 300 and not first & second


def test_indices_wrap_at_256() -> None:
    layout = layout_of(2 * SYMBOL_SMALL_BYTES)
    assert list(whole_pass(layout, GROUP_INDICES - 1)) == [(0, 255), (0, 0)]
    assert list(wanted_pass(layout, GROUP_INDICES - 1, [(0, 2)])) == [(0, 255), (0, 0)]


def test_a_want_is_answered_with_no_more_than_k_and_only_for_groups_that_are_there() -> None:
    layout = layout_of(300 * SYMBOL_SMALL_BYTES)
    assert list(wanted_pass(layout, 7, [(2, 2), (3, 5)])) == [(2, 7), (2, 8)]
    assert len(list(wanted_pass(layout, 0, [(0, 65_535)]))) == layout.k


@pytest.mark.parametrize(
    ("length", "name"),
    [
        (1, "file"),
        (SMALL_PARCELS_MAX * 36 * SYMBOL_SMALL_BYTES, "file"),
        (SMALL_PARCELS_MAX * 36 * SYMBOL_SMALL_BYTES + 1, "stick"),
        (1 << 30, "stick"),
    ],
)
def test_a_bundle_takes_the_smallest_profile_that_holds_it_in_few_parcels(length: int, name: str) -> None:
    assert profile_for(layout_of(length), FOLDER).name == name


def test_a_symbol_too_large_for_a_profile_takes_a_larger_one() -> None:
    qr = PROFILES["qr"]
    assert capacity(qr, SYMBOL_LARGE_BYTES) == 0
    assert profile_for(layout_of((1 << 20) + 1), (qr, *FOLDER)).name == "stick"


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 4 << 20), st.integers(0, 255))
def test_parcels_hold_every_symbol_of_a_pass_once_and_none_is_larger_than_it_may_be(length: int, first: int) -> None:
    layout = layout_of(length)
    profile = profile_for(layout, FOLDER)
    batches = list(in_parcels(whole_pass(layout, first), layout, profile))
    assert [ref for batch in batches for ref in batch] == list(whole_pass(layout, first))
    assert all(len(batch) == capacity(profile, layout.symbol_bytes) for batch in batches[:-1])
    assert len({ref for batch in batches for ref in batch}) == layout.groups * layout.k
