"""Roads in virtual time: relay, mail, stick, folder, LAN and paper, with the sizes and delays of the real ones.

A road keeps for each person what that person finds there, and what is still on its way. Everything that a road is
asked goes through :class:`Handle`, one for each person, which is the Carrier the program gets. What goes wrong on a
road for some days is a *mishap* (:mod:`.mishaps`); what happens to single parcels stands in :mod:`.faults`.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tiercel.carriers.base import NAME_CHARACTERS, check_name, check_parcel, has_size, is_name
from tiercel.errors import CarrierError, CarrierFull, CarrierMissing, CarrierReadOnly, ParcelMissing
from tiercel.limits import DAY_MS, PARCEL_HEAD_BYTES
from tiercel.parcel.profiles import BULK, CELL, FILE, QR, STICK
from tiercel.ports import Listed, Road

from .faults import Fates
from .plan import RoadPlan

KINDS: Final[dict[str, Road]] = {
    "relay": Road("relay", (CELL, BULK), 30 * DAY_MS, talks_back=True, shows_own=False),
    "mail": Road("mail", (FILE, STICK), 14 * DAY_MS, talks_back=True, shows_own=False),
    "stick": Road("folder", (FILE, STICK), 60 * DAY_MS, talks_back=True),
    "folder": Road("folder", (FILE, STICK), 60 * DAY_MS, talks_back=True),
    "lan": Road("lan", (CELL, BULK), 600_000, talks_back=True, shows_own=False),
    "paper": Road("paper", (QR,), 90 * DAY_MS, talks_back=False, shows_own=False),
}
"""What each kind of road declares of itself: DESIGN section 6."""

RELAY_HOLDS_MS: Final = 30 * DAY_MS
TIDIED_AFTER_MS: Final = 75 * DAY_MS
_TIDY_EVERY_MS: Final = 10 * DAY_MS
Box = dict[str, tuple[bytes, int]]
"""What lies in one place: parcels, each with the time of its coming, by name."""
Coming = tuple[int, int, str, str, bytes | None]
"""On the way: when it arrives, its number, at whose side, its name, and the parcel or None for its removal."""
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass
class Weather:
    """What is wrong with a road at present; each instant is until when (true time), 0 for not at all."""

    out: int = 0  # not there
    full: int = 0
    read_only: int = 0
    lying: int = 0  # says that it stored, and did not
    spam: int = 0  # what comes goes to a box nobody looks into before the end of it
    limit: int = 0  # the larger size is lost on the way
    folding: int = 0  # names are changed to capitals
    mangling: int = 0  # every parcel is changed a little
    failing: int = 0  # half of all acts fail, done or not
    open: int = 0  # of a LAN: both are at home


class WorldRoad:
    """One road of a world.

    Args:
        plan: Its kind, its people and its chances.
        now_ms: Tells the true time.
        rng: Its randomness.
        counts: Of the world.
        foreign: Parcels seen anywhere in the world, for replays.

    Attributes:
        boxes: What each person finds there: parcels by name. A stick is one box for all.
        holder: Who has the stick.
        asked: Called with person, act (put, taken off), name and parcel before the road does anything.
    """

    def __init__(
        self, plan: RoadPlan, now_ms: Callable[[], int], rng: random.Random, counts: Counter[str], foreign: deque[bytes]
    ) -> None:
        self.plan = plan
        self.name = plan.name
        self.road = KINDS[plan.kind]
        self.sizes = [profile.size_bytes for profile in self.road.profiles]
        self.fates = Fates(plan.faults, rng, counts, foreign)
        self.weather = Weather()
        self.rng = rng
        self.counts = counts
        self.now_ms = now_ms
        self.people = list(plan.people)
        shared: Box = {}
        self.boxes = {person: shared if plan.kind == "stick" else {} for person in plan.people}
        self.holder = plan.people[0]
        self.healed = True  # until the faults begin, and again when they stop
        self.coming: list[Coming] = []
        self.asked: Callable[[str, str, str, bytes], None] = lambda _person, _act, _name, _parcel: None
        self.unflushed: dict[str, list[str]] = {}
        self.copy: tuple[dict[str, Box], list[Coming]] | None = None  # of its disk, as it once was
        self._number = 0
        self._tidied_at = now_ms()

    # -- what people do --

    def box(self, person: str) -> Box:
        """What a person finds there now: parcels with the time of their coming, by name."""
        now = self.now_ms()
        while self.coming and self.coming[0][0] <= now:
            at, _n, whom, name, parcel = heapq.heappop(self.coming)
            if parcel is None:
                self.boxes[whom].pop(name, None)
            else:
                self.boxes[whom].setdefault(name, (parcel, at))
        if now - self._tidied_at > _TIDY_EVERY_MS:
            self._tidied_at = now
            self._tidy(now)
        return self.boxes[person]

    def _tidy(self, now: int) -> None:
        """Take away what nobody keeps: a relay after its promise, on other roads somebody clears up old files."""
        before = now - (RELAY_HOLDS_MS if self.plan.kind == "relay" else TIDIED_AFTER_MS)
        for box in self.boxes.values():
            for name in [name for name, (_parcel, at) in box.items() if at < before]:
                del box[name]

    def take(self, person: str, name: str, parcel: bytes) -> int | None:
        """A person gives a parcel to the road; until when it promises to hold it."""
        now = self.now_ms()
        self.counts["parcels"] += 1
        self.unflushed.setdefault(person, []).append(name)
        if self.healed:
            self._send(person, name, parcel, now)
        elif self.weather.lying > now:
            self.counts["road: lie"] += 1
        else:
            for fate in self.fates.of(parcel, now, self.sizes):
                named = name if fate.own_name else self.other_name()
                self._send(person, named, self._mangled(fate.parcel), now + fate.late_ms)
        return now + RELAY_HOLDS_MS if self.plan.kind == "relay" else None

    def slip_in(self, person: str, parcel: bytes) -> None:
        """Somebody else puts a parcel there as if it came from this person."""
        self._send(person, self.other_name(), parcel, self.now_ms())

    def _mangled(self, parcel: bytes) -> bytes:
        if self.weather.mangling <= self.now_ms() or self.rng.random() < 0.5:
            return parcel
        self.counts["road: mangled"] += 1
        return parcel[:-1] + bytes([parcel[-1] ^ 0x20])

    def _send(self, person: str, name: str, parcel: bytes, at: int) -> None:
        now, weather = self.now_ms(), self.weather
        if weather.limit > now and len(parcel) > self.sizes[0]:
            self.counts["road: over the limit"] += 1
            return
        if weather.folding > now:
            self.counts["road: folded name"] += 1
            name = name.upper()
        if self.plan.kind == "stick" or (self.road.shows_own and at <= now):
            self._put_in(person, name, parcel, at)
        if self.plan.kind == "stick":
            return
        if weather.spam > now and self.rng.random() < 0.6:
            self.counts["road: spam"] += 1
            at = max(at, weather.spam)
        for other in self.people:
            if other != person:
                self.on_the_way(at + self.usual_ms(), other, name, parcel)

    def _put_in(self, person: str, name: str, parcel: bytes, at: int) -> None:
        if at <= self.now_ms():
            self.boxes[person].setdefault(name, (parcel, at))
        else:
            self.on_the_way(at, person, name, parcel)

    def usual_ms(self) -> int:
        """How long the way takes this time."""
        if self.healed:
            return 60_000
        return round(self.plan.delay_days * self.rng.uniform(0.3, 1.7) * DAY_MS)

    def on_the_way(self, at: int, person: str, name: str, parcel: bytes | None) -> None:
        """Something arrives at a person's side later: a parcel, or with None the removal of one."""
        self._number += 1
        heapq.heappush(self.coming, (at, self._number, person, name, parcel))

    def remove(self, person: str, name: str) -> None:
        """A person takes a parcel away: of a shared folder it goes on all sides, of a box only there."""
        box = self.box(person)
        if name in box:
            del box[name]
            if self.plan.kind == "folder":
                for other in self.people:
                    if other != person:
                        self.on_the_way(self.now_ms() + self.usual_ms(), other, name, None)

    def other_name(self) -> str:
        """A name that nobody chose."""
        return "".join(self.rng.choices(_LETTERS, k=NAME_CHARACTERS))

    # -- what happens to it --

    def join(self, person: str) -> None:
        """One more person can reach it."""
        if person not in self.people:
            self.people.append(person)
            self.boxes[person] = self.boxes[self.people[0]] if self.plan.kind == "stick" else {}

    def crashed(self, person: str) -> None:
        """A person's machine went down: of what was not made durable on a disk, chance keeps some whole, some torn."""
        lost = self.unflushed.pop(person, [])
        if self.road.kind != "folder":
            return
        box = self.boxes.get(person, {})
        for name in lost:
            if name in box and self.rng.random() < 0.5:
                self.counts["road: unflushed lost"] += 1
                del box[name]

    def heal(self) -> None:
        """No more faults: what is on its way arrives, and everybody can always reach the road."""
        self.healed = True
        self.weather = Weather()
        soon = self.now_ms() + DAY_MS
        self.coming = [(min(at, soon), n, person, name, parcel) for at, n, person, name, parcel in self.coming]
        heapq.heapify(self.coming)

    def reachable(self, person: str) -> None:
        """Raise what a visit meets now, if the road cannot be reached at all."""
        now = self.now_ms()
        if self.weather.out > now:
            self.counts["road: outage met"] += 1
            raise CarrierMissing()
        if not self.healed:
            if self.plan.kind == "stick" and self.holder != person:
                raise CarrierMissing()
            if self.plan.kind == "lan" and self.weather.open <= now:
                raise CarrierMissing()
        if self.weather.failing > now and self.rng.random() < 0.3:
            self.counts["road: failed"] += 1
            raise CarrierError("The road failed, as it was told to.")

    def writable(self, person: str, *, puts: bool) -> None:
        """Raise what a change meets now."""
        self.reachable(person)
        now = self.now_ms()
        if self.plan.kind == "paper" and person != self.people[0]:
            raise CarrierReadOnly(permanent=True)
        if self.weather.read_only > now:
            self.counts["road: read only met"] += 1
            raise CarrierReadOnly(permanent=True)
        if puts and self.weather.full > now:
            self.counts["road: full met"] += 1
            raise CarrierFull(permanent=True)


class Handle:
    """A road as one person's program holds it: the Carrier port.

    Args:
        road: The road itself.
        person: Whose.
        alive: Called first at every act; raises when that person's program does not run any more.
    """

    def __init__(self, road: WorldRoad, person: str, alive: Callable[[], None]) -> None:
        self.road = road.road
        self._road = road
        self._person = person
        self._alive = alive

    def list(self) -> Iterator[Listed]:
        self._alive()
        self._road.reachable(self._person)
        for name, (parcel, _at) in list(self._road.box(self._person).items()):
            if is_name(name) and has_size(self.road, len(parcel)):
                yield Listed(name, len(parcel))

    def head(self, name: str) -> bytes:
        return self.fetch(name)[:PARCEL_HEAD_BYTES]

    def fetch(self, name: str) -> bytes:
        self._alive()
        parcel, _at = self._road.boxes[self._person].get(check_name(name), (None, 0))
        if parcel is None or not has_size(self.road, len(parcel)):
            raise ParcelMissing(permanent=True)
        return parcel

    def put(self, name: str, parcel: bytes | bytearray | memoryview) -> int | None:
        self._alive()
        check_name(name)
        data = bytes(check_parcel(self.road, parcel))
        self._road.writable(self._person, puts=True)
        self._road.asked(self._person, "put", name, data)
        return self._road.take(self._person, name, data)

    def flush(self) -> None:
        self._alive()
        self._road.reachable(self._person)
        self._road.unflushed.pop(self._person, None)

    def remove(self, name: str) -> None:
        self._alive()
        check_name(name)
        self._road.writable(self._person, puts=False)
        self._road.asked(self._person, "taken off", name, b"")
        self._road.remove(self._person, name)

    def check(self) -> None:
        self._alive()
        self._road.writable(self._person, puts=True)
