"""Writing in the person's own editor, on a file inside the vault folder that only they can read.

The text lies there in plain while it is being written, in a folder of its own that takes the editor's backups as
well; the folder is removed afterwards. If the letter is not accepted, the text stays and the error names it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tiercel.cli.text import decoded
from tiercel.errors import NotBonded, UsageError

COMMON_EDITORS = ("sensible-editor", "editor", "nano", "vi")


def command() -> list[str]:
    """The editor's command line.

    Raises:
        UsageError: None is set and none of the common ones is installed.
    """
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    try:
        words = shlex.split(named or "")
    except ValueError as error:
        raise UsageError(f"The editor is set to something that is no command: {named}") from error
    words = words or [name for name in COMMON_EDITORS if shutil.which(name)][:1]
    if not words:
        raise UsageError("There is no editor.", remedy="Set EDITOR, or give the text with --file F.")
    return words


@contextlib.contextmanager
def written(vault: Path, kept: Callable[[Path], None], before: str = "") -> Iterator[str]:
    """The text a person writes now, from ``before`` on. If the work with it fails, it stays: ``kept`` is told where."""
    words = command()
    room = Path(tempfile.mkdtemp(prefix="writing-", dir=vault))
    path = room / "letter.txt"
    keep = False
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(before.encode("utf-8"))
        edit(words, path)
        yield text_of(path)
    except NotBonded:  # the vault keeps the text as a draft
        raise
    except BaseException:
        keep = path.exists() and path.read_bytes().strip() not in (b"", before.encode("utf-8").strip())
        if keep:
            kept(path)
        raise
    finally:
        if not keep:
            shutil.rmtree(room, ignore_errors=True)


def edit(words: list[str], path: Path) -> None:
    """Run the editor and wait for it. It is not given the passphrase."""
    environment = {name: value for name, value in os.environ.items() if name != "TIERCEL_PASSPHRASE"}
    # Ctrl-C belongs to the editor; a handler of ours is not passed on to it, as ignoring would be.
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        ended = subprocess.run([*words, str(path)], env=environment, check=False).returncode
    except OSError as error:
        raise UsageError(f"The editor {words[0]} cannot be started: {error.strerror}.", remedy="Set EDITOR.") from error
    finally:
        signal.signal(signal.SIGINT, before)
    if ended:
        raise UsageError(f"The editor {words[0]} ended with an error ({ended}); no letter was written.")


def text_of(path: Path) -> str:
    """What the editor left, byte for byte.

    Raises:
        UsageError: Nothing at all.
    """
    try:
        return decoded(path.read_bytes())
    except OSError as error:
        raise UsageError(f"The editor left nothing: {error.strerror}.") from error
