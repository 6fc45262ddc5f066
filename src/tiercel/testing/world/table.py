"""The figures of a run, for people as a table and for programs as one line of JSON (security.md 4.5)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .run import REAL, Outcome, Run, added


def summary(run: Run) -> dict[str, Any]:
    """All figures of a run as plain data."""
    done, minutes = run.outcomes, max(run.seconds, 1e-9) / 60
    years = sum(outcome.pair_years for outcome in done)
    reached = {state for outcome in done for state in outcome.sometimes}
    declared = {state for outcome in done for state in outcome.sometimes_of}
    return {
        "seeds": len(done),
        "pair_years": int(years),
        "letters": sum(outcome.letters for outcome in done),
        "parcels": sum(outcome.parcels for outcome in done),
        "faults": sum(sum(outcome.faults.values()) for outcome in done),
        "crash_points": sum(outcome.crash_points for outcome in done),
        "sometimes": {"reached": len(reached), "total": len(declared | reached), "never": sorted(declared - reached)},
        "checks": sum(sum(outcome.checks.values()) for outcome in done),
        "violations": len(run.violations),
        "slowest_recovery_days": round(max((outcome.slowest_days for outcome in done), default=0.0), 1),
        "real_crypto_seeds": sum(outcome.crypto == REAL for outcome in done),
        "twice": run.twice,
        "lived_pair_years": int(run.lived_years),
        "seconds": round(run.seconds, 1),
        "pair_years_per_core_minute": round(run.lived_years / minutes / run.workers, 1),
        "interrupted": run.interrupted,
    }


def last_line(run: Run) -> str:
    """The figures as one JSON object on one line."""
    return json.dumps(summary(run), sort_keys=False)


def table(run: Run, seeds_from: str) -> str:
    """The figures as lines for people.

    Args:
        run: Done or interrupted.
        seeds_from: Where the seeds came from, to be told.
    """
    told = summary(run)
    reached = told["sometimes"]
    lines = _rows(
        ("simulated pair-years, faults on", f"{told['pair_years']:,}"),
        ("seeds", f"{told['seeds']:,} ({seeds_from})"),
        ("with real cryptography", f"{told['real_crypto_seeds']:,}"),
        ("lived twice and compared", f"{told['twice']:,}"),
        ("letters", f"{told['letters']:,}"),
        ("parcels put", f"{told['parcels']:,}"),
        ("faults", f"{told['faults']:,}"),
        *((f"  {kind}", f"{count:,}") for kind, count in sorted(added([o.faults for o in run.outcomes]).items())),
        ("crash points lived through", f"{told['crash_points']:,}"),
        ("rare states reached", f"{reached['reached']} of {reached['total']}"),
        *(("  never", state) for state in reached["never"]),
        ("checks made", f"{told['checks']:,}"),
        *((f"  {name}", f"{count:,}") for name, count in _by_id(added([o.checks for o in run.outcomes]).items())),
        ("violations", f"{told['violations']:,}"),
        ("slowest recovery after the faults stopped", f"{told['slowest_recovery_days']} days"),
        ("pair-years lived, those for a comparison too", f"{told['lived_pair_years']:,}"),
        ("time", f"{told['seconds']:,} s on {run.workers} cores"),
        ("pair-years lived per core and minute", f"{told['pair_years_per_core_minute']:,}"),
    )
    return "\n".join(lines)


def progress(run: Run) -> str:
    """One line while it runs: seeds, pair-years, time left."""
    years = sum(outcome.pair_years for outcome in run.outcomes)
    line = f"{len(run.outcomes)} of {len(run.seeds)} seeds, {years:.0f} pair-years, {run.seconds:.0f} s"
    if run.limit_s is not None:
        line += f", {max(0.0, run.limit_s - run.seconds):.0f} s left"
    return line + (f", {len(run.violations)} VIOLATIONS" if run.violations else "")


def failure(outcome: Outcome, days: float | None = None) -> str:
    """What did not hold in a world, and the one command that repeats it."""
    command = f"make sim SEED={outcome.seed}" + (f" DAYS={days:g}" if days is not None else "")
    return f"seed {outcome.seed}: {outcome.violation}: {outcome.sentence}\n  repeat: {command}"


def _rows(*rows: tuple[str, str]) -> list[str]:
    width = max(len(name) for name, _value in rows) + 2
    return [f"{name:<{width}}{value}" for name, value in rows]


def _by_id(checks: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """I2 before I10."""
    return sorted(checks, key=lambda each: (each[0][0], int(each[0][1:]) if each[0][1:].isdigit() else 0))
