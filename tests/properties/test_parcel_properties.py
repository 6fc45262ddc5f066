"""Properties of the parcel room: round trips, any loss up to parity, and no surprise from any bytes."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parcel_kit import KEYS, Bundle, opened
from tiercel.errors import MalformedNote, MalformedParcel, NewerVersion, SealBroken
from tiercel.limits import BUNDLE_BYTES_MAX, GROUP_SYMBOLS_MAX, SMALL_BUNDLE_BYTES_MAX
from tiercel.parcel import box, tags
from tiercel.parcel.box import Kind, NoteBox, Symbols, open_parcel, parse_box, seal_note
from tiercel.parcel.epochs import receiving_epochs, sending_epoch
from tiercel.parcel.gather import Gathering, Tally
from tiercel.parcel.note import Answer, Note, Receipt, ReceiptKind, Reply, Want, decode_note, encode_note, split
from tiercel.parcel.profiles import CELL, FILE, PROFILES, QR, capacity
from tiercel.parcel.symbols import decode_group, encode, group_of, group_span, layout_of, send_order

quick = settings(deadline=None, max_examples=60)
often = settings(deadline=None, max_examples=300)
lengths = st.integers(1, 200_000) | st.integers(1_030_000, 1_300_000)
profiles = st.sampled_from([QR, CELL, FILE])


def random_bundle(length: int, seed: int = 0) -> Bundle:
    return Bundle(Random(f"{length} {seed}").randbytes(length), Kind.ENCLOSURE)


# -- layout and code -------------------------------------------------------------------------------


@often
@given(st.integers(1, BUNDLE_BYTES_MAX) | st.integers(1, 1 << 24))
def test_every_layout_holds_its_bundle_and_no_group_is_empty(length: int) -> None:
    layout = layout_of(length)
    assert layout.symbol_bytes == (1792 if length <= SMALL_BUNDLE_BYTES_MAX else 16128)
    assert (layout.symbols_total - 1) * layout.symbol_bytes < length <= layout.symbols_total * layout.symbol_bytes
    assert 1 <= layout.k <= GROUP_SYMBOLS_MAX
    assert layout.groups * layout.k >= layout.symbols_total
    offset, size = group_span(layout, layout.groups - 1)
    assert 0 < size <= layout.group_bytes
    assert offset + size == length
    assert layout_of(length) == layout


@quick
@given(lengths, st.randoms(use_true_random=False))
def test_any_k_symbols_give_a_group_back(length: int, rng: Random) -> None:
    bundle = random_bundle(length)
    layout = bundle.layout
    group = rng.randrange(layout.groups)
    data = bytes(group_of(layout, bundle.data, group))
    chosen = rng.sample(range(256), rng.randint(layout.k, min(256, layout.k + 3)))
    symbols = dict(zip(chosen, encode(layout, data, chosen), strict=True))
    assert decode_group(layout, symbols) == data
    offset, size = group_span(layout, group)
    assert data[:size] == bundle.data[offset : offset + size]
    assert not any(data[size:])


# -- whole ways ------------------------------------------------------------------------------------


@quick
@given(lengths, st.sampled_from([CELL, FILE]), st.integers(0, 40), st.randoms(use_true_random=False))
def test_any_loss_up_to_parity_is_made_good(length: int, profile: Any, repair: int, rng: Random) -> None:
    """Lose any ``repair`` symbols of each group: the bundle comes; lose one more somewhere: ``missing`` says so."""
    bundle = random_bundle(length)
    layout = bundle.layout
    refs = list(send_order(layout, repair))
    lost = {(g, i) for g in range(layout.groups) for i in rng.sample(range(layout.k + repair), repair)}
    kept = [ref for ref in refs if ref not in lost]
    rng.shuffle(kept)
    last = kept.pop()
    growing, tally = Gathering(bundle.kind, bundle.hash, length), Tally(layout)
    room = capacity(profile, layout.symbol_bytes)
    for at in range(0, len(kept), room):
        for parcel in [bundle_parcel(bundle, profile, kept[at : at + room], rng)] * rng.randint(1, 2):
            growing.add(parcel)
            for ref in parcel.refs:
                tally.add(*ref)
    assert growing.missing() == [(last[0], 1)]
    assert not tally.is_whole() and tally.needs(*last)
    assert growing.whole() is None
    growing.add(bundle_parcel(bundle, profile, [last], rng))
    assert growing.whole() == bundle.data
    assert tally.add(*last) and tally.is_whole()


def bundle_parcel(bundle: Bundle, profile: Any, refs: list[tuple[int, int]], rng: Random) -> Symbols:
    groups: dict[int, list[int]] = {}
    for group, index in refs:
        groups.setdefault(group, []).append(index)
    made = {
        (group, index): symbol
        for group, indices in groups.items()
        for index, symbol in zip(
            indices,
            encode(bundle.layout, group_of(bundle.layout, bundle.data, group), indices),
            strict=True,
        )
    }
    parcel = box.seal_symbols(
        KEYS, profile, rng.randbytes(16), bundle.kind, bundle.hash, bundle.layout, refs, [made[ref] for ref in refs]
    )
    inside = opened(profile, bytes(parcel))
    assert inside.refs == tuple(refs)
    assert [(g, i, bytes(data)) for g, i, data in inside] == [(*ref, bytes(made[ref])) for ref in refs]
    assert b"".join(data for _, _, data in inside.runs()) == bytes(inside.data)
    return inside


@quick
@given(st.binary(max_size=1994), st.binary(min_size=16, max_size=16), profiles)
def test_a_note_box_gives_back_its_record(record: bytes, r: bytes, profile: Any) -> None:
    parcel = seal_note(KEYS, profile, r, record)
    assert tags.recognise(parcel[:32], [KEYS]) == 0
    assert open_parcel(KEYS, profile, parcel) == NoteBox(record)


@often
@given(st.binary(min_size=2048, max_size=2048) | st.binary(max_size=3000))
def test_no_bytes_surprise_the_opener(parcel: bytes) -> None:
    with pytest.raises((SealBroken, MalformedParcel)):
        open_parcel(KEYS, QR, parcel)


@often
@given(st.data())
def test_no_inside_surprises_the_parser(data: st.DataObject) -> None:
    """Authentic, and anything: a value that keeps the rules, or the declared refusals."""
    header = data.draw(
        st.builds(
            lambda v, k, h, length, c, n: bytes([v, k]) + h + length.to_bytes(8) + bytes([c]) + n.to_bytes(2),
            st.sampled_from([1, 1, 1, 1, 0, 2, 255]),
            st.integers(0, 5),
            st.just(bytes(32)),
            st.integers(1, 200_000) | st.integers(0, 2**64 - 1),
            st.integers(0, 2),
            st.integers(0, 12),
        )
        | st.binary(max_size=60)
    )
    refs = data.draw(
        st.binary(max_size=60) | st.integers(0, 12).map(lambda n: b"".join(bytes([0, 0, 0, 0, i]) for i in range(n)))
    )
    plain = bytearray((header + refs).ljust(16384 - 48, data.draw(st.sampled_from([b"\0", b"\0", b"\1"]))))
    try:
        inside = parse_box(plain)
    except (MalformedParcel, NewerVersion):
        return
    if isinstance(inside, Symbols):
        assert inside.layout == layout_of(inside.bundle_len)
        assert len(inside.data) == len(inside.refs) * inside.layout.symbol_bytes > 0
        assert all(g < inside.layout.groups and i < 256 for g, i in inside.refs)
        assert len(set(inside.refs)) == len(inside.refs)


@often
@given(st.binary(max_size=200))
def test_short_insides_are_refused_too(plain: bytes) -> None:
    try:
        parse_box(bytearray(plain))
    except (MalformedParcel, NewerVersion):
        pass


# -- notes -----------------------------------------------------------------------------------------

b8, b16, b32 = (st.binary(min_size=n, max_size=n) for n in (8, 16, 32))


def several(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(items, max_size=6).map(tuple)


groups = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 65535))
pairs = st.lists(groups, min_size=1, max_size=30, unique_by=lambda pair: pair[0])
notes = st.builds(
    Note,
    day=st.integers(0, 10_000_000),
    receipts=several(st.builds(Receipt, st.sampled_from(ReceiptKind), b16, b32)),
    wants=several(st.builds(Want, b32, pairs.map(tuple))),
    haves=several(b32),
    expired=several(b8),
    recalls=several(b16),
    answers=several(st.builds(Answer, b16, st.sampled_from(Reply))),
)


@quick
@given(notes)
def test_notes_come_back_as_they_were(note: Note) -> None:
    assert decode_note(encode_note(note)) == note


@quick
@given(notes, st.integers(92, 3000))
def test_split_notes_fit_and_hold_the_same(note: Note, room: int) -> None:
    parts = split(note, room)
    assert all(len(encode_note(part)) <= room for part in parts)
    for name in ("receipts", "haves", "expired", "recalls", "answers"):
        assert sum((getattr(part, name) for part in parts), ()) == getattr(note, name)
    flat = [(want.bundle_hash, pair) for part in parts for want in part.wants for pair in want.groups]
    assert flat == [(want.bundle_hash, pair) for want in note.wants for pair in want.groups]


def only_declared(record: bytes) -> None:
    try:
        note = decode_note(record)
    except (MalformedNote, NewerVersion):
        return
    assert decode_note(encode_note(note)) == note


@often
@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda rest: b"\x98\x01" + rest))
def test_no_bytes_surprise_the_note(record: bytes) -> None:
    only_declared(record)


trees = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | b8 | b16 | b32 | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


@often
@given(st.lists(trees, min_size=6, max_size=8).map(lambda rest: msgspec.msgpack.encode([1, *rest])))
def test_no_record_surprises_the_note(record: bytes) -> None:
    only_declared(record)


@often
@given(notes, st.data())
def test_no_change_of_a_note_surprises_it(note: Note, data: st.DataObject) -> None:
    record = bytearray(encode_note(note))
    for _ in range(data.draw(st.integers(1, 3))):
        record[data.draw(st.integers(0, len(record) - 1))] = data.draw(st.integers(0, 255))
    only_declared(bytes(record[: data.draw(st.integers(0, len(record)))]))
    only_declared(bytes(record))


# -- epochs ----------------------------------------------------------------------------------------

epoch = st.integers(0, 3000)


@often
@given(epoch, epoch, epoch)
def test_epochs_are_bounded_on_both_sides(clock: int, heard: int, base: int) -> None:
    tried = receiving_epochs(clock, heard, base)
    assert tried
    assert tried[0] >= base
    assert max(clock, heard) + 1 in tried or base > max(clock, heard)
    assert tried[0] <= max(base, min(clock, heard))
    used = sending_epoch(clock, heard, base)
    assert base <= used <= max(base, heard + 5)


def test_all_profiles_are_told_apart() -> None:
    assert len({profile.size_bytes for profile in PROFILES.values()}) == len(PROFILES) == 5
