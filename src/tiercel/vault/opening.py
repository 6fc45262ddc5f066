"""The steps between a key and an open vault: connect, fill a new database, upgrade an old one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

from tiercel.errors import VaultDamaged

from . import database, layout, migrate
from .border import files as converted
from .border import from_sqlite


@contextmanager
def connected(folder: Path, key: bytes, vfs: str | None = None) -> Iterator[apsw.Connection]:
    """A connection that stays open when the block ends well and is closed when it raises.

    Raises:
        DiskFull, VaultBusy, VaultDamaged, VaultError: For whatever SQLite or the file system raises inside.
    """
    db = None
    try:
        with converted():
            db = database.connect(folder / layout.DATABASE, key, vfs)
            yield db
    except apsw.Error as error:
        ours = from_sqlite(error, db.system_errno if db else getattr(error, "system_errno", 0))
        if db:
            db.close()
        if ours is None:
            raise
        raise ours from error
    except BaseException:
        if db:
            db.close()
        raise


def fill(db: apsw.Connection, vault_id: bytes, steps: Sequence[str]) -> None:
    """Give an empty database its tables and its name."""
    database.use_wal(db)
    migrate.migrate(db, steps)
    db.execute("INSERT INTO meta (key, value) VALUES ('vault_id', ?), ('generation', 1)", (vault_id,))
    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def upgrade(db: apsw.Connection, folder: Path, key: bytes, steps: Sequence[str] | None, vfs: str | None = None) -> bool:
    """Bring an existing database to the present version, after copying it.

    Args:
        db: The connection.
        folder: The vault folder.
        key: For the copy.
        steps: The schema; None for the shipped one, which is then read only when it is needed.
        vfs: For the copy; see :func:`.database.connect`.

    Returns:
        Whether there was anything to do.

    Raises:
        VaultNewer, VaultDamaged: Before anything is written.
    """
    known = migrate.SCHEMA_VERSION if steps is None else len(steps)
    version = migrate.refuse_newer(db, known)
    if version == 0:
        raise VaultDamaged("The database of the vault is empty.")
    database.use_wal(db)
    if version < known:
        migrate.backup(db, folder / layout.DATABASE, lambda path: database.connect(path, key, vfs))
        migrate.migrate(db, migrate.shipped_steps() if steps is None else steps)
    return version < known
