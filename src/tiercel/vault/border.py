"""The border of the vault: errors of SQLite and of the file system become ours, cause kept.

What is left alone is a bug of ours and must look like one: wrong SQL, a broken constraint, misuse.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from tiercel.errors import DiskFull, TiercelError, VaultBusy, VaultDamaged, VaultError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
_CANNOT_WRITE = "The vault folder cannot be written. Nothing was changed."
_CANNOT_WRITE_REMEDY = "Check who owns the folder and whether its disk is mounted read-only."


def from_sqlite(error: apsw.Error, system_errno: int = 0) -> TiercelError | None:
    """The error of ours that says the same, or None where it is a bug.

    Args:
        error: What apsw raised.
        system_errno: ``Connection.system_errno``, which tells a full disk from a failing one.
    """
    match error:
        case apsw.FullError():
            return DiskFull()
        case apsw.IOError():
            return from_errno(system_errno)
        case apsw.CantOpenError():
            # On a read-only disk SQLite looks for a log that it could read, finds none, and forgets why it had to look.
            return from_errno(errno.EROFS if system_errno in (0, errno.ENOENT) else system_errno)
        case apsw.BusyError() | apsw.LockedError():
            return VaultBusy()
        case apsw.CorruptError() | apsw.NotADBError() | apsw.FormatError():
            return VaultDamaged()
        case apsw.ReadOnlyError() | apsw.PermissionsError():
            return VaultError(_CANNOT_WRITE, remedy=_CANNOT_WRITE_REMEDY)
    return None


def from_errno(number: int | None) -> TiercelError:
    """The error of ours for a failure of the file system."""
    if number in _NO_ROOM:
        return DiskFull()
    if number in _NOT_ALLOWED:
        return VaultError(_CANNOT_WRITE, remedy=_CANNOT_WRITE_REMEDY)
    return VaultError(
        "The disk of the vault failed to read or write. What was not yet confirmed may be lost; nothing else is.",
        remedy="Check the disk, then open the vault again.",
    )


@contextmanager
def files() -> Iterator[None]:
    """Convert what the file system raises.

    Raises:
        DiskFull, VaultError: As the failure says.
    """
    try:
        yield
    except OSError as error:
        raise from_errno(error.errno) from error
