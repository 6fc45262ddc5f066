"""When a bundle is put on a road anew, and how long a word about it takes.

Example:
    >>> from tiercel.limits import DAY_MS
    >>> wait_ms(put_ms=0, round_trip_ms=DAY_MS, tries=1, until_ms=None) // DAY_MS
    4
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from tiercel.delivery.schedule import promise_kept_ms, retransmit_after_ms
from tiercel.limits import DAY_MS, RECEIPT_DELAY_MS_MAX

HANDED_OVER, HANDED_OVER_AGAIN = "handed over", "handed over again"
ROUND_TRIPS_SEEN = 8
"""Newest receipts of a bond by which a road's usual round trip is judged: enough to hold one slow one."""


def usual_round_trip_ms(delay_ms: int, by_time: bool, seen_ms: Sequence[int]) -> int:
    """How long a word about what was put on a road usually takes to come back.

    Where our parcels show, what is lost is seen, and only what was damaged there needs time: the declared delay, both
    ways, at least an hour, for so long a receipt may wait. So it is on paper: nobody prints again for a late answer.
    Else time is the only sign of a loss: the longest that the newest receipts of the bond took, at least a day, at most
    the declared delay both ways and a day.

    Args:
        delay_ms: The declared worst delay of the road, one way.
        by_time: Whether only time tells of a loss there: it talks back, and its listing does not show what we put.
        seen_ms: How long the newest letters of the bond took until their receipts came.

    Source: spec/delivery.md 6.
    """
    declared = max(2 * delay_ms, RECEIPT_DELAY_MS_MAX)
    if not by_time:
        return declared
    return min(declared + DAY_MS, max(DAY_MS, *seen_ms)) if seen_ms else declared + DAY_MS


def wait_ms(put_ms: int, round_trip_ms: int, tries: int, until_ms: int | None) -> int:
    """How long after its last parcel a bundle waits for a word before another pass: the sooner of time and promise.

    Args:
        put_ms: When the last parcel was planned.
        round_trip_ms: The usual round trip of the road.
        tries: Passes after the first.
        until_ms: The earliest promise to hold a parcel of it, if there is one.
    """
    wait = retransmit_after_ms(round_trip_ms, tries)
    return wait if until_ms is None else min(wait, promise_kept_ms(until_ms - put_ms, tries))


def handing_over(said: Container[str]) -> str:
    """The step to record when a letter is handed over to a road, given the steps recorded for that road before."""
    return HANDED_OVER_AGAIN if HANDED_OVER in said else HANDED_OVER
