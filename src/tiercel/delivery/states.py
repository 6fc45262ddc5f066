"""The states of a letter and the one table of how they change.

Every state is bound to evidence (spec/delivery.md 1). An event that is not in the table for a state is impossible: the
caller leaves the letter as it is and says so; nothing is guessed.

Example:
    >>> after(State.HANDED_OVER, Event.RECEIPT_ARRIVED)
    <State.ARRIVED: 'arrived'>
"""

from __future__ import annotations

from enum import Enum, StrEnum


class State(StrEnum):
    """A letter's state, in the words people see."""

    DRAFT = "draft"
    ACCEPTED = "accepted"
    SEALED = "sealed"
    HANDED_OVER = "handed over"
    ARRIVED = "arrived"
    READ = "read"
    ANSWERED = "answered"
    RETURNED = "returned"
    RECALLED = "recalled"
    EXPIRED = "expired"
    CROSSED = "crossed"
    HELD = "held"


class Event(Enum):
    """What happened to a letter; past tense, with the evidence."""

    SENT = "the writer sent it"
    SEALED = "it was sealed"
    PUT = "all its parcels were put on a road"
    RECEIPT_ARRIVED = "a receipt proved that it arrived whole"
    RECEIPT_READ = "a receipt proved that it was read"
    REPLY_CAME = "a letter answering it came"
    RETURNED = "the other side's word: never shown and never will be"
    RECALLED = "the writer took it back before it left"
    CROSSED = "the other side's word: one copy of its vault returned it, another showed it"
    DEADLINE_PASSED = "our own deadline passed, unconfirmed"
    BOND_ENDED = "the bond ended before it was confirmed"
    DOUBTED = "the other side's vault was put back from a copy: by whom, a person must say"
    CONFIRMED = "a person confirmed the bond anew"


S, E = State, Event

UNDER_WAY = frozenset({S.ACCEPTED, S.SEALED, S.HANDED_OVER})
"""States in which the writer's copy is still sent; the text stays until one of the ends."""

_LATE = {E.RECEIPT_ARRIVED: S.ARRIVED, E.RECEIPT_READ: S.READ, E.REPLY_CAME: S.ANSWERED, E.RETURNED: S.RETURNED}
_LATE |= {E.CROSSED: S.CROSSED}
_ON_THE_WAY = _LATE | {E.DEADLINE_PASSED: S.EXPIRED, E.BOND_ENDED: S.HELD, E.DOUBTED: S.HELD}

TRANSITIONS: dict[State, dict[Event, State]] = {
    S.DRAFT: {E.SENT: S.ACCEPTED},
    S.ACCEPTED: _ON_THE_WAY | {E.SEALED: S.SEALED, E.RECALLED: S.RECALLED},  # one that was held may have left before
    S.SEALED: _ON_THE_WAY | {E.SEALED: S.SEALED, E.PUT: S.HANDED_OVER, E.RECALLED: S.RECALLED},
    S.HANDED_OVER: _ON_THE_WAY | {E.SEALED: S.HANDED_OVER, E.PUT: S.HANDED_OVER},
    S.ARRIVED: {
        E.RECEIPT_ARRIVED: S.ARRIVED, E.RECEIPT_READ: S.READ, E.REPLY_CAME: S.ANSWERED, E.RETURNED: S.RETURNED,
        E.CROSSED: S.CROSSED,
    },
    S.READ: {
        E.RECEIPT_ARRIVED: S.READ, E.RECEIPT_READ: S.READ, E.REPLY_CAME: S.ANSWERED, E.RETURNED: S.CROSSED,
        E.CROSSED: S.CROSSED,
    },
    S.ANSWERED: {
        E.RECEIPT_ARRIVED: S.ANSWERED, E.RECEIPT_READ: S.ANSWERED, E.REPLY_CAME: S.ANSWERED, E.RETURNED: S.CROSSED,
        E.CROSSED: S.CROSSED,
    },
    S.RETURNED: {
        E.RETURNED: S.RETURNED, E.RECEIPT_ARRIVED: S.RETURNED, E.RECEIPT_READ: S.CROSSED, E.REPLY_CAME: S.CROSSED,
        E.CROSSED: S.CROSSED,
    },
    S.EXPIRED: _LATE,
    S.HELD: _LATE | {E.SENT: S.ACCEPTED, E.CONFIRMED: S.ACCEPTED, E.RECALLED: S.RECALLED},
    S.RECALLED: {},
    S.CROSSED: {
        E.RECEIPT_ARRIVED: S.CROSSED, E.RECEIPT_READ: S.CROSSED, E.REPLY_CAME: S.CROSSED, E.RETURNED: S.CROSSED,
        E.CROSSED: S.CROSSED,
    },
}  # fmt: skip


def after(state: State, event: Event) -> State | None:
    """The state that follows, or None when the event is impossible in this state."""
    return TRANSITIONS[state].get(event)
