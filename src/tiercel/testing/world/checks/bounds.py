"""I11: whatever comes, what is kept of it stays below fixed ceilings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tiercel.limits import (
    EPOCH_DAYS,
    GATHERED_BYTES_MAX,
    GENERATION_KEPT_DAYS,
    GIFTS_KEPT_MAX,
    GIFTS_MAX,
    PARTIAL_BUNDLES_MAX,
    PREKEY_USABLE_DAYS,
    ROOTS_OFFERED_MAX,
)

from .base import Check, PersonSeen, WorldSeen
from .rows import Row

_LOOK_EVERY: Final = 16
_SLOWEST_ROAD_DAYS: Final = 90  # paper
_USABLE_DAYS: Final = PREKEY_USABLE_DAYS - _SLOWEST_ROAD_DAYS
"""Whatever the roads of a bond: so many days after it was made the other side may still use a gift."""
_ROOTS_MAX: Final = 64 + 2 * GENERATION_KEPT_DAYS // EPOCH_DAYS
"""One in about 30 days lives for 247, and each copy that is put back makes one more."""
_STEPS_MAX: Final = 200
"""Steps of one letter's way: seals, roads, wants. Years of asking back one letter daily stay below it."""

_CEILINGS: Final[tuple[tuple[str, str, int], ...]] = (
    (
        "bytes gathered of letters that are not whole",
        "SELECT ifnull(sum(length(data)), 0) FROM symbols_in GROUP BY bond",
        (PARTIAL_BUNDLES_MAX + 1) * GATHERED_BYTES_MAX,
    ),
    ("gifts held", "SELECT count(*) FROM prekeys_theirs WHERE kind = 'one-time' GROUP BY bond", GIFTS_MAX),
    ("gifts kept", "SELECT count(*) FROM prekeys_ours WHERE kind = 'one-time' GROUP BY bond", GIFTS_KEPT_MAX),
    (
        "gifts given",  # those that may still be used, at the time the last one was given
        (
            "SELECT count(*) FROM prekeys_ours AS given JOIN"
            " (SELECT bond, made_day, max(rowid) FROM prekeys_ours WHERE kind = 'one-time' GROUP BY bond) AS last"
            " ON last.bond = given.bond"
            f" WHERE kind = 'one-time' AND given.made_day >= last.made_day - {_USABLE_DAYS} GROUP BY given.bond"
        ),
        GIFTS_MAX,
    ),
    (
        "roots offered",
        "SELECT count(*) FROM roots WHERE standing = 'offered' GROUP BY bond, direction",
        ROOTS_OFFERED_MAX,
    ),
    ("roots in use", "SELECT count(*) FROM roots WHERE standing = 'current' GROUP BY bond, direction", 1),
    ("roots kept", "SELECT count(*) FROM roots GROUP BY bond, direction", _ROOTS_MAX),
    ("steps of one letter", "SELECT count(*) FROM events GROUP BY letter", _STEPS_MAX),
    ("passes of one bundle", "SELECT count(*) FROM sendings GROUP BY bundle", 64),
)


class Bounded(Check):
    """I11: disk and memory have ceilings, however much a road brings."""

    id = "I11"

    def __init__(self) -> None:
        self._steps = 0

    def after_step(self, world: WorldSeen, person: PersonSeen, letters: Sequence[Row], full: bool) -> None:
        self._steps += 1
        if not full and self._steps % _LOOK_EVERY:
            return
        for what, sql, most in _CEILINGS:
            seen = max((row[0] for row in person.home.vault.all(sql)), default=0)
            self.need(seen <= most, f"{what} by {person.name}: {seen}, and {most} is the most")
        self._notes(person)

    def _notes(self, person: PersonSeen) -> None:
        """What waits to be said is at most a few words about each letter and bundle, however often they come."""
        row = person.home.vault.one(
            "SELECT (SELECT count(*) FROM notes_due), (SELECT count(*) FROM bond_carriers),"
            " (SELECT count(*) FROM letters) + (SELECT count(*) FROM bundles_in)"
        )
        assert row is not None
        due, roads, things = row
        most = 4 * max(1, roads) * (things + 16)
        self.need(due <= most, f"{due} things wait to be said by {person.name}, and {most} is the most")
