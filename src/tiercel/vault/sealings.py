"""What is to be sealed, and which seals are over: each question one index, however many letters are under way.

The queue keeps itself (schema/0002.sql): a letter is in it while it is under way, not asked back, and has no seal.
"""

from __future__ import annotations

from tiercel.limits import SERVICE_LETTERS_MAX

from .letters import SERVICE, Letter
from .rows import select
from .store import Vault


def waiting(vault: Vault, bond: int) -> list[Letter]:
    """Letters of a bond that are to be sealed: urgent ones first, then the oldest; service letters among them."""
    queued = "WHERE seq IN (SELECT letter FROM sealings WHERE bond = ?) ORDER BY urgent DESC, seq"
    return select(vault, Letter, "letters", queued, bond)


def outlived(vault: Vault, bond: int, made_before_day: int) -> list[bytes]:
    """Hashes of seals under way to prekeys made before a day, or made before it to a last-resort key."""
    found = vault.all(
        "SELECT hash FROM bundles_out WHERE bond = ?1 AND made_day < ?2"
        " UNION ALL SELECT hash FROM bundles_out WHERE bond = ?1 AND sealed_day < ?2",
        bond, made_before_day,
    )  # fmt: skip
    return [row[0] for row in found]


def ages_from(vault: Vault, bundle_hash: bytes, day: int) -> None:
    """A seal to a last-resort key was made on a day: it is outlived as one to a key of that day is."""
    vault.run("UPDATE bundles_out SET sealed_day = ? WHERE hash = ?", day, bundle_hash)


def drop(vault: Vault, bundle_hash: bytes) -> None:
    """Let go of a seal: its letter is sealed again if it is still under way."""
    vault.run("DELETE FROM bundles_out WHERE hash = ?", bundle_hash)


def drop_of(vault: Vault, letter: int) -> None:
    """Let go of the seal of a letter, and keep its enclosures under way."""
    vault.run("DELETE FROM bundles_out WHERE letter = ? AND kind = 1", letter)


def bringing_keys(vault: Vault, bond: int) -> bool:
    """Whether enough that only brings keys is under way to the other side of a bond.

    One service letter alone may be weeks on its way, or lost, and until then the other side would write to the
    last-resort key: a fifth of all letters on roads of 14 to 60 days, and a tenth with four.
    """
    where = "bond = ? AND direction = 'out' AND kind <> 0 AND state IN ('accepted', 'sealed', 'handed over')"
    found = vault.all(
        f"SELECT kind FROM letters INDEXED BY letters_service WHERE {where} LIMIT ?", bond, SERVICE_LETTERS_MAX
    )
    return len(found) == SERVICE_LETTERS_MAX or any(kind != SERVICE for (kind,) in found)
