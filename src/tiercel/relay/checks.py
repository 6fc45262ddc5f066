"""What an operator's doctor looks at: whether the store keeps what it holds, and if there is room for it."""

from __future__ import annotations

import asyncio
import resource
import shutil
import stat
from pathlib import Path
from typing import Final, NamedTuple

from tiercel.errors import StoreError

from . import certificate, sqlite_file
from .stores import Place, existing, warning_of, warnings_of

_FILES_ENOUGH: Final = 4096
_WELL_FILLED: Final = 0.9


class Finding(NamedTuple):
    """One thing that was looked at."""

    what: str
    well: bool
    sentence: str
    remedy: str = ""


def examine(place: Place, room_bytes: int) -> list[Finding]:
    """Look at a store that is there, its disk, its certificate and the limits of the machine.

    Raises:
        StoreError: There is no store.
    """
    if place.path is None:
        return [_server(place), _certificate(place), _files()]
    path = existing(place)
    return [_store(path, place.synchronous), _disk(place), _room(path, room_bytes), _certificate(place), _files()]


def _store(path: Path, level: str) -> Finding:
    try:
        db = sqlite_file.connect(path, sqlite_file.synchronous_level(level))
        try:
            sqlite_file.version_of(db)
            sqlite_file.verify(db)
        finally:
            db.close()
    except StoreError as error:
        return Finding("store", False, str(error), error.remedy)
    return Finding("store", True, "Every page is whole, and a commit survives a power cut.")


def _server(place: Place) -> Finding:
    try:
        warnings = asyncio.run(warnings_of(place))
    except StoreError as error:
        return Finding("store", False, str(error), error.remedy)
    return Finding("store", True, " ".join(["A commit survives a power cut.", *warnings]))


def _disk(place: Place) -> Finding:
    try:
        warning = warning_of(place)
    except StoreError as error:
        return Finding("disk", False, str(error), error.remedy)
    if warning:
        return Finding("disk", False, warning, "Put the store on a disk.")
    return Finding("disk", True, "The store lies on a disk of this machine.")


def _room(path: Path, room_bytes: int) -> Finding:
    usage = shutil.disk_usage(path.parent)
    if usage.free + path.stat().st_size < room_bytes * _WELL_FILLED:
        return Finding("room", False, "The disk has less room than the boxes may take.", "Give a smaller --room.")
    return Finding("room", True, "The disk has room for all that the boxes may take.")


def _certificate(place: Place) -> Finding:
    own = place.certificate
    if not own.exists():
        return Finding("certificate", True, "There is none of the relay's own; it is made when it is needed.")
    try:
        certificate.context_of(own, own)
        certificate.fingerprint_of(own)
    except StoreError as error:
        return Finding("certificate", False, str(error), "Put back a copy: with another, nobody recognises this relay.")
    if stat.S_IMODE(own.stat().st_mode) & 0o077:
        return Finding("certificate", False, "Others on this machine can read its key.", f"chmod 600 {own.name}")
    return Finding("certificate", True, "It is there, and only you can read its key.")


def _files() -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < _FILES_ENOUGH and hard != resource.RLIM_INFINITY:
        return Finding("connections", False, f"Only {hard} at once are allowed.", "Raise LimitNOFILE or ulimit -n.")
    return Finding("connections", True, "Enough are allowed at once.")
