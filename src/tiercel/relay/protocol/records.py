"""Every request of a relay and its answer, as MessagePack arrays that begin with the version.

| path | request | answer |
|---|---|---|
| /v1/about | (none, a GET) | About |
| /v1/box | Make | Made |
| /v1/put | Put | States |
| /v1/state | StateOf | States |
| /v1/fetch | Fetch | Fetched |
| /v1/pick | Pick | Picked |
| /v1/erase | Erase | Done |
| /v1/close | Close | Done |

Example:
    >>> decode_request(Close, encode(Close(box=bytes(16), key=bytes(32)))).box == bytes(16)
    True
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from msgspec import Meta, Struct

from tiercel.errors import MalformedRelay, MalformedWire, NewerVersion
from tiercel.limits import (
    FORMAT_VERSION,
    HASH_BYTES,
    ID_BYTES,
    KEY_BYTES,
    PARCEL_HEAD_BYTES,
    RELAY_BATCH_BYTES_MAX,
    RELAY_BATCH_PARCELS_MAX,
    RELAY_REQUEST_BYTES_MAX,
    RELAY_WAIT_S_MAX,
    TOKEN_BYTES,
)
from tiercel.wire import decode_record, encode_record, is_newer, record_version

SIZES: Final = (16_384, 262_144)  # of the profiles cell and bulk
CURSOR_BYTES: Final = 16  # run (8), place (8)

Id: TypeAlias = Annotated[bytes, Meta(min_length=ID_BYTES, max_length=ID_BYTES)]
Key: TypeAlias = Annotated[bytes, Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
Hash: TypeAlias = Annotated[bytes, Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
Cursor: TypeAlias = Annotated[bytes, Meta(max_length=CURSOR_BYTES)]
U32: TypeAlias = Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)]
U63: TypeAlias = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Count: TypeAlias = Annotated[int, Meta(ge=1, le=RELAY_BATCH_PARCELS_MAX)]
Ids: TypeAlias = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=RELAY_BATCH_PARCELS_MAX)]


class Registration(IntEnum):
    """Who may make boxes."""

    CLOSED = 0
    TOKEN = 1
    OPEN = 2


class Outcome(IntEnum):
    """What became of the wish for a box."""

    REFUSED = 0
    THERE = 1
    FULL = 2


class State(IntEnum):
    """What a relay says of a parcel. Only HELD promises, only COLLECTED says that somebody took it."""

    NONE = 0
    HELD = 1
    COLLECTED = 2
    FULL = 3
    TAKEN = 4


class Part(IntEnum):
    """How much of each parcel a fetch asks for."""

    WHOLE = 0
    HEAD = 1


class _Record(Struct, array_like=True, forbid_unknown_fields=True, frozen=True, kw_only=True):
    version: Literal[1] = FORMAT_VERSION

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"  # keys, ids and parcels stay out of logs and traces

    def check(self) -> None:
        """Raise MalformedRelay for what the types alone do not show."""


class Request(_Record, frozen=True, kw_only=True):
    """What somebody asks of a relay."""


class Make(Request, frozen=True, kw_only=True):
    """Make the box with these hashes. ``token`` is empty where registration is open."""

    drop: Hash
    pick_up: Hash
    erase: Hash
    token: Annotated[bytes, Meta(max_length=TOKEN_BYTES)]

    def check(self) -> None:
        """A token is whole or not there."""
        _need(len(self.token) in (0, TOKEN_BYTES), "a token has 32 bytes")


class Put(Request, frozen=True, kw_only=True):
    """Store parcels: (id, bytes) each."""

    box: Id
    key: Key
    parcels: Annotated[tuple[tuple[Id, bytes], ...], Meta(min_length=1, max_length=RELAY_BATCH_PARCELS_MAX)]

    def check(self) -> None:
        """Sizes of the road, no id twice, not too much together."""
        _need(all(len(parcel) in SIZES for _, parcel in self.parcels), "a parcel has no size of this road")
        _need(len({name for name, _ in self.parcels}) == len(self.parcels), "an id stands there twice")
        _need(sum(len(parcel) for _, parcel in self.parcels) <= RELAY_BATCH_BYTES_MAX, "too much at once")


class StateOf(Request, frozen=True, kw_only=True):
    """Ask what became of parcels; ``key`` is the drop key."""

    box: Id
    key: Key
    ids: Ids


class Fetch(Request, frozen=True, kw_only=True):
    """Ask for what lies behind a cursor, waiting up to ``wait_s`` seconds for it."""

    box: Id
    key: Key
    cursor: Cursor = b""
    parcels_max: Count = RELAY_BATCH_PARCELS_MAX
    bytes_max: Annotated[int, Meta(ge=1, le=RELAY_BATCH_BYTES_MAX)] = RELAY_BATCH_BYTES_MAX
    wait_s: Annotated[int, Meta(ge=0, le=RELAY_WAIT_S_MAX)] = 0
    part: Part = Part.WHOLE

    def check(self) -> None:
        """A cursor is whole or not there."""
        _need(len(self.cursor) in (0, CURSOR_BYTES), "a cursor has 16 bytes")


class Pick(Request, frozen=True, kw_only=True):
    """Ask for parcels by their ids; ``key`` is the pick-up key."""

    box: Id
    key: Key
    ids: Ids


class Erase(Request, frozen=True, kw_only=True):
    """Take parcels away; ``key`` is the erase key."""

    box: Id
    key: Key
    ids: Ids


class Close(Request, frozen=True, kw_only=True):
    """Take the box away; ``key`` is the erase key."""

    box: Id
    key: Key


class Answer(_Record, frozen=True, kw_only=True):
    """What a relay says."""


class About(Answer, frozen=True, kw_only=True):
    """What a relay is: who may make boxes, seconds it holds, room of a box, longest wait, sizes of parcels."""

    registration: Registration
    hold_s: U32
    box_bytes: U63
    wait_s: U32
    sizes: Annotated[tuple[U32, ...], Meta(max_length=16)]


class Made(Answer, frozen=True, kw_only=True):
    """Whether the box is there now."""

    outcome: Outcome


class States(Answer, frozen=True, kw_only=True):
    """(state, seconds it is still held) for each parcel, in the order asked."""

    states: Annotated[tuple[tuple[State, U32], ...], Meta(max_length=RELAY_BATCH_PARCELS_MAX)]

    def check(self) -> None:
        """Only what is held is held for some time."""
        _need(all((state is State.HELD) == (hold_s > 0) for state, hold_s in self.states), "a promise does not fit")


Given: TypeAlias = tuple[Id, U32, bytes]  # id, size of the whole, the whole or its head


class Fetched(Answer, frozen=True, kw_only=True):
    """Parcels in the order in which they were stored, and the cursor behind the last."""

    cursor: Annotated[bytes, Meta(min_length=CURSOR_BYTES, max_length=CURSOR_BYTES)]
    more: Annotated[int, Meta(ge=0, le=1)]
    parcels: Annotated[tuple[Given, ...], Meta(max_length=RELAY_BATCH_PARCELS_MAX)]

    def check(self) -> None:
        """Whole parcels of a size of this road, or heads of such."""
        _need(all(_fits(size, len(data)) for _, size, data in self.parcels), "a parcel has no size of this road")


class Picked(Answer, frozen=True, kw_only=True):
    """Those that are there of the first ``looked_at`` ids."""

    looked_at: Annotated[int, Meta(ge=0, le=RELAY_BATCH_PARCELS_MAX)]
    parcels: Annotated[tuple[Given, ...], Meta(max_length=RELAY_BATCH_PARCELS_MAX)]

    def check(self) -> None:
        """Whole parcels of a size of this road."""
        _need(all(size == len(data) in SIZES for _, size, data in self.parcels), "a parcel has no size of this road")
        _need(len(self.parcels) <= self.looked_at, "more parcels than were looked for")


class Done(Answer, frozen=True, kw_only=True):
    """The same for everybody."""


PATHS: Final[dict[type[Request], str]] = {
    Make: "/v1/box", Put: "/v1/put", StateOf: "/v1/state", Fetch: "/v1/fetch", Pick: "/v1/pick", Erase: "/v1/erase",
    Close: "/v1/close",
}  # fmt: skip
ABOUT_PATH: Final = "/v1/about"

_R = TypeVar("_R", bound=Request)
_A = TypeVar("_A", bound=Answer)


def encode(record: Request | Answer) -> bytes:
    """A record as it goes over the wire."""
    return encode_record(record)


def decode_request(kind: type[_R], data: bytes | memoryview) -> _R:
    """Read a request of somebody.

    Raises:
        MalformedRelay: Not of this kind, or against its table. The text never repeats what came.
        NewerVersion: Written for a newer relay.

    Source: spec/relay.md 2.
    """
    return _decode(kind, data)


def decode_answer(kind: type[_A], data: bytes | memoryview) -> _A:
    """Read the answer of a relay.

    Raises:
        MalformedRelay, NewerVersion: As :func:`decode_request`.
    """
    return _decode(kind, data)


_T = TypeVar("_T", bound=_Record)


def _decode(kind: type[_T], data: bytes | memoryview) -> _T:
    try:
        if is_newer(record_version(data)):
            raise NewerVersion("The other side of a relay speaks a newer version.")
        record = decode_record(kind, data, RELAY_REQUEST_BYTES_MAX)
    except MalformedWire as error:
        raise MalformedRelay(str(error)) from error
    # A field with a default could be left out; an array is whole or it is refused.
    _need(_items(data) == len(kind.__struct_fields__), "fields are missing")
    record.check()
    return record


def _items(data: bytes | memoryview) -> int:
    return data[0] & 0x0F if data[0] >> 4 == 9 else -1


def _fits(size: int, length: int) -> bool:
    return size in SIZES and length in (size, PARCEL_HEAD_BYTES)


def _need(fits: bool, sentence: str) -> None:
    if not fits:
        raise MalformedRelay(sentence)
