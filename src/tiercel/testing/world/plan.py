"""Everything a seed decides, as data: who lives, over which roads they write, what they do and what goes wrong.

A plan is all that a world needs to be lived again. It is written out as JSON when a world found something, and what is
left of it after shrinking is a committed regression. Acts are single lines in it: whatever one of them decides by
chance depends on the seed and its number alone, so that taking one out leaves the others as they were.

Example:
    >>> plan = Plan(1, 10.0, (), (), (), ())
    >>> Plan.from_json(plan.to_json()) == plan
    True
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

Value = int | float | str | bool


@dataclass(frozen=True)
class PersonPlan:
    """Who lives in the world.

    Attributes:
        name: One word.
        faulty_disk: Whether the vault lies on a disk that can fail (slower than one that cannot).
        drift_ppm: How much the clock runs fast (positive) or slow, in millionths.
        tells_reading: How likely a read receipt is sent, from 0 to 1.
        reads: How likely an unread letter is read at a visit, from 0 to 1.
    """

    name: str
    faulty_disk: bool = False
    drift_ppm: float = 0.0
    tells_reading: float = 0.3
    reads: float = 0.7


@dataclass(frozen=True)
class RoadPlan:
    """A road between people.

    Attributes:
        name: One word.
        kind: relay, mail, stick, folder, lan or paper.
        people: Who can reach it. On paper the first writes and the others read.
        delay_days: The usual time on the way.
        faults: How likely each fault of a parcel is, from 0 to 1, by its name in :mod:`.faults`.
    """

    name: str
    kind: str
    people: tuple[str, ...]
    delay_days: float = 0.1
    faults: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class BondPlan:
    """Two people who pair over the first of these roads and then use them all."""

    inviter: str
    accepter: str
    roads: tuple[str, ...]


@dataclass(frozen=True)
class Act:
    """One thing that one person does, or that happens to one road.

    Attributes:
        at_ms: Milliseconds since the world began.
        n: Its number in the plan; its chance depends on it and the seed.
        who: A person or a road.
        what: What is done: a key of the tables in :mod:`.acts` and :mod:`.mishaps`.
        details: Sizes, days and choices.
    """

    at_ms: int
    n: int
    who: str
    what: str
    details: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A whole world before it is lived. ``acts`` are in the order of their time."""

    seed: int
    days: float
    people: tuple[PersonPlan, ...]
    roads: tuple[RoadPlan, ...]
    bonds: tuple[BondPlan, ...]
    acts: tuple[Act, ...]

    def pair_years(self) -> float:
        """Years of a pair of correspondents lived, faults on: each bond counts."""
        return self.days / 365.25 * len(self.bonds)

    def without(self, numbers: set[int]) -> Plan:
        """The same plan without the acts of these numbers, for shrinking."""
        return replace(self, acts=tuple(act for act in self.acts if act.n not in numbers))

    def to_json(self) -> str:
        """As text; one line for each act."""
        raw = asdict(self)
        acts = raw.pop("acts")
        lines = [json.dumps([a["at_ms"], a["n"], a["who"], a["what"], a["details"]]) for a in acts]
        head = json.dumps(raw)[:-1]
        return head + ', "acts": [' + ",".join("\n" + line for line in lines) + "\n]}\n"

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """The plan that was written out.

        Raises:
            ValueError, KeyError, TypeError: It is none.
        """
        raw: dict[str, Any] = json.loads(text)
        return cls(
            seed=raw["seed"],
            days=raw["days"],
            people=tuple(PersonPlan(**each) for each in raw["people"]),
            roads=tuple(RoadPlan(**{**each, "people": tuple(each["people"])}) for each in raw["roads"]),
            bonds=tuple(BondPlan(**{**each, "roads": tuple(each["roads"])}) for each in raw["bonds"]),
            acts=tuple(Act(*each) for each in raw["acts"]),
        )
