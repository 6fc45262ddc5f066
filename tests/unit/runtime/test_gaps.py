"""Letters that have not come are seen as gaps; a late one takes its place; what was taken back is no gap."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from people import Person, bonded, exchange
from post_office import of_letter, parcels
from tiercel.letter.record import FIRST_PREVIOUS, id_chain
from tiercel.runtime import gaps, reading, writing
from tiercel.vault import letters as rows


def subjects(person: Person) -> list[tuple[str | None, int]]:
    return [(letter.subject, letter.missing_before) for letter in reading.letters(person.home)]


def take_off(writer: Person, letter: str, post: Path) -> dict[Path, bytes]:
    """Take the parcels of a letter off the folder; give them, to be put back later."""
    taken = {path: path.read_bytes() for path in of_letter(writer, letter, post)}
    assert taken
    for path in taken:
        path.unlink()
    return taken


def put_back(taken: dict[Path, bytes]) -> None:
    for path, data in taken.items():
        path.write_bytes(data)


def test_what_has_not_come_is_counted_before_the_letter_that_has(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    sent = [ada.write(f"letter {n}", subject=str(n)) for n in range(1, 7)]
    ada.sync()
    lost = {n: take_off(ada, sent[n - 1], tmp_path / "post") for n in (1, 3, 4)}
    bo.sync()
    assert subjects(bo) == [("6", 0), ("5", 2), ("2", 1)]
    assert reading.read(bo.home, sent[4]).letter.missing_before == 2
    put_back(lost[4])
    bo.sync()
    assert subjects(bo) == [("6", 0), ("5", 0), ("4", 1), ("2", 1)]  # a late letter takes its place
    put_back(lost[1])
    bo.sync()
    put_back(lost[3])
    bo.sync()
    assert subjects(bo) == [(str(n), 0) for n in (6, 5, 4, 3, 2, 1)]
    assert all(each.missing_before == 0 for each in reading.letters(ada.home))


def test_a_late_letter_stands_where_it_belongs_among_letters_of_ours_too(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    first, second = ada.write("one", subject="one"), ada.write("two", subject="two")
    ada.sync()
    late = take_off(ada, first, tmp_path / "post")
    bo.sync()
    bo.write("an answer", subject="answer")
    third = ada.write("three", subject="three")
    exchange(ada, bo, rounds=1)
    for lost in parcels(tmp_path / "post"):
        lost.unlink()
    put_back(late)
    bo.sync()
    listed = [letter.subject for letter in reading.letters(bo.home)]
    assert listed == ["three", "answer", "two", "one"]
    assert {second, third} < {letter.id for letter in reading.letters(bo.home)}


def test_a_letter_taken_back_before_it_came_is_no_gap(tmp_path: Path) -> None:
    """Of it only the id is known; the hash chain says where it stood."""
    ada, bo = bonded(tmp_path)
    sent = [ada.write(f"letter {n}", subject=str(n)) for n in range(1, 6)]
    ada.sync()
    for n in (2, 3):
        take_off(ada, sent[n - 1], tmp_path / "post")
        writing.recall(ada.home, sent[n - 1])
    take_off(ada, sent[4], tmp_path / "post")
    ada.sync()
    take_off(ada, sent[4], tmp_path / "post")
    bo.sync()
    assert subjects(bo) == [("4", 0), ("1", 0)]


def test_one_that_came_after_its_recall_has_a_place_of_its_own(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    sent = [ada.write(f"letter {n}", subject=str(n)) for n in range(1, 5)]
    ada.sync()
    late = take_off(ada, sent[1], tmp_path / "post")
    writing.recall(ada.home, sent[1])
    ada.sync()
    take_off(ada, sent[2], tmp_path / "post")
    bo.sync()
    assert subjects(bo)[0] == ("4", 2)  # one of the two was taken back, but nothing says which
    put_back(late)
    bo.sync()
    assert subjects(bo) == [("4", 1), ("1", 0)]


def test_a_letter_lost_beside_one_taken_back_stays_a_gap(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    sent = [ada.write(f"letter {n}", subject=str(n)) for n in range(1, 6)]
    ada.sync()
    take_off(ada, sent[1], tmp_path / "post")
    take_off(ada, sent[3], tmp_path / "post")
    writing.recall(ada.home, sent[3])
    ada.sync()
    take_off(ada, sent[1], tmp_path / "post")
    bo.sync()
    assert subjects(bo) == [("5", 0), ("3", 1), ("1", 0)]


def test_one_that_never_left_leaves_no_gap(tmp_path: Path) -> None:
    """Its number is used again, or the other side is told of it; it was missed for ever."""
    ada, bo = bonded(tmp_path)
    ada.write("one", subject="1")
    for text in ("two", "two again"):
        writing.recall(ada.home, ada.write(text))
    early = ada.write("three", subject="3")
    ada.write("four", subject="4")
    writing.recall(ada.home, early)
    assert ada.state(early) == "recalled"
    exchange(ada, bo)
    assert subjects(bo) == [("4", 0), ("1", 0)]
    assert [letter.number for letter in reading.letters(ada.home)] == [3, 2, None, None, 1]
    assert ada.state(early) == "recalled" and not ada.home.vault.one("SELECT 1 FROM letters WHERE recall_at > 0")


class Chain:
    """Letters written into a vault as an incarnation of a correspondent numbers them."""

    def __init__(self, reader: Person, incarnation: bytes | None, number: int = 1, previous: bytes = FIRST_PREVIOUS):
        self.reader, self.incarnation, self.number, self.previous = reader, incarnation, number, previous

    def next(self, comes: bool = True, incarnation: bytes | None = None) -> rows.Letter | None:
        number, previous = self.number, self.previous
        letter_id = self.reader.entropy.token(16)
        self.number, self.previous = number + 1, id_chain(letter_id, number, previous)
        if not comes:
            return None
        with self.reader.home.vault.transaction():
            return rows.add_letter(
                self.reader.home.vault, id=letter_id, bond=1, direction="in", state="arrived", number=number,
                previous=previous, incarnation=incarnation or self.incarnation,
            )  # fmt: skip

    def copy(self, incarnation: bytes) -> Chain:
        return Chain(self.reader, incarnation, self.number, self.previous)


def missing(reader: Person, letter: rows.Letter | None) -> int:
    assert letter is not None
    summary = rows.summary_of(reader.home.vault, letter.seq)
    found = gaps.missing_before(reader.home, letter)
    assert found == 0 or summary.unnumbered > 0, "the list would not look for it"
    return found


def test_a_vault_put_back_goes_on_from_its_copy_without_a_gap(tmp_path: Path) -> None:
    _ada, bo = bonded(tmp_path)
    old = Chain(bo, b"o" * 16)
    for _ in range(3):
        old.next()
    new = old.copy(b"n" * 16)
    old.next()
    assert missing(bo, new.next()) == 0  # number 4 for the second time, by another incarnation
    assert missing(bo, new.next()) == 0
    new.next(comes=False)
    assert missing(bo, new.next()) == 1


def test_the_first_letter_of_a_copy_may_be_the_one_that_is_missing(tmp_path: Path) -> None:
    _ada, bo = bonded(tmp_path)
    old = Chain(bo, b"o" * 16)
    for _ in range(3):
        old.next()
    new = old.copy(b"n" * 16)
    old.next()
    new.next(comes=False)
    assert missing(bo, new.next()) == 1  # a number 4 is here, and it is not the one before this


def test_a_letter_sealed_again_after_a_restore_joins_both_incarnations(tmp_path: Path) -> None:
    _ada, bo = bonded(tmp_path)
    old = Chain(bo, b"o" * 16)
    old.next()
    second = old.next(incarnation=b"n" * 16)
    assert missing(bo, second) == 0 and missing(bo, old.next()) == 0


def test_letters_of_the_first_version_know_no_incarnation_and_are_no_gap(tmp_path: Path) -> None:
    _ada, bo = bonded(tmp_path)
    before = Chain(bo, None)
    before.next()
    before.next(comes=False)
    assert missing(bo, before.next()) == 1
    since = before.copy(b"n" * 16)
    assert missing(bo, since.next()) == 0
    since.next(comes=False)
    since.next(comes=False)
    assert missing(bo, since.next()) == 2


def test_many_taken_back_at_once_cost_no_search_without_end(tmp_path: Path) -> None:
    _ada, bo = bonded(tmp_path)
    chain = Chain(bo, b"o" * 16)
    with bo.home.vault.transaction():
        for _ in range(300):
            rows.add_letter(bo.home.vault, id=bo.entropy.token(16), bond=1, direction="in", state="returned")
    for _ in range(12):
        chain.next(comes=False)
    before = time.process_time()
    assert missing(bo, chain.next()) == 12
    assert time.process_time() - before < 5


@pytest.mark.parametrize("number", [2, (1 << 32) - 1])
def test_a_first_letter_that_claims_a_high_number(tmp_path: Path, number: int) -> None:
    _ada, bo = bonded(tmp_path)
    assert missing(bo, Chain(bo, b"o" * 16, number, b"p" * 32).next()) == number - 1


def test_a_gap_in_the_letters_of_a_second_vault_with_the_same_numbers_is_seen(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    sent = [ada.write(f"letter {n}", subject=str(n)) for n in (1, 2, 3)]
    exchange(ada, bo)
    here = next(each for each in rows.letters_where(bo.home.vault, "number = 2") if each.direction == "in")
    twin = {"number": 2, "incarnation": here.incarnation, "previous": bytes(range(32)), "subject": "twin"}
    with bo.home.vault.transaction():
        rows.add_letter(bo.home.vault, id=bytes(16), bond=here.bond, direction="in", state="arrived", **twin)
    assert dict(subjects(bo)) == {"1": 0, "2": 0, "3": 0, "twin": 1}
    assert len(sent) == 3
