"""What a store of a relay must do, whatever holds the bytes. SQLite and PostgreSQL do it; one suite proves both.

The contract, proved by ``testing.relay_store_suite``:

* What ``put`` says is HELD is durable when it returns. Whoever cannot say so raises.
* Keys come hashed (:func:`tiercel.relay.protocol.key_hash`), so no store ever sees one. They are compared in constant
  time, and a box that is not there, one that is empty and a wrong key take the same look-ups and give the same.
* Box id first in every key, and no transaction over two boxes (the counter of a token is apart).
* Relay time (spec/relay.md 5) moves only by ``tick``; what ends, ends by it.
* Any error of reading, writing or syncing becomes StoreFailed, and every later call raises it too: the relay ends.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

from tiercel.limits import (
    RELAY_BOX_BYTES,
    RELAY_BOX_IDLE_DAYS,
    RELAY_BOX_RESERVE_BYTES,
    RELAY_HOLD_DAYS,
    RELAY_STEP_MS_MAX,
)

from .protocol import BoxHashes, Given, Outcome, Part, Registration, State

Listener: TypeAlias = Callable[[Collection[bytes]], None]
_CURSOR = struct.Struct(">8sQ")
RUN_BYTES = 8


@dataclass(frozen=True)
class Rules:
    """What the operator chose.

    Attributes:
        room_bytes: What all boxes may take together.
        box_bytes: What one box may take.
        reserve_bytes: What each box has to itself.
        hold_days: How long a parcel is promised.
        idle_days: After so long an empty box in which nobody picks up is taken away.
        step_ms_max: Relay time moves by so much at most between two looks at the clock.
    """

    room_bytes: int = 8 << 30
    box_bytes: int = RELAY_BOX_BYTES
    reserve_bytes: int = RELAY_BOX_RESERVE_BYTES
    hold_days: int = RELAY_HOLD_DAYS
    idle_days: int = RELAY_BOX_IDLE_DAYS
    step_ms_max: int = RELAY_STEP_MS_MAX


class Shown(NamedTuple):
    """What a request showed: the id of a box (16 bytes) and the hash of the key (32 bytes)."""

    box: bytes
    key_hash: bytes


class Batch(NamedTuple):
    """Parcels of one fetch; ``cursor`` is behind the last, ``more`` whether there was more in that moment."""

    cursor: bytes
    more: bool
    parcels: Sequence[Given]


class Counts(NamedTuple):
    """Numbers of the whole relay, for its operator. ``taken_bytes`` counts reserves of boxes as taken."""

    boxes: int
    parcels: int
    used_bytes: int
    taken_bytes: int
    tokens: int
    relay_day: int


class Store(Protocol):
    """Boxes and what is in them. Every method may be called at any time by many at once.

    Raises, each of them: StoreFailed, as above.
    """

    def listen(self, listener: Listener) -> None:
        """Call this in the event loop with the ids of boxes that got parcels, whichever process put them."""
        ...

    async def make_box(self, hashes: BoxHashes, registration: Registration, token_hash: bytes | None) -> Outcome:
        """Make a box, if these rules of registration allow it; one that is there stays as it is and costs no token.

        Args:
            hashes: Of the three keys; the id follows.
            registration: OPEN needs no token, TOKEN takes one from that of ``token_hash``, CLOSED makes none.
            token_hash: 32 bytes, or None where none was shown.
        """
        ...

    async def put(self, drop: Shown, parcels: Sequence[tuple[bytes, bytes]]) -> list[tuple[State, int]]:
        """Store parcels (id, bytes) of different ids: (state, seconds still held) for each. NONE without the key."""
        ...

    async def state(self, drop: Shown, ids: Sequence[bytes]) -> list[tuple[State, int]]:
        """What became of these: NONE, HELD or COLLECTED."""
        ...

    async def fetch(self, pick_up: Shown, cursor: bytes, parcels_max: int, bytes_max: int, part: Part) -> Batch:
        """What lies behind a cursor, in the order stored, at least one if there is one. It counts as a visit."""
        ...

    async def pick(self, pick_up: Shown, ids: Sequence[bytes], bytes_max: int) -> tuple[int, Sequence[Given]]:
        """How many ids were looked at before ``bytes_max`` was full, and the parcels found."""
        ...

    async def erase(self, erase: Shown, ids: Sequence[bytes]) -> None:
        """Take parcels away and remember their ids as collected until their promise would end. Durable on return."""
        ...

    async def close_box(self, erase: Shown) -> None:
        """Take the box and everything of it away."""
        ...

    async def add_token(self, token_hash: bytes, boxes: int, days: int) -> None:
        """Let so many boxes be made with a token, for so many days of relay time."""
        ...

    async def tick(self, now_ms: int) -> bool:
        """Move relay time by the step of the wall clock, kept within bounds, and take away a little of what ended.

        Short: called often, while others put. Whether there may be more to take away now; called again until it
        says no, it has taken away everything that ended.
        """
        ...

    async def counts(self) -> Counts:
        """Numbers for the operator; may take a second on a large store."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go of the files or connections."""
        ...


def pack_cursor(run: bytes, place: int) -> bytes:
    """The cursor of a place in a box, good for this run. Source: spec/relay.md 3."""
    return _CURSOR.pack(run, place)


def place_of(cursor: bytes, run: bytes) -> int:
    """The place a cursor points behind; 0, the beginning, where it is empty or of another run."""
    if not cursor:
        return 0
    of_run, place = _CURSOR.unpack(cursor)
    # No store counts so far, and integers of databases have a sign.
    return place if of_run == run and place < 1 << 62 else 0


def moved(last_ms: int, now_ms: int, step_ms_max: int) -> int:
    """By how much relay time moves between two looks at the wall clock. Source: spec/relay.md 5."""
    return min(max(now_ms - last_ms, 0), step_ms_max)
