"""Randomness that is the same every time. Never for keys of people."""

from __future__ import annotations

import hashlib


class SeededEntropy:
    """The Entropy port for tests: the same seed gives the same tokens in the same order.

    Args:
        seed: Any number or text; the two never give the same tokens.
    """

    def __init__(self, seed: int | str) -> None:
        self._seed = f"{type(seed).__name__}:{seed}".encode()
        self._given = 0

    def token(self, size: int) -> bytes:
        """``size`` bytes that nothing but seed, order and size decide."""
        self._given += 1
        return hashlib.shake_256(b"%b/%d" % (self._seed, self._given)).digest(size)
