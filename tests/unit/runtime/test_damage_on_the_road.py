"""What is flipped, cut, swapped or renamed in the folder does not stop a letter (T-AUTH, T-POLL at this level)."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from people import bonded, exchange
from post_office import PostOffice, of_letter, parcels
from tiercel.runtime import bonds, reading, writing
from tiercel.runtime.views import Draft, RetentionView


@pytest.mark.parametrize("where", ["head", "body", "end"])
def test_T_AUTH_1_a_flipped_bit(tmp_path: Path, where: str) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("flip")
    ada.sync()
    [path] = of_letter(ada, letter, tmp_path / "post")
    data = bytearray(path.read_bytes())
    data[{"head": 20, "body": 5000, "end": -1}[where]] ^= 4
    path.write_bytes(data)
    exchange(bo, ada, rounds=4)
    if where == "head":  # nobody knows it for a parcel: after thirty days without a word another one follows
        bo.clock.advance(days=31)
    else:
        assert not path.exists(), "removed after a few tries"
    exchange(bo, ada, rounds=4)
    assert ada.state(letter) == "arrived" and not path.exists()
    assert bo.home.vault.one("SELECT count(*) FROM quarantine") == (0,)


@pytest.mark.parametrize("seed", range(4))
def test_T_POLL_1_damage_of_every_kind_to_a_letter_of_many_parcels(tmp_path: Path, seed: int) -> None:
    ada, bo = bonded(tmp_path, seed)
    rng = random.Random(seed)
    office = PostOffice(tmp_path / "post", rng)
    text = "".join(rng.choice("abc äöü\n") for _ in range(300_000))
    film = tmp_path / "film"
    film.write_bytes(rng.randbytes(3_000_000))
    letter = ada.write(text, enclosures=(film,))
    for _ in range(4):
        ada.sync()
        there = of_letter(ada, letter, tmp_path / "post")
        for path in rng.sample(there, len(there) // 2):
            rng.choice([office.flip, office.truncate, office.swap, office.rename, office.copy, office.drop])(path)
        bo.sync()
    for _ in range(2):
        ada.clock.advance(days=31)
        exchange(ada, bo, rounds=5)
    assert ada.state(letter) == "arrived"
    assert reading.read(bo.home, letter).body == text
    assert reading.save_enclosure(bo.home, letter, 1, tmp_path / "post")[0].read_bytes() == film.read_bytes()


def test_only_what_is_missing_of_an_enclosure_is_sent_again(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    film = tmp_path / "film"
    film.write_bytes(random.Random(1).randbytes(12 << 20))
    letter = ada.write("twelve parcels", enclosures=(film,))
    ada.sync()
    stick = [path for path in of_letter(ada, letter, tmp_path / "post") if path.stat().st_size > 65536]
    assert len(stick) > 10
    for path in stick[-2:]:
        path.unlink()
    bo.sync()
    assert bo.state(letter) == "arrived" and not reading.read(bo.home, letter, peek=True).enclosures[0].whole
    report = ada.sync()
    again = [path for path in of_letter(ada, letter, tmp_path / "post") if path.stat().st_size > 65536]
    assert 2 <= len(again) <= 3 and report.put <= 4
    exchange(bo, ada)
    assert ada.state(letter) == "arrived"
    assert reading.save_enclosure(bo.home, letter, 1, tmp_path / "post")[0].read_bytes() == film.read_bytes()


def test_a_want_in_many_copies_is_answered_once_a_visit(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    film = tmp_path / "film"
    film.write_bytes(random.Random(1).randbytes(6 << 20))
    letter = ada.write("film", enclosures=(film,))
    ada.sync()
    for path in of_letter(ada, letter, tmp_path / "post")[1:-1]:
        path.unlink()
    before = set(parcels(tmp_path / "post"))
    bo.sync()
    [note] = set(parcels(tmp_path / "post")) - before
    office = PostOffice(tmp_path / "post", random.Random(1))
    for _ in range(30):
        office.copy(note)
    assert ada.sync().put <= 10


@pytest.mark.parametrize("how", ["reply", "read receipt"])
def test_enclosures_go_on_after_the_text_was_answered_or_read(tmp_path: Path, how: str) -> None:
    """The writer stopped sending, and the enclosures never came."""
    ada, bo = bonded(tmp_path)
    film = tmp_path / "film"
    film.write_bytes(random.Random(1).randbytes(5 << 20))
    bonds.set_retention(ada.home, "bo", RetentionView("bo", "until-receipt", None))
    bonds.set_retention(bo.home, "ada", RetentionView("ada", "keep", 0))
    letter = ada.write("film", enclosures=(film,))
    ada.sync()
    for path in of_letter(ada, letter, tmp_path / "post"):
        if path.stat().st_size > 65536:
            path.unlink()
    bo.sync()
    reading.read(bo.home, letter, receipt=how == "read receipt")
    bonds.set_retention(bo.home, "ada", RetentionView("ada", "keep", None))
    if how == "reply":
        writing.write(bo.home, Draft("ada", "thank you, where is the film?", reply_to=letter))
    exchange(bo, ada, rounds=1)
    assert ada.state(letter) == {"reply": "answered", "read receipt": "read"}[how]
    assert ada.letter(letter).arrived_at is None
    exchange(bo, ada)
    assert ada.letter(letter).arrived_at is not None
    assert reading.save_enclosure(bo.home, letter, 1, tmp_path / "post")[0].read_bytes() == film.read_bytes()


def test_nothing_is_burnt_while_its_enclosures_are_on_their_way(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    film = tmp_path / "film"
    film.write_bytes(random.Random(1).randbytes(5 << 20))
    bonds.set_retention(bo.home, "ada", RetentionView("ada", "keep", 0))
    letter = ada.write("film", enclosures=(film,))
    ada.sync()
    for path in of_letter(ada, letter, tmp_path / "post"):
        if path.stat().st_size > 65536:
            path.unlink()
    bo.sync()
    reading.read(bo.home, letter)
    bo.sync()
    assert reading.read(bo.home, letter).body == "film"
    exchange(ada, bo)
    assert ada.state(letter) == "arrived"
    assert reading.read(bo.home, letter).body == ""


def test_the_peer_that_says_have_is_not_sent_that_bundle_again(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(bytes(3 << 20))
    two.write_bytes(random.Random(2).randbytes(3 << 20))
    letter = ada.write("two films", enclosures=(one, two))
    ada.sync()
    rows = ada.home.vault.all("SELECT bundle_hash FROM enclosures ORDER BY n")
    names = [
        {name for (name,) in ada.home.vault.all("SELECT name FROM handed WHERE bundle = ?", digest)}
        for (digest,) in rows
    ]
    for name in names[1]:
        (tmp_path / "post" / name).unlink()
    bo.sync()
    ada.sync()
    assert ada.home.vault.all("SELECT peer_has FROM bundles_out WHERE hash = ?", rows[0][0]) == [(1,)]
    there = {path.name for path in of_letter(ada, letter, tmp_path / "post")}
    assert there and not there & names[0]
    exchange(bo, ada)
    assert ada.state(letter) == "arrived"


def test_receipts_leave_with_a_later_visit_than_the_letter_came(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    ada.write("hello")
    ada.sync()
    report = bo.sync()
    assert (report.letters, report.put) == (1, 0)
    assert bo.sync().put == 1


def test_parcels_of_ours_leave_the_road_after_sixty_days(tmp_path: Path) -> None:
    ada, _bo = bonded(tmp_path)
    letter = ada.write("wait")
    ada.sync()
    [first] = of_letter(ada, letter, tmp_path / "post")
    ada.clock.advance(days=29)
    ada.sync()
    assert of_letter(ada, letter, tmp_path / "post") == [first]
    ada.clock.advance(days=30)
    ada.sync()
    assert first.exists() and len(of_letter(ada, letter, tmp_path / "post")) == 2, "a second pass after thirty days"
    ada.clock.advance(days=1)
    ada.sync()
    assert not first.exists() and len(of_letter(ada, letter, tmp_path / "post")) == 1
