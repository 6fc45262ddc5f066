"""One process for one mutant: it is loaded in the place of its module, and the tests run until the first that fails.

The parent has imported the test runner and the libraries, but nothing of the project: so a child begins in a tenth of
a second, and every module of the project is loaded anew, one of them changed.
"""

from __future__ import annotations

import ast
import importlib.machinery
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import pytest

from mutants.targets import ROOT, SRC

MEMORY_BYTES_MAX = 4 << 30
_WORDS = "said"
Said = dict[str, Any]


@dataclass
class Child:
    """A running child: what it says when it has ended, or nothing when it was stopped."""

    pid: int
    started: float
    wall_s: float
    scratch: Path
    said: Said = field(default_factory=dict)

    def ended(self) -> bool:
        """Whether it is over. One that takes too long is stopped."""
        if not os.waitpid(self.pid, os.WNOHANG)[0]:
            if time.monotonic() - self.started < self.wall_s:
                return False
            os.killpg(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        words = self.scratch / _WORDS
        self.said = json.loads(words.read_text("utf-8")) if words.exists() else {"out_of_time": True}
        shutil.rmtree(self.scratch, ignore_errors=True)
        return True


def start(work: Callable[[Path], Said], cpu_s: float) -> Child:
    """Run ``work`` in a child with so much time on a processor, and five times that by the clock on the wall."""
    scratch = Path(tempfile.mkdtemp(prefix="mutant-"))
    pid = os.fork()
    if pid:
        return Child(pid, time.monotonic(), 5 * cpu_s + 20, scratch)
    try:
        os.setpgid(0, 0)
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(quiet, stream)
        resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s) + 1, int(cpu_s) + 2))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
        _say(scratch, work(scratch))
    finally:
        if sys.exc_info()[0]:
            _say(scratch, {"broken": traceback.format_exc()})
        os._exit(0)


def _say(scratch: Path, words: Said) -> None:
    """Words that are there whole or not at all: a child may be stopped at any time."""
    (scratch / "unfinished").write_text(json.dumps(words), "utf-8")
    (scratch / "unfinished").rename(scratch / _WORDS)


def run_tests(scratch: Path, files: Sequence[str], plugin: object) -> int:
    """The tests of some files in this process, in the order that ``plugin`` decides."""
    import hypothesis

    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)  # the first failure is enough
    hypothesis.settings.register_profile("mutants", derandomize=True, database=None, deadline=None, phases=phases)
    hypothesis.settings.load_profile("mutants")
    os.chdir(ROOT)
    sys.path[:0] = [str(SRC), str(ROOT / "tests")]
    words = ["-q", "-p", "no:xdist", "-o", f"cache_dir={scratch / 'cache'}", f"--basetemp={scratch / 'tests'}"]
    # The libraries are here already, and a mutant may leave a file or a thread open.
    words += [
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
        "-W",
        "ignore::pytest.PytestUnraisableExceptionWarning",
    ]
    return int(pytest.main([*words, *files], plugins=[plugin]))


# -- a mutant ----------------------------------------------------------------------------------------


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a changed tree in the place of a file."""

    tree: ast.Module
    loaded = False

    def get_code(self, fullname: str) -> CodeType:
        self.loaded = True
        return compile(self.tree, self.path, "exec", dont_inherit=True)


class _Finder:
    def __init__(self, module: str, loader: _Loader) -> None:
        self.module, self.loader = module, loader

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.module:
            return None
        return importlib.machinery.ModuleSpec(fullname, self.loader, origin=self.loader.path)


class _Chosen:
    """Runs the chosen tests in their order and keeps the first failure."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.order = {test: at for at, test in enumerate(tests)}
        self.failed: str | None = None

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((item for item in items if item.nodeid in self.order), key=lambda it: self.order[it.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.failed is None:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and self.failed is None:
            self.failed = f"{report.nodeid} (import)"


def try_mutant(module: str, path: Path, tree: ast.Module, tests: Sequence[str]) -> Callable[[Path], Said]:
    """The work of a child: which of the tests fails first, if any, and whether the mutant was loaded at all."""

    def work(scratch: Path) -> Said:
        loader = _Loader(module, str(path))
        loader.tree = tree
        sys.meta_path.insert(0, _Finder(module, loader))
        chosen = _Chosen(tests)
        code = run_tests(scratch, ["-x", *dict.fromkeys(test.split("::")[0] for test in tests)], chosen)
        failed = chosen.failed or (f"exit {code}" if code not in (0, 5) else None)
        return {"failed": failed, "loaded": loader.loaded}

    return work


# -- the map -----------------------------------------------------------------------------------------


class _Mapper:
    """Notes for every test which functions of the project it called, and how long it took on the processor."""

    def __init__(self) -> None:
        self.called: dict[str, list[str]] = {}
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []
        self.now: set[CodeType] = set()

    def _note(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            self.now.add(frame.f_code)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self.now = set()
        began = time.process_time()
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            self.seconds[item.nodeid] = round(time.process_time() - began, 4)
            self.called[item.nodeid] = sorted(filter(None, map(_name_of, self.now)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)


@cache
def _name_of(code: CodeType) -> str | None:
    """``module:function`` of a function of the project; one inside another counts as the outer."""
    path = Path(code.co_filename)
    if not path.is_relative_to(SRC):
        return None
    module = ".".join(path.relative_to(SRC).with_suffix("").parts)
    return f"{module}:{code.co_qualname.split('.<locals>')[0]}"


def map_tests(files: Sequence[str]) -> Callable[[Path], Said]:
    """The work of a child: what every test calls."""

    def work(scratch: Path) -> Said:
        mapper = _Mapper()
        run_tests(scratch, ["--continue-on-collection-errors", *files], mapper)
        return {"called": mapper.called, "seconds": mapper.seconds, "failed": mapper.failed}

    return work
