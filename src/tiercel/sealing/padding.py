"""Sizes that tell little: the classes of letters, and Padme above them.

    body = u32 record length || record || zeros        so that the bundle around it has the length of a class

Example:
    >>> len(pad_body(b"dear")) + 1204, unpad_body(pad_body(b"dear"))
    (1792, b'dear')
"""

from __future__ import annotations

from bisect import bisect_left

from tiercel.errors import LimitError, MalformedBundle
from tiercel.limits import BODY_BYTES_MAX, BUNDLE_OVERHEAD_BYTES, LETTER_CLASSES, SYMBOL_SMALL_BYTES
from tiercel.wire import u32

_CLASS_BYTES = tuple(symbols * SYMBOL_SMALL_BYTES for symbols in LETTER_CLASSES)
_LENGTH_BYTES = 4
_FRAME_BYTES = BUNDLE_OVERHEAD_BYTES + _LENGTH_BYTES


def padme(length: int) -> int:
    """The smallest length of the Padme scheme that holds ``length`` bytes; at most 12 % more.

    Source: spec/sealing.md 4; Nikitin et al., "Reducing Metadata Leakage from Encrypted Files", PoPETs 2019.
    """
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    free_bits = exponent - exponent.bit_length()
    mask = (1 << free_bits) - 1
    return (length + mask) & ~mask


def bundle_class(length: int) -> int:
    """The length in bytes a bundle takes that needs at least ``length``. Source: spec/sealing.md 4."""
    if length > _CLASS_BYTES[-1]:
        return padme(length)
    return _CLASS_BYTES[bisect_left(_CLASS_BYTES, length)]


def is_class(length: int) -> bool:
    """Whether a bundle may have this length."""
    return length > 0 and bundle_class(length) == length


def pad_body(record: bytes) -> bytes:
    """A record as the body of an envelope.

    Raises:
        LimitError: The record is longer than 8 MiB.
    """
    if len(record) > BODY_BYTES_MAX:
        raise LimitError(f"A letter of {len(record):,} bytes is too long; {BODY_BYTES_MAX:,} is the most.")
    return u32(len(record)) + record + bytes(room_left(len(record)))


def unpad_body(body: bytes) -> bytes:
    """Undo :func:`pad_body`. Only for bodies whose MAC was verified.

    Raises:
        MalformedBundle: Not of a class, a length past the end, or padding that is not zero.

    Source: spec/sealing.md 4.
    """
    if len(body) < _LENGTH_BYTES or not is_class(len(body) + BUNDLE_OVERHEAD_BYTES):
        raise MalformedBundle("a body is not of a size class")
    end = _LENGTH_BYTES + int.from_bytes(body[:_LENGTH_BYTES], "big")
    if end > len(body) or end - _LENGTH_BYTES > BODY_BYTES_MAX:
        raise MalformedBundle("a record runs past its body")
    if body.count(0, end) != len(body) - end:
        raise MalformedBundle("padding is not zero")
    return body[_LENGTH_BYTES:end]


def room_left(record_length: int) -> int:
    """Bytes by which a record can grow and stay in its class; gifts fill them. Source: spec/sealing.md 4."""
    needed = _FRAME_BYTES + record_length
    return bundle_class(needed) - needed
