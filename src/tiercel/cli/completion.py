"""``tiercel completion``: the script that lets a shell complete commands and options.

Names of bonds and ids of letters are not completed: that would need the passphrase.
"""

from __future__ import annotations

import click

from tiercel.cli import output
from tiercel.cli.frame import command
from tiercel.cli.session import Session

SHELLS = ("bash", "zsh", "fish")


@command(
    "completion",
    examples=[
        ('eval "$(tiercel completion bash)"', "in ~/.bashrc"),
        ("tiercel completion fish > ~/.config/fish/completions/tiercel.fish", ""),
    ],
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell (bash, zsh or fish)."""
    from click.shell_completion import ShellComplete, get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"There is no completion for {shell}.", ctx)
    # The plain source: the bash one starts a bash to ask its version.
    script = ShellComplete.source(kind(ctx.find_root().command, {}, "tiercel", "_TIERCEL_COMPLETE"))
    output.show(ctx.ensure_object(Session).json, {"shell": shell, "script": script}, [script])
