"""Which symbols go into which parcel: whole passes over a bundle, and answers to a `want`.

A pass sends k symbols of every group, beginning with indices not sent before, so that a second pass helps a reader
who holds a part of the first. Parcels of a pass are a function of the bundle's size class only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tiercel.limits import GROUP_INDICES
from tiercel.parcel.profiles import capacity
from tiercel.parcel.symbols import Layout
from tiercel.ports import Profile

Ref = tuple[int, int]
"""A symbol: (group, index)."""

SMALL_PARCELS_MAX = 8
"""A bundle that needs more small parcels than this takes the next larger profile: fewer names, fewer syncs."""


def profile_for(layout: Layout, profiles: Sequence[Profile]) -> Profile:
    """The smallest profile that carries the bundle in a few parcels, else the largest. Depends on size only."""
    for profile in profiles:
        room = capacity(profile, layout.symbol_bytes)
        if room and layout.groups * layout.k <= SMALL_PARCELS_MAX * room:
            return profile
    return profiles[-1]


def whole_pass(layout: Layout, first_index: int) -> Iterator[Ref]:
    """k symbols of every group, from ``first_index`` on, wrapping at 256."""
    for group in range(layout.groups):
        for step in range(layout.k):
            yield group, (first_index + step) % GROUP_INDICES


def wanted_pass(layout: Layout, first_index: int, wanted: Iterable[tuple[int, int]]) -> Iterator[Ref]:
    """As many fresh symbols of each group as the other side lacks, none twice; groups out of range are passed over."""
    for group, missing in dict(wanted).items():
        if group < layout.groups:
            for step in range(min(missing, layout.k)):
                yield group, (first_index + step) % GROUP_INDICES


def in_parcels(refs: Iterable[Ref], layout: Layout, profile: Profile) -> Iterator[tuple[Ref, ...]]:
    """Cut refs into parcels of a profile."""
    room = capacity(profile, layout.symbol_bytes)
    batch: list[Ref] = []
    for ref in refs:
        batch.append(ref)
        if len(batch) == room:
            yield tuple(batch)
            batch = []
    if batch:
        yield tuple(batch)
