"""``tiercel bond words``, ``confirm`` and ``refuse``: the six words, and what two people say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tiercel.cli import output, pages, shapes
from tiercel.cli.frame import command
from tiercel.cli.kinds import KNOWN_NAME
from tiercel.cli.session import Session

if TYPE_CHECKING:
    from tiercel.runtime.views import BondView, WordsView


@command("words", examples=[("tiercel bond words Bo", "")])
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
        *(part for said in view.warnings for part in pages.broken(f"! {output.plain(said)}", below=2)),
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
    if view.state == "bonded" and view.doubted_at is not None:
        return [
            f"Ask {name}, best by voice, whether it was {name}, and read them the words. Letters to {name} are held.",
            f"It was {name}, and the words are the same: tiercel bond confirm {name}",
            f"It was not, or they differ: tiercel bond end {name}",
        ]
    if view.state == "bonded":
        same = [f"The same, and {name} knows of it: tiercel bond confirm {name}"] if view.warnings else []
        return [read, *same, f"Not the same: tiercel bond end {name}"]
    return [f"This bond is {output.plain(view.state)}; there is nothing to confirm."]


@command("confirm", examples=[("tiercel bond confirm Bo", "")])
@click.argument("name", type=KNOWN_NAME)
@click.pass_obj
def confirm(session: Session, name: str) -> None:
    """Say that the six words are the same on both sides.

    Of a bond that is made already it says so anew: the warnings of a copy go, and letters held in doubt go on.
    """
    from tiercel.runtime import bonds as runtime_bonds

    with session.home() as home:
        before = next((one for one in runtime_bonds.bonds(home) if one.name == name), None)
        view = runtime_bonds.confirm(home, name)
    output.show(session.json, shapes.bond(view), [confirmed(view, before)])


def confirmed(view: BondView, before: BondView | None) -> str:
    """What the confirming changed."""
    name = output.plain(view.name)
    if view.state == "bonded" and before is not None and before.doubted_at is not None:
        return f"Confirmed: it was {name}. What was held goes on with the next sync."
    if view.state == "bonded" and before is not None and before.state == "bonded" and before.warnings:
        return f"Confirmed anew with {name}; the warnings about a copy are taken away."
    if view.state == "bonded":
        return f"Bonded with {name}. Write: tiercel write {name}"
    if before is not None and before.confirmed == "us":
        return f"You had confirmed already; waiting for {name}."
    return f"Confirmed. {name} has to confirm as well; sync on both sides."


@command("refuse", examples=[("tiercel bond refuse Bo", "")])
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
