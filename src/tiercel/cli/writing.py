"""``tiercel write``, ``send`` and ``recall``: letters that leave."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tiercel.cli import output, shapes
from tiercel.cli.frame import command
from tiercel.cli.kinds import DAY, KNOWN_NAME, TEXT
from tiercel.cli.progress import Progress
from tiercel.cli.session import Session
from tiercel.cli.text import text_from
from tiercel.errors import UsageError

if TYPE_CHECKING:
    from tiercel.runtime.views import LetterView

TEXT_FILE = click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=str),
    metavar="F",
    help="Take the text from this file, byte for byte; - is standard input.",
)
NOT_SENDING = "It waits here until you decide about this older copy of the vault: tiercel doctor"
EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@command(
    "write",
    examples=[
        ("tiercel write Bo", "write in your editor"),
        ("tiercel write Bo --file letter.txt --subject 'The garden' --enclose plan.pdf", ""),
        ("date | tiercel write Bo --file - --draft", "keep it for later"),
    ],
)
@click.argument("bond", type=KNOWN_NAME)
@click.option("--subject", type=TEXT, metavar="S", help="What the letter is about.")
@click.option("--place", type=TEXT, metavar="P", help="Where it was written.")
@click.option("--dated", type=TEXT, metavar="TEXT", help="The date as the letter says it, in any words.")
@TEXT_FILE
@click.option("--enclose", type=EXISTING, multiple=True, metavar="F", help="Enclose a file; may be repeated.")
@click.option("--reply-to", type=TEXT, metavar="ID", help="The letter this one answers.")
@click.option("--until", type=DAY, metavar="DATE", help="Give up after this day, and say so (YYYY-MM-DD, UTC).")
@click.option("--not-before", type=DAY, metavar="DATE", help="Ask that it be opened only from this day on.")
@click.option("--urgent", is_flag=True, help="Mark it urgent.")
@click.option("--draft", is_flag=True, help="Keep it; `tiercel send ID` sends it.")
@click.pass_obj
def write(session: Session, /, bond: str, file: str | None, draft: bool, **about: Any) -> None:
    """Write a letter and send it.

    Without --file your editor opens. The letter leaves with the next `tiercel sync`; your copy stays until it is
    known what became of it.
    """
    check(session, file, about)
    given = text_from(file) if file is not None else None
    session.kept = "If the letter was accepted, `tiercel list` shows it."

    from tiercel.runtime import writing as runtime_writing
    from tiercel.runtime.views import Draft

    letter = Draft(
        bond=bond,
        text="",
        subject=about["subject"],
        place=about["place"],
        dated=about["dated"],
        enclosures=tuple(path.absolute() for path in about["enclose"]),
        reply_to=about["reply_to"],
        deadline_day=about["until"],
        not_before_day=about["not_before"],
        urgent=about["urgent"],
    )
    with session.home() as home:
        runtime_writing.check(home, letter)  # before somebody writes a page that cannot be a letter
        with text_for(session, given) as text:
            if not text and not letter.enclosures:
                raise UsageError(
                    "The letter is empty; nothing was written.", remedy="Give it a text, or --enclose a file."
                )
            with Progress() as progress:
                view = runtime_writing.write(home, replace(letter, text=text), send=not draft, progress=progress)
        tell(session, view, home.sends)


def check(session: Session, file: str | None, about: dict[str, Any]) -> None:
    """Refuse what cannot be done, before a passphrase is asked for or an editor opened.

    Raises:
        UsageError: No text can come, or the dates contradict each other.
    """
    must_have_text(session, file)
    until, not_before = about["until"], about["not_before"]
    if until is not None and not_before is not None and until < not_before:
        raise UsageError("This letter would expire before it may be opened: --until is before --not-before.")


def must_have_text(session: Session, file: str | None) -> None:
    """Refuse a command for which no text can come.

    Raises:
        UsageError: No file, and no terminal for an editor.
    """
    session.claims_input(file == "-")
    if file is None and (session.json or not output.interactive()):
        raise UsageError(
            "No text was given, and there is no terminal to write it on.",
            remedy="Give it with --file F, or --file - for standard input.",
        )


@contextlib.contextmanager
def text_for(session: Session, given: str | None) -> Iterator[str]:
    """The text that was given, or the one written now in the editor."""
    if given is not None:
        yield given
        return
    from tiercel.cli import editor

    with editor.written(session.folder, session.keeps_text) as text:
        yield text if text.strip() else ""


@command(
    "send",
    examples=[
        ("tiercel send 3jkq2m7a", "a draft"),
        ("tiercel send 3jkq2m7a --to Bo2", "a letter held because its bond ended, written once more in a new bond"),
    ],
)
@click.argument("id", type=TEXT, metavar="ID")
@click.option(
    "--to", type=KNOWN_NAME, metavar="BOND", help="Write a held letter of an ended bond once more for this one."
)
@click.pass_obj
def send(session: Session, id: str, to: str | None) -> None:  # noqa: A002  -- the word of the command line
    """Send a draft, or a letter that was held.

    A new bond takes nothing over by itself: what an ended bond left held is sent in another one letter by letter, and
    only as you say. The held letter stays as it is.
    """
    from tiercel.runtime import writing as runtime_writing

    with session.home() as home:
        view = runtime_writing.send(home, id) if to is None else runtime_writing.send_anew(home, id, to)
        tell(session, view, home.sends)


@command("recall", examples=[("tiercel recall 3jkq2m7a", "")])
@click.argument("id", type=TEXT, metavar="ID")
@click.pass_obj
def recall(session: Session, id: str) -> None:  # noqa: A002
    """Ask a letter back.

    If it was not opened yet it is deleted there; otherwise it is kept. The answer comes with a later sync.
    """
    from tiercel.runtime import writing as runtime_writing

    with session.home() as home:
        view = runtime_writing.recall(home, id)
    short = view.id[:8]
    lines = {"recalled": f"{short} is recalled: it never left."}
    asked = f"{short} is asked back. Whether it returned or was kept comes with a later sync: tiercel track {short}"
    output.show(session.json, shapes.step(view), [lines.get(view.state, asked)])


def tell(session: Session, view: LetterView, sends: bool = True) -> None:
    """Say what became of a letter just written; ``sends`` is whether this vault sends anything now."""
    to, short = output.plain(view.bond), view.id[:8]
    if view.state == "draft":
        line = f"Kept as a draft: {short} to {to}. Send it: tiercel send {short}"
    elif view.state == "held":
        line = f"Held: {short} to {to}. It leaves once you confirmed the bond anew: tiercel bond words {to}"
    else:
        leaves = "It leaves with the next `tiercel sync`." if sends else NOT_SENDING
        line = f"{output.state(view.state).capitalize()}: {short} to {to}. {leaves}"
    output.show(session.json, shapes.step(view), [line])
