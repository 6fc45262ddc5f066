"""Rules at their exact edges: found by changing the code and seeing no test fail."""

from __future__ import annotations

import struct
from itertools import count
from typing import Any

import pytest

from parcel_kit import KEYS, opened
from tiercel.errors import LimitError, MalformedNote, MalformedParcel
from tiercel.limits import GATHERED_BYTES_MAX
from tiercel.parcel.box import Kind, NoteBox, Symbols, parse_box, seal_symbols
from tiercel.parcel.gather import Gathering, Tally
from tiercel.parcel.note import (
    Answer,
    Note,
    Receipt,
    ReceiptKind,
    Reply,
    Want,
    decode_note,
    encode_note,
    split,
)
from tiercel.parcel.profiles import QR, capacity
from tiercel.parcel.symbols import decode_group, layout_of
from tiercel.parcel.tags import make_head
from tiercel.ports import Profile
from tiercel.wire import encode_record

HEADER = 45


def test_a_box_may_be_as_short_as_its_header_and_no_shorter() -> None:
    note = bytearray(struct.pack(">BBI", 1, 3, HEADER - 6).ljust(HEADER, b"n"))
    assert parse_box(note) == NoteBox(b"n" * (HEADER - 6))
    with pytest.raises(MalformedParcel):
        parse_box(bytearray(struct.pack(">BBI", 1, 3, HEADER - 7).ljust(HEADER - 1, b"n")))


def test_a_box_may_be_filled_to_its_last_byte() -> None:
    plain = struct.pack(">BB32sQBH", 1, 1, bytes(32), 3000, 0, 1) + struct.pack(">IB", 0, 1) + b"s" * 1792
    inside = parse_box(bytearray(plain))
    assert isinstance(inside, Symbols)
    assert bytes(inside.data) == b"s" * 1792
    padded = parse_box(bytearray(plain + bytes(1000)))
    assert isinstance(padded, Symbols)
    assert padded.data == inside.data
    with pytest.raises(MalformedParcel):
        parse_box(bytearray(plain[:-1]))


@pytest.mark.parametrize("kind", [Kind.LETTER, Kind.ENCLOSURE, Kind.PAIRING])
def test_everything_but_a_note_is_sent_in_symbols(kind: Kind) -> None:
    layout = layout_of(3000)
    parcel = seal_symbols(KEYS, QR, bytes(16), kind, bytes(32), layout, [(0, 1)], [bytes(1792)])
    assert opened(QR, bytes(parcel)).kind is kind


def test_a_symbol_before_the_first_is_refused() -> None:
    layout = layout_of(3000)
    symbol = bytes(layout.symbol_bytes)
    for wrong in (-1, -2):
        with pytest.raises(ValueError, match="below 256"):
            decode_group(layout, {wrong: symbol, 0: symbol})
    with pytest.raises(ValueError, match="below 256"):
        decode_group(layout, {0: symbol, 256: symbol})


def named(size: int) -> dict[str, Any]:
    """Every field of a note that names something, with a name of that many bytes too many."""
    return {
        "receipts": (Receipt(ReceiptKind.READ, bytes(16 + size), bytes(32)),),
        "proofs": (Receipt(ReceiptKind.READ, bytes(16), bytes(32 + size)),),
        "wants": (Want(bytes(32 + size), ((0, 1),)),),
        "haves": (bytes(32 + size),),
        "expired": (bytes(8 + size),),
        "recalls": (bytes(16 + size),),
        "answers": (Answer(bytes(16 + size), Reply.KEPT),),
    }


@pytest.mark.parametrize("size", [-1, 1])
@pytest.mark.parametrize("name", named(0))
def test_every_name_in_a_note_has_its_one_length(name: str, size: int) -> None:
    list_name = "receipts" if name == "proofs" else name
    decode_note(encode_record(Note(**{list_name: named(0)[name]})))
    with pytest.raises(MalformedNote):
        decode_note(encode_record(Note(**{list_name: named(size)[name]})))


@pytest.mark.parametrize(
    ("least", "most", "make"),
    [
        (0, 10_000_000, lambda n: Note(day=n)),
        (0, 0xFFFF_FFFF, lambda n: Note(wants=(Want(bytes(32), ((n, 1),)),))),
        (1, 0xFFFF, lambda n: Note(wants=(Want(bytes(32), ((0, n),)),))),
    ],
)
def test_every_number_in_a_note_has_its_bounds(least: int, most: int, make: Any) -> None:
    for good in (least, most):
        assert decode_note(encode_record(make(good))) == make(good)
    for bad in (least - 1, most + 1):
        with pytest.raises(MalformedNote):
            decode_note(encode_record(make(bad)))


def full_note() -> Note:
    """As many as a note may hold of everything, and each as long as it may be."""
    number = count()
    ids = tuple(next(number).to_bytes(16, "big") for _ in range(1024))
    hashes = tuple(next(number).to_bytes(32, "big") for _ in range(1024))
    return Note(
        day=10_000_000,
        receipts=tuple(Receipt(ReceiptKind.READ, each, bytes(32)) for each in ids),
        wants=tuple(Want(each, tuple((0xFFFF_FFFF - n, 0xFFFF) for n in range(1024))) for each in hashes[:64]),
        haves=hashes,
        expired=tuple(each[-8:] for each in ids),
        recalls=ids,
        answers=tuple(Answer(each, Reply.KEPT) for each in ids),
    )


def test_the_fullest_note_can_be_written_and_read() -> None:
    assert decode_note(encode_note(full_note())) == full_note()


@pytest.mark.parametrize("name", ["receipts", "wants", "haves", "expired", "recalls", "answers"])
def test_one_more_of_anything_is_refused(name: str) -> None:
    items = getattr(full_note(), name)
    with pytest.raises(MalformedNote):
        decode_note(encode_record(Note(**{name: (*items, items[0])})))


def test_a_note_longer_than_a_mebibyte_is_refused_however_it_came_to_be() -> None:
    """Its numbers are written as long as MessagePack allows: without the bound every rule would be kept."""
    pairs = b"".join(b"\x92\xcf" + n.to_bytes(8, "big") + b"\xcf" + (9).to_bytes(8, "big") for n in range(1024))
    wants = [b"\x92\xc4\x20" + bytes([n]) * 32 + b"\xdc\x04\x00" + pairs for n in range(64)]

    def record(many: int) -> bytes:
        return b"\x98\x01\x00\x90\xdc" + many.to_bytes(2, "big") + b"".join(wants[:many]) + b"\x90" * 4

    assert len(record(53)) < 1 << 20 < len(record(54))
    assert len(decode_note(record(53)).wants) == 53
    with pytest.raises(MalformedNote):
        decode_note(record(54))


def test_what_fits_exactly_is_one_note_and_no_note_is_longer_than_its_room() -> None:
    """Sixty-four wants of the largest numbers: one byte counted too few in each would overflow, one too many split."""
    wants = tuple(Want(bytes([n]) * 32, tuple((0xFFFF_FFFF - g, 0xFFFF) for g in range(20))) for n in range(64))
    note = Note(day=10_000_000, wants=wants)
    exact = 28 + 64 * (38 + 20 * 9)
    assert split(note, exact) == [note]
    assert len(encode_note(note)) <= exact
    for room in (exact - 1, exact // 2, exact // 3):
        parts = split(note, room)
        assert len(parts) > 1
        assert all(len(encode_note(part)) <= room for part in parts)


def test_what_a_parcel_holds_is_never_printed() -> None:
    inside = Symbols(Kind.LETTER, bytes(32), 3000, layout_of(3000), ((0, 0),), b"told to nobody")
    assert "told" not in f"{inside!r} {NoteBox(b'told to nobody')!r}"


@pytest.mark.parametrize("ref", [(-1, 0), (0, -1), (1, 0), (0, 256)])
def test_a_symbol_outside_the_bundle_is_not_sealed(ref: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no such"):
        seal_symbols(KEYS, QR, bytes(16), Kind.LETTER, bytes(32), layout_of(3000), [ref], [bytes(1792)])


def test_the_longest_bundle_of_a_letter_is_gathered_in_memory_and_none_longer() -> None:
    assert Gathering(Kind.LETTER, bytes(32), GATHERED_BYTES_MAX).whole() is None
    with pytest.raises(LimitError):
        Gathering(Kind.LETTER, bytes(32), GATHERED_BYTES_MAX + 1)


def test_a_settled_tally_keeps_nothing_in_memory() -> None:
    asked = list[int]()
    tally = Tally(layout_of(3000), load=asked.append)  # type: ignore[arg-type]
    for _ in range(2):
        tally.add(0, 1)
        tally.needs(0, 0)
        assert tally.changed() == {0: (2).to_bytes(32, "little")}
        tally.settle()
        assert tally.changed() == {}
    assert asked == [0, 0]


def test_kinds_are_those_of_the_specification() -> None:
    assert {kind.name: kind.value for kind in Kind} == {"LETTER": 1, "ENCLOSURE": 2, "NOTE": 3, "PAIRING": 4}


@pytest.mark.parametrize("size", [0, 15, 17])
def test_the_random_part_of_a_head_has_its_one_size(size: int) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        make_head(KEYS, bytes(size))


@pytest.mark.parametrize(
    ("field", "item"),
    [
        (2, [1, bytes(16), bytes(32)]),
        (3, [bytes(32), [[0, 1]]]),
        (7, [bytes(16), 1]),
    ],
)
def test_what_stands_in_a_note_has_no_more_parts_than_it_should(field: int, item: list[Any]) -> None:
    record = [1, 0, [], [], [], [], [], []]
    record[field] = [item]
    decode_note(encode_record(record))
    for wrong in ([*item, 0], item[:-1]):
        record[field] = [wrong]
        with pytest.raises(MalformedNote):
            decode_note(encode_record(record))


@pytest.mark.parametrize(
    ("name", "size"), [("receipts", 54), ("answers", 20), ("expired", 10), ("recalls", 18), ("haves", 34)]
)
def test_as_many_items_as_fit_or_as_are_allowed_are_one_note(name: str, size: int) -> None:
    items = getattr(full_note(), name)
    for many in (7, 1024):
        note = Note(day=1, **{name: items[:many]})
        assert split(note, 28 + many * size) == [note]
        assert len(split(note, 28 + many * size - 1)) == 2


def test_a_want_of_as_many_groups_as_are_allowed_is_one_want() -> None:
    want = full_note().wants[0]
    assert split(Note(day=1, wants=(want,)), 28 + 38 + 1024 * 9) == [Note(day=1, wants=(want,))]


@pytest.mark.parametrize("spare", range(60))
def test_what_is_left_of_a_note_is_used_and_no_want_is_empty(spare: int) -> None:
    """A want cut in two, and one more that fits behind its second part."""
    long = Want(bytes(32), tuple((0xFFFF_FFFF - n, 0xFFFF) for n in range(30)))
    short = Want(bytes([1]) * 32, tuple((0xFFFF_FFFF - n, 0xFFFF) for n in range(5)))
    parts = split(Note(day=1, wants=(long, short)), 28 + 38 + 20 * 9 + spare)
    assert all(want.groups for part in parts for want in part.wants)
    assert sum(len(want.groups) for part in parts for want in part.wants) == 35
    assert len(parts) == 2


@pytest.mark.parametrize("spare", range(9))
def test_room_for_the_head_of_a_want_and_for_no_group_is_left_empty(spare: int) -> None:
    wants = tuple(Want(bytes([n]) * 32, tuple((0xFFFF_FFFF - g, 0xFFFF) for g in range(5))) for n in range(2))
    parts = split(Note(day=1, wants=wants), 28 + (38 + 5 * 9) + 38 + spare)
    assert [part.wants for part in parts] == [wants[:1], wants[1:]]


@pytest.mark.parametrize("symbols", [1, 2, 3, 36])
def test_a_parcel_holds_as_many_symbols_as_fit_to_the_byte(symbols: int) -> None:
    exact = 48 + 45 + symbols * (5 + 1792)
    assert capacity(Profile("exact", exact), 1792) == symbols
    assert capacity(Profile("short", exact - 1), 1792) == symbols - 1
