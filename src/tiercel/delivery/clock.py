"""What ends by time: only where the clock is not in doubt, and keys only where it agrees with what was heard (A47).

Source: spec/delivery.md 7.
"""

from __future__ import annotations

from collections.abc import Sequence

from tiercel.delivery import generations
from tiercel.delivery.effects import ForgetKeys, RemoveFiles
from tiercel.delivery.events import VisitEnded
from tiercel.delivery.rows import BondAt, Root
from tiercel.delivery.step import Step
from tiercel.limits import (
    DAY_MS,
    EPOCH_DAYS,
    GENERATION_KEPT_DAYS,
    PREKEY_KEPT_DAYS,
    QUARANTINE_DAYS,
    ROOTS_UNUSED_KEPT_MAX,
    UNCLAIMED_KEPT_DAYS,
)


def agreed_ms(now_ms: int, newest_heard: int) -> int:
    """The instant that the clock and what was heard agree has come: a wrong clock alone deletes no key."""
    return min(now_ms, (newest_heard + 1) * EPOCH_DAYS * DAY_MS)


def visit_ended(step: Step, _event: VisitEnded) -> None:
    """Delete what time has ended."""
    if step.moment.clock_doubtful:
        return
    gone = [_delete_keys(step, bond) for bond in step.ledger.bonds()]
    if any(gone):
        step.do(ForgetKeys())
    step.ledger.empty_quarantine(step.now_ms - QUARANTINE_DAYS * DAY_MS)
    files = step.ledger.drop_unclaimed(step.now_ms - UNCLAIMED_KEPT_DAYS * DAY_MS)
    if files:
        step.do(RemoveFiles(tuple(files)))


def _delete_keys(step: Step, bond: BondAt) -> bool:
    """What both the clock and the other side's post say is over; say whether a parcel root was among it."""
    agreed, kept = agreed_ms(step.now_ms, bond.newest_heard), PREKEY_KEPT_DAYS * DAY_MS
    step.ledger.expire_prekeys(bond.id, agreed // DAY_MS - PREKEY_KEPT_DAYS, agreed - kept)
    roots = step.ledger.roots(bond.id)
    old = _over(roots, agreed - GENERATION_KEPT_DAYS * DAY_MS)
    step.ledger.drop_roots(old)
    return generations.forget_epochs(step, bond, [root for root in roots if root not in old]) or bool(old)


def _over(roots: Sequence[Root], before_ms: int) -> list[Root]:
    """Roots superseded before an instant; where no other of their direction is in use, the newest of them stay.

    After their vault was put back from a copy they go on with an old one until they know that we have the new one.
    """
    in_use = {root.direction for root in roots if root.standing == "current"}
    old = [root for root in roots if root.standing == "superseded" and root.since_at < before_ms]
    waits = sorted((root for root in old if root.direction not in in_use), key=lambda root: root.since_at, reverse=True)
    return [root for root in old if root not in waits[:ROOTS_UNUSED_KEPT_MAX]]
