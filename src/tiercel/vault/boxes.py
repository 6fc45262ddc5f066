"""Boxes of bonds on relays: ours to read from, theirs to put into."""

from __future__ import annotations

from dataclasses import dataclass, field

from .rows import insert, select, update
from .store import Vault

DROPS_KEPT = 9
"""Where their parcels of us may still lie: about as many boxes as are read at a time."""


@dataclass(frozen=True)
class OurBox:
    """A row of ``boxes``; see schema/0003.sql for each column."""

    id: int
    bond: int
    carrier: int
    pairing: int
    keys: bytes = field(repr=False)
    run: bytes
    made_at: int
    number: int | None
    known_at: int | None


@dataclass(frozen=True)
class TheirBox:
    """A row of ``drops``."""

    id: int
    bond: int
    carrier: int
    pairing: int
    opening: bytes = field(repr=False)
    keys: bytes | None = field(repr=False)
    current: int


def ours_on(vault: Vault, bond: int, carrier: int) -> list[OurBox]:
    """Our boxes of a bond on a relay, the newest first."""
    return select(vault, OurBox, "boxes", "WHERE bond = ? AND carrier = ? ORDER BY id DESC", bond, carrier)


def newest(vault: Vault, bond: int) -> list[OurBox]:
    """Our newest box of a bond on each relay that it uses, those of pairing apart."""
    where = (
        "WHERE id IN (SELECT max(boxes.id) FROM boxes JOIN bond_carriers USING (bond, carrier)"
        " WHERE bond = ? AND pairing = 0 GROUP BY carrier) ORDER BY carrier"
    )
    return select(vault, OurBox, "boxes", where, bond)


def newest_told(vault: Vault, bond: int) -> list[OurBox]:
    """The newest of those that the relay said are there."""
    where = (
        "WHERE id IN (SELECT max(boxes.id) FROM boxes JOIN bond_carriers USING (bond, carrier)"
        " WHERE bond = ? AND pairing = 0 AND number IS NOT NULL GROUP BY carrier) ORDER BY carrier"
    )
    return select(vault, OurBox, "boxes", where, bond)


def listened(vault: Vault) -> list[OurBox]:
    """Boxes in which something may come at any time: the newest of each bond on each relay, and those of pairing."""
    where = "WHERE id IN (SELECT max(id) FROM boxes GROUP BY bond, carrier, pairing) ORDER BY id"
    return select(vault, OurBox, "boxes", where)


def add_ours(vault: Vault, bond: int, carrier: int, keys: bytes, now_ms: int, pairing: bool = False) -> None:
    """Remember the keys of a box before it is made."""
    insert(vault, "boxes", bond=bond, carrier=carrier, pairing=int(pairing), keys=keys, made_at=now_ms)


def change_ours(vault: Vault, box: int, **values: object) -> None:
    """Change columns of a box of ours."""
    update(vault, "boxes", "id = ?", (box,), **values)


def drop_ours(vault: Vault, box: int) -> None:
    """Forget a box that was closed."""
    vault.run("DELETE FROM boxes WHERE id = ?", box)


def theirs_on(vault: Vault, bond: int, carrier: int) -> list[TheirBox]:
    """Their boxes on a relay: that of their newest list, then that of pairing, then older ones."""
    where = "WHERE bond = ? AND carrier = ? ORDER BY current AND NOT pairing DESC, pairing DESC, id DESC"
    return select(vault, TheirBox, "drops", where, bond, carrier)


def add_pairing_drop(vault: Vault, bond: int, carrier: int, opening: bytes, keys: bytes) -> None:
    """Remember the box of pairing that they read."""
    insert(vault, "drops", or_ignore=True, bond=bond, carrier=carrier, pairing=1, opening=opening, keys=keys, current=1)


def set_theirs(vault: Vault, bond: int, drops: list[tuple[int, bytes]]) -> None:
    """Their newest list: (carrier, opening); older ones are kept for a while, to ask what became of parcels there."""
    vault.run("UPDATE drops SET current = 0 WHERE bond = ? AND pairing = 0", bond)
    for carrier, opening in drops:
        vault.run(
            "INSERT INTO drops (bond, carrier, pairing, opening, current) VALUES (?, ?, 0, ?, 1)"
            " ON CONFLICT (bond, carrier, opening) DO UPDATE SET current = 1",
            bond, carrier, opening,
        )  # fmt: skip
        vault.run(
            "DELETE FROM drops WHERE id IN (SELECT id FROM drops WHERE bond = ? AND carrier = ? AND pairing = 0"
            " ORDER BY current DESC, id DESC LIMIT -1 OFFSET ?)",
            bond, carrier, DROPS_KEPT,
        )  # fmt: skip


def drop_pairing(vault: Vault, bond: int) -> None:
    """Forget where a bond was made."""
    vault.run("DELETE FROM drops WHERE bond = ? AND pairing = 1", bond)


def lists_told(vault: Vault, bond: int, arrived: bool) -> int:
    """The newest list of ours that has its receipt, or, if not ``arrived``, that has it or is under way; 0 for none."""
    open_too = "" if arrived else " OR state IN ('accepted', 'sealed', 'handed over')"
    where = f"bond = ? AND direction = 'out' AND boxes IS NOT NULL AND (arrived_at IS NOT NULL{open_too})"
    row = vault.one(f"SELECT ifnull(max(boxes), 0) FROM letters WHERE {where}", bond)
    return int(row[0]) if row else 0


def open_names(vault: Vault, carrier: int, bond: int, most: int) -> list[str]:
    """Parcels of letters of a bond that were put on a relay, and of which nothing was said since."""
    where = "carrier = ? AND bond = ? AND put = 1 AND collected = 0 AND over = 0 AND bundle IS NOT NULL"
    return [
        row[0]
        for row in vault.all(f"SELECT name FROM handed WHERE {where} ORDER BY rowid LIMIT ?", carrier, bond, most)
    ]


def collected(vault: Vault, carrier: int, names: list[str]) -> list[int]:
    """A relay says that these were taken; give back the letters of which every parcel there was, by ``seq``."""
    marks = ", ".join("?" * len(names))
    vault.run(f"UPDATE handed SET collected = 1 WHERE carrier = ? AND name IN ({marks})", carrier, *names)
    missing = (
        "SELECT 1 FROM bundles_out AS part LEFT JOIN handed AS lies ON lies.bundle = part.hash AND lies.carrier = ?1"
        " WHERE part.letter = whole.letter AND part.peer_has = 0 AND ifnull(lies.collected, 0) = 0"
    )
    found = vault.all(
        f"SELECT DISTINCT whole.letter FROM handed JOIN bundles_out AS whole ON whole.hash = handed.bundle"
        f" WHERE handed.carrier = ?1 AND handed.name IN ({marks}) AND NOT EXISTS ({missing})",
        carrier, *names,
    )  # fmt: skip
    return [row[0] for row in found]
