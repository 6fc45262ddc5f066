"""Acts on one connection, one after another, by a helper; those that wait together go together.

Many threads put parcels at the same time. While a request is under way what they bring waits, and all of it goes with
the next request: so the batches grow with the distance, and a single parcel waits for nobody. As a helper does the
work, a person who interrupts the caller leaves the connection as it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar, cast

from tiercel.errors import CarrierError

_T = TypeVar("_T")
_R = TypeVar("_R")
_I = TypeVar("_I")
_O = TypeVar("_O")


class Turns:
    """One helper thread, begun when it is needed and gone with its owner."""

    def __init__(self) -> None:
        """Nothing is begun."""
        self._helper: ThreadPoolExecutor | None = None

    def do(self, act: Callable[[], _R]) -> _R:
        """Have something done in its turn; give back or raise what came of it."""
        self._helper = self._helper or ThreadPoolExecutor(1)
        return self._helper.submit(act).result()


class _Item(Generic[_I, _O]):
    """Something brought, and what became of it."""

    def __init__(self, brought: _I) -> None:
        self.brought = brought
        self.answer: _O | None = None
        self.problem: CarrierError | None = None


class Together(Generic[_I, _O]):
    """Carries what many threads bring, as many at a time as wait.

    Args:
        turns: Whose helper does it.
        carry: Takes some and gives an answer for each, in their order.
        fits: How many from the first may go together; at least 1.
    """

    def __init__(
        self, turns: Turns, carry: Callable[[Sequence[_I]], Sequence[_O]], fits: Callable[[Sequence[_I]], int]
    ) -> None:
        """Nothing waits."""
        self._turns, self._carry, self._fits = turns, carry, fits
        self._waiting: deque[_Item[_I, _O]] = deque()

    def bring(self, brought: _I) -> _O:
        """Have something carried; give back its answer.

        Raises:
            CarrierError: What it was carried with failed, and so all of that batch.
        """
        item = _Item[_I, _O](brought)
        self._waiting.append(item)
        return self._turns.do(lambda: self._turn(item))

    def _turn(self, item: _Item[_I, _O]) -> _O:
        while item.answer is None and item.problem is None:
            batch = self._batch() or [item]  # one that a bug took along is not lost
            try:
                answers = self._carry([each.brought for each in batch])
            except CarrierError as problem:
                for each in batch:
                    each.problem = problem
            else:
                for each, answer in zip(batch, answers, strict=True):
                    each.answer = answer
        if item.problem is not None:
            raise item.problem
        return cast(_O, item.answer)

    def _batch(self) -> list[_Item[_I, _O]]:
        waiting = list(self._waiting)
        return [self._waiting.popleft() for _ in waiting[: max(1, self._fits([each.brought for each in waiting]))]]
