"""What the engine asks of the store: few typed questions, each answered by an index, inside the caller's transaction.

``runtime.ledger`` answers them from the vault; a test may answer them from memory. Every question names one letter, one
bundle, one bond or one road, or asks for the first few that are due: none walks over all letters under way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tiercel.delivery.rows import (
    BondAt,
    InLetter,
    OutBundle,
    OutLetter,
)


class Letters(Protocol):
    """Letters of both sides, without their text, and the bonds they belong to."""

    def bond(self, bond: int) -> BondAt:
        """A bond that is known to be there."""
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

    def change_letter(self, seq: int, **values: object) -> None:
        """Change columns of a letter."""
        ...

    def add_way(self, seq: int, at_ms: int, what: str, road: str | None = None, until: int | None = None) -> None:
        """Add a step to a letter's way."""
        ...


class Bundles(Protocol):
    """Sealed things under way."""

    def out_bundle(self, bundle: bytes) -> OutBundle | None:
        """A bundle under way."""
        ...

    def bundles_of(self, letter: int) -> Sequence[OutBundle]:
        """The bundles of a letter."""
        ...

    def change_bundle(self, bundle: bytes, **values: object) -> None:
        """Change columns of a bundle under way."""
        ...

    def drop_bundles(self, letter: int, kind: int | None = None) -> None:
        """Stop sending a letter, or only its bundles of one kind; its parcels come off the roads at the next visit."""
        ...


class Notes(Protocol):
    """What is to be said, on every road of a bond."""

    def say(self, bond: int, what: str, subject: bytes, detail: bytes, visit: int, due_at: int) -> None:
        """Say something on every road of a bond, on a visit later than ``visit`` and not before ``due_at``."""
        ...

    def unsay(self, bond: int, what: str, subject: bytes) -> None:
        """This need not be said any more."""
        ...


class Ledger(Letters, Bundles, Notes, Protocol):
    """All of it."""
