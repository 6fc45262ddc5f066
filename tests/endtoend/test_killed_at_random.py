"""Real processes, killed with their whole group at random moments; every accepted letter arrives, and once."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from processes import OTHER, SEED, Children, Ran, World, process
from tiercel.runtime import reading
from tiercel.wire import to_base32

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

WORLDS = 8
KILLS = 20
"""Of each kind, in each world: 160 of `python -m tiercel`, and 160 of the command forked from a loaded process."""

COMMANDS = ("write", "write", "write with enclosure", "send", "sync", "sync", "sync", "sync", "read", "save")


class Life:
    """Two people who write and visit while somebody pulls the plug."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world, self.chance = world, chance
        self.printed: list[str] = []  # ids of letters whose acceptance was printed
        self.drafts: dict[str, list[str]] = {"ada": [], "bo": []}
        self.kills = self.midway = 0
        self.changes = {name: self._changes(name) for name in OTHER}

    def _changes(self, name: str) -> int:
        with self.world.home(name) as home:
            return home.vault.generation

    def words(self, name: str) -> list[str]:
        """A command line that makes sense now."""
        what, world = self.chance.choice(COMMANDS), self.world
        if what == "read" and (letter := self._some_letter(name)):
            return ["read", letter]
        if what == "save" and (letter := self._some_letter(name)):
            return ["enclosure", "save", letter, "1", "--to", str(world.folder / "saved")]
        if what == "send" and self.drafts[name]:
            return ["send", self.drafts[name].pop()]
        if not what.startswith("write"):
            return ["sync"]
        text = world.folder / "text.txt"
        text.write_text("".join(self.chance.choices("letters ěščř\n", k=self.chance.randrange(1, 4000))), "utf-8")
        words = ["write", OTHER[name], "--file", str(text)]
        if what == "write with enclosure":
            size = self.chance.choice((0, 10_000, 700_000, 3 << 20))
            words += ["--enclose", str(world.enclosure(size, self.chance.randrange(1 << 30)))]
        return words + ["--draft"] * (self.chance.random() < 0.2) + ["--urgent"] * (self.chance.random() < 0.2)

    def _some_letter(self, name: str) -> str | None:
        with self.world.home(name) as home:
            ids = home.vault.all("SELECT lower(hex(id)) FROM letters WHERE direction = 'in' AND kind = 0")
        return to_base32(bytes.fromhex(self.chance.choice(ids)[0])) if ids else None

    def note(self, name: str, words: list[str], ran: Ran) -> None:
        """Remember what a command promised, and that every end but being killed was a good one."""
        self.kills += ran.killed
        before, self.changes[name] = self.changes[name], self._changes(name)
        self.midway += ran.killed and self.changes[name] > before
        if ran.killed:
            assert not ran.err or words[0] in ("enclosure", "send"), (
                ran
            )  # those may have had an end of their own before
        else:
            assert ran.code in ((0, 2, 6, 8) if words[0] == "enclosure" else (0, 2) if words[0] == "send" else (0,)), (
                words,
                ran,
            )
        if ran.out.endswith("\n") and words[0] in ("write", "send"):
            said = ran_value(ran)
            (self.drafts[name] if said["state"] == "draft" else self.printed).append(said["id"])
        self.world.look()

    def end(self) -> None:
        """Everything is delivered, and every letter whose acceptance was printed is among it."""
        self.world.deliver()
        came = set()
        for name in OTHER:
            with self.world.home(name) as home:
                came |= {each.id for each in reading.letters(home) if each.direction == "in"}
        assert set(self.printed) <= came
        assert not list((self.world.folder / "saved").glob("[!.]*.part"))


def ran_value(ran: Ran) -> dict[str, str]:
    """What was printed, also by a command that was killed after it."""
    return Ran(0, ran.out, ran.err).value()  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def whole(pair: World, tmp_path_factory: pytest.TempPathFactory) -> float:
    """Seconds a `sync` of a real process takes here and now."""
    world = pair.copy(tmp_path_factory.mktemp("timing"))
    spent = []
    for _ in range(3):
        begun = time.monotonic()
        process(world, "ada", "sync").value()
        spent.append(time.monotonic() - begun)
    return sorted(spent)[1]


@pytest.mark.parametrize("number", range(WORLDS))
def test_killed_at_random_moments(pair: World, children: Children, whole: float, tmp_path: Path, number: int) -> None:
    seed = SEED + number
    print(f"seed {seed}")
    world = pair.copy(tmp_path / "world")
    (world.folder / "saved").mkdir()
    life = Life(world, random.Random(seed))
    chance = life.chance
    for want, kill in ((KILLS, "process"), (2 * KILLS, "child")):
        while life.kills < want:
            name = chance.choice(("ada", "bo"))
            words = life.words(name)
            if kill == "process":  # most of its time goes into starting: aim at the rest
                ran = process(world, name, *words, kill_after_s=whole * chance.uniform(0.35, 1.1))
            else:
                ran = children.run(world, name, *words, after_s=0.004 * 16 ** chance.random())
            life.note(name, words, ran)
    print(f"{life.kills} kills, {life.midway} between two commits, {len(life.printed)} letters promised")
    assert life.midway >= KILLS // 4, "the kills miss the work: look at the delays"
    life.end()
