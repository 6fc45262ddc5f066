"""Disks that are full, read-only or gone, really: one sentence, the right exit code, everything kept, works again."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from processes import Children, Ran, World, environment

pytestmark = pytest.mark.e2e

KIB, MIB = 1024, 1 << 20


def may_mount(folder: Path) -> bool:
    """Whether small disks can be mounted here."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    with suppress(OSError, subprocess.CalledProcessError), disk(folder, 1):
        return True
    return False


@contextmanager
def disk(folder: Path, mib: int) -> Iterator[Path]:
    """A disk of a few MiB mounted on a folder; what was in the folder is on it."""
    aside = folder.with_name(folder.name + " aside")
    shutil.copytree(folder, aside)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=0700", "none", folder], check=True)
    try:
        shutil.copytree(aside, folder, dirs_exist_ok=True)
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        shutil.rmtree(aside)


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> None:
    if not may_mount(tmp_path_factory.mktemp("disk")):
        pytest.skip("mounting a small disk needs root and a mount that works here")


def remount(folder: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", folder], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Fill the disk under a folder up to so many bytes."""
    filler = folder / "somebody else's.film"
    with filler.open("wb", buffering=0) as file:
        with suppress(OSError):
            while True:
                file.write(bytes(64 * KIB))
        with suppress(OSError):
            while True:
                file.write(bytes(4 * KIB))
        file.truncate(max(0, file.tell() - leave))
    return filler


def full(ran: Ran, kinds: tuple[str, ...] = ("disk_full",)) -> None:
    """One sentence, 7, and one JSON object."""
    said = ran.error(7)
    assert ran.out == "" and said["kind"] in kinds
    assert said["error"].endswith(".") and "kept" in said["error"] + said["remedy"] + "kept" * (
        "Nothing" in said["error"]
    )
    assert set(said) <= {"error", "kind", "remedy", "notices"}


def text(world: World, data: str = "Dear Bo.\n") -> str:
    path = world.folder / "text.txt"
    path.write_text(data, "utf-8")
    return str(path)


def prepared(pair: World, children: Children, folder: Path) -> tuple[World, str]:
    """A world in which Ada has a letter from Bo to read, another to come, and one of hers to leave."""
    world = pair.copy(folder)
    there = children.run(world, "bo", "write", "ada", "--file", text(world)).value()["id"]
    world.sync("bo", "ada")
    coming = world.enclosure(300 * KIB, 1)
    assert children.run(world, "bo", "write", "ada", "--file", text(world), "--enclose", str(coming)).code == 0
    world.sync("bo")
    assert children.run(world, "ada", "write", "bo", "--file", text(world)).code == 0
    return world, there


# -- the disk of the vault -----------------------------------------------------------------------------


@pytest.mark.usefixtures("disks")
@pytest.mark.parametrize("leave", [0, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 400, 1400], ids="{} KiB".format)
def test_the_disk_of_the_vault_is_full(pair: World, children: Children, tmp_path: Path, leave: int) -> None:
    """At every step of how full it is, every command works or says so, and nothing is lost."""
    world, there = prepared(pair, children, tmp_path / "world")
    big = world.enclosure(MIB, 2)
    commands = [
        ["list"], ["read", there], ["write", "bo", "--file", text(world, "x" * 20_000)], ["sync"], ["bond", "list"],
        ["write", "bo", "--file", text(world), "--enclose", str(big)], ["track", there], ["sync"], ["doctor"],
        ["carrier", "list"], ["search", "Dear"],
    ]  # fmt: skip
    said = []
    with disk(world.vault("ada"), 4) as vault:
        files = set((vault / "enclosures").iterdir())
        filler = fill(vault, leave * KIB)
        for words in commands:
            ran = children.run(world, "ada", *words)
            said.append(ran.code)
            if words == ["doctor"]:  # says what it found as its result
                assert ran.code in (0, 7) and json.loads(ran.out) and not ran.err
            elif ran.code != 0:
                full(ran)
            else:
                ran.value()
        assert leave or said[2] == said[3] == said[5] == 7
        assert not leave or leave < 1400 or said[:5] == [0] * 5
        if said[5] == 7:
            written = {path for path in (vault / "enclosures").iterdir() if path.suffix != ".part"}
            assert len(written - files) <= 1, "what was not accepted was left behind"  # the one that comes
        filler.unlink()
        assert children.run(world, "ada", "read", there).value()["state"] == "read"
        world.deliver()


@pytest.mark.usefixtures("disks")
def test_a_new_vault_on_a_full_disk(pair: World, children: Children, tmp_path: Path) -> None:
    world = World(tmp_path)
    (tmp_path / "ada").mkdir()
    with disk(tmp_path / "ada", 2) as folder:
        filler = fill(folder, 16 * KIB)
        for name in ("one", "two"):
            ran = children.run(world, "ada", "--vault", str(folder / name), "init")
            full(ran)
            assert not (folder / name).exists()
        filler.unlink()
        assert children.run(world, "ada", "--vault", str(folder / "one"), "init").code == 0


@pytest.mark.usefixtures("disks")
def test_the_vault_lies_on_a_read_only_disk(pair: World, children: Children, tmp_path: Path) -> None:
    world, there = prepared(pair, children, tmp_path / "world")
    with disk(world.vault("ada"), 4) as vault:
        remount(vault, "ro")
        for words in (["read", there], ["write", "bo", "--file", text(world)], ["sync"], ["list"]):
            ran = children.run(world, "ada", *words)
            said = ran.error(6)
            assert ran.out == "" and "cannot be written" in said["error"] and said["remedy"], (words, said)
        remount(vault, "rw")
        world.deliver()


@pytest.mark.usefixtures("disks")
def test_an_enclosure_is_saved_onto_a_full_disk(pair: World, children: Children, tmp_path: Path) -> None:
    world, _there = prepared(pair, children, tmp_path / "world")
    world.sync("ada")
    letter = children.run(world, "ada", "list").value()
    wanted = next(each["id"] for each in letter if each["direction"] == "in" and each["state"] == "arrived")
    (tmp_path / "to").mkdir()
    with disk(tmp_path / "to", 1) as folder:
        filler = fill(folder, 100 * KIB)
        words = ["enclosure", "save", wanted, "1", "--to", str(folder)]
        ids = [each["id"] for each in letter if each["direction"] == "in"]
        ran = next(
            ran
            for each in ids
            if (ran := children.run(world, "ada", *["enclosure", "save", each, "1", "--to", str(folder)])).code != 2
        )
        full(ran)
        assert [path.name for path in folder.iterdir()] == [filler.name]
        filler.unlink()
        assert (
            words
            and children.run(world, "ada", "enclosure", "save", _enclosing(world), "1", "--to", str(folder)).code == 0
        )


def _enclosing(world: World) -> str:
    from tiercel.wire import to_base32

    with world.home("ada") as home:
        row = home.vault.one("SELECT id FROM letters WHERE seq IN (SELECT letter FROM enclosures) LIMIT 1")
        assert row is not None
        return to_base32(row[0])


# -- the disk of the road ------------------------------------------------------------------------------


def road_said(ran: Ran, code: int, kind: str) -> dict[str, Any]:
    """The report on standard output, and the trouble of the road on standard error."""
    assert ran.code == code, ran
    report: dict[str, Any] = json.loads(ran.out)
    said = json.loads(ran.err)
    assert said["kind"] == kind == report["troubles"][0]["kind"] and report["troubles"][0]["road"] == "post"
    assert said["remedy"]
    return report


@pytest.mark.usefixtures("disks")
@pytest.mark.parametrize("leave", [0, 8, 80, 900, 1100, 1500, 2200], ids="{} KiB".format)
def test_the_folder_is_full(pair: World, children: Children, tmp_path: Path, leave: int) -> None:
    """What came is read all the same; what waits is kept, and leaves when there is room, bit by bit."""
    world, _there = prepared(pair, children, tmp_path / "world")
    words = ["write", "bo", "--file", text(world), "--enclose", str(world.enclosure(3 * MIB, 3))]
    assert children.run(world, "ada", *words).code == 0
    with disk(world.post, 5) as post:
        filler = fill(post, leave * KIB)
        report = road_said(children.run(world, "ada", "sync"), 7, "carrier_full")
        assert report["letters"] == 1 and report["waiting"] == 2
        assert not list(post.glob("*.part"))
        filler.unlink()
        fill(post, 2 * MIB)
        for _ in range(4):
            for name in ("bo", "ada"):
                ran = children.run(world, name, "sync")
                assert ran.code in (0, 7), ran
        filler.unlink()
        world.deliver()


@pytest.mark.usefixtures("disks")
def test_the_folder_is_read_only(pair: World, children: Children, tmp_path: Path) -> None:
    """What came is read, once; nothing is put; nothing is lost."""
    world, _there = prepared(pair, children, tmp_path / "world")
    with disk(world.post, 5) as post:
        before = {path.name: path.read_bytes() for path in post.iterdir()}
        remount(post, "ro")
        for letters in (1, 0, 0):
            report = road_said(children.run(world, "ada", "sync"), 5, "carrier_read_only")
            assert (report["letters"], report["put"], report["waiting"]) == (letters, 0, 1)
        assert children.run(world, "ada", "carrier", "test", "post").error(5)["kind"] == "carrier_read_only"
        assert children.run(world, "ada", "doctor").code != 1
        assert before == {path.name: path.read_bytes() for path in post.iterdir()}
        remount(post, "rw")
        world.deliver()


def test_the_folder_is_gone(pair: World, children: Children, tmp_path: Path) -> None:
    world, _there = prepared(pair, children, tmp_path / "world")
    away = world.post.with_name("away")
    world.post.rename(away)
    report = road_said(children.run(world, "ada", "sync"), 5, "carrier_missing")
    assert report["waiting"] == 1
    assert not world.post.exists(), "a folder was made where a disk was missing"
    world.post.write_text("a file now")
    road_said(children.run(world, "ada", "sync"), 5, "carrier_missing")
    world.post.unlink()
    away.rename(world.post)
    world.deliver()


# -- without a mount -----------------------------------------------------------------------------------


def limited(world: World, limit: int, *words: str) -> Ran:
    """A real process that may write no file beyond a size: its writes fail as on a full disk."""

    def limit_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    ran = subprocess.run(
        [sys.executable, "-m", "tiercel", *words, "--json"], capture_output=True, env=environment(world.folder, "ada"),
        preexec_fn=limit_files, timeout=60, text=True,
    )  # fmt: skip
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@pytest.mark.parametrize(
    "words", [lambda w: ["write", "bo", "--file", text(w, "x" * 300_000)], lambda w: ["sync"]], ids=["write", "sync"]
)
def test_files_cannot_grow(
    pair: World, children: Children, tmp_path: Path, words: Callable[[World], list[str]]
) -> None:
    """Runs everywhere: the log of the database, enclosures and parcels stop growing at every size."""
    world, there = prepared(pair, children, tmp_path / "world")
    codes = set()
    for limit in (1, 40, 100, 300, 600):
        ran = limited(world, limit * KIB, *words(world))
        codes.add(ran.code)
        if ran.code:
            assert json.loads(ran.err)["kind"] in ("disk_full", "carrier_full"), ran
            assert ran.code == 7
    assert 7 in codes
    assert children.run(world, "ada", "read", there).code == 0
    world.deliver()
