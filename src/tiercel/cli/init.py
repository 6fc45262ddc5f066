"""``tiercel init``: a new vault."""

from __future__ import annotations

import click

from tiercel.cli import output, shapes
from tiercel.cli.frame import command
from tiercel.cli.kinds import NEW_NAME
from tiercel.cli.session import Session


@command(
    "init",
    examples=[
        ("tiercel init --name Ada", "in the usual place, asking for a passphrase"),
        ("tiercel --vault /media/ada/VAULT init", "on a disk of your own"),
    ],
)
@click.option("--name", type=NEW_NAME, metavar="NAME", help="What you call yourself; stays in the vault.")
@click.pass_obj
def init(session: Session, name: str | None) -> None:
    """Make a vault for your letters.

    The vault is one encrypted folder. Its passphrase is asked for twice and kept nowhere: without it nobody can open
    the vault again, you included.
    """
    from tiercel.runtime import home as runtime_home

    session.must_be_free()
    session.interrupted = "Interrupted; nothing was made."
    passphrase = session.first_passphrase()
    session.interrupted = (
        "Interrupted. There may be an unfinished vault in the folder; remove it and run `tiercel init` again."
    )
    with runtime_home.create_home(session.folder, passphrase, name) as home:
        session.notices += home.notices
    folder = output.plain(str(session.folder))
    lines = [
        f"A new vault is in {folder}.",
        "",
        "Next, give it a road, a folder you share or a relay:",
        "  tiercel carrier add folder NAME PATH",
        "  tiercel carrier add relay NAME ADDRESS",
    ]
    output.show(session.json, shapes.vault(session.folder, name=name), lines)
