"""What is left when a bond is over or a note was lost: keys, recalls, receipts and roads."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from people import bonded, exchange
from post_office import parcels
from tiercel.errors import StateForbids
from tiercel.runtime import bonds, reading, roads, writing


def test_a_receipt_lost_beside_a_reply_is_said_again_when_the_enclosure_comes_again(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    film = tmp_path / "film"
    film.write_bytes(random.Random(1).randbytes(3_000_000))
    letter = ada.write("see the film", enclosures=(film,))
    ada.sync()
    large = [path for path in parcels(tmp_path / "post") if path.stat().st_size > 70_000]
    aside = tmp_path / "aside"
    aside.mkdir()
    for path in large:
        path.rename(aside / path.name)
    bo.sync()
    bo.write("the film is not here yet", reply_to=letter)
    exchange(bo, ada, rounds=1)
    assert ada.state(letter) == "answered"
    for path in aside.iterdir():
        path.rename(tmp_path / "post" / path.name)
    for _ in range(2):  # have and receipt are put, and lost
        bo.sync()
        for path in parcels(tmp_path / "post"):
            if path.name not in {name for (name,) in ada.home.vault.all("SELECT name FROM handed")}:
                path.unlink()
    for _ in range(6):
        ada.clock.advance(days=2)
        exchange(ada, bo)
    assert ada.letter(letter).arrived_at is not None
    assert ada.home.vault.one("SELECT count(*) FROM bundles_out WHERE kind = 2") == (0,)


def test_an_ended_bond_loses_its_keys_also_when_one_road_is_never_visited_again(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    bonds.end(ada.home, "bo")
    exchange(ada, bo)
    with ada.home.vault.transaction():
        bond = ada.home.bond("bo").id
        ada.home.vault.run(
            "INSERT INTO notes_due (bond, carrier, what, subject, visit) VALUES (?, 1, 'receipt', x'00', 1 << 40)", bond
        )
    for _ in range(10):
        ada.clock.advance(days=30)
        ada.sync()
    assert ada.home.bond("bo").auth_root is None


def test_a_recall_that_nobody_will_answer_says_so_when_the_bond_is_over(tmp_path: Path) -> None:
    ada, _bo = bonded(tmp_path)
    letter = ada.write("not this one")
    ada.sync()
    writing.recall(ada.home, letter)
    bonds.end(ada.home, "bo")
    for _ in range(10):
        ada.clock.advance(days=30)
        ada.sync()
    way = reading.track(ada.home, letter)
    assert way.events[-1].what == "nobody answers the recall: the bond has ended"
    assert "answers" not in way.next
    assert ada.home.vault.one("SELECT count(*) FROM letters WHERE recall_at IS NOT NULL") == (0,)


def test_the_only_road_of_an_end_that_has_not_got_there_stays(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    bonds.end(ada.home, "bo")
    with pytest.raises(StateForbids):
        roads.remove(ada.home, "post")
    exchange(ada, bo)
    ada.sync()
    roads.remove(ada.home, "post")


def test_an_enclosure_cut_before_its_letter_was_sealed_never_leaves_as_whole(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    film = tmp_path / "film"
    film.write_bytes(random.Random(2).randbytes(200_000))
    letter = ada.write("see the film", enclosures=(film,))
    [stored] = ada.home.vault.enclosures.iterdir()
    stored.write_bytes(stored.read_bytes()[:100_000])
    assert any("not whole" in notice for notice in ada.sync().notices)
    bo.sync()
    assert ada.state(letter) in ("accepted", "sealed") and not reading.letters(bo.home)
