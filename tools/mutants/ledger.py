"""What is remembered between runs: the map of the tests, the outcomes, and the survivors that were accepted."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mutants.targets import ROOT

FOLDER = ROOT / "build" / "mutants"
ACCEPTED = Path(__file__).with_name("survivors.md")


@dataclass(frozen=True)
class Outcome:
    """How a mutant ended: killed by a test, out of time, or alive."""

    killed: bool
    by: str


class Ledger:
    """Outcomes on disk, one line each, so that a run that was cut off goes on.

    A kill counts while the module and the file of the test that killed are the same; a survival while the module and
    every file that could have killed are.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "outcomes.jsonl"
        lines = self.path.read_text("utf-8").splitlines() if self.path.exists() else []
        self.known: dict[str, dict[str, Any]] = {}
        for line in lines:
            said = json.loads(line)
            self.known[said["mutant"]] = said

    def outcome(self, mutant: str, source: Path, files: list[str]) -> Outcome | None:
        """What is known of a mutant, if it still holds."""
        said = self.known.get(mutant)
        if said is None or said["source"] != digest(source):
            return None
        held_by = [said["by"].split("::")[0]] if said["killed"] and "::" in said["by"] else files
        if said["tests"] != _digests(held_by):
            return None
        return Outcome(said["killed"], said["by"])

    def keep(self, mutant: str, source: Path, files: list[str], outcome: Outcome) -> None:
        """Note an outcome."""
        held_by = [outcome.by.split("::")[0]] if outcome.killed and "::" in outcome.by else files
        said = {"mutant": mutant, "source": digest(source), "tests": _digests(held_by), **vars(outcome)}
        self.known[mutant] = said
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(said) + "\n")


@cache
def digest(path: Path) -> str:
    """The hash of a file as it was when this run first looked at it."""
    return hashlib.sha256(path.read_bytes() if path.exists() else b"").hexdigest()[:16]


def _digests(files: list[str]) -> str:
    words = " ".join(f"{name} {digest(ROOT / name)}" for name in sorted(set(files)) if "(" not in name)
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def accepted(path: Path = ACCEPTED) -> dict[tuple[str, str], str]:
    """The survivors that were accepted, by module and name, each with its reason.

    Raises:
        ValueError: One has no reason.
    """
    found: dict[tuple[str, str], str] = {}
    module, waiting = "", list[str]()
    for line in [*path.read_text("utf-8").splitlines(), "#"]:
        if line.startswith("#") and waiting:
            raise ValueError(f"no reason is given for {waiting[0]}")
        if line.startswith("## "):
            module = line[3:].strip()
        elif named := re.fullmatch(r"- `(.+)`", line.strip()):
            waiting.append(named[1])
        elif line.strip() and waiting:
            found |= {(module, name): line.strip() for name in waiting}
            waiting = []
    return found
