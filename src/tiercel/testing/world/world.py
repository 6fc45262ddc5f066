"""A world: people, roads, a true time, and everything that happens, in the order of its plan.

A world is lived in four parts: everybody pairs while nothing goes wrong; the plan is lived with all its faults; the
faults stop and the world heals; and then everything that had to come about is looked at. After each act of a person
the checkers look, and a line about it goes into the trace: no bytes and no addresses, so that the same plan has the
same trace in every process.

Example:
    >>> world = World(plan_of(7), folder, Checks(every_check(plan)))  # doctest: +SKIP
    >>> world.run()
    >>> world.trace
    '0c5d...'
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from tiercel.limits import DAY_MS
from tiercel.runtime import bonds, syncing
from tiercel.runtime.roads import set_bond_roads
from tiercel.runtime.views import SyncReport
from tiercel.vault import roads as road_rows

from .checks import Checks, Violation
from .healing import heal
from .history import History, Written
from .mishaps import MISHAPS
from .people import Change, Person
from .plan import Act, Plan, Value
from .roads import WorldRoad
from .stepping import step
from .wonders import SOMETIMES, wonders_of, wonders_of_life

__all__ = ["SOMETIMES", "World"]

START_MS: Final = 1_767_225_600_000
"""Every world begins on the first day of 2026."""
_PAIRING_ROUNDS: Final = 6
_LATER: Final = 1_000_000_000
"""The numbers of acts that follow from others begin here; no plan has so many."""


class World:
    """One simulated world.

    Args:
        plan: Everything its seed decided.
        folder: Empty; the disks of its people go there. Put it in memory.
        checks: Look at it from beside.

    Attributes:
        people: By name.
        pairs: The two names of every bond, the inviter first.
        roads: By name.
        history: What truly happened.
        now_ms: The true time, UTC milliseconds.
        healing: Whether the faults have stopped.
        counts: Faults by kind; ``letters``, ``parcels``, ``steps``, ``crash points``.
        sometimes: The rare states reached, of :data:`SOMETIMES`.
        labels: The name of each letter in the trace, such as ``ada>bo 3``.
        crash_sites: Functions of the program at whose commits, writes and syncs a machine went down.
        slowest_days: How long it took after the faults until nothing was open any more.
    """

    def __init__(self, plan: Plan, folder: Path, checks: Checks) -> None:
        self.plan = plan
        self.checks = checks
        self.now_ms = START_MS
        self.healing = False
        self.counts: Counter[str] = Counter()
        self.sometimes: set[str] = set()
        self.history = History()
        self.labels: dict[str, str] = {}
        self.crash_sites: set[str] = set()
        self.slowest_days = 0.0
        self.pairs = [(bond.inviter, bond.accepter) for bond in plan.bonds]
        foreign: deque[bytes] = deque(maxlen=24)
        self.roads = {
            each.name: WorldRoad(
                each, lambda: self.now_ms, Random(f"{plan.seed} road {each.name}"), self.counts, foreign
            )
            for each in plan.roads
        }
        self.people = {each.name: Person(self, each, folder) for each in plan.people}
        self._heap: list[tuple[int, int, Act]] = []
        self._later = _LATER
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._trace = hashlib.sha256()
        self._callbacks: list[Callable[[World, Person], None]] = []

    # -- a life --

    def run(self) -> None:
        """Live the whole plan, heal, and look at everything.

        Raises:
            Violation: An invariant does not hold.
        """
        self.begin()
        self.live()
        heal(self)
        self.sometimes.update(wonders_of_life(self))
        self.checks.at_end(self)

    def begin(self) -> None:
        """Everybody pairs while nothing goes wrong; then all their roads are theirs."""
        for bond in self.plan.bonds:
            self._pair(bond.inviter, bond.accepter, bond.roads)
        for road in self.roads.values():
            road.healed = False
            road.asked = self._asked_of(road)
        for person in self.people.values():
            self.learn(person)
            person.changes.clear()
        self.checks.started(self)

    def _pair(self, inviter: str, accepter: str, roads: tuple[str, ...]) -> None:
        ours, theirs = self.people[inviter], self.people[accepter]
        for person in (ours, theirs):
            self.add_roads(person, roads[:1])
        bonds.accept(theirs.home, bonds.invite(ours.home, accepter, roads[0]), inviter, roads[0])
        self._visits(theirs, ours, theirs, ours)
        bonds.confirm(ours.home, accepter)
        bonds.confirm(theirs.home, inviter)
        for _ in range(_PAIRING_ROUNDS):
            self._visits(ours, theirs)
        if any(bonds.bonds(person.home)[-1].state != "bonded" for person in (ours, theirs)):
            raise Violation("L5", f"{inviter} and {accepter} visited calm roads and are not bonded")
        ours.bonds[accepter], theirs.bonds[inviter] = accepter, inviter
        for person, other in ((ours, accepter), (theirs, inviter)):
            self.add_roads(person, roads)
            set_bond_roads(person.home, other, [(name, 0) for name in roads])

    def _visits(self, *people: Person) -> None:
        for person in people:
            self.now_ms += 600_000
            syncing.sync(person.home)

    def add_roads(self, person: Person, names: tuple[str, ...]) -> None:
        """Tell a person's program of roads it does not know yet."""
        vault = person.home.vault
        for name in names:
            if road_rows.carrier_named(vault, name) is None:
                with vault.transaction():
                    kind = self.roads[name].road.kind
                    road_rows.add_carrier(vault, name, f"simulated {kind}", name, person.clock.now_ms())

    def live(self) -> None:
        """Everything in the plan, and what follows from it, until its last day."""
        self._heap = [(START_MS + DAY_MS + act.at_ms, act.n, act) for act in self.plan.acts]
        heapq.heapify(self._heap)
        end = START_MS + DAY_MS + round(self.plan.days * DAY_MS)
        while self._heap and self._heap[0][0] <= end:
            self._next()
        self.now_ms = max(self.now_ms, end)
        for _at, _n, act in sorted(self._heap, key=lambda each: each[:2]):
            if act.what == "end" and act.n >= _LATER:  # who decided to end a bond does it before all comes right
                step(self, self.people[act.who], act)

    def _next(self) -> None:
        at, _n, act = heapq.heappop(self._heap)
        self.now_ms = max(self.now_ms, at)
        if act.who in self.people:
            step(self, self.people[act.who], act)
        elif act.who in self.roads:
            MISHAPS[act.what](self.roads[act.who], act.details)

    def later(self, person: Person, after_ms: int, what: str, details: dict[str, Value]) -> None:
        """A person will do something more; twice the same at a time is done once."""
        for _at, _n, act in self._heap:
            if act.n >= _LATER and (act.who, act.what, act.details) == (person.name, what, details):
                return
        self._later += 1
        at = self.now_ms + after_ms
        heapq.heappush(self._heap, (at, self._later, Act(at, self._later, person.name, what, details)))

    def after_step(self, callback: Callable[[World, Person], None]) -> None:
        """Have something called after every act of a person, after the checkers."""
        self._callbacks.append(callback)

    def close(self) -> None:
        """Remove everybody's disk."""
        for person in self.people.values():
            person.close()

    # -- what is written down --

    @property
    def trace(self) -> str:
        """A hash of all that happened so far."""
        return self._trace.hexdigest()

    def stepped(self, person: Person, act: Act, outcome: str) -> None:
        """A person did something: write it down, and let the checkers look.

        Raises:
            Violation: An invariant does not hold.
        """
        self.counts["steps"] += 1
        self.learn(person)
        changes, person.changes = person.changes, []
        said = [f"{self.labels.get(change.id, change.kind)}={change.state}" for change in changes]
        self._trace.update(f"{self.now_ms} {person.name} {act.what} {outcome} {' '.join(said)}\n".encode())
        self.sometimes.update(wonders_of(self, person, act, changes))
        for change in changes:
            person.states[change.id] = change.state
            if change.direction == "in" and "arrived" in change.steps and change.number is not None:
                person.newest[change.bond] = max(person.newest.get(change.bond, 0), change.number)
        self.checks.after_step(self, person)
        for callback in self._callbacks:
            callback(self, person)

    def learn(self, person: Person) -> None:
        """Look at what a person's vault says anew, and keep the truth that follows from it."""
        found = person.look()
        for change in found:
            self._learn(person, change)
        person.changes += found

    def _learn(self, person: Person, change: Change) -> None:
        """The truth that follows from what a vault says: what was accepted, what came."""
        if change.kind != 0:
            return
        if change.direction == "in":
            if change.state == "arrived" and change.id not in person.unread and "arrived" in change.steps:
                person.unread.append(change.id)
            elif change.state == "returned" and change.id in person.unread:
                person.unread.remove(change.id)
            return
        if change.id not in self.history.written and change.state != "draft":
            self._written(person, change.id)
        if any(what.startswith("recall") for what in change.steps):
            self.history.recalled.add(change.id)

    def _written(self, person: Person, letter: str) -> None:
        text, deadline_day, _not_before = person.accepted(letter)
        if text not in person.typed:
            raise Violation("I3", f"{person.name} has a letter {letter} with a text that was never typed")
        reader, enclosures = person.typed[text]
        self._numbers[person.name, reader] += 1
        self.labels[letter] = f"{person.name}>{reader} {self._numbers[person.name, reader]}"
        self.counts["letters"] += 1
        self.history.written[letter] = Written(
            letter, person.name, reader, text, enclosures, self.now_ms, deadline_day, person.line, self.healing
        )

    def has_arrived(self, letter: str) -> bool:
        """Whether a letter was ever seen whole in its reader's vault."""
        written = self.history.written.get(letter)
        return written is not None and self.people[written.reader].states.get(letter) in ("arrived", "read", "answered")

    def state_at_writer(self, letter: str) -> str:
        """The state of a letter as its writer's program showed it last."""
        written = self.history.written.get(letter)
        return self.people[written.writer].states.get(letter, "") if written else ""

    def reached(self, wonder: str) -> None:
        """A rare state was seen; it must be declared."""
        if wonder not in SOMETIMES:
            raise KeyError(f"not declared: {wonder}")
        self.sometimes.add(wonder)

    def saw_report(self, person: Person, report: SyncReport) -> None:
        """A visit ended; what its report says of new letters and about rare states is kept."""
        self.history.announced[person.name, person.line] += report.letters
        if report.troubles and (report.put or report.got):
            self.reached("one road failed and another worked in the same visit")

    def _asked_of(self, road: WorldRoad) -> Callable[[str, str, str, bytes], None]:
        def asked(person: str, act: str, name: str, parcel: bytes) -> None:
            if act == "put":
                self.checks.parcel_leaves(self, self.people[person], road.name, name, parcel)
            else:
                self.checks.parcel_taken_off(self, self.people[person], road.name, name)

        return asked
