"""The folder as a road: traces, other people's rubbish, and disks that are full, locked or gone."""

from __future__ import annotations

import errno
import os
import re
import resource
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tiercel.carriers.folder as folder_module
from tiercel.carriers.folder import FolderCarrier
from tiercel.errors import (
    CarrierError,
    CarrierFull,
    CarrierMissing,
    CarrierReadOnly,
    LimitError,
    ParcelMissing,
    ParcelTaken,
    UsageError,
)
from tiercel.limits import FOLDER_KEEP_DAYS
from tiercel.testing.carrier_suite import listing, parcel_bytes, parcel_name

FILE, STICK = 65_536, 1_048_576
PARCEL = parcel_bytes(1, FILE)
NAME, OTHER = parcel_name(1), parcel_name(2)
JAN_2000_NS = 946_684_800 * 10**9


@pytest.fixture
def carrier(tmp_path: Path) -> FolderCarrier:
    return FolderCarrier(tmp_path)


def test_what_it_says_of_itself(carrier: FolderCarrier) -> None:
    road = carrier.road
    assert [(profile.name, profile.size_bytes) for profile in road.profiles] == [("file", FILE), ("stick", STICK)]
    assert (road.kind, road.talks_back) == ("folder", True)
    assert road.delay_ms == FOLDER_KEEP_DAYS * 86_400_000


# -- traces ----------------------------------------------------------------------------------------


def visit(path: str, first: int, umask: int, user: int | None) -> None:
    """In a process of its own: put some, take some, list and read, as one person on one machine."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.umask(umask)
            os.environ["TZ"] = f"XYZ{umask % 11}"
            time.tzset()
            if user is not None:
                os.setgid(user)
                os.setuid(user)
            road = FolderCarrier(path)
            for number in range(first, first + 6):
                road.put(parcel_name(number), parcel_bytes(number, STICK if number % 2 else FILE))
            road.flush()
            for listed in list(road.list()):
                road.head(listed.name)
                road.fetch(listed.name)
            road.remove(parcel_name(first))
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def traces(path: str) -> list[tuple[object, ...]]:
    """What a listing of the folder shows, but for the letters of the names and who owns the disk."""
    found = []
    for entry in os.scandir(path):
        seen = entry.stat(follow_symlinks=False)
        shape = re.sub("[a-z2-7]", "x", entry.name)
        times = (seen.st_mtime_ns, seen.st_atime_ns)
        found.append((shape, seen.st_size, stat.filemode(seen.st_mode), seen.st_nlink, *times))
    return sorted(found)


def test_T_USB_1() -> None:
    """Two people on two machines, with other habits: their sticks differ only in random names."""
    others = 1000 if os.geteuid() == 0 else None
    seen, names = [], []
    for first, umask, user in ((100, 0o022, None), (200, 0o077, others), (300, 0o002, others)):
        with tempfile.TemporaryDirectory() as stick:
            os.chmod(stick, 0o777)
            visit(stick, first, umask, user)
            seen.append(traces(stick))
            names.append({entry.name for entry in os.scandir(stick)})
    assert seen[0] == seen[1] == seen[2]
    assert not names[0] & names[1]
    times = (JAN_2000_NS, JAN_2000_NS)
    assert seen[0] == [("x" * 26, FILE, "-rw-r--r--", 1, *times)] * 2 + [("x" * 26, STICK, "-rw-r--r--", 1, *times)] * 3


# -- other people's rubbish ------------------------------------------------------------------------

RUBBISH = """
import os, socket, stat, sys, threading
from pathlib import Path
from tiercel.carriers.folder import FolderCarrier
from tiercel.errors import ParcelMissing
from tiercel.testing.carrier_suite import parcel_bytes, parcel_name

folder, many = Path(sys.argv[1]), int(sys.argv[2])
road = FolderCarrier(folder)
parcel = parcel_bytes(0, 65_536)
for number in range(3):
    road.put(parcel_name(number), parcel)
road.flush()
ours = {parcel_name(number) for number in range(3)}

bad = {kind: parcel_name(10 + number) for number, kind in enumerate(
    ("to a file", "to nowhere", "to itself", "to a device", "pipe", "socket", "folder", "sparse", "device", "block"))}
(folder / "a file").write_bytes(parcel)
(folder / bad["to a file"]).symlink_to(folder / "a file")
(folder / bad["to nowhere"]).symlink_to("nowhere")
(folder / bad["to itself"]).symlink_to(bad["to itself"])
(folder / bad["to a device"]).symlink_to("/dev/zero")
os.mkfifo(folder / bad["pipe"])
os.mknod(folder / bad["socket"], stat.S_IFSOCK | 0o644)
(folder / bad["folder"]).mkdir()
with open(folder / bad["sparse"], "wb") as sparse:
    sparse.truncate(10 * 2**30)
try:
    os.mknod(folder / bad["device"], stat.S_IFCHR | 0o666, os.makedev(1, 5))
    os.mknod(folder / bad["block"], stat.S_IFBLK | 0o666, os.makedev(7, 0))
except PermissionError:
    pass
odd = (b"\\xff" * 26, b"\\xc3\\x28" + b"a" * 24, b"a" * 255, b"\\n", b"\\x1b[2J", "\\u202e".encode(), b"-rf", b"*")
for name in odd:
    with open(os.fsencode(folder) + b"/" + name, "wb") as file:
        file.write(parcel)
for number in range(many):
    name = parcel_name(1000 + number) if number % 2 else f"IMG_{number:06}.jpg"
    os.close(os.open(folder / name, os.O_CREAT | os.O_WRONLY, 0o644))

listed = [entry.name for entry in road.list()]
assert sorted(listed) == sorted(ours), listed
for kind, name in bad.items():
    for act in (road.head, road.fetch):
        try:
            act(name)
        except ParcelMissing as problem:
            assert problem.permanent
        else:
            raise AssertionError(kind)
    there = os.path.lexists(folder / name)
    road.remove(name)
    gone = there and not os.path.lexists(folder / name)
    assert gone == (kind == "sparse"), kind  # a file of that name is ours to remove, whatever became of its size

# Somebody renames and removes while we list and read.
stop = threading.Event()
def disturb():
    turn, moving = 0, folder / parcel_name(5)
    while not stop.is_set():
        turn += 1
        moving.write_bytes(parcel)
        moving.rename(folder / parcel_name(6 + turn % 3))
        (folder / parcel_name(6 + turn % 3)).unlink()
other = threading.Thread(target=disturb)
other.start()
met = 0
for _ in range(30 if many < 10**6 else 2):
    names = set()
    for entry in road.list():
        names.add(entry.name)
        assert entry.size_bytes == 65_536
        try:
            assert road.fetch(entry.name) == parcel
        except ParcelMissing:
            met += 1
    assert ours <= names
stop.set()
other.join()
print("done", met)
"""


def run_guarded(script: str, *arguments: object, timeout: float) -> str:
    """Run a script elsewhere, so that a hang is a failure and not the end of the suite."""
    ran = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("many", [10_000, pytest.param(1_000_000, marks=pytest.mark.full)])
def test_T_USB_2(tmp_path: Path, many: int) -> None:
    """Symlinks, pipes, devices, 10 GB of nothing, odd names, masses, and races: passed over, and no hang."""
    assert run_guarded(RUBBISH, tmp_path, many, timeout=550).startswith("done")


def test_T_USB_2_no_more_than_so_many_entries_are_looked_at(
    carrier: FolderCarrier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "FOLDER_FILES_MAX", 10)
    for number in range(25):
        carrier.put(parcel_name(number), PARCEL)
    assert len(listing(carrier)) == 10
    for number in range(30):
        (tmp_path / f"rubbish {number}").touch()
    assert len(listing(carrier)) <= 10
    for number in range(20):
        carrier.remove(parcel_name(number))
    for path in tmp_path.glob("rubbish*"):
        path.unlink()
    assert len(listing(carrier)) == 5


def test_T_USB_2_what_changes_between_the_looks_is_a_missing_parcel(
    carrier: FolderCarrier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Swapped for a symlink, a pipe, another size, or cut off, at the worst moment each time."""
    real_open, real_read = os.open, os.read
    (tmp_path / "secret").write_bytes(PARCEL)

    def swapping(swap: Callable[[Path], object]) -> Callable[..., int]:
        def opening(path: Any, *arguments: Any, **more: Any) -> int:
            if path == NAME:
                (tmp_path / NAME).unlink()
                swap(tmp_path / NAME)
            return real_open(path, *arguments, **more)

        return opening

    swaps: list[Callable[[Path], object]] = [
        lambda path: path.symlink_to(tmp_path / "secret"),
        os.mkfifo,
        lambda path: path.write_bytes(b"short"),
        lambda path: None,
    ]
    for swap in swaps:
        (tmp_path / NAME).unlink(missing_ok=True)
        carrier.put(NAME, PARCEL)
        with monkeypatch.context() as racing:
            racing.setattr(os, "open", swapping(swap))
            with pytest.raises(ParcelMissing):
                carrier.fetch(NAME)

    (tmp_path / NAME).unlink(missing_ok=True)
    carrier.put(NAME, PARCEL)

    def cutting(file: int, size: int) -> bytes:
        data = real_read(file, size // 2)
        os.truncate(tmp_path / NAME, FILE // 2)
        return data

    monkeypatch.setattr(os, "read", cutting)
    with pytest.raises(ParcelMissing):
        carrier.fetch(NAME)


def test_short_reads_are_completed(carrier: FolderCarrier, monkeypatch: pytest.MonkeyPatch) -> None:
    carrier.put(NAME, PARCEL)
    real = os.read
    monkeypatch.setattr(os, "read", lambda file, size: real(file, min(size, 1000)))
    assert carrier.fetch(NAME) == PARCEL


# -- writing ---------------------------------------------------------------------------------------


def test_a_name_stands_only_for_what_is_durable(carrier: FolderCarrier, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is synced before it has its name, the folder at the flush, and then the disk is let go."""
    acts: list[str] = []
    for act in ("fsync", "link", "write"):
        real = getattr(os, act)

        def noted(*arguments: Any, act: str = act, real: Any = real, **more: Any) -> Any:
            folder = act == "fsync" and stat.S_ISDIR(os.fstat(arguments[0]).st_mode)
            acts.append("fsync folder" if folder else act)
            return real(*arguments, **more)

        monkeypatch.setattr(os, act, noted)
    carrier.put(NAME, PARCEL)
    carrier.put(OTHER, PARCEL)
    carrier.put(NAME, PARCEL)
    carrier.flush()
    carrier.flush()
    assert acts == ["write", "fsync", "link"] * 2 + ["fsync folder"]


def test_nothing_stays_open(tmp_path: Path) -> None:
    """A stick can be taken out after a flush, and when the carrier is gone."""

    def held() -> list[str]:
        links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
        return [link for link in links if os.path.lexists(link) and os.readlink(link).startswith(str(tmp_path))]

    if not os.path.exists("/proc/self/fd"):
        pytest.skip("open files are counted in /proc, which is not here")
    carrier = FolderCarrier(tmp_path)
    carrier.put(NAME, PARCEL)
    carrier.flush()
    next(carrier.list())
    carrier.fetch(NAME)
    assert held() == []
    carrier.put(OTHER, PARCEL)
    del carrier
    assert held() == []


def test_a_part_left_by_a_crash_goes_when_its_name_is_put_again(carrier: FolderCarrier, tmp_path: Path) -> None:
    part = tmp_path / f"{NAME}.part"
    part.write_bytes(PARCEL[:100])
    assert listing(carrier) == {}
    carrier.put(NAME, PARCEL)
    assert carrier.fetch(NAME) == PARCEL
    assert not part.exists()


def test_a_part_left_by_a_crash_goes_when_its_name_is_removed(carrier: FolderCarrier, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(PARCEL[:100])
    (tmp_path / f"{OTHER}.part").write_bytes(PARCEL[:100])
    carrier.remove(NAME)
    assert [path.name for path in tmp_path.iterdir()] == [f"{OTHER}.part"]


def test_a_crash_between_the_two_names_harms_nothing(carrier: FolderCarrier, tmp_path: Path) -> None:
    carrier.put(NAME, PARCEL)
    os.link(tmp_path / NAME, tmp_path / f"{NAME}.part")
    assert listing(carrier) == {NAME: FILE}
    carrier.put(NAME, PARCEL)
    assert carrier.fetch(NAME) == PARCEL
    carrier.remove(NAME)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("links", [True, False])
def test_another_file_is_never_replaced(
    carrier: FolderCarrier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """Not when it was there, and not when it comes while we write."""
    if not links:

        def cannot(*_: object, **__: object) -> None:
            raise OSError(errno.ENOTSUP, "no links here")

        monkeypatch.setattr(os, "link", cannot)
    (tmp_path / NAME).write_bytes(b"somebody else's")
    with pytest.raises(CarrierError) as caught:
        carrier.put(NAME, PARCEL)
    assert caught.value.permanent
    real = os.fsync

    def late(file: int) -> None:
        (tmp_path / OTHER).write_bytes(b"somebody else's")
        real(file)

    monkeypatch.setattr(os, "fsync", late)
    with pytest.raises(CarrierError):
        carrier.put(OTHER, PARCEL)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([NAME, OTHER])
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"somebody else's"}


def test_a_symlink_under_our_name_is_not_written_through(carrier: FolderCarrier, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / NAME).symlink_to(victim)
    (tmp_path / f"{OTHER}.part").symlink_to(victim)
    with pytest.raises(CarrierError):
        carrier.put(NAME, PARCEL)
    carrier.put(OTHER, PARCEL)
    assert victim.read_bytes() == b"mine"
    assert not (tmp_path / OTHER).is_symlink()
    assert carrier.fetch(OTHER) == PARCEL


def test_a_wrong_size_is_refused_before_the_folder_is_opened(tmp_path: Path) -> None:
    with pytest.raises(LimitError):
        FolderCarrier(tmp_path / "not there").put(NAME, PARCEL[:-1])


# -- when the disk will not ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "kind", "permanent"),
    [
        (errno.ENOSPC, CarrierFull, True),
        (errno.EDQUOT, CarrierFull, True),
        (errno.EFBIG, CarrierFull, True),
        (errno.EROFS, CarrierReadOnly, True),
        (errno.EACCES, CarrierReadOnly, True),
        (errno.EPERM, CarrierReadOnly, True),
        (errno.ENODEV, CarrierMissing, True),
        (errno.ESTALE, CarrierMissing, True),
        (errno.EIO, CarrierError, False),
        (errno.EBUSY, CarrierError, False),
        (errno.EINVAL, CarrierError, True),
    ],
)
@pytest.mark.parametrize("act", ["write", "fsync", "close", "link", "open"])
def test_each_failure_has_its_class_and_leaves_nothing(
    carrier: FolderCarrier,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    act: str,
    number: int,
    kind: type[CarrierError],
    permanent: bool,
) -> None:
    carrier.put(OTHER, PARCEL)
    if act == "link" and number == errno.EPERM:
        pytest.skip("no error: it says that the disk has no links, and the parcel is renamed instead")
    real = getattr(os, act)
    with monkeypatch.context() as broken:

        def failing(first: Any, *arguments: Any, **more: Any) -> Any:
            if act == "write":
                real(first, arguments[0][: FILE // 2])
            if act == "close":
                real(first)
            raise OSError(number, "as told")

        broken.setattr(os, act, failing)
        with pytest.raises(CarrierError) as caught:
            carrier.put(NAME, PARCEL)
    problem = caught.value
    assert type(problem) is kind
    assert problem.permanent is permanent
    assert isinstance(problem.__cause__, OSError)
    assert str(tmp_path) in str(problem)
    assert str(problem).count(".") == str(tmp_path).count(".") + 1
    assert kind is CarrierError or problem.remedy
    assert [path.name for path in tmp_path.iterdir()] == [OTHER]
    carrier.put(NAME, PARCEL)
    carrier.flush()
    assert set(listing(carrier)) == {NAME, OTHER}


def test_a_failed_flush_is_told_once_and_the_disk_let_go(
    carrier: FolderCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    carrier.put(NAME, PARCEL)
    with monkeypatch.context() as broken:

        def failing(_: int) -> None:
            raise OSError(errno.EIO, "as told")

        broken.setattr(os, "fsync", failing)
        with pytest.raises(CarrierError):
            carrier.flush()
    carrier.put(NAME, PARCEL)
    carrier.flush()


def test_half_a_parcel_fits_for_real(carrier: FolderCarrier, tmp_path: Path) -> None:
    """The system itself cuts the write off: a limit on the size of files."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE // 2, before[1]))
    try:
        with pytest.raises(CarrierFull):
            carrier.put(NAME, PARCEL)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())
    carrier.put(NAME, PARCEL)
    assert carrier.fetch(NAME) == PARCEL


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB of its own, where this machine lets us have one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or not mount("-t", "tmpfs", "-o", "size=2m", "tiercel-test", disk):
        pytest.skip("mounting a small disk needs root and a mount that works here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def mount(*arguments: object) -> bool:
    try:
        return subprocess.run(["mount", *map(str, arguments)], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def test_a_full_disk_for_real(small_disk: Path) -> None:
    carrier = FolderCarrier(small_disk)
    carrier.check()
    big = parcel_bytes(1, STICK)
    carrier.put(parcel_name(0), big)
    number = 1
    with pytest.raises(CarrierFull, match=r"^The folder .* is full\.$"):
        while number < 100:
            carrier.put(parcel_name(number), big if number == 1 else PARCEL)
            number += 1
    carrier.flush()
    assert number < 100
    assert set(listing(carrier)) == {path.name for path in small_disk.iterdir()} == set(map(parcel_name, range(number)))
    with pytest.raises(CarrierFull):
        carrier.check()
    assert carrier.fetch(parcel_name(0)) == big
    carrier.remove(parcel_name(0))
    carrier.put(parcel_name(number), PARCEL)
    assert carrier.fetch(parcel_name(number)) == PARCEL


def test_a_read_only_disk_for_real(small_disk: Path) -> None:
    carrier = FolderCarrier(small_disk)
    carrier.put(NAME, PARCEL)
    carrier.flush()
    assert mount("-o", "remount,ro", small_disk)
    writes: list[Callable[[], object]] = [
        lambda: carrier.put(OTHER, PARCEL),
        lambda: carrier.remove(NAME),
        carrier.check,
    ]
    for act in writes:
        with pytest.raises(CarrierReadOnly, match=r"^The folder .* cannot be written\.$"):
            act()
    carrier.flush()
    assert listing(carrier) == {NAME: FILE}
    assert carrier.fetch(NAME) == PARCEL
    assert mount("-o", "remount,rw", small_disk)
    carrier.put(OTHER, PARCEL)
    carrier.check()


def test_a_disk_can_be_taken_out_after_a_flush(small_disk: Path) -> None:
    carrier = FolderCarrier(small_disk)
    carrier.put(NAME, PARCEL)
    assert next(carrier.list()).name == NAME
    assert subprocess.run(["umount", small_disk], capture_output=True).returncode != 0
    carrier.flush()
    subprocess.run(["umount", small_disk], check=True)
    assert mount("-t", "tmpfs", "-o", "size=2m", "tiercel-test", small_disk)


@pytest.mark.skipif(os.geteuid() == 0, reason="modes do not stop root")
def test_a_read_only_folder(carrier: FolderCarrier, tmp_path: Path) -> None:
    carrier.put(NAME, PARCEL)
    carrier.flush()
    tmp_path.chmod(0o555)
    try:
        writes: list[Callable[[], object]] = [
            lambda: carrier.put(OTHER, PARCEL),
            lambda: carrier.remove(NAME),
            carrier.check,
        ]
        for act in writes:
            with pytest.raises(CarrierReadOnly):
                act()
        assert carrier.fetch(NAME) == PARCEL
    finally:
        tmp_path.chmod(0o755)


def test_a_missing_folder_is_one_sentence_and_never_made(tmp_path: Path) -> None:
    path = tmp_path / "stick"
    carrier = FolderCarrier(path)
    acts: list[Callable[[], object]] = [
        carrier.check,
        lambda: list(carrier.list()),
        lambda: carrier.fetch(NAME),
        lambda: carrier.head(NAME),
        lambda: carrier.put(NAME, PARCEL),
        lambda: carrier.remove(NAME),
    ]
    for there in (False, True):
        for act in acts:
            with pytest.raises(CarrierMissing) as caught:
                act()
            assert str(caught.value) == f"The folder {path} is not there."
            assert caught.value.remedy == "Plug the disk in or mount the share, then sync again."
            assert caught.value.permanent
        if not there:
            assert not path.exists()
            path.write_text("a file is no folder")
    path.unlink()
    path.mkdir()
    carrier.put(NAME, PARCEL)
    carrier.check()


def test_a_folder_that_may_not_be_read_is_not_called_read_only(
    carrier: FolderCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, "as told")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(CarrierError) as caught:
        list(carrier.list())
    assert type(caught.value) is CarrierError
    assert caught.value.permanent


@pytest.mark.parametrize("path", ["", "a\0b", "\ud800"])
def test_what_cannot_be_a_path_is_refused(path: str) -> None:
    with pytest.raises(UsageError):
        FolderCarrier(path)


def test_a_path_too_long_is_an_error_of_the_carrier(tmp_path: Path) -> None:
    with pytest.raises(CarrierError):
        FolderCarrier(tmp_path / ("x" * 5000)).check()


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_something_strange_beside_a_parcel_does_not_keep_it_from_being_removed(
    carrier: FolderCarrier, tmp_path: Path, kind: str
) -> None:
    """A folder called NAME.part made every removal of NAME fail, and with it the whole road."""
    carrier.put(NAME, PARCEL)
    part = tmp_path / f"{NAME}.part"
    if kind == "folder":
        part.mkdir()
    elif kind == "link":
        part.symlink_to(tmp_path / NAME)
    else:
        os.mkfifo(part)
    carrier.remove(NAME)
    assert [path.name for path in tmp_path.iterdir()] == [part.name]


def test_a_folder_where_a_part_is_to_be_written_says_that_the_name_is_taken(
    carrier: FolderCarrier, tmp_path: Path
) -> None:
    (tmp_path / f"{NAME}.part").mkdir()
    with pytest.raises(ParcelTaken):
        carrier.put(NAME, PARCEL)
    carrier.put(OTHER, PARCEL)
    assert carrier.fetch(OTHER) == PARCEL
