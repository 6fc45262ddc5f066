"""Receipts: ours for what came, said again if it comes again, and theirs for what we sent.

`arrived` is queued in the transaction in which a letter became whole, and leaves with a later visit (I9). Whoever
repeats an old parcel causes no more than one receipt a day. Source: spec/delivery.md 4.
"""

from __future__ import annotations

from tiercel.delivery import notes, recalls, rows, way
from tiercel.delivery.effects import Announce
from tiercel.delivery.events import (
    EnclosureCame,
    EnclosureCameAgain,
    LetterCame,
    LetterCameAgain,
    LetterReadHere,
    NoteCame,
)
from tiercel.delivery.rows import LETTER, InLetter
from tiercel.delivery.schedule import repeat_receipt
from tiercel.delivery.states import Event, State
from tiercel.delivery.step import Step
from tiercel.limits import DAY_MS, RECEIPT_DELAY_MS_MAX, WANT_AGAIN_DAYS
from tiercel.parcel.note import Receipt, ReceiptKind, Reply

_EVENTS = {
    ReceiptKind.ARRIVED: (Event.RECEIPT_ARRIVED, "receipt: arrived"),
    ReceiptKind.READ: (Event.RECEIPT_READ, "receipt: read"),
}

# -- for what came of theirs -------------------------------------------------------------------------


def letter_came(step: Step, event: LetterCame) -> None:
    """Once a letter and all its enclosures are whole it has arrived, and that is said."""
    letter = step.ledger.in_letter(event.letter)
    if letter is None or letter.arrived_at is not None or letter.state in (State.RETURNED, State.CROSSED):
        return
    if not step.ledger.enclosures_whole(letter.seq):
        return
    step.ledger.change_letter(letter.seq, arrived_at=step.now_ms)
    step.ledger.add_way(letter.seq, step.now_ms, "arrived")
    _say(step, letter, ReceiptKind.ARRIVED)
    if letter.kind == LETTER:
        step.do(Announce(letter.seq))


def letter_came_again(step: Step, event: LetterCameAgain) -> None:
    """Say again what was said of it, at most daily; what it lacks is asked for again: its writer still sends it."""
    letter = step.ledger.in_letter_named(event.bond, event.letter_id)
    _again(step, letter)
    if letter is None or letter.arrived_at is not None or letter.state == State.RETURNED:
        return
    if letter.deadline_day is None or letter.deadline_day >= step.today:
        step.ledger.await_again(letter.seq, step.now_ms - WANT_AGAIN_DAYS * DAY_MS)


def _again(step: Step, letter: InLetter | None) -> None:
    if letter is None:
        return
    if letter.state == State.RETURNED:
        recalls.say_answer(step, letter, Reply.RETURNED)
    elif letter.arrived_at is not None and repeat_receipt(letter.receipt_at, step.now_ms):
        _say(step, letter, ReceiptKind.ARRIVED)


def letter_read_here(step: Step, event: LetterReadHere) -> None:
    """The reader lets the writer know that a letter was read."""
    letter = step.ledger.in_letter(event.letter)
    if letter is not None:
        _say(step, letter, ReceiptKind.READ)


def _say(step: Step, letter: InLetter, kind: ReceiptKind) -> None:
    """Queue a receipt, which leaves with a later visit; its proof is added when it leaves.

    A bond without receipts acknowledges no letter of people. Letters without text always are: keys depend on it.
    """
    silent = kind == ReceiptKind.ARRIVED and letter.kind == LETTER and not step.ledger.bond(letter.bond).receipts
    if not silent:
        due_at = notes.due_at(step, letter.bond)
        step.ledger.say(letter.bond, rows.RECEIPT, letter.id, bytes([kind]), visit=step.moment.visit, due_at=due_at)
    if kind == ReceiptKind.ARRIVED:
        step.ledger.change_letter(letter.seq, receipt_at=step.now_ms)


def enclosure_came(step: Step, event: EnclosureCame) -> None:
    """Say that an enclosure is here: no more of it is sent."""
    step.ledger.say(event.bond, rows.HAVE, event.bundle)


def enclosure_came_again(step: Step, event: EnclosureCameAgain) -> None:
    """Parts of a whole enclosure came: say once more that it is here, at most hourly, and of its letters.

    Not daily: until it is heard the other side sends all of it at every visit. A writer who knows by a reply that the
    letter came sends the enclosure alone, so this may be the only sign that a receipt was lost.
    """
    for letter in step.ledger.letters_naming(event.bond, event.bundle):
        _again(step, letter)
    bundle = step.ledger.in_bundle(event.bond, event.bundle)
    if bundle is not None and not _lately(bundle.had_at, step.now_ms):
        step.ledger.change_in_bundle(event.bond, event.bundle, had_at=step.now_ms)
        step.ledger.say(event.bond, rows.HAVE, event.bundle, due_at=notes.due_at(step, event.bond))


def _lately(at_ms: int | None, now_ms: int) -> bool:
    return at_ms is not None and 0 <= now_ms - at_ms < RECEIPT_DELAY_MS_MAX


# -- for what we sent --------------------------------------------------------------------------------


def note_came(step: Step, event: NoteCame) -> None:
    """Receipts whose proof verified: also under an older generation, for only the letter itself holds the secret."""
    for receipt in event.note.receipts:
        _heard(step, event.bond, receipt)


def _heard(step: Step, bond: int, receipt: Receipt) -> None:
    letter = step.ledger.out_letter_named(bond, receipt.letter_id)
    if letter is None or (letter.arrived_at is not None and receipt.kind == ReceiptKind.ARRIVED):
        return
    if recalls.moved(step, letter, *_EVENTS[receipt.kind]) is None:
        return
    if receipt.kind == ReceiptKind.READ:
        step.ledger.change_letter(letter.seq, read_at=step.now_ms)
    way.confirmed(step, letter, whole=receipt.kind == ReceiptKind.ARRIVED)
