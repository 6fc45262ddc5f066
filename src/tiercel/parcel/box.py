"""The parcel itself: a head, and a box under a key that is used once.

    offset  size         part
    0       16           r, fresh random bytes of this one copy
    16      16           tag (see tags)
    32      size - 48    sealed with ChaCha20-Poly1305
    ...     16           its authentication tag

    key = HKDF(K_par, r, LP("tiercel/1", "parcel", d, profile)), nonce = 12 zero bytes,
    aad = LP("tiercel/1", "parcel", d, profile, r, tag)

Inside, for symbols (kinds 1, 2, 4):

    0       1            version = 1
    1       1            kind
    2       32           bundle hash, which is the bundle's id
    34      8            bundle length
    42      1            symbol class: 0 = 1,792 bytes, 1 = 16,128
    43      2            count >= 1
    45      5 * count    group u32, index u8
    ...     S * count    symbols, in the order of the references
    ...                  zeros

and for a note (kind 3): version, kind, length u32, the record, zeros. Integers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from tiercel.crypto import ZERO_NONCE, StreamCipher, hkdf, label
from tiercel.errors import LimitError, MalformedParcel, NewerVersion
from tiercel.limits import (
    BOX_HEADER_BYTES,
    FORMAT_VERSION,
    GROUP_INDICES,
    HASH_BYTES,
    PARCEL_HEAD_BYTES,
    SYMBOL_REF_BYTES,
    TAG_RANDOM_BYTES,
)
from tiercel.ports import Profile
from tiercel.wire import is_newer

from .epochs import ParcelKeys, direction_byte
from .profiles import box_bytes, capacity
from .symbols import Layout, Ref, layout_of
from .tags import make_head

_HEADER: Final = struct.Struct(">BB32sQBH")
_REF: Final = struct.Struct(">IB")
_NOTE: Final = struct.Struct(">BBI")


class Kind(IntEnum):
    """What a parcel carries a part of."""

    LETTER = 1
    ENCLOSURE = 2
    NOTE = 3
    PAIRING = 4


_CUT: Final = frozenset({Kind.LETTER, Kind.ENCLOSURE, Kind.PAIRING})


@dataclass(frozen=True, slots=True)
class Symbols:
    """Authentic symbols of one bundle. ``data`` holds them one after the other, in the order of ``refs``.

    What is authentic here is the sender, not the bundle: its hash is checked when it is whole.
    """

    kind: Kind
    bundle_hash: bytes
    bundle_len: int
    layout: Layout
    refs: tuple[Ref, ...]
    data: bytes | memoryview = field(repr=False)

    def __iter__(self) -> Iterator[tuple[int, int, memoryview]]:
        """Each symbol: group, index, and a view of its bytes."""
        view, size = memoryview(self.data), self.layout.symbol_bytes
        for at, (group, index) in enumerate(self.refs):
            yield group, index, view[at * size : (at + 1) * size]

    def runs(self) -> Iterator[tuple[int, int, memoryview]]:
        """The same in as few pieces as there are: group, first index, and a view of consecutive symbols.

        A run stays within one group and on one side of k: it is all systematic (and lies in the bundle at
        ``(group * k + first) * S``) or all repair.
        """
        view, size, start = memoryview(self.data), self.layout.symbol_bytes, 0
        for at in range(1, len(self.refs) + 1):
            if at == len(self.refs) or not self._goes_on(at):
                yield *self.refs[start], view[start * size : at * size]
                start = at

    def _goes_on(self, at: int) -> bool:
        (group, index), before = self.refs[at], self.refs[at - 1]
        return before == (group, index - 1) and index != self.layout.k


@dataclass(frozen=True, slots=True)
class NoteBox:
    """The record of a note, for :func:`~tiercel.parcel.note.decode_note`."""

    record: bytes = field(repr=False)


# -- sealing ---------------------------------------------------------------------------------------


def seal_symbols(
    keys: ParcelKeys,
    profile: Profile,
    r: bytes,
    kind: Kind,
    bundle_hash: bytes,
    layout: Layout,
    refs: Sequence[Ref],
    symbols: Sequence[bytes | bytearray | memoryview],
) -> bytearray:
    """One parcel with symbols of one bundle.

    Args:
        keys: Sending keys of one epoch or pairing. Secret.
        profile: Of the road.
        r: 16 fresh random bytes for this one copy.
        kind: Not a note.
        bundle_hash: SHA-256 of the whole bundle, 32 bytes.
        layout: Of the bundle.
        refs: At most ``capacity(profile, layout.symbol_bytes)``, each different.
        symbols: Their bytes in the same order. An item may hold several consecutive ones.

    Raises:
        LimitError: More than fit, or none.
        ValueError: The arguments contradict each other.

    Source: spec/parcel.md 4.
    """
    if not 1 <= len(refs) <= capacity(profile, layout.symbol_bytes):
        raise LimitError("a parcel holds at least one symbol, and no more than fit")
    if kind not in _CUT or len(bundle_hash) != HASH_BYTES or not _refs_fit(layout, refs):
        raise ValueError("no such kind, hash or symbol")
    if sum(map(len, symbols)) != len(refs) * layout.symbol_bytes:
        raise ValueError("symbols and references differ")
    header = _HEADER.pack(FORMAT_VERSION, kind, bundle_hash, layout.bundle_len, layout.symbol_class, len(refs))
    return _seal(keys, profile, r, [header, *(_REF.pack(*ref) for ref in refs), *symbols])


def seal_note(keys: ParcelKeys, profile: Profile, r: bytes, record: bytes) -> bytearray:
    """One parcel with a note.

    Raises:
        LimitError: The record is longer than :func:`note_room`.
    """
    if len(record) > note_room(profile):
        raise LimitError("the note does not fit in one parcel")
    return _seal(keys, profile, r, [_NOTE.pack(FORMAT_VERSION, Kind.NOTE, len(record)), record])


def note_room(profile: Profile) -> int:
    """The longest note record that fits in one parcel, bytes."""
    return box_bytes(profile) - _NOTE.size


def _seal(keys: ParcelKeys, profile: Profile, r: bytes, parts: Sequence[bytes | bytearray | memoryview]) -> bytearray:
    head = make_head(keys, r)
    padding = box_bytes(profile) - sum(map(len, parts))
    plain = b"".join([*parts, bytes(padding)])
    parcel = bytearray(profile.size_bytes)
    parcel[:PARCEL_HEAD_BYTES] = head
    cipher, aad = _cipher(keys, profile, head)
    with memoryview(parcel) as out, memoryview(plain) as view:
        cipher.seal_into(ZERO_NONCE, view, out[PARCEL_HEAD_BYTES:], aad)
    return parcel


def _cipher(keys: ParcelKeys, profile: Profile, head: bytes) -> tuple[StreamCipher, bytes]:
    """The cipher of one parcel, and its associated data."""
    d, name = direction_byte(keys.direction), profile.name.encode("ascii")
    r, tag = head[:TAG_RANDOM_BYTES], head[TAG_RANDOM_BYTES:]
    return StreamCipher(hkdf(keys.box_key, r, label("parcel", d, name))), label("parcel", d, name, r, tag)


# -- opening ---------------------------------------------------------------------------------------


def open_parcel(keys: ParcelKeys, profile: Profile, parcel: bytes | bytearray | memoryview) -> Symbols | NoteBox:
    """Check one parcel and give what is inside.

    Args:
        keys: The keys that recognised it (see tags). Secret.
        profile: Whose size the parcel has.
        parcel: Untrusted bytes.

    Raises:
        MalformedParcel: Not exactly the size of the profile (before any cryptography), or an inside that breaks a rule.
        SealBroken: Changed, or made with other keys, for another direction or profile. Nothing was released.
        NewerVersion: Authentic, and written by a newer Tiercel.

    Source: spec/parcel.md 4.
    """
    if len(parcel) != profile.size_bytes:
        raise MalformedParcel("a parcel has exactly the size of its profile")
    sealed = memoryview(parcel)
    plain = bytearray(box_bytes(profile))
    cipher, aad = _cipher(keys, profile, bytes(sealed[:PARCEL_HEAD_BYTES]))
    with memoryview(plain) as out:
        cipher.open_into(ZERO_NONCE, sealed[PARCEL_HEAD_BYTES:], out, aad)
    return parse_box(plain)


def parse_box(plain: bytearray) -> Symbols | NoteBox:
    """Read the inside of a parcel: at least 45 bytes of one profile, already authentic but not trusted to be right.

    Raises:
        MalformedParcel: A rule is broken.
        NewerVersion: As named.
    """
    if len(plain) < BOX_HEADER_BYTES or not plain[0]:
        raise MalformedParcel("no box looks like that")
    if is_newer(plain[0]):
        raise NewerVersion()
    if plain[1] == Kind.NOTE:
        return _parse_note(plain)
    if plain[1] not in _CUT:
        raise MalformedParcel("no such kind of box")
    return _parse_symbols(plain)


def _parse_note(plain: bytearray) -> NoteBox:
    _, _, size = _NOTE.unpack_from(plain)
    end = _NOTE.size + size
    _need_zeros(plain, end)
    return NoteBox(bytes(plain[_NOTE.size : end]))


def _parse_symbols(plain: bytearray) -> Symbols:
    _, kind, bundle_hash, bundle_len, symbol_class, count = _HEADER.unpack_from(plain)
    layout = layout_of(bundle_len)
    if symbol_class != layout.symbol_class:
        raise MalformedParcel("the symbol class does not fit the bundle")
    begin = BOX_HEADER_BYTES + count * SYMBOL_REF_BYTES
    end = begin + count * layout.symbol_bytes
    if not count or end > len(plain):
        raise MalformedParcel("the count of symbols does not fit")
    refs = tuple(_REF.iter_unpack(plain[BOX_HEADER_BYTES:begin]))
    if not _refs_fit(layout, refs):
        raise MalformedParcel("a symbol outside the bundle, or twice")
    _need_zeros(plain, end)
    data = memoryview(plain).toreadonly()[begin:end]
    return Symbols(Kind(kind), bundle_hash, bundle_len, layout, refs, data)


def _refs_fit(layout: Layout, refs: Sequence[Ref]) -> bool:
    in_range = all(0 <= group < layout.groups and 0 <= index < GROUP_INDICES for group, index in refs)
    return in_range and len(set(refs)) == len(refs)


def _need_zeros(plain: bytearray, at: int) -> None:
    if at > len(plain) or not plain.endswith(bytes(len(plain) - at)):
        raise MalformedParcel("the padding is not zeros, or something runs past the end")
