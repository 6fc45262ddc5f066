"""``tiercel bond invite`` and ``accept``: the invitation, shown, written to a file, read from one."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from tiercel.cli import output, shapes
from tiercel.cli.bond import named
from tiercel.cli.frame import command
from tiercel.cli.kinds import KNOWN_NAME, NEW_NAME
from tiercel.cli.session import Session
from tiercel.errors import MalformedInvitation, UsageError

PREFIX = "tiercel1"
INVITATION_BYTES_MAX = 4096
QR_BORDER = 2
VIA = click.option("--via", type=KNOWN_NAME, required=True, metavar="CARRIER", help="The road both of you will use.")
OTHER_VIA = click.option(
    "--via",
    type=KNOWN_NAME,
    metavar="CARRIER",
    help="The road both of you use, unless the invitation has one.",
)


@command(
    "invite",
    examples=[
        ("tiercel bond invite Bo --via stick", "show the invitation, with a QR on a terminal"),
        ("tiercel bond invite Bo --via stick --out bo.txt", "write it to a file only you can read as well"),
    ],
)
@click.argument("name", type=NEW_NAME)
@VIA
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Also write it to a new file."
)
@click.pass_obj
def invite(session: Session, name: str, via: str, out: Path | None) -> None:
    """Begin a bond; the last line printed is the invitation.

    Give it to one person only. Whoever sees it can answer in their place: that is why both of you compare six words.
    Until its answer has come, the same command shows the same invitation again.
    """
    from tiercel.runtime import bonds as runtime_bonds

    with session.home() as home, new_file(out) as file:
        text = runtime_bonds.invite(home, name, via)
        file.write(text)
        view = named(home, name)
    lines = [f"An invitation for {output.plain(name)}. Give this line to one person only:", ""]
    if output.on_terminal() and not session.json:
        lines += qr(text)
    output.show(session.json, shapes.invitation(view, text), [*lines, text])
    if file.problem:  # the bond is begun: its invitation had to be shown first
        raise UsageError(f"The invitation is not in {out}: {file.problem.strerror}.", remedy="Copy the line above.")


class NewFile:
    """Takes the one line of a file that was made for it, or nothing where no file is wanted."""

    def __init__(self, descriptor: int | None) -> None:
        self.descriptor = descriptor
        self.problem: OSError | None = None

    def write(self, line: str) -> None:
        """Write the line and wait until it is on the disk; what goes wrong is kept in ``problem``."""
        if self.descriptor is None:
            return
        try:
            os.write(self.descriptor, line.encode("ascii") + b"\n")
            os.fsync(self.descriptor)
        except OSError as error:
            self.problem = error


@contextlib.contextmanager
def new_file(path: Path | None) -> Iterator[NewFile]:
    """A new file that only its owner can read; taken away again if what should stand in it does not come."""
    if path is None:
        yield NewFile(None)
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already; nothing was changed.", remedy="Name a new file.") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be made: {error.strerror}.") from error
    try:
        yield NewFile(descriptor)
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(descriptor)


def qr(text: str) -> list[str]:
    """The invitation to be photographed, where it fits; in capitals, which makes the picture smaller."""
    import io

    import segno

    code = segno.make(text.upper(), error="l", micro=False)
    side = code.symbol_size(border=QR_BORDER)[0]
    height = (side + 1) // 2
    columns, rows = output.terminal_size()
    if columns < side or rows < height:
        return [f"To see a QR code of it, make the terminal at least {side} by {height} and repeat this.", ""]
    picture = io.StringIO()
    code.terminal(picture, border=QR_BORDER, compact=True)
    return [*picture.getvalue().splitlines(), ""]


@command(
    "accept",
    examples=[
        ("tiercel bond accept tiercel1... --name Ada --via stick", "the line you were given"),
        ("tiercel bond accept ada.txt --name Ada --via stick", "or the file with it"),
        ("tiercel bond accept ada.txt --name Ada", "if it was made for a relay"),
    ],
)
@click.argument("invitation")
@click.option("--name", type=NEW_NAME, required=True, metavar="NAME", help="What you call the person who invites.")
@OTHER_VIA
@click.pass_obj
def accept(session: Session, invitation: str, name: str, via: str | None) -> None:
    """Answer an invitation, given as text, as a file, or as - for standard input.

    One that was made for a relay says which: it is used, and added as a road if it is none yet. To go there through
    Tor, add it with `tiercel carrier add relay` first.
    """
    from tiercel.runtime import bonds as runtime_bonds

    session.claims_input(invitation == "-")
    text = invitation_text(invitation)
    with session.home() as home:
        runtime_bonds.accept(home, text, name, via)
        view = named(home, name)
    lines = [f"Accepted. Sync on both sides until `tiercel bond words {output.plain(name)}` shows six words."]
    output.show(session.json, shapes.bond(view), lines)


def invitation_text(given: str) -> str:
    """The invitation itself, from what stands on the line.

    Raises:
        MalformedInvitation: Neither an invitation nor a file.
        UsageError: It names a file that cannot be read.
    """
    if given.strip().lower().startswith(PREFIX):
        return given.strip()
    try:
        if given == "-":
            data = sys.stdin.buffer.read(INVITATION_BYTES_MAX + 1)
        else:
            with open(given, "rb") as file:
                data = file.read(INVITATION_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError | ValueError) and not set(given) & {"/", "."}:
            raise MalformedInvitation("This is neither an invitation nor the name of a file.") from error
        said = error.strerror if isinstance(error, OSError) else "no such name"
        raise UsageError(f"The invitation cannot be read from {given}: {said}.") from error
    text = data.decode("ascii", "replace").strip()
    if len(data) > INVITATION_BYTES_MAX or not text.lower().startswith(PREFIX):
        raise MalformedInvitation
    return text
