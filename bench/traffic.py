"""What becomes of letters in two years of slow roads that lose: the table of docs/benchmarks.md, a row for each case.

Lives in virtual time with the program people get and symbols for its cryptography, so nothing here measures speed.
``--runs`` is the number of seeds of each case, ``--size`` the number of days.

The worker: ``python bench/traffic.py CASE SEED DAYS`` prints what came of one seed as a line of JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from traffic import Figures

    from .common import Options

ROOT = Path(__file__).resolve().parents[1]
CASES: dict[str, dict[str, float | bool]] = {
    "loss 10 %, 25 % slow (14-60 d)": {},
    "loss 40 %": {"loss": 0.4},
    "one writes, the other only receipts": {"one_sided": True},
    "8 letters a week each": {"per_week": 8.0},
    "restore from backup every ~90 d": {"restore_days": 90.0},
}
DAYS = 730
HEAD = (
    "case", "letters", "arrived unreadable", "sealed to last-resort", "life of a one-time key, median / p95",
    "not there at the end", "re-sending for ever: every 30 d / every day", "nor 200 quiet days later", "expired",
)  # fmt: skip


def table(options: Options) -> str:
    """The whole table, two seeds at a time."""
    tasks = [(case, seed) for case in CASES for seed in range(options.runs)]
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        told = list(pool.map(lambda task: _worker(*task, options.size or DAYS), tasks))
    rows = [
        _row(case, [line for (name, _seed), line in zip(tasks, told, strict=True) if name == case]) for case in CASES
    ]
    return "\n".join(["| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|", *rows])


def _worker(case: str, seed: int, days: int) -> str:
    command = [sys.executable, __file__, case, str(seed), str(days)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _row(case: str, lines: list[str]) -> str:
    from traffic import Figures

    total = Figures()
    for line in lines:
        total.add(Figures(**json.loads(line)))
    return "| " + " | ".join((case, *_cells(total))) + " |"


def _cells(total: Figures) -> tuple[str, ...]:
    lives = sorted(total.key_days)
    life = f"{statistics.median(lives):.1f} d / {lives[len(lives) * 95 // 100]:.0f} d" if lives else "none"
    forgotten = f" ({total.forgotten} forgotten with an older copy)" if total.forgotten else ""
    return (
        f"{total.letters:,}", f"{total.unreadable:,}", f"{total.last_resort / max(1, total.seals):.1%}", life,
        f"{total.late:,}", f"{total.late_monthly:,} / {total.late_daily:,}", f"{total.never:,}{forgotten}",
        f"{total.expired:,}",
    )  # fmt: skip


def main(case: str, seed: str, days: str) -> None:
    """Live one seed and print it."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]
    from tiercel.testing.world import symbolic

    symbolic.install()
    symbolic.begin(int(seed))
    from traffic import Case, Correspondence

    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="traffic-", dir=memory if memory.is_dir() else None))
    try:
        asked = replace(Case(case, days=float(days)), **CASES[case])  # type: ignore[arg-type]
        print(json.dumps(vars(Correspondence(asked, int(seed), folder).live())))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
