"""What no code foresaw, on one parcel, does not stop the next (T-POISON-1)."""

from __future__ import annotations

import struct
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag

from people import Person, bonded, exchange
from post_office import of_letter, parcels
from tiercel.errors import Duplicate, MalformedParcel, NewerVersion, SealBroken
from tiercel.parcel import box, note, tags
from tiercel.runtime import opening, reading, spool
from tiercel.runtime.doctor import examine
from tiercel.vault import bundles, roads, settings
from tiercel.wire import to_base32

POISONS: list[type[Exception]] = [
    ValueError, OverflowError, MemoryError, RecursionError, UnicodeError, zlib.error, struct.error, InvalidTag,
    AssertionError, SealBroken, Duplicate, MalformedParcel, KeyError, IndexError, TypeError, ZeroDivisionError,
]  # fmt: skip
"""Those of the threat model (A11) first."""
TRIES_MAX = 3


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
    unforeseen = [error for error in POISONS if error is not Duplicate]  # that is a verdict, and is asked for again
    poisoned = PoisonedOpener({f"poison {n}.": error for n, error in enumerate(unforeseen)})
    monkeypatch.setattr(opening, "decode_letter", poisoned)
    bad, good = [], []
    for n in range(len(unforeseen)):
        bad.append(ada.write(f"poison {n}."))
        good.append(ada.write(f"good {n}"))
    exchange(ada, bo)
    assert {ada.state(letter) for letter in good} == {"arrived"}
    bo.reopen()
    another = ada.write("good too")
    exchange(ada, bo, rounds=6)
    assert ada.state(another) == "arrived" and bo.state(good[0]) == "arrived"
    tries = dict(poisoned.tries)
    assert len(tries) == len(unforeseen) and max(tries.values()) <= 4, "not for ever"
    exchange(ada, bo, rounds=3)
    assert dict(poisoned.tries) == tries
    assert {ada.state(letter) for letter in bad} == {"handed over"}, "no receipt for what was not opened"
    assert not next(each for each in examine(bo.home) if each.what == "post").well


# -- what raises before a bundle is whole ------------------------------------------------------------


class Poisoned:
    """Stands before a function everywhere it is used and raises for some arguments, each time they come."""

    def __init__(self, real: Callable[..., Any], key: Callable[..., bytes | None]) -> None:
        self.real, self.key = real, key
        self.poisons: dict[bytes, type[Exception]] = {}
        self.tries = Counter[bytes]()

    def __call__(self, *arguments: Any) -> Any:
        key = self.key(*arguments)
        if key is not None and key in self.poisons:
            self.tries[key] += 1
            raise self.poisons[key]("poison")
        return self.real(*arguments)


def everywhere(monkeypatch: pytest.MonkeyPatch, poisoned: Poisoned, room: str = "tiercel.") -> None:
    """Put it in the place of the real function in every module that has it under whatever name."""
    for module in [module for name, module in sys.modules.items() if name.startswith(room)]:
        for name, value in list(vars(module).items()):
            if value is poisoned.real:
                monkeypatch.setattr(module, name, poisoned)


def inside(plain: bytes | bytearray) -> bytes:
    """What tells the boxes of one world apart: hash, length and first reference."""
    return bytes(plain[2:50])


SPOTS: dict[str, tuple[Callable[..., Any], Callable[..., bytes | None]]] = {
    "recognise": (tags.recognise, lambda head, _ring: bytes(head[:32])),
    "open_parcel": (box.open_parcel, lambda _keys, _profile, parcel: bytes(parcel[:32])),
    "parse_box": (box.parse_box, inside),
}


@pytest.mark.parametrize("spot", SPOTS)
def test_T_POISON_1_a_parcel_does_not_stop_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spot: str) -> None:
    """One parcel for every exception, each beside a good one, on one road at once."""
    ada, bo = bonded(tmp_path)
    poisoned, boxes = Poisoned(*SPOTS[spot]), dict[bytes, bytes]()
    bad, good = [], []
    for n in range(len(POISONS)):
        bad.append(ada.write(f"bad {n}"))
        good.append(ada.write(f"good {n}"))
    real = box._seal

    def seal(keys: Any, profile: Any, r: bytes, parts: Any) -> bytearray:
        parcel = real(keys, profile, r, parts)
        boxes[bytes(parcel[:32])] = inside(b"".join(map(bytes, parts)))
        return parcel

    with monkeypatch.context() as patch:
        patch.setattr(box, "_seal", seal)
        ada.sync()
    post = tmp_path / "post"
    for letter, error in zip(bad, POISONS, strict=True):
        (head,) = [path.read_bytes()[:32] for path in of_letter(ada, letter, post)]
        poisoned.poisons[boxes[head] if spot == "parse_box" else head] = error
    everywhere(monkeypatch, poisoned)
    names = {path.name for letter in bad for path in of_letter(ada, letter, post)}
    bo.sync()
    assert sorted(each.id for each in reading.letters(bo.home) if each.direction == "in") == sorted(good)
    assert set(poisoned.tries) == set(poisoned.poisons) and set(poisoned.tries.values()) == {1}
    bo.reopen()
    another = ada.write("good too")
    exchange(ada, bo, rounds=6)
    assert {ada.state(letter) for letter in [*good, another]} == {"arrived"}
    if spot == "recognise":  # whose it is nobody can say: it stays, and its head is looked at like any stranger's
        assert names <= {path.name for path in parcels(post)}
        return
    assert set(poisoned.tries.values()) == {TRIES_MAX}, "neither for ever nor too seldom"
    assert not names & {path.name for path in parcels(post)}
    assert {ada.state(letter) for letter in bad} == {"arrived"}, "a fresh parcel of the same letter is no poison"


def test_T_POISON_1_a_note_does_not_stop_the_next_parcel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each note raises something else; the letters beside them come, and what the notes said is said again."""
    ada, bo = bonded(tmp_path)
    poisoned = Poisoned(note.decode_note, bytes)
    errors = list(POISONS)
    real_key = poisoned.key

    def key(record: bytes) -> bytes:
        found = real_key(record)
        assert found is not None
        if errors and found not in poisoned.poisons:
            poisoned.poisons[found] = errors.pop()
        return found

    poisoned.key = key
    everywhere(monkeypatch, poisoned, "tiercel.runtime.")  # who encodes one reads it too
    to_bo, to_ada = [], []
    for n in range(len(POISONS)):
        to_bo.append(ada.write(f"to Bo {n}"))
        to_ada.append(bo.write(f"to Ada {n}"))
        exchange(ada, bo, rounds=1)
        ada.clock.advance(days=0.2)
    exchange(ada, bo, rounds=4)
    assert not errors and set(poisoned.tries) == set(poisoned.poisons)
    assert set(poisoned.tries.values()) == {TRIES_MAX}
    for person, letters in ((ada, to_ada), (bo, to_bo)):
        there = {each.id for each in reading.letters(person.reopen().home) if each.direction == "in"}
        assert there == set(letters)
    for _ in range(8):
        exchange(ada, bo, rounds=2)
        ada.clock.advance(days=2)
    assert {ada.state(letter) for letter in to_bo} == {bo.state(letter) for letter in to_ada} == {"arrived"}
    assert set(poisoned.tries.values()) == {TRIES_MAX}


def test_T_POISON_1_an_enclosure_does_not_stop_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What putting one together raises, at the end of a road or when a visit begins, concerns that one alone."""
    ada, bo = bonded(tmp_path)
    real = spool.EnclosureSpool.finish
    poisons: dict[bytes, type[Exception]] = {}
    tries = Counter[bytes]()

    def finish(self: spool.EnclosureSpool) -> bool:
        if self.tally.is_whole() and self.row.hash in poisons and tries[self.row.hash] < TRIES_MAX:
            tries[self.row.hash] += 1
            raise poisons[self.row.hash]("poison")
        return real(self)

    bad, good = [], []
    foreseen = (SealBroken, Duplicate, MalformedParcel)
    for n, error in enumerate(error for error in POISONS if error not in foreseen):
        path = tmp_path / f"leaf {n}"
        path.write_bytes(b"%d" % n * 100)
        bad.append(ada.write("bad", enclosures=(path,)))
        good.append(ada.write("good"))
        (digest,) = ada.home.vault.all("SELECT bundle_hash FROM enclosures ORDER BY rowid DESC LIMIT 1")[0]
        poisons[digest] = error
    monkeypatch.setattr(spool.EnclosureSpool, "finish", finish)
    ada.sync()
    assert bo.sync().letters == len(good)
    bo.reopen()
    another = ada.write("good too")
    exchange(ada, bo)
    assert {ada.state(letter) for letter in [*good, another]} == {"arrived"}
    assert set(tries) == set(poisons) and set(tries.values()) == {TRIES_MAX}
    exchange(ada, bo, rounds=4)
    assert {ada.state(letter) for letter in bad} == {"arrived"}, "asked for again"


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


def test_what_vanished_by_itself_leaves_no_count_behind(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    ada.write("x")
    ada.sync()
    theirs = {each.name for each in (tmp_path / "post").iterdir()} & bundles.own_on(ada.home.vault, 1).keys()
    data = (tmp_path / "post" / min(theirs)).read_bytes()
    for n in range(3):
        copy = tmp_path / "post" / to_base32(bytes([n]) * 16)
        copy.write_bytes(data[:-20] + bytes(20))
        bo.sync()
        assert roads.poison_names(bo.home.vault, 1) == [copy.name]
        copy.unlink()
    bo.sync()
    assert roads.poison_names(bo.home.vault, 1) == []


def test_a_bundle_that_was_taken_in_after_all_leaves_no_count_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bo = bonded(tmp_path)
    poisoned = PoisonedOpener({"once": MemoryError})
    letter = ada.write("once")
    ada.sync()
    with monkeypatch.context() as patched:
        patched.setattr(opening, "decode_letter", poisoned)
        bo.sync()
    assert len(roads.poison_names(bo.home.vault, 1)) == 1
    exchange(bo, ada)
    assert ada.state(letter) == "arrived" and roads.poison_names(bo.home.vault, 1) == []
