"""The disks of the simulated world: copies, crashes at commits, power cuts that lose what was not synced, failures."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from tiercel.errors import DiskFull, TiercelError, VaultError, VaultExists, WrongPassphrase
from tiercel.testing.entropy import SeededEntropy
from tiercel.testing.world.disk import Disk, Lost, Point, PowerCut
from tiercel.testing.world.fault_disk import FaultDisk
from tiercel.vault import database, files
from tiercel.vault.keys import KdfParameters
from tiercel.vault.store import Vault

PASSPHRASE = "a quiet evening"


class Machine:
    """A disk and the vault that is open on it; every number put is one commit."""

    def __init__(self, disk: Disk) -> None:
        self.disk, self.entropy = disk, SeededEntropy("machine")
        self.vault = disk.create_vault(PASSPHRASE, self.entropy)
        self.put(0)
        self.vault.forget()

    def put(self, number: int) -> None:
        with self.vault.transaction():
            self.vault.run("INSERT OR REPLACE INTO meta (key, value) VALUES ('number', ?)", number)

    @property
    def number(self) -> int:
        row = self.vault.one("SELECT value FROM meta WHERE key = 'number'")
        assert row
        return int(row[0])

    def reopen(self) -> None:
        self.vault = self.disk.open_vault(PASSPHRASE, self.entropy)
        assert self.vault.check() == []

    def crash(self, lost: Lost = Lost.NOTHING, rng: Random | None = None) -> None:
        self.disk.crash(lost, rng)
        self.reopen()


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory, where there is such a place: the disks under test are the simulated ones."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(params=[Disk, FaultDisk])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    made = Machine(request.param(tmp_path / "machine"))
    yield made
    made.disk.close()
    assert not made.disk.root.exists()


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(FaultDisk(tmp_path / "machine"))
    yield made
    made.disk.close()


def fault_disk(machine: Machine) -> FaultDisk:
    assert isinstance(machine.disk, FaultDisk)
    return machine.disk


# -- copies ------------------------------------------------------------------------------------------


def test_a_backup_put_back_is_known_as_old_and_an_image_is_not(machine: Machine) -> None:
    machine.vault.mark()
    machine.vault.close()
    before = machine.disk.snapshot()
    for marker in (False, True):
        machine.reopen()
        machine.put(1)
        machine.vault.mark()
        machine.disk.restore(before, marker=marker)
        machine.reopen()
        assert machine.number == 0
        assert machine.vault.rolled_back is not marker


def test_a_copy_on_another_disk_is_a_clone(machine: Machine, tmp_path: Path) -> None:
    machine.put(5)
    other = type(machine.disk)(tmp_path / "other")
    other.restore(machine.disk.snapshot(), marker=True)
    clone = other.open_vault(PASSPHRASE, machine.entropy)
    machine.put(6)
    assert clone.one("SELECT value FROM meta WHERE key = 'number'") == (5,) and machine.number == 6
    assert clone.id == machine.vault.id
    other.close()


def test_a_copy_has_enclosures_header_and_marker(machine: Machine) -> None:
    name = files.new_name(machine.entropy)
    files.write(machine.vault.enclosures, name, b"sealed")
    machine.vault.mark()
    copy = machine.disk.snapshot()
    assert copy.files[f"vault/enclosures/{name}"] == b"sealed" and len(copy.files["vault/vault.keys"]) == 284
    assert any(path.startswith("state/vault-") for path in copy.files)
    assert copy.size_bytes == sum(map(len, copy.files.values()))
    files.remove(machine.vault.enclosures, name)
    machine.disk.restore(copy)
    machine.reopen()
    with files.open_file(machine.vault.enclosures, name) as file:
        assert file.read() == b"sealed"


def test_the_passphrase_still_counts(machine: Machine) -> None:
    machine.vault.close()
    with pytest.raises(WrongPassphrase):
        machine.disk.open_vault("another", machine.entropy)
    with pytest.raises(VaultExists):
        machine.disk.create_vault(PASSPHRASE, machine.entropy)


# -- the process dies at a commit ----------------------------------------------------------------------


@pytest.mark.parametrize(("point", "after"), [(Point.BEFORE_COMMIT, 2), (Point.AFTER_COMMIT, 3)])
def test_every_commit_is_a_place_to_die(machine: Machine, point: Point, after: int) -> None:
    passed = machine.disk.counts[point]
    for number in (1, 2, 3, 4):
        machine.put(number)
    assert machine.disk.counts[point] == passed + 4
    machine.put(0)
    machine.disk.cut_at(point, 3)
    with pytest.raises(PowerCut, match=point):
        for number in (1, 2, 3, 4):
            machine.put(number)
    assert not machine.disk.powered
    machine.crash()
    assert machine.number == after and machine.disk.powered


def test_a_commit_that_changes_nothing_is_none(machine: Machine) -> None:
    passed = machine.disk.counts.copy()
    with machine.vault.transaction():
        machine.vault.run("DELETE FROM meta WHERE key = 'no such'")
    assert machine.disk.counts[Point.AFTER_COMMIT] == passed[Point.AFTER_COMMIT]
    machine.disk.cut_at(Point.AFTER_COMMIT, 1)
    machine.disk.never_mind()
    machine.put(1)


def test_what_a_dying_process_still_does_reaches_no_disk(machine: Machine) -> None:
    """Handlers run while the exception unwinds: they may remove files, write, and close the vault."""
    name = files.new_name(machine.entropy)
    files.write(machine.vault.enclosures, name, b"sealed")
    machine.disk.cut_at(Point.BEFORE_COMMIT, 1)
    try:
        with pytest.raises(PowerCut), machine.vault:
            machine.put(1)
    finally:
        files.remove(machine.vault.enclosures, name)
        (machine.disk.folder / "vault.keys").unlink()
    machine.disk.crash()
    machine.reopen()
    assert machine.number == 0 and (machine.vault.enclosures / name).read_bytes() == b"sealed"


def test_a_crash_between_two_acts(machine: Machine) -> None:
    machine.put(1)
    machine.crash()
    assert machine.number == 1
    machine.put(2)
    assert machine.number == 2


def test_a_plain_disk_does_not_pretend_to_know_what_was_synced(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "plain")
    for refused in (lambda: disk.crash(Lost.ALL), lambda: disk.cut_at(Point.SYNC, 1)):
        with pytest.raises(ValueError, match="synced"):
            refused()
    disk.close()


# -- the power is cut ----------------------------------------------------------------------------------

CUTS = 100


def cut_off(machine: Machine, rng: Random) -> tuple[int, int, int]:
    """Commit and forget until the power is cut at a random write or sync, again and again.

    Returns:
        How many commits were acknowledged, how many of them were lost, how many vaults were damaged.
    """
    acknowledged = lost = damaged = number = 0
    for _ in range(CUTS):
        machine.disk.cut_at(rng.choice([Point.WRITE, Point.SYNC]), rng.randrange(1, 40))
        before = number
        with suppress(PowerCut):
            while True:
                machine.put(number + 1)
                number += 1
                if number % 7 == 0:
                    machine.vault.forget()
        acknowledged += number - before
        machine.disk.crash(rng.choice([Lost.SOME, Lost.ALL]), rng)
        try:
            machine.reopen()
            lost += max(0, number - machine.number)
            number = machine.number
        except (TiercelError, AssertionError):
            damaged += 1
            return acknowledged, lost, damaged
    return acknowledged, lost, damaged


def test_the_vault_loses_nothing_when_the_power_is_cut(faulty: Machine) -> None:
    """The table of security.md 4.2, the line of WAL with synchronous FULL."""
    acknowledged, lost, damaged = cut_off(faulty, Random(1))
    assert acknowledged > 2 * CUTS and (lost, damaged) == (0, 0)


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_with_less_syncing_it_would(synchronous: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: OFF and NORMAL lose acknowledged commits on this disk, so it does cut the power."""
    level = ["OFF", "NORMAL"].index(synchronous)
    settings = [(name, level if name == "synchronous" else value) for name, value in database._SETTINGS]
    monkeypatch.setattr(database, "_SETTINGS", settings)
    machine = Machine(FaultDisk(tmp_path / "machine"))
    _, lost, damaged = cut_off(machine, Random(2))
    machine.disk.close()
    if synchronous == "NORMAL":
        assert lost > CUTS and not damaged, "a log that was not synced is cut short, never wrong"
    else:
        assert lost or damaged


def test_an_enclosure_is_durable_before_its_name_can_be_committed(faulty: Machine) -> None:
    for lost in (Lost.ALL, Lost.SOME):
        name = files.new_name(faulty.entropy)
        files.write(faulty.vault.enclosures, name, b"sealed" * 1000)
        faulty.crash(lost, Random(3))
        assert (faulty.vault.enclosures / name).read_bytes() == b"sealed" * 1000


@pytest.mark.parametrize("skipped", ["file", "folder"])
def test_an_enclosure_written_without_a_sync_is_lost(
    faulty: Machine, skipped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control for files: without either sync the file is not there, or is empty."""
    if skipped == "folder":
        monkeypatch.setattr(files, "sync_folder", lambda folder: None)
    else:
        monkeypatch.setattr(files.os, "fsync", lambda handle: None)
    name = files.new_name(faulty.entropy)
    files.write(faulty.vault.enclosures, name, b"sealed" * 1000)
    monkeypatch.undo()
    faulty.crash(Lost.ALL)
    path = faulty.vault.enclosures / name
    assert not path.exists() or path.read_bytes() == b""


def test_a_making_that_lost_power_is_taken_over(tmp_path: Path) -> None:
    """At every sync of `create`: afterwards there is a whole vault, or one can be made."""
    rng, made = Random(4), False
    for nth in range(1, 100):
        disk = FaultDisk(tmp_path / f"machine {nth}")
        disk.cut_at(Point.SYNC, nth)
        try:
            disk.create_vault(PASSPHRASE, SeededEntropy(nth))
            made = True
        except PowerCut:
            disk.crash(rng.choice([Lost.ALL, Lost.SOME]), rng)
            try:
                vault = disk.create_vault(PASSPHRASE, SeededEntropy(-nth))
            except VaultExists:
                vault = disk.open_vault(PASSPHRASE, SeededEntropy(-nth))
            assert vault.check() == []
        disk.close()
        if made:
            break
    assert made and nth > 10


# -- the disk fails ------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", [Point.WRITE, Point.SYNC])
def test_a_failing_disk_stops_the_vault(faulty: Machine, point: Point) -> None:
    fault_disk(faulty).fail(point, 1)
    with pytest.raises(VaultError, match="failed to read or write"):
        faulty.put(1)
    with pytest.raises(VaultError, match="stopped"):
        faulty.put(2)
    assert fault_disk(faulty).failed == 1
    faulty.crash(Lost.ALL)
    assert faulty.number in (0, 1)
    faulty.put(3)


def test_a_lasting_failure_lasts_until_it_is_mended(faulty: Machine) -> None:
    fault_disk(faulty).fail(Point.SYNC, 1, lasting=True)
    for _ in range(3):
        with pytest.raises(VaultError):
            faulty.put(1)
        faulty.crash()
    fault_disk(faulty).mend()
    faulty.put(2)
    assert faulty.number == 2


def test_a_full_disk_is_called_full_and_everything_is_kept(faulty: Machine) -> None:
    fault_disk(faulty).room_bytes = 20_000
    with pytest.raises(DiskFull):
        for number in range(1, 100):
            faulty.put(number)
    reached = faulty.number
    assert 0 < reached < 99
    with pytest.raises(DiskFull):
        files.write(faulty.vault.enclosures, files.new_name(faulty.entropy), bytes(50_000))
    fault_disk(faulty).mend()
    faulty.put(100)
    assert faulty.number == 100


def test_a_disk_that_became_read_only(faulty: Machine) -> None:
    fault_disk(faulty).read_only = True
    acts: list[Callable[[], None]] = [
        lambda: faulty.put(1),
        lambda: files.write(faulty.vault.enclosures, files.new_name(faulty.entropy), b"sealed"),
    ]
    for act in acts:
        with pytest.raises(VaultError, match="cannot be written"):
            act()
    fault_disk(faulty).mend()
    faulty.crash()
    assert faulty.number == 0


def test_other_errors_of_the_system_pass_through_too(faulty: Machine) -> None:
    fault_disk(faulty).fail(Point.SYNC, 1, number=errno.ENOSPC)
    with pytest.raises(DiskFull):
        files.write(faulty.vault.enclosures, files.new_name(faulty.entropy), b"sealed")


def test_files_of_no_disk_are_left_alone(faulty: Machine, tmp_path: Path) -> None:
    fault_disk(faulty).fail(Point.SYNC, 1, lasting=True)
    with Vault.create(tmp_path / "elsewhere", PASSPHRASE, faulty.entropy, kdf=KdfParameters(8, 1, 1)) as vault:
        name = files.new_name(faulty.entropy)
        files.write(vault.enclosures, name, b"sealed")
        assert (vault.enclosures / name).read_bytes() == b"sealed"
