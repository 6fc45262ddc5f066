"""What letters wait for is asked for again: a little of it, and not for ever."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import msgspec
import pytest

from people import START_MS, Person, bonded, exchange
from tiercel.delivery.asking import ASKED_AGAIN_MAX
from tiercel.letter.record import EnclosureRecord, LetterRecord
from tiercel.limits import DAY_MS
from tiercel.runtime import housekeeping, seals
from tiercel.vault import bundles

WEEK_DAYS = 8


def _wants(person: Person) -> list[tuple[bytes, bytes]]:
    return person.home.vault.all("SELECT subject, detail FROM notes_due WHERE what = 'want'")


def _named(folder: Path, patch: pytest.MonkeyPatch, count: int, size: int) -> Person:
    """Ada, who has a letter that names enclosures of which nothing ever comes."""
    ada, bo = bonded(folder)
    exchange(ada, bo)
    real, listed = seals._record, []
    for _ in range(count):
        listed.append(EnclosureRecord(key=bytes(32), bundle_hash=os.urandom(32), size=size, name="a", kind="b"))

    def record(*args: object) -> LetterRecord:
        made = real(*args)  # type: ignore[arg-type]
        return msgspec.structs.replace(made, enclosures=tuple(listed)) if made.kind == 0 else made

    with patch.context() as patched:
        patched.setattr(seals, "_record", record)
        bo.write("pictures")
        bo.sync()
    ada.sync()
    return ada


def test_a_thousand_enclosures_that_nobody_has_draw_few_wants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = _named(tmp_path, monkeypatch, 1000, 1 << 20)
    ada.clock.advance(days=WEEK_DAYS)
    before = ada.home.vault.generation
    housekeeping.tick(ada.home)
    assert ada.home.vault.generation == before + 1, "one commit for all"
    wants = _wants(ada)
    assert len(wants) == ASKED_AGAIN_MAX
    assert {struct.unpack(">IH", detail)[0] for _subject, detail in wants} == {0}, "the rest once something came"
    housekeeping.tick(ada.home)
    assert len(_wants(ada)) == 2 * ASKED_AGAIN_MAX, "others at the next visit"


def test_what_has_no_room_is_not_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = _named(tmp_path, monkeypatch, 3, 1 << 20)
    monkeypatch.setattr(housekeeping, "SPOOL_FREE_PARTS", 1 << 50)
    ada.clock.advance(days=WEEK_DAYS)
    housekeeping.tick(ada.home)
    assert _wants(ada) == []


def test_what_nobody_sends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = _named(tmp_path, monkeypatch, 1, 1 << 20)
    asked = []
    for _week in range(40):
        ada.clock.advance(days=WEEK_DAYS)
        ada.sync()
        asked.append(ada.home.vault.one("SELECT asked_at FROM enclosures"))
    assert asked[28] != (None,) and asked[31:] == [(None,)] * 9


def test_after_a_deadline_the_rest_is_given_up_and_its_half_dropped(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    (tmp_path / "film").write_bytes(os.urandom(3_000_000))
    ada.write("film", enclosures=(tmp_path / "film",), deadline_day=START_MS // DAY_MS + 5)
    ada.sync()
    large = [each for each in (tmp_path / "post").iterdir() if each.stat().st_size > 100_000]
    large[0].unlink()
    bo.sync()
    for each in large[1:]:
        each.unlink(missing_ok=True)
    assert bundles.coming_bytes(bo.home.vault, 1) > 0
    for _week in range(2):
        ada.clock.advance(days=WEEK_DAYS)
        exchange(ada, bo, rounds=1)
    assert bundles.coming_bytes(bo.home.vault, 1) == 0 and not _wants(bo)
    for _month in range(9):
        ada.clock.advance(days=30)
        exchange(ada, bo, rounds=1)
    assert bo.home.vault.all("SELECT hash FROM bundles_in WHERE kind = 2") == []
    assert list(bo.home.vault.enclosures.iterdir()) == []
