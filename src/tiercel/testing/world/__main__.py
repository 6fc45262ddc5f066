"""``python -m tiercel.testing.world``: live many worlds, or one again, or make a failing one small.

Behind ``make sim SEEDS=n SECONDS=t``, ``make sim SEED=n`` and ``make sim SEED=n SHRINK=1``.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from pathlib import Path

from . import run, shrink, table


def main() -> int:
    """Read the words of the command, do it, give the exit code: 1 if anything was violated."""
    asked = _asked()
    if asked.plan is not None:
        return _tell(shrink.replay(asked.plan))
    if asked.shrink:
        return shrink.shrink_seed(asked.seed, asked.out, print, asked.days)
    word, seeds = _seeds(asked)
    worlds = run.Run(
        seeds, asked.seconds, min(asked.workers or 99, os.cpu_count() or 1, len(seeds)), _said, days=asked.days
    )
    worlds.run()
    print(file=sys.stderr)
    print(table.table(worlds, word))
    for outcome in worlds.violations:
        print(table.failure(outcome, asked.days))
    print(table.last_line(worlds))
    return 1 if worlds.violations or not worlds.outcomes else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tiercel.testing.world", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=None, help="how many worlds; their seeds come from the commit")
    parser.add_argument("--seconds", type=float, default=None, help="no world begins after so many")
    parser.add_argument("--seed", type=int, default=None, help="live this one world")
    parser.add_argument("--days", type=float, default=None, help="end each world after so many days")
    parser.add_argument("--shrink", action="store_true", help="make the plan of --seed small, and keep it")
    parser.add_argument("--plan", type=Path, default=None, help="live the world of a kept plan")
    parser.add_argument("--out", type=Path, default=shrink.REGRESSIONS, help="where a shrunk plan is written")
    parser.add_argument("--workers", type=int, default=None, help="processes at once; one for each core")
    return parser.parse_args()


def _seeds(asked: argparse.Namespace) -> tuple[str, list[int]]:
    if asked.seed is not None:
        return "given", [asked.seed]
    count = asked.seeds or (100_000 if asked.seconds else 20)
    word = run.commit()
    return f"from {word[:12]}", list(itertools.islice(run.seeds_from(word), count))


def _said(worlds: run.Run, outcome: run.Outcome) -> None:
    line = table.progress(worlds)
    print(f"\r{line:<79}" if sys.stderr.isatty() else line, file=sys.stderr, end="" if sys.stderr.isatty() else "\n")
    if outcome.violation:
        print("\n" + table.failure(outcome, worlds.days), file=sys.stderr)


def _tell(outcome: run.Outcome) -> int:
    print(table.failure(outcome) if outcome.violation else "nothing was violated")
    return 1 if outcome.violation else 0


if __name__ == "__main__":
    sys.exit(main())
