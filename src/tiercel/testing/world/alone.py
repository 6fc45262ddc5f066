"""I10: a bond lives the same life whether its people have other bonds or not.

The world of a seed is lived twice, once with a third person who writes to one of the two as eagerly as the other does,
and once without. The third has roads of their own, and nothing happens that strikes a machine at its n-th commit: a
machine with two bonds has more of them. What may not differ is what becomes of each letter of the first bond, and when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from . import symbolic
from .checks import Check, Checks, Violation
from .checks.base import PersonSeen, WorldSeen
from .checks.rows import Row, all_letters
from .plan import Act, BondPlan, PersonPlan, Plan, RoadPlan
from .run import Outcome
from .world import World

DAYS_MAX: Final = 500.0
"""Enough for every lifetime of a key to end."""
_THIRD: Final = "cy"
_KEPT: Final = {"visit", "read", "write", "reopen", "clock jump", "clock right", "zone"}
_MIXED: Final = {"swap", "replay"}  # bring parcels of other bonds, which one of the two worlds lacks
_THEIRS: Final = 10_000_000


class Way(Check):
    """Writes down what becomes of the letters between two people: time, writer, which letter, state.

    It looks at every letter after every act. Other checkers are shown those with new steps, and all of them after so
    many acts of a person: whoever has another bond acts more often, and what changed without a step would be seen on
    another day.
    """

    id = "I10"

    def __init__(self, people: tuple[str, str]) -> None:
        self.steps: list[tuple[int, str, int, str]] = []
        self._people = people
        self._states: dict[tuple[str, str], str] = {}
        self._numbers: dict[str, int] = {}

    def after_step(self, world: WorldSeen, person: PersonSeen, letters: Sequence[Row], full: bool) -> None:
        for each in all_letters(person):
            written = world.history.written.get(each.id)
            if written is None or {written.writer, written.reader} != set(self._people):
                continue
            state = each.state if each.direction == "out" else "came"
            if self._states.get((person.name, each.id)) != state:
                self._states[person.name, each.id] = state
                number = self._numbers.setdefault(each.id, len(self._numbers))
                self.steps.append((world.now_ms, person.name, number, state))


def compare(seed: int, plan: Plan, folder: Path) -> Outcome:
    """Live the first bond of a plan with and without another, and say whether its letters fared the same."""
    with_third = _with_third(plan)
    outcome = Outcome(seed)
    ways = []
    for name, each in (("two", with_third), ("one", _without_third(with_third))):
        symbolic.begin(seed)
        way = Way((plan.bonds[0].inviter, plan.bonds[0].accepter))
        outcome.pair_years += each.pair_years()
        try:
            ways.append(_lived(each, folder / name, way))
        except (Violation, symbolic.Misuse) as violation:
            outcome.violation, outcome.sentence = violation.id, violation.sentence
            return outcome
    outcome.checks = {Way.id: len(ways[0])}
    different = next((pair for pair in zip(*ways, strict=False) if pair[0] != pair[1]), None)
    if different is not None or len(ways[0]) != len(ways[1]):
        outcome.violation = Way.id
        outcome.sentence = f"with another bond and without it: {different or [way[-1:] for way in ways]}"
    return outcome


def _lived(plan: Plan, folder: Path, way: Way) -> list[tuple[int, str, int, str]]:
    folder.mkdir()
    world = World(plan, folder, Checks([way]))
    try:
        world.begin()
        world.live()
    finally:
        world.close()
    return way.steps


def _with_third(plan: Plan) -> Plan:
    """The first two of a plan, alone with their roads, and a third who writes to the inviter as the accepter does."""
    bond = plan.bonds[0]
    two = {bond.inviter, bond.accepter}
    people = tuple(replace(each, reads=1.0, tells_reading=0.0) for each in plan.people if each.name in two)
    roads = tuple(_private(road, bond) for road in plan.roads if road.name in bond.roads)
    acts = [act for act in plan.acts if _is_kept(act, two, {road.name for road in roads})]
    theirs = [_of_third(act, bond) for act in acts if act.who == bond.accepter or act.what == "write"]
    road = RoadPlan(f"folder of {_THIRD}", "folder", (_THIRD, bond.inviter), 0.2)
    return Plan(
        plan.seed,
        min(plan.days, DAYS_MAX),
        (*people, PersonPlan(_THIRD, reads=1.0, tells_reading=0.0)),
        (*roads, road),
        (bond, BondPlan(_THIRD, bond.inviter, (road.name,))),
        tuple(sorted((*acts, *theirs), key=lambda act: (act.at_ms, act.n))),
    )


def _is_kept(act: Act, two: set[str], roads: set[str]) -> bool:
    if act.who in roads:
        return True
    calm = act.what in _KEPT and not {"cut", "fail"} & act.details.keys()
    return act.who in two and calm and act.details.get("to") in (*two, None)


def _private(road: RoadPlan, bond: BondPlan) -> RoadPlan:
    people = tuple(each for each in road.people if each in (bond.inviter, bond.accepter))
    return replace(road, people=people, faults={k: rate for k, rate in road.faults.items() if k not in _MIXED})


def _of_third(act: Act, bond: BondPlan) -> Act:
    """What the accepter does the third does too, and what is written to the accepter is written to the third."""
    details = dict(act.details)
    if act.what == "write":
        details["to"] = _THIRD if act.who == bond.inviter else bond.inviter
        details["mark"] = f"third {act.n}"
    who = bond.inviter if act.who == bond.inviter else _THIRD
    return Act(act.at_ms, act.n + _THEIRS, who, act.what, details)


def _without_third(plan: Plan) -> Plan:
    return replace(
        plan,
        people=plan.people[:-1],
        roads=plan.roads[:-1],
        bonds=plan.bonds[:1],
        acts=tuple(act for act in plan.acts if act.n < _THEIRS),
    )
