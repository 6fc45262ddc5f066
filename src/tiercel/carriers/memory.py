"""A road in memory, for tests and the simulator. It forgets everything when it goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tiercel.carriers.base import FILE, HEAD_BYTES, STICK, check_name, check_parcel, has_size, is_name
from tiercel.errors import CarrierFull, ParcelMissing
from tiercel.ports import Listed, Road

MEMORY_ROAD: Final = Road("memory", (FILE, STICK), delay_ms=0, talks_back=True)
MAILBOX_ROAD: Final = Road("mailbox", (FILE, STICK), delay_ms=0, talks_back=True, shows_own=False)


class MemoryCarrier:
    """A dict behind the port. Two people share a road by sharing one object.

    Args:
        road: What it declares of itself; the sizes of a folder unless given.
        room_bytes: How much it holds before it is full; None for no end. May be changed at any time.
    """

    def __init__(self, road: Road = MEMORY_ROAD, *, room_bytes: int | None = None) -> None:
        self.road = road
        self.room_bytes = room_bytes
        self.entries: dict[str, bytes] = {}  # tests may put rubbish here

    def list(self) -> Iterator[Listed]:
        for name, parcel in list_of(self.entries):
            if is_name(name) and has_size(self.road, len(parcel)):
                yield Listed(name, len(parcel))

    def head(self, name: str) -> bytes:
        return self.fetch(name)[:HEAD_BYTES]

    def fetch(self, name: str) -> bytes:
        parcel = self.entries.get(check_name(name))
        if parcel is None or not has_size(self.road, len(parcel)):
            raise ParcelMissing(permanent=True)
        return parcel

    def put(self, name: str, parcel: bytes | bytearray | memoryview) -> int | None:
        check_name(name)
        view = check_parcel(self.road, parcel)
        held = sum(map(len, self.entries.values())) if self.room_bytes is not None else 0
        if self.room_bytes is not None and name not in self.entries and held + view.nbytes > self.room_bytes:
            raise CarrierFull(permanent=True)
        self.entries.setdefault(name, bytes(view))
        return None

    def flush(self) -> None:
        """Nothing to do: memory is as durable as it will ever be."""

    def remove(self, name: str) -> None:
        self.entries.pop(check_name(name), None)

    def check(self) -> None:
        if self.room_bytes is not None and sum(map(len, self.entries.values())) >= self.room_bytes:
            raise CarrierFull(permanent=True)


class MailboxCarrier(MemoryCarrier):
    """One side of two boxes: what is put goes to the other side's box, and only what the other side put is listed.

    So it is with a relay, with mail and on paper. Make both sides with :func:`mailboxes`.

    Args:
        mine: What the other side put here.
        theirs: Where it goes what this side puts.
        road: What it declares of itself.
    """

    def __init__(self, mine: dict[str, bytes], theirs: MemoryCarrier, road: Road = MAILBOX_ROAD) -> None:
        super().__init__(road)
        self.entries, self.theirs = mine, theirs

    def put(self, name: str, parcel: bytes | bytearray | memoryview) -> int | None:
        return self.theirs.put(name, parcel)

    def check(self) -> None:
        self.theirs.check()


def mailboxes(road: Road = MAILBOX_ROAD) -> tuple[MailboxCarrier, MailboxCarrier]:
    """The two sides of a road whose listing shows only what others put."""
    first, second = MemoryCarrier(road), MemoryCarrier(road)
    return MailboxCarrier(first.entries, second, road), MailboxCarrier(second.entries, first, road)


def list_of(entries: dict[str, bytes]) -> tuple[tuple[str, bytes], ...]:
    """The entries as they are now, so that a visit may put and remove while it lists."""
    return tuple(entries.items())
