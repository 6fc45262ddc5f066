"""Names that people give to bonds and carriers: labels on a screen, never part of a path or an identifier."""

from __future__ import annotations

import unicodedata

from tiercel.errors import UsageError

NAME_LENGTH_MAX = 64


def check_name(name: str) -> str:
    """Refuse a name that could not be shown or typed safely.

    Raises:
        UsageError: Empty, too long, with control or direction characters, or with spaces at an end.
    """
    bad = any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in name)
    if not name or name != name.strip() or len(name) > NAME_LENGTH_MAX or bad or name.startswith("-"):
        raise UsageError(
            f"A name has 1 to {NAME_LENGTH_MAX} plain characters and does not begin with a dash or a space.",
            remedy="Choose a simpler name.",
        )
    return name
