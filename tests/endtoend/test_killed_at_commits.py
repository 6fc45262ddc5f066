"""The process is killed at every commit boundary of every command; what was accepted arrives all the same."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from processes import Children, World

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

EVENTS = ("commit", "forget", "put", "remove")
MIB = 1 << 20


def write(world: World, children: Children, name: str, *words: str) -> str:
    """Write a letter in a process of its own and give its id."""
    text = world.folder / "text.txt"
    text.write_text(f"A letter of {name}'s.\n", "utf-8")
    other = {"ada": "bo", "bo": "ada"}[name]
    letter: str = children.run(world, name, "write", other, "--file", str(text), *words).value()["id"]
    return letter


def write_words(world: World, seed: int, size: int) -> list[str]:
    """The words of a `write` with one enclosure."""
    text = world.folder / "text.txt"
    text.write_text("Dear Bo, here it is.\n", "utf-8")
    return ["write", "bo", "--file", str(text), "--enclose", str(world.enclosure(size, seed))]


def a_letter_to_come(world: World, children: Children) -> None:
    write(world, children, "bo", "--subject", "coming")
    world.sync("bo")


def a_letter_to_leave(world: World, children: Children) -> None:
    write(world, children, "ada", "--subject", "leaving")


def a_receipt_to_come(world: World, children: Children) -> None:
    write(world, children, "ada")
    world.sync("ada", "bo", "bo")


def a_receipt_to_leave(world: World, children: Children) -> None:
    write(world, children, "bo")
    world.sync("bo", "ada")


def an_enclosure_to_leave(world: World, children: Children) -> None:
    write(world, children, "ada", "--enclose", str(world.enclosure(3 * MIB, 1)))


def an_enclosure_to_come(world: World, children: Children) -> None:
    write(world, children, "bo", "--enclose", str(world.enclosure(3 * MIB, 2)))
    world.sync("bo")


def both_ways(world: World, children: Children) -> None:
    write(world, children, "bo", "--subject", "coming")
    write(world, children, "ada", "--subject", "leaving", "--urgent")
    world.sync("bo")


def a_recall_to_leave(world: World, children: Children) -> None:
    letter = write(world, children, "ada")
    world.sync("ada")
    assert children.run(world, "ada", "recall", letter).code == 0


def a_recall_to_come(world: World, children: Children) -> None:
    letter = write(world, children, "bo", "--enclose", str(world.enclosure(MIB, 3)))
    world.sync("bo", "ada")
    assert children.run(world, "bo", "recall", letter).code == 0
    world.sync("bo")


def an_answer_to_come(world: World, children: Children) -> None:
    letter = write(world, children, "ada")
    world.sync("ada", "bo")
    assert children.run(world, "ada", "recall", letter).code == 0
    world.sync("ada", "bo", "bo")


SYNCS = [
    a_letter_to_come, a_letter_to_leave, a_receipt_to_come, a_receipt_to_leave, an_enclosure_to_leave,
    an_enclosure_to_come, both_ways, a_recall_to_leave, a_recall_to_come, an_answer_to_come,
]  # fmt: skip


def at_every_event(
    base: World, children: Children, folder: Path, name: str, words: Callable[[World], list[str]]
) -> None:
    """Kill a command at each of its events in turn, each time in a fresh world, and see everything delivered."""
    kills = 0
    for at in itertools.count(1):
        for when in ("before", "after"):
            world = base.copy(folder / f"{at}{when}")
            ran = children.run(world, name, *words(world), at=at, when=when, of=EVENTS)
            if not ran.killed:
                assert ran.code == 0, ran
                assert at > 1
                print(f"{kills} kills")
                return
            kills += 1
            world.deliver()
            shutil.rmtree(world.folder)
    raise AssertionError


@pytest.mark.parametrize("prepare", SYNCS, ids=lambda prepare: prepare.__name__)
def test_sync_killed_at_every_commit(
    pair: World, children: Children, tmp_path: Path, prepare: Callable[[World, Children], None]
) -> None:
    base = pair.copy(tmp_path / "base")
    prepare(base, children)
    at_every_event(base, children, tmp_path, "ada", lambda _world: ["sync"])


def test_write_killed_at_every_commit(pair: World, children: Children, tmp_path: Path) -> None:
    at_every_event(pair, children, tmp_path, "ada", lambda world: write_words(world, 4, 2 * MIB))


def test_send_killed_at_every_commit(pair: World, children: Children, tmp_path: Path) -> None:
    base = pair.copy(tmp_path / "base")
    letter = write(base, children, "ada", "--draft", "--enclose", str(base.enclosure(MIB, 5)))
    at_every_event(base, children, tmp_path, "ada", lambda _world: ["send", letter])


@pytest.mark.parametrize("words", [["read"], ["read", "--peek"]], ids=" ".join)
def test_read_killed_at_every_commit(pair: World, children: Children, tmp_path: Path, words: list[str]) -> None:
    base = pair.copy(tmp_path / "base")
    letter = write(base, children, "bo")
    base.sync("bo", "ada")
    at_every_event(base, children, tmp_path, "ada", lambda _world: [*words, letter])


@pytest.mark.parametrize("visits", [[], ["ada"], ["ada", "bo"]], ids=["at home", "on the road", "there"])
def test_recall_killed_at_every_commit(pair: World, children: Children, tmp_path: Path, visits: list[str]) -> None:
    base = pair.copy(tmp_path / "base")
    letter = write(base, children, "ada")
    base.sync(*visits)
    at_every_event(base, children, tmp_path, "ada", lambda _world: ["recall", letter])


def test_the_end_of_a_bond_killed_at_every_commit(pair: World, children: Children, tmp_path: Path) -> None:
    at_every_event(pair, children, tmp_path, "ada", lambda _world: ["bond", "end", "bo"])
