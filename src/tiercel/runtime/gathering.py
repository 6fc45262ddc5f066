"""Symbols become bundles: small ones in the database, enclosures in a file beside it.

A letter's symbols and what follows from them are one transaction. An enclosure's symbols are written to its file as
they come; every few megabytes the file is made durable and one transaction notes what it holds, and only then are
those parcels taken off their road. A crash costs at most the parcels since the last note, which are still there.
"""

from __future__ import annotations

import os
from dataclasses import replace

from tiercel.crypto import sha256_stream
from tiercel.errors import Damaged, LimitError, MalformedParcel
from tiercel.limits import SPOOL_BOND_BYTES_MAX
from tiercel.parcel.box import Kind, Symbols
from tiercel.parcel.gather import GATHERING_BYTES_MAX, Gathering, Tally
from tiercel.parcel.symbols import Layout, decode_group, group_span, layout_of
from tiercel.vault import bundles, letters
from tiercel.vault.bonds import Bond
from tiercel.vault.border import files as converted
from tiercel.vault.bundles import BundleIn
from tiercel.vault.files import new_name

from .home import Home
from .working import SyncedFile

_HASH_CHUNK_BYTES = 1 << 20


def gather_small(home: Home, bond: Bond, symbols: Symbols) -> bytes | None:
    """Add symbols of a letter or pairing message, in the caller's transaction; give the bundle once it is whole.

    Returns None as well for a bundle that was whole before: see :func:`standing`.

    Raises:
        Damaged: All symbols are there and their hash is another; the gathering begins anew.
    """
    here = bundles.in_by_hash(home.vault, bond.id, symbols.bundle_hash)
    if symbols.bundle_len > GATHERING_BYTES_MAX:
        raise MalformedParcel("no letter is that long")
    _check_agrees(here or _begin(home, bond, symbols, None), symbols)
    collected = Gathering(symbols.kind, symbols.bundle_hash, symbols.bundle_len)
    kept = bundles.symbols_of(home.vault, bond.id, symbols.bundle_hash)
    for group, index, data in kept:
        collected.add(_one(symbols, group, index, data))
    short = {group for group, _count in collected.missing()}
    collected.add(symbols)
    try:
        whole = collected.whole()
    except Damaged:
        bundles.drop_symbols(home.vault, bond.id, symbols.bundle_hash)
        raise
    if whole is None:
        for group, index, view in symbols:
            if group in short:  # never more than a bundle needs and one parcel
                bundles.add_symbol(home.vault, bond.id, symbols.bundle_hash, group, index, bytes(view))
        return None
    bundles.drop_symbols(home.vault, bond.id, symbols.bundle_hash)
    bundles.change_in(home.vault, bond.id, symbols.bundle_hash, standing="spent")
    return whole


def _check_agrees(row: BundleIn, symbols: Symbols) -> None:
    """One hash names one bundle: parcels that speak of another length or kind are refused, not mixed (A29)."""
    if (row.kind, row.length) != (symbols.kind, symbols.bundle_len):
        raise MalformedParcel("a parcel of another bundle with the same hash")


def _one(like: Symbols, group: int, index: int, data: bytes) -> Symbols:
    return Symbols(like.kind, like.bundle_hash, like.bundle_len, like.layout, ((group, index),), data)


def _begin(home: Home, bond: Bond, symbols: Symbols, file: str | None) -> BundleIn:
    begun = BundleIn(
        symbols.bundle_hash, bond.id, int(symbols.kind), symbols.bundle_len, "gathering", None, file, None,
        home.clock.now_ms(), None,
    )  # fmt: skip
    bundles.add_in(home.vault, begun)
    return begun


class EnclosureSpool:
    """One enclosure being gathered into its file, between two notes in the database."""

    def __init__(self, home: Home, bond: Bond, symbols: Symbols) -> None:
        """Begin or go on; the file is sparse until symbols come.

        Raises:
            LimitError: More unclaimed bytes than one bond may have here.
            DiskFull, VaultError: The file could not be made.
        """
        self.home, self.bond = home, bond
        here = bundles.in_by_hash(home.vault, bond.id, symbols.bundle_hash)
        if here is None:
            _check_quota(home, bond, symbols)
            with home.vault.transaction():
                here = _begin(home, bond, symbols, new_name(home.entropy))
        self.row = replace(here, tally=None)  # held once, below
        self.layout = layout_of(here.length)
        self.tally = Tally(self.layout, here.tally)
        assert here.file is not None
        self.path = home.vault.enclosures / here.file
        with converted():
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._synced = SyncedFile(self._file)
        self._repair: list[tuple[int, int, bytes]] = []

    def add(self, symbols: Symbols) -> None:
        """Write what is new of one parcel to the file.

        Raises:
            DiskFull, VaultError: No room, or the disk failed; nothing that was noted is lost.
            MalformedParcel: It does not agree with what came before.
        """
        _check_agrees(self.row, symbols)
        for group, first, view in symbols.runs():
            count = len(view) // self.layout.symbol_bytes
            if first >= self.layout.k:
                self._add_repair(group, first, view)
                continue
            fresh = [self.tally.add(group, first + step) for step in range(count)]
            if any(fresh):
                self._write(group, first, view)

    def _write(self, group: int, first: int, view: memoryview) -> None:
        offset = group * self.layout.group_bytes + first * self.layout.symbol_bytes
        with converted():
            self._synced.write_at(view[: max(0, self.row.length - offset)], offset)

    def _add_repair(self, group: int, first: int, view: memoryview) -> None:
        size = self.layout.symbol_bytes
        for step in range(len(view) // size):
            if self.tally.is_short(group) and self.tally.add(group, first + step):
                self._repair.append((group, first + step, bytes(view[step * size : (step + 1) * size])))

    def note(self) -> None:
        """Make the file durable and note what it holds, in the caller's transaction."""
        with converted():
            self._synced.sync()
        for group, index, data in self._repair:
            bundles.add_symbol(self.home.vault, self.bond.id, self.row.hash, group, index, data)
        self._repair.clear()
        tally = self.tally.to_bytes()
        bundles.change_in(self.home.vault, self.bond.id, self.row.hash, tally=tally)

    def finish(self) -> bool:
        """Once every group can be decoded: decode what needs it and check the hash. Call after :meth:`note`.

        Raises:
            Damaged: The hash is another: the file is emptied and gathering begins anew.
        """
        if not self.tally.is_whole():
            return False
        with converted():
            self._decode_groups()
            sound = _hash_file(self._file, self.row.length) == self.row.hash
            if sound:
                os.fsync(self._file)
        if not sound:
            self.begin_anew()
            raise Damaged("An enclosure came whole but is not the one that was sent; it is asked for again.")
        return True

    def begin_anew(self) -> None:
        """Let go of all that came; it is asked for again."""
        with converted():
            os.ftruncate(self._file, 0)
        with self.home.vault.transaction():
            bundles.drop_symbols(self.home.vault, self.bond.id, self.row.hash)
            bundles.change_in(self.home.vault, self.bond.id, self.row.hash, tally=None)

    def _decode_groups(self) -> None:
        kept: dict[int, dict[int, bytes]] = {}
        for group, index, data in bundles.symbols_of(self.home.vault, self.bond.id, self.row.hash):
            kept.setdefault(group, {})[index] = data
        for group, repair in kept.items():
            offset, length = group_span(self.layout, group)
            held = {index: self._read(group, index) for index in self.tally.held(group) if index < self.layout.k}
            decoded = decode_group(self.layout, held | repair)
            os.pwrite(self._file, memoryview(decoded)[:length], offset)

    def _read(self, group: int, index: int) -> bytes:
        size = self.layout.symbol_bytes
        data = os.pread(self._file, size, group * self.layout.group_bytes + index * size)
        return data.ljust(size, b"\0")

    def close(self) -> None:
        """Close the file."""
        self._synced.close()
        os.close(self._file)


def claim(home: Home, bond: Bond, bundle_hash: bytes, file: str) -> list[int]:
    """A whole enclosure finds its letters, in the caller's transaction; give back their rows."""
    bundles.drop_symbols(home.vault, bond.id, bundle_hash)
    bundles.change_in(home.vault, bond.id, bundle_hash, standing="whole", tally=None)
    waiting = letters.enclosures_by_hash(home.vault, bond.id, bundle_hash)
    for enclosure in waiting:
        letters.enclosure_whole(home.vault, enclosure, file)
    return [enclosure.letter for enclosure in waiting]


def missing_groups(home: Home, row: BundleIn, most: int) -> list[tuple[int, int]]:
    """What a bundle that is being gathered still lacks: (group, how many symbols), the first ``most`` groups."""
    layout: Layout = layout_of(row.length)
    tally = Tally(layout, row.tally)
    if row.kind != Kind.ENCLOSURE:
        for group, index, _data in bundles.symbols_of(home.vault, row.bond, row.hash):
            tally.add(group, index)
    return tally.missing(most)


def _check_quota(home: Home, bond: Bond, symbols: Symbols) -> None:
    if letters.enclosures_by_hash(home.vault, bond.id, symbols.bundle_hash):
        return
    if bundles.unclaimed_bytes(home.vault, bond.id) + symbols.bundle_len > SPOOL_BOND_BYTES_MAX:
        raise LimitError(f"More enclosures than letters came from {bond.name}; the rest is left on the road.")


def _hash_file(file: int, length: int) -> bytes:
    digest, buffer, at = sha256_stream(), bytearray(_HASH_CHUNK_BYTES), 0
    while at < length:
        got = os.preadv(file, [memoryview(buffer)[: min(len(buffer), length - at)]], at)
        if not got:
            break
        digest.update(memoryview(buffer)[:got])
        at += got
    return digest.digest()
