"""Parcels that come again, from every side, for most of a year (T-DUP-1), and when all is forgotten (T-DUP-2)."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hostile import Hostile
from people import Person, bonded, exchange
from post_office import of_letter, parcels, settle
from tiercel.limits import DAY_MS, PREKEY_KEPT_DAYS
from tiercel.runtime import problems, reading, syncing
from tiercel.runtime.roads import add_folder, set_bond_roads
from tiercel.vault.store import Vault
from tiercel.wire import to_base32

ROADS = ("post", "share", "stick")
COPIES_MAX = 5


class KilledError(BaseException):
    """The power went."""


class Carriers:
    """Three folders that deliver every parcel some times, none to five, on whichever of them, days or weeks later."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folders = [folder / name for name in ROADS]
        self.rng = rng
        self.made: set[str] = set()
        self.later: list[tuple[int, bytes]] = []
        self.copies: Counter[int] = Counter()

    def take(self, now: int) -> None:
        """Take every new parcel off its folder, and decide how often and when it comes out."""
        for folder in self.folders:
            for path in parcels(folder):
                if path.name in self.made:
                    continue
                data, count = path.read_bytes(), self.rng.randrange(COPIES_MAX + 1)
                path.unlink()
                self.copies[count] += 1
                self.later += [(now + int(self.rng.expovariate(0.2) * DAY_MS), data) for _ in range(count)]

    def bring(self, now: int) -> None:
        """Put what is due on some folder under a new name."""
        due = [data for at, data in self.later if at <= now]
        self.later = [(at, data) for at, data in self.later if at > now]
        for data in due:
            name = to_base32(self.rng.randbytes(16))
            self.made.add(name)
            (self.rng.choice(self.folders) / name).write_bytes(data)


@contextlib.contextmanager
def dying(at: int, committed: bool) -> Iterator[None]:
    """Die at the n-th transaction from now, before it or right after its commit."""
    real, seen = Vault.transaction, 0

    @contextlib.contextmanager
    def transaction(vault: Vault, *given: Any, **named: Any) -> Iterator[Any]:
        nonlocal seen
        seen += 1
        if seen == at and not committed:
            raise KilledError
        with real(vault, *given, **named) as block:
            yield block
        if seen == at:
            raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Vault, "transaction", transaction)
        yield


def visit(person: Person, rng: random.Random, done: Counter[str]) -> None:
    """A visit, which one time in four is cut off somewhere."""
    if rng.random() >= 0.25:
        done["new"] += person.sync().letters
        return
    committed = rng.random() < 0.5
    try:
        with dying(rng.randrange(1, 15), committed):
            syncing.sync(person.home)
    except KilledError:
        done["killed after a commit" if committed else "killed before a commit"] += 1
        person.reopen()


def test_T_DUP_1(tmp_path: Path) -> None:
    """Every parcel none to five times, on three carriers, over 200 days, with crashes: each letter is shown once."""
    rng, done = random.Random(20), Counter[str]()
    ada, bo = bonded(tmp_path)
    for person, other in ((ada, "bo"), (bo, "ada")):
        for name in ROADS[1:]:
            (tmp_path / name).mkdir(exist_ok=True)
            add_folder(person.home, name, str(tmp_path / name))
        set_bond_roads(person.home, other, [(name, 0) for name in ROADS])
    carriers = Carriers(tmp_path, rng)
    written: dict[str, str] = {}
    for day in range(200):
        for person in rng.sample((ada, bo), 2):
            if rng.random() < 0.15:
                text = f"{person.name} {day} " + "x" * rng.choice([0, 0, 0, 5000])
                written[person.write(text)] = text
            if rng.random() < 0.6:
                visit(person, rng, done)
            carriers.take(ada.clock.now_ms())
        carriers.bring(ada.clock.now_ms())
        for person in (ada, bo):
            ids = [each.id for each in reading.letters(person.home)]
            assert len(ids) == len(set(ids)) and set(ids) <= set(written)
        ada.clock.advance(days=1)
    carriers.bring(1 << 62)
    settle((ada, bo))
    assert set(carriers.copies) == set(range(COPIES_MAX + 1)) and min(carriers.copies.values()) > 20, carriers.copies
    assert min(done["killed before a commit"], done["killed after a commit"]) >= 10, done
    assert len(written) > 40
    for person in (ada, bo):
        letters = reading.letters(person.home)
        assert sorted(each.id for each in letters) == sorted(written)
        assert {(each.state, each.missing_before) for each in letters} == {("arrived", 0)}
        for each in letters:
            assert reading.read(person.home, each.id, peek=True).body == written[each.id]
            assert [event.what for event in reading.track(person.home, each.id).events].count("arrived") in (
                (1,) if each.direction == "in" else (0,)
            )
    assert done["new"] <= len(written), "no letter was called new twice"


# -- when the keys are gone ----------------------------------------------------------------------------


def live_on(ada: Person, bo: Person, days: int) -> None:
    """A calm correspondence: a letter each way every twenty days."""
    for day in range(0, days, 10):
        if day % 20 == 0:
            ada.write("still here")
            bo.write("so am I")
        exchange(ada, bo, rounds=1)
        ada.clock.advance(days=10)
    exchange(ada, bo)


def sealed(ada: Person) -> bytes:
    """The one letter bundle under way."""
    ((bundle,),) = ada.home.vault.all("SELECT sealed FROM bundles_out WHERE sealed IS NOT NULL")
    return bytes(bundle)


def test_T_DUP_2_an_old_parcel_is_not_even_recognised(tmp_path: Path) -> None:
    """After the remembering window the epoch keys are gone: a replay is noise, which nobody sees and nobody answers."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    letter = ada.write("long ago")
    ada.sync()
    old = [path.read_bytes() for path in of_letter(ada, letter, tmp_path / "post")]
    bundle = sealed(ada)
    live_on(ada, bo, PREKEY_KEPT_DAYS + 40)
    before = [each.id for each in reading.letters(bo.home)]
    hostile = Hostile(ada.home, tmp_path / "post", seed=1, gifts=0)
    for data in old:
        hostile.put(data)
    report = bo.sync()
    assert (report.got, report.put, report.letters) == (0, 0, 0)
    assert {path.name for path in parcels(tmp_path / "post")} == hostile.names, "what nobody recognises stays"
    hostile.bundle(bundle)  # by somebody who has the parcel keys of today
    for _ in range(3):
        report = bo.sync()
        assert report.letters == 0 and not problems.problems(bo.home)
    assert [each.id for each in reading.letters(bo.home)] == before and before.count(letter) == 1


def test_T_DUP_2_a_seal_whose_key_died_unused_is_key_expired_and_not_shown(tmp_path: Path) -> None:
    """The first seal never came; the letter came by its second one. The first, months later, opens nothing."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    letter = ada.write("sealed twice")
    ada.sync()
    bundle = sealed(ada)
    for _ in range(14):
        for path in of_letter(ada, letter, tmp_path / "post"):
            path.unlink()
        bo.sync()
        ada.clock.advance(days=10)
        ada.sync()
    exchange(bo, ada)
    assert ada.state(letter) == "arrived", "its second seal came"
    live_on(ada, bo, PREKEY_KEPT_DAYS)
    before = [each.id for each in reading.letters(bo.home)]
    Hostile(ada.home, tmp_path / "post", seed=1, gifts=0).bundle(bundle)
    report = bo.sync()
    assert report.letters == 0 and [each.id for each in reading.letters(bo.home)] == before
    assert [problem.verdict for problem in problems.problems(bo.home)] == ["key_expired"]
    exchange(ada, bo)
    assert ada.state(letter) == bo.state(letter) == "arrived"
    assert reading.read(bo.home, letter).body == "sealed twice"
