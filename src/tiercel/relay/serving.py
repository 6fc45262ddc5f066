"""A relay as a process: sockets, TLS, the store, the clock's steps, and an orderly end.

Time and randomness are given. The order at the start is: store opened and checked, certificate there, sockets bound,
and only then is the address said; so whoever reads it can come at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import ssl
from asyncio import sslproto
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import uvicorn

from tiercel.errors import DiskFull, StoreError, StoreFailed
from tiercel.limits import RELAY_HEAD_BYTES_MAX, RELAY_HEAD_S_MAX

from . import certificate as certificates
from .app import Relay
from .connections import Ledger, connections
from .polls import Polls
from .protocol import Address, Registration, Trust, encode_address
from .store import Rules, Store
from .stores import Place, open_store, warnings_of

_TICK_S: Final = 10.0
_SWEEP_S: Final = 0.05  # between two slices of what ended, so that puts come in between
_IDLE_S: Final = 60
_BACKLOG: Final = 2048
_STOP_S: Final = 20
_GOODBYE_S: Final = 1.0
_FILES_MAX: Final = 65_536
_FILES_KEPT: Final = 64  # for the store and the log, of those a process may open
_TLS_BUFFER_BYTES: Final = 32 * 1024


@dataclass(frozen=True)
class Plan:
    """What the operator asked for.

    Attributes:
        host, port: To listen on; port 0 takes a free one.
        place: Of the store.
        registration: Who may make boxes; None: anybody on a loopback address, else by token.
        rules: Room and times.
        plain: No TLS.
        certificate, key: The operator's own, or None for the relay's.
        public: What the address says instead of where this listens: host and port.
        metrics: Where Prometheus may ask: host and port, or None.
    """

    host: str
    port: int
    place: Place
    registration: Registration | None = None
    rules: Rules = field(default_factory=Rules)
    plain: bool = False
    certificate: Path | None = None
    key: Path | None = None
    public: tuple[str, int] | None = None
    metrics: tuple[str, int] | None = None


class _Server(uvicorn.Server):
    """uvicorn's server with a time-out for handshakes; signals are the caller's."""

    def __init__(self, config: uvicorn.Config, bound: socket.socket, context: ssl.SSLContext | None, polls: Polls):
        super().__init__(config)
        self._bound = bound
        self._context = context
        self._polls = polls

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: uvicorn would raise the signal again and kill the process before the store is closed."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await self.lifespan.startup()
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.Protocol:
            made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
                config=self.config, server_state=self.server_state, app_state=self.lifespan.state, _loop=loop
            )
            return made

        listening = await loop.create_server(
            protocol, sock=self._bound, ssl=self._context, backlog=self.config.backlog,
            ssl_handshake_timeout=RELAY_HEAD_S_MAX if self._context else None,
            ssl_shutdown_timeout=_GOODBYE_S if self._context else None,
        )  # fmt: skip
        self.servers = [listening]
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer those who wait, let the others finish, and stop."""
        self._polls.end()
        await super().shutdown(sockets)


async def serve(plan: Plan, now_ms: Callable[[], int], token: Callable[[int], bytes], log: logging.Logger,
                announce: Callable[[str], None]) -> None:  # fmt: skip
    """Be a relay until SIGTERM or SIGINT.

    Args:
        plan: What the operator asked for.
        now_ms: The clock.
        token: Random bytes.
        log: Made by :func:`tiercel.relay.tally.logger`.
        announce: Told the address once, when whoever reads it can come.

    Raises:
        StoreError: The store cannot be used or cannot promise, or it failed while serving.
    """
    store = await open_store(plan.place, plan.rules, token)
    try:
        failure = await _serve(plan, store, now_ms, log, announce)
    finally:
        await store.close()
    if failure:
        raise StoreFailed()
    log.info("stopped")


async def _serve(plan: Plan, store: Store, now_ms: Callable[[], int], log: logging.Logger,
                 announce: Callable[[str], None]) -> bool:  # fmt: skip
    context, trust, fingerprint = _tls(plan)
    await _settle(store, now_ms)
    with bound_to(plan.host, plan.port) as listening:
        address = _address(plan, listening, trust, fingerprint)
        failed = asyncio.Event()
        relay = Relay(store, plan.rules, registration_of(plan), failed.set)
        ledger = Ledger()
        server = _Server(_config(relay, ledger), listening, context, relay.polls)
        stops = [asyncio.create_task(_stop_when_failed(failed, server, log))]
        stops.append(asyncio.create_task(_ticking(store, now_ms, failed, log)))
        metrics = await _metrics(plan, relay, store, ledger)
        with _signals(server):
            _keep_address(plan.place, address)
            # The socket takes connections from here on; they are answered as soon as the loop turns.
            announce(address)
            await _log_start(plan, log)
            await server.serve()
        metrics()
        for task in stops:
            task.cancel()
        await asyncio.gather(*stops, return_exceptions=True)
        return failed.is_set()


def registration_of(plan: Plan) -> Registration:
    """Who may make boxes."""
    if plan.registration is not None:
        return plan.registration
    return Registration.OPEN if _is_loopback(plan.host) else Registration.TOKEN


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _tls(plan: Plan) -> tuple[ssl.SSLContext | None, Trust, bytes]:
    if plan.plain:
        return None, Trust.PLAIN, b""
    # Each TLS connection has a buffer of this size, touched at once; 256 KiB times ten thousand is the whole machine.
    sslproto.SSLProtocol.max_size = _TLS_BUFFER_BYTES
    if plan.certificate is None or plan.key is None:
        own = certificates.own_certificate(plan.place.certificate)
        return certificates.context_of(own, own), Trust.PINNED, certificates.fingerprint_of(own)
    context, trust = certificates.context_of(plan.certificate, plan.key), certificates.trust_of(plan.certificate)
    return context, trust, certificates.fingerprint_of(plan.certificate) if trust is Trust.PINNED else b""


async def _settle(store: Store, now_ms: Callable[[], int]) -> None:
    """Take note of the clock before the first request."""
    await store.tick(now_ms())


@contextlib.contextmanager
def bound_to(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket.

    Raises:
        StoreError: It cannot listen there; nothing of the address is in the sentence.
    """
    with contextlib.ExitStack() as stack:
        try:
            listening = stack.enter_context(_listening(host, port))
        except OSError as error:
            # What the library says of it holds the address.
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else "there is no such address"
            raise StoreError(f"The relay cannot listen there: {why}.", remedy="Choose another --listen.") from error
        yield listening


def _listening(host: str, port: int) -> socket.socket:
    family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    # asyncio sends at once (TCP_NODELAY) only where the protocol is named, which socket.create_server does not do;
    # without it an answer waits 40 ms for the other side's delayed acknowledgement.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(where)
        made.listen(_BACKLOG)
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


def _address(plan: Plan, listening: socket.socket, trust: Trust, fingerprint: bytes) -> str:
    port = listening.getsockname()[1]
    host, port = plan.public or (_host_for_others(plan.host), port)
    return encode_address(Address(host, port, trust, fingerprint))


def _host_for_others(host: str) -> str:
    """The host in the address: as given, or, where this listens everywhere, the machine's own address outwards."""
    if host not in ("0.0.0.0", "::"):
        return host.lower()
    family = socket.AF_INET6 if host == "::" else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("2001:db8::1" if host == "::" else "192.0.2.1", 9))  # sends nothing
            return str(probe.getsockname()[0])
        except OSError:
            return "::1" if host == "::" else "127.0.0.1"


def _files_max() -> int:
    """How many files and connections this process may open, raised as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, _FILES_MAX)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return _FILES_MAX if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError):
        return soft
    return wanted


def _config(relay: Relay, ledger: Ledger) -> uvicorn.Config:
    files_max = _files_max()
    return uvicorn.Config(
        relay.app(), http=connections(ledger), ws="none", lifespan="off", log_config=None, access_log=False,
        proxy_headers=False, server_header=False, date_header=False, timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_STOP_S, limit_concurrency=max(files_max - _FILES_KEPT, 8),
        h11_max_incomplete_event_size=RELAY_HEAD_BYTES_MAX,
    )  # fmt: skip


@contextlib.contextmanager
def _signals(server: uvicorn.Server) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, setattr, server, "should_exit", True)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _stop_when_failed(failed: asyncio.Event, server: uvicorn.Server, log: logging.Logger) -> None:
    await failed.wait()
    log.error("the store failed; nothing more is promised")
    server.should_exit = True


async def _ticking(store: Store, now_ms: Callable[[], int], failed: asyncio.Event, log: logging.Logger) -> None:
    while not failed.is_set():
        more = False
        try:
            more = await store.tick(now_ms())
        except DiskFull:
            log.warning("the disk is full; nothing new is stored")
        except StoreError as error:  # also a store that was found to keep nothing any more
            log.error("%s", error)
            failed.set()
        await asyncio.sleep(_SWEEP_S if more else _TICK_S)


def _keep_address(place: Place, address: str) -> None:
    """For `relay status` and `relay token new`; a relay works without it."""
    with contextlib.suppress(OSError):
        place.said.write_text(address + "\n", "ascii")
        place.said.chmod(0o600)


async def _log_start(plan: Plan, log: logging.Logger) -> None:
    log.info("started", extra={"told": {"registration": registration_of(plan).name.lower(), "tls": not plan.plain}})
    for warning in await warnings_of(plan.place):
        log.warning("%s", warning)


async def _metrics(plan: Plan, relay: Relay, store: Store, ledger: Ledger) -> Callable[[], None]:
    """Listen for Prometheus; what ends it."""
    if plan.metrics is None:
        return lambda: None

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, StoreFailed, TimeoutError, EOFError, asyncio.LimitOverrunError):
            async with asyncio.timeout(RELAY_HEAD_S_MAX):
                await reader.readuntil(b"\r\n\r\n")
                text = relay.tally.text(await store.counts(), len(relay.polls), ledger.dropped)
                writer.write(_metrics_head(text) + text.encode("ascii"))
                await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(answer, *plan.metrics, limit=RELAY_HEAD_BYTES_MAX)
    except OSError as error:
        raise StoreError("The relay cannot listen where --metrics says.", remedy="Choose another port.") from error
    return server.close


def _metrics_head(text: str) -> bytes:
    kind = "text/plain; version=0.0.4; charset=utf-8"
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(text)}\r\nconnection: close\r\n\r\n"
    return head.encode("ascii")
