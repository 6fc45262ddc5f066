"""What rides along in a letter, and when a letter is made that only brings keys: decided by numbers alone."""

from __future__ import annotations

import pytest

from tiercel.delivery import rows
from tiercel.delivery.rows import Root, Stock
from tiercel.delivery.stock import GIFT_ROOM_BYTES, Riding, last_resort_due, riding, root_due
from tiercel.limits import DAY_MS, GIFTS_TARGET, LAST_RESORT_RENEW_DAYS, ROOT_RENEW_DAYS

NOW = 20_000 * DAY_MS
FULL, EMPTY = Stock(GIFTS_TARGET, 224, 20_000), Stock(0, 256, None)


def root(standing: str, days: int = 0) -> Root:
    return Root(1, 0, 7, 660, bytes(32), standing, NOW - days * DAY_MS)


@pytest.mark.parametrize("days", [0, ROOT_RENEW_DAYS - 1, ROOT_RENEW_DAYS, 400])
def test_a_root_is_renewed_once_a_month_and_never_twice_at_once(days: int) -> None:
    assert root_due(root("current", days), NOW) == (days >= ROOT_RENEW_DAYS)
    assert not root_due(root("offered", days), NOW) and not root_due(None, NOW)


def test_a_last_resort_key_nobody_will_acknowledge_is_due_at_once() -> None:
    assert last_resort_due(EMPTY, NOW) and not last_resort_due(FULL, NOW)
    assert last_resort_due(Stock(32, 32, 20_000 - LAST_RESORT_RENEW_DAYS), NOW)
    assert not last_resort_due(Stock(32, 32, 20_001 - LAST_RESORT_RENEW_DAYS), NOW)


@pytest.mark.parametrize(
    ("room", "rides"),
    [
        (0, Riding(False, False, 0)), (31, Riding(False, False, 0)), (32, Riding(True, False, 0)),
        (32 + GIFT_ROOM_BYTES - 1, Riding(True, False, 0)), (32 + GIFT_ROOM_BYTES, Riding(True, True, 0)),
        (32 + 4 * GIFT_ROOM_BYTES, Riding(True, True, 3)), (1 << 20, Riding(True, True, GIFTS_TARGET)),
        (-5, Riding(False, False, 0)),
    ],
)  # fmt: skip
def test_the_root_comes_first_then_the_last_resort_then_gifts(room: int, rides: Riding) -> None:
    assert riding(rows.LETTER, room, EMPTY, root("offered"), NOW) == rides


def test_what_is_not_needed_does_not_ride() -> None:
    assert riding(rows.LETTER, 1 << 20, FULL, root("current"), NOW) == Riding(False, False, 0)
    assert riding(rows.LETTER, 1 << 20, Stock(20, 6, 20_000), root("current"), NOW).gifts == 6, (
        "as many as there is room for"
    )


def test_letters_without_text_take_the_room_they_need() -> None:
    assert riding(rows.SERVICE, 0, EMPTY, root("current", 31), NOW) == Riding(True, True, GIFTS_TARGET)
    assert riding(rows.OPENING, 0, EMPTY, root("current", 31), NOW) == Riding(False, True, GIFTS_TARGET)
    assert riding(rows.END, 1 << 20, EMPTY, root("current", 31), NOW) == Riding(False, False, 0)
