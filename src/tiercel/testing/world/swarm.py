"""From a seed to a plan: who lives, how often they write and visit, and which of all faults are on in this world.

Not every fault is on in every world: a random part of them is (swarm testing), because a world in which everything
goes wrong at once never gets into the states that a single fault leads to. People write letters and do not chat: they
write and visit every day to every few weeks, log-uniform, have days off and months away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tiercel.limits import DAY_MS

from .faults import PARCEL_FAULTS
from .habits import life_of
from .plan import Act, BondPlan, PersonPlan, Plan, RoadPlan, Value

YEARS: Final = (3.0, 12.0)
_TWO_WAY: Final = ("relay", "mail", "folder", "stick")
_DELAY_DAYS: Final = {
    "relay": (0.001, 0.02), "mail": (0.001, 4.0), "folder": (0.01, 3.0), "stick": (0.0, 0.0), "lan": (0.0001, 0.001),
    "paper": (3.0, 60.0),
}  # fmt: skip
_RATES: Final = {
    "drop": (0.02, 0.4), "duplicate": (0.02, 0.3), "late duplicate": (0.01, 0.1), "reorder": (0.05, 0.8),
    "flip": (0.01, 0.2), "truncate": (0.01, 0.15), "extend": (0.01, 0.15), "swap": (0.01, 0.15),
    "replay": (0.01, 0.2), "hold": (0.005, 0.08),
}  # fmt: skip
_SPELLS: Final[dict[str, tuple[tuple[str, ...], tuple[float, float], float]]] = {
    # mishap: on which kinds, days it lasts, how often in a year
    "outage": (("relay", "mail", "folder", "stick", "lan"), (1, 60), 1.5),
    "full": (("relay", "mail", "folder", "stick"), (2, 60), 1.0),
    "read only": (("folder", "stick"), (2, 40), 0.7),
    "lie": (("relay",), (2, 60), 1.0),
    "spam": (("mail",), (10, 90), 1.5),
    "limit": (("mail",), (20, 200), 0.5),
    "fold": (("folder", "stick"), (5, 90), 0.7),
    "mangle": (("mail",), (3, 60), 1.0),
    "fail": (("relay", "mail", "folder", "stick"), (2, 60), 1.5),
    "wipe": (("relay", "folder", "stick", "mail"), (0, 0), 0.7),
    "roll back": (("relay", "folder", "stick", "mail"), (3, 60), 0.8),
    "pull": (("stick",), (0, 0), 1.5),
    "two computers": (("stick", "folder"), (2, 30), 1.0),
}
_NODE_FAULTS: Final = (
    "crash", "sweep", "power", "disk", "lock", "restore", "clone", "clock", "drift", "zone", "reopen",
    "forge", "plant", "rot",
)  # fmt: skip
_LIFE: Final = ("road added", "road lost", "road order", "third person", "ended")


@dataclass
class Draw:
    """What a plan is drawn with: randomness, and acts numbered in the order in which they were thought of."""

    rng: Random
    days: float
    on: frozenset[str]
    acts: list[Act] = field(default_factory=list)

    def act(self, day: float, who: str, what: str, **details: Value) -> None:
        """One more act; what would happen after the last day does not."""
        if 0 <= day < self.days:
            self.acts.append(Act(round(day * DAY_MS), len(self.acts) + 1, who, what, details))

    def between(self, low: float, high: float) -> float:
        """Log-uniform: as often between 1 and 2 as between 10 and 20."""
        return math.exp(self.rng.uniform(math.log(low), math.log(high)))

    def times(self, each_year: float) -> list[float]:
        """Days on which something happens that often, at chance."""
        found, day = [], 0.0
        while (day := day + self.rng.expovariate(each_year / 365.25)) < self.days:
            found.append(day)
        return found


def plan_of(seed: int) -> Plan:
    """The plan of a seed; the same in every process."""
    rng = Random(f"plan {seed}")
    everything = (*PARCEL_FAULTS, *_SPELLS, *_NODE_FAULTS, *_LIFE)
    likely = rng.choice((0.1, 0.2, 0.35, 0.35, 0.6))
    draw = Draw(rng, rng.uniform(*YEARS) * 365.25, frozenset(each for each in everything if rng.random() < likely))
    people = [_person(draw, name) for name in ("ada", "bo")]
    roads = _roads(draw, ("ada", "bo"), "")
    bonds = [_bond(draw, "ada", "bo", roads)]
    if "third person" in draw.on and rng.random() < 0.6:
        people.append(_person(draw, "cy"))
        shared = rng.random() < 0.4 and next((road for road in roads if road.kind in ("relay", "folder")), None)
        theirs = _roads(draw, ("cy", "ada"), " of cy")[:2] if not shared else []
        if shared:
            roads = [_with(road, "cy") if road is shared else road for road in roads]
        roads += theirs
        bonds.append(BondPlan("cy", "ada", tuple(road.name for road in theirs) or (shared.name if shared else "",)))
    for person in people:
        life_of(draw, person.name, [_other(bond, person.name) for bond in bonds if _is_of(bond, person.name)])
    for road in roads:
        _mishaps(draw, road)
    return Plan(seed, draw.days, tuple(people), tuple(roads), tuple(bonds), tuple(sorted(draw.acts, key=_when)))


def _when(act: Act) -> tuple[int, int]:
    return act.at_ms, act.n


def _is_of(bond: BondPlan, name: str) -> bool:
    return name in (bond.inviter, bond.accepter)


def _other(bond: BondPlan, name: str) -> str:
    return bond.accepter if bond.inviter == name else bond.inviter


def _with(road: RoadPlan, person: str) -> RoadPlan:
    return RoadPlan(road.name, road.kind, (*road.people, person), road.delay_days, road.faults)


def _person(draw: Draw, name: str) -> PersonPlan:
    rng = draw.rng
    disk = bool({"disk", "power"} & draw.on) and rng.random() < 0.5
    drift = rng.choice((-1, 1)) * draw.between(5, 2000) if "drift" in draw.on else 0.0
    return PersonPlan(name, disk, round(drift, 2), round(rng.random(), 2), round(rng.uniform(0.3, 1.0), 2))


def _roads(draw: Draw, people: tuple[str, str], suffix: str) -> list[RoadPlan]:
    """One to four roads; the first of them goes both ways and is always there, so that people can pair over it."""
    rng = draw.rng
    first = rng.choice(_TWO_WAY)
    others = [kind for kind in (*_TWO_WAY, "lan", "paper") if kind != first]
    kinds = [first, *rng.sample(others, rng.choice((0, 0, 0, 0, 1, 1, 1, 2, 3)))]
    if "paper" in kinds and rng.random() < 0.6:
        kinds.remove("paper")
    return [_road(draw, kind, people, suffix) for kind in kinds]


def _bond(draw: Draw, inviter: str, accepter: str, roads: list[RoadPlan]) -> BondPlan:
    """A bond over these roads; some may be taken up later, lost for good, or used only after a while."""
    rng, names = draw.rng, [road.name for road in roads]
    after = {name: rng.choice((0, 3, 20)) if n and "road order" in draw.on else 0 for n, name in enumerate(names)}
    later = rng.choice(names[1:]) if names[1:] and "road added" in draw.on else None
    lost = rng.choice(names[1:]) if names[1:] and "road lost" in draw.on else None
    begins = rng.uniform(0.1, 0.6) * draw.days
    ends = rng.uniform(0.5, 0.95) * draw.days

    def said(day: float, chosen: list[str]) -> None:
        for person, other in ((inviter, accepter), (accepter, inviter)):
            kept = ", ".join(f"{name} {after[name]}" for name in chosen)
            draw.act(day + rng.uniform(0, 30), person, "roads", to=other, roads=kept)

    if any(after.values()):
        said(2, [name for name in names if name != later])
    if later is not None:
        said(begins, names)
    if lost is not None:
        draw.act(ends, lost, "gone", days=100_000)
        said(ends + 5, [name for name in names if name != lost])
    if "ended" in draw.on and rng.random() < 0.4:
        who, other = rng.choice(((inviter, accepter), (accepter, inviter)))
        draw.act(rng.uniform(0.6, 1.0) * draw.days, who, "end", to=other)
    return BondPlan(inviter, accepter, tuple(name for name in names if name != later))


def _road(draw: Draw, kind: str, people: tuple[str, str], suffix: str) -> RoadPlan:
    rng = draw.rng
    low, high = _DELAY_DAYS[kind]
    delay = round(draw.between(low, high), 5) if high else 0.0
    faults: dict[str, float] = {
        fault: round(draw.between(*_RATES[fault]), 4) for fault in PARCEL_FAULTS if fault in draw.on
    }
    if kind == "paper":
        faults = {**faults, "drop": round(rng.uniform(0.0, 0.3), 4), "flip": round(rng.uniform(0.0, 0.1), 4)}
    if kind == "paper" and rng.random() < 0.5:
        people = (people[1], people[0])
    return RoadPlan(kind + suffix, kind, people, delay, faults)


def _mishaps(draw: Draw, road: RoadPlan) -> None:
    rng = draw.rng
    for what, (kinds, lasting, each_year) in _SPELLS.items():
        if what in draw.on and road.kind in kinds:
            for day in draw.times(each_year):
                if what in ("roll back", "two computers"):
                    draw.act(day - rng.uniform(*lasting), road.name, "remember")
                    draw.act(day, road.name, what)
                elif lasting[1]:
                    draw.act(day, road.name, what, days=round(draw.between(*lasting), 2))
                else:
                    draw.act(day, road.name, what)
    if road.kind == "stick":
        _carried(draw, road)
    if road.kind == "lan":
        _met(draw, road)


def _carried(draw: Draw, road: RoadPlan) -> None:
    """The stick changes hands every 2 to 60 days; whoever gets it looks at it soon, and once more before it goes."""
    day, holder, every = 0.0, 0, draw.between(14, 60)
    while (day := day + max(2.0, every * draw.rng.uniform(0.4, 1.6))) < draw.days:
        draw.act(day - 0.01, road.people[holder], "visit")
        holder = (holder + 1) % len(road.people)
        draw.act(day, road.name, "carry", to=road.people[holder])
        draw.act(day + 0.2, road.people[holder], "visit")


def _met(draw: Draw, road: RoadPlan) -> None:
    """Now and then both are in one house for some hours."""
    for day in draw.times(draw.between(0.5, 5)):
        draw.act(day, road.name, "meet", days=0.3)
        for n, name in enumerate((*road.people, *road.people)):
            draw.act(day + 0.01 + 0.01 * n, name, "visit")
