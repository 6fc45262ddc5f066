"""Bonds that end, are refused, cross, or share a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from people import START_MS, Person, ada_and_bo, bonded, exchange
from post_office import of_letter, parcels
from tiercel.errors import NameUnknown, NotBonded, StateForbids, TwoAnswers
from tiercel.runtime import bonds, reading, syncing, writing
from tiercel.runtime.roads import add_folder
from tiercel.runtime.views import Draft


def pair(one: Person, other: Person, road: str = "post") -> None:
    bonds.accept(other.home, bonds.invite(one.home, other.name, road), one.name, road)
    exchange(other, one)
    bonds.confirm(one.home, other.name)
    bonds.confirm(other.home, one.name)
    exchange(one, other)


@pytest.mark.parametrize("who", ["inviter", "accepter"])
def test_a_bond_ends_and_the_other_side_hears_it(tmp_path: Path, who: str) -> None:
    ada, bo = bonded(tmp_path)
    one, other = (ada, bo) if who == "inviter" else (bo, ada)
    name = {"ada": "bo", "bo": "ada"}
    arrived = one.write("stays readable")
    exchange(one, other)
    open_letter = one.write("still here")
    on_its_way = other.write("in flight")
    other.sync()
    view = bonds.end(one.home, name[one.name])
    assert view.state == "ended" and one.state(open_letter) == "held"
    exchange(one, other, rounds=4)
    assert bonds.bonds(other.home)[0].state == "ended"
    assert "the other side ended this bond" in bonds.bonds(other.home)[0].warnings
    assert other.state(on_its_way) == "returned"
    with pytest.raises(NameUnknown):
        reading.read(one.home, on_its_way)
    assert reading.read(other.home, arrived).body == "stays readable"
    with pytest.raises(NotBonded):
        other.write("too late")
    with pytest.raises(NotBonded):
        writing.send(one.home, open_letter)
    ended = one.home.vault.all("SELECT state FROM letters WHERE kind = 3 AND direction = 'out'")
    assert ended == [("arrived",)], "the end is acknowledged"
    assert one.sync().put == other.sync().put == 0


def test_both_end_at_once(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    bonds.end(ada.home, "bo")
    bonds.end(bo.home, "ada")
    exchange(ada, bo, rounds=4)
    for person in (ada, bo):
        assert bonds.bonds(person.home)[0].state == "ended"
        assert person.home.vault.all("SELECT state FROM letters WHERE kind = 3 AND direction = 'out'") == [("arrived",)]


def test_a_refused_bond_hears_and_says_nothing(tmp_path: Path) -> None:
    ada, bo = ada_and_bo(tmp_path)
    bonds.accept(bo.home, bonds.invite(ada.home, "bo", "post"), "ada", "post")
    exchange(bo, ada)
    bonds.confirm(ada.home, "bo")
    ada.sync()
    bonds.refuse(bo.home, "ada")
    exchange(bo, ada)
    assert [each.state for each in bonds.bonds(ada.home)] == ["compare"]
    assert [each.state for each in bonds.bonds(bo.home)] == ["refused"]
    secrets = bo.home.vault.one(
        "SELECT (SELECT count(*) FROM roots) + (SELECT count(*) FROM prekeys_ours) + (SELECT count(*) FROM pairings)"
    )
    assert secrets == (0,)
    assert bo.home.vault.all("SELECT name FROM handed") == [], "what was Bo's is taken away"
    assert len(parcels(tmp_path / "post")) == 1, "only Ada's opening waits"


@pytest.mark.parametrize("order", ["ada bo", "bo ada", "ada late", "bo late"])
def test_openings_cross_confirming_in_every_order(tmp_path: Path, order: str) -> None:
    ada, bo = ada_and_bo(tmp_path)
    bonds.accept(bo.home, bonds.invite(ada.home, "bo", "post"), "ada", "post")
    exchange(bo, ada, rounds=2)
    first, second = (ada, bo) if order.startswith("ada") else (bo, ada)
    name = {"ada": "bo", "bo": "ada"}
    bonds.confirm(first.home, name[first.name])
    if order.endswith("late"):
        exchange(first, second)
        assert bonds.bonds(second.home)[0].confirmed == "them"
        assert bonds.bonds(first.home)[0].state == "compare"
    bonds.confirm(second.home, name[second.name])
    exchange(first, second)
    assert {bonds.bonds(person.home)[0].state for person in (ada, bo)} == {"bonded"}
    letters = [ada.write("one"), bo.write("two")]
    exchange(ada, bo)
    assert [ada.state(letters[0]), bo.state(letters[1])] == ["arrived", "arrived"]


def test_a_letter_that_comes_before_the_opening(tmp_path: Path) -> None:
    ada, bo = ada_and_bo(tmp_path)
    bonds.accept(bo.home, bonds.invite(ada.home, "bo", "post"), "ada", "post")
    exchange(bo, ada, rounds=2)
    bonds.confirm(ada.home, "bo")
    ada.sync()
    bonds.confirm(bo.home, "ada")
    bo.sync()
    [opening] = bo.home.vault.all("SELECT name FROM handed WHERE bundle IN (SELECT hash FROM bundles_out)")
    path = tmp_path / "post" / opening[0]
    held = path.read_bytes()
    path.unlink()
    letter = bo.write("before the opening")
    bo.sync()
    for (name,) in bo.home.vault.all(
        "SELECT name FROM handed WHERE bundle IN (SELECT b.hash FROM bundles_out b JOIN letters l ON l.seq = b.letter"
        " WHERE l.kind = 2)"
    ):
        (tmp_path / "post" / name).unlink(missing_ok=True)
    ada.sync()
    assert bonds.bonds(ada.home)[0].state == "compare"
    path.write_bytes(held)
    exchange(ada, bo)
    assert bonds.bonds(ada.home)[0].state == "bonded"
    assert bo.state(letter) == "arrived" and reading.read(ada.home, letter).body == "before the opening"


def test_one_invitation_accepted_twice(tmp_path: Path) -> None:
    ada, bo = ada_and_bo(tmp_path)
    invitation = bonds.invite(ada.home, "bo", "post")
    bonds.accept(bo.home, invitation, "ada", "post")
    with pytest.raises(StateForbids):
        bonds.accept(bo.home, invitation, "ada again", "post")
    with pytest.raises(StateForbids):
        bonds.accept(ada.home, invitation, "myself", "post")
    eve = Person(tmp_path, "eve", ada.clock, 1)
    add_folder(eve.home, "post", str(tmp_path / "post"))
    bonds.accept(eve.home, invitation, "ada", "post")
    exchange(bo, eve, ada)
    assert any("two answers" in text for text in bonds.bonds(ada.home)[0].warnings)
    with pytest.raises(TwoAnswers):
        bonds.confirm(ada.home, "bo")


def test_I10_two_bonds_over_one_folder_do_not_disturb_each_other(tmp_path: Path) -> None:
    ada, bo = ada_and_bo(tmp_path)
    cy = Person(tmp_path, "cy", ada.clock, 1)
    add_folder(cy.home, "post", str(tmp_path / "post"))
    pair(ada, bo)
    pair(ada, cy)
    pair(bo, cy)
    people = (ada, bo, cy)
    letters = [
        (writer, reader, writing.write(writer.home, Draft(reader.name, f"{writer.name} to {reader.name}")).id)
        for writer in people
        for reader in people
        if writer is not reader
    ]
    bonds.end(bo.home, "cy")
    exchange(*people, rounds=4)
    for writer, reader, letter in letters:
        if {writer.name, reader.name} != {"bo", "cy"}:
            assert writer.state(letter) == "arrived"
            assert reading.read(reader.home, letter).body == f"{writer.name} to {reader.name}"
    for person, other in ((ada, "bo"), (ada, "cy"), (bo, "ada"), (cy, "ada")):
        assert person.home.bond(other).state == "bonded"


def test_two_folders_carry_one_letter_once(tmp_path: Path) -> None:
    from tiercel.vault import roads

    ada, bo = bonded(tmp_path)
    (tmp_path / "stick").mkdir()
    for person in (ada, bo):
        add_folder(person.home, "stick", str(tmp_path / "stick"))
        with person.home.vault.transaction():
            roads.join(person.home.vault, 1, 2)
    letter = ada.write("by both roads")
    ada.sync()
    assert parcels(tmp_path / "post") and parcels(tmp_path / "stick")
    assert bo.sync().letters == 1
    (tmp_path / "post").rename(tmp_path / "unplugged")
    report = syncing.sync(bo.home)
    assert [trouble.road for trouble in report.troubles] == ["post"]
    assert syncing.sync(ada.home).waiting == 0 and ada.state(letter) == "arrived"
    (tmp_path / "unplugged").rename(tmp_path / "post")
    exchange(ada, bo)
    assert not of_letter(ada, letter, tmp_path / "post")
    assert ada.clock.now_ms() >= START_MS
