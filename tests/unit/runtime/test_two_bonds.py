"""I10: two bonds of one vault share nothing, and whoever is on one cannot ask after the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from people import START_MS, Person
from tiercel.errors import IdAmbiguous, UsageError
from tiercel.runtime import bonds, opening, reading, writing
from tiercel.runtime.roads import add_folder
from tiercel.runtime.views import Draft
from tiercel.testing.clock import FakeClock
from tiercel.vault import bonds as bond_rows
from tiercel.vault import letters as letter_rows
from tiercel.vault import notes, prekeys


class Three(NamedTuple):
    """Bo writes to Xena and to Mallory, who would like to know of one another."""

    bo: Person
    xena: Person
    mallory: Person

    def exchange(self, rounds: int = 3) -> None:
        for _ in range(rounds):
            for person in (self.xena, self.mallory, self.bo):
                person.sync()


@pytest.fixture
def three(tmp_path: Path) -> Three:
    clock = FakeClock(START_MS)
    bo, *others = (Person(tmp_path, name, clock, 1) for name in ("bo", "xena", "mallory"))
    for other in others:
        road = f"road of {other.name}"
        (tmp_path / road).mkdir()
        for person in (bo, other):
            add_folder(person.home, road, str(tmp_path / road))
        bonds.accept(other.home, bonds.invite(bo.home, other.name, road), "bo", road)
        for person in (other, bo, other, bo):
            person.sync()
        bonds.confirm(bo.home, other.name)
        bonds.confirm(other.home, "bo")
        for person in (bo, other, bo, other):
            person.sync()
    return Three(bo, *others)


def the_letter(person: Person) -> letter_rows.Letter:
    return letter_rows.letters_where(person.home.vault, "kind = 0")[0]


def test_a_recall_of_a_letter_of_another_bond_is_answered_as_if_nobody_knew_it(three: Three) -> None:
    """It went unanswered, where one that nobody knew was answered: so it told who else writes here."""
    letter = three.xena.write("between us")
    three.exchange()
    wire_id = the_letter(three.xena).id
    with three.mallory.home.vault.transaction():
        notes.say(three.mallory.home.vault, 1, notes.RECALL, wire_id)
    three.mallory.sync()
    three.bo.sync()
    vault = three.bo.home.vault
    states = {row.bond: row.state for row in letter_rows.letters_where(vault, "id = ?", wire_id)}
    assert states == {1: "arrived", 2: "returned"}, "each bond has its own letter of that id"
    assert reading.read(three.bo.home, letter).body == "between us"


def test_a_letter_with_the_id_of_one_from_another_bond_comes_like_any_other(three: Three) -> None:
    three.xena.write("from xena")
    three.exchange()
    three.mallory.write("from mallory")
    vault, wire_id = three.mallory.home.vault, the_letter(three.xena).id
    with vault.transaction():
        letter_rows.change_letter(vault, the_letter(three.mallory).seq, id=wire_id)
    three.exchange()
    assert the_letter(three.mallory).state == "arrived"
    shown = {each.bond: each.subject for each in reading.letters(three.bo.home)}
    assert shown.keys() == {"xena", "mallory"}
    with pytest.raises(IdAmbiguous):
        reading.read(three.bo.home, reading.letters(three.bo.home)[0].id)


def test_a_letter_sealed_to_a_key_of_another_bond_is_told_the_same_as_to_an_unknown_one(
    three: Three, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence for the one and `expired` for the other told whether a pid was somebody else's."""
    vault = three.bo.home.vault
    others = [row[0] for row in vault.all("SELECT pid FROM prekeys_ours WHERE bond = 1 AND kind = 'one-time'")]
    asked = {"of xena": others[0], "of nobody": bytes(8)}
    real, said = opening.split_bundle, []
    monkeypatch.setattr(notes, "say", lambda _vault, _bond, what, subject, *_rest: said.append((what, subject)))
    for what, pid in asked.items():
        three.mallory.write(what)
        three.mallory.sync()
        with monkeypatch.context() as patch:
            patch.setattr(opening, "split_bundle", lambda data, pid=pid: replace(real(data), pid=pid))
            three.bo.sync()
        assert said == [("expired", pid)], what
        said.clear()
    assert {row[0] for row in vault.all("SELECT verdict FROM quarantine")} == {"other_bond", "key_expired"}
    assert prekeys.ours_by_pid(vault, 1, others[0]) is not None


def test_an_answer_names_no_letter_of_another_bond(three: Three) -> None:
    """It was sent with the id of a letter to somebody else in it, and that letter became `answered`."""
    letter = three.xena.write("a question")
    three.exchange()
    with pytest.raises(UsageError, match="not of your bond"):
        writing.write(three.bo.home, Draft("mallory", "an answer", reply_to=letter))
    assert three.bo.state(letter) == "arrived"
    assert [bond.next_number for bond in bond_rows.all_bonds(three.bo.home.vault)] == [1, 1]
    writing.write(three.bo.home, Draft("xena", "an answer", reply_to=letter))
    assert three.bo.state(letter) == "answered"
