"""Which symbols go into which parcel."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiercel.delivery.passes import (
    SMALL_PARCELS_MAX,
    Ref,
    pack_refs,
    profile_for,
    repair_of,
    unpack_refs,
    wanted_pass,
    whole_pass,
)
from tiercel.limits import GROUP_INDICES, SYMBOL_LARGE_BYTES, SYMBOL_SMALL_BYTES
from tiercel.parcel.profiles import PROFILES, capacity
from tiercel.parcel.symbols import Layout, layout_of
from tiercel.ports import Profile

FOLDER = (PROFILES["file"], PROFILES["stick"])
QR = PROFILES["qr"]


def refs(layout: Layout, first_index: int, profile: Profile = FOLDER[0]) -> list[Ref]:
    return [ref for parcel in whole_pass(layout, profile, first_index) for ref in parcel]


def test_a_pass_is_k_symbols_of_every_group_and_the_next_one_sends_others() -> None:
    layout = layout_of(300 * SYMBOL_SMALL_BYTES)
    assert layout.groups == 3 and layout.k == 100
    first, second = set(refs(layout, 0)), set(refs(layout, 100))
    assert first == {(group, index) for group in range(3) for index in range(100)}
    assert len(second) == 300 and not first & second


def test_indices_wrap_at_256() -> None:
    layout = layout_of(2 * SYMBOL_SMALL_BYTES)
    assert refs(layout, GROUP_INDICES - 1) == [(0, 255), (0, 0)]
    assert list(wanted_pass(layout, GROUP_INDICES - 1, [(0, 2)])) == [(0, 255), (0, 0)]


def test_a_want_is_answered_with_no_more_than_k_and_only_for_groups_that_are_there() -> None:
    layout = layout_of(300 * SYMBOL_SMALL_BYTES)
    assert list(wanted_pass(layout, 7, [(2, 2), (3, 5)])) == [(2, 7), (2, 8)]
    assert len(list(wanted_pass(layout, 0, [(0, 65_535)]))) == layout.k


def test_symbols_are_kept_as_they_were_planned() -> None:
    planned = [(0, 255), (4_294_967_295, 0)]
    assert unpack_refs(pack_refs(planned)) == planned and unpack_refs(b"") == []


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
    profile = profile_for(layout_of(length), FOLDER)
    assert profile is not None and profile.name == name


def test_a_symbol_too_large_for_a_profile_takes_a_larger_one_and_no_road_without_one() -> None:
    """A road whose largest parcel holds no symbol of it was given one parcel with all of them."""
    large = layout_of((1 << 20) + 1)
    assert capacity(QR, SYMBOL_LARGE_BYTES) == 0
    assert profile_for(large, (QR, *FOLDER)) == FOLDER[1]
    assert profile_for(large, (QR,)) is None
    assert profile_for(layout_of(1 << 20), (QR,)) == QR


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 4 << 20), st.integers(0, 255))
def test_parcels_hold_every_symbol_of_a_pass_once_and_none_is_larger_than_it_may_be(length: int, first: int) -> None:
    layout = layout_of(length)
    profile = profile_for(layout, FOLDER)
    assert profile is not None
    batches = list(whole_pass(layout, profile, first))
    assert all(len(batch) == capacity(profile, layout.symbol_bytes) for batch in batches[:-1])
    assert len({ref for batch in batches for ref in batch}) == layout.groups * layout.k
    assert sum(map(len, batches)) == layout.groups * layout.k and not repair_of(layout, profile, talks_back=True)


@settings(deadline=None, max_examples=80)
@given(st.integers(1, 2 << 20), st.sampled_from(sorted(PROFILES)), st.integers(0, 255), st.data())
def test_where_nobody_can_ask_again_any_one_parcel_may_be_lost(
    length: int, name: str, first: int, data: st.DataObject
) -> None:
    layout, profile = layout_of(length), PROFILES[name]
    if not capacity(profile, layout.symbol_bytes):
        return
    there = list(whole_pass(layout, profile, first, talks_back=False))
    enough = list(whole_pass(layout, profile, first))
    assert there[: len(enough)] == enough and len(there) > len(enough)
    there.pop(data.draw(st.integers(0, len(there) - 1)))
    held = {ref for parcel in there for ref in parcel}
    assert all(sum(group == at for group, _index in held) >= layout.k for at in range(layout.groups))


@pytest.mark.parametrize(("symbols", "codes"), [(1, 2), (2, 3), (9, 14), (36, 54), (128, 192)])
def test_a_letter_on_paper_has_half_as_many_codes_more(symbols: int, codes: int) -> None:
    layout = layout_of(symbols * SYMBOL_SMALL_BYTES)
    assert len(list(whole_pass(layout, QR, 0, talks_back=False))) == codes
