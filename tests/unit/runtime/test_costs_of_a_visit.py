"""What a visit and a deletion cost: no search of all that ever came, and no commit for each small thing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from people import bonded, exchange
from tiercel.runtime import drafts, writing_roads
from tiercel.runtime.views import Draft
from tiercel.runtime.writing import write
from tiercel.vault import bonds as rows
from tiercel.vault import letters, notes
from tiercel.vault.store import Vault


def test_burning_looks_a_bundle_up_and_not_through_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bo = bonded(tmp_path)
    film = tmp_path / "film.bin"
    film.write_bytes(bytes(100_000))
    ada.write("film", enclosures=(film,))
    exchange(ada, bo)
    real, said = Vault.run, list[tuple[str, tuple[Any, ...]]]()

    def run(vault: Vault, sql: str, *args: Any) -> None:
        said.append((sql, args))
        real(vault, sql, *args)

    monkeypatch.setattr(Vault, "run", run)
    drafts.discard(ada.home, write(ada.home, Draft("bo", "no", enclosures=(film,)), send=False).id)
    assert not [sql for sql, _args in said if sql.startswith("UPDATE bundles_in")], "of ours nothing was gathered"
    with bo.home.vault.transaction():
        files = letters.burn(bo.home.vault, letters.letters_where(bo.home.vault, "kind = 0")[0])
    (update,) = [call for call in said if call[0].startswith("UPDATE bundles_in")]
    plan = [row[3] for row in bo.home.vault.all("EXPLAIN QUERY PLAN " + update[0], *update[1])]
    assert files and not [step for step in plan if step.startswith("SCAN") and "CONSTANT" not in step]
    assert bo.home.vault.all("SELECT standing, file FROM bundles_in WHERE kind = 2") == [("spent", None)]


def test_a_visit_with_nothing_new_remembers_no_epoch_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    monkeypatch.setattr(writing_roads.bonds, "sent_epoch", None)
    ada.sync()


def test_notes_of_a_bond_are_one_commit_however_many(tmp_path: Path) -> None:
    ada, _bo = bonded(tmp_path)
    ada.sync()
    bond, grown = rows.all_bonds(ada.home.vault)[0], []
    for count in (1, 9000):
        with ada.home.vault.transaction():
            for _ in range(count):
                notes.say(ada.home.vault, bond.id, notes.HAVE, os.urandom(32))
        before = ada.home.vault.generation
        put = ada.sync().put
        grown.append((put > 1, ada.home.vault.generation - before))
    assert [many for many, _commits in grown] == [False, True] and grown[0][1] == grown[1][1]
