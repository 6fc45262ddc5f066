"""One connection to an HTTP server whose certificate is known beforehand; it knows nothing of what it carries.

The certificate is looked at before the first byte of a request is sent. Redirections, cookies and proxies of the
environment do not exist here. What is too long is not read.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import socket
import ssl
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from tiercel.carriers.transport.socks import connect_through
from tiercel.errors import CarrierError, CarrierMissing
from tiercel.limits import RELAY_REQUEST_BYTES_MAX

CONNECT_S: Final = 20.0
CONNECT_OVER_TOR_S: Final = 90.0
ANSWER_S: Final = 60.0  # and as long again as the request asks the other side to wait
BUSY_S: Final = 30.0  # where the server does not say how long

_BROKEN = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Place:
    """Where a server is, how it is known, and the way there.

    Attributes:
        host: Name or IP address, without brackets.
        port: 1 to 65535.
        tls: Whether there is TLS.
        fingerprint: SHA-256 of its certificate in DER: then nothing else of it counts. Empty: the usual authorities.
        proxy: Host and port of a SOCKS5 proxy, or None.
        isolation: Connections with different ones share no circuit of the proxy.
    """

    host: str
    port: int
    tls: bool = True
    fingerprint: bytes = b""
    proxy: tuple[str, int] | None = None
    isolation: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """HOST:PORT for a person."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Link:
    """A connection that is made when it is needed, and made anew when it broke. For one thread at a time.

    Example:
        >>> Link(Place("127.0.0.1", 7787, tls=False)).connected
        False
    """

    def __init__(self, place: Place) -> None:
        """Nothing is connected yet."""
        self.place = place
        self._http: http.client.HTTPConnection | None = None
        self._over = False

    @property
    def connected(self) -> bool:
        """Whether a connection stands, as far as is known."""
        return self._http is not None

    def ask(self, path: str, body: bytes | None = None, wait_s: float = 0.0) -> bytes:
        """POST a body, or GET without one; give back the body of the answer. Everything asked may be asked twice.

        A connection that was left idle may be gone without a word: then it is asked once more over a new one.

        Args:
            path: Of the request.
            body: Of the request.
            wait_s: How long the server was asked to wait before it answers.

        Raises:
            CarrierMissing: It cannot be reached, or is not the server that was meant.
            CarrierError: It did not answer, or not as it should.
        """
        used = self.connected
        try:
            return self._ask(path, body, wait_s)
        except _BROKEN as problem:
            if not used or self._over or isinstance(problem, TimeoutError):
                raise CarrierError(f"The relay at {self.place.name} did not answer: {_said(problem)}.") from problem
        try:
            return self._ask(path, body, wait_s)
        except _BROKEN as problem:
            raise CarrierError(f"The relay at {self.place.name} did not answer: {_said(problem)}.") from problem

    def __del__(self) -> None:
        if getattr(self, "_http", None) is not None:
            self.close()

    def end(self) -> None:
        """Hang up for good, from any thread: one that waits for an answer is told so."""
        self._over = True
        self.close()

    def close(self) -> None:
        """Hang up until the next request."""
        gone, self._http = self._http, None
        if gone is not None and gone.sock is not None:
            try:
                gone.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if gone is not None:
            gone.close()

    def _ask(self, path: str, body: bytes | None, wait_s: float) -> bytes:
        answered = False
        try:
            connection = self._http = self._http or self._connect()
            assert connection.sock is not None
            connection.sock.settimeout(ANSWER_S + wait_s)
            heads = {} if body is None else {"Content-Type": "application/octet-stream"}
            connection.request("GET" if body is None else "POST", path, body, heads)
            with connection.getresponse() as answer:
                data = answer.read(RELAY_REQUEST_BYTES_MAX + 1)
                self._check(answer.status, answer.getheader("Retry-After"), len(data))
                if answer.length:  # a limited read says nothing of an answer that was cut off
                    raise http.client.IncompleteRead(data, answer.length)
                answered = not answer.will_close
            return data
        finally:
            if not answered:  # also when the person interrupts: half an answer must not pass for the next one
                self.close()

    def _check(self, status: int, retry_after: str | None, size: int) -> None:
        if status in (429, 503):
            wait = float(retry_after) if retry_after and retry_after.isdecimal() and len(retry_after) < 6 else BUSY_S
            raise CarrierError(f"The relay at {self.place.name} has too much to do.", retry_after_s=wait)
        if status != 200:
            raise CarrierError(f"The server at {self.place.name} answered with {status}.", permanent=status < 500)
        if size > RELAY_REQUEST_BYTES_MAX:
            raise CarrierError(f"The server at {self.place.name} answered with too much.", permanent=True)

    def _connect(self) -> http.client.HTTPConnection:
        place, limit_s = self.place, CONNECT_OVER_TOR_S if self.place.proxy else CONNECT_S
        try:
            stream = socket.create_connection(place.proxy or (place.host, place.port), limit_s)
        except OSError as problem:
            what = "The proxy for Tor" if place.proxy else f"The relay at {place.name}"
            raise CarrierMissing(f"{what} cannot be reached: {_said(problem)}.") from problem
        try:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if place.proxy:
                connect_through(stream, place.host, place.port, place.isolation)
            connection = http.client.HTTPConnection(place.host, place.port)
            connection.auto_open = 0  # a connection of its own making would look at no certificate
            connection.sock = self._secured(stream) if place.tls else stream
            return connection
        except BaseException:
            stream.close()
            raise

    def _secured(self, stream: socket.socket) -> ssl.SSLSocket:
        name = self.place.name
        try:
            secured = self._context.wrap_socket(stream, server_hostname=self._server_name)
        except ssl.SSLError as problem:
            refused = isinstance(problem, ssl.SSLCertVerificationError)
            raise CarrierMissing(f"The relay at {name} could not show who it is.", permanent=refused) from problem
        shown = secured.getpeercert(binary_form=True) or b""
        if self.place.fingerprint and not hmac.compare_digest(hashlib.sha256(shown).digest(), self.place.fingerprint):
            secured.close()
            raise CarrierMissing(
                f"The server at {name} is not the relay of this address: its certificate is another.", permanent=True,
                remedy="Ask who runs the relay for its address. If it moved, add the new one.",
            )  # fmt: skip
        return secured

    @property
    def _server_name(self) -> str | None:
        """Said in the clear by the handshake, so only where somebody looks at it."""
        return None if self.place.fingerprint else self.place.host

    @cached_property
    def _context(self) -> ssl.SSLContext:
        context = (
            ssl.create_default_context() if not self.place.fingerprint else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.place.fingerprint:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the fingerprint alone decides
        return context


def _said(problem: BaseException) -> str:
    """What went wrong, in few words and without what was sent."""
    if isinstance(problem, TimeoutError):
        return "it took too long"
    return (problem.strerror if isinstance(problem, OSError) else None) or type(problem).__name__
