"""Receipts are the reader's choice: per bond, and for reading per letter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from people import Person, bonded, exchange
from tiercel.errors import NameUnknown, UsageError
from tiercel.runtime import reading, receipts
from tiercel.runtime.views import ReceiptsView


def choose(person: Person, **changes: object) -> ReceiptsView:
    name = "ada" if person.name == "bo" else "bo"
    return receipts.set_receipts(person.home, replace(receipts.receipts(person.home, name), **changes))  # type: ignore[arg-type]


def queued(person: Person) -> int:
    row = person.home.vault.one("SELECT count(*) FROM notes_due WHERE what = 'receipt'")
    return int(row[0]) if row else 0


def test_arriving_is_told_and_reading_is_not_until_somebody_chooses(tmp_path: Path) -> None:
    _ada, bo = bonded(tmp_path)
    assert receipts.receipts(bo.home, "ada") == ReceiptsView("ada", arrived=True, read=False, delay_h=0)
    chosen = choose(bo, arrived=False, read=True, delay_h=24)
    assert chosen == ReceiptsView("ada", arrived=False, read=True, delay_h=24)
    assert receipts.receipts(bo.reopen().home, "ada") == chosen


@pytest.mark.parametrize("hours", [-1, 25])
def test_no_receipt_waits_longer_than_a_day(tmp_path: Path, hours: int) -> None:
    _ada, bo = bonded(tmp_path)
    with pytest.raises(UsageError, match="nothing was changed"):
        choose(bo, delay_h=hours, read=True)
    assert receipts.receipts(bo.home, "ada") == ReceiptsView("ada", arrived=True, read=False, delay_h=0)
    with pytest.raises(NameUnknown):
        receipts.receipts(bo.home, "cy")


@pytest.mark.parametrize(
    ("bond", "letter", "told"),
    [(False, None, "arrived"), (False, True, "read"), (True, None, "read"), (True, False, "arrived")],
)
def test_a_letter_decides_before_its_bond_does(tmp_path: Path, bond: bool, letter: bool | None, told: str) -> None:
    ada, bo = bonded(tmp_path)
    choose(bo, read=bond)
    sent = ada.write("hello")
    exchange(ada, bo)
    reading.read(bo.home, sent, peek=True)
    reading.read(bo.home, sent, receipt=letter)
    reading.read(bo.home, sent)  # looking again tells nothing new
    exchange(bo, ada)
    assert ada.state(sent) == told and bo.state(sent) == "read"


def test_what_was_read_before_the_choice_is_not_told_by_reading_it_again(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    sent = ada.write("hello")
    exchange(ada, bo)
    reading.read(bo.home, sent)
    choose(bo, read=True)
    reading.read(bo.home, sent)
    exchange(bo, ada)
    assert ada.state(sent) == "arrived"
    reading.read(bo.home, sent, receipt=True)
    exchange(bo, ada)
    assert ada.state(sent) == "read"


def test_a_receipt_that_has_not_left_is_not_said_after_the_choice(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    ada.write("hello")
    ada.sync()
    bo.sync()
    assert queued(bo) == 1
    choose(bo, read=True)
    assert queued(bo) == 1
    choose(bo, arrived=False)
    assert queued(bo) == 0
