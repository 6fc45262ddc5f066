"""Runs the real command line in forked children, and kills them where it is told to.

Started once by ``tests/processes.py``; reads one JSON job a line and answers one JSON line for each:

    {"words": [...], "env": {...}, "folder": DIR, "at": N, "when": "before"|"after", "of": [EVENT, ...], "after_s": S}

``at``/``when``/``of`` make the child kill its own process group just before or after its N-th event; the events are
``commit``, ``forget`` (the log is emptied), ``put`` and ``remove``. ``after_s`` makes the parent kill it after a delay.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tiercel.runtime.bonds
import tiercel.runtime.doctor
import tiercel.runtime.home
import tiercel.runtime.reading
import tiercel.runtime.roads
import tiercel.runtime.syncing
import tiercel.runtime.writing
import tiercel.vault.keys  # noqa: F401  -- all of it is loaded before the first fork
from tiercel.carriers.folder import FolderCarrier
from tiercel.cli.main import run
from tiercel.vault.store import Vault


def main() -> None:
    """Answer jobs until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    for line in sys.stdin:
        job = json.loads(line)
        said = [Path(job["folder"], name) for name in (".out", ".err")]
        for path in said:  # the child may be killed before it has any
            path.write_bytes(b"")
        child = os.fork()
        if child == 0:
            in_child(job)
        if job.get("after_s") is not None:
            time.sleep(job["after_s"])
            try:
                os.killpg(child, signal.SIGKILL)
            except ProcessLookupError:  # it has not reached setsid yet, or is gone
                os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        out, err = (path.read_text("utf-8") for path in said)
        answers.write(json.dumps({"code": os.waitstatus_to_exitcode(status), "out": out, "err": err}) + "\n")


def in_child(job: dict[str, Any]) -> None:
    """Be the command."""
    os.setsid()
    for descriptor, name in ((1, ".out"), (2, ".err")):
        file = os.open(Path(job["folder"], name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, descriptor)
        os.close(file)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(job["env"])
    if job.get("at"):
        watch(job["at"], job["when"], set(job["of"]))
    code = run(job["words"])
    sys.stdout.flush()
    os._exit(code)


def watch(at: int, when: str, of: set[str]) -> None:
    """Kill this process group just before or just after its event number ``at``."""
    count = 0

    def event(kind: str, act: Callable[[], Any]) -> Any:
        nonlocal count
        mine = kind in of
        count += mine
        if mine and count == at and when == "before":
            os.killpg(0, signal.SIGKILL)
        done = act()
        if mine and count == at and when == "after":
            os.killpg(0, signal.SIGKILL)
        return done

    finish = Vault._finish

    def counted(self: Vault) -> None:
        if self._writing:
            event("commit", lambda: finish(self))
        else:
            finish(self)

    Vault._finish = counted  # type: ignore[method-assign]
    for kind, owner, name in (
        ("forget", Vault, "forget"), ("put", FolderCarrier, "put"), ("remove", FolderCarrier, "remove"),
    ):  # fmt: skip
        wrap(owner, name, kind, event)


def wrap(owner: type, name: str, kind: str, event: Callable[[str, Callable[[], Any]], Any]) -> None:
    """Make calls of a method events."""
    original = getattr(owner, name)
    setattr(owner, name, lambda *args: event(kind, lambda: original(*args)))


if __name__ == "__main__":
    main()
