"""An authentic record is taken into the vault, in a transaction of the office: letters, openings, ends.

What follows from it for delivery (receipts, answers, what is held) the engine decides.
"""

from __future__ import annotations

from tiercel.delivery.effects import Announce
from tiercel.delivery.events import BondEnded, LetterCame, LetterCameAgain, LetterRefused, ReplyCame
from tiercel.delivery.states import State
from tiercel.letter.record import Kind, LetterRecord
from tiercel.limits import DAY_MS
from tiercel.vault import bonds, bundles, letters
from tiercel.vault.bonds import Bond
from tiercel.vault.letters import Enclosure, Letter

from . import bonds as people
from .home import Home

RETURNED = State.RETURNED.value


def take(home: Home, bond: Bond, record: LetterRecord, incarnation: bytes) -> bool:
    """Store what came and say whether a letter is newly whole; a known id shows nothing, what was said is repeated.

    ``incarnation`` is of the vault that sealed it: numbers count within one.
    """
    known = letters.letter_by_id(home.vault, bond.id, record.letter_id)
    if known is not None:
        if known.state == RETURNED and known.number is None:  # taken back before it came: now its place is known
            place = {"number": record.number, "previous": record.previous, "incarnation": incarnation}
            letters.change_letter(home.vault, known.seq, **place)
        home.office.tell(LetterCameAgain(bond.id, record.letter_id))
    elif record.kind == Kind.LETTER and bond.state == "ended":
        home.office.tell(LetterRefused(bond.id, record.letter_id))
    else:
        letter = _store(home, bond, record, incarnation)
        if record.kind == Kind.LETTER:
            _store_enclosures(home, bond, letter, record)
            letters.index_letter(home.vault, letter)
            if record.reply_to is not None:
                home.office.tell(ReplyCame(bond.id, record.reply_to))
        else:
            _serve(home, bond, record)
        return complete(home, letter.seq)
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


def complete(home: Home, letter: int) -> bool:
    """Say whether a letter of theirs is newly whole, now that its text or an enclosure of it came."""
    return any(isinstance(effect, Announce) for effect in home.office.tell(LetterCame(letter)))


def _serve(home: Home, bond: Bond, record: LetterRecord) -> None:
    """An opening says "same"; an end closes the bond; a service letter brought its gifts already."""
    if record.kind == Kind.OPENING:
        bonds.change_bond(home.vault, bond.id, confirmed_them=1)
        people.settle(home, bond.id)
    elif record.kind == Kind.END and bond.state != "ended":
        bonds.change_bond(home.vault, bond.id, state="ended")
        bonds.drop_pairing(home.vault, bond.id)
        bonds.warn(home.vault, bond.id, "the other side ended this bond", home.clock.now_ms())
        home.office.tell(BondEnded(bond.id))
