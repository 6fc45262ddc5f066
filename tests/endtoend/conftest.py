"""One bonded pair and one loaded child for each worker; every test works on a copy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import processes
from processes import Children, World


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Ada and Bo before they are bonded: copy it, do not use it."""
    return processes.strangers(tmp_path_factory.mktemp("strangers"))


@pytest.fixture(scope="session")
def pair(strangers: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Ada and Bo, bonded: copy it, do not use it."""
    return processes.pair(strangers.copy(tmp_path_factory.mktemp("pair")))


@pytest.fixture(scope="session")
def children() -> Iterator[Children]:
    """The command, forked from a process that has loaded it."""
    running = Children()
    yield running
    running.close()
