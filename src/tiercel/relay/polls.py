"""Those who wait for something to come: woken by a put, by time, by their own leaving, or by the end of the relay.

A box that is not there is waited for like any other, so that waiting tells nobody whether it is (spec/relay.md 4).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

POLLS_MAX: Final = 20_000


class Poll:
    """One request that waits. Made by :meth:`Polls.open`; a put since then is not missed."""

    __slots__ = ("_over", "_polls", "_woken", "box")

    def __init__(self, polls: Polls, box: bytes) -> None:
        self._polls = polls
        self.box = box
        self._over = False
        self._woken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def wake(self, came: bool) -> None:
        """End the waiting; ``came`` says that there is something to look for. Without it there is no more of it."""
        self._over = self._over or not came
        if not self._woken.done():
            self._woken.set_result(came)

    async def wait(self, until: float) -> bool:
        """Whether something came before that time of the loop; at once if it came already."""
        timer = asyncio.get_running_loop().call_at(until, self.wake, False)
        try:
            return await self._woken
        finally:
            timer.cancel()

    def again(self) -> None:
        """Wait for the next put, unless the waiting was ended behind the one before."""
        if self._woken.done():
            self._woken = asyncio.get_running_loop().create_future()
            if self._over:
                self._woken.set_result(False)

    def close(self) -> None:
        """Wait no more."""
        self._polls.forget(self)


class Polls:
    """All requests that wait, by box.

    Args:
        most: Above it those who waited longest are answered.
    """

    def __init__(self, most: int = POLLS_MAX) -> None:
        self._most = most
        self._by_box: dict[bytes, set[Poll]] = {}
        self._all: dict[Poll, None] = {}  # in the order in which they came
        self._ended = False

    def __len__(self) -> int:
        return len(self._all)

    def open(self, box: bytes) -> Poll:
        """Begin to listen for a box, before it is looked into."""
        poll = Poll(self, box)
        self._by_box.setdefault(box, set()).add(poll)
        self._all[poll] = None
        if len(self._all) > self._most:
            longest = next(iter(self._all))
            longest.wake(False)
            self.forget(longest)
        if self._ended:
            poll.wake(False)
        return poll

    def forget(self, poll: Poll) -> None:
        """A poll is over. One that is not known is no error."""
        self._all.pop(poll, None)
        waiting = self._by_box.get(poll.box)
        if waiting:
            waiting.discard(poll)
            if not waiting:
                del self._by_box[poll.box]

    def came(self, boxes: Collection[bytes]) -> None:
        """Parcels were put: the listener of a store."""
        for box in boxes:
            for poll in self._by_box.get(box, ()):
                poll.wake(True)

    def end(self) -> None:
        """Answer everybody, now and from now on: the relay stops."""
        self._ended = True
        for poll in self._all:
            poll.wake(False)
