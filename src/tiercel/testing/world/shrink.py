"""A failing world made small: acts, faults, roads, people and days go while the same invariant stays violated.

What is left is written as a regression, which a test lives again. Acts are independent of each other by construction of
the plan, so any of them may go.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .run import Outcome, Worker, compared, crypto_of

REGRESSIONS = Path(__file__).resolve().parents[4] / "tests" / "simulation" / "regressions"
BESIDE = "I10"
"""Violated by two lives, with another bond and without."""
LIVES_MAX, SECONDS_MAX = 400, 900.0
"""Lives of a plan at most, and time; what is left then is small enough."""

_Raw = dict[str, Any]
Say = Callable[[str], None]


class Shrinker:
    """Tries smaller plans in one worker.

    Args:
        worker: With the cryptography of the world that failed.
        violation: Id that has to stay.
        say: Told what was taken away.
    """

    def __init__(self, worker: Callable[[], Worker], violation: str, say: Say) -> None:
        self._new, self._worker = worker, worker()
        self.violation, self.say, self.lives = violation, say, 0
        self._began = time.monotonic()

    @property
    def tired(self) -> bool:
        """Whether it has tried enough."""
        return self.lives >= LIVES_MAX or time.monotonic() - self._began > SECONDS_MAX

    def fails(self, plan: _Raw) -> bool:
        """Whether the same invariant is violated."""
        if self.tired:
            return False
        self.lives += 1
        if not self._worker.fit:
            self._worker.close()
            self._worker = self._new()
        outcome = self._worker.live(plan["seed"], plan=plan, alone=self.violation == BESIDE)
        return outcome.violation == self.violation

    def small(self, plan: _Raw) -> _Raw:
        """The smallest plan that was found."""
        before = None
        while before != plan and not self.tired:
            before = plan
            for smaller in (self._fewer_acts, self._fewer_bonds, self._fewer_faults, self._fewer_roads, self._shorter):
                plan = smaller(plan)
        return plan

    def close(self) -> None:
        """End the worker."""
        self._worker.close()

    def _fewer_acts(self, plan: _Raw) -> _Raw:
        """Halves, quarters, ... single acts out (delta debugging)."""
        size = max(1, len(plan["acts"]) // 2)
        while True:
            at = 0
            while at < len(plan["acts"]):
                acts = plan["acts"][:at] + plan["acts"][at + size :]
                if self.fails({**plan, "acts": acts}):
                    plan = {**plan, "acts": acts}
                    self.say(f"{len(acts)} acts left after {self.lives} lives")
                else:
                    at += size
            if size == 1 or self.tired:
                return plan
            size //= 2

    def _fewer_bonds(self, plan: _Raw) -> _Raw:
        for bond in plan["bonds"] if len(plan["bonds"]) > 1 else ():
            bonds = [each for each in plan["bonds"] if each != bond]
            people = {each[side] for each in bonds for side in ("inviter", "accepter")}
            roads = {road for each in bonds for road in each["roads"]}
            plan = self._if_fails(plan, _only(plan, bonds, people, roads))
        return plan

    def _fewer_roads(self, plan: _Raw) -> _Raw:
        for road in [each["name"] for each in plan["roads"]]:
            bonds = [{**each, "roads": [name for name in each["roads"] if name != road]} for each in plan["bonds"]]
            if all(each["roads"] for each in bonds):
                people = {each["name"] for each in plan["people"]}
                roads = {each["name"] for each in plan["roads"]} - {road}
                plan = self._if_fails(plan, _only(plan, bonds, people, roads))
        return plan

    def _fewer_faults(self, plan: _Raw) -> _Raw:
        for at, road in enumerate(plan["roads"]):
            for fault in road["faults"]:
                kept = {name: chance for name, chance in plan["roads"][at]["faults"].items() if name != fault}
                roads = list(plan["roads"])
                roads[at] = {**roads[at], "faults": kept}
                plan = self._if_fails(plan, {**plan, "roads": roads})
        return plan

    def _shorter(self, plan: _Raw) -> _Raw:
        last_ms = max((act[0] for act in plan["acts"]), default=0)
        return self._if_fails(plan, {**plan, "days": last_ms / 86_400_000 + 1})

    def _if_fails(self, plan: _Raw, smaller: _Raw) -> _Raw:
        return smaller if smaller != plan and self.fails(smaller) else plan


def _only(plan: _Raw, bonds: list[_Raw], people: set[str], roads: set[str]) -> _Raw:
    kept = [{**road, "people": [name for name in road["people"] if name in people]} for road in plan["roads"]]
    return {
        **plan,
        "bonds": bonds,
        "people": [each for each in plan["people"] if each["name"] in people],
        "roads": [each for each in kept if each["name"] in roads],
        "acts": [act for act in plan["acts"] if act[2] in people | roads],
    }


def shrink_seed(seed: int, out: Path, say: Say, days: float | None = None) -> int:
    """Shrink the world of a seed and write what is left; 0 if nothing was violated in it, else 1."""
    crypto = crypto_of(seed)
    with Worker(crypto) as worker:
        outcome = worker.live(seed, tell_plan=True, days=days)
        if outcome.violation is None and compared(seed):
            beside = worker.live(seed, days=days, alone=True)
            outcome.violation, outcome.sentence = beside.violation, beside.sentence
    if outcome.violation is None:
        say("nothing was violated")
        return 0
    say(f"{outcome.violation}: {outcome.sentence}")
    shrinker = Shrinker(lambda: Worker(crypto), outcome.violation, say)
    try:
        plan = shrinker.small(outcome.plan)
    finally:
        shrinker.close()
    path = kept(out, plan, crypto, outcome)
    say(f"{len(plan['acts'])} acts; kept as {path}. Give it a name that says what went wrong.")
    return 1


def kept(out: Path, plan: _Raw, crypto: str, outcome: Outcome) -> Path:
    """Write a plan as a regression, named after what was violated and its seed."""
    word = re.sub(r"[^a-z0-9]+", "-", f"{outcome.violation} {outcome.seed}".lower())
    path = out / f"{word}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = {"violation": outcome.violation, "sentence": outcome.sentence, "crypto": crypto}
    path.write_text(json.dumps(head)[:-1] + ', "plan":\n' + _lines(plan) + "}\n", "utf-8")
    return path


def _lines(plan: _Raw) -> str:
    """JSON with one line for each act, so that it can be read and compared."""
    head = {name: value for name, value in plan.items() if name != "acts"}
    acts = ",\n".join(json.dumps(act) for act in plan["acts"])
    return json.dumps(head)[:-1] + ', "acts": [\n' + acts + "\n]}"


def regressions(folder: Path = REGRESSIONS) -> Iterator[Path]:
    """Every plan that once found something."""
    yield from sorted(folder.glob("*.json"))


def replay(path: Path) -> Outcome:
    """Live the world of a kept plan in a worker of its own."""
    raw = json.loads(path.read_text("utf-8"))
    with Worker(raw["crypto"]) as worker:
        return worker.live(raw["plan"]["seed"], plan=raw["plan"], alone=raw["violation"] == BESIDE)
