"""What the writing thread of a SQLite store does, one method for each act, inside a transaction of others.

Nothing here commits. Every act looks at the box and the key first; with no box or a wrong key it goes on with a box
that has no number in the file, so that the same look-ups are made and nothing is written. Source: spec/relay.md 3 to 5.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import apsw

from tiercel.limits import DAY_MS, RELAY_COLLECTED_BYTES

from . import sqlite_file
from .protocol import BoxHashes, Outcome, Power, Registration, State, box_id
from .store import Rules, Shown, moved

PLACE_BITS: Final = 36  # of a spot: 2^36 parcels in one box, 2^27 boxes
_NUMBER_BITS: Final = 27
_NOBODY: Final = -1  # a number no box has
_NO_HASH: Final = bytes(32)
_SLICE_ROWS: Final = 2000  # looked at in one slice of expiry
_SLICE_GONE: Final = 128  # and at most so many parcels of it taken away: about 5 ms
_LOG_BUSY_MS: Final = 100
_HASHES: Final = {Power.DROP: "drop_hash", Power.PICK_UP: "pick_up_hash", Power.ERASE: "erase_hash"}


class Box(NamedTuple):
    """A box somebody showed the key of, or the one nobody has."""

    number: int
    next_place: int
    used_bytes: int
    visited_day: int


NOBODYS: Final = Box(_NOBODY, 1, 0, 0)


def enter(db: apsw.Connection, shown: Shown, power: Power) -> Box:
    """The box, if the key is right; else one that is not there. The same work for both."""
    row = db.execute(
        f"SELECT number, next_place, used_bytes, visited_day, {_HASHES[power]} FROM boxes WHERE box = ?", (shown.box,)
    ).fetchone()
    box, expected = (Box(*row[:4]), row[4]) if row else (NOBODYS, _NO_HASH)
    right = hmac.compare_digest(expected, shown.key_hash)
    return box if right and row else NOBODYS


def spots(number: int) -> tuple[int, int]:
    """The first and the last spot of a box."""
    return number << PLACE_BITS, ((number + 1) << PLACE_BITS) - 1


def spot_of(number: int, place: int) -> int:
    """Where a parcel of a box lies."""
    return (number << PLACE_BITS) + place


class Boxes:
    """Acts on an opened store, and what is counted in memory beside it.

    Args:
        rules: Of the operator.
        token: Random bytes, for the numbers of boxes.
    """

    def __init__(self, rules: Rules, token: Callable[[int], bytes]) -> None:
        self._rules = rules
        self._token = token
        self.relay_ms = 0
        self._wall_ms = -1
        self.taken_bytes = 0
        self.has_room = True  # on the disk; looked at by the store
        self._swept: tuple[int, bytes] | None = None  # where the sweep of this day stands; None: not begun
        self._swept_day = -1
        self._linked = self._unlink = False  # whether the log shows which token made which box

    @property
    def day(self) -> int:
        """The relay day."""
        return self.relay_ms // DAY_MS

    def load(self, db: apsw.Connection) -> None:
        """Count what is there, as at the start and after a transaction was undone."""
        known = dict(db.execute("SELECT key, value FROM meta"))
        self.relay_ms, self._wall_ms = known.get("relay_ms", 0), known.get("wall_ms", -1)
        reserve = self._rules.reserve_bytes
        self.taken_bytes = db.execute("SELECT coalesce(sum(max(used_bytes, ?)), 0) FROM boxes", (reserve,)).get
        self.taken_bytes += db.execute("SELECT coalesce(sum(used_bytes), 0) FROM closing").get

    # -- boxes and tokens --

    def make(
        self, db: apsw.Connection, hashes: BoxHashes, registration: Registration, token_hash: bytes | None
    ) -> Outcome:
        """Make a box, as the store's contract says."""
        box = box_id(hashes)
        if db.execute("SELECT 1 FROM boxes WHERE box = ?", (box,)).get:
            return Outcome.THERE
        if registration is Registration.CLOSED:
            return Outcome.REFUSED
        if registration is Registration.TOKEN and not self._token_good(db, token_hash):
            return Outcome.REFUSED
        if self.taken_bytes + self._rules.reserve_bytes > self._rules.room_bytes:
            return Outcome.FULL
        if registration is Registration.TOKEN:
            self._linked = True
            db.execute("UPDATE tokens SET boxes = boxes - 1 WHERE hash = ?", (token_hash,))
        db.execute("INSERT INTO boxes VALUES (?, ?, ?, ?, ?, 1, 0, ?)", (box, self._new_number(db), *hashes, self.day))
        self.taken_bytes += self._rules.reserve_bytes
        return Outcome.THERE

    def _token_good(self, db: apsw.Connection, token_hash: bytes | None) -> bool:
        row: Any = db.execute("SELECT boxes, ends_day FROM tokens WHERE hash = ?", (token_hash or b"",)).fetchone()
        return bool(row) and row[0] > 0 and row[1] > self.day

    def _new_number(self, db: apsw.Connection) -> int:
        while True:
            number = int.from_bytes(self._token(4), "big") >> (32 - _NUMBER_BITS)
            taken = "SELECT 1 FROM boxes WHERE number = ?1 UNION ALL SELECT 1 FROM closing WHERE number = ?1"
            if number and not db.execute(taken, (number,)).fetchone():
                return number

    def add_token(self, db: apsw.Connection, token_hash: bytes, boxes: int, days: int) -> None:
        """Let boxes be made with a token."""
        db.execute("INSERT OR REPLACE INTO tokens VALUES (?, ?, ?)", (token_hash, boxes, self.day + days + 1))

    def close_box(self, db: apsw.Connection, erase: Shown) -> None:
        """Take a box away at once for everybody; what is in it goes with the sweep."""
        box = enter(db, erase, Power.ERASE)
        if box.number == _NOBODY:
            return
        db.execute("DELETE FROM boxes WHERE box = ?", (erase.box,))
        db.execute("INSERT INTO closing VALUES (?, ?)", (box.number, box.used_bytes))
        self.taken_bytes += box.used_bytes - max(box.used_bytes, self._rules.reserve_bytes)

    def visit(self, db: apsw.Connection, pick_up: Shown) -> None:
        """Note that somebody who may picked up today."""
        box = enter(db, pick_up, Power.PICK_UP)
        if box.number != _NOBODY and box.visited_day != self.day:
            db.execute("UPDATE boxes SET visited_day = ? WHERE box = ?", (self.day, pick_up.box))

    # -- parcels --

    def put(self, db: apsw.Connection, drop: Shown, parcels: Sequence[tuple[bytes, bytes]]) -> list[tuple[State, int]]:
        """Store parcels, as the store's contract says."""
        box = enter(db, drop, Power.DROP)
        if box.number == _NOBODY:
            return [(State.NONE, 0)] * len(parcels)
        after, states = box, []
        for name, parcel in parcels:
            state, after = self._put_one(db, after, name, parcel)
            states.append(state)
        self._note_use(db, drop.box, box, after)
        return states

    def _put_one(self, db: apsw.Connection, box: Box, name: bytes, parcel: bytes) -> tuple[tuple[State, int], Box]:
        digest = hashlib.sha256(parcel).digest()
        known = db.execute(
            "SELECT place, size_bytes, ends_day FROM names WHERE number = ? AND id = ?", (box.number, name)
        ).fetchone()
        if known and known[2] > self.day:
            return self._state_known(db, box, known[0], known[2], digest), box
        if known:  # it ended, and the sweep has not been there yet
            box = self._forget(db, box, name, known[0], known[1])
        if not self._fits(box, len(parcel)):
            return (State.FULL, 0), box
        ends = self.day + 1 + self._rules.hold_days
        row = (box.number, name, box.next_place, len(parcel), ends)
        db.execute("INSERT INTO names VALUES (?, ?, ?, ?, ?)", row)
        db.execute(
            "INSERT INTO parcels VALUES (?, ?, ?, ?)", (spot_of(box.number, box.next_place), name, digest, parcel)
        )
        box = self._grown(box, len(parcel))
        return (State.HELD, self.left_s(ends)), box._replace(next_place=box.next_place + 1)

    def _state_known(
        self, db: apsw.Connection, box: Box, place: int, ends_day: int, digest: bytes
    ) -> tuple[State, int]:
        if not place:
            return State.COLLECTED, 0
        same = db.execute("SELECT sum FROM parcels WHERE spot = ?", (spot_of(box.number, place),)).get == digest
        return (State.HELD, self.left_s(ends_day)) if same else (State.TAKEN, 0)

    def _fits(self, box: Box, size: int) -> bool:
        grows = self._weight(box.used_bytes + size) - self._weight(box.used_bytes)
        within = box.used_bytes + size <= self._rules.box_bytes
        # A put within the reserve grows nothing, so what others hold cannot refuse it.
        return within and self.has_room and (not grows or self.taken_bytes + grows <= self._rules.room_bytes)

    def _weight(self, used_bytes: int) -> int:
        return max(used_bytes, self._rules.reserve_bytes)

    def _grown(self, box: Box, by: int) -> Box:
        used = max(box.used_bytes + by, 0)
        self.taken_bytes += self._weight(used) - self._weight(box.used_bytes)
        return box._replace(used_bytes=used)

    def _note_use(self, db: apsw.Connection, box_id: bytes, before: Box, after: Box) -> None:
        if after != before:
            values = (after.next_place, after.used_bytes, box_id)
            db.execute("UPDATE boxes SET next_place = ?, used_bytes = ? WHERE box = ?", values)

    def left_s(self, ends_day: int) -> int:
        """Seconds of relay time until the beginning of a day; at least 1."""
        return max((ends_day * DAY_MS - self.relay_ms) // 1000, 1)

    def erase(self, db: apsw.Connection, erase: Shown, ids: Sequence[bytes]) -> None:
        """Take parcels away, and remember that they were collected."""
        before = box = enter(db, erase, Power.ERASE)
        for name in ids:
            known = db.execute(
                "SELECT place, size_bytes FROM names WHERE number = ? AND id = ?", (box.number, name)
            ).fetchone()
            if known and known[0]:
                db.execute("UPDATE names SET place = 0 WHERE number = ? AND id = ?", (box.number, name))
                db.execute("DELETE FROM parcels WHERE spot = ?", (spot_of(box.number, known[0]),))
                box = self._grown(box, RELAY_COLLECTED_BYTES - known[1])
        self._note_use(db, erase.box, before, box)

    def forget_damaged(self, db: apsw.Connection, number: int, spoilt: Sequence[int]) -> None:
        """Let go of parcels whose bytes rotted, so that their senders can put them again."""
        row = db.execute(
            "SELECT number, next_place, used_bytes, visited_day, box FROM boxes WHERE number = ?", (number,)
        ).fetchone()
        if not row:
            return
        before = box = Box(*row[:4])
        for spot in spoilt:
            name = db.execute("SELECT id FROM parcels WHERE spot = ?", (spot,)).get
            known = db.execute(
                "SELECT place, size_bytes FROM names WHERE number = ? AND id = ?", (number, name)
            ).fetchone()
            if known:
                box = self._forget(db, box, name, *known)
            db.execute("DELETE FROM parcels WHERE spot = ?", (spot,))
        self._note_use(db, row[4], before, box)

    def _forget(self, db: apsw.Connection, box: Box, name: bytes, place: int, size: int) -> Box:
        db.execute("DELETE FROM names WHERE number = ? AND id = ?", (box.number, name))
        if place:
            db.execute("DELETE FROM parcels WHERE spot = ?", (spot_of(box.number, place),))
        return self._grown(box, -(size if place else RELAY_COLLECTED_BYTES))

    # -- time --

    def tick(self, db: apsw.Connection, now_ms: int) -> bool:
        """Move relay time, and take a slice of what ended away; whether there may be more."""
        if self._wall_ms >= 0:
            self.relay_ms += moved(self._wall_ms, now_ms, self._rules.step_ms_max)
        self._wall_ms = now_ms
        for key, value in (("relay_ms", self.relay_ms), ("wall_ms", now_ms)):
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
        self._unlink = self._linked
        return self._sweep_closing(db) or self._sweep_names(db)

    def after_commit(self, db: apsw.Connection) -> None:
        """Empty the log now and then: it has a token and the box made with it side by side (spec/relay.md 5)."""
        if self._unlink:
            self._linked, self._unlink = not _emptied(db), False

    def _sweep_closing(self, db: apsw.Connection) -> bool:
        row = db.execute("SELECT number, used_bytes FROM closing LIMIT 1").fetchone()
        if not row:
            return False
        number, used = row
        gone = 0
        for statement, values, most in (
            ("SELECT spot FROM parcels WHERE spot BETWEEN ? AND ? LIMIT ?", spots(number), _SLICE_GONE),
            ("SELECT id FROM names WHERE number = ? LIMIT ?", (number,), _SLICE_ROWS),
        ):
            for (key,) in db.execute(statement, (*values, most)).fetchall():
                gone += 1
                if isinstance(key, int):
                    db.execute("DELETE FROM parcels WHERE spot = ?", (key,))
                else:
                    db.execute("DELETE FROM names WHERE number = ? AND id = ?", (number, key))
        if not gone:
            db.execute("DELETE FROM closing WHERE number = ?", (number,))
            self.taken_bytes -= used
        return True

    def _sweep_names(self, db: apsw.Connection) -> bool:
        """Look at the next rows of all names, once a relay day, and take away what ended."""
        if self._swept_day == self.day:
            return False
        rows: list[Any] = db.execute(
            "SELECT number, id, place, size_bytes, ends_day FROM names WHERE (number, id) > (?, ?)"
            " ORDER BY number, id LIMIT ?", (*(self._swept or (_NOBODY, b"")), _SLICE_ROWS)
        ).fetchall()  # fmt: skip
        gone: dict[int, list[tuple[bytes, int, int]]] = {}
        left = _SLICE_GONE
        for number, name, place, size, ends_day in rows:
            if ends_day <= self.day:
                if not left:
                    break
                left -= 1
                gone.setdefault(number, []).append((name, place, size))
            self._swept = (number, name)
        for number, ended in gone.items():
            self._end(db, number, ended)
        if left and len(rows) < _SLICE_ROWS:
            self._swept, self._swept_day = None, self.day
            self._sweep_boxes(db)
        return True

    def _end(self, db: apsw.Connection, number: int, ended: Sequence[tuple[bytes, int, int]]) -> None:
        row = db.execute(
            "SELECT number, next_place, used_bytes, visited_day, box FROM boxes WHERE number = ?", (number,)
        ).fetchone()
        if row:  # else it is being closed
            before = box = Box(*row[:4])
            for name, place, size in ended:
                box = self._forget(db, box, name, place, size)
            self._note_use(db, row[4], before, box)

    def _sweep_boxes(self, db: apsw.Connection) -> None:
        """Take away boxes nobody came to for long, and tokens that ended."""
        idle = "FROM boxes WHERE used_bytes = 0 AND visited_day < ?"
        since = (self.day - self._rules.idle_days,)
        self.taken_bytes -= self._rules.reserve_bytes * db.execute(f"SELECT count(*) {idle}", since).get
        db.execute(f"DELETE {idle}", since)
        db.execute("DELETE FROM tokens WHERE ends_day <= ? OR boxes < 1", (self.day,))


def _emptied(db: apsw.Connection) -> bool:
    """Whether the log could be emptied; if not, it is tried again at the next tick."""
    # Whoever puts waits for this, and a doctor or a copy may read for minutes.
    db.set_busy_timeout(_LOG_BUSY_MS)
    try:
        found: Any = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return bool(found) and not found[0]
    except (apsw.BusyError, apsw.FullError):
        return False
    finally:
        db.set_busy_timeout(sqlite_file.BUSY_MS)
