"""Pairing killed between any two messages, repeated, and crossed with a second answer: one bond or a clear refusal."""

from __future__ import annotations

import itertools
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from processes import OTHER, SEED, Children, World
from tiercel.errors import TiercelError
from tiercel.runtime import bonds, syncing
from tiercel.runtime.bonds import TWO_ANSWERS
from tiercel.vault import bonds as rows

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

EVENTS = ("commit", "forget", "put", "remove")
STEPS = [
    ("bo", "sync"), ("ada", "sync"), ("bo", "sync"), ("ada", "sync"), ("ada", "bond confirm bo"),
    ("ada", "sync"), ("bo", "sync"), ("bo", "bond confirm ada"), ("bo", "sync"), ("ada", "sync"), ("bo", "sync"),
]  # fmt: skip


def invited(strangers: World, folder: Path) -> World:
    """Bo took up Ada's invitation; nothing has left yet."""
    world = strangers.copy(folder)
    with world.home("ada") as ada, world.home("bo") as bo:
        bonds.accept(bo, bonds.invite(ada, "bo", "post"), "ada", "post")
    return world


def secrets(world: World, name: str, bond: str) -> Any:
    """What a side holds of a bond."""
    with world.home(name) as home:
        row = home.bond(bond)
        roots = [rows.roots_of(home.vault, row.id, direction) for direction in (0, 1)]
        return (
            row.state,
            row.bond_id,
            row.auth_root,
            row.words,
            [[(r.generation, r.root) for r in each] for each in roots],
        )


def to_the_end(world: World) -> None:
    """Go on as two people would: visit, compare, confirm."""
    for _ in range(8):
        world.sync("bo", "ada")
        if not any(world.open_letters(name) for name in OTHER) and secrets(world, "ada", "bo")[0] == "bonded":
            return
        for name, other in OTHER.items():
            with world.home(name) as home:
                view = bonds.bonds(home)[0]
                if view.state == "compare" and view.confirmed in ("none", "them"):
                    bonds.confirm(home, other)


def one_bond(world: World) -> None:
    """Both hold the same bond, warned of nothing, and letters go both ways."""
    ours, theirs = secrets(world, "ada", "bo"), secrets(world, "bo", "ada")
    assert ours == theirs and ours[0] == "bonded"
    for name in OTHER:
        with world.home(name) as home:
            assert bonds.bonds(home)[0].warnings == ()
            assert not home.vault.all("SELECT 1 FROM pairings")
            assert not home.vault.all("SELECT 1 FROM prekeys_theirs WHERE kind = 'pairing'")
            assert home.vault.one("SELECT count(*) FROM prekeys_theirs WHERE kind = 'one-time'") == (32,)


@pytest.mark.parametrize("step", range(len(STEPS)), ids=[f"{n}-{who}-{what}" for n, (who, what) in enumerate(STEPS)])
def test_killed_at_every_commit_of_the_pairing(strangers: World, children: Children, tmp_path: Path, step: int) -> None:
    base = invited(strangers, tmp_path / "base")
    for name, what in STEPS[:step]:
        assert children.run(base, name, *what.split()).code == 0
    name, what = STEPS[step]
    for at in itertools.count(1):
        for when in ("before", "after"):
            world = base.copy(tmp_path / f"{at}{when}")
            ran = children.run(world, name, *what.split(), at=at, when=when, of=EVENTS)
            if not ran.killed:
                assert ran.code == 0 and at > 1
                print(f"{2 * at - 2} kills")
                return
            to_the_end(world)
            one_bond(world)
            assert not list(world.post.iterdir())
            shutil.rmtree(world.folder)


def test_invite_and_accept_killed_at_every_commit(strangers: World, children: Children, tmp_path: Path) -> None:
    """An invitation that was never printed is printed when it is asked for again."""
    for at, when in itertools.product((1, 2, 3), ("before", "after")):
        world = strangers.copy(tmp_path / f"{at}{when}")
        words = ["bond", "invite", "bo", "--via", "post"]
        ran = children.run(world, "ada", *words, at=at, when=when, of=EVENTS)
        if ran.killed:
            assert not ran.out
            listed = children.run(world, "ada", "bond", "list").value()
            assert [(each["name"], each["state"]) for each in listed] in ([], [("bo", "pairing")])
            ran = children.run(world, "ada", *words)
        invitation = ran.value()["invitation"]
        words = ["bond", "accept", invitation, "--name", "ada", "--via", "post"]
        ran = children.run(world, "bo", *words, at=at, when=when, of=EVENTS)
        if ran.killed and not children.run(world, "bo", "bond", "list").value():
            assert children.run(world, "bo", *words).code == 0
        for _ in range(3):
            world.sync("bo", "ada")
        assert secrets(world, "ada", "bo") == secrets(world, "bo", "ada")
        assert secrets(world, "ada", "bo")[0] == "compare"


def test_every_pairing_parcel_comes_again_and_again(strangers: World, children: Children, tmp_path: Path) -> None:
    """Copies of everything that was ever in the folder lie there before every visit, under new names."""
    world = invited(strangers, tmp_path / "world")
    chance, seen = random.Random(SEED), set[bytes]()
    for name, what in [*STEPS, *[("ada", "sync"), ("bo", "sync")] * 2]:
        for data in sorted(seen):
            (world.post / "".join(chance.choices("abcdefghijklmnopqrstuvwxyz234567", k=26))).write_bytes(data)
        ran = children.run(world, name, *what.split())
        assert ran.code == 0
        seen |= {path.read_bytes() for path in world.post.iterdir()}
    shutil.rmtree(world.post)
    world.post.mkdir()
    to_the_end(world)
    one_bond(world)
    world.deliver()


# -- a second answer -------------------------------------------------------------------------------


def three(strangers: World, folder: Path) -> tuple[World, World]:
    """Bo and Cy both hold Ada's invitation, and both took it up; Cy is the Bo of the second world."""
    world = strangers.copy(folder / "one")
    with world.home("ada") as ada:
        invitation = bonds.invite(ada, "bo", "post")
    other = strangers.copy(folder / "two")
    with other.home("bo") as cy, cy.vault.transaction():
        cy.vault.run("UPDATE carriers SET place = ?", str(world.post))
    for each in (world, other):
        with each.home("bo") as home:
            bonds.accept(home, invitation, "ada", "post")
    return world, other


def never_half(ada: World, *others: World) -> int:
    """Nobody is bonded with secrets that the other side does not hold; say how many are bonded."""
    mine = secrets(ada, "ada", "bo")
    found = 0
    for each in others:
        theirs = secrets(each, "bo", "ada")
        if theirs[0] == "bonded":
            found += 1
            assert theirs[1:3] == mine[1:3] and mine[0] in ("compare", "bonded")
    assert found <= 1
    if mine[0] == "bonded":
        assert [each for each in others if secrets(each, "bo", "ada")[1:3] == mine[1:3]]
    return found


def visit(world: World, name: str) -> None:
    with world.home(name) as home:
        assert not syncing.sync(home).troubles


def test_two_people_answer_one_invitation(strangers: World, children: Children, tmp_path: Path) -> None:
    """The screen says so, `bond confirm` is refused with 4, and nobody is bonded."""
    one, two = three(strangers, tmp_path)
    for world, name in ((one, "bo"), (two, "bo"), (one, "ada"), *((one, "bo"), (two, "bo"), (one, "ada")) * 3):
        visit(world, name)
        assert never_half(one, one, two) == 0
    assert children.run(one, "ada", "bond", "list").value()[0]["warnings"] == [TWO_ANSWERS]
    refused = children.run(one, "ada", "bond", "confirm", "bo").error(4)
    assert refused["kind"] == "two_answers" and "refuse bo" in refused["remedy"]
    assert children.run(one, "ada", "bond", "refuse", "bo").value()["state"] == "refused"
    assert children.run(one, "ada", "bond", "invite", "bo", "--via", "post").code == 0
    for world, name in ((one, "bo"), (two, "bo"), (one, "ada")) * 2:
        visit(world, name)
    assert {secrets(each, "bo", "ada")[0] for each in (one, two)} <= {"pairing", "compare"}


@pytest.mark.parametrize("number", range(12))
def test_crossed_answers_in_any_order_make_one_bond_or_none(strangers: World, tmp_path: Path, number: int) -> None:
    """Visits and careless confirmations of three people in a random order."""
    chance = random.Random(SEED + number)
    one, two = three(strangers, tmp_path)
    for _ in range(40):
        world, name = chance.choice(((one, "ada"), (one, "bo"), (two, "bo")))
        if chance.random() < 0.7:
            visit(world, name)
        else:
            with world.home(name) as home:
                try:
                    bonds.confirm(home, OTHER[name])
                except TiercelError as error:
                    assert error.exit_code in (4, 8)
        never_half(one, one, two)
    for world, name in ((one, "ada"), (one, "bo"), (two, "bo")) * 3:
        visit(world, name)
    with one.home("ada") as ada:
        view = bonds.bonds(ada)[0]
    assert never_half(one, one, two) == (view.state == "bonded") or view.confirmed == "us" or view.warnings


def test_killed_while_two_answers_are_taken_in(strangers: World, children: Children, tmp_path: Path) -> None:
    one, two = three(strangers, tmp_path / "base")
    visit(one, "bo")
    visit(two, "bo")
    for at in itertools.count(1):
        for when in ("before", "after"):
            world = one.copy(tmp_path / f"{at}{when}")
            ran = children.run(world, "ada", "sync", at=at, when=when, of=EVENTS)
            if not ran.killed:
                assert ran.code == 0 and at > 5
                print(f"{2 * at - 2} kills")
                return
            for name in ("ada", "bo", "ada", "bo", "ada"):
                visit(world, name)
            assert children.run(world, "ada", "bond", "list").value()[0]["warnings"] == [TWO_ANSWERS]
            assert never_half(world, world) == 0
