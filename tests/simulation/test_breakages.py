"""Tiercel broken on purpose: each patch under breakages/ breaks one promise, and worlds must find it soon.

The head of a patch says what it breaks, which invariant it ``Expects`` to be violated, how many ``Days`` a world lives,
and which ``Acts`` (such as ``write:enclosures`` or ``clock jump:days=100``) or ``Faults`` of parcels a world must have
for it to matter. The seeds come from the commit, so no world is made for its patch. A patch that does not apply any
more fails: make it anew.
"""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tiercel.testing.world import run
from tiercel.testing.world.plan import Plan
from tiercel.testing.world.swarm import plan_of

ROOT = Path(__file__).parents[2]
PATCHES = sorted((Path(__file__).parent / "breakages").glob("*.patch"))
BUDGET_S = 120
"""For one patch on a busy machine; most are found by the first worlds."""
LEAST = 10


@dataclass(frozen=True)
class Breakage:
    """A patch and its head."""

    path: Path
    expects: str
    days: float
    acts: tuple[str, ...]
    faults: tuple[str, ...]
    alone: bool

    @classmethod
    def read(cls, path: Path) -> Breakage:
        head = dict(re.findall(r"^(\w+): (.+)$", path.read_text("utf-8").split("\n---", 1)[0], re.MULTILINE))
        words = {name: tuple(head[name].split(",")) if name in head else () for name in ("Acts", "Faults")}
        return cls(path, head["Expects"], float(head["Days"]), words["Acts"], words["Faults"], "Alone" in head)

    def can_show(self, plan: Plan) -> bool:
        """Whether the world of a plan has what this breakage needs, while it lives."""
        early = [act for act in plan.acts if act.at_ms < self.days * 86_400_000]
        had = {act.what for act in early} | {f"{act.what}:{detail}" for act in early for detail in act.details}
        had |= {f"{act.what}:{detail}={value}" for act in early for detail, value in act.details.items()}
        faults = {fault for road in plan.roads for fault in road.faults}
        return set(self.acts) <= had and set(self.faults) <= faults


def broken(breakage: Breakage, folder: Path) -> Path:
    """A copy of the source with the patch applied."""
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(["git", "apply", str(breakage.path)], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{breakage.path.name} does not apply any more: {done.stderr}"
    return folder / "src"


def fitting(breakage: Breakage) -> Iterator[int]:
    """Seeds from the commit whose worlds can show it."""
    return (seed for seed in run.seeds_from(run.commit()) if breakage.can_show(plan_of(seed)))


def found(breakage: Breakage, source: Path) -> run.Outcome | None:
    """The first world in which it is seen."""
    began = time.monotonic()
    with run.Worker(run.SYMBOLIC, source=source) as worker:
        for seed in itertools.islice(fitting(breakage), run.WORLDS_PER_WORKER - 1):
            only = None if breakage.alone else [breakage.expects]
            outcome = worker.live(seed, days=breakage.days, only=only, alone=breakage.alone)
            if outcome.violation is not None:
                return outcome
            if time.monotonic() - began > BUDGET_S:
                return None
    return None


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_a_breakage_still_applies(path: Path) -> None:
    done = subprocess.run(["git", "apply", "--check", str(path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{path.name} does not apply any more: {done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_a_breakage_is_found(path: Path, tmp_path: Path) -> None:
    breakage = Breakage.read(path)
    outcome = found(breakage, broken(breakage, tmp_path))
    assert outcome is not None, f"no world saw that {path.stem}"
    assert outcome.violation == breakage.expects, f"{outcome.violation}: {outcome.sentence}"


def test_there_are_enough_of_them() -> None:
    assert len(PATCHES) >= LEAST
    assert len({Breakage.read(path).expects for path in PATCHES}) >= LEAST
