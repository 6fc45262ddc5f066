"""Changes the code in small wrong ways and looks whether a test notices. See docs/mutants.md.

$ make mutants                                          everything; goes on where it was cut off
$ make mutants ARGS="--only tiercel.delivery.states"    one module, or the beginning of several
$ make mutants ARGS="--sample 40 --seed abc"            some, drawn by a seed

Ends with 1 when one survived that tools/mutants/survivors.md does not list; handlers of the engine are only counted.
"""

from __future__ import annotations

import argparse
import ast
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cryptography.hazmat.primitives.hpke  # noqa: F401  so that the children have it
import hypothesis  # noqa: F401
import msgspec  # noqa: F401
import zfec  # noqa: F401

from mutants import child
from mutants.ledger import FOLDER, Ledger, Outcome, accepted
from mutants.operators import Site, mutated, sites
from mutants.targets import ROOT, SHARED_TESTS, Target, critical, targets

_TELL_EVERY_S = 10.0
_WAIT_S = 0.01


@dataclass
class Job:
    """One mutant and the tests that may kill it, in stages: those of its own module first, then of its room."""

    target: Target
    index: int
    site: Site
    stages: list[list[str]]
    stage: int = 0
    running: child.Child | None = None

    @property
    def mutant(self) -> str:
        """The name of the mutant in the ledger."""
        return f"{self.target.module} {self.site.name}"

    @property
    def files(self) -> list[str]:
        """Every file that could kill it."""
        return [test.split("::")[0] for stage in self.stages for test in stage]


@dataclass
class Tests:
    """Which tests call which function, and how long each takes."""

    called: dict[str, list[str]]
    seconds: dict[str, float]
    killers: Counter[str] = field(default_factory=Counter)

    def stages(self, target: Target, where: str) -> list[list[str]]:
        """The tests that call a function; of a table or a class, those that call anything of its module or its room."""
        found = self.called.get(f"{target.module}:{where}")
        if where == "<module>" or found is None:
            names = [tests for name, tests in self.called.items() if name.startswith(f"{target.module}:")]
            found = [
                *(test for tests in names for test in tests),
                *(t for t in self.seconds if target.stage(t) in (0, 1)),
            ]
        stages = [sorted({test for test in found if target.stage(test) == number}) for number in range(3)]
        return list(filter(None, stages))

    def order(self, test: str) -> tuple[float, float, str]:
        return -self.killers[test], self.seconds[test], test


def main() -> None:
    """Run what was asked for."""
    asked = arguments()
    chosen = [each for each in targets() if not asked.only or any(each.module.startswith(one) for one in asked.only)]
    names = {name for each in chosen for name in each.tests} | set(SHARED_TESTS)
    tests = read_map(asked.tests or sorted(names))
    ledger = Ledger(Path(asked.folder))
    jobs = [job for each in chosen for job in jobs_of(each, tests)]
    if asked.sample:
        jobs = random.Random(asked.seed).sample(jobs, min(asked.sample, len(jobs)))
    outcomes = {job.mutant: known for job in jobs if (known := ledger.outcome(job.mutant, job.target.path, job.files))}
    waiting = sorted((job for job in jobs if job.mutant not in outcomes), key=lambda job: not critical(job.site.where))
    print(f"{len(jobs):,} mutants, {len(outcomes):,} known from before", flush=True)
    for job, outcome in tried(waiting, tests, asked.processes):
        outcomes[job.mutant] = outcome
        ledger.keep(job.mutant, job.target.path, job.files, outcome)
    sys.exit(report(jobs, outcomes, whole=not asked.sample))


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="tools/mutants/run.py", description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", help="the beginning of a module's name; may be repeated")
    parser.add_argument("--tests", action="append", help="a file or folder of tests; may be repeated")
    parser.add_argument("--sample", type=int, help="so many, drawn by --seed")
    parser.add_argument("--seed", default="0", help="for --sample")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--folder", default=FOLDER, help="where outcomes are kept, so that a run can go on")
    return parser.parse_args()


def read_map(files: Sequence[str]) -> Tests:
    """Run the tests once, unchanged. One that fails by itself kills nobody."""
    there = sorted({str(path.relative_to(ROOT)) for name in files for path in ROOT.glob(f"{name}*")})
    mapping = child.start(child.map_tests(there), cpu_s=600)
    while not mapping.ended():
        time.sleep(_WAIT_S)
    if not mapping.said.get("called"):
        sys.exit(f"the tests could not be run unchanged: {mapping.said.get('broken', mapping.said)}")
    for test in mapping.said["failed"]:
        print(f"left out, because it fails unchanged: {test}")
    called = defaultdict(list)
    for test, names in mapping.said["called"].items():
        for name in names if test not in mapping.said["failed"] else ():
            called[name].append(test)
    seconds = {test: took for test, took in mapping.said["seconds"].items() if test not in mapping.said["failed"]}
    print(f"{len(seconds):,} tests, {sum(seconds.values()):.0f} s on a processor", flush=True)
    return Tests(dict(called), seconds)


def jobs_of(target: Target, tests: Tests) -> Iterator[Job]:
    """Every mutant of a module."""
    for index, site in enumerate(sites(ast.parse(target.path.read_text("utf-8")))):
        yield Job(target, index, site, tests.stages(target, site.where))


# -- trying ------------------------------------------------------------------------------------------


def tried(waiting: Sequence[Job], tests: Tests, processes: int) -> Iterator[tuple[Job, Outcome]]:
    """Try each mutant, several at a time, and give its outcome as it comes."""
    told, began, running, done, alive = time.monotonic(), time.monotonic(), list[Job](), 0, 0
    left = iter(waiting)
    while True:
        for job in left if len(running) < processes else ():
            begin(job, tests)
            running.append(job)
            if len(running) == processes:
                break
        if not running:
            return
        for job in list(running):
            if (outcome := step(job, tests)) is not None:
                running.remove(job)
                done, alive = done + 1, alive + (not outcome.killed)
                yield job, outcome
        if time.monotonic() - told > _TELL_EVERY_S:
            told = time.monotonic()
            ahead = (told - began) / max(done, 1) * (len(waiting) - done)
            print(f"{done:,} of {len(waiting):,} tried, {alive:,} alive, {ahead / 60:.0f} min left", flush=True)
        time.sleep(_WAIT_S)


def begin(job: Job, tests: Tests) -> None:
    """Start the next stage of a job; one without tests has none."""
    if not job.stages:
        return
    stage = sorted(job.stages[job.stage], key=tests.order)
    tree = mutated(job.target.path.read_text("utf-8"), job.index)
    work = child.try_mutant(job.target.module, job.target.path, tree, stage)
    job.running = child.start(work, cpu_s=5 + 2 * sum(tests.seconds[test] for test in stage))


def step(job: Job, tests: Tests) -> Outcome | None:
    """The outcome of a job, if it has ended; else it goes on, with its next stage if that is due."""
    if job.running is None:
        return Outcome(False, "no test comes here")
    if not job.running.ended():
        return None
    said, job.running = job.running.said, None
    if "out_of_time" in said:
        return Outcome(True, "out of time")
    if "broken" in said:
        return Outcome(True, "the test runner broke")
    if said["failed"]:
        tests.killers[said["failed"]] += 1
        return Outcome(True, said["failed"])
    if not said["loaded"]:
        raise RuntimeError(f"the tests never loaded {job.mutant}")
    job.stage += 1
    if job.stage == len(job.stages):
        return Outcome(False, f"{len(job.files)} tests")
    begin(job, tests)
    return None


# -- telling -----------------------------------------------------------------------------------------


def report(jobs: Sequence[Job], outcomes: dict[str, Outcome], whole: bool) -> int:
    """Print what survived; 1 when somebody did who is not on the list."""
    listed = accepted()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    bad = list[Job]()
    for job in jobs:
        outcome, known = outcomes[job.mutant], (job.target.module, job.site.name) in listed
        kind = "killed" if outcome.killed else "accepted" if known else "survived"
        counts[job.target.module][kind] += 1
        bad += [job] if kind == "survived" else []
    print("\n| module | mutants | killed | accepted | survived |\n|---|---|---|---|---|")
    for module, count in [*counts.items(), ("all", sum(counts.values(), Counter()))]:
        print(f"| {module} | {sum(count.values())} | {count['killed']} | {count['accepted']} | {count['survived']} |")
    for job in bad:
        word = "CRITICAL " if critical(job.site.where) else ""
        print(f"\n{word}{job.target.path.relative_to(ROOT)}:{job.site.line} {job.site.operator}")
        print(f"- `{job.site.name}`\n  {outcomes[job.mutant].by}")
    stale = _stale(jobs, outcomes, listed) if whole else []
    for module, name in stale:
        print(f"\nlisted, and killed or gone: {module}: {name}")
    bad = [job for job in bad if not job.target.counted_only]
    print(f"\n{len(jobs)} mutants, {len(bad)} survived and are not listed, {len(stale)} listed for nothing")
    return int(bool(bad or stale))


def _stale(
    jobs: Sequence[Job], outcomes: dict[str, Outcome], listed: dict[tuple[str, str], str]
) -> list[tuple[str, str]]:
    """Entries of the list that are no survivors any more."""
    alive = {(job.target.module, job.site.name) for job in jobs if not outcomes[job.mutant].killed}
    modules = {job.target.module for job in jobs}
    return [(module, name) for module, name in listed if module in modules and (module, name) not in alive]


if __name__ == "__main__":
    main()
