"""``tiercel list``, ``read``, ``enclosure``, ``search``, ``track`` and ``outbox``: letters, looked at."""

from __future__ import annotations

from pathlib import Path

import click

from tiercel.cli import output, pages, shapes, ways
from tiercel.cli.frame import command, group, member
from tiercel.cli.kinds import KNOWN_NAME, NUMBER, TEXT
from tiercel.cli.progress import Progress
from tiercel.cli.session import Session
from tiercel.errors import UsageError


@command(
    "list",
    examples=[
        ("tiercel list", "all letters, newest first"),
        ("tiercel list Bo", "to and from Bo"),
        ("tiercel list --unread", "what came and you have not read"),
    ],
)
@click.argument("bond", type=KNOWN_NAME, required=False)
@click.option("--unread", is_flag=True, help="Only letters that came and you have not read.")
@click.pass_obj
def list_letters(session: Session, bond: str | None, unread: bool) -> None:
    """List letters, newest first."""
    from tiercel.runtime import reading as runtime_reading

    with session.home() as home:
        views = runtime_reading.letters(home, bond)
    if unread:
        views = [view for view in views if view.direction == "in" and view.read_at is None]
    none = "No letter is unread." if unread else "No letters yet."
    lines = [] if session.json else pages.letters(views, one_bond=bond is not None) or [none]
    output.show(session.json, [shapes.letter(view) for view in views] if session.json else None, lines)


@command(
    "read",
    examples=[
        ("tiercel read 3jkq2m7a", ""),
        ("tiercel read 3jkq2m7a --receipt", "and let the writer know that you read it"),
        ("tiercel read 3jkq2m7a --no-receipt", "and do not, whatever `tiercel bond receipts` says"),
    ],
)
@click.argument("id", type=TEXT, metavar="ID")
@click.option("--peek", is_flag=True, help="Do not mark it read.")
@click.option(
    "--receipt/--no-receipt", default=None, help="Tell the writer that you read it, or not; else as the bond has it."
)
@click.pass_obj
def read(session: Session, id: str, peek: bool, receipt: bool | None) -> None:  # noqa: A002  -- the command line's word
    """Read a letter, and mark it read.

    Whether the writer is told is decided for the bond (`tiercel bond receipts`, off at first) or here.
    """
    from tiercel.runtime import reading as runtime_reading

    if peek and receipt:
        raise UsageError("--peek and --receipt contradict each other.")
    with session.home() as home:
        view = runtime_reading.read(home, id, peek, receipt=receipt)
    output.show(session.json, shapes.opened(view), pages.letter(view))


@group("enclosure", examples=[("tiercel enclosure save 3jkq2m7a 1 --to ~/Pictures", "")])
def enclosure() -> None:
    """What is enclosed in letters: save it."""


@member(enclosure, "save", examples=[("tiercel enclosure save 3jkq2m7a 1 --to ~/Pictures", "")])
@click.argument("id", type=TEXT, metavar="ID")
@click.argument("number", metavar="N", type=NUMBER)
@click.option(
    "--to",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder to save it in.",
)
@click.pass_obj
def save(session: Session, id: str, number: int, to: Path) -> None:  # noqa: A002
    """Save enclosure N (counted from 1) as a file.

    Nothing is overwritten: where the name is taken, "name (2).ext" is made.
    """
    from tiercel.runtime import reading as runtime_reading

    session.kept = "A file half written was not left behind under its name."
    with session.home() as home, Progress() as progress:
        path, size = runtime_reading.save_enclosure(home, id, number, to, progress)
    output.show(session.json, shapes.saved(path, size), [f"{output.plain(str(path))}  {output.size(size)}"])


@command(
    "search",
    examples=[("tiercel search garden apple", "letters with both words"), ("tiercel search garden --bond Bo", "")],
)
@click.argument("words", type=TEXT, nargs=-1, required=True)
@click.option("--bond", type=KNOWN_NAME, metavar="NAME", help="Only letters to and from this bond.")
@click.pass_obj
def search(session: Session, words: tuple[str, ...], bond: str | None) -> None:
    """Find letters by their words."""
    from tiercel.runtime import reading as runtime_reading

    with session.home() as home:
        views = runtime_reading.search(home, " ".join(words), bond)
    lines = pages.letters(views, one_bond=bond is not None) or ["No letter has these words."]
    output.show(session.json, [shapes.letter(view) for view in views], lines)


@command("track", examples=[("tiercel track 3jkq2m7a", "")])
@click.argument("id", type=TEXT, metavar="ID")
@click.pass_obj
def track(session: Session, id: str) -> None:  # noqa: A002
    """Show the way of a letter so far, and what comes next."""
    from tiercel.runtime import reading as runtime_reading

    with session.home() as home:
        view = runtime_reading.track(home, id)
    output.show(session.json, shapes.way(view), ways.way(view))


@command("outbox", examples=[("tiercel outbox", "all that waits"), ("tiercel outbox Bo", "what waits for Bo")])
@click.argument("bond", type=KNOWN_NAME, required=False)
@click.pass_obj
def outbox(session: Session, bond: str | None) -> None:
    """Show which letters of yours wait, why, and what is tried next."""
    from tiercel.runtime import outbox as runtime_outbox

    with session.home() as home:
        items = runtime_outbox.outbox(home, bond)
    lines = ways.outbox(items) if items else ["Nothing waits: no letter of yours is under way."]
    output.show(session.json, [shapes.waiting(item) for item in items], lines)
