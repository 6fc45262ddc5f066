"""Helpers for bulk work: a few acts on a road at a time, and files that become durable while they are written.

Reading, sealing, opening and syncing all give the interpreter lock back, so two cores share what one would do in
turn. Helpers touch roads and files only; the vault is kept by the one thread that asked, in the order it asked.

Example:
    >>> with ahead(len, ["a", "bcd", "ef"], 2) as results:
    ...     [(word, result()) for word, result in results]
    [('a', 1), ('bcd', 3), ('ef', 2)]
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from types import TracebackType
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")
_Results = Generator[tuple[_T, Callable[[], _R]], None, None]

SYNC_EVERY_BYTES = 16 << 20
"""Written before the disk is asked to begin: 1 GiB took 0.67 s with one fsync at the end, 0.53 s with this."""
WRITE_BYTES = 256 * 1024
"""Larger writes ask the kernel for huge pages, which a virtual machine may first have to get back from its host."""


def ahead(work: Callable[[_T], _R], items: Iterable[_T], at_once: int) -> closing[_Results[_T, _R]]:
    """Each item in its order with a call that gives the result of its work, or raises what the work raised.

    Args:
        work: Done by helpers, a few items ahead of the caller; with ``at_once`` 1 by the caller itself.
        items: Taken as they are needed, by the caller's thread.
        at_once: How many helpers.

    Returns:
        To be used with ``with``: leaving the block early drops what has not begun and waits for what has.
    """
    return closing(_alone(work, items) if at_once <= 1 else _helped(work, items, at_once))


def _alone(work: Callable[[_T], _R], items: Iterable[_T]) -> _Results[_T, _R]:
    for item in items:
        yield item, partial(work, item)


def _helped(work: Callable[[_T], _R], items: Iterable[_T], at_once: int) -> _Results[_T, _R]:
    helpers, begun = ThreadPoolExecutor(at_once), deque[tuple[_T, Callable[[], _R]]]()
    try:
        for item in items:
            begun.append((item, helpers.submit(work, item).result))
            if len(begun) > 2 * at_once:
                yield begun.popleft()
        while begun:
            yield begun.popleft()
    finally:
        helpers.shutdown(cancel_futures=True)


class Behind:
    """Acts done in their order by one helper while the caller goes on; what one of them raised, closing raises."""

    def __init__(self, helped: bool) -> None:
        """Without a helper each act is done at once."""
        self._helper = ThreadPoolExecutor(1) if helped else None
        self._begun: list[Future[None]] = []

    def give(self, act: Callable[[], None]) -> None:
        """Have something done."""
        if self._helper is None:
            act()
        else:
            self._begun.append(self._helper.submit(act))

    def close(self) -> None:
        """Return once all is done."""
        if self._helper is not None:
            self._helper.shutdown()
        for begun in self._begun:
            begun.result()


class SyncedFile:
    """A growing file that is made durable behind the writer's back, so that the last fsync finds little to do.

    What a sync in the background raises is raised by the next call here: the kernel tells it only once.
    """

    def __init__(self, file: int) -> None:
        """For an open file descriptor, which stays the caller's."""
        self.file = file
        self._unsynced = 0
        self._helper: ThreadPoolExecutor | None = None
        self._begun: Future[None] | None = None

    def write(self, data: memoryview) -> int:
        """Write at the present position, as a raw file does; how many bytes."""
        return self._wrote(os.write(self.file, data[:WRITE_BYTES]))

    def write_at(self, data: memoryview, offset: int) -> None:
        """Write all of it at a place."""
        while data:
            done = self._wrote(os.pwrite(self.file, data[:WRITE_BYTES], offset))
            data, offset = data[done:], offset + done

    def _wrote(self, count: int) -> int:
        self._unsynced += count
        if self._unsynced >= SYNC_EVERY_BYTES and (self._begun is None or self._begun.done()):
            self._settle()
            self._helper = self._helper or ThreadPoolExecutor(1)
            self._begun = self._helper.submit(os.fdatasync, self.file)
            self._unsynced = 0
        return count

    def _settle(self) -> None:
        begun, self._begun = self._begun, None
        if begun is not None:
            begun.result()

    def sync(self) -> None:
        """Return once all that was written is durable."""
        self._settle()
        os.fsync(self.file)

    def __enter__(self) -> SyncedFile:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the helper go; the descriptor stays open."""
        if self._helper is not None:
            self._helper.shutdown()
