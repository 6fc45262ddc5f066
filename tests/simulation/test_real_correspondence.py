"""149 real letters through two vaults and a folder that shuffles, doubles, replays and loses."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from people import Person, bonded
from post_office import PostOffice, settle
from tiercel.limits import DAY_MS, SERVICE_LETTER_DAYS
from tiercel.runtime import reading
from tiercel.runtime.views import EventView, SyncReport
from tiercel.vault import bonds as bond_rows

Real = list[dict[str, Any]]


class Correspondence:
    """Bahr and Schnitzler, each with a vault, and what they wrote so far."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.bahr, self.schnitzler = bonded(folder, seed)
        self.people = {"bahr": self.bahr, "schnitzler": self.schnitzler}
        self.clock = self.bahr.clock
        self.post = PostOffice(folder / "post", self.rng)
        self.written: dict[str, tuple[dict[str, Any], Path | None]] = {}
        self.shown: Counter[str] = Counter()  # how often a letter appeared in its reader's list
        self.told = 0  # letters that the reports of all visits called newly whole

    def write(self, letter: dict[str, Any], enclosure: Path | None = None) -> None:
        more: dict[str, Any] = {"enclosures": (enclosure,)} if enclosure else {}
        writer = self.people[letter["sender"]]
        letter_id = writer.write(letter["body"], dated=letter["date"], place=letter["place"] or None, **more)
        self.written[letter_id] = (letter, enclosure)

    def visit(self, person: Person) -> None:
        """Visit the folder; then chance has it."""
        self.sync(person)
        self.post.shuffle(losses=0.05)

    def sync(self, person: Person) -> SyncReport:
        """Visit the folder and count what appears."""
        before = [each.id for each in reading.letters(person.home) if each.direction == "in"]
        report = person.sync()
        now = [each.id for each in reading.letters(person.home) if each.direction == "in"]
        assert set(before) <= set(now) and len(set(now)) == len(now)
        self.shown.update(set(now) - set(before))
        self.told += report.letters
        return report

    def settle(self) -> None:
        """Both visit until every receipt is home; these visits are counted like all others."""
        settle((self.bahr, self.schnitzler), visit=self.sync)

    def visits_until(self, end_ms: int, days: tuple[float, float], due: dict[str, int]) -> None:
        """Let both come to the folder at random intervals until an instant."""
        while True:
            name = min(due, key=lambda each: due[each])
            if due[name] > end_ms:
                break
            self.clock.advance(ms=max(0, due[name] - self.clock.now_ms()))
            self.visit(self.people[name])
            due[name] += round(self.rng.uniform(*days) * DAY_MS)
        self.clock.advance(ms=max(0, end_ms - self.clock.now_ms()))

    def check(self, folder: Path) -> None:
        """All arrived once, byte for byte, in both vaults; every receipt home."""
        assert set(self.shown) == set(self.written) and set(self.shown.values()) == {1}
        assert self.told == len(self.written), "told of once"
        for writer, reader, name in (
            (self.bahr, self.schnitzler, "bahr"),
            (self.schnitzler, self.bahr, "schnitzler"),
        ):
            sent = {key: value for key, value in self.written.items() if value[0]["sender"] == name}
            assert {each.id for each in reading.letters(reader.home) if each.direction == "in"} == set(sent)
            numbers = [each.number for each in reading.letters(writer.home) if each.direction == "out"]
            assert sorted(filter(None, numbers)) == list(range(1, len(sent) + 1))
            for letter_id, (letter, enclosure) in sent.items():
                assert writer.state(letter_id) == "arrived"
                assert [event.what for event in self.events(reader, letter_id)].count("arrived") == 1
                for person in (writer, reader):
                    opened = reading.read(person.home, letter_id)
                    assert opened.body.encode() == letter["body"].encode()
                    assert (opened.place, opened.dated) == (letter["place"] or None, letter["date"])
                if enclosure is not None:
                    assert_same(reading.save_enclosure(reader.home, letter_id, 1, folder)[0], enclosure)

    def events(self, person: Person, letter_id: str) -> tuple[EventView, ...]:
        """A letter's way, as a person's vault tells it."""
        return tuple(reading.track(person.home, letter_id).events)

    def service_days(self, person: Person) -> list[int]:
        """The days on which a person's vault made service letters."""
        rows = person.home.vault.all(
            "SELECT written_at FROM letters WHERE kind = 1 AND direction = 'out' ORDER BY written_at"
        )
        return [at // DAY_MS for (at,) in rows]


def assert_same(one: Path, other: Path) -> None:
    with one.open("rb") as a, other.open("rb") as b:
        while chunk := a.read(1 << 20):
            assert chunk == b.read(1 << 20)
        assert b.read(1) == b""


def random_file(path: Path, size: int, rng: random.Random) -> Path:
    """Random at both ends and in places, sparse between."""
    with path.open("wb") as file:
        file.truncate(size)
        for at in (0, size - 4096, *(rng.randrange(size - 4096) for _ in range(16))):
            file.seek(at)
            file.write(rng.randbytes(4096))
    return path


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.full) for n in range(10, 18))])
def test_the_real_correspondence_spread_over_months(tmp_path: Path, real_letters: Real, seed: int) -> None:
    them = Correspondence(tmp_path, seed)
    due = {"bahr": them.clock.now_ms(), "schnitzler": them.clock.now_ms()}
    film = random_file(tmp_path / "Reigen.bin", 8 << 20, them.rng)
    for n, letter in enumerate(real_letters):
        them.visits_until(them.clock.now_ms() + round(them.rng.uniform(0, 11) * DAY_MS), (0.1, 9), due)
        them.write(letter, film if n == 70 else None)
    them.visits_until(them.clock.now_ms() + 40 * DAY_MS, (0.1, 9), due)
    them.settle()
    them.check(tmp_path)
    for person in (them.bahr, them.schnitzler):
        bond = bond_rows.all_bonds(person.home.vault)[0]
        generations = [root.generation for root in bond_rows.roots_of(person.home.vault, bond.id, bond.direction)]
        assert max(generations) > 5 and min(generations) > 0, "roots are renewed and old ones dropped"
        days = them.service_days(person)
        assert all(later - earlier >= SERVICE_LETTER_DAYS - 1 for earlier, later in itertools.pairwise(days))
    expired = them.bahr.home.vault.one("SELECT count(*) FROM prekeys_spent WHERE letter IS NULL")
    assert expired and expired[0], "some gifts died unused"


@pytest.mark.parametrize("seed", [3, *(pytest.param(n, marks=pytest.mark.full) for n in range(20, 28))])
def test_the_real_correspondence_in_one_night(tmp_path: Path, real_letters: Real, seed: int) -> None:
    """All letters within hours and few visits: prekeys run out, the last-resort key carries on."""
    them = Correspondence(tmp_path, seed)
    for letter in real_letters:
        them.clock.advance(ms=60_000)
        them.write(letter)
        if them.rng.random() < 0.02:
            them.visit(them.rng.choice([them.bahr, them.schnitzler]))
    for _ in range(8):
        them.clock.advance(days=them.rng.random())
        them.visit(them.rng.choice([them.bahr, them.schnitzler]))
    them.settle()
    them.check(tmp_path)
    weaker = them.bahr.home.vault.one("SELECT count(*) FROM letters WHERE weaker = 1 AND direction = 'out'")
    assert weaker and weaker[0] > 10


@pytest.mark.full
def test_the_real_correspondence_with_a_gibibyte_enclosed(tmp_path: Path, real_letters: Real) -> None:
    them = Correspondence(tmp_path, 5)
    film = random_file(tmp_path / "film.bin", 1 << 30, them.rng)
    for n, letter in enumerate(real_letters):
        them.clock.advance(days=them.rng.uniform(0, 3))
        them.write(letter, film if n == 70 else None)
        if them.rng.random() < 0.5:
            them.visit(them.rng.choice([them.bahr, them.schnitzler]))
    them.settle()
    them.check(tmp_path)
