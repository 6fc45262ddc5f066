"""The vaults that wrote to us under a bond, as they call themselves: one is current, the others were left."""

from __future__ import annotations

from dataclasses import dataclass

from .rows import insert, select_one, update
from .store import Vault

CURRENT, LEFT = "current", "left"


@dataclass(frozen=True)
class Incarnation:
    """A row of ``incarnations``. Both instants are the beginnings of days on which a letter of it was sealed."""

    bond: int
    incarnation: bytes
    first_at: int
    last_at: int
    standing: str


def known(vault: Vault, bond: int, incarnation: bytes) -> Incarnation | None:
    """One that wrote before."""
    return select_one(vault, Incarnation, "incarnations", "WHERE bond = ? AND incarnation = ?", bond, incarnation)


def current(vault: Vault, bond: int) -> Incarnation | None:
    """The one that writes now; None before the first letter."""
    return select_one(vault, Incarnation, "incarnations", "WHERE bond = ? AND standing = 'current'", bond)


def add(vault: Vault, bond: int, incarnation: bytes, sealed_at: int, standing: str) -> None:
    """One that was not known before, by the first of its letters that is here."""
    if standing == CURRENT:
        vault.run("UPDATE incarnations SET standing = 'left' WHERE bond = ?", bond)
    insert(
        vault, "incarnations",
        bond=bond, incarnation=incarnation, first_at=sealed_at, last_at=sealed_at, standing=standing,
    )  # fmt: skip


def revive(vault: Vault, row: Incarnation, sealed_at: int) -> None:
    """One that was left writes after all, and the others do not."""
    vault.run("UPDATE incarnations SET standing = 'left' WHERE bond = ?", row.bond)
    update(
        vault, "incarnations", "bond = ? AND incarnation = ?", (row.bond, row.incarnation),
        standing=CURRENT, first_at=sealed_at, last_at=sealed_at,
    )  # fmt: skip


def heard(vault: Vault, row: Incarnation, sealed_at: int) -> None:
    """Another letter of one that is known."""
    first, last = min(row.first_at, sealed_at), max(row.last_at, sealed_at)
    update(
        vault, "incarnations", "bond = ? AND incarnation = ?", (row.bond, row.incarnation), first_at=first, last_at=last
    )
