"""What went wrong when a process was killed or two ran at once: one test for each thing found."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from people import Person, ada_and_bo, bonded, exchange
from tiercel.delivery.rows import Handed
from tiercel.errors import DiskFull, NameTaken, TwoAnswers, UsageError, VaultError
from tiercel.limits import DAY_MS
from tiercel.runtime import bonds, pairing_road, putting, reading, spools, syncing, writing
from tiercel.runtime.home import Home
from tiercel.runtime.planning import RoadAt
from tiercel.runtime.writing_roads import Writing


def test_a_letter_that_was_asked_back_is_not_sealed_again(tmp_path: Path) -> None:
    """The recall dropped the seal, and the next visit took a fresh key and sent the letter anew."""
    ada, bo = bonded(tmp_path)
    letter = ada.write("Do not read this.")
    ada.sync()
    bo.sync()
    writing.recall(ada.home, letter)
    ada.sync()
    assert not ada.home.vault.all("SELECT 1 FROM bundles_out JOIN letters ON seq = letter WHERE letters.kind = 0")
    exchange(bo, ada)
    assert ada.state(letter) == "returned" and not reading.letters(bo.home)


def test_a_letter_recalled_while_a_visit_runs_does_not_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The visit had listed the letter, the recall found nothing on the roads, and the visit then put it there."""
    ada, bo = bonded(tmp_path)
    letter = ada.write("Not this one.")
    real = Writing.write

    def recalled_now(self: Writing) -> None:
        assert writing.recall(ada.home, letter).state == "recalled"
        real(self)

    with monkeypatch.context() as patch:
        patch.setattr(Writing, "write", recalled_now)
        assert ada.sync().put == 0
    exchange(bo, ada)
    assert ada.state(letter) == "recalled" and not reading.letters(bo.home)


def test_an_enclosure_cut_off_between_its_note_and_its_hash_is_not_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All its parcels were off the road, and only a whole second pass made anybody look at the file."""
    ada, bo = bonded(tmp_path)
    enclosed = tmp_path / "plan.bin"
    enclosed.write_bytes(os.urandom(3 << 20))
    letter = ada.write("Here is the plan.", enclosures=(enclosed,))
    ada.sync()

    class Killed(BaseException): ...

    def killed(_self: object, _key: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(spools.Spools, "_finish", killed)
        with pytest.raises(Killed):
            syncing.sync(bo.home)
    bo.reopen().sync()
    assert reading.read(bo.home, letter).enclosures[0].whole
    bo.sync()
    ada.sync()
    assert ada.state(letter) == "arrived"


def test_what_a_killed_write_left_in_the_vault_is_swept_after_a_day(tmp_path: Path) -> None:
    """An enclosure sealed for a letter that was never stored took room for ever."""
    ada, bo = bonded(tmp_path)
    enclosed = tmp_path / "kept.bin"
    enclosed.write_bytes(b"kept" * 1000)
    letter = ada.write("With a file.", enclosures=(enclosed,))
    orphan, fresh, foreign = (ada.home.vault.enclosures / name for name in ("ab" * 16, "cd" * 16, "notes.txt"))
    for path in (orphan, fresh, foreign):
        path.write_bytes(b"left over")
    now = ada.clock.advance(days=1) / 1000  # it is looked for once a day
    for path in ada.home.vault.enclosures.iterdir():
        os.utime(path, (now - 3 * DAY_MS / 1000,) * 2)
    os.utime(fresh, (now, now))
    ada.sync()
    assert not orphan.exists() and fresh.exists() and foreign.exists()
    exchange(bo, ada)
    assert reading.save_enclosure(bo.home, letter, 1, tmp_path)[1] == 4000


def test_half_a_pairing_parcel_does_not_stay_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next visit forgot the name of what a killed one was writing, so that nobody ever took it away."""
    ada, bo = ada_and_bo(tmp_path)
    bonds.accept(bo.home, bonds.invite(ada.home, "bo", "post"), "ada", "post")

    class Killed(BaseException): ...

    def killed(_home: Home, road: RoadAt, parcels: list[tuple[Handed, bytearray]]) -> None:
        (tmp_path / "post" / (parcels[0][0].name + ".part")).write_bytes(b"half")
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(pairing_road, "put_sealed", killed)
        with pytest.raises(Killed):
            syncing.sync(bo.home)
    exchange(bo, ada, bo)
    assert not list((tmp_path / "post").glob("*.part"))


def sync_killed_before_the_word(person: Person, patch: pytest.MonkeyPatch) -> None:
    """A visit that ends after its last parcel lies on the road, before that is remembered."""

    class Killed(BaseException): ...

    def killed(*_args: object) -> None:
        raise Killed

    with patch.context() as inner:
        inner.setattr(putting, "ParcelsPut", killed)
        with pytest.raises(Killed):
            syncing.sync(person.home)
    person.reopen()


def test_a_letter_whose_parcels_were_put_before_a_kill_is_handed_over_at_the_next_visit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was called sealed for as long as its parcels lay on the road."""
    ada, bo = bonded(tmp_path)
    letter = ada.write("Hello.")
    sync_killed_before_the_word(ada, monkeypatch)
    assert ada.state(letter) == "sealed"
    assert ada.sync().put == 0
    assert ada.state(letter) == "handed over"
    assert [event.what for event in reading.track(ada.home, letter).events].count("handed over") == 1
    ada.sync()
    assert [event.what for event in reading.track(ada.home, letter).events][-1] == "handed over"
    exchange(bo, ada)
    assert ada.state(letter) == "arrived"


def test_a_letter_that_may_have_left_is_not_called_recalled_before_it_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sealed, on the road, and its road then forgotten: no row told that it had left, and the other side had it."""
    ada, bo = bonded(tmp_path)
    letter = ada.write("Do not read this.")
    sync_killed_before_the_word(ada, monkeypatch)
    with ada.home.vault.transaction():
        ada.home.vault.run("DELETE FROM handed")
    assert writing.recall(ada.home, letter).state == "sealed"
    exchange(bo, ada)
    assert ada.state(letter) == "returned" and not reading.letters(bo.home)


def test_the_pairing_key_is_gone_once_an_opening_is_sealed_to_it(tmp_path: Path) -> None:
    """It stayed in the vault for the life of the bond, and nothing but the state of one letter kept it from use."""
    ada, bo = bonded(tmp_path)
    for person in (ada, bo):
        assert not person.home.vault.all("SELECT 1 FROM prekeys_theirs WHERE kind = 'pairing'")
        assert not person.home.vault.all("SELECT 1 FROM prekeys_ours WHERE kind = 'pairing'")


def test_whoever_refuses_may_invite_the_same_person_anew(tmp_path: Path) -> None:
    """A warning told people to refuse and invite anew, and the refused bond then held the name."""
    ada, bo = ada_and_bo(tmp_path)
    for _ in range(3):
        line = bonds.invite(ada.home, "bo", "post")
        assert bonds.invite(ada.home, "bo", "post") == line
        with pytest.raises(NameTaken):
            bonds.accept(ada.home, bonds.invite(bo.home, "other", "post"), "bo", "post")
        bonds.refuse(ada.home, "bo")
    bonds.accept(bo.home, bonds.invite(ada.home, "bo", "post"), "ada", "post")
    assert [(view.name, view.state) for view in bonds.bonds(ada.home)] == [
        ("bo (refused 1)", "refused"), ("bo (refused 2)", "refused"), ("bo (refused 3)", "refused"), ("bo", "pairing"),
    ]  # fmt: skip
    exchange(bo, ada, rounds=2)
    assert bonds.words(ada.home, "bo").words == bonds.words(bo.home, "ada").words


def test_two_answers_are_said_before_there_are_words(tmp_path: Path) -> None:
    """The wrong one of two who answered may take every message, and `confirm` then said for ever "not yet"."""
    ada, bo = ada_and_bo(tmp_path)
    invitation = bonds.invite(ada.home, "bo", "post")
    for name in ("ada", "ada too"):
        with bo.home.vault.transaction():  # as if somebody else had taken it up
            bo.home.vault.run("UPDATE pairings SET road_secret = zeroblob(32)")
        bonds.accept(bo.home, invitation, name, "post")
        bo.sync()
    ada.sync()
    assert bonds.bonds(ada.home)[0].state == "pairing"
    with pytest.raises(TwoAnswers):
        bonds.confirm(ada.home, "bo")


@pytest.mark.parametrize(("number", "error"), [(errno.ENOSPC, DiskFull), (errno.EIO, VaultError)])
@pytest.mark.parametrize("call", ["open", "pwrite", "fsync"])
def test_a_disk_that_fails_under_an_enclosure_ends_in_its_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, error: type[Exception]
) -> None:
    """Opening, decoding and the last sync were bugs, and a failing disk was called full."""
    ada, bo = bonded(tmp_path)
    enclosed = tmp_path / "plan.bin"
    enclosed.write_bytes(os.urandom(300_000))
    letter = ada.write("Here is the plan.", enclosures=(enclosed,))
    ada.sync()
    whole = getattr(os, call)

    def failing(*args: object, **more: object) -> object:
        caller = sys._getframe(1).f_code.co_filename
        if caller.endswith(("spool.py", "working.py")):
            raise OSError(number, os.strerror(number))
        return whole(*args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        with pytest.raises(error):
            syncing.sync(bo.home)
    bo.reopen()
    exchange(bo, ada)
    assert ada.state(letter) == "arrived"


@pytest.mark.parametrize(("number", "kind"), [(errno.EACCES, UsageError), (errno.ENOSPC, DiskFull)])
def test_a_file_that_cannot_be_read_is_not_called_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    ada, _bo = bonded(tmp_path)
    note = tmp_path / "note"
    note.write_text("a note")

    def refused(*_: object) -> bytes:
        raise OSError(number, "refused")

    monkeypatch.setattr(writing, "seal_stream", refused)
    with pytest.raises(kind):
        ada.write("see the note", enclosures=(note,))
    assert not list(ada.home.vault.enclosures.iterdir()) and not reading.letters(ada.home)
