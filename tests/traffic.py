"""Two people who write for years over slow roads that lose: what arrives, with which keys, beside plain re-sending.

The post takes a letter in one copy after another. Whether a copy is lost and how long it is on its way is drawn from
the seed, the letter and the number of the copy alone; so a model that does nothing but re-send, without keys, epochs
or lives, is met by the same chances, and what it cannot bring in time nobody could.

Source: the table of security.md 3.5.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tiercel.carriers.base import FILE, STICK
from tiercel.errors import ParcelMissing
from tiercel.limits import DAY_MS, PARCEL_HEAD_BYTES
from tiercel.ports import Listed, Road
from tiercel.runtime import bonds, doctor, syncing, writing
from tiercel.runtime.home import Home
from tiercel.runtime.views import Draft
from tiercel.testing.clock import FakeClock
from tiercel.testing.entropy import SeededEntropy
from tiercel.testing.world.disk import Disk, Snapshot
from tiercel.vault import roads
from tiercel.vault.roads import CarrierRow
from tiercel.wire import from_base32

START_MS: Final = 1_750_000_000_000
PASSPHRASE: Final = "a quiet evening"
SLOW_DAYS: Final = (14.0, 60.0)
FAST_DAYS: Final = (0.05, 2.0)
TEXT_BYTES: Final = (5.8, 0.9)  # of its logarithm, mean and deviation: as long as the real letters of tests/simulation
BACKUP_DAYS: Final = 10.0
ROAD: Final = Road("slow post", (FILE, STICK), round(SLOW_DAYS[1]) * DAY_MS, talks_back=True, shows_own=False)
"""A listing shows only what the other side put; up to sixty days one way."""


@dataclass(frozen=True)
class Case:
    """What is asked of a correspondence. ``after_days``: how long nobody writes, and visits go on, at the end."""

    name: str
    loss: float = 0.1
    slow: float = 0.25
    per_week: float = 2.0
    one_sided: bool = False
    restore_days: float | None = None
    days: float = 730.0
    after_days: float = 200.0


@dataclass
class Figures:
    """What came of it, over any number of seeds."""

    letters: int = 0
    unreadable: int = 0  # copies that came whole and could not be opened
    late: int = 0  # letters not there at the horizon
    never: int = 0  # nor after the quiet days
    forgotten: int = 0  # of these, letters that their writer's vault forgot with an older copy
    late_monthly: int = 0  # not there at the horizon by re-sending every thirty days for ever
    late_daily: int = 0  # and every day
    seals: int = 0
    last_resort: int = 0
    expired: int = 0
    key_days: list[float] = field(default_factory=list)

    def add(self, other: Figures) -> None:
        """Count another seed to these."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass(frozen=True)
class Fate:
    """What becomes of one copy."""

    lost: bool
    delay_ms: int


class Chance:
    """Every draw of one seed. A copy of a letter has its fate whoever sends it."""

    def __init__(self, case: Case, seed: int) -> None:
        self.case, self.seed = case, seed
        self.others = random.Random(f"{seed} notes")

    def of_letter(self, writer: str, number: int, copy: int) -> Fate:
        """The fate of a copy: the road is the letter's own, loss and delay the copy's."""
        slow = random.Random(f"{self.seed} {writer} {number}").random() < self.case.slow
        return self._fate(slow, random.Random(f"{self.seed} {writer} {number} {copy}"))

    def of_other(self) -> Fate:
        """The fate of a note, or of a letter that the program writes by itself."""
        return self._fate(self.others.random() < self.case.slow, self.others)

    def _fate(self, slow: bool, rng: random.Random) -> Fate:
        lost = rng.random() < self.case.loss
        return Fate(lost, round(rng.uniform(*(SLOW_DAYS if slow else FAST_DAYS)) * DAY_MS))


class Post:
    """The post between two people, in virtual time."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.boxes: dict[str, dict[str, bytes]] = {"ada": {}, "bo": {}}
        self.coming: list[tuple[int, int, str, str, bytes]] = []
        self._number = itertools.count()

    def send(self, to: str, name: str, parcel: bytes, delay_ms: int) -> None:
        """Put a parcel on its way."""
        heapq.heappush(self.coming, (self.clock.now_ms() + delay_ms, next(self._number), to, name, parcel))

    def box(self, name: str) -> dict[str, bytes]:
        """What has come for somebody by now."""
        while self.coming and self.coming[0][0] <= self.clock.now_ms():
            _at, _number, to, parcel_name, parcel = heapq.heappop(self.coming)
            self.boxes[to][parcel_name] = parcel
        return self.boxes[name]


class Box:
    """The Carrier of one person: what came for it, and a slot for what leaves."""

    road = ROAD

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def list(self) -> Iterator[Listed]:
        for name, parcel in list(self.writer.post.box(self.writer.name).items()):
            yield Listed(name, len(parcel))

    def head(self, name: str) -> bytes:
        return self.fetch(name)[:PARCEL_HEAD_BYTES]

    def fetch(self, name: str) -> bytes:
        parcel = self.writer.post.box(self.writer.name).get(name)
        if parcel is None:
            raise ParcelMissing(permanent=True)
        return parcel

    def put(self, name: str, parcel: bytes | bytearray | memoryview) -> None:
        fate = self.writer.fate(name)
        if not fate.lost:
            self.writer.post.send(self.writer.other, name, bytes(parcel), fate.delay_ms)

    def flush(self) -> None: ...

    def remove(self, name: str) -> None:
        self.writer.post.box(self.writer.name).pop(name, None)

    def check(self) -> None: ...


class Writer:
    """One of the two, and what is noted of the keys and letters."""

    def __init__(self, name: str, other: str, folder: Path, post: Post, chance: Chance) -> None:
        self.name, self.other, self.post, self.chance = name, other, post, chance
        self.entropy = SeededEntropy(f"{name} {chance.seed}")
        self.disk = Disk(folder / name)
        self.home = Home(self.disk.create_vault(PASSPHRASE, self.entropy), post.clock, self.entropy, self._carrier)
        with self.home.vault.transaction():
            roads.add_carrier(self.home.vault, "post", "folder", "post", post.clock.now_ms())
        self.calm = True  # while they pair
        self.numbers: dict[bytes, int] = {}  # of each letter, by its id
        self.written_at: list[int] = []
        self.copies: Counter[int] = Counter()
        self.seen: dict[bytes, int] = {}  # one-time keys that live, and when they were made
        self.key_days: list[float] = []
        self.aside: set[bytes] = set()
        self.came: set[bytes] = set()  # also what an older copy forgot again
        self.backup: Snapshot | None = None

    def _carrier(self, _row: CarrierRow) -> Box:
        return Box(self)

    def fate(self, name: str) -> Fate:
        """What becomes of a parcel that leaves now."""
        if self.calm:
            return Fate(False, 0)
        row = self.home.vault.one(
            "SELECT letters.id FROM handed JOIN bundles_out ON bundles_out.hash = handed.bundle"
            " JOIN letters ON letters.seq = bundles_out.letter WHERE handed.name = ? AND letters.kind = 0",
            name,
        )
        if row is None or row[0] not in self.numbers:
            return self.chance.of_other()
        number = self.numbers[row[0]]
        self.copies[number] += 1
        return self.chance.of_letter(self.name, number, self.copies[number] - 1)

    def write(self) -> None:
        """One letter."""
        number = len(self.written_at)
        text = "x" * round(random.Random(f"{self.chance.seed} {number}").lognormvariate(*TEXT_BYTES))
        sent = writing.write(self.home, Draft(self.other, f"letter {number} of {self.name} {text}"))
        self.numbers[from_base32(sent.id)] = number
        self.written_at.append(self.post.clock.now_ms())

    def visit(self) -> None:
        """Visit the post, and note what became of keys."""
        report = syncing.sync(self.home)
        assert not report.troubles, report.troubles
        if self.home.vault.one("SELECT 1 FROM bonds WHERE doubted_at IS NOT NULL") and not self.calm:
            bonds.confirm(self.home, self.other)  # they spoke on the telephone
        if report.got or report.put:
            self._note()
        if report.letters:
            rows = self.home.vault.all("SELECT id FROM letters WHERE direction = 'in' AND kind = 0")
            self.came |= {letter for (letter,) in rows}

    def _note(self) -> None:
        now, vault = self.post.clock.now_ms(), self.home.vault
        live = {pid for (pid,) in vault.all("SELECT pid FROM prekeys_ours WHERE kind = 'one-time'")}
        for pid in self.seen.keys() - live:
            made_at = self.seen.pop(pid)
            if vault.one("SELECT 1 FROM prekeys_spent WHERE pid = ? AND letter IS NOT NULL", pid):
                self.key_days.append((now - made_at) / DAY_MS)
        self.seen |= dict.fromkeys(live - self.seen.keys(), now)
        self.aside |= {digest for (digest,) in vault.all("SELECT hash FROM quarantine")}

    def keep_backup(self) -> None:
        """Copy the vault, as people should."""
        self.backup = self.disk.snapshot()

    def put_back(self) -> None:
        """The machine is gone; the newest backup takes its place, and its owner says so."""
        if self.backup is None:
            return
        self.home.close()
        self.disk.restore(self.backup)
        self.home = Home(self.disk.open_vault(PASSPHRASE, self.entropy), self.post.clock, self.entropy, self._carrier)
        doctor.accept_old_copy(self.home)
        self.seen = {}
        if self.home.vault.one("SELECT 1 FROM bonds WHERE doubted_at IS NOT NULL"):
            bonds.confirm(self.home, self.other)


class Correspondence:
    """Two writers through all their days."""

    def __init__(self, case: Case, seed: int, folder: Path) -> None:
        self.case, self.clock = case, FakeClock(START_MS)
        self.rng = random.Random(f"{seed} habits")
        self.chance = Chance(case, seed)
        post = Post(self.clock)
        self.ada = Writer("ada", "bo", folder, post, self.chance)
        self.bo = Writer("bo", "ada", folder, post, self.chance)
        self.writers = (self.ada, self.bo)
        self._pair()

    def _pair(self) -> None:
        bonds.accept(self.bo.home, bonds.invite(self.ada.home, "bo", "post"), "ada", "post")
        for writer in (self.bo, self.ada, self.bo, self.ada):
            writer.visit()
        bonds.confirm(self.ada.home, "bo")
        bonds.confirm(self.bo.home, "ada")
        for writer in (*self.writers, *self.writers, *self.writers):
            writer.visit()
        for writer in self.writers:
            assert bonds.bonds(writer.home)[0].state == "bonded"
            writer.calm = False

    def live(self) -> Figures:
        """All of it; what came of it."""
        start = self.clock.now_ms()
        self._days(start, start + round(self.case.days * DAY_MS))
        horizon = self.clock.now_ms()
        late = self._missing()
        self._days(horizon, horizon + round(self.case.after_days * DAY_MS), quiet=True)
        never = self._missing()
        figures = Figures(letters=sum(len(writer.written_at) for writer in self.writers))
        figures.late, figures.never = len(late), len(never)
        figures.forgotten = sum(letter not in self._known(name) for name, letter in never)
        for writer in self.writers:
            figures.unreadable += len(writer.aside)
            figures.key_days += writer.key_days
            figures.late_monthly += model(self.chance, writer, horizon, 30 * DAY_MS)
            figures.late_daily += model(self.chance, writer, horizon, DAY_MS)
            self._count_states(writer, figures)
            writer.home.close()
            writer.disk.close()
        return figures

    def _count_states(self, writer: Writer, figures: Figures) -> None:
        rows = writer.home.vault.all(
            "SELECT what, count(*) FROM events JOIN letters ON letters.seq = events.letter"
            " WHERE direction = 'out' AND kind = 0 GROUP BY what"
        )
        for what, count in rows:
            figures.seals += count if what.startswith("sealed") else 0
            figures.last_resort += count if "last-resort" in what else 0
            figures.expired += count if what == "expired" else 0

    def _known(self, name: str) -> set[bytes]:
        writer = self.ada if name == "ada" else self.bo
        return {letter for (letter,) in writer.home.vault.all("SELECT id FROM letters WHERE direction = 'out'")}

    def _missing(self) -> set[tuple[str, bytes]]:
        """Letters that never came to their reader, by writer and id."""
        found = set()
        for writer, reader in (self.writers, self.writers[::-1]):
            found |= {(writer.name, letter) for letter in writer.numbers.keys() - reader.came}
        return found

    def _days(self, start_ms: int, end_ms: int, quiet: bool = False) -> None:
        """Let both write and visit, once a day each, until an instant."""
        acts = list(self._acts(start_ms, end_ms, quiet))
        for at, _n, writer, act in sorted(acts, key=lambda each: each[:2]):
            self.clock.advance(ms=max(0, at - self.clock.now_ms()))
            getattr(writer, act)()
        self.clock.advance(ms=max(0, end_ms - self.clock.now_ms()))

    def _acts(self, start_ms: int, end_ms: int, quiet: bool) -> Iterator[tuple[int, int, Writer, str]]:
        number = itertools.count()
        every = {"visit": 1.0}
        if not quiet and self.case.restore_days is not None:
            every |= {"keep_backup": BACKUP_DAYS, "put_back": self.case.restore_days}
        for writer in self.writers:
            for act, days in every.items():
                at = start_ms + self.rng.random() * days * DAY_MS
                while at < end_ms:
                    yield round(at), next(number), writer, act
                    at += self.rng.uniform(0.6, 1.4) * days * DAY_MS
            at = start_ms + self.rng.expovariate(self.case.per_week / 7) * DAY_MS
            while at < end_ms and not quiet and not (self.case.one_sided and writer is self.bo):
                yield round(at), next(number), writer, "write"
                at += self.rng.expovariate(self.case.per_week / 7) * DAY_MS


def model(chance: Chance, writer: Writer, horizon_ms: int, every_ms: int) -> int:
    """How many letters of a writer are not there at the horizon if each is sent again at intervals, for ever.

    No keys, no lives, no receipts: a letter leaves within a day of its writing and is there when its first copy is.
    """
    late = 0
    for number, written_at in enumerate(writer.written_at):
        sent, arrives = written_at + DAY_MS // 2, []
        for copy in itertools.count():
            at = sent + copy * every_ms
            if at >= horizon_ms:
                break
            fate = chance.of_letter(writer.name, number, copy)
            arrives += [] if fate.lost else [at + fate.delay_ms]
        late += min(arrives, default=horizon_ms) + DAY_MS // 2 > horizon_ms
    return late
