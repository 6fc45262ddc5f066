"""Plans of the simulated world: a seed gives the same plan everywhere, as text and back, and its acts stand alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tiercel.testing.world.acts import ACTS
from tiercel.testing.world.mishaps import MISHAPS
from tiercel.testing.world.plan import Plan
from tiercel.testing.world.swarm import plan_of


@pytest.mark.parametrize("seed", range(5))
def test_a_plan_is_the_same_as_text_and_back(seed: int) -> None:
    plan = plan_of(seed)
    assert Plan.from_json(plan.to_json()) == plan


def test_a_plan_depends_on_its_seed_alone() -> None:
    script = "import hashlib; from tiercel.testing.world.swarm import plan_of;"
    script += "print(hashlib.sha256(plan_of(9).to_json().encode()).hexdigest())"
    said = {
        subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1")
    }
    assert len(said) == 1


@pytest.mark.parametrize("seed", range(20, 40))
def test_everything_in_a_plan_can_be_done(seed: int) -> None:
    plan = plan_of(seed)
    people, roads = {each.name for each in plan.people}, {each.name for each in plan.roads}
    assert [act.at_ms for act in plan.acts] == sorted(act.at_ms for act in plan.acts)
    assert len({act.n for act in plan.acts}) == len(plan.acts)
    for act in plan.acts:
        assert act.what in ({*ACTS, "sweep"} if act.who in people else MISHAPS)
        assert act.who in people | roads
    for bond in plan.bonds:
        assert {bond.inviter, bond.accepter} <= people
        assert set(bond.roads) <= roads and bond.roads
        assert not bond.roads[0].startswith(("paper", "lan")), "people pair over a road that goes both ways"


def test_acts_taken_out_leave_the_others_as_they_were() -> None:
    plan = plan_of(3)
    gone = {act.n for act in plan.acts[::2]}
    assert plan.without(gone).acts == tuple(act for act in plan.acts if act.n not in gone)
