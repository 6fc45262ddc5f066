"""The record of a letter: one encoding, its limits by name, and no secret in a log."""

from __future__ import annotations

import hashlib
import struct
from random import Random
from typing import Any

import msgspec
import pytest

from letter_kit import letter
from tiercel import crypto, limits
from tiercel.errors import LimitError, MalformedLetter, NewerVersion, UsageError
from tiercel.letter.record import (
    FIRST_PREVIOUS,
    EnclosureRecord,
    Kind,
    LetterRecord,
    ReaderRecord,
    RestoredRecord,
    RootRecord,
    decode_letter,
    encode_letter,
    id_chain,
    readers_hash,
)

READERS = (ReaderRecord(kind="phone", since_day=5), ReaderRecord(kind="desk", since_day=2))


def enclosure(**changes: Any) -> EnclosureRecord:
    fields: dict[str, Any] = {
        "key": bytes(32),
        "bundle_hash": bytes(32),
        "size": 9,
        "name": "a.txt",
        "kind": "text/plain",
    }
    return EnclosureRecord(**(fields | changes))


def full_letter() -> LetterRecord:
    return letter(
        number=7,
        previous=b"p" * 32,
        deadline_day=20_100,
        not_before_day=20_002,
        urgent=True,
        text="a\r\nb\x00e\u0301",
        subject="s",
        place="Łódź",
        dated="Whit Monday",
        reply_to=b"r" * 16,
        enclosures=(enclosure(), enclosure(size=1 << 40)),
        readers=READERS,
        readers_hash=readers_hash(READERS),
        root=RootRecord(generation=1, base_epoch=2, root=b"x" * 32),
        last_resort=b"l" * 1256,
        gifts=(b"g" * 1256, b"h" * 1256),
    )


def restored(**changes: Any) -> RestoredRecord:
    root = RootRecord(generation=1 << 24, base_epoch=2, root=b"x" * 32)
    fields = {"kind": Kind.RESTORED, "number": None, "previous": None, "text": "", "root": root, "other_root": root}
    base = letter(kind=Kind.SERVICE, number=None, previous=None, text="")
    values = {name: getattr(base, name) for name in base.__struct_fields__ if name != "version"}
    return RestoredRecord(**values | fields | {"last_resort": b"l" * 1256, "copied_day": 19_800} | changes)


def as_items(record: LetterRecord) -> list[Any]:
    items: list[Any] = msgspec.msgpack.decode(encode_letter(record))
    return items


@pytest.mark.parametrize(
    "record",
    [
        letter(),
        full_letter(),
        *(letter(kind=kind, text="", number=None, previous=None) for kind in (Kind.SERVICE, Kind.OPENING, Kind.END)),
        restored(),
        restored(copied_day=0, gifts=(b"g" * 1256,) * 32, readers=READERS, readers_hash=readers_hash(READERS)),
    ],
)
def test_a_record_comes_back_byte_for_byte(record: LetterRecord) -> None:
    data = encode_letter(record)
    assert decode_letter(data) == record
    assert encode_letter(decode_letter(memoryview(data))) == data


def test_the_order_of_the_array_is_the_one_of_the_spec() -> None:
    items = as_items(full_letter())
    assert len(items) == 23
    assert items[:3] == [1, 0, 1]
    assert items[4:16] == [
        7, b"p" * 32, 20_000, 20_001, 20_100, 20_002, True, "a\r\nb\x00e\u0301", "s", "Łódź", "Whit Monday", b"r" * 16,
    ]  # fmt: skip
    assert items[16][0] == [bytes(32), bytes(32), 9, "a.txt", "text/plain"]
    assert items[18] == [["phone", 5], ["desk", 2]]
    assert items[20:] == [[1, 2, b"x" * 32], b"l" * 1256, [b"g" * 1256, b"h" * 1256]]


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (0, 0), (0, True), (0, None), (1, 4), (1, -1), (1, "0"), (2, 0), (2, 128), (3, bytes(15)),
        (3, "x" * 16), (4, 0),
        (4, 1 << 32), (4, None), (5, bytes(31)), (5, None), (5, b"p" * 32), (6, -1), (6, 10_000_001),
        (6, 1.0), (7, None),
        (8, -1), (9, "5"), (10, 0), (11, None), (11, b"text"), (12, "s" * 1001), (12, "ł" * 501), (13, 5), (14, []),
        (15, bytes(17)), (16, None), (16, [[bytes(32), bytes(32), (1 << 40) + 1, "n", "k"]]),
        (16, [[bytes(32), bytes(32), 1, "n"]]), (16, [[bytes(32), bytes(32), 1, "n", "k", 0]]),
        (16, [[bytes(32), bytes(32), 1, "ł" * 501, "k"]]), (16, {}), (17, bytes(31)), (17, None),
        (18, [["phone", 5]]),
        (18, []), (18, [["k"]]), (19, bytes(17)), (20, [1, 2]), (20, [1, 2, bytes(31)]), (20, [-1, 2, bytes(32)]),
        (21, bytes(1255)), (22, None), (22, [bytes(1257)]), (22, [bytes(1256)] * 257),
    ],
)  # fmt: skip
def test_one_wrong_field_is_refused(index: int, value: Any) -> None:
    items = as_items(letter())
    if index == 18 and value == []:
        items[17] = bytes(32)  # an empty list, but the hash of another one
    items[index] = value
    with pytest.raises(MalformedLetter):
        decode_letter(msgspec.msgpack.encode(items))


@pytest.mark.parametrize("kind", [Kind.SERVICE, Kind.OPENING, Kind.END])
@pytest.mark.parametrize(
    ("index", "value"), [(4, 1), (5, bytes(32)), (11, "x"), (16, [[bytes(32), bytes(32), 1, "n", "k"]])]
)
def test_only_letters_have_what_letters_have(kind: Kind, index: int, value: Any) -> None:
    items = as_items(letter(kind=kind, text="", number=None, previous=None))
    items[index] = value
    with pytest.raises(MalformedLetter):
        decode_letter(msgspec.msgpack.encode(items))


def test_what_tells_of_a_copy_is_the_whole_of_version_2() -> None:
    items = as_items(restored())
    assert len(items) == 25 and items[:2] == [2, 4] and items[23:] == [19_800, [1 << 24, 2, b"x" * 32]]
    for index, value in [
        (0, 1),
        (1, 1),
        (1, 0),
        (20, None),
        (21, None),
        (23, None),
        (24, None),
        (24, [1, 2]),
        (11, "x"),
    ]:
        with pytest.raises(MalformedLetter):
            decode_letter(msgspec.msgpack.encode([*items[:index], value, *items[index + 1 :]]))
    for fields in (items[:23], items[:24], [*items, None], [1, *items[1:23]]):
        with pytest.raises(MalformedLetter):
            decode_letter(msgspec.msgpack.encode(fields))
    with pytest.raises(UsageError):
        encode_letter(letter(kind=Kind.RESTORED, text="", number=None, previous=None))
    with pytest.raises(UsageError):
        encode_letter(restored(kind=Kind.SERVICE))


def test_every_shortened_or_lengthened_record_is_refused() -> None:
    data = encode_letter(full_letter())
    for end in range(len(data)):
        with pytest.raises(MalformedLetter):
            decode_letter(data[:end])
    for more in (b"\x00", b"\xc0", data):
        with pytest.raises(MalformedLetter):
            decode_letter(data + more)
    for items in (as_items(letter())[:-1], [*as_items(letter()), None]):
        with pytest.raises(MalformedLetter):
            decode_letter(msgspec.msgpack.encode(items))


def test_a_second_spelling_of_a_record_is_refused() -> None:
    data = encode_letter(letter())
    assert data[:4] == b"\xdc\x00\x17\x01"
    for other in (
        data[:3] + b"\xcc\x01" + data[4:],  # version as a longer integer
        b"\xdd\x00\x00\x00\x17" + data[3:],  # a longer array header
        data.replace(b"\xba" + b"Dear", b"\xd9\x1a" + b"Dear"),
        b"\x97" + data[3:],
    ):
        assert other != data
        with pytest.raises(MalformedLetter):
            decode_letter(other)


def test_a_newer_record_is_named_as_such_whatever_else_it_holds() -> None:
    for newer in (b"\xdc\x00\x20\x04rest", b"\x93\x7f", b"\xdc\x00\x17\x04" + encode_letter(letter())[4:]):
        with pytest.raises(NewerVersion):
            decode_letter(newer)


def test_limits_are_counted_in_bytes_and_named() -> None:
    assert decode_letter(encode_letter(letter(text="x" * limits.LETTER_TEXT_BYTES_MAX))).text
    assert decode_letter(encode_letter(letter(subject="ł" * 500))).subject
    for changes, word in [
        ({"text": "ł" * (limits.LETTER_TEXT_BYTES_MAX // 2 + 1)}, "text"),
        ({"subject": "ł" * 501}, "subject"),
        ({"place": "p" * 1001}, "place"),
        ({"dated": "d" * 1001}, "dated"),
        ({"enclosures": (enclosure(name="ł" * 501),)}, "name of an enclosure"),
        ({"enclosures": (enclosure(kind="k" * 1001),)}, "media type of an enclosure"),
        ({"enclosures": (enclosure(size=(1 << 40) + 1),)}, "an enclosure"),
        ({"enclosures": (enclosure(),) * 1001}, "number of enclosures"),
        ({"readers": READERS * 33}, "reader list"),
        ({"readers": (ReaderRecord(kind="k" * 1001, since_day=0),)}, "name of a reader"),
        ({"gifts": (bytes(1256),) * 257}, "number of gifts"),
    ]:
        assert isinstance(changes, dict)
        with pytest.raises(LimitError, match=f"(?i){word} is too long"):
            encode_letter(letter(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"letter_id": b"short"}, {"number": None}, {"previous": None}, {"previous": b"x" * 32}, {"number": 0},
        {"written_day": -1}, {"kind": Kind.SERVICE}, {"text": "\ud800"}, {"subject": "\udfff"}, {"readers": READERS},
        {"last_resort": b""}, {"written_day": 1 << 70}, {"gifts": (b"",)},
    ],
)  # fmt: skip
def test_our_own_wrong_record_is_never_written(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        encode_letter(letter(**changes))


def test_the_chain_of_ids() -> None:
    by_hand = hashlib.sha256(
        struct.pack(">I", 16) + b"i" * 16 + struct.pack(">II", 4, 1) + struct.pack(">I", 32) + FIRST_PREVIOUS
    ).digest()
    assert id_chain(b"i" * 16, 1, FIRST_PREVIOUS) == by_hand
    assert len({id_chain(b"i" * 16, n, p) for n in (1, 2) for p in (FIRST_PREVIOUS, by_hand)}) == 4


def test_the_hash_of_the_readers_is_that_of_the_sorted_list() -> None:
    def entry(kind: bytes, day: int) -> bytes:
        return struct.pack(">I", len(kind)) + kind + struct.pack(">II", 4, day)

    by_hand = crypto.sha256(crypto.label("readers", entry(b"desk", 2), entry(b"phone", 5)))
    assert readers_hash(READERS) == readers_hash(READERS[::-1]) == by_hand
    assert readers_hash(()) == crypto.sha256(crypto.label("readers"))
    assert readers_hash(READERS[:1]) != readers_hash(READERS[1:])


def test_no_secret_reaches_a_log() -> None:
    record = full_letter()
    assert record.root
    for thing in (record, *record.enclosures, *(record.readers or ()), record.root):
        for shown in (repr(thing), str(thing), f"{thing}", repr([thing]), repr(thing.__rich_repr__())):
            assert "\\x" not in shown and "Whit" not in shown and "phone" not in shown and "txt" not in shown
    assert repr(record) == f"<LetterRecord LETTER {Random(0).randbytes(16).hex()}>"
