"""While roads are watched: whether a visit could find anything that the last one did not, told without a visit.

A visit takes the lock, counts itself durably and asks a dozen questions, every few seconds, for ever. After one that
had nothing to do there is nothing to do until a road lists something else, another process changes the vault, or the
engine's next instant comes; and at the latest after an hour, for what is deleted by time.
"""

from __future__ import annotations

from collections.abc import Callable

from tiercel.errors import CarrierError
from tiercel.limits import HOUR_MS
from tiercel.vault import roads

from .home import Home

QUIET_MS_MAX = HOUR_MS
TROUBLED_MS_MAX = 60_000  # after a visit that failed at a relay


class Quiet:
    """What was seen before the last visit, and how long it holds that nothing is to be done."""

    def __init__(self, home: Home, heard: Callable[[], int] = lambda: 0) -> None:
        """The first visit is always made. ``heard`` counts what relays told: they are not listed."""
        self.home, self._heard = home, heard
        self._names: object = None
        self._generation, self._since_ms, self._until_ms = -1, 0, -1

    def holds(self) -> bool:
        """Look at the roads' names, before a visit or in place of one."""
        names, generation, now = self._seen(), self.home.vault.generation, self.home.clock.now_ms()
        same = names is not None and (names, generation) == (self._names, self._generation)
        self._names, self._generation = names, generation
        return same and self._since_ms <= now < self._until_ms

    def visited(self, troubled: bool = False) -> None:
        """A visit was made since: it had nothing to do if all it changed is its own number."""
        now, before = self.home.clock.now_ms(), self._generation
        self._generation = self.home.vault.generation
        wake_at = self.home.office.wake_at()
        idle = self._generation == before + 1
        self._since_ms = now
        longest = now + (TROUBLED_MS_MAX if troubled else QUIET_MS_MAX)
        self._until_ms = min(longest, longest if wake_at is None else wake_at) if idle else -1

    def _seen(self) -> object:
        """What each road lists; None where one cannot be listed, which a visit is to say."""
        try:
            return [
                self._heard()
                if row.kind == "relay"
                else {(entry.name, entry.size_bytes) for entry in self.home.open_carrier(row).list()}
                for row in roads.all_carriers(self.home.vault)
            ]
        except CarrierError:
            return None
