"""The sync lock: one process at a time does the road work of a vault. Reading, writing and sending do not need it."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tiercel.errors import SyncLocked

from .border import files as converted

LOCK_FILE = "sync.lock"
_LINE_BYTES_MAX = 200


@contextmanager
def sync_lock(folder: Path, since: str = "") -> Iterator[None]:
    """Hold the road work of the vault in ``folder`` while the block runs.

    The kernel drops the lock when the process dies, however it dies, so there is no stale lock to break. The file
    itself stays: removing it would let two processes hold two files of one name.

    Args:
        folder: The vault folder.
        since: When this run began, as text for a person; shown to whoever is refused.

    Raises:
        SyncLocked: Another process, or another thread, has it; the sentence says which.
        VaultError: The folder cannot be written.
    """
    with converted():
        handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _take(handle)
        with converted():
            _sign(handle, f"{os.getpid()} {since}".strip())
        yield
        _sign(handle, "")
    finally:
        os.close(handle)


def _take(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise SyncLocked(f"Another Tiercel{_holder(handle)} is carrying letters for this vault.") from error


def _sign(handle: int, text: str) -> None:
    os.ftruncate(handle, 0)
    os.pwrite(handle, text.encode("utf-8")[:_LINE_BYTES_MAX], 0)


def _holder(handle: int) -> str:
    text = os.pread(handle, _LINE_BYTES_MAX, 0).decode("utf-8", "replace")
    match = re.fullmatch(r"(\d{1,10})(?: ([ -~]+))?", text)
    if not match:
        return ""
    return f" (process {match[1]}, since {match[2]})" if match[2] else f" (process {match[1]})"
