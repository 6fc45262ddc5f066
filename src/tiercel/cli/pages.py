"""How letters and their ways look to a person: lists, a letter like a page, the way as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tiercel.cli import output, shapes

if TYPE_CHECKING:
    from tiercel.runtime.views import EnclosureView, EventView, LetterView, OpenLetterView, WayView

PAGE_COLUMNS = 72
ARROWS = {"out": "→", "in": "←"}


def date(instant_ms: int | None) -> str:
    """A day in UTC, or a dash."""
    return (shapes.time(instant_ms) or "-")[:10]


def minute(instant_ms: int) -> str:
    """A day and minute in UTC."""
    return (shapes.time(instant_ms) or "?")[:16].replace("T", " ")


def letters(views: Sequence[LetterView], *, one_bond: bool) -> list[str]:
    """Letters as lines: id, day, direction, bond, state, subject."""
    return output.table(row(view, one_bond=one_bond) for view in views)


def row(view: LetterView, *, one_bond: bool) -> tuple[str, ...]:
    """One letter of the list."""
    marks = ("! " if view.urgent else "") + (output.plain(view.subject) if view.subject else "(no subject)")
    more = f"  [{view.enclosures} enclosed]" if view.enclosures else ""
    return (
        view.id[:8],
        date(view.written_at),
        ARROWS.get(view.direction, " "),
        *(() if one_bond else (output.plain(view.bond),)),
        output.state(view.state),
        marks + more,
    )


def letter(view: OpenLetterView) -> Iterator[str]:
    """A letter as one would hold it: who and when, place and date to the right, the text, what is enclosed."""
    about = view.letter
    side = "To" if about.direction == "out" else "From"
    yield output.strong(f"{side} {output.plain(about.bond)}")
    yield "  ".join(heading(view))
    yield ""
    place = ", ".join(output.plain(text) for text in (view.place, view.dated) if text)
    if place:
        yield " " * max(0, PAGE_COLUMNS - output.width(place)) + place
        yield ""
    if about.subject:
        yield output.strong(output.plain(about.subject))
        yield ""
    yield body(view.body) if view.burnt_at is None else f"(burnt here on {date(view.burnt_at)}: bond retention)"
    if view.enclosures:
        yield ""
        yield "Enclosed:"
        yield from enclosures(view.enclosures)
        yield f"Save one: tiercel enclosure save {about.id[:8]} 1 --to DIR"


def heading(view: OpenLetterView) -> Iterator[str]:
    """The line about a letter: id, state and days."""
    about = view.letter
    yield about.id[:8]
    yield output.state(about.state)
    yield f"written {date(about.written_at)}"
    if about.arrived_at is not None:
        yield f"arrived {date(about.arrived_at)}"
    if view.reply_to:
        yield f"answers {output.plain(view.reply_to[:8])}"
    if about.urgent:
        yield "urgent"


def enclosures(views: Sequence[EnclosureView]) -> list[str]:
    """What is enclosed, counted from 1."""
    return output.table(
        (f"  {one.n}", output.plain(one.name), output.size(one.size) + ("" if one.whole else ", not whole yet"))
        for one in views
    )


def body(text: str) -> str:
    """The text of a letter, its mark-up shown, unable to drive the terminal."""
    return output.page(text).removesuffix("\n")


def way(view: WayView) -> Iterator[str]:
    """The way of a letter from top to bottom, and what comes next."""
    yield output.strong(f"{view.id[:8]}: {output.state(view.state)}")
    yield ""
    for number, event in enumerate(view.events):
        if number:
            yield "  │"
        yield "  ● " + "  ".join(step(event))
    yield "  ┆"
    done = view.next.removeprefix("nothing: ")
    yield f"  ○ {'next' if done == view.next else 'done'}: {output.plain(done)}"
    yield ""
    yield "Times are UTC."


def step(event: EventView) -> Iterator[str]:
    """One step: when, what, over which road, until when it is held there."""
    yield minute(event.at)
    yield output.state(event.what)
    if event.road:
        yield f"over {output.plain(event.road)}"
    if event.until is not None:
        yield f"held until {date(event.until)}"
