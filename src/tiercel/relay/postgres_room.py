"""The room of a relay, shared by several processes, without one row that every put waits for.

A process is lent room in pieces and gives from its piece to boxes; what boxes give back goes into the piece again. What
is lent and what boxes take is one number in the database. A process that was killed takes its piece with it, so the
number is counted anew at the first start and every relay day.
"""

from __future__ import annotations

import asyncio
from typing import Final

from .postgres_server import Connection, rows
from .store import Rules

_PIECE_MIB_MAX: Final = 16
_PIECES: Final = 64  # a small room is lent in smaller pieces or none, so that no process holds much of it idle
_LEND: Final = (
    "WITH room AS MATERIALIZED (SELECT taken_bytes AS taken FROM room FOR UPDATE), lent AS (SELECT"
    " CASE WHEN taken + %(need)s > %(room)s THEN 0 ELSE least(%(wish)s, %(room)s - taken) END AS bytes FROM room)"
    " UPDATE room SET taken_bytes = taken_bytes + lent.bytes FROM lent RETURNING lent.bytes"
)
_COUNT: Final = (
    "SELECT (SELECT coalesce(sum(greatest(live_bytes(ends, uses, %s), %s)), 0) FROM boxes)::bigint"
    " + (SELECT coalesce(sum(used_bytes), 0) FROM closing)::bigint"
)


class Room:
    """What this process was lent.

    Args:
        db: A connection of its own.
        rules: Of the operator.
    """

    def __init__(self, db: Connection, rules: Rules) -> None:
        self._db = db
        self._rules = rules
        self._piece = min(_PIECE_MIB_MAX, (rules.room_bytes >> 20) // _PIECES) << 20
        self._lent = 0
        self._leaving = 0  # taken or given back by acts that are not committed yet
        self._given_back = 0  # ever, by acts begun
        self._lending = asyncio.Lock()

    def weight(self, used_bytes: int) -> int:
        """What a box takes: its reserve at least."""
        return max(used_bytes, self._rules.reserve_bytes)

    async def take(self, size_bytes: int) -> bool:
        """Room for one act, if there is any; :meth:`settle` follows."""
        if self._lent < size_bytes:
            async with self._lending:
                await self._borrow(size_bytes)
                return self._take(size_bytes)
        return self._take(size_bytes)

    def _take(self, size_bytes: int) -> bool:
        if self._lent < size_bytes:
            return False
        self._lent -= size_bytes
        self._leaving += size_bytes
        return True

    async def _borrow(self, size_bytes: int) -> None:
        need = size_bytes - self._lent
        if need > 0:
            wish = {"need": need, "wish": max(need, self._piece), "room": self._rules.room_bytes}
            self._lent += (await rows(self._db, _LEND, wish))[0][0]

    def settle(self, size_bytes: int, done: bool) -> None:
        """An act that took room is committed, or undone."""
        self._leaving -= size_bytes
        self._lent += 0 if done else size_bytes

    def begin_giving(self, size_bytes: int) -> None:
        """An act will give room back; :meth:`end_giving` follows."""
        self._leaving += size_bytes
        self._given_back += size_bytes

    async def end_giving(self, size_bytes: int, done: bool) -> None:
        """It is committed, or undone."""
        self._leaving -= size_bytes
        self._lent += size_bytes if done else 0
        if self._lent > 2 * self._piece:
            await self.give_back(self._piece)

    async def give_back(self, keep_bytes: int = 0) -> None:
        """Let others have what this process does not need."""
        async with self._lending:
            surplus = max(self._lent - keep_bytes, 0)
            self._lent -= surplus
            if surplus:
                await rows(self._db, "UPDATE room SET taken_bytes = taken_bytes - %s RETURNING 1", (surplus,))

    async def count_anew(self, db: Connection, day: int, others: int) -> int:
        """Count what boxes take on this relay day; by how much the number in the database is too small.

        Args:
            db: Another connection, in a transaction that sees one moment.
            day: The relay day.
            others: How many processes there are beside this one; each may have two pieces.
        """
        # What moves while the count begins is counted as taken twice rather than never.
        async with self._lending:
            held, given_back = self._lent + self._leaving, self._given_back
            taken = int((await rows(db, "SELECT taken_bytes FROM room"))[0][0])
            held += self._given_back - given_back
        least = held + int((await rows(db, _COUNT, (day, self._rules.reserve_bytes)))[0][0])
        return max(least, min(taken, least + others * 2 * self._piece)) - taken

    async def put_right(self, db: Connection, by_bytes: int) -> None:
        """Change the number by what a count found."""
        await rows(db, "UPDATE room SET taken_bytes = taken_bytes + %s RETURNING 1", (by_bytes,))
