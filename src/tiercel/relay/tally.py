"""What a relay counts of itself, as Prometheus reads it, and what it writes into its log.

Counts are of the whole relay; no name, id, address or size of anybody has a place here (spec/relay.md 7).
"""

from __future__ import annotations

import json
import logging
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from .store import Counts

LOG: Final = "tiercel.relay"
_HELP: Final = {
    "tiercel_relay_requests_total": "Requests answered, by kind.",
    "tiercel_relay_refused_total": "Requests refused before they were looked at, by status.",
    "tiercel_relay_parcels_total": "Parcels that somebody wanted to put, by what was said of them.",
    "tiercel_relay_given_total": "Parcels given out.",
    "tiercel_relay_dropped_total": "Connections ended for taking too much memory.",
    "tiercel_relay_polls": "Requests that wait now.",
    "tiercel_relay_boxes": "Boxes.",
    "tiercel_relay_held": "Parcels held.",
    "tiercel_relay_used_bytes": "Room used in all boxes together.",
    "tiercel_relay_taken_bytes": "Room used, and reserved for boxes that use less.",
    "tiercel_relay_days": "Days this relay has worked.",
}


class Tally:
    """Counters since the start."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def add(self, name: str, count: int = 1, label: str = "", value: str = "") -> None:
        """Count something; ``label`` and ``value`` say of which kind."""
        self._counts[f"tiercel_relay_{name}_total", label, value] += count

    def text(self, gauges: Counts, polls: int, dropped: int) -> str:
        """Everything, in the text format of Prometheus."""
        lines: dict[str, list[str]] = {}
        for (name, label, value), count in sorted(self._counts.items()):
            kind = f'{{{label}="{value}"}}' if label else ""
            lines.setdefault(name, []).append(f"{name}{kind} {count}")
        lines["tiercel_relay_dropped_total"] = [f"tiercel_relay_dropped_total {dropped}"]
        for name, number in (("polls", polls), ("boxes", gauges.boxes), ("held", gauges.parcels),
                             ("used_bytes", gauges.used_bytes), ("taken_bytes", gauges.taken_bytes),
                             ("days", gauges.relay_day)):  # fmt: skip
            lines[f"tiercel_relay_{name}"] = [f"tiercel_relay_{name} {number}"]
        told = []
        for name, found in lines.items():
            kind = "counter" if name.endswith("_total") else "gauge"
            told += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} {kind}", *found]
        return "\n".join(told) + "\n"


class JsonLines(logging.Formatter):
    """One JSON object a line. Of an error: its kind and where in the code, never what it says, which may quote bytes.

    Args:
        now_ms: The clock.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        super().__init__()
        self._now_ms = now_ms

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        at = datetime.fromtimestamp(self._now_ms() // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        # What a library says may hold the address of somebody's connection.
        said = record.getMessage() if record.name == LOG else f"trouble in {record.name}"
        told = {"at": at, "level": record.levelname.lower(), "event": said}
        told |= getattr(record, "told", {})
        if record.exc_info and record.exc_info[1] is not None:
            told["error"] = type(record.exc_info[1]).__name__
            frames = traceback.extract_tb(record.exc_info[1].__traceback__)
            told["where"] = f"{frames[-1].name}:{frames[-1].lineno}" if frames else ""
        return json.dumps(told)


def logger(now_ms: Callable[[], int], handler: logging.Handler) -> logging.Logger:
    """The log of the relay, and that of the library below it, on one handler."""
    handler.setFormatter(JsonLines(now_ms))
    for name, level in ((LOG, logging.INFO), ("uvicorn.error", logging.ERROR), ("asyncio", logging.ERROR)):
        log = logging.getLogger(name)
        log.handlers, log.propagate = [handler], False
        log.setLevel(level)
    log = logging.getLogger(LOG)

    def died(what: threading.ExceptHookArgs) -> None:
        # As it stands Python would print what the error says.
        log.error("a thread died", exc_info=(what.exc_type, what.exc_value or what.exc_type(), what.exc_traceback))

    threading.excepthook = died
    return log
