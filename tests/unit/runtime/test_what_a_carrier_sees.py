"""T-PAD-2 at the road's end: what a carrier sees of two people's letters takes only the values of a table."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from people import Person, bonded, exchange
from tiercel.carriers.memory import MemoryCarrier
from tiercel.limits import LETTER_CLASSES, SYMBOL_SMALL_BYTES
from tiercel.runtime.roads import add_folder
from tiercel.vault import roads

FILE, STICK = 65_536, 1_048_576
SEEN_OF_CLASS = {
    1: [FILE], 2: [FILE], 4: [FILE], 9: [FILE], 18: [FILE], 36: [FILE],
    72: [FILE] * 2, 144: [FILE] * 4, 288: [FILE] * 8, 576: [STICK],
}  # fmt: skip
"""The sizes of a letter's parcels on a folder, in the order they are put, by its class in symbols."""
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


class Watched(MemoryCarrier):
    """A carrier that writes down what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, int]] = []
        self.starts: list[bytes] = []  # of each parcel: its head and as much of its box

    def put(self, name: str, parcel: bytes | bytearray | memoryview) -> int | None:
        self.seen.append((name, len(parcel)))
        self.starts.append(bytes(parcel[:64]))
        return super().put(name, parcel)


def watched(people: tuple[Person, Person]) -> Watched:
    """One road in memory for both, in the place of the folder."""
    road = Watched()
    for person in people:
        person.home.open_carrier = lambda _row: road  # type: ignore[assignment]
    return road


def sealed_lengths(person: Person) -> dict[bytes, tuple[int, int]]:
    """Kind and length of each bundle under way."""
    return {row[0]: row[1:] for row in person.home.vault.all("SELECT hash, kind, length FROM bundles_out")}


def notes_of(person: Person) -> set[str]:
    return {row[0] for row in person.home.vault.all("SELECT name FROM handed WHERE bundle IS NULL")}


def expected(kind: int, length: int) -> list[int]:
    """What the table says of one bundle."""
    symbols = length // SYMBOL_SMALL_BYTES
    if kind == 1 and symbols in LETTER_CLASSES and length % SYMBOL_SMALL_BYTES == 0:
        return SEEN_OF_CLASS[symbols]
    symbol_bytes = 1792 if length <= 1 << 20 else 16_128
    for size in (FILE, STICK):
        symbols = -(-length // symbol_bytes)
        groups = -(-symbols // 128)
        count = -(-groups * -(-symbols // groups) // ((size - 48 - 45) // (symbol_bytes + 5)))
        if count <= 8 or size == STICK:
            return [size] * count
    raise AssertionError


def random_letter(writer: Person, folder: Path, rng: Random, chosen: int | None = None) -> str:
    """A letter that has nothing constant about it."""
    size = chosen if chosen is not None else min(int(rng.lognormvariate(7, 2)) + 1, 1_300_000)
    more: dict[str, object] = {}
    if rng.random() < 0.3:
        more["subject"] = "s" * rng.randrange(1, 200)
    if rng.random() < 0.2:
        more["urgent"] = True
    if rng.random() < 0.1:
        enclosed = folder / f"enclosed {rng.randrange(10**9)}"
        enclosed.write_bytes(bytes(int(rng.lognormvariate(10, 2)) + 1))
        more["enclosures"] = (enclosed,)
    return writer.write(rng.choice("xyz") * size, **more)


class Carried:
    """Letters written one way, a few at a visit, and what the road between saw of them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.rng = folder, Random(seed)
        self.ada, self.bo = bonded(folder, seed)
        self.road = watched((self.ada, self.bo))
        exchange(self.ada, self.bo)  # what lay on the folder comes to the new road
        self.letters = 0
        self.shapes: dict[tuple[int, int], set[tuple[int, ...]]] = {}

    def visit(self, letters: int, chosen: int | None = None) -> None:
        """Write, let Ada visit, and check that the road saw the table's parcels and nothing else."""
        for _ in range(letters):
            random_letter(self.ada, self.folder, self.rng, chosen)
        self.letters += letters
        before, said, at = set(sealed_lengths(self.ada)), notes_of(self.ada), len(self.road.seen)
        self.ada.sync()
        fresh = {key: row for key, row in sealed_lengths(self.ada).items() if key not in before}
        notes = notes_of(self.ada) - said
        seen = self.road.seen[at:]
        sizes = [size for name, size in seen if name not in notes]
        assert {size for name, size in seen if name in notes} <= {FILE} and len(notes) <= 1
        assert Counter(sizes) == Counter(size for row in fresh.values() for size in expected(*row))
        if len(fresh) == 1:
            (row,) = fresh.values()
            assert sizes == expected(*row)
            self.shapes.setdefault(row, set()).add(tuple(sizes))
        for _ in range(2):  # a receipt leaves with the visit after
            self.bo.sync()
        self.ada.clock.advance(days=self.rng.random() / 4)


def fair(characters: str, alphabet: str) -> None:
    """Every character comes as often as any other, as far as chance allows (chi-square, six deviations)."""
    counts, mean = Counter(characters), len(characters) / len(alphabet)
    chi2 = sum((counts[each] - mean) ** 2 / mean for each in alphabet)
    assert set(counts) <= set(alphabet)
    assert chi2 < len(alphabet) - 1 + 6 * (2 * len(alphabet)) ** 0.5


def check_names(seen: list[tuple[str, int]]) -> None:
    """Names are uniform and independent: of each other, of the order of putting, and of the size."""
    names = [name for name, _size in seen]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z2-7]{25}[aeimquy4]", name) for name in names)
    fair("".join(name[:25] for name in names), ALPHABET)
    fair("".join(name[25] for name in names), "aeimquy4")
    for place in range(25):
        fair("".join(name[place] for name in names), ALPHABET)
    rises = sum(one < other for one, other in pairwise(names))
    assert abs(rises - (len(names) - 1) / 2) < 5 * ((len(names) + 1) / 12) ** 0.5
    rank = {name: at for at, name in enumerate(sorted(names))}
    drift = sum(at * rank[name] for at, name in enumerate(names)) / len(names) - ((len(names) - 1) / 2) ** 2
    assert abs(drift) < 5 * len(names) ** 1.5 / 12, "an old name sorts neither before nor after a young one"
    large = [rank[name] for name, size in seen if size == STICK]
    middle, spread = (len(names) - 1) / 2, (len(names) ** 2 / 12 / max(1, len(large))) ** 0.5
    assert not large or abs(sum(large) / len(large) - middle) < 5 * spread


def letters_on_a_road(folder: Path, letters: int, seed: int) -> None:
    them = Carried(folder, seed)
    for size in (1, 300, 5_000, 12_000, 25_000, 60_000, 120_000, 250_000, 500_000, 900_000, 1_100_000, 1_900_000):
        them.visit(1, size)
    while them.letters < letters:
        them.visit(them.rng.choice((0, 1, 1, 2, 7)))
    assert {size for _name, size in them.road.seen} == {FILE, STICK}
    assert all(len(shapes) == 1 for shapes in them.shapes.values())
    symbols = {length // SYMBOL_SMALL_BYTES for kind, length in them.shapes if kind == 1 and length <= 576 * 1792}
    assert symbols == set(LETTER_CLASSES), "every class was seen"
    check_names(them.road.seen)


def test_T_PAD_2_through_the_runtime(tmp_path: Path) -> None:
    letters_on_a_road(tmp_path, letters=150, seed=1)


@pytest.mark.full
def test_T_PAD_2_through_the_runtime_full(tmp_path: Path) -> None:
    letters_on_a_road(tmp_path, letters=5_000, seed=2)


# -- T-TAG-2 at the road's end ---------------------------------------------------------------------


def blocks(road: Watched) -> list[bytes]:
    """Random value, tag, and the first of the box, of every parcel."""
    return [start[at : at + 16] for start in road.starts for at in (0, 16, 32, 48)]


def test_T_TAG_2_two_roads_cannot_tell_that_they_carry_the_same(tmp_path: Path) -> None:
    """Every copy of a parcel is made anew on every road, and again when it has to be repeated."""
    ada, bo = bonded(tmp_path)
    (tmp_path / "stick").mkdir()
    for person in (ada, bo):
        add_folder(person.home, "stick", str(tmp_path / "stick"))
        with person.home.vault.transaction():
            roads.join(person.home.vault, 1, 2)
    two = {1: Watched(), 2: Watched()}
    ada.home.open_carrier = lambda row: two[row.id]
    ada.sync()
    for n in range(60):
        ada.write(f"letter {n}" * 5)
    ada.write("y" * 200_000)
    for _ in range(3):  # nobody fetches them, and the roads lose everything
        ada.sync()
        for road in two.values():
            road.entries.clear()
        ada.clock.advance(days=1)
    assert min(len(road.starts) for road in two.values()) >= 2 * 61
    seen = blocks(two[1]) + blocks(two[2])
    assert len(set(seen)) == len(seen)
    assert not {name for name, _size in two[1].seen} & {name for name, _size in two[2].seen}
    counts, mean = Counter(b"".join(seen)), 16 * len(seen) / 256
    assert sum((counts[value] - mean) ** 2 / mean for value in range(256)) < 255 + 5 * 22.6
