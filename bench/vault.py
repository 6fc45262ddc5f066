"""A large vault: letters received per second and what each costs the disk, the newest 50, and full-text search.

Received means the whole of it: parcel recognised, opened, hash checked, envelope opened, stored and indexed in one
durable transaction, removed from the folder.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from people import Person
from tiercel.runtime import reading, syncing

from . import common, filling
from .common import Options, Row
from .pair import two_people

LETTERS = 100_000
ROUND = 16  # letters between two syncs: there are gifts for as many
ROUNDS = 10


def measure(options: Options) -> list[Row]:
    """Rates and times in a vault that holds ``size`` letters already."""
    count = options.size or LETTERS
    with common.workplace(options.folder) as place:
        ada, bo = two_people(place)
        built = common.clock(lambda: filling.fill(bo.home, count))
        rows = [Row("letters stored and indexed, 1,000 in a commit", "/s", [count / built])]
        received = [_received(ada, bo) for _ in range(options.runs)]
        rows.append(Row("letters received", "/s", [rate for rate, _commits in received]))
        rows.append(Row("commits for each", "", [commits for _rate, commits in received], target="1"))
        rows += _fsyncs(place)
        name = f"of {count:,} letters"
        newest = [common.clock(lambda: reading.letters(bo.home, limit=50)) * 1000 for _ in range(20 * options.runs)]
        rows.append(Row(f"newest 50 {name}", "ms", newest, target="≤ 10"))
        for what, words in _queries().items():
            took = [_searched(bo, each) for _ in range(options.runs) for each in words]
            rows.append(Row(f"search: {what}", "ms", took, note=f"p95 {_p95(took):.3g}", target="p95 < 50"))
    return rows


def _received(ada: Person, bo: Person) -> tuple[float, float]:
    took = commits = 0.0
    for _ in range(ROUNDS):
        _send(ada)
        before = bo.home.vault.generation
        took += common.clock(lambda: syncing.sync(bo.home))
        commits += bo.home.vault.generation - before
        for person in (bo, ada, bo, ada):
            person.sync()
    return ROUND * ROUNDS / took, commits / ROUND / ROUNDS


def _send(ada: Person) -> None:
    for n in range(ROUND):
        ada.write(f"letter {n} " + "word " * 200)
    ada.sync()


def _fsyncs(place: Path) -> list[Row]:
    """How often the disk is synced for each letter of one visit, told by strace."""
    traced = place / "traced"
    if subprocess.run(["sh", "-c", "command -v strace"], capture_output=True, check=False).returncode:
        return []
    script = f"import sys; sys.path[:0] = {sys.path[:3]!r}; from bench.vault import visit; visit({str(traced)!r})"
    log = place / "strace"
    command = ["strace", "-f", "-qq", "-o", log, "-e", "trace=fsync,fdatasync,write", sys.executable, "-c", script]
    ran = subprocess.run(command, capture_output=True, check=False)
    if ran.returncode:
        return []
    lines = log.read_text("utf-8", "replace").splitlines()
    begin = next(at for at, line in enumerate(lines) if "BEGIN VISIT" in line)
    synced = sum("sync(" in line for line in lines[begin:])
    return [Row(f"fsyncs for each, {ROUND} letters in a visit", "", [synced / ROUND])]


def visit(folder: str) -> None:
    """One visit that receives letters, for strace."""
    ada, bo = two_people(Path(folder))
    _send(ada)
    print("BEGIN VISIT", flush=True)
    syncing.sync(bo.home)


def _queries() -> dict[str, list[str]]:
    word: Callable[[int], str] = filling.word
    return {
        "a word of most letters": [word(n) for n in range(10)],
        "a middling word": [word(n) for n in range(500, 520)],
        "a rare word": [word(n) for n in range(30_000, 30_020)],
        "two words": [f"{word(n)} {word(n + 700)}" for n in range(300, 320)],
        "the first letters of a word": [word(n)[:4] for n in range(2000, 2020)],
    }


def _searched(bo: Person, words: str) -> float:
    return common.clock(lambda: reading.search(bo.home, words)) * 1000


def _p95(samples: list[float]) -> float:
    return statistics.quantiles(samples, n=20)[-1]
