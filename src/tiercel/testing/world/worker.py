"""One worker process: it chooses its cryptography first, then lives one world for each line it is given.

Run as ``python -m tiercel.testing.world.worker symbolic`` by :mod:`tiercel.testing.world.run`.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .run import SYMBOLIC, Outcome

_MEMORY = Path("/dev/shm")  # worlds are many small files, and a disk would only slow them


def choose_crypto(kind: str) -> None:
    """Put symbols in the place of :mod:`tiercel.crypto`, or leave the real one.

    Raises:
        RuntimeError: Something of Tiercel has loaded the other one already.
    """
    if kind == SYMBOLIC:
        from .symbolic import install

        install()


def live(task: dict[str, Any], crypto: str) -> Outcome:
    """Live one world in a folder of its own."""
    from .lives import live_one  # after the cryptography was chosen

    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="world-", dir=_MEMORY if _MEMORY.is_dir() else None))
    try:
        outcome = live_one(task, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    outcome.crypto, outcome.seconds = crypto, time.monotonic() - began
    return outcome


def main() -> None:
    """Read tasks, write outcomes, until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other side of the pipe decides when it ends
    crypto = sys.argv[1]
    choose_crypto(crypto)
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever else prints must not look like an answer
    for line in sys.stdin:
        answers.write(live(json.loads(line), crypto).line() + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
