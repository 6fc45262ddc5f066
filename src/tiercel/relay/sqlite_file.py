"""The file of a relay's store: opened, made durable or refused, checked, brought to the newest schema, kept by one.

A relay promises to hold what it stored, so a file that would not keep a commit is refused here, before anything is
promised. Source: spec/relay.md 7; security.md 4.4.
"""

from __future__ import annotations

import fcntl
import os
import re
import sys
import time
from contextlib import suppress
from pathlib import Path

import apsw

from tiercel.errors import StoreBusy, StoreDamaged, StoreError, StoreFailed, StoreNewer, StoreNotDurable

SCHEMA_VERSION = 1
FULL = 2  # of PRAGMA synchronous; EXTRA, 3, does more
BUSY_MS = 10_000
_CACHE_KIB = 16 * 1024
_LOG_PAGES = 4096  # the log is carried over into the file when it has so many
_PAGE_BYTES = 4096
_LOCK_TRIES, _LOCK_WAIT_S = 5, 0.1
_LEVELS = {"OFF": 0, "NORMAL": 1, "FULL": 2, "EXTRA": 3}
# SQLite's log needs memory that processes share, and these lose writes that a server said it had.
_FAR_AWAY = re.compile(r"nfs4?|cifs|smb\w*|fuse\.sshfs|afs|davfs|fuse\.davfs2?")
_IN_MEMORY = {"tmpfs", "ramfs"}


def synchronous_level(word: str) -> int:
    """The number of a level of PRAGMA synchronous, as in ``sqlite:PATH?synchronous=FULL``.

    Raises:
        StoreError: No such level.
    """
    if word.upper() not in _LEVELS:
        raise StoreError("There is no such level of synchronous; FULL and EXTRA keep what is promised.")
    return _LEVELS[word.upper()]


def connect(path: Path, level: int = FULL, vfs: str | None = None, read_only: bool = False) -> apsw.Connection:
    """A connection whose commits survive a power cut.

    Args:
        path: Of the file; made if it is not there, in a folder that is.
        level: Of PRAGMA synchronous.
        vfs: Name of a registered file layer; None is the system's own.
        read_only: For readers; the file has to be there.

    Raises:
        StoreNotDurable: A setting did not take, or is not enough.
        StoreError, StoreDamaged, StoreNewer: It cannot be opened, or is no store of this version; nothing was changed.
    """
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    try:
        db = apsw.Connection(str(path), flags=flags, vfs=vfs)
        try:
            _configure(db, level, read_only)
        except BaseException:
            db.close()
            raise
        return db
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise StoreDamaged() from error
    except apsw.Error as error:
        raise StoreError(f"The store of the relay cannot be opened: {said(error)}.") from error


def _configure(db: apsw.Connection, level: int, read_only: bool) -> None:
    db.set_busy_timeout(BUSY_MS)
    version_of(db)  # setting the journal mode of a file writes into it: not where it is somebody else's
    if not read_only:
        db.pragma("page_size", _PAGE_BYTES)
        db.pragma("journal_mode", "wal")
        db.pragma("wal_autocheckpoint", _LOG_PAGES)
    for name, value in (("synchronous", level), ("trusted_schema", 0), ("cell_size_check", 1), ("temp_store", 2),
                        ("fullfsync", 1), ("checkpoint_fullfsync", 1), ("cache_size", -_CACHE_KIB)):  # fmt: skip
        db.pragma(name, value)
    if not read_only:
        require_durable(db)


def require_durable(db: apsw.Connection) -> None:
    """Read back what makes a commit durable.

    Raises:
        StoreNotDurable: It is not so.
    """
    if db.pragma("journal_mode") != "wal":
        raise StoreNotDurable("SQLite did not take the journal mode WAL here, so this relay promises nothing.")
    if int(db.pragma("synchronous")) < FULL:
        raise StoreNotDurable(
            "SQLite is not set to synchronous FULL, so a power cut would take what was promised; this relay promises "
            "nothing.",
            remedy="Leave ?synchronous= out of --store.",
        )
    if sys.platform == "darwin" and not (db.pragma("fullfsync") and db.pragma("checkpoint_fullfsync")):
        raise StoreNotDurable("SQLite did not take fullfsync here, so this relay promises nothing.")


def require_local(path: Path, mounts: str) -> str | None:
    """Refuse a file system on which a commit means nothing.

    Args:
        path: Of the store.
        mounts: The text of /proc/mounts, or nothing where there is none.

    Returns:
        A warning, or None.

    Raises:
        StoreNotDurable: A network file system.
    """
    kind = _file_system(path.resolve(), mounts)
    if _FAR_AWAY.fullmatch(kind):
        raise StoreNotDurable(
            f"The store lies on a network file system ({kind}), where commits get lost; it promises nothing.",
            remedy="Put the store on a disk of this machine.",
        )
    return "The store lies in memory: a restart of the machine takes it." if kind in _IN_MEMORY else None


def _file_system(path: Path, mounts: str) -> str:
    found: tuple[int, str] = (-1, "")
    for line in mounts.splitlines():
        words = line.split(" ")
        if len(words) > 2:
            point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), words[1])
            if path.is_relative_to(point) and len(point) >= found[0]:
                found = (len(point), words[2])
    return found[1]


def migrate(db: apsw.Connection) -> None:
    """Bring a store to the newest schema; a new file becomes one.

    Raises:
        StoreNewer: Written by a newer Tiercel; nothing was changed.
        StoreDamaged: No store of a relay.
    """
    from importlib.resources import files

    db.execute("BEGIN IMMEDIATE")
    try:
        for number in range(version_of(db) + 1, SCHEMA_VERSION + 1):
            db.execute((files(__package__) / "schema" / f"{number:04}.sql").read_text("utf-8"))
            db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('schema_version', ?)", (number,))
        db.execute("COMMIT")
    except BaseException:
        with suppress(apsw.Error):
            db.execute("ROLLBACK")
        raise


def version_of(db: apsw.Connection) -> int:
    """The version of the schema; 0 in a new file.

    Raises:
        StoreNewer, StoreDamaged: As :func:`migrate`.
    """
    if not db.execute("SELECT count(*) FROM sqlite_schema").get:
        return 0
    version = 0
    with suppress(apsw.SQLError):
        version = db.execute("SELECT value FROM meta WHERE key = 'schema_version'").get or 0
    if not version:
        raise StoreDamaged(
            "This file is no store of a relay; nothing was changed.", remedy="Name another with --store."
        )
    if version > SCHEMA_VERSION:
        raise StoreNewer()
    return int(version)


def verify(db: apsw.Connection) -> None:
    """Look at every page.

    Raises:
        StoreDamaged: With nothing changed.
    """
    try:
        if db.pragma("quick_check") != "ok":
            raise StoreDamaged()
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise StoreDamaged() from error
    except apsw.Error as error:
        raise StoreFailed(f"The store of the relay cannot be read: {said(error)}.") from error


def keep(path: Path) -> int:
    """Take the store for one serving process; the handle of its lock, dropped by the kernel when the process dies.

    Raises:
        StoreBusy: Another has it.
        StoreError: The folder cannot be written.
    """
    try:
        handle = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StoreError(f"The folder of the store cannot be written: {error.strerror}.") from error
    for turn in range(_LOCK_TRIES):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except OSError as error:
            # One that only asks whether it is held has it for a moment; one that stops lets go of it soon.
            if turn == _LOCK_TRIES - 1:
                os.close(handle)
                raise StoreBusy() from error
            time.sleep(_LOCK_WAIT_S)
    raise StoreBusy()


def is_kept(path: Path) -> bool:
    """Whether a process serves this store now."""
    try:
        handle = os.open(f"{path}.lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def said(error: apsw.Error) -> str:
    """What SQLite has to say of an error, without a statement or a value in it."""
    return type(error).__name__.removesuffix("Error").lower() or "error"
