"""Secrets are gone when what needs them is over: of a pairing, of an opening that came, of a bond that ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from people import Person, ada_and_bo, bonded, exchange
from tiercel.runtime import bonds, reading, trust
from vault_kit import every_page, key_of

TABLES = ("pairings", "roots", "prekeys_ours", "prekeys_theirs", "notes_due")


def keys_left(person: Person) -> dict[str, int]:
    """How many rows with secrets of the one bond are left, by table."""
    vault = person.home.vault
    left = {table: vault.all(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}
    left["bonds"] = vault.all("SELECT count(*) FROM bonds WHERE auth_root IS NOT NULL")[0][0]
    return {table: count for table, count in left.items() if count}


def words_are_there(tmp_path: Path) -> tuple[Person, Person]:
    ada, bo = ada_and_bo(tmp_path)
    bonds.accept(bo.home, bonds.invite(ada.home, "bo", "post"), "ada", "post")
    for person in (bo, ada, bo, ada):
        person.sync()
    return ada, bo


@pytest.mark.parametrize("inviter", [True, False])
def test_the_pairing_key_is_nowhere_once_the_opening_came(tmp_path: Path, inviter: bool) -> None:
    """Its row was deleted, and the state of the pairing, kept until our own confirm, held it once more."""
    ada, bo = words_are_there(tmp_path)
    one, other = (ada, bo) if inviter else (bo, ada)
    [(seed, token)] = one.home.vault.all("SELECT seed, token FROM prekeys_ours WHERE kind = 'pairing'")
    bonds.confirm(other.home, bonds.bonds(other.home)[0].name)
    exchange(other, one)
    assert bonds.bonds(one.home)[0].confirmed == "them"
    pages = [page for _name, page in every_page(one.folder, key_of(one.folder, "a quiet evening"))]
    assert not any(seed[:24] in page or token[:16] in page for page in pages)


def test_the_pairing_is_dropped_when_the_other_side_ends_it_before_our_confirm(tmp_path: Path) -> None:
    ada, bo = words_are_there(tmp_path)
    bonds.confirm(ada.home, "bo")
    bonds.confirm(bo.home, "ada")
    bo.sync()
    for path in (tmp_path / "post").iterdir():
        path.unlink()  # its opening does not come
    bonds.refuse(bo.home, "ada")
    for path in (tmp_path / "post").iterdir():
        path.unlink()
    exchange(ada, bo)
    assert bonds.bonds(ada.home)[0].state == "ended"
    assert "pairings" not in keys_left(ada)


def test_an_acknowledged_end_deletes_the_keys(tmp_path: Path) -> None:
    """They were kept for ever."""
    ada, bo = bonded(tmp_path)
    letter = ada.write("stays readable")
    exchange(ada, bo)
    [(root,)] = ada.home.vault.all("SELECT auth_root FROM bonds")
    bonds.end(ada.home, "bo")
    exchange(ada, bo, rounds=4)
    assert keys_left(ada) == {}
    pages = [page for _name, page in every_page(ada.folder, key_of(ada.folder, "a quiet evening"))]
    assert not any(root[:24] in page for page in pages)
    assert bonds.bonds(ada.home)[0].state == "ended" and reading.read(ada.home, letter).body == "stays readable"
    assert keys_left(bo), "whoever was told can acknowledge it once more"
    bo.clock.advance(days=248)
    bo.sync()
    assert keys_left(bo), "the clock is in doubt"
    trust.clock_ok(bo.home)
    bo.sync()
    assert keys_left(bo) == {}


def test_an_end_that_is_never_acknowledged_deletes_the_keys_in_time(tmp_path: Path) -> None:
    ada, _bo = bonded(tmp_path)
    bonds.end(ada.home, "bo")
    for _ in range(6):
        ada.clock.advance(days=40)
        ada.sync()
    assert keys_left(ada)
    ada.clock.advance(days=8)
    ada.sync()
    assert keys_left(ada) == {}
    ada.sync()
    assert ada.sync().put == 0
