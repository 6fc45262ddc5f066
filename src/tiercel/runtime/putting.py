"""Parcels are put on a road and taken off it, as the delivery engine asks, and it is told what came of it.

A parcel's name is stored before the parcel is put, so that a crash between the two is mended by the next visit: what is
on the road already is not put again, and of a road that does not show it at most one batch is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing

from tiercel.delivery.effects import Effect, Put, TakeOff
from tiercel.delivery.events import BundleUnfit, Event, ParcelsPut, ParcelsTakenOff
from tiercel.delivery.passes import unpack_refs
from tiercel.delivery.rows import Handed
from tiercel.delivery.sending import PUT_AT_ONCE
from tiercel.errors import BoxMissing, CarrierError, EnclosureDamaged, MalformedError, ParcelTaken, SealError
from tiercel.limits import TAG_RANDOM_BYTES
from tiercel.parcel.box import Kind, seal_symbols
from tiercel.parcel.epochs import ParcelKeys
from tiercel.parcel.profiles import PROFILES
from tiercel.parcel.symbols import layout_of
from tiercel.vault import bundles

from . import way
from .home import Home
from .opening import POISON
from .planning import RoadAt
from .sources import SymbolSource
from .views import Progress
from .working import ahead

UNFIT = (ParcelTaken, BoxMissing, MalformedError, SealError, *POISON)
"""What keeps one bundle from being put, and no other."""

Seal = Callable[[Handed, bytes], bytes | bytearray]
"""Seals a planned parcel with its fresh r."""


class Putting:
    """Carries out what is to be put on one road at one visit.

    Args:
        home: Opened.
        road: Where.
        keys_of: The keys to send to a bond with now, or None if there are none.
        unfit: Called with a bundle that could not be put, and what kept it.
        progress: Told of bundles of several parcels.
    """

    def __init__(
        self,
        home: Home,
        road: RoadAt,
        keys_of: Callable[[int], ParcelKeys | None],
        unfit: Callable[[RoadAt, Put, Exception], None],
        progress: Progress,
    ) -> None:
        """Nothing is done yet."""
        self.home, self.road, self.keys_of, self.unfit, self.progress = home, road, keys_of, unfit, progress

    def carry_out(self, effects: Iterable[Effect], meanwhile: Callable[[], None] = lambda: None) -> None:
        """Put and take off, in this order, with what follows from it; between two batches ``meanwhile`` has its turn.

        Raises:
            CarrierError: The road failed: what was put is remembered, the rest waits.
        """
        waiting = deque(effects)
        while waiting:
            if isinstance(waiting[0], TakeOff):
                take_off(self.home, self.road, waiting[0].names)
                waiting.popleft()
                continue
            batch = list(_batch(waiting))
            for effect in reversed(self._put(batch)):
                waiting.appendleft(effect)
            if waiting:
                meanwhile()

    def _put(self, batch: list[Put]) -> list[Effect]:
        following = list[Effect]()
        with ExitStack() as sources:
            seals = {put.bundle: seal for put in batch if (seal := self._seal(put, sources)) is not None}
            rows = [row for put in batch if put.bundle in seals for row in put.parcels]

            def seal(row: Handed, r: bytes) -> bytearray:
                assert row.bundle is not None
                return seals[row.bundle](row, r)

            failed = put_rows(self.home, self.road, rows, seal, following)
        for put in batch:
            if put.bundle in failed:
                self._unfit(put, failed[put.bundle])
            else:
                self._say(put)
        return [effect for effect in following if not (isinstance(effect, Put) and effect.bundle in failed)]

    def _seal(self, put: Put, sources: ExitStack) -> Callable[[Handed, bytes], bytearray] | None:
        """How parcels of a bundle are sealed; None if it is over, or cannot be sealed, or its source is lost."""
        bundle, keys = bundles.out_by_hash(self.home.vault, put.bundle), self.keys_of(put.bond)
        if bundle is None or keys is None:
            self.road.unfit.add(put.bundle)  # taken back meanwhile
            return None
        if bundle.file is not None and way.lost_file(self.home, bundle.file, bundle.length):
            self.road.unfit.add(put.bundle)  # said with the report
            self._tell(BundleUnfit(self.road.row.id, put.bundle, whole=False))
            return None
        layout, kind = layout_of(bundle.length), Kind(bundle.kind)
        try:
            source = sources.enter_context(closing(SymbolSource(self.home, bundle, layout)))
        except EnclosureDamaged as error:
            self._unfit(put, error)
            return None

        def seal(row: Handed, r: bytes) -> bytearray:
            refs = unpack_refs(row.refs or b"")
            symbols = source.symbols(refs)
            return seal_symbols(keys, PROFILES[row.profile], r, kind, put.bundle, layout, refs, symbols)

        return seal

    def _unfit(self, put: Put, error: Exception) -> None:
        self.road.unfit.add(put.bundle)
        self._tell(BundleUnfit(self.road.row.id, put.bundle, whole=not isinstance(error, EnclosureDamaged)))
        self.unfit(self.road, put, error)

    def _tell(self, event: BundleUnfit) -> None:
        for effect in self.home.office.step(event):
            assert isinstance(effect, TakeOff)
            take_off(self.home, self.road, effect.names)

    def _say(self, put: Put) -> None:
        lying = bundles.lying(self.home.vault, self.road.row.id, put.bundle)
        if lying.parcels > 1:
            size = PROFILES[put.parcels[0].profile].size_bytes
            done = (lying.parcels - lying.waiting) * size
            self.progress("writing " + self.road.row.name, done, lying.parcels * size)


def _batch(waiting: deque[Effect]) -> Iterator[Put]:
    """The next parcels to put before one commit says so, off the queue: whole small bundles, or part of a large one."""
    parcels = 0
    while waiting and isinstance(put := waiting[0], Put):
        parcels += len(put.parcels)
        if parcels > max(PUT_AT_ONCE, len(put.parcels)):
            return
        waiting.popleft()
        yield put


def take_off(home: Home, road: RoadAt, names: Iterable[str]) -> None:
    """Take parcels off the road, with what a killed visit left half written, and say which it let go.

    Where our own do not show, nothing of ours can be taken off: it is let go here.

    One that the road does not let go keeps its name here for the next visit, and the rest of the visit goes on.
    """
    gone = []
    for name in names:
        try:
            if road.carrier.road.shows_own:
                road.carrier.remove(name)
        except CarrierError as error:
            road.refused = road.refused or error
        else:
            road.present.discard(name)
            gone.append(name)
    if gone:
        home.office.step(ParcelsTakenOff(road.row.id, tuple(gone)))


def put_sealed(home: Home, road: RoadAt, parcels: list[tuple[Handed, bytearray]], then: Sequence[Event] = ()) -> None:
    """Put parcels that are planned and sealed already, notes and pairing messages; ``then`` tell what follows.

    Raises:
        ParcelTaken, CarrierError: One could not be put; what was put is remembered.
    """
    sealed = {row.name: parcel for row, parcel in parcels}
    rows = [row for row, _parcel in parcels]
    for start in range(0, len(rows), PUT_AT_ONCE):
        batch = rows[start : start + PUT_AT_ONCE]
        follows = then if start + PUT_AT_ONCE >= len(rows) else ()
        failed = put_rows(home, road, batch, lambda row, _r: sealed[row.name], [], follows)
        for error in failed.values():
            raise error


def put_rows(
    home: Home, road: RoadAt, rows: list[Handed], seal: Seal, following: list[Effect], then: Sequence[Event] = ()
) -> dict[bytes | None, Exception]:
    """Seal, put and flush planned parcels and tell of them; give back the bundles that could not be put, and why.

    All of one batch is put, or has failed, before it is flushed: a carrier is never asked for both at once.

    Args:
        home: Opened.
        road: Where.
        rows: Planned.
        seal: Makes the parcel of a row.
        following: Gets what the engine asks for next.
        then: Told with it, in one commit, if all were put.

    Raises:
        CarrierError: The road failed; what was put until then is told.
    """

    def carry(task: tuple[Handed, bytes]) -> int | None:
        row, r = task
        return _carry(road, row, seal(row, r)) if r else row.until

    tasks = ((row, b"" if row.name in road.present else home.entropy.token(TAG_RANDOM_BYTES)) for row in rows)
    done, failed = list[tuple[str, int | None]](), dict[bytes | None, Exception]()
    try:
        with ahead(carry, tasks, road.carrier.road.at_once if len(rows) > 1 else 1) as carried:
            for (row, r), until in carried:
                try:
                    done.append((row.name, until()))
                except (EnclosureDamaged, *UNFIT) as error:
                    failed[row.bundle] = error
                else:
                    road.put += bool(r)
                    road.present.add(row.name)
    finally:
        if done:
            road.carrier.flush()
            with home.office.transaction() as effects:
                for event in (ParcelsPut(road.seen, tuple(done)), *(then if len(done) == len(rows) else ())):
                    home.office.tell(event)
            following += effects
    return failed


def _carry(road: RoadAt, row: Handed, parcel: bytes | bytearray) -> int | None:
    try:
        return road.put_for(row.bond, row.name, parcel)
    except ParcelTaken:
        if road.carrier.road.shows_own:
            raise
        return row.until  # a killed visit put it: where our parcels do not show, nobody else knows the name
