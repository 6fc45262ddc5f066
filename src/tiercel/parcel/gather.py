"""Collecting a bundle: in memory while it is small, as bits of what a spool file holds while it is not.

Only parcels that agree on kind, length and hash of the bundle are put together, and the hash decides in the end:
whichever k symbols came first, a bundle is the one its hash names or it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Final

from tiercel.crypto import sha256
from tiercel.errors import Damaged, LimitError, MalformedParcel
from tiercel.limits import GATHERED_BYTES_MAX, GROUP_INDICES

from .box import Kind, Symbols
from .symbols import Layout, decode_group, layout_of

GROUP_BITS_BYTES: Final = GROUP_INDICES // 8


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
        if bundle_len > GATHERED_BYTES_MAX:
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
        return list(lacking(self.layout, ((group, len(self._groups[group])) for group in sorted(self._groups))))

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
    """Which symbols of a bundle are held elsewhere: 256 bits a group, index i at bit i % 8 of byte i // 8.

    In memory are only the groups that were touched since :meth:`settle`, so that a bundle of a tebibyte costs what
    came of it. No group takes more symbols than it needs.
    """

    def __init__(
        self, layout: Layout, held: int = 0, load: Callable[[int], bytes | None] = lambda _group: None
    ) -> None:
        """Go on with what was noted.

        Args:
            layout: Of the bundle.
            held: How many symbols were noted, in all groups.
            load: Gives the noted bits of one group, 32 bytes, or None if it has none.
        """
        self.layout, self.held = layout, held
        self._load = load
        self._groups: dict[int, int] = {}
        self._changed: set[int] = set()

    def needs(self, group: int, index: int) -> bool:
        """Whether a symbol is not held and its group still lacks some."""
        bits = self._bits(group, index)
        return not bits >> index & 1 and bits.bit_count() < self.layout.k

    def add(self, group: int, index: int) -> bool:
        """Note a symbol as held; False when it is not needed."""
        if not self.needs(group, index):
            return False
        self._groups[group] |= 1 << index
        self._changed.add(group)
        self.held += 1
        return True

    def changed(self) -> dict[int, bytes]:
        """The bits of each group that took symbols since :meth:`settle`: what is to be noted."""
        return {group: self._groups[group].to_bytes(GROUP_BITS_BYTES, "little") for group in sorted(self._changed)}

    def settle(self) -> None:
        """What changed is noted: let it go."""
        self._groups.clear()
        self._changed.clear()

    def is_whole(self) -> bool:
        """Whether every group can be decoded."""
        return self.held == self.layout.groups * self.layout.k

    def _bits(self, group: int, index: int) -> int:
        if not (0 <= group < self.layout.groups and 0 <= index < GROUP_INDICES):
            raise ValueError("no such symbol")
        if group not in self._groups:
            self._groups[group] = int.from_bytes(self._load(group) or b"", "little")
        return self._groups[group]


def indices_in(bits: bytes) -> list[int]:
    """The indices of the symbols that the bits of a group name, ascending."""
    number = int.from_bytes(bits, "little")
    return [index for index in range(GROUP_INDICES) if number >> index & 1]


def lacking(layout: Layout, counts: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Each group that is not whole, and how many symbols it needs: the content of a ``want``.

    Args:
        layout: Of the bundle.
        counts: Groups of which something is held, ascending, and how many symbols; read only as far as is asked for.
    """
    expected = 0
    for group, count in chain(counts, [(layout.groups, 0)]):
        yield from ((untouched, layout.k) for untouched in range(expected, group))
        if group < layout.groups and count < layout.k:
            yield group, layout.k - count
        expected = group + 1
