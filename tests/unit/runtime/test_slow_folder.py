"""A folder that is synchronised slowly: the reader asks for the rest although all of it lies on the writer's side."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from people import START_MS, Person
from tiercel.runtime import bonds
from tiercel.runtime.roads import add_folder
from tiercel.testing.clock import FakeClock


class Mirror:
    """Two copies of a folder; what is new in the first reaches the second a few files at a time, in their order."""

    def __init__(self, first: Path, second: Path) -> None:
        self.first, self.second = first, second
        self.both: set[str] = set()
        self.order: list[str] = []

    def carry(self, most: int = 1000) -> None:
        first, second = set(os.listdir(self.first)), set(os.listdir(self.second))
        for name in self.both - (first & second):
            (self.first / name).unlink(missing_ok=True)
            (self.second / name).unlink(missing_ok=True)
        for name in second - first - self.both:
            shutil.copy(self.second / name, self.first / name)
        fresh = first - second - self.both
        self.order = [name for name in self.order if name in fresh] + sorted(fresh.difference(self.order))
        for name in self.order[:most]:
            shutil.copy(self.first / name, self.second / name)
        self.both = set(os.listdir(self.first)) & set(os.listdir(self.second))


def test_what_lies_unfetched_on_a_slow_folder_is_not_put_again(tmp_path: Path) -> None:
    """Every visit of the reader asked for another rest, and the writer put all of it anew: 33 times the letter."""
    clock, mirror = FakeClock(START_MS), Mirror(tmp_path / "here", tmp_path / "there")
    ada, bo = Person(tmp_path, "ada", clock, 1), Person(tmp_path, "bo", clock, 1)
    for person, folder in ((ada, mirror.first), (bo, mirror.second)):
        folder.mkdir()
        add_folder(person.home, "post", str(folder))

    def visit() -> int:
        put = ada.sync().put
        mirror.carry()
        bo.sync()
        mirror.carry()
        return put

    bonds.accept(bo.home, bonds.invite(ada.home, "bo", "post"), "ada", "post")
    for _ in range(4):
        visit()
    bonds.confirm(ada.home, "bo")
    bonds.confirm(bo.home, "ada")
    for _ in range(5):
        visit()
    enclosed = tmp_path / "film.bin"
    enclosed.write_bytes(os.urandom(8_000_000))
    letter = ada.write("one", enclosures=(enclosed,))
    once = ada.sync().put
    put = once
    for _ in range(40):
        mirror.carry(2)
        bo.sync()
        mirror.carry(0)
        put += ada.sync().put
    assert ada.state(letter) == "arrived"
    assert once >= 8 and put <= 3 * once
