"""Which carriers there are: a fixed table from a word to the code that opens it.

Carrier kinds come from vaults, backups, invitations and settings. Data never names a module, a file or a command
(A16): it can only pick an entry of the table below, and a word that is not in it is refused before anything is
imported or opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from tiercel.errors import NameUnknown, UsageError
from tiercel.ports import Carrier


def open_carrier(kind: str, settings: Mapping[str, str]) -> Carrier:
    """The carrier of that kind with those settings. Nothing is touched until it is used.

    Args:
        kind: One of :func:`kinds`.
        settings: Of a folder ``{"path": ...}``.

    Raises:
        NameUnknown: There is no such kind.
        UsageError: A setting is missing, unknown or not text.
    """
    # The length first, so that a megabyte is not even hashed.
    if type(kind) is not str or len(kind) > _KIND_CHARACTERS_MAX or kind not in _OPENERS:
        raise NameUnknown("There is no such kind of carrier.", remedy=f"Kinds of carrier: {', '.join(kinds())}.")
    return _OPENERS[kind](settings)


def kinds() -> tuple[str, ...]:
    """The words that :func:`open_carrier` knows."""
    return tuple(_OPENERS)


def _folder(settings: Mapping[str, str]) -> Carrier:
    (path,) = _taken(settings, "path")
    from tiercel.carriers.folder import FolderCarrier

    return FolderCarrier(path)


def _taken(settings: Mapping[str, str], *names: str) -> tuple[str, ...]:
    """Exactly these settings, each a text that is not empty."""
    if set(settings) != set(names):
        raise UsageError(f"A carrier of this kind takes exactly these settings: {', '.join(names)}.")
    values = tuple(settings[name] for name in names)
    if not all(type(value) is str and value for value in values):
        raise UsageError("A setting of a carrier is not text, or is empty.")
    return values


_KIND_CHARACTERS_MAX: Final = 16
_OPENERS: Final[Mapping[str, Callable[[Mapping[str, str]], Carrier]]] = MappingProxyType({"folder": _folder})
