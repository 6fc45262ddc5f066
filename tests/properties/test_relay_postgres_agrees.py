"""The PostgreSQL store of a relay against the model, whatever happens in whatever order."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from postgres_kit import Cluster
from tiercel.relay.store import Rules, Store
from tiercel.relay.store_postgres import PostgresStore
from tiercel.testing.entropy import SeededEntropy
from tiercel.testing.relay_store_machine import StoreMachine

ENTROPY = SeededEntropy("machine")


class Two:
    """Two stores on one database, asked in turn: as relays between which people go to and fro."""

    def __init__(self, stores: list[PostgresStore]) -> None:
        self._stores = stores
        self._turn = itertools.cycle(stores)

    def __getattr__(self, name: str) -> Any:
        return getattr(next(self._turn), name)

    async def tick(self, now_ms: int) -> bool:
        """Of both, when both have noted who came."""
        await asyncio.gather(*(visit for store in self._stores for visit in store._visits))
        return any([await store.tick(now_ms) for store in self._stores])

    async def close(self) -> None:
        for store in self._stores:
            await store.close()


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.parametrize("stores", [1, 2])
def test_postgres_agrees(postgres: Cluster, stores: int) -> None:
    class PostgresMachine(StoreMachine):
        def __init__(self) -> None:
            super().__init__()
            self.stack = ExitStack()
            self.address = self.stack.enter_context(postgres.database())

        async def open_store(self, rules: Rules) -> Store:
            opened = [await PostgresStore.open(self.address, rules, ENTROPY.token) for _ in range(stores)]
            return Two(opened) if stores > 1 else opened[0]

        def teardown(self) -> None:
            super().teardown()
            self.stack.close()

    given: dict[str, Any] = {"max_examples": 15, "stateful_step_count": 40, "deadline": None}
    run_state_machine_as_test(PostgresMachine, settings=settings(**given, suppress_health_check=list(HealthCheck)))
