"""How long text is kept: the rule of a bond ends text and enclosures, and nothing else."""

from __future__ import annotations

from pathlib import Path

from people import Person, bonded, exchange
from tiercel.runtime import bonds, reading
from tiercel.runtime.views import RetentionView

SECRET = "the key is under the third stone"


def _read_by_bo(folder: Path) -> tuple[Person, Person, str]:
    ada, bo = bonded(folder)
    film = folder / "film.bin"
    film.write_bytes(bytes(300_000))
    letter = ada.write(SECRET, subject="stones", enclosures=(film,))
    exchange(ada, bo)
    reading.read(bo.home, letter)
    return ada, bo, letter


def test_keeping_is_the_default(tmp_path: Path) -> None:
    ada, bo, letter = _read_by_bo(tmp_path)
    bo.clock.advance(days=40)
    exchange(ada, bo)
    assert reading.read(bo.home, letter).body == SECRET
    assert bonds.retention(bo.home, "ada") == RetentionView("ada", "keep", None)


def test_theirs_is_burnt_so_many_days_after_reading(tmp_path: Path) -> None:
    ada, bo, letter = _read_by_bo(tmp_path)
    bonds.set_retention(bo.home, "ada", RetentionView("ada", "keep", 7))
    bo.clock.advance(days=6)
    exchange(ada, bo)
    assert reading.read(bo.home, letter).body == SECRET
    bo.clock.advance(days=2)
    exchange(ada, bo)
    gone = reading.read(bo.home, letter)
    assert (gone.body, gone.enclosures, gone.letter.state) == ("", (), "read")
    assert gone.burnt_at is not None
    assert list(bo.home.vault.enclosures.iterdir()) == []
    assert reading.search(bo.home, "stone") == []
    assert reading.read(ada.home, letter).body == SECRET


def test_on_reading_leaves_time_to_save_enclosures(tmp_path: Path) -> None:
    _ada, bo, letter = _read_by_bo(tmp_path)
    bonds.set_retention(bo.home, "ada", RetentionView("ada", "keep", 0))
    assert reading.save_enclosure(bo.home, letter, 1, tmp_path)[1] == 300_000
    bo.sync()
    assert reading.read(bo.home, letter).body == ""


def test_ours_is_kept_until_the_receipt_and_not_a_step_less(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    bonds.set_retention(ada.home, "bo", RetentionView("bo", "until-receipt", None))
    letter = ada.write(SECRET)
    ada.sync()
    assert reading.read(ada.home, letter).body == SECRET
    exchange(bo, ada)
    assert ada.state(letter) == "arrived"
    assert reading.read(ada.home, letter).body == ""
    assert reading.read(bo.home, letter).body == SECRET
