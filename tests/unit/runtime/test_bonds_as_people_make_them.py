"""What people meet around bonds and roads: a folder that moved, an invitation shown again, names that look alike."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from people import ada_and_bo, bonded, exchange
from post_office import parcels
from tiercel.errors import CarrierMissing, NameTaken, NameUnknown, StateForbids, UsageError
from tiercel.runtime import bonds, roads


def test_a_folder_that_moved_keeps_its_bonds_and_what_is_known_of_its_parcels(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("on the stick")
    ada.sync()
    there = len(parcels(tmp_path / "post"))
    shutil.move(tmp_path / "post", tmp_path / "elsewhere")
    for person in (ada, bo):
        with pytest.raises(CarrierMissing):
            roads.move(person.home, "post", str(tmp_path / "nowhere"))
        view = roads.move(person.home, "post", str(tmp_path / "elsewhere"))
        assert (view.place, len(view.bonds), view.trouble) == (str(tmp_path / "elsewhere"), 1, None)
    assert ada.sync().put == 0 and len(parcels(tmp_path / "elsewhere")) == there, "nothing is put a second time"
    exchange(bo, ada)
    assert ada.state(letter) == "arrived" and not parcels(tmp_path / "elsewhere")
    with pytest.raises(NameUnknown):
        roads.move(ada.home, "stick", str(tmp_path / "elsewhere"))


def test_a_road_is_a_folder_outside_the_vault(tmp_path: Path) -> None:
    ada, _ = ada_and_bo(tmp_path)
    (tmp_path / "file").write_text("x")
    for path, said in ((tmp_path / "file", "is not a folder"), (ada.home.vault.enclosures, "inside the vault")):
        with pytest.raises(UsageError, match=said):
            roads.add_folder(ada.home, "stick", str(path))
        with pytest.raises(UsageError, match=said):
            roads.move(ada.home, "post", str(path))
    assert [(view.name, view.place) for view in roads.carriers(ada.home)] == [("post", str(tmp_path / "post"))]


def test_the_only_road_of_a_bond_is_moved_and_not_removed(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    bonds.invite(ada.home, "cy", "post")
    for name, over in (("bo", bonds.end), ("cy", bonds.refuse)):
        with pytest.raises(StateForbids, match=f"^{name} can be reached over this road only") as refused:
            roads.remove(ada.home, "post")
        assert "tiercel carrier move post PATH" in refused.value.remedy
        assert f"tiercel bond {over.__name__} {name}" in refused.value.remedy
        over(ada.home, name)
        exchange(ada, bo)  # an end has to get there
    roads.remove(ada.home, "post")


def test_an_invitation_without_an_answer_is_given_again(tmp_path: Path) -> None:
    ada, bo = ada_and_bo(tmp_path)
    line = bonds.invite(ada.home, "bo", "post")
    (tmp_path / "stick").mkdir()
    roads.add_folder(ada.home, "stick", str(tmp_path / "stick"))
    ada.clock.advance(days=20)
    assert bonds.invite(ada.reopen().home, "bo", "post") == line == bonds.invite(ada.home, "bo", "stick")
    (view,) = bonds.bonds(ada.home)
    assert view.invited and view.carriers == ("post", "stick")
    bonds.accept(bo.home, line, "ada", "post")
    assert not bonds.bonds(bo.home)[0].invited
    with pytest.raises(NameTaken):
        bonds.invite(bo.home, "ada", "post")
    exchange(bo, ada)
    assert bonds.words(ada.home, "bo").words == bonds.words(bo.home, "ada").words
    assert not bonds.bonds(ada.home)[0].invited
    with pytest.raises(NameTaken):
        bonds.invite(ada.home, "bo", "post")


def test_an_invitation_that_was_refused_is_not_given_again(tmp_path: Path) -> None:
    ada, _ = ada_and_bo(tmp_path)
    line = bonds.invite(ada.home, "bo", "post")
    bonds.refuse(ada.home, "bo")
    assert bonds.invite(ada.home, "bo", "post") != line
    assert [view.name for view in bonds.bonds(ada.home)] == ["bo (refused 1)", "bo"]


@pytest.mark.parametrize("name", ["BO", "Bo", "ｂｏ", "bO"])
def test_names_that_look_alike_are_one_name(tmp_path: Path, name: str) -> None:
    ada, bo = ada_and_bo(tmp_path)
    with pytest.raises(NameTaken, match="called post"):
        roads.add_folder(ada.home, "POST", str(tmp_path / "post"))
    bonds.invite(ada.home, "bo", "post")
    with pytest.raises(NameTaken, match="called bo"):
        bonds.invite(ada.home, name, "post")
    with pytest.raises(NameTaken, match="called bo"):
        bonds.accept(ada.home, bonds.invite(bo.home, "ada", "post"), name, "post")
    bonds.refuse(ada.home, "bo")
    bonds.invite(ada.home, name, "post")
    assert [view.name for view in bonds.bonds(ada.home)] == ["bo (refused 1)", name]


def test_the_words_come_with_the_state_and_the_warnings_of_their_bond(tmp_path: Path) -> None:
    ada, _ = bonded(tmp_path)
    assert bonds.words(ada.home, "bo").state == "bonded"
    waits = ada.write("waits")
    assert bonds.open_letters(ada.home, "bo") == 1
    bonds.end(ada.home, "bo")
    assert bonds.words(ada.home, "bo").state == "ended" and ada.state(waits) == "held"
    assert bonds.open_letters(ada.home, "bo") == 0
