"""T-FSYNC-1: every sync of two people's disks fails in turn, while they pair, write, and acknowledge.

A failed sync means that nobody knows what is on the disk. The program stops; then the power goes as well, taking what
was not synced; then the vault is opened again. Whatever was promised before must be there: letters accepted from their
writer, letters acknowledged to the other side, the bond itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from people import PASSPHRASE, START_MS, exchange
from tiercel.errors import DiskFull, TiercelError, UsageError, VaultError
from tiercel.runtime import bonds, reading, syncing, writing
from tiercel.runtime.home import Home
from tiercel.runtime.roads import add_folder
from tiercel.runtime.views import Draft
from tiercel.testing.clock import FakeClock
from tiercel.testing.entropy import SeededEntropy
from tiercel.testing.world.disk import Lost, Point, Snapshot
from tiercel.testing.world.fault_disk import FaultDisk
from tiercel.vault import database

TEXT = "Dear Bo, the roof is mended and the swifts are back."
PHOTOGRAPH = bytes(range(256)) * 20


class Person:
    """Somebody with a vault on a disk that can fail."""

    def __init__(self, folder: Path, name: str, clock: FakeClock) -> None:
        self.name, self.clock, self.entropy = name, clock, SeededEntropy(f"{name} on a failing disk")
        self.disk = FaultDisk(folder / name)
        self.home = Home(self.disk.create_vault(PASSPHRASE, self.entropy), clock, self.entropy)
        add_folder(self.home, "post", str(folder / "post"))

    def open(self) -> None:
        """Start the program again, and look at everything."""
        self.home = Home(self.disk.open_vault(PASSPHRASE, self.entropy), self.clock, self.entropy)
        assert self.home.vault.check() == [], f"{self.name}'s vault is damaged"

    def sync(self) -> None:
        """A visit at which every road answers."""
        report = syncing.sync(self.home)
        assert not report.troubles, report.troubles

    def has(self, letter: str) -> bool:
        """Whether a letter is in the list."""
        return any(each.id == letter for each in reading.letters(self.home))

    def state(self, letter: str) -> str:
        """The state of a letter in the list."""
        return next(each.state for each in reading.letters(self.home) if each.id == letter)


@dataclass
class Town:
    """Two people, what they were promised, and everything on disks and road at one moment."""

    folder: Path
    clock: FakeClock
    ada: Person
    bo: Person
    accepted: tuple[tuple[str, str], ...] = ()  # writer and letter id

    @property
    def people(self) -> tuple[Person, Person]:
        return self.ada, self.bo

    def copy(self) -> tuple[list[Snapshot], dict[str, bytes]]:
        road = {path.name: path.read_bytes() for path in (self.folder / "post").iterdir() if path.is_file()}
        return [person.disk.snapshot() for person in self.people], road

    def put_back(self, disks: list[Snapshot], road: dict[str, bytes]) -> None:
        for path in (self.folder / "post").iterdir():
            if path.is_file():
                path.unlink()
        for name, parcel in road.items():
            (self.folder / "post" / name).write_bytes(parcel)
        for person, disk in zip(self.people, disks, strict=True):
            person.disk.restore(disk, marker=True)
            person.open()


Act = Callable[[Town], None]


def write(name: str, other: str) -> Act:
    """Write a letter; it counts as accepted when `write` returned."""

    def act(town: Town) -> None:
        file = town.folder / "roof.jpg"
        file.write_bytes(PHOTOGRAPH)
        letter = writing.write(getattr(town, name).home, Draft(other, TEXT, enclosures=(file,))).id
        town.accepted = (*town.accepted, (name, letter))

    return act


def sync(name: str) -> Act:
    """A visit to the road."""
    return lambda town: getattr(town, name).sync()


def read_all(name: str) -> Act:
    """Read whatever came."""

    def act(town: Town) -> None:
        home = getattr(town, name).home
        for letter in reading.letters(home):
            if letter.direction == "in":
                assert reading.read(home, letter.id).body == TEXT

    return act


SYNCS = tuple((name, sync(name)) for name in ("bo", "ada", "bo", "ada", "bo"))
LIFE: tuple[tuple[str, Act], ...] = (
    *SYNCS[:4],
    ("ada", lambda town: bonds.confirm(town.ada.home, "bo")),
    ("bo", lambda town: bonds.confirm(town.bo.home, "ada")),
    ("ada", sync("ada")),
    *SYNCS[:4],
    ("ada", write("ada", "bo")),
    ("ada", sync("ada")),
    *SYNCS[:4],
    ("bo", read_all("bo")),
    ("bo", write("bo", "ada")),
    *SYNCS,
)


@pytest.fixture
def town() -> Iterator[Town]:
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder, clock = Path(name), FakeClock(START_MS)
        (folder / "post").mkdir()
        made = Town(folder, clock, Person(folder, "ada", clock), Person(folder, "bo", clock))
        bonds.accept(made.bo.home, bonds.invite(made.ada.home, "bo", "post"), "ada", "post")
        yield made
        for person in made.people:
            person.disk.close()


def fail_and_recover(town: Town, who: Person, act: Act, nth: int, rng: Random) -> bool:
    """Let the nth sync of an act fail, cut the power, start again.

    Returns:
        Whether there was an nth sync.
    """
    who.disk.fail(Point.SYNC, nth)
    failed_before = who.disk.failed
    try:
        act(town)
    except (VaultError, DiskFull, UsageError):
        assert who.disk.failed > failed_before
    who.disk.mend()
    who.disk.crash(rng.choice([Lost.ALL, Lost.SOME]), rng)
    who.open()
    return who.disk.failed > failed_before


def check_promises(town: Town) -> None:
    """What was accepted is still listed; what one side calls arrived is there on the other."""
    for name, letter in town.accepted:
        writer, reader = (town.ada, town.bo) if name == "ada" else (town.bo, town.ada)
        assert writer.has(letter), "an accepted letter is gone"
        if writer.state(letter) in ("arrived", "read"):
            assert reader.has(letter), "a letter was acknowledged and is not there"
            assert reading.read(reader.home, letter, peek=True).body == TEXT
            saved, _ = reading.save_enclosure(reader.home, letter, 1, town.folder)
            assert saved.read_bytes() == PHOTOGRAPH
            saved.unlink()


def heal(town: Town) -> None:
    """Everything works again; then every accepted letter has arrived and says what was written."""
    for person in town.people:
        if bonds.bonds(person.home)[0].state != "bonded":
            exchange(*town.people, rounds=3)  # type: ignore[arg-type]
            bonds.confirm(person.home, bonds.bonds(person.home)[0].name)
    exchange(*town.people, rounds=4)  # type: ignore[arg-type]
    for name, letter in town.accepted:
        assert getattr(town, name).state(letter) in ("arrived", "read")
    check_promises(town)


@pytest.mark.slow
def test_T_FSYNC_1_no_failed_sync_breaks_a_promise(town: Town) -> None:
    rng, points = Random(1), 0
    for name, act in LIFE:
        before, accepted = town.copy(), town.accepted
        nth = 1
        while fail_and_recover(town, getattr(town, name), act, nth, rng):
            check_promises(town)
            if nth % 6 == 1:
                heal(town)
            points, nth = points + 1, nth + 1
            town.put_back(*before)
            town.accepted = accepted
        town.put_back(*before)
        town.accepted = accepted
        act(town)
        check_promises(town)
    heal(town)
    assert len(town.accepted) == 2 and points > 150


def live_with_power_cuts(town: Town) -> None:
    """After every act the power goes, and everything that was not synced with it."""
    for name, act in LIFE:
        act(town)
        who = getattr(town, name)
        who.disk.crash(Lost.ALL)
        who.open()
        check_promises(town)
    heal(town)


def test_T_FSYNC_1_the_power_goes_after_every_act(town: Town) -> None:
    live_with_power_cuts(town)
    assert len(town.accepted) == 2


def test_T_FSYNC_1_with_less_syncing_promises_break(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: at synchronous NORMAL the same life loses what was accepted or acknowledged."""
    settings = [(name, 1 if name == "synchronous" else value) for name, value in database._SETTINGS]
    monkeypatch.setattr(database, "_SETTINGS", settings)
    for person in town.people:
        person.home.close()
        person.open()
    with pytest.raises((AssertionError, TiercelError)):
        live_with_power_cuts(town)
