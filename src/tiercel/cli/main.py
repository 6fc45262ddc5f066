"""The command itself: its tree, and the one place where errors become exit codes.

Nothing heavy is imported here, nor by anything imported here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from tiercel import __version__
from tiercel.cli import (
    bond,
    carrier,
    comparing,
    completion,
    doctor,
    drafts,
    init,
    inviting,
    keeping,
    output,
    problems,
    reading,
    relay,
    rules,
    sync,
    writing,
)
from tiercel.cli.frame import Group
from tiercel.cli.session import Session
from tiercel.errors import TiercelError

BUG = 1
USAGE = 2
INTERRUPTED = 130

SECTIONS = {
    "Begin": ("init", "bond"),
    "Write and read": (
        "write", "edit", "send", "discard", "list", "read", "enclosure", "search", "track", "recall",
    ),
    "Carry": ("carrier", "sync", "outbox"),
    "Keep well": ("doctor", "problems", "clock", "passphrase", "completion"),
    "For others": ("relay",),
}  # fmt: skip


class Root(Group):
    """The main group, with its commands in the order a person meets them."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One section for each thing a person wants."""
        space = max(len(name) for names in SECTIONS.values() for name in names)
        for title, names in SECTIONS.items():
            self.format_section(formatter, title, names, space)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of the sections."""
        return [name for names in SECTIONS.values() for name in names]


@click.group(
    "tiercel",
    cls=Root,
    invoke_without_command=True,
    examples=[
        ("tiercel init --name Ada", "make your vault"),
        ("tiercel carrier add folder stick /media/ada/STICK", "a road: any folder both of you can reach"),
        ("tiercel bond invite Bo --via stick", "begin a bond; then compare six words"),
        ("tiercel write Bo --file letter.txt --enclose photo.jpg", "write and send"),
        ("tiercel sync", "carry what waits, fetch what came"),
    ],
)
@click.option("--version", is_flag=True, help="Show the version.")
@click.pass_context
def cli(ctx: click.Context, version: bool) -> None:
    """Private letters between two people, over whatever road there is.

    Write, seal, send, know: a letter is sealed for one person, goes over any folder or stick, and you see when
    it arrived.
    """
    session = ctx.ensure_object(Session)
    if version:
        output.show(session.wants_json(), {"version": __version__}, [f"tiercel {__version__}"])
        ctx.exit()
    if ctx.invoked_subcommand is None:
        if session.wants_json():
            raise click.UsageError("Missing command.", ctx)
        output.show(False, None, [ctx.get_help()])


for _command in (
    init.init, bond.bond, writing.write, drafts.edit, writing.send, drafts.discard, reading.list_letters,
    reading.read, reading.enclosure, reading.search, reading.track, writing.recall, carrier.carrier, sync.sync,
    reading.outbox, doctor.doctor, problems.problems, keeping.clock, keeping.passphrase, completion.completion,
    relay.relay,
):  # fmt: skip
    cli.add_command(_command)
for _command in (
    inviting.invite, inviting.accept, comparing.words, comparing.confirm, comparing.refuse, rules.roads,
    rules.receipts, rules.retention,
):  # fmt: skip
    bond.bond.add_command(_command)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and give its exit code; everything that can be said about an error is said."""
    session = Session(tuple(arguments))
    try:
        with cli.make_context("tiercel", list(arguments), obj=session) as ctx:
            cli.invoke(ctx)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        return usage(session, error)
    except TiercelError as error:
        fail(session, str(error), error.kind, error.remedy)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        fail(session, session.interrupted or f"Interrupted. {session.kept}", "interrupted", "")
        return INTERRUPTED
    except output.OutputGoneError:
        silence()
        return session.exit_code
    except Exception as error:  # noqa: BLE001  -- the outermost handler: a bug becomes one sentence
        fail(session, f"This is a bug in Tiercel: {where(error)}.", "bug", REPORT)
        return BUG
    output.say(*(output.plain(notice) for notice in session.notices))
    return session.exit_code


REPORT = "Nothing accepted is lost. Please report this line; it holds nothing of your letters."


def fail(session: Session, sentence: str, kind: str, remedy: str) -> None:
    """Say an error, what the vault had to say besides, and where an unsent text is."""
    told = "\n".join(text for text in (remedy, session.text_kept) if text)
    output.fail(session.wants_json(), sentence, kind, told, session.notices)


def usage(session: Session, error: click.ClickException) -> int:
    """Say what does not fit in the line that was typed."""
    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "tiercel"
    bare = isinstance(error, click.exceptions.NoArgsIsHelpError)  # its message is the whole help
    if bare and not session.wants_json():
        output.say(error.format_message())
    else:
        # click lists choices one a line, with tabs
        sentence = "Missing command." if bare else error.format_message().replace("\n\t", " ")
        fail(session, sentence, "usage_error", f"See `{path} --help`.")
    return USAGE


def where(error: BaseException) -> str:
    """The kind of an unexpected exception and the line that raised it: never its values, they may be secrets."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "tiercel" in frame.filename.split(os.sep)]
    if not ours:
        return type(error).__name__
    last = ours[-1]
    name = "/".join(last.filename.split(os.sep)[-2:])
    return f"{type(error).__name__} in {name}, line {last.lineno}"


def silence() -> None:
    """Keep the interpreter from complaining at its end that nobody reads standard output."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return


def let_go() -> None:
    """Take leave of standard output, so that the interpreter does not fail at its end on what was told already."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        silence()


def main() -> NoReturn:
    """The entry of the process."""
    if "_TIERCEL_COMPLETE" in os.environ:
        cli.main(prog_name="tiercel")
    try:
        code = run(sys.argv[1:])
        let_go()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done: a late Ctrl-C must not change how it ended
    except KeyboardInterrupt:  # a second one, while the first was being told
        code = INTERRUPTED
    if code == INTERRUPTED:
        leave_interrupted()
    sys.exit(code)


def leave_interrupted() -> NoReturn:
    """End with the exit status of an interrupt at once.

    An interrupt that passed through a string given to ``exec``, as modules do while they load, makes Python end by the
    signal later, whoever caught it; then a script sees no exit status.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(INTERRUPTED)
