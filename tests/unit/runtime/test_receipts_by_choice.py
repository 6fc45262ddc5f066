"""Receipts are the reader's choice: per bond, and for reading per letter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from people import Person, bonded, exchange
from tiercel.errors import NameUnknown, UsageError
from tiercel.limits import DAY_MS, HOUR_MS
from tiercel.runtime import reading, receipts
from tiercel.runtime.views import ReceiptsView
from tiercel.vault import letters, notes


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
    with bo.home.vault.transaction():  # one for a letter without text, on which keys depend
        service = letters.add_letter(bo.home.vault, id=bytes(16), bond=1, direction="in", kind=1, state="arrived")
        notes.say(bo.home.vault, 1, notes.RECEIPT, service.id, bytes(33))
    choose(bo, arrived=False)
    assert queued(bo) == 1


def test_without_receipts_a_letter_is_known_to_be_there_when_it_is_answered_or_read_with_one(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    choose(bo, arrived=False)
    answered, told, silent = (ada.write(text) for text in ("answer me", "tell me", "nothing"))
    exchange(ada, bo)
    assert {ada.state(each) for each in (answered, told, silent)} == {"handed over"}
    assert {bo.state(each) for each in (answered, told, silent)} == {"arrived"}
    bo.write("here is the answer", reply_to=answered)
    reading.read(bo.home, told, receipt=True)
    exchange(bo, ada)
    assert (ada.state(answered), ada.state(told), ada.state(silent)) == ("answered", "read", "handed over")
    choose(bo, arrived=True)
    for _ in range(8):
        ada.clock.advance(days=10)
        exchange(ada, bo, rounds=1)
    assert ada.state(silent) == "arrived", "it came again, and now that is said"


def test_a_receipt_waits_a_random_part_of_the_hours_chosen(tmp_path: Path) -> None:
    waits = set()
    for seed in range(4):
        (tmp_path / str(seed)).mkdir()
        ada, bo = bonded(tmp_path / str(seed), seed=seed)
        exchange(ada, bo)
        choose(bo, delay_h=24)
        letter = ada.write("take your time")
        ada.sync()
        bo.sync()
        ((due_at,),) = bo.home.vault.all("SELECT due_at FROM notes_due WHERE what = 'receipt'")
        wait = due_at - bo.clock.now_ms()
        waits.add(wait // HOUR_MS)
        assert 0 <= wait < 24 * HOUR_MS
        bo.clock.advance(days=(wait - 1000) / DAY_MS)
        exchange(bo, ada)
        assert ada.state(letter) == "handed over", "not a second too soon"
        bo.clock.advance(days=2000 / DAY_MS)
        exchange(bo, ada)
        assert ada.state(letter) == "arrived"
    assert len(waits) > 2
