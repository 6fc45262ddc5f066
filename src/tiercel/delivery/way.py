"""The way of our letters: each step is an event of the one table of states, recorded with its evidence."""

from __future__ import annotations

from tiercel.delivery.rows import OutLetter
from tiercel.delivery.states import Event, State, after
from tiercel.delivery.step import Step
from tiercel.parcel.box import Kind

_LET_GO = (State.HELD, State.ACCEPTED)
"""States in which a letter that left before may have no bundles though it is not over: its bond was in doubt."""


def happened(
    step: Step, letter: OutLetter, event: Event, what: str, road: str | None = None, until: int | None = None
) -> State | None:
    """Move a letter by an event and record it; an impossible event changes nothing and gives None.

    Args:
        step: At work.
        letter: As it stands.
        event: What happened to it.
        what: In words, for its way.
        road: The name of the road it happened on, if on one.
        until: Until when that road promised to hold it, UTC milliseconds.
    """
    state = after(State(letter.state), event)
    if state is not None:
        step.ledger.change_letter(letter.seq, state=state.value)
        step.ledger.add_way(letter.seq, step.now_ms, what, road, until)
    return state


def confirmed(step: Step, letter: OutLetter, whole: bool) -> None:
    """The other side opened a letter: count its gifts as held, switch to the root it carried, stop sending it.

    Enclosures that a doubt let go of are sent again at once, or when the bond is confirmed.

    Args:
        step: At work.
        letter: One of ours.
        whole: Its enclosures are there too. If not, as after a reply or a read receipt, those go on until they are.
    """
    ledger, bond = step.ledger, step.ledger.bond(letter.bond)
    ledger.gifts_held(letter.bond, letter.id, step.now_ms)
    if letter.carried_root is not None:
        ledger.take_generation(letter.bond, bond.direction, letter.carried_root, step.now_ms)
    ledger.drop_bundles(letter.seq, int(Kind.LETTER))
    if not whole and letter.state in _LET_GO and ledger.encloses(letter.seq):
        if bond.state == "bonded" and bond.doubted_at is None:
            ledger.send_enclosures(bond.id, letter.seq)
    elif whole or not ledger.bundles_of(letter.seq):
        ledger.drop_bundles(letter.seq)
        if letter.arrived_at is None:
            ledger.change_letter(letter.seq, arrived_at=step.now_ms)
