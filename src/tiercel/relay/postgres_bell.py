"""Tells relays on one PostgreSQL of each other's puts, so that whoever waits at one hears of what came to another.

A NOTIFY inside the transaction of a put would make all puts commit one after another: PostgreSQL takes a lock for it
that it holds until the commit is on the disk. So notices go out by themselves, many in one, after the commits, over a
connection on which nothing is promised. One that is lost costs a wait, not a parcel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import psycopg

from .postgres_server import Connection, rows
from .store import Listener

_CHANNEL: Final = "tiercel_relay"
_NOTICE_BOXES: Final = 240  # PostgreSQL takes less than 8000 bytes


class Bell:
    """Rings at the other processes, and is heard here.

    Args:
        ringing: A connection shared with others, for statements of their own.
        listening: A connection of its own.
        listeners: Told of boxes that got something elsewhere.
        failed: Called when a connection breaks.
    """

    def __init__(
        self, ringing: Connection, listening: Connection, listeners: Sequence[Listener],
        failed: Callable[[BaseException], object],
    ) -> None:  # fmt: skip
        self._ringing = ringing
        self._listening = listening
        self._listeners = listeners
        self._failed = failed
        self._boxes: set[bytes] = set()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Listen from now on."""
        await self._listening.execute(f"LISTEN {_CHANNEL}")
        self._tasks = [asyncio.create_task(self._guard(self._listen)), asyncio.create_task(self._guard(self._ring))]

    def ring(self, box: bytes) -> None:
        """Something came to a box here."""
        self._boxes.add(box)
        self._wake.set()

    async def end(self) -> None:
        """Neither listen nor ring any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _guard(self, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await act()
        except psycopg.Error as error:
            self._failed(error)

    async def _ring(self) -> None:
        while await self._wake.wait():
            self._wake.clear()
            boxes, self._boxes = sorted(self._boxes), set()
            for start in range(0, len(boxes), _NOTICE_BOXES):
                notice = b"".join(boxes[start : start + _NOTICE_BOXES]).hex()
                await rows(self._ringing, "SELECT pg_notify(%s, %s)", (_CHANNEL, notice))

    async def _listen(self) -> None:
        own = self._ringing.info.backend_pid
        async for notice in self._listening.notifies():
            if notice.pid != own:
                boxes = boxes_of(notice.payload)
                for listener in self._listeners:
                    listener(boxes)
        raise psycopg.OperationalError("no more notices")


def boxes_of(notice: str) -> list[bytes]:
    """The ids in a notice; none in one that is not from a relay, for anybody who may use the database can send it."""
    try:
        data = bytes.fromhex(notice)
    except ValueError:
        return []
    return [data[start : start + 16] for start in range(0, len(data) - 15, 16)]
