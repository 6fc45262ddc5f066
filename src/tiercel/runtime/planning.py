"""A road during one visit: what of ours was seen on it, and what was done there."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from tiercel.delivery import sending
from tiercel.delivery.events import RoadSeen
from tiercel.errors import CarrierError
from tiercel.ports import Carrier
from tiercel.vault.roads import CarrierRow

from .home import Home


@dataclass
class RoadAt:
    """A road during one visit. ``present``: names of ours that its listing showed or that were put since."""

    row: CarrierRow
    carrier: Carrier
    visit: int = -1
    present: set[str] = field(default_factory=set)
    unfit: set[bytes] = field(default_factory=set)  # bundles that could not be put there at this visit
    put: int = 0
    got: int = 0
    said: list[str] = field(default_factory=list)  # sentences for the person
    refused: CarrierError | None = None  # the first parcel of ours that could not be taken off

    @cached_property
    def seen(self) -> RoadSeen:
        """The road as the delivery engine is told of it."""
        road = self.carrier.road
        return RoadSeen(self.row.id, self.visit, road.delay_ms, road.talks_back, road.shows_own, road.profiles)

    def put_for(self, bond: int, name: str, parcel: bytes | bytearray) -> int | None:
        """Put a parcel of a bond; where each bond has its own box, into that of its other side."""
        into = getattr(self.carrier, "put_for", None)
        until: int | None = self.carrier.put(name, parcel) if into is None else into(bond, name, parcel)
        return until

    def is_for(self, name: str, bond: int) -> bool:
        """Whether a listed parcel may be of this bond: where each bond has its own box, only from there."""
        owner = getattr(self.carrier, "bond_of", None)
        return owner is None or owner(name) == bond


def new_name(home: Home) -> str:
    """A fresh parcel name: 26 characters of lower-case base32."""
    return sending.new_name(home.entropy)
