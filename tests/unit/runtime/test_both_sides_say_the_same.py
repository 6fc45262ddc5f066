"""The words for a letter are true on both sides: for the one who wrote it and the one it was written to."""

from __future__ import annotations

from pathlib import Path

import pytest

from people import bonded, exchange
from tiercel.errors import NameUnknown
from tiercel.runtime import reading, receipts, writing


def test_what_went_back_is_shown_to_nobody_and_its_way_to_both(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("secret", subject="secret")
    exchange(ada, bo)
    writing.recall(ada.home, letter)
    exchange(ada, bo)
    assert ada.state(letter) == "returned" and reading.letters(bo.home) == []
    for look in (reading.read, writing.recall):
        with pytest.raises(NameUnknown, match="went back to its writer unopened") as told:
            look(bo.home, letter)
        assert told.value.remedy == f"Its way: tiercel track {letter}"
    way = reading.track(bo.home, letter)
    assert (way.state, way.direction, way.bond) == ("returned", "in", "ada")
    assert [event.what for event in way.events] == ["arrived", "returned"]
    assert way.next == "nothing: it went back unopened, and nothing of it is here"
    assert reading.track(ada.home, letter).next.startswith("nothing: the other side says it was not opened")


def test_a_live_letter_is_meant_before_one_that_went_back(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    gone = [ada.write(f"letter {n}") for n in range(20)]
    exchange(ada, bo)
    for letter in gone:
        writing.recall(ada.home, letter)
    exchange(ada, bo)
    kept = ada.write("kept")
    exchange(ada, bo)
    assert reading.read(bo.home, kept[:1]).letter.id == kept
    assert reading.track(bo.home, kept[:1]).id == kept


def test_the_way_of_a_letter_that_came_says_when_its_receipt_leaves(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("hello")
    ada.sync()
    bo.sync()
    unread = "; you have not read it"
    assert reading.track(bo.home, letter).next == "it is here whole; the receipt leaves with the next sync" + unread
    bo.sync()
    assert reading.track(bo.home, letter).next == "nothing: it is here whole; the writer was told" + unread
    reading.read(bo.home, letter)
    assert reading.track(bo.home, letter).next == "nothing: it is here whole; the writer was told"
    receipts.set_receipts(bo.home, receipts.ReceiptsView("ada", arrived=False, read=False, delay_h=0))
    assert "is not told (tiercel bond receipts)" in reading.track(bo.home, letter).next


def test_a_watched_road_tells_until_when_the_receipt_waits(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("hello")
    ada.sync()
    bo.home.watching = True
    bo.sync()
    assert reading.track(bo.home, letter).next.startswith(
        "it is here whole; the receipt leaves with a sync after 2025-"
    )


def test_a_letter_that_came_in_parts_tells_when_it_began_to_come(tmp_path: Path) -> None:
    from post_office import parcels

    ada, bo = bonded(tmp_path)
    letter = ada.write("x" * 200_000)
    ada.sync()
    first, *rest = parcels(tmp_path / "post")
    kept = {path: path.read_bytes() for path in rest}
    for path in rest:
        path.unlink()
    assert first.exists() and len(kept) > 1
    bo.sync()
    bo.clock.advance(days=2)
    for path, data in kept.items():
        path.write_bytes(data)
    bo.sync()
    whats = [event.what for event in reading.track(bo.home, letter).events]
    assert whats == ["its first part came", "arrived"]
    whole = ada.write("short")
    exchange(ada, bo)
    assert [event.what for event in reading.track(bo.home, whole).events] == ["arrived"]


def test_what_crossed_is_said_to_both_in_their_own_words(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    letter = ada.write("never mind")
    exchange(ada, bo)
    reading.read(bo.home, letter, receipt=True)
    bo.sync()
    writing.recall(ada.home, letter)
    with bo.home.vault.transaction():  # another copy of this vault, which had not shown it, is asked
        bo.home.vault.run("UPDATE letters SET shown_at = NULL, read_at = NULL, state = 'arrived' WHERE kind = 0")
    for _ in range(4):
        exchange(ada, bo)
        ada.clock.advance(days=1.1)
    assert ada.state(letter) == bo.state(letter) == "crossed"
    assert reading.track(ada.home, letter).next == "nothing: your recall and the reading crossed on the way"
    assert reading.track(bo.home, letter).next == (
        "nothing: one copy of this vault gave it back unopened, another had shown it"
    )
    assert reading.track(ada.home, letter).steps == ()
