"""T-CLOCK-1: a clock that jumps ten years, forward or back, on either side or on both, while letters are under way.

No key is lost, no letter is shown as expired that was not, and when the clock is right again everything arrives.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from people import Person, bonded
from post_office import settle
from tiercel.limits import DAY_MS
from tiercel.runtime import reading, trust
from tiercel.testing.clock import FakeClock

TEN_YEARS = 3652
FAR = 40 * TEN_YEARS  # a deadline that no jump passes
JUMPS = {"ahead": (TEN_YEARS,), "back": (-TEN_YEARS,), "ahead and back": (TEN_YEARS, -TEN_YEARS)}
SIDES = {"ada": (1, 0), "bo": (0, 1), "both": (1, 1), "against each other": (1, -1)}


@dataclass
class Jump:
    """Two people with letters and enclosures under way, each with a clock of their own."""

    folder: Path
    letters: dict[str, tuple[Person, bytes | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = random.Random(47)
        self.ada, self.bo = bonded(self.folder)
        self.people = (self.ada, self.bo)
        self.right = self.ada.clock
        self.bo.clock = FakeClock(self.right.now_ms())
        self.ada.clock = FakeClock(self.right.now_ms())
        for person in self.people:
            person.reopen()

    def write(self, person: Person, size: int | None = None, days: int | None = None) -> None:
        """One letter, perhaps with an enclosure, perhaps with a deadline so many days away by that person's clock."""
        data = None if size is None else self.rng.randbytes(size)
        more: dict[str, object] = {}
        if data is not None:
            path = self.folder / f"enclosure {len(self.letters)}"
            path.write_bytes(data)
            more["enclosures"] = (path,)
        if days is not None:
            more["deadline_day"] = person.clock.now_ms() // DAY_MS + days
        self.letters[person.write(f"letter {len(self.letters)} {'x' * 3000}", **more)] = (person, data)

    def under_way(self) -> None:
        """One letter that arrived without its receipt home, one on the road, one with an enclosure half there."""
        for person, other in (self.people, self.people[::-1]):
            self.write(person, days=40)
            person.sync()
            other.sync()
            self.write(person, size=300_000)
            person.sync()
            self.write(person, days=40)
            person.sync()
            self.write(person)

    def turn(self, days: dict[Person, float]) -> None:
        """A run of the program on another day, by the clock of each."""
        for person in self.people:
            if days[person]:
                person.clock.advance(days=days[person])
                person.reopen()
            self.check(person)

    def check(self, person: Person) -> None:
        """What a person sees now: nothing expired, nothing undone."""
        states = {each.id: each.state for each in reading.letters(person.home)}
        assert "expired" not in states.values()
        for letter, (writer, _data) in self.letters.items():
            assert writer is not person or letter in states

    def keys(self) -> set[tuple[object, ...]]:
        """Every key that is kept: prekeys of both sides, and roots."""
        found: set[tuple[object, ...]] = set()
        for person in self.people:
            vault = person.home.vault
            for row in vault.all("SELECT pid FROM prekeys_ours UNION SELECT pid FROM prekeys_spent"):
                found.add((person.name, *row))
            found |= {(person.name, *row) for row in vault.all("SELECT direction, generation, epoch FROM roots")}
        return found

    def set_right(self) -> None:
        """The clocks are right again, and each person says so."""
        for person in self.people:
            person.clock = self.right
            person.reopen()
            trust.clock_ok(person.home)

    def all_arrived(self) -> None:
        for letter, (writer, data) in self.letters.items():
            reader = self.bo if writer is self.ada else self.ada
            assert writer.state(letter) == "arrived"
            assert reading.read(reader.home, letter, peek=True).body.startswith("letter ")
            if data is not None:
                path, _size = reading.save_enclosure(reader.home, letter, 1, self.folder)
                assert path.read_bytes() == data
                path.unlink()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Jump]:
    world = Jump(tmp_path)
    yield world
    for person in world.people:
        person.home.close()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("jump", JUMPS)
def test_T_CLOCK_1(world: Jump, jump: str, side: str) -> None:
    world.under_way()
    before = world.keys()
    signs = dict(zip(world.people, SIDES[side], strict=True))
    for days in JUMPS[jump]:
        world.turn({person: days * sign for person, sign in signs.items()})
        for _ in range(3):  # a few days in the wrong year
            for person in world.people:
                person.sync()
                world.write(person, days=FAR)
                person.sync()
            world.turn(dict.fromkeys(world.people, 1.0))
    assert before <= world.keys(), "a key was let go on the word of a clock"
    world.right.advance(days=3)
    world.set_right()
    world.write(world.ada, size=100_000)
    world.write(world.bo)
    settle(world.people)
    for person in world.people:
        world.check(person)
    world.all_arrived()
    for person in world.people:
        assert person.home.vault.one("SELECT count(*) FROM quarantine") == (0,)


def test_T_CLOCK_1_a_deadline_that_truly_passes_is_seen_once_the_clock_is_right(world: Jump) -> None:
    world.write(world.ada, days=40)
    world.turn({world.ada: TEN_YEARS, world.bo: 0})
    world.ada.sync()
    world.check(world.ada)
    world.right.advance(days=41)
    for path in (world.folder / "post").iterdir():
        path.unlink()
    world.set_right()
    world.ada.sync()
    assert [world.ada.state(letter) for letter in world.letters] == ["expired"]
