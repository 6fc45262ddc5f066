"""Many worlds at once: worker processes, one for each core, fed with seeds until seeds or time are used up.

Each worker has one kind of cryptography for its life, because the choice must fall before anything of Tiercel is
imported. This side imports nothing of it either: it hands out seeds, reads one line for each world, and adds up.
"""

from __future__ import annotations

import json
import os
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

SYMBOLIC, REAL = "symbolic", "real"
WORLDS_PER_WORKER = 40
"""A worker is replaced after so many worlds, so that nothing it remembers grows for ever."""
WORLD_S_MAX = 300.0
"""A world that takes longer is stuck, which is a violation of its own."""
GRACE_S = 30.0
"""A world that is not done so long after the time is given up, and does not count."""
ONE_IN = 10
"""One seed in so many has real cryptography, and one in so many is lived twice."""
_SOURCE = Path(__file__).resolve().parents[3]


@dataclass
class Outcome:
    """What came of one world; plain data, as a worker writes it in one line.

    Attributes:
        seed: Of the plan.
        crypto: ``symbolic`` or ``real``.
        pair_years: Years lived, times bonds.
        faults: How often each kind of fault fell.
        checks: How often each invariant was looked at.
        sometimes: Rare states reached; ``sometimes_of``: all that are declared.
        slowest_days: The longest that anything took to come right after the faults stopped.
        trace: Hash of all logical events.
        violation: Id of the invariant that did not hold, or None.
    """

    seed: int
    crypto: str = SYMBOLIC
    pair_years: float = 0.0
    letters: int = 0
    parcels: int = 0
    crash_points: int = 0
    steps: int = 0
    seconds: float = 0.0
    slowest_days: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)
    checks: dict[str, int] = field(default_factory=dict)
    sometimes: list[str] = field(default_factory=list)
    sometimes_of: list[str] = field(default_factory=list)
    trace: str = ""
    violation: str | None = None
    sentence: str = ""
    plan: dict[str, Any] = field(default_factory=dict)  # only where it was asked for

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))


class Worker:
    """A process that lives worlds, one after the other.

    Args:
        crypto: ``symbolic`` or ``real``.
        hash_seed: Its ``PYTHONHASHSEED``; a world must not depend on it.
        source: The ``src`` folder to run, if not this one.
    """

    def __init__(self, crypto: str, hash_seed: int = 0, source: Path = _SOURCE) -> None:
        self.crypto, self.lived = crypto, 0
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tiercel.testing.world.worker", crypto],
            env={**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(source)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True, encoding="utf-8",
        )  # fmt: skip

    def live(self, seed: int, limit_s: float = WORLD_S_MAX, **task: Any) -> Outcome:
        """Live the world of a seed, or of a ``plan`` given as data, and say what came of it.

        A worker that dies or hangs has violated something too; it must not be used afterwards.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watch = threading.Timer(limit_s, self._process.kill)
        watch.start()
        try:
            self._process.stdin.write(json.dumps({"seed": seed, **task}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            hung = not watch.is_alive()
            watch.cancel()
        self.lived += 1
        if line:
            return Outcome(**json.loads(line))
        sentence = f"it took longer than {limit_s:.0f} s" if hung else self.last_words()
        return Outcome(seed, self.crypto, violation="hang" if hung else "crash", sentence=sentence)

    @property
    def fit(self) -> bool:
        """Whether it may live another world."""
        return self._process.poll() is None and self.lived < WORLDS_PER_WORKER

    def last_words(self) -> str:
        """The end of what it wrote to standard error: where it stopped."""
        self._process.wait()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return " | ".join(line.strip() for line in lines[-7:]) or f"it ended with code {self._process.returncode}"

    def kill(self) -> None:
        """End its process from another thread."""
        self._process.kill()

    def close(self) -> None:
        """End it; safe to call twice."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass
        self._process.kill()
        self._process.wait()
        self._said.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def crypto_of(seed: int) -> str:
    """Which cryptography the world of a seed has: one in ten the real one. The seed alone decides."""
    return REAL if random.Random(f"crypto {seed}").randrange(ONE_IN) == 0 else SYMBOLIC


def twice(seed: int) -> bool:
    """Whether a world is lived a second time in another process and compared. The seed alone decides."""
    return random.Random(f"twice {seed}").randrange(ONE_IN) == 0


def compared(seed: int) -> bool:
    """Whether a bond of a world is also lived with another bond beside it and without (I10). The seed alone decides."""
    return random.Random(f"compared {seed}").randrange(ONE_IN) == 0


def seeds_from(word: str) -> Iterator[int]:
    """Seeds without end from a commit's hash or any other word."""
    rng = random.Random(word)
    while True:
        yield rng.randrange(1 << 32)


def commit() -> str:
    """The hash of the commit that is checked out here, or a word where there is none."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=_SOURCE, check=False, timeout=30
        )
    except OSError:
        return "no commit"
    return done.stdout.strip() or "no commit"


class Run:
    """Worlds of many seeds over all cores.

    Args:
        seeds: Which, in order.
        seconds: No new world begins after so many, and what still lives soon after is given up; None for no end.
        workers: Processes at once.
        said: Called with each outcome, from the thread of :meth:`run`.
        source: The ``src`` folder to run.
        days: Worlds end after so many days; None for what their plans say.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        seconds: float | None = None,
        workers: int | None = None,
        said: Callable[[Run, Outcome], None] = lambda run, outcome: None,
        source: Path = _SOURCE,
        days: float | None = None,
    ) -> None:
        self.seeds, self.days = list(seeds), days
        self.limit_s, self.source, self.said = seconds, source, said
        self.workers = workers or os.cpu_count() or 1
        self.outcomes: list[Outcome] = []
        self.twice = 0
        self.lived_years = 0.0  # pair-years of all lives, also those lived once more to be compared
        self.interrupted = False
        self._began = time.monotonic()
        self._todo: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Outcome, bool] | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._adding = threading.Lock()
        self._alive: set[Worker] = set()

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self._began

    @property
    def violations(self) -> list[Outcome]:
        """The worlds in which something did not hold."""
        return [outcome for outcome in self.outcomes if outcome.violation]

    def run(self) -> list[Outcome]:
        """Live all worlds; after an interrupt those that are done count."""
        for seed in self.seeds:
            self._todo.put(seed)
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(self.workers)]
        for thread in threads:
            thread.start()
        try:
            self._collect(len(threads))
        except KeyboardInterrupt:
            self.interrupted = True
        self._stop.set()
        for worker in list(self._alive):
            worker.kill()  # its thread closes it
        for thread in threads:
            thread.join(timeout=GRACE_S)
        return self.outcomes

    def _collect(self, threads: int) -> None:
        while threads:
            left_s = None if self.limit_s is None else max(0.0, self.limit_s + GRACE_S - self.seconds)
            try:
                done = self._done.get(timeout=left_s)
            except queue.Empty:
                return
            if done is None:
                threads -= 1
                continue
            outcome, compared = done
            self.outcomes.append(outcome)
            self.twice += compared
            self.said(self, outcome)

    def _work(self) -> None:
        mine: dict[tuple[str, int], Worker] = {}
        try:
            while not self._over():
                try:
                    seed = self._todo.get_nowait()
                except queue.Empty:
                    break
                outcome = self._lived(mine, seed)
                if not self._stop.is_set():  # else its worker was ended from outside
                    self._done.put(outcome)
        finally:
            for worker in mine.values():
                worker.close()
            self._done.put(None)

    def _over(self) -> bool:
        return self._stop.is_set() or (self.limit_s is not None and self.seconds > self.limit_s)

    def _lived(self, mine: dict[tuple[str, int], Worker], seed: int) -> tuple[Outcome, bool]:
        crypto = crypto_of(seed)
        outcome = self._live(mine, crypto, 0, seed)
        if outcome.violation is None and compared(seed):
            beside = self._live(mine, crypto, 0, seed, alone=True)
            outcome.violation, outcome.sentence = beside.violation, beside.sentence
            outcome.checks |= beside.checks
        if outcome.violation or not twice(seed):
            return outcome, False
        again = self._live(mine, crypto, 1, seed)
        if again.trace != outcome.trace:
            outcome.violation = again.violation or "trace"
            outcome.sentence = again.sentence or "two lives of this seed, with different hash seeds, went differently"
        return outcome, True

    def _live(
        self, mine: dict[tuple[str, int], Worker], crypto: str, hash_seed: int, seed: int, **task: Any
    ) -> Outcome:
        outcome = self._worker(mine, crypto, hash_seed).live(seed, days=self.days, **task)
        with self._adding:
            self.lived_years += outcome.pair_years
        return outcome

    def _worker(self, mine: dict[tuple[str, int], Worker], crypto: str, hash_seed: int) -> Worker:
        worker = mine.get((crypto, hash_seed))
        if worker is None or not worker.fit:
            if worker is not None:
                self._alive.discard(worker)
                worker.close()
            worker = mine[crypto, hash_seed] = Worker(crypto, hash_seed, self.source)
            self._alive.add(worker)
        return worker


def added(counts: Sequence[dict[str, int]]) -> Counter[str]:
    """Counts of many worlds in one."""
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total
