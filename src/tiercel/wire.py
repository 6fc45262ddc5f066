"""Readers and writers with bounds, shared by every format.

``lp`` is the length-prefixed join under every hash and MAC. Records are MessagePack arrays decoded by msgspec
straight into typed, bounded structs: unknown fields, trailing bytes and oversize input are refused.

Example:
    >>> lp(b"a", b"bc").hex()
    '0000000161000000026263'
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Hashable
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from .errors import MalformedWire
from .limits import DAY_MS, FORMAT_VERSION

_Record = TypeVar("_Record")
_encoder = msgspec.msgpack.Encoder()


@lru_cache
def _decoder(kind: Hashable) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(kind)


def lp(*items: bytes) -> bytes:
    """Join items, each as a 4-byte big-endian length and its bytes. Source: spec/sealing.md 1."""
    return b"".join([struct.pack(">I", len(item)) + item for item in items])


def u32(value: int) -> bytes:
    """Four bytes, big-endian."""
    return struct.pack(">I", value)


def split_lp(data: bytes, count: int, size_max: int) -> list[bytes]:
    """Undo :func:`lp` of exactly ``count`` items.

    Raises:
        MalformedWire: A length runs past the end, exceeds ``size_max``, or bytes are left over.
    """
    items, at = [], 0
    for _ in range(count):
        if at + 4 > len(data):
            raise MalformedWire("a length is cut off")
        (size,) = struct.unpack_from(">I", data, at)
        if size > size_max or at + 4 + size > len(data):
            raise MalformedWire("a length runs past the end")
        items.append(bytes(data[at + 4 : at + 4 + size]))
        at += 4 + size
    if at != len(data):
        raise MalformedWire("bytes are left over")
    return items


def encode_record(record: object) -> bytes:
    """A record as a MessagePack array."""
    return _encoder.encode(record)


def decode_record(kind: type[_Record], data: bytes | memoryview, size_max: int) -> _Record:
    """Decode one record and nothing after it.

    Args:
        kind: An ``array_like`` msgspec struct that forbids unknown fields.
        data: Untrusted bytes.
        size_max: Refused above this before decoding.

    Raises:
        MalformedWire: Wrong types, sizes, unknown fields, trailing bytes or too long.
    """
    if len(data) > size_max:
        raise MalformedWire("a record is longer than allowed")
    try:
        record: _Record = _decoder(kind).decode(data)  # type: ignore[arg-type]
        return record
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise MalformedWire(f"a record does not fit: {error}") from error


def record_version(data: bytes | memoryview) -> int:
    """The version of an array record: its first item. Read before the rest, so that a newer one can be named.

    Raises:
        MalformedWire: Not an array that begins with a small positive integer.
    """
    head = bytes(data[:6])
    if not head:
        raise MalformedWire("a record is empty")
    skip = 1 if 0x90 <= head[0] <= 0x9F else 3 if head[0] == 0xDC else 0
    if not skip or len(head) <= skip or not 1 <= head[skip] <= 0x7F:
        raise MalformedWire("a record does not begin with its version")
    return head[skip]


def is_newer(version: int, newest: int = FORMAT_VERSION) -> bool:
    """Whether a version is one this program cannot read yet; ``newest`` is that of the format in question."""
    return version > newest


def to_base32(data: bytes) -> str:
    """Lower-case base32 without padding, as ids are shown."""
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()


def from_base32(text: str) -> bytes:
    """Undo :func:`to_base32`.

    Raises:
        MalformedWire: Foreign characters, or bits left over.
    """
    padded = text.upper() + "=" * (-len(text) % 8)
    try:
        data = base64.b32decode(padded)
    except ValueError as error:
        raise MalformedWire("not base32") from error
    if to_base32(data) != text.lower():
        raise MalformedWire("not canonical base32")
    return data


def day_of(at_ms: int) -> int:
    """Whole UTC days since 1970."""
    return at_ms // DAY_MS
