"""One relay as a road of many bonds: each has boxes of its own there, and a connection for each of them.

Helpers put and fetch; the vault is asked and told by the caller's thread only, in :meth:`RelayRoad.ready` and after a
listing.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cached_property

from tiercel.carriers.http_relay import RELAY_ROAD, Became, Box, Boxes, RelayCarrier, Server
from tiercel.carriers.wrappers.pace import Pace, Paced
from tiercel.carriers.wrappers.retry import Retrying
from tiercel.errors import BoxMissing, CarrierFull, CarrierReadOnly, ParcelMissing
from tiercel.ports import Listed
from tiercel.relay.protocol import Opening, decode_address
from tiercel.vault import boxes, roads
from tiercel.vault.boxes import OurBox
from tiercel.vault.roads import CarrierRow

from .boxes import keys_of, was_made
from .clock import steady_s
from .home import Home

TRIES = 3


def server_of(home: Home, row: CarrierRow) -> Server:
    """The way to a relay; over a proxy each box has a circuit of its own."""

    def circuit(box: bytes) -> str:
        return hashlib.sha256(home.circuits + box).hexdigest()[:32]

    host, _, port = (row.proxy or "").rpartition(":")
    proxy = (host.strip("[]"), int(port)) if row.proxy else None
    return Server(decode_address(row.place), proxy, circuit)


class _Side:
    """What one bond has there, as it was when it was last looked at."""

    def __init__(self, road: RelayRoad, bond: int) -> None:
        vault, row = road.home.vault, road.row
        self.ours = boxes.ours_on(vault, bond, row.id)
        self.theirs = boxes.theirs_on(vault, bond, row.id)
        self.carriers = [
            RelayCarrier(road.server, part, road.home.clock.now_ms) for part in self._parts(road.made)
        ]  # the first puts and lists; the others only know what became of parcels in older boxes
        paced = self.carriers[0] if road.pace is None else Paced(self.carriers[0], road.pace)
        self.patient = Retrying(paced, time.sleep, TRIES, lambda: road.home.entropy.token(1)[0] / 256)

    def _parts(self, made: deque[tuple[OurBox, bytes]]) -> Iterator[Boxes]:
        rows = {box.keys: box for box in self.ours}
        mine = [Box(keys_of(box.keys), box.run) for box in self.ours]

        def told(box: Box) -> None:
            keys = box.keys
            made.append((rows[keys.drop + keys.pick_up + keys.erase], box.run))

        usable = [drop for drop in self.theirs if drop.current]
        first = usable[0] if usable else None
        both = keys_of(first.keys) if first is not None and first.keys is not None else None
        yield Boxes(mine, Opening.from_bytes(first.opening) if first else None, both, told)
        for drop in self.theirs:
            if drop != first:
                yield Boxes((), Opening.from_bytes(drop.opening))

    def same(self, other: _Side) -> bool:
        """Whether nothing but runs changed."""
        return [box.id for box in self.ours] == [box.id for box in other.ours] and self.theirs == other.theirs


class RelayRoad:
    """A carrier over the boxes of all bonds on one relay.

    Args:
        home: Opened.
        row: Of the relay. Nothing is looked at or connected until the first act.
    """

    road = RELAY_ROAD

    def __init__(self, home: Home, row: CarrierRow) -> None:
        self.home, self.row = home, row
        self.made = deque[tuple[OurBox, bytes]]()
        self._sides: dict[int, _Side] = {}
        self._bonds: dict[str, int] = {}

    @cached_property
    def server(self) -> Server:
        """The way there."""
        return server_of(self.home, self.row)

    @cached_property
    def pace(self) -> Pace | None:
        """The rate that all bonds keep together here, if a person gave one."""
        return None if self.row.rate is None else Pace(self.row.rate, steady_s, time.sleep)

    def ready(self) -> None:
        """Look at the vault: who has which boxes here now."""
        used = roads.bonds_on(self.home.vault, self.row.id)
        now = {bond: _Side(self, bond) for bond in used}
        for bond, side in now.items():
            before = self._sides.get(bond)
            self._sides[bond] = before if before is not None and before.same(side) else side
        for bond in self._sides.keys() - now.keys():
            del self._sides[bond]

    def list(self) -> Iterator[Listed]:
        self.ready()
        for bond, side in self._sides.items():
            try:
                for entry in side.patient.list():
                    self._bonds[entry.name] = bond
                    yield entry
            finally:
                self._settle()
            refused = side.carriers[0].refused
            if refused is not None:
                self.home.office.say(f"{self.row.name}: {refused} {refused.remedy}".strip())

    def bond_of(self, name: str) -> int | None:
        """In whose box a parcel was listed."""
        return self._bonds.get(name)

    def head(self, name: str) -> bytes:
        return self._side(name).patient.head(name)

    def fetch(self, name: str) -> bytes:
        return self._side(name).patient.fetch(name)

    def remove(self, name: str) -> None:
        if name in self._bonds:
            self._side(name).patient.remove(name)

    def put(self, name: str, parcel: bytes | bytearray | memoryview) -> int | None:
        raise BoxMissing(permanent=True)  # nobody said whose it is

    def put_for(self, bond: int, name: str, parcel: bytes | bytearray | memoryview) -> int | None:
        """Put a parcel into the box of the other side of a bond."""
        side = self._sides.get(bond)
        if side is None:
            raise BoxMissing(permanent=True)
        try:
            return side.patient.put(name, parcel)
        except (CarrierFull, CarrierReadOnly) as problem:  # no other bond has to wait for this one
            raise BoxMissing(str(problem), remedy=problem.remedy, permanent=True) from problem

    def flush(self) -> None:
        for side in self._sides.values():
            side.patient.flush()

    def check(self) -> None:
        RelayCarrier(self.server, Boxes(), self.home.clock.now_ms).check()

    def became(self, bond: int, names: Sequence[str]) -> dict[str, Became]:
        """What became of parcels of a bond, in whichever of the other side's boxes they were put."""
        found: dict[str, Became] = {}
        for carrier in self._sides[bond].carriers if bond in self._sides else ():
            left = [name for name in names if found.get(name, Became.GONE) is Became.GONE]
            found |= carrier.became(left)
        return found

    def close_box(self, box: OurBox) -> None:
        """Take a box of ours and all in it away."""
        self.server.close_box(keys_of(box.keys))

    def _side(self, name: str) -> _Side:
        bond = self._bonds.get(name)
        if bond is None or bond not in self._sides:
            raise ParcelMissing(permanent=True)
        return self._sides[bond]

    def _settle(self) -> None:
        while self.made:
            was_made(self.home, *self.made.popleft())
