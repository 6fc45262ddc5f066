"""Two bonded people and a folder between them, with real entropy and a cheap passphrase."""

from __future__ import annotations

from pathlib import Path

from people import Person, bonded
from tiercel.runtime.clock import SystemEntropy


def two_people(folder: Path) -> tuple[Person, Person]:
    """Ada and Bo in ``folder``, who share ``folder/post``."""
    folder.mkdir(parents=True, exist_ok=True)
    ada, bo = bonded(folder)
    for person in (ada, bo):
        person.entropy = person.home.entropy = SystemEntropy()  # type: ignore[assignment]
    return ada, bo
