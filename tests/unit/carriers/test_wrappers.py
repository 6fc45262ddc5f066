"""Retry and faults around a carrier in memory."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from tiercel.carriers.memory import MemoryCarrier
from tiercel.carriers.wrappers.fault import Faults, Faulty
from tiercel.carriers.wrappers.pace import Pace, Paced
from tiercel.carriers.wrappers.retry import Retrying
from tiercel.errors import CarrierError, CarrierFull, CarrierReadOnly, LimitError, NameRefused, ParcelMissing
from tiercel.ports import Listed
from tiercel.testing.carrier_suite import listing, parcel_bytes, parcel_name

PARCEL = parcel_bytes(1, 65_536)
NAMES = [parcel_name(number) for number in range(40)]


class Failing(MemoryCarrier):
    """Fails as often as it was told, with what it was told."""

    def __init__(self, *problems: CarrierError) -> None:
        super().__init__()
        self.problems = list(problems)
        self.acts = 0

    def fail(self) -> None:
        self.acts += 1
        if self.problems:
            raise self.problems.pop(0)

    def put(self, name: str, parcel: bytes | bytearray | memoryview) -> int | None:
        self.fail()
        return super().put(name, parcel)

    def flush(self) -> None:
        self.fail()

    def list(self) -> Iterator[Listed]:
        for number, listed in enumerate(super().list()):
            if number == 2:
                self.fail()
            yield listed


def never(_: float) -> None:
    """The sleep of a carrier that must not wait."""
    pytest.fail("waited")


def test_a_passing_failure_is_tried_again_with_longer_and_longer_waits() -> None:
    waits: list[float] = []
    road = Failing(*(CarrierError() for _ in range(3)))
    Retrying(road, waits.append, tries=4).put(NAMES[0], PARCEL)
    assert road.entries[NAMES[0]] == PARCEL
    assert waits == [0.5, 1.0, 2.0]


def test_the_last_failure_is_passed_on() -> None:
    waits: list[float] = []
    problems = [CarrierError(str(number)) for number in range(3)]
    with pytest.raises(CarrierError) as caught:
        Retrying(Failing(*problems), waits.append, tries=3).put(NAMES[0], PARCEL)
    assert caught.value is problems[2]
    assert waits == [0.5, 1.0]


@pytest.mark.parametrize("tries", [0, 1])
def test_one_try_is_one_try(tries: int) -> None:
    road = Failing(CarrierError())
    with pytest.raises(CarrierError):
        Retrying(road, never, tries=tries).put(NAMES[0], PARCEL)
    assert road.acts == 1


def test_the_road_may_say_how_long_to_wait() -> None:
    waits: list[float] = []
    road = Failing(CarrierError(retry_after_s=7.5), CarrierError(retry_after_s=-1))
    Retrying(road, waits.append).put(NAMES[0], PARCEL)
    assert waits == [7.5, 0.0]


@pytest.mark.parametrize("problem", [CarrierError(permanent=True), CarrierError(retry_after_s=3600)])
def test_what_waiting_does_not_help_is_passed_on_at_once(problem: CarrierError) -> None:
    road = Failing(problem)
    with pytest.raises(CarrierError) as caught:
        Retrying(road, never).put(NAMES[0], PARCEL)
    assert caught.value is problem
    assert road.acts == 1


def test_our_own_mistakes_are_not_repeated() -> None:
    road = Failing()
    patient = Retrying(road, never)
    with pytest.raises(NameRefused):
        patient.put("../x", PARCEL)
    with pytest.raises(LimitError):
        patient.put(NAMES[0], b"short")
    with pytest.raises(ParcelMissing):
        patient.fetch(NAMES[0])


def test_a_listing_goes_on_after_a_failure_and_repeats_no_name() -> None:
    road = Failing(CarrierError(), CarrierError())
    road.entries = dict.fromkeys(NAMES[:5], PARCEL)
    listed = [entry.name for entry in Retrying(road, lambda _: None).list()]
    assert listed == NAMES[:5]


def test_a_failed_flush_is_never_tried_again() -> None:
    """A second flush after a failed one tells nothing about what was lost by the first."""
    road = Failing(CarrierError())
    with pytest.raises(CarrierError):
        Retrying(road, never).flush()
    assert road.acts == 1


# -- faults ----------------------------------------------------------------------------------------


def faulty(faults: Faults) -> tuple[Faulty, MemoryCarrier]:
    memory = MemoryCarrier()
    return Faulty(memory, random.Random(5), faults), memory


def test_a_dropped_parcel_was_put_as_far_as_anyone_can_tell() -> None:
    road, memory = faulty(Faults(drop=1.0))
    assert road.put(NAMES[0], PARCEL) is None
    assert not memory.entries


def test_a_duplicate_has_another_name() -> None:
    road, memory = faulty(Faults(duplicate=1.0))
    road.put(NAMES[0], PARCEL)
    assert len(memory.entries) == len(listing(road)) == 2
    assert set(memory.entries.values()) == {PARCEL}


def test_held_parcels_arrive_when_released_in_another_order() -> None:
    road, memory = faulty(Faults(hold=1.0))
    for name in NAMES:
        road.put(name, PARCEL)
    assert listing(road) == {}
    with pytest.raises(ParcelMissing):
        road.fetch(NAMES[0])
    assert road.release(3) == 3
    assert len(memory.entries) == 3
    assert road.release() == len(NAMES) - 3
    assert sorted(memory.entries) == sorted(NAMES)
    assert list(memory.entries) != NAMES
    assert road.release() == 0 and not road.held


@pytest.mark.parametrize(
    "act",
    [
        lambda road: list(road.list()),
        lambda road: road.head(NAMES[0]),
        lambda road: road.fetch(NAMES[0]),
        lambda road: road.put(NAMES[1], PARCEL),
        lambda road: road.remove(NAMES[0]),
        lambda road: road.flush(),
    ],
)
@pytest.mark.parametrize("faults", [Faults(error_before=1.0), Faults(error_after=1.0)], ids=["before", "after"])
def test_every_act_fails_before_or_after_it_is_done(act: Callable[[Faulty], object], faults: Faults) -> None:
    road, memory = faulty(Faults())
    road.put(NAMES[0], PARCEL)
    before = dict(memory.entries)
    road.faults = faults
    with pytest.raises(CarrierError) as caught:
        act(road)
    assert not caught.value.permanent
    if faults.error_before:
        assert memory.entries == before


def test_an_error_after_the_act_does_not_undo_it() -> None:
    road, memory = faulty(Faults(error_after=1.0))
    with pytest.raises(CarrierError):
        road.put(NAMES[0], PARCEL)
    assert memory.entries[NAMES[0]] == PARCEL
    with pytest.raises(CarrierError):
        road.remove(NAMES[0])
    assert not memory.entries


def test_a_partial_listing_ends_early_and_lies_about_nothing_else() -> None:
    road, memory = faulty(Faults(partial_list=1.0))
    memory.entries = dict.fromkeys(NAMES, PARCEL)
    found = [len(listing(road)) for _ in range(20)]
    assert all(count < len(NAMES) for count in found)
    road.faults = Faults()
    assert set(listing(road)) == set(NAMES)


def test_full_and_read_only() -> None:
    road, memory = faulty(Faults())
    road.put(NAMES[0], PARCEL)
    road.full = True
    puts: list[Callable[[], object]] = [lambda: road.put(NAMES[1], PARCEL), road.check]
    for refused in puts:
        with pytest.raises(CarrierFull):
            refused()
    road.remove(NAMES[0])
    road.full, road.read_only = False, True
    writes: list[Callable[[], object]] = [lambda: road.put(NAMES[1], PARCEL), lambda: road.remove(NAMES[0]), road.check]
    for write in writes:
        with pytest.raises(CarrierReadOnly):
            write()
    assert not memory.entries
    road.read_only = False
    road.put(NAMES[1], PARCEL)
    road.check()


def test_the_same_seed_gives_the_same_world() -> None:
    def world() -> tuple[list[str], list[str]]:
        road, memory = faulty(Faults(0.2, 0.2, 0.2, 0.2, 0.2, 0.2))
        said = []
        for name in NAMES:
            try:
                road.put(name, PARCEL)
            except CarrierError as problem:
                said.append(f"{name} {problem}")
        return said, list(memory.entries)

    first = world()
    assert first == world()
    assert first[0] and first[1]


def test_those_who_wait_do_not_come_back_at_the_same_moment() -> None:
    waits: list[float] = []
    Retrying(Failing(CarrierError(), CarrierError()), waits.append, jitter=iter((0.0, 1.0)).__next__).put(
        NAMES[0], PARCEL
    )
    assert waits == [0.5, 0.5]


def test_a_rate_is_kept_and_a_rest_is_not_saved_up() -> None:
    clock = [100.0]
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock[0] += seconds

    road = Paced(MemoryCarrier(), Pace(65_536, lambda: clock[0], sleep))
    for name in NAMES[:2]:
        road.put(name, PARCEL)
    clock[0] += 1000
    assert road.fetch(NAMES[0]) == PARCEL
    assert waits == [1.0, 1.0, 1.0]
