"""What scripts are given under ``--json``: the one place that names the keys.

Keys only ever get added. Times are ``YYYY-MM-DDTHH:MM:SSZ`` or null.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tiercel.errors import TiercelError

if TYPE_CHECKING:
    from tiercel.runtime.views import (
        BondRoadsView,
        BondView,
        CarrierView,
        Finding,
        LetterView,
        NextView,
        OpenLetterView,
        OutboxItem,
        ProblemView,
        ReceiptsView,
        RetentionView,
        SyncReport,
        WayView,
        WordsView,
    )

Shape = dict[str, object]


def time(instant_ms: int | None) -> str | None:
    """An instant in UTC milliseconds as scripts see it; None also outside the years a calendar has."""
    from datetime import UTC, datetime, timedelta

    if instant_ms is None:
        return None
    try:
        when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=instant_ms)
    except OverflowError:
        return None
    return when.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def day(number: int | None) -> str | None:
    """A whole UTC day since 1970 as scripts see it, such as ``2030-01-01``; None also outside the calendar's years."""
    from datetime import date, timedelta

    if number is None:
        return None
    try:
        return (date(1970, 1, 1) + timedelta(days=number)).isoformat()
    except OverflowError:
        return None


def vault(folder: Path, **more: object) -> Shape:
    """A vault that was made or changed."""
    return {"vault": str(folder), **more}


def carrier(view: CarrierView) -> Shape:
    """A road."""
    return {
        "name": view.name,
        "kind": view.kind,
        "place": view.place,
        "bonds": list(view.bonds),
        "trouble": view.trouble,
    }


def retention(view: RetentionView) -> Shape:
    """How long text is kept."""
    received: str | int = {None: "keep", 0: "on-reading"}.get(view.received_days, view.received_days or 0)
    return {"bond": view.bond, "sent": view.sent, "received": received}


def receipts(view: ReceiptsView) -> Shape:
    """What the other side is told of their letters."""
    return {"bond": view.bond, "arrived": view.arrived, "read": view.read, "delay_hours": view.delay_h}


def bond_roads(view: BondRoadsView) -> Shape:
    """The roads of a bond, in their order."""
    return {"bond": view.bond, "roads": [{"carrier": one.name, "after_days": one.after_days} for one in view.roads]}


def bond(view: BondView) -> Shape:
    """A bond."""
    return {
        "name": view.name,
        "state": view.state,
        "confirmed": view.confirmed,
        "warnings": list(view.warnings),
        "doubted_at": time(view.doubted_at),
    }


def bond_page(view: BondView, chosen: BondRoadsView, told: ReceiptsView, kept: RetentionView, waiting: int) -> Shape:
    """All there is to one bond."""
    return {
        **bond(view),
        "roads": bond_roads(chosen)["roads"],
        "receipts": {key: value for key, value in receipts(told).items() if key != "bond"},
        "retention": {key: value for key, value in retention(kept).items() if key != "bond"},
        "waiting": waiting,
    }


def ended(view: BondView, held: int) -> Shape:
    """A bond that has ended, with how many letters are held."""
    return {**bond(view), "held": held}


def invitation(view: BondView, text: str) -> Shape:
    """A bond just begun, with the line to give to the other person."""
    return {"name": view.name, "state": view.state, "invitation": text}


def words(view: WordsView) -> Shape:
    """The six words, and who can read under the bond."""
    readers = [{"side": one.side, "kind": one.kind, "since": time(one.since)} for one in view.readers]
    return {
        "bond": view.bond,
        "words": list(view.words),
        "readers": {"words": None, "list": readers},
        "state": view.state,
        "warnings": list(view.warnings),
        "doubted_at": time(view.doubted_at),
    }


def step(view: LetterView) -> Shape:
    """A letter after something was done with it."""
    return {"id": view.id, "state": view.state}


def letter(view: LetterView) -> Shape:
    """A letter in a list."""
    return {
        "id": view.id,
        "bond": view.bond,
        "direction": view.direction,
        "state": view.state,
        "subject": view.subject,
        "written_at": time(view.written_at),
        "arrived_at": time(view.arrived_at),
        "read_at": time(view.read_at),
        "number": view.number,
        **wishes(view),
        "missing_before": view.missing_before,
    }


def wishes(view: LetterView | WayView) -> Shape:
    """What the writer asked for: the last day to send it, the first to open it, haste."""
    return {"deadline": day(view.deadline_day), "not_before": day(view.not_before_day), "urgent": view.urgent}


def discarded(view: LetterView) -> Shape:
    """A draft that is gone."""
    return {"id": view.id, "discarded": True}


def opened(view: OpenLetterView) -> Shape:
    """A letter opened for reading."""
    return {
        **letter(view.letter),
        "body": view.body,
        "burnt_at": time(view.burnt_at),
        "place": view.place,
        "dated": view.dated,
        "reply_to": view.reply_to,
        "enclosures": [{"n": one.n, "name": one.name, "size": one.size} for one in view.enclosures],
    }


def saved(path: Path, size: int) -> Shape:
    """An enclosure that was written out."""
    return {"path": str(path), "size": size}


def way(view: WayView) -> Shape:
    """The way of a letter."""
    events = [
        {"at": time(event.at), "what": event.what, "road": event.road, "until": time(event.until)}
        for event in view.events
    ]
    return {
        "id": view.id,
        "state": view.state,
        "events": events,
        "next": view.next,
        **wishes(view),
        "bond": view.bond,
        "direction": view.direction,
        "missing_before": view.missing_before,
        "steps": [next_step(one) for one in view.steps],
    }


def waiting(item: OutboxItem) -> Shape:
    """A letter that waits."""
    return {
        "id": item.id,
        "bond": item.bond,
        "state": item.state,
        "subject": item.subject,
        "urgent": item.urgent,
        "why": item.why,
        "remedy": item.remedy,
        "steps": [next_step(one) for one in item.steps],
    }


def next_step(view: NextView) -> Shape:
    """What is tried next for a letter; ``at`` is null with the next sync."""
    return {"what": view.what, "at": time(view.at), "road": view.road, "until": time(view.until)}


def report(view: SyncReport) -> Shape:
    """One visit to every road."""
    return {
        "put": view.put,
        "got": view.got,
        "letters": view.letters,
        "waiting": view.waiting,
        "troubles": [{"road": one.road, **trouble(one.error)} for one in view.troubles],
        "notices": list(view.notices),
    }


def trouble(error: Exception) -> Shape:
    """An error within a report; what is not ours is named by its class alone."""
    if isinstance(error, TiercelError):
        return {"error": str(error), "kind": error.kind, "remedy": error.remedy}
    return {"error": type(error).__name__, "kind": "bug", "remedy": ""}


def problem(view: ProblemView) -> Shape:
    """Something that could not be opened."""
    return {
        "bond": view.bond,
        "verdict": view.verdict,
        "at": time(view.at),
        "sentence": view.sentence,
        "by_itself": view.by_itself,
        "remedy": view.remedy,
    }


def findings(found: Iterable[Finding]) -> list[Shape]:
    """What the doctor saw."""
    return [{"what": one.what, "well": one.well, "sentence": one.sentence, "remedy": one.remedy} for one in found]
