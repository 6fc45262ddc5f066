"""How our letters begin and end: sent, sealed, expired by their own deadline, held because the bond is over."""

from __future__ import annotations

from tiercel.delivery import recalls, way
from tiercel.delivery.events import BondEnded, LetterSealed, LetterSent, ReplyCame, Ticked
from tiercel.delivery.ledger import Ledger
from tiercel.delivery.rows import LETTER
from tiercel.delivery.states import Event
from tiercel.delivery.step import Moment, Step
from tiercel.limits import DAY_MS


def letter_sent(step: Step, event: LetterSent) -> None:
    """A letter is accepted: from now on it ends in a state its writer can see."""
    letter = step.ledger.out_letter(event.letter)
    if letter is not None and way.happened(step, letter, Event.SENT, "accepted") is not None:
        step.ledger.change_letter(letter.seq, accepted_at=step.now_ms)


def letter_sealed(step: Step, event: LetterSealed) -> None:
    """A letter was sealed, for the first time or again."""
    letter = step.ledger.out_letter(event.letter)
    if letter is not None:
        again = " again" if letter.seals > 1 else ""
        weaker = ", weaker: to the last-resort key" if event.weaker else ""
        way.happened(step, letter, Event.SEALED, f"sealed{again}{weaker}")


def reply_came(step: Step, event: ReplyCame) -> None:
    """A letter of theirs answers one of ours: it was read. Its enclosures go on until they are known to be there."""
    letter = step.ledger.out_letter_named(event.bond, event.letter_id)
    if letter is not None and recalls.moved(step, letter, Event.REPLY_CAME, "answered") is not None:
        way.confirmed(step, letter, whole=False)


def expire(step: Step, _event: Ticked) -> None:
    """Deadlines that passed unconfirmed: the letter is no longer sent, and says so."""
    if step.moment.clock_doubtful:
        return
    for letter in step.ledger.past_deadline(step.today):
        way.happened(step, letter, Event.DEADLINE_PASSED, "expired: its deadline passed, unconfirmed")
        step.ledger.drop_bundles(letter.seq)


def next_deadline(ledger: Ledger, moment: Moment) -> int | None:
    """When the next deadline has passed."""
    day = None if moment.clock_doubtful else ledger.next_deadline_day()
    return None if day is None else (day + 1) * DAY_MS


def bond_ended(step: Step, event: BondEnded) -> None:
    """Our unconfirmed letters of a bond that is over wait for a person's decision."""
    for letter in step.ledger.under_way(event.bond):
        if letter.kind == LETTER:
            way.happened(step, letter, Event.BOND_ENDED, "held: for the old bond, which has ended")
            step.ledger.drop_bundles(letter.seq)
