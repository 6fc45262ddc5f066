"""What the rooms ask of the world: time, entropy, roads. Implementations live at the edges and in ``testing``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Tells the time; never trusted alone (spec/parcel.md 2, clock)."""

    def now_ms(self) -> int:
        """UTC milliseconds since 1970."""
        ...


class Entropy(Protocol):
    """Gives random bytes for keys, ids and names."""

    def token(self, size: int) -> bytes:
        """``size`` fresh random bytes, fit for keys."""
        ...


@dataclass(frozen=True)
class Profile:
    """A parcel size of a road. ``name`` is bound into every parcel's key and associated data."""

    name: str
    size_bytes: int


@dataclass(frozen=True)
class Road:
    """What a carrier declares of itself.

    ``profiles`` go from small to large. ``delay_ms`` is the declared worst delay one way. ``talks_back`` is false
    on one-way roads, which therefore carry redundancy. ``at_once`` is how many threads may head, fetch, put and
    remove at the same time, each another name; never while another flushes. ``shows_own`` is false where the listing
    holds only what others put (a mailbox, a relay, paper): then only time tells when to put something again. ``tells``
    is true where the carrier can also be asked what became of a parcel, and remembers what the other side took.
    """

    kind: str
    profiles: tuple[Profile, ...]
    delay_ms: int
    talks_back: bool
    at_once: int = 1
    shows_own: bool = True
    tells: bool = False


@dataclass(frozen=True)
class Listed:
    """One entry of a carrier's listing: a name and its exact size in bytes."""

    name: str
    size_bytes: int


class Carrier(Protocol):
    """A road for parcels. Names are given by the caller: 26 characters of lower-case base32.

    Contract (proved by ``testing.carrier_suite``): ``put`` is idempotent, and what was put is durable once ``flush``
    returns; a write cut off half-way is never listed; an error never leaves a listed parcel behind; sizes are checked
    before anything is written; ``list`` gives only whole parcels of a profile's size; names never lead out of the
    carrier. Foreign exceptions become :class:`~tiercel.errors.CarrierError`, cause kept.
    """

    road: Road

    def list(self) -> Iterator[Listed]:
        """Every parcel there now, in no order. Rubbish of other people is not listed."""
        ...

    def head(self, name: str) -> bytes:
        """The first 32 bytes of a parcel. Raises ParcelMissing."""
        ...

    def fetch(self, name: str) -> bytes:
        """The whole parcel. Raises ParcelMissing."""
        ...

    def put(self, name: str, parcel: bytes | bytearray | memoryview) -> int | None:
        """Store a parcel; give back until when (UTC ms) the road promises to hold it, or None for no promise.

        Raises:
            LimitError: Not a size of this road.
            CarrierFull, CarrierReadOnly, CarrierMissing: As named; nothing is left behind.
        """
        ...

    def flush(self) -> None:
        """Make every parcel put since the last flush durable; until it returns none of them may be counted as sent.

        Raises CarrierError: put them again at the next visit. One flush for many parcels costs a folder half the time.
        """
        ...

    def remove(self, name: str) -> None:
        """Take a parcel away. One that is not there is no error."""
        ...

    def check(self) -> None:
        """Raise the CarrierError that a visit would meet now, if any."""
        ...
