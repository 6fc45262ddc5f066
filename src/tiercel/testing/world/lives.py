"""From a seed to what came of its world. Imported by a worker after it chose its cryptography."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tiercel.limits import DAY_MS

from . import symbolic
from .alone import compare
from .checks import Checks, Violation
from .checks.every import every_check
from .plan import Plan
from .run import Outcome
from .swarm import plan_of
from .world import SOMETIMES, START_MS, World

_YEAR_MS = 365.25 * DAY_MS


def live_one(task: dict[str, Any], folder: Path) -> Outcome:
    """Live one world.

    Args:
        task: ``seed``, or ``plan`` as its JSON reads; ``only`` names the checkers to run, by default all;
            ``days`` ends it earlier; ``alone`` compares the lives of a bond with and without
            another (I10); with ``tell_plan`` the outcome holds the plan.
        folder: Empty; everything of the world goes there.
    """
    plan = Plan.from_json(json.dumps(task["plan"])) if "plan" in task else plan_of(task["seed"])
    if task.get("days") is not None:
        plan = replace(plan, days=min(plan.days, task["days"]))
    if task.get("alone"):
        return compare(task["seed"], plan, folder)
    checks = Checks(every_check(task.get("only")))
    symbolic.begin(plan.seed)
    world = World(plan, folder, checks)
    outcome = Outcome(plan.seed, sometimes_of=sorted(SOMETIMES))
    outcome.plan = json.loads(plan.to_json()) if task.get("tell_plan") else {}
    try:
        world.run()
    except (Violation, symbolic.Misuse) as violation:
        outcome.violation, outcome.sentence = violation.id, violation.sentence
    finally:
        world.close()
    return _filled(outcome, plan, world)


def _filled(outcome: Outcome, plan: Plan, world: World) -> Outcome:
    counts = dict(world.counts)
    outcome.pair_years = min(plan.pair_years(), (world.now_ms - START_MS) / _YEAR_MS * len(plan.bonds))
    outcome.letters = counts.pop("letters", 0)
    outcome.parcels = counts.pop("parcels", 0)
    outcome.crash_points = counts.pop("crash points", 0)
    outcome.steps = counts.pop("steps", 0)
    outcome.faults = dict(sorted(counts.items()))
    outcome.checks = dict(world.checks.done)
    outcome.sometimes = sorted(world.sometimes)
    outcome.slowest_days = world.slowest_days
    outcome.trace = world.trace
    return outcome
