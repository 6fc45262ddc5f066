"""The real clock and the real entropy: the only place in Tiercel that asks the machine for either."""

from __future__ import annotations

import os
import time


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """UTC milliseconds since 1970."""
        return time.time_ns() // 1_000_000


def steady_s() -> float:
    """Seconds of a clock that only goes forward, from an unknown beginning: for rates, never for dates."""
    return time.monotonic()


class SystemEntropy:
    """The kernel's random generator."""

    def token(self, size: int) -> bytes:
        """``size`` random bytes fit for keys."""
        return os.urandom(size)
