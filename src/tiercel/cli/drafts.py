"""``tiercel edit`` and ``discard``: drafts, changed or thrown away."""

from __future__ import annotations

import click

from tiercel.cli import output, shapes
from tiercel.cli.frame import command
from tiercel.cli.kinds import TEXT
from tiercel.cli.session import Session
from tiercel.cli.text import text_from
from tiercel.cli.writing import TEXT_FILE, must_have_text, tell


@command(
    "edit",
    examples=[("tiercel edit 3jkq2m7a", "in your editor"), ("tiercel edit 3jkq2m7a --file letter.txt", "")],
)
@click.argument("id", type=TEXT, metavar="ID")
@TEXT_FILE
@click.pass_obj
def edit(session: Session, id: str, file: str | None) -> None:  # noqa: A002  -- the word of the command line
    """Change the text of a draft.

    Without --file your editor opens on it. What else belongs to the draft (subject, enclosures) stays as it is.
    """
    must_have_text(session, file)
    given = text_from(file) if file is not None else None
    session.kept = "The draft has either its old text or its new one: see `tiercel read`."

    from tiercel.cli import editor
    from tiercel.runtime import drafts

    with session.home() as home:
        before = drafts.text(home, id)
        if given is not None:
            view = drafts.edit(home, id, given)
        else:
            with editor.written(session.folder, session.keeps_text, before) as text:
                view = drafts.edit(home, id, text)
    tell(session, view)


@command("discard", examples=[("tiercel discard 3jkq2m7a", "")])
@click.argument("id", type=TEXT, metavar="ID")
@click.pass_obj
def discard(session: Session, id: str) -> None:  # noqa: A002
    """Delete a draft, with its text and enclosures.

    Only drafts: a letter that was sent is asked back with `tiercel recall`.
    """
    from tiercel.runtime import drafts

    with session.home() as home:
        view = drafts.discard(home, id)
    line = f"{view.id[:8]} to {output.plain(view.bond)} is deleted; nobody else had it."
    output.show(session.json, shapes.discarded(view), [line])
