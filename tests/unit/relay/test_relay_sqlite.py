"""The SQLite store: what it refuses at its start, what it does when the disk fails, what it leaves on the disk."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Coroutine, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import apsw
import pytest

from tiercel.errors import (
    DiskFull,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFailed,
    StoreNewer,
    StoreNotDurable,
)
from tiercel.relay import sqlite_file, store_sqlite
from tiercel.relay.protocol import Part, Registration, State, token_hash
from tiercel.relay.store import Rules
from tiercel.relay.store_sqlite import SqliteStore
from tiercel.testing.entropy import SeededEntropy
from tiercel.testing.relay_store_suite import ALL, CELL, Person, box_keys, cell, name, some, states
from tiercel.testing.world.disk import Lost, Point, PowerCut, Snapshot
from tiercel.testing.world.fault_disk import FaultDisk

TOKEN = SeededEntropy("sqlite").token
ADA = Person(1)


def opened(path: Path, **options: Any) -> SqliteStore:
    return SqliteStore.open(path, Rules(), TOKEN, **options)


def log_bytes(folder: Path) -> int:
    return (folder / "relay.db-wal").stat().st_size


def run(act: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(act)


async def fill(path: Path, *numbers: int) -> None:
    store = opened(path)
    await store.make_box(ADA.keys.hashes, Registration.OPEN, None)
    assert set(states(await store.put(ADA.drop, some(*numbers)))) == {State.HELD}
    await store.close()


async def held(path: Path, **options: Any) -> list[bytes]:
    store = opened(path, **options)
    batch = await store.fetch(ADA.pick_up, b"", 256, ALL, Part.WHOLE)
    assert all(parcel == cell(number) for number in range(300) for n, _, parcel in batch.parcels if n == name(number))
    await store.close()
    return [given[0] for given in batch.parcels]


# -- durability at the start -------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["OFF", "NORMAL"])
def test_T_RELAY_3_too_weak_a_setting_is_refused(tmp_path: Path, level: str) -> None:
    with pytest.raises(StoreNotDurable):
        opened(tmp_path / "relay.db", level=sqlite_file.synchronous_level(level))
    opened_again = opened(tmp_path / "relay.db", level=sqlite_file.synchronous_level("extra"))
    run(opened_again.close())


def test_T_RELAY_3_a_setting_that_did_not_take_is_refused(tmp_path: Path) -> None:
    """A library built to ignore it: read back, not believed."""
    db = sqlite_file.connect(tmp_path / "relay.db")
    db.pragma("synchronous", 1)
    with pytest.raises(StoreNotDurable):
        sqlite_file.require_durable(db)
    db.pragma("synchronous", 2)
    sqlite_file.require_durable(db)
    db.pragma("journal_mode", "delete")
    with pytest.raises(StoreNotDurable):
        sqlite_file.require_durable(db)


MOUNTS = (
    "/dev/sda1 / ext4 rw 0 0\nserver:/srv /mnt/far nfs4 rw 0 0\n"
    "tmpfs /tmp/m\\040m tmpfs rw 0 0\nx /far fuse.sshfs rw 0 0\n"
)


def test_a_network_file_system_is_refused_and_one_in_memory_told() -> None:
    assert sqlite_file.require_local(Path("/var/lib/relay.db"), MOUNTS) is None
    assert "memory" in (sqlite_file.require_local(Path("/tmp/m m/relay.db"), MOUNTS) or "")
    for path in ("/mnt/far/relay.db", "/far/relay.db"):
        with pytest.raises(StoreNotDurable):
            sqlite_file.require_local(Path(path), MOUNTS)
    assert sqlite_file.require_local(Path("/mnt/fart/relay.db"), "") is None


def test_an_unknown_level_is_a_sentence() -> None:
    with pytest.raises(StoreError):
        sqlite_file.synchronous_level("sometimes")


# -- what is no store --------------------------------------------------------------------------------


def test_one_process_at_a_time_serves_a_store(tmp_path: Path) -> None:
    store = opened(tmp_path / "relay.db")
    with pytest.raises(StoreBusy):
        opened(tmp_path / "relay.db")
    run(store.close())
    run(opened(tmp_path / "relay.db").close())


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "relay.db"
    path.write_bytes(b"a letter to the editor" * 1000)
    with pytest.raises(StoreDamaged):
        opened(path)
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()
    for act in (opened, store_sqlite.counts_of):
        with pytest.raises(StoreDamaged):
            act(path)
    assert path.read_bytes() == before
    with pytest.raises(StoreError):
        opened(tmp_path / "no" / "relay.db")


def test_a_newer_store_is_refused_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "relay.db"
    run(fill(path, 1))
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE meta SET value = 99 WHERE key = 'schema_version'")
    with pytest.raises(StoreNewer):
        opened(path)


# -- damage ------------------------------------------------------------------------------------------


def test_a_damaged_store_is_found_after_a_crash(tmp_path: Path) -> None:
    """Not closed in an orderly way: every page is looked at before anything is promised."""
    path = tmp_path / "relay.db"
    run(fill(path, *range(40)))
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE meta SET value = 0 WHERE key = 'clean'")
    assert len(run(held(path))) == 40
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE meta SET value = 0 WHERE key = 'clean'")
        (root,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'names'").fetchone()
    data = bytearray(path.read_bytes())
    data[(root - 1) * 4096 : root * 4096] = bytes(4096)
    path.write_bytes(data)
    with pytest.raises(StoreDamaged):
        opened(path)


def test_a_parcel_that_rotted_is_given_to_nobody_and_can_be_put_again(tmp_path: Path) -> None:
    path = tmp_path / "relay.db"
    run(fill(path, 1, 2, 3))
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE parcels SET body = zeroblob(16384) WHERE id = ?", (name(2),))

    async def play() -> None:
        store = opened(path)
        assert [given[0] for given in (await store.pick(ADA.pick_up, [name(2), name(3)], ALL))[1]] == [name(3)]
        batch = await store.fetch(ADA.pick_up, b"", 256, ALL, Part.HEAD)
        assert [given[0] for given in batch.parcels] == [name(1), name(3)]
        await asyncio.gather(*store._later)
        assert states(await store.put(ADA.drop, some(2))) == [State.HELD]
        assert (await store.counts()).used_bytes == 3 * CELL
        await store.close()

    run(play())
    assert run(held(path)) == [name(1), name(3), name(2)]


# -- a disk that fails -------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FaultDisk]:
    made = FaultDisk(tmp_path / "disk")
    made.folder.mkdir()
    yield made
    made.mend()
    made.close()


async def put_until_it_fails(path: Path, vfs: str | None) -> tuple[list[int], bool]:
    """Put one parcel after another; those promised, and whether the store failed."""
    promised: list[int] = []
    try:
        store = opened(path, vfs=vfs)
    except (StoreError, StoreFailed):
        return promised, True
    failed = False
    try:
        await store.make_box(ADA.keys.hashes, Registration.OPEN, None)
        for number in range(12):
            if states(await store.put(ADA.drop, some(number))) == [State.HELD]:
                promised.append(number)
    except DiskFull:
        pass  # the box was not made; nothing was promised
    except StoreFailed:
        failed = True
        for _ in range(2):
            with pytest.raises(StoreFailed):
                await store.put(ADA.drop, some(99))
            with pytest.raises(StoreFailed):
                await store.fetch(ADA.pick_up, b"", 1, 1, Part.WHOLE)
    with contextlib.suppress(StoreFailed):
        await store.close()
    return promised, failed


@pytest.mark.parametrize(
    ("point", "number"), [(Point.SYNC, errno.EIO), (Point.WRITE, errno.EIO), (Point.WRITE, errno.ENOSPC)]
)
def test_T_FSYNC_1_no_promise_is_broken_when_writing_or_syncing_fails(
    disk: FaultDisk, point: Point, number: int
) -> None:
    """Each sync and each write in turn; then the power goes, and whatever was not synced is lost."""
    path, seen = disk.folder / "vault.db", 0  # the name of which this disk knows what was synced
    for nth in range(1, 200):
        if point is Point.WRITE and nth > 30 and nth % 7:
            continue
        disk.restore(Snapshot({}))
        disk.folder.mkdir()
        disk.fail(point, nth, number=number)
        before = disk.failed
        promised, _failed = run(put_until_it_fails(path, disk.vfs))
        if disk.failed == before:
            break
        seen += 1
        disk.mend()
        disk.crash(Lost.ALL)
        found = run(held(path, vfs=disk.vfs)) if promised else []
        assert set(map(name, promised)) <= set(found)
    assert seen > 10


@pytest.mark.parametrize("point", [Point.SYNC, Point.WRITE])
def test_no_promise_is_broken_when_the_power_is_cut(disk: FaultDisk, point: Point) -> None:
    """Before each sync and each write in turn; everything that was not synced is lost."""
    path, seen = disk.folder / "vault.db", 0
    for nth in range(1, 200, 1 if point is Point.SYNC else 3):
        disk.restore(Snapshot({}))
        disk.folder.mkdir()
        disk.cut_at(point, nth)
        promised: list[int] = []
        with patch("threading.excepthook"), contextlib.suppress(PowerCut, StoreFailed):
            promised, _ = run(put_until_it_fails(path, disk.vfs))
        if disk.powered:
            break
        seen += 1
        disk.crash(Lost.ALL)
        found = run(held(path, vfs=disk.vfs)) if promised else []
        assert set(map(name, promised)) <= set(found)
    assert seen > 10


def test_a_full_disk_takes_nothing_more_and_goes_on(disk: FaultDisk) -> None:
    path = disk.folder / "vault.db"

    async def play() -> None:
        store = opened(path, vfs=disk.vfs)
        await store.make_box(ADA.keys.hashes, Registration.OPEN, None)
        assert states(await store.put(ADA.drop, some(1))) == [State.HELD]
        disk.room_bytes = 20_000
        assert states(await store.put(ADA.drop, some(2, 3, 4))) == [State.FULL] * 3
        disk.mend()
        assert states(await store.put(ADA.drop, some(2))) == [State.HELD]
        await store.close()

    run(play())
    assert run(held(path, vfs=disk.vfs)) == [name(1), name(2)]


def test_a_disk_with_little_left_is_full_before_it_is(tmp_path: Path) -> None:
    async def play() -> None:
        store = opened(tmp_path / "relay.db")
        await store.make_box(ADA.keys.hashes, Registration.OPEN, None)
        with patch.object(store_sqlite, "_FREE_BYTES_MIN", 1 << 60):
            await store.tick(1)
        assert states(await store.put(ADA.drop, some(1))) == [State.FULL]
        await store.tick(1)
        assert states(await store.put(ADA.drop, some(1))) == [State.HELD]
        await store.close()

    run(play())


def test_a_full_disk_does_not_end_the_relay_that_empties_its_log(disk: FaultDisk) -> None:
    async def play() -> None:
        store = opened(disk.folder / "vault.db", vfs=disk.vfs)
        await store.add_token(bytes(32), 1, 30)
        await store.make_box(ADA.keys.hashes, Registration.TOKEN, bytes(32))
        assert states(await store.put(ADA.drop, some(1, 2, 3))) == [State.HELD] * 3
        disk.room_bytes = 0
        for now_ms in (1, 2):  # the second behind the tidying after the first
            with pytest.raises(DiskFull):
                await store.tick(now_ms)
        disk.mend()
        await store.tick(3)
        assert states(await store.put(ADA.drop, some(4))) == [State.HELD]
        await store.close()

    run(play())


def test_nobody_waits_for_one_who_reads_the_file_for_long(tmp_path: Path) -> None:
    async def play() -> None:
        store = opened(tmp_path / "relay.db")
        await store.add_token(bytes(32), 1, 30)
        doctor = sqlite_file.connect(tmp_path / "relay.db", read_only=True)
        doctor.execute("BEGIN; SELECT * FROM tokens").get  # noqa: B018
        await store.make_box(ADA.keys.hashes, Registration.TOKEN, bytes(32))
        await store.tick(1)
        async with asyncio.timeout(5):
            assert states(await store.put(ADA.drop, some(1))) == [State.HELD]
        doctor.close()
        assert log_bytes(tmp_path)
        await store.tick(2)
        await store.tick(3)  # behind the tidying after the one before
        assert log_bytes(tmp_path) < 20_000
        await store.close()

    run(play())


# -- commits together --------------------------------------------------------------------------------


def test_many_puts_share_a_commit_and_one_that_fails_takes_none_with_it(tmp_path: Path) -> None:
    async def play() -> None:
        store = opened(tmp_path / "relay.db")
        await store.make_box(ADA.keys.hashes, Registration.OPEN, None)
        gate, before = threading.Event(), store._group.commits
        slow = asyncio.create_task(store._write(lambda db: gate.wait(10)))
        puts = [asyncio.create_task(store.put(ADA.drop, some(number))) for number in range(50)]
        gone = asyncio.create_task(store.put(ADA.drop, some(90)))
        await asyncio.sleep(0)
        gone.cancel()
        gate.set()
        assert await slow and [states(await put) for put in puts] == [[State.HELD]] * 50
        assert store._group.commits - before <= 3
        await store.close()

    run(play())
    assert len(run(held(tmp_path / "relay.db"))) in (50, 51)


def test_a_bug_in_one_act_ends_the_store_and_leaves_nobody_waiting(tmp_path: Path) -> None:
    async def play() -> None:
        store = opened(tmp_path / "relay.db")
        gate = threading.Event()
        with patch("threading.excepthook") as told:
            bug = asyncio.create_task(store._write(lambda db: gate.wait(60) and {}["no such thing"]))
            await asyncio.sleep(0.2)
            behind = [asyncio.create_task(store.put(ADA.drop, some(number))) for number in range(3)]
            await asyncio.sleep(0.2)
            gate.set()
            async with asyncio.timeout(10):
                for asked in (bug, *behind):
                    with pytest.raises(StoreFailed):
                        await asked
            with pytest.raises(StoreFailed):
                await store.put(ADA.drop, some(1))
            await store.close()
        assert told.call_count == 1

    run(play())


# -- what the disk shows -----------------------------------------------------------------------------


def test_T_TAG_2_what_is_stored_links_neither_boxes_to_tokens_nor_keys_to_anything(tmp_path: Path) -> None:
    """No key, no token, no hash of a token near a box; and no order of making in numbers or rows."""
    path = tmp_path / "relay.db"
    token = bytes(range(50, 82))
    people = [Person(number) for number in range(100)]
    logs: list[int] = []

    async def play() -> None:
        store = SqliteStore.open(path, Rules(), os.urandom)
        await store.add_token(token_hash(token), 200, 30)
        for person in people:
            await store.make_box(person.keys.hashes, Registration.TOKEN, token_hash(token))
            await store.put(person.drop, some(person.keys.box[0]))
        await store.tick(1)
        await store.tick(1)  # behind the tidying after the first
        logs.append(await asyncio.to_thread(os.path.getsize, f"{path}-wal"))
        await store.close()

    run(play())
    assert logs[0] < 20_000, "the log still shows which commit held a token and a box"
    data = path.read_bytes()
    for person in people:
        for key in (person.keys.drop, person.keys.pick_up, person.keys.erase):
            assert key not in data
    assert token not in data
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    made = {person.keys.box: order for order, person in enumerate(people)}
    orders: list[list[int]] = []
    for column in ("box", "number"):
        orders.append([made[box] for (box,) in db.execute(f"SELECT box FROM boxes ORDER BY {column}")])
    orders.append([made[box] for (box,) in db.execute("SELECT box FROM boxes")])
    for order in orders:
        rising = sum(a < b for a, b in pairwise(order))
        assert 30 < rising < 70, "boxes lie in the order in which they were made"
    columns = {name for (name,) in db.execute("SELECT name FROM pragma_table_info('boxes')")}
    assert columns == {
        "box", "number", "drop_hash", "pick_up_hash", "erase_hash", "next_place", "used_bytes", "visited_day"
    }  # fmt: skip
    assert box_keys(0).box in made
