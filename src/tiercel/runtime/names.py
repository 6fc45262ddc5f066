"""Names that people give to bonds, carriers and themselves: labels on a screen, no path, no code, no option."""

from __future__ import annotations

import re
import unicodedata

from tiercel.errors import UsageError

NAME_CHARACTERS_MAX = 64
# What leads a path, a shell or a program astray has no place in a name.
_REFUSED = re.compile(r"""^[-._ ]|[/\\;:*?"<>|$`{}\[\]~#%^=!]| $""")


def same_name(name: str) -> str:
    """A name in the one form in which names are kept and looked up."""
    return unicodedata.normalize("NFC", name)


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
