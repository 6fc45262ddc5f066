"""What is to be sealed, and which seals are over: each question one index, however many letters are under way.

The queue keeps itself (schema/0002.sql): a letter is in it while it is under way, not asked back, and has no seal.
"""

from __future__ import annotations

from .letters import Letter
from .rows import select
from .store import Vault


def waiting(vault: Vault, bond: int) -> list[Letter]:
    """Letters of a bond that are to be sealed: urgent ones first, then the oldest; service letters among them."""
    queued = "WHERE seq IN (SELECT letter FROM sealings WHERE bond = ?) ORDER BY urgent DESC, seq"
    return select(vault, Letter, "letters", queued, bond)


def outlived(vault: Vault, bond: int, made_before_day: int) -> list[bytes]:
    """Hashes of seals under way to prekeys made before a day."""
    found = vault.all("SELECT hash FROM bundles_out WHERE bond = ? AND made_day < ?", bond, made_before_day)
    return [row[0] for row in found]


def drop(vault: Vault, bundle_hash: bytes) -> None:
    """Let go of a seal: its letter is sealed again if it is still under way."""
    vault.run("DELETE FROM bundles_out WHERE hash = ?", bundle_hash)


def drop_of(vault: Vault, letter: int) -> None:
    """Let go of the seal of a letter, and keep its enclosures under way."""
    vault.run("DELETE FROM bundles_out WHERE letter = ? AND kind = 1", letter)


def bringing_keys(vault: Vault, bond: int) -> bool:
    """Whether something that only brings keys is under way to the other side of a bond."""
    where = "bond = ? AND direction = 'out' AND kind <> 0 AND state IN ('accepted', 'sealed', 'handed over')"
    return vault.one(f"SELECT 1 FROM letters WHERE {where} LIMIT 1", bond) is not None
