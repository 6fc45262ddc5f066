"""Names that people give to bonds, carriers and themselves: labels on a screen, no path, no code, no option."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from tiercel.errors import UsageError

NAME_CHARACTERS_MAX = 64
# What leads a path, a shell or a program astray has no place in a name.
_REFUSED = re.compile(r"""^[-._ ]|[/\\;:*?"<>|$`{}\[\]~#%^=!]| $""")


def same_name(name: str) -> str:
    """A name in the one form in which names are kept and looked up."""
    return unicodedata.normalize("NFC", name)


def look_alike(name: str, taken: Iterable[str]) -> str | None:
    """The name among those taken that a person could take for this one: case and width of letters set aside."""
    wanted = _looks(name)
    return next((other for other in taken if _looks(other) == wanted), None)


def _looks(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def check_name(name: str) -> str:
    """The name as it is kept.

    Raises:
        UsageError: Empty, too long, not printable, or with characters that a shell or a path takes for its own.
    """
    kept = same_name(name)
    if not 1 <= len(kept) <= NAME_CHARACTERS_MAX or not kept.isprintable() or _REFUSED.search(kept):
        raise UsageError(
            f"A name has 1 to {NAME_CHARACTERS_MAX} plain characters and begins with a letter or digit.",
            remedy="Choose a simpler name.",
        )
    return kept
