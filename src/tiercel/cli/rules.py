"""``tiercel bond retention``, ``receipts`` and ``roads``: what a person decided about one bond."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tiercel.cli import output, pages, shapes
from tiercel.cli.frame import command
from tiercel.cli.kinds import KNOWN_NAME, ROAD
from tiercel.cli.session import Session
from tiercel.errors import UsageError

if TYPE_CHECKING:
    from tiercel.runtime.views import BondRoadsView, ReceiptsView, RetentionView, RoadView

ON_OFF = click.Choice(["on", "off"])


@command(
    "retention",
    examples=[
        ("tiercel bond retention Bo", "show the rule"),
        ("tiercel bond retention Bo --received 30", "burn Bo's letters 30 days after you read them"),
        ("tiercel bond retention Bo --sent until-receipt", "keep your own text only until Bo has it"),
    ],
)
@click.argument("name", type=KNOWN_NAME)
@click.option("--sent", type=click.Choice(["keep", "until-receipt"]), help="Text of yours.")
@click.option("--received", metavar="keep|on-reading|DAYS", help="Text of theirs, counted from your reading it.")
@click.pass_obj
def retention(session: Session, name: str, sent: str | None, received: str | None) -> None:
    """Show or set how long the text of letters is kept here.

    Keeping is the default. Letters you keep can be read by whoever opens your vault; what is burnt is gone from it.
    `on-reading` burns with the sync after reading, so that enclosures can be saved before.
    """
    from tiercel.runtime import bonds as runtime_bonds
    from tiercel.runtime.views import RetentionView

    days = _days(received)
    with session.home() as home:
        view = runtime_bonds.retention(home, name)
        if sent is not None or received is not None:
            wanted = RetentionView(name, sent or view.sent, view.received_days if received is None else days)
            view = runtime_bonds.set_retention(home, name, wanted)
    output.show(session.json, shapes.retention(view), retention_lines(view))


def retention_lines(view: RetentionView) -> list[str]:
    """How long text is kept, in words."""
    theirs = {None: "kept", 0: "burnt with the sync after you read it"}.get(
        view.received_days, f"burnt {view.received_days} days after you read it"
    )
    ours = "kept" if view.sent == "keep" else "burnt once its receipt came"
    return [f"Letters from {output.plain(view.bond)}: the text is {theirs}.", f"Your own: the text is {ours}."]


def _days(received: str | None) -> int | None:
    if received in (None, "keep"):
        return None
    if received == "on-reading":
        return 0
    if not received.isdecimal() or len(received) > 5:
        raise UsageError(f"{received!r} is no time to keep.", remedy="Say keep, on-reading, or a number of days.")
    return int(received)


@command(
    "receipts",
    examples=[
        ("tiercel bond receipts Bo", "show what Bo is told"),
        ("tiercel bond receipts Bo --read on", "tell Bo of every letter you read"),
        ("tiercel bond receipts Bo --delay 24", "let receipts wait, so that they tell less of when you sync"),
    ],
)
@click.argument("name", type=KNOWN_NAME)
@click.option("--arrived", type=ON_OFF, help="Whether they are told that a letter arrived.")
@click.option("--read", type=ON_OFF, help="Whether they are told that you read one, unless you say otherwise for it.")
@click.option("--delay", type=click.IntRange(0, 24), metavar="HOURS", help="Receipts wait a random part of this.")
@click.pass_obj
def receipts(session: Session, name: str, arrived: str | None, read: str | None, delay: int | None) -> None:
    """Show or set what the other side is told of their letters.

    That a letter arrived is told by default, that you read it is not. `tiercel read --receipt` and `--no-receipt`
    decide for one letter.
    """
    from tiercel.runtime import receipts as runtime_receipts
    from tiercel.runtime.views import ReceiptsView

    with session.home() as home:
        view = runtime_receipts.receipts(home, name)
        if (arrived, read, delay) != (None, None, None):
            wanted = ReceiptsView(
                name,
                view.arrived if arrived is None else arrived == "on",
                view.read if read is None else read == "on",
                view.delay_h if delay is None else delay,
            )
            view = runtime_receipts.set_receipts(home, wanted)
    output.show(session.json, shapes.receipts(view), receipts_lines(view))


def receipts_lines(view: ReceiptsView) -> list[str]:
    """Each choice in one honest sentence."""
    name = output.plain(view.bond)
    arrived = {
        True: f"arrived: on. {name} is told once a letter is here whole with its enclosures.",
        False: f"arrived: off. {name} is not told: what they write is sent again until you read it with a receipt, or"
        " answer it.",
    }
    read = {
        True: f"read: on. {name} is told when you read a letter; not with `tiercel read --no-receipt`.",
        False: f"read: off. {name} is not told when you read a letter; they are with `tiercel read --receipt`.",
    }
    waits = f"delay: {view.delay_h} h. Receipts wait a random part of that and leave with a sync after it: the longer,"
    waits += " the less they tell of when you were here."
    soon = "delay: none. Receipts leave with your next sync, with --watch after up to an hour: they tell roughly when"
    soon += " you sync."
    delay = waits if view.delay_h else soon
    return [part for line in (arrived[view.arrived], read[view.read], delay) for part in pages.broken(line, below=2)]


@command(
    "roads",
    examples=[
        ("tiercel bond roads Bo", "show them"),
        ("tiercel bond roads Bo share stick=7", "the share at once, the stick for what waited 7 days"),
    ],
)
@click.argument("name", type=KNOWN_NAME)
@click.argument("roads", type=ROAD, nargs=-1, metavar="[CARRIER[=DAYS]]...")
@click.pass_obj
def roads(session: Session, name: str, roads: tuple[tuple[str, int], ...]) -> None:
    """Show or set which roads a bond uses, in which order, and how soon.

    A letter goes by every road at once, and what arrives first on any of them rebuilds it. A road with DAYS is used
    for a letter only when that waited so long without a receipt. What is under way goes on over the new roads.
    """
    from tiercel.runtime import roads as runtime_roads

    with session.home() as home:
        view = runtime_roads.set_bond_roads(home, name, roads) if roads else runtime_roads.bond_roads(home, name)
    lines = roads_lines(view)
    if roads:
        lines.append(f"A road works once both of you use it: ask {output.plain(view.bond)} to do the same.")
    output.show(session.json, shapes.bond_roads(view), lines)


def roads_lines(view: BondRoadsView) -> list[str]:
    """The roads of a bond, numbered in their order."""
    rows = [road_row(number, one) for number, one in enumerate(view.roads, 1)]
    return [f"Letters to {output.plain(view.bond)} go by:", *output.table(rows)]


def road_row(number: int, view: RoadView) -> tuple[str, str, str]:
    """A road of a bond as a line."""
    days = f"{view.after_days} days" if view.after_days != 1 else "1 day"
    when = f"once a letter waited {days} without a receipt" if view.after_days else "at once"
    return (f"  {number}", output.plain(view.name), when)
