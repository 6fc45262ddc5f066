"""Rules at their exact edges: found by changing the code and seeing no test fail."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from letter_kit import letter
from tiercel.errors import MalformedLetter
from tiercel.letter.record import EnclosureRecord, LetterRecord, ReaderRecord, RootRecord, decode_letter, readers_hash

DAY_MAX, U32_MAX = 10_000_000, (1 << 32) - 1


def enclosed(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"key": bytes(32), "bundle_hash": bytes(32), "size": 9, "name": "a", "kind": "b"}
    return {"enclosures": (EnclosureRecord(**(fields | changes)),)}


def rooted(**changes: Any) -> dict[str, Any]:
    return {"root": RootRecord(**({"generation": 1, "base_epoch": 1, "root": bytes(32)} | changes))}


def listed(**changes: Any) -> dict[str, Any]:
    readers = (ReaderRecord(**({"kind": "phone", "since_day": 1} | changes)),)
    return {"readers": readers, "readers_hash": readers_hash(readers) if readers[0].since_day >= 0 else bytes(32)}


def read_back(changes: dict[str, Any]) -> LetterRecord:
    """What the other side makes of a record that was written without looking at the rules."""
    return decode_letter(msgspec.msgpack.encode(letter(**changes)))


LENGTHS: dict[str, tuple[int, Any]] = {
    "letter_id": (16, lambda data: {"letter_id": data}),
    "previous": (32, lambda data: {"number": 2, "previous": data}),
    "reply_to": (16, lambda data: {"reply_to": data}),
    "readers_hash": (32, lambda data: {"readers_hash": data}),
    "receipt_secret": (16, lambda data: {"receipt_secret": data}),
    "last_resort": (1256, lambda data: {"last_resort": data}),
    "gift": (1256, lambda data: {"gifts": (data,)}),
    "key of an enclosure": (32, lambda data: enclosed(key=data)),
    "hash of an enclosure": (32, lambda data: enclosed(bundle_hash=data)),
    "root": (32, lambda data: rooted(root=data)),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_every_secret_and_name_has_its_one_length(name: str) -> None:
    length, make = LENGTHS[name]
    read_back(make(b"\x01" * length))
    for wrong in (length - 1, length + 1):
        with pytest.raises(MalformedLetter):
            read_back(make(b"\x01" * wrong))


BOUNDS: dict[str, tuple[int, int, Any]] = {
    "number": (1, U32_MAX, lambda n: {"number": n}),
    "reads": (1, 127, lambda n: {"reads": n}),
    "written": (0, DAY_MAX, lambda n: {"written_day": n}),
    "sealed": (0, DAY_MAX, lambda n: {"sealed_day": n}),
    "deadline": (0, DAY_MAX, lambda n: {"deadline_day": n}),
    "not before": (0, DAY_MAX, lambda n: {"not_before_day": n}),
    "reader since": (0, DAY_MAX, lambda n: listed(since_day=n)),
    "size of an enclosure": (0, 1 << 40, lambda n: enclosed(size=n)),
    "generation": (0, U32_MAX, lambda n: rooted(generation=n)),
    "epoch of a root": (0, U32_MAX, lambda n: rooted(base_epoch=n)),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_every_number_has_its_bounds(name: str) -> None:
    least, most, make = BOUNDS[name]
    for good in (least, most):
        read_back(make(good))
    for bad in (least - 1, most + 1):
        with pytest.raises(MalformedLetter):
            read_back(make(bad))


WORDS: dict[str, tuple[int, Any]] = {
    "subject": (1000, lambda text: {"subject": text}),
    "place": (1000, lambda text: {"place": text}),
    "dated": (1000, lambda text: {"dated": text}),
    "kind of reader": (1000, lambda text: listed(kind=text)),
    "name of an enclosure": (1000, lambda text: enclosed(name=text)),
    "kind of an enclosure": (1000, lambda text: enclosed(kind=text)),
    "text": (4 * 1024 * 1024, lambda text: {"text": text}),
}


@pytest.mark.parametrize("letters", ["x", "ä"])
@pytest.mark.parametrize("name", WORDS)
def test_every_line_may_have_so_many_bytes_and_not_one_more(name: str, letters: str) -> None:
    length, make = WORDS[name]
    longest = letters * (length // len(letters.encode()))
    read_back(make(longest))
    with pytest.raises(MalformedLetter):
        read_back(make(longest + "x"))
