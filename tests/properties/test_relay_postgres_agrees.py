"""The PostgreSQL store of a relay against the model, whatever happens in whatever order."""

from __future__ import annotations

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


@pytest.mark.servers
@pytest.mark.slow
def test_postgres_agrees(postgres: Cluster) -> None:
    class PostgresMachine(StoreMachine):
        def __init__(self) -> None:
            super().__init__()
            self.stack = ExitStack()
            self.address = self.stack.enter_context(postgres.database())

        async def open_store(self, rules: Rules) -> Store:
            return await PostgresStore.open(self.address, rules, ENTROPY.token)

        def teardown(self) -> None:
            super().teardown()
            self.stack.close()

    given: dict[str, Any] = {"max_examples": 25, "stateful_step_count": 40, "deadline": None}
    run_state_machine_as_test(PostgresMachine, settings=settings(**given, suppress_health_check=list(HealthCheck)))
