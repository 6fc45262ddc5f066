"""The shape every command shares: options valid anywhere on the line, examples, and help by sections.

``--vault``, ``--json`` and ``--passphrase-fd`` belong to every command and group, so they may stand before or after
a command's own arguments. What follows ``--`` is never taken for an option.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from tiercel.cli import output
from tiercel.cli.session import Session

SHORT = 100  # characters of a one-line help
Example = tuple[str, str]  # the command as typed, and what it is for


def _keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
    """Put an option of the frame into the session; the one furthest right wins."""
    if value is not None and value is not False:
        setattr(ctx.ensure_object(Session), str(param.name), value)


def everywhere() -> list[click.Parameter]:
    """The options every command takes."""
    return [
        click.Option(
            ["--vault"],
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            help="The vault; else TIERCEL_VAULT, else ~/.local/share/tiercel.",
            expose_value=False,
            callback=_keep,
        ),
        click.Option(
            ["--passphrase-fd"],
            type=int,
            metavar="N",
            help="Read the passphrase there; else TIERCEL_PASSPHRASE, else a prompt.",
            expose_value=False,
            callback=_keep,
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            help="One JSON value on standard output, for scripts.",
            expose_value=False,
            callback=_keep,
        ),
    ]


def _show_help(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        text = ctx.get_help()
        output.show(ctx.ensure_object(Session).wants_json(), {"help": text}, [text])
        ctx.exit()


class _Framed(click.Command):
    """What commands and groups have in common."""

    def __init__(self, *args: Any, examples: Sequence[Example] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        self.everywhere = everywhere()
        self.params.extend(self.everywhere)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """``--help``, written through the one place of output."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = "Show this."
            option.callback = _show_help
        return option

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The command's own options first, those of every command after them."""
        common = {id(param) for param in self.everywhere} | {id(self.get_help_option(ctx))}
        for title, shared in (("Options", False), ("Anywhere on the line", True)):
            params = [param for param in self.get_params(ctx) if (id(param) in common) == shared]
            rows = [row for param in params if (row := param.get_help_record(ctx)) and row[0].startswith("-")]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples, as they would be typed."""
        if self.examples:
            with formatter.section("Examples"):
                for typed, purpose in self.examples:
                    formatter.write(f"  {typed}\n")
                    if purpose:
                        formatter.write(f"      {purpose}\n")


class Command(_Framed):
    """A command with examples and the options that are valid everywhere."""


class Group(_Framed, click.Group):
    """A group of commands in the same frame."""

    command_class = Command

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands first: that is what a person looks for."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Every command with its one line, uncut."""
        self.format_section(formatter, "Commands", self.list_commands(ctx))

    def format_section(self, formatter: click.HelpFormatter, title: str, names: Sequence[str], space: int = 0) -> None:
        """Some of the commands under a title; ``space`` lines several sections up."""
        with formatter.section(title):
            rows = [(name.ljust(space), self.commands[name].get_short_help_str(SHORT)) for name in names]
            formatter.write_dl(rows)


Decorator = Callable[[Callable[..., Any]], Command]


def command(name: str, *, examples: Sequence[Example] = ()) -> Decorator:
    """Make a function a command; its docstring is the help."""
    return click.command(name, cls=Command, examples=examples)


def member(group: Group, name: str, *, examples: Sequence[Example] = ()) -> Decorator:
    """The same, within a group."""

    def add(function: Callable[..., Any]) -> Command:
        made = command(name, examples=examples)(function)
        group.add_command(made)
        return made

    return add


def group(
    name: str, *, within: Group | None = None, examples: Sequence[Example] = ()
) -> Callable[[Callable[..., Any]], Group]:
    """Make a function the head of a group of commands; its docstring is the help."""

    def add(function: Callable[..., Any]) -> Group:
        made = click.group(name, cls=Group, examples=examples)(function)
        if within is not None:
            within.add_command(made)
        return made

    return add
