"""The files beside the database on a disk that fails: what of them would be there after a power cut.

The vault makes a file durable in three steps: sync the file, rename it, sync the folder. A power cut gives back each
folder as it was last synced, and each file in it as that was last synced. To hear of both, the ``os`` of the modules
that write such files is replaced, while there is a disk, by one that tells it; files of no disk pass untouched.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final, Protocol

_DATABASE: Final = "vault.db"  # and its log: SQLite's, watched by the file layer


class Failing(Protocol):
    """What a disk decides about each step."""

    root: Path

    def refuses_write(self, grows_by: int) -> int:
        """The ``errno`` a write has to fail with, or 0."""

    def refuses_sync(self) -> int:
        """The ``errno`` a sync has to fail with, or 0."""


class FilesBeside:
    """What is durable of the files of one disk.

    Args:
        disk: Asked before each step.
    """

    def __init__(self, disk: Failing) -> None:
        self.disk = disk
        self._names: dict[str, int] = {}  # in the folders as they were last synced: path and inode
        self._contents: dict[int, bytes] = {}  # of each inode as it was last synced
        _watch(_WatchedOs())
        _DISKS[str(disk.root)] = self

    def close(self) -> None:
        """Watch no more."""
        _DISKS.pop(str(self.disk.root), None)
        if not _DISKS:
            _watch(os)

    def all_durable(self) -> None:
        """Whatever is there now was just put there."""
        self._names.clear()
        self._contents.clear()
        for path in self.disk.root.rglob("*"):
            if path.is_file() and not path.name.startswith(_DATABASE):
                self._names[str(path)] = path.stat().st_ino
                self._contents[path.stat().st_ino] = path.read_bytes()

    def durable(self) -> dict[str, bytes]:
        """The files after a power cut now, by their path under the root."""
        return {
            os.path.relpath(name, self.disk.root): self._contents.get(inode, b"") for name, inode in self._names.items()
        }

    # -- what is done to them --

    def sync(self, handle: int, path: str) -> None:
        """A file or a folder is made durable."""
        state = os.fstat(handle)
        grown = 0 if stat.S_ISDIR(state.st_mode) else state.st_size - len(self._contents.get(state.st_ino, b""))
        _raise(self.disk.refuses_sync())
        if grown > 0:
            _raise(self.disk.refuses_write(grown))
        if stat.S_ISDIR(state.st_mode):
            self._sync_folder(path)
        else:
            self._contents[state.st_ino] = Path(path).read_bytes()

    def _sync_folder(self, folder: str) -> None:
        before = {name: inode for name, inode in self._names.items() if os.path.dirname(name) == folder}
        for name in before:
            del self._names[name]
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file() and not entry.name.startswith(_DATABASE):
                    self._names[entry.path] = entry.inode()
        for inode in set(before.values()) - set(self._names.values()):
            self._contents.pop(inode, None)


def some_of(now: dict[str, bytes], durable: dict[str, bytes], rng: Random) -> dict[str, bytes]:
    """Of each file what is there now or what was durable, or the one half over the other."""
    kept = {}
    for name in sorted(now.keys() | durable.keys()):
        fate = rng.random()
        new, old = now.get(name), durable.get(name)
        data = new if fate < 0.4 else old
        if fate > 0.8 and new is not None and old is not None:
            data = new[: len(new) // 2] + old[len(new) // 2 :]
        if data is not None:
            kept[name] = data
    return kept


_DISKS: dict[str, FilesBeside] = {}


def _of(path: str) -> FilesBeside | None:
    return next((files for root, files in _DISKS.items() if path.startswith(root + "/")), None)


class _WatchedOs:
    """``os`` for the modules that write files beside the database."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fsync(self, handle: int) -> None:
        """Tell the disk, then sync."""
        self._sync(handle, os.fsync)

    def fdatasync(self, handle: int) -> None:
        """As :meth:`fsync`."""
        self._sync(handle, os.fdatasync)

    def _sync(self, handle: int, sync: Callable[[int], None]) -> None:
        path = os.readlink(f"/proc/self/fd/{handle}")
        files = _of(path)
        if files:
            files.sync(handle, path)
        sync(handle)

    def replace(self, old: str | os.PathLike[str], new: str | os.PathLike[str]) -> None:
        """Ask the disk, then rename."""
        files = _of(os.fspath(new))
        if files:
            _raise(files.disk.refuses_write(0))
        os.replace(old, new)

    def open(self, path: str | os.PathLike[str], flags: int, mode: int = 0o777) -> int:
        """Ask the disk before a file is made or opened for writing."""
        files = _of(os.fspath(path))
        if files and flags & (os.O_WRONLY | os.O_RDWR):
            _raise(files.disk.refuses_write(0))
        return os.open(path, flags, mode)


def _raise(number: int) -> None:
    if number:
        raise OSError(number, os.strerror(number))


def _watch(system: object) -> None:
    from tiercel.runtime import spool, working  # they load the cryptographic module, which is chosen by now
    from tiercel.vault import files, lock

    for module in (files, lock, spool, working):
        vars(module)["os"] = system
