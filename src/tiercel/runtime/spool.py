"""One enclosure becomes whole in a file beside the database.

Its symbols are written to the file as they come; every few megabytes the file is made durable and one transaction
notes what it holds, and only then are those parcels taken off their road. A crash costs at most the parcels since the
last note, which are still there.

Source symbols lie in the file where the bundle has them, repair symbols behind its end, each at a place of its own:
no byte that was noted is ever overwritten by another, so that decoding can be cut off and begun again.
"""

from __future__ import annotations

import os
import shutil
from functools import partial

from tiercel.crypto import sha256_stream
from tiercel.errors import Damaged, LimitError
from tiercel.limits import GROUP_INDICES, SPOOL_BOND_BYTES_MAX, SPOOL_FREE_PARTS
from tiercel.parcel.box import Symbols
from tiercel.parcel.gather import Tally, indices_in
from tiercel.parcel.symbols import decode_group, group_span, layout_of
from tiercel.vault import bundles, letters
from tiercel.vault.bonds import Bond
from tiercel.vault.border import files as converted
from tiercel.vault.bundles import BundleIn
from tiercel.vault.files import new_name, open_new, sync_folder

from .gathering import begin, check_agrees
from .home import Home
from .working import SyncedFile

_HASH_CHUNK_BYTES = 1 << 20


class EnclosureSpool:
    """One enclosure being gathered into its file, between two notes in the database."""

    def __init__(self, home: Home, bond: Bond, symbols: Symbols) -> None:
        """Begin or go on; the file is sparse until symbols come.

        Raises:
            LimitError: It has no room here, or more unclaimed bytes came than one bond may have.
            DiskFull, VaultError: The file could not be made.
        """
        self.home, self.bond = home, bond
        here = bundles.in_by_hash(home.vault, bond.id, symbols.bundle_hash)
        if here is None:
            _check_room(home, bond, symbols)
            with home.vault.transaction():
                here = begin(home, bond, symbols, new_name(home.entropy))
        self.row = here
        self.layout = layout_of(here.length)
        self.tally = Tally(self.layout, here.held, partial(bundles.held_of, home.vault, bond.id, here.hash))
        assert here.file is not None
        self.path = home.vault.enclosures / here.file
        with converted():
            if not self.path.exists():
                open_new(self.path).close()
                sync_folder(self.path.parent)  # else what is noted as held could go with the name of its file
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._synced = SyncedFile(self._file)

    def add(self, symbols: Symbols) -> None:
        """Write what is needed of one parcel to the file.

        Raises:
            DiskFull, VaultError: No room, or the disk failed; nothing that was noted is lost.
            MalformedParcel: It does not agree with what came before.
        """
        check_agrees(self.row, symbols)
        for group, first, view in symbols.runs():
            indices = range(first, first + len(view) // self.layout.symbol_bytes)
            if any(self.tally.needs(group, index) for index in indices):
                self._write(group, first, view)
                for index in indices:
                    self.tally.add(group, index)

    def _write(self, group: int, first: int, view: memoryview) -> None:
        offset = self._place(group, first)
        if first < self.layout.k:
            view = view[: max(0, self.row.length - offset)]
        with converted():
            self._synced.write_at(view, offset)

    def _place(self, group: int, index: int) -> int:
        """Where a symbol lies in the file: a source symbol in the bundle, a repair symbol behind the bundle."""
        layout, repair = self.layout, GROUP_INDICES - self.layout.k
        if index < layout.k:
            return group * layout.group_bytes + index * layout.symbol_bytes
        return layout.groups * layout.group_bytes + (group * repair + index - layout.k) * layout.symbol_bytes

    def note(self) -> None:
        """Make the file durable and note what it holds, in the caller's transaction."""
        changed = self.tally.changed()
        if not changed:
            return
        here = bundles.in_by_hash(self.home.vault, self.bond.id, self.row.hash)
        if here is None or here.standing != "gathering":  # its letter was returned or burnt meanwhile
            self.tally = Tally(self.layout)
            return
        with converted():
            self._synced.sync()
        bundles.note_held(self.home.vault, self.bond.id, self.row.hash, changed, self.tally.held)
        self.tally.settle()

    def finish(self) -> bool:
        """Once every group can be decoded: decode what needs it and check the hash. Call after :meth:`note`.

        Raises:
            Damaged: The hash is another: the file is emptied and gathering begins anew.
        """
        if not self.tally.is_whole():
            return False
        with converted():
            if os.fstat(self._file).st_size > self.row.length:  # not so without repair symbols, nor when it was done
                self._decode_groups()
            sound = _hash_file(self._file, self.row.length) == self.row.hash
            if sound:
                os.ftruncate(self._file, self.row.length)
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

    def _decode_groups(self) -> None:
        """Put the source symbols that repair symbols stand for where they belong, a group at a time, durably."""
        for group, bits in bundles.each_held(self.home.vault, self.bond.id, self.row.hash):
            indices = indices_in(bits)
            if indices[-1] >= self.layout.k:
                decoded = decode_group(self.layout, {index: self._read(group, index) for index in indices})
                offset, length = group_span(self.layout, group)
                self._synced.write_at(memoryview(decoded)[:length], offset)
        self._synced.sync()

    def _read(self, group: int, index: int) -> bytes:
        size, offset = self.layout.symbol_bytes, self._place(group, index)
        if index < self.layout.k:
            size = max(0, min(size, self.row.length - offset))  # behind the bundle are repair symbols, not its padding
        return os.pread(self._file, size, offset).ljust(self.layout.symbol_bytes, b"\0")

    def close(self) -> None:
        """Close the file."""
        self._synced.close()
        os.close(self._file)


def claim(home: Home, bond: Bond, bundle_hash: bytes, file: str) -> list[int]:
    """A whole enclosure finds its letters, in the caller's transaction; give back their rows."""
    bundles.drop_symbols(home.vault, bond.id, bundle_hash)
    bundles.change_in(home.vault, bond.id, bundle_hash, standing="whole")
    waiting = letters.enclosures_by_hash(home.vault, bond.id, bundle_hash)
    for enclosure in waiting:
        letters.enclosure_whole(home.vault, enclosure, file)
    return [enclosure.letter for enclosure in waiting]


def is_complete(row: BundleIn) -> bool:
    """Whether all symbols that an enclosure needs were noted."""
    return Tally(layout_of(row.length), row.held).is_whole()


def _check_room(home: Home, bond: Bond, symbols: Symbols) -> None:
    """Whether one more enclosure may be begun. What is refused stays on the road."""
    vault, length = home.vault, symbols.bundle_len
    with converted():
        free = shutil.disk_usage(vault.enclosures).free
    if bundles.coming_bytes(vault, bond.id) + length > free // SPOOL_FREE_PARTS:
        raise LimitError(f"Enclosures from {bond.name} need more room than this disk has; they are left on the road.")
    if letters.enclosures_by_hash(vault, bond.id, symbols.bundle_hash):
        return
    if bundles.unclaimed_bytes(vault, bond.id) + length > SPOOL_BOND_BYTES_MAX:
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
