"""A relay as a road: what we put goes into the other side's box, what we list lies in ours.

Each box is asked for over a connection of its own. Reading begins with an empty cursor at each listing, heads first;
whole parcels are fetched many at a time, ahead of who asks for them. Parcels are taken away many at a time too, at the
latest before the next listing and with ``flush``: one that is left by a crash comes again, and is known.

A relay that lost everything shows it by the run in its cursors: a box is made (again, with the same keys) whenever the
run is another than that in which it was made last. Source: spec/relay.md 3.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Final, TypeVar

from tiercel.carriers.base import HEAD_BYTES, NAME_CHARACTERS, check_name, check_parcel, has_size
from tiercel.carriers.transport.link import Link, Place
from tiercel.carriers.transport.turns import Together, Turns
from tiercel.errors import (
    BoxMissing,
    CarrierError,
    CarrierFull,
    CarrierReadOnly,
    MalformedRelay,
    NameRefused,
    NewerVersion,
    ParcelMissing,
    ParcelTaken,
)
from tiercel.limits import DAY_MS, RELAY_BATCH_BYTES_MAX, RELAY_BATCH_PARCELS_MAX, RELAY_WAIT_S_MAX
from tiercel.ports import Listed, Profile, Road
from tiercel.relay import protocol as relay

CELL: Final = Profile("cell", relay.SIZES[0])
BULK: Final = Profile("bulk", relay.SIZES[1])
RELAY_ROAD: Final = Road(
    "relay", (CELL, BULK), delay_ms=30 * DAY_MS, talks_back=True, at_once=16, shows_own=False, tells=True
)
_RUN_BYTES: Final = 8  # of a cursor; what is left is a place

_A = TypeVar("_A", bound=relay.Answer)


class Became(Enum):
    """What a relay says of a parcel that was put."""

    HELD = "held"
    COLLECTED = "collected"
    GONE = "gone"


@dataclass
class Box:
    """A box of ours.

    Attributes:
        keys: All three.
        run: The run of the relay in which it was made last, 8 bytes; empty if it never was.
    """

    keys: relay.BoxKeys
    run: bytes = b""


@dataclass(frozen=True)
class Boxes:
    """What a bond has on one relay.

    Attributes:
        ours: The boxes we read, the newest first.
        theirs: Where what we put goes; None while they have not said.
        both: The keys of ``theirs`` where we have them all, as in pairing: then we make it if it is not there.
        made: Told of a box that was made, or made again.
    """

    ours: Sequence[Box] = ()
    theirs: relay.Opening | None = None
    both: relay.BoxKeys | None = None
    made: Callable[[Box], object] = field(default=lambda _box: None)


class Server:
    """The way to one relay: makes a connection for each box, and speaks its records over it.

    Args:
        address: Of the relay.
        proxy: Host and port of a SOCKS5 proxy, or None.
        isolation: Gives a text for each box id: the connections of different boxes share no circuit.
    """

    def __init__(
        self, address: relay.Address, proxy: tuple[str, int] | None = None,
        isolation: Callable[[bytes], str] = lambda _box: "",
    ) -> None:  # fmt: skip
        self.address, self._proxy, self._isolation = address, proxy, isolation

    def link(self, box: bytes = b"") -> Link:
        """A connection for one box, not made yet."""
        tls = self.address.trust is not relay.Trust.PLAIN
        where = (self.address.host, self.address.port, tls, self.address.fingerprint)
        return Link(Place(*where, self._proxy, self._isolation(box)))

    def about(self, link: Link) -> relay.About:
        """What the relay says of itself."""
        return self._read(relay.About, link.ask(relay.ABOUT_PATH))

    def ask(self, link: Link, asked: relay.Request, kind: type[_A], wait_s: int = 0) -> _A:
        """One request and its answer. Raises CarrierError."""
        return self._read(kind, link.ask(relay.PATHS[type(asked)], relay.encode(asked), wait_s))

    def make(self, link: Link, keys: relay.BoxKeys) -> None:
        """Make a box, unless it is there.

        Raises:
            CarrierReadOnly: The relay makes no boxes for whoever has this address.
            CarrierFull: It has no room for another one.
        """
        drop, pick_up, erase = keys.hashes
        asked = relay.Make(drop=drop, pick_up=pick_up, erase=erase, token=self.address.token)
        outcome = self.ask(link, asked, relay.Made).outcome
        if outcome is relay.Outcome.REFUSED:
            raise CarrierReadOnly(
                f"The relay at {self.address.place} makes no box for you.", permanent=True,
                remedy="Ask who runs it for an address with a token.",
            )  # fmt: skip
        if outcome is relay.Outcome.FULL:
            raise CarrierFull(f"The relay at {self.address.place} has no room for another box.", permanent=True)

    def close_box(self, keys: relay.BoxKeys) -> None:
        """Take a box and all in it away."""
        link = self.link(keys.box)
        try:
            self.ask(link, relay.Close(box=keys.box, key=keys.erase), relay.Done)
        finally:
            link.close()

    def _read(self, kind: type[_A], body: bytes) -> _A:
        try:
            return relay.decode_answer(kind, body)
        except (MalformedRelay, NewerVersion) as problem:
            said = f"The server at {self.address.place} does not speak as a relay of this version does."
            raise CarrierError(said, permanent=True) from problem


class _Reading:
    """One box of ours and the connection it is read over. Its methods run in its own turns."""

    def __init__(self, server: Server, box: Box, made: Callable[[Box], object]) -> None:
        self.server, self.box, self.made = server, box, made
        self.turns, self.link = Turns(), server.link(box.keys.box)
        self.sizes: dict[str, int] = {}  # in the order of the relay
        self.heads: dict[str, bytes] = {}
        self.whole: dict[str, bytes] = {}
        self.over: dict[str, None] = {}  # to be erased

    def page(self, cursor: bytes) -> tuple[bytes, bool, list[Listed]]:
        """The next parcels behind a cursor: a cursor, whether there is more, what there is."""
        keys, road = self.box.keys, RELAY_ROAD
        asked = relay.Fetch(box=keys.box, key=keys.pick_up, cursor=cursor, part=relay.Part.HEAD)
        found = self.server.ask(self.link, asked, relay.Fetched)
        if self._is_another_run(found.cursor):
            found = self.server.ask(self.link, asked, relay.Fetched)
        listed = [(name_of(id_), size, data) for id_, size, data in found.parcels if has_size(road, size)]
        for name, size, data in listed:
            self.sizes[name], self.heads[name] = size, data[:HEAD_BYTES]
        more = bool(found.more and found.parcels and found.cursor != cursor)
        return found.cursor, more, [Listed(name, size) for name, size, _ in listed if name not in self.over]

    def _is_another_run(self, cursor: bytes) -> bool:
        if cursor[:_RUN_BYTES] == self.box.run:
            return False
        self.server.make(self.link, self.box.keys)
        self.box.run = cursor[:_RUN_BYTES]
        self.made(self.box)
        return True

    def fetch(self, name: str) -> bytes | None:
        """A whole parcel, with those that come after it; None if it is not there."""
        if name in self.over:
            return None
        found = self.whole.get(name)
        if found is None:
            self._pick(self._from(name))
            found = self.whole.get(name)
        return found

    def _from(self, name: str) -> list[str]:
        """The parcel and those behind it in the listing, as many as one answer holds."""
        names, size = [name], self.sizes.get(name, relay.SIZES[-1])
        behind = iter(self.sizes) if name in self.sizes else iter(())
        for each in behind:
            if each == name:
                break
        for each in behind:
            size += self.sizes[each]
            if size > RELAY_BATCH_BYTES_MAX or len(names) == RELAY_BATCH_PARCELS_MAX:
                break
            if each not in self.over:
                names.append(each)
        return names

    def _pick(self, names: Sequence[str]) -> None:
        keys = self.box.keys
        asked = relay.Pick(box=keys.box, key=keys.pick_up, ids=tuple(map(id_of, names)))
        picked = self.server.ask(self.link, asked, relay.Picked)
        came = {name_of(id_): data for id_, size, data in picked.parcels if len(data) == size}
        before = list(self.whole.items())[-RELAY_BATCH_PARCELS_MAX:] if len(names) > 1 else []
        # Helpers that ask a little out of order still find what came with the request before.
        kept = dict(before) if sum(len(data) for _, data in before) <= RELAY_BATCH_BYTES_MAX else {}
        self.whole = kept | came

    def remove(self, name: str) -> None:
        """Take a parcel away, now or with others a little later."""
        self.sizes.pop(name, None)
        for known in (self.heads, self.whole):
            known.pop(name, None)
        self.over[name] = None
        if len(self.over) >= RELAY_BATCH_PARCELS_MAX:
            self.erase()

    def erase(self) -> None:
        """Take away what was removed."""
        while self.over:
            names, keys = list(self.over)[:RELAY_BATCH_PARCELS_MAX], self.box.keys
            self.server.ask(
                self.link, relay.Erase(box=keys.box, key=keys.erase, ids=tuple(map(id_of, names))), relay.Done
            )
            for name in names:
                del self.over[name]

    def begin(self) -> None:
        """A listing begins: what was known is looked at anew."""
        self.erase()
        self.sizes.clear()
        for known in (self.heads, self.whole):
            known.clear()


class RelayCarrier:
    """What one bond has on one relay. Nothing is connected until the first act.

    Args:
        server: The way there.
        boxes: Ours and theirs.
        now_ms: Our own clock, UTC milliseconds: a promise is said as a duration.
    """

    road = RELAY_ROAD

    def __init__(self, server: Server, boxes: Boxes, now_ms: Callable[[], int]) -> None:
        self.server, self.boxes, self._now_ms = server, boxes, now_ms
        self._reading = [_Reading(server, box, boxes.made) for box in boxes.ours]
        theirs = boxes.theirs
        self._turns, self._link = Turns(), server.link(theirs.box if theirs else b"")
        self.refused: CarrierError | None = None  # why a box of ours was not made at the last listing
        self._putting = Together[tuple[bytes, bytes], tuple[relay.State, int]](self._turns, self._put, _fitting)

    def list(self) -> Iterator[Listed]:
        refused: list[CarrierError] = []
        for box in self._reading:
            box.turns.do(box.begin)
            cursor, more = b"", True
            while more:
                try:
                    cursor, more, listed = box.turns.do(partial(box.page, cursor))
                except (
                    CarrierReadOnly,
                    CarrierFull,
                ) as problem:  # the other boxes are read
                    refused.append(problem)
                    break
                yield from listed
        self.refused = refused[0] if refused else None
        if refused and len(refused) == len(self._reading) and self.boxes.theirs is None:
            raise refused[0]

    def head(self, name: str) -> bytes:
        known = next((box.heads[name] for box in self._reading if check_name(name) in box.heads), None)
        return known or self.fetch(name)[:HEAD_BYTES]

    def fetch(self, name: str) -> bytes:
        id_of(name)
        for box in self._knowing(name):
            found = box.turns.do(partial(box.fetch, name))
            if found is not None:
                return found
        raise ParcelMissing(permanent=True)

    def put(self, name: str, parcel: bytes | bytearray | memoryview) -> int | None:
        id_ = id_of(name)
        state, hold_s = self._putting.bring((id_, bytes(check_parcel(self.road, parcel))))
        if state is relay.State.HELD:
            return self._now_ms() + 1000 * hold_s
        if state is relay.State.FULL:
            raise CarrierFull(f"The relay at {self.server.address.place} has no room now.", permanent=True)
        if state is relay.State.TAKEN:
            raise ParcelTaken(permanent=True)
        return None  # collected: it was put before, and is with them

    def flush(self) -> None:
        for box in self._reading:
            box.turns.do(box.erase)

    def remove(self, name: str) -> None:
        id_of(name)
        for box in self._knowing(name):
            box.turns.do(partial(box.remove, name))

    def check(self) -> None:
        self._turns.do(lambda: self.server.about(self._link))

    def became(self, names: Iterable[str]) -> dict[str, Became]:
        """What the relay says became of parcels that were put; nothing is said while nobody knows where they went.

        Raises:
            CarrierError: It did not answer.
        """
        theirs, found = self.boxes.theirs, dict[str, Became]()
        asked = [name for name in names if theirs is not None]
        for start in range(0, len(asked), RELAY_BATCH_PARCELS_MAX):
            part = asked[start : start + RELAY_BATCH_PARCELS_MAX]
            states = self._turns.do(partial(self._states, part))
            found |= zip(part, states, strict=True)
        return found

    def _knowing(self, name: str) -> Sequence[_Reading]:
        """The box that listed a parcel, else all of them."""
        return [box for box in self._reading if name in box.sizes] or self._reading

    def _states(self, names: Sequence[str]) -> Sequence[Became]:
        theirs = self.boxes.theirs
        assert theirs is not None
        asked = relay.StateOf(box=theirs.box, key=theirs.key, ids=tuple(map(id_of, names)))
        said = self._as_many(self.server.ask(self._link, asked, relay.States), len(names))
        word = {relay.State.HELD: Became.HELD, relay.State.COLLECTED: Became.COLLECTED}
        return [word.get(state, Became.GONE) for state, _ in said]

    def _put(self, parcels: Sequence[tuple[bytes, bytes]]) -> Sequence[tuple[relay.State, int]]:
        theirs = self.boxes.theirs
        if theirs is None:
            raise BoxMissing("The other side has not said yet where its box is.", permanent=True)
        once = dict(parcels)
        asked = relay.Put(box=theirs.box, key=theirs.key, parcels=tuple(once.items()))
        said = self._put_or_make(asked)
        answers = dict(zip(once, said, strict=True))
        if all(state is relay.State.NONE for state, _ in said):
            raise BoxMissing(permanent=True)
        return [answers[id_] for id_, _ in parcels]

    def _put_or_make(self, asked: relay.Put) -> Sequence[tuple[relay.State, int]]:
        said = self._as_many(self.server.ask(self._link, asked, relay.States), len(asked.parcels))
        if self.boxes.both is None or said[0][0] is not relay.State.NONE:
            return said
        self.server.make(self._link, self.boxes.both)
        return self._as_many(self.server.ask(self._link, asked, relay.States), len(asked.parcels))

    def _as_many(self, states: relay.States, count: int) -> Sequence[tuple[relay.State, int]]:
        if len(states.states) != count:
            raise CarrierError(f"The relay at {self.server.address.place} answered something else.", permanent=True)
        return states.states


class Waiting:
    """Waits at one box for something to come; for a thread of its own.

    Args:
        server: The way there.
        box: Ours.
    """

    def __init__(self, server: Server, box: Box) -> None:
        self.server, self.box, self._cursor, self._link = server, box, b"", server.link(box.keys.box)

    def wait(self, seconds: int = RELAY_WAIT_S_MAX) -> bool:
        """Whether something came that was not there before; returns at the latest after so many seconds.

        Raises:
            CarrierError: The relay did not answer.
        """
        keys, before = self.box.keys, self._cursor
        asked = relay.Fetch(
            box=keys.box, key=keys.pick_up, cursor=before, wait_s=min(seconds, RELAY_WAIT_S_MAX), part=relay.Part.HEAD
        )
        found = self.server.ask(self._link, asked, relay.Fetched, asked.wait_s)
        self._cursor = found.cursor
        # A relay that began anew may have lost the box: a visit makes it again.
        return bool(found.parcels) or found.cursor[:_RUN_BYTES] != (before or self.box.run)[:_RUN_BYTES]

    def close(self) -> None:
        """Hang up for good, from any thread."""
        self._link.end()


def _fitting(parcels: Sequence[tuple[bytes, bytes]]) -> int:
    """How many go into one request."""
    size = 0
    for count, (_, parcel) in enumerate(parcels[:RELAY_BATCH_PARCELS_MAX]):
        size += len(parcel)
        if size > RELAY_BATCH_BYTES_MAX:
            return count
    return min(len(parcels), RELAY_BATCH_PARCELS_MAX)


def name_of(id_: bytes) -> str:
    """The name of a parcel with this id of 16 bytes."""
    return base64.b32encode(id_).decode("ascii").rstrip("=").lower()


def id_of(name: str) -> bytes:
    """The id behind a name, 16 bytes.

    Raises:
        NameRefused: It is no name, or one that no 16 bytes have.
    """
    id_ = base64.b32decode(check_name(name).upper() + "=" * (-NAME_CHARACTERS % 8))
    if name_of(id_) != name:
        raise NameRefused
    return id_
