"""Sealed things under way: bundles out, our parcels on roads, and what is gathered in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tiercel.delivery.rows import DueBundle, Handed, Lying
from tiercel.delivery.schedule import ROAD_AFTER_DAYS_MAX
from tiercel.limits import DAY_MS, SMALL_BUNDLE_BYTES_MAX, SYMBOL_LARGE_BYTES, SYMBOL_SMALL_BYTES

from .rows import insert, select, select_one, update
from .store import Vault

_PAGE_ROWS = 1024


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
class BundleIn:
    """A row of ``bundles_in``."""

    hash: bytes
    bond: int
    kind: int
    length: int
    standing: str
    file: str | None
    letter: bytes | None
    first_at: int
    held: int = 0
    asked: int = 0
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


def newest_to_seal(vault: Vault) -> int:
    """The newest letter that waits to be sealed, 0 if none does: a greater one was written since."""
    row = vault.one("SELECT coalesce(max(letter), 0) FROM sealings")
    return int(row[0]) if row else 0


# -- on the roads --------------------------------------------------------------------------------------


def plan(vault: Vault, handed: Handed) -> None:
    """Remember a parcel of ours before it is put."""
    insert(vault, "handed", **vars(handed))


def own_on(vault: Vault, carrier: int) -> dict[str, int]:
    """Our parcels on a road by name, and whether each was put."""
    return dict(vault.all("SELECT name, put FROM handed WHERE carrier = ?", carrier))


def handed_of(vault: Vault, carrier: int, bundle: bytes) -> list[Handed]:
    """Our parcels of one bundle on a road."""
    return select(vault, Handed, "handed", "WHERE carrier = ? AND bundle = ? ORDER BY rowid", carrier, bundle)


def waiting(vault: Vault, carrier: int, bundle: bytes, most: int) -> list[Handed]:
    """The first parcels of a bundle that are planned on a road and not put."""
    where = "WHERE bundle = ? AND carrier = ? AND put = 0 ORDER BY rowid LIMIT ?"
    return select(vault, Handed, "handed", where, bundle, carrier, most)


def lying(vault: Vault, carrier: int, bundle: bytes) -> Lying:
    """What of a bundle was planned on a road and is not known to be gone."""
    row = vault.one(
        "SELECT count(*), count(*) - coalesce(sum(put), 0), coalesce(max(at), 0), min(until) FROM handed"
        " WHERE bundle = ? AND carrier = ?",
        bundle, carrier,
    )  # fmt: skip
    assert row is not None
    return Lying(*row)


def over_on(vault: Vault, carrier: int, before_ms: int, after_ms: int) -> list[str]:
    """Names to come off a road: of what is over, of notes not put, and of what was planned outside of two instants.

    In the order of planning: which come off before a road fails is then no matter of how the names, and so the
    randomness that all bonds share, fell out.
    """
    found = vault.all(
        "SELECT rowid, name FROM handed INDEXED BY handed_over WHERE carrier = ?1 AND over = 1"
        " UNION SELECT rowid, name FROM handed INDEXED BY handed_notes"
        "  WHERE carrier = ?1 AND bundle IS NULL AND put = 0"
        " UNION SELECT rowid, name FROM handed INDEXED BY handed_at WHERE carrier = ?1 AND at <= ?2"
        " UNION SELECT rowid, name FROM handed INDEXED BY handed_at WHERE carrier = ?1 AND at > ?3"
        " ORDER BY 1",
        carrier, before_ms, after_ms,
    )  # fmt: skip
    return [name for _rowid, name in found]


def pairing_names(vault: Vault, carrier: int, bond: int, but: bytes) -> list[str]:
    """Names of a bond's pairing messages on a road, but for one: the others are over."""
    where = "WHERE carrier = ? AND bundle IS NOT NULL AND refs IS NULL AND +bond = ? AND bundle <> ?"
    return [
        row[0] for row in vault.all(f"SELECT name FROM handed INDEXED BY handed_pairing {where}", carrier, bond, but)
    ]


def was_put(vault: Vault, carrier: int, name: str, until: int | None) -> None:
    """A parcel is on the road."""
    update(vault, "handed", "carrier = ? AND name = ?", (carrier, name), put=1, until=until)


def drop_handed(vault: Vault, carrier: int, name: str) -> None:
    """Forget a parcel of ours."""
    vault.run("DELETE FROM handed WHERE carrier = ? AND name = ?", carrier, name)


# -- when a road is used for it -----------------------------------------------------------------------


def due_on(vault: Vault, carrier: int, kind: int, by_ms: int, most: int) -> list[DueBundle]:
    """What is due on a road: urgent letters first, then the oldest; enclosures in the order they were attached.

    Bundles of a letter that was asked back wait.
    """
    found = vault.all(
        "SELECT hash, b.bond, letter, b.kind, length, made_day, next_index, passes, accepted_at, after_days"
        " FROM sendings AS s CROSS JOIN bundles_out AS b ON hash = bundle CROSS JOIN letters AS l ON seq = letter"
        " CROSS JOIN bond_carriers AS r ON r.bond = s.bond AND r.carrier = s.carrier"
        " WHERE s.carrier = ? AND (due_at <= ? OR due_at > ?) AND b.kind = ? AND recall_at IS NULL"
        " ORDER BY urgent DESC, seq, b.rowid LIMIT ?",
        carrier, by_ms, _ahead(by_ms), kind, most,
    )  # fmt: skip
    return [DueBundle(*row) for row in found]


@dataclass(frozen=True)
class Calls:
    """What calls for a step on a road: something due, something to come off, something to say, a pairing message."""

    due: bool
    off: bool
    notes: bool
    pairing: bool


def calls(vault: Vault, carrier: int, by_ms: int, before_ms: int, after_ms: int) -> Calls:
    """Whether a road has to be looked at, in one question: mostly it has not. Instants as for the others here."""
    on_road = "EXISTS (SELECT 1 FROM handed INDEXED BY handed_{} WHERE carrier = ?1 AND {})".format
    row = vault.one(
        "SELECT EXISTS (SELECT 1 FROM sendings WHERE carrier = ?1 AND due_at <= ?2)"
        "    OR EXISTS (SELECT 1 FROM sendings WHERE carrier = ?1 AND due_at > ?5),"
        f" {on_road('over', 'over = 1')} OR {on_road('notes', 'bundle IS NULL')}"
        f" OR {on_road('at', 'at <= ?3')} OR {on_road('at', 'at > ?4')},"
        " EXISTS (SELECT 1 FROM notes_due WHERE carrier = ?1),"
        f" {on_road('pairing', 'bundle IS NOT NULL AND refs IS NULL')} OR EXISTS (SELECT 1 FROM pairings)",
        carrier, by_ms, before_ms, after_ms, _ahead(by_ms),
    )  # fmt: skip
    assert row is not None
    return Calls(*map(bool, row))


def _ahead(by_ms: int) -> int:
    """Nothing is due later than this, unless a clock that ran ahead wrote it."""
    return by_ms + ROAD_AFTER_DAYS_MAX * DAY_MS + DAY_MS if by_ms else 1 << 62


def send_at(vault: Vault, carrier: int, bundle: bytes, due_at: int, passes: int | None = None) -> None:
    """Look at a bundle on a road again at an instant; ``passes`` None leaves them."""
    vault.run(
        "UPDATE sendings SET due_at = ?, passes = coalesce(?, passes) WHERE bundle = ? AND carrier = ?",
        due_at, passes, bundle, carrier,
    )  # fmt: skip


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


def gathering(vault: Vault, bond: int, kind: int) -> list[BundleIn]:
    """What of one kind is not whole yet, newest first."""
    where = "WHERE +bond = ? AND standing = 'gathering' AND kind = ? ORDER BY first_at DESC, rowid DESC"
    return select(vault, BundleIn, "bundles_in", where, bond, kind)


def unasked(vault: Vault, bond: int) -> list[BundleIn]:
    """What is not whole yet and took in new symbols since it was last asked for. Pairing messages never are."""
    where = "WHERE +bond = ? AND standing = 'gathering' AND NOT asked AND kind <> 4"
    return select(vault, BundleIn, "bundles_in", where, bond)


_UNCLAIMED = "standing IN ('gathering', 'whole', 'refused') AND hash NOT IN"
_UNCLAIMED += " (SELECT bundle_hash FROM enclosures WHERE file IS NOT NULL OR asked_at IS NOT NULL)"


def letter_came_at(vault: Vault, bond: int, letter: bytes) -> int | None:
    """When the newest seal of a letter began to come. It searches all that ever came: for what is rarely asked."""
    row = vault.one("SELECT max(first_at) FROM bundles_in WHERE bond = ? AND letter = ?", bond, letter)
    return row[0] if row else None


def unclaimed_bytes(vault: Vault, bond: int) -> int:
    """Bytes of enclosures, whole or not, that no letter has named yet."""
    where = f"WHERE +bond = ? AND kind = 2 AND {_UNCLAIMED}"
    row = vault.one(f"SELECT coalesce(sum(length), 0) FROM bundles_in {where}", bond)
    return int(row[0]) if row else 0


def coming_bytes(vault: Vault, bond: int) -> int:
    """Bytes of enclosures that began to come and are not here, without those that letters gave up."""
    size = f"iif(length > {SMALL_BUNDLE_BYTES_MAX}, {SYMBOL_LARGE_BYTES}, {SYMBOL_SMALL_BYTES})"
    given_up = "SELECT bundle_hash FROM enclosures WHERE file IS NULL GROUP BY bundle_hash HAVING max(asked_at) IS NULL"
    where = f"WHERE +bond = ? AND kind = 2 AND standing = 'gathering' AND hash NOT IN ({given_up})"
    row = vault.one(f"SELECT coalesce(sum(max(0, length - held * {size})), 0) FROM bundles_in {where}", bond)
    return int(row[0]) if row else 0


def drop_unclaimed(vault: Vault, first_before_ms: int) -> list[str]:
    """Forget bundles gathered for too long that belong to nothing; give back their files."""
    where = f"WHERE first_at < ? AND {_UNCLAIMED}"
    old = vault.all(f"SELECT bond, hash, file FROM bundles_in {where}", first_before_ms)
    for bond, bundle_hash, _file in old:
        forget_in(vault, bond, bundle_hash)
    return [file for _bond, _hash, file in old if file is not None]


# -- what is here of it ------------------------------------------------------------------------------


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


def symbol_counts(vault: Vault, bond: int, bundle: bytes) -> list[tuple[int, int]]:
    """How many symbols of each group are kept, of groups that have any: (group, count), ascending."""
    counted = "SELECT grp, count(*) FROM symbols_in WHERE bond = ? AND bundle = ? GROUP BY grp ORDER BY grp"
    return [(group, count) for group, count in vault.all(counted, bond, bundle)]


def note_held(vault: Vault, bond: int, bundle: bytes, groups: Mapping[int, bytes], held: int) -> None:
    """Note which symbols an enclosure's file holds: the bits of groups that changed, and how many in all."""
    for group, bits in groups.items():
        vault.run(
            "INSERT OR REPLACE INTO tallies (bond, bundle, grp, bits) VALUES (?, ?, ?, ?)", bond, bundle, group, bits
        )
    change_in(vault, bond, bundle, held=held, asked=0)


def held_of(vault: Vault, bond: int, bundle: bytes, group: int) -> bytes | None:
    """The bits of one group, or None if nothing of it is here."""
    row = vault.one("SELECT bits FROM tallies WHERE bond = ? AND bundle = ? AND grp = ?", bond, bundle, group)
    return bytes(row[0]) if row else None


def each_held(vault: Vault, bond: int, bundle: bytes) -> Iterator[tuple[int, bytes]]:
    """The bits of each group of which something is here, ascending; read a page at a time."""
    where = "WHERE bond = ? AND bundle = ? AND grp > ? ORDER BY grp LIMIT ?"
    group = -1
    while page := vault.all(f"SELECT grp, bits FROM tallies {where}", bond, bundle, group, _PAGE_ROWS):
        yield from ((group, bits) for group, bits in page)
        group = page[-1][0]


def drop_symbols(vault: Vault, bond: int, bundle: bytes) -> None:
    """The bundle is whole, refused, or begun anew: nothing of it is kept for gathering."""
    for table in ("symbols_in", "tallies"):
        vault.run(f"DELETE FROM {table} WHERE bond = ? AND bundle = ?", bond, bundle)
    change_in(vault, bond, bundle, held=0, asked=0)


# -- set aside ---------------------------------------------------------------------------------------


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
