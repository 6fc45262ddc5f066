"""Which bundle goes on which road when: order, eagerness, promises, sending again, redundancy.

Every bundle under way has a row in ``sendings`` for each road of its bond; the row is looked at when it is due, and
never otherwise. What lies on a road is told from the rows of parcels planned there. Source: spec/delivery.md 6.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Sequence

from tiercel.delivery.effects import Put, TakeOff
from tiercel.delivery.events import (
    BundleUnfit,
    NoteCame,
    ParcelsGone,
    ParcelsPut,
    ParcelsTakenOff,
    RoadReady,
    RoadSeen,
)
from tiercel.delivery.ledger import Ledger
from tiercel.delivery.parcels import HANDED_OVER, HANDED_OVER_AGAIN, ROUND_TRIPS_SEEN, usual_round_trip_ms, wait_ms
from tiercel.delivery.passes import (
    Ref,
    in_parcels,
    pack_refs,
    profile_for,
    repair_of,
    unpack_refs,
    wanted_pass,
    whole_pass,
)
from tiercel.delivery.rows import DueBundle, Handed, Lying, OutBundle
from tiercel.delivery.schedule import opens_at, passed, seal_fits
from tiercel.delivery.states import Event
from tiercel.delivery.step import Moment, Step
from tiercel.delivery.way import happened
from tiercel.limits import CLOCK_BACK_DAYS_MAX, DAY_MS, FOLDER_KEEP_DAYS, GROUP_INDICES, ID_BYTES
from tiercel.parcel.box import Kind
from tiercel.parcel.note import Want
from tiercel.parcel.symbols import layout_of
from tiercel.ports import Entropy

PUT_AT_ONCE = 64
"""Parcels of one bundle put between two commits that say so, and between two looks for a letter that goes first."""
DUE_AT_ONCE = 256
"""Bundles planned in one transaction."""

# -- what is there -----------------------------------------------------------------------------------


def parcels_left(step: Step, event: ParcelsGone | ParcelsTakenOff) -> None:
    """Forget parcels that are off a road; a bundle of which nothing lies there any more is put again (eager)."""
    for bundle in step.ledger.forget_parcels(event.road, event.names):
        if not step.ledger.lying(event.road, bundle).parcels:
            step.ledger.send_at(event.road, bundle, 0, passes=0)


def road_seen(step: Step, event: RoadSeen) -> None:
    """What is over comes off, what lay too long, and notes that a killed visit left half said."""
    if not event.shows_own:
        step.ledger.forget_notes(event.road)  # nobody can see when they are fetched
    names = step.ledger.over_on(event.road, *too_old(step.moment))
    if names:
        step.do(TakeOff(event.road, tuple(names)))


def too_old(moment: Moment) -> tuple[int, int]:
    """What was planned up to the one instant or after the other comes off: 60 days ago, or by a clock that ran ahead.

    While the clock is in doubt, nothing does.
    """
    if moment.clock_doubtful:
        return 0, 1 << 62
    return moment.now_ms - FOLDER_KEEP_DAYS * DAY_MS, moment.now_ms + CLOCK_BACK_DAYS_MAX * DAY_MS


def due_by(moment: Moment) -> int:
    """A clock in doubt makes nothing due: only what is to be looked at in any case is."""
    return 0 if moment.clock_doubtful else moment.now_ms


def bundle_unfit(step: Step, event: BundleUnfit) -> None:
    """What was put of it goes too: the rest alone would pass for the whole."""
    begun = None if event.whole else step.ledger.lying(event.road, event.bundle).newest_at
    names = step.ledger.names_of(event.road, event.bundle, begun)
    if names:
        step.do(TakeOff(event.road, tuple(names)))


# -- what is put there -------------------------------------------------------------------------------


def road_ready(step: Step, event: RoadReady) -> None:
    """Put what is due: the rest of what was planned, else a whole pass of what has waited long enough for a word.

    Where nothing of the first is to be put now, each was given a later instant, and the next are looked at.
    """
    most, before = DUE_AT_ONCE + len(event.unfit), set[bytes]()
    while True:
        found = step.ledger.due_on(event.seen.road, event.kind, due_by(step.moment), most)
        if _put_due(step, event, found) or len(found) < most or before.issuperset(due.bundle for due in found):
            return
        before = {due.bundle for due in found}


def _put_due(step: Step, event: RoadReady, found: Sequence[DueBundle]) -> int:
    """Look at what is due; give back how many parcels are to be put now."""
    parcels = 0
    for due in found:
        if due.bundle not in event.unfit:
            parcels += _look(step, event.seen, due)
        if parcels >= PUT_AT_ONCE and event.kind == Kind.ENCLOSURE:
            break
    return parcels


def next_due(ledger: Ledger, moment: Moment) -> int | None:
    """When time alone next puts something on a road again, or opens a later road for it."""
    return None if moment.clock_doubtful else ledger.next_due(moment.now_ms)


def _look(step: Step, seen: RoadSeen, due: DueBundle) -> int:
    """Put a bundle, or say when to look at it again; give back how many parcels are to be put now."""
    opens, layout = opens_at(due.accepted_at, due.after_days), layout_of(due.length)
    if profile_for(layout, seen.profiles) is None:
        step.ledger.never_send(seen.road, due.bundle)
    elif opens > step.now_ms:
        step.ledger.send_at(seen.road, due.bundle, opens)
    elif not (step.moment.clock_doubtful or seal_fits(due.made_day, step.today, seen.delay_ms)):
        step.ledger.send_at(seen.road, due.bundle, step.now_ms + DAY_MS)  # it is sealed again, or stays with others
    else:
        return _send(step, seen, due)
    return 0


def _send(step: Step, seen: RoadSeen, due: DueBundle) -> int:
    lying = step.ledger.lying(seen.road, due.bundle)
    if lying.parcels and not lying.waiting:
        wait = _wait_ms(step, seen, due.bond, due.passes, lying)
        if step.moment.clock_doubtful or not passed(lying.newest_at, step.now_ms, wait):
            step.ledger.send_at(seen.road, due.bundle, lying.newest_at + wait)
            return 0
    if not lying.waiting:
        _plan_pass(step, seen, due)
    return _put(step, seen.road, due.bundle)


def _wait_ms(step: Step, seen: RoadSeen, bond: int, passes: int, lying: Lying) -> int:
    trips = step.ledger.round_trips_ms(bond, ROUND_TRIPS_SEEN) if seen.by_time else ()
    usual = usual_round_trip_ms(seen.delay_ms, seen.by_time, trips)
    return wait_ms(lying.newest_at, usual, passes - 1, lying.until)


def _put(step: Step, road: int, bundle: bytes) -> int:
    rows = step.ledger.waiting(road, bundle, PUT_AT_ONCE)
    if rows:
        step.do(Put(road, rows[0].bond, bundle, tuple(rows)))
    return len(rows)


def parcels_put(step: Step, event: ParcelsPut) -> None:
    """Mark them; go on with a large bundle; hand the letter over; wait for a word."""
    seen, letters = event.seen, dict[int, None]()
    for name in step.ledger.mark_put(seen.road, event.parcels):
        bundle = step.ledger.out_bundle(name)
        if bundle is not None and not _put(step, seen.road, name):
            lying, passes = step.ledger.lying(seen.road, name), step.ledger.passes(seen.road, name)
            wait = _wait_ms(step, seen, bundle.bond, passes, lying)
            step.ledger.send_at(seen.road, name, lying.newest_at + wait)
            letters[bundle.letter] = None
    for letter in letters:
        _handed_over(step, seen.road, letter)


def _handed_over(step: Step, road: int, seq: int) -> None:
    """Once every bundle of a letter is on a road, the letter is handed over to it; again is one step however often."""
    letter = step.ledger.out_letter(seq)
    if letter is None or not step.ledger.handed_over(seq, road):
        return
    name, what = step.ledger.road_name(road), HANDED_OVER
    if step.ledger.went_over(seq, HANDED_OVER, name):
        what = HANDED_OVER_AGAIN
        step.ledger.forget_way(seq, what, name)
    happened(step, letter, Event.PUT, what, name, step.ledger.promised(seq, road))


# -- what is planned ---------------------------------------------------------------------------------


def new_name(entropy: Entropy) -> str:
    """A fresh parcel name: 26 characters of lower-case base32."""
    return base64.b32encode(entropy.token(ID_BYTES)).decode("ascii").rstrip("=").lower()


def _plan_pass(step: Step, seen: RoadSeen, due: DueBundle) -> None:
    layout = layout_of(due.length)
    profile = profile_for(layout, seen.profiles)
    assert profile is not None
    parcels = whole_pass(layout, profile, due.next_index, seen.talks_back)
    bundle = step.ledger.out_bundle(due.bundle)
    assert bundle is not None
    _plan(step, seen, bundle, parcels, layout.k + repair_of(layout, profile, seen.talks_back))
    step.ledger.send_at(seen.road, due.bundle, 0, passes=due.passes + 1)


def _plan(step: Step, seen: RoadSeen, bundle: OutBundle, parcels: Iterable[tuple[Ref, ...]], used: int) -> None:
    """Remember parcels before they are put; so many indices of each group are spent, on every road."""
    profile = profile_for(layout_of(bundle.length), seen.profiles)
    assert profile is not None
    for refs in parcels:
        name, packed = new_name(step.entropy), pack_refs(refs)
        parcel = Handed(seen.road, name, bundle.bond, bundle.hash, packed, profile.name, step.now_ms, 0, None)
        step.ledger.plan(parcel)
    step.ledger.change_bundle(bundle.hash, next_index=(bundle.next_index + used) % GROUP_INDICES)
    step.ledger.change_letter(bundle.letter, planned=1)


# -- what the other side asks for --------------------------------------------------------------------


def note_came(step: Step, event: NoteCame) -> None:
    """Answer wants; an older generation, whose keys may be copied, asks for nothing."""
    if not event.superseded:
        day = min(event.note.day, step.today)  # a note from the wrong year outweighs none that follows
        for want in event.note.wants:
            _answer(step, event, want, day)


def _answer(step: Step, event: NoteCame, want: Want, day: int) -> None:
    """Plan what is missing and does not lie there or wait to be put: the rest of a slow folder is asked for too."""
    bundle, seen = step.ledger.out_bundle(want.bundle_hash), event.seen
    if bundle is None or bundle.bond != event.bond or not want.groups:
        return
    if bundle.peer_has and day <= bundle.heard_day:
        return  # it came since
    if bundle.peer_has:
        step.ledger.change_bundle(bundle.hash, peer_has=0, heard_day=day)
    layout = layout_of(bundle.length)
    profile = profile_for(layout, seen.profiles)
    if profile is None:
        return
    coming = _coming(step, seen, bundle.hash, day)
    lacking = [(group, missing - coming[group]) for group, missing in want.groups if missing > coming[group]]
    if lacking:
        refs = wanted_pass(layout, bundle.next_index, lacking)
        _plan(step, seen, bundle, in_parcels(refs, layout, profile), max(missing for _group, missing in lacking))
        step.ledger.send_at(seen.road, bundle.hash, 0)


def _coming(step: Step, seen: RoadSeen, bundle: bytes, day: int) -> Counter[int]:
    """Symbols of each group that who wanted more cannot have read yet: what shows, else what was planned since."""
    since_ms = 0 if seen.shows_own else day * DAY_MS
    planned = step.ledger.refs_planned(seen.road, bundle, since_ms)
    return Counter(group for refs in planned for group, _index in unpack_refs(refs))
