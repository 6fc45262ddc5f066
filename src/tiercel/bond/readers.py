"""Who can read on one side of a bond: its vaults, sticks and guardians, each since a day.

The hash every letter carries is made by the letter room; here is what a person is shown when the list changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple


class Reader(NamedTuple):
    """One reader: what kind it is, and since which UTC day (since 1970) it can read."""

    kind: str
    since_day: int


class Change(NamedTuple):
    """One difference between two reader lists."""

    what: Literal["added", "removed"]
    reader: Reader


def canonical(readers: Iterable[Reader]) -> tuple[Reader, ...]:
    """The list in its one order: by day, then by kind in UTF-8. Source: spec/letter.md, readers."""
    return tuple(sorted(readers, key=lambda reader: (reader.since_day, reader.kind.encode("utf-8"))))


def diff(old: Iterable[Reader], new: Iterable[Reader]) -> list[Change]:
    """What changed, to be shown: first who was added, then who is gone. Two readers alike count as two."""
    before, after = Counter(old), Counter(new)
    added = [Change("added", reader) for reader in canonical((after - before).elements())]
    return added + [Change("removed", reader) for reader in canonical((before - after).elements())]
