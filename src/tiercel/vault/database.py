"""One keyed connection to ``vault.db``, with every setting the vault depends on set and read back.

The key is 32 bytes from ``vault.keys``, given raw: the page cipher's own passphrase derivation is never used. It stands
in one statement only, whose errors are dropped whole, so that no message, log or trace can quote it.

Source: spec/vault.md 2; security.md A41.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import apsw

from tiercel.errors import VaultDamaged, VaultError
from tiercel.limits import KEY_BYTES, VAULT_BUSY_MS

CIPHER = "chacha20"  # every page authenticated; a changed bit is found when the page is read
_PLAIN_MAGIC = b"SQLite format 3\0"
_ENCRYPTING_LAYER = "multipleciphers-"
_MODE_WAL = "wal"
_STATEMENTS_KEPT = 400  # a visit to the roads has over a hundred; with apsw's 100 a third of them were prepared anew
_SETTINGS = (
    ("temp_store", 2),  # temporary tables and sorts in memory: sqlite3mc does not encrypt temporary files
    ("secure_delete", 1),  # deleted bytes are overwritten, else keys live on in free pages
    ("foreign_keys", 1),
    ("trusted_schema", 0),
    ("cell_size_check", 1),
    ("mmap_size", 0),
    ("synchronous", 2),  # FULL: a commit that returned survives a power cut
    ("hmac_check", 1),  # the tag of each page is looked at
)


def connect(path: Path, key: bytes, vfs: str | None = None) -> apsw.Connection:
    """Open an existing file as an encrypted database; a file of no bytes becomes a new one.

    Args:
        path: The file.
        key: 32 bytes.
        vfs: Name of a registered SQLite VFS that does the file work, below the page cipher; None is the system's own.

    Raises:
        VaultError: The library is not the encrypting one, or a setting did not take.
        VaultDamaged: The file is not encrypted.
        apsw.Error: For the caller's border, with the ``system_errno`` of the connection.
    """
    require_cipher()
    _refuse_plain(path)
    # The cipher is always outermost: see _give_key.
    opener = partial(apsw.Connection, vfs=_ENCRYPTING_LAYER + vfs) if vfs else apsw.Connection
    db = opener(str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=_STATEMENTS_KEPT)
    try:
        db.set_busy_timeout(VAULT_BUSY_MS)
        _give_key(db, key)
        _configure(db)
    except BaseException as error:
        if isinstance(error, apsw.Error):
            # Only an open connection knows whether the disk was full or failed.
            error.system_errno = db.system_errno  # type: ignore[attr-defined]
        # A lingering connection, even one without its key, would stand in the way of others.
        db.close()
        raise
    return db


def require_cipher() -> None:
    """Refuse the ordinary SQLite, which installs under the same name and would write everything in the clear.

    Raises:
        VaultError: With how to mend it.
    """
    in_memory = {"TEMP_STORE=2", "TEMP_STORE=3"} & set(apsw.compile_options)
    if not getattr(apsw, "mc_version", "") or not in_memory:
        raise VaultError(
            "The database library here cannot encrypt, so the vault was not touched.",
            remedy="Run `make setup` again: it installs apsw-sqlite3mc, and `apsw` beside it must go.",
        )


def use_wal(db: apsw.Connection) -> None:
    """Set the journal, after the version is known: this may write to the file."""
    if db.pragma("journal_mode", _MODE_WAL) != _MODE_WAL or db.pragma("journal_mode") != _MODE_WAL:
        raise _setting_refused("journal_mode")


def _give_key(db: apsw.Connection, key: bytes) -> None:
    if len(key) != KEY_BYTES:
        # Any other length would be taken for a passphrase without a word, and an empty one for no encryption.
        raise VaultError("The key of the vault has a wrong length.")
    answer = None
    try:
        # The cipher first: behind the key it answers with the new name and is ignored.
        if db.pragma("cipher", CIPHER) == CIPHER and db.pragma("cipher") == CIPHER:
            answer = db.pragma("key", "raw:" + key.hex())
    except apsw.Error:
        pass  # its text and its trace quote the statement, which holds the key
    # With any other layer outermost the database is encrypted and its log is not.
    if answer != "ok" or not (db.vfsname("main") or "").startswith(_ENCRYPTING_LAYER):
        raise VaultError("The vault's cipher could not be set.", remedy="Run `make setup` again.")


def _configure(db: apsw.Connection) -> None:
    for name, value in _SETTINGS:
        db.pragma(name, value)
        if str(db.pragma(name)) != str(value):  # settings of the cipher answer as text
            raise _setting_refused(name)
    for option in (apsw.SQLITE_DBCONFIG_DQS_DML, apsw.SQLITE_DBCONFIG_DQS_DDL):
        db.config(option, 0)  # a misspelt "column" is an error, not a text
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    # Else most statements are prepared anew for each value bound to them, in case another plan fits it better.
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)


def _setting_refused(name: str) -> VaultError:
    return VaultError(f"The database did not take the setting {name}.", remedy="Run `make setup` again.")


def _refuse_plain(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(len(_PLAIN_MAGIC)) == _PLAIN_MAGIC:
            raise VaultDamaged(
                "The database of the vault is not encrypted, so it is not the vault's. Nothing was changed."
            )
