"""While roads are watched: a question that each relay answers as soon as something comes, for each of our boxes there.

One thread and one connection for each box; they touch no vault and change nothing, and only say that a visit is worth
while. Without ``--watch`` nothing of this runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from tiercel.errors import CarrierError
from tiercel.vault import boxes, roads

from .boxes import keys_of
from .home import Home

if TYPE_CHECKING:
    from tiercel.carriers.http_relay import Waiting

LOOK_EVERY_S = 0.1  # at what the threads heard
AGAIN_S, AGAIN_S_MAX = 1.0, 60.0  # after a relay did not answer; doubled each time


class _Ear:
    """Waits at one box until it is told to end."""

    def __init__(self, waiting: Waiting, heard: Callable[[], None], random: Callable[[], float]) -> None:
        self._waiting, self._heard, self._random = waiting, heard, random
        self._over = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def end(self) -> None:
        """Hang up; the thread ends by itself."""
        self._over.set()
        self._waiting.close()

    def _listen(self) -> None:
        pause_s, missed = AGAIN_S, False
        while not self._over.is_set():
            try:
                came = self._waiting.wait()
            except CarrierError:
                missed = True
                self._over.wait(pause_s * (0.5 + self._random()))
                pause_s = min(2 * pause_s, AGAIN_S_MAX)
                continue
            if came or missed:  # a relay that answers again may have what was put meanwhile
                self._heard()
            pause_s, missed = AGAIN_S, False


class Listening:
    """All boxes of a vault that are listened at.

    Attributes:
        count: How often something was heard.
    """

    def __init__(self, home: Home) -> None:
        """Nothing is listened at before :meth:`refresh`."""
        self.home, self.count = home, 0
        self._ears: dict[int, _Ear] = {}
        self._told = threading.Event()

    def refresh(self) -> None:
        """Listen at the boxes there are now, and at no others."""
        relays = {row.id: row for row in roads.all_carriers(self.home.vault) if row.kind == "relay"}
        rows = {box.id: box for box in boxes.listened(self.home.vault) if relays and box.run and box.carrier in relays}
        for gone in self._ears.keys() - rows.keys():
            self._ears.pop(gone).end()
        for new in rows.keys() - self._ears.keys():
            from tiercel.carriers.http_relay import Box, Waiting

            from .relay_road import server_of

            box = rows[new]
            waiting = Waiting(server_of(self.home, relays[box.carrier]), Box(keys_of(box.keys), box.run))
            self._ears[new] = _Ear(waiting, self._heard, lambda: self.home.entropy.token(1)[0] / 256)

    def wait(self, stop: threading.Event, seconds: float) -> None:
        """Return when something was heard, when it is time to stop, or after so many seconds."""
        if not self._ears:
            stop.wait(seconds)
            return
        for _ in range(round(seconds / LOOK_EVERY_S)):
            if self._told.is_set() or stop.wait(LOOK_EVERY_S):
                break
        self._told.clear()

    def close(self) -> None:
        """Hang up everywhere."""
        for ear in self._ears.values():
            ear.end()
        self._ears.clear()

    def _heard(self) -> None:
        self.count += 1
        self._told.set()
