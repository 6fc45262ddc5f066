"""The address of a relay: host, port, and how its server is known.

    tiercel-relay://HOST:PORT/TRUST          TRUST: base32 of the certificate's SHA-256, or ca, or plain
    tiercel-relay://HOST:PORT/TRUST/TOKEN    with a token for making boxes

Parsed strictly: a half-copied address must never become one that trusts less.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

from tiercel.errors import MalformedAddress, MalformedWire, NewerVersion
from tiercel.limits import FORMAT_VERSION, HASH_BYTES, RELAY_ADDRESS_CHARS_MAX, TOKEN_BYTES
from tiercel.wire import from_base32, is_newer, to_base32

_SHAPE = re.compile(
    r"tiercel-relay(?P<version>[0-9]*)://(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[a-z0-9.-]+)):(?P<port>[1-9][0-9]{0,4})"
    r"/(?P<trust>[a-z2-7]+)(?:/(?P<token>[a-z2-7]+))?"
)
_BEGINNING = re.compile(r"tiercel-relay([1-9][0-9]{0,8})://")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NAME_CHARS_MAX = 253
_NOT_WHOLE = "This address was not copied whole: a character is missing, added or changed."


class Trust(Enum):
    """How the server at an address is known."""

    PINNED = "pinned"  # by the hash of its certificate
    AUTHORITIES = "ca"
    PLAIN = "plain"  # not at all: no TLS


@dataclass(frozen=True)
class Address:
    """Where a relay is.

    Attributes:
        host: DNS name or IP address in lower case, without brackets.
        port: 1 to 65535.
        trust: How its server is known.
        fingerprint: SHA-256 of its certificate in DER, 32 bytes; empty unless trust is PINNED.
        token: For making boxes, 32 bytes, or empty. Secret.
    """

    host: str
    port: int
    trust: Trust
    fingerprint: bytes = b""
    token: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if not is_host(self.host) or not 1 <= self.port <= 65535:
            raise ValueError("a host and a port are needed")
        if len(self.fingerprint) != (HASH_BYTES if self.trust is Trust.PINNED else 0):
            raise ValueError("a pinned address has a fingerprint of 32 bytes, and no other has one")
        if len(self.token) not in (0, TOKEN_BYTES):
            raise ValueError("a token has 32 bytes")

    @property
    def place(self) -> str:
        """HOST:PORT, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_host(host: str) -> bool:
    """Whether this is a DNS name in lower case or an IP address in its one spelling."""
    try:
        return str(ipaddress.ip_address(host)) == host and "%" not in host
    except ValueError:
        labels = host.split(".")
        # A name whose last label is a number is an IPv4 address to some programs and not to others.
        named = not labels[-1].isdigit() and not labels[-1].startswith("0x")
        return named and len(host) <= _NAME_CHARS_MAX and all(map(_LABEL.fullmatch, labels))


def host_of(text: str) -> str | None:
    """A host as an address spells it, from what somebody typed; None if it is none."""
    host = text.lower()
    if ":" in host:
        with suppress(ValueError):
            host = str(ipaddress.ip_address(host))
    return host if is_host(host) else None


def token_text(token: bytes) -> str:
    """A registration token as it is shown: 52 characters."""
    return to_base32(token)


def encode_address(address: Address) -> str:
    """The one line to hand over. Source: spec/relay.md 6."""
    trust = to_base32(address.fingerprint) if address.trust is Trust.PINNED else address.trust.value
    token = f"/{to_base32(address.token)}" if address.token else ""
    return f"tiercel-relay://{address.place}/{trust}{token}"


def decode_address(text: str) -> Address:
    """Read a line a person copied, scanned or typed.

    Raises:
        MalformedAddress: Not an address, or not the whole of one. The text is never repeated in the sentence.
        NewerVersion: An address of a newer Tiercel.

    Source: spec/relay.md 6.
    """
    text = text.strip()
    if len(text) > RELAY_ADDRESS_CHARS_MAX:
        raise MalformedAddress("This is far too long to be the address of a relay.")
    lower = text.lower() if text.isascii() and text.isupper() else text
    _refuse_newer(lower)
    found = _SHAPE.fullmatch(lower)
    if not found or found["version"]:
        raise MalformedAddress()
    try:
        return _address_of(found)
    except (MalformedWire, ValueError) as error:
        raise MalformedAddress(_NOT_WHOLE) from error


def _refuse_newer(text: str) -> None:
    beginning = _BEGINNING.match(text)
    if beginning and is_newer(int(beginning[1]), FORMAT_VERSION):
        raise NewerVersion("This address was written by a newer Tiercel.", remedy="Upgrade Tiercel and add it again.")


def _address_of(found: re.Match[str]) -> Address:
    host, trust = found["six"] or found["name"], Trust.PINNED
    if (":" in host) != bool(found["six"]):
        raise ValueError("brackets are for IPv6 alone")
    for other in (Trust.AUTHORITIES, Trust.PLAIN):
        trust = other if found["trust"] == other.value else trust
    fingerprint = from_base32(found["trust"]) if trust is Trust.PINNED else b""
    token = from_base32(found["token"]) if found["token"] else b""
    return Address(host, int(found["port"]), trust, fingerprint, token)
