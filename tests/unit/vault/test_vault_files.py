"""Files beside the database and the lock of the road work."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tiercel.errors import DiskFull, EnclosureDamaged, SyncLocked, VaultError
from tiercel.testing.entropy import SeededEntropy
from tiercel.vault import files
from tiercel.vault.lock import sync_lock
from vault_kit import count_steps, in_child, killed_at

NAME = "0123456789abcdef" * 2
LATER = 1 << 50


def test_names_are_random_and_say_nothing() -> None:
    entropy = SeededEntropy("names")
    names = {files.new_name(entropy) for _ in range(100)}
    assert len(names) == 100 and all(len(name) == 32 and int(name, 16) >= 0 for name in names)


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    with files.creating(tmp_path, NAME) as file:
        file.write(b"film")
        file.write(memoryview(b"film"))
        assert [p.name for p in tmp_path.iterdir()] == [NAME + ".part"]
    with files.open_file(tmp_path, NAME) as read:
        assert read.read() == b"filmfilm"
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyError), files.creating(tmp_path, NAME[::-1]) as file:
        file.write(b"half")
        raise KeyError
    assert [p.name for p in tmp_path.iterdir()] == [NAME]


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(EnclosureDamaged):
        files.open_file(tmp_path, NAME)
    files.write(tmp_path, NAME, b"x")
    files.remove(tmp_path, NAME)
    files.remove(tmp_path, NAME)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "../" + NAME, NAME + "/x", NAME.upper(), NAME + ".part", NAME[:-1] + "\n", "."])
def test_no_name_leads_out(tmp_path: Path, name: str) -> None:
    for use in (files.open_file, files.remove, files.path_of):
        with pytest.raises(ValueError, match="not a name"):
            use(tmp_path, name)
    with pytest.raises(ValueError, match="not a name"):
        files.write(tmp_path, name, b"")


def failing(number: int) -> object:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, "injected")

    return fail


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, DiskFull), (errno.EIO, VaultError)])
@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_T_FSYNC_1_a_failing_disk_leaves_no_file(
    tmp_path: Path, call: str, number: int, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(number))
        with pytest.raises(kind):
            files.write(tmp_path, NAME, b"x" * 100_000)
    assert list(tmp_path.iterdir()) == []


def test_a_full_device_is_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "open_new", lambda path: open("/dev/full", "wb"))  # noqa: SIM115
    with pytest.raises(DiskFull):
        files.write(tmp_path, NAME, b"x" * 100_000)


def test_what_the_block_reads_meanwhile_fails_as_itself(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), files.creating(tmp_path, NAME):
        (tmp_path / "film of a person").open("rb")
    assert list(tmp_path.iterdir()) == []


def test_a_crash_leaves_no_orphan_for_ever(tmp_path: Path) -> None:
    def work() -> None:
        files.write(tmp_path, NAME, b"x")

    steps = count_steps(work)
    seen = set()
    for step in range(1, steps + 1):
        files.remove(tmp_path, NAME)
        killed_at(work, step)
        seen |= {p.name for p in tmp_path.iterdir()}
        files.sweep(tmp_path, set(), LATER)
        assert list(tmp_path.iterdir()) == []
    assert seen == {NAME, NAME + ".part"}


def test_the_sweep_spares_the_living_the_new_and_the_foreign(tmp_path: Path) -> None:
    names = [files.new_name(SeededEntropy(number)) for number in range(3)]
    for name in names:
        files.write(tmp_path, name, b"x")
    (tmp_path / "notes.txt").write_text("a person put this here")
    (tmp_path / ("f" * 32)).mkdir()
    assert files.sweep(tmp_path, set(), 1) == 0, "changed since: another process may be about to commit"
    os.utime(tmp_path / names[0], (1000, 1000))
    os.utime(tmp_path / names[1], (1000, 1000))
    assert files.sweep(tmp_path, {names[1]}, 1_000_001) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*names[1:], "notes.txt", "f" * 32])


def test_replacing_is_old_or_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "vault.keys"
    files.replace(path, b"old")
    for call in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, failing(errno.EIO))
            with pytest.raises(OSError, match="injected"):
                files.replace(path, b"new")
        assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1
    files.replace(path, b"new")
    assert path.read_bytes() == b"new"


# -- the sync lock ---------------------------------------------------------------------------------


def test_one_process_does_the_road_work(tmp_path: Path) -> None:
    with sync_lock(tmp_path, "2026-11-20 09:00"):
        said = rf"process {os.getpid()}, since 2026-11-20 09:00\)"
        with pytest.raises(SyncLocked, match=said), sync_lock(tmp_path):
            pass

        def refused() -> None:
            with pytest.raises(SyncLocked), sync_lock(tmp_path):
                pass

        assert in_child(refused) == 0
    with sync_lock(tmp_path), pytest.raises(SyncLocked, match=rf"\(process {os.getpid()}\)"), sync_lock(tmp_path):
        pass
    assert (tmp_path / "sync.lock").read_bytes() == b""


def test_the_lock_of_a_dead_process_is_free(tmp_path: Path) -> None:
    def die() -> None:
        with sync_lock(tmp_path, "then"):
            os._exit(0)

    assert in_child(die) == 0
    assert b"then" in (tmp_path / "sync.lock").read_bytes()
    with sync_lock(tmp_path):
        pass


def test_rubbish_in_the_lock_is_not_shown(tmp_path: Path) -> None:
    with sync_lock(tmp_path):
        (tmp_path / "sync.lock").write_bytes(b"\x1b[31m\xff" * 1000)
        with pytest.raises(SyncLocked, match=r"^Another Tiercel is carrying"), sync_lock(tmp_path):
            pass


def test_a_lock_is_let_go_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyError), sync_lock(tmp_path):
        raise KeyError
    with sync_lock(tmp_path):
        pass


def test_no_vault_folder_no_lock(tmp_path: Path) -> None:
    with pytest.raises(VaultError), sync_lock(tmp_path / "missing"):
        pass
