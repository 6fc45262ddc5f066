"""One step of the delivery engine, and one visit with nothing due, beside 10 to 100,000 letters that are under way.

The curve must be flat: what is under way is never walked through. A step is timed inside an open transaction, without
its commit: that costs what the disk takes, however many letters there are. ``--size`` leaves out what is larger.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from pathlib import Path

from road_kit import Pair
from tiercel.delivery.events import (
    Event,
    NoteCame,
    RecallAsked,
    ReplyCame,
    RoadReady,
    RoadSeen,
    Ticked,
)
from tiercel.limits import DAY_MS
from tiercel.parcel.box import Kind
from tiercel.parcel.note import Answer, Note, Receipt, ReceiptKind, Reply
from tiercel.parcel.profiles import FILE
from tiercel.runtime import syncing

from . import common
from .common import Options, Row

COUNTS = (10, 1_000, 10_000, 100_000)
BATCH = 1_000
STEPS = 200
SEEN = RoadSeen(1, 1 << 30, 30 * DAY_MS, True, False, (FILE,))


def measure(options: Options) -> list[Row]:
    """Each event, and a visit, at each number of open letters."""
    counts = [count for count in COUNTS if options.size is None or count <= options.size]
    with common.workplace(options.folder) as place:
        worlds = {count: _world(place / str(count), count) for count in counts}
        rows: dict[str, Row] = {}
        for _ in range(options.runs):
            for count, pair in worlds.items():
                for what, took_us in _timed(pair, count).items():
                    name = f"{what}, {count:,} open"
                    rows.setdefault(name, Row(name, "µs", [])).samples.append(took_us)
        return [_beside_the_fewest(rows, row, counts[0]) for row in sorted(rows.values(), key=_by_what)]


def _by_what(row: Row) -> tuple[str, int]:
    what, _, count = row.what.rpartition(", ")
    return what, int(count.removesuffix(" open").replace(",", ""))


def _beside_the_fewest(rows: dict[str, Row], row: Row, fewest: int) -> Row:
    first = rows[f"{row.what.rpartition(', ')[0]}, {fewest:,} open"]
    row.note = f"{row.median / first.median:.2f} of that with {fewest}"
    return row


def _timed(pair: Pair, count: int) -> dict[str, float]:
    """Microseconds of a step of each kind, the median of many, and of a visit."""
    gc.collect()
    found = {what: _step_us(pair, event) for what, event in _events(count).items()}
    visits = [common.clock(lambda: syncing.sync(pair.ada.home)) * 1e6 for _ in range(20)]
    return found | {"a visit with nothing due": statistics.median(visits)}


def _events(count: int) -> dict[str, Callable[[int], Event]]:
    """Steps about the n-th letter; those that change it are undone."""

    def note(n: int, **said: object) -> Event:
        return NoteCame(1, SEEN, Note(day=20_000, **said), superseded=False)  # type: ignore[arg-type]

    arrived, returned = ReceiptKind.ARRIVED, Reply.RETURNED
    return {
        "time passes": lambda _n: Ticked(1 << 40),
        "a road is seen": lambda _n: SEEN,
        "a road is ready": lambda _n: RoadReady(SEEN, int(Kind.LETTER)),
        "a receipt comes": lambda n: note(n, receipts=(Receipt(arrived, _id(n % count), bytes(32)),)),
        "an answer comes": lambda n: note(n, answers=(Answer(_id(n % count), returned),)),
        "a key had expired": lambda n: note(n, expired=(_pid(n % count),)),
        "a reply comes": lambda n: ReplyCame(1, _id(n % count)),
        "a letter is asked back": lambda n: RecallAsked(_first_row(n % count)),
    }


class _UndoneError(Exception):
    """The step is not kept."""


def _step_us(pair: Pair, event: Callable[[int], Event]) -> float:
    office, took = pair.ada.home.office, []
    for n in range(STEPS):
        happened = event(n * 7)
        try:
            with office.transaction():
                took.append(common.clock(lambda happened=happened: office.tell(happened)) * 1e6)  # type: ignore[misc]
                raise _UndoneError
        except _UndoneError:
            pass
    return statistics.median(took)


# -- many letters under way --------------------------------------------------------------------------

_FIRST_ROW = 1_000


def _first_row(n: int) -> int:
    return _FIRST_ROW + n


def _id(n: int) -> bytes:
    return n.to_bytes(16, "big")


def _pid(n: int) -> bytes:
    return n.to_bytes(8, "big")


def _world(folder: Path, count: int) -> Pair:
    """Two people with a relay between them; so many letters of Ada's wait for a word, a part of them asked back."""
    folder.mkdir(parents=True)
    pair = Pair(folder, {"relay": "relay"})
    pair.exchange(rounds=6)
    vault, now = pair.ada.home.vault, pair.clock.now_ms()
    for start in range(0, count, BATCH):
        with vault.transaction():
            for n in range(start, min(count, start + BATCH)):
                _letter(pair, n, now)
            vault.run("UPDATE sendings SET due_at = ?, passes = 1 WHERE due_at = 0", now + 300 * DAY_MS)
    pair.visit(pair.ada)
    return pair


def _letter(pair: Pair, n: int, now: int) -> None:
    vault, bundle = pair.ada.home.vault, bytes(16) + _id(n)
    vault.run(
        "INSERT INTO letters (seq, listed, id, bond, direction, state, number, receipt_secret, written_at, accepted_at,"
        " planned, seals, deadline_day, recall_at)"
        " VALUES (?, 1, ?, 1, 'out', 'handed over', ?, x'00', ?, ?, 1, 1, ?, ?)",
        _first_row(n), _id(n), 1000 + n, now, now, now // DAY_MS + 300, None if n % 10 else now,
    )  # fmt: skip
    vault.run(
        "INSERT INTO bundles_out (hash, bond, letter, kind, length, sealed, pid, made_day)"
        " VALUES (?, 1, ?, 1, 3000, x'00', ?, ?)",
        bundle, _first_row(n), _pid(n), now // DAY_MS,
    )  # fmt: skip
    vault.run(
        "INSERT INTO handed (carrier, name, bond, bundle, refs, profile, at, put)"
        " SELECT id, printf('%026d', ?), 1, ?, x'0000000000', 'file', ?, 1 FROM carriers",
        n, bundle, now,
    )  # fmt: skip
