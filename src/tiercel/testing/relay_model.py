"""A relay's store in dictionaries: what the real ones must agree with, and enough for tests of clients.

Example:
    >>> store = MemoryRelayStore(Rules())
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tiercel.limits import DAY_MS, PARCEL_HEAD_BYTES, RELAY_COLLECTED_BYTES
from tiercel.relay.protocol import BoxHashes, Given, Outcome, Part, Power, Registration, State, box_id
from tiercel.relay.store import Batch, Counts, Listener, Rules, Shown, moved, pack_cursor, place_of


@dataclass
class _Kept:
    place: int
    size_bytes: int
    ends_day: int
    body: bytes | None  # None: collected


@dataclass
class _Box:
    hashes: BoxHashes
    visited_day: int
    places: int = 0
    kept: dict[bytes, _Kept] = field(default_factory=dict)

    @property
    def used_bytes(self) -> int:
        return sum(RELAY_COLLECTED_BYTES if kept.body is None else kept.size_bytes for kept in self.kept.values())


class MemoryRelayStore:
    """The contract of :class:`tiercel.relay.store.Store`, as plainly as it can be said; nothing is durable.

    Attributes:
        boxes: By id, for tests to look at or to lose.
    """

    def __init__(self, rules: Rules, run: bytes = b"modelrun") -> None:
        self._rules = rules
        self._run = run
        self.boxes: dict[bytes, _Box] = {}
        self._tokens: dict[bytes, tuple[int, int]] = {}
        self._relay_ms, self._wall_ms = 0, -1
        self._listeners: list[Listener] = []

    @property
    def _day(self) -> int:
        return self._relay_ms // DAY_MS

    def _taken(self) -> int:
        return sum(max(box.used_bytes, self._rules.reserve_bytes) for box in self.boxes.values())

    def _enter(self, shown: Shown, power: Power) -> _Box | None:
        box = self.boxes.get(shown.box)
        return box if box and box.hashes[power] == shown.key_hash else None

    def _left_s(self, ends_day: int) -> int:
        return max((ends_day * DAY_MS - self._relay_ms) // 1000, 1)

    def listen(self, listener: Listener) -> None:
        """As the contract says."""
        self._listeners.append(listener)

    async def make_box(self, hashes: BoxHashes, registration: Registration, token_hash: bytes | None) -> Outcome:
        """As the contract says."""
        if box_id(hashes) in self.boxes:
            return Outcome.THERE
        boxes, ends_day = self._tokens.get(token_hash or b"", (0, 0))
        good = boxes > 0 and ends_day > self._day
        if registration is Registration.CLOSED or (registration is Registration.TOKEN and not good):
            return Outcome.REFUSED
        if self._taken() + self._rules.reserve_bytes > self._rules.room_bytes:
            return Outcome.FULL
        if registration is Registration.TOKEN and token_hash:
            self._tokens[token_hash] = boxes - 1, ends_day
        self.boxes[box_id(hashes)] = _Box(hashes, self._day)
        return Outcome.THERE

    async def put(self, drop: Shown, parcels: Sequence[tuple[bytes, bytes]]) -> list[tuple[State, int]]:
        """As the contract says."""
        box = self._enter(drop, Power.DROP)
        if box is None:
            return [(State.NONE, 0)] * len(parcels)
        states = [self._put_one(box, name, parcel) for name, parcel in parcels]
        for listener in self._listeners:
            listener([drop.box])
        return states

    def _put_one(self, box: _Box, name: bytes, parcel: bytes) -> tuple[State, int]:
        known = box.kept.get(name)
        if known and known.ends_day > self._day:
            if known.body is None:
                return State.COLLECTED, 0
            return (State.HELD, self._left_s(known.ends_day)) if known.body == parcel else (State.TAKEN, 0)
        box.kept.pop(name, None)
        if not self._fits(box, len(parcel)):
            return State.FULL, 0
        box.places += 1
        kept = box.kept[name] = _Kept(box.places, len(parcel), self._day + 1 + self._rules.hold_days, bytes(parcel))
        return State.HELD, self._left_s(kept.ends_day)

    def _fits(self, box: _Box, size: int) -> bool:
        used, reserve = box.used_bytes, self._rules.reserve_bytes
        grows = max(used + size, reserve) - max(used, reserve)
        room = not grows or self._taken() + grows <= self._rules.room_bytes
        return used + size <= self._rules.box_bytes and room

    async def state(self, drop: Shown, ids: Sequence[bytes]) -> list[tuple[State, int]]:
        """As the contract says."""
        box = self._enter(drop, Power.DROP)
        states = []
        for name in ids:
            known = box.kept.get(name) if box else None
            if not known or known.ends_day <= self._day:
                states.append((State.NONE, 0))
            else:
                states.append(
                    (State.COLLECTED, 0) if known.body is None else (State.HELD, self._left_s(known.ends_day))
                )
        return states

    async def fetch(self, pick_up: Shown, cursor: bytes, parcels_max: int, bytes_max: int, part: Part) -> Batch:
        """As the contract says."""
        box, place = self._enter(pick_up, Power.PICK_UP), place_of(cursor, self._run)
        given: list[Given] = []
        size = 0
        if box:
            box.visited_day = self._day
        for name, kept in self._behind(box, place):
            body = kept.body or b""
            body = body[:PARCEL_HEAD_BYTES] if part is Part.HEAD else body
            if given and (len(given) == parcels_max or size + len(body) > bytes_max):
                return Batch(pack_cursor(self._run, place), True, given)
            given.append((name, kept.size_bytes, body))
            place, size = kept.place, size + len(body)
        return Batch(pack_cursor(self._run, place), False, given)

    def _behind(self, box: _Box | None, place: int) -> list[tuple[bytes, _Kept]]:
        kept = [] if box is None else list(box.kept.items())
        return sorted((k for k in kept if k[1].body and k[1].place > place), key=lambda k: k[1].place)

    async def pick(self, pick_up: Shown, ids: Sequence[bytes], bytes_max: int) -> tuple[int, Sequence[Given]]:
        """As the contract says."""
        box = self._enter(pick_up, Power.PICK_UP)
        given: list[Given] = []
        size = 0
        for looked_at, name in enumerate(ids):
            kept = box.kept.get(name) if box else None
            if not kept or kept.body is None:
                continue
            if given and size + kept.size_bytes > bytes_max:
                return looked_at, given
            given.append((name, kept.size_bytes, kept.body))
            size += kept.size_bytes
        return len(ids), given

    async def erase(self, erase: Shown, ids: Sequence[bytes]) -> None:
        """As the contract says."""
        box = self._enter(erase, Power.ERASE)
        for name in ids:
            if box and name in box.kept:
                box.kept[name].body = None

    async def close_box(self, erase: Shown) -> None:
        """As the contract says."""
        if self._enter(erase, Power.ERASE):
            del self.boxes[erase.box]

    async def add_token(self, token_hash: bytes, boxes: int, days: int) -> None:
        """As the contract says."""
        self._tokens[token_hash] = boxes, self._day + days + 1

    async def tick(self, now_ms: int) -> bool:
        """As the contract says."""
        if self._wall_ms >= 0:
            self._relay_ms += moved(self._wall_ms, now_ms, self._rules.step_ms_max)
        self._wall_ms = now_ms
        for box in self.boxes.values():
            box.kept = {name: kept for name, kept in box.kept.items() if kept.ends_day > self._day}
        idle = self._day - self._rules.idle_days
        self.boxes = {name: box for name, box in self.boxes.items() if box.kept or box.visited_day >= idle}
        self._tokens = {name: known for name, known in self._tokens.items() if known[1] > self._day and known[0]}
        return False

    async def counts(self) -> Counts:
        """As the contract says."""
        kept = [kept for box in self.boxes.values() for kept in box.kept.values() if kept.body]
        used = sum(box.used_bytes for box in self.boxes.values())
        return Counts(len(self.boxes), len(kept), used, self._taken(), len(self._tokens), self._day)

    async def close(self) -> None:
        """Nothing to let go of."""
