"""SOCKS5, as far as Tor needs it: a name is resolved at the far end, and each user has a circuit of its own.

Tor gives streams with different user names or passwords different circuits (IsolateSOCKSAuth, its default), so two
boxes that are asked for with two passwords are not seen together. Source: RFC 1928, RFC 1929.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

from tiercel.errors import CarrierMissing

_VERSION, _WITH_PASSWORD, _CONNECT = 5, 2, 1
_ADDRESS_BYTES: Final = {1: 4, 4: 16}  # by type; 3 is a name with its length before it
_REFUSALS: Final = {
    2: "it does not allow this connection", 3: "the network cannot be reached", 4: "the host cannot be reached",
    5: "the connection was refused", 6: "it took too long",
}  # fmt: skip


def connect_through(proxy: socket.socket, host: str, port: int, isolation: str) -> None:
    """Ask a proxy that was connected to for a way to a host; afterwards the socket leads there.

    Args:
        proxy: Connected, with a time limit.
        host: Name or IP address; a name is resolved by the proxy, never here.
        port: Of the host.
        isolation: At most 255 ASCII characters; streams with different ones share no circuit.

    Raises:
        CarrierMissing: The proxy refused, or is no SOCKS5 proxy that takes a password.
        OSError: The connection broke.
    """
    secret = isolation.encode("ascii")
    proxy.sendall(bytes((_VERSION, 1, _WITH_PASSWORD)))
    if _exactly(proxy, 2) != bytes((_VERSION, _WITH_PASSWORD)):
        raise CarrierMissing("The proxy for Tor is no SOCKS5 proxy that takes a password.", permanent=True)
    proxy.sendall(bytes((1, 7)) + b"tiercel" + bytes((len(secret),)) + secret)
    if _exactly(proxy, 2)[1]:
        raise CarrierMissing("The proxy for Tor refused a user name and password.", permanent=True)
    proxy.sendall(bytes((_VERSION, _CONNECT, 0)) + _target(host) + port.to_bytes(2, "big"))
    _, said, _, kind = _exactly(proxy, 4)
    if said:
        raise CarrierMissing(f"The proxy for Tor found no way there: {_REFUSALS.get(said, f'code {said}')}.")
    _exactly(proxy, (_ADDRESS_BYTES.get(kind) or _exactly(proxy, 1)[0]) + 2)


def _target(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("ascii")
        return bytes((3, len(name))) + name
    return bytes((1 if address.version == 4 else 4,)) + address.packed


def _exactly(stream: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = stream.recv(size - len(data))
        if not more:
            raise CarrierMissing("The proxy for Tor hung up.")
        data += more
    return data
