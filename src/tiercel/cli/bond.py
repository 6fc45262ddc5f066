"""``tiercel bond``: the relation of two people, from the invitation to the six words and to its end."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tiercel.cli import output, shapes
from tiercel.cli.frame import group, member
from tiercel.cli.kinds import KNOWN_NAME, NEW_NAME
from tiercel.cli.session import Session
from tiercel.errors import MalformedInvitation, NameUnknown, UsageError

if TYPE_CHECKING:
    from tiercel.runtime.home import Home
    from tiercel.runtime.views import BondView, WordsView

PREFIX = "tiercel1"
INVITATION_BYTES_MAX = 4096
QR_BORDER = 2
VIA = click.option("--via", type=KNOWN_NAME, required=True, metavar="CARRIER", help="The road both of you will use.")


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


@member(
    bond,
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


@member(
    bond,
    "accept",
    examples=[
        ("tiercel bond accept tiercel1... --name Ada --via stick", "the line you were given"),
        ("tiercel bond accept ada.txt --name Ada --via stick", "or the file with it"),
    ],
)
@click.argument("invitation")
@click.option("--name", type=NEW_NAME, required=True, metavar="NAME", help="What you call the person who invites.")
@VIA
@click.pass_obj
def accept(session: Session, invitation: str, name: str, via: str) -> None:
    """Answer an invitation, given as text, as a file, or as - for standard input."""
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


@member(
    bond,
    "retention",
    examples=[
        ("tiercel bond retention Bo", "show the rule"),
        ("tiercel bond retention Bo --received 30", "burn Bo's letters 30 days after you read them"),
        ("tiercel bond retention Bo --sent until-receipt", "keep your own text only until Bo has it"),
    ],
)
@click.argument("name", type=KNOWN_NAME)
@click.option("--sent", type=click.Choice(["keep", "until-receipt"]), help="Text of yours.")
@click.option("--received", metavar="keep|on-reading|DAYS", help="Text of theirs, counted from your reading it.")
@click.pass_obj
def retention(session: Session, name: str, sent: str | None, received: str | None) -> None:
    """Show or set how long the text of letters is kept here.

    Keeping is the default. Letters you keep can be read by whoever opens your vault; what is burnt is gone from it.
    `on-reading` burns with the sync after reading, so that enclosures can be saved before.
    """
    from tiercel.runtime import bonds as runtime_bonds
    from tiercel.runtime.views import RetentionView

    days = _days(received)
    with session.home() as home:
        view = runtime_bonds.retention(home, name)
        if sent is not None or received is not None:
            wanted = RetentionView(name, sent or view.sent, view.received_days if received is None else days)
            view = runtime_bonds.set_retention(home, name, wanted)
    theirs = {None: "kept", 0: "burnt with the sync after you read it"}.get(
        view.received_days, f"burnt {view.received_days} days after you read it"
    )
    ours = "kept" if view.sent == "keep" else "burnt once its receipt came"
    lines = [f"Letters from {output.plain(name)}: the text is {theirs}.", f"Your own: the text is {ours}."]
    output.show(session.json, shapes.retention(view), lines)


def _days(received: str | None) -> int | None:
    if received in (None, "keep"):
        return None
    if received == "on-reading":
        return 0
    if not received.isdecimal() or len(received) > 5:
        raise UsageError(f"{received!r} is no time to keep.", remedy="Say keep, on-reading, or a number of days.")
    return int(received)


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
