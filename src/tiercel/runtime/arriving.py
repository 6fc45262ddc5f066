"""An authentic record is taken into the vault, inside the caller's transaction: letters, openings, ends, receipts."""

from __future__ import annotations

from tiercel.delivery.schedule import repeat_receipt
from tiercel.delivery.states import Event, State
from tiercel.letter.record import Kind, LetterRecord
from tiercel.limits import DAY_MS, RECEIPT_DELAY_MS_MAX
from tiercel.parcel.note import ReceiptKind, Reply
from tiercel.sealing.envelope import receipt_proof
from tiercel.vault import bonds, bundles, letters, notes
from tiercel.vault.bonds import Bond
from tiercel.vault.bundles import BundleIn
from tiercel.vault.letters import Enclosure, Letter

from . import bonds as people
from . import way
from .home import Home

RETURNED = State.RETURNED.value


def take(home: Home, bond: Bond, record: LetterRecord, visit: int, incarnation: bytes) -> bool:
    """Store what came and say whether a letter is newly whole; a known id shows nothing, what was said is repeated.

    ``incarnation`` is of the vault that sealed it: numbers count within one.
    """
    known = letters.letter_by_id(home.vault, bond.id, record.letter_id)
    if known is not None:
        if known.state == RETURNED and known.number is None:  # taken back before it came: now its place is known
            place = {"number": record.number, "previous": record.previous, "incarnation": incarnation}
            letters.change_letter(home.vault, known.seq, **place)
        repeat(home, bond, record.letter_id, visit)
    elif record.kind == Kind.LETTER and bond.state == "ended":
        turn_back(home, bond, record.letter_id)
    else:
        letter = _store(home, bond, record, incarnation)
        if record.kind == Kind.LETTER:
            _store_enclosures(home, bond, letter, record)
            letters.index_letter(home.vault, letter)
            _answers(home, bond, record)
        else:
            _serve(home, bond, record)
        return complete(home, bond, letter.seq, visit)
    return False


def _store(home: Home, bond: Bond, record: LetterRecord, incarnation: bytes) -> Letter:
    return letters.add_letter(
        home.vault,
        id=record.letter_id,
        bond=bond.id,
        direction="in",
        kind=int(record.kind),
        state=State.ARRIVED.value,
        number=record.number,
        previous=record.previous,
        subject=record.subject,
        place=record.place,
        dated=record.dated,
        body=record.text,
        reply_to=record.reply_to,
        urgent=int(record.urgent),
        written_at=record.written_day * DAY_MS,
        deadline_day=record.deadline_day,
        not_before_day=record.not_before_day,
        receipt_secret=record.receipt_secret,
        incarnation=incarnation,
    )


def _store_enclosures(home: Home, bond: Bond, letter: Letter, record: LetterRecord) -> None:
    now = home.clock.now_ms()
    for n, item in enumerate(record.enclosures, 1):
        row = Enclosure(letter.seq, n, item.name, item.kind, item.size, item.key, item.bundle_hash, None, now)
        letters.add_enclosure(home.vault, row)
        here = bundles.in_by_hash(home.vault, bond.id, item.bundle_hash)
        if here is not None and here.standing == "whole" and here.file is not None:
            letters.enclosure_whole(home.vault, row, here.file)


def _answers(home: Home, bond: Bond, record: LetterRecord) -> None:
    if record.reply_to is None:
        return
    answered = letters.letter_by_id(home.vault, bond.id, record.reply_to)
    if answered is not None and answered.direction == "out":
        way.happened(home, answered, Event.REPLY_CAME, "answered")
        way.confirmed(home, answered, whole=False)


def _serve(home: Home, bond: Bond, record: LetterRecord) -> None:
    """An opening says "same"; an end closes the bond; a service letter brought its gifts already."""
    if record.kind == Kind.OPENING:
        bonds.change_bond(home.vault, bond.id, confirmed_them=1)
        people.settle(home, bond.id)
    elif record.kind == Kind.END and bond.state != "ended":
        bonds.change_bond(home.vault, bond.id, state="ended")
        bonds.drop_pairing(home.vault, bond.id)
        bonds.warn(home.vault, bond.id, "the other side ended this bond", home.clock.now_ms())
        people.hold_open_letters(home, bond)


# -- whole, and said so ------------------------------------------------------------------------------


def complete(home: Home, bond: Bond, seq: int, visit: int) -> bool:
    """Queue the receipt once a letter and all its enclosures are whole; say whether it now is."""
    letter = letters.letter_at(home.vault, seq)
    if letter is None or letter.direction != "in" or letter.arrived_at is not None or letter.state == RETURNED:
        return False
    if any(item.file is None for item in letters.enclosures_of(home.vault, seq)):
        return False
    now = home.clock.now_ms()
    letters.change_letter(home.vault, seq, arrived_at=now)
    letters.add_event(home.vault, seq, now, "arrived")
    say_receipt(home, bond, letter, ReceiptKind.ARRIVED, visit)
    return letter.kind == letters.LETTER


def say_receipt(home: Home, bond: Bond, letter: Letter, kind: ReceiptKind, visit: int) -> None:
    """Queue a receipt; it leaves with a later visit than the one that brought the letter."""
    if letter.receipt_secret is None:
        return
    proof = receipt_proof(letter.receipt_secret, kind, letter.id)
    due_at = _due_at(home, bond)
    notes.say(home.vault, bond.id, notes.RECEIPT, letter.id, bytes([kind]) + proof, visit, due_at)
    if kind == ReceiptKind.ARRIVED:
        letters.change_letter(home.vault, letter.seq, receipt_at=home.clock.now_ms())


def _due_at(home: Home, bond: Bond) -> int:
    """While the roads are watched an answer waits a random part of an hour, with all that wait: no presence sensor."""
    if not home.watching:
        return 0
    now = home.clock.now_ms()
    chance = int.from_bytes(home.entropy.token(8), "big")
    return notes.next_due_at(home.vault, bond.id, now) or now + chance % RECEIPT_DELAY_MS_MAX


def repeat(home: Home, bond: Bond, letter_id: bytes, visit: int) -> None:
    """A letter came again: say again what was said of it, at most daily."""
    letter = letters.letter_by_id(home.vault, bond.id, letter_id)
    if letter is None or letter.direction != "in":
        return
    if letter.state == RETURNED:
        say_answer(home, bond, letter, Reply.RETURNED)
    elif letter.arrived_at is not None and repeat_receipt(letter.receipt_at, home.clock.now_ms()):
        say_receipt(home, bond, letter, ReceiptKind.ARRIVED, visit)


def repeat_have(home: Home, bond: Bond, bundle: BundleIn, visit: int) -> None:
    """Parts of a whole enclosure came again: say once more that it is here, at most hourly, and of its letters.

    Not daily: until it is heard the other side sends all of it at every visit. A writer who knows by a reply that the
    letter came sends the enclosure alone, so this may be the only sign that a receipt was lost.
    """
    for letter in letters.letters_naming(home.vault, bond.id, bundle.hash):
        repeat(home, bond, letter.id, visit)
    now = home.clock.now_ms()
    if bundle.had_at is None or not 0 <= now - bundle.had_at < RECEIPT_DELAY_MS_MAX:
        bundles.change_in(home.vault, bond.id, bundle.hash, had_at=now)
        notes.say(home.vault, bond.id, notes.HAVE, bundle.hash, due_at=_due_at(home, bond))


def say_answer(home: Home, bond: Bond, letter: Letter, reply: Reply) -> None:
    """Answer a recall, at most daily: an old one put back on the road draws no answer each time."""
    now = home.clock.now_ms()
    if repeat_receipt(letter.answered_at, now):
        letters.change_letter(home.vault, letter.seq, answered_at=now)
        notes.say(home.vault, bond.id, notes.ANSWER, letter.id, bytes([reply]), due_at=_due_at(home, bond))


def turn_back(home: Home, bond: Bond, letter_id: bytes) -> None:
    """Give our word that a letter was never shown and never will be: a tombstone, and the answer."""
    letter = letters.letter_by_id(home.vault, bond.id, letter_id)
    if letter is None:
        letter = letters.add_letter(home.vault, id=letter_id, bond=bond.id, direction="in", state=RETURNED)
        letters.add_event(home.vault, letter.seq, home.clock.now_ms(), "returned")
    elif letter.state != RETURNED:
        home.doomed.update(letters.burn(home.vault, letter))
        letters.change_letter(home.vault, letter.seq, state=RETURNED)
        letters.add_event(home.vault, letter.seq, home.clock.now_ms(), "returned")
        notes.unsay(home.vault, bond.id, notes.RECEIPT, letter_id)
    say_answer(home, bond, letter, Reply.RETURNED)
