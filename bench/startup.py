"""Starting: `tiercel --version`, and `tiercel list` beyond Argon2id, beside other programs that only start.

The listed vault has a passphrase that costs nothing to try, so that its time is all that is beyond Argon2id.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from people import PASSPHRASE
from tiercel.vault.keys import DEFAULT_KDF

from . import common, filling
from .common import Options, Row
from .pair import two_people

LETTERS = 1000
INNER = 5


def measure(options: Options) -> list[Row]:
    """Milliseconds from start to end of a process."""
    count = options.size or LETTERS
    command = str(Path(sys.executable).parent / "tiercel")
    with common.workplace(options.folder) as place:
        ada, _bo = two_people(place)
        filling.fill(ada.home, count)
        ada.home.close()
        vault = {"TIERCEL_VAULT": str(ada.folder), "TIERCEL_PASSPHRASE": PASSPHRASE, "XDG_STATE_HOME": str(place)}
        works = {
            "version": lambda: _process(command, "--version"),
            "list": lambda: _process(command, "list", **vault),
            "python": lambda: _process(sys.executable, "-c", "pass"),
            "argon2id": _argon2id,
        }
        if common.need("age"):
            works["age"] = lambda: _process("age", "--version")
        samples = common.interleaved(options.runs, works)
    rows = [Row("tiercel --version", "ms", samples["version"], "python -c pass", samples["python"], "< 60")]
    if "age" in samples:
        rows.append(Row("tiercel --version", "ms", samples["version"], "age --version", samples["age"]))
    name = f"tiercel list of {count:,} letters, beyond Argon2id"
    rows.append(Row(name, "ms", samples["list"], "Argon2id itself", samples["argon2id"], "< 120"))
    return rows


def _process(*command: str, **environment: str) -> float:
    """Milliseconds of one start, the median of a few."""
    env = {**os.environ, **environment}

    def start() -> None:
        subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True)

    return sorted(common.clock(start) for _ in range(INNER))[INNER // 2] * 1000


def _argon2id() -> float:
    from tiercel.crypto import argon2id

    cost = (DEFAULT_KDF.memory_kib, DEFAULT_KDF.passes, DEFAULT_KDF.lanes)
    return common.clock(lambda: argon2id(b"x" * 20, bytes(16), *cost)) * 1000
