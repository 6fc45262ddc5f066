"""The HTTP side of a relay: reads a request, asks the store, answers. It decides nothing the store does not.

Every handler takes the whole record and gives the whole answer; which box it was, and whether there was one, shows in
nothing but what the holder of a key may see. Source: spec/relay.md 2 to 5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tiercel.errors import DiskFull, MalformedRelay, NewerVersion, StoreFailed
from tiercel.limits import DAY_MS, RELAY_BATCH_BYTES_MAX, RELAY_WAIT_S_MAX

from .bodies import RefusedError, body_of, is_head_long
from .connections import PIECE_BYTES, Connection, connection_of
from .newcomers import Newcomers
from .polls import Polls
from .protocol import (
    ABOUT_PATH,
    PATHS,
    SIZES,
    About,
    Answer,
    BoxHashes,
    Close,
    Done,
    Erase,
    Fetch,
    Fetched,
    Made,
    Make,
    Outcome,
    Pick,
    Picked,
    Power,
    Put,
    Registration,
    Request,
    State,
    StateOf,
    States,
    decode_request,
    encode,
    key_hash,
    token_hash,
)
from .store import Rules, Shown, Store
from .tally import Tally

_TYPE: Final = "application/octet-stream"
_RETRY_S: Final = 30
_R = TypeVar("_R", bound=Request)
Handler = Callable[[Any, HttpRequest], Awaitable[Answer]]


class Relay:
    """What answers requests.

    Args:
        store: Opened; its listener is taken.
        rules: Those the store was opened with.
        registration: Who may make boxes.
        failed: Called once when the store fails: the process has to end.
    """

    def __init__(self, store: Store, rules: Rules, registration: Registration, failed: Callable[[], None]) -> None:
        self._store = store
        self._rules = rules
        self._registration = registration
        self._failed = failed
        self._newcomers = Newcomers()
        self.polls = Polls()
        self.tally = Tally()
        store.listen(self.polls.came)

    def app(self) -> ASGIApp:
        """The ASGI application."""
        served = self._routes()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and is_head_long(scope):
                await self._refuse(431)(scope, receive, send)
            else:
                await served(scope, receive, send)

        return app

    def _routes(self) -> Starlette:
        handlers: dict[type[Request], Handler] = {
            Make: self._make, Put: self._put, StateOf: self._state, Fetch: self._fetch, Pick: self._pick,
            Erase: self._erase, Close: self._close,
        }  # fmt: skip
        routes = [
            Route(PATHS[kind], self._serving(kind, handler), methods=["POST"]) for kind, handler in handlers.items()
        ]
        return Starlette(routes=[Route(ABOUT_PATH, self._about, methods=["GET"]), *routes])

    # -- around every request --

    def _serving(self, kind: type[_R], handler: Handler) -> Callable[[HttpRequest], Awaitable[Response]]:
        name = PATHS[kind].rpartition("/")[2]

        async def serve(http: HttpRequest) -> Response:
            connection = connection_of(http.scope)
            answer = await self._answer(kind, handler, http, connection)
            if isinstance(answer, int):
                if connection is not None:
                    connection.ledger.let_go(connection)
                return self._refuse(answer)
            self.tally.add("requests", 1, "kind", name)
            if connection is None:
                return Response(answer, media_type=_TYPE)
            connection.ledger.hold(connection, len(answer))
            return _Counted(answer, media_type=_TYPE)

        return serve

    async def _answer(
        self, kind: type[_R], handler: Handler, http: HttpRequest, connection: Connection | None
    ) -> bytes | int:
        """The record of the answer, or the status of a refusal."""
        try:
            record = decode_request(kind, await body_of(http, connection))
            return encode(await handler(record, http))
        except RefusedError as refusal:
            return refusal.status
        except (MalformedRelay, NewerVersion, ClientDisconnect):
            return 400
        except DiskFull:
            return 503
        except StoreFailed:
            self._failed()
            return 503

    def _refuse(self, status: int) -> Response:
        self.tally.add("refused", 1, "status", str(status))
        headers = {"retry-after": str(_RETRY_S)} if status == 503 else {}
        if status != 400:
            headers["connection"] = "close"
        return Response(status_code=status, headers=headers)

    # -- requests --

    async def _about(self, http: HttpRequest) -> Response:
        rules = self._rules
        about = About(
            registration=self._registration, hold_s=rules.hold_days * DAY_MS // 1000, box_bytes=rules.box_bytes,
            wait_s=RELAY_WAIT_S_MAX, sizes=SIZES,
        )  # fmt: skip
        return Response(encode(about), media_type=_TYPE)

    async def _make(self, asked: Make, http: HttpRequest) -> Answer:
        host = http.client.host if http.client else ""
        free = self._registration is not Registration.OPEN
        if not free and not self._newcomers.may_come(host, asyncio.get_running_loop().time()):
            raise RefusedError(503)
        hashes = BoxHashes(asked.drop, asked.pick_up, asked.erase)
        token = token_hash(asked.token) if asked.token else None
        outcome: Outcome = await self._store.make_box(hashes, self._registration, token)
        return Made(outcome=outcome)

    async def _put(self, asked: Put, http: HttpRequest) -> Answer:
        states = await self._store.put(_shown(asked, Power.DROP), asked.parcels)
        for state in State:
            count = sum(said is state for said, _ in states)
            if count:
                self.tally.add("parcels", count, "said", state.name.lower())
        return States(states=tuple(states))

    async def _state(self, asked: StateOf, http: HttpRequest) -> Answer:
        return States(states=tuple(await self._store.state(_shown(asked, Power.DROP), asked.ids)))

    async def _fetch(self, asked: Fetch, http: HttpRequest) -> Answer:
        shown = _shown(asked, Power.PICK_UP)
        batch = await self._look(shown, asked) if not asked.wait_s else await self._wait(shown, asked, http)
        self.tally.add("given", len(batch.parcels))
        return batch

    async def _look(self, shown: Shown, asked: Fetch) -> Fetched:
        batch = await self._store.fetch(shown, asked.cursor, asked.parcels_max, asked.bytes_max, asked.part)
        return Fetched(cursor=batch.cursor, more=int(batch.more), parcels=tuple(batch.parcels))

    async def _wait(self, shown: Shown, asked: Fetch, http: HttpRequest) -> Fetched:
        """Look; if there is nothing, wait for a put and look again."""
        until = asyncio.get_running_loop().time() + asked.wait_s
        poll, connection = self.polls.open(shown.box), connection_of(http.scope)
        if connection is not None:
            connection.ledger.let_go(connection)
            connection.on_lost = lambda: poll.wake(False)
        try:
            batch = await self._look(shown, asked)
            # A put to this box that this key does not see wakes it too, and it goes on waiting.
            while not batch.parcels and await poll.wait(until):
                poll.again()
                batch = await self._look(shown, asked)
            return batch
        finally:
            poll.close()
            if connection is not None:
                connection.on_lost = None

    async def _pick(self, asked: Pick, http: HttpRequest) -> Answer:
        looked_at, found = await self._store.pick(_shown(asked, Power.PICK_UP), asked.ids, RELAY_BATCH_BYTES_MAX)
        self.tally.add("given", len(found))
        return Picked(looked_at=looked_at, parcels=tuple(found))

    async def _erase(self, asked: Erase, http: HttpRequest) -> Answer:
        await self._store.erase(_shown(asked, Power.ERASE), asked.ids)
        return Done()

    async def _close(self, asked: Close, http: HttpRequest) -> Answer:
        await self._store.close_box(_shown(asked, Power.ERASE))
        return Done()


class _Counted(Response):
    """An answer that counts in the ledger until the other side has read it, and goes out piece by piece.

    TLS takes any answer in one piece without a word of who reads it, and nobody would be seen not to.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for start in range(0, len(self.body), PIECE_BYTES):
            more = start + PIECE_BYTES < len(self.body)
            piece = self.body[start : start + PIECE_BYTES]
            await send({"type": "http.response.body", "body": piece, "more_body": more})
        connection = connection_of(scope)
        if connection is not None:
            connection.answered()


def _shown(asked: Put | StateOf | Fetch | Pick | Erase | Close, power: Power) -> Shown:
    return Shown(asked.box, key_hash(power, asked.key))
