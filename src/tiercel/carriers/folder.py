"""A folder as a road: a mounted share, a synchronised folder, a stick someone carries.

What a file of ours looks like to whoever holds the disk (A34, PROTOCOL 9):

    name    26 characters of lower-case base32, random        size    one of two
    times   2000-01-01 00:00:00 UTC, always the same          mode    0644

No folder, index or lock of ours lies beside them. A parcel is written to ``NAME.part``, made durable, and only then
given its name, never over another file; so a name always means a whole parcel. What is in the folder is anybody's
work: symlinks, pipes, devices, wrong sizes and odd names are passed over, and never opened, changed or removed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, Literal

from tiercel.carriers.base import FILE, HEAD_BYTES, STICK, check_name, check_parcel, has_size, is_name
from tiercel.errors import (
    CarrierError,
    CarrierFull,
    CarrierMissing,
    CarrierReadOnly,
    ParcelMissing,
    ParcelTaken,
    UsageError,
)
from tiercel.limits import DAY_MS, FOLDER_FILES_MAX, FOLDER_KEEP_DAYS
from tiercel.ports import Listed, Road

FOLDER_ROAD: Final = Road("folder", (FILE, STICK), delay_ms=FOLDER_KEEP_DAYS * DAY_MS, talks_back=True, at_once=4)
FILE_TIME_S: Final = 946_684_800  # 2000-01-01: a time of writing would tell when someone wrote
FILE_MODE: Final = 0o644

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_OPEN_PART = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_PARCEL = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # NONBLOCK: a pipe must not hold us up
_OPEN_UNSEEN = _OPEN_PARCEL | getattr(os, "O_NOATIME", 0)  # the time of reading would tell when someone looked

# Larger writes ask the kernel for huge pages, which a virtual machine may first have to get back from its host.
_WRITE_BYTES = 256 * 1024

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.ESTALE}
_NO_PARCEL = {errno.ENOENT, errno.ELOOP, errno.ENXIO, errno.ENODEV}
_LASTING = {errno.EINVAL, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOSYS, errno.EISDIR}
_CANNOT = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}  # FAT has no hard links and no modes

_Act = Literal["read", "written"]


class FolderCarrier:
    """Parcels as files of one existing folder; it is never made here, and nothing is touched until the first act.

    Threads may read, put and remove at once, each another name. Between the first ``put`` and ``flush`` the folder is
    held open, so that what was written and what is made durable are the same disk; a stick can be taken out after
    ``flush``.

    Raises:
        UsageError: ``path`` cannot be a path.

    Source: spec/parcel.md 6.
    """

    road = FOLDER_ROAD

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._held: dict[int, int] = {}  # at most one descriptor, under 0
        try:
            unfit = not self.path or b"\0" in os.fsencode(self.path)
        except UnicodeEncodeError:
            unfit = True
        if unfit:
            raise UsageError("That cannot be the path of a folder.")

    def __del__(self) -> None:
        if getattr(self, "_held", None):
            self._let_go()

    def list(self) -> Iterator[Listed]:
        with self._border("read"), self._folder() as folder, os.scandir(folder) as entries:
            for _, entry in zip(range(FOLDER_FILES_MAX), entries, strict=False):
                if is_name(entry.name) and (size := self._size(entry)):
                    yield Listed(entry.name, size)

    def head(self, name: str) -> bytes:
        return self._read(name, HEAD_BYTES)

    def fetch(self, name: str) -> bytes:
        return self._read(name, None)

    def put(self, name: str, parcel: bytes | bytearray | memoryview) -> int | None:
        check_name(name)
        view = check_parcel(self.road, parcel)
        with self._border("written"):
            folder = self._hold()
            if not self._is_there(folder, name, view.nbytes):
                part = _part(name)
                if _is_strange(folder, part):
                    raise _taken(self.path)
                try:
                    _write(folder, part, view)
                    self._give_name(folder, part, name, view.nbytes)
                except BaseException:  # also when the person interrupts
                    _take_away(folder, part)
                    raise
        return None  # nobody promises that a folder keeps anything

    def flush(self) -> None:
        if not self._held:
            return
        with self._border("written"):
            try:
                os.fsync(self._held[0])
            except OSError as problem:
                if problem.errno not in {errno.EINVAL, errno.ENOTSUP}:  # no such act on some shares
                    raise
            finally:
                self._let_go()

    def remove(self, name: str) -> None:
        check_name(name)
        with self._border("written"), self._folder() as folder:
            # A part left by a crash goes with its name: nobody else would know it for ours.
            for each in (_part(name), name):
                found = _stat(folder, each)
                if found is not None and stat.S_ISREG(found.st_mode):
                    _unlink(folder, each)

    def check(self) -> None:
        with self._border("written"), self._folder() as folder:
            disk = os.fstatvfs(folder)
            if disk.f_flag & os.ST_RDONLY:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            if not os.access(".", os.W_OK | os.X_OK, dir_fd=folder, effective_ids=True):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            if disk.f_blocks and disk.f_bavail * disk.f_frsize < STICK.size_bytes:  # some shares tell nothing
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    # -- the folder -------------------------------------------------------------------------------

    @contextmanager
    def _folder(self) -> Iterator[int]:
        """The folder as it is now, for one act: a stick held open could not be taken out."""
        folder = os.open(self.path, _OPEN_FOLDER)
        try:
            yield folder
        finally:
            os.close(folder)

    def _hold(self) -> int:
        if not self._held:
            opened = os.open(self.path, _OPEN_FOLDER)
            if self._held.setdefault(0, opened) != opened:  # no lock, which an interrupt could leave shut
                os.close(opened)
        return self._held[0]

    def _let_go(self) -> None:
        if self._held:
            os.close(self._held.pop(0))

    # -- reading ----------------------------------------------------------------------------------

    def _read(self, name: str, most: int | None) -> bytes:
        check_name(name)
        with self._border("read"), self._folder() as folder:
            parcel = _open_parcel(folder, name)
            try:
                size = self._parcel_size(os.fstat(parcel))
                return _read_exactly(parcel, size if most is None else most)
            finally:
                os.close(parcel)

    def _size(self, entry: os.DirEntry[str]) -> int:
        """The size of an entry that may be a parcel, else 0. It may be renamed or gone by now."""
        try:
            if entry.is_file(follow_symlinks=False):
                return self._parcel_size(entry.stat(follow_symlinks=False))
        except (FileNotFoundError, ParcelMissing):
            pass
        return 0

    def _parcel_size(self, found: os.stat_result) -> int:
        if stat.S_ISREG(found.st_mode) and has_size(self.road, found.st_size):
            return found.st_size
        raise ParcelMissing(permanent=True)

    # -- writing ----------------------------------------------------------------------------------

    def _is_there(self, folder: int, name: str, size_bytes: int) -> bool:
        """Whether this parcel is there already; a name is random, so the size is proof enough."""
        found = _stat(folder, name)
        if found is None:
            return False
        if stat.S_ISREG(found.st_mode) and found.st_size == size_bytes:
            return True
        raise _taken(self.path)

    def _give_name(self, folder: int, part: str, name: str, size_bytes: int) -> None:
        """Give a whole and durable part its name, without ever replacing another file."""
        try:
            os.link(part, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            self._is_there(folder, name, size_bytes)
        except OSError as problem:
            if problem.errno not in _CANNOT:
                raise
            if not self._is_there(folder, name, size_bytes):
                os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
                return
        _take_away(folder, part)

    # -- errors -----------------------------------------------------------------------------------

    @contextmanager
    def _border(self, act: _Act) -> Iterator[None]:
        """Where errors of the system become ours, cause kept."""
        try:
            yield
        except OSError as problem:
            raise self._said(problem, act) from problem

    def _said(self, problem: OSError, act: _Act) -> CarrierError:
        if problem.errno in _GONE:
            return CarrierMissing(
                f"The folder {self.path} is not there.",
                permanent=True,
                remedy="Plug the disk in or mount the share, then sync again.",
            )
        if problem.errno in _FULL:
            return CarrierFull(
                f"The folder {self.path} is full.",
                permanent=True,
                remedy="Free some room there, then sync again; what waits is kept.",
            )
        if problem.errno in _REFUSED and act == "written":
            return CarrierReadOnly(
                f"The folder {self.path} cannot be written.",
                permanent=True,
                remedy="Make the folder writable, then sync again; what waits is kept.",
            )
        why = os.strerror(problem.errno) if problem.errno else type(problem).__name__
        lasting = problem.errno in _REFUSED or problem.errno in _LASTING
        return CarrierError(f"The folder {self.path} could not be {act}: {why}.", permanent=lasting)


def _part(name: str) -> str:
    return name + ".part"


def _taken(path: str) -> ParcelTaken:
    return ParcelTaken(f"Something else has the name of a parcel in the folder {path}.", permanent=True)


def _is_strange(folder: int, part: str) -> bool:
    """Whether a folder stands where a part is to be written: it cannot be taken away like a file or a link."""
    found = _stat(folder, part)
    return found is not None and stat.S_ISDIR(found.st_mode)


def _stat(folder: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _unlink(folder: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def _take_away(folder: int, part: str) -> None:
    """Best effort: a part that stays is passed over by everyone and goes when its name is put or removed."""
    with suppress(OSError):
        os.unlink(part, dir_fd=folder)


def _write(folder: int, part: str, view: memoryview) -> None:
    """Write a part and make it durable, looking the same whoever wrote it, and whenever."""
    file = _create(folder, part)
    try:
        written = 0
        while written < view.nbytes:
            written += os.write(file, view[written : written + _WRITE_BYTES])
        _tolerant(os.fchmod, file, FILE_MODE)  # whatever the umask is
        _tolerant(os.utime, file, (FILE_TIME_S, FILE_TIME_S))
        os.fsync(file)
    finally:
        os.close(file)


def _create(folder: int, part: str) -> int:
    try:
        return os.open(part, _OPEN_PART, FILE_MODE, dir_fd=folder)
    except FileExistsError:
        os.unlink(part, dir_fd=folder)  # left by a crash of ours: nobody else knows this name
        return os.open(part, _OPEN_PART, FILE_MODE, dir_fd=folder)


def _tolerant(act: Callable[..., None], *arguments: object) -> None:
    """Do what the disk can do: a stick has no modes, and on some shares the owner is somebody else."""
    try:
        act(*arguments)
    except OSError as problem:
        if problem.errno not in _CANNOT:
            raise


def _open_parcel(folder: int, name: str) -> int:
    """Open what looks like a file. Looked at before it is opened: opening a device can be an act of its own."""
    try:
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise ParcelMissing(permanent=True)
        try:
            return os.open(name, _OPEN_UNSEEN, dir_fd=folder)
        except PermissionError:  # only the owner may read unseen
            return os.open(name, _OPEN_PARCEL, dir_fd=folder)
    except OSError as problem:
        if problem.errno in _NO_PARCEL:
            raise ParcelMissing(permanent=True) from problem
        raise


def _read_exactly(parcel: int, size_bytes: int) -> bytes:
    data = os.read(parcel, size_bytes)  # one call and no copy, unless the disk is in the mood for less
    while len(data) < size_bytes:
        more = os.read(parcel, size_bytes - len(data))
        if not more:  # cut off after we looked
            raise ParcelMissing(permanent=True)
        data += more
    return data
