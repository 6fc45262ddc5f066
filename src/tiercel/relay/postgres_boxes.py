"""What a PostgreSQL store does to one box, one function for each act.

Every act looks at the box and the key first, without a lock; with no box or a wrong key it goes on with a life that no
box has, so that the same look-ups are made and nothing is written, not even a lock. Whoever writes then locks the row
of the box, so that places are given out and become visible in one order. Source: spec/relay.md 3 to 5.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from tiercel.limits import DAY_MS, PARCEL_HEAD_BYTES, RELAY_COLLECTED_BYTES

from .postgres_room import Room
from .postgres_server import Connection, ask, rows
from .protocol import Given, Part, Power, State
from .store import Rules, Shown

_NOBODY: Final = -1  # a life no box has
_NO_HASH: Final = bytes(32)
_WHOLE: Final = 1 << 30  # more than any parcel has
_BOX: Final = "SELECT life, next_place, ends, uses, visited_day, drop_hash, pick_up_hash, erase_hash FROM boxes"
_LOCK: Final = _BOX + " WHERE box = %b AND life = %s FOR UPDATE"
_CLOCK: Final = "SELECT relay_ms, run FROM clock"
_KNOWN: Final = (
    "SELECT id, place, ends_day, digest FROM parcels WHERE box = %b AND life = %s AND id = ANY(%b) AND ends_day > %s"
)
_INSERT: Final = (
    "INSERT INTO parcels SELECT %b, %s, name, place, size, %s, digest, body"
    " FROM unnest(%b::bytea[], %s::bigint[], %s::int[], %b::bytea[], %b::bytea[])"
    " AS new (name, place, size, digest, body)"
)
_GIVEN: Final = (
    "SELECT place, id, size_bytes, digest, ends_day, fits, CASE WHEN NOT fits THEN NULL WHEN %(head)s::bool"
    " THEN substring(body, 1, %(each)s::int) ELSE body END, CASE WHEN fits AND %(head)s::bool THEN sha256(body) END"
    " FROM (SELECT *, nth = 1 OR (nth <= %(most)s AND upto <= %(bytes)s) AS fits FROM ({near}) AS near) AS near"
    " ORDER BY nth"
)
_UPTO: Final = "sum(least(size_bytes, %(each)s)) OVER line AS upto, row_number() OVER line AS nth"
_BEHIND: Final = _GIVEN.format(
    near=f"SELECT *, {_UPTO} FROM parcels WHERE box = %(box)b AND life = %(life)s AND place > 0 AND place > %(place)s"
    " AND ends_day > %(day)s WINDOW line AS (ORDER BY place) ORDER BY place LIMIT %(most)s + 1"
)
_PICKED: Final = _GIVEN.format(
    near=f"SELECT parcels.*, turn, {_UPTO} FROM unnest(%(ids)b::bytea[]) WITH ORDINALITY AS asked (name, turn)"
    " JOIN parcels ON id = name WHERE box = %(box)b AND life = %(life)s AND place > 0 AND ends_day > %(day)s"
    " WINDOW line AS (ORDER BY turn)"
)


class Box(NamedTuple):
    """A box somebody showed the key of, or the one nobody has; and the relay's clock in that moment."""

    life: int
    next_place: int
    uses: dict[int, int]
    visited_day: int
    relay_ms: int
    run: bytes

    @property
    def day(self) -> int:
        """The relay day."""
        return self.relay_ms // DAY_MS

    @property
    def used_bytes(self) -> int:
        """What did not end yet."""
        return sum(self.uses.values())

    @property
    def is_there(self) -> bool:
        """Whether the key was right."""
        return self.life != _NOBODY

    def left_s(self, ends_day: int) -> int:
        """Seconds of relay time until the beginning of a day; at least 1."""
        return max((ends_day * DAY_MS - self.relay_ms) // 1000, 1)


class Found(NamedTuple):
    """One parcel that was looked for; ``data`` is None where it has no room in the answer."""

    place: int
    given: Given | None
    name: bytes
    spoilt: bool


async def look(db: Connection, shown: Shown, power: Power) -> Box:
    """The box, if the key is right; else one that is not there. The same work for both."""
    async with db.pipeline():
        found, clock = await ask(db, _BOX + " WHERE box = %b", (shown.box,)), await ask(db, _CLOCK)
        row, (relay_ms, run) = await found.fetchone(), await _one(clock)
    right = hmac.compare_digest(row[5 + power] if row else _NO_HASH, shown.key_hash)
    return _box(row if right else None, relay_ms, run)


async def lock(db: Connection, box_id: bytes, life: int) -> Box:
    """The same box again, for writing; not there if it was closed since. Inside a transaction."""
    found = await ask(db, _LOCK, (box_id, life))
    clock = await ask(db, _CLOCK)
    return _box(await found.fetchone(), *await _one(clock))


async def _one(cursor: Any) -> Any:
    return await cursor.fetchone()


def _box(row: Any, relay_ms: int, run: bytes) -> Box:
    if not row:
        return Box(_NOBODY, 1, {}, 0, relay_ms, run)
    day = relay_ms // DAY_MS
    uses = {ends: used for ends, used in zip(row[2], row[3], strict=True) if ends > day}
    return Box(row[0], row[1], uses, row[4], relay_ms, run)


async def lock_with(db: Connection, box_id: bytes, seen: Box, ids: Sequence[bytes]) -> tuple[Box, list[Any]]:
    """As :func:`lock`, with rows of what the box knows of these ids, in one turn: id, place, day it ends, digest."""
    found = await ask(db, _LOCK, (box_id, seen.life))
    clock = await ask(db, _CLOCK)
    known = await ask(db, _KNOWN, (box_id, seen.life, list(ids), seen.day))
    box = _box(await found.fetchone(), *await _one(clock))
    return box, [row for row in await known.fetchall() if row[2] > box.day]


async def note_use(db: Connection, box_id: bytes, box: Box) -> None:
    """Write down what is in a box."""
    await ask(
        db, "UPDATE boxes SET next_place = %s, ends = %s::int[], uses = %s::bigint[] WHERE box = %b AND life = %s",
        (box.next_place, list(box.uses), list(box.uses.values()), box_id, box.life),
    )  # fmt: skip


# -- reading -----------------------------------------------------------------------------------------


async def states(db: Connection, drop: Shown, ids: Sequence[bytes]) -> list[tuple[State, int]]:
    """What became of these."""
    box = await look(db, drop, Power.DROP)
    found = {row[0]: row for row in await rows(db, _KNOWN, (drop.box, box.life, list(ids), box.day))}
    return [_state(box, found.get(name)) for name in ids]


def _state(box: Box, known: Any) -> tuple[State, int]:
    if not known:
        return State.NONE, 0
    return (State.HELD, box.left_s(known[2])) if known[1] else (State.COLLECTED, 0)


async def behind(
    db: Connection, box_id: bytes, box: Box, place: int, limits: tuple[int, int], part: Part
) -> list[Found]:
    """Parcels behind a place: as many as fit, and the next one, if there is one, without its bytes."""
    each = PARCEL_HEAD_BYTES if part is Part.HEAD else _WHOLE
    values = {"box": box_id, "life": box.life, "day": box.day, "place": place, "most": limits[0], "bytes": limits[1],
              "each": each, "head": part is Part.HEAD}  # fmt: skip
    return [_found(row) for row in await rows(db, _BEHIND, values)]


async def picked(db: Connection, box_id: bytes, box: Box, ids: Sequence[bytes], bytes_max: int) -> list[Found]:
    """Those of the list that are there, in its order; from the first that does not fit, without their bytes."""
    values = {"box": box_id, "life": box.life, "day": box.day, "ids": list(ids), "most": len(ids), "bytes": bytes_max,
              "each": _WHOLE, "head": False}  # fmt: skip
    return [_found(row) for row in await rows(db, _PICKED, values)]


def _found(row: Any) -> Found:
    place, name, size, digest, _, fits, data, summed = row
    if not fits:
        return Found(place, None, name, False)
    right = (summed or hashlib.sha256(data).digest()) == digest
    return Found(place, (name, size, data), name, not right)


# -- writing -----------------------------------------------------------------------------------------


class Putting:
    """One put into one box: what is said of each parcel, and what has to be written.

    Args:
        room: Of the relay.
        rules: Of the operator.
        box: Locked.
        known: Rows of what the box knows of these ids.
    """

    def __init__(self, room: Room, rules: Rules, box: Box, known: Sequence[Any]) -> None:
        self._room = room
        self._rules = rules
        self.box = box
        self._known = {row[0]: row for row in known}
        self._ends_day = box.day + 1 + rules.hold_days
        self.taken_bytes = 0
        self.new: list[tuple[bytes, int, int, bytes, bytes]] = []

    async def one(self, name: bytes, parcel: bytes) -> tuple[State, int]:
        """What is said of one parcel."""
        if not self.box.is_there:
            return State.NONE, 0
        digest, known = hashlib.sha256(parcel).digest(), self._known.get(name)
        if known:
            same = not known[1] or known[3] == digest
            return _state(self.box, known) if same else (State.TAKEN, 0)
        if not await self._make_room(len(parcel)):
            return State.FULL, 0
        self.new.append((name, self.box.next_place, len(parcel), digest, parcel))
        uses = self.box.uses | {self._ends_day: self.box.uses.get(self._ends_day, 0) + len(parcel)}
        self.box = self.box._replace(next_place=self.box.next_place + 1, uses=uses)
        return State.HELD, self.box.left_s(self._ends_day)

    async def _make_room(self, size: int) -> bool:
        used = self.box.used_bytes
        if used + size > self._rules.box_bytes:
            return False
        # A put within the reserve grows nothing, so what others hold cannot refuse it.
        grows = self._room.weight(used + size) - self._room.weight(used)
        if grows and not await self._room.take(grows):
            return False
        self.taken_bytes += grows
        return True

    async def write(self, db: Connection, box_id: bytes) -> None:
        """Store what is new."""
        if not self.new:
            return
        names, places, sizes, digests, bodies = (list(column) for column in zip(*self.new, strict=True))
        values = (box_id, self.box.life, self._ends_day, names, places, sizes, digests, bodies)
        await ask(db, _INSERT, values)
        await note_use(db, box_id, self.box)


async def any_there(db: Connection, box_id: bytes, box: Box, ids: Sequence[bytes]) -> bool:
    """Whether there is anything to take away: locking the row of an empty box would write, and take longer."""
    there = _KNOWN + " AND place > 0 LIMIT 1"
    return bool(await rows(db, there, (box_id, box.life, list(ids), box.day)))


async def collect(db: Connection, box_id: bytes, box: Box, ids: Sequence[bytes]) -> Box:
    """Take parcels away and remember their ids; the box as it is then. Inside a transaction."""
    gone = await rows(
        db, "UPDATE parcels SET place = 0, digest = '', body = ''"
        " WHERE box = %b AND life = %s AND id = ANY(%b) AND ends_day > %s AND place > 0 RETURNING ends_day, size_bytes",
        (box_id, box.life, list(ids), box.day),
    )  # fmt: skip
    after = box
    for ends_day, size in gone:
        after = _less(after, ends_day, size - RELAY_COLLECTED_BYTES)
    if gone:
        await note_use(db, box_id, after)
    return after


async def forget(db: Connection, box_id: bytes, box: Box, ids: Sequence[bytes]) -> Box:
    """Let go of parcels whose bytes rotted, so that their senders can put them again. Inside a transaction."""
    gone = await rows(
        db, "DELETE FROM parcels WHERE box = %b AND life = %s AND id = ANY(%b) AND place > 0"
        " RETURNING ends_day, size_bytes", (box_id, box.life, list(ids)),
    )  # fmt: skip
    for ends_day, size in gone:
        box = _less(box, ends_day, size)
    if gone:
        await note_use(db, box_id, box)
    return box


def _less(box: Box, ends_day: int, size: int) -> Box:
    if ends_day <= box.day:  # counts no more
        return box
    return box._replace(uses=box.uses | {ends_day: max(box.uses.get(ends_day, 0) - size, 0)})
