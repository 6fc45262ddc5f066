"""What bundles still lack is asked for: once after each visit that brought something of them, and what letters wait for
again after a while, also when nothing of it is here.

The other side may believe that one is here and send it no more: its `have` was of a vault that an older copy replaced,
or the want for its rest was lost. Source: spec/delivery.md 6.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from tiercel.delivery import rows
from tiercel.delivery.events import KeyWasGone, NoteCame, SymbolsLacked, Ticked
from tiercel.delivery.ledger import Ledger
from tiercel.delivery.rows import Awaited, InBundle
from tiercel.delivery.step import Moment, Step
from tiercel.limits import DAY_MS, NOTE_ITEMS_MAX, UNCLAIMED_KEPT_DAYS, WANT_AGAIN_DAYS
from tiercel.parcel.box import Kind
from tiercel.parcel.symbols import layout_of

ASKED_AGAIN_MAX = 64
"""Enclosures asked for again at one visit, or given up: a letter may name a thousand that nobody has."""
_AGAIN_MS = WANT_AGAIN_DAYS * DAY_MS

# -- what we lack ------------------------------------------------------------------------------------


def symbols_lacked(step: Step, event: SymbolsLacked) -> None:
    """Ask for the rest of a bundle, in place of what was asked before."""
    _want(step, event.bond, event.bundle, event.groups)
    step.ledger.change_in_bundle(event.bond, event.bundle, asked=1, had_at=step.now_ms)


def ask_again(step: Step, event: Ticked) -> None:
    """Say what enclosures still lack that were not asked for in the last week, or give them up."""
    for item in step.ledger.awaited(step.now_ms - _AGAIN_MS, step.now_ms, ASKED_AGAIN_MAX):
        here = step.ledger.in_bundle(item.bond, item.bundle)
        over = _given_up(step, item, here)
        step.ledger.asked_for(item, None if over else step.now_ms)
        groups = () if over else _lacking(step, item, here, event.room_bytes)
        if groups and step.ledger.bond(item.bond).state == "bonded":
            _want(step, item.bond, item.bundle, groups)


def next_asking(ledger: Ledger, _moment: Moment) -> int | None:
    """When an enclosure is asked for again."""
    asked = ledger.next_awaited()
    return None if asked is None else asked + _AGAIN_MS


def _given_up(step: Step, item: Awaited, here: InBundle | None) -> bool:
    """After the letter's deadline, and long after the letter and the last of the enclosure came, nobody has it."""
    if step.moment.clock_doubtful:
        return False
    newest = max(item.came_at, here.first_at if here else 0, here.had_at or 0 if here else 0)
    past = item.deadline_day is not None and item.deadline_day < step.today
    return past or step.now_ms - newest > UNCLAIMED_KEPT_DAYS * DAY_MS


def _lacking(step: Step, item: Awaited, here: InBundle | None, room_bytes: int) -> Iterable[tuple[int, int]]:
    """Of what has not begun to come only the first group is asked, and only if it has room: the rest follows."""
    if here is not None:
        return step.ledger.lacking(here, NOTE_ITEMS_MAX) if here.standing == "gathering" else ()
    coming = step.ledger.coming_bytes(item.bond)
    return [(0, layout_of(item.length).k)] if coming + item.length <= room_bytes else ()


def _want(step: Step, bond: int, bundle: bytes, groups: Iterable[tuple[int, int]]) -> None:
    step.ledger.unsay(bond, rows.WANT, bundle)
    detail = b"".join(struct.pack(">IH", *group) for group in groups)
    if detail:
        step.ledger.say(bond, rows.WANT, bundle, detail)


def key_was_gone(step: Step, event: KeyWasGone) -> None:
    """Tell the writer that a key of ours is gone, so that the letter is sealed again."""
    step.ledger.say(event.bond, rows.EXPIRED, event.pid)


# -- what they have, and which of their keys are gone ------------------------------------------------


def note_came(step: Step, event: NoteCame) -> None:
    """Haves and expired keys; an older generation, whose keys may be copied, can say neither."""
    if event.superseded:
        return
    day = min(event.note.day, step.today)  # a note from the wrong year outweighs none that follows
    for bundle_hash in event.note.haves:
        bundle = step.ledger.out_bundle(bundle_hash)
        if bundle is not None and bundle.bond == event.bond and bundle.heard_day <= day:
            step.ledger.change_bundle(bundle_hash, peer_has=1, heard_day=day)
    for pid in event.note.expired:
        _expired(step, event.bond, pid)


def _expired(step: Step, bond: int, pid: bytes) -> None:
    """The key of a seal is gone: what was sealed to it is sealed again, if there is another key. Openings never are."""
    sealed = [letter for letter in step.ledger.sealed_to(bond, pid) if letter.kind != rows.OPENING]
    if sealed and step.ledger.let_go(bond, pid, step.now_ms):
        for letter in sealed:
            step.ledger.add_way(letter.seq, step.now_ms, "its key had expired: it is sealed again")
            step.ledger.drop_bundles(letter.seq, int(Kind.LETTER))
