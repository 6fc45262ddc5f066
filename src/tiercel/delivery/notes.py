"""What is said in notes: on every road of a bond, once for each, and when.

Answers that would tell when somebody was at the machine wait a random time, all that wait together (A31).
"""

from __future__ import annotations

from tiercel.delivery.effects import PutNotes
from tiercel.delivery.events import NotesPut, RoadSeen
from tiercel.delivery.ledger import Ledger
from tiercel.delivery.rows import NoteDue
from tiercel.delivery.step import Moment, Step
from tiercel.limits import HOUR_MS, RECEIPT_DELAY_HOURS_MAX, RECEIPT_DELAY_MS_MAX

WAIT_MS_MAX = RECEIPT_DELAY_HOURS_MAX * HOUR_MS
"""Nothing waits longer: an instant further ahead was told by a wrong clock, and is due now."""


def due_at(step: Step, bond: int) -> int:
    """When an answer may leave: at once, or after a random wait, together with what waits already.

    It waits where the roads are visited every few seconds, and where the reader chose so for the bond.
    """
    most = step.ledger.bond(bond).receipt_delay_h * HOUR_MS
    if step.moment.watched:
        most = max(most, RECEIPT_DELAY_MS_MAX)
    if not most:
        return 0
    waiting = step.ledger.next_note(bond, step.now_ms, step.now_ms + most)
    return waiting or step.now_ms + int.from_bytes(step.entropy.token(8), "big") % most


def put_due(step: Step, event: RoadSeen) -> None:
    """What is due at this visit goes on the road, bond by bond."""
    waiting = step.ledger.notes_due(event.road, event.visit, step.now_ms, step.now_ms + WAIT_MS_MAX)
    bonds: dict[int, list[NoteDue]] = {}
    for note in waiting:
        bonds.setdefault(note.bond, []).append(note)
    for bond, due in sorted(bonds.items()):
        step.do(PutNotes(event.road, bond, tuple(due)))


def notes_put(step: Step, event: NotesPut) -> None:
    """It is said, and due no more."""
    step.ledger.said(event.ids)


def next_note(ledger: Ledger, moment: Moment) -> int | None:
    """When the next of what waits may be said."""
    return ledger.next_note(None, moment.now_ms, moment.now_ms + WAIT_MS_MAX)
