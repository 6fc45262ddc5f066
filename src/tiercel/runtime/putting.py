"""Parcels are put on a road: planned, sealed from the symbols of a bundle, put, and marked as put.

A parcel's name is stored before the parcel is put, so that a crash between the two is mended by the next visit.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from tiercel.delivery.parcels import HANDED_OVER_AGAIN, handed_over, handing_over, pass_due
from tiercel.delivery.states import Event, State
from tiercel.errors import CarrierError, EnclosureDamaged, MalformedError, ParcelTaken, SealError
from tiercel.limits import TAG_RANDOM_BYTES
from tiercel.parcel.box import Kind, seal_symbols
from tiercel.parcel.epochs import ParcelKeys
from tiercel.parcel.symbols import layout_of
from tiercel.vault import bundles, letters
from tiercel.vault.bundles import BundleOut, Handed
from tiercel.vault.letters import Letter

from . import planning, way
from .home import Home
from .opening import POISON
from .planning import RoadAt, unpack_refs
from .sources import SymbolSource
from .views import Progress
from .working import ahead

UNFIT = (ParcelTaken, MalformedError, SealError, *POISON)
"""What keeps one bundle from being put, and no other."""
MARK_EVERY_PARCELS = 64
"""Parcels put between two commits that say so."""


def put_bundle(home: Home, road: RoadAt, bundle: BundleOut, keys: ParcelKeys, progress: Progress) -> None:
    """Put on a road what is planned of a bundle; if nothing of it is there, plan a whole pass first."""
    todo = [row for row in _planned(home, road, bundle) if not row.put]
    if todo:
        _put_symbols(home, road, bundle, keys, todo, progress)
    letter = letters.letter_at(home.vault, bundle.letter)
    # With nothing to do it may be sealed still: a visit was killed between the last mark and the word.
    if letter is not None and (todo or letter.state == State.SEALED):
        _handed_over(home, road, letter)


def _planned(home: Home, road: RoadAt, bundle: BundleOut) -> list[Handed]:
    rows = bundles.handed_of(home.vault, road.row.id, bundle.hash)
    lying = [road.parcel(row) for row in rows]
    if not pass_due(lying, road.carrier.road.delay_ms, home.clock.now_ms(), home.clock_doubtful):
        return rows
    take_off(home, road, [row for row in rows if row.name not in road.present])
    with home.vault.transaction():
        if bundles.out_by_hash(home.vault, bundle.hash) is None:
            return []  # recalled meanwhile, because nothing of it had left: nothing may leave now
        planning.plan_pass(home, road, bundle, layout_of(bundle.length))
    return bundles.handed_of(home.vault, road.row.id, bundle.hash)


def _put_symbols(
    home: Home, road: RoadAt, bundle: BundleOut, keys: ParcelKeys, rows: list[Handed], progress: Progress
) -> None:
    profiles = {profile.name: profile for profile in road.carrier.road.profiles}
    size, layout = profiles[rows[0].profile].size_bytes, layout_of(bundle.length)

    def seal(row: Handed, r: bytes) -> bytearray:
        refs = unpack_refs(row.refs or b"")
        kind, symbols = Kind(bundle.kind), source.symbols(refs)
        return seal_symbols(keys, profiles[row.profile], r, kind, bundle.hash, layout, refs, symbols)

    def say(done: int) -> None:
        if len(rows) > 1:
            progress("writing " + road.row.name, done * size, len(rows) * size)

    try:
        with closing(SymbolSource(home, bundle, layout)) as source:
            _put_all(home, road, rows, seal, say)
    except UNFIT:
        # What was put of it goes too: the rest alone would pass for the whole. The next visit plans a whole pass.
        take_off(home, road, bundles.handed_of(home.vault, road.row.id, bundle.hash))
        raise
    except EnclosureDamaged:
        begun = {row.at for row in rows}  # a pass that lies there from before is all that is left of it: it stays
        lying = bundles.handed_of(home.vault, road.row.id, bundle.hash)
        take_off(home, road, [row for row in lying if row.at in begun])
        raise


def take_off(home: Home, road: RoadAt, rows: list[Handed]) -> None:
    """Take parcels off the road, with what a killed visit left half written, and forget their names.

    One that the road does not let go keeps its name here for the next visit, and the rest of the visit goes on.
    """
    gone = []
    for row in rows:
        try:
            road.carrier.remove(row.name)
        except CarrierError as error:
            road.refused = road.refused or error
        else:
            road.present.discard(row.name)
            gone.append(row)
    if gone:
        with home.vault.transaction():
            for row in gone:
                bundles.drop_handed(home.vault, row.carrier, row.name)


def put_sealed(home: Home, road: RoadAt, parcels: list[tuple[Handed, bytearray]]) -> None:
    """Put parcels that are sealed already."""
    sealed = {row.name: parcel for row, parcel in parcels}
    _put_all(home, road, [row for row, _parcel in parcels], lambda row, _r: sealed[row.name], lambda _done: None)


def _put_all(
    home: Home, road: RoadAt, rows: list[Handed], seal: Callable[[Handed, bytes], bytearray], say: Callable[[int], None]
) -> None:
    """Seal and put planned parcels and remember them as put, a batch at a time."""
    for start in range(0, len(rows), MARK_EVERY_PARCELS):
        _put_batch(home, road, rows[start : start + MARK_EVERY_PARCELS], seal)
        say(min(len(rows), start + MARK_EVERY_PARCELS))


def _put_batch(home: Home, road: RoadAt, rows: list[Handed], seal: Callable[[Handed, bytes], bytearray]) -> None:
    """All of one batch is put, or has failed, before it is flushed: a carrier is never asked for both at once."""

    def carry(task: tuple[Handed, bytes]) -> int | None:
        row, r = task
        return road.carrier.put(row.name, seal(row, r)) if r else row.until

    tasks = ((row, b"" if row.name in road.present else home.entropy.token(TAG_RANDOM_BYTES)) for row in rows)
    batch: list[tuple[Handed, int | None]] = []
    at_once = road.carrier.road.at_once if len(rows) > 1 else 1
    try:
        with ahead(carry, tasks, at_once) as carried:
            for (row, r), until in carried:
                batch.append((row, until()))
                road.put += bool(r)
                road.present.add(row.name)
    finally:
        _mark(home, road, batch)


def _mark(home: Home, road: RoadAt, batch: list[tuple[Handed, int | None]]) -> None:
    if not batch:
        return
    road.carrier.flush()
    with home.vault.transaction():
        for row, until in batch:
            bundles.was_put(home.vault, row.carrier, row.name, until)
    batch.clear()


def _handed_over(home: Home, road: RoadAt, letter: Letter) -> None:
    """Once every bundle of a letter is on a road, the letter is handed over to it."""
    mine = [item for item in bundles.out_of_letter(home.vault, letter.seq) if not item.peer_has]
    rows = [bundles.handed_of(home.vault, road.row.id, item.hash) for item in mine]
    if handed_over([[part.put == 1 for part in parts] for parts in rows]):
        until = min((part.until for parts in rows for part in parts if part.until is not None), default=None)
        before = {event.what for event in letters.events_of(home.vault, letter.seq) if event.road == road.row.name}
        what = handing_over(before)
        with home.vault.transaction():
            if what == HANDED_OVER_AGAIN:  # one step however often, its time the last
                letters.drop_event(home.vault, letter.seq, what, road.row.name)
            way.happened(home, _fresh(home, letter), Event.PUT, what, road.row.name, until)


def _fresh(home: Home, letter: Letter) -> Letter:
    return letters.letter_at(home.vault, letter.seq) or letter
