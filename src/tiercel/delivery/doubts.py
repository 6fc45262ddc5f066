"""A bond in doubt: the other side's vault was put back from a copy, by them or by somebody else.

Until a person has compared the words again everything we write there is held; notes go all the same. What was sealed to
keys that the copy has forgotten, or that a thief has, is sealed anew then. Source: spec/letter.md 5.
"""

from __future__ import annotations

from typing import Protocol

from tiercel.delivery import way
from tiercel.delivery.events import BondConfirmed, CopyAnnounced, LetterSent
from tiercel.delivery.rows import LETTER, OPENING, OutLetter
from tiercel.delivery.states import Event
from tiercel.delivery.step import Step
from tiercel.parcel.box import Kind

HELD = "held: a copy of the other side's vault was put back; confirm the bond if it was they"


class Doubted(Protocol):
    """What of a bond says whether it is in doubt."""

    @property
    def state(self) -> str:
        """As a bond has it."""
        ...

    @property
    def doubted_at(self) -> int | None:
        """Since when a person must say who put a copy back."""
        ...


def seals_nothing(bond: Doubted) -> bool:
    """Whether nothing is sealed under a bond until a person confirms it; the end of a bond is."""
    return bond.doubted_at is not None and bond.state == "bonded"


def copy_announced(step: Step, event: CopyAnnounced) -> None:
    """What is under way loses its seals: letters are held, what only brings keys is sealed again after the doubt.

    An opening is repeated byte for byte; whoever goes on from a copy of a bond that is made had it.
    """
    bond = step.ledger.bond(event.bond)
    if bond.state == "bonded":
        step.ledger.change_bond(bond.id, doubted_at=step.now_ms, service_at=None)
        for letter in step.ledger.unfinished(bond.id):
            step.ledger.drop_bundles(letter.seq)  # enclosures of what was read go on when the bond is confirmed
    for letter in step.ledger.under_way(bond.id):
        if letter.kind == LETTER:
            _hold(step, letter)
        elif letter.kind != OPENING:
            step.ledger.drop_bundles(letter.seq, int(Kind.LETTER))


def letter_sent(step: Step, event: LetterSent) -> None:
    """A letter that is sent while its bond is in doubt is held at once."""
    letter = step.ledger.out_letter(event.letter)
    if letter is not None and seals_nothing(step.ledger.bond(letter.bond)):
        _hold(step, letter)


def bond_confirmed(step: Step, event: BondConfirmed) -> None:
    """It was they: what was held goes on by itself, also the enclosures of a letter that was read meanwhile."""
    if step.ledger.bond(event.bond).doubted_at is None:
        return
    step.ledger.change_bond(event.bond, doubted_at=None, service_at=None)
    for letter in step.ledger.held(event.bond):
        way.happened(step, letter, Event.CONFIRMED, "the bond was confirmed: it goes on")
    for letter in step.ledger.unfinished(event.bond):
        step.ledger.send_enclosures(event.bond, letter.seq)


def _hold(step: Step, letter: OutLetter) -> None:
    if way.happened(step, letter, Event.DOUBTED, HELD) is not None:
        step.ledger.drop_bundles(letter.seq)
