"""Which symbols go into which parcel: whole passes over a bundle, and answers to a `want`.

A pass sends k symbols of every group, beginning with indices not sent before on any road: so several roads carry
different symbols, whichever arrive first rebuild the bundle, and a second pass helps a reader who holds a part of the
first. Where nobody can ask again a pass carries repair symbols too. Parcels of a pass are a function of the bundle's
size class and of the road only.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from tiercel.limits import GROUP_INDICES
from tiercel.parcel.profiles import capacity
from tiercel.parcel.symbols import Layout
from tiercel.ports import Profile

Ref = tuple[int, int]
"""A symbol: (group, index)."""

SMALL_PARCELS_MAX = 8
"""A bundle that needs more small parcels than this takes the next larger profile: fewer names, fewer syncs."""
REPAIR_PERCENT = 50
"""Repair symbols of a pass on a road that never talks back, of the k it needs: any third of its parcels may be lost.

Sheets get wet and codes are misread, and nobody can ask for the rest; a road that talks back needs none, because what
lacks is asked for by its group.
"""
_REF = struct.Struct(">IB")


def pack_refs(refs: Iterable[Ref]) -> bytes:
    """Symbol references as the vault keeps them."""
    return b"".join(_REF.pack(*ref) for ref in refs)


def unpack_refs(data: bytes) -> list[Ref]:
    """Undo :func:`pack_refs`."""
    return list(_REF.iter_unpack(data))


def profile_for(layout: Layout, profiles: Sequence[Profile]) -> Profile | None:
    """The smallest profile that carries the bundle in a few parcels, else the largest. Depends on size only.

    None where not even the largest holds a symbol of it: such a road does not carry this bundle.
    """
    fitting = [(profile, room) for profile in profiles if (room := capacity(profile, layout.symbol_bytes))]
    few = (profile for profile, room in fitting if layout.groups * layout.k <= SMALL_PARCELS_MAX * room)
    return next(few, fitting[-1][0] if fitting else None)


def repair_of(layout: Layout, profile: Profile, talks_back: bool) -> int:
    """Repair symbols of each group in a pass: none where the other side can ask, else enough to lose any one parcel."""
    if talks_back:
        return 0
    share = -(-layout.k * REPAIR_PERCENT // 100)
    return max(share, min(layout.k, capacity(profile, layout.symbol_bytes)))


def whole_pass(
    layout: Layout, profile: Profile, first_index: int, talks_back: bool = True
) -> Iterator[tuple[Ref, ...]]:  # fmt: skip
    """The parcels of a pass: k symbols of every group from ``first_index`` on, and repair in parcels of its own."""
    repair = repair_of(layout, profile, talks_back)
    needed = in_parcels(_run(layout, first_index, layout.k), layout, profile)
    return chain(needed, in_parcels(_run(layout, first_index + layout.k, repair), layout, profile))


def _run(layout: Layout, first_index: int, count: int) -> Iterator[Ref]:
    """So many symbols of every group, wrapping at 256."""
    for group in range(layout.groups):
        for step in range(count):
            yield group, (first_index + step) % GROUP_INDICES


def wanted_pass(layout: Layout, first_index: int, wanted: Iterable[tuple[int, int]]) -> Iterator[Ref]:
    """As many fresh symbols of each group as the other side lacks, none twice; groups out of range are passed over."""
    for group, missing in dict(wanted).items():
        if group < layout.groups:
            for step in range(min(missing, layout.k)):
                yield group, (first_index + step) % GROUP_INDICES


def in_parcels(refs: Iterable[Ref], layout: Layout, profile: Profile) -> Iterator[tuple[Ref, ...]]:
    """Cut refs into parcels of a profile that holds a symbol."""
    room = capacity(profile, layout.symbol_bytes)
    batch: list[Ref] = []
    for ref in refs:
        batch.append(ref)
        if len(batch) == room:
            yield tuple(batch)
            batch = []
    if batch:
        yield tuple(batch)
