"""Parcels that come months late, and parcels that come again (T-LATE-1, T-DUP-1, T-DUP-2)."""

from __future__ import annotations

import random
from pathlib import Path

from people import Person, bonded, exchange
from post_office import PostOffice, of_letter, parcels
from tiercel.runtime import reading


def keep_back(ada: Person, letter: str, post: Path) -> list[bytes]:
    """Take every parcel of a letter off the road; give what they were."""
    taken = []
    for path in of_letter(ada, letter, post):
        taken.append(path.read_bytes())
        path.unlink()
    return taken


def test_T_LATE_1_a_letter_overtaken_by_300_opens_on_its_last_day(tmp_path: Path) -> None:
    days = 120
    ada, bo = bonded(tmp_path)
    post = tmp_path / "post"
    late = ada.write("I was first")
    ada.sync()
    first = keep_back(ada, late, post)
    assert first
    per_day = 300 / days
    sent = 0.0
    for _day in range(days):
        ada.clock.advance(days=1)
        sent += per_day
        while sent >= 1:
            (ada, bo)[int(sent) % 2].write("overtaking")
            sent -= 1
        ada.sync()
        keep_back(ada, late, post)
        bo.sync()
    assert not [each for each in reading.letters(bo.home) if each.id == late]
    for path in parcels(post):
        path.unlink()
    for parcel in first:
        PostOffice(post, random.Random(1)).put(parcel)
    assert bo.sync().letters == 1
    assert reading.read(bo.home, late).body == "I was first"
    exchange(bo, ada)
    assert ada.state(late) == "arrived"


def test_T_LATE_1_after_its_last_day_it_is_not_shown_and_harms_nothing(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    post = tmp_path / "post"
    late = ada.write("too late")
    ada.sync()
    first = keep_back(ada, late, post)
    for _ in range(26):
        ada.clock.advance(days=10)
        for person in (ada, bo):
            person.sync()
            keep_back(ada, late, post)
    for parcel in first:
        PostOffice(post, random.Random(1)).put(parcel)
    bo.sync()
    assert not [each for each in reading.letters(bo.home) if each.id == late]
    exchange(ada, bo)  # the writer sealed it again, and nobody takes it away now
    assert ada.state(late) == "arrived" and reading.read(bo.home, late).body == "too late"


def test_T_DUP_1_and_2_every_parcel_again_and_again_for_a_year_is_shown_once(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    rng, post = random.Random(9), tmp_path / "post"
    office = PostOffice(post, rng)
    kept: list[bytes] = []
    letters, shown = [], 0
    for day in range(0, 300, 6):
        if day < 200:
            letters += [ada.write(f"ada {day}"), bo.write(f"bo {day}")]
        for person in (ada, bo):
            shown += person.sync().letters
            if len(kept) < 150 and day % 3 == 0:
                kept += [path.read_bytes() for path in parcels(post) if path.name not in office.made]
        for parcel in rng.sample(kept, min(len(kept), 10)):
            office.put(parcel)
        if rng.random() < 0.3:
            rng.choice((ada, bo)).reopen()
        ada.clock.advance(days=6)
    for parcel in kept:  # after day 247: the keys and the epochs of the first are gone
        office.put(parcel)
    for person in (ada, bo, ada, bo):
        shown += person.sync().letters
    assert shown == len(letters)
    for person in (ada, bo):
        assert len(reading.letters(person.home)) == len(letters)
        assert {each.state for each in reading.letters(person.home)} == {"arrived"}


def test_a_duplicate_repeats_the_receipt_at_most_daily(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    post = tmp_path / "post"
    office = PostOffice(post, random.Random(2))
    letter = ada.write("again")
    ada.sync()
    [copy] = [path.read_bytes() for path in of_letter(ada, letter, post)]
    bo.sync()
    bo.sync()
    for path in parcels(post):
        path.unlink()  # the receipt is lost
    put = []
    for _ in range(6):
        office.put(copy)
        bo.sync()
        put.append(bo.sync().put)
        bo.clock.advance(days=0.4)
    assert put == [0, 0, 0, 1, 0, 0]
    assert ada.sync().waiting == 0


def test_a_letter_to_a_last_resort_key_that_died_is_sealed_again(tmp_path: Path) -> None:
    """It was taken for a duplicate of the first letter that key had opened, and dropped without a word."""
    ada, bo = bonded(tmp_path)
    with ada.home.vault.transaction():
        ada.home.vault.run("DELETE FROM prekeys_theirs WHERE kind = 'one-time'")
    first, second = ada.write("opens the last resort"), ada.write("sealed to it too")
    ada.sync()
    assert ada.home.vault.one("SELECT count(*) FROM letters WHERE weaker = 1") == (2,)
    held = keep_back(ada, second, tmp_path / "post")
    bo.sync()
    assert [each.id for each in reading.letters(bo.home)] == [first]
    with bo.home.vault.transaction():  # 247 days after a newer one was acknowledged
        bo.home.vault.run("UPDATE prekeys_ours SET superseded_at = 0 WHERE kind = 'last-resort'")
    bo.sync()
    assert bo.home.vault.one("SELECT count(*) FROM prekeys_ours WHERE kind = 'last-resort' AND superseded_at = 0") == (
        0,
    )
    for parcel in held:
        PostOffice(tmp_path / "post", random.Random(3)).put(parcel)
    exchange(bo, ada, rounds=4)
    assert ada.state(second) == "arrived"
    assert reading.read(bo.home, second).body == "sealed to it too"


def test_word_that_a_key_is_gone_is_said_again_if_it_was_lost(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    post = tmp_path / "post"
    letter = ada.write("to a key that is gone")
    ada.sync()
    with bo.home.vault.transaction():
        bo.home.vault.run("DELETE FROM prekeys_ours WHERE kind = 'one-time'")
    bo.sync()
    for path in parcels(post):
        path.unlink()  # the stick with the word is lost
    ada.sync()
    bo.clock.advance(days=1)
    exchange(bo, ada, rounds=4)
    assert ada.state(letter) == "arrived"


def test_every_older_last_resort_key_is_superseded(tmp_path: Path) -> None:
    """One whose letter was sealed twice was never acknowledged, so it lived for ever."""
    ada, bo = bonded(tmp_path)
    for _ in range(3):
        with ada.home.vault.transaction():
            ada.home.vault.run("UPDATE prekeys_ours SET letter = NULL, acked_at = NULL WHERE kind = 'last-resort'")
        ada.clock.advance(days=31)
        ada.write("x" * 3000)
        exchange(ada, bo)
    live = ada.home.vault.one("SELECT count(*) FROM prekeys_ours WHERE kind = 'last-resort' AND superseded_at IS NULL")
    assert live == (1,)
