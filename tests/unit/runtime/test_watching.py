"""Watched roads are looked at every few seconds, and visited when there may be something to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from people import Person, bonded, exchange
from tiercel.runtime import syncing
from tiercel.runtime.views import SyncReport, no_progress
from tiercel.vault import settings


class Stop:
    """In place of the wait between two looks, the next act of a list; the end after the last."""

    def __init__(self, *acts: Callable[[], object]) -> None:
        self.acts = list(acts)

    def is_set(self) -> bool:
        return not self.acts

    def wait(self, _seconds: float) -> None:
        self.acts.pop(0)()


def visits(person: Person) -> int:
    return settings.get_int(person.home.vault, "visit", 0)


def nothing() -> None:
    """Some seconds pass."""


@pytest.fixture
def two(tmp_path: Path) -> tuple[Person, Person]:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    return ada, bo


def watched(person: Person, *acts: Callable[[], object]) -> tuple[list[int], list[SyncReport]]:
    """How many visits had been made at each act, and the reports that said something."""
    counted, said = list[int](), list[SyncReport]()
    begun = visits(person)

    def counting(act: Callable[[], object]) -> Callable[[], object]:
        return lambda: (counted.append(visits(person) - begun), act())

    syncing.watch(person.home, said.append, no_progress, Stop(*map(counting, acts)))  # type: ignore[arg-type]
    return counted, said


def test_with_nothing_to_do_there_is_one_visit_and_no_write(two: tuple[Person, Person]) -> None:
    ada, _bo = two
    counted, said = watched(ada, *[nothing] * 20)
    assert counted == [1] * 20 and len(said) == 1


def test_an_hour_brings_a_visit(two: tuple[Person, Person]) -> None:
    ada, _bo = two
    counted, _said = watched(ada, nothing, lambda: ada.clock.advance(ms=3_600_000), nothing, nothing)
    assert counted == [1, 1, 2, 2]


def test_what_comes_is_taken_in_at_the_next_look(two: tuple[Person, Person]) -> None:
    ada, bo = two

    def post() -> None:
        bo.write("good morning")
        bo.sync()

    _counted, said = watched(ada, nothing, nothing, post, nothing, nothing)
    assert [report.letters for report in said] == [0, 1]


def test_what_is_written_meanwhile_leaves_at_the_next_look(two: tuple[Person, Person]) -> None:
    ada, _bo = two
    counted, said = watched(ada, nothing, nothing, lambda: ada.write("good evening"), nothing, nothing, nothing)
    assert [report.put > 0 for report in said] == [False, True]
    assert counted[-1] == counted[-2], "and then it is quiet again"


def test_a_receipt_that_waits_leaves_when_it_is_due(two: tuple[Person, Person]) -> None:
    ada, bo = two
    bo.write("good morning")
    bo.sync()
    due = list[int]()

    def until_due() -> None:
        due.append(ada.home.office.wake_at() or 0)
        ada.clock.advance(ms=due[0] - ada.clock.now_ms())

    _counted, said = watched(ada, nothing, nothing, nothing, until_due, nothing)
    assert [report.put for report in said] == [0, 1] and due[0] > 0


def test_a_road_that_is_gone_is_said_and_one_that_is_back_is_used(two: tuple[Person, Person], tmp_path: Path) -> None:
    ada, _bo = two
    away = tmp_path / "away"
    _counted, said = watched(
        ada, nothing, lambda: (tmp_path / "post").rename(away), nothing, lambda: away.rename(tmp_path / "post"), nothing
    )
    assert [len(report.troubles) for report in said] == [0, 1, 0]


def test_the_engine_wakes_for_keys_that_are_due(two: tuple[Person, Person]) -> None:
    ada, bo = two
    for _ in range(4):
        exchange(ada, bo)
        ada.clock.advance(days=8)  # no service letter follows another within a week
        exchange(ada, bo)

    def service_letters() -> int:
        row = ada.home.vault.one("SELECT count(*) FROM letters WHERE direction = 'out' AND kind = 1")
        assert row is not None
        return int(row[0])

    before, wake_at = service_letters(), ada.home.office.wake_at()
    assert wake_at is not None and wake_at > ada.clock.now_ms()
    ada.clock.advance(ms=wake_at - ada.clock.now_ms() - 1)
    ada.sync()
    assert service_letters() == before
    ada.clock.advance(ms=1)
    ada.sync()
    assert service_letters() == before + 1
