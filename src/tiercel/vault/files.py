"""Files beside the database: enclosures and the header. Written whole and durably, or not at all.

Every name is random, so a listing says how many and how large, and nothing else. What each file can be after a crash:

=================  ============================================================================
``<32 hex>``        whole and on the disk; kept while a row names it, else swept
``<32 hex>.part``   a write that was cut off; swept
=================  ============================================================================

A row that names a file is committed only after the file is durable, and a file is removed only after the commit that
drops its row. So a crash leaves at most a file without a row, never a row without its file.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tiercel.errors import EnclosureDamaged
from tiercel.ports import Entropy

from .border import files as converted

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_NAME_BYTES = 16
_NAME = re.compile(r"[0-9a-f]{32}")
_OURS = re.compile(r"[0-9a-f]{32}(\.part)?")
_PART = ".part"


def new_name(entropy: Entropy) -> str:
    """A fresh name that says nothing: 32 characters of lower-case hex."""
    return entropy.token(_NAME_BYTES).hex()


@contextmanager
def creating(folder: Path, name: str) -> Iterator[BinaryIO]:
    """A file to write; durable under its name when the block ends, and gone when the block raises.

    Args:
        folder: ``vault.enclosures``.
        name: From :func:`new_name`.

    Raises:
        DiskFull, VaultError: The disk failed. Nothing may be acknowledged on the strength of this file; where only the
            last sync of the folder failed it may still be there, and is swept.
    """
    final = path_of(folder, name)
    part = folder / (name + _PART)
    with converted():
        file = _Writer(open_new(part).detach())
    try:
        with file:
            yield file
            with converted():
                file.flush()
                os.fsync(file.fileno())
        with converted():
            os.replace(part, final)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    with converted():
        sync_folder(folder)


class _Writer(io.BufferedWriter):
    """Converts the failures of its own writes, and no failure of what the block reads meanwhile."""

    def write(self, data: Buffer, /) -> int:
        with converted():
            return super().write(data)

    def close(self) -> None:
        with converted():
            super().close()


def write(folder: Path, name: str, data: bytes | bytearray | memoryview) -> None:
    """Store bytes under a fresh name, durably. Raises as :func:`creating`."""
    with creating(folder, name) as file:
        file.write(data)


def open_file(folder: Path, name: str) -> BinaryIO:
    """Open a stored file for reading.

    Raises:
        EnclosureDamaged: It is not there although a row names it.
        VaultError: It cannot be read.
    """
    with converted():
        try:
            return path_of(folder, name).open("rb")
        except FileNotFoundError as error:
            raise EnclosureDamaged() from error


def remove(folder: Path, name: str) -> None:
    """Remove a stored file, after the commit that dropped its row. One that is not there is no error."""
    with converted():
        path_of(folder, name).unlink(missing_ok=True)


def sweep(folder: Path, live: Collection[str], older_than_ms: int) -> int:
    """Remove what a crash left: our files that no row names.

    Args:
        folder: ``vault.enclosures``.
        live: Every name that a row of the vault has now.
        older_than_ms: UTC ms; files changed since are left alone, for another process may be about to commit their
            row. A day ago is ample.

    Returns:
        How many files were removed. Foreign files are never touched.
    """
    removed = 0
    with converted(), os.scandir(folder) as entries:
        for entry in entries:
            if _OURS.fullmatch(entry.name) and entry.name not in live and _is_older(entry, older_than_ms):
                Path(entry.path).unlink(missing_ok=True)
                removed += 1
    return removed


def path_of(folder: Path, name: str) -> Path:
    """Where a file of that name is. The name must be one of ours: it can then never lead out of the folder."""
    if not _NAME.fullmatch(name):
        raise ValueError("not a name of a stored file")
    return folder / name


def replace(path: Path, data: bytes) -> None:
    """Put ``data`` in place of a file in one step: after a crash it is the old one or the new one, whole.

    Raises:
        OSError: The disk failed; the old file is untouched unless only the last sync of the folder failed.
    """
    part = path.with_name(path.name + _PART)
    try:
        with open_new(part) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise
    sync_folder(path.parent)


def open_new(path: Path) -> io.BufferedWriter:
    """Open a file for writing from its start, readable by its owner only; a leftover of that name is overwritten."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    return io.BufferedWriter(io.FileIO(os.open(path, flags, 0o600), "wb"))


def sync_folder(folder: Path) -> None:
    """Make new names in a folder last."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_older(entry: os.DirEntry[str], older_than_ms: int) -> bool:
    try:
        return entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime_ns < (
            older_than_ms * 1_000_000
        )
    except FileNotFoundError:
        return False  # another process swept it
