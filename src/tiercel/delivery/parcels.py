"""Our parcels on one road: which come off it, when a bundle is put there anew, when a letter is handed over.

Example:
    >>> lost = OnRoad(bundle=b"hash", at_ms=0, put=True, here=False)
    >>> pass_due([lost], delay_ms=0, now_ms=0, clock_doubtful=False)
    True
"""

from __future__ import annotations

from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass

from tiercel.delivery.schedule import passed, retransmit_after_ms, stale_on_folder

HANDED_OVER, HANDED_OVER_AGAIN = "handed over", "handed over again"


@dataclass(frozen=True)
class OnRoad:
    """A parcel of ours as it stands at a visit.

    ``bundle`` is the hash of what it carries a part of, None for a note. ``at_ms`` is when it was planned, ``put``
    whether the road took it, ``here`` whether the road lists it now.
    """

    bundle: bytes | None
    at_ms: int
    put: bool
    here: bool


def comes_off(parcel: OnRoad, live: Container[bytes], now_ms: int, clock_doubtful: bool) -> bool:
    """Whether a parcel is taken off and forgotten: its bundle is over, its note was fetched, or it lay too long.

    Args:
        parcel: One of ours.
        live: The hashes of what is still sent.
        now_ms: UTC milliseconds since 1970.
        clock_doubtful: Then nothing comes off by time.

    Source: spec/delivery.md 6.
    """
    if parcel.bundle is None and not parcel.here:
        return True
    if parcel.bundle is not None and parcel.bundle not in live:
        return True
    return stale_on_folder(parcel.at_ms, now_ms) and not clock_doubtful


def pass_due(parcels: Sequence[OnRoad], delay_ms: int, now_ms: int, clock_doubtful: bool) -> bool:
    """Whether a whole pass over a bundle is put on a road.

    It is when no parcel of it lies there or waits to be put; and when all that lie there have lain without a word for
    longer than a word can take: of a parcel whose first bytes were damaged nobody can say that it is missing. Each
    pass that lies there doubles the wait.

    Args:
        parcels: Ours of one bundle that is still sent.
        delay_ms: The declared worst delay of the road, one way.
        now_ms: UTC milliseconds since 1970.
        clock_doubtful: Then nothing is put again by time.

    Source: spec/delivery.md 6.
    """
    lying = [parcel for parcel in parcels if parcel.here or not parcel.put]
    if lying and clock_doubtful:
        return False
    wait_ms = retransmit_after_ms(2 * delay_ms, len({parcel.at_ms for parcel in lying}) - 1)
    return all(parcel.put and passed(parcel.at_ms, now_ms, wait_ms) for parcel in lying)


def handed_over(bundles: Collection[Collection[bool]]) -> bool:
    """Whether a letter is handed over, told for each bundle and each of its parcels whether the road took it."""
    return bool(bundles) and all(parcels and all(parcels) for parcels in bundles)


def handing_over(said: Container[str]) -> str:
    """The step to record when a letter is handed over to a road, given the steps recorded for that road before."""
    return HANDED_OVER_AGAIN if HANDED_OVER in said else HANDED_OVER
