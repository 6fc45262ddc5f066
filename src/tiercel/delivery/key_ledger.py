"""What the engine asks of the store about keys: parcel roots, prekeys, and what brings new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tiercel.delivery.rows import OutLetter, Root, Stock


class Keys(Protocol):
    """Parcel roots, prekeys, and what brings new ones."""

    def roots(self, bond: int) -> Sequence[Root]:
        """The roots of both directions."""
        ...

    def heard_epoch(self, bond: int, epoch: int) -> None:
        """Remember the newest epoch heard from the other side."""
        ...

    def take_generation(self, bond: int, direction: int, generation: int, now_ms: int) -> None:
        """Make a generation current and every older one superseded."""
        ...

    def advance_root(self, root: Root, epoch: int, secret: bytes) -> None:
        """Replace a root by its successor; the epochs between are gone."""
        ...

    def drop_roots(self, roots: Sequence[Root]) -> None:
        """Delete generations."""
        ...

    def expire_prekeys(self, bond: int, one_time_before_day: int, superseded_before_ms: int) -> None:
        """Delete our prekeys past their keeping, leaving tombstones."""
        ...

    def gifts_held(self, bond: int, letter_id: bytes, now_ms: int) -> None:
        """A letter of ours was opened: the gifts in it are held by the other side."""
        ...

    def let_go(self, bond: int, pid: bytes, now_ms: int) -> bool:
        """The other side says that a key of its own is gone: say whether there is another to seal with."""
        ...

    def newest_root(self, bond: int, direction: int) -> Root | None:
        """The root of the highest generation of one direction, offered or in use."""
        ...

    def usable_from_day(self, bond: int, now_ms: int) -> int:
        """The oldest day of making of a prekey that lives as long as the roads of a bond may take."""
        ...

    def stock(self, bond: int, now_ms: int) -> Stock:
        """What the other side has of our prekeys."""
        ...

    def bringing_keys(self, bond: int) -> bool:
        """Whether something that only brings keys is under way to the other side."""
        ...

    def told_of_copy(self, bond: int) -> OutLetter | None:
        """The letter under way that tells of a copy put back here."""
        ...

    def begin(self, bond: int, kind: int, letter_id: bytes, receipt_secret: bytes, now_ms: int) -> None:
        """Put a letter without text on its way; it is sealed like any other."""
        ...
