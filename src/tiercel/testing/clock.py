"""A clock that stands still until it is turned."""

from __future__ import annotations

from typing import Final

_DAY_MS: Final = 86_400_000


class FakeClock:
    """The Clock port for tests.

    Args:
        start_ms: UTC milliseconds since 1970 to begin with.

    Example:
        >>> clock = FakeClock(0)
        >>> clock.advance(days=1, ms=5)
        86400005
    """

    def __init__(self, start_ms: int) -> None:
        self._now_ms = start_ms

    def now_ms(self) -> int:
        """UTC milliseconds since 1970, as far as it was turned."""
        return self._now_ms

    def advance(self, *, days: float = 0, ms: int = 0) -> int:
        """Turn the clock, also back; the time it shows then. Parts of a day are rounded to milliseconds."""
        self._now_ms += round(days * _DAY_MS) + ms
        return self._now_ms
