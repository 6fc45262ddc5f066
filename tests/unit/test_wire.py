"""Readers and writers with bounds, at their exact edges."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from tiercel.errors import MalformedWire
from tiercel.limits import DAY_MS
from tiercel.wire import (
    day_of,
    decode_record,
    encode_record,
    from_base32,
    is_newer,
    lp,
    record_version,
    split_lp,
    to_base32,
    u32,
)


class Pair(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A record for these tests."""

    left: int
    right: str


def test_lengths_are_four_bytes_big_endian() -> None:
    assert lp() == b""
    assert lp(b"") == bytes(4)
    assert lp(b"a", b"x" * 258) == b"\x00\x00\x00\x01a\x00\x00\x01\x02" + b"x" * 258
    assert u32(0x01020304) == b"\x01\x02\x03\x04"


def test_what_was_joined_is_split_again() -> None:
    for items in ([], [b""], [b"a", b"", b"ccc"]):
        assert split_lp(lp(*items), len(items), 3) == items


@pytest.mark.parametrize(
    ("data", "count", "size_max"),
    [
        (lp(b"abcd"), 1, 3),
        (lp(b"abcd")[:-1], 1, 4),
        (lp(b"abcd") + b"\0", 1, 4),
        (lp(b"a", b"b"), 1, 4),
        (lp(b"a"), 2, 4),
        (lp(b"a") + b"\0\0\0", 2, 4),
        (lp(b"a") + b"\0\0\0\0", 1, 4),
        (b"\xff\xff\xff\xff", 1, 1 << 33),
        (b"\0\0\0", 1, 4),
        (b"x", 0, 4),
    ],
)
def test_lengths_that_do_not_fit_are_refused(data: bytes, count: int, size_max: int) -> None:
    with pytest.raises(MalformedWire):
        split_lp(data, count, size_max)


class Loose(msgspec.Struct, array_like=True):
    """A record that may hold anything, however deep."""

    inside: Any


def test_what_nests_without_end_is_refused() -> None:
    assert decode_record(Loose, b"\x91\x91\x91\x01", 9) == Loose([[1]])
    with pytest.raises(MalformedWire):
        decode_record(Loose, b"\x91" * 500_000, 1 << 20)


def test_a_record_may_be_as_long_as_is_said_and_no_longer() -> None:
    data = encode_record(Pair(1, "two"))
    assert decode_record(Pair, data, len(data)) == Pair(1, "two")
    assert decode_record(Pair, memoryview(data), len(data)) == Pair(1, "two")
    with pytest.raises(MalformedWire):
        decode_record(Pair, data, len(data) - 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x92\x01",
        b"\x92\x01\xa1a\x00",
        b"\x93\x01\xa1a\x01",
        b"\x92\x01\xa1\xff",
        b"\x81\x01\x02",
        b"\x92" * 5000,
    ],
)
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedWire):
        decode_record(Pair, data, 1 << 20)


def test_the_version_stands_first() -> None:
    for version in (1, 2, 0x7F):
        for head in (b"\x91", b"\x9f", b"\x90", b"\xdc\x00\x10", b"\xdc\xff\xff"):
            assert record_version(head + bytes([version])) == version
            assert record_version(memoryview(head + bytes([version, 9, 9, 9, 9]))) == version


@pytest.mark.parametrize(
    "data",
    [b"", b"\x91", b"\x91\x00", b"\x91\x80", b"\x91\xcc\x02", b"\x8f\x01", b"\xa0\x01", b"\xdc\x00\x01", b"\xdc",
     b"\xdd\x00\x00\x00\x01\x01", b"\xdb\x01\x01\x01\x01"],
)  # fmt: skip
def test_what_does_not_begin_with_a_version_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedWire):
        record_version(data)


def test_only_greater_versions_are_newer() -> None:
    assert [is_newer(version) for version in (0, 1, 2, 127)] == [False, False, True, True]


@pytest.mark.parametrize("size", range(24))
def test_ids_are_shown_in_lower_case_base32(size: int) -> None:
    data = bytes(range(200, 200 + size))
    text = to_base32(data)
    assert text == base64.b32encode(data).decode().lower().rstrip("=")
    assert from_base32(text) == from_base32(text.upper()) == data


@pytest.mark.parametrize("text", ["a", "ab!", "a1", "ab ", "zz", "aaaaaaaaa", "ä", "aa=", "aa======"])
def test_what_is_not_base32_or_not_the_one_way_to_write_it_is_refused(text: str) -> None:
    with pytest.raises(MalformedWire):
        from_base32(text)


def test_days_are_whole() -> None:
    assert [day_of(ms) for ms in (0, DAY_MS - 1, DAY_MS, 2 * DAY_MS - 1)] == [0, 0, 1, 1]
