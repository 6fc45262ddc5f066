"""Two people as real processes use them: worlds copied from a bonded pair, commands run and killed, ends checked.

Vaults are made through the API with a cheap key derivation; the command line opens whatever the header says.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from people import CHEAP_KDF, PASSPHRASE
from tiercel.runtime import bonds, reading, syncing
from tiercel.runtime.clock import SystemClock, SystemEntropy
from tiercel.runtime.home import Home
from tiercel.runtime.roads import add_folder
from tiercel.vault.store import Vault
from tiercel.wire import to_base32

ROOT = Path(__file__).resolve().parents[1]
CHILD = ROOT / "tests" / "endtoend" / "killed_child.py"
SEED = 20240917
"""What is random in these tests comes from here; the seed of each world is printed."""

OTHER = {"ada": "bo", "bo": "ada"}


def environment(folder: Path, name: str) -> dict[str, str]:
    """The settings under which a person's commands run."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TIERCEL_", "XDG_"))}
    return kept | settings(folder, name) | {"PYTHONPATH": str(ROOT / "src")}


def settings(folder: Path, name: str) -> dict[str, str]:
    """The settings that differ from person to person."""
    return {
        "XDG_STATE_HOME": str(folder / "state"), "TIERCEL_VAULT": str(folder / name), "TIERCEL_PASSPHRASE": PASSPHRASE,
    }  # fmt: skip


@dataclass
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    def value(self) -> Any:
        """The one JSON value of a command that succeeded."""
        assert self.code == 0, self
        assert self.out.count("\n") == 1
        return json.loads(self.out)

    def error(self, code: int) -> Any:
        """The one JSON object of a command that failed with this code."""
        assert self.code == code, self
        return json.loads(self.err)


class Children:
    """Forks the command from a process that has loaded it already: 20 ms a command instead of 300."""

    def __init__(self) -> None:
        path = os.pathsep.join((str(ROOT / "src"), str(ROOT / "tests")))
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("TIERCEL_", "XDG_"))}
        self.server = subprocess.Popen(
            [sys.executable, str(CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=kept | {"PYTHONPATH": path},
        )  # fmt: skip

    def run(self, world: World, name: str, *words: str, **job: Any) -> Ran:
        """Run a command of a person; see the child for what else a job may say."""
        assert self.server.stdin and self.server.stdout
        line = {"words": [*words, "--json"], "env": settings(world.folder, name), "folder": str(world.folder), **job}
        self.server.stdin.write(json.dumps(line) + "\n")
        self.server.stdin.flush()
        return Ran(**json.loads(self.server.stdout.readline()))

    def close(self) -> None:
        assert self.server.stdin and self.server.stdout
        self.server.stdin.close()
        self.server.wait(30)
        self.server.stdout.close()


def process(world: World, name: str, *words: str, stdin: bytes = b"", kill_after_s: float | None = None) -> Ran:
    """Run ``python -m tiercel`` in a process group of its own; kill the group after a while."""
    with subprocess.Popen(
        [sys.executable, "-m", "tiercel", *words, "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=environment(world.folder, name), start_new_session=True,
    ) as ran:  # fmt: skip
        if kill_after_s is not None:
            time.sleep(kill_after_s)
            os.killpg(ran.pid, signal.SIGKILL)  # the group stays until it is waited for
        out, err = ran.communicate(stdin if kill_after_s is None else None, timeout=120)
        return Ran(ran.wait(), out.decode(), err.decode())


@dataclass
class World:
    """Ada, Bo and the folder between them, in a folder of the test."""

    folder: Path
    sealed: dict[tuple[str, bytes], bytes] = field(default_factory=dict)  # (who sealed, pid) -> bundle hash
    written: dict[str, bytes] = field(default_factory=dict)  # sha256 of each enclosure, by its name

    @property
    def post(self) -> Path:
        return self.folder / "post"

    def vault(self, name: str) -> Path:
        return self.folder / name

    @contextmanager
    def home(self, name: str) -> Iterator[Home]:
        """A person's vault, opened here."""
        vault = Vault.open(self.folder / name, PASSPHRASE, SystemEntropy(), state_dir=self.folder / "state" / "tiercel")
        with Home(vault, SystemClock(), SystemEntropy()) as home:
            yield home

    def copy(self, folder: Path) -> World:
        """The same two people elsewhere; the road is moved with them."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        copied = World(folder, dict(self.sealed), dict(self.written))
        for name in OTHER:
            with copied.home(name) as home, home.vault.transaction():
                home.vault.run("UPDATE carriers SET place = ?", str(copied.post))
        return copied

    def sync(self, *names: str) -> None:
        """Let people visit the folder, in this process; every road must answer."""
        for name in names:
            with self.home(name) as home:
                report = syncing.sync(home)
                assert not report.troubles, report.troubles
            self.look()

    def look(self) -> None:
        """Remember under which key each bundle was sealed, and that no key was used for two."""
        for name in OTHER:
            with self.home(name) as home:
                assert not home.vault.rolled_back
                for pid, digest in home.vault.all(
                    "SELECT pid, hash FROM bundles_out JOIN letters ON seq = letter"
                    " WHERE pid IS NOT NULL AND weaker = 0"
                ):
                    assert self.sealed.setdefault((name, pid), digest) == digest, "a prekey was used twice"

    def enclosure(self, size: int, seed: int) -> Path:
        """A file of that size to enclose."""
        path = self.folder / f"enclosure-{seed}.bin"
        data = random.Random(seed).randbytes(size)
        path.write_bytes(data)
        self.written[path.name] = hashlib.sha256(data).digest()
        return path

    def deliver(self, rounds: int = 12) -> None:
        """Let both visit until every accepted letter has its receipt, then check what must hold."""
        self.look()
        for _ in range(rounds):
            self.sync("ada", "bo")
            if not any(self.open_letters(name) for name in OTHER) and not any(self.post.iterdir()):
                break
        self.check()

    def open_letters(self, name: str) -> int:
        """How many letters of ours are still sent, service letters and openings included."""
        with self.home(name) as home:
            row = home.vault.one(
                "SELECT count(*) FROM letters"
                " WHERE direction = 'out' AND state IN ('accepted', 'sealed', 'handed over')"
            )
            return int(row[0]) if row else 0

    def check(self) -> None:
        """Every accepted letter came exactly once, whole and in its order; receipts are home; nothing is left over."""
        for writer, reader in OTHER.items():
            with self.home(writer) as ours, self.home(reader) as theirs:
                self._check_direction(ours, theirs)
        assert not [path.name for path in self.post.iterdir()], "something of ours stayed in the folder"

    def _check_direction(self, ours: Home, theirs: Home) -> None:
        sent = [each for each in reading.letters(ours) if each.direction == "out" and each.number is not None]
        came = {each.id: each for each in reading.letters(theirs) if each.direction == "in"}
        kept = [each for each in sent if each.state not in ("recalled", "returned")]
        assert len(came) == len([each for each in reading.letters(theirs) if each.direction == "in"])
        assert set(came) == {each.id for each in kept}
        assert sorted(each.number for each in sent) == list(range(1, len(sent) + 1)), "numbers with holes"
        for each in kept:
            assert each.state in ("arrived", "read", "answered"), each
            there = came[each.id]
            assert there.arrived_at is not None and there.number == each.number
            here, opened = reading.read(ours, each.id, peek=True), reading.read(theirs, each.id, peek=True)
            assert (here.body, here.letter.subject) == (opened.body, opened.letter.subject)
            self._check_enclosures(theirs, opened)
        assert syncing.way.waiting(ours) == 0
        assert not theirs.vault.all("SELECT verdict FROM quarantine")
        self._check_keys(ours, theirs)

    def _check_enclosures(self, home: Home, letter: Any) -> None:
        for item in letter.enclosures:
            path, _size = reading.save_enclosure(home, letter.letter.id, item.n, self.folder)
            assert hashlib.sha256(path.read_bytes()).digest() == self.written[item.name]
            path.unlink()

    def _check_keys(self, ours: Home, theirs: Home) -> None:
        """Each of our letters was opened with a key of its own, and that key is gone."""
        spent = theirs.vault.all("SELECT pid, letter FROM prekeys_spent WHERE letter IS NOT NULL")
        assert len({letter for _pid, letter in spent}) == len(spent)
        assert not theirs.vault.all(
            "SELECT pid FROM prekeys_ours WHERE kind <> 'last-resort' AND pid IN (SELECT pid FROM prekeys_spent)"
        )
        used = {pid for pid, _letter in spent}
        assert not used & {row[0] for row in ours.vault.all("SELECT pid FROM prekeys_theirs WHERE kind = 'one-time'")}
        assert {to_base32(row[1]) for row in spent} <= {
            to_base32(row[0]) for row in ours.vault.all("SELECT id FROM letters WHERE direction = 'out'")
        }


def strangers(folder: Path) -> World:
    """Two people with vaults and a folder, not paired yet."""
    world = World(folder)
    world.post.mkdir(parents=True)
    for name in OTHER:
        vault = Vault.create(
            folder / name, PASSPHRASE, SystemEntropy(), kdf=CHEAP_KDF, state_dir=folder / "state" / "tiercel"
        )
        with Home(vault, SystemClock(), SystemEntropy()) as home:
            add_folder(home, "post", str(world.post))
    return world


def pair(world: World) -> World:
    """Bond them."""
    with world.home("ada") as ada, world.home("bo") as bo:
        bonds.accept(bo, bonds.invite(ada, "bo", "post"), "ada", "post")
    world.sync("bo", "ada", "bo", "ada")
    for name, other in OTHER.items():
        with world.home(name) as home:
            bonds.confirm(home, other)
    world.sync("ada", "bo", "ada", "bo", "ada", "bo")
    return world
