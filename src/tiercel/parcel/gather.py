"""Collecting a bundle: in memory while it is small, as a bitmap of what a spool file holds while it is not.

Only parcels that agree on kind, length and hash of the bundle are put together, and the hash decides in the end:
whichever k symbols came first, a bundle is the one its hash names or it is refused.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from tiercel.crypto import sha256
from tiercel.errors import Damaged, LimitError, MalformedParcel
from tiercel.limits import GROUP_INDICES

from .box import Kind, Symbols
from .symbols import Layout, decode_group, layout_of

GATHERING_BYTES_MAX: Final = 16 * 1024 * 1024  # twice the largest body of a letter; what is longer is spooled to disk
GROUP_BITS_BYTES: Final = GROUP_INDICES // 8
_NOT_EMPTY: Final = re.compile(rb"[^\0]")


class Gathering:
    """A bundle growing in memory. Holds at most k symbols a group: never more than the bundle itself."""

    def __init__(self, kind: Kind, bundle_hash: bytes, bundle_len: int) -> None:
        """Begin with nothing; memory is taken only for symbols that come.

        Raises:
            MalformedParcel: No bundle has that length.
            LimitError: Too long for memory; use a :class:`Tally` and a file.
        """
        self.kind, self.bundle_hash, self.bundle_len = kind, bundle_hash, bundle_len
        self.layout = layout_of(bundle_len)
        if bundle_len > GATHERING_BYTES_MAX:
            raise LimitError()
        self._groups: dict[int, dict[int, bytes]] = {}

    def add(self, symbols: Symbols) -> int:
        """Take what is new and still needed from one parcel; give back how many symbols that were.

        Raises:
            MalformedParcel: The parcel speaks of another kind, length or hash.
        """
        if (symbols.kind, symbols.bundle_hash, symbols.bundle_len) != (self.kind, self.bundle_hash, self.bundle_len):
            raise MalformedParcel("a parcel of another bundle")
        taken = 0
        for group, index, data in symbols:
            held = self._groups.setdefault(group, {})
            if index not in held and len(held) < self.layout.k:
                held[index] = bytes(data)
                taken += 1
        return taken

    def missing(self) -> list[tuple[int, int]]:
        """Each group that is not whole, and how many symbols it needs: the content of a ``want``."""
        k = self.layout.k
        short = ((group, k - len(self._groups.get(group, ()))) for group in range(self.layout.groups))
        return [(group, count) for group, count in short if count]

    def whole(self) -> bytes | None:
        """The bundle, or None while symbols are missing.

        Raises:
            Damaged: It is complete and its hash is another. Start again with a new gathering.
        """
        if self.missing():
            return None
        groups = [decode_group(self.layout, self._groups[group]) for group in range(self.layout.groups)]
        bundle = b"".join(groups)[: self.bundle_len]
        if sha256(bundle) != self.bundle_hash:
            raise Damaged()
        return bundle


class Tally:
    """Which symbols of a bundle are held elsewhere: 256 bits a group, index i at bit i % 8 of byte i // 8."""

    def __init__(self, layout: Layout, bits: bytes | bytearray | memoryview | None = None) -> None:
        """Begin empty, or from the bitmap that :meth:`to_bytes` gave.

        Raises:
            ValueError: The bitmap is not 32 bytes a group.
        """
        self.layout = layout
        size = layout.groups * GROUP_BITS_BYTES
        self._bits = bytearray(size) if bits is None else bytearray(bits)
        if len(self._bits) != size:
            raise ValueError("a tally has 32 bytes a group")
        self._counts = bytearray(layout.groups)  # held of each group, not counted beyond k, which fits in a byte
        self._short_groups = layout.groups
        if bits is not None:
            self._count()

    @classmethod
    def from_bytes(cls, layout: Layout, bits: bytes | bytearray | memoryview) -> Tally:
        """Undo :meth:`to_bytes`."""
        return cls(layout, bits)

    def to_bytes(self) -> bytes:
        """The bitmap: 32 bytes a group."""
        return bytes(self._bits)

    def add(self, group: int, index: int) -> bool:
        """Note a symbol as held; False when it was already."""
        at, bit = self._place(group, index)
        if self._bits[at] & bit:
            return False
        self._bits[at] |= bit
        if self._counts[group] < self.layout.k:
            self._counts[group] += 1
            self._short_groups -= self._counts[group] == self.layout.k
        return True

    def has(self, group: int, index: int) -> bool:
        """Whether a symbol is held."""
        at, bit = self._place(group, index)
        return bool(self._bits[at] & bit)

    def held(self, group: int) -> list[int]:
        """The indices held of one group, ascending: what its decoder may use."""
        return [index for index in range(GROUP_INDICES) if self.has(group, index)]

    def missing(self, most: int | None = None) -> list[tuple[int, int]]:
        """Each group that cannot be decoded yet, and how many symbols it needs; the first ``most`` of them."""
        k = self.layout.k
        return list(islice(((group, k - count) for group, count in enumerate(self._counts) if count < k), most))

    def is_short(self, group: int) -> bool:
        """Whether a group still needs symbols."""
        return self._counts[group] < self.layout.k

    def is_whole(self) -> bool:
        """Whether every group can be decoded."""
        return not self._short_groups

    def _place(self, group: int, index: int) -> tuple[int, int]:
        if not (0 <= group < self.layout.groups and 0 <= index < GROUP_INDICES):
            raise ValueError("no such symbol")
        return group * GROUP_BITS_BYTES + (index >> 3), 1 << (index & 7)

    def _count(self) -> None:
        k, size = self.layout.k, GROUP_BITS_BYTES
        at = 0
        while some := _NOT_EMPTY.search(self._bits, at):  # a claim of a tebibyte may hold one symbol
            group = some.start() // size
            at = (group + 1) * size
            self._counts[group] = min(k, int.from_bytes(self._bits[group * size : at], "little").bit_count())
        self._short_groups -= self._counts.count(k)
