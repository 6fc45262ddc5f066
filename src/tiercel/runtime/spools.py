"""The enclosures that a visit gathers: several at once, noted together, finished when nothing of them lacks.

Every few parcels all files are made durable and one transaction notes what they hold; then those parcels may leave the
road. One enclosure that cannot be put together stops nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

from tiercel.delivery.events import EnclosureCame
from tiercel.delivery.generations import Lock
from tiercel.errors import Damaged, MalformedError, SealError
from tiercel.parcel.box import Kind, Symbols
from tiercel.parcel.symbols import layout_of
from tiercel.vault import bonds, bundles, roads
from tiercel.vault.bonds import Bond

from . import arriving
from .home import Home
from .keyring import heard
from .opening import POISON
from .planning import RoadAt
from .setting_aside import Aside
from .spool import EnclosureSpool, claim, is_complete

NOTE_EVERY_PARCELS = 32
"""Enclosure parcels taken in between two durable notes: 32 MiB of the largest kind."""

SPOOLS_OPEN_MAX = 64
"""Files of enclosures open at once: a letter may bring a thousand."""


class Spools:
    """What one visit to one road gathers. ``letters`` counts those that became whole."""

    def __init__(self, home: Home, road: RoadAt, visit: int, aside: Aside, noted: Callable[[str], None]) -> None:
        """For a visit of that number; ``noted`` is called with each parcel that may leave the road."""
        self.home, self.road, self.visit, self.aside, self.noted = home, road, visit, aside, noted
        self.letters = 0
        self._open: dict[tuple[int, bytes], EnclosureSpool] = {}
        self._held_back: list[tuple[str, Lock]] = []  # in a spool, not noted yet

    def add(self, name: str, lock: Lock, bond: Bond, box: Symbols) -> None:
        """Take in one parcel; it may leave the road when it is noted.

        Raises:
            LimitError: It has no room here.
            DiskFull, VaultError: The disk failed; nothing that was noted is lost.
            MalformedParcel: It does not agree with what came before.
        """
        key = (bond.id, box.bundle_hash)
        if key not in self._open:
            self._open[key] = EnclosureSpool(self.home, bond, box)
        self._open[key].add(box)
        self._held_back.append((name, lock))
        if len(self._held_back) >= NOTE_EVERY_PARCELS or len(self._open) >= SPOOLS_OPEN_MAX:
            self.note()

    def note(self) -> None:
        """Make what was gathered durable, then let those parcels leave the road, then see what is whole."""
        if not self._held_back:
            return
        with self.home.office.transaction():
            for spool in self._open.values():
                spool.note()
            for lock in {lock.keys.tag_key: lock for _name, lock in self._held_back}.values():
                heard(self.home, lock)
        for name, _lock in self._held_back:
            self.noted(name)
        self._held_back.clear()
        for key in list(self._open):
            self._finish(key)
        if len(self._open) >= SPOOLS_OPEN_MAX:
            self.close()

    def resume(self) -> None:
        """An enclosure whose last parcel was noted before a crash is not sent again: it is finished now.

        What failed at an earlier visit and is gone from the road by now is forgotten.
        """
        self.aside.forget_gone()
        for bond_id in roads.bonds_on(self.home.vault, self.road.row.id):
            for row in bundles.gathering(self.home.vault, bond_id, Kind.ENCLOSURE):
                if is_complete(row):
                    bond = bonds.bond_by_id(self.home.vault, bond_id)
                    box = Symbols(Kind.ENCLOSURE, row.hash, row.length, layout_of(row.length), (), b"")
                    self._open[bond_id, row.hash] = EnclosureSpool(self.home, bond, box)
                    self._finish((bond_id, row.hash))

    def _finish(self, key: tuple[int, bytes]) -> None:
        """Once an enclosure is whole it goes to its letters; one that cannot be taken in stops nothing else."""
        spool = self._open[key]
        try:
            if not spool.finish():
                return
            self._claim(spool)
        except Damaged as error:
            self.aside.say(str(error))
        except (MalformedError, SealError, *POISON) as error:
            if self.aside.enclosure(spool.row.hash, error):
                spool.begin_anew()
        spool.close()
        del self._open[key]

    def _claim(self, spool: EnclosureSpool) -> None:
        whole = 0
        with self.home.office.transaction():
            assert spool.row.file is not None
            for letter in claim(self.home, spool.bond, spool.row.hash, spool.row.file):
                whole += arriving.complete(self.home, letter)
            self.home.office.tell(EnclosureCame(spool.bond.id, spool.row.hash))
        self.letters += whole

    def close(self) -> None:
        """Close all files. What was not noted is still on the road."""
        for spool in self._open.values():
            spool.close()
        self._open.clear()
