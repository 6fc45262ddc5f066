"""Carriers, the bonds that use them, and parcels that could not be taken in."""

from __future__ import annotations

from dataclasses import dataclass

from .rows import insert, select, select_one, update
from .store import Vault

POISON_TRIES = 3
"""A recognised parcel that fails so often is removed: a folder that is still being synchronised gets its chances."""


@dataclass(frozen=True)
class CarrierRow:
    """A row of ``carriers``."""

    id: int
    name: str
    kind: str
    place: str
    added_at: int
    proxy: str | None = None
    rate: int | None = None


def all_carriers(vault: Vault) -> list[CarrierRow]:
    """Every carrier, oldest first."""
    return select(vault, CarrierRow, "carriers", "ORDER BY id")


def carrier_named(vault: Vault, name: str) -> CarrierRow | None:
    """The carrier of that name."""
    return select_one(vault, CarrierRow, "carriers", "WHERE name = ?", name)


def add_carrier(
    vault: Vault, name: str, kind: str, place: str, now_ms: int, proxy: str | None = None, rate: int | None = None
) -> None:
    """Add a carrier."""
    insert(vault, "carriers", name=name, kind=kind, place=place, added_at=now_ms, proxy=proxy, rate=rate)


def move_carrier(vault: Vault, carrier: int, place: str) -> None:
    """Say where a carrier is now; what is remembered of it stays."""
    update(vault, "carriers", "id = ?", (carrier,), place=place)


def remove_carrier(vault: Vault, carrier: int) -> None:
    """Remove a carrier and what is remembered of it; who was told of a box of ours on it is told anew."""
    for bond in bonds_on(vault, carrier):
        _list_anew(vault, bond, carrier)
    vault.run("DELETE FROM carriers WHERE id = ?", carrier)


@dataclass(frozen=True)
class BondRoad:
    """A row of ``bond_carriers`` with the name of the carrier."""

    carrier: int
    name: str
    place: int
    after_days: int


def join(vault: Vault, bond: int, carrier: int, place: int = 0, after_days: int = 0) -> None:
    """Let a bond use a carrier, or change its place and eagerness; what is under way is looked at with the next visit.

    What waits to be said on other roads of the bond is said on a new one too: one of them may be left.

    Args:
        vault: With the caller's transaction open.
        bond: Which bond.
        carrier: Which carrier.
        place: Smaller is used first.
        after_days: How long a letter waits without a receipt before this carrier is used for it.
    """
    vault.run(
        "INSERT OR IGNORE INTO notes_due (bond, carrier, what, subject, detail, visit, due_at)"
        " SELECT bond, ?2, what, subject, detail, max(visit), min(due_at) FROM notes_due WHERE bond = ?1"
        " AND NOT EXISTS (SELECT 1 FROM bond_carriers WHERE bond = ?1 AND carrier = ?2)"
        " GROUP BY what, subject, detail ORDER BY min(id)",
        bond, carrier,
    )  # fmt: skip
    vault.run(
        "INSERT INTO bond_carriers (bond, carrier, place, after_days) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (bond, carrier) DO UPDATE SET place = excluded.place, after_days = excluded.after_days",
        bond, carrier, place, after_days,
    )  # fmt: skip
    vault.run(
        "INSERT INTO sendings (bundle, carrier, bond) SELECT hash, ?2, bond FROM bundles_out"
        " WHERE bond = ?1 AND peer_has = 0 ON CONFLICT (bundle, carrier) DO UPDATE SET due_at = 0",
        bond, carrier,
    )  # fmt: skip


def leave(vault: Vault, bond: int, carrier: int) -> None:
    """A bond uses a carrier no more: forget what of it lies there, would be sent there and would be said there."""
    _list_anew(vault, bond, carrier)
    for table in ("bond_carriers", "handed", "sendings", "notes_due"):
        vault.run(f"DELETE FROM {table} WHERE bond = ? AND carrier = ?", bond, carrier)


def _list_anew(vault: Vault, bond: int, carrier: int) -> None:
    """The list of our boxes is another one if one of them was on a carrier that is left."""
    vault.run(
        "UPDATE bonds SET boxes_number = boxes_number + 1 WHERE id = ?1 AND EXISTS"
        " (SELECT 1 FROM boxes WHERE bond = ?1 AND carrier = ?2 AND pairing = 0 AND number IS NOT NULL)",
        bond, carrier,
    )  # fmt: skip


def carriers_of(vault: Vault, bond: int) -> list[CarrierRow]:
    """The carriers of a bond, in their order."""
    where = "JOIN bond_carriers ON carrier = id WHERE bond = ? ORDER BY bond_carriers.place, id"
    columns = "id, name, kind, carriers.place, added_at, proxy, rate"
    return [CarrierRow(*row) for row in vault.all(f"SELECT {columns} FROM carriers {where}", bond)]


def roads_of(vault: Vault, bond: int) -> list[BondRoad]:
    """How a bond uses its carriers, in their order."""
    where = "JOIN carriers ON carrier = id WHERE bond = ? ORDER BY bond_carriers.place, id"
    columns = "carrier, name, bond_carriers.place, after_days"
    return [BondRoad(*row) for row in vault.all(f"SELECT {columns} FROM bond_carriers {where}", bond)]


def foremost_places(vault: Vault) -> dict[int, int]:
    """The foremost place of each carrier in the order of any bond that uses it."""
    return dict(vault.all("SELECT carrier, min(place) FROM bond_carriers GROUP BY carrier"))


def bonds_on(vault: Vault, carrier: int) -> list[int]:
    """The ids of the bonds that use a carrier."""
    return [row[0] for row in vault.all("SELECT bond FROM bond_carriers WHERE carrier = ? ORDER BY bond", carrier)]


def poisoned(vault: Vault, carrier: int, name: str) -> bool:
    """Count a failure to take in a parcel; say whether it has failed often enough to be removed."""
    vault.run(
        "INSERT INTO poison (carrier, name, tries) VALUES (?, ?, 1)"
        " ON CONFLICT (carrier, name) DO UPDATE SET tries = tries + 1",
        carrier, name,
    )  # fmt: skip
    row = vault.one("SELECT tries FROM poison WHERE carrier = ? AND name = ?", carrier, name)
    return row is not None and row[0] >= POISON_TRIES


def forget_poison(vault: Vault, carrier: int, name: str) -> None:
    """A parcel was taken in or removed after all."""
    vault.run("DELETE FROM poison WHERE carrier = ? AND name = ?", carrier, name)


def poison_names(vault: Vault, carrier: int) -> list[str]:
    """What failed on a road and is tried again."""
    return [row[0] for row in vault.all("SELECT name FROM poison WHERE carrier = ? ORDER BY name", carrier)]
