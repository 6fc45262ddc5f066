"""A disk that knows what was synced: power cuts, failing writes and syncs, a full disk, a read-only one.

The files are real ones in memory, so the vault's own code finds them; a SQLite VFS between the page cipher and the
system's file layer writes down what was written since the last sync of each file. It stands below the cipher: above
it the log would be in the clear, and the vault refuses that. ``fault_files`` does the same for the files beside.

Source: security.md 4.2.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, ClassVar, Final

import apsw

from .disk import ALONE, Disk, Lost, Point, Snapshot
from .fault_files import FilesBeside, some_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_VFS: Final = "tiercel-fault"
_SECTOR: Final = 512
_BLOCK: Final = 4096


@dataclass
class _Unsynced:
    """What has happened to one file since it was last synced."""

    length: int  # at the last sync
    old: dict[int, bytes] = field(default_factory=dict)  # blocks as they were then, before the first change
    done: list[tuple[int, bytes | None]] = field(default_factory=list)  # (offset, data), or (new length, None)

    def copy(self) -> _Unsynced:
        return _Unsynced(self.length, dict(self.old), list(self.done))


@dataclass
class _Fault:
    """One failure to come."""

    nth: int
    number: int
    lasting: bool


class FaultDisk(Disk):
    """A :class:`~tiercel.testing.world.disk.Disk` that loses what was not synced, and fails when it is told to.

    Attributes:
        room_bytes: How much the files may still grow before the disk is full; None is without end.
        read_only: Whether every write fails as on a disk that was mounted read-only.
        failed: How often a write or sync failed by :meth:`fail`, a full or a read-only disk.
    """

    loses_writes: ClassVar[bool] = True
    vfs: ClassVar[str | None] = _VFS

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.room_bytes: int | None = None
        self.read_only = False
        self.failed = 0
        self._unsynced: dict[str, _Unsynced] = {}
        self._unsynced_at_cut: dict[str, _Unsynced] = {}
        self._beside = FilesBeside(self)
        self._beside_at_cut: dict[str, bytes] = {}
        self._faults: dict[Point, _Fault] = {}
        _layer()[str(self.folder)] = self

    def fail(self, point: Point, nth: int, *, number: int = errno.EIO, lasting: bool = False) -> None:
        """Let the ``nth`` write or sync from now fail with an error of the system.

        Args:
            point: :data:`Point.WRITE` or :data:`Point.SYNC`.
            nth: Counted from 1.
            number: The ``errno``.
            lasting: Whether all later ones fail too, until :meth:`mend`.
        """
        self._faults[point] = _Fault(nth, number, lasting)

    def mend(self) -> None:
        """No failure is to come any more: room without end, writable, every order of :meth:`fail` taken back."""
        self._faults.clear()
        self.room_bytes, self.read_only = None, False

    def close(self) -> None:
        """Remove the disk and everything on it."""
        super().close()
        self._beside.close()
        _layer().pop(str(self.folder), None)

    # -- what the file layer reports --

    def refuses_write(self, grows_by: int) -> int:
        """The ``errno`` a write has to fail with, or 0. Raises :class:`PowerCut` where one is due."""
        self.passes(Point.WRITE)
        if not self.powered:
            return 0  # a process in the dark must not cover its PowerCut with another error
        number = self._due(Point.WRITE)
        if not number and self.read_only:
            number = errno.EROFS
        if not number and self.room_bytes is not None and grows_by > 0:
            number = errno.ENOSPC if grows_by > self.room_bytes else 0
            self.room_bytes -= 0 if number else grows_by
        self.failed += bool(number)
        return number

    def refuses_sync(self) -> int:
        """The ``errno`` a sync has to fail with, or 0. Raises :class:`PowerCut` where one is due."""
        self.passes(Point.SYNC)
        number = self._due(Point.SYNC)
        self.failed += bool(number)
        return number

    @property
    def calm(self) -> bool:
        """Whether no write can fail now and nothing cuts it off."""
        return not (self._cut_in or self._faults or self.read_only) and self.room_bytes is None

    def changed(self, file: _File, offset: int, size: int, data: bytes | None) -> None:
        """Write a change down before it happens: ``size`` bytes from ``offset`` on become something else."""
        unsynced = self._unsynced.get(file.name)
        if unsynced is None:
            unsynced = self._unsynced[file.name] = _Unsynced(file.xFileSize())
        if offset < unsynced.length:
            self._keep_old(file, unsynced, offset, size)
        unsynced.done.append((offset, data))

    def _keep_old(self, file: _File, unsynced: _Unsynced, offset: int, size: int) -> None:
        length = file.xFileSize()
        for block in range(offset // _BLOCK, -(-min(offset + size, unsynced.length) // _BLOCK)):
            if block not in unsynced.old:
                start = block * _BLOCK
                unsynced.old[block] = file.xRead(min(_BLOCK, length - start), start) if start < length else b""

    def synced(self, name: str) -> None:
        """Everything in a file is durable now, or the file is gone."""
        self._unsynced.pop(name, None)

    # -- inside --

    def _due(self, point: Point) -> int:
        fault = self._faults.get(point)
        if fault is None or not self.powered:
            return 0
        fault.nth -= 1
        if fault.nth > 0:
            return 0
        if not fault.lasting:
            del self._faults[point]
        return fault.number

    def _image(self) -> Snapshot:
        self._unsynced_at_cut = {name: unsynced.copy() for name, unsynced in self._unsynced.items()}
        self._beside_at_cut = self._beside.durable()
        return super()._image()

    def _after(self, image: Snapshot, lost: Lost, rng: Random | None) -> Snapshot:
        if lost is Lost.NOTHING:
            return image
        if lost is Lost.SOME and rng is None:
            raise ValueError("which part is lost needs a generator")
        databases = {name: data for name, data in image.files.items() if Path(name).name.startswith("vault.db")}
        beside = {name: data for name, data in image.files.items() if name not in databases}
        for name, unsynced in self._unsynced_at_cut.items():
            inside = os.path.relpath(name, self.root)
            if inside in databases:
                chosen = _survivors(unsynced.done, rng) if rng and lost is Lost.SOME else []
                databases[inside] = _replayed(_as_synced(databases[inside], unsynced), chosen)
        durable = self._beside_at_cut
        return Snapshot(databases | (some_of(beside, durable, rng) if rng and lost is Lost.SOME else durable))

    def _put(self, files: dict[str, bytes]) -> None:
        super()._put(files)
        self._unsynced.clear()
        self._beside.all_durable()


def _as_synced(data: bytes, unsynced: _Unsynced) -> bytearray:
    was = bytearray(data[: unsynced.length].ljust(unsynced.length, b"\0"))
    for block, old in unsynced.old.items():
        was[block * _BLOCK : block * _BLOCK + len(old)] = old
    return was[: unsynced.length]


def _replayed(file: bytearray, changes: list[tuple[int, bytes | None]]) -> bytes:
    for offset, data in changes:
        if data is None:
            file = file[:offset].ljust(offset, b"\0")
        else:
            file = file.ljust(offset, b"\0")
            file[offset : offset + len(data)] = data
    return bytes(file)


def _survivors(done: list[tuple[int, bytes | None]], rng: Random) -> list[tuple[int, bytes | None]]:
    """Some of the changes, in their order; of a write perhaps only some sectors, as a disk reorders them."""
    kept: list[tuple[int, bytes | None]] = []
    for offset, data in done:
        fate = rng.random()
        if data is None or fate < 0.4:
            kept += [(offset, data)] if fate < 0.5 else []
        elif fate < 0.6:
            kept += [sector for sector in _sectors(offset, data) if rng.random() < 0.5]
    return kept


def _sectors(offset: int, data: bytes) -> list[tuple[int, bytes | None]]:
    cuts = [0, *range(_SECTOR - offset % _SECTOR, len(data), _SECTOR), len(data)]
    return [(offset + start, data[start:end]) for start, end in pairwise(cuts)]


# -- the file layer -----------------------------------------------------------------------------------


_written = apsw.VFSFile.xWrite


class _File(apsw.VFSFile):
    """A file of the system that tells its disk what happens to it."""

    def __init__(self, disk: FaultDisk, name: str, given: str | apsw.URIFilename, flags: list[int]) -> None:
        super().__init__(ALONE, given, flags)
        self.disk, self.name = disk, name

    def xWrite(self, data: Buffer, offset: int) -> None:  # noqa: N802 -- a name of SQLite's
        written, disk = bytes(data), self.disk
        if disk.calm:
            disk.counts[Point.WRITE] += 1
        else:
            _raise(disk.refuses_write(offset + len(written) - self.xFileSize()))
        disk.changed(self, offset, len(written), written)
        _written(self, written, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        _raise(self.disk.refuses_write(0))
        self.disk.changed(self, newsize, max(0, self.xFileSize() - newsize), None)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        _raise(self.disk.refuses_sync())
        super().xSync(flags)
        self.disk.synced(self.name)


class _Layer(apsw.VFS):
    """Files of a FaultDisk are watched; all others are the system's."""

    last_error: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__(_VFS, base=ALONE)
        self.disks: dict[str, FaultDisk] = {}

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        disk = self.disks.get(os.path.dirname(path)) if path else None
        if disk is None or path is None or name is None:
            return apsw.VFSFile("unix", name, flags)
        return _File(disk, path, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        disk = self.disks.get(os.path.dirname(filename))
        if disk:
            disk.synced(filename)

    def xGetLastError(self) -> tuple[int, str | None]:  # noqa: N802
        number, _Layer.last_error = _Layer.last_error, 0
        return (number, os.strerror(number)) if number else super().xGetLastError()


def _raise(number: int) -> None:
    if number:
        _Layer.last_error = number
        raise apsw.FullError(os.strerror(number)) if number == errno.ENOSPC else apsw.IOError(os.strerror(number))


_registered: _Layer | None = None


def _layer() -> dict[str, FaultDisk]:
    """The disks by their vault folder. The layer is registered once and for the life of the process: the page cipher
    keeps a pointer to it."""
    global _registered
    if _registered is None:
        _registered = _Layer()
    return _registered.disks
