"""A Hypothesis machine that does the same to a store and to the model, and compares every answer.

Example:
    >>> class Mine(StoreMachine):
    ...     async def open_store(self, rules): return MyStore.open(self.place, rules)
    >>> TestMine = Mine.TestCase
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tiercel.limits import DAY_MS
from tiercel.relay.protocol import Part, Power, Registration, token_hash
from tiercel.relay.store import Batch, Rules, Shown, Store

from .relay_model import MemoryRelayStore
from .relay_store_suite import CELL, Person, cell, name

_T = TypeVar("_T")
RULES = Rules(room_bytes=14 * CELL, box_bytes=6 * CELL, reserve_bytes=2 * CELL, hold_days=2, idle_days=4,
              step_ms_max=DAY_MS)  # fmt: skip
PEOPLE = [Person(number) for number in range(5)]
TOKENS = [token_hash(bytes([number])) for number in range(2)]

people = st.sampled_from(PEOPLE)
tokens = st.none() | st.sampled_from(TOKENS)
numbers = st.lists(st.integers(0, 9), min_size=1, max_size=5, unique=True)
limits = st.sampled_from([1, 2, 256]), st.sampled_from([1, CELL, 2 * CELL, 1 << 22])


def shown(person: Person, power: Power, other: int) -> Shown:
    """The right key, mostly; else that of another power, or of nobody."""
    keys = (person.drop, person.pick_up, person.erase)
    return Shown(person.keys.box, bytes(32)) if other == 9 else keys[(power + (other if other > 7 else 0)) % 3]


class StoreMachine(RuleBasedStateMachine):
    """What happens to a relay in its life, in any order. Subclasses say how their store is opened and emptied."""

    async def open_store(self, rules: Rules) -> Store:
        """The store of this run; opened again it has what it had."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self.model = MemoryRelayStore(RULES)
        self.now_ms = 1_700_000_000_000
        self._cursors: dict[bytes, tuple[bytes, bytes]] = {}

    def teardown(self) -> None:
        """Let go of the store and the loop."""
        self._run(self.store.close())
        self._runner.close()

    def _run(self, act: Coroutine[Any, Any, _T]) -> _T:
        return self._runner.run(act)

    def _both(self, real: Coroutine[Any, Any, _T], model: Coroutine[Any, Any, _T]) -> _T:
        found, expected = self._run(real), self._run(model)
        assert found == expected
        return found

    @initialize()
    def begin(self) -> None:
        """An empty store, at a first look at the clock."""
        self.store = self._run(self.open_store(RULES))
        self.time_passes(0, 0)

    @rule(person=people, registration=st.sampled_from(Registration), token=tokens)
    def make(self, person: Person, registration: Registration, token: bytes | None) -> None:
        """A box, or none."""
        wish = person.keys.hashes, registration, token
        self._both(self.store.make_box(*wish), self.model.make_box(*wish))

    @rule(person=people)
    def make_openly(self, person: Person) -> None:
        """As above; so that most people have one."""
        self.make(person, Registration.OPEN, None)

    @rule(token=st.sampled_from(TOKENS), boxes=st.integers(1, 2), days=st.integers(1, 3))
    def add_token(self, token: bytes, boxes: int, days: int) -> None:
        """The operator makes one."""
        self._both(self.store.add_token(token, boxes, days), self.model.add_token(token, boxes, days))

    @rule(person=people, given=numbers, other=st.integers(0, 9), version=st.integers(0, 9))
    def put(self, person: Person, given: list[int], other: int, version: int) -> None:
        """Parcels; now and then other bytes under a known id."""
        parcels = [(name(number), cell(number + 100 * (version == 9))) for number in given]
        drop = shown(person, Power.DROP, other)
        self._both(self.store.put(drop, parcels), self.model.put(drop, parcels))

    @rule(person=people, asked=numbers, other=st.integers(0, 9))
    def state(self, person: Person, asked: list[int], other: int) -> None:
        """What became of some."""
        ids, drop = list(map(name, asked)), shown(person, Power.DROP, other)
        self._both(self.store.state(drop, ids), self.model.state(drop, ids))

    @rule(person=people, other=st.integers(0, 9), most=st.tuples(*limits), part=st.sampled_from(Part), on=st.booleans())
    def fetch(self, person: Person, other: int, most: tuple[int, int], part: Part, on: bool) -> None:
        """From the beginning or where the last answer ended; cursors differ between stores, what they mean does not."""
        pick_up = shown(person, Power.PICK_UP, other)
        cursors = self._cursors.get(person.keys.box, (b"", b"")) if on else (b"", b"")
        found = self._run(self.store.fetch(pick_up, cursors[0], *most, part))
        expected = self._run(self.model.fetch(pick_up, cursors[1], *most, part))
        assert plain(found) == plain(expected)
        self._cursors[person.keys.box] = found.cursor, expected.cursor

    @rule(person=people, asked=numbers, other=st.integers(0, 9), bytes_max=limits[1])
    def pick(self, person: Person, asked: list[int], other: int, bytes_max: int) -> None:
        """Some by their ids."""
        ids, pick_up = list(map(name, asked)), shown(person, Power.PICK_UP, other)
        looked_at, found = self._run(self.store.pick(pick_up, ids, bytes_max))
        assert (looked_at, list(found)) == self._run(self.model.pick(pick_up, ids, bytes_max))

    @rule(person=people, asked=numbers, other=st.integers(0, 9))
    def erase(self, person: Person, asked: list[int], other: int) -> None:
        """Take some away."""
        ids, erase = list(map(name, asked)), shown(person, Power.ERASE, other)
        self._both(self.store.erase(erase, ids), self.model.erase(erase, ids))

    @rule(person=people, other=st.integers(3, 9))
    def close_box(self, person: Person, other: int) -> None:
        """Take a box away; what was in it stands in nobody's way once it is swept."""
        erase = shown(person, Power.ERASE, other)
        self._both(self.store.close_box(erase), self.model.close_box(erase))
        self.time_passes(0, 0)
        if person.keys.box not in self.model.boxes:
            self._cursors.pop(person.keys.box, None)

    @rule(days=st.sampled_from([0, 1, 1, 2, -400, 400]), ms=st.integers(0, DAY_MS - 1))
    def time_passes(self, days: int, ms: int) -> None:
        """Or the clock jumps."""
        self.now_ms += days * DAY_MS + ms
        while self._run(self.store.tick(self.now_ms)):
            pass
        self._run(self.model.tick(self.now_ms))

    @rule()
    def again(self) -> None:
        """The relay is stopped and started; places of the run before are good for nothing."""
        self._run(self.store.close())
        self.store = self._run(self.open_store(RULES))
        self._cursors.clear()

    @invariant()
    def counts(self) -> None:
        """They agree, and no more was taken than there is."""
        if hasattr(self, "store"):
            found, expected = self._run(self.store.counts()), self._run(self.model.counts())
            assert found._replace(tokens=0) == expected._replace(tokens=0)
            assert found.taken_bytes <= RULES.room_bytes


def plain(batch: Batch) -> tuple[bool, Sequence[object]]:
    """A batch without its cursor."""
    return batch.more, list(batch.parcels)
