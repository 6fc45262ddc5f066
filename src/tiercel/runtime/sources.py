"""Where the symbols of a bundle under way come from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tiercel.errors import EnclosureDamaged
from tiercel.parcel.symbols import Layout, encode, group_span, pad_group
from tiercel.vault.bundles import BundleOut

from .home import Home


@contextmanager
def _damaged() -> Iterator[None]:
    """A file of an enclosure that cannot be read concerns its letter only, not the vault."""
    try:
        yield
    except OSError as error:
        raise EnclosureDamaged() from error


class SymbolSource:
    """Bytes at hand, or the enclosure's file, a run at a time.

    Raises:
        EnclosureDamaged: The file cannot be read, or is shorter than the bundle; here and in :meth:`symbols`.
    """

    def __init__(self, home: Home, bundle: BundleOut, layout: Layout) -> None:
        self.layout, self.sealed, self.file = layout, bundle.sealed, -1
        if bundle.file is not None:
            with _damaged():
                self.file = os.open(home.vault.enclosures / bundle.file, os.O_RDONLY | os.O_CLOEXEC)

    def symbols(self, refs: list[tuple[int, int]]) -> list[bytes | memoryview]:
        """The symbols of these references, in their order; consecutive sources are read as one piece."""
        found: list[bytes | memoryview] = []
        at = 0
        while at < len(refs):
            end = at + 1
            while end < len(refs) and refs[end] == (refs[at][0], refs[at][1] + end - at):
                end += 1
            found += self._run(refs[at][0], refs[at][1], end - at)
            at = end
        return found

    def _run(self, group: int, first: int, count: int) -> list[bytes | memoryview]:
        size = self.layout.symbol_bytes
        if first + count <= self.layout.k:
            start = group * self.layout.group_bytes + first * size
            return [self._read(start, count * size).ljust(count * size, b"\0")]
        offset, length = group_span(self.layout, group)
        whole = pad_group(self.layout, self._read(offset, length))
        return encode(self.layout, whole, range(first, first + count))

    def _read(self, offset: int, length: int) -> bytes:
        if self.sealed is not None:
            return self.sealed[offset : offset + length]
        with _damaged():
            data = os.pread(self.file, length, offset)
        if len(data) < min(length, self.layout.bundle_len - offset):
            raise EnclosureDamaged()
        return data

    def close(self) -> None:
        """Close the file, if there is one."""
        if self.file >= 0:
            os.close(self.file)
