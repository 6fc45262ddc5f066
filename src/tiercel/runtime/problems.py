"""What came and could not be opened: the verdict, what happens by itself, and what a person may do, which is little.

Nothing here mends a bond: whoever can break letters on purpose could choose the moment. Only people make bonds anew.
"""

from __future__ import annotations

from typing import NamedTuple

from .home import Home
from .views import ProblemView

PROBLEMS_MAX = 200
"""So many are shown, the newest; a correspondent could send any number."""


class _Words(NamedTuple):
    """What is said of a verdict; ``{bond}`` stands for its name."""

    sentence: str
    by_itself: str
    remedy: str = ""


_SEALED_AGAIN = "{bond} is asked to seal it again, and it comes again if it is still wanted."
_NO_RECEIPT = "It is put aside without a receipt, so {bond} sees that it has not arrived."
_KEPT = "It is kept closed, and tried again after an upgrade."

_SAID = {
    "key_expired": _Words("The key of a letter is gone here.", _SEALED_AGAIN),
    "other_bond": _Words("Something was sealed for another of your bonds, and is not opened here.", _SEALED_AGAIN),
    "damaged": _Words(
        "A letter came damaged: its seal does not open.", _NO_RECEIPT, "Ask {bond} whether a letter is missing."
    ),
    "forged": _Words(
        "Something came in the name of {bond} that was sealed without the secret of your bond.",
        "It is never opened, and nobody gets a receipt for it.",
        "Tell {bond} of it by another way. If their vault or yours may be in other hands: tiercel bond end {bond}, and"
        " make a new bond.",
    ),
    "malformed": _Words(
        "Something came that does not follow the specification.",
        _NO_RECEIPT,
        "Ask {bond} whether a letter is missing.",
    ),
    "newer_version": _Words("Something came that only a newer Tiercel can open.", _KEPT, "Upgrade Tiercel."),
    "unreadable": _Words("Something came that this Tiercel could not take in.", _KEPT, "Upgrade Tiercel."),
}


def problems(home: Home, name: str | None = None) -> list[ProblemView]:
    """What could not be opened, of one bond or of all, newest first; it is forgotten after 30 days.

    Raises:
        NameUnknown: There is no such bond.
    """
    chosen = None if name is None else home.bond(name).id
    rows = home.vault.all(
        "SELECT name, verdict, at FROM quarantine JOIN bonds ON bonds.id = bond WHERE bond = ifnull(?, bond)"
        " ORDER BY at DESC, hash LIMIT ?",
        chosen, PROBLEMS_MAX,
    )  # fmt: skip
    return [_view(*row) for row in rows]


def _view(bond: str, verdict: str, at: int) -> ProblemView:
    known = verdict if verdict in _SAID else "malformed"  # there are several ways not to follow the specification
    return ProblemView(bond, known, at, *(text.replace("{bond}", bond) for text in _SAID[known]))
