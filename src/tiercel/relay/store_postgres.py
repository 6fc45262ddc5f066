"""The store of relays on one PostgreSQL: for more than one process or machine carries, and for a standby.

Any number of processes share it, each with a pool of connections. One act is one transaction on one box; what is said
to be held is committed, and where the server has a synchronous standby the standby has it too. The first error of a
connection or of the server ends the process, as nobody knows what became of a commit that was not answered.

Example:
    >>> store = await PostgresStore.open("postgresql:///relay", Rules(), entropy.token)  # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, Final, TypeAlias, TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool

from tiercel.errors import DiskFull, StoreError, StoreFailed, StoreNotDurable
from tiercel.limits import DAY_MS

from . import postgres_boxes as acts
from . import postgres_outside as outside
from . import postgres_server as server
from .postgres_bell import Bell
from .postgres_boxes import Box, Found, Putting
from .postgres_room import Room
from .postgres_server import Connection, rows
from .postgres_time import Time
from .protocol import BoxHashes, Given, Outcome, Part, Power, Registration, State, box_id
from .store import RUN_BYTES, Batch, Counts, Listener, Rules, Shown, pack_cursor, place_of

_CONNECTIONS: Final = 8
_PATIENCE_S: Final = 3600.0  # for a free connection: a server that waits for its standby is no error
_GOODBYE_S: Final = 10.0  # for what was begun at the end; without its standby a server never answers
_COUNT_S: Final = 2.0  # a count that takes longer
_COUNT_REST: Final = 100  # is good for so many times as long, however often somebody asks
_T = TypeVar("_T")
_Change: TypeAlias = Callable[[Connection, bytes, Box, Sequence[bytes]], Coroutine[Any, Any, Box]]


class PostgresStore:
    """A :class:`~tiercel.relay.store.Store` in a database. Made by :meth:`open`."""

    def __init__(self, rules: Rules, token: Callable[[int], bytes], stack: AsyncExitStack) -> None:
        self._rules = rules
        self._token = token
        self._stack = stack
        self._listeners: list[Listener] = []
        self._failure: StoreFailed | None = None
        self._acts: set[asyncio.Task[Any]] = set()
        self._counted: tuple[Counts | None, float] = None, 0.0
        self._visits: set[asyncio.Task[Any]] = set()
        self._pool: AsyncConnectionPool[Connection]
        self._steady: Connection
        self._room: Room
        self._time: Time
        self._bell: Bell

    @classmethod
    async def open(cls, address: str, rules: Rules, token: Callable[[int], bytes]) -> PostgresStore:
        """Open the store for serving, making it in an empty database; others may serve it too, by the same rules.

        Args:
            address: ``postgresql://...`` as PostgreSQL reads it.
            rules: Of the operator.
            token: Random bytes.

        Raises:
            StoreNotDurable, StoreDamaged, StoreNewer, StoreError: As named.
        """
        _keep_quiet()
        async with AsyncExitStack() as stack:
            store = cls(rules, token, stack)
            await store._begin(address)
            store._stack = stack.pop_all()
            return store

    async def _begin(self, address: str) -> None:
        self._steady = await self._connect(address)
        aside = await self._aside(address)
        # What goes over this one is counted anew or may get lost, so it need not wait for the disk.
        await aside.execute("SET synchronous_commit = off")
        self._room = Room(aside, self._rules)
        self._time = Time(self._steady, aside, self._room, self._rules)
        try:
            async with self._steady.transaction():
                await rows(self._steady, "SELECT pg_advisory_xact_lock(%s, %s)", (server.LOCKS, server.STARTING))
                await server.migrate(self._steady)
                await self._time.begin(self._token(RUN_BYTES))
            self._bell = Bell(aside, await self._aside(address), self._listeners, self._fail)
            await self._bell.begin()
            self._pool = AsyncConnectionPool(
                address, kwargs={"autocommit": True, **server.SETTINGS}, configure=self._configure, min_size=1,
                max_size=_CONNECTIONS, timeout=_PATIENCE_S, open=False,
            )  # fmt: skip
            await self._stack.enter_async_context(self._pool)
        except psycopg.Error as error:
            raise server.unreached(error) from None

    async def _connect(self, address: str) -> Connection:
        db = await self._aside(address)
        db.add_notice_handler(self._noticed)
        return db

    async def _aside(self, address: str) -> Connection:
        """A connection on which nothing is promised."""
        db = await server.connect(address)
        self._stack.push_async_callback(db.close)
        return db

    async def _configure(self, db: Connection) -> None:
        await server.configure(db)
        db.add_notice_handler(self._noticed)

    def _noticed(self, notice: psycopg.errors.Diagnostic) -> None:
        """A commit whose wait for the standby was ended says that it is done, and warns that it may not be."""
        if notice.severity_nonlocalized == "WARNING":
            self._fail(psycopg.OperationalError("a warning came with an answer"))

    def _fail(self, error: BaseException) -> StoreFailed:
        if self._failure is None:
            self._failure = StoreFailed()
            self._failure.__cause__ = error
        return self._failure

    async def _do(self, act: Coroutine[Any, Any, _T]) -> _T:
        """An act to its end, also when whoever asked goes away: half a commit is nobody's answer."""
        task = asyncio.ensure_future(self._guarded(act))
        self._acts.add(task)
        task.add_done_callback(self._acts.discard)
        return await asyncio.shield(task)

    async def _guarded(self, act: Coroutine[Any, Any, _T]) -> _T:
        if self._failure:
            act.close()
            raise self._failure
        try:
            value = await act
        except psycopg.errors.DiskFull as error:
            raise DiskFull("The disk of the relay is full.") from error
        except StoreNotDurable as error:  # since it was opened: nobody is promised anything from now on
            self._fail(error)
            raise
        except (psycopg.Error, StoreError) as error:
            raise self._fail(error) from error
        if self._failure:
            raise self._failure
        return value

    # -- boxes and tokens --

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    async def make_box(self, hashes: BoxHashes, registration: Registration, token_hash: bytes | None) -> Outcome:
        return await self._do(self._make(hashes, registration, token_hash))

    async def _make(self, hashes: BoxHashes, registration: Registration, token_hash: bytes | None) -> Outcome:
        box, by_token = box_id(hashes), registration is Registration.TOKEN
        async with self._pool.connection() as db:
            if await rows(db, "SELECT 1 FROM boxes WHERE box = %b", (box,)):
                return Outcome.THERE
            good = "hash = %b AND boxes > 0 AND ends_day > (SELECT relay_ms / %s FROM clock)"
            token = (token_hash or b"", DAY_MS)
            if registration is Registration.CLOSED:
                return Outcome.REFUSED
            if by_token and not await rows(db, f"SELECT 1 FROM tokens WHERE {good}", token):
                return Outcome.REFUSED
            reserve, made = self._rules.reserve_bytes, False
            if not await self._room.take(reserve):
                return Outcome.FULL
            try:
                # A transaction of its own: the row of a box must not lead to that of a token (spec/relay.md 5).
                self._time.linked = self._time.linked or by_token
                used = f"UPDATE tokens SET boxes = boxes - 1 WHERE {good} RETURNING 1"
                if by_token and not await rows(db, used, token):
                    return Outcome.REFUSED
                made = await self._insert(db, box, hashes)
                if by_token and not made:  # somebody made the same box in this moment
                    await rows(db, "UPDATE tokens SET boxes = boxes + 1 WHERE hash = %b RETURNING 1", (token_hash,))
                return Outcome.THERE
            finally:
                self._room.settle(reserve, made)

    async def _insert(self, db: Connection, box: bytes, hashes: BoxHashes) -> bool:
        life = int.from_bytes(self._token(8), "big") >> 2
        return bool(
            await rows(
                db, "INSERT INTO boxes SELECT %b, %s, %b, %b, %b, 1, '{}', '{}', relay_ms / %s FROM clock"
                " ON CONFLICT (box) DO NOTHING RETURNING 1", (box, life, *hashes, DAY_MS),
            )
        )  # fmt: skip

    async def add_token(self, token_hash: bytes, boxes: int, days: int) -> None:
        async def add() -> None:
            async with self._pool.connection() as db:
                await outside.add_token(db, token_hash, boxes, days)

        await self._do(add())

    async def close_box(self, erase: Shown) -> None:
        await self._do(self._close_box(erase))

    async def _close_box(self, erase: Shown) -> None:
        async with self._pool.connection() as db:
            seen = await acts.look(db, erase, Power.ERASE)
            freed, done = 0, False
            try:
                async with db.transaction():
                    box = await acts.lock(db, erase.box, seen.life)
                    if box.is_there:
                        used = box.used_bytes
                        freed = self._room.weight(used) - used
                        self._room.begin_giving(freed)
                        await rows(db, "DELETE FROM boxes WHERE box = %b RETURNING 1", (erase.box,))
                        values = (erase.box, box.life, used)
                        await rows(db, "INSERT INTO closing VALUES (%b, %s, %s) RETURNING 1", values)
                done = True
            finally:
                await self._room.end_giving(freed, done)

    # -- parcels --

    async def put(self, drop: Shown, parcels: Sequence[tuple[bytes, bytes]]) -> list[tuple[State, int]]:
        try:
            states = await self._do(self._put(drop, parcels))
        except DiskFull:
            return [(State.FULL, 0)] * len(parcels)
        if any(state is State.HELD for state, _ in states):
            for listener in self._listeners:
                listener([drop.box])
            self._bell.ring(drop.box)
        return states

    async def _put(self, drop: Shown, parcels: Sequence[tuple[bytes, bytes]]) -> list[tuple[State, int]]:
        async with self._pool.connection() as db:
            seen = await acts.look(db, drop, Power.DROP)
            putting, done = None, False
            try:
                async with db.pipeline(), db.transaction():
                    box, known = await acts.lock_with(db, drop.box, seen, [name for name, _ in parcels])
                    putting = Putting(self._room, self._rules, box, known)
                    states = [await putting.one(name, parcel) for name, parcel in parcels]
                    await putting.write(db, drop.box)
                done = True
                return states
            finally:
                if putting:
                    self._room.settle(putting.taken_bytes, done)

    async def state(self, drop: Shown, ids: Sequence[bytes]) -> list[tuple[State, int]]:
        async def ask() -> list[tuple[State, int]]:
            async with self._pool.connection() as db:
                return await acts.states(db, drop, ids)

        return await self._do(ask())

    async def fetch(self, pick_up: Shown, cursor: bytes, parcels_max: int, bytes_max: int, part: Part) -> Batch:
        async def look(db: Connection, box: Box) -> list[Found]:
            place = place_of(cursor, box.run)
            return await acts.behind(db, pick_up.box, box, place, (parcels_max, bytes_max), part)

        box, found = await self._do(self._sound(pick_up, look))
        if box.is_there and box.visited_day != box.day:
            self._note_visit(pick_up.box, box)
        given = [one for one in found if one.given]
        place = given[-1].place if given else place_of(cursor, box.run)
        return Batch(pack_cursor(box.run, place), len(given) < len(found), [one.given for one in given if one.given])

    async def pick(self, pick_up: Shown, ids: Sequence[bytes], bytes_max: int) -> tuple[int, Sequence[Given]]:
        async def look(db: Connection, box: Box) -> list[Found]:
            return await acts.picked(db, pick_up.box, box, ids, bytes_max)

        _, found = await self._do(self._sound(pick_up, look))
        left_out = next((one.name for one in found if not one.given), None)
        looked_at = len(ids) if left_out is None else list(ids).index(left_out)
        return looked_at, [one.given for one in found if one.given]

    async def _sound(
        self, pick_up: Shown, look: Callable[[Connection, Box], Coroutine[Any, Any, list[Found]]]
    ) -> tuple[Box, list[Found]]:
        """What is found in a box, once whatever rotted there is let go of."""
        async with self._pool.connection() as db:
            box = await acts.look(db, pick_up, Power.PICK_UP)
            found = await look(db, box)
            while spoilt := [one.name for one in found if one.spoilt]:
                await self._change(db, pick_up.box, box.life, acts.forget, spoilt)
                found = await look(db, box)
            return box, found

    def _note_visit(self, box_id: bytes, box: Box) -> None:
        """Nobody waits for it: whoever has the key would otherwise wait longer than whoever has not."""

        async def note() -> None:
            with suppress(StoreFailed, DiskFull):  # whoever asks next hears of it
                await self._do(visit())

        async def visit() -> None:
            async with self._pool.connection() as db:
                values = (box.day, box_id, box.life, box.day)
                await rows(db, _VISIT, values)

        task = asyncio.ensure_future(note())
        self._visits.add(task)
        task.add_done_callback(self._visits.discard)

    async def erase(self, erase: Shown, ids: Sequence[bytes]) -> None:
        async def collect() -> None:
            async with self._pool.connection() as db:
                seen = await acts.look(db, erase, Power.ERASE)
                if await acts.any_there(db, erase.box, seen, ids):
                    await self._change(db, erase.box, seen.life, acts.collect, ids)

        await self._do(collect())

    async def _change(self, db: Connection, box_id: bytes, life: int, act: _Change, ids: Sequence[bytes]) -> None:
        """Make a box smaller, in a transaction of its own."""
        freed, done = 0, False
        try:
            async with db.pipeline(), db.transaction():
                box = await acts.lock(db, box_id, life)
                after = await act(db, box_id, box, ids)
                freed = self._room.weight(box.used_bytes) - self._room.weight(after.used_bytes)
                self._room.begin_giving(freed)
            done = True
        finally:
            await self._room.end_giving(freed, done)

    # -- time and numbers --

    async def tick(self, now_ms: int) -> bool:
        await asyncio.gather(*self._visits)
        try:
            return await self._do(self._time.tick(now_ms))
        except DiskFull:  # the next one tries again
            return False

    async def counts(self) -> Counts:
        """Numbers for the operator. On a store so large that counting takes long, those of a while ago."""
        clock = asyncio.get_running_loop().time
        counted, good_until = self._counted
        if counted and clock() < good_until:
            return counted
        began = clock()
        counted = await self._do(self._count())
        took = clock() - began
        self._counted = counted, clock() + (took * _COUNT_REST if took > _COUNT_S else 0)
        return counted

    async def _count(self) -> Counts:
        async with self._pool.connection() as db:
            return await outside.counts(db, self._rules.reserve_bytes)

    async def close(self) -> None:
        """Finish what was begun, and let go of the connections. May be called twice."""
        if begun := self._visits | self._acts:
            await asyncio.wait(begun, timeout=_GOODBYE_S)
        stack, self._stack = self._stack, AsyncExitStack()
        if hasattr(self, "_bell"):
            await self._bell.end()
        if not self._failure and not self._steady.closed:
            with suppress(psycopg.Error):
                await self._room.give_back()
                await rows(self._steady, "SELECT pg_advisory_unlock_all()::text")
        await stack.aclose()


_VISIT: Final = "UPDATE boxes SET visited_day = %s WHERE box = %b AND life = %s AND visited_day <> %s RETURNING 1"


def _keep_quiet() -> None:
    """What the library logs of a connection holds addresses; what matters of it comes as an error."""
    logger = logging.getLogger("psycopg")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
