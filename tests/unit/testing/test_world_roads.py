"""Roads of the simulated world: what each kind shows and keeps; every fault that is on happens and is counted."""

from __future__ import annotations

import random
from collections import Counter, deque

import pytest

from tiercel.errors import CarrierFull, CarrierMissing, CarrierReadOnly, ParcelMissing
from tiercel.limits import DAY_MS
from tiercel.testing.world.faults import PARCEL_FAULTS, Fates
from tiercel.testing.world.mishaps import MISHAPS
from tiercel.testing.world.plan import RoadPlan
from tiercel.testing.world.roads import KINDS, Handle, WorldRoad

NAME = "abcdefghijklmnopqrstuvwxyz"


class Street:
    """A road of two people, and the time."""

    def __init__(self, kind: str, delay_days: float = 1.0, **faults: float) -> None:
        self.now_ms = 0
        self.counts: Counter[str] = Counter()
        plan = RoadPlan("road", kind, ("ada", "bo"), delay_days, faults)
        self.road = WorldRoad(plan, lambda: self.now_ms, random.Random(1), self.counts, deque(maxlen=24))
        self.road.healed = False
        self.ada, self.bo = (Handle(self.road, name, lambda: None) for name in ("ada", "bo"))

    def parcel(self, fill: int = 7) -> bytes:
        return bytes([fill]) * self.road.sizes[0]

    def pass_days(self, days: float) -> None:
        self.now_ms += round(days * DAY_MS)

    def names(self, handle: Handle) -> list[str]:
        return [entry.name for entry in handle.list()]


@pytest.mark.parametrize("kind", ["relay", "mail", "folder", "paper"])
def test_a_parcel_arrives_after_its_delay_and_not_before(kind: str) -> None:
    street = Street(kind)
    street.ada.put(NAME, street.parcel())
    assert street.names(street.bo) == []
    street.pass_days(2)
    assert street.names(street.bo) == [NAME]
    assert street.bo.fetch(NAME) == street.parcel()
    assert (street.names(street.ada) == [NAME]) == KINDS[kind].shows_own


def test_a_relay_promises_thirty_days_and_keeps_nothing_longer() -> None:
    street = Street("relay")
    assert street.ada.put(NAME, street.parcel()) == 30 * DAY_MS
    street.pass_days(2)
    assert street.names(street.bo) == [NAME]
    street.pass_days(45)
    assert street.names(street.bo) == []


def test_what_the_reader_takes_off_a_folder_goes_from_the_writers_side_too() -> None:
    street = Street("folder")
    street.ada.put(NAME, street.parcel())
    street.pass_days(2)
    street.bo.remove(NAME)
    assert street.names(street.ada) == [NAME]
    street.pass_days(2)
    assert street.names(street.ada) == []


def test_only_who_holds_the_stick_can_look_at_it() -> None:
    street = Street("stick")
    street.ada.put(NAME, street.parcel())
    with pytest.raises(CarrierMissing):
        street.bo.check()
    MISHAPS["carry"](street.road, {"to": "bo"})
    assert street.names(street.bo) == [NAME]
    with pytest.raises(CarrierMissing):
        street.names(street.ada)


def test_a_lan_is_there_while_both_are_at_home() -> None:
    street = Street("lan")
    with pytest.raises(CarrierMissing):
        street.ada.check()
    MISHAPS["meet"](street.road, {"days": 0.3})
    street.ada.check()
    street.pass_days(0.4)
    with pytest.raises(CarrierMissing):
        street.ada.check()


def test_paper_goes_one_way() -> None:
    street = Street("paper")
    street.ada.put(NAME, street.parcel())
    with pytest.raises(CarrierReadOnly):
        street.bo.put(NAME, street.parcel())


@pytest.mark.parametrize(("mishap", "error"), [("full", CarrierFull), ("read only", CarrierReadOnly)])
def test_a_mishap_lasts_its_days_and_is_counted_when_it_is_met(mishap: str, error: type[Exception]) -> None:
    street = Street("folder")
    MISHAPS[mishap](street.road, {"days": 3})
    with pytest.raises(error):
        street.ada.put(NAME, street.parcel())
    assert street.counts[f"road: {mishap} met"] == 1
    street.pass_days(4)
    street.ada.put(NAME, street.parcel())


def test_a_relay_whose_disk_is_put_back_has_again_what_was_taken_and_not_what_was_put_since() -> None:
    street, later = Street("relay", 0.0), NAME[::-1].replace("z", "2")
    street.ada.put(NAME, street.parcel())
    MISHAPS["remember"](street.road, {})
    street.bo.remove(NAME)
    street.ada.put(later, street.parcel(8))
    MISHAPS["roll back"](street.road, {})
    assert street.names(street.bo) == [NAME]
    with pytest.raises(ParcelMissing):
        street.bo.fetch(later)


def test_a_lying_relay_stores_nothing_and_promises_all_the_same() -> None:
    street = Street("relay", 0.0)
    MISHAPS["lie"](street.road, {"days": 1})
    assert street.ada.put(NAME, street.parcel()) == 30 * DAY_MS
    assert street.names(street.bo) == [] and street.counts["road: lie"] == 1


def test_after_the_faults_everything_arrives_within_a_day() -> None:
    street = Street("mail", 4.0, hold=1.0)
    street.ada.put(NAME, street.parcel())
    MISHAPS["outage"](street.road, {"days": 100})
    street.road.heal()
    street.pass_days(1.01)
    assert street.names(street.bo) == [NAME]


@pytest.mark.parametrize("fault", PARCEL_FAULTS)
def test_every_fault_of_a_parcel_happens_and_is_counted(fault: str) -> None:
    counts: Counter[str] = Counter()
    other, parcel = b"o" * 16_384, bytes(16_384)
    fates = Fates({fault: 1.0}, random.Random(2), counts, deque([other]))
    found = fates.of(parcel, 0, (16_384, 262_144))
    assert counts == {f"parcel: {fault}": 1}
    assert [(fate.parcel, fate.late_ms, fate.own_name) for fate in found] != [(parcel, 0, True)]


def test_without_faults_a_parcel_comes_as_it_was_put() -> None:
    (fate,) = Fates({}, random.Random(3), Counter()).of(b"parcel", 0, (6,))
    assert (fate.parcel, fate.late_ms, fate.own_name) == (b"parcel", 0, True)
