"""What a checker is, and what it may ask of a world.

A world calls its :class:`~tiercel.testing.world.checks.Checks` at five moments: ``started`` once everybody is bonded,
``parcel_leaves`` and ``parcel_taken_off`` from inside its roads, ``after_step`` after every act of a person, and
``healing`` and ``at_end``. What the checkers need to know of the world is written down here as protocols.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tiercel.runtime.home import Home
from tiercel.testing.world.disk import Disk
from tiercel.testing.world.history import History

from .rows import Row


class Violation(BaseException):
    """An invariant does not hold. Not an ``Exception``: a room sets aside what a parcel makes it raise.

    Args:
        id: Of the invariant: ``I1`` to ``I14``, ``L1`` to ``L5``.
        sentence: What was seen, with names and letter ids.
    """

    def __init__(self, id: str, sentence: str) -> None:  # noqa: A002 - the word of the specification
        super().__init__(f"{id}: {sentence}")
        self.id = id
        self.sentence = sentence

    def __reduce__(self) -> tuple[type[Violation], tuple[str, str]]:
        """Copies keep both parts."""
        return type(self), (self.id, self.sentence)


class PersonSeen(Protocol):
    """A person of the world."""

    @property
    def name(self) -> str:
        """Unique in the world."""
        ...

    @property
    def folder(self) -> Path:
        """Of the vault."""
        ...

    @property
    def home(self) -> Home:
        """As opened last."""
        ...

    @property
    def line(self) -> int:
        """How often another copy took the place of the vault: restored, cloned, put back. A crash is none."""
        ...

    @property
    def unnoticed(self) -> bool:
        """Whether a copy of the whole machine was ever used beside it, which no program can notice by itself."""
        ...

    @property
    def disk(self) -> Disk:
        """With the vault; it may be one that fails."""
        ...

    @property
    def bonds(self) -> Mapping[str, str]:
        """The name of each correspondent by the name of the bond in this vault."""
        ...


class WorldSeen(Protocol):
    """The world, as far as checkers look at it."""

    @property
    def people(self) -> Mapping[str, PersonSeen]:
        """By name."""
        ...

    @property
    def pairs(self) -> Sequence[tuple[str, str]]:
        """The two names of every bond, the inviter first."""
        ...

    @property
    def history(self) -> History:
        """What truly happened."""
        ...

    @property
    def now_ms(self) -> int:
        """The true time, whatever anybody's clock shows."""
        ...

    @property
    def healing(self) -> bool:
        """Whether the faults have stopped."""
        ...

    @property
    def counts(self) -> Counter[str]:
        """Faults by kind, ``letters``, ``parcels``."""
        ...

    @property
    def sometimes(self) -> set[str]:
        """The rare states reached."""
        ...


class Check:
    """One invariant. Subclasses name it and override the moments they need.

    A checker keeps what it remembers of each person in itself. It starts anew for a person whose ``line`` changed.
    """

    id: str = ""

    def started(self, world: WorldSeen) -> None:
        """Everybody is bonded."""

    def parcel_leaves(self, world: WorldSeen, person: PersonSeen, road: str, name: str, parcel: bytes) -> None:
        """A person gives a parcel to a road; the road does not have it yet."""

    def parcel_taken_off(self, world: WorldSeen, person: PersonSeen, road: str, name: str) -> None:
        """A person removes a parcel from a road; it is there still."""

    def after_step(self, world: WorldSeen, person: PersonSeen, letters: Sequence[Row], full: bool) -> None:
        """A person acted; the vault is open and outside any transaction.

        Args:
            world: As it is now.
            person: Who acted.
            letters: Those that the act touched; all of them when ``full``.
            full: Whether everything is to be looked at. At the healing and at the end that is so for everybody.
        """

    def at_end(self, world: WorldSeen) -> None:
        """The world has healed; everybody was looked at in full just before."""

    def need(self, holds: object, sentence: str) -> None:
        """Raise the violation of this invariant unless it holds."""
        if not holds:
            raise Violation(self.id, sentence)
