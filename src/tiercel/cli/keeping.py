"""``tiercel clock`` and ``passphrase``: keeping the vault well."""

from __future__ import annotations

import click

from tiercel.cli import output, shapes
from tiercel.cli.frame import command, group, member
from tiercel.cli.session import Session


@group("clock", examples=[("tiercel clock ok", "")])
def clock() -> None:
    """The clock of this machine: say that it is right."""


@member(clock, "ok", examples=[("tiercel clock ok", "after it jumped, and you looked at it")])
@click.pass_obj
def clock_ok(session: Session) -> None:
    """Say that the clock is right, after it jumped.

    While it is in doubt nothing expires and nothing is deleted.
    """
    from tiercel.runtime import trust

    with session.home() as home:
        session.notices.clear()
        trust.clock_ok(home)
    output.show(session.json, {"clock": "ok"}, ["The clock is taken as right."])


@command(
    "passphrase",
    examples=[
        ("tiercel passphrase", "ask for the old one, then twice for the new"),
        ("tiercel passphrase --passphrase-fd 3 --new-passphrase-fd 4 3<old 4<new", "for scripts"),
    ],
)
@click.option(
    "--new-passphrase-fd",
    type=int,
    metavar="N",
    help="Read the new passphrase from this file descriptor.",
)
@click.pass_obj
def passphrase(session: Session, new_passphrase_fd: int | None) -> None:
    """Change the passphrase of the vault.

    Copies of the vault made before still open with the old one.
    """
    from tiercel.runtime import home as runtime_home
    from tiercel.runtime import trust

    session.kept = "Either the old passphrase or the new one opens the vault."
    old = session.passphrase()
    with runtime_home.open_home(session.folder, old) as home:
        session.notices += home.notices
        trust.change_passphrase(home, old, session.new_passphrase(new_passphrase_fd))
    output.show(session.json, shapes.vault(session.folder, changed=True), ["The passphrase is changed."])
