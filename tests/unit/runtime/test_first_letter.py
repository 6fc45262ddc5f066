"""The thinnest whole way: pair, write, sync, read, receipt."""

from __future__ import annotations

from pathlib import Path

from people import bonded, exchange
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
