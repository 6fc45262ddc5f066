"""How the way of a letter and the outbox look to a person: what happened, and what is tried next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tiercel.cli import output, pages

if TYPE_CHECKING:
    from tiercel.runtime.views import EventView, NextView, OutboxItem, WayView


def way(view: WayView) -> Iterator[str]:
    """The way of a letter from top to bottom, and what comes next."""
    side = "to" if view.direction == "out" else "from"
    who = f" {side} {output.plain(view.bond)}" if view.bond else ""
    yield "  ".join((output.strong(f"{view.id[:8]}{who}: {output.state(view.state)}"), *pages.wishes(view)))
    if view.missing_before:
        yield f"({pages.gap(view.missing_before)})"
    yield ""
    for number, event in enumerate(view.events):
        if number:
            yield "  │"
        yield "  ● " + "  ".join(step(event))
    yield "  ┆"
    done = view.next.removeprefix("nothing: ")
    yield from pages.broken(f"  ○ {'next' if done == view.next else 'done'}: {output.plain(done)}")
    for one in view.steps:
        yield from pages.broken(f"  ○ {'  '.join(next_step(one))}")
    yield ""
    yield "Times are UTC."


def next_step(view: NextView) -> Iterator[str]:
    """What is tried next: when, unless with the next sync; on which road; what."""
    if view.at is not None:
        yield pages.minute(view.at)
    if view.road:
        yield f"over {output.plain(view.road)}"
    yield output.plain(view.what)
    if view.until is not None:
        yield f"(held there until {pages.date(view.until)})"


def step(event: EventView) -> Iterator[str]:
    """One step: when, what, over which road, until when it is held there."""
    yield pages.minute(event.at)
    yield output.state(event.what)
    if event.road:
        yield f"over {output.plain(event.road)}"
    if event.until is not None:
        yield f"held until {pages.date(event.until)}"


def outbox(items: Sequence[OutboxItem]) -> Iterator[str]:
    """What waits: each letter, why it waits, what a person can do, what is tried next."""
    for item in items:
        about = f"  {output.plain(item.subject)}" if item.subject else ""
        urgent = "  urgent" if item.urgent else ""
        yield output.strong(f"{item.id[:8]} to {output.plain(item.bond)}: {output.state(item.state)}") + about + urgent
        yield from pages.broken(f"    {output.plain(item.why)}")
        if item.remedy:
            yield from pages.broken(f"    {output.plain(item.remedy)}")
        for one in item.steps:
            yield from pages.broken(f"    ○ {'  '.join(next_step(one))}", below=6)
    if any(one.at is not None for item in items for one in item.steps):
        yield ""
        yield "Times are UTC."
