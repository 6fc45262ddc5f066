"""No more bytes a second than a person allows, both ways together."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tiercel.ports import Carrier, Listed


class Pace:
    """A rate that one or many carriers keep together.

    What was not used for a while is not saved up: after a rest the rate is the same.

    Args:
        bytes_per_s: The rate, above 0.
        now_s: A clock that only goes forward, in seconds.
        sleep: Waits that many seconds.
    """

    def __init__(self, bytes_per_s: float, now_s: Callable[[], float], sleep: Callable[[float], object]) -> None:
        self._bytes_per_s, self._now_s, self._sleep = bytes_per_s, now_s, sleep
        self._free_at_s = 0.0

    def wait(self, size_bytes: int) -> None:
        """Wait until so many bytes fit. Many threads may; each takes its place in the one queue of the rate.

        Without a lock, which an interrupt could leave shut: two threads that meet here cost one parcel's time at most.
        """
        now_s = self._now_s()
        free_at_s = self._free_at_s = max(self._free_at_s, now_s) + size_bytes / self._bytes_per_s
        if free_at_s > now_s:
            self._sleep(free_at_s - now_s)


class Paced:
    """A carrier that waits after each parcel until its bytes fit into the rate.

    Heads and listings are passed on as they are: they are small, and their sizes are the adapter's business.
    """

    def __init__(self, carrier: Carrier, pace: Pace) -> None:
        self.road = carrier.road
        self._carrier, self._pace = carrier, pace

    def list(self) -> Iterator[Listed]:
        return self._carrier.list()

    def head(self, name: str) -> bytes:
        return self._carrier.head(name)

    def fetch(self, name: str) -> bytes:
        parcel = self._carrier.fetch(name)
        self._pace.wait(len(parcel))
        return parcel

    def put(self, name: str, parcel: bytes | bytearray | memoryview) -> int | None:
        until = self._carrier.put(name, parcel)
        self._pace.wait(memoryview(parcel).nbytes)
        return until

    def flush(self) -> None:
        self._carrier.flush()

    def remove(self, name: str) -> None:
        self._carrier.remove(name)

    def check(self) -> None:
        self._carrier.check()
