"""Enclosures that letters wait for are asked for again, also when nothing of them is here.

The other side may believe that one is here and send it no more: its `have` was of a vault that an older copy replaced,
or the want for its rest was lost. Source: spec/delivery.md 6.
"""

from __future__ import annotations

import struct

from tiercel.limits import DAY_MS, NOTE_ITEMS_MAX, WANT_AGAIN_DAYS
from tiercel.parcel.symbols import layout_of
from tiercel.sealing.stream import sealed_size
from tiercel.vault import bonds, bundles, letters, notes
from tiercel.vault.letters import Enclosure

from .gathering import missing_groups
from .home import Home


def ask_again(home: Home) -> None:
    """Say what every enclosure still lacks that was not asked for in the last week."""
    now = home.clock.now_ms()
    for bond, item in letters.enclosures_overdue(home.vault, now, WANT_AGAIN_DAYS * DAY_MS):
        detail = b"".join(struct.pack(">IH", *group) for group in _lacking(home, bond, item))
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
