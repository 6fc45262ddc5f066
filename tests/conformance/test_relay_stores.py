"""The public suite over every store of a relay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from postgres_kit import Cluster
from tiercel.relay.store import Rules, Store
from tiercel.relay.store_postgres import PostgresStore
from tiercel.relay.store_sqlite import SqliteStore
from tiercel.testing.entropy import SeededEntropy
from tiercel.testing.relay_model import MemoryRelayStore
from tiercel.testing.relay_store_suite import RelayStoreSuite

ENTROPY = SeededEntropy("stores")


class TestModel(RelayStoreSuite):
    """What the others are compared with, by the same measure. It is opened once and stays."""

    @pytest.fixture
    def place(self) -> list[Store]:
        return []

    async def open_store(self, place: list[Store], rules: Rules) -> Store:
        if not place:
            place.append(MemoryRelayStore(rules))
        return place[0]


class TestSqlite(RelayStoreSuite):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        return tmp_path / "relay.db"

    async def open_store(self, place: Path, rules: Rules) -> Store:
        return SqliteStore.open(place, rules, ENTROPY.token)


@pytest.mark.servers
class TestPostgres(RelayStoreSuite):
    @pytest.fixture
    def place(self, postgres: Cluster) -> Iterator[str]:
        with postgres.database() as address:
            yield address

    async def open_store(self, place: str, rules: Rules) -> Store:
        return await PostgresStore.open(place, rules, ENTROPY.token)
