"""Stores by their address: ``sqlite:PATH`` or ``postgresql://...``, and the files that belong beside one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qsl

from tiercel.errors import StoreError

from .store import Counts, Rules, Store

Token = Callable[[int], bytes]
_SQLITE = "sqlite:"
_POSTGRES = ("postgresql://", "postgres://")
_MOUNTS = Path("/proc/mounts")


@dataclass(frozen=True)
class Place:
    """Where a store is.

    Attributes:
        path: Of the SQLite file; None for another kind.
        address: As it was given, for the other kinds. It may hold a password.
        synchronous: The level asked for in the address.
        beside: What the names of the certificate and of other files begin with.
    """

    path: Path | None
    address: str
    synchronous: str
    beside: Path

    @property
    def certificate(self) -> Path:
        """The relay's own certificate and key."""
        return self.beside.with_name(self.beside.name + ".tls.pem")

    @property
    def said(self) -> Path:
        """The address of the relay as it was last printed."""
        return self.beside.with_name(self.beside.name + ".address")


def place_of(address: str, folder: Path) -> Place:
    """Read what was given as ``--store``.

    Args:
        address: ``sqlite:PATH`` (also with ``?synchronous=LEVEL``) or ``postgresql://...``.
        folder: For the files beside a store that is no file.

    Raises:
        StoreError: Of no known kind.
    """
    if address.startswith(_POSTGRES):
        return Place(None, address, "FULL", folder / "relay")
    if not address.startswith(_SQLITE):
        raise StoreError("The store is named sqlite:PATH or postgresql://HOST/NAME.")
    name, _, query = address.removeprefix(_SQLITE).partition("?")
    settings = dict(parse_qsl(query, keep_blank_values=True))
    level = settings.pop("synchronous", "FULL")
    if not name or settings:
        raise StoreError("The store is named sqlite:PATH, and nothing but ?synchronous= may follow.")
    path = Path(name).expanduser()
    return Place(path, "", level, path)


def mounts() -> str:
    """The file systems of this machine, as Linux lists them; empty elsewhere."""
    return _MOUNTS.read_text("utf-8", "replace") if _MOUNTS.exists() else ""


def warning_of(place: Place) -> str | None:
    """What an operator should know of where a store is.

    Raises:
        StoreNotDurable: Nothing can be promised there.
    """
    if place.path is None:
        return None
    from .sqlite_file import require_local

    return require_local(place.path, mounts())


async def open_store(place: Place, rules: Rules, token: Token) -> Store:
    """Open a store for serving, with its durability checked; made where there is none.

    Raises:
        StoreError: And its kinds, as named.
    """
    if place.path is None:
        _make_folder(place.beside.parent)
        _require_client()
        from .store_postgres import PostgresStore

        return await PostgresStore.open(place.address, rules, token)
    from . import sqlite_file
    from .store_sqlite import SqliteStore

    warning_of(place)
    _make_folder(place.path.parent)
    return SqliteStore.open(place.path, rules, token, level=sqlite_file.synchronous_level(place.synchronous))


async def warnings_of(place: Place) -> list[str]:
    """What an operator should know of a store that is there and keeps what it commits.

    Raises:
        StoreError: And its kinds, as named.
    """
    if place.path is None:
        _require_client()
        from . import postgres_outside

        return await postgres_outside.warnings_of(place.address)
    return [warning for warning in (warning_of(place),) if warning]


def _require_client() -> None:
    if find_spec("psycopg") is None or find_spec("psycopg_pool") is None:
        raise StoreError("This installation has no client for PostgreSQL.", remedy="pip install 'tiercel[postgres]'")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"The folder of the store cannot be made: {error.strerror}.") from error


def counts_of(place: Place) -> Counts:
    """Numbers of a store, whether a relay serves it now or not.

    Raises:
        StoreError: There is none, or it cannot be read.
    """
    if place.path is None:
        _require_client()
        from . import postgres_outside

        return asyncio.run(postgres_outside.counts_of(place.address))
    from . import store_sqlite

    return store_sqlite.counts_of(existing(place))


def add_token(place: Place, token_hash: bytes, boxes: int, days: int) -> None:
    """Write a token into a store, whether a relay serves it now or not.

    Raises:
        StoreError: There is none, or it cannot be written.
    """
    if place.path is None:
        _require_client()
        from . import postgres_outside

        asyncio.run(postgres_outside.add_token_to(place.address, token_hash, boxes, days))
        return
    from . import store_sqlite

    store_sqlite.add_token_to(existing(place), token_hash, boxes, days)


def is_served(place: Place) -> bool:
    """Whether a relay serves this store now."""
    if place.path is None:
        _require_client()
        from . import postgres_outside

        return asyncio.run(postgres_outside.servers_of(place.address)) > 0
    from . import sqlite_file

    return sqlite_file.is_kept(place.path)


def said_address(place: Place) -> str | None:
    """The address the relay of this store printed last, if any."""
    try:
        return place.said.read_text("ascii").strip() or None
    except (OSError, ValueError):
        return None


def existing(place: Place) -> Path:
    """The file of a store that is there.

    Raises:
        StoreError: There is none.
    """
    if place.path is None or not place.path.is_file():
        raise StoreError("There is no store there yet.", remedy="`tiercel relay serve` makes it; --store names it.")
    return place.path
