"""Wrong passphrases, damaged and foreign files, newer vaults, two at once: one sentence, nothing overwritten."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from processes import SEED, Children, World, environment, process
from tiercel.vault.lock import sync_lock

pytestmark = pytest.mark.e2e

KIB, MIB = 1024, 1 << 20
PAGE = 4096


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file under a folder and its hash; what any opening may touch is left out."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not path.is_symlink()
        and not path.name.endswith(("-shm", "-wal", "sync.lock", ".out", ".err"))
    }


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x40]))


def text(world: World) -> str:
    path = world.folder / "text.txt"
    path.write_text("Dear Bo.\n", "utf-8")
    return str(path)


@pytest.fixture(scope="module")
def lived(pair: World, children: Children, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str]:
    """Ada has a letter with an enclosure from Bo, and one of hers waits."""
    world = pair.copy(tmp_path_factory.mktemp("lived"))
    enclosed = str(world.enclosure(200 * KIB, 1))
    letter = children.run(world, "bo", "write", "ada", "--file", text(world), "--enclose", enclosed).value()["id"]
    world.sync("bo", "ada", "ada", "bo")
    assert children.run(world, "ada", "write", "bo", "--file", text(world)).code == 0
    return world, letter


def commands(world: World, letter: str) -> list[list[str]]:
    """One of each kind, readers first."""
    return [
        ["list"], ["read", letter], ["track", letter], ["search", "Dear"], ["bond", "list"], ["bond", "words", "bo"],
        ["carrier", "list"], ["enclosure", "save", letter, "1", "--to", str(world.folder)], ["recall", letter],
        ["write", "bo", "--file", text(world)], ["clock", "ok"], ["sync"],
    ]  # fmt: skip


def refused(world: World, children: Children, letter: str, kind: str, only: int | None = None) -> None:
    """Every command ends with 6 and a sentence, and changes nothing."""
    before = fingerprint(world.folder)
    for words in commands(world, letter)[:only]:
        ran = children.run(world, "ada", *words)
        said = ran.error(6)
        assert (ran.out, said["kind"]) == ("", kind) and said["error"].endswith(".") and said["remedy"], words
    ran = children.run(world, "ada", "doctor")
    assert ran.code == 6 and not json.loads(ran.out)[0]["well"] and not ran.err
    assert fingerprint(world.folder) == before


# -- the vault -----------------------------------------------------------------------------------------


def test_a_wrong_passphrase(lived: tuple[World, str], children: Children, tmp_path: Path) -> None:
    world, letter = lived[0].copy(tmp_path / "world"), lived[1]
    before = fingerprint(world.folder)
    for wrong in ("A quiet evening", "a quiet evening ", "x" * 10_000, "'"):
        settings = {"TIERCEL_PASSPHRASE": wrong}
        for words in (["list"], ["read", letter], ["sync"]):
            ran = process_with(world, settings, *words)
            assert ran.returncode == 6 and ran.stdout == "" and json.loads(ran.stderr)["kind"] == "wrong_passphrase"
    assert fingerprint(world.folder) == before


def process_with(world: World, settings: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tiercel", *words, "--json"], capture_output=True, text=True, timeout=60,
        env=environment(world.folder, "ada") | settings, start_new_session=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.slow
def test_every_page_of_the_vault_damaged_in_turn(lived: tuple[World, str], children: Children, tmp_path: Path) -> None:
    """Every command works, where the page is not its business, or ends with 6 and a sentence; the damage stays."""
    base, letter = lived
    pages = (base.vault("ada") / "vault.db").stat().st_size // PAGE
    chance, noticed = random.Random(SEED), 0
    for page in range(pages):
        world = base.copy(tmp_path / "world")
        database = world.vault("ada") / "vault.db"
        flip(database, page * PAGE + chance.randrange(PAGE))
        damaged = database.read_bytes()[page * PAGE :][:PAGE]
        codes = []
        for words in (["read", letter], ["list"], chance.choice(commands(world, letter)[2:-3]), ["sync"]):
            ran = children.run(world, "ada", *words)
            codes.append(ran.code)
            if ran.code != 0:
                assert ran.code == 6 or words[0] == "recall", (page, words, ran)
                assert json.loads(ran.err)["kind"] in ("vault_damaged", "state_forbids") and ran.out == "", (page, ran)
        doctor = children.run(world, "ada", "doctor")
        assert doctor.code in (0, 6) and (doctor.code == 6 or 6 not in codes)
        if doctor.code == 6:
            noticed += 1
            assert database.read_bytes()[page * PAGE :][:PAGE] == damaged
        shutil.rmtree(world.folder)
    print(f"{noticed} of {pages} pages were missed")
    assert noticed > pages * 2 // 3


@pytest.mark.parametrize("size", [0, 1, 9, 42, 100, 283, 285, 5000])
def test_a_header_of_another_length(lived: tuple[World, str], children: Children, tmp_path: Path, size: int) -> None:
    world, letter = lived[0].copy(tmp_path / "world"), lived[1]
    header = world.vault("ada") / "vault.keys"
    header.write_bytes(header.read_bytes()[:size].ljust(size, b"\0"))
    refused(world, children, letter, "vault_damaged", only=3)


def test_a_header_with_any_byte_flipped(lived: tuple[World, str], children: Children, tmp_path: Path) -> None:
    """Rot is told from a wrong passphrase and from a newer version, byte by byte."""
    world, letter = lived[0].copy(tmp_path / "world"), lived[1]
    header = world.vault("ada") / "vault.keys"
    sound = header.read_bytes()
    for at in (*range(12), *range(12, len(sound), 7)):
        header.write_bytes(sound)
        flip(header, at)
        kind = "vault_newer" if at in (8, 9) else "vault_damaged"
        assert children.run(world, "ada", "read", letter).error(6)["kind"] == kind
    header.write_bytes(sound)
    assert children.run(world, "ada", "read", letter).code == 0


def test_a_missing_header_database_or_vault(lived: tuple[World, str], children: Children, tmp_path: Path) -> None:
    world, letter = lived[0].copy(tmp_path / "world"), lived[1]
    vault = world.vault("ada")
    for name in ("vault.keys", "vault.db"):
        (vault / name).rename(tmp_path / name)
        refused(world, children, letter, "vault_damaged", only=2)
        (tmp_path / name).rename(vault / name)
    (vault / "vault.db").rename(tmp_path / "vault.db")
    (vault / "vault.db").write_bytes(b"")
    refused(world, children, letter, "vault_damaged", only=2)
    (tmp_path / "vault.db").rename(vault / "vault.db")
    assert children.run(world, "ada", "read", letter).code == 0
    for folder in (tmp_path / "nothing", tmp_path):
        ran = children.run(world, "ada", "--vault", str(folder), "list")
        assert ran.error(6)["kind"] == "vault_missing" and not (tmp_path / "nothing").exists()


def test_init_over_something(lived: tuple[World, str], children: Children, tmp_path: Path) -> None:
    world = lived[0].copy(tmp_path / "world")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "garden.jpg").write_bytes(b"a garden")
    before = fingerprint(tmp_path)
    assert children.run(world, "ada", "--vault", str(tmp_path / "photos" / "garden.jpg"), "init").code == 2
    for folder in (world.vault("ada"), tmp_path / "photos"):
        assert children.run(world, "ada", "--vault", str(folder), "init").error(6)["kind"] == "vault_exists"
    assert fingerprint(tmp_path) == before


def test_a_vault_from_a_newer_version(lived: tuple[World, str], children: Children, tmp_path: Path) -> None:
    world, letter = lived[0].copy(tmp_path / "world"), lived[1]
    with world.home("ada") as home, home.vault.transaction():
        home.vault.run("UPDATE meta SET value = 99 WHERE key = 'schema_version'")
    refused(world, children, letter, "vault_newer")


def test_a_vault_put_back_from_an_older_copy(lived: tuple[World, str], children: Children, tmp_path: Path) -> None:
    """Reading is fine; nothing is sent until a person decides; then everything goes on."""
    world, letter = lived[0].copy(tmp_path / "world"), lived[1]
    shutil.copytree(world.vault("ada"), tmp_path / "copy")
    world.sync("ada", "bo", "ada")
    shutil.rmtree(world.vault("ada"))
    shutil.copytree(tmp_path / "copy", world.vault("ada"))
    ran = children.run(world, "ada", "read", letter)
    assert ran.code == 0 and "older copy" in ran.err
    for _ in range(2):
        assert children.run(world, "ada", "sync").error(6)["kind"] == "vault_rolled_back"
    assert children.run(world, "ada", "doctor").code == 6
    assert children.run(world, "ada", "doctor", "--accept-old-copy").code == 0
    for name in ("ada", "bo") * 4:
        assert children.run(world, name, "sync").code == 0
    states = [each["state"] for each in children.run(world, "ada", "list").value() if each["direction"] == "out"]
    assert states == ["arrived"]
    came = [each for each in children.run(world, "bo", "list").value() if each["direction"] == "in"]
    assert len(came) == 1


# -- enclosures ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", ["flipped", "truncated", "longer", "empty", "missing", "a folder", "a symlink"])
def test_a_damaged_enclosure(lived: tuple[World, str], children: Children, tmp_path: Path, harm: str) -> None:
    """6, and nothing is saved, not even half of it; the letter itself is still read."""
    world, letter = lived[0].copy(tmp_path / "world"), lived[1]
    (stored,) = (world.vault("ada") / "enclosures").iterdir()
    data, to = stored.read_bytes(), tmp_path / "to"
    to.mkdir()
    stored.unlink()
    if harm == "flipped":
        stored.write_bytes(data)
        flip(stored, 150_000)
    elif harm == "a folder":
        stored.mkdir()
    elif harm == "a symlink":
        stored.symlink_to("/dev/zero")
    elif harm != "missing":
        stored.write_bytes({"truncated": data[:-1], "longer": data + b"\0", "empty": b""}[harm])
    for _ in range(2):
        said = children.run(world, "ada", "enclosure", "save", letter, "1", "--to", str(to)).error(6)
        assert said["kind"] == "enclosure_damaged" and said["remedy"] and not list(to.iterdir())
    assert children.run(world, "ada", "read", letter).code == 0
    assert children.run(world, "ada", "sync").code == 0


def test_our_own_enclosure_is_gone_before_it_left(pair: World, children: Children, tmp_path: Path) -> None:
    """The letter cannot leave whole; `sync` says so, and the other letters go."""
    world = pair.copy(tmp_path / "world")
    words = ["write", "bo", "--file", text(world)]
    lost = children.run(world, "ada", *words, "--enclose", str(world.enclosure(100 * KIB, 2))).value()["id"]
    (stored,) = (world.vault("ada") / "enclosures").iterdir()
    data = stored.read_bytes()
    stored.unlink()
    other = children.run(world, "ada", *words).value()["id"]
    for _ in range(2):
        ran = children.run(world, "ada", "sync")
        assert ran.code in (0, 6), ran
        assert "enclosure" in (ran.out + ran.err) and "bug" not in ran.err
    world.sync("bo", "bo")
    assert children.run(world, "ada", "sync").code in (0, 6)
    states = {each["id"]: each["state"] for each in children.run(world, "ada", "list").value()}
    assert states[other] == "arrived" and states[lost] != "arrived"
    stored.write_bytes(data)
    world.deliver()


# -- the folder ----------------------------------------------------------------------------------------


def test_foreign_files_in_the_folder(lived: tuple[World, str], children: Children, tmp_path: Path) -> None:
    """Rubbish, other people's parcels, directories, symlinks, pipes, half-written parts: all fine and untouched."""
    world = lived[0].copy(tmp_path / "world")
    chance, post = random.Random(SEED), world.post
    letters = "abcdefghijklmnopqrstuvwxyz234567"

    def name() -> str:
        return "".join(chance.choices(letters, k=26))

    for size in (0, 1, 64 * KIB, 64 * KIB, MIB, 64 * KIB + 1):
        (post / name()).write_bytes(chance.randbytes(size))
        (post / (name() + ".part")).write_bytes(chance.randbytes(size // 2))
    for odd in ("Thumbs.db", ".DS_Store", "holiday photos.zip", "\N{SNOWMAN}", name().upper(), "a" * 200):
        (post / odd).write_bytes(b"x" * 64 * KIB)
    os.fsencode(post)
    (Path(os.fsdecode(os.fsencode(post) + b"/\xff\xfe"))).write_bytes(b"no UTF-8")
    (post / name()).mkdir()
    (post / name() / "deep").mkdir(parents=True)
    (post / name()).symlink_to("/dev/zero")
    (post / name()).symlink_to(world.vault("ada") / "vault.keys")
    (post / name()).symlink_to(post)
    os.mkfifo(post / name())
    before = {path.name: os.lstat(path).st_mtime_ns for path in post.iterdir()}
    for _ in range(3):
        for who in ("ada", "bo"):
            report = children.run(world, who, "sync").value()
            assert report["troubles"] == []
    assert {path.name: os.lstat(path).st_mtime_ns for path in post.iterdir()} == before
    shutil.rmtree(post)
    post.mkdir()
    world.deliver()


# -- two at once ---------------------------------------------------------------------------------------


def test_a_second_sync_says_who_has_the_lock(lived: tuple[World, str], children: Children, tmp_path: Path) -> None:
    world = lived[0].copy(tmp_path / "world")
    with subprocess.Popen(
        [sys.executable, "-m", "tiercel", "sync", "--watch", "--json"], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env=environment(world.folder, "ada"),
    ) as watching:  # fmt: skip
        assert watching.stdout is not None
        watching.stdout.readline()
        locked = children.run(world, "ada", "sync")
        watching.terminate()
        watching.wait(30)
    assert locked.code in (0, 5)  # between two visits of the watcher the lock is free
    with sync_lock(world.vault("ada")):
        said = children.run(world, "ada", "sync").error(5)
        assert said["kind"] == "sync_locked" and f"process {os.getpid()}" in said["error"]
        assert children.run(world, "bo", "sync").code == 0
        for words in (["list"], ["write", "bo", "--file", text(world)], ["bond", "list"]):
            assert children.run(world, "ada", *words).code == 0
    world.deliver()


def test_reading_and_writing_beside_a_running_sync(pair: World, children: Children, tmp_path: Path) -> None:
    """A visit that carries 24 MiB does not keep anybody from reading, writing or taking back."""
    world = pair.copy(tmp_path / "world")
    there = children.run(world, "bo", "write", "ada", "--file", text(world)).value()["id"]
    world.sync("bo", "ada")
    big = str(world.enclosure(24 * MIB, 7))
    assert children.run(world, "ada", "write", "bo", "--file", text(world), "--enclose", big).code == 0
    rounds = 0
    with subprocess.Popen(
        [sys.executable, "-m", "tiercel", "sync", "--json"], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env=environment(world.folder, "ada"),
    ) as carrying:  # fmt: skip
        while carrying.poll() is None:
            for words in (["list"], ["read", there], ["write", "bo", "--file", text(world)], ["track", there]):
                begun = time.monotonic()
                children.run(world, "ada", *words).value()
                assert time.monotonic() - begun < 5
            rounds += 1
            draft = children.run(world, "ada", "write", "bo", "--file", text(world), "--draft").value()["id"]
            children.run(world, "ada", "send", draft).value()
        assert carrying.returncode == 0
    assert rounds > 1
    world.deliver()


def test_two_writers_at_once_number_without_holes(pair: World, tmp_path: Path) -> None:
    world = pair.copy(tmp_path / "world")
    words = ["write", "bo", "--file", text(world)]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tiercel", *words, "--json"], env=environment(world.folder, "ada"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(6)
    ]  # fmt: skip
    for each in running:
        assert each.wait(60) == 0
        assert each.stdout and each.stderr
        each.stdout.close()
        each.stderr.close()
    assert process(world, "ada", "sync").value()["waiting"] == 6
    world.deliver()
