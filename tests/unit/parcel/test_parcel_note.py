"""Notes to the byte, their refusals, and splitting them for small roads."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import msgspec
import pytest

from tiercel.errors import LimitError, MalformedNote, NewerVersion
from tiercel.parcel.box import note_room
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
from tiercel.parcel.profiles import CELL, QR

ID, HASH, PID = bytes(range(16)), bytes(range(32)), bytes(range(8))
FULL = Note(
    day=20_800,
    receipts=(Receipt(ReceiptKind.READ, ID, HASH),),
    wants=(Want(HASH, ((0, 3), (7, 128))),),
    haves=(HASH,),
    expired=(PID,),
    recalls=(ID,),
    answers=(Answer(ID, Reply.KEPT),),
)
ITEMS: list[Any] = [
    1, 20_800, [[1, ID, HASH]], [[HASH, [[0, 3], [7, 128]]]], [HASH], [PID], [ID], [[ID, 1]],
]  # fmt: skip


def test_a_note_is_an_array_in_the_order_of_the_specification() -> None:
    assert encode_note(FULL) == msgspec.msgpack.encode(ITEMS)
    assert decode_note(encode_note(FULL)) == FULL
    assert encode_note(Note()) == bytes.fromhex("980100909090909090")
    assert decode_note(memoryview(encode_note(FULL))) == FULL


def changed(at: int, value: Any) -> bytes:
    return msgspec.msgpack.encode([*ITEMS[:at], value, *ITEMS[at + 1 :]])


REFUSED = {
    "nothing": b"",
    "version 0": changed(0, 0),
    "no array": msgspec.msgpack.encode({"version": 1}),
    "a field that is nil": changed(7, None),
    "a field less": msgspec.msgpack.encode(ITEMS[:7]),
    "a field more": msgspec.msgpack.encode([*ITEMS, 0]),
    "bytes after it": msgspec.msgpack.encode(ITEMS) + b"\0",
    "cut off": msgspec.msgpack.encode(ITEMS)[:-1],
    "day negative": changed(1, -1),
    "day too late": changed(1, 10_000_001),
    "day a text": changed(1, "1"),
    "receipt kind 2": changed(2, [[2, ID, HASH]]),
    "receipt id short": changed(2, [[0, ID[1:], HASH]]),
    "receipt proof long": changed(2, [[0, ID, HASH + b"x"]]),
    "receipt with more": changed(2, [[0, ID, HASH, 0]]),
    "want hash short": changed(3, [[HASH[1:], []]]),
    "want none missing": changed(3, [[HASH, [[0, 0]]]]),
    "want 65536 missing": changed(3, [[HASH, [[0, 65536]]]]),
    "want group 2^32": changed(3, [[HASH, [[1 << 32, 1]]]]),
    "want group negative": changed(3, [[HASH, [[-1, 1]]]]),
    "want triple": changed(3, [[HASH, [[0, 1, 1]]]]),
    "want too many groups": changed(3, [[HASH, [[group, 1] for group in range(1025)]]]),
    "want one group twice": changed(3, [[HASH, [[7, 2], [0, 1], [7, 1]]]]),
    "too many wants": changed(3, [[HASH, [[0, 1]]]] * 65),
    "too many haves": changed(4, [HASH] * 1025),
    "have as text": changed(4, ["x" * 32]),
    "pid of 16": changed(5, [ID]),
    "recall of 8": changed(6, [PID]),
    "answer 3": changed(7, [[ID, 3]]),
    "nil for a list": changed(4, None),
}


@pytest.mark.parametrize("record", REFUSED.values(), ids=REFUSED)
def test_a_note_that_breaks_a_rule_is_refused(record: bytes) -> None:
    with pytest.raises(MalformedNote):
        decode_note(record)


def test_a_newer_note_is_named_so() -> None:
    for record in (changed(0, 2), msgspec.msgpack.encode([2, "whatever"])):
        with pytest.raises(NewerVersion):
            decode_note(record)


def test_what_cannot_be_read_is_not_written() -> None:
    with pytest.raises(LimitError):
        encode_note(Note(haves=(HASH,) * 1025))
    with pytest.raises(LimitError):
        encode_note(Note(wants=(Want(HASH, ((0, 1),)),) * 65))
    with pytest.raises(LimitError):
        encode_note(Note(wants=(Want(HASH, tuple((group, 1) for group in range(1025))),)))
    with pytest.raises(ValueError, match="does not fit"):
        encode_note(Note(haves=(ID,)))


# -- splitting -------------------------------------------------------------------------------------


def contents(notes: list[Note]) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for note in notes:
        for want in note.wants:
            found.update((want.bundle_hash, group) for group in want.groups)
        for name in ("receipts", "haves", "expired", "recalls", "answers"):
            found.update((name, item) for item in getattr(note, name))
    return found


def big(rng: Random, size: int) -> Note:
    def some(length: int) -> tuple[bytes, ...]:
        return tuple(rng.randbytes(length) for _ in range(rng.randrange(size)))

    return Note(
        day=20_800,
        receipts=tuple(Receipt(ReceiptKind(rng.randrange(2)), i, rng.randbytes(32)) for i in some(16)),
        wants=tuple(
            Want(h, tuple((g, rng.randint(1, 128)) for g in sorted(rng.sample(range(1 << 20), rng.randint(1, size)))))
            for h in some(32)
        ),
        haves=some(32),
        expired=some(8),
        recalls=some(16),
        answers=tuple(Answer(i, Reply(rng.randrange(2))) for i in some(16)),
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("room", [92, note_room(QR), note_room(CELL), 1 << 20])
def test_split_notes_fit_and_lose_nothing(seed: int, room: int) -> None:
    rng = Random(seed)
    note = big(rng, rng.choice([3, 30, 150]))
    notes = split(note, room)
    assert all(len(encode_note(one)) <= room for one in notes)
    assert all(one.day == note.day and decode_note(encode_note(one)) == one for one in notes)
    assert contents(notes) == contents([note])


def test_an_empty_note_is_still_a_sign_of_life() -> None:
    assert split(Note(day=7), 2000) == [Note(day=7)]
    assert split(FULL, 2000) == [FULL]


def test_more_than_one_note_may_hold_is_split_whatever_the_room() -> None:
    note = Note(wants=tuple(Want(bytes([n]) * 32, tuple((g, 1) for g in range(1100))) for n in range(70)),
                expired=(PID,) * 3000)  # fmt: skip
    notes = split(note, 1 << 20)
    assert contents(notes) == contents([note])
    assert len(notes) >= 3
    for one in notes:
        decode_note(encode_note(one))


@pytest.mark.parametrize("groups", [1, 16, 500])
def test_the_largest_numbers_fit_too(groups: int) -> None:
    want = Want(HASH, tuple((0xFFFF_FFFF - n, 0xFFFF) for n in range(groups)))
    for room in range(1900, 1960):
        notes = split(Note(day=10_000_000, wants=(want,) * 40), room)
        assert all(len(encode_note(one)) <= room for one in notes)


def test_the_urgent_comes_first_and_no_note_is_half_empty() -> None:
    note = Note(receipts=tuple(Receipt(ReceiptKind.ARRIVED, ID, HASH) for _ in range(100)), haves=(HASH,) * 100)
    notes = split(note, note_room(QR))
    assert not notes[0].haves
    assert all(len(encode_note(one)) > note_room(QR) - 100 for one in notes[:-1])


def test_a_room_too_small_is_said() -> None:
    with pytest.raises(LimitError):
        split(Note(), 91)
