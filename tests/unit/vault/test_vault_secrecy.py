"""What the disk may never show: plaintext, deleted keys even under the vault key, an old copy taken for the new."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tiercel.testing.entropy import SeededEntropy
from tiercel.vault import marker
from tiercel.vault.store import Vault
from vault_kit import (
    PASSPHRASE,
    SECOND,
    STEPS,
    every_page,
    files_with,
    in_child,
    key_of,
    make,
    pages_with,
    put,
    reopen,
    tree,
)

SECRET = b"\xd1one-time secret of a prekey\x9e"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state" / "tiercel"


def delete_all(vault: Vault) -> None:
    with vault.transaction():
        vault.run("DELETE FROM notes")


# -- T-VAULT-1 -------------------------------------------------------------------------------------

WRITER = """
import os, sys, tempfile
from pathlib import Path
from vault_kit import CHEAP, SECOND, STEPS, files_with, key_of
from tiercel.testing.entropy import SeededEntropy
from tiercel.vault import files
from tiercel.vault.store import Vault

base, word, text = Path(sys.argv[1]), "CANARY-passphrase-word", "CANARY-letter-text"
folder, state = base / "vault", base / "state"
assert tempfile.gettempdir() == str(base / "tmp")
needles = [n for w in (word, text) for n in (w.encode(), w.encode("utf-16-le"), w.encode()[::-1])]

def look(step):
    found = files_with(base, *needles)
    assert not found, (step, found)

vault = Vault.create(folder, word, SeededEntropy(1), kdf=CHEAP, state_dir=state, steps=STEPS)
key = key_of(folder, word)
needles += [key, key.hex().encode(), key.hex().upper().encode()]
look("made")
vault.db.pragma("cache_size", 10)  # so that one transaction spills into the log before its commit
with vault.transaction():
    for number in range(3000):
        vault.run("INSERT INTO notes (body) VALUES (?)", f"{text} {number} " * 40)
        if number % 1000 == 999:
            look("spilled")
look("committed")
assert (folder / "vault.db-wal").stat().st_size > 1_000_000
with vault.reading():
    rows = vault.db.execute("SELECT body FROM notes ORDER BY substr(body, 30), body DESC")
    next(rows)
    look("while sorting")
    rows.close()
try:
    with vault.transaction():
        vault.run("CREATE INDEX by_body ON notes (body)")
        look("indexed")
        raise KeyError
except KeyError:
    pass
look("undone")
vault.forget()
look("log emptied")
vault.change_passphrase(word, text, SeededEntropy(2))
look("passphrase changed")
with vault.transaction():
    vault.run("DELETE FROM notes WHERE id % 2")
look("deleted")
vault.close()
look("closed")
vault = Vault.open(folder, text, SeededEntropy(3), state_dir=state, steps=(*STEPS, SECOND))
look("upgraded")
assert list(folder.glob("vault.db.before-*"))
vault.mark()
with vault.transaction():
    vault.run("INSERT INTO notes (body) VALUES (?)", text)
look("again")
os._exit(0)  # as a power cut would leave it
"""


def test_T_VAULT_1_canaries_are_in_no_file(tmp_path: Path) -> None:
    """The process's home, work and temporary folders are all watched, in the middle and after it was cut off."""
    for name in ("tmp", "home", "work"):
        (tmp_path / name).mkdir()
    environ = os.environ | {
        "TMPDIR": str(tmp_path / "tmp"),
        "SQLITE_TMPDIR": str(tmp_path / "tmp"),
        "HOME": str(tmp_path / "home"),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        cwd=tmp_path / "work", env=environ, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert files_with(tmp_path, b"CANARY", "CANARY".encode("utf-16-le")) == []
    assert tree(tmp_path / "tmp") == tree(tmp_path / "home") == tree(tmp_path / "work") == {}


def test_T_VAULT_1_the_test_can_see(folder: Path) -> None:
    folder.mkdir()
    (folder / "leak").write_bytes(b"..CANARY..")
    assert files_with(folder, b"CANARY") == ["leak: b'CANARY'"]


# -- T-VAULT-2 -------------------------------------------------------------------------------------


def old_copy(folder: Path, state: Path) -> Path:
    """A vault that went on after a copy of it was made; the copy, put back."""
    with make(folder, state_dir=state) as vault:
        put(vault, "day one")
    shutil.copytree(folder, folder.parent / "yesterday")
    with reopen(folder, state_dir=state) as vault:
        put(vault, "day two")
    folder.rename(folder.parent / "newest")
    shutil.copytree(folder.parent / "yesterday", folder)
    return folder


def test_T_VAULT_2_an_old_copy_is_known_before_anything_is_sent(folder: Path, state: Path) -> None:
    with make(folder, state_dir=state) as vault:
        assert not vault.rolled_back and vault.mark()
    old_copy(folder.parent / "second", state)
    with reopen(folder.parent / "second", state_dir=state) as vault:
        assert vault.rolled_back
        assert vault.all("SELECT body FROM notes") == [("day one",)], "reading is never refused"
        assert not vault.mark(), "and it does not pass for the newest"


def test_T_VAULT_2_an_old_copy_stays_one_however_much_is_done_in_it(folder: Path, state: Path) -> None:
    old_copy(folder, state)
    for _ in range(3):
        with reopen(folder, state_dir=state) as vault:
            assert vault.rolled_back
            for _ in range(5):
                put(vault, "read, filed, read again")
            assert vault.rolled_back
    shutil.rmtree(state)
    with reopen(folder, state_dir=state) as vault:
        assert vault.rolled_back, "losing the marker later does not clear it"


def test_T_VAULT_2_putting_the_newest_back_clears_it(folder: Path, state: Path) -> None:
    old_copy(folder, state)
    with reopen(folder, state_dir=state) as vault:
        put(vault, "x")
    shutil.rmtree(folder)
    (folder.parent / "newest").rename(folder)
    with reopen(folder, state_dir=state) as vault:
        assert not vault.rolled_back


def test_T_VAULT_2_a_person_can_accept_the_old_copy(folder: Path, state: Path) -> None:
    old_copy(folder, state)
    with reopen(folder, state_dir=state) as running, reopen(folder, state_dir=state) as vault:
        both = (running, vault)
        assert [each.rolled_back for each in both] == [True, True]
        vault.accept_rollback()
        assert [each.rolled_back for each in both] == [False, False]
        put(running, "a second process does not bring it back")
        assert [each.rolled_back for each in both] == [False, False]
    with reopen(folder, state_dir=state) as vault:
        assert not vault.rolled_back
    # Now the copy that was newer is the stranger.
    shutil.rmtree(folder)
    (folder.parent / "newest").rename(folder)
    with reopen(folder, state_dir=state) as vault:
        assert vault.rolled_back


def test_a_new_machine_and_a_lost_or_spoilt_marker_are_no_rollback(folder: Path, state: Path) -> None:
    with make(folder, state_dir=state) as vault:
        put(vault, "x")
        path = marker.marker_path(state, vault.id)
        assert vault.id.hex() not in path.name
    for spoilt in (b"", b"x", b"12", b"-5\n", b"99999999999999999999999\n", b"9999999999999999999\n", bytes(5000)):
        path.write_bytes(spoilt)
        with reopen(folder, state_dir=state) as vault:
            assert not vault.rolled_back
        assert marker.read_marker(state, vault.id) == 2, "and it is mended"
    for other in (None, folder.parent / "elsewhere"):
        with reopen(folder, state_dir=other) as vault:
            assert not vault.rolled_back
            assert vault.mark() is (other is not None)


def test_a_state_folder_that_cannot_be_written_stops_nobody(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with make(folder, state_dir=tmp_path / "file" / "state") as vault:
        put(vault, "x")
        assert not vault.mark() and not vault.rolled_back


def test_the_marker_never_goes_down_whoever_writes_it(state: Path) -> None:
    def climb() -> None:
        for number in range(200):
            marker.raise_marker(state, b"id", number)

    children = [os.fork() for _ in range(2)]
    if 0 in children:
        try:
            climb()
        finally:
            os._exit(0)
    climb()
    for child in children:
        os.waitpid(child, 0)
    assert marker.read_marker(state, b"id") == 199
    assert marker.raise_marker(state, b"id", 5) and marker.read_marker(state, b"id") == 199
    assert [p.name for p in state.iterdir()] == [marker.marker_path(state, b"id").name]
    assert state.stat().st_mode & 0o777 == 0o700


def test_where_the_marker_lives() -> None:
    home = Path("/home/ada")
    assert marker.default_state_dir({}, home) == home / ".local/state/tiercel"
    assert marker.default_state_dir({"XDG_STATE_HOME": "/s"}, home) == Path("/s/tiercel")
    assert marker.default_state_dir({"XDG_STATE_HOME": "not/absolute"}, home) == home / ".local/state/tiercel"


# -- T-DEL-1 ---------------------------------------------------------------------------------------


def test_T_DEL_1_a_deleted_secret_is_nowhere_even_under_the_key(folder: Path) -> None:
    with make(folder) as vault:
        key = key_of(folder)
        with vault.transaction():
            for number in range(60):
                vault.run("INSERT INTO notes (body) VALUES (?)", SECRET if number == 30 else os.urandom(200))
        assert pages_with(folder, key, SECRET), "the test can see it in the log"
        assert vault.forget()
        assert pages_with(folder, key, SECRET), "and in the database"
        with vault.transaction():
            vault.run("DELETE FROM notes WHERE body = ?", SECRET)
        # secure_delete has wiped it in the new page; the log was emptied before, so the database holds the old page.
        assert any(name.startswith("page") for name in pages_with(folder, key, SECRET))
        assert vault.forget() and not vault.checkpoint_owed
        assert pages_with(folder, key, SECRET) == []
        assert len(list(every_page(folder, key))) > 3
    assert pages_with(folder, key, SECRET) == []


@pytest.mark.parametrize("size", [40, 5000, 300_000])
def test_T_DEL_1_small_and_large_values_in_and_out_of_the_log(folder: Path, size: int) -> None:
    value = SECRET + os.urandom(size) + SECRET
    with make(folder) as vault:
        key = key_of(folder)
        put(vault, value)
        put(vault, "something later")
        delete_all(vault)
        assert pages_with(folder, key, SECRET)
        assert vault.forget()
        for needle in (SECRET, value[40:60], value[size // 2 : size // 2 + 20]):
            assert pages_with(folder, key, needle) == []


def test_T_DEL_1_frames_of_an_earlier_round_of_the_log(folder: Path) -> None:
    """After a passive checkpoint the log starts again from its head and its old frames stay behind the new ones."""
    with make(folder) as vault:
        key = key_of(folder)
        put(vault, b"long" * 20_000)
        put(vault, SECRET)
        vault.db.wal_checkpoint()
        with vault.transaction():
            vault.run("DELETE FROM notes WHERE body = ?", SECRET)
        assert any(name.startswith("frame") for name in pages_with(folder, key, SECRET))
        assert vault.forget()
        assert pages_with(folder, key, SECRET) == []


def test_T_DEL_1_a_reader_in_the_way_is_remembered(folder: Path) -> None:
    with make(folder) as vault, reopen(folder) as other:
        key = key_of(folder)
        put(vault, SECRET)
        with other.reading():
            other.all("SELECT * FROM notes")
            delete_all(vault)
            assert (vault.forget(), vault.checkpoint_owed) == (False, True)
            assert pages_with(folder, key, SECRET)
            assert vault.db.pragma("busy_timeout") == 10_000
            put(vault, "work goes on meanwhile")
        assert (vault.forget(), vault.checkpoint_owed) == (True, False)
        assert pages_with(folder, key, SECRET) == []


def test_T_DEL_1_a_process_that_died_first_is_made_good_by_the_next(folder: Path) -> None:
    make(folder).close()
    key = key_of(folder)

    def work() -> None:
        vault = reopen(folder)
        put(vault, SECRET)
        delete_all(vault)
        os._exit(0)

    assert in_child(work) == 0
    assert pages_with(folder, key, SECRET)
    with reopen(folder) as vault:
        assert vault.checkpoint_owed
    assert pages_with(folder, key, SECRET) == []
    with reopen(folder) as vault:
        assert not vault.checkpoint_owed


def test_T_DEL_1_closing_forgets(folder: Path) -> None:
    with make(folder) as vault:
        put(vault, SECRET)
        delete_all(vault)
    assert pages_with(folder, key_of(folder), SECRET) == []
    assert not list(folder.glob("vault.db-*"))


def test_T_DEL_1_the_copy_of_an_upgrade_goes_too(folder: Path) -> None:
    steps = (*STEPS, SECOND)
    with make(folder) as vault:
        put(vault, SECRET)
    reopen(folder, steps=steps).close()
    with reopen(folder, steps=steps) as vault:
        assert list(folder.glob("vault.db.before-*"))
        delete_all(vault)
        assert vault.forget()
        assert not list(folder.glob("vault.db.before-*"))


def test_the_old_header_does_not_stay_beside_the_new_one(folder: Path) -> None:
    with make(folder) as vault:
        for old, new in ((PASSPHRASE, "one"), ("one", "two"), ("two", PASSPHRASE)):
            vault.change_passphrase(old, new, SeededEntropy(new))
    assert sorted(p.name for p in folder.glob("*keys*")) == ["vault.keys"]
