"""``tiercel problems``: what came and could not be opened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from tiercel.cli import output, pages, shapes
from tiercel.cli.frame import command
from tiercel.cli.kinds import KNOWN_NAME
from tiercel.cli.session import Session

if TYPE_CHECKING:
    from tiercel.runtime.views import ProblemView


@command("problems", examples=[("tiercel problems", "of all bonds"), ("tiercel problems Bo", "of the bond with Bo")])
@click.argument("bond", type=KNOWN_NAME, required=False)
@click.pass_obj
def problems(session: Session, bond: str | None) -> None:
    """List what came and could not be opened, and what happens next.

    Each with its verdict, what happens by itself, and what you may do. It is forgotten after 30 days.
    """
    from tiercel.runtime import problems as runtime_problems

    with session.home() as home:
        views = runtime_problems.problems(home, bond)
    lines = [line for view in views for line in told(view)] or ["Nothing came that could not be opened."]
    output.show(session.json, [shapes.problem(view) for view in views], lines)


def told(view: ProblemView) -> Iterator[str]:
    """One problem: when and which, what is so, what happens by itself, what a person may do."""
    yield f"{pages.minute(view.at)}  {output.plain(view.bond)}  {output.strong(output.state(view.verdict))}"
    lines = [view.sentence, view.by_itself, view.remedy or "You need not do anything."]
    for line in lines:
        yield from pages.broken("    " + output.plain(line))
