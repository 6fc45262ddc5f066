"""A ring of reused buffers between one producer and helpers that hash and write behind it.

This is the only module of the pure rooms that uses threads (docs/decisions/0010): sealing, hashing and writing each
give the interpreter lock back while they work on a buffer, so two cores share what one would do in turn. Nothing
here decides anything: order and results are those of a plain loop. Each helper is one thread that takes the buffers
in order, and the ring bounds the memory whatever the size of the file.

Example:
    >>> seen = []
    >>> with Ring(4, 2, lambda part: seen.append(bytes(part))) as ring:
    ...     for word in (b"dear", b"me"):
    ...         part = ring.buffer()[: len(word)]
    ...         part[:] = word
    ...         ring.give(part)
    >>> seen
    [b'dear', b'me']
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

Helper = Callable[[memoryview], object]


class Ring:
    """Buffers that go round: take one with :meth:`buffer`, fill it, :meth:`give` it to every helper.

    Leaving the block waits for the helpers and raises what one of them raised.
    """

    def __init__(self, size: int, buffers: int, *helpers: Helper) -> None:
        """A ring of ``buffers`` buffers of ``size`` bytes. One buffer alone needs no thread and uses none."""
        self._helpers = helpers
        self._buffers = [memoryview(bytearray(size)) for _ in range(buffers)]
        self._busy: list[list[Future[object]]] = [[] for _ in range(buffers)]
        self._turn = 0
        self._threads = [ThreadPoolExecutor(1) for _ in helpers] if buffers > 1 else []

    def buffer(self) -> memoryview:
        """The next buffer, once no helper uses it any more. Raises what a helper raised on it."""
        self._wait(self._busy[self._turn])
        return self._buffers[self._turn]

    def give(self, part: memoryview) -> None:
        """Hand the filled part of the buffer taken last to every helper."""
        if self._threads:
            self._busy[self._turn] = [
                thread.submit(helper, part) for thread, helper in zip(self._threads, self._helpers, strict=True)
            ]
        else:
            for helper in self._helpers:
                helper(part)
        self._turn = (self._turn + 1) % len(self._buffers)

    def __enter__(self) -> Ring:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        try:
            if kind is None:
                for busy in self._busy:
                    self._wait(busy)
        finally:
            for thread in self._threads:
                thread.shutdown(cancel_futures=True)

    @staticmethod
    def _wait(busy: list[Future[object]]) -> None:
        while busy:
            busy.pop().result()
