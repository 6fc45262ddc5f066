"""Drafts that are changed or thrown away, dates that people are told, and a letter taken back before it was opened."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from people import bonded, exchange
from tiercel.errors import DiskFull, LimitError, NameUnknown, StateForbids, UsageError
from tiercel.limits import DAY_MS
from tiercel.runtime import bonds, drafts, reading, writing
from tiercel.runtime.views import Draft, day_text


def test_a_draft_is_changed_and_found_by_its_new_words(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = writing.write(ada.home, Draft("bo", "about gooseberries", subject="Fruit"), send=False).id
    assert drafts.text(ada.home, letter[:8]) == "about gooseberries"
    assert drafts.edit(ada.home, letter[:8], "about currants\r\n").state == "draft"
    opened = reading.read(ada.home, letter)
    assert (opened.body, opened.letter.subject) == ("about currants\r\n", "Fruit")
    assert not reading.search(ada.home, "gooseberries")
    assert [view.id for view in reading.search(ada.home, "currants fruit")] == [letter]
    with pytest.raises(UsageError, match="empty"):
        drafts.edit(ada.home, letter, " \n")
    with pytest.raises(LimitError):
        drafts.edit(ada.home, letter, "x" * (9 << 20))
    writing.send(ada.home, letter)
    exchange(ada, bo)
    assert reading.read(bo.home, letter).body == "about currants\r\n"


def test_a_discarded_draft_leaves_nothing(tmp_path: Path) -> None:
    ada, _ = bonded(tmp_path)
    enclosed = tmp_path / "photo.jpg"
    enclosed.write_bytes(b"p" * 5000)
    files = set(ada.home.vault.enclosures.iterdir())
    kept = writing.write(ada.home, Draft("bo", "kept", enclosures=(enclosed,)), send=False).id
    gone = writing.write(ada.home, Draft("bo", "gooseberries", enclosures=(enclosed,)), send=False).id
    assert len(set(ada.home.vault.enclosures.iterdir()) - files) == 2
    assert drafts.discard(ada.home, gone).id == gone
    assert [view.id for view in reading.letters(ada.home)] == [kept] and not reading.search(ada.home, "gooseberries")
    assert len(set(ada.home.vault.enclosures.iterdir()) - files) == 1
    assert ada.home.vault.all("SELECT count(*) FROM events WHERE letter NOT IN (SELECT seq FROM letters)") == [(0,)]
    assert ada.home.vault.all("SELECT count(*) FROM enclosures") == [(1,)]
    with pytest.raises(NameUnknown):
        drafts.discard(ada.home, gone)


def test_only_drafts_are_changed_or_discarded(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("sent")
    exchange(ada, bo)
    for person, said in ((ada, "has been sent"), (bo, "is not yours")):
        for act in (lambda home: drafts.edit(home, letter, "x"), lambda home: drafts.discard(home, letter)):
            with pytest.raises(StateForbids, match=said):
                act(person.home)
        with pytest.raises(StateForbids):
            drafts.text(person.home, letter)
        assert reading.read(person.home, letter).body == "sent"


def test_what_the_writer_asked_for_is_told_on_both_sides(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    today = ada.clock.now_ms() // DAY_MS
    letter = ada.write("soon", deadline_day=today + 9, not_before_day=today + 3, urgent=True)
    assert reading.track(ada.home, letter).next.endswith(f"; it expires after {day_text(today + 9)}")
    ada.sync()
    assert reading.track(ada.home, letter).next.endswith(
        f"sent again if need be until {day_text(today + 9)}; then it expires"
    )
    exchange(bo, ada)
    for person in (ada, bo):
        (view,) = reading.letters(person.home)
        track = reading.track(person.home, letter)
        for shown in (view, track):
            assert (shown.deadline_day, shown.not_before_day, shown.urgent) == (today + 9, today + 3, True)
    assert "expires" not in reading.track(ada.home, letter).next, "it arrived"
    plain = ada.write("whenever")
    assert reading.track(ada.home, plain).deadline_day is None and "expires" not in reading.track(ada.home, plain).next


def test_days_as_people_write_them() -> None:
    assert (day_text(0), day_text(21_915), day_text(10**7)) == ("1970-01-01", "2030-01-01", "day 10000000")


def test_a_letter_without_a_road_says_so_once_the_bond_has_ended(tmp_path: Path) -> None:
    ada, _ = bonded(tmp_path)
    letter = ada.write("too late")
    bonds.end(ada.home, "bo")
    assert reading.track(ada.home, letter).next == (
        "the bond has ended: nothing carries this letter; `tiercel send --to` sends it once more in another"
    )


def test_a_letter_taken_back_before_it_was_opened_is_told_of_once(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    seen, unseen, unheard = ada.write("seen"), ada.write("unseen"), ada.write("never there")
    writing.recall(ada.home, unheard)
    exchange(ada, bo)
    reading.read(bo.home, seen, peek=True)
    for letter in (seen, unseen):
        writing.recall(ada.home, letter)
    ada.sync()
    assert bo.sync().notices == ("ada took back a letter you had not opened.",)
    ada.clock.advance(days=2)
    ada.sync()
    assert bo.sync().notices == () and [view.id for view in reading.letters(bo.home)] == [seen]


def test_what_could_not_be_stored_is_refused_before_there_is_a_text(tmp_path: Path) -> None:
    ada, _ = bonded(tmp_path)
    writing.check(ada.home, Draft("bo", ""))
    for draft, error in (
        (Draft("cy", ""), NameUnknown),
        (Draft("bo", "", reply_to="nosuchletter"), NameUnknown),
        (Draft("bo", "", deadline_day=1), UsageError),
        (Draft("bo", "", enclosures=(tmp_path / "nowhere",)), UsageError),
        (Draft("bo", "", subject="x" * 100_000), LimitError),
    ):
        with pytest.raises(error):
            writing.check(ada.home, draft)


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.EACCES, UsageError), (errno.EROFS, UsageError), (errno.ENOSPC, DiskFull)]
)
def test_a_place_that_cannot_be_written_is_no_full_disk(
    tmp_path: Path, number: int, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, _ = bonded(tmp_path)
    enclosed = tmp_path / "photo.jpg"
    enclosed.write_bytes(b"p" * 5000)
    letter = ada.write("", enclosures=(enclosed,))
    (tmp_path / "to").mkdir()

    def refused(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(reading, "_open_into", refused)
        with pytest.raises(kind, match=os.strerror(number)) as said:
            reading.save_enclosure(ada.home, letter, 1, tmp_path / "to")
    assert type(said.value) is kind and list((tmp_path / "to").iterdir()) == []
