"""``tiercel sync``: visit the roads."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

import click

from tiercel.cli import output, shapes
from tiercel.cli.frame import command
from tiercel.cli.progress import Progress
from tiercel.cli.session import Session
from tiercel.errors import TiercelError

if TYPE_CHECKING:
    from tiercel.runtime.home import Home
    from tiercel.runtime.views import SyncReport

KEPT = "What was fetched and put is kept; the rest goes with the next `tiercel sync`."


@command(
    "sync",
    examples=[
        ("tiercel sync", "one visit to every road"),
        ("tiercel sync --watch", "again and again, until Ctrl-C"),
    ],
)
@click.option("--watch", is_flag=True, help="Keep visiting, every few seconds, until Ctrl-C.")
@click.pass_obj
def sync(session: Session, watch: bool) -> None:
    """Carry what waits, fetch what came.

    Ends with 0 when every road answered. With --watch --json there is one object a line.
    """
    session.kept = KEPT
    with session.home() as home:
        if watch:
            follow(session, home)
            return
        from tiercel.runtime import syncing

        with Progress() as progress:
            report = syncing.sync(home, progress)
    tell_once(session, report)
    output.show(session.json, shapes.report(report), lines(report))
    raise_first(session, report)


def lines(report: SyncReport) -> list[str]:
    """A visit in words."""
    told = [f"Put {many(report.put, 'parcel')}, got {report.got}."]
    if report.letters:
        told.append(f"{many(report.letters, 'new letter')}: tiercel list --unread")
    if report.waiting:
        told.append(f"{many(report.waiting, 'letter')} of yours without a receipt yet: tiercel outbox")
    return told + [output.plain(notice) for notice in report.notices]


def tell_once(session: Session, report: SyncReport) -> None:
    """What the report says of the vault need not be said again at the end."""
    session.notices = [notice for notice in session.notices if notice not in report.notices]


def many(count: int, thing: str) -> str:
    """A number with its thing: 1 parcel, 2 parcels."""
    return f"{count} {thing}" + ("" if count == 1 else "s")


def raise_first(session: Session, report: SyncReport) -> None:
    """End with the trouble of the first road that did not answer, after the others were told."""
    if not report.troubles:
        return
    if not session.json:
        output.say(*trouble_lines(report)[1:], output.plain(f"The road {report.troubles[0].road} did not answer:"))
    raise report.troubles[0].error


def trouble_lines(report: SyncReport) -> list[str]:
    """Roads that did not answer."""
    return [output.plain(f"! {one.road}: {shapes.trouble(one.error)['error']}") for one in report.troubles]


def follow(session: Session, home: Home) -> None:
    """Visit the roads until told to stop."""
    from tiercel.runtime import syncing

    told: list[str] = []

    def each(report: SyncReport) -> None:
        for one in report.troubles:
            if not isinstance(one.error, TiercelError):
                raise one.error
        tell_once(session, report)
        if session.json:
            output.show(True, shapes.report(report), [])
            return
        troubles = trouble_lines(report)
        if report.put or report.got or report.letters or report.notices:
            output.show(False, None, [" ".join(lines(report))])
        if troubles != told:
            output.say(*troubles)
            told[:] = troubles

    if not session.json:
        output.say("Watching the roads, every few seconds. Ctrl-C ends it after the visit under way.")
    stop = threading.Event()
    with until_signal(stop) as seen, Progress() as progress:
        syncing.watch(home, each, progress, stop)
    if signal.SIGINT in seen:
        raise KeyboardInterrupt


@contextlib.contextmanager
def until_signal(stop: threading.Event) -> Iterator[list[int]]:
    """Turn Ctrl-C and SIGTERM into a request to end after this visit; a second Ctrl-C ends at once."""
    seen: list[int] = []

    def asked(number: int, _frame: FrameType | None) -> None:
        if number in seen and number == signal.SIGINT:
            raise KeyboardInterrupt
        seen.append(number)
        # Not from here: the interrupted code may hold the event's own lock.
        threading.Thread(target=stop.set).start()

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
