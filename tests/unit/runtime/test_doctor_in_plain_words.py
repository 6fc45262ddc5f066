"""What the doctor says to people: sentences without numbers to decipher, and what to do."""

from __future__ import annotations

from pathlib import Path

from people import Person, ada_and_bo, bonded, exchange
from tiercel.runtime import bonds
from tiercel.runtime.doctor import accept_old_copy, examine
from tiercel.runtime.views import Finding


def found(person: Person, what: str) -> list[Finding]:
    return [finding for finding in examine(person.home) if finding.what == what]


def test_a_bond_on_its_way(tmp_path: Path) -> None:
    ada, bo = ada_and_bo(tmp_path)
    line = bonds.invite(ada.home, "bo", "post")
    assert found(ada, "bond bo")[0].sentence == "Waiting for the answer to your invitation."
    bonds.accept(bo.home, line, "ada", "post")
    assert "under way" in found(bo, "bond ada")[0].sentence
    exchange(bo, ada)
    assert "tiercel bond words bo" in found(ada, "bond bo")[0].sentence
    bonds.refuse(ada.home, "bo")
    assert found(ada, "bond bo")[0].sentence == "The bond is refused."


def test_keys_and_letters_are_counted(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    letter = ada.write("one")
    sentence = found(ada, "bond bo")[0].sentence
    assert "keys left to write with" in sentence and "given to bo; 1 letter waits for a receipt." in sentence
    ada.write("two")
    assert "2 letters wait for a receipt." in found(ada, "bond bo")[0].sentence and ada.state(letter) == "accepted"


def test_a_text_that_an_editor_left_is_named(tmp_path: Path) -> None:
    ada, _ = ada_and_bo(tmp_path)
    assert not found(ada, "text")
    room = ada.home.vault.folder / "writing-abc123"
    room.mkdir()
    (room / "letter.txt").write_text("a long evening's work")
    (one,) = found(ada, "text")
    assert not one.well and str(room) in one.sentence and str(room / "letter.txt") in one.remedy
    assert "delete" in one.remedy


def test_putting_an_older_copy_back_warns_beside_the_bonds_that_carry_letters(tmp_path: Path) -> None:
    ada, _ = bonded(tmp_path)
    bonds.invite(ada.home, "cy", "post")
    accept_old_copy(ada.home)
    said = {view.name: view.warnings for view in bonds.bonds(ada.home)}
    assert said["cy"] == ()
    [text] = said["bo"]
    assert text == (
        "This vault was put back from a copy of 2025-06-15. bo is told; call all the same, compare the words"
        " (`tiercel bond words bo`) and confirm (`tiercel bond confirm bo`)."
    )
    (one,) = found(ada, "bond bo")
    assert one.sentence == said["bo"][0] and "tiercel bond words bo" in one.remedy
