"""Try again, a little later, what may well succeed a little later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from tiercel.errors import CarrierError
from tiercel.ports import Carrier, Listed

BACKOFF_S: Final = 0.5  # doubled at every try
WAIT_S_MAX: Final = 60.0  # longer waits are the schedule's business, not one visit's

_T = TypeVar("_T")


class Retrying:
    """A carrier that tries each act up to ``tries`` times.

    Only a :class:`CarrierError` that is not ``permanent`` is tried again, after its ``retry_after_s`` or else after
    0.5 s, 1 s, 2 s, ... up to a minute; one that asks for more than a minute is passed on at once.

    Args:
        carrier: The road itself. Every act of a carrier may be repeated, so nothing happens twice.
        sleep: Waits that many seconds.
        tries: How often at most, at least 1.
        jitter: Gives a number from 0 up to 1 for each wait: it is shortened by up to half of itself, so that all who
            lost a server at the same moment do not come back at the same moment.
    """

    def __init__(
        self, carrier: Carrier, sleep: Callable[[float], object], tries: int = 4,
        jitter: Callable[[], float] = lambda: 0.0,
    ) -> None:  # fmt: skip
        self.road = carrier.road
        self._carrier = carrier
        self._sleep = sleep
        self._tries = max(1, tries)
        self._jitter = jitter

    def list(self) -> Iterator[Listed]:
        given: set[str] = set()
        for tried in range(1, self._tries + 1):
            try:
                for listed in self._carrier.list():
                    if listed.name not in given:
                        given.add(listed.name)
                        yield listed
                return
            except CarrierError as problem:
                self._wait(problem, tried)

    def head(self, name: str) -> bytes:
        return self._again(lambda: self._carrier.head(name))

    def fetch(self, name: str) -> bytes:
        return self._again(lambda: self._carrier.fetch(name))

    def put(self, name: str, parcel: bytes | bytearray | memoryview) -> int | None:
        return self._again(lambda: self._carrier.put(name, parcel))

    def flush(self) -> None:
        # Not again: after a failed flush nobody knows what was lost, and a second one would say that all is well.
        self._carrier.flush()

    def remove(self, name: str) -> None:
        self._again(lambda: self._carrier.remove(name))

    def check(self) -> None:
        self._again(self._carrier.check)

    def _again(self, act: Callable[[], _T]) -> _T:
        for tried in range(1, self._tries):
            try:
                return act()
            except CarrierError as problem:
                self._wait(problem, tried)
        return act()

    def _wait(self, problem: CarrierError, tried: int) -> None:
        """Wait before the next try, or raise what happened when there is none."""
        backoff_s = min(BACKOFF_S * 2.0 ** (tried - 1), WAIT_S_MAX) * (1 - self._jitter() / 2)
        wait_s = backoff_s if problem.retry_after_s is None else problem.retry_after_s
        if problem.permanent or tried >= self._tries or wait_s > WAIT_S_MAX:
            raise problem
        self._sleep(max(0.0, wait_s))
