"""One thread that writes: whatever waits is done in one transaction, so one sync of the disk serves many requests.

A job is a function of the connection. Its answer is given when the transaction that holds it is durable, and not
before. The first error of reading, writing or syncing ends the thread: after a failed sync nobody knows what the disk
has, so nothing may be promised again by this process (security.md A44).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import apsw

from tiercel.errors import DiskFull, StoreFailed

_T = TypeVar("_T")
_GROUP_BYTES = 16 << 20  # about 100 ms of a slow disk; more would keep the first of the group waiting


@dataclass(frozen=True)
class _Job:
    act: Callable[[apsw.Connection], Any]
    size_bytes: int
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]


class GroupCommit:
    """Writes of many requests, in the order in which they came, as few transactions as keep up with them.

    Args:
        db: The connection; nobody else may use it until :meth:`close` returned.
        rolled_back: Called in the thread after a transaction was undone, so that what was counted is counted anew.
        after: Called in the thread between transactions, when those who waited have their answer.
    """

    def __init__(
        self, db: apsw.Connection, rolled_back: Callable[[], None], after: Callable[[apsw.Connection], None]
    ) -> None:
        self._db = db
        self._rolled_back = rolled_back
        self._after = after
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._failure: StoreFailed | None = None
        self.commits = 0
        self._thread = threading.Thread(target=self._run, name="relay-writer", daemon=True)
        self._thread.start()

    async def do(self, act: Callable[[apsw.Connection], _T], size_bytes: int = 0) -> _T:
        """Run ``act`` in the next transaction; its value, once that is durable.

        Raises:
            StoreFailed: Now or earlier; nothing is known of this act.
            DiskFull: Undone, with everything else of its transaction; the store goes on.
        """
        if self._failure:
            raise self._failure
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_T] = loop.create_future()
        self._jobs.put(_Job(act, size_bytes, loop, answer))
        return await answer

    def close(self) -> None:
        """Finish what waits, then end the thread. May be called twice."""
        self._jobs.put(None)
        self._thread.join()

    # -- the thread --

    def _run(self) -> None:
        ending = False
        try:
            while not ending:
                jobs, ending = self._next_group()
                if jobs:
                    self._answer(jobs, self._commit(jobs))
                    self._tidy()
        finally:
            if not ending:  # a bug: the thread dies of it when it is closed, and answers whoever comes until then
                self._failure = self._failure or StoreFailed()
                self._run()

    def _tidy(self) -> None:
        if self._failure is None:
            try:
                self._after(self._db)
            except apsw.Error as error:
                self._fail(error)

    def _next_group(self) -> tuple[list[_Job], bool]:
        """What waits, at least one; and whether the end was asked for."""
        jobs: list[_Job] = []
        size, job = 0, self._jobs.get()
        with suppress(Empty):
            while job is not None:
                jobs.append(job)
                size += job.size_bytes
                if size >= _GROUP_BYTES:
                    return jobs, False
                job = self._jobs.get_nowait()
            return jobs, True
        return jobs, False

    def _commit(self, jobs: list[_Job]) -> list[Any] | Exception:
        if self._failure:
            return self._failure
        try:
            self._db.execute("BEGIN IMMEDIATE")
            values = [job.act(self._db) for job in jobs]
            self._db.execute("COMMIT")
            self.commits += 1
            return values
        except apsw.FullError:
            return self._undo()
        except apsw.Error as error:
            return self._fail(error)
        except BaseException as error:  # a bug: those who wait are told, and nothing is committed again
            self._answer(jobs, self._fail(error))
            raise

    def _undo(self) -> Exception:
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._rolled_back()
            return DiskFull("The disk of the relay is full.")
        except apsw.Error as error:
            return self._fail(error)

    def _fail(self, error: BaseException) -> StoreFailed:
        self._failure = StoreFailed()
        self._failure.__cause__ = error
        return self._failure

    def _answer(self, jobs: list[_Job], values: list[Any] | Exception) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
        for number, job in enumerate(jobs):
            value = values if isinstance(values, Exception) else values[number]
            by_loop.setdefault(job.loop, []).append((job.answer, value))
        for loop, answers in by_loop.items():
            with suppress(RuntimeError):  # the loop ended while its last requests were served
                loop.call_soon_threadsafe(_deliver, answers)


def _deliver(answers: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for answer, value in answers:
        if answer.done():
            continue  # whoever asked went away
        if isinstance(value, Exception):
            answer.set_exception(value)
        else:
            answer.set_result(value)
