"""The thinnest whole way: pair, write, sync, read, receipt."""

from __future__ import annotations

from pathlib import Path

from people import ada_and_bo, bonded, exchange
from tiercel.runtime import bonds, reading


def test_a_letter_goes_and_its_receipt_comes_home(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    assert [bonds.bonds(person.home)[0].state for person in (ada, bo)] == ["bonded", "bonded"]
    letter = ada.write("Lieber Bo,\r\n\r\nes regnet.\n", subject="Regen")
    assert ada.state(letter) == "accepted"
    ada.sync()
    assert ada.state(letter) == "handed over"
    assert bo.sync().letters == 1
    opened = reading.read(bo.home, letter)
    assert opened.body == "Lieber Bo,\r\n\r\nes regnet.\n"
    assert bo.state(letter) == "read"
    bo.sync()
    assert ada.sync().waiting == 0
    assert ada.state(letter) == "arrived"


def test_enclosures_come_whole_and_byte_for_byte(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    small, large = tmp_path / "note.txt", tmp_path / "film.bin"
    small.write_bytes(b"")
    large.write_bytes(bytes(range(256)) * 20_000)
    letter = ada.write("see enclosed", enclosures=(small, large))
    exchange(ada, bo)
    assert ada.state(letter) == "arrived"
    saved, size = reading.save_enclosure(bo.home, letter, 2, tmp_path)
    assert (saved.name, size) == ("film (2).bin", large.stat().st_size)
    assert saved.read_bytes() == large.read_bytes()


def test_under_watch_a_receipt_waits_a_random_part_of_an_hour_with_all_that_wait(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    bo.home.watching = True
    letters = []
    for _ in range(3):
        letters.append(ada.write("one more"))
        exchange(ada, bo, rounds=2)
        ada.clock.advance(ms=1_000)
    due = {row[0] for row in bo.home.vault.all("SELECT due_at FROM notes_due WHERE what = 'receipt'")}
    assert len(due) == 1 and ada.clock.now_ms() < due.pop() < ada.clock.now_ms() + 3_600_000
    assert {ada.state(letter) for letter in letters} == {"handed over"}
    ada.clock.advance(ms=3_600_000)
    exchange(bo, ada)
    assert {ada.state(letter) for letter in letters} == {"arrived"}


def test_refusing_after_our_own_same_left_ends_the_bond_on_both_sides(tmp_path: Path) -> None:
    ada, bo = ada_and_bo(tmp_path)
    bonds.accept(bo.home, bonds.invite(ada.home, "bo", "post"), "ada", "post")
    exchange(bo, ada, rounds=2)
    for person, name in ((ada, "bo"), (bo, "ada")):
        bonds.confirm(person.home, name)
    ada.sync()
    assert bonds.refuse(ada.home, "bo").state == "ended"
    bo.sync()
    assert bonds.bonds(bo.home)[0].state == "bonded"
    letter = bo.write("are you there?")
    bo.sync()
    exchange(ada, bo)
    assert bonds.bonds(bo.home)[0].state == "ended"
    assert bo.state(letter) == "returned"


def test_refusing_before_anything_was_sealed_says_nothing(tmp_path: Path) -> None:
    ada, bo = ada_and_bo(tmp_path)
    bonds.accept(bo.home, bonds.invite(ada.home, "bo", "post"), "ada", "post")
    exchange(bo, ada, rounds=2)
    bonds.confirm(ada.home, "bo")
    assert bonds.refuse(ada.home, "bo").state == "refused"
    exchange(bo, ada)
    assert bonds.bonds(bo.home)[0].confirmed == "none"
