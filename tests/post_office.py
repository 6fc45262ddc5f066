"""A shared folder that behaves badly, seeded: copies, replays, losses, damage. And what must hold all the same."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable
from pathlib import Path

from people import Person
from tiercel.runtime.views import SyncReport
from tiercel.vault import letters as rows
from tiercel.wire import to_base32

FILE_BYTES, STICK_BYTES = 64 * 1024, 1024 * 1024


def parcels(folder: Path) -> list[Path]:
    """Every parcel in a folder, in one order."""
    return sorted(path for path in folder.iterdir() if path.stat().st_size in (FILE_BYTES, STICK_BYTES))


class PostOffice:
    """One folder in the hands of chance.

    Args:
        folder: Where the parcels are.
        rng: Decides everything.
        aside_max: How many copies it keeps to put back later.
    """

    def __init__(self, folder: Path, rng: random.Random, aside_max: int = 200) -> None:
        self.folder, self.rng, self.aside_max = folder, rng, aside_max
        self.aside: list[bytes] = []
        self.done: dict[str, int] = {}
        self.made: set[str] = set()  # copies are not copied: nobody takes one of a dead epoch off the road

    def _did(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1

    def put(self, data: bytes) -> Path:
        """Put bytes there under a new random name."""
        path = self.folder / to_base32(self.rng.randbytes(16))
        path.write_bytes(data)
        self.made.add(path.name)
        return path

    def keep(self, path: Path) -> None:
        """Keep a copy for later."""
        if path.stat().st_size == FILE_BYTES and len(self.aside) < self.aside_max:
            self.aside.append(path.read_bytes())
            self._did("kept")

    def copy(self, path: Path) -> None:
        self.put(path.read_bytes())
        self._did("copied")

    def drop(self, path: Path) -> None:
        path.unlink()
        self._did("dropped")

    def rename(self, path: Path) -> None:
        path.rename(self.folder / to_base32(self.rng.randbytes(16)))
        self._did("renamed")

    def flip(self, path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
        path.write_bytes(data)
        self._did("flipped")

    def truncate(self, path: Path) -> None:
        os.truncate(path, self.rng.randrange(path.stat().st_size))
        self._did("truncated")

    def swap(self, path: Path) -> None:
        other = self.rng.choice(parcels(self.folder))
        mine, theirs = path.read_bytes(), other.read_bytes()
        path.write_bytes(theirs)
        other.write_bytes(mine)
        self._did("swapped")

    def replay(self) -> None:
        """Put an old copy back under a new name."""
        if self.aside:
            self.put(self.rng.choice(self.aside))
            self._did("replayed")

    def lose_all(self) -> None:
        """The stick is lost."""
        for path in self.folder.iterdir():
            path.unlink()
        self._did("stick lost")

    def shuffle(self, copies: float = 0.2, losses: float = 0.0) -> None:
        """Copy some parcels, keep some for later, put some old ones back, drop some."""
        for path in parcels(self.folder):
            fresh = path.name not in self.made
            if fresh and self.rng.random() < copies:
                self.keep(path)
            if fresh and self.rng.random() < copies:
                self.copy(path)
            if self.rng.random() < losses:
                self.drop(path)
        for _ in range(self.rng.randrange(3)):
            self.replay()


def of_letter(writer: Person, letter_id: str, folder: Path) -> list[Path]:
    """The parcels of one letter that its writer has on the folder now."""
    seq = next(
        row for row in rows.letters_where(writer.home.vault, "direction = 'out'") if to_base32(row.id) == letter_id
    )
    names = writer.home.vault.all(
        "SELECT name FROM handed WHERE bundle IN (SELECT hash FROM bundles_out WHERE letter = ?)", seq.seq
    )
    return [folder / name for (name,) in names if (folder / name).exists()]


def settle(
    people: Iterable[Person], days: float = 1.1, rounds: int = 60, visit: Callable[[Person], SyncReport] = Person.sync
) -> int:
    """Visit in turn, day after day, until nobody waits for a receipt; give back how many rounds it took."""
    people = list(people)
    for done in range(rounds):
        if not sum([visit(person).waiting for person in people]):
            return done
        people[0].clock.advance(days=days)
    raise AssertionError(f"still waiting after {rounds} rounds")
