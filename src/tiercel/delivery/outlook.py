"""What a letter under way waits for, why, and what is tried next, as far as its own vault knows.

It says nothing new: every word follows from rows that decide what is sent, so that what a person reads here is what
happens (spec/delivery.md 6).

Example:
    >>> road = RoadNow("stick", opens_at=0, due_at=0, lying=1, until=None, fits=True)
    >>> letter = LetterNow("handed over", sealed=True, roads=(road,))
    >>> [step.what.value for step in outlook(letter, now_ms=0).steps]
    ['sent again with the next sync']
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from tiercel.delivery.states import State
from tiercel.limits import DAY_MS, DUPLICATE_RECEIPT_DAYS


class Why(StrEnum):
    """What a letter waits for."""

    SYNC = "waits for a sync"
    RECEIPT = "on its way; no receipt yet"
    HELD = "held: compare the words"
    ENDED = "held: for the old bond, which has ended"
    KEY = "waits for a key of the other side"
    ENCLOSURE = "an enclosure is missing"
    ASKED_BACK = "asked back; no answer yet"
    ROAD = "no road carries it"


class What(StrEnum):
    """What is tried next; with the road and the instant of :class:`NextStep` it is a whole sentence."""

    PUT = "put there with the next sync"
    OPENS = "used as well, if no receipt came by then"
    AGAIN = "sent again, if no receipt came by then"
    AGAIN_NOW = "sent again with the next sync"
    ASKED_AGAIN = "asked back again"
    EXPIRES = "expires"


@dataclass(frozen=True)
class RoadNow:
    """One road of a letter's bond, as it stands.

    ``opens_at`` is when the road is first used for the letter and ``due_at`` when it is looked at again, both UTC ms
    (0: at the next visit). ``lying`` counts parcels of the letter that the road took and still has, as far as is known;
    ``until`` is the earliest promise to hold them. ``fits``: a live seal outlives the road.
    """

    name: str
    opens_at: int
    due_at: int
    lying: int
    until: int | None
    fits: bool


@dataclass(frozen=True)
class LetterNow:
    """A letter of ours under way.

    ``sealed``: a live seal is stored; ``key``: one could be made now. ``doubted``: a copy of their vault was put back
    and nobody confirmed it.
    """

    state: str
    sealed: bool
    key: bool = True
    roads: tuple[RoadNow, ...] = ()
    doubted: bool = False
    enclosure_lost: bool = False
    recall_at: int | None = None
    deadline_day: int | None = None


@dataclass(frozen=True)
class NextStep:
    """``at`` is UTC ms, None with the next sync. ``until``: what lies on the road is promised to be held so long."""

    what: What
    at: int | None = None
    road: str | None = None
    until: int | None = None


@dataclass(frozen=True)
class Outlook:
    """Why a letter waits, and the next steps in the order of their instants, those of the next sync first."""

    why: Why
    steps: tuple[NextStep, ...] = field(default=())


def outlook(letter: LetterNow, now_ms: int) -> Outlook:
    """What a letter under way waits for, and what comes next; nothing comes once it has expired."""
    steps = sorted(_steps(letter, now_ms), key=lambda step: step.at or 0)
    expires = [number for number, step in enumerate(steps, 1) if step.what == What.EXPIRES]
    return Outlook(_why(letter), tuple(steps[: expires[0] if expires else None]))


def _why(letter: LetterNow) -> Why:
    reasons = (
        (letter.state == State.HELD, Why.HELD if letter.doubted else Why.ENDED),
        (letter.recall_at is not None, Why.ASKED_BACK),
        (letter.doubted, Why.HELD),
        (letter.enclosure_lost, Why.ENCLOSURE),
        (not letter.roads, Why.ROAD),
        (any(road.lying for road in letter.roads), Why.RECEIPT),
        (not letter.sealed and not letter.key, Why.KEY),
    )
    return next((why for holds, why in reasons if holds), Why.SYNC)


def _steps(letter: LetterNow, now_ms: int) -> Iterator[NextStep]:
    if letter.recall_at is not None:
        yield NextStep(What.ASKED_AGAIN, letter.recall_at + DUPLICATE_RECEIPT_DAYS * DAY_MS)
    elif letter.state != State.HELD and not letter.doubted and not letter.enclosure_lost:
        yield from (_step(road, now_ms) for road in letter.roads if road.fits or not letter.sealed)
    if letter.deadline_day is not None and letter.state != State.HELD:
        yield NextStep(What.EXPIRES, (letter.deadline_day + 1) * DAY_MS)


def _step(road: RoadNow, now_ms: int) -> NextStep:
    if not road.lying and road.opens_at > now_ms:
        return NextStep(What.OPENS, road.opens_at, road.name)
    if not road.lying:
        return NextStep(What.PUT, None, road.name)
    if road.due_at <= now_ms:
        return NextStep(What.AGAIN_NOW, None, road.name, road.until)
    return NextStep(What.AGAIN, road.due_at, road.name, road.until)
