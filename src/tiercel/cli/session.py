"""What one run of the command knows: which vault, how the passphrase comes, whether a script listens.

The passphrase is read from a file descriptor, from the environment, or from the terminal itself, in this order. It
is never taken from an argument: the arguments of a process can be read by everybody on the machine.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tiercel.cli import output
from tiercel.errors import UsageError, VaultExists, VaultMissing

if TYPE_CHECKING:
    from tiercel.runtime.home import Home

PASSPHRASE_BYTES_MAX = 64 * 1024
NO_PASSPHRASE = "There is no passphrase, and no terminal to ask for it."
SHORT_CHARACTERS = 8
SHORT = "This passphrase is short: whoever gets a copy of the vault can guess it by trying."
TWO_WAYS = "Give it in the variable TIERCEL_PASSPHRASE, or through a file descriptor with --passphrase-fd N."


class Session:
    """The options that are valid everywhere, and the vault they lead to."""

    def __init__(self, words: tuple[str, ...] = ()) -> None:
        self.vault: Path | None = None
        self.passphrase_fd: int | None = None
        self.json = False
        self.exit_code = 0
        self.notices: list[str] = []
        self.kept = "Whatever was accepted before is kept."
        self.interrupted = ""
        self.text_kept = ""
        self._words = words

    def wants_json(self) -> bool:
        """Whether a script listens, also while the line is not parsed yet (for errors of usage and help)."""
        before = self._words[: self._words.index("--")] if "--" in self._words else self._words
        return self.json or "--json" in before

    def keeps_text(self, path: Path) -> None:
        """Remember where an unsent text was left, to be said with the error."""
        self.text_kept = f"Your text is kept in {path}"

    @property
    def folder(self) -> Path:
        """The folder of the vault."""
        if self.vault is not None:
            return self.vault
        named = os.environ.get("TIERCEL_VAULT")
        if named:
            return Path(named).expanduser()
        data = Path(os.environ.get("XDG_DATA_HOME", ""))
        return (data if data.is_absolute() else Path("~/.local/share").expanduser()) / "tiercel"

    def passphrase(self) -> str:
        """The passphrase of the vault.

        Raises:
            UsageError: There is none, and no terminal to ask on.
        """
        return self._given() or ask("Passphrase: ")

    def first_passphrase(self) -> str:
        """The passphrase for a new vault: at a prompt asked twice, else taken as given."""
        return self._given() or ask_twice("Passphrase for the new vault: ")

    def new_passphrase(self, descriptor: int | None) -> str:
        """The passphrase to change to, from a descriptor or a prompt (twice)."""
        if descriptor is None:
            return ask_twice("New passphrase: ")
        if descriptor == self.passphrase_fd:
            raise UsageError("The old and the new passphrase cannot come from the same file descriptor.")
        return from_descriptor(descriptor, "--new-passphrase-fd")

    def _given(self) -> str | None:
        if self.passphrase_fd is not None:
            return from_descriptor(self.passphrase_fd, "--passphrase-fd")
        given = os.environ.get("TIERCEL_PASSPHRASE") or None
        if given and any("\ud800" <= char <= "\udfff" for char in given):
            raise UsageError("TIERCEL_PASSPHRASE is not UTF-8 text.")
        return given

    def claims_input(self, taken: bool) -> None:
        """Refuse a command that wants standard input for itself while the passphrase comes from there."""
        if taken and self.passphrase_fd == 0:
            raise UsageError(
                "Standard input cannot bring both the passphrase and the text.",
                remedy="Use another descriptor, for example --passphrase-fd 3 3<FILE.",
            )

    @contextlib.contextmanager
    def home(self) -> Iterator[Home]:
        """The opened vault; what it has to say about itself is kept for the end of the run."""
        from tiercel.runtime import home as runtime_home

        if not self.folder.is_dir():
            raise VaultMissing
        with runtime_home.open_home(self.folder, self.passphrase()) as home:
            self.notices += home.notices
            yield home

    def must_be_free(self) -> None:
        """Refuse a folder that holds something, before anybody is asked for a passphrase."""
        with contextlib.suppress(OSError):
            if any(self.folder.iterdir()):
                raise VaultExists


def from_descriptor(number: int, option: str) -> str:
    """Everything a descriptor gives, without ONE newline at its end.

    Raises:
        UsageError: The descriptor is not open, gives nothing, too much, or no UTF-8.
    """
    try:
        with os.fdopen(number, "rb", closefd=False) as stream:
            data = stream.read(PASSPHRASE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"{option} {number}: nothing can be read there.") from error
    try:
        text = data.removesuffix(b"\n").decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{option} {number}: the passphrase is not UTF-8 text.") from error
    if not text or len(data) > PASSPHRASE_BYTES_MAX:
        what = "is empty" if not text else f"is longer than {PASSPHRASE_BYTES_MAX} bytes"
        raise UsageError(f"{option} {number}: the passphrase {what}.")
    return text


def ask(prompt: str) -> str:
    """Ask on the terminal, without showing what is typed.

    Raises:
        UsageError: No terminal, or nothing was typed.
    """
    import getpass

    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError as error:
        raise UsageError(NO_PASSPHRASE, remedy=TWO_WAYS) from error
    try:
        typed = getpass.getpass(prompt)
    except (EOFError, UnicodeDecodeError) as error:
        raise UsageError("No passphrase was typed.", remedy="Run the command again.") from error
    if not typed:
        raise UsageError("A passphrase cannot be empty.", remedy="Run the command again.")
    return typed


def ask_twice(prompt: str) -> str:
    """Ask twice, because nobody can see a slip of the finger."""
    first = ask(prompt)
    if ask("Once more: ") != first:
        raise UsageError("The two passphrases differ; nothing was changed.", remedy="Run the command again.")
    if len(first) < SHORT_CHARACTERS:
        output.say(SHORT)
    return first
