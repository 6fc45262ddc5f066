"""T-RESEAL-1: what was written for a bond that is over is never sealed for another one unless its writer says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from people import Person, bonded, exchange
from tiercel.errors import NotBonded, StateForbids
from tiercel.runtime import bonds, outbox, reading, writing
from tiercel.runtime.views import Draft
from tiercel.vault import letters as letter_rows


def bonded_anew(ada: Person, bo: Person) -> None:
    """The same two people make another bond, beside the one that is over."""
    bonds.accept(bo.home, bonds.invite(ada.home, "bo again", "post"), "ada again", "post")
    exchange(bo, ada, rounds=2)
    bonds.confirm(ada.home, "bo again")
    bonds.confirm(bo.home, "ada again")
    exchange(ada, bo)
    assert bonds.bonds(ada.home)[1].state == "bonded"


def sealed_for(person: Person, bond: int) -> set[int]:
    """The letters of a bond that are sealed, service letters left out."""
    rows = person.home.vault.all(
        "SELECT l.seq FROM letters l JOIN bundles_out b ON b.letter = l.seq WHERE l.bond = ? AND l.kind = 0", bond
    )
    return {row[0] for row in rows}


def test_T_RESEAL_1_a_new_bond_inherits_nothing(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    (tmp_path / "map.png").write_bytes(b"here be dragons" * 999)
    first = ada.write("sealed, and on its way")
    ada.sync()
    for path in (tmp_path / "post").iterdir():
        path.unlink()  # the stick was lost
    second = ada.write("not sealed yet", enclosures=(tmp_path / "map.png",))
    bonds.end(ada.home, "bo")
    bonded_anew(ada, bo)
    for _ in range(4):
        ada.clock.advance(days=40)
        exchange(ada, bo, rounds=2)
        assert not sealed_for(ada, 1) and not sealed_for(ada, 2)
    assert {ada.state(first), ada.state(second)} == {"held"}
    assert "held: for the old bond, which has ended" in [event.what for event in reading.track(ada.home, second).events]
    assert {item.id for item in outbox.outbox(ada.home)} == {first, second}
    with pytest.raises(NotBonded):
        writing.send(ada.home, second)
    assert not [each for each in reading.letters(bo.home) if each.direction == "in"]


def test_one_letter_goes_because_its_writer_says_so(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    (tmp_path / "map.png").write_bytes(b"here be dragons" * 999)
    stays = ada.write("this one stays")
    goes = ada.write("this one goes", subject="News", enclosures=(tmp_path / "map.png",))
    bonds.end(ada.home, "bo")
    bonded_anew(ada, bo)
    anew = writing.send_anew(ada.home, goes, "bo again")
    assert (anew.bond, anew.state, anew.number) == ("bo again", "accepted", 1) and anew.id != goes
    exchange(ada, bo)
    assert ada.state(anew.id) == "arrived" and ada.state(goes) == ada.state(stays) == "held"
    [came] = [each for each in reading.letters(bo.home) if each.direction == "in"]
    opened = reading.read(bo.home, came.id)
    assert (opened.body, opened.letter.subject, opened.letter.bond) == ("this one goes", "News", "ada again")
    saved, _size = reading.save_enclosure(bo.home, came.id, 1, tmp_path)
    assert saved.read_bytes() == b"here be dragons" * 999
    assert reading.track(ada.home, goes).events[-1].what == f"written anew as {anew.id[:8]}"
    secrets = ada.home.vault.all("SELECT id, receipt_secret FROM letters WHERE kind = 0 AND body = 'this one goes'")
    assert len({row[0] for row in secrets}) == len({row[1] for row in secrets}) == 2, "the two have nothing in common"


def test_enclosures_on_their_way_are_not_promised_to_a_second_letter(tmp_path: Path) -> None:
    """The sealed enclosure was under way for the first one: of the second only the text was ever sent."""
    ada, bo = bonded(tmp_path)
    (tmp_path / "map.png").write_bytes(b"here be dragons" * 999)
    goes = ada.write("with a map", enclosures=(tmp_path / "map.png",))
    bonds.end(ada.home, "bo")
    bonded_anew(ada, bo)
    first = writing.send_anew(ada.home, goes, "bo again")
    for _now_and_once_it_left in range(2):
        with pytest.raises(StateForbids, match="anew to bo again, and its enclosures are still on their way"):
            writing.send_anew(ada.home, goes, "bo again")
        ada.sync()
    assert len(reading.letters(ada.home)) == 2, "nothing was changed"
    exchange(bo, ada)
    second = writing.send_anew(ada.home, goes, "bo again")
    exchange(ada, bo)
    assert ada.state(first.id) == ada.state(second.id) == "arrived"


def test_only_what_is_held_for_a_bond_that_is_over_is_written_anew(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    under_way = ada.write("under way")
    with pytest.raises(StateForbids):
        writing.send_anew(ada.home, under_way, "bo")
    bonds.end(ada.home, "bo")
    with pytest.raises(NotBonded):
        writing.send_anew(ada.home, under_way, "bo")
    bonds.invite(ada.home, "cy", "post")
    with pytest.raises(NotBonded):
        writing.send_anew(ada.home, under_way, "cy")
    assert ada.state(under_way) == "held"
    draft = writing.recall(ada.home, under_way)
    assert draft.state == "recalled", "what never left can be taken back"


def test_what_answers_a_letter_of_the_old_bond_answers_nothing_under_the_new(tmp_path: Path) -> None:
    """The id of a letter of one bond is never told to another."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    asked = bo.write("a question")
    exchange(bo, ada)
    answer = writing.write(ada.home, Draft("bo", "an answer", reply_to=asked)).id
    bonds.end(ada.home, "bo")
    bonded_anew(ada, bo)
    anew = writing.send_anew(ada.home, answer, "bo again")
    rows = letter_rows.letters_where(ada.home.vault, "bond = 2 AND kind = 0 AND direction = 'out'")
    assert [row.reply_to for row in rows] == [None] and anew.state == "accepted"
