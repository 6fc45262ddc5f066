"""The rollback marker: the highest generation of a vault seen on this machine, kept outside the vault folder.

Page encryption finds a changed bit but not yesterday's whole file put back. An old copy would take one-time keys for
unused that are used, and numbers for free that are taken; so nothing is sent from one until a person decides. A marker
that is missing or unreadable says nothing: a new machine is no rollback, and losing the folder never locks anyone out.

It tells whoever reads the state directory that some vault was used here and how often it changed, not which or whose.

Source: spec/vault.md 4; security.md A41.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from . import files

# Far above any real count, and far enough below SQLite's largest integer to count on from it.
_GENERATION_MAX = 1 << 60
_DIGITS_MAX = 19
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def default_state_dir(environ: Mapping[str, str], home: Path) -> Path:
    """``$XDG_STATE_HOME/tiercel``, or ``~/.local/state/tiercel`` where that is unset or not absolute."""
    base = environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else home / ".local" / "state") / "tiercel"


def marker_path(state_dir: Path, vault_id: bytes) -> Path:
    """Where the marker of a vault is. The name is a hash: it does not say which vault."""
    return state_dir / ("vault-" + hashlib.sha256(b"tiercel/1 vault marker" + vault_id).hexdigest()[:32])


def read_marker(state_dir: Path | None, vault_id: bytes) -> int | None:
    """The highest generation seen, or None where nothing is known."""
    if state_dir is None:
        return None
    try:
        with marker_path(state_dir, vault_id).open("rb") as file:
            text = file.read(_DIGITS_MAX + 2)
    except OSError:
        return None
    if not re.fullmatch(rb"\d{1,19}\n", text) or int(text) > _GENERATION_MAX:
        return None
    return int(text)


def raise_marker(state_dir: Path | None, vault_id: bytes, generation: int) -> bool:
    """Raise the marker to ``generation``; it never goes down.

    Returns:
        Whether it stands at least there now. False where there is no state directory or it cannot be written: then a
        rollback would not be noticed, which is a thing to tell and no reason to stop.
    """
    if state_dir is None:
        return False
    try:
        handle = _opened(state_dir)
        try:
            # Two processes at once must not end with the lower number.
            fcntl.flock(handle, fcntl.LOCK_EX)
            if generation > (read_marker(state_dir, vault_id) or 0):
                files.replace(marker_path(state_dir, vault_id), b"%d\n" % generation)
        finally:
            os.close(handle)
    except OSError:
        return False
    return True


def _opened(folder: Path) -> int:
    try:
        return os.open(folder, _FOLDER)
    except FileNotFoundError:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(folder, _FOLDER)
