"""What no code foresaw, on one parcel, does not stop the next (T-POISON-1)."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from pathlib import Path

import pytest

from people import Person, bonded, exchange
from tiercel.errors import NewerVersion, SealBroken
from tiercel.runtime import opening, reading
from tiercel.runtime.doctor import examine
from tiercel.vault import settings

POISONS = [
    ValueError, OverflowError, MemoryError, RecursionError, UnicodeError, zlib.error, struct.error, SealBroken,
    AssertionError, KeyError, IndexError, TypeError, ZeroDivisionError,
]  # fmt: skip


class PoisonedOpener:
    """Raises for every bundle whose record says a word."""

    def __init__(self, poisons: dict[str, type[BaseException]]) -> None:
        self.poisons, self.tries = poisons, Counter[str]()
        self.real = opening.decode_letter

    def __call__(self, data: bytes) -> object:
        record = self.real(data)
        for word, error in self.poisons.items():
            if word in record.text:
                self.tries[word] += 1
                raise error("poison")
        return record


def test_T_POISON_1_the_next_letter_still_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bo = bonded(tmp_path)
    poisoned = PoisonedOpener({f"poison {n}.": error for n, error in enumerate(POISONS)})
    monkeypatch.setattr(opening, "decode_letter", poisoned)
    bad, good = [], []
    for n in range(len(POISONS)):
        bad.append(ada.write(f"poison {n}."))
        good.append(ada.write(f"good {n}"))
    exchange(ada, bo)
    assert {ada.state(letter) for letter in good} == {"arrived"}
    bo.reopen()
    another = ada.write("good too")
    exchange(ada, bo, rounds=6)
    assert ada.state(another) == "arrived" and bo.state(good[0]) == "arrived"
    tries = dict(poisoned.tries)
    assert len(tries) == len(POISONS) and max(tries.values()) <= 4, "not for ever"
    exchange(ada, bo, rounds=3)
    assert dict(poisoned.tries) == tries
    assert {ada.state(letter) for letter in bad} == {"handed over"}, "no receipt for what was not opened"
    assert not next(each for each in examine(bo.home) if each.what == "post").well


def test_what_could_not_be_opened_is_tried_again_after_an_upgrade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n, error in enumerate((ValueError, NewerVersion)):
        (tmp_path / str(n)).mkdir()
        ada, bo = bonded(tmp_path / str(n))
        with monkeypatch.context() as patch:
            patch.setattr(opening, "decode_letter", PoisonedOpener({"tomorrow": error}))
            letter = ada.write("words of tomorrow")
            exchange(ada, bo, rounds=5)
        exchange(ada, bo)
        assert ada.state(letter) == "handed over"
        with bo.home.vault.transaction():
            settings.put(bo.home.vault, "tried_with", "0.0.9")
        exchange(ada, bo)
        assert ada.state(letter) == "arrived"
        assert reading.read(bo.home, letter).body == "words of tomorrow"
        assert bo.home.vault.one("SELECT count(*) FROM quarantine") == (0,)


def test_one_file_that_cannot_be_read_does_not_stop_the_road(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiercel.carriers.folder import FolderCarrier
    from tiercel.errors import CarrierError

    ada, bo = bonded(tmp_path)
    (tmp_path / "post" / ("a" * 26)).write_bytes(bytes(65536))
    real = FolderCarrier.head

    def head(self: FolderCarrier, name: str) -> bytes:
        if name == "a" * 26:
            raise CarrierError("One file could not be read.")
        return real(self, name)

    monkeypatch.setattr(FolderCarrier, "head", head)
    letter = ada.write("past the bad sector")
    exchange(ada, bo)
    assert ada.state(letter) == "arrived"
    assert any("could not be read" in notice for notice in bo.sync().notices)


def test_what_was_set_aside_for_good_leaves_quarantine_after_a_month(tmp_path: Path) -> None:
    from tiercel.vault import bundles

    _ada, bo = bonded(tmp_path)
    with bo.home.vault.transaction():
        bundles.quarantine(bo.home.vault, 1, bytes(32), "forged", None, bo.clock.now_ms())
        bundles.quarantine(bo.home.vault, 1, bytes([1] * 32), "newer_version", b"kept", bo.clock.now_ms())
    bo.clock.advance(days=29)
    bo.sync()
    assert bo.home.vault.one("SELECT count(*) FROM quarantine") == (2,)
    bo.clock.advance(days=2)
    bo.sync()
    assert bo.home.vault.all("SELECT verdict FROM quarantine") == [("newer_version",)]


def many_files(ada: Person, folder: Path, count: int) -> str:
    paths = []
    for n in range(count):
        path = folder / f"leaf {n}"
        path.write_bytes(b"%d" % n)
        paths.append(path)
    return ada.write("leaves", enclosures=tuple(paths))


def test_many_enclosures_need_few_open_files(tmp_path: Path) -> None:
    import os
    import resource

    ada, bo = bonded(tmp_path)
    letter = many_files(ada, tmp_path, 220)
    ada.sync()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 110, hard))
    try:
        exchange(bo, ada)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert ada.state(letter) == "arrived"
    assert reading.save_enclosure(bo.home, letter, 77, tmp_path / "post")[0].read_bytes() == b"76"
