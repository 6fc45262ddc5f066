"""The small inert mark-up of a letter, and text that cannot drive a terminal.

A letter has paragraphs, ``*emphasis*``, lists (lines that begin with ``- ``) and quotes (lines that begin with
``> ``). There are no links, images or HTML: whatever looks like one stays text. What is stored is never changed;
everything given out here is for showing only.

Example:
    >>> to_terminal("all is well" + chr(27) + "[2J")
    'all is well\\\\x1b[2J'
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby

# Controls but newline and tab; marks that reorder or hide text; separators and halves of characters. Zero-width
# joiners and the soft hyphen stay: writing systems and emoji need them.
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
# Opens at the beginning of a word and closes at the end of one, on one line; each star ends the search for its pair,
# so that the time is linear in the text.
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]*)(?<=[^\s*])\*(?![\w*])")


@dataclass(frozen=True)
class Span:
    """A run of text, plain or emphasised. Still to be escaped for HTML."""

    text: str
    emphasis: bool = False


@dataclass(frozen=True)
class Paragraph:
    """Running text; a newline in a span is a line break of the writer."""

    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Items:
    """A list; each item is a run of spans."""

    items: tuple[tuple[Span, ...], ...]


@dataclass(frozen=True)
class Quote:
    """Quoted lines, the marks taken off."""

    spans: tuple[Span, ...]


Block = Paragraph | Items | Quote


def parse(text: str) -> list[Block]:
    """The blocks of a text, in order, made harmless by :func:`visible`. Any text is valid; nothing is dropped."""
    blocks: list[Block] = []
    for mark, lines in groupby(visible(text).split("\n"), _mark):
        if mark == "- ":
            blocks.append(Items(tuple(_spans(line[2:]) for line in lines)))
        elif mark == ">":
            blocks.append(Quote(_spans("\n".join(line[1:].removeprefix(" ") for line in lines))))
        elif mark:
            blocks.append(Paragraph(_spans("\n".join(lines))))
    return blocks


def visible(text: str) -> str:
    """The text with every control, reordering and invisible mark written out, as in ``\\x1b`` or ``\\u202e``.

    Newline and tab stay; a carriage return before a newline is left out.
    """
    return _HARMFUL.sub(_written_out, text.replace("\r\n", "\n"))


def to_terminal(text: str) -> str:
    """The text as it may be printed: :func:`visible`, the mark-up left as its writer typed it."""
    return visible(text)


def one_line(text: str) -> str:
    """A subject, name or place for one line of a screen: :func:`visible`, newlines and tabs written out too."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def _mark(line: str) -> str:
    """The kind of a line: list, quote, running text, or "" for a blank one."""
    if line.startswith("- "):
        return "- "
    if line.startswith("> ") or line == ">":
        return ">"
    return "text" if line.strip() else ""


def _spans(text: str) -> tuple[Span, ...]:
    # split() with one group gives plain and emphasised runs in turn.
    runs = _EMPHASIS.split(text)
    return tuple(Span(run, index % 2 == 1) for index, run in enumerate(runs) if run)


def _written_out(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
