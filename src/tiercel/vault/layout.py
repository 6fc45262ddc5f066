"""The vault folder: what lies where, and how a new one comes to be whole or not at all.

==================  ==============================================================================
``vault.keys``      the header; written last, so where it is the vault is whole
``vault.db``        the database (while open also ``-wal`` and ``-shm``)
``enclosures/``     sealed enclosures under random names
``sync.lock``       who does the road work now
``vault.making``    a vault was being made; without ``vault.keys`` beside it the making was cut off
==================  ==============================================================================

A ``vault.db`` without ``vault.keys`` and without ``vault.making`` is somebody's vault that lost its header. It is never
taken for a leftover: the header may still turn up in a copy.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tiercel.errors import VaultBusy, VaultDamaged, VaultExists, VaultMissing

from . import files
from .border import files as converted

KEYS = "vault.keys"
DATABASE = "vault.db"
ENCLOSURES = "enclosures"
MAKING = "vault.making"
_HEADER_READ_MAX = 64 * 1024


def read_header(folder: Path) -> bytes:
    """The bytes of ``vault.keys``.

    Raises:
        VaultMissing: There is no vault here, or it was never finished.
        VaultDamaged: There is one, without its header or without its database.
    """
    with converted():
        try:
            with (folder / KEYS).open("rb") as file:
                header = file.read(_HEADER_READ_MAX)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _without_header(folder) from error
        if not (folder / DATABASE).exists():
            raise VaultDamaged("The vault has no database: `vault.db` is missing beside `vault.keys`.")
    return header


def _without_header(folder: Path) -> VaultDamaged | VaultMissing:
    if (folder / MAKING).exists():
        return VaultMissing("The making of this vault was cut off.", remedy="Run `tiercel init` again.")
    if (folder / DATABASE).exists():
        return VaultDamaged(
            "The vault cannot be opened without `vault.keys`, which is missing.",
            remedy="Put `vault.keys` back from a copy of the vault folder.",
        )
    return VaultMissing()


@contextmanager
def making(folder: Path) -> Iterator[None]:
    """Prepare a folder for a new vault; the block makes database and header. Nothing is left when it raises.

    A kill at any moment leaves a folder that :func:`making` takes over.

    Raises:
        VaultExists: Something is in the folder, a vault or not; it was not changed.
        VaultBusy: Another process is making a vault there.
        DiskFull, VaultError: As named.
    """
    fresh = not folder.exists()
    with converted():
        _make_folder(folder)
    with alone(folder):
        _refuse_taken(folder)
        try:
            with converted():
                _prepare(folder)
            yield
        except BaseException:
            _clear(folder)
            if fresh:
                with suppress(OSError):
                    folder.rmdir()
            raise
    settle(folder)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes from making this vault or changing its header meanwhile. Raises VaultBusy."""
    with converted():
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise VaultBusy() from error
        yield
    finally:
        os.close(handle)


def settle(folder: Path) -> None:
    """Take away the mark of making from a whole vault. Harmless when it stays."""
    with suppress(OSError):
        (folder / MAKING).unlink()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise VaultExists() from error


def _refuse_taken(folder: Path) -> None:
    with converted():
        names = set(os.listdir(folder))
        half_made = MAKING in names and KEYS not in names
        stored = os.listdir(folder / ENCLOSURES) if ENCLOSURES in names else []
    if KEYS in names:
        raise VaultExists("There is already a vault in that folder; nothing was changed.")
    if (names and not half_made) or stored:
        raise VaultExists()


def _prepare(folder: Path) -> None:
    folder.chmod(0o700)
    files.open_new(folder / MAKING).close()
    files.sync_folder(folder)
    for leftover in _made(folder):
        leftover.unlink()
    (folder / ENCLOSURES).mkdir(mode=0o700, exist_ok=True)
    files.open_new(folder / DATABASE).close()


def _made(folder: Path) -> list[Path]:
    """What a making leaves besides its mark, the header first: a folder with a header counts as whole."""
    return [*sorted(folder.glob(KEYS + "*")), *sorted(folder.glob(DATABASE + "*"))]


def _clear(folder: Path) -> None:
    """Undo a making that failed. What cannot be removed is taken over by the next one, for the mark goes last."""
    with suppress(OSError):
        for path in _made(folder):
            path.unlink()
        (folder / ENCLOSURES).rmdir()
        (folder / MAKING).unlink()
