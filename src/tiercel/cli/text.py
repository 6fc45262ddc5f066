"""The text of a letter as it comes from a file or from standard input: byte for byte, or not at all."""

from __future__ import annotations

import sys

from tiercel.errors import LimitError, MalformedLetter, UsageError

READ_BYTES_MAX = 32 * 1024 * 1024  # far above what a letter may hold; the exact limit is the letter's own


def text_from(file: str) -> str:
    """The text of a file or of standard input, byte for byte.

    Raises:
        MalformedLetter: It is not UTF-8.
        LimitError: It is far too long for a letter.
        UsageError: It cannot be read.
    """
    try:
        if file == "-":
            return decoded(sys.stdin.buffer.read(READ_BYTES_MAX + 1))
        with open(file, "rb") as stream:
            return decoded(stream.read(READ_BYTES_MAX + 1))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error


def decoded(data: bytes) -> str:
    """Bytes as the text of a letter, nothing changed."""
    if len(data) > READ_BYTES_MAX:
        raise LimitError("This text is too long for a letter.", remedy="Send it as a file, with --enclose F.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedLetter(
            "This is not UTF-8 text, so it cannot be the text of a letter.",
            remedy="Send the file as it is, with --enclose F.",
        ) from error
