"""Numbered ``schema/NNNN.sql`` files and the way from one version of the vault to the next.

Each file is one step and runs in one transaction together with the new ``schema_version``; a crash leaves the version
before or the version after. A vault that has letters in it is copied first, under its own key. A step never changes
what a column means; it adds a column and leaves the old one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import apsw

from tiercel.errors import VaultDamaged, VaultNewer

from . import files

SCHEMA_VERSION = 3  # the last file in schema/; a constant, since listing a package costs 5 ms at each start
_BACKUP = "vault.db.before-"


def shipped_steps() -> tuple[str, ...]:
    """The text of every step, first to last."""
    from importlib.resources import files as resources  # 5 ms; only a new or an old vault needs it

    folder = resources(__package__) / "schema"
    return tuple((folder / f"{number:04}.sql").read_text("utf-8") for number in range(1, SCHEMA_VERSION + 1))


def version_of(db: apsw.Connection) -> int:
    """The version of the schema in a vault; 0 where there is none yet.

    Raises:
        VaultDamaged: There is a schema, and it does not say which.
        apsw.Error: As reading does.
    """
    if db.execute("SELECT count(*) FROM sqlite_schema").get == 0:
        return 0
    with suppress(apsw.SQLError):  # no table of that name
        version = db.execute("SELECT value FROM meta WHERE key = 'schema_version'").get
        if isinstance(version, int) and version > 0:
            return version
    raise VaultDamaged()


def refuse_newer(db: apsw.Connection, known: int) -> int:
    """The version of the schema, if this program can read it.

    Raises:
        VaultNewer: It cannot; nothing was changed.
    """
    version = version_of(db)
    if version > known:
        raise VaultNewer()
    return version


def migrate(db: apsw.Connection, steps: Sequence[str]) -> None:
    """Bring a vault from the version it has to the last of ``steps``. Two processes may do so at once."""
    for number in range(refuse_newer(db, len(steps)) + 1, len(steps) + 1):
        db.execute("BEGIN IMMEDIATE")
        try:
            # Asked again now that nobody else can write: another process may have taken this step.
            if refuse_newer(db, len(steps)) == number - 1:
                _take(db, number, steps[number - 1])
            db.execute("COMMIT")
        except BaseException:
            with suppress(apsw.Error):
                db.execute("ROLLBACK")
            raise


def _take(db: apsw.Connection, number: int, step: str) -> None:
    db.execute(step)
    if not db.in_transaction:
        raise RuntimeError(f"step {number} ends its transaction")
    db.execute(
        "INSERT OR REPLACE INTO meta (key, value) VALUES ('schema_version', ?)",
        (number,),
    )
    db.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")


def backup(db: apsw.Connection, path: Path, connect: Callable[[Path], apsw.Connection]) -> Path:
    """Copy a vault beside itself before an upgrade, encrypted under the same key.

    Args:
        db: The open vault.
        path: Of its database.
        connect: Opens a keyed database, making it where it is missing.

    Returns:
        The copy, ``vault.db.before-N`` with N the version to come. It holds every key the vault holds, also those
        deleted later: see :func:`backups`.

    Raises:
        OSError, apsw.Error: The copy could not be made whole; nothing is left of it.
    """
    final = path.with_name(f"{_BACKUP}{version_of(db) + 1}")
    part = final.with_name(final.name + ".part")
    try:
        part.unlink(missing_ok=True)
        files.open_new(part).close()
        copy = connect(part)
        try:
            with copy.backup("main", db, "main") as job:
                job.step()
            # One file is easier to put back than three.
            copy.pragma("journal_mode", "delete")
        finally:
            copy.close()
        os.replace(part, final)
    except BaseException:
        for leftover in path.parent.glob(part.name + "*"):
            leftover.unlink(missing_ok=True)
        raise
    files.sync_folder(path.parent)
    return final


def backups(folder: Path) -> list[Path]:
    """The copies that upgrades left. Each still holds keys that were deleted since, so none may stay for long."""
    return sorted(folder.glob(_BACKUP + "*"))
