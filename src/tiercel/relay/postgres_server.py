"""The PostgreSQL under a relay's store: reached, found durable or refused, brought to the newest schema.

A relay promises to hold what it stored, so a server that would not keep a commit is refused here, before anything is
promised, and looked at again at every tick: its operator can change these settings while it runs.
Source: spec/relay.md 7; security.md 4.4.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import psycopg

from tiercel.errors import StoreDamaged, StoreError, StoreNewer, StoreNotDurable

Connection: TypeAlias = psycopg.AsyncConnection[Any]

SCHEMA_VERSION: Final = 1
LOCKS: Final = 0x7E1AC000  # first half of the advisory locks of relays; the second half says which
STARTING, SERVING, KEEPING_TIME = 1, 2, 3
_OLDEST: Final = 140000  # of the servers this was written for
# A server that vanished without a word is noticed within half a minute. A time-out of the server's own would end the
# wait for a standby and call the commit done, so none may be set.
SETTINGS: Final[dict[str, Any]] = {
    "application_name": "tiercel-relay", "connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5,
    "keepalives_count": 3, "tcp_user_timeout": 30_000,
}  # fmt: skip
_QUIET: Final = (
    "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout',"
    " 'transaction_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout');"
    # Whoever waited for the row of a box has to see what the one before wrote.
    " SET default_transaction_isolation = 'read committed';"
    " SET client_min_messages = warning;"
    " SELECT set_config('synchronous_commit', current_setting('synchronous_commit'), false)"
)


async def connect(address: str) -> Connection:
    """A connection of which each statement is a transaction, if nothing else is said.

    Args:
        address: ``postgresql://...`` as PostgreSQL reads it.

    Raises:
        StoreError: It cannot be reached; nothing of the address is in the sentence.
        StoreNotDurable: Its commits would not be kept.
    """
    try:
        db = await psycopg.AsyncConnection.connect(address, autocommit=True, **SETTINGS)
        try:
            await configure(db)
        except BaseException:
            await db.close()
            raise
        return db
    except psycopg.Error as error:
        raise unreached(error) from None


async def configure(db: Connection) -> None:
    """Look at a new connection, and let nothing end a commit before it is done.

    Raises:
        StoreNotDurable: Its commits would not be kept.
    """
    await require_durable(db)
    await db.execute(_QUIET)


def unreached(error: psycopg.Error) -> StoreError:
    """The error of a database that cannot be opened; what the library says of it holds the address."""
    return StoreError(f"The store of the relay cannot be opened: {said(error)}.", remedy="Look at --store.")


async def require_durable(db: Connection) -> None:
    """Read back what makes a commit durable.

    Raises:
        StoreNotDurable: It is not so.
        StoreError: A standby, or a server too old.
    """
    cursor = await db.execute(
        "SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'),"
        " pg_is_in_recovery(), current_setting('server_version_num')::int"
    )
    judge(*await cursor.fetchone() or ("off", "off", "off", False, _OLDEST))


def judge(fsync: str, full_page_writes: str, synchronous_commit: str, standby: bool, version: int) -> None:
    """Whether commits of a server with these settings are kept.

    Raises:
        StoreNotDurable, StoreError: As :func:`require_durable`.
    """
    if version < _OLDEST:
        raise StoreError("This PostgreSQL is too old for a relay.", remedy="Use 14 or newer.")
    if standby:
        raise StoreError(
            "This PostgreSQL is a standby and takes no writes.",
            remedy="Name the primary, or all of them with ?target_session_attrs=read-write.",
        )
    for name, value in (("fsync", fsync), ("full_page_writes", full_page_writes)):
        if value != "on":
            raise StoreNotDurable(
                f"PostgreSQL runs with {name} off, so a power cut would take what was promised; this relay promises "
                "nothing.",
                remedy=f"Set {name} = on in postgresql.conf.",
            )
    # local and remote_write say that a commit is done before the standby has it on its disk.
    if synchronous_commit not in ("on", "remote_apply"):
        raise StoreNotDurable(
            f"PostgreSQL runs with synchronous_commit {synchronous_commit}, so it says that a commit is done before it "
            "is; this relay promises nothing.",
            remedy="Set synchronous_commit = on for the server, the database and the role.",
        )


async def migrate(db: Connection) -> None:
    """Bring a store to the newest schema; an empty database becomes one. Inside a transaction.

    Raises:
        StoreNewer: Written by a newer Tiercel; nothing was changed.
        StoreDamaged: No store of a relay.
    """
    for number in range(await version_of(db) + 1, SCHEMA_VERSION + 1):
        # Without parameters a file of many statements is run as it is.
        await db.execute(step(number))
        await db.execute(
            "INSERT INTO meta VALUES ('schema_version', %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (number,),
        )


def step(number: int) -> bytes:
    """The statements that lead to a version of the schema from the one before."""
    from importlib.resources import files

    return (files(__package__) / "schema" / f"postgres_{number:04}.sql").read_bytes()


async def version_of(db: Connection) -> int:
    """The version of the schema; 0 in an empty database.

    Raises:
        StoreNewer, StoreDamaged: As :func:`migrate`.
    """
    tables = {
        row[0]
        for row in await rows(db, "SELECT relname FROM pg_class WHERE relnamespace = current_schema::regnamespace")
    }
    if not tables:
        return 0
    found = []
    if {"meta", "clock", "boxes", "parcels"} <= tables:
        found = await rows(db, "SELECT value FROM meta WHERE key = 'schema_version'")
    if not found:
        raise StoreDamaged(
            "This database is no store of a relay; nothing was changed.", remedy="Name an empty one with --store."
        )
    if found[0][0] > SCHEMA_VERSION:
        raise StoreNewer()
    return int(found[0][0])


async def rows(db: Connection, statement: str, values: Any = ()) -> list[Any]:
    """All rows of a statement, read in binary."""
    cursor = await ask(db, statement, values)
    return await cursor.fetchall()


async def ask(db: Connection, statement: str, values: Any = ()) -> psycopg.AsyncCursor[Any]:
    """A statement sent; in a pipeline it is answered when its rows are asked for."""
    cursor = db.cursor(binary=True)
    await cursor.execute(statement.encode("ascii"), values or None, binary=True)
    return cursor


def said(error: psycopg.Error) -> str:
    """What PostgreSQL has to say of an error, without a statement, a value or an address in it."""
    return f"{type(error).__name__} {error.sqlstate or ''}".strip()


async def warnings_of(db: Connection) -> list[str]:
    """What an operator should know of a server whose commits are kept."""
    checksums, standbys = (
        await rows(db, "SELECT current_setting('data_checksums'), current_setting('synchronous_standby_names')")
    )[0]
    found = []
    if checksums != "on":
        found.append("PostgreSQL has no data checksums: what rots in its tables is found late. See pg_checksums.")
    if not standbys:
        found.append("PostgreSQL has no synchronous standby: what was promised lies on one machine.")
    return found
