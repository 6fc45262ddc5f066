"""What bundles still lack is asked for: once after each visit that brought something of them, and what letters wait for
again after a while, also when nothing of it is here.

The other side may believe that one is here and send it no more: its `have` was of a vault that an older copy replaced,
or the want for its rest was lost. Source: spec/delivery.md 6.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import islice

from tiercel.limits import DAY_MS, NOTE_ITEMS_MAX, WANT_AGAIN_DAYS
from tiercel.parcel.box import Kind
from tiercel.parcel.gather import lacking
from tiercel.parcel.symbols import layout_of
from tiercel.sealing.stream import sealed_size
from tiercel.vault import bonds, bundles, letters, notes, roads
from tiercel.vault.bundles import BundleIn
from tiercel.vault.letters import Enclosure

from .home import Home


def ask_for_rest(home: Home, carrier: int) -> None:
    """After reading all there was on a road: say what bundles still lack, once for each state they are in."""
    for bond_id in roads.bonds_on(home.vault, carrier):
        for row in bundles.unasked(home.vault, bond_id):
            detail = _packed(missing_groups(home, row, NOTE_ITEMS_MAX))
            with home.vault.transaction():
                notes.unsay(home.vault, bond_id, notes.WANT, row.hash)
                if detail:
                    notes.say(home.vault, bond_id, notes.WANT, row.hash, detail)
                bundles.change_in(home.vault, bond_id, row.hash, asked=1)


def ask_again(home: Home) -> None:
    """Say what every enclosure still lacks that was not asked for in the last week."""
    now = home.clock.now_ms()
    for bond, item in letters.enclosures_overdue(home.vault, now, WANT_AGAIN_DAYS * DAY_MS):
        detail = _packed(_lacking(home, bond, item))
        with home.vault.transaction():
            letters.enclosure_asked(home.vault, item, now)
            if detail and bonds.bond_by_id(home.vault, bond).state == "bonded":
                notes.unsay(home.vault, bond, notes.WANT, item.bundle_hash)
                notes.say(home.vault, bond, notes.WANT, item.bundle_hash, detail)


def _lacking(home: Home, bond: int, item: Enclosure) -> list[tuple[int, int]]:
    here = bundles.in_by_hash(home.vault, bond, item.bundle_hash)
    if here is not None:
        return missing_groups(home, here, NOTE_ITEMS_MAX) if here.standing == "gathering" else []
    layout = layout_of(sealed_size(item.size))
    return [(group, layout.k) for group in range(min(layout.groups, NOTE_ITEMS_MAX))]


def missing_groups(home: Home, row: BundleIn, most: int) -> list[tuple[int, int]]:
    """What a bundle that is being gathered still lacks: (group, how many symbols), the first ``most`` groups."""
    counts: Iterable[tuple[int, int]] = bundles.symbol_counts(home.vault, row.bond, row.hash)
    if row.kind == Kind.ENCLOSURE:
        held = bundles.each_held(home.vault, row.bond, row.hash)
        counts = ((group, int.from_bytes(bits, "little").bit_count()) for group, bits in held)
    return list(islice(lacking(layout_of(row.length), counts), most))


def _packed(groups: Iterable[tuple[int, int]]) -> bytes:
    return b"".join(struct.pack(">IH", *group) for group in groups)
