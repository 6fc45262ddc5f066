"""What every store of a relay must hold, as tests that a new adapter inherits, and a machine that compares stores.

Subclass :class:`RelayStoreSuite` in a pytest file, give it ``open_store`` and a fixture ``place`` (a path, a data
source name), fresh for each test.

Example:
    >>> class TestMine(RelayStoreSuite):
    ...     @pytest.fixture
    ...     def place(self, tmp_path): return tmp_path / "relay.db"
    ...     async def open_store(self, place, rules): return MyStore.open(place, rules)
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from typing import Any, TypeAlias

from tiercel.limits import DAY_MS, RELAY_COLLECTED_BYTES
from tiercel.relay.protocol import SIZES, BoxKeys, Outcome, Part, Power, Registration, State, key_hash, token_hash
from tiercel.relay.store import Batch, Rules, Shown, Store

CELL, BULK = SIZES
ALL = 4 << 20
OPEN, BY_TOKEN, CLOSED = Registration.OPEN, Registration.TOKEN, Registration.CLOSED
SMALL = Rules(room_bytes=40 * CELL, box_bytes=20 * CELL, reserve_bytes=4 * CELL, hold_days=2, idle_days=9,
              step_ms_max=DAY_MS)  # fmt: skip


def box_keys(number: int) -> BoxKeys:
    """The same keys for the same number."""
    return BoxKeys(*(hashlib.sha256(b"%d %d" % (number, power)).digest() for power in Power))


def name(number: int) -> bytes:
    """The same id for the same number."""
    return hashlib.sha256(b"id %d" % number).digest()[:16]


def cell(number: int, size: int = CELL) -> bytes:
    """The same random-looking parcel for the same number."""
    return hashlib.shake_256(b"parcel %d" % number).digest(size)


def some(*numbers: int) -> list[tuple[bytes, bytes]]:
    """Parcels to put."""
    return [(name(number), cell(number)) for number in numbers]


class Person:
    """Who holds all keys of a box, and what they show."""

    def __init__(self, number: int) -> None:
        self.keys = box_keys(number)
        self.drop, self.pick_up, self.erase = (
            Shown(self.keys.box, key_hash(power, key))
            for power, key in zip(Power, (self.keys.drop, self.keys.pick_up, self.keys.erase), strict=True)
        )

    def wrong(self) -> list[Shown]:
        """The box with keys that are none of the three, and the other two in place of each."""
        return [Shown(self.keys.box, bytes(32)), Shown(self.keys.box, b"\xff" * 32)]


class Stage:
    """A store that can be opened again, and short words for what tests do with it."""

    def __init__(self, reopen: Callable[[], Awaitable[Store]], store: Store) -> None:
        self._reopen = reopen
        self.store = store
        self.now_ms = 1_700_000_000_000

    async def again(self) -> Store:
        """Close the store and open it anew."""
        await self.store.close()
        self.store = await self._reopen()
        return self.store

    async def person(self, number: int) -> Person:
        """Somebody whose box is made."""
        person = Person(number)
        assert await self.store.make_box(person.keys.hashes, OPEN, None) is Outcome.THERE
        return person

    async def fetched(self, person: Person, cursor: bytes = b"", part: Part = Part.WHOLE) -> Batch:
        """Everything in a box that one answer holds."""
        return await self.store.fetch(person.pick_up, cursor, 256, ALL, part)

    async def names(self, person: Person) -> list[bytes]:
        """The ids of everything in a box, however many answers it takes."""
        found: list[bytes] = []
        batch = await self.fetched(person)
        while batch.parcels:
            found += [given[0] for given in batch.parcels]
            batch = await self.fetched(person, batch.cursor)
        return found

    async def pass_days(self, days: int) -> None:
        """Let relay time pass, and all that ended go."""
        for _ in range(days):
            self.now_ms += DAY_MS
            while await self.store.tick(self.now_ms):
                pass

    async def settle(self) -> None:
        """Take relay time as begun, and what is closed away."""
        while await self.store.tick(self.now_ms):
            pass


Told: TypeAlias = Callable[[Any, Stage], Coroutine[Any, Any, None]]


def with_store(rules: Rules = SMALL) -> Callable[[Told], Callable[[Any, Any], None]]:
    """A test that is given a stage over an empty store with these rules."""

    def decorate(told: Told) -> Callable[[Any, Any], None]:
        def test(self: RelayStoreSuite, place: Any) -> None:
            async def play() -> None:
                stage = Stage(lambda: self.open_store(place, rules), await self.open_store(place, rules))
                try:
                    await told(self, stage)
                finally:
                    await stage.store.close()

            asyncio.run(play())

        test.__name__, test.__qualname__, test.__doc__ = told.__name__, told.__qualname__, told.__doc__
        return test

    return decorate


def states(found: Sequence[tuple[State, int]]) -> list[State]:
    """Without the seconds."""
    return [state for state, _ in found]


class RelayStoreSuite:
    """The contract of :class:`tiercel.relay.store.Store`, one method for each promise."""

    async def open_store(self, place: Any, rules: Rules) -> Store:
        """Open the store of that place, new or with what it had. Needs the adapter."""
        raise NotImplementedError

    # -- boxes --

    @with_store()
    async def test_a_box_is_made_once_and_again(self, stage: Stage) -> None:
        """Making it again changes nothing, also where no more boxes are made."""
        person = await stage.person(1)
        await stage.store.put(person.drop, some(1))
        for registration in Registration:
            assert await stage.store.make_box(person.keys.hashes, registration, None) is Outcome.THERE
        assert await stage.names(person) == [name(1)]
        assert (await stage.store.counts()).boxes == 1

    @with_store()
    async def test_a_token_makes_as_many_boxes_as_it_says(self, stage: Stage) -> None:
        """Unknown, used up, ended and none at all are refused alike; a box that is there costs nothing."""
        await stage.settle()
        store, token = stage.store, token_hash(bytes(32))
        assert await store.make_box(box_keys(1).hashes, BY_TOKEN, token) is Outcome.REFUSED
        await store.add_token(token, 2, 3)
        for number in (1, 1, 2, 2):
            assert await store.make_box(box_keys(number).hashes, BY_TOKEN, token) is Outcome.THERE
        for shown in (token, None, token_hash(b"x" * 32)):
            assert await store.make_box(box_keys(3).hashes, BY_TOKEN, shown) is Outcome.REFUSED
        await store.add_token(token, 2, 3)
        await stage.pass_days(5)
        assert await store.make_box(box_keys(3).hashes, BY_TOKEN, token) is Outcome.REFUSED
        assert await store.make_box(box_keys(3).hashes, CLOSED, token) is Outcome.REFUSED

    @with_store()
    async def test_no_box_is_made_that_would_have_no_room_of_its_own(self, stage: Stage) -> None:
        """Ten reserves fit; closing one makes room for another."""
        people = [await stage.person(number) for number in range(10)]
        assert await stage.store.make_box(box_keys(10).hashes, OPEN, None) is Outcome.FULL
        await stage.store.close_box(people[0].erase)
        await stage.settle()
        await stage.person(10)

    @with_store()
    async def test_a_closed_box_is_gone_and_can_be_made_anew_and_empty(self, stage: Stage) -> None:
        """Nothing of what was in it comes back, neither parcels nor what was remembered."""
        person = await stage.person(1)
        await stage.store.put(person.drop, some(1, 2))
        await stage.store.erase(person.erase, [name(1)])
        await stage.store.close_box(person.erase)
        assert states(await stage.store.put(person.drop, some(3))) == [State.NONE]
        await stage.person(1)
        assert await stage.names(person) == []
        assert states(await stage.store.state(person.drop, [name(1), name(2)])) == [State.NONE] * 2
        await stage.settle()
        assert states(await stage.store.put(person.drop, some(1))) == [State.HELD]
        assert (await stage.store.counts()).used_bytes == CELL

    # -- parcels --

    @with_store()
    async def test_what_is_put_comes_back_in_its_order_byte_for_byte(self, stage: Stage) -> None:
        """Also after the store was opened anew, and for both sizes."""
        person = await stage.person(1)
        held = await stage.store.put(person.drop, some(3, 1))
        held += await stage.store.put(person.drop, [(name(2), bytes(CELL))])
        assert states(held) == [State.HELD] * 3
        for turn in range(2):
            batch = await stage.fetched(person)
            assert batch.parcels == [(name(3), CELL, cell(3)), (name(1), CELL, cell(1)), (name(2), CELL, bytes(CELL))]
            assert not batch.more
            if not turn:
                await stage.again()

    @with_store(Rules())
    async def test_large_parcels_and_heads(self, stage: Stage) -> None:
        """A head is 32 bytes, and its size that of the whole."""
        person = await stage.person(1)
        await stage.store.put(person.drop, [(name(1), cell(1, BULK)), *some(2)])
        batch = await stage.fetched(person, part=Part.HEAD)
        assert batch.parcels == [(name(1), BULK, cell(1)[:32]), (name(2), CELL, cell(2)[:32])]
        assert (await stage.store.pick(person.pick_up, [name(1)], ALL))[1] == [(name(1), BULK, cell(1, BULK))]

    @with_store()
    async def test_the_same_parcel_again_is_held_once(self, stage: Stage) -> None:
        """In one batch after another and at the same time; the promise stays that of the first time."""
        person = await stage.person(1)
        await stage.settle()
        (first,) = await stage.store.put(person.drop, some(1))
        await stage.pass_days(1)
        both = await asyncio.gather(*(stage.store.put(person.drop, some(1, 2)) for _ in range(5)))
        assert {states for states, *_ in map(tuple, map(states, both))} == {State.HELD}
        assert both[0][0][1] == first[1] - DAY_MS // 1000 < both[0][1][1]
        assert await stage.names(person) == [name(1), name(2)]
        assert (await stage.store.counts()).used_bytes == 2 * CELL

    @with_store()
    async def test_other_bytes_under_an_id_are_told_apart(self, stage: Stage) -> None:
        """What is there stays."""
        person = await stage.person(1)
        await stage.store.put(person.drop, some(1))
        assert states(await stage.store.put(person.drop, [(name(1), cell(2)), *some(3)])) == [State.TAKEN, State.HELD]
        assert (await stage.fetched(person)).parcels[0] == (name(1), CELL, cell(1))

    @with_store()
    async def test_what_was_erased_is_said_to_be_collected(self, stage: Stage) -> None:
        """To whoever puts it again or asks; erasing twice, or what is not there, is nothing. It lasts."""
        person = await stage.person(1)
        await stage.store.put(person.drop, some(1, 2))
        for _ in range(2):
            await stage.store.erase(person.erase, [name(1), name(9)])
            assert await stage.names(person) == [name(2)]
        await stage.again()
        assert states(await stage.store.put(person.drop, some(1))) == [State.COLLECTED]
        asked = await stage.store.state(person.drop, [name(9), name(2), name(1)])
        assert states(asked) == [State.NONE, State.HELD, State.COLLECTED]
        assert [seconds > 0 for _, seconds in asked] == [False, True, False]
        assert (await stage.store.counts()).used_bytes == CELL + RELAY_COLLECTED_BYTES
        assert await stage.names(person) == [name(2)]

    @with_store()
    async def test_ids_of_one_box_mean_nothing_in_another(self, stage: Stage) -> None:
        """Two boxes, the same ids, one erased."""
        one, two = await stage.person(1), await stage.person(2)
        for person in (one, two):
            assert states(await stage.store.put(person.drop, some(1))) == [State.HELD]
        await stage.store.erase(one.erase, [name(1)])
        assert (await stage.names(one), await stage.names(two)) == ([], [name(1)])

    # -- pages of an answer --

    @with_store()
    async def test_a_cursor_goes_on_where_an_answer_ended(self, stage: Stage) -> None:
        """By count and by bytes; at least one each time; nothing twice, nothing left out, new ones at the end."""
        person = await stage.person(1)
        await stage.store.put(person.drop, some(*range(7)))
        batch = Batch(b"", True, [])
        for parcels_max, bytes_max in ((1, ALL), (3, ALL), (256, 1), (256, 2 * CELL), (256, ALL)):
            found: list[bytes] = []
            batch = Batch(b"", True, [])
            while batch.more:
                batch = await stage.store.fetch(person.pick_up, batch.cursor, parcels_max, bytes_max, Part.WHOLE)
                assert 1 <= len(batch.parcels) <= parcels_max
                found += [given[0] for given in batch.parcels]
            assert found == [name(number) for number in range(7)]
        assert (await stage.fetched(person, batch.cursor)) == Batch(batch.cursor, False, [])
        await stage.store.put(person.drop, some(7))
        assert [given[0] for given in (await stage.fetched(person, batch.cursor)).parcels] == [name(7)]

    @with_store()
    async def test_a_cursor_of_another_run_begins_anew(self, stage: Stage) -> None:
        """So what a store lost, or got back from a copy, hides nothing."""
        person = await stage.person(1)
        await stage.store.put(person.drop, some(1))
        batch = await stage.fetched(person)
        for cursor in (bytes(16), b"\xff" * 16, batch.cursor[:8] + b"\xff" * 8):
            assert [given[0] for given in (await stage.fetched(person, cursor)).parcels] == [name(1)]

    @with_store()
    async def test_picking_by_id(self, stage: Stage) -> None:
        """In the order asked, as many as fit, the rest left for another time."""
        person = await stage.person(1)
        await stage.store.put(person.drop, some(1, 2, 3))
        asked = [name(3), name(9), name(1), name(2)]
        looked_at, found = await stage.store.pick(person.pick_up, asked, ALL)
        assert (looked_at, [given[0] for given in found]) == (4, [name(3), name(1), name(2)])
        for bytes_max, expected in ((1, 2), (2 * CELL, 3)):
            looked_at, found = await stage.store.pick(person.pick_up, asked, bytes_max)
            assert (looked_at, len(found)) == (expected, expected - 1)

    # -- no box, nothing there, wrong key --

    @with_store()
    async def test_one_answer_for_all_who_have_no_key(self, stage: Stage) -> None:
        """T-RELAY-1. No box, an empty one, a wrong key: the same answers, and nothing changed."""
        full, empty, nobody = await stage.person(1), await stage.person(2), Person(3)
        await stage.store.put(full.drop, some(1, 2))
        cursor = (await stage.fetched(empty)).cursor
        wrong = [*full.wrong(), *(Shown(full.keys.box, key) for key in (full.drop.key_hash, full.erase.key_hash))]
        for shown in (nobody.pick_up, empty.pick_up, *wrong):
            for given in (b"", cursor):
                assert await stage.store.fetch(shown, given, 256, ALL, Part.WHOLE) == Batch(cursor, False, [])
            assert tuple(await stage.store.pick(shown, [name(1), name(2)], ALL)) == (2, [])
        for shown in (nobody.drop, *full.wrong(), Shown(full.keys.box, full.pick_up.key_hash)):
            assert await stage.store.put(shown, some(1, 5)) == [(State.NONE, 0)] * 2
            assert await stage.store.state(shown, [name(1)]) == [(State.NONE, 0)]
        for shown in (nobody.erase, *full.wrong(), full.drop, full.pick_up):
            await stage.store.erase(shown, [name(1)])
            await stage.store.close_box(shown)
        assert await stage.names(full) == [name(1), name(2)]

    # -- room --

    @with_store()
    async def test_a_box_takes_no_more_than_its_room(self, stage: Stage) -> None:
        """The rest is full, not lost in silence; erasing makes room."""
        person = await stage.person(1)
        found = states(await stage.store.put(person.drop, some(*range(22))))
        assert found == [State.HELD] * 20 + [State.FULL] * 2
        assert len(await stage.names(person)) == 20
        await stage.store.erase(person.erase, [name(0), name(1)])
        assert states(await stage.store.put(person.drop, some(20, 21))) == [State.HELD, State.FULL]

    @with_store()
    async def test_strangers_never_crowd_out_what_a_box_has_to_itself(self, stage: Stage) -> None:
        """Others fill all there is to share; the four cells of this box are still taken, and not a fifth."""
        person = await stage.person(1)
        for stranger in [await stage.person(number) for number in range(2, 6)]:
            for start in range(0, 20, 5):
                await stage.store.put(stranger.drop, some(*range(start, start + 5)))
        counts = await stage.store.counts()
        assert counts.taken_bytes <= SMALL.room_bytes < counts.taken_bytes + CELL
        found = states(await stage.store.put(person.drop, some(*range(5))))
        assert found == [State.HELD] * 4 + [State.FULL]
        assert (await stage.store.counts()).taken_bytes == counts.taken_bytes

    @with_store()
    async def test_after_everything_was_full_everything_works(self, stage: Stage) -> None:
        """T-FULL-1. Boxes, room, what is remembered: filled up; then room is made, and one letter goes through."""
        people = [await stage.person(number) for number in range(10)]
        for person in people:
            await stage.store.put(person.drop, some(*range(20)))
        assert await stage.store.make_box(box_keys(11).hashes, OPEN, None) is Outcome.FULL
        assert states(await stage.store.put(people[0].drop, some(99))) == [State.FULL]
        for person in people:
            await stage.store.erase(person.erase, await stage.names(person))
        assert states(await stage.store.put(people[0].drop, some(99))) == [State.HELD]
        assert await stage.names(people[0]) == [name(99)]
        await stage.store.close_box(people[1].erase)
        await stage.settle()
        await stage.person(11)

    # -- time --

    @with_store()
    async def test_a_parcel_is_kept_as_long_as_promised_and_then_goes(self, stage: Stage) -> None:
        """Two days and what is left of the day of putting; what was remembered goes with it; the room comes back."""
        await stage.settle()
        person = await stage.person(1)
        ((_, seconds),) = await stage.store.put(person.drop, some(1))
        assert 2 * 86_400 < seconds <= 3 * 86_400
        await stage.store.put(person.drop, some(2))
        await stage.store.erase(person.erase, [name(2)])
        await stage.pass_days(2)
        assert await stage.names(person) == [name(1)]
        await stage.pass_days(1)
        assert await stage.names(person) == []
        counts = await stage.store.counts()
        assert (counts.boxes, counts.parcels, counts.used_bytes) == (1, 0, 0)
        assert states(await stage.store.put(person.drop, some(1, 2))) == [State.HELD] * 2

    @with_store()
    async def test_a_clock_that_jumps_takes_nothing(self, stage: Stage) -> None:
        """A year forward and ten back, between two looks and while nobody looked."""
        await stage.settle()
        person = await stage.person(1)
        await stage.store.put(person.drop, some(1))
        for days in (365, -3650, 3650):
            stage.now_ms += days * DAY_MS
            await stage.settle()
            await stage.again()
        assert await stage.names(person) == [name(1)]
        assert (await stage.store.counts()).relay_day <= 2

    @with_store()
    async def test_an_empty_box_nobody_comes_to_goes(self, stage: Stage) -> None:
        """One that somebody looks into stays, and so does one that holds something."""
        await stage.settle()
        left, used = await stage.person(1), await stage.person(2)
        for _ in range(4):
            await stage.pass_days(3)
            await stage.fetched(used)
        assert (await stage.store.counts()).boxes == 1
        assert states(await stage.store.put(left.drop, some(1))) == [State.NONE]
        assert states(await stage.store.put(used.drop, some(1))) == [State.HELD]

    # -- many at once --

    @with_store(Rules())
    async def test_many_at_once(self, stage: Stage) -> None:
        """Forty people put, fetch and erase at the same time; each has what is theirs."""
        people = [await stage.person(number) for number in range(40)]

        async def correspond(person: Person, number: int) -> None:
            for turn in range(4):
                await stage.store.put(person.drop, some(100 * number + turn, 100 * number + 50 + turn))
                await stage.store.erase(person.erase, [name(100 * number + turn)])

        await asyncio.gather(*(correspond(person, number) for number, person in enumerate(people)))
        for number, person in enumerate(people):
            assert await stage.names(person) == [name(100 * number + 50 + turn) for turn in range(4)]

    @with_store()
    async def test_those_who_listen_hear_of_a_put(self, stage: Stage) -> None:
        """The box that got something, when it can be fetched."""
        person = await stage.person(1)
        heard: asyncio.Queue[bytes] = asyncio.Queue()

        def hear(boxes: Collection[bytes]) -> None:
            for box in boxes:
                heard.put_nowait(box)

        stage.store.listen(hear)
        await stage.store.put(person.drop, some(1))
        assert await asyncio.wait_for(heard.get(), 10) == person.keys.box
        assert await stage.names(person) == [name(1)]

    @with_store()
    async def test_closing_twice_is_nothing(self, stage: Stage) -> None:
        """As after a signal that came twice."""
        await stage.store.close()
        await stage.store.close()
