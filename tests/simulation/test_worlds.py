"""Worlds of a fixed budget with seeds from the commit, every checker on; and every world that once found something.

``make sim`` lives more of them; see docs/simulator.md.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from tiercel.testing.world import run, shrink, table

BUDGET_S = 100
"""Beside the checkers' own tests and the breakages about three minutes of two workers."""
DAYS = 900.0
"""Long enough for every key to end; a world of ten years takes too much of the budget for itself."""
REGRESSIONS = [*shrink.regressions()]


def seeds(count: int) -> list[int]:
    """From the commit, so that the runs of many commits see many worlds."""
    return list(itertools.islice(run.seeds_from(run.commit()), count))


def told(worlds: run.Run, days: float | None = None) -> str:
    """What was violated, each with the command that repeats it."""
    return "\n".join(table.failure(outcome, days) for outcome in worlds.violations)


def test_two_worlds(capsys: pytest.CaptureFixture[str]) -> None:
    worlds = run.Run(seeds(2), workers=1, days=60)
    worlds.run()
    assert len(worlds.outcomes) == 2
    assert not worlds.violations, told(worlds, 60)


@pytest.mark.slow
@pytest.mark.timeout(BUDGET_S + 400)
def test_worlds(capsys: pytest.CaptureFixture[str]) -> None:
    worlds = run.Run(seeds(1000), BUDGET_S, workers=2, days=DAYS)
    worlds.run()
    with capsys.disabled():
        print("\n" + table.table(worlds, f"from {run.commit()[:12]}"))
    assert worlds.outcomes
    assert not worlds.violations, told(worlds, DAYS)


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.stem)
def test_what_was_found_once_is_mended(path: Path) -> None:
    outcome = shrink.replay(path)
    assert outcome.violation is None, f"{outcome.violation}: {outcome.sentence}"


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.stem)
def test_a_kept_world_says_what_it_found(path: Path) -> None:
    kept = json.loads(path.read_text("utf-8"))
    assert kept["violation"] and kept["sentence"] and kept["crypto"] in (run.SYMBOLIC, run.REAL)


def test_the_same_seed_lives_the_same_life_in_another_process() -> None:
    (seed,) = seeds(1)
    traces = []
    for hash_seed in (0, 1):
        with run.Worker(run.SYMBOLIC, hash_seed) as worker:
            traces.append(worker.live(seed, days=100).trace)
    assert traces[0] == traces[1]


def test_real_cryptography_lives_a_world() -> None:
    (seed,) = seeds(1)
    with run.Worker(run.REAL) as worker:
        outcome = worker.live(seed, days=60)
    assert outcome.violation is None, outcome.sentence
    assert outcome.crypto == run.REAL


def test_a_bond_is_lived_beside_another_and_alone() -> None:
    (seed,) = seeds(1)
    with run.Worker(run.SYMBOLIC) as worker:
        outcome = worker.live(seed, days=200, alone=True)
    assert outcome.violation is None, outcome.sentence
    assert outcome.checks["I10"] > 0


def test_a_worker_that_dies_says_where() -> None:
    with run.Worker(run.SYMBOLIC) as worker:
        outcome = worker.live(1, plan={"seed": 1})
    assert outcome.violation == "crash"
    assert "KeyError" in outcome.sentence


def test_a_world_that_takes_too_long_is_a_violation() -> None:
    with run.Worker(run.SYMBOLIC) as worker:
        outcome = worker.live(seeds(1)[0], limit_s=0.2)
    assert outcome.violation == "hang"
