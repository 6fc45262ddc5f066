"""What the engine asks of the store about our parcels on the roads: a part of the ledger.

Each question names one road and one bundle, or asks for the first few that are due.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from tiercel.delivery.rows import DueBundle, Handed, Lying


class Roads(Protocol):
    """Our parcels on the roads, and what is to be put there."""

    # -- when ------------------------------------------------------------------------------------

    def road_name(self, road: int) -> str:
        """What a person calls a road."""
        ...

    def due_on(self, road: int, kind: int, by_ms: int, most: int) -> Sequence[DueBundle]:
        """What of a kind is due on a road by an instant, urgent letters first, then the oldest: the first ``most``.

        Also what is due further ahead than anything can be, for a clock that ran ahead wrote that; and nothing of a
        letter that was asked back.
        """
        ...

    def next_due(self, after_ms: int) -> int | None:
        """When the next bundle is due on any road after an instant."""
        ...

    def passes(self, road: int, bundle: bytes) -> int:
        """How many passes over a bundle were planned on a road since something of it last vanished there."""
        ...

    def send_at(self, road: int, bundle: bytes, due_at: int, passes: int | None = None) -> None:
        """Look at a bundle on a road again at an instant, 0 for the next visit; ``passes`` None leaves them."""
        ...

    def never_send(self, road: int, bundle: bytes) -> None:
        """A road does not carry this bundle at all."""
        ...

    def round_trips_ms(self, bond: int, most: int) -> Sequence[int]:
        """How long the newest acknowledged letters of a bond took until their receipts came, at most so many."""
        ...

    # -- what lies there -------------------------------------------------------------------------

    def lying(self, road: int, bundle: bytes) -> Lying:
        """What of a bundle is on a road or waits to be put."""
        ...

    def waiting(self, road: int, bundle: bytes, most: int) -> Sequence[Handed]:
        """The first parcels of a bundle that are planned and not put, in their order."""
        ...

    def refs_planned(self, road: int, bundle: bytes, since_ms: int) -> Iterable[bytes]:
        """The symbols of each parcel of a bundle on a road that waits, or was planned at this instant or later."""
        ...

    def names_of(self, road: int, bundle: bytes, planned_at: int | None) -> Sequence[str]:
        """Names of a bundle's parcels on a road, or only of those planned at one instant."""
        ...

    def over_on(self, road: int, put_before_ms: int, put_after_ms: int) -> Sequence[str]:
        """Names to come off a road: of what is over, of notes that were not put, and of what was planned no later than
        the one instant or after the other.
        """
        ...

    # -- what changes ----------------------------------------------------------------------------

    def plan(self, parcel: Handed) -> None:
        """Remember a parcel before it is put."""
        ...

    def mark_put(self, road: int, parcels: Iterable[tuple[str, int | None]]) -> Sequence[bytes]:
        """Parcels were put, each with its promise; give back the bundles they belong to, each once, in their order."""
        ...

    def forget_parcels(self, road: int, names: Iterable[str]) -> Sequence[bytes]:
        """Parcels are not on a road any more; give back the bundles they belonged to, each once."""
        ...

    def forget_notes(self, road: int) -> None:
        """Forget the notes on a road where nobody can see when they are fetched."""
        ...

    # -- handed over -----------------------------------------------------------------------------

    def handed_over(self, letter: int, road: int) -> bool:
        """Whether every bundle of a letter that is still sent lies on a road, and none of its parcels waits."""
        ...

    def promised(self, letter: int, road: int) -> int | None:
        """The earliest promise of a road for the parcels of a letter."""
        ...

    def went_over(self, letter: int, what: str, road: str) -> bool:
        """Whether a letter's way has a step of that name on that road."""
        ...

    def forget_way(self, letter: int, what: str, road: str) -> None:
        """Forget steps of that name on that road: the next one takes their place."""
        ...
