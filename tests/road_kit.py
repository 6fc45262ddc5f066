"""Two people with roads in memory between them: shared shelves and mailboxes that lose what they are told to lose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from people import START_MS, Person
from tiercel.carriers.memory import MAILBOX_ROAD, MEMORY_ROAD, MailboxCarrier, MemoryCarrier, mailboxes
from tiercel.limits import DAY_MS
from tiercel.ports import Carrier, Listed, Road
from tiercel.runtime import bonds, syncing
from tiercel.runtime.home import Home
from tiercel.runtime.roads import set_bond_roads
from tiercel.runtime.views import SyncReport
from tiercel.testing.clock import FakeClock
from tiercel.vault import roads

SHELF = replace(MEMORY_ROAD, delay_ms=60 * DAY_MS)
RELAY = replace(MAILBOX_ROAD, delay_ms=30 * DAY_MS)
KINDS = {"shelf": SHELF, "relay": RELAY}

Loses = Callable[[str], bool]
"""Whether a parcel of that name is lost when it is put."""


class Lossy:
    """One side of a road that takes some parcels and never delivers them. ``puts`` counts acts of putting by name."""

    def __init__(self, inner: MemoryCarrier) -> None:
        """Loses nothing until ``loses`` is set; promises nothing until ``until`` is."""
        self.inner, self.road = inner, inner.road
        self.loses: Loses = lambda _name: False
        self.until: int | None = None
        self.before_put: Callable[[str], None] = lambda _name: None
        self.puts: Counter[str] = Counter()
        self.order: list[str] = []

    def list(self) -> Iterator[Listed]:
        yield from self.inner.list()

    def head(self, name: str) -> bytes:
        return self.inner.head(name)

    def fetch(self, name: str) -> bytes:
        return self.inner.fetch(name)

    def put(self, name: str, parcel: bytes | bytearray | memoryview) -> int | None:
        self.before_put(name)
        self.puts[name] += 1
        self.order.append(name)
        if not self.loses(name):
            self.inner.put(name, parcel)
        return self.until

    def flush(self) -> None:
        self.inner.flush()

    def remove(self, name: str) -> None:
        self.inner.remove(name)

    def check(self) -> None:
        self.inner.check()


class Pair:
    """Ada and Bo, bonded over the first of some roads in memory and using all of them.

    Args:
        folder: For their vaults.
        kinds: What each road is, by its name: ``shelf`` (both see all of it) or ``relay`` (each its own box).
        seed: Of what is random in their vaults.
    """

    def __init__(self, folder: Path, kinds: Mapping[str, str | Road], seed: int | str = 1) -> None:
        """They are bonded, and nothing is lost yet."""
        self.clock = FakeClock(START_MS)
        self.ada, self.bo = Person(folder, "ada", self.clock, seed), Person(folder, "bo", self.clock, seed)
        self.sides: dict[str, dict[str, Lossy]] = {"ada": {}, "bo": {}}
        for name, kind in kinds.items():
            self.add_road(name, kind)
        first = next(iter(kinds))
        bonds.accept(self.bo.home, bonds.invite(self.ada.home, "bo", first), "ada", first)
        self.exchange(self.bo, self.ada)
        bonds.confirm(self.ada.home, "bo")
        bonds.confirm(self.bo.home, "ada")
        self.exchange()
        assert [bonds.bonds(person.home)[0].state for person in self.people] == ["bonded", "bonded"]
        self.use(*kinds)

    @property
    def people(self) -> tuple[Person, Person]:
        """Both."""
        return self.ada, self.bo

    def add_road(self, name: str, kind: str | Road) -> None:
        """One more road, which no bond uses yet."""
        road = KINDS[kind] if isinstance(kind, str) else kind
        shelf = MemoryCarrier(road)
        pair: tuple[MemoryCarrier, MemoryCarrier] | tuple[MailboxCarrier, MailboxCarrier] = (shelf, shelf)
        if not road.shows_own:
            pair = mailboxes(road)
        for person, side in zip(self.people, pair, strict=True):
            self.sides[person.name][name] = Lossy(side)
            with person.home.vault.transaction():
                roads.add_carrier(person.home.vault, name, "memory", "", self.clock.now_ms())
            self.open(person)

    def open(self, person: Person) -> None:
        """Give a person the roads again, as after a new start."""
        sides: Mapping[str, Carrier] = self.sides[person.name]
        person.home.open_carrier = lambda row: sides[row.name]

    def reopen(self, person: Person) -> None:
        """A new run of the program after a kill."""
        person.reopen()
        self.open(person)

    def use(self, *names: str | tuple[str, int], who: Person | None = None) -> None:
        """Both, or one, use these roads for the bond, each with the days after which it is used."""
        wanted = [(name, 0) if isinstance(name, str) else name for name in names]
        for person, other in ((self.ada, "bo"), (self.bo, "ada")):
            if who in (None, person):
                set_bond_roads(person.home, other, wanted)

    def visit(self, person: Person) -> SyncReport:
        """One visit to all roads, which all answer."""
        report = syncing.sync(person.home)
        assert not report.troubles, report.troubles
        return report

    def exchange(self, *people: Person, rounds: int = 3) -> None:
        """Visits in turn."""
        for _ in range(rounds):
            for person in people or self.people:
                self.visit(person)

    def days(self, most: int, until: Callable[[], bool], every: int = 1) -> int:
        """Both visit every so many days until something is so, at most so many days; how many it took."""
        for day in range(0, most, every):
            self.exchange(rounds=1)
            if until():
                return day
            self.clock.advance(days=every)
        raise AssertionError(f"not within {most} days")


def handed(home: Home, road: str, where: str = "1") -> list[tuple[str, bytes | None, int]]:
    """Our parcels on a road: name, bundle, whether it was put."""
    sql = f"SELECT name, bundle, put FROM handed WHERE carrier = (SELECT id FROM carriers WHERE name = ?) AND {where}"
    return [(name, bundle, put) for name, bundle, put in home.vault.all(sql, road)]
