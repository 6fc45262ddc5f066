"""What truly happened in a world, beside what the vaults say: the checkers compare the two.

The world writes it down as people act; nothing here is read from a vault afterwards. Letters are named as people see
them: lower-case base32, the same on both sides.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice


@dataclass(frozen=True)
class Written:
    """A letter accepted from its writer.

    Attributes:
        id: As its writer was told.
        writer: Name of the person.
        reader: Name of the other person of the bond.
        text: Byte for byte.
        enclosures: SHA-256 of each file, in order.
        accepted_ms: True time, UTC milliseconds.
        deadline_day: As the writer gave it, by the writer's clock; None for no end.
        line: The writer's ``Person.line`` then.
        after_faults: Whether the faults had stopped.
    """

    id: str
    writer: str
    reader: str
    text: str
    enclosures: tuple[bytes, ...]
    accepted_ms: int
    deadline_day: int | None
    line: int
    after_faults: bool = False


@dataclass(frozen=True)
class Shown:
    """A person opened a letter of the other side: read it, or peeked at it."""

    reader: str
    id: str
    text: str
    at_ms: int
    line: int


@dataclass(frozen=True)
class Saved:
    """A person saved an enclosure, counted from 1; ``digest`` is the SHA-256 of the file."""

    reader: str
    id: str
    n: int
    digest: bytes
    at_ms: int
    line: int


@dataclass
class History:
    """Everything of a world so far, in the order in which it happened.

    Attributes:
        written: Letters by id, in the order of their acceptance.
        shown: What was opened.
        saved: Enclosures that were saved.
        recalled: Ids that a person asked back, where the program took the wish.
        burnt: Ids whose text a person burnt, here or there, or by a rule that does.
        announced: How many letters the reports of visits called new, by person and line.
    """

    written: dict[str, Written] = field(default_factory=dict)
    shown: list[Shown] = field(default_factory=list)
    saved: list[Saved] = field(default_factory=list)
    recalled: set[str] = field(default_factory=set)
    burnt: set[str] = field(default_factory=set)
    announced: Counter[tuple[str, int]] = field(default_factory=Counter)
    _between: dict[tuple[str, str], list[Written]] = field(default_factory=dict)
    _sorted: int = 0

    def between(self, writer: str, reader: str) -> list[Written]:
        """Letters of one bond and direction in the order of their acceptance."""
        for written in islice(self.written.values(), self._sorted, None):
            self._between.setdefault((written.writer, written.reader), []).append(written)
        self._sorted = len(self.written)
        return self._between.get((writer, reader), [])
