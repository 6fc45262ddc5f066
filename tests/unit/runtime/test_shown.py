"""When a letter counts as shown, and what is told of one that may not be opened yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from people import bonded, exchange
from tiercel.errors import NotBefore, NotWhole
from tiercel.limits import DAY_MS
from tiercel.runtime import reading, writing


def enclosed(folder: Path, data: bytes = b"the secret plan") -> Path:
    path = folder / "plan.txt"
    path.write_bytes(data)
    (folder / "out").mkdir()
    return path


def test_a_letter_whose_enclosure_was_saved_is_not_returned_unseen(tmp_path: Path) -> None:
    """The writer was told that it had never been shown."""
    ada, bo = bonded(tmp_path)
    letter = ada.write("see enclosed", enclosures=(enclosed(tmp_path),))
    exchange(ada, bo)
    reading.save_enclosure(bo.home, letter, 1, tmp_path / "out")
    assert bo.state(letter) == "arrived", "saving is not reading"
    writing.recall(ada.home, letter)
    exchange(ada, bo)
    assert ada.state(letter) == "arrived"
    assert "kept" in reading.track(ada.home, letter).events[-1].what
    assert reading.read(bo.home, letter).body == "see enclosed"


def test_an_enclosure_is_not_saved_before_its_day(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    day = ada.clock.now_ms() // DAY_MS + 10
    letter = ada.write("later", enclosures=(enclosed(tmp_path),), not_before_day=day)
    exchange(ada, bo)
    with pytest.raises(NotBefore, match="until 2025-"):
        reading.save_enclosure(bo.home, letter, 1, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    writing.recall(ada.home, letter)
    exchange(ada, bo)
    assert ada.state(letter) == "returned"


def test_an_enclosure_that_is_not_there_does_not_count_as_shown(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("see enclosed", enclosures=(enclosed(tmp_path, bytes(3 << 20)),))
    ada.sync()
    for path in (tmp_path / "post").iterdir():
        if path.stat().st_size > 65536:
            path.unlink()
    bo.sync()
    with pytest.raises(NotWhole):
        reading.save_enclosure(bo.home, letter, 1, tmp_path / "out")
    writing.recall(ada.home, letter)
    exchange(ada, bo)
    assert ada.state(letter) == "returned"


def test_before_its_day_neither_list_nor_search_tells_what_is_in_a_letter(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    day = ada.clock.now_ms() // DAY_MS + 10
    letter = ada.write("the dragon sleeps", subject="dragons", not_before_day=day)
    ada.write("another dragon")
    exchange(ada, bo)
    assert bo.letter(letter).subject is None and bo.letter(letter).closed
    assert len(reading.search(bo.home, "dragon")) == 1
    assert ada.letter(letter).subject == "dragons" and len(reading.search(ada.home, "dragon")) == 2
    ada.clock.advance(days=10)
    assert bo.letter(letter).subject == "dragons" and not bo.letter(letter).closed
    assert len(reading.search(bo.home, "dragon")) == 2 and reading.read(bo.home, letter).body == "the dragon sleeps"
