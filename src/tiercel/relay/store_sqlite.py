"""The store of a relay in one SQLite file: the one to begin with, and enough for most.

One thread writes, for many requests at a time (``group_commit``); two read, each on a connection of its own, what is
committed. The acts themselves are in ``sqlite_boxes``, the file's settings and checks in ``sqlite_file``.

Example:
    >>> store = SqliteStore.open(Path("relay.db"), Rules(), token=entropy.token)  # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw

from tiercel.errors import DiskFull, StoreFailed
from tiercel.limits import DAY_MS, PARCEL_HEAD_BYTES

from . import sqlite_file
from .group_commit import GroupCommit
from .protocol import BoxHashes, Given, Outcome, Part, Power, Registration, State
from .sqlite_boxes import NOBODYS, Box, Boxes, enter, spot_of, spots
from .store import RUN_BYTES, Batch, Counts, Listener, Rules, Shown, pack_cursor, place_of

_READERS: Final = 2
_FREE_BYTES_MIN: Final = 64 << 20  # of the disk: below it nothing more is stored, so that erasing still can
_T = TypeVar("_T")


class SqliteStore:
    """A :class:`~tiercel.relay.store.Store` in one file. Made by :meth:`open`."""

    def __init__(self, path: Path, boxes: Boxes, writer: apsw.Connection, connect: Callable[[], apsw.Connection],
                 run: bytes, lock: int) -> None:  # fmt: skip
        self._path = path
        self._boxes = boxes
        self._db = writer
        self._run = run
        self._lock = lock
        self._group = GroupCommit(writer, lambda: boxes.load(writer), boxes.after_commit)
        self._listeners: list[Listener] = []
        self._local = threading.local()
        self._connect = connect
        self._connections: list[apsw.Connection] = []
        self._readers = ThreadPoolExecutor(_READERS, "relay-reader")
        self._failed = False
        self._later: set[asyncio.Task[None]] = set()

    @classmethod
    def open(
        cls, path: Path, rules: Rules, token: Callable[[int], bytes], *, level: int = sqlite_file.FULL,
        vfs: str | None = None,
    ) -> SqliteStore:  # fmt: skip
        """Open the store for serving, making it where there is none; one process at a time.

        Args:
            path: Of the file.
            rules: Of the operator.
            token: Random bytes.
            level: Of PRAGMA synchronous; what does not keep a commit is refused.
            vfs: A registered file layer; None is the system's own.

        Raises:
            StoreNotDurable, StoreDamaged, StoreNewer, StoreBusy, StoreError: As named.
        """
        lock = sqlite_file.keep(path)
        try:
            writer = sqlite_file.connect(path, level, vfs)
            try:
                _begin(writer)
                boxes = Boxes(rules, token)
                boxes.load(writer)
            except BaseException:
                writer.close()
                raise
        except BaseException as error:
            os.close(lock)
            if isinstance(error, apsw.Error):
                raise StoreFailed(f"The store of the relay failed: {sqlite_file.said(error)}.") from error
            raise
        return cls(path, boxes, writer, lambda: sqlite_file.connect(path, level, vfs, read_only=True),
                   token(RUN_BYTES), lock)  # fmt: skip

    # -- writing --

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    async def make_box(self, hashes: BoxHashes, registration: Registration, token_hash: bytes | None) -> Outcome:
        return await self._write(lambda db: self._boxes.make(db, hashes, registration, token_hash))

    async def put(self, drop: Shown, parcels: Sequence[tuple[bytes, bytes]]) -> list[tuple[State, int]]:
        size = sum(len(parcel) for _, parcel in parcels)
        try:
            states = await self._write(lambda db: self._boxes.put(db, drop, parcels), size)
        except DiskFull:
            return [(State.FULL, 0)] * len(parcels)
        if any(state is State.HELD for state, _ in states):
            for listener in self._listeners:
                listener([drop.box])
        return states

    async def erase(self, erase: Shown, ids: Sequence[bytes]) -> None:
        await self._write(lambda db: self._boxes.erase(db, erase, ids))

    async def close_box(self, erase: Shown) -> None:
        await self._write(lambda db: self._boxes.close_box(db, erase))

    async def add_token(self, token_hash: bytes, boxes: int, days: int) -> None:
        await self._write(lambda db: self._boxes.add_token(db, token_hash, boxes, days))

    async def tick(self, now_ms: int) -> bool:
        try:
            self._boxes.has_room = shutil.disk_usage(self._path.parent).free >= _FREE_BYTES_MIN
        except OSError as error:
            self._failed = True
            raise StoreFailed() from error
        return await self._write(lambda db: self._boxes.tick(db, now_ms))

    async def _write(self, act: Callable[[apsw.Connection], _T], size_bytes: int = 0) -> _T:
        if self._failed:
            raise StoreFailed()
        try:
            return await self._group.do(act, size_bytes)
        except StoreFailed:
            self._failed = True
            raise

    # -- reading --

    async def state(self, drop: Shown, ids: Sequence[bytes]) -> list[tuple[State, int]]:
        return await self._read(self._state, drop, ids)

    async def fetch(self, pick_up: Shown, cursor: bytes, parcels_max: int, bytes_max: int, part: Part) -> Batch:
        box, batch, spoilt = await self._read(self._fetch, pick_up, cursor, parcels_max, bytes_max, part)
        if spoilt:
            self._do_later(lambda db: self._boxes.forget_damaged(db, box.number, spoilt))
        if box != NOBODYS and box.visited_day != self._boxes.day:
            self._do_later(lambda db: self._boxes.visit(db, pick_up))
        return batch

    async def pick(self, pick_up: Shown, ids: Sequence[bytes], bytes_max: int) -> tuple[int, Sequence[Given]]:
        return await self._read(self._pick, pick_up, ids, bytes_max)

    async def counts(self) -> Counts:
        return await self._read(self._counts)

    def _do_later(self, act: Callable[[apsw.Connection], None]) -> None:
        """Write something that nobody waits for."""

        async def quietly() -> None:
            try:
                await self._write(act)
            except (StoreFailed, DiskFull):
                pass  # whoever writes next hears of it

        task = asyncio.get_running_loop().create_task(quietly())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _read(self, act: Callable[..., _T], *arguments: Any) -> _T:
        if self._failed:
            raise StoreFailed()

        def do() -> _T:
            db = self._reader()
            db.execute("BEGIN")  # one state of the file for the whole answer
            try:
                return act(db, *arguments)
            finally:
                db.execute("COMMIT")

        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, do)
        except apsw.Error as error:
            self._failed = True
            raise StoreFailed() from error

    def _reader(self) -> apsw.Connection:
        db: apsw.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = self._connect()
            self._connections.append(db)
        return db

    def _state(self, db: apsw.Connection, drop: Shown, ids: Sequence[bytes]) -> list[tuple[State, int]]:
        number = enter(db, drop, Power.DROP).number
        states = []
        for name in ids:
            known = db.execute(
                "SELECT place, ends_day FROM names WHERE number = ? AND id = ?", (number, name)
            ).fetchone()
            if not known or known[1] <= self._boxes.day:
                states.append((State.NONE, 0))
            else:
                states.append((State.HELD, self._boxes.left_s(known[1])) if known[0] else (State.COLLECTED, 0))
        return states

    def _fetch(
        self, db: apsw.Connection, pick_up: Shown, cursor: bytes, parcels_max: int, bytes_max: int, part: Part
    ) -> tuple[Box, Batch, list[int]]:
        box, place = enter(db, pick_up, Power.PICK_UP), place_of(cursor, self._run)
        first, last = spots(box.number)
        given: list[Given] = []
        spoilt: list[int] = []
        more, size = False, 0
        rows = db.execute(
            "SELECT spot, id, sum, body FROM parcels WHERE spot > ? AND spot <= ? ORDER BY spot",
            (min(first + place, last), last),
        )
        for spot, name, digest, body in rows:
            whole, body = len(body), body if hashlib.sha256(body).digest() == digest else None
            if body is None:
                spoilt.append(spot)
                continue
            body = body[:PARCEL_HEAD_BYTES] if part is Part.HEAD else body
            if given and (len(given) == parcels_max or size + len(body) > bytes_max):
                more = True
                break
            given.append((name, whole, body))
            size, place = size + len(body), spot - first
        return box, Batch(pack_cursor(self._run, place), more, given), spoilt

    def _pick(
        self, db: apsw.Connection, pick_up: Shown, ids: Sequence[bytes], bytes_max: int
    ) -> tuple[int, Sequence[Given]]:
        number = enter(db, pick_up, Power.PICK_UP).number
        given: list[Given] = []
        size = 0
        for looked_at, name in enumerate(ids):
            place = db.execute("SELECT place FROM names WHERE number = ? AND id = ?", (number, name)).get
            row = db.execute("SELECT sum, body FROM parcels WHERE spot = ?", (spot_of(number, place or 0),)).fetchone()
            if not row or hashlib.sha256(row[1]).digest() != row[0]:
                continue
            if given and size + len(row[1]) > bytes_max:
                return looked_at, given
            given.append((name, len(row[1]), row[1]))
            size += len(row[1])
        return len(ids), given

    def _counts(self, db: apsw.Connection) -> Counts:
        return counts(db, self._boxes.taken_bytes)

    # -- the end --

    async def close(self) -> None:
        """Finish what waits, note that the end was orderly, and let go of the file. May be called twice."""
        for task in list(self._later):
            await task
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._group.close()
        self._readers.shutdown()
        for db in self._connections:
            db.close()
        self._connections.clear()
        if self._lock < 0:
            return
        try:
            if self._failed:  # the log stays as it is, for the next start to look at
                self._db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            else:
                self._db.execute("INSERT OR REPLACE INTO meta VALUES ('clean', 1)")
            self._db.close()
        except apsw.Error as error:
            self._failed = True
            raise StoreFailed() from error
        finally:
            os.close(self._lock)
            self._lock = -1


def _begin(db: apsw.Connection) -> None:
    """Check a store that was not closed, bring it to the newest schema, and prove that it can be written."""
    version = sqlite_file.version_of(db)
    if version and not db.execute("SELECT value FROM meta WHERE key = 'clean'").get:
        sqlite_file.verify(db)
    sqlite_file.migrate(db)
    db.execute("INSERT OR REPLACE INTO meta VALUES ('clean', 0)")


def counts(db: apsw.Connection, taken_bytes: int = 0) -> Counts:
    """Numbers of a store, also for a process that does not serve it."""
    row: Any = db.execute(
        "SELECT (SELECT count(*) FROM boxes), (SELECT count(*) FROM names WHERE place > 0),"
        " (SELECT coalesce(sum(used_bytes), 0) FROM boxes), (SELECT count(*) FROM tokens),"
        " coalesce((SELECT value FROM meta WHERE key = 'relay_ms'), 0)"
    ).fetchone()
    boxes, parcels, used, tokens, relay_ms = row
    return Counts(boxes, parcels, used, taken_bytes, tokens, relay_ms // DAY_MS)


def counts_of(path: Path) -> Counts:
    """Numbers of the store in a file, from outside the process that serves it.

    Raises:
        StoreError: And its kinds, as opening does.
    """
    return _outside(path, counts)


def add_token_to(path: Path, token_hash: bytes, boxes: int, days: int) -> None:
    """Write a token into the store of a file, from outside the process that serves it.

    Raises:
        StoreError: And its kinds, as opening does.
    """
    ends = "(SELECT coalesce(max(value), 0) / ? FROM meta WHERE key = 'relay_ms') + ?"
    values = (token_hash, boxes, DAY_MS, days + 1)
    _outside(path, lambda db: db.execute(f"INSERT OR REPLACE INTO tokens VALUES (?, ?, {ends})", values).get)


def _outside(path: Path, act: Callable[[apsw.Connection], _T]) -> _T:
    db = sqlite_file.connect(path)
    try:
        sqlite_file.version_of(db)
        return act(db)
    except apsw.Error as error:
        raise StoreFailed(f"The store of the relay failed: {sqlite_file.said(error)}.") from error
    finally:
        db.close()
