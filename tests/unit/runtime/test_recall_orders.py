"""A recall in every order, and the ends of a letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from people import Person, bonded, exchange
from post_office import of_letter, parcels
from tiercel.errors import NameUnknown, StateForbids
from tiercel.limits import DAY_MS
from tiercel.runtime import reading, writing


def recall(ada: Person, letter: str) -> None:
    writing.recall(ada.home, letter)


def gone(bo: Person, letter: str) -> bool:
    with pytest.raises(NameUnknown):
        reading.read(bo.home, letter)
    return not reading.search(bo.home, "secret") and all(each.id != letter for each in reading.letters(bo.home))


def test_before_it_left(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("secret")
    recall(ada, letter)
    exchange(ada, bo)
    assert ada.state(letter) == "recalled" and gone(bo, letter)


def test_on_the_road(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("secret")
    ada.sync()
    recall(ada, letter)
    exchange(ada, bo)
    assert ada.state(letter) == "returned" and gone(bo, letter)


def test_known_to_the_reader_before_the_letter(tmp_path: Path) -> None:
    """A tombstone: the letter that comes late is never shown, and the answer is said again."""
    ada, bo = bonded(tmp_path)
    letter = ada.write("secret")
    ada.sync()
    [path] = of_letter(ada, letter, tmp_path / "post")
    late = path.read_bytes()
    path.unlink()
    recall(ada, letter)
    ada.sync()
    bo.sync()
    for lost in parcels(tmp_path / "post"):
        lost.unlink()  # the answer is lost
    path.write_bytes(late)
    bo.clock.advance(days=1)
    exchange(bo, ada)
    assert ada.state(letter) == "returned" and gone(bo, letter)


def test_after_it_arrived_unread(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("secret")
    exchange(ada, bo)
    assert ada.state(letter) == "arrived"
    recall(ada, letter)
    exchange(ada, bo)
    assert ada.state(letter) == "returned" and gone(bo, letter)


@pytest.mark.parametrize("peek", [True, False])
def test_after_it_was_shown_it_is_kept(tmp_path: Path, peek: bool) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("secret")
    exchange(ada, bo)
    reading.read(bo.home, letter, peek=peek)
    recall(ada, letter)
    exchange(ada, bo)
    assert ada.state(letter) == "arrived" and reading.read(bo.home, letter).body == "secret"
    assert "kept" in reading.track(ada.home, letter).events[-1].what


def test_shown_before_the_receipt_came_home_it_is_kept_and_confirmed(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("secret")
    ada.sync()
    bo.sync()
    reading.read(bo.home, letter)
    recall(ada, letter)
    exchange(ada, bo)
    assert ada.state(letter) == "arrived" and bo.state(letter) == "read"


def test_what_is_read_cannot_be_recalled(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("secret")
    exchange(ada, bo)
    reading.read(bo.home, letter, receipt=True)
    exchange(bo, ada)
    assert ada.state(letter) == "read"
    with pytest.raises(StateForbids):
        recall(ada, letter)


def test_a_returned_letter_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    """Whole and half-gathered enclosures go with the text."""
    ada, bo = bonded(tmp_path)
    files = [tmp_path / "one", tmp_path / "two"]
    for path in files:
        path.write_bytes(bytes(range(256)) * 8000)
    letter = ada.write("secret", enclosures=tuple(files))
    ada.sync()
    stick = [path for path in parcels(tmp_path / "post") if path.stat().st_size > 65536]
    stick[-1].unlink()
    bo.sync()
    assert any(bo.home.vault.enclosures.iterdir())
    recall(ada, letter)
    exchange(ada, bo)
    assert ada.state(letter) == "returned" and gone(bo, letter)
    assert not list(bo.home.vault.enclosures.iterdir())
    assert bo.home.vault.one("SELECT count(*) FROM symbols_in") == (0,)
    assert bo.home.vault.one("SELECT count(*) FROM letters_fts WHERE letters_fts MATCH 'secret'") == (0,)


def test_a_deadline_that_passes_and_a_receipt_that_comes_late(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    soon = ada.clock.now_ms() // DAY_MS + 2
    seen, unseen = ada.write("seen", deadline_day=soon), ada.write("unseen", deadline_day=soon)
    ada.sync()
    for path in of_letter(ada, unseen, tmp_path / "post"):
        path.unlink()
    bo.sync()
    bo.sync()
    ada.clock.advance(days=3)
    receipts = [(path, path.read_bytes()) for path in parcels(tmp_path / "post")]
    for path, _data in receipts:
        path.unlink()
    ada.sync()
    assert (ada.state(seen), ada.state(unseen)) == ("expired", "expired")
    for path, data in receipts:
        path.write_bytes(data)
    exchange(ada, bo)
    assert (ada.state(seen), ada.state(unseen)) == ("arrived", "expired")
    assert all(each.id != unseen for each in reading.letters(bo.home))
