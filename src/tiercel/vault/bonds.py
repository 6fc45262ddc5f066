"""Bonds, their pairing state, parcel roots, reader lists and warnings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tiercel.delivery.rows import Root as Root

from .rows import insert, select, select_one, update
from .store import Vault


@dataclass(frozen=True)
class Bond:
    """A row of ``bonds``; see schema/ for each column."""

    id: int
    name: str
    direction: int
    state: str
    confirmed_us: int
    confirmed_them: int
    made_at: int
    words: str | None
    bond_id: bytes | None
    auth_root: bytes | None = field(repr=False)
    incarnation: bytes
    next_number: int
    previous: bytes
    newest_heard: int
    newest_sent: int
    service_at: int | None
    burn_sent: int
    burn_read_days: int | None
    receipts: int
    read_receipts: int
    receipt_delay_h: int
    their_reads: int
    doubted_at: int | None
    boxes_number: int = 0
    drops_incarnation: bytes | None = None
    drops_number: int = 0

    @property
    def their_direction(self) -> int:
        """The direction byte of what the other side sends."""
        return 1 - self.direction


@dataclass(frozen=True)
class Pairing:
    """A row of ``pairings``: what must survive between two visits."""

    bond: int
    road_secret: bytes = field(repr=False)
    base_epoch: int
    stage: str
    state: bytes = field(repr=False)
    message_out: bytes | None


def all_bonds(vault: Vault) -> list[Bond]:
    """Every bond, oldest first."""
    return select(vault, Bond, "bonds", "ORDER BY id")


def with_retention(vault: Vault) -> list[Bond]:
    """Bonds whose text is not kept for good."""
    return select(vault, Bond, "bonds", "WHERE burn_sent OR burn_read_days IS NOT NULL ORDER BY id")


def bond_named(vault: Vault, name: str) -> Bond | None:
    """The bond of that name."""
    return select_one(vault, Bond, "bonds", "WHERE name = ?", name)


def bond_by_id(vault: Vault, bond: int) -> Bond:
    """A bond that is known to be there."""
    found = select_one(vault, Bond, "bonds", "WHERE id = ?", bond)
    assert found is not None
    return found


def add_bond(vault: Vault, **values: Any) -> Bond:
    """Add a bond and give it back."""
    insert(vault, "bonds", **values)
    return bond_by_id(vault, vault.db.last_insert_rowid())


def change_bond(vault: Vault, bond: int, **values: object) -> None:
    """Change columns of a bond."""
    update(vault, "bonds", "id = ?", (bond,), **values)


def heard_epoch(vault: Vault, bond: int, epoch: int) -> None:
    """Remember the newest epoch heard from the other side."""
    vault.run("UPDATE bonds SET newest_heard = max(newest_heard, ?) WHERE id = ?", epoch, bond)


def sent_epoch(vault: Vault, bond: int, epoch: int) -> None:
    """Remember the newest epoch used; a sender never goes back."""
    vault.run("UPDATE bonds SET newest_sent = max(newest_sent, ?) WHERE id = ?", epoch, bond)


# -- pairing -----------------------------------------------------------------------------------------


def pairing_of(vault: Vault, bond: int) -> Pairing | None:
    """The pairing state of a bond that is not bonded yet."""
    return select_one(vault, Pairing, "pairings", "WHERE bond = ?", bond)


def add_pairing(vault: Vault, pairing: Pairing) -> None:
    """Store the first pairing state of a bond."""
    insert(vault, "pairings", **vars(pairing))


def change_pairing(vault: Vault, bond: int, **values: object) -> None:
    """Store the next pairing state."""
    update(vault, "pairings", "bond = ?", (bond,), **values)


def drop_pairing(vault: Vault, bond: int) -> None:
    """Forget the pairing secrets of a bond."""
    vault.run("DELETE FROM pairings WHERE bond = ?", bond)


# -- roots -------------------------------------------------------------------------------------------


def roots_of(vault: Vault, bond: int, direction: int) -> list[Root]:
    """Roots of one direction, newest generation first."""
    where = "WHERE bond = ? AND direction = ? ORDER BY generation DESC"
    return select(vault, Root, "roots", where, bond, direction)


def add_root(vault: Vault, root: Root) -> None:
    """Store a root; one already known is left alone."""
    insert(vault, "roots", or_ignore=True, **vars(root))


def drop_old_offers(vault: Vault, bond: int, direction: int, kept: int) -> int:
    """Keep the newest roots offered and not used yet: each costs keys to try, and who offers many uses one.

    Returns:
        How many were let go.
    """
    where = "bond = ? AND direction = ? AND standing = 'offered' ORDER BY rowid DESC LIMIT -1 OFFSET ?"
    old = vault.all(f"SELECT rowid FROM roots WHERE {where}", bond, direction, kept)
    for (row,) in old:
        vault.run("DELETE FROM roots WHERE rowid = ?", row)
    return len(old)


def take_generation(vault: Vault, bond: int, direction: int, generation: int, now_ms: int) -> None:
    """Make a generation that was offered current, and every older one superseded; of any other nothing changes.

    One superseded stays so: after a copy was put back it may have a higher number than the root in use. One that is
    older than the root in use is superseded with its first parcel: a vault that was left for a copy offered it.
    """
    where = "bond = ? AND direction = ? AND generation "
    offered = f"SELECT 1 FROM roots WHERE {where} = ? AND standing = 'offered'"
    if vault.one(offered, bond, direction, generation) is None:
        return
    used = "SELECT 1 FROM roots WHERE bond = ? AND direction = ? AND standing = 'current'"
    if vault.one(used, bond, direction) is None:  # they sent under older ones until now, and some of it still comes
        old = "bond = ? AND direction = ? AND standing = 'superseded'"
        vault.run(f"UPDATE roots SET since_at = ? WHERE {old}", now_ms, bond, direction)
    vault.run(
        f"UPDATE roots SET standing = 'superseded', since_at = ? WHERE {where} < ? AND standing <> 'superseded'",
        now_ms, bond, direction, generation,
    )  # fmt: skip
    newer = vault.one(f"SELECT 1 FROM roots WHERE {where} > ? AND standing = 'current'", bond, direction, generation)
    vault.run(
        f"UPDATE roots SET standing = ?, since_at = ? WHERE {where} = ?",
        "current" if newer is None else "superseded", now_ms, bond, direction, generation,
    )  # fmt: skip


def begin_anew(vault: Vault, root: Root) -> None:
    """A root takes its standing beside none but superseded ones, whatever the numbers: known before, or new."""
    add_root(vault, root)
    where = "bond = ? AND direction = ? AND generation"
    vault.run(
        f"UPDATE roots SET standing = 'superseded', since_at = ? WHERE {where} <> ? AND standing <> 'superseded'",
        root.since_at, root.bond, root.direction, root.generation,
    )  # fmt: skip
    vault.run(
        f"UPDATE roots SET standing = ?, since_at = ? WHERE {where} = ?",
        root.standing, root.since_at, root.bond, root.direction, root.generation,
    )  # fmt: skip


def advance_root(vault: Vault, root: Root, epoch: int, secret: bytes) -> None:
    """Replace a root by its successor; the epochs between are gone."""
    vault.run(
        "UPDATE roots SET epoch = ?, root = ? WHERE bond = ? AND direction = ? AND generation = ?",
        epoch, secret, root.bond, root.direction, root.generation,
    )  # fmt: skip


def drop_roots(vault: Vault, roots: Iterable[Root]) -> None:
    """Delete roots."""
    rows = [(root.bond, root.direction, root.generation) for root in roots]
    vault.run_each("DELETE FROM roots WHERE bond = ? AND direction = ? AND generation = ?", rows)


# -- readers and warnings ------------------------------------------------------------------------------


def set_readers(vault: Vault, bond: int, side: str, readers: list[tuple[str, int]]) -> None:
    """Replace the reader list of one side: (kind, since_day)."""
    vault.run("DELETE FROM readers WHERE bond = ? AND side = ?", bond, side)
    for kind, since_day in readers:
        insert(vault, "readers", or_ignore=True, bond=bond, side=side, kind=kind, since_day=since_day)


def readers_of(vault: Vault, bond: int, side: str) -> list[tuple[str, int]]:
    """The reader list of one side, in canonical order."""
    rows = vault.all("SELECT kind, since_day FROM readers WHERE bond = ? AND side = ?", bond, side)
    return sorted(((kind, day) for kind, day in rows), key=lambda reader: (reader[1], reader[0]))


def warn(vault: Vault, bond: int, text: str, now_ms: int) -> None:
    """Put a warning beside a bond; the same one stands once."""
    insert(vault, "warnings", or_ignore=True, bond=bond, text=text, at=now_ms)


def take_back_warning(vault: Vault, bond: int, text: str) -> None:
    """What was said beside a bond is said better by another warning."""
    vault.run("DELETE FROM warnings WHERE bond = ? AND text = ?", bond, text)


def unwarn(vault: Vault, bond: int, but: tuple[str, ...]) -> None:
    """A person has looked at what stands beside a bond: all of it goes, ``but`` these."""
    marks = ", ".join("?" * len(but))
    vault.run(f"DELETE FROM warnings WHERE bond = ? AND text NOT IN ({marks})", bond, *but)


def warnings_of(vault: Vault, bond: int) -> tuple[str, ...]:
    """What stands beside a bond, oldest first."""
    return tuple(row[0] for row in vault.all("SELECT text FROM warnings WHERE bond = ? ORDER BY at, text", bond))


def forget_keys(vault: Vault, bond: int) -> None:
    """Delete every secret of a bond that was refused or has ended, and what was still sent; letters, if any, stay."""
    for table in ("pairings", "roots", "prekeys_ours", "prekeys_theirs", "notes_due", "bundles_out", "boxes", "drops"):
        vault.run(f"DELETE FROM {table} WHERE bond = ?", bond)
    change_bond(vault, bond, auth_root=None)
