"""The part of the engine's ledger about our parcels on the roads, kept in the vault."""

from __future__ import annotations

from collections.abc import Iterable

from tiercel.delivery.rows import DueBundle, Handed, Lying
from tiercel.vault import bundles
from tiercel.vault.store import Vault


class RoadLedger:
    """Over the tables of one vault. Its contract stands in :class:`tiercel.delivery.road_ledger.Roads`."""

    vault: Vault

    # -- when ------------------------------------------------------------------------------------

    def road_name(self, road: int) -> str:
        """Its name."""
        row = self.vault.one("SELECT name FROM carriers WHERE id = ?", road)
        assert row is not None
        return str(row[0])

    def due_on(self, road: int, kind: int, by_ms: int, most: int) -> list[DueBundle]:
        """What is due."""
        return bundles.due_on(self.vault, road, kind, by_ms, most)

    def next_due(self, after_ms: int) -> int | None:
        """Of each road the first, by its index."""
        first = "SELECT min(due_at) FROM sendings WHERE carrier = carriers.id AND due_at > ?"
        row = self.vault.one(f"SELECT min(due) FROM (SELECT ({first}) AS due FROM carriers)", after_ms)
        return row[0] if row else None

    def passes(self, road: int, bundle: bytes) -> int:
        """Passes planned."""
        row = self.vault.one("SELECT passes FROM sendings WHERE bundle = ? AND carrier = ?", bundle, road)
        return int(row[0]) if row else 0

    def send_at(self, road: int, bundle: bytes, due_at: int, passes: int | None = None) -> None:
        """Due then."""
        bundles.send_at(self.vault, road, bundle, due_at, passes)

    def never_send(self, road: int, bundle: bytes) -> None:
        """Not there."""
        self.vault.run("DELETE FROM sendings WHERE bundle = ? AND carrier = ?", bundle, road)

    def round_trips_ms(self, bond: int, most: int) -> list[int]:
        """Of the newest letters by number, which an index finds."""
        where = "bond = ? AND direction = 'out' AND arrived_at IS NOT NULL AND arrived_at >= accepted_at"
        found = self.vault.all(
            "SELECT arrived_at - accepted_at FROM letters INDEXED BY letters_acknowledged"
            f" WHERE {where} ORDER BY number DESC LIMIT ?",
            bond, most,
        )  # fmt: skip
        return [int(row[0]) for row in found]

    # -- what lies there -------------------------------------------------------------------------

    def lying(self, road: int, bundle: bytes) -> Lying:
        """Counted."""
        return bundles.lying(self.vault, road, bundle)

    def waiting(self, road: int, bundle: bytes, most: int) -> list[Handed]:
        """Not put yet."""
        return bundles.waiting(self.vault, road, bundle, most)

    def refs_planned(self, road: int, bundle: bytes, since_ms: int) -> Iterable[bytes]:
        """Symbols on their way."""
        where = "WHERE bundle = ? AND carrier = ? AND (put = 0 OR at >= ?) AND refs IS NOT NULL"
        return [row[0] for row in self.vault.all(f"SELECT refs FROM handed {where}", bundle, road, since_ms)]

    def names_of(self, road: int, bundle: bytes, planned_at: int | None) -> list[str]:
        """Names of ours."""
        where = "WHERE bundle = ?1 AND carrier = ?2 AND (?3 IS NULL OR at = ?3) ORDER BY rowid"
        return [row[0] for row in self.vault.all(f"SELECT name FROM handed {where}", bundle, road, planned_at)]

    def over_on(self, road: int, put_before_ms: int, put_after_ms: int) -> list[str]:
        """What comes off."""
        return bundles.over_on(self.vault, road, put_before_ms, put_after_ms)

    # -- what changes ----------------------------------------------------------------------------

    def plan(self, parcel: Handed) -> None:
        """Remember."""
        bundles.plan(self.vault, parcel)

    def mark_put(self, road: int, parcels: Iterable[tuple[str, int | None]]) -> list[bytes]:
        """Put."""
        found: dict[bytes, None] = {}
        for name, until in parcels:
            bundles.was_put(self.vault, road, name, until)
            found.update(self._bundle_of(road, name))
        return list(found)

    def forget_parcels(self, road: int, names: Iterable[str]) -> list[bytes]:
        """Gone."""
        found: dict[bytes, None] = {}
        for name in names:
            found.update(self._bundle_of(road, name))
            bundles.drop_handed(self.vault, road, name)
        return list(found)

    def _bundle_of(self, road: int, name: str) -> dict[bytes, None]:
        where = "WHERE carrier = ? AND name = ? AND bundle IS NOT NULL"
        row = self.vault.one(f"SELECT bundle FROM handed {where}", road, name)
        return {row[0]: None} if row else {}

    def forget_notes(self, road: int) -> None:
        """Of no more use."""
        self.vault.run("DELETE FROM handed WHERE carrier = ? AND bundle IS NULL", road)

    # -- handed over -----------------------------------------------------------------------------

    def handed_over(self, letter: int, road: int) -> bool:
        """One statement, which ends at the first bundle that is not all there."""
        mine = "SELECT 1 FROM handed WHERE handed.bundle = hash AND carrier = ?2"
        missing = f"NOT EXISTS ({mine}) OR EXISTS ({mine} AND put = 0)"
        row = self.vault.one(
            "SELECT EXISTS (SELECT 1 FROM bundles_out WHERE letter = ?1 AND peer_has = 0),"
            f" EXISTS (SELECT 1 FROM bundles_out WHERE letter = ?1 AND peer_has = 0 AND ({missing}))",
            letter, road,
        )  # fmt: skip
        return row == (1, 0)

    def promised(self, letter: int, road: int) -> int | None:
        """The earliest."""
        row = self.vault.one(
            "SELECT min(until) FROM bundles_out CROSS JOIN handed ON bundle = hash WHERE letter = ? AND +carrier = ?",
            letter, road,
        )  # fmt: skip
        return row[0] if row else None

    def went_over(self, letter: int, what: str, road: str) -> bool:
        """Said before."""
        where = "WHERE letter = ? AND what = ? AND road = ?"
        return self.vault.one(f"SELECT 1 FROM events {where}", letter, what, road) is not None

    def forget_way(self, letter: int, what: str, road: str) -> None:
        """Once is enough."""
        self.vault.run("DELETE FROM events WHERE letter = ? AND what = ? AND road = ?", letter, what, road)
