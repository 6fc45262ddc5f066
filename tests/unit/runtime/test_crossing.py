"""A word once given is held to, also by an older copy of the vault that gave it; and what crossed is crossed on both
sides.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from people import Person, bonded, exchange
from tiercel.errors import NameUnknown
from tiercel.runtime import doctor, reading, writing
from tiercel.wire import from_base32


class Copied:
    """A copy of a person's vault, made now, to be put back later."""

    def __init__(self, person: Person, folder: Path) -> None:
        self.person, self.copy = person, folder / "copy"
        person.home.close()
        shutil.copytree(person.folder, self.copy)
        person.reopen()

    def put_back(self) -> None:
        """The vault is the copy now, and its owner says so."""
        self.person.home.close()
        shutil.rmtree(self.person.folder)
        shutil.copytree(self.copy, self.person.folder)
        self.person.reopen()
        doctor.accept_old_copy(self.person.home)


def states(writer: Person, reader: Person, letter: str) -> tuple[str, str]:
    """The state of a letter on both sides, also of one that no list shows."""
    found = [
        person.home.vault.one("SELECT state FROM letters WHERE id = ?", from_base32(letter))
        for person in (writer, reader)
    ]
    assert all(found)
    return found[0][0], found[1][0]  # type: ignore[index]


def days(*people: Person, count: int) -> None:
    """Each day everybody visits the folder."""
    for _ in range(count):
        people[0].clock.advance(days=1)
        exchange(*people, rounds=2)


def test_what_was_read_in_the_lost_time_is_not_called_never_shown(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("between us")
    exchange(ada, bo)
    copied = Copied(bo, tmp_path)
    reading.read(bo.home, letter)  # without a receipt: nobody knows it but the vault that is lost now
    copied.put_back()
    writing.recall(ada.home, letter)
    days(ada, bo, count=3)
    assert states(ada, bo, letter) == ("arrived", "arrived")
    assert "kept: the other side keeps it" in [event.what for event in reading.track(ada.home, letter).events]


def test_a_letter_unknown_to_the_copy_is_not_called_never_shown(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    copied = Copied(bo, tmp_path)
    letter = ada.write("between us")
    exchange(ada, bo)
    reading.read(bo.home, letter)
    copied.put_back()
    writing.recall(ada.home, letter)
    days(ada, bo, count=3)
    assert ada.state(letter) == "arrived"
    assert bo.home.vault.one("SELECT 1 FROM letters WHERE state = 'returned'") is None


def test_a_copy_holds_to_the_word_it_forgot(tmp_path: Path) -> None:
    """The copy has the text unread, and nobody told it that it came back."""
    ada, bo = bonded(tmp_path)
    letter = ada.write("never mind")
    exchange(ada, bo)
    copied = Copied(bo, tmp_path)
    writing.recall(ada.home, letter)
    exchange(ada, bo)
    assert states(ada, bo, letter) == ("returned", "returned")
    copied.put_back()
    assert bo.state(letter) == "arrived", "here again"
    days(ada, bo, count=3)
    assert states(ada, bo, letter) == ("returned", "returned")
    with pytest.raises(NameUnknown):
        reading.read(bo.home, letter)
    assert bo.home.vault.all("SELECT body FROM letters WHERE kind = 0") == [("",)]


@pytest.mark.parametrize("told", [True, False], ids=["with a read receipt", "without"])
def test_what_a_copy_shows_after_its_word_has_crossed_on_both_sides(tmp_path: Path, told: bool) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("never mind")
    exchange(ada, bo)
    copied = Copied(bo, tmp_path)
    writing.recall(ada.home, letter)
    exchange(ada, bo)
    copied.put_back()
    assert reading.read(bo.home, letter, receipt=told).body == "never mind"
    days(ada, bo, count=4)
    assert states(ada, bo, letter) == ("crossed", "crossed")
    assert bo.state(letter) == "crossed", "the reader's list shows it"
    assert ada.home.vault.one("SELECT 1 FROM letters WHERE recall_at IS NOT NULL") is None, "nothing is asked any more"
    waiting = [person.home.vault.all("SELECT what FROM notes_due") for person in (ada, bo)]
    assert waiting == [[], []]


def test_read_with_a_receipt_and_then_returned_by_a_copy_has_crossed_on_both_sides(tmp_path: Path) -> None:
    """Two copies of one vault are in use: one showed the letter, the other, which never had it, gave it back."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    letter = ada.write("never mind")
    exchange(ada, bo)
    reading.read(bo.home, letter, receipt=True)
    bo.sync()  # it leaves, and nobody has fetched it when the letter is asked back
    copied = Copied(bo, tmp_path)
    writing.recall(ada.home, letter)
    with bo.home.vault.transaction():  # as if this one had never shown it
        bo.home.vault.run("UPDATE letters SET shown_at = NULL, read_at = NULL, state = 'arrived' WHERE kind = 0")
    days(ada, bo, count=4)
    assert states(ada, bo, letter) == ("crossed", "crossed")
    assert reading.read(bo.home, letter).body == "", "given back is given back"
    copied.put_back()
    days(ada, bo, count=4)
    assert states(ada, bo, letter) == ("crossed", "crossed"), "the copy that showed it learns of it too"


def test_who_reads_only_the_first_version_is_told_nothing_it_would_drop(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("never mind")
    exchange(ada, bo)
    reading.read(bo.home, letter, receipt=True)
    bo.sync()  # it leaves, and nobody has fetched it when the letter is asked back
    writing.recall(ada.home, letter)
    with bo.home.vault.transaction():
        bo.home.vault.run("UPDATE letters SET shown_at = NULL, read_at = NULL, state = 'arrived' WHERE kind = 0")
    with ada.home.vault.transaction():
        ada.home.vault.run("UPDATE bonds SET their_reads = 1")
    exchange(ada, bo)
    assert states(ada, bo, letter) == ("crossed", "returned")
    assert ada.home.vault.all("SELECT what FROM notes_due WHERE what = 'answer'") == []
