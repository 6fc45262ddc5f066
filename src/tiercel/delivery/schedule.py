"""When things are due: sealing again, saying again, doubting a clock. Days are whole UTC days since 1970."""

from __future__ import annotations

from tiercel.limits import (
    CLOCK_BACK_DAYS_MAX,
    CLOCK_FORWARD_DAYS_MAX,
    DAY_MS,
    DUPLICATE_RECEIPT_DAYS,
    FOLDER_KEEP_DAYS,
    GIFTS_LOW,
    GIFTS_TARGET,
    PREKEY_USABLE_DAYS,
    RETRANSMIT_DAYS_MAX,
    SERVICE_LETTER_DAYS,
)

ROAD_AFTER_DAYS_MAX = 365
"""A letter waits at most so long before a later road of its bond is used for it."""


def passed(since_ms: int, now_ms: int, wait_ms: int) -> bool:
    """Whether so much time has passed since an instant.

    One further ahead than a good clock slips back was told by a wrong clock, and counts as long ago: otherwise a
    single run in the wrong year would stop what is due until that year.

    Source: spec/delivery.md 7.
    """
    return not -CLOCK_BACK_DAYS_MAX * DAY_MS <= now_ms - since_ms < wait_ms


def seal_fits(made_day: int | None, today: int, road_delay_ms: int) -> bool:
    """Whether a seal lives long enough for this road. ``made_day`` None: a key that no clock ends.

    Source: spec/sealing.md 6: a copy goes on a road only if its declared delay fits in what is left of 120 days.
    """
    return made_day is None or today + -(-road_delay_ms // DAY_MS) <= made_day + PREKEY_USABLE_DAYS


def retransmit_after_ms(round_trip_ms: int, tries: int) -> int:
    """How long to wait for word before saying it again: 2 x round trip x 2^tries, at most 30 days."""
    return int(min(2 * round_trip_ms * 2 ** max(0, min(tries, 32)), RETRANSMIT_DAYS_MAX * DAY_MS))


def opens_at(accepted_ms: int | None, after_days: int) -> int:
    """When a road of a bond is first used for a letter; 0 at once."""
    return (accepted_ms or 0) + after_days * DAY_MS if after_days else 0


def promise_kept_ms(promised_ms: int, tries: int) -> int:
    """How long to wait where a road promised to hold what was put: so long, and never less than a day * 2^tries."""
    return int(max(promised_ms, DAY_MS * 2 ** max(0, min(tries, 32))))


def clock_in_doubt(last_run_ms: int, now_ms: int) -> bool:
    """Whether the clock moved so far between two runs that nothing may expire or be deleted on its word."""
    moved = now_ms - last_run_ms
    return moved > CLOCK_FORWARD_DAYS_MAX * DAY_MS or moved < -CLOCK_BACK_DAYS_MAX * DAY_MS


def repeat_receipt(last_ms: int | None, now_ms: int) -> bool:
    """Whether a duplicate repeats the receipt: at most daily, so that replays cause no traffic."""
    return last_ms is None or passed(last_ms, now_ms, DUPLICATE_RECEIPT_DAYS * DAY_MS)


def ask_recall_again(last_ms: int, now_ms: int) -> bool:
    """Whether an unanswered recall is asked again."""
    return passed(last_ms, now_ms, DUPLICATE_RECEIPT_DAYS * DAY_MS)


def gifts_wanted(held_by_peer: int, room: int) -> int:
    """How many new prekeys to give: up to 32 held by the peer, as far as there is room for their secrets."""
    return max(0, min(GIFTS_TARGET - held_by_peer, room))


def service_due(held_by_peer: int, renewal_due: bool, last_ms: int | None, now_ms: int) -> bool:
    """Whether a service letter is due: stock below 16 or a key to renew, and none in the last week."""
    rested = last_ms is None or passed(last_ms, now_ms, SERVICE_LETTER_DAYS * DAY_MS)
    return rested and (renewal_due or held_by_peer < GIFTS_LOW)


def stale_on_folder(put_ms: int, now_ms: int) -> bool:
    """Whether the writer takes its own parcel off a road again: after 60 days."""
    return passed(put_ms, now_ms, FOLDER_KEEP_DAYS * DAY_MS)
