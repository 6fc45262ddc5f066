"""The numbers of incoming letters: which are here, and which were taken back before they came."""

from __future__ import annotations

from .letters import Letter
from .rows import select_one
from .store import Vault


def numbered_below(vault: Vault, letter: Letter) -> Letter | None:
    """The incoming letter with the next lower number of the same incarnation, else of any."""
    where = "bond = ? AND direction = 'in' AND number < ?"
    same = f"WHERE {where} AND incarnation IS ? ORDER BY number DESC"
    found = select_one(vault, Letter, "letters", same, letter.bond, letter.number, letter.incarnation)
    return found or select_one(
        vault, Letter, "letters", f"WHERE {where} ORDER BY number DESC", letter.bond, letter.number
    )


def numbers_between(vault: Vault, bond: int, low: int, high: int) -> int:
    """How many numbers between two, both excluded, incoming letters of a bond have."""
    where = "bond = ? AND direction = 'in' AND number > ? AND number < ?"
    row = vault.one(f"SELECT count(DISTINCT number) FROM letters WHERE {where}", bond, low, high)
    return int(row[0]) if row else 0


def taken_back_unseen(vault: Vault, bond: int) -> list[bytes]:
    """The ids of letters that were taken back before they came, newest first: nothing else is known of them."""
    where = "bond = ? AND direction = 'in' AND state = 'returned' AND number IS NULL ORDER BY seq DESC"
    return [row[0] for row in vault.all(f"SELECT id FROM letters WHERE {where}", bond)]
