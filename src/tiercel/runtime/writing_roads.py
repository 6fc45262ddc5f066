"""The second half of a visit: what is over comes off the roads, what belongs there is put there.

On every road first what is to be said and letters, urgent ones before others; only then enclosures on any. While a
large one is being put, a letter that somebody wrote or that fell due meanwhile goes first on every road.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tiercel.delivery.effects import Effect, Put, PutNotes
from tiercel.delivery.events import RoadReady
from tiercel.delivery.sending import due_by, too_old
from tiercel.errors import CarrierError, EnclosureDamaged
from tiercel.parcel.box import Kind
from tiercel.parcel.epochs import ParcelKeys, epoch_of
from tiercel.vault import bonds, bundles, letters, roads
from tiercel.vault.bonds import Bond
from tiercel.vault.bundles import Calls

from . import way
from .home import Home
from .keyring import sending
from .pairing_road import put_pairing
from .planning import RoadAt
from .putting import UNFIT, Putting
from .telling import put_notes
from .views import Progress


class Writing:
    """One visit's writing of the roads.

    Args:
        home: Opened.
        writable: Roads that can be written.
        seal: Seals letters that were written meanwhile.
        failed: Told of a road that failed: it is left, what was put is remembered, the rest waits.
        progress: Told of large bundles.
    """

    def __init__(
        self,
        home: Home,
        writable: list[RoadAt],
        seal: Callable[[], None],
        failed: Callable[[RoadAt, CarrierError], None],
        progress: Progress,
    ) -> None:
        """Nothing is done yet."""
        self.home, self.seal, self.failed, self.progress = home, seal, failed, progress
        self.roads = sorted(writable, key=_place(home))
        self._keys: dict[int, ParcelKeys | None] = {}
        self._newest = bundles.newest_to_seal(home.vault)

    def write(self) -> None:
        """Everything, on every road that goes on working."""
        self._on_each(self._begin)
        self._on_each(self._letters)
        self._on_each(self._enclosures)
        self._on_each(self._end)

    def _on_each(self, act: Callable[[RoadAt], None]) -> None:
        for road in list(self.roads):
            if road in self.roads:
                self._on(road, act)

    def _on(self, road: RoadAt, act: Callable[[RoadAt], None]) -> None:
        try:
            act(road)
        except CarrierError as error:
            if road in self.roads:  # else it failed while a letter went before an enclosure, and that was said
                self.roads.remove(road)
                self.failed(road, error)

    # -- one road --------------------------------------------------------------------------------

    def _begin(self, road: RoadAt) -> None:
        """What is over comes off; what is to be said, and pairing messages, are put."""
        ready = getattr(road.carrier, "ready", None)
        if ready is not None:  # what was read may have said where the other side's boxes are
            ready()
        calls, moment = self._calls(road), self.home.office.moment()
        effects = self.home.office.step(road.seen) if calls.off or calls.notes else []
        self._putting(road).carry_out([effect for effect in effects if not isinstance(effect, PutNotes)])
        notes = {effect.bond: effect for effect in effects if isinstance(effect, PutNotes)}
        for bond_id in roads.bonds_on(self.home.vault, road.row.id):
            bond = bonds.bond_by_id(self.home.vault, bond_id)
            if calls.pairing:
                with _passed_over(road, f"The next step of the pairing with {bond.name}"):
                    put_pairing(self.home, road, bond)
            if epoch_of(moment.now_ms) > bond.newest_sent:
                self._keys_of(bond.id)  # also when nothing is sent: what is left of an epoch that passed is deleted
            self._say(road, bond, notes.get(bond_id))

    def _calls(self, road: RoadAt) -> Calls:
        moment = self.home.office.moment()
        return bundles.calls(self.home.vault, road.row.id, due_by(moment), *too_old(moment))

    def _say(self, road: RoadAt, bond: Bond, said: PutNotes | None) -> None:
        keys = None if said is None else self._keys_of(bond.id)
        if keys is not None and said is not None:
            with _passed_over(road, f"A note to {bond.name}"):
                put_notes(self.home, road, keys, said)

    def _letters(self, road: RoadAt) -> None:
        while effects := self._ready(road, Kind.LETTER):
            self._putting(road).carry_out(effects)

    def _enclosures(self, road: RoadAt) -> None:
        while effects := self._ready(road, Kind.ENCLOSURE):
            self._putting(road).carry_out(effects, self._meanwhile)

    def _ready(self, road: RoadAt, kind: Kind) -> list[Effect]:
        if not self._calls(road).due:
            return []
        return self.home.office.step(RoadReady(road.seen, int(kind), frozenset(road.unfit)))

    def _end(self, road: RoadAt) -> None:
        if road.refused is not None:
            raise road.refused

    def _putting(self, road: RoadAt) -> Putting:
        return Putting(self.home, road, self._keys_of, self._unfit, self.progress)

    # -- between two batches of an enclosure -----------------------------------------------------

    def _meanwhile(self) -> None:
        """A letter that another process wrote, or that fell due, goes on every road before more of an enclosure."""
        newest = bundles.newest_to_seal(self.home.vault)
        if newest > self._newest:
            self.seal()
        self._newest = max(newest, self._newest)
        by_ms = due_by(self.home.office.moment())
        for road in list(self.roads):
            if bundles.due_on(self.home.vault, road.row.id, int(Kind.LETTER), by_ms, 1):
                self._on(road, self._letters)

    # -- what they need --------------------------------------------------------------------------

    def _keys_of(self, bond_id: int) -> ParcelKeys | None:
        """The keys to send with at this visit; the epoch they are of is remembered before anything leaves under it."""
        if bond_id not in self._keys:
            bond = bonds.bond_by_id(self.home.vault, bond_id)
            keys = sending(self.home.vault, bond, self.home.clock.now_ms(), self.home.clock_doubtful)
            if keys is not None and keys[1] > bond.newest_sent:
                with self.home.vault.transaction():
                    bonds.sent_epoch(self.home.vault, bond.id, keys[1])
            self._keys[bond_id] = keys[0] if keys is not None and bond.state != "refused" else None
        return self._keys[bond_id]

    def _unfit(self, road: RoadAt, put: Put, error: Exception) -> None:
        bond = bonds.bond_by_id(self.home.vault, put.bond)
        if not isinstance(error, EnclosureDamaged):
            road.said.append(_waits(road, f"A part of a letter to {bond.name}", error))
            return
        bundle = bundles.out_by_hash(self.home.vault, put.bundle)
        letter = letters.letter_at(self.home.vault, bundle.letter) if bundle is not None else None
        road.said += [way.say_lost(bond, letter, "cannot be read")] if letter is not None else []


def _place(home: Home) -> Callable[[RoadAt], int]:
    """The foremost place of a road in the order of any bond: it gets the first symbols."""
    places = roads.foremost_places(home.vault)
    return lambda road: places.get(road.row.id, 0)


@contextmanager
def _passed_over(road: RoadAt, what: str) -> Iterator[None]:
    """What cannot be sealed is said, and the rest of the road goes on."""
    try:
        yield
    except UNFIT as error:
        road.said.append(_waits(road, what, error))


def _waits(road: RoadAt, what: str, error: BaseException) -> str:
    return f"{what} could not be put on {road.row.name} ({type(error).__name__}): it waits."
