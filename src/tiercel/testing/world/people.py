"""A person of a simulated world: a vault on a disk, a clock that may be wrong, and the program people get.

What a person does stands in :mod:`.acts`; here is what a person has, and what becomes of it when the machine goes down,
an older copy is put back, or the clock jumps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tiercel.limits import DAY_MS
from tiercel.parcel.box import Kind
from tiercel.runtime.home import Home
from tiercel.testing.entropy import SeededEntropy
from tiercel.vault.roads import CarrierRow
from tiercel.wire import from_base32, to_base32

from .disk import Disk, Lost, PowerCut, Snapshot
from .fault_disk import FaultDisk
from .plan import PersonPlan
from .roads import Handle

if TYPE_CHECKING:
    from random import Random

    from .world import World

PASSPHRASE = "a quiet evening"


class WorldClock:
    """The clock of one machine: the true time, fast or slow by its drift, and wrong by what was set."""

    def __init__(self, true_ms: Callable[[], int], drift_ppm: float) -> None:
        self._true_ms = true_ms
        self._drift = drift_ppm / 1e6
        self._right_at = true_ms()
        self.offset_ms = 0

    def now_ms(self) -> int:
        """What it shows: UTC milliseconds since 1970."""
        true = self._true_ms()
        return true + self.offset_ms + round((true - self._right_at) * self._drift)

    @property
    def is_right(self) -> bool:
        """Whether a person who compares it with another clock would believe it."""
        return abs(self.now_ms() - self._true_ms()) < DAY_MS // 2

    def set_right(self) -> None:
        """Somebody sets it."""
        self._right_at, self.offset_ms = self._true_ms(), 0


@dataclass(slots=True)
class Change:
    """A letter to whose way something was added since a person's vault was last looked at."""

    id: str
    bond: int
    direction: str
    kind: int
    state: str
    number: int | None
    weaker: bool
    shown: bool
    steps: list[str]
    roads: list[str]


class Person:
    """Somebody in a world.

    Attributes:
        name: Unique in the world.
        disk: With the vault.
        home: As opened last.
        line: How often another copy took the place of the vault.
        rotten: Bytes that the disk read wrong for a while: file, offset, what is truly there.
        unnoticed: Whether a copy of the whole machine was ever used beside it.
        bonds: The name of each correspondent by the name of the bond here; they are the same.
        typed: What was typed for whom, with the digests of what was enclosed, by its text.
        unread: Letters that came and were not opened, oldest first.
        states: The state of each letter, by id, as it was seen last.
        newest: The greatest number of a letter that came, by bond.
        changes: What the vault said anew since the last step.
        backups: Copies of the disk, oldest first, each with the true time of its making.
        other_copy: Of a vault that is used on two machines, the one not in use now.
    """

    def __init__(self, world: World, plan: PersonPlan, folder: Path) -> None:
        self.world = world
        self.plan = plan
        self.name = plan.name
        self.clock = WorldClock(lambda: world.now_ms, plan.drift_ppm)
        self.entropy = SeededEntropy(f"{world.plan.seed} {plan.name}")
        self.disk: Disk = (FaultDisk if plan.faulty_disk else Disk)(folder / plan.name)
        self.desk = folder / f"{plan.name}-desk"
        self.desk.mkdir()
        self.line = 0
        self.unnoticed = False
        self.rotten: list[tuple[str, int, int]] = []
        self.bonds: dict[str, str] = {}
        self.typed: dict[str, tuple[str, tuple[bytes, ...]]] = {}
        self.unread: list[str] = []
        self.backups: list[tuple[int, Snapshot]] = []
        self.other_copy: Snapshot | None = None
        self.locks_in = 0  # acts on a road until the vault is locked under the program; 0 never
        self.changes: list[Change] = []
        self.states: dict[str, str] = {}
        self.newest: dict[int, int] = {}
        self._seen = 0
        self.home = Home(self.disk.create_vault(PASSPHRASE, self.entropy), self.clock, self.entropy, self._carrier)

    @property
    def folder(self) -> Path:
        """Of the vault."""
        return self.disk.folder

    @property
    def today(self) -> int:
        """The day that this machine shows."""
        return self.clock.now_ms() // DAY_MS

    def _carrier(self, row: CarrierRow) -> Handle:
        return Handle(self.world.roads[row.place], self.name, self._alive)

    def _alive(self) -> None:
        if not self.disk.powered:
            raise PowerCut("a dead program asks a road")
        if self.locks_in:
            self.locks_in -= 1
            if not self.locks_in:
                self.home.close()

    # -- the machine --

    def open(self) -> None:
        """Open the vault that is on the disk, as a new run of the program does."""
        vault = self.disk.open_vault(PASSPHRASE, self.entropy)
        self.home = Home(vault, self.clock, self.entropy, self._carrier)

    def reopen(self) -> None:
        """End the program and begin it again."""
        self.home.close()
        self.open()

    def crash(self, lost: Lost = Lost.NOTHING, rng: Random | None = None) -> None:
        """The machine goes down where it is, and is started again."""
        self.disk.crash(lost, rng)
        for road in self.world.roads.values():
            road.crashed(self.name)
        self.open()

    def put_back(self, copy: Snapshot, *, marker: bool) -> None:
        """Put an older or other copy in place of the vault; ``marker``: the whole machine is that copy."""
        self.home.close()
        self.disk.restore(copy, marker=marker)
        self.line += 1
        self.unnoticed |= marker
        self.open()
        self._seen = self._newest_event()
        self.unread = self._unopened()

    def close(self) -> None:
        """Remove everything this person has."""
        self.disk.close()

    # -- what the vault says, for the world --

    def look(self) -> list[Change]:
        """The letters to whose way something was added since the last look, oldest first."""
        rows = self.home.vault.all(
            "SELECT l.id, l.bond, l.direction, l.kind, l.state, l.number, l.weaker, l.shown_at IS NOT NULL,"
            " e.id, e.what, e.road FROM events e JOIN letters l ON l.seq = e.letter"
            " WHERE e.id > ? ORDER BY l.seq, e.id",
            self._seen,
        )
        found: dict[str, Change] = {}
        for letter, bond, direction, kind, state, number, weaker, shown, event, what, road in rows:
            self._seen = max(self._seen, event)
            key = to_base32(letter)
            if key not in found:
                found[key] = Change(key, bond, direction, kind, state, number, bool(weaker), bool(shown), [], [])
            found[key].steps.append(what)
            if road is not None and road not in found[key].roads:
                found[key].roads.append(road)
        return list(found.values())

    def accepted(self, letter: str) -> tuple[str, int | None, int | None]:
        """Text, deadline and first day of a letter of one's own, as the vault keeps them."""
        row = self.home.vault.one(
            "SELECT body, deadline_day, not_before_day FROM letters WHERE id = ? AND direction = 'out'",
            from_base32(letter),
        )
        assert row is not None
        return row[0], row[1], row[2]

    def largest_enclosure(self, letter: str) -> int:
        """The size in bytes of the largest enclosure of a letter; 0 where there is none."""
        row = self.home.vault.one(
            "SELECT max(e.size) FROM enclosures e JOIN letters l ON l.seq = e.letter WHERE l.id = ?",
            from_base32(letter),
        )
        return (row[0] if row else None) or 0

    def gathers(self) -> bool:
        """Whether an enclosure has begun to come and is not whole."""
        row = self.home.vault.one(
            "SELECT 1 FROM bundles_in WHERE standing = 'gathering' AND kind = ? LIMIT 1", int(Kind.ENCLOSURE)
        )
        return row is not None

    def _newest_event(self) -> int:
        row = self.home.vault.one("SELECT max(id) FROM events")
        return (row[0] if row else None) or 0

    def _unopened(self) -> list[str]:
        rows = self.home.vault.all(
            "SELECT id FROM letters WHERE direction = 'in' AND kind = 0 AND shown_at IS NULL"
            " AND state IN ('arrived', 'answered') ORDER BY seq"
        )
        return [to_base32(row[0]) for row in rows]
