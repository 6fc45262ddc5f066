"""Every event in every state: what follows, or that it is impossible. The full table is spec/delivery.md 3."""

from __future__ import annotations

import itertools

import pytest

from tiercel.delivery.states import TRANSITIONS, UNDER_WAY, Event, State, after

S, E = State, Event
RECEIPTS = (E.RECEIPT_ARRIVED, E.RECEIPT_READ, E.REPLY_CAME)
COLUMNS = (
    E.SENT, E.SEALED, E.PUT, E.RECEIPT_ARRIVED, E.RECEIPT_READ, E.REPLY_CAME, E.RETURNED, E.RECALLED, E.DEADLINE_PASSED,
    E.BOND_ENDED, E.CROSSED, E.DOUBTED, E.CONFIRMED,
)  # fmt: skip
TABLE = """
    draft    accepted -      -      -        -        -        -        -        -       -    -       -    -
    accepted -        sealed -      arrived  read     answered returned recalled expired held crossed held -
    sealed   -        sealed handed arrived  read     answered returned recalled expired held crossed held -
    handed   -        handed handed arrived  read     answered returned -        expired held crossed held -
    arrived  -        -      -      arrived  read     answered returned -        -       -    crossed -    -
    read     -        -      -      read     read     answered crossed  -        -       -    crossed -    -
    answered -        -      -      answered answered answered crossed  -        -       -    crossed -    -
    returned -        -      -      returned crossed  crossed  returned -        -       -    crossed -    -
    recalled -        -      -      -        -        -        -        -        -       -    -       -    -
    expired  -        -      -      arrived  read     answered returned -        -       -    crossed -    -
    crossed  -        -      -      crossed  crossed  crossed  crossed  -        -       -    crossed -    -
    held     accepted -      -      arrived  read     answered returned recalled -       -    crossed -    accepted
"""


def rows() -> dict[State, tuple[State | None, ...]]:
    found = {}
    for line in TABLE.split("\n")[1:-1]:
        first, *rest = (word.replace("handed", "handed over") for word in line.split())
        found[State(first)] = tuple(None if word == "-" else State(word) for word in rest)
    return found


@pytest.mark.parametrize("state", State)
def test_every_event_in_every_state(state: State) -> None:
    assert dict(zip(COLUMNS, rows()[state], strict=True)) == {event: after(state, event) for event in Event}


def test_the_table_names_every_state_and_event() -> None:
    assert set(rows()) == set(TRANSITIONS) == set(State) and set(COLUMNS) == set(Event)


def test_what_was_recalled_before_it_left_stays_so_whatever_comes() -> None:
    assert not any(after(S.RECALLED, event) for event in Event)


@pytest.mark.parametrize("orders", list(itertools.permutations((*RECEIPTS, E.RETURNED), 3)))
def test_no_order_of_what_comes_back_makes_a_letter_less_confirmed(orders: tuple[Event, ...]) -> None:
    """Evidence is never taken back: a sign of reading and a return together are `crossed`, in either order."""
    assert all(after(state, E.CROSSED) in (None, S.CROSSED) for state in State)
    state, seen = S.HANDED_OVER, set()
    for event in orders:
        state = after(state, event) or state
        seen.add(event)
        shown = seen & {E.RECEIPT_READ, E.REPLY_CAME}
        if E.RETURNED in seen:
            assert state == (S.CROSSED if shown else S.RETURNED)
        else:
            assert state == (S.ANSWERED if E.REPLY_CAME in seen else S.READ if shown else S.ARRIVED)


def test_only_what_is_under_way_can_be_put_or_expire() -> None:
    for state in State:
        assert (after(state, E.DEADLINE_PASSED) is not None) == (state in UNDER_WAY)
        assert after(state, E.PUT) is None or state in UNDER_WAY
