"""Progress of work on big files: a bar for a person, a plain line at most every second elsewhere.

All of it goes to standard error, and small work shows nothing.
"""

from __future__ import annotations

from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

from tiercel.cli import output

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

BIG_BYTES = 8 * 1024 * 1024
LINE_EVERY_S = 1.0
BAR_EVERY_S = 0.1


class Progress:
    """Called with what is being done, bytes done and bytes in all; a context manager around the work."""

    def __init__(self) -> None:
        self._what: tuple[str, int] | None = None
        self._began = 0.0
        self._base = 0
        self._shown = 0.0
        self._said = False
        self._bars: Bars | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take note, and show it when it is time."""
        if total < BIG_BYTES:
            return
        now = monotonic()
        if self._what != (what, total):
            self._begin(what, done, total, now)
        bar = self._bars is not None
        if now - self._shown < (BAR_EVERY_S if bar else LINE_EVERY_S) and not (done >= total and (bar or self._said)):
            return
        self._shown = now
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=done)
        else:
            self._said = done < total
            output.say(line(what, done, total, (done - self._base) / max(now - self._began, 0.001)))

    def _begin(self, what: str, done: int, total: int, now: float) -> None:
        self._what, self._began, self._base, self._shown, self._said = (what, total), now, done, now, False
        if output.errors_on_terminal():
            self._bars = self._bars or bars()
            self._task = self._bars.add_task(output.plain(what), total=total, completed=done)


def bars() -> Bars:
    """Bars on standard error, with bytes, speed and the time left."""
    from rich import progress
    from rich.console import Console

    made = progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.DownloadColumn(binary_units=True),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    made.start()
    return made


def line(what: str, done: int, total: int, speed: float) -> str:
    """One line of progress; ``speed`` in bytes per second."""
    told = f"{output.plain(what)}: {output.size(done)} of {output.size(total)}"
    if done >= total:
        return f"{told}, done"
    if speed <= 0:
        return told
    left = int((total - done) / speed)
    return f"{told}, {output.size(int(speed))}/s, {left // 60}:{left % 60:02} left"
