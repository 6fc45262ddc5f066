"""Our prekeys with the other side: when it gets a letter that only brings keys, and what rides along in any letter.

The numbers are decided here; the keys are made where letters are sealed. Source: spec/sealing.md 2, spec/delivery.md 6.
"""

from __future__ import annotations

from dataclasses import dataclass

from tiercel.delivery import doubts
from tiercel.delivery.events import Ticked
from tiercel.delivery.ledger import Ledger
from tiercel.delivery.rows import END, LETTER, OPENING, RESTORED, SERVICE, BondAt, Root, Stock
from tiercel.delivery.schedule import gifts_wanted, passed, service_due
from tiercel.delivery.states import State
from tiercel.delivery.step import Moment, Step
from tiercel.limits import (
    DAY_MS,
    GIFT_BYTES,
    GIFTS_LOW,
    GIFTS_TARGET,
    ID_BYTES,
    KEY_BYTES,
    LAST_RESORT_RENEW_DAYS,
    RESTORED_AGAIN_DAYS,
    ROOT_RENEW_DAYS,
    SERVICE_AHEAD_DAYS,
    SERVICE_LETTER_DAYS,
)

_AGAIN_MS = RESTORED_AGAIN_DAYS * DAY_MS
GIFT_ROOM_BYTES = GIFT_BYTES + 3
"""A gift in the record, with its MessagePack head."""


@dataclass(frozen=True)
class Riding:
    """What a letter brings beside its text: a root, a last-resort key, so many one-time gifts."""

    root: bool
    last_resort: bool
    gifts: int


def top_up(step: Step, _event: Ticked) -> None:
    """Put a service letter on its way where the other side's stock is low or a key is due, at most one a week."""
    for bond in step.ledger.bonds():
        _tell_again(step, bond)
        waits = bond.state != "bonded" or doubts.seals_nothing(bond) or step.ledger.bringing_keys(bond.id)
        if not waits and _due(step, bond):
            letter_id, secret = step.entropy.token(ID_BYTES), step.entropy.token(ID_BYTES)
            step.ledger.change_bond(bond.id, service_at=step.now_ms)
            step.ledger.begin(bond.id, SERVICE, letter_id, secret, step.now_ms)


def _tell_again(step: Step, bond: BondAt) -> None:
    """What tells of a copy that was put back, and had no answer for long, is told anew.

    The other side may have heard of two copies in the wrong order; what comes on a later day decides.
    """
    told = step.ledger.told_of_copy(bond.id)
    if told is None or doubts.seals_nothing(bond) or step.moment.clock_doubtful:
        return
    if not passed(told.written_at or 0, step.now_ms, _AGAIN_MS):
        return
    step.ledger.change_letter(told.seq, state=State.EXPIRED.value)
    step.ledger.drop_bundles(told.seq)
    step.ledger.begin(bond.id, RESTORED, step.entropy.token(ID_BYTES), step.entropy.token(ID_BYTES), step.now_ms)


def _due(step: Step, bond: BondAt) -> bool:
    stock, root = step.ledger.stock(bond.id, step.now_ms), step.ledger.newest_root(bond.id, bond.direction)
    renewal = root_due(root, step.now_ms) or last_resort_due(stock, step.now_ms)
    return service_due(stock.held, renewal, bond.service_at, step.now_ms)


def next_top_up(ledger: Ledger, moment: Moment) -> int | None:
    """When the next service letter is due if nothing changes until then: UTC milliseconds."""
    bonds = [each for each in ledger.bonds() if each.state == "bonded" and not doubts.seals_nothing(each)]
    return min(
        (_due_at(ledger, each, moment.now_ms) for each in bonds if not ledger.bringing_keys(each.id)), default=None
    )


def _due_at(ledger: Ledger, bond: BondAt, now_ms: int) -> int:
    stock, root = ledger.stock(bond.id, now_ms), ledger.newest_root(bond.id, bond.direction)
    keys = [((stock.last_resort_day or 0) + LAST_RESORT_RENEW_DAYS) * DAY_MS]
    if root is not None and root.standing != "offered":
        keys.append(root.since_at + ROOT_RENEW_DAYS * DAY_MS)
    rested = 0 if bond.service_at is None else bond.service_at + SERVICE_LETTER_DAYS * DAY_MS
    return max(rested, _low_at(ledger, bond, now_ms, min(keys)))


def _low_at(ledger: Ledger, bond: BondAt, now_ms: int, latest_ms: int) -> int:
    """When the stock of the other side is low because its keys grow old, or an instant that comes first."""

    def low(day: int) -> bool:
        return ledger.stock(bond.id, day * DAY_MS).held < GIFTS_LOW

    day, last = now_ms // DAY_MS, latest_ms // DAY_MS
    if day >= last or not low(last):
        return latest_ms
    while day < last:
        middle = (day + last) // 2
        day, last = (day, middle) if low(middle) else (middle + 1, last)
    return max(now_ms, last * DAY_MS)


def last_resort_due(stock: Stock, now_ms: int) -> bool:
    """Whether the other side should get a new last-resort key: it has none of the last 30 days, as far as we can know.

    Of one whose letter was sealed again, or from before an older copy was put back, no receipt will ever tell.
    """
    made = stock.last_resort_day
    return made is None or passed(made * DAY_MS, now_ms, LAST_RESORT_RENEW_DAYS * DAY_MS)


def root_due(newest: Root | None, now_ms: int) -> bool:
    """Whether the parcel root of our direction should be replaced by a fresh random one; one offered is not."""
    return (
        newest is not None
        and newest.standing != "offered"
        and passed(newest.since_at, now_ms, ROOT_RENEW_DAYS * DAY_MS)
    )


def looks_ahead_to(kind: int, now_ms: int) -> int:
    """The instant for which a letter brings what is needed: one that only brings keys also what would be due soon."""
    return now_ms + (SERVICE_AHEAD_DAYS * DAY_MS if kind == SERVICE else 0)


def riding(kind: int, room_bytes: int, stock: Stock, newest: Root | None, now_ms: int) -> Riding:
    """What rides along in a letter. It fills the space that padding would fill, and never raises the size class.

    Args:
        kind: Of the letter; one without text is made to carry them, and takes what room it needs.
        room_bytes: By which the record can grow in its class.
        stock: What the other side has.
        newest: The newest root of our direction; one offered rides until it has its receipt.
        now_ms: For which instant: see :func:`looks_ahead_to`; UTC milliseconds since 1970.
    """
    if kind == END:
        return Riding(False, False, 0)
    room = room_bytes if kind == LETTER else (GIFTS_TARGET + 1) * GIFT_ROOM_BYTES + KEY_BYTES
    offered = newest is not None and newest.standing == "offered"
    root = kind != OPENING and room >= KEY_BYTES and (offered or root_due(newest, now_ms))
    room -= KEY_BYTES if root else 0
    last_resort = room >= GIFT_ROOM_BYTES and last_resort_due(stock, now_ms)
    room -= GIFT_ROOM_BYTES if last_resort else 0
    return Riding(root, last_resort, max(0, min(gifts_wanted(stock.held, stock.room), room // GIFT_ROOM_BYTES)))
