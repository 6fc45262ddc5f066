"""Reading what somebody sends, with its limits looked at before it is read. Source: spec/relay.md 2 and 5."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request
from starlette.types import Scope

from tiercel.limits import RELAY_HEAD_BYTES_MAX, RELAY_PACE_BYTES, RELAY_PACE_S, RELAY_REQUEST_BYTES_MAX

from .connections import Connection

_DIGITS_MAX = 10


class RefusedError(Exception):
    """A request is answered with this status and nothing else, and its connection ends."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def is_head_long(scope: Scope) -> bool:
    """Whether a head is too long: the library looks only at one that did not come in one piece."""
    size = len(scope["raw_path"]) + len(scope["query_string"])
    size += sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    return size > RELAY_HEAD_BYTES_MAX


def length_of(request: Request) -> int:
    """How long the body is said to be.

    Raises:
        RefusedError: 411 or 413.
    """
    said = request.headers.get("content-length", "")
    if not (said.isascii() and said.isdigit()):
        raise RefusedError(411)
    if len(said) > _DIGITS_MAX or int(said) > RELAY_REQUEST_BYTES_MAX:
        raise RefusedError(413)
    return int(said)


async def body_of(request: Request, connection: Connection | None) -> bytes:
    """The whole body, if it comes fast enough; it counts in the ledger as long as the connection holds it.

    Raises:
        RefusedError: 408, 411 or 413.
        ClientDisconnect: The other side went.
    """
    whole = length_of(request)
    loop = asyncio.get_running_loop()
    body, counted, until = bytearray(), 0, loop.time() + RELAY_PACE_S
    while True:
        try:
            async with asyncio.timeout_at(until):
                message = await request.receive()
        except TimeoutError as error:
            raise RefusedError(408) from error
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message["body"]
        if connection is not None:
            connection.ledger.hold(connection, len(body))
        if not message.get("more_body"):
            return bytes(body)
        if len(body) > whole:
            raise RefusedError(413)
        if len(body) - counted >= RELAY_PACE_BYTES:
            counted, until = len(body), loop.time() + RELAY_PACE_S
