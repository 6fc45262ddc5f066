"""File names made from a stranger's label (A37). The label itself is never used as a path.

A safe name is judged by POSIX, Windows and macOS rules alike, wherever the program runs: a check done on one system
alone passes names that another one reads as a folder, a device or a stream.

Example:
    >>> safe_name("..\\\\con.txt ."), safe_name("me\\u202egnp.exe"), safe_name("")
    ('_con.txt', 'megnp.exe', 'enclosure')
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

NAME_CHARACTERS_MAX = 80
_NAME_BYTES_MAX = 240  # a name of 80 letters can have 320 bytes, and file systems stop at 255
_EXTENSION_CHARACTERS_MAX = 16
_LABEL_CHARACTERS_MAX = 1000
_EMPTY = "enclosure"
_PLAIN = frozenset(" ._-()")
# Letters and marks by their category, yet without any shape: they would make two names look alike.
_SHAPELESS = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
    + "".join(map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
_DEVICE = re.compile(r"(CON|PRN|AUX|NUL|CLOCK|CONIN|CONOUT|COM\d|LPT\d)", re.ASCII)
_ACTS_ON_FOLDER = frozenset({"DESKTOP.INI", "THUMBS.DB", "AUTORUN.INF"})


def safe_name(label: str) -> str:
    """A name for a file, at most 80 characters and 240 bytes, that stays in its folder and is never hidden.

    Letters of any script, digits, space and ``. _ - ( )`` are kept, everything else is taken out; the extension is
    kept and is the caller's to show apart (:func:`split_name`). Two labels may give one name: see :func:`free_name`.
    """
    if len(label) > _LABEL_CHARACTERS_MAX:  # the end holds the extension
        label = label[: _LABEL_CHARACTERS_MAX // 2] + label[-_LABEL_CHARACTERS_MAX // 2 :]
    # Twice: what is taken out may have stood between a letter and its accent.
    name = unicodedata.normalize("NFC", "".join(_allowed(unicodedata.normalize("NFC", label))))
    name = re.sub(r" +(?=\.)", "", re.sub(r" {2,}", " ", name))
    name = re.sub(r"\.{2,}", ".", name).lstrip(" .-").rstrip(" .")
    if _is_reserved(name):
        name = f"_{name}"
    return _fit(name, "") if name else _EMPTY


def free_name(name: str, taken: Callable[[str], bool]) -> str:
    """The first of ``name``, ``name (2)``, ``name (3)`` ... that is not taken, the extension kept at the end.

    Args:
        name: A safe name.
        taken: Whether a name is in use; it must compare as the file system does.
    """
    candidate, count = name, 1
    while taken(candidate):
        count += 1
        candidate = _fit(name, f" ({count})")
    return candidate


def split_name(name: str) -> tuple[str, str]:
    """The stem of a name and its extension with the dot, which may be empty."""
    stem, dot, extension = name.rpartition(".")
    if not stem or not 1 <= len(extension) <= _EXTENSION_CHARACTERS_MAX:
        return name, ""
    return stem, dot + extension


def _allowed(label: str) -> list[str]:
    kept: list[str] = []
    for character in label:
        category = unicodedata.category(character)
        accent = category in {"Mn", "Mc"} and bool(kept) and kept[-1] not in _PLAIN
        if (category[0] == "L" or category == "Nd" or character in _PLAIN or accent) and character not in _SHAPELESS:
            kept.append(character)
    return kept


def _is_reserved(name: str) -> bool:
    """Whether Windows reads the name as a device, or a folder takes it as an order to itself."""
    folded = unicodedata.normalize("NFKC", name).upper()
    return folded in _ACTS_ON_FOLDER or bool(_DEVICE.fullmatch(folded.partition(".")[0].rstrip(" ")))


def _fit(name: str, suffix: str) -> str:
    """The name with a suffix before its extension, the stem cut so that the whole fits."""
    stem, extension = split_name(name)
    stem = stem[: NAME_CHARACTERS_MAX - len(suffix) - len(extension)]
    while len(f"{stem}{suffix}{extension}".encode()) > _NAME_BYTES_MAX:
        stem = stem[:-1]
    return f"{stem.rstrip(' .')}{suffix}{extension}"
