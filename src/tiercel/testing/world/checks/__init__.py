"""The invariants I1 to I14 and L1 to L5 as named checkers that run after every step (security.md 4.3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .base import Check, PersonSeen, Violation, WorldSeen
from .rows import Touched

__all__ = ["Check", "Checks", "Violation"]


class Checks:
    """All checkers of one world.

    Args:
        checks: Fresh ones; they remember what they saw.

    Attributes:
        done: How often each invariant was looked at.
    """

    def __init__(self, checks: Iterable[Check] = ()) -> None:
        self.checks = tuple(checks)
        self.done: Counter[str] = Counter()
        self._touched = Touched()

    def started(self, world: WorldSeen) -> None:
        """Everybody is bonded; the first look at all vaults."""
        for check in self.checks:
            check.started(world)
        self.healing(world)

    def parcel_leaves(self, world: WorldSeen, person: PersonSeen, road: str, name: str, parcel: bytes) -> None:
        """For a road to call before it takes a parcel from a person."""
        for check in self.checks:
            check.parcel_leaves(world, person, road, name, parcel)

    def parcel_taken_off(self, world: WorldSeen, person: PersonSeen, road: str, name: str) -> None:
        """For a road to call before it removes a parcel because a person says so."""
        for check in self.checks:
            check.parcel_taken_off(world, person, road, name)

    def after_step(self, world: WorldSeen, person: PersonSeen, full: bool = False) -> None:
        """A person acted: look at what changed, now and then at everything."""
        letters, full = self._touched.of(person, full)
        for check in self.checks:
            check.after_step(world, person, letters, full)
            self.done[check.id] += 1

    def healing(self, world: WorldSeen) -> None:
        """The faults stop; a full look at everybody."""
        for person in world.people.values():
            self.after_step(world, person, full=True)

    def at_end(self, world: WorldSeen) -> None:
        """The world has healed; a full look, and what must have come about."""
        self.healing(world)
        for check in self.checks:
            check.at_end(world)
            self.done[check.id] += 1
