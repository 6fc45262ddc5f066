"""What happened, told to the engine: past tense, with its evidence, each in one transaction.

Letters are named by their ``seq``, and by their id where the other side names them. Roads are named by the id of their
carrier. The runtime has verified what an event says: proofs, seals and hashes are not looked at here.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from tiercel.parcel.note import Note
from tiercel.ports import Profile

# -- time --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ticked:
    """Time passed: what was due by now happens. Told once at each visit, between reading and writing the roads.

    ``room_bytes``: how much more of enclosures this disk may take in for one bond.
    """

    room_bytes: int


@dataclass(frozen=True)
class VisitEnded:
    """A visit is over: what time has ended is deleted."""


# -- roads: of ours (delivery.sending) ---------------------------------------------------------------


@dataclass(frozen=True)
class ParcelsGone:
    """The listing of a road holds these parcels of ours no more; told before anything on it is read.

    Only where the listing shows what we put (``Road.shows_own``) or the road says what became of it (``Road.tells``),
    and only of parcels that were put.
    """

    road: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class RoadSeen:
    """A road was looked at and can be written; told once for each road and visit, after :class:`Ticked` and sealing.

    Answered by :class:`~tiercel.delivery.effects.TakeOff` of what is over and ``PutNotes`` of what is to be said.

    Attributes:
        road: The carrier's id.
        visit: Number of this visit.
        delay_ms: The road's declared worst delay, one way.
        talks_back: Whether the other side can ask again over any road of this kind.
        shows_own: Whether the listing shows what we put; where it does not, only promises and time tell.
        profiles: The sizes of its parcels, from small to large.
    """

    road: int
    visit: int
    delay_ms: int
    talks_back: bool
    shows_own: bool
    profiles: tuple[Profile, ...]

    @property
    def by_time(self) -> bool:
        """Whether only time tells that something was lost on the way."""
        return self.talks_back and not self.shows_own


@dataclass(frozen=True)
class RoadReady:
    """A road has room for what is due of one kind: ``Put`` answers it, urgent letters first.

    Letters are asked for on every road before enclosures on any, and once more whenever some parcels of an enclosure
    were put. Enclosures come a few at a time; the event is told again until nothing answers it.

    Attributes:
        seen: The road as it was seen at this visit.
        kind: ``Kind.LETTER`` or ``Kind.ENCLOSURE`` of the parcel format.
        unfit: Bundles that could not be put there at this visit: they are not tried again before the next.
    """

    seen: RoadSeen
    kind: int
    unfit: Set[bytes] = frozenset()


@dataclass(frozen=True)
class ParcelsPut:
    """Parcels are durably on a road: (name, until when it promised to hold it, or None). Marks them as put.

    Answered by ``Put`` of what follows of a large bundle. When every parcel of every bundle of a letter was put on
    that road, the letter is handed over to it.
    """

    seen: RoadSeen
    parcels: tuple[tuple[str, int | None], ...]


@dataclass(frozen=True)
class ParcelsTakenOff:
    """Parcels of ours are off a road: their names are forgotten."""

    road: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class BundleUnfit:
    """A bundle could not be put on a road: what was put of it passes for nothing, and a later visit begins anew.

    ``whole``: all that lies there of it, else only the pass that was begun: where its source is lost, an earlier pass
    that lies there is all that is left of it.
    """

    road: int
    bundle: bytes
    whole: bool = True


@dataclass(frozen=True)
class NotesPut:
    """What was due to be said is on its road: these rows are said."""

    road: int
    ids: tuple[int, ...]


# -- what the other side says (delivery.receipts, asking, recalls) -----------------------------------


@dataclass(frozen=True)
class ParcelHeard:
    """A parcel of theirs was opened under a generation of their direction and an epoch."""

    bond: int
    generation: int
    epoch: int


@dataclass(frozen=True)
class NoteCame:
    """A note was read. It holds only receipts whose proof verified.

    ``superseded``: it came under an older generation, whose keys somebody may have copied: only receipts count.
    A want in it is answered by planning parcels on the road ``seen``, where it came; they are put when that is ready.
    """

    bond: int
    seen: RoadSeen
    note: Note
    superseded: bool


@dataclass(frozen=True)
class ReplyCame:
    """An authentic letter of theirs names a letter as the one it answers."""

    bond: int
    letter_id: bytes


# -- what came of theirs (delivery.receipts, asking) -------------------------------------------------


@dataclass(frozen=True)
class LetterCame:
    """The text of a letter of theirs, or a service letter, was stored, or an enclosure of it became whole.

    Once all its enclosures are here it has arrived, and that is said.
    """

    letter: int


@dataclass(frozen=True)
class LetterCameAgain:
    """A known letter of theirs came again, sealed anew or as a copy: what was said of it is said again."""

    bond: int
    letter_id: bytes


@dataclass(frozen=True)
class LetterRefused:
    """A letter came that is never shown, because its bond has ended: our word is given that it goes back."""

    bond: int
    letter_id: bytes


@dataclass(frozen=True)
class EnclosureCame:
    """An enclosure became whole here."""

    bond: int
    bundle: bytes


@dataclass(frozen=True)
class EnclosureCameAgain:
    """Parts of an enclosure that is whole here came again: the other side does not know that it is here."""

    bond: int
    bundle: bytes


@dataclass(frozen=True)
class KeyWasGone:
    """A bundle came that was sealed to a key of ours which is gone: the writer is told, to seal it again."""

    bond: int
    pid: bytes


@dataclass(frozen=True)
class SymbolsLacked:
    """What a bundle of theirs still lacks, after a visit read all there was: (group, how many symbols)."""

    bond: int
    bundle: bytes
    groups: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class LetterReadHere:
    """A person read a letter of theirs and lets the writer know."""

    letter: int


# -- our letters (delivery.ends, recalls) ------------------------------------------------------------


@dataclass(frozen=True)
class LetterSent:
    """A person sent a letter: a draft, or a held one once more."""

    letter: int


@dataclass(frozen=True)
class LetterSealed:
    """A letter was sealed to a key of the other side; ``weaker`` if that was the last-resort key."""

    letter: int
    weaker: bool


@dataclass(frozen=True)
class RecallAsked:
    """A person takes a letter back. The caller has looked that its state allows it."""

    letter: int


@dataclass(frozen=True)
class CopyAnnounced:
    """A letter says that the other side's vault was put back from an older copy: what it said since is forgotten."""

    bond: int


@dataclass(frozen=True)
class BondConfirmed:
    """A person compared the words of a bond that is made and confirmed it anew."""

    bond: int


@dataclass(frozen=True)
class BondEnded:
    """A bond is over, by us or by them: our letters under way are held for a person to decide."""

    bond: int


Event = (
    Ticked | VisitEnded
    | ParcelsGone | RoadSeen | RoadReady | ParcelsPut | ParcelsTakenOff | BundleUnfit | NotesPut
    | ParcelHeard | NoteCame | ReplyCame | CopyAnnounced
    | LetterCame | LetterCameAgain | LetterRefused | LetterReadHere | EnclosureCame | EnclosureCameAgain | KeyWasGone
    | SymbolsLacked | LetterSent | LetterSealed | RecallAsked | BondConfirmed | BondEnded
)  # fmt: skip
