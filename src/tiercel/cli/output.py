"""The only place that prints.

Results go to standard output, everything else to standard error. Text that came from people (names, subjects,
letters, paths) is passed through :func:`plain` or :func:`page` before it gets here: nothing that a correspondent
wrote may drive the terminal.
"""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TextIO

from tiercel.errors import LimitError, UsageError


class OutputGoneError(Exception):
    """Whoever read our standard output went away; no error of ours."""


# -- text that others wrote ------------------------------------------------------------------------


def plain(text: str) -> str:
    """One line of text that cannot drive a terminal: control and reordering characters are shown as escapes.

    Example:
        >>> plain("a\\x1b[2Jb")
        'a\\\\x1b[2Jb'
    """
    if text.isascii() and text.isprintable():
        return text
    from tiercel.letter import markup

    return markup.one_line(text)


def page(text: str) -> str:
    """The same for text of many lines: line ends and tabs stay, the mark-up of letters is shown."""
    from tiercel.letter import markup

    return markup.to_terminal(text)


def width(text: str) -> int:
    """How many columns a line takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def size(count: int) -> str:
    """A number of bytes for people: 1024 becomes ``1.0 KiB``."""
    if count < 1024:
        return f"{count} bytes" if count != 1 else "1 byte"
    amount = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        amount /= 1024
        if amount < 1000:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1024:.1f} TiB"


def state(word: str) -> str:
    """A state as people say it: ``handed_over`` becomes ``handed over``."""
    return plain(word.replace("_", " "))


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows as aligned lines; the last column is as long as it wants."""
    kept = [tuple(row) for row in rows]
    if not kept:
        return []
    widths = [max(width(row[column]) for row in kept) for column in range(len(kept[0]) - 1)]
    return [
        "  ".join([cell + " " * (space - width(cell)) for cell, space in zip(row, [*widths, 0], strict=True)]).rstrip()
        for row in kept
    ]


def wrapped(line: str, columns: int, below: str = "") -> list[str]:
    """A line broken at spaces, quotes and list items kept apart; a word longer than the line stays whole.

    ``below`` begins the lines after the first.
    """
    if width(line) <= columns:
        return [line]
    below = "> " if line.startswith("> ") else "  " if line.startswith("- ") else below
    first, *words = line.split(" ")
    lines, now = [], first
    for word in words:
        if width(now) + 1 + width(word) > columns:
            lines.append(now)
            now = below + word
        else:
            now += " " + word
    return [*lines, now]


def shortened(text: str, columns: int) -> str:
    """A name cut in the middle to fit, so that its beginning and its ending can be seen."""
    if width(text) <= columns:
        return text
    end = text[-(columns // 3) :]
    start = text[:columns]
    while width(start) + 1 + width(end) > columns and start:
        start = start[:-1]
    return f"{start}…{end}"


def strong(text: str) -> str:
    """Bold on a terminal, unchanged elsewhere."""
    return f"\x1b[1m{text}\x1b[0m" if on_terminal() and not os.environ.get("NO_COLOR") else text


# -- standard output -------------------------------------------------------------------------------


def on_terminal() -> bool:
    """Whether a person sees standard output directly."""
    return _is_terminal(sys.stdout)


def interactive() -> bool:
    """Whether a person sits at both ends: keyboard and screen."""
    return _is_terminal(sys.stdin) and on_terminal()


def errors_on_terminal() -> bool:
    """Whether a person sees standard error directly, on a terminal that can redraw a line."""
    return _is_terminal(sys.stderr) and os.environ.get("TERM") not in (None, "dumb", "unknown")


def terminal_size() -> tuple[int, int]:
    """Columns and rows of the terminal; 80 by 24 where nobody knows."""
    found = shutil.get_terminal_size()
    return found.columns, found.lines


def agreed(question: str) -> bool:
    """Ask on the terminal; only yes is yes."""
    stream = sys.stderr
    if stream is not None:
        stream.write(question)
        stream.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def show(as_json: bool, value: object, lines: Iterable[str]) -> None:
    """The result of a command: exactly one JSON value, or lines for a person."""
    if as_json:
        import json

        _write((json.dumps(value, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))
        return
    for line in lines:
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        _write((line + "\n").encode(encoding, "backslashreplace"), flush=False)
    _write(b"")


def _write(data: bytes, *, flush: bool = True) -> None:
    stream = sys.stdout
    if stream is None:  # closed by whoever started us
        return
    try:
        stream.buffer.write(data)
        if flush:
            stream.flush()
    except BrokenPipeError as error:
        raise OutputGoneError from error
    except OSError as error:
        import errno

        if error.errno == errno.ENOSPC:
            raise LimitError("The output could not be written: the disk is full.") from error
        raise UsageError(f"The output could not be written: {error.strerror}.") from error


# -- standard error --------------------------------------------------------------------------------


def say(*lines: str) -> None:
    """Tell a person something beside the result."""
    stream = sys.stderr
    if stream is None:
        return
    try:
        for line in lines:
            encoding = getattr(stream, "encoding", None) or "utf-8"
            print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream)
        stream.flush()
    except OSError:
        return  # nobody listens; the exit code still tells


def fail(as_json: bool, sentence: str, kind: str, remedy: str, notices: Sequence[str] = ()) -> None:
    """An error: for scripts one JSON object on one line, for people the sentence and what to do."""
    if as_json:
        import json

        told: dict[str, object] = {"error": sentence, "kind": kind, "remedy": remedy}
        if notices:
            told["notices"] = list(notices)
        say(json.dumps(told, ensure_ascii=False))
        return
    say(*(plain(text) for text in (*notices, sentence, *remedy.split("\n")) if text))
