"""Rare states that the worlds of many seeds must reach sometimes: a simulator that never gets there proves little.

Each is declared here and reached by being seen: in what an act did, in the steps of a letter's way, or in counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .people import Change, Person
    from .plan import Act
    from .world import World

SOMETIMES: Final[frozenset[str]] = frozenset(
    {
        "a clock in doubt was confirmed",
        "a disk failed under an act",
        "a held letter was sent after all",
        "a letter was asked back",
        "a letter was kept as a draft because the bond is over",
        "a letter was not to be opened yet",
        "a letter was opened with the last-resort key",
        "an older copy refused to send",
        "one road failed and another worked in the same visit",
        "expired, then arrived",
        "return crossed with reading",
    }
)


def wonders_of(world: World, person: Person, act: Act, outcome: str, changes: list[Change]) -> set[str]:
    """The rare states that one act reached."""
    found = set()
    for change in changes:
        if change.direction == "in" and change.weaker:
            found.add("a letter was opened with the last-resort key")
        if change.state == "crossed":
            found.add("return crossed with reading")
    return found
