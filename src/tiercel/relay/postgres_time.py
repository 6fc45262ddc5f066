"""Relay time of a PostgreSQL store, and taking away what ended.

Several processes share one clock, so one of them moves it, by the steps of its own wall clock; when that one ends
another goes on. What ended counts no more from that moment; its bytes go when the whole partition has ended, in one
piece. Source: spec/relay.md 5.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import psycopg

from tiercel.limits import DAY_MS

from .postgres_room import Room
from .postgres_server import KEEPING_TIME, LOCKS, SERVING, STARTING, Connection, require_durable, rows
from .store import Rules, moved

SERVERS: Final = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_PARTITIONS: Final = 8  # that hold what is promised: few, for every look-up by id asks each
_AHEAD_DAYS: Final = 3  # the clock moves by a day at most between two ticks
_SLICE_ROWS: Final = 500
_SLICE_BOXES: Final = 64
_LOCK_WAIT: Final = "1s"  # a partition comes or goes while nobody reads; puts wait behind whoever waits for that


class Time:
    """The clock, as far as this process moves it.

    Args:
        db: A connection of its own; the locks of this process are kept on it.
        aside: One on which nothing is promised.
        room: Of this process.
        rules: Of the operator.
    """

    def __init__(self, db: Connection, aside: Connection, room: Room, rules: Rules) -> None:
        self._db = db
        self._aside = aside
        self._room = room
        self._rules = rules
        self._ticking = asyncio.Lock()
        self._keeps = False
        self._swept_day = -1
        self.linked = False  # whether tables show which token made which box

    async def begin(self, run: bytes) -> None:
        """Join the relays on this database, as one of them or the first. Inside a transaction.

        Args:
            run: Random bytes; cursors are good as long as one relay lives that knows them.
        """
        (relay_ms,) = (await rows(self._db, "SELECT relay_ms FROM clock"))[0]
        await self._cover(relay_ms // DAY_MS)
        await rows(self._db, "SELECT pg_advisory_lock_shared(%s, %s)", (LOCKS, SERVING))
        first = not await self.others()
        if first:
            await self._room.put_right(self._db, await self._room.count_anew(self._db, relay_ms // DAY_MS, 0))
        # Written in any case: once this is committed, whatever can be seen now is where a commit has to be.
        await self._db.execute("UPDATE clock SET run = CASE WHEN %s THEN %b ELSE run END", (first, run))

    async def others(self) -> int:
        """How many other processes serve this store."""
        found = await rows(self._db, SERVERS, (LOCKS, SERVING))
        return int(found[0][0]) - 1

    async def tick(self, now_ms: int) -> bool:
        """Move relay time and take away a little; whether there may be more."""
        async with self._ticking:
            await require_durable(self._db)
            day = await self._move(now_ms)
            await self._unlink()
            await self._room.give_back()
            return self._keeps and await self._sweep(day)

    async def _move(self, now_ms: int) -> int:
        if not self._keeps:
            found = await rows(self._db, "SELECT pg_try_advisory_lock(%s, %s)", (LOCKS, KEEPING_TIME))
            self._keeps = found[0][0]
        relay_ms, wall_ms = (await rows(self._db, "SELECT relay_ms, wall_ms FROM clock"))[0]
        if self._keeps and wall_ms >= 0:
            relay_ms += moved(wall_ms, now_ms, self._rules.step_ms_max)
        await self._cover_in_time(relay_ms // DAY_MS)
        if self._keeps:
            await self._db.execute("UPDATE clock SET relay_ms = %s, wall_ms = %s", (relay_ms, now_ms))
        return int(relay_ms // DAY_MS)

    # -- partitions --

    async def _partitions(self) -> list[tuple[int, int, str]]:
        """First day, day behind the last, and name of each, in order."""
        found = await rows(
            self._db,
            "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'parcels'::regclass",
        )
        ranges = ((*map(int, name.split("_")[1:]), name) for (name,) in found)
        return sorted((begins, until, name) for begins, until, name in ranges)

    async def _cover_in_time(self, day: int) -> None:
        need = day + 1 + self._rules.hold_days
        covered = max((until for _, until, _ in await self._partitions()), default=0)
        if covered > need + _AHEAD_DAYS:
            return
        # Some days are left to do it in while nobody reads; on the last of them it is waited for.
        waits = "0" if covered <= need + 1 else _LOCK_WAIT
        with suppress(psycopg.errors.LockNotAvailable):
            async with self._db.transaction():
                await rows(self._db, "SELECT set_config('lock_timeout', %s, true)", (waits,))
                await self._cover(day)

    async def _cover(self, day: int) -> None:
        """Make the partitions of what is put on this day and the next ones. Inside a transaction."""
        await rows(self._db, "SELECT pg_advisory_xact_lock(%s, %s)", (LOCKS, STARTING))
        begins = max((until for _, until, _ in await self._partitions()), default=day)
        span = max(self._rules.hold_days // _PARTITIONS, 1)
        while begins <= day + 1 + self._rules.hold_days + _AHEAD_DAYS:
            until = begins + span
            await self._db.execute(
                f"CREATE TABLE parcels_{begins}_{until} PARTITION OF parcels FOR VALUES FROM ({begins}) TO ({until})"
            )
            begins = until

    async def _drop_ended(self, day: int) -> bool:
        """Take partitions away of which everything ended; whether it could be done."""
        for _, until, name in await self._partitions():
            if until > day + 1:
                break
            try:
                async with self._db.transaction():
                    await rows(self._db, "SELECT set_config('lock_timeout', %s, true)", (_LOCK_WAIT,))
                    await self._db.execute(f"DROP TABLE {name}")
            except psycopg.errors.LockNotAvailable:
                return False
        return True

    # -- what ended --

    async def _sweep(self, day: int) -> bool:
        if await self._sweep_closing():
            return True
        if self._swept_day == day or not await self._drop_ended(day):
            return False
        if await self._sweep_boxes(day):
            return True
        await self._db.execute("DELETE FROM tokens WHERE ends_day <= %s OR boxes < 1", (day,))
        others = await self.others()
        async with self._db.transaction():
            # The room and what takes it as of one moment, however long the count takes.
            await self._db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            wrong = await self._room.count_anew(self._db, day, others)
        await self._room.put_right(self._db, wrong)
        self._swept_day = day
        return False

    async def _sweep_closing(self) -> bool:
        found = await rows(self._db, "SELECT box, life, used_bytes FROM closing LIMIT 1")
        for box, life, used in found:
            gone = await self._db.execute(
                "DELETE FROM parcels WHERE box = %b AND life = %s AND id IN"
                " (SELECT id FROM parcels WHERE box = %b AND life = %s LIMIT %s)", (box, life, box, life, _SLICE_ROWS),
            )  # fmt: skip
            if not gone.rowcount:
                self._room.begin_giving(used)
                await self._db.execute("DELETE FROM closing WHERE box = %b AND life = %s", (box, life))
                await self._room.end_giving(used, True)
        return bool(found)

    async def _sweep_boxes(self, day: int) -> bool:
        """Take away some boxes nobody came to for long, each for itself; whether there may be more."""
        idle = "visited_day < %s AND live_bytes(ends, uses, %s) = 0"
        since = (day - self._rules.idle_days, day)
        found = await rows(self._db, f"SELECT box FROM boxes WHERE {idle} LIMIT %s", (*since, _SLICE_BOXES))
        reserve = self._rules.reserve_bytes
        for (box,) in found:
            self._room.begin_giving(reserve)
            gone = await self._db.execute(f"DELETE FROM boxes WHERE box = %b AND {idle}", (box, *since))
            await self._room.end_giving(reserve, bool(gone.rowcount))
        return bool(found)

    async def _unlink(self) -> None:
        """Write all tokens anew together: their rows tell the transactions before those that made boxes (spec 5)."""
        if self.linked:
            self.linked = False
            await self._aside.execute("UPDATE tokens SET boxes = boxes")
            await self._aside.execute("VACUUM tokens")
