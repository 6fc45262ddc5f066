"""Every store of a relay against the model, whatever happens in whatever order."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings

from tiercel.relay.store import Rules, Store
from tiercel.relay.store_sqlite import SqliteStore
from tiercel.testing.entropy import SeededEntropy
from tiercel.testing.relay_store_machine import StoreMachine

ENTROPY = SeededEntropy("machine")


class SqliteMachine(StoreMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())

    async def open_store(self, rules: Rules) -> Store:
        return SqliteStore.open(self.folder / "relay.db", rules, ENTROPY.token)

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.folder)


TestSqliteAgrees = SqliteMachine.TestCase
TestSqliteAgrees.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
