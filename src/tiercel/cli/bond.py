"""``tiercel bond``: the relation of two people, from the six words to its end; how it begins is in ``inviting``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tiercel.cli import output, shapes
from tiercel.cli.frame import group, member
from tiercel.cli.kinds import KNOWN_NAME
from tiercel.cli.session import Session
from tiercel.errors import NameUnknown, UsageError

if TYPE_CHECKING:
    from tiercel.runtime.home import Home
    from tiercel.runtime.views import BondView, WordsView


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
    return output.table(rows) + warnings


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
    return view.state


@member(bond, "words", examples=[("tiercel bond words Bo", "")])
@click.argument("name", type=KNOWN_NAME)
@click.pass_obj
def words(session: Session, name: str) -> None:
    """Show the six words to compare with the other side."""
    from tiercel.runtime import bonds as runtime_bonds

    with session.home() as home:
        view = runtime_bonds.words(home, name)
    output.show(session.json, shapes.words(view), words_lines(view))


def words_lines(view: WordsView) -> list[str]:
    """The words large enough to read aloud, and who reads under the bond."""
    name = output.plain(view.bond)
    readers = [
        (
            f"  {'you' if one.side == 'us' else name}",
            output.plain(one.kind),
            f"since {(shapes.time(one.since) or '?')[:10]}",
        )
        for one in view.readers
    ]
    return [
        f"The six words of your bond with {name}:",
        "",
        "    " + output.strong("  ".join(view.words)),
        "",
        *(f"! {output.plain(said)}" for said in view.warnings),
        *what_to_do(view),
        *(["", "Who can read under this bond:", *output.table(readers)] if readers else []),
    ]


def what_to_do(view: WordsView) -> list[str]:
    """What the words are for in the state of the bond: nothing is confirmed beside a warning, or when it is over."""
    name = output.plain(view.bond)
    read = f"Read them to {name}, best by voice."
    if view.state == "compare" and view.warnings:
        return [f"Do not confirm: tiercel bond refuse {name}"]
    if view.state == "compare":
        return [
            read,
            f"The same on both sides: tiercel bond confirm {name}",
            f"Not the same: tiercel bond refuse {name}",
        ]
    if view.state == "bonded":
        return [read, f"Not the same: tiercel bond end {name}"]
    return [f"This bond is {output.plain(view.state)}; there is nothing to confirm."]


@member(bond, "confirm", examples=[("tiercel bond confirm Bo", "")])
@click.argument("name", type=KNOWN_NAME)
@click.pass_obj
def confirm(session: Session, name: str) -> None:
    """Say that the six words are the same on both sides."""
    from tiercel.runtime import bonds as runtime_bonds

    with session.home() as home:
        already = any(one.name == name and one.confirmed == "us" for one in runtime_bonds.bonds(home))
        view = runtime_bonds.confirm(home, name)
    told = output.plain(name)
    if view.state == "bonded":
        lines = [f"Bonded with {told}. Write: tiercel write {told}"]
    elif already:
        lines = [f"You had confirmed already; waiting for {told}."]
    else:
        lines = [f"Confirmed. {told} has to confirm as well; sync on both sides."]
    output.show(session.json, shapes.bond(view), lines)


@member(bond, "refuse", examples=[("tiercel bond refuse Bo", "")])
@click.argument("name", type=KNOWN_NAME)
@click.pass_obj
def refuse(session: Session, name: str) -> None:
    """Say that the words differ, or that you do not want this bond."""
    from tiercel.runtime import bonds as runtime_bonds

    with session.home() as home:
        view = runtime_bonds.refuse(home, name)
    lines = [f"Refused. Nothing was sealed to {output.plain(name)}, and nothing will be."]
    if view.state == "ended":
        lines = [
            f"You had confirmed already, so the bond is ended instead; {output.plain(name)} is told by the next sync."
        ]
    output.show(session.json, shapes.bond(view), lines)


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
    lines = [f"The bond with {told} is ended. Its letters stay in your vault.", *([held_letters(held)] if held else [])]
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
