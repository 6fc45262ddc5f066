"""Sealed things under way: bundles out, our parcels on roads, and what is gathered in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .rows import insert, select, select_one, update
from .store import Vault


@dataclass(frozen=True)
class BundleOut:
    """A row of ``bundles_out``."""

    hash: bytes
    bond: int
    letter: int
    kind: int
    length: int
    sealed: bytes | None = field(repr=False)
    file: str | None
    pid: bytes | None
    made_day: int | None
    next_index: int
    peer_has: int
    heard_day: int = 0


@dataclass(frozen=True)
class Handed:
    """A row of ``handed``: a parcel of ours on a road."""

    carrier: int
    name: str
    bond: int
    bundle: bytes | None
    refs: bytes | None
    profile: str
    at: int
    put: int
    until: int | None
    want: bytes | None = None


@dataclass(frozen=True)
class BundleIn:
    """A row of ``bundles_in``."""

    hash: bytes
    bond: int
    kind: int
    length: int
    standing: str
    tally: bytes | None = field(repr=False)
    file: str | None
    letter: bytes | None
    first_at: int
    told: bytes | None
    had_at: int | None = None


# -- out ---------------------------------------------------------------------------------------------


def add_out(vault: Vault, bundle: BundleOut) -> None:
    """Store a sealed bundle to be sent."""
    insert(vault, "bundles_out", or_ignore=True, **vars(bundle))


def out_by_hash(vault: Vault, bundle_hash: bytes) -> BundleOut | None:
    """A bundle under way."""
    return select_one(vault, BundleOut, "bundles_out", "WHERE hash = ?", bundle_hash)


def out_of_letter(vault: Vault, letter: int) -> list[BundleOut]:
    """The bundles of a letter."""
    return select(vault, BundleOut, "bundles_out", "WHERE letter = ? ORDER BY kind, hash", letter)


def out_of_bond(vault: Vault, bond: int) -> list[BundleOut]:
    """What is under way in a bond: urgent letters first, letters before enclosures, oldest first."""
    where = (
        "JOIN (SELECT urgent, seq FROM letters) ON seq = letter WHERE bond = ? AND peer_has = 0"
        " ORDER BY urgent DESC, kind, seq"
    )
    return select(vault, BundleOut, "bundles_out", where, bond)


def change_out(vault: Vault, bundle_hash: bytes, **values: object) -> None:
    """Change columns of a bundle under way."""
    update(vault, "bundles_out", "hash = ?", (bundle_hash,), **values)


def drop_out(vault: Vault, letter: int, kind: int | None = None) -> None:
    """Stop sending a letter, or only its bundles of one kind. Its parcels are taken off the roads at the next visit."""
    if kind is None:
        vault.run("DELETE FROM bundles_out WHERE letter = ?", letter)
    else:
        vault.run("DELETE FROM bundles_out WHERE letter = ? AND kind = ?", letter, kind)


# -- on the roads --------------------------------------------------------------------------------------


def plan(vault: Vault, handed: Handed) -> None:
    """Remember a parcel of ours before it is put."""
    insert(vault, "handed", **vars(handed))


def handed_on(vault: Vault, carrier: int) -> list[Handed]:
    """Our parcels on a road."""
    return select(vault, Handed, "handed", "WHERE carrier = ?", carrier)


def own_names(vault: Vault, carrier: int) -> set[str]:
    """The names of our parcels on a road."""
    return {row[0] for row in vault.all("SELECT name FROM handed WHERE carrier = ?", carrier)}


def handed_of(vault: Vault, carrier: int, bundle: bytes) -> list[Handed]:
    """Our parcels of one bundle on a road."""
    return select(vault, Handed, "handed", "WHERE carrier = ? AND bundle = ? ORDER BY rowid", carrier, bundle)


def was_put(vault: Vault, carrier: int, name: str, until: int | None) -> None:
    """A parcel is on the road."""
    update(vault, "handed", "carrier = ? AND name = ?", (carrier, name), put=1, until=until)


def drop_handed(vault: Vault, carrier: int, name: str) -> None:
    """Forget a parcel of ours."""
    vault.run("DELETE FROM handed WHERE carrier = ? AND name = ?", carrier, name)


# -- in ----------------------------------------------------------------------------------------------


def in_by_hash(vault: Vault, bond: int, bundle_hash: bytes) -> BundleIn | None:
    """What is known of a bundle of this bond."""
    return select_one(vault, BundleIn, "bundles_in", "WHERE bond = ? AND hash = ?", bond, bundle_hash)


def add_in(vault: Vault, bundle: BundleIn) -> None:
    """Begin to gather a bundle."""
    insert(vault, "bundles_in", **vars(bundle))


def change_in(vault: Vault, bond: int, bundle_hash: bytes, **values: object) -> None:
    """Change columns of a bundle being gathered."""
    update(vault, "bundles_in", "bond = ? AND hash = ?", (bond, bundle_hash), **values)


def spent(vault: Vault, begun: BundleIn) -> None:
    """Take a bundle for done, whether it was being gathered or not: no part of it is looked at again."""
    drop_symbols(vault, begun.bond, begun.hash)
    insert(vault, "bundles_in", or_ignore=True, **vars(begun))
    change_in(vault, begun.bond, begun.hash, standing="spent")


def forget_in(vault: Vault, bond: int, bundle_hash: bytes) -> None:
    """Forget a bundle: if it comes again it is gathered anew."""
    drop_symbols(vault, bond, bundle_hash)
    vault.run("DELETE FROM bundles_in WHERE bond = ? AND hash = ?", bond, bundle_hash)


def gathering(vault: Vault, bond: int) -> Iterator[BundleIn]:
    """What is not whole yet, one at a time: the tally of the longest enclosure takes 17 MB."""
    for (digest,) in vault.all("SELECT hash FROM bundles_in WHERE +bond = ? AND standing = 'gathering'", bond):
        row = in_by_hash(vault, bond, digest)
        if row is not None and row.standing == "gathering":
            yield row


def unclaimed_bytes(vault: Vault, bond: int) -> int:
    """Bytes of enclosures, whole or not, that no letter has named yet."""
    row = vault.one(
        "SELECT coalesce(sum(length), 0) FROM bundles_in WHERE +bond = ? AND kind = 2"
        " AND standing IN ('gathering', 'whole', 'refused')"
        " AND hash NOT IN (SELECT bundle_hash FROM enclosures)",
        bond,
    )
    return int(row[0]) if row else 0


def drop_unclaimed(vault: Vault, first_before_ms: int) -> list[str]:
    """Forget bundles gathered for too long that belong to nothing; give back their files."""
    old = (
        "first_at < ? AND standing IN ('gathering', 'whole', 'refused')"
        " AND hash NOT IN (SELECT bundle_hash FROM enclosures)"
    )
    files = [
        row[0] for row in vault.all(f"SELECT file FROM bundles_in WHERE file IS NOT NULL AND {old}", first_before_ms)
    ]
    vault.run(
        f"DELETE FROM symbols_in WHERE (bond, bundle) IN (SELECT bond, hash FROM bundles_in WHERE {old})",
        first_before_ms,
    )
    vault.run(f"DELETE FROM bundles_in WHERE {old}", first_before_ms)
    return files


def add_symbol(vault: Vault, bond: int, bundle: bytes, group: int, index: int, data: bytes) -> None:
    """Keep a symbol."""
    insert(vault, "symbols_in", or_ignore=True, bond=bond, bundle=bundle, grp=group, idx=index, data=data)


def symbols_of(vault: Vault, bond: int, bundle: bytes) -> list[tuple[int, int, bytes]]:
    """The kept symbols of a bundle: (group, index, data)."""
    return [
        (group, index, data)
        for group, index, data in vault.all(
            "SELECT grp, idx, data FROM symbols_in WHERE bond = ? AND bundle = ?", bond, bundle
        )
    ]


def drop_symbols(vault: Vault, bond: int, bundle: bytes) -> None:
    """The bundle is whole, or refused."""
    vault.run("DELETE FROM symbols_in WHERE bond = ? AND bundle = ?", bond, bundle)


def quarantine(vault: Vault, bond: int, bundle_hash: bytes, verdict: str, bundle: bytes | None, now_ms: int) -> None:
    """Set aside a bundle that could not be opened, with its verdict."""
    leave_quarantine(vault, bond, bundle_hash)
    insert(vault, "quarantine", bond=bond, hash=bundle_hash, verdict=verdict, bundle=bundle, at=now_ms)


def quarantined_at(vault: Vault, bond: int, bundle_hash: bytes) -> int | None:
    """When a bundle was last set aside."""
    row = vault.one("SELECT at FROM quarantine WHERE bond = ? AND hash = ?", bond, bundle_hash)
    return int(row[0]) if row else None


def empty_quarantine(vault: Vault, before_ms: int) -> None:
    """Forget what was set aside before an instant, unless its bytes are kept for a later version."""
    vault.run("DELETE FROM quarantine WHERE bundle IS NULL AND at < ?", before_ms)


def quarantined(vault: Vault) -> list[tuple[int, bytes, bytes]]:
    """Bundles set aside whose bytes were kept for a later version: (bond, hash, bundle)."""
    rows = vault.all("SELECT bond, hash, bundle FROM quarantine WHERE bundle IS NOT NULL ORDER BY at, hash")
    return [(bond, digest, bundle) for bond, digest, bundle in rows]


def leave_quarantine(vault: Vault, bond: int, bundle_hash: bytes) -> None:
    """A bundle is tried again."""
    vault.run("DELETE FROM quarantine WHERE bond = ? AND hash = ?", bond, bundle_hash)
