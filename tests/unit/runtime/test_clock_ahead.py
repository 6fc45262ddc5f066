"""A machine that ran once in the wrong year: what it stored then must not decide anything until that year."""

from __future__ import annotations

from pathlib import Path

import pytest

from people import Person, bonded, exchange
from tiercel.limits import DAY_MS
from tiercel.runtime import trust, writing
from tiercel.testing.clock import FakeClock

AHEAD = 3650


def run_ahead(person: Person, watching: bool = False) -> None:
    """One visit ten years ahead; then the clock is right again, and the person says so."""
    right = person.clock
    person.clock = FakeClock(right.now_ms() + AHEAD * DAY_MS)
    person.reopen()
    person.home.watching = watching
    person.sync()
    person.clock = right
    person.reopen()
    trust.clock_ok(person.home)


def test_a_receipt_queued_ahead_of_time_leaves_with_the_next_visit(tmp_path: Path) -> None:
    """Under watch its instant was drawn in 2035, and every later receipt of the bond joined it there."""
    ada, bo = bonded(tmp_path)
    letter = ada.write("one")
    ada.sync()
    run_ahead(bo, watching=True)
    later = ada.write("two")
    exchange(ada, bo)
    assert ada.state(letter) == ada.state(later) == "arrived"


def test_a_receipt_that_is_lost_is_said_again_although_it_was_queued_in_another_year(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("one")
    ada.sync()
    run_ahead(bo)
    bo.sync()
    for path in (tmp_path / "post").iterdir():
        path.unlink()
    ada.clock.advance(days=2)
    exchange(ada, bo)
    assert ada.state(letter) == "arrived"


def test_a_recall_asked_in_another_year_is_asked_again(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("one")
    ada.sync()
    right = ada.clock
    ada.clock = FakeClock(right.now_ms() + AHEAD * DAY_MS)
    ada.reopen()
    writing.recall(ada.home, letter)
    ada.sync()
    for path in (tmp_path / "post").iterdir():
        path.unlink()
    ada.clock = right
    ada.reopen()
    ada.sync()
    exchange(bo, ada)
    assert ada.state(letter) == "returned"


def test_what_decides_is_brought_back_when_a_person_says_the_clock_is_right(tmp_path: Path) -> None:
    """Roots, prekeys and parcels stamped ten years ahead were not renewed, deleted or repeated for ten years."""
    ada, bo = bonded(tmp_path)
    ada.write("one")
    ada.sync()
    bo.write("two")
    run_ahead(bo)
    now = bo.clock.now_ms()
    for table, column in (
        ("bonds", "service_at"), ("roots", "since_at"), ("letters", "receipt_at"), ("handed", "at"),
        ("bundles_in", "first_at"),
    ):  # fmt: skip
        assert bo.home.vault.one(f"SELECT coalesce(max({column}), 0) <= ? FROM {table}", now) == (1,), table
    for table in ("prekeys_ours", "prekeys_theirs", "bundles_out"):
        assert bo.home.vault.one(f"SELECT coalesce(max(made_day), 0) <= ? FROM {table}", now // DAY_MS) == (1,), table


@pytest.mark.parametrize("days", [46, 400])
def test_a_seal_is_not_let_go_on_the_word_of_a_clock_in_doubt(tmp_path: Path, days: int) -> None:
    ada, _bo = bonded(tmp_path)
    ada.write("one")
    ada.sync()
    before = ada.home.vault.all("SELECT hash FROM bundles_out")
    ada.clock.advance(days=days)
    ada.reopen().sync()
    assert set(before) <= set(ada.home.vault.all("SELECT hash FROM bundles_out"))


def test_a_file_being_sealed_is_not_swept_on_the_word_of_a_clock_in_doubt(tmp_path: Path) -> None:
    ada, _bo = bonded(tmp_path)
    fresh = ada.home.vault.enclosures / ("ab" * 16)
    fresh.write_bytes(b"half")
    ada.clock.advance(days=20_000)
    ada.reopen().sync()
    assert fresh.exists()
