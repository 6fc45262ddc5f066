"""What the engine asks of the store: few typed questions, each answered by an index, inside the caller's transaction.

``runtime.ledger`` answers them from the vault; a test may answer them from memory. Every question names one letter, one
bundle, one bond or one road, or asks for the first few that are due: none walks over all letters under way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tiercel.delivery.key_ledger import Keys
from tiercel.delivery.road_ledger import Roads
from tiercel.delivery.rows import (
    Awaited,
    BondAt,
    InBundle,
    InLetter,
    NoteDue,
    OutBundle,
    OutLetter,
    Restored,
)


class Letters(Protocol):
    """Letters of both sides, without their text, and the bonds they belong to."""

    def bond(self, bond: int) -> BondAt:
        """A bond that is known to be there."""
        ...

    def bonds(self) -> Sequence[BondAt]:
        """Every bond, oldest first."""
        ...

    def change_bond(self, bond: int, **values: object) -> None:
        """Change columns of a bond."""
        ...

    def out_letter(self, seq: int) -> OutLetter | None:
        """A letter of ours by its row."""
        ...

    def out_letter_named(self, bond: int, letter_id: bytes) -> OutLetter | None:
        """A letter of ours as the bond names it."""
        ...

    def in_letter(self, seq: int) -> InLetter | None:
        """A letter of theirs by its row."""
        ...

    def in_letter_named(self, bond: int, letter_id: bytes) -> InLetter | None:
        """A letter of theirs as the bond names it."""
        ...

    def letters_naming(self, bond: int, bundle: bytes) -> Sequence[InLetter]:
        """Letters of theirs in which a bundle is enclosed."""
        ...

    def enclosures_whole(self, seq: int) -> bool:
        """Whether all enclosures of a letter of theirs are here; true of one that has none."""
        ...

    def change_letter(self, seq: int, **values: object) -> None:
        """Change columns of a letter."""
        ...

    def add_way(self, seq: int, at_ms: int, what: str, road: str | None = None, until: int | None = None) -> None:
        """Add a step to a letter's way."""
        ...

    def add_tombstone(self, bond: int, letter_id: bytes, state: str) -> InLetter:
        """A letter of theirs that never came and is never shown."""
        ...

    def burn(self, seq: int) -> tuple[str, ...]:
        """Delete a letter's text and enclosures but keep its id; give back the files that nothing refers to now."""
        ...

    def put_back(self, bond: int) -> bool:
        """Whether the other side's vault was ever put back from an older copy."""
        ...

    def restored(self) -> Restored | None:
        """When this vault was last put back from an older copy, if ever."""
        ...


class Due(Protocol):
    """What happens by time alone: the first of it, by an index."""

    def past_deadline(self, today: int) -> Sequence[OutLetter]:
        """Letters of ours under way whose deadline is before a day."""
        ...

    def next_deadline_day(self) -> int | None:
        """The first deadline of a letter of ours under way."""
        ...

    def recalls_due(self, before_ms: int, after_ms: int, most: int) -> Sequence[OutLetter]:
        """Letters of ours with an open recall, asked not after ``before_ms`` or after ``after_ms``."""
        ...

    def next_recall(self, after_ms: int) -> int | None:
        """When the first open recall was asked, of those asked not after ``after_ms``."""
        ...

    def given_back(self, bond: int) -> Sequence[OutLetter]:
        """Letters of ours that were returned or crossed."""
        ...

    def under_way(self, bond: int) -> Sequence[OutLetter]:
        """All letters of ours under way: only for what changes every one of them."""
        ...

    def held(self, bond: int) -> Sequence[OutLetter]:
        """All letters of ours that are held."""
        ...

    def unfinished(self, bond: int) -> Sequence[OutLetter]:
        """Letters of ours that were read or answered, and are not known to be there with all their enclosures."""
        ...

    def empty_quarantine(self, before_ms: int) -> None:
        """Forget what was set aside before an instant, unless its bytes are kept for a later version."""
        ...

    def drop_unclaimed(self, before_ms: int) -> Sequence[str]:
        """Forget bundles of theirs gathered since before an instant that no letter names; give back their files."""
        ...


class Bundles(Protocol):
    """Sealed things under way, and what comes of theirs."""

    def out_bundle(self, bundle: bytes) -> OutBundle | None:
        """A bundle under way."""
        ...

    def bundles_of(self, letter: int) -> Sequence[OutBundle]:
        """The bundles of a letter."""
        ...

    def sealed_to(self, bond: int, pid: bytes) -> Sequence[OutLetter]:
        """Letters under way that are sealed to a prekey of theirs."""
        ...

    def change_bundle(self, bundle: bytes, **values: object) -> None:
        """Change columns of a bundle under way."""
        ...

    def drop_bundles(self, letter: int, kind: int | None = None) -> None:
        """Stop sending a letter, or only its bundles of one kind; its parcels come off the roads at the next visit."""
        ...

    def encloses(self, letter: int) -> bool:
        """Whether a letter of ours has enclosures."""
        ...

    def send_enclosures(self, bond: int, letter: int) -> None:
        """Put the enclosures of a letter of ours under way that are not."""
        ...

    def in_bundle(self, bond: int, bundle: bytes) -> InBundle | None:
        """What is known of a bundle of theirs."""
        ...

    def change_in_bundle(self, bond: int, bundle: bytes, **values: object) -> None:
        """Change columns of a bundle of theirs."""
        ...

    def awaited(self, before_ms: int, now_ms: int, most: int) -> Sequence[Awaited]:
        """Enclosures that letters wait for, asked for not after ``before_ms`` or after now, the longest first."""
        ...

    def next_awaited(self) -> int | None:
        """When the enclosure was asked for that was not asked for the longest."""
        ...

    def asked_for(self, item: Awaited, now_ms: int | None) -> None:
        """An awaited enclosure was asked for now; None: it is given up."""
        ...

    def await_again(self, letter: int, asked_ms: int) -> None:
        """Enclosures of a letter that were given up are awaited again, as if asked for at an instant."""
        ...

    def lacking(self, bundle: InBundle, most: int) -> Sequence[tuple[int, int]]:
        """What a bundle that is being gathered still lacks: (group, how many symbols), the first ``most`` groups."""
        ...

    def coming_bytes(self, bond: int) -> int:
        """Bytes of enclosures of a bond that began to come and are not here."""
        ...


class Notes(Protocol):
    """What is to be said, on every road of a bond."""

    def say(self, bond: int, what: str, subject: bytes, detail: bytes = b"", visit: int = -1, due_at: int = 0) -> None:
        """Say something on every road of a bond, on a visit later than ``visit`` and not before ``due_at``."""
        ...

    def unsay(self, bond: int, what: str, subject: bytes) -> None:
        """This need not be said any more."""
        ...

    def notes_due(self, road: int, visit: int, now_ms: int, most_ms: int) -> Sequence[NoteDue]:
        """What may be said on a road at a visit, oldest first: due by now, or only after ``most_ms``."""
        ...

    def next_note(self, bond: int | None, after_ms: int, most_ms: int) -> int | None:
        """When the next of what waits is due, after an instant and not after another; of one bond or of all."""
        ...

    def said(self, ids: Sequence[int]) -> None:
        """These were put on their road."""
        ...


class Ledger(Letters, Due, Bundles, Roads, Notes, Keys, Protocol):
    """All of it."""
