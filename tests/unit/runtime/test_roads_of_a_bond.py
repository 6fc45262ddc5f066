"""Any number of roads per bond: which, in what order, and how eagerly."""

from __future__ import annotations

from pathlib import Path

import pytest

from people import Person, bonded, exchange
from tiercel.delivery import sending
from tiercel.delivery.schedule import ROAD_AFTER_DAYS_MAX
from tiercel.errors import NameUnknown, UsageError
from tiercel.runtime import bonds, reading
from tiercel.runtime.roads import add_folder, bond_roads, set_bond_roads
from tiercel.runtime.views import RoadView


def with_stick(folder: Path, *people: Person) -> Path:
    """A second folder that both can reach."""
    stick = folder / "stick"
    stick.mkdir()
    for person in people:
        add_folder(person.home, "stick", str(stick))
    return stick


def rows(person: Person, table: str) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = person.home.vault.all(
        f"SELECT count(*) FROM {table} WHERE carrier = (SELECT id FROM carriers WHERE name = 'stick')"
    )
    return found


def test_a_bond_keeps_the_order_and_eagerness_it_was_given(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    with_stick(tmp_path, ada, bo)
    assert bond_roads(ada.home, "bo").roads == (RoadView("post", 0),)
    view = set_bond_roads(ada.home, "bo", [("stick", 0), ("post", 14)])
    assert view.roads == (RoadView("stick", 0), RoadView("post", 14)) and view.bond == "bo"
    assert bonds.bonds(ada.home)[0].carriers == ("stick", "post")
    assert bond_roads(ada.home, "bo") == view == set_bond_roads(ada.home, "bo", [("stick", 0), ("post", 14)])
    assert set_bond_roads(ada.home, "bo", [("post", 0)]).roads == (RoadView("post", 0),)


@pytest.mark.parametrize(
    ("wanted", "error", "said"),
    [
        ([], UsageError, "needs a road"),
        ([("post", 0), ("boat", 0)], NameUnknown, "no carrier called boat"),
        ([("post", 0), ("post", 3)], UsageError, "named twice"),
        ([("post", -1)], UsageError, "0 to 365 days"),
        ([("post", ROAD_AFTER_DAYS_MAX + 1)], UsageError, "0 to 365 days"),
    ],
)
def test_what_is_no_choice_of_roads_is_refused_in_one_sentence(
    tmp_path: Path, wanted: list[tuple[str, int]], error: type[Exception], said: str
) -> None:
    ada, _bo = bonded(tmp_path)
    before = bond_roads(ada.home, "bo")
    with pytest.raises(error, match=said):
        set_bond_roads(ada.home, "bo", wanted)
    with pytest.raises(NameUnknown):
        set_bond_roads(ada.home, "nobody", [("post", 0)])
    assert bond_roads(ada.home, "bo") == before


def test_a_road_that_is_left_is_forgotten_and_a_new_one_takes_all_that_is_under_way(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    with_stick(tmp_path, ada, bo)
    letters = [ada.write("one"), ada.write("two")]
    ada.sync()
    assert rows(ada, "sendings") == rows(ada, "handed") == [(0,)]
    set_bond_roads(ada.home, "bo", [("post", 0), ("stick", 0)])
    assert rows(ada, "sendings") == [(2,)]
    ada.sync()
    assert rows(ada, "handed") == [(2,)]
    set_bond_roads(ada.home, "bo", [("post", 0)])
    assert rows(ada, "sendings") == rows(ada, "handed") == rows(ada, "notes_due") == [(0,)]
    bo.sync(), bo.sync(), ada.sync()
    assert [ada.state(letter) for letter in letters] == ["arrived", "arrived"]


def test_what_was_not_said_yet_is_said_on_the_road_that_takes_the_place_of_the_only_one(tmp_path: Path) -> None:
    """It was forgotten with the road that was left, and a sign of reading is never said again."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    letter = ada.write("one")
    exchange(ada, bo, rounds=2)
    reading.read(bo.home, letter, receipt=True)
    with_stick(tmp_path, ada, bo)
    for person, other in ((ada, "bo"), (bo, "ada")):
        set_bond_roads(person.home, other, [("stick", 0)])
    assert rows(bo, "notes_due") == [(1,)]
    bo.sync(), ada.sync()
    assert ada.state(letter) == "read" and rows(bo, "notes_due") == [(0,)]


def test_a_road_that_only_changes_its_place_says_nothing_twice(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    with_stick(tmp_path, ada, bo)
    set_bond_roads(bo.home, "ada", [("post", 0), ("stick", 0)])
    letter = ada.write("one")
    ada.sync(), bo.sync()
    with bo.home.vault.transaction():  # it was said there, and not on the other road
        bo.home.vault.run("DELETE FROM notes_due WHERE carrier = (SELECT id FROM carriers WHERE name = 'stick')")
    set_bond_roads(bo.home, "ada", [("stick", 0), ("post", 0)])
    assert rows(bo, "notes_due") == [(0,)]
    bo.sync(), ada.sync()
    assert ada.state(letter) == "arrived"


def test_a_new_letter_does_not_wait_behind_many_that_are_only_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of the first that were due lay there already: nothing was put, and the rest waited for another visit."""
    monkeypatch.setattr(sending, "DUE_AT_ONCE", 2)
    ada, bo = bonded(tmp_path)
    for number in range(5):
        ada.write(f"letter {number}")
    ada.sync()
    with_stick(tmp_path, ada, bo)
    set_bond_roads(ada.home, "bo", [("post", 0), ("stick", 9)])  # all is looked at once more
    letter = ada.write("a new one")
    ada.sync()
    assert ada.state(letter) == "handed over" and rows(ada, "handed") == [(0,)]
