"""What tests of several rooms share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import postgres_kit

_LETTERS = Path(__file__).resolve().parents[2] / "shared" / "data" / "letters-1891-1902.jsonl"


@pytest.fixture(scope="session")
def real_letters() -> list[dict[str, Any]]:
    """149 letters of Hermann Bahr and Arthur Schnitzler in the order of their dates; skipped where they are not."""
    if not _LETTERS.is_file():
        pytest.skip("the collection of real letters is not beside this repository")
    found = [json.loads(line) for line in _LETTERS.read_text("utf-8").splitlines()]
    return sorted(found, key=lambda letter: letter["date"])


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_kit.Cluster]:
    """A PostgreSQL server; each test takes a database of it."""
    with postgres_kit.cluster() as running:
        yield running
