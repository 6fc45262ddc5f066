"""Connections that cannot be held open for nothing: slow heads, slow bodies, slow readers, and what they may take.

A subclass of uvicorn's protocol, which by itself waits for ever for a head. Times are those of the event loop. What a
request or an answer takes in memory is written down in one ledger; where that is not enough, the connection that began
first goes, so that those who are quick are served. Source: spec/relay.md 5.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from tiercel.limits import (
    RELAY_HEAD_S_MAX,
    RELAY_PACE_BYTES,
    RELAY_PACE_S,
    RELAY_UNFINISHED_BYTES_MAX,
)

PIECE_BYTES: Final = 64 * 1024  # of an answer: the next is handed over when the one before is nearly read
_IN_SCOPE: Final = "tiercel.connection"
_REFUSALS: Final = {
    400: b"HTTP/1.1 400 Bad Request\r\n",
    431: b"HTTP/1.1 431 Request Header Fields Too Large\r\n",
}
_NO_LINGERING: Final = struct.pack("ii", 1, 0)
_END: Final = b"content-length: 0\r\nconnection: close\r\n\r\n"


class Ledger:
    """What all connections together hold in memory, and who held it first."""

    def __init__(self, bytes_max: int = RELAY_UNFINISHED_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._held: dict[Connection, int] = {}
        self.held_bytes = 0
        self.dropped = 0

    def hold(self, connection: Connection, size: int) -> None:
        """A connection holds so many bytes now, in all. The one that began first goes if that is too much."""
        self.held_bytes += size - self._held.get(connection, 0)
        self._held[connection] = size
        while self.held_bytes > self._bytes_max and len(self._held) > 1:
            first = next(iter(self._held))
            self.dropped += 1
            first.drop()

    def let_go(self, connection: Connection) -> None:
        """It holds nothing any more."""
        self.held_bytes -= self._held.pop(connection, 0)


class Connection(H11Protocol):
    """One connection of somebody. Made by uvicorn; :func:`connections` binds it to a ledger."""

    ledger: Ledger

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        served = self.app

        async def app(
            scope: MutableMapping[str, Any],
            receive: Callable[[], Awaitable[Any]],
            send: Callable[[Any], Awaitable[None]],
        ) -> None:
            scope[_IN_SCOPE] = self
            await served(scope, receive, send)

        self.app = app
        self.on_lost: Callable[[], None] | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._pace_timer: asyncio.TimerHandle | None = None
        self._left_to_write = 0
        self._lost = False

    # -- heads --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody came; a head has to follow."""
        super().connection_made(transport)  # type: ignore[arg-type]
        # Under TLS as without: half a MiB of an answer would lie there before anybody hears that it is not read.
        self.transport.set_write_buffer_limits(high=PIECE_BYTES)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        if self._head_timer is None and self._between_requests():
            self._await_head()
        super().data_received(data)
        if not self._between_requests():
            self._head_came()

    def _between_requests(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(RELAY_HEAD_S_MAX, self.drop)

    def _head_came(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, or a head that is too long, and end."""
        problem = sys.exc_info()[1]
        status = problem.error_status_hint if isinstance(problem, h11.RemoteProtocolError) else 400
        self.transport.write(_REFUSALS.get(status, _REFUSALS[400]) + _END)
        self.transport.close()

    # -- readers --

    def pause_writing(self) -> None:
        """More is to be written than the other side reads: it has to go on reading."""
        super().pause_writing()
        self._watch(self._unread_bytes())

    def resume_writing(self) -> None:
        """The other side has read nearly all that was handed over."""
        super().resume_writing()
        self._stop_pace()

    def _unread_bytes(self) -> int:
        """What was handed over and is not with the kernel yet; under TLS it lies a layer below, which no one counts."""
        below = getattr(getattr(self.transport, "_ssl_protocol", None), "_transport", None)
        return self.transport.get_write_buffer_size() + (below.get_write_buffer_size() if below is not None else 0)

    def _watch(self, left: int) -> None:
        self._stop_pace()
        self._left_to_write = left
        self._pace_timer = self.loop.call_later(RELAY_PACE_S, self._check_pace)

    def _check_pace(self) -> None:
        left = self._unread_bytes()
        if left and left > self._left_to_write - RELAY_PACE_BYTES:
            self.drop()
        elif self._between_requests():
            self.answered()
        elif left:
            self._watch(left)

    def _stop_pace(self) -> None:
        if self._pace_timer is not None:
            self._pace_timer.cancel()
            self._pace_timer = None

    def answered(self) -> None:
        """An answer is handed over to its end: what is left of it counts until the other side has read it."""
        left = 0 if self._lost else self._unread_bytes()
        if left:
            self.ledger.hold(self, left)
            self._watch(left)
        else:
            self.ledger.let_go(self)

    # -- the end --

    def drop(self) -> None:
        """End it at once, whatever is under way; what was not read is kept nowhere, not in the kernel either."""
        self.ledger.let_go(self)
        link = self.transport.get_extra_info("socket")
        if link is not None:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side went, or was dropped."""
        self._lost = True
        self._head_came()
        self._stop_pace()
        self.ledger.let_go(self)
        if self.on_lost is not None:
            self.on_lost()
        super().connection_lost(exc)


def connections(ledger: Ledger) -> type[Connection]:
    """The protocol class for a server whose connections share a ledger."""
    return type("BoundConnection", (Connection,), {"ledger": ledger})


def connection_of(scope: MutableMapping[str, Any]) -> Connection | None:
    """The connection a request came over; None where an app is called without a server."""
    found = scope.get(_IN_SCOPE)
    return found if isinstance(found, Connection) else None
