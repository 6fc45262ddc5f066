"""Taking back: the recall of a letter of ours, asked until it is answered, and our word about one of theirs.

Our word is given in the transaction that makes it true: a letter that goes back is burnt and never shown. An older copy
of the reader's vault that is put back has forgotten what it said and showed. So the writer reminds it of its word, and
when a return and a sign of reading are both there says so until the reader's side shows the same.
Source: spec/delivery.md 5.
"""

from __future__ import annotations

from dataclasses import replace

from tiercel.delivery import notes, rows, way
from tiercel.delivery.effects import RemoveFiles
from tiercel.delivery.events import CopyAnnounced, LetterRefused, NoteCame, RecallAsked, Ticked
from tiercel.delivery.ledger import Ledger
from tiercel.delivery.rows import LETTER, InLetter, OutLetter
from tiercel.delivery.schedule import repeat_receipt
from tiercel.delivery.states import Event, State
from tiercel.delivery.step import Moment, Step
from tiercel.limits import CLOCK_BACK_DAYS_MAX, DAY_MS, DUPLICATE_RECEIPT_DAYS, GENERATION_KEPT_DAYS, RESTORED_VERSION
from tiercel.parcel.note import Reply

ASKED_AGAIN_MAX = 256
"""Recalls asked again in one step; the rest follows with the next visit."""
_OVER = {State.RETURNED: Reply.RETURNED, State.CROSSED: Reply.CROSSED}
_AGAIN_MS = DUPLICATE_RECEIPT_DAYS * DAY_MS
_NO_NEWS = {
    Event.RECEIPT_READ: {State.READ, State.CROSSED},
    Event.REPLY_CAME: {State.ANSWERED, State.CROSSED},
    Event.RETURNED: {State.RETURNED, State.CROSSED},
}
"""What the other side says of a letter that is known already, by what it says."""

# -- of ours -----------------------------------------------------------------------------------------


def recall_asked(step: Step, event: RecallAsked) -> None:
    """Take a letter back: at once if no parcel of it was ever planned, else by asking the other side."""
    letter = step.ledger.out_letter(event.letter)
    if letter is None:
        return
    if letter.state in (State.ACCEPTED, State.SEALED, State.HELD) and not letter.planned:
        way.happened(step, letter, Event.RECALLED, "recalled before it left")
    else:
        step.ledger.add_way(letter.seq, step.now_ms, "recall asked")
        _ask(step, letter)
    step.ledger.drop_bundles(letter.seq)


def ask_again(step: Step, _event: Ticked) -> None:
    """Say again what was not answered, at most daily."""
    for letter in step.ledger.recalls_due(step.now_ms - _AGAIN_MS, _ahead(step.now_ms), ASKED_AGAIN_MAX):
        _ask(step, letter)


def next_recall(ledger: Ledger, moment: Moment) -> int | None:
    """When an unanswered recall is asked again."""
    asked = ledger.next_recall(_ahead(moment.now_ms))
    return None if asked is None else asked + _AGAIN_MS


def _ahead(now_ms: int) -> int:
    """An instant later than this was told by a wrong clock, and counts as long ago."""
    return now_ms + CLOCK_BACK_DAYS_MAX * DAY_MS


def _ask(step: Step, letter: OutLetter) -> None:
    """Ask that it be given back; one that was given back or has crossed, that the other side hold to that."""
    if letter.state == State.CROSSED and step.ledger.bond(letter.bond).their_reads < RESTORED_VERSION:
        return  # they would drop the whole note
    step.ledger.change_letter(letter.seq, recall_at=step.now_ms)
    if letter.state in _OVER:
        step.ledger.say(letter.bond, rows.ANSWER, letter.id, bytes([_OVER[State(letter.state)]]))
    else:
        step.ledger.say(letter.bond, rows.RECALL, letter.id)


def _answered(step: Step, letter: OutLetter, reply: Reply) -> None:
    """The other side's word about a letter of ours."""
    asked = letter.recall_at is not None and letter.state != State.CROSSED
    if asked or reply == Reply.CROSSED:
        _settled(step, letter)
    if reply == Reply.KEPT:
        if asked and letter.state != State.RECALLED:
            step.ledger.add_way(letter.seq, step.now_ms, "kept: the other side keeps it")
        return
    step.ledger.drop_bundles(letter.seq)
    if reply == Reply.RETURNED:
        said = "returned: the other side says it was not opened, and has deleted it"
        state = moved(step, letter, Event.RETURNED, said)
        if state == State.RETURNED != letter.state and step.ledger.put_back(letter.bond):
            _ask(step, replace(letter, state=state.value))  # it may be the word of a vault that is gone
    elif letter.state != State.CROSSED:
        way.happened(step, letter, Event.CROSSED, "crossed: one copy of their vault returned it, another showed it")


def _settled(step: Step, letter: OutLetter) -> None:
    """What was asked is answered."""
    for what in (rows.RECALL, rows.ANSWER):
        step.ledger.unsay(letter.bond, what, letter.id)
    step.ledger.change_letter(letter.seq, recall_at=None)


def moved(step: Step, letter: OutLetter, event: Event, what: str) -> State | None:
    """Move a letter by what the other side said of it; if that makes it crossed, the other side is told.

    What came over several roads, or was said again, is one step of its way.
    """
    if letter.state in _NO_NEWS.get(event, ()):
        return State(letter.state)
    state = way.happened(step, letter, event, what)
    if state == State.CROSSED and letter.state != State.CROSSED:
        step.ledger.add_way(letter.seq, step.now_ms, "crossed: it was returned, and it was read")
        _ask(step, replace(letter, state=state.value))
    return state


def copy_announced(step: Step, event: CopyAnnounced) -> None:
    """Their vault was put back: it may have forgotten its word, so it is reminded of each letter it gave back."""
    for letter in step.ledger.given_back(event.bond):
        _ask(step, letter)


# -- of theirs ---------------------------------------------------------------------------------------


def note_came(step: Step, event: NoteCame) -> None:
    """Recalls and answers; an older generation, whose keys may be copied, can say neither."""
    if event.superseded:
        return
    gone = sum([_recalled(step, event.bond, letter_id) for letter_id in event.note.recalls])
    for answer in event.note.answers:
        letter = step.ledger.out_letter_named(event.bond, answer.letter_id)
        if letter is not None:
            _answered(step, letter, answer.answer)
        else:
            _reminded(step, event.bond, answer.letter_id, answer.answer)
    if gone:
        what = "a letter" if gone == 1 else f"{gone} letters"
        step.say(f"{step.ledger.bond(event.bond).name} took back {what} you had not opened.")


def letter_refused(step: Step, event: LetterRefused) -> None:
    """A letter that comes when its bond has ended goes back."""
    _turn_back(step, event.bond, event.letter_id)


def _recalled(step: Step, bond: int, letter_id: bytes) -> bool:
    """Answer a recall in one transaction: returned if never shown, else kept. Whether a listed letter went."""
    if step.ledger.out_letter_named(bond, letter_id) is not None:
        return False
    letter = step.ledger.in_letter_named(bond, letter_id)
    if letter is None and _lately_restored(step):
        step.ledger.say(bond, rows.ANSWER, letter_id, bytes([Reply.KEPT]), due_at=notes.due_at(step, bond))
    elif letter is not None and letter.state == State.CROSSED:
        say_answer(step, letter, Reply.CROSSED)
    elif letter is not None and (letter.shown_at is not None or _may_have_been_shown(step, letter)):
        say_answer(step, letter, Reply.KEPT)
    else:
        _turn_back(step, bond, letter_id)
        return letter is not None and letter.kind == LETTER and letter.state != State.RETURNED
    return False


def _may_have_been_shown(step: Step, letter: InLetter) -> bool:
    """A copy that was put back does not know what was shown since it was made: of that it gives no word."""
    restored = step.ledger.restored()
    return restored is not None and letter.seq <= restored.seq and letter.state != State.RETURNED


def _lately_restored(step: Step) -> bool:
    """Whether a letter that is not known may have come, and been shown, in the time that a copy lost."""
    restored = step.ledger.restored()
    return restored is not None and step.now_ms - restored.at_ms < GENERATION_KEPT_DAYS * DAY_MS


def _turn_back(step: Step, bond: int, letter_id: bytes, answer: bool = True) -> None:
    """Give our word that a letter was never shown and never will be: a tombstone, and the answer."""
    ledger, letter = step.ledger, step.ledger.in_letter_named(bond, letter_id)
    if letter is None:
        letter = ledger.add_tombstone(bond, letter_id, State.RETURNED.value)
        ledger.add_way(letter.seq, step.now_ms, "returned")
    elif letter.state not in _OVER:
        step.do(RemoveFiles(ledger.burn(letter.seq)))
        ledger.change_letter(letter.seq, state=State.RETURNED.value)
        ledger.add_way(letter.seq, step.now_ms, "returned")
        ledger.unsay(bond, rows.RECEIPT, letter_id)
    if answer:
        say_answer(step, letter, Reply.RETURNED)


def say_answer(step: Step, letter: InLetter, reply: Reply) -> None:
    """Answer a recall, at most daily: an old one put back on the road draws no answer each time."""
    if repeat_receipt(letter.answered_at, step.now_ms):
        step.ledger.change_letter(letter.seq, answered_at=step.now_ms)
        due_at = notes.due_at(step, letter.bond)
        step.ledger.say(letter.bond, rows.ANSWER, letter.id, bytes([reply]), due_at=due_at)


def _reminded(step: Step, bond: int, letter_id: bytes, reply: Reply) -> None:
    """The writer says what this vault said of a letter before an older copy of it was put back; that is held to.

    Never shown here, it goes back for good. Shown here, or read in another copy, it has crossed: both sides show so.
    """
    letter = step.ledger.in_letter_named(bond, letter_id)
    shown = letter is not None and letter.shown_at is not None
    if reply == Reply.RETURNED and not shown:
        _turn_back(step, bond, letter_id)
    elif reply != Reply.KEPT:
        if not shown:
            _turn_back(step, bond, letter_id, answer=False)
        _cross(step, bond, letter_id)


def _cross(step: Step, bond: int, letter_id: bytes) -> None:
    letter = step.ledger.in_letter_named(bond, letter_id)
    assert letter is not None
    if letter.state != State.CROSSED:
        step.ledger.change_letter(letter.seq, state=State.CROSSED.value, answered_at=None)
        step.ledger.add_way(letter.seq, step.now_ms, "crossed: it was returned, and it was read")
        letter = replace(letter, answered_at=None)
    say_answer(step, letter, Reply.CROSSED)
