"""What the command line and the desk are shown: plain values without keys, text only where a letter is opened.

Instants are UTC milliseconds since 1970 or None. Ids are lower-case base32, the same on both sides of a bond.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

Progress = Callable[[str, int, int], None]
"""Called with what is being done (a short phrase), bytes done and bytes in all; often and cheaply."""


def no_progress(_what: str, _done: int, _total: int) -> None:
    """Show nothing."""


def day_text(day: int) -> str:
    """A whole UTC day since 1970 as people write it, such as ``2030-01-01``; far days as a number."""
    try:
        return (date(1970, 1, 1) + timedelta(days=day)).isoformat()
    except OverflowError:
        return f"day {day}"


def minute_text(instant_ms: int) -> str:
    """A day and minute in UTC as people write them, such as ``2030-01-01 14:05``."""
    minutes = instant_ms // 60_000
    return f"{day_text(minutes // 1440)} {minutes // 60 % 24:02}:{minutes % 60:02}"


@dataclass(frozen=True)
class CarrierView:
    """A road: its name, kind, place (for a folder its path), the bonds that use it and its trouble in words."""

    name: str
    kind: str
    place: str
    bonds: tuple[str, ...]
    trouble: str | None = None


@dataclass(frozen=True)
class BondView:
    """A bond. ``state``: pairing, compare, bonded, refused, ended. ``confirmed``: none, us, them, both.

    ``invited``: it waits for the answer to our invitation, which can be shown again. ``doubted_at``: when the other
    side said that its vault was put back from a copy; letters to it are held until a person confirms the words again.
    """

    name: str
    state: str
    confirmed: str
    warnings: tuple[str, ...]
    carriers: tuple[str, ...]
    invited: bool = False
    doubted_at: int | None = None


@dataclass(frozen=True)
class ReaderView:
    """Who can read under a bond: ``side`` us or them, ``kind`` such as device, ``since`` when."""

    side: str
    kind: str
    since: int


@dataclass(frozen=True)
class WordsView:
    """The six words of a bond and its reader list; its state, and the warnings beside it."""

    bond: str
    words: tuple[str, ...]
    readers: tuple[ReaderView, ...]
    state: str = "compare"
    warnings: tuple[str, ...] = ()
    doubted_at: int | None = None


@dataclass(frozen=True)
class EnclosureView:
    """An enclosure, counted from 1. ``size`` is its true length in bytes; ``whole`` whether all of it is here."""

    n: int
    name: str
    size: int
    whole: bool


@dataclass(frozen=True)
class RetentionView:
    """How long the text of a bond's letters is kept here.

    ``sent``: keep, until-receipt. ``received_days``: None keeps it; 0 burns it with the sync after reading; n so many
    days after reading.
    """

    bond: str
    sent: str
    received_days: int | None


@dataclass(frozen=True)
class ReceiptsView:
    """Which receipts a bond gives: ``arrived`` for every letter, ``read`` unless said otherwise for one letter.

    ``delay_h``: they wait a random part of so many hours, at most 24; 0 for none beside the delay of every receipt.
    """

    bond: str
    arrived: bool
    read: bool
    delay_h: int


@dataclass(frozen=True)
class LetterView:
    """A letter in a list. ``direction`` out or in; ``number`` per direction, None for drafts.

    ``deadline_day`` is the last day it is sent on, ``deadline_at`` the instant after; whole UTC days since 1970.
    ``closed``: its writer asked that it not be opened yet, so that its subject is not told either.
    ``missing_before``: how many letters of the same writer directly before this one have not arrived.
    """

    id: str
    bond: str
    direction: str
    state: str
    subject: str | None
    written_at: int | None
    arrived_at: int | None
    read_at: int | None
    number: int | None
    enclosures: int = 0
    urgent: bool = False
    deadline_at: int | None = None
    deadline_day: int | None = None
    not_before_day: int | None = None
    closed: bool = False
    missing_before: int = 0


@dataclass(frozen=True)
class OpenLetterView:
    """A letter opened for reading. ``burnt_at``: when the retention rule ended its text, if it did."""

    letter: LetterView
    body: str
    place: str | None
    dated: str | None
    reply_to: str | None
    enclosures: tuple[EnclosureView, ...]
    burnt_at: int | None = None


@dataclass(frozen=True)
class EventView:
    """One step of a letter's way. ``road`` and ``until`` (a carrier's promise to hold) where there is one."""

    at: int
    what: str
    road: str | None = None
    until: int | None = None


@dataclass(frozen=True)
class WayView:
    """The way of a letter so far, and in words what comes next; ``steps`` with instants, of one that is under way."""

    id: str
    state: str
    events: tuple[EventView, ...]
    next: str
    deadline_day: int | None = None
    not_before_day: int | None = None
    urgent: bool = False
    bond: str = ""
    direction: str = "out"
    missing_before: int = 0
    steps: tuple[NextView, ...] = ()


@dataclass(frozen=True)
class NextView:
    """What is tried next for a letter: ``what`` as a phrase, ``at`` an instant or None with the next sync, on ``road``.

    ``until``: what of it lies on that road is promised to be held so long.
    """

    what: str
    at: int | None
    road: str | None
    until: int | None = None


@dataclass(frozen=True)
class OutboxItem:
    """A letter that waits: why, and what is tried next (the first of ``steps``, which come in the order of time).

    ``remedy``: what a person can do, where one must.
    """

    id: str
    bond: str
    state: str
    why: str
    next: str
    next_at: int | None
    road: str | None
    steps: tuple[NextView, ...] = ()
    urgent: bool = False
    subject: str | None = None
    remedy: str = ""


@dataclass(frozen=True)
class RoadView:
    """A road of a bond: used for a letter once that waited ``after_days`` without a receipt, 0 for at once."""

    name: str
    after_days: int


@dataclass(frozen=True)
class BondRoadsView:
    """The roads of a bond in their order."""

    bond: str
    roads: tuple[RoadView, ...]


@dataclass(frozen=True)
class RoadTrouble:
    """A road that did not answer, and the error it met."""

    road: str
    error: Exception


@dataclass(frozen=True)
class SyncReport:
    """One visit to every road: parcels put and got, letters newly whole, outgoing letters without receipt.

    ``notices`` are sentences for the person (a clock in doubt, two answers to an invitation, a letter that could
    not be opened). ``troubles`` lists roads that failed; the others were visited all the same.
    """

    put: int
    got: int
    letters: int
    waiting: int
    troubles: tuple[RoadTrouble, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProblemView:
    """Something that could not be opened: ``verdict``, the instant, what happens by itself, what a person may do.

    ``verdict`` is key_expired, other_bond, damaged, forged, malformed, newer_version or unreadable; ``remedy`` may be
    empty.
    """

    bond: str
    verdict: str
    at: int
    sentence: str
    by_itself: str
    remedy: str


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: what was looked at, whether it is well, what is so, and what to do."""

    what: str
    well: bool
    sentence: str
    remedy: str = ""


@dataclass(frozen=True)
class Draft:
    """What a person wants to write. Days are whole UTC days since 1970; ``reply_to`` an id or unique prefix."""

    bond: str
    text: str
    subject: str | None = None
    place: str | None = None
    dated: str | None = None
    enclosures: tuple[Path, ...] = ()
    reply_to: str | None = None
    deadline_day: int | None = None
    not_before_day: int | None = None
    urgent: bool = False
