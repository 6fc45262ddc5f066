"""What a letter waits for, and what comes next."""

from __future__ import annotations

import pytest

from tiercel.delivery.outlook import LetterNow, NextStep, RoadNow, What, Why, outlook
from tiercel.limits import DAY_MS

NOW = 20_000 * DAY_MS
POST = RoadNow("post", opens_at=0, due_at=0, lying=0, until=None, fits=True)
LIES = RoadNow("stick", opens_at=0, due_at=NOW + 9 * DAY_MS, lying=2, until=NOW + 40 * DAY_MS, fits=True)
LATER = RoadNow("paper", opens_at=NOW + 14 * DAY_MS, due_at=0, lying=0, until=None, fits=True)


@pytest.mark.parametrize(
    ("letter", "why"),
    [
        (LetterNow("accepted", sealed=False, roads=(POST,)), Why.SYNC),
        (LetterNow("accepted", sealed=False, key=False, roads=(POST,)), Why.KEY),
        (LetterNow("sealed", sealed=True, key=False, roads=(POST,)), Why.SYNC),
        (LetterNow("sealed", sealed=True), Why.ROAD),
        (LetterNow("handed over", sealed=True, roads=(POST, LIES)), Why.RECEIPT),
        (LetterNow("handed over", sealed=True, roads=(LIES,), enclosure_lost=True), Why.ENCLOSURE),
        (LetterNow("sealed", sealed=True, roads=(POST,), doubted=True), Why.HELD),
        (LetterNow("held", sealed=False, roads=(POST,), doubted=True), Why.HELD),
        (LetterNow("held", sealed=False, roads=(POST,)), Why.ENDED),
        (LetterNow("handed over", sealed=True, roads=(LIES,), recall_at=NOW), Why.ASKED_BACK),
    ],
)
def test_each_reason_has_its_word(letter: LetterNow, why: Why) -> None:
    assert outlook(letter, NOW).why is why


def test_steps_come_in_the_order_of_time_and_name_their_road() -> None:
    letter = LetterNow("handed over", sealed=True, roads=(LATER, LIES, POST), deadline_day=20_020)
    assert outlook(letter, NOW).steps == (
        NextStep(What.PUT, None, "post"),
        NextStep(What.AGAIN, NOW + 9 * DAY_MS, "stick", NOW + 40 * DAY_MS),
        NextStep(What.OPENS, NOW + 14 * DAY_MS, "paper"),
        NextStep(What.EXPIRES, NOW + 21 * DAY_MS),
    )
    sooner = LetterNow("handed over", sealed=True, roads=(LATER, LIES, POST), deadline_day=20_010)
    assert [step.what for step in outlook(sooner, NOW).steps] == [What.PUT, What.AGAIN, What.EXPIRES], "and no more"
    [again] = outlook(LetterNow("handed over", sealed=True, roads=(LIES,)), NOW + 9 * DAY_MS).steps
    assert again.what is What.AGAIN_NOW and again.at is None


def test_what_a_seal_does_not_outlive_is_not_promised() -> None:
    slow = RoadNow("stick", opens_at=0, due_at=0, lying=0, until=None, fits=False)
    assert outlook(LetterNow("sealed", sealed=True, roads=(slow,)), NOW).steps == ()
    assert outlook(LetterNow("accepted", sealed=False, roads=(slow,)), NOW).steps == (
        NextStep(What.PUT, None, "stick"),
    )


def test_what_was_asked_back_is_only_asked_again_or_expires() -> None:
    letter = LetterNow("handed over", sealed=True, roads=(LIES, POST), recall_at=NOW, deadline_day=20_000)
    asked, over = outlook(letter, NOW).steps
    assert (asked.what, asked.at) == (What.ASKED_AGAIN, NOW + DAY_MS) and over.what is What.EXPIRES


def test_what_is_held_promises_nothing() -> None:
    held = LetterNow("held", sealed=False, roads=(POST,), deadline_day=20_000, doubted=True)
    lost = LetterNow("sealed", sealed=True, roads=(POST,), enclosure_lost=True)
    assert outlook(held, NOW).steps == outlook(lost, NOW).steps == ()
