"""What the engine asks for, in its order; carried out only after the transaction of the step is durable (I9).

Whoever carries one out tells the engine what came of it by an event. A crash in between loses an effect and never its
reason: what is not done yet is found again by the rows of the same step.
"""

from __future__ import annotations

from dataclasses import dataclass

from tiercel.delivery.rows import Handed, NoteDue


@dataclass(frozen=True)
class Say:
    """A sentence for the person, in the report of this visit or command."""

    sentence: str


@dataclass(frozen=True)
class Announce:
    """A letter of theirs is newly here, whole with its enclosures: the report of the visit counts it."""

    letter: int


@dataclass(frozen=True)
class RemoveFiles:
    """Enclosure files that nothing refers to any more, by their names in the vault's folder of enclosures."""

    files: tuple[str, ...]


@dataclass(frozen=True)
class ForgetKeys:
    """A parcel root is gone or moved on: keys derived from it before leave the memory too."""


@dataclass(frozen=True)
class Put:
    """Put parcels of one bundle on a road: the rows are stored and not marked as put.

    The runtime seals each from its ``refs`` under the sending keys of ``bond``, puts it under its ``name``, flushes,
    and tells :class:`~tiercel.delivery.events.ParcelsPut`, a batch at a time. What is on the road already under its
    name (a visit was killed before it said so) is told as put without being put again. If the road fails, what was
    put is told and the rest waits for the next :class:`~tiercel.delivery.events.RoadSeen`. If the bundle itself cannot
    be put, :class:`~tiercel.delivery.events.BundleUnfit` is told.
    """

    road: int
    bond: int
    bundle: bytes
    parcels: tuple[Handed, ...]


@dataclass(frozen=True)
class PutNotes:
    """Put what is due to be said to a bond on a road, in as few notes as hold it.

    The runtime adds the proofs of receipts, splits what is too long, stores each parcel's name, puts them, and tells
    :class:`~tiercel.delivery.events.NotesPut` once all are flushed.
    """

    road: int
    bond: int
    notes: tuple[NoteDue, ...]


@dataclass(frozen=True)
class TakeOff:
    """Take parcels of ours off a road.

    The runtime tells :class:`~tiercel.delivery.events.ParcelsTakenOff` with the names that the road let go; the others
    stay remembered and are asked for again at the next visit.
    """

    road: int
    names: tuple[str, ...]


Effect = Say | Announce | RemoveFiles | ForgetKeys | Put | PutNotes | TakeOff
