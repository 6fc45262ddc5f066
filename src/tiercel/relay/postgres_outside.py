"""A PostgreSQL store from outside the processes that serve it, for its operator; and the numbers of one.

Raises, each of these: StoreError and its kinds, as opening does.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import psycopg

from tiercel.errors import StoreError
from tiercel.limits import DAY_MS

from . import postgres_server as server
from .postgres_server import Connection, rows
from .postgres_time import SERVERS
from .store import Counts

_T = TypeVar("_T")
_COUNTS: Final = (
    "SELECT count(*), coalesce(sum(live_bytes(ends, uses, day)), 0)::bigint,"
    " (coalesce(sum(greatest(live_bytes(ends, uses, day), %s)), 0)"
    " + (SELECT coalesce(sum(used_bytes), 0) FROM closing))::bigint,"
    " (SELECT count(*) FROM parcels WHERE place > 0 AND ends_day > (SELECT relay_ms / %s FROM clock)),"
    " (SELECT count(*) FROM tokens), (SELECT relay_ms / %s FROM clock)"
    " FROM boxes, (SELECT relay_ms / %s AS day FROM clock) AS today"
)
_ADD_TOKEN: Final = (
    "INSERT INTO tokens SELECT %b, %s, relay_ms / %s + %s + 1 FROM clock"
    " ON CONFLICT (hash) DO UPDATE SET boxes = excluded.boxes, ends_day = excluded.ends_day RETURNING 1"
)


async def counts(db: Connection, reserve_bytes: int) -> Counts:
    """Numbers of a store."""
    boxes, used, taken, parcels, tokens, day = (await rows(db, _COUNTS, (reserve_bytes, DAY_MS, DAY_MS, DAY_MS)))[0]
    return Counts(boxes, parcels, used, taken, tokens, day)


async def add_token(db: Connection, token_hash: bytes, boxes: int, days: int) -> None:
    """Let boxes be made with a token."""
    await rows(db, _ADD_TOKEN, (token_hash, boxes, DAY_MS, days))


async def counts_of(address: str, reserve_bytes: int = 0) -> Counts:
    """Numbers of a store, whether relays serve it now or not."""
    return await _outside(address, lambda db: counts(db, reserve_bytes))


async def add_token_to(address: str, token_hash: bytes, boxes: int, days: int) -> None:
    """Write a token into a store, whether relays serve it now or not."""
    await _outside(address, lambda db: add_token(db, token_hash, boxes, days))


async def servers_of(address: str) -> int:
    """How many relays serve a store now."""

    async def count(db: Connection) -> int:
        return int((await rows(db, SERVERS, (server.LOCKS, server.SERVING)))[0][0])

    return await _outside(address, count)


async def warnings_of(address: str) -> list[str]:
    """What an operator should know of a server whose commits are kept."""
    return await _outside(address, server.warnings_of)


async def _outside(address: str, act: Callable[[Connection], Coroutine[Any, Any, _T]]) -> _T:
    db = await server.connect(address)
    async with db:
        try:
            if not await server.version_of(db):
                raise StoreError("There is no store there yet.", remedy="`tiercel relay serve` makes it.")
            return await act(db)
        except psycopg.Error as error:
            raise server.unreached(error) from None
