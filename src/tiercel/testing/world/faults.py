"""What can happen to one parcel between its putting and its finding (security.md 4.2), decided by a seed.

Each road has its own chances and its own randomness. A fault is counted when it really happened, never when it was
merely switched on.

Example:
    >>> fates = Fates({"drop": 1.0}, random.Random(1), Counter())
    >>> fates.of(b"parcel", 0, (6,))
    []
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tiercel.limits import DAY_MS, PARCEL_HEAD_BYTES, PREKEY_KEPT_DAYS, PREKEY_USABLE_DAYS

PARCEL_FAULTS: Final = (
    "drop", "duplicate", "late duplicate", "reorder", "flip", "truncate", "extend", "swap", "replay", "hold",
)  # fmt: skip
"""All that happens to single parcels on any road, by the names used in plans and counts."""

_KEPT_FOR_REPLAY: Final = 24
_LATE_DAYS: Final = (20, 300)
_REORDER_DAYS: Final = 6.0


@dataclass(frozen=True)
class Fate:
    """One arrival: what of the parcel, how long it takes beside the usual way, and whether under its own name."""

    parcel: bytes
    late_ms: int = 0
    own_name: bool = True


class Fates:
    """What becomes of the parcels of one road.

    Args:
        rates: How likely each fault is for one parcel, from 0 to 1.
        rng: Decides.
        counts: Gets ``parcel: <fault>`` for each that happened.
        foreign: Parcels that were seen on any road of the world: what is replayed comes from there.
    """

    def __init__(
        self, rates: dict[str, float], rng: random.Random, counts: Counter[str], foreign: deque[bytes] | None = None
    ) -> None:
        self._rates = {fault: rates[fault] for fault in PARCEL_FAULTS if rates.get(fault)}
        self._rng = rng
        self._counts = counts
        self._foreign = deque(maxlen=_KEPT_FOR_REPLAY) if foreign is None else foreign

    def of(self, parcel: bytes, now_ms: int, sizes: Sequence[int]) -> list[Fate]:
        """What of a parcel arrives, in no order; nothing when it was lost.

        Args:
            parcel: As it was put.
            now_ms: True time.
            sizes: Of the road's parcels, so that what is cut may still be taken for one.
        """
        struck = [fault for fault, rate in self._rates.items() if self._rng.random() < rate]
        fates = [Fate(parcel)]
        for fault in struck:
            changed = self._strike(fault, parcel, fates, sizes)
            if changed is not None:
                fates = changed
                self._counts[f"parcel: {fault}"] += 1
        if self._rng.random() < 0.2:
            self._foreign.append(parcel)
        return fates

    def _strike(self, fault: str, parcel: bytes, fates: list[Fate], sizes: Sequence[int]) -> list[Fate] | None:
        """The arrivals after one more fault, or None when it could not happen."""
        rng = self._rng
        if fault == "drop":
            return []
        if fault == "duplicate":
            return [*fates, Fate(parcel, own_name=False)]
        if fault == "late duplicate":
            return [*fates, Fate(parcel, rng.randrange(*_LATE_DAYS) * DAY_MS, own_name=False)]
        if fault == "replay":
            return [*fates, Fate(rng.choice(self._foreign), own_name=False)] if self._foreign else None
        if not fates:
            return None
        first, rest = fates[0], fates[1:]
        if fault == "reorder":
            return [Fate(first.parcel, round(rng.random() * _REORDER_DAYS * DAY_MS)), *rest]
        if fault == "hold":
            return [Fate(first.parcel, (rng.choice((PREKEY_USABLE_DAYS, PREKEY_KEPT_DAYS)) + 1) * DAY_MS), *rest]
        if fault == "swap":
            return self._swapped(first, rest, sizes)
        return [Fate(_hurt(fault, first.parcel, sizes, rng), first.late_ms), *rest]

    def _swapped(self, first: Fate, rest: list[Fate], sizes: Sequence[int]) -> list[Fate] | None:
        """Another parcel comes under this one's name, and this one under another's."""
        others = [other for other in self._foreign if len(other) in sizes]
        if not others:
            return None
        return [Fate(self._rng.choice(others), first.late_ms), Fate(first.parcel, own_name=False), *rest]


def _hurt(fault: str, parcel: bytes, sizes: Sequence[int], rng: random.Random) -> bytes:
    if fault == "flip":
        at = rng.randrange(PARCEL_HEAD_BYTES if rng.random() < 0.3 else len(parcel))
        return parcel[:at] + bytes([parcel[at] ^ (1 << rng.randrange(8))]) + parcel[at + 1 :]
    if fault == "truncate":
        smaller = [size for size in sizes if size < len(parcel)]
        return parcel[: rng.choice(smaller) if smaller and rng.random() < 0.5 else rng.randrange(len(parcel))]
    larger = [size for size in sizes if size > len(parcel)]
    return parcel + bytes((rng.choice(larger) if larger else len(parcel) + 1) - len(parcel))
