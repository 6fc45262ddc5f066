"""What happens to whole roads: outages, wiped relays, lost sticks, spam boxes; and that somebody carries the stick.

Each is a plain function of a world, a road and the details of the act; the table at the end names them. Days are days
from now. A mishap that has nothing to strike (a stick of which nothing was written) is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tiercel.limits import DAY_MS

from .plan import Value
from .roads import WorldRoad

Details = Mapping[str, Value]


def _until(road: WorldRoad, details: Details) -> int:
    return road.now_ms() + round(float(details.get("days", 1)) * DAY_MS)


def _spell(what: str, count: str) -> Callable[[WorldRoad, Details], None]:
    """A mishap that lasts some days: a field of the weather and the name under which it is counted."""

    def begin(road: WorldRoad, details: Details) -> None:
        setattr(road.weather, what, max(getattr(road.weather, what), _until(road, details)))
        if count:
            road.counts[f"road: {count}"] += 1

    return begin


def _wipe(road: WorldRoad, _details: Details) -> None:
    """Everything on it is gone, also what is on its way."""
    if road.coming or any(road.boxes.values()):
        road.counts["road: wiped"] += 1
    for box in road.boxes.values():
        box.clear()
    road.coming.clear()


def _remember(road: WorldRoad, _details: Details) -> None:
    """A copy of its disk is made, to be put back later."""
    boxes = {person: dict(road.box(person)) for person in road.people}
    road.copy = (boxes, list(road.coming))


def _roll_back(road: WorldRoad, _details: Details) -> None:
    """Its disk is put back to the copy: what was taken off is there again, what was put since is gone."""
    if road.copy is None:
        return
    boxes, coming = road.copy
    for person, box in boxes.items():
        road.boxes[person].clear()
        road.boxes[person].update(box)
    road.coming = list(coming)
    road.counts["road: rolled back"] += 1


def _carry(road: WorldRoad, details: Details) -> None:
    """Somebody takes the stick to a person."""
    if not road.healed:
        road.holder = str(details["to"])


def _pull(road: WorldRoad, _details: Details) -> None:
    """It is pulled out while it is written to: some files are cut, some gone."""
    box = road.boxes[road.holder]
    for name in list(box):
        chance = road.rng.random()
        if chance < 0.2:
            del box[name]
        elif chance < 0.4:
            parcel, at = box[name]
            box[name] = (parcel[: road.rng.randrange(len(parcel) + 1)], at)
        if chance < 0.4:
            road.counts["road: partial copy"] += 1


def _two_computers(road: WorldRoad, _details: Details) -> None:
    """Another computer wrote back the list of files it remembered: some new files are gone, some old are there."""
    if road.copy is None:
        return
    old, box = road.copy[0][road.holder], road.boxes[road.holder]
    for name in list(box):
        if name not in old and road.rng.random() < 0.5:
            del box[name]
    for name, entry in old.items():
        if road.rng.random() < 0.5:
            box.setdefault(name, entry)
    road.counts["road: two computers"] += 1


MISHAPS: Final[dict[str, Callable[[WorldRoad, Details], None]]] = {
    "outage": _spell("out", "outage"),
    "full": _spell("full", "full"),
    "read only": _spell("read_only", "read only"),
    "lie": _spell("lying", "lying spell"),
    "spam": _spell("spam", "spam spell"),
    "limit": _spell("limit", "limit lowered"),
    "fold": _spell("folding", "names folded"),
    "mangle": _spell("mangling", "mangling spell"),
    "fail": _spell("failing", "failing spell"),
    "meet": _spell("open", ""),
    "gone": _spell("out", "lost for good"),
    "wipe": _wipe,
    "remember": _remember,
    "roll back": _roll_back,
    "carry": _carry,
    "pull": _pull,
    "two computers": _two_computers,
}
"""Everything that can happen to a road, by the word used in plans."""
