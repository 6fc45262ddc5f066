"""A visit to every road: read, step, write. Only this needs the sync lock; reading and writing letters do not."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tiercel.errors import CarrierError, CarrierFull, CarrierReadOnly, VaultRolledBack
from tiercel.vault import roads
from tiercel.vault.lock import sync_lock

from . import boxes, housekeeping, seals, way
from .home import Home
from .listening import Listening
from .opening import try_again
from .planning import RoadAt
from .quiet import Quiet
from .reading_roads import Reader
from .views import Progress, RoadTrouble, SyncReport, no_progress
from .writing_roads import Writing

WATCH_EVERY_S = 3.0


def sync(home: Home, progress: Progress = no_progress) -> SyncReport:
    """Visit every road once.

    A road that fails is reported and the others are visited all the same.

    Raises:
        SyncLocked: Another process does the road work of this vault.
        VaultRolledBack: The vault is an older copy of itself; nothing was sent.
        VaultError, DiskFull: The vault failed; everything is kept.
    """
    with sync_lock(home.vault.folder):
        if home.vault.rolled_back:
            raise VaultRolledBack()
        try:
            return _visit(home, progress)
        finally:
            home.end_visit()


def _visit(home: Home, progress: Progress) -> SyncReport:
    visit = _Visit(home, progress)
    visit.read_all()
    visit.step()
    visit.write_all()
    housekeeping.after_sync(home)
    return visit.report()


def watch(
    home: Home, each: Callable[[SyncReport], None], progress: Progress, stop: threading.Event
) -> None:  # fmt: skip
    """Look at every road again and again until ``stop``, and visit them when there may be something to do.

    Relays are not looked at: they tell. ``each`` gets the reports that say something.
    """
    home.watching = True
    listening = Listening(home)
    try:
        _watch(home, each, progress, stop, listening)
    finally:
        listening.close()


def _watch(
    home: Home, each: Callable[[SyncReport], None], progress: Progress, stop: threading.Event, listening: Listening
) -> None:
    last, quiet = None, Quiet(home, lambda: listening.count)
    while not stop.is_set():
        if not quiet.holds():
            report = sync(home, progress)
            quiet.visited(troubled=bool(report.troubles))
            listening.refresh()
            said = (report.put, report.got, report.letters, report.waiting, [str(t.error) for t in report.troubles])
            if last is None or report.put or report.got or said[3:] != last[3:]:
                each(report)
            last = said
        listening.wait(stop, WATCH_EVERY_S)


class _Visit:
    """One visit: the roads that were read, those that may be written, and what was counted."""

    def __init__(self, home: Home, progress: Progress) -> None:
        self.home, self.progress = home, progress
        self.number = home.begin_visit()
        self.roads: list[RoadAt] = []
        self.writable: list[RoadAt] = []
        self.troubles: list[RoadTrouble] = []
        self.notices: list[str] = []
        self.letters = 0

    def read_all(self) -> None:
        for opened in try_again(self.home):
            self.letters += opened.whole
            self.notices += [opened.said] if opened.said else []
        boxes.prepare(self.home)
        for row in roads.all_carriers(self.home.vault):
            road = RoadAt(row, self.home.open_carrier(row), self.number)
            self.roads.append(road)
            if self._can_be_read(road) and self._read(road):
                self.writable.append(road)

    def _can_be_read(self, road: RoadAt) -> bool:
        """A full road can be read, and that makes room; a read-only one can too. Neither is a reason not to look."""
        try:
            road.carrier.check()
        except CarrierFull:
            pass
        except CarrierReadOnly as error:
            self._trouble(road, error)
        except CarrierError as error:
            self._trouble(road, error)
            return False
        return True

    def _read(self, road: RoadAt) -> bool:
        reader = Reader(self.home, road, self.number, self.progress)
        try:
            reader.read()
        except CarrierError as error:
            self._trouble(road, error)
        finally:
            self.letters += reader.letters
            self.notices += reader.notices
        return not any(trouble.road == road.row.name for trouble in self.troubles)

    def _trouble(self, road: RoadAt, error: CarrierError) -> None:
        self.troubles.append(RoadTrouble(road.row.name, error))

    def step(self) -> None:
        housekeeping.tick(self.home)
        boxes.tell(self.home)
        self.seal()
        self.notices += way.said_of_lost(self.home)

    def seal(self) -> None:
        """Seal what waits, and put outside the vault how far it is before anything of it leaves."""
        seals.seal_waiting(self.home)
        self.home.vault.mark()

    def write_all(self) -> None:
        Writing(self.home, self.writable, self.seal, self._trouble, self.progress).write()
        for road in self.writable:
            self.notices += road.said
        self.notices += self.home.office.sentences()

    def report(self) -> SyncReport:
        return SyncReport(
            put=sum(road.put for road in self.roads),
            got=sum(road.got for road in self.roads),
            letters=self.letters,
            waiting=way.waiting(self.home),
            troubles=tuple(self.troubles),
            notices=(*self.home.notices, *dict.fromkeys(self.notices)),
        )
