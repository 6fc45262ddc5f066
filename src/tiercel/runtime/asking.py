"""What bundles still lack is asked for: once after each visit that brought something of them, and what letters wait for
again after a while, also when nothing of it is here.

The other side may believe that one is here and send it no more: its `have` was of a vault that an older copy replaced,
or the want for its rest was lost. Source: spec/delivery.md 6.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterable
from itertools import islice

from tiercel.limits import DAY_MS, NOTE_ITEMS_MAX, SPOOL_FREE_PARTS, UNCLAIMED_KEPT_DAYS, WANT_AGAIN_DAYS
from tiercel.parcel.box import Kind
from tiercel.parcel.gather import lacking
from tiercel.parcel.symbols import layout_of
from tiercel.sealing.stream import sealed_size
from tiercel.vault import bonds, bundles, letters, notes, roads
from tiercel.vault.bundles import BundleIn
from tiercel.vault.letters import Enclosure, Letter

from .home import Home

ASKED_AGAIN_MAX = 64
"""Enclosures asked for again at one visit, or given up: a letter may name a thousand that nobody has."""


def ask_for_rest(home: Home, carrier: int) -> None:
    """After reading all there was on a road: say what bundles still lack, once for each state they are in."""
    for bond_id in roads.bonds_on(home.vault, carrier):
        unasked = bundles.unasked(home.vault, bond_id)
        lacked = [(row, _packed(missing_groups(home, row, NOTE_ITEMS_MAX))) for row in unasked]
        if lacked:
            with home.vault.transaction():
                for row, detail in lacked:
                    _ask(home, row, detail)


def _ask(home: Home, row: BundleIn, detail: bytes) -> None:
    notes.unsay(home.vault, row.bond, notes.WANT, row.hash)
    if detail:
        notes.say(home.vault, row.bond, notes.WANT, row.hash, detail)
    bundles.change_in(home.vault, row.bond, row.hash, asked=1, had_at=home.clock.now_ms())


def ask_again(home: Home) -> None:
    """Say what enclosures still lack that were not asked for in the last week, or give them up."""
    now = home.clock.now_ms()
    overdue = letters.enclosures_overdue(home.vault, now, WANT_AGAIN_DAYS * DAY_MS, ASKED_AGAIN_MAX)
    if not overdue:
        return
    came = {letter.seq: bundles.letter_came_at(home.vault, letter.bond, letter.id) for letter, _item in overdue}
    with home.vault.transaction():
        for letter, item in overdue:
            over = _given_up(home, letter, item, came[letter.seq], now)
            letters.enclosure_asked(home.vault, item, None if over else now)
            detail = b"" if over else _packed(_lacking(home, letter.bond, item))
            if detail and bonds.bond_by_id(home.vault, letter.bond).state == "bonded":
                notes.unsay(home.vault, letter.bond, notes.WANT, item.bundle_hash)
                notes.say(home.vault, letter.bond, notes.WANT, item.bundle_hash, detail)


def _given_up(home: Home, letter: Letter, item: Enclosure, came: int | None, now: int) -> bool:
    """After the letter's deadline, and long after the letter and the last of the enclosure came, nobody has it."""
    if home.clock_doubtful:
        return False
    here = bundles.in_by_hash(home.vault, letter.bond, item.bundle_hash)
    newest = max(came or letter.written_at or 0, here.first_at if here else 0, here.had_at or 0 if here else 0)
    past = letter.deadline_day is not None and letter.deadline_day < now // DAY_MS
    return past or now - newest > UNCLAIMED_KEPT_DAYS * DAY_MS


def _lacking(home: Home, bond: int, item: Enclosure) -> list[tuple[int, int]]:
    """Of what has not begun to come only the first group is asked, and only if it has room: the rest follows."""
    here = bundles.in_by_hash(home.vault, bond, item.bundle_hash)
    if here is not None:
        return missing_groups(home, here, NOTE_ITEMS_MAX) if here.standing == "gathering" else []
    length = sealed_size(item.size)
    room = shutil.disk_usage(home.vault.enclosures).free // SPOOL_FREE_PARTS
    return [(0, layout_of(length).k)] if bundles.coming_bytes(home.vault, bond) + length <= room else []


def missing_groups(home: Home, row: BundleIn, most: int) -> list[tuple[int, int]]:
    """What a bundle that is being gathered still lacks: (group, how many symbols), the first ``most`` groups."""
    counts: Iterable[tuple[int, int]] = bundles.symbol_counts(home.vault, row.bond, row.hash)
    if row.kind == Kind.ENCLOSURE:
        held = bundles.each_held(home.vault, row.bond, row.hash)
        counts = ((group, int.from_bytes(bits, "little").bit_count()) for group, bits in held)
    return list(islice(lacking(layout_of(row.length), counts), most))


def _packed(groups: Iterable[tuple[int, int]]) -> bytes:
    return b"".join(struct.pack(">IH", *group) for group in groups)
