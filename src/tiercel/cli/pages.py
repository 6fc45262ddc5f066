"""How letters look to a person: lists, and a letter like a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tiercel.cli import output, shapes

if TYPE_CHECKING:
    from tiercel.runtime.views import (
        EnclosureView,
        LetterView,
        OpenLetterView,
        WayView,
    )

PAGE_COLUMNS = 72
TEXT_COLUMNS_MAX = 78
NAME_COLUMNS_MIN = 8
ARROWS = {"out": "→", "in": "←"}


def date(instant_ms: int | None) -> str:
    """A day in UTC, or a dash."""
    return (shapes.time(instant_ms) or "-")[:10]


def minute(instant_ms: int) -> str:
    """A day and minute in UTC."""
    return (shapes.time(instant_ms) or "?")[:16].replace("T", " ")


def letters(views: Sequence[LetterView], *, one_bond: bool) -> list[str]:
    """Letters as lines: id, day, direction, bond, state, subject; a gap below the letter it lies before."""
    lines = output.table(row(view, one_bond=one_bond) for view in views)
    told = []
    for view, line in zip(views, lines, strict=True):
        told.append(line)
        if view.missing_before:
            told.append(f"{' ' * 8}  ┆ {gap(view.missing_before)}")
    return told


def gap(count: int) -> str:
    """That letters before one that is here have not come."""
    if count == 1:
        return "a letter before this one has not arrived"
    return f"{count:,} letters before this one have not arrived"


def row(view: LetterView, *, one_bond: bool) -> tuple[str, ...]:
    """One letter of the list."""
    marks = ("! " if view.urgent else "") + about(view)
    more = f"  [{view.enclosures} enclosed]" if view.enclosures else ""
    return (
        view.id[:8],
        date(view.written_at),
        ARROWS.get(view.direction, " "),
        *(() if one_bond else (output.plain(view.bond),)),
        standing(view),
        marks + more,
    )


def about(view: LetterView) -> str:
    """The subject, or why there is none."""
    if view.closed and view.not_before_day is not None:
        return f"(not before {shapes.day(view.not_before_day)})"
    return output.plain(view.subject) if view.subject else "(no subject)"


def standing(view: LetterView) -> str:
    """The state, and whether enclosures of what came are still missing."""
    coming = view.direction == "in" and view.arrived_at is None
    return output.state(view.state) + (", enclosures still coming" if coming else "")


def letter(view: OpenLetterView) -> Iterator[str]:
    """A letter as one would hold it: who and when, place and date to the right, the text, what is enclosed."""
    one = view.letter
    side = "To" if one.direction == "out" else "From"
    yield output.strong(f"{side} {output.plain(one.bond)}")
    yield "  ".join((*heading(view), *wishes(one)))
    if one.missing_before:
        yield f"({gap(one.missing_before)})"
    yield ""
    place = ", ".join(output.plain(text) for text in (view.place, view.dated) if text)
    if place:
        yield " " * max(0, min(PAGE_COLUMNS, columns() or PAGE_COLUMNS) - output.width(place)) + place
        yield ""
    if one.subject:
        yield output.strong(output.plain(one.subject))
        yield ""
    yield text_of(view)
    if view.enclosures:
        yield ""
        yield "Enclosed:"
        yield from enclosures(view.enclosures)
        yield f"Save one: tiercel enclosure save {one.id[:8]} 1 --to DIR"


def text_of(view: OpenLetterView) -> str:
    """The text, or why there is none."""
    if view.burnt_at is not None:
        return f"(burnt here on {date(view.burnt_at)}: bond retention)"
    if view.letter.state == "crossed" and view.letter.direction == "in" and not view.body:
        return "(no text is here: this copy of your vault gave it back unopened, another had shown it)"
    return body(view.body)


def heading(view: OpenLetterView) -> Iterator[str]:
    """The line about a letter: id, state and days."""
    one = view.letter
    yield one.id[:8]
    yield standing(one)
    yield f"written {date(one.written_at)}"
    if one.arrived_at is not None:
        yield f"arrived {date(one.arrived_at)}"
    if view.reply_to:
        yield f"answers {output.plain(view.reply_to[:8])}"


def wishes(view: LetterView | WayView) -> Iterator[str]:
    """What the writer asked for."""
    if view.urgent:
        yield "urgent"
    if view.not_before_day is not None:
        yield f"not before {shapes.day(view.not_before_day)}"
    if view.deadline_day is not None:
        yield f"until {shapes.day(view.deadline_day)}"


def columns() -> int | None:
    """How wide a text may be on this terminal; None where nobody looks at one."""
    return min(TEXT_COLUMNS_MAX, output.terminal_size()[0]) if output.on_terminal() else None


def enclosures(views: Sequence[EnclosureView]) -> list[str]:
    """What is enclosed, counted from 1."""
    rows = [
        (f"  {one.n}", output.plain(one.name), output.size(one.size) + ("" if one.whole else ", not whole yet"))
        for one in views
    ]
    space = columns()
    if space is not None:
        rest = max(len(number) + len(size) for number, _, size in rows) + 4
        room = max(NAME_COLUMNS_MIN, space - rest)
        rows = [(number, output.shortened(name, room), size) for number, name, size in rows]
    return output.table(rows)


def body(text: str) -> str:
    """The text of a letter, its mark-up shown, unable to drive the terminal; on one, long lines are broken."""
    shown, space = output.page(text).removesuffix("\n"), columns()
    if space is None:
        return shown
    return "\n".join(part for line in shown.split("\n") for part in output.wrapped(line, space))


def broken(line: str, below: int = 4) -> list[str]:
    """A line, broken on a terminal; the lines after its first begin with so many spaces."""
    space = columns()
    return [line] if space is None else output.wrapped(line, space, " " * below)
