"""What the engine reads: a letter without its text, a bundle without its bytes, and what is due when.

The vault stores these types; the names of their fields are the columns. Instants end in ``_at`` (UTC milliseconds since
1970), days in ``_day`` (whole UTC days since 1970), durations say their unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LETTER, SERVICE, OPENING, END, RESTORED = 0, 1, 2, 3, 4
"""Kinds of letters: what people read, what only brings keys, the first of a bond, the last, what tells of a copy."""

RECEIPT, WANT, HAVE, EXPIRED, RECALL, ANSWER = "receipt", "want", "have", "expired", "recall", "answer"
"""What a note may say."""


@dataclass(frozen=True)
class OutLetter:
    """A letter of ours. ``planned`` once a parcel of it was planned: from then on it may have left."""

    seq: int
    id: bytes
    bond: int
    kind: int
    state: str
    number: int | None
    urgent: int
    written_at: int | None
    accepted_at: int | None
    deadline_day: int | None
    arrived_at: int | None
    recall_at: int | None
    seals: int
    carried_root: int | None
    planned: int


@dataclass(frozen=True)
class InLetter:
    """A letter of theirs. ``shown_at`` is when it was first shown; a tombstone is one in the state ``returned``."""

    seq: int
    id: bytes
    bond: int
    kind: int
    state: str
    deadline_day: int | None
    arrived_at: int | None
    shown_at: int | None
    read_at: int | None
    receipt_at: int | None
    answered_at: int | None


@dataclass(frozen=True)
class BondAt:
    """A bond as the engine sees it. ``direction`` is 0 if we invited; it is the direction of what we send."""

    id: int
    name: str
    state: str
    direction: int
    newest_heard: int
    newest_sent: int
    receipts: int
    receipt_delay_h: int
    doubted_at: int | None
    their_reads: int
    service_at: int | None

    @property
    def their_direction(self) -> int:
        """The direction of what the other side sends."""
        return 1 - self.direction


@dataclass(frozen=True)
class OutBundle:
    """A sealed thing under way. ``kind`` is :class:`~tiercel.parcel.box.Kind`; ``file`` is an enclosure's.

    ``made_day`` is that of the prekey it is sealed to, None when that does not age; ``next_index`` the first symbol
    index not sent yet, the same for all groups; ``heard_day`` the day of the newest note that said whether it came.
    """

    hash: bytes
    bond: int
    letter: int
    kind: int
    length: int
    file: str | None
    pid: bytes | None
    made_day: int | None
    next_index: int
    peer_has: int
    heard_day: int


@dataclass(frozen=True)
class Handed:
    """A parcel of ours on a road, remembered before it is put. ``refs`` are its symbols, packed; None for a note.

    ``want`` is the digest of the want that it answers; ``until`` the road's promise to hold it.
    """

    carrier: int
    name: str
    bond: int
    bundle: bytes | None
    refs: bytes | None
    profile: str
    at: int
    put: int
    until: int | None
    want: bytes | None = None


@dataclass(frozen=True)
class Sending:
    """A bundle under way on a road: so many whole passes were planned, the next is due at ``due_at``."""

    bundle: bytes
    carrier: int
    bond: int
    passes: int
    due_at: int


@dataclass(frozen=True)
class InBundle:
    """A bundle of theirs: ``had_at`` is when its being here was last said, or, while it is gathered, last asked for."""

    hash: bytes
    bond: int
    kind: int
    length: int
    standing: str
    first_at: int
    had_at: int | None


@dataclass(frozen=True)
class Awaited:
    """An enclosure that a letter of theirs lacks, ``length`` bytes sealed; the letter came last at ``came_at``."""

    letter: int
    n: int
    bond: int
    bundle: bytes
    length: int
    deadline_day: int | None
    came_at: int


@dataclass(frozen=True)
class Restored:
    """This vault was put back from an older copy at ``at_ms``; letters up to row ``seq`` were in that copy."""

    at_ms: int
    seq: int


@dataclass(frozen=True)
class DueBundle:
    """A bundle to be looked at on a road: of which letter, how large, how often planned, and since when it waits.

    ``after_days``: how long its letter waits before this road is used; ``accepted_at`` when that began.
    """

    bundle: bytes
    bond: int
    letter: int
    kind: int
    length: int
    made_day: int | None
    next_index: int
    passes: int
    accepted_at: int | None
    after_days: int


@dataclass(frozen=True)
class Lying:
    """What of a bundle was planned on a road and is not known to be gone.

    ``waiting`` parcels are not put yet; ``newest_at`` is when the last was planned, ``until`` the earliest promise.
    """

    parcels: int
    waiting: int
    newest_at: int
    until: int | None


@dataclass(frozen=True)
class RoadUse:
    """A road of a bond: its place in the order a person gave, and after how many days a letter takes it."""

    bond: int
    carrier: int
    place: int
    after_days: int


@dataclass(frozen=True)
class NoteDue:
    """Something to say on one road: ``what`` it is, of which ``subject``, on a visit later than ``visit``."""

    id: int
    bond: int
    carrier: int
    what: str
    subject: bytes
    detail: bytes
    visit: int


@dataclass(frozen=True)
class Stock:
    """Our prekeys: one-time ones the other side holds and may still use, room for more of them, and the last resort.

    ``last_resort_day`` is when the newest last-resort key was made; None where no receipt will say that it is held.
    """

    held: int
    room: int
    last_resort_day: int | None


@dataclass(frozen=True)
class Root:
    """A parcel root of one direction and generation, standing at an epoch."""

    bond: int
    direction: int
    generation: int
    epoch: int
    root: bytes = field(repr=False)
    standing: str
    since_at: int
