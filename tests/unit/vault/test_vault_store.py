"""Making, opening, blocks, damage: the vault is whole or refused, and says which."""

from __future__ import annotations

import errno
import functools
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from tiercel.errors import (
    DiskFull,
    UsageError,
    VaultBusy,
    VaultDamaged,
    VaultError,
    VaultExists,
    VaultMissing,
    VaultNewer,
    WrongPassphrase,
)
from tiercel.testing.entropy import SeededEntropy
from tiercel.vault import border, database, layout, migrate
from tiercel.vault.store import Vault
from vault_kit import (
    PAGE,
    PASSPHRASE,
    SECOND,
    STEPS,
    bodies,
    count_steps,
    in_child,
    key_of,
    killed_at,
    make,
    put,
    reopen,
    tree,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture
def vault(folder: Path) -> Iterator[Vault]:
    with make(folder) as vault:
        yield vault


# -- making and opening ----------------------------------------------------------------------------


def test_what_was_put_is_there_again(folder: Path) -> None:
    with make(folder) as vault:
        put(vault, "Liebe Ada")
        name = vault.id
    with reopen(folder) as vault:
        assert bodies(vault) == ["Liebe Ada"] and vault.id == name and len(name) == 16
        assert vault.check() == []


def test_the_shipped_schema_makes_a_sound_vault(folder: Path) -> None:
    make(folder, steps=None).close()
    with reopen(folder, steps=None) as vault:
        assert vault.check() == []
        assert vault.one("SELECT value FROM meta WHERE key = 'schema_version'") == (migrate.SCHEMA_VERSION,)
        assert vault.all("SELECT count(*) FROM letters_fts WHERE letters_fts MATCH 'x'") == [(0,)]


def test_only_the_owner_can_look(folder: Path) -> None:
    old = os.umask(0)
    try:
        with make(folder) as vault:
            put(vault, "x")
            modes = {path.name: path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")]}
    finally:
        os.umask(old)
    assert {name: mode for name, mode in modes.items() if mode & 0o077} == {}
    assert modes["vault"] == 0o700 and "vault.db-wal" in modes


def test_a_vault_is_never_made_over_something(folder: Path) -> None:
    with pytest.raises(VaultMissing):
        reopen(folder)
    assert not folder.exists()
    make(folder).close()
    before = tree(folder)
    with pytest.raises(VaultExists, match="already a vault"):
        make(folder)
    (folder / "vault.keys").rename(folder.parent / "keys")
    with pytest.raises(VaultExists):
        make(folder)  # a vault without its header is still somebody's vault
    with pytest.raises(VaultDamaged, match=r"vault\.keys"):
        reopen(folder)
    (folder.parent / "keys").rename(folder / "vault.keys")
    assert tree(folder) == before


def test_a_folder_with_other_files_or_a_file_is_refused(folder: Path) -> None:
    folder.mkdir()
    (folder / "holiday.txt").write_text("mine")
    with pytest.raises(VaultExists):
        make(folder)
    assert tree(folder) == {"holiday.txt": b"mine"}
    with pytest.raises(VaultExists):
        make(folder / "holiday.txt")
    with pytest.raises(VaultMissing):
        reopen(folder / "holiday.txt")


def test_a_missing_database_is_damage_and_none_is_made(folder: Path) -> None:
    make(folder).close()
    (folder / "vault.db").unlink()
    with pytest.raises(VaultDamaged):
        reopen(folder)
    assert not (folder / "vault.db").exists()


def test_a_wrong_passphrase_changes_nothing(folder: Path) -> None:
    make(folder).close()
    before = tree(folder)
    with pytest.raises(WrongPassphrase):
        reopen(folder, passphrase="no")
    assert tree(folder) == before


def test_a_making_that_fails_leaves_nothing(folder: Path) -> None:
    with pytest.raises(UsageError):
        make(folder, passphrase="\udcff")
    assert not folder.exists()
    folder.mkdir()
    with pytest.raises(apsw.SQLError):
        make(folder, steps=("CREATE TABLE broken (",))
    assert list(folder.iterdir()) == []


def test_one_maker_at_a_time(folder: Path) -> None:
    folder.mkdir()
    with layout.alone(folder), pytest.raises(VaultBusy):
        make(folder)


def test_killed_while_making(folder: Path) -> None:
    """SIGKILL between any two steps: it is either a whole vault or one that can be made again."""
    steps = count_steps(lambda: make(folder))
    assert steps > 100
    for step in range(1, steps, max(1, steps // 60)):
        home = folder.parent / f"killed-{step}"
        killed_at(functools.partial(make, home), step)
        if (home / "vault.keys").exists():
            with pytest.raises(VaultExists):
                make(home)
        else:
            with pytest.raises(VaultMissing):
                reopen(home)
            make(home).close()
        with reopen(home) as vault:
            put(vault, "works")
            assert bodies(vault) == ["works"] and vault.check() == []
        assert sorted(p.name for p in home.iterdir()) == ["enclosures", "vault.db", "vault.keys"]


def test_killed_while_changing_the_passphrase(folder: Path) -> None:
    with make(folder) as vault:
        put(vault, "kept")

    def change() -> None:
        with reopen(folder) as vault:
            vault.change_passphrase(PASSPHRASE, "new", SeededEntropy("new"))

    before = (folder / "vault.keys").read_bytes()
    in_force = set()
    steps = count_steps(change)
    for step in range(1, steps, max(1, steps // 60)):
        (folder / "vault.keys").write_bytes(before)
        killed_at(change, step)
        for passphrase, other in ((PASSPHRASE, "new"), ("new", PASSPHRASE)):
            try:
                with reopen(folder, passphrase=passphrase) as vault:
                    assert bodies(vault) == ["kept"]
                in_force.add(passphrase)
            except WrongPassphrase:
                reopen(folder, passphrase=other).close()
    assert in_force == {PASSPHRASE, "new"}


def test_changing_the_passphrase(vault: Vault, folder: Path) -> None:
    with pytest.raises(WrongPassphrase):
        vault.change_passphrase("no", "new", SeededEntropy("n"))
    vault.change_passphrase(PASSPHRASE, "new", SeededEntropy("n"))
    with pytest.raises(WrongPassphrase):
        reopen(folder)
    reopen(folder, passphrase="new").close()


# -- blocks ----------------------------------------------------------------------------------------


def test_a_transaction_is_all_or_nothing(vault: Vault) -> None:
    with pytest.raises(ZeroDivisionError), vault.transaction():
        vault.run("INSERT INTO notes (body) VALUES (?)", "half")
        assert vault.one("SELECT count(*) FROM notes") == (1,)
        1 / 0  # noqa: B018
    assert bodies(vault) == []
    put(vault, "whole")
    assert bodies(vault) == ["whole"]


def test_generations_count_changes_only(vault: Vault) -> None:
    start = vault.generation
    with vault.transaction():
        pass
    with vault.transaction():
        vault.all("SELECT * FROM notes")
    assert vault.generation == start
    put(vault, "a")
    put(vault, "b")
    assert vault.generation == start + 2


def test_blocks_inside_blocks_are_a_bug(vault: Vault) -> None:
    outer: list[Callable[[], object]] = [vault.transaction, vault.reading]
    for one in outer:
        for two in outer:
            with one(), pytest.raises(RuntimeError), two():  # type: ignore[attr-defined]
                pass
        with one(), pytest.raises(RuntimeError):  # type: ignore[attr-defined]
            vault.forget()
    put(vault, "still usable")


def test_changes_need_a_transaction(vault: Vault) -> None:
    with pytest.raises(RuntimeError):
        vault.run("DELETE FROM notes")
    with vault.reading(), pytest.raises(RuntimeError):
        vault.run("DELETE FROM notes")
    put(vault, "x")
    assert vault.all("DELETE FROM notes RETURNING body") == [("x",)]
    assert bodies(vault) == ["x"], "what a reading changes is never kept"


def test_a_reading_sees_one_moment(vault: Vault, folder: Path) -> None:
    put(vault, "1")
    with reopen(folder) as other, vault.reading():
        assert len(bodies(vault)) == 1
        put(other, "2")
        assert len(bodies(vault)) == 1
    assert len(bodies(vault)) == 2


def test_bugs_stay_bugs_and_foreign_keys_hold(vault: Vault) -> None:
    with pytest.raises(apsw.ConstraintError), vault.transaction():
        vault.run("INSERT INTO leaves VALUES (99)")
    with pytest.raises(apsw.SQLError):
        vault.all('SELECT "nope" FROM notes')  # a misspelt column is no text


def test_threads_take_turns(vault: Vault) -> None:
    def work() -> None:
        for _ in range(20):
            with vault.transaction():
                row = vault.one("SELECT count(*) FROM notes")
                assert row is not None
                vault.run("INSERT INTO notes (body) VALUES (?)", row[0])
            vault.one("SELECT 1")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies(vault) == list(range(80))


def test_two_processes_write_at_once(folder: Path) -> None:
    make(folder).close()

    def work() -> None:
        with reopen(folder) as vault:
            for _ in range(60):
                with vault.transaction():
                    row = vault.one("SELECT count(*) FROM notes")
                    assert row is not None
                    vault.run("INSERT INTO notes (body) VALUES (?)", row[0])

    other = threading.Thread(target=lambda: done.append(in_child(work)))
    done: list[int] = []
    other.start()
    work()
    other.join()
    assert done == [0]
    with reopen(folder) as vault:
        assert bodies(vault) == list(range(120)), "no number was drawn twice"
        assert vault.generation == 121


def test_a_busy_vault_says_so(vault: Vault, folder: Path) -> None:
    assert vault.db.pragma("busy_timeout") == 10_000
    with reopen(folder) as other, vault.transaction():
        other.db.set_busy_timeout(50)
        with pytest.raises(VaultBusy), other.transaction():
            pass
    put(vault, "on")


# -- disks -----------------------------------------------------------------------------------------


def test_a_full_disk_keeps_everything_as_it_was(vault: Vault) -> None:
    put(vault, "before")
    (pages,) = vault.one("PRAGMA page_count") or (0,)
    vault.db.pragma("max_page_count", pages + 2)
    with pytest.raises(DiskFull) as caught, vault.transaction():
        vault.run("INSERT INTO notes (body) VALUES (zeroblob(100000))")
    assert isinstance(caught.value.__cause__, apsw.FullError)
    assert bodies(vault) == ["before"]
    vault.db.pragma("max_page_count", 1 << 30)
    put(vault, "after room was made")


def test_a_failing_write_stops_the_vault(folder: Path) -> None:
    """A44 with a real error of the kernel: the file may not grow (EFBIG)."""
    with make(folder) as vault:
        put(vault, "before")

    def work() -> None:
        vault = reopen(folder)
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, unlimited[1]))
        with pytest.raises(DiskFull) as caught, vault.transaction():
            vault.run("INSERT INTO notes (body) VALUES (zeroblob(1000000))")
        assert isinstance(caught.value.__cause__, apsw.IOError)
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        for refused in (vault.forget, lambda: put(vault, "after"), lambda: bodies(vault)):
            with pytest.raises(VaultError, match="stopped"):
                refused()
        vault.close()

    assert in_child(work) == 0
    with reopen(folder) as vault:
        assert bodies(vault) == ["before"] and vault.check() == []


class _FailingSync(apsw.VFS):
    """Under the vault's SQLite; refuses every sync while ``fail`` is set."""

    fail = False

    def __init__(self) -> None:
        super().__init__("failing-sync", base="unix")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return _FailingFile(name, flags)


class _FailingFile(apsw.VFSFile):
    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("unix", name, flags)

    def xSync(self, flags: int) -> None:
        if _FailingSync.fail:
            raise apsw.IOError("the disk says no")
        super().xSync(flags)


def test_T_FSYNC_1_nothing_is_promised_after_a_failed_sync(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vfs = _FailingSync()
    monkeypatch.setattr(apsw, "Connection", functools.partial(apsw.Connection, vfs="multipleciphers-failing-sync"))
    vault = make(folder)
    put(vault, "acknowledged")
    monkeypatch.setattr(_FailingSync, "fail", True)
    with pytest.raises(VaultError):
        put(vault, "not acknowledged")
    monkeypatch.setattr(_FailingSync, "fail", False)
    with pytest.raises(VaultError, match="stopped"):
        put(vault, "never tried")
    vault.close()
    assert (folder / "vault.db-wal").exists(), "closing a stopped vault moves nothing"
    monkeypatch.undo()
    vfs.unregister()
    with reopen(folder) as vault:
        assert bodies(vault)[0] == "acknowledged" and "never tried" not in bodies(vault)
        assert vault.check() == []


def test_errors_of_the_system_become_ours() -> None:
    assert isinstance(border.from_errno(errno.ENOSPC), DiskFull)
    assert isinstance(border.from_errno(errno.EDQUOT), DiskFull)
    assert "cannot be written" in str(border.from_errno(errno.EROFS))
    assert "failed" in str(border.from_errno(errno.EIO))
    assert isinstance(border.from_sqlite(apsw.IOError(), errno.ENOSPC), DiskFull)
    assert isinstance(border.from_sqlite(apsw.BusyError()), VaultBusy)
    assert isinstance(border.from_sqlite(apsw.ReadOnlyError()), VaultError)
    for bug in (apsw.SQLError(), apsw.ConstraintError(), apsw.MisuseError()):
        assert border.from_sqlite(bug) is None
    with pytest.raises(VaultError) as caught, border.files():
        raise PermissionError(errno.EACCES, "no")
    assert isinstance(caught.value.__cause__, PermissionError)


# -- damage and versions ---------------------------------------------------------------------------


def filled(folder: Path) -> None:
    with make(folder) as vault, vault.transaction():
        for number in range(40):
            vault.run("INSERT INTO notes (body) VALUES (?)", f"{number} " * 300)


def everything(folder: Path) -> list[object]:
    with reopen(folder) as vault:
        return bodies(vault)


def test_a_flipped_byte_in_any_page_is_found(folder: Path) -> None:
    filled(folder)
    whole = everything(folder)
    image = (folder / "vault.db").read_bytes()
    assert len(image) // PAGE > 5
    for page in range(len(image) // PAGE):
        for at in (0, 17, 100, 2000, PAGE - 33, PAGE - 20, PAGE - 1):
            changed = bytearray(image)
            changed[page * PAGE + at] ^= 0x40
            (folder / "vault.db").write_bytes(changed)
            try:
                vault = reopen(folder)
            except VaultDamaged:
                pass
            else:
                assert vault.check() != [], f"page {page + 1} byte {at}"
                with pytest.raises(VaultDamaged):
                    for table in ("meta", "notes", "leaves"):
                        vault.all(f"SELECT * FROM {table}")
                vault.close()
            assert (folder / "vault.db").read_bytes() == changed, "nothing was overwritten"
    (folder / "vault.db").write_bytes(image)
    assert everything(folder) == whole


def test_a_cut_database_is_found(folder: Path) -> None:
    filled(folder)
    image = (folder / "vault.db").read_bytes()
    for size in [0, 1, 16, 24, 100, PAGE - 1, *range(PAGE, len(image), PAGE), len(image) - 1]:
        (folder / "vault.db").write_bytes(image[:size])
        with pytest.raises(VaultDamaged), reopen(folder) as vault:
            bodies(vault)
            if vault.check():
                raise VaultDamaged
        assert (folder / "vault.db").stat().st_size == size


def test_doctor_hears_of_a_damaged_header(vault: Vault, folder: Path) -> None:
    (folder / "vault.keys").write_bytes(b"rubbish")
    assert any("damaged" in line for line in vault.check())


def test_a_header_of_another_vault_is_damage(folder: Path) -> None:
    make(folder).close()
    make(folder.parent / "other").close()
    (folder / "vault.keys").write_bytes((folder.parent / "other" / "vault.keys").read_bytes())
    before = tree(folder)
    with pytest.raises(VaultDamaged):
        reopen(folder)
    assert tree(folder) == before


def test_a_newer_vault_is_left_alone(folder: Path) -> None:
    make(folder, steps=(*STEPS, SECOND)).close()
    before = tree(folder)
    with pytest.raises(VaultNewer):
        reopen(folder)
    assert tree(folder) == before
    header = before["vault.keys"]
    (folder / "vault.keys").write_bytes(header[:8] + b"\x00\x09" + header[10:])
    with pytest.raises(VaultNewer):
        reopen(folder)


# -- upgrades --------------------------------------------------------------------------------------


def test_an_older_vault_is_copied_and_upgraded(folder: Path) -> None:
    with make(folder) as vault:
        put(vault, "old letter")
    key = key_of(folder)
    with reopen(folder, steps=(*STEPS, SECOND)) as vault:
        assert vault.all("SELECT body, colour FROM notes") == [("old letter", None)]
        (copy,) = migrate.backups(folder)
        assert copy.name == "vault.db.before-2" and copy.stat().st_mode & 0o777 == 0o600
        assert b"old letter" not in copy.read_bytes()
        db = database.connect(copy, key)
        assert db.execute("SELECT body FROM notes").get == "old letter" and migrate.version_of(db) == 1
        db.close()
        assert vault.forget() and migrate.backups(folder) == [copy], "it outlives the run that made it"
    reopen(folder, steps=(*STEPS, SECOND)).close()
    assert migrate.backups(folder) == [], "and no more, for it holds keys that were deleted since"


def test_a_step_that_fails_leaves_the_version_before(folder: Path) -> None:
    with make(folder) as vault:
        put(vault, "old letter")
    with pytest.raises(apsw.SQLError):
        reopen(folder, steps=(*STEPS, SECOND + "SELECT nonsense;"))
    with reopen(folder) as vault:
        assert bodies(vault) == ["old letter"]
        assert vault.all("SELECT name FROM sqlite_schema WHERE name = 'later'") == []


def test_a_step_that_ends_its_transaction_is_a_bug(folder: Path) -> None:
    with pytest.raises(RuntimeError):
        make(folder, steps=(STEPS[0] + "COMMIT;",))


def test_killed_while_upgrading(folder: Path) -> None:
    with make(folder) as vault:
        put(vault, "old letter")
    before = tree(folder)

    def upgrade() -> None:
        reopen(folder, steps=(*STEPS, SECOND)).close()

    steps = count_steps(upgrade)
    for step in range(1, steps, max(1, steps // 40)):
        for path in folder.glob("vault.*"):
            path.unlink()
        for name, data in before.items():
            (folder / name).write_bytes(data)
        killed_at(upgrade, step)
        upgrade()
        with reopen(folder, steps=(*STEPS, SECOND)) as vault:
            assert vault.all("SELECT body, colour FROM notes") == [("old letter", None)]


def test_the_constant_names_the_last_file_of_the_schema() -> None:
    folder = Path(migrate.__file__).parent / "schema"
    assert sorted(p.name for p in folder.glob("*.sql")) == [f"{n:04}.sql" for n in range(1, migrate.SCHEMA_VERSION + 1)]
    assert len(migrate.shipped_steps()) == migrate.SCHEMA_VERSION


# -- speed and weight ------------------------------------------------------------------------------


def test_the_vault_can_be_imported_without_heavy_company() -> None:
    import subprocess
    import sys

    code = "import sys, tiercel.vault.store; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"cryptography", "msgspec", "importlib.resources", "asyncio", "tempfile", "sqlite3", "tiercel.crypto"}
    assert not heavy & set(loaded)


def test_opening_costs_little_beside_argon2(folder: Path) -> None:
    """Not a race: ten times what it takes here."""
    make(folder).close()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        reopen(folder).close()
        times.append(time.perf_counter() - start)
    assert min(times) < 0.015
