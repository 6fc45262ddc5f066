"""``tiercel bond``: bonds listed, shown and ended. How one begins is in ``inviting`` and ``comparing``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tiercel.cli import output, pages, rules, shapes
from tiercel.cli.frame import group, member
from tiercel.cli.kinds import KNOWN_NAME
from tiercel.cli.session import Session
from tiercel.errors import NameUnknown, UsageError

if TYPE_CHECKING:
    from tiercel.runtime.home import Home
    from tiercel.runtime.views import BondView

OVER = ("refused", "ended")


@group(
    "bond",
    examples=[
        ("tiercel bond invite Bo --via stick", "you begin"),
        ("tiercel bond accept tiercel1... --name Ada --via stick", "or you were invited"),
        ("tiercel bond words Bo", "after some syncs: compare the six words"),
        ("tiercel bond confirm Bo", "they are the same"),
    ],
)
def bond() -> None:
    """Bonds: invite, accept, compare six words, confirm.

    A bond joins exactly two people. Nothing is sealed until both have compared the six words, best by voice, and
    said `bond confirm`.
    """


@member(bond, "list", examples=[("tiercel bond list", "")])
@click.pass_obj
def list_bonds(session: Session) -> None:
    """List the bonds and how far each is."""
    from tiercel.runtime import bonds as runtime_bonds

    with session.home() as home:
        views = runtime_bonds.bonds(home)
    lines = list_lines(views) or ["No bonds yet. Begin one: tiercel bond invite NAME --via CARRIER"]
    output.show(session.json, [shapes.bond(view) for view in views], lines)


def list_lines(views: list[BondView]) -> list[str]:
    """Bonds as a person reads them, warnings below."""
    rows = [(output.plain(view.name), explained(view)) for view in views]
    warnings = [f"! {output.plain(f'{view.name}: {said}')}" for view in views for said in view.warnings]
    return output.table(rows) + [part for line in warnings for part in pages.broken(line, below=2)]


def explained(view: BondView) -> str:
    """A bond's state in words, with what comes next."""
    name = output.plain(view.name)
    if view.state == "compare":
        return {
            "us": "compare: you confirmed, they have not yet",
            "them": f"compare: they confirmed; your turn: tiercel bond words {name}",
        }.get(view.confirmed, f"compare the words: tiercel bond words {name}")
    if view.state == "pairing" and view.invited:
        return "invited: give them the invitation, then sync"
    if view.state == "pairing":
        return "pairing: sync on both sides"
    if view.doubted_at is not None and view.state == "bonded":
        return f"bonded, in doubt: compare the words again: tiercel bond words {name}"
    return view.state


@member(bond, "show", examples=[("tiercel bond show Bo", "")])
@click.argument("name", type=KNOWN_NAME)
@click.pass_obj
def show(session: Session, name: str) -> None:
    """Show one bond: how far it is, and what you chose for it.

    Its warnings, its roads, receipts and retention, and how many letters wait.
    """
    from tiercel.runtime import bonds as runtime_bonds
    from tiercel.runtime import outbox as runtime_outbox
    from tiercel.runtime import receipts as runtime_receipts
    from tiercel.runtime import roads as runtime_roads

    with session.home() as home:
        view, waiting = named(home, name), len(runtime_outbox.outbox(home, name))
        chosen = runtime_roads.bond_roads(home, name)
        told = runtime_receipts.receipts(home, name)
        kept = runtime_bonds.retention(home, name)
    letters = "1 letter of yours waits" if waiting == 1 else f"{waiting} letters of yours wait"
    lines = [
        *list_lines([view]),
        *(["", *rules.roads_lines(chosen), "", *rules.receipts_lines(told)] if view.state not in OVER else []),
        "",
        *rules.retention_lines(kept),
        *(["", f"{letters}: tiercel outbox {output.plain(view.name)}"] if waiting else []),
    ]
    output.show(session.json, shapes.bond_page(view, chosen, told, kept, waiting), lines)


@member(bond, "end", examples=[("tiercel bond end Bo", "")])
@click.argument("name", type=KNOWN_NAME)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def end(session: Session, name: str, yes: bool) -> None:
    """End a bond; its letters stay readable in your vault.

    Letters of yours without a receipt are held: nothing carries them any more. On a terminal you are asked first.
    """
    from tiercel.runtime import bonds as runtime_bonds

    session.interrupted = "Interrupted; see `tiercel bond list` for the bond."
    told = output.plain(name)
    with session.home() as home:
        held = runtime_bonds.open_letters(home, name)
        asks = not yes and not session.json and output.interactive()
        if asks and named(home, name).state == "bonded":
            output.say(f"This ends the bond with {told} for good. {held_letters(held)}")
            if not output.agreed("End it? [y/N] "):
                raise UsageError("Nothing was changed.")
        view = runtime_bonds.end(home, name)
    lines = [f"The bond with {told} is ended. Its letters stay in your vault."]
    if held:
        lines += [held_letters(held), f"What you can do with that: tiercel outbox {told}"]
    output.show(session.json, shapes.ended(view, held), lines)


def held_letters(count: int) -> str:
    """How many letters an end leaves without a road."""
    if not count:
        return "All letters of yours have a receipt."
    if count == 1:
        return "1 letter of yours without a receipt is held: nothing carries it any more."
    return f"{count} letters of yours without a receipt are held: nothing carries them any more."


def named(home: Home, name: str) -> BondView:
    """The bond of that name.

    Raises:
        NameUnknown: There is none.
    """
    from tiercel.runtime import bonds as runtime_bonds

    for view in runtime_bonds.bonds(home):
        if view.name == name:
            return view
    raise NameUnknown(f"There is no bond called {name}.", remedy="See `tiercel bond list`.")
