"""The engine's ledger, kept in the vault: each question one indexed statement in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tiercel.delivery.rows import (
    Awaited,
    BondAt,
    InBundle,
    InLetter,
    NoteDue,
    OutBundle,
    OutLetter,
    Restored,
)
from tiercel.vault import bonds, bundles, letters, notes, settings
from tiercel.vault.rows import select, select_one, update
from tiercel.vault.store import Vault

from . import lacking
from .enclosing import send_enclosures
from .key_ledger import KeyLedger
from .road_ledger import RoadLedger

_UNDER_WAY = "direction = 'out' AND state IN ('accepted', 'sealed', 'handed over')"
_OURS, _THEIRS = "direction = 'out'", "direction = 'in'"


@dataclass(frozen=True)
class VaultLedger(RoadLedger, KeyLedger):
    """Over the tables of one vault. Its contract stands in :class:`tiercel.delivery.ledger.Ledger`.

    ``slowest_ms`` gives the declared worst delay among the roads of a bond.
    """

    vault: Vault
    slowest_ms: Callable[[int], int]

    # -- letters and bonds -----------------------------------------------------------------------

    def bond(self, bond: int) -> BondAt:
        """A bond."""
        found = select_one(self.vault, BondAt, "bonds", "WHERE id = ?", bond)
        assert found is not None
        return found

    def bonds(self) -> list[BondAt]:
        """All."""
        return select(self.vault, BondAt, "bonds", "ORDER BY id")

    def change_bond(self, bond: int, **values: object) -> None:
        """Change a bond."""
        bonds.change_bond(self.vault, bond, **values)

    def out_letter(self, seq: int) -> OutLetter | None:
        """Ours, by row."""
        return select_one(self.vault, OutLetter, "letters", f"WHERE seq = ? AND {_OURS}", seq)

    def out_letter_named(self, bond: int, letter_id: bytes) -> OutLetter | None:
        """Ours, by id."""
        where = f"WHERE bond = ? AND id = ? AND {_OURS}"
        return select_one(self.vault, OutLetter, "letters", where, bond, letter_id)

    def in_letter(self, seq: int) -> InLetter | None:
        """Theirs, by row."""
        return select_one(self.vault, InLetter, "letters", f"WHERE seq = ? AND {_THEIRS}", seq)

    def in_letter_named(self, bond: int, letter_id: bytes) -> InLetter | None:
        """Theirs, by id."""
        where = f"WHERE bond = ? AND id = ? AND {_THEIRS}"
        return select_one(self.vault, InLetter, "letters", where, bond, letter_id)

    def letters_naming(self, bond: int, bundle: bytes) -> list[InLetter]:
        """Theirs that enclose it."""
        where = f"WHERE +bond = ? AND {_THEIRS} AND seq IN (SELECT letter FROM enclosures WHERE bundle_hash = ?)"
        return select(self.vault, InLetter, "letters", where, bond, bundle)

    def enclosures_whole(self, seq: int) -> bool:
        """Whether none lacks."""
        return self.vault.one("SELECT 1 FROM enclosures WHERE letter = ? AND file IS NULL LIMIT 1", seq) is None

    def change_letter(self, seq: int, **values: object) -> None:
        """Change a letter."""
        letters.change_letter(self.vault, seq, **values)

    def add_way(self, seq: int, at_ms: int, what: str, road: str | None = None, until: int | None = None) -> None:
        """Add to a letter's way."""
        letters.add_event(self.vault, seq, at_ms, what, road, until)

    def add_tombstone(self, bond: int, letter_id: bytes, state: str) -> InLetter:
        """Never here."""
        letters.add_letter(self.vault, id=letter_id, bond=bond, direction="in", state=state)
        added = self.in_letter_named(bond, letter_id)
        assert added is not None
        return added

    def burn(self, seq: int) -> tuple[str, ...]:
        """Text and enclosures are gone."""
        letter = letters.letter_at(self.vault, seq)
        assert letter is not None
        return tuple(letters.burn(self.vault, letter))

    def put_back(self, bond: int) -> bool:
        """Theirs."""
        return self.vault.one("SELECT 1 FROM incarnations WHERE bond = ? AND standing = 'left'", bond) is not None

    def restored(self) -> Restored | None:
        """Put back, or None."""
        at, seq = (settings.get_int(self.vault, key, -1) for key in ("put_back_at", "put_back_seq"))
        return None if at < 0 or seq < 0 else Restored(at, seq)

    # -- what is due -----------------------------------------------------------------------------

    def past_deadline(self, today: int) -> list[OutLetter]:
        """Too late."""
        where = f"INDEXED BY letters_deadline WHERE {_UNDER_WAY} AND deadline_day IS NOT NULL AND deadline_day < ?"
        return select(self.vault, OutLetter, "letters", where, today)

    def next_deadline_day(self) -> int | None:
        """The first."""
        where = f"{_UNDER_WAY} AND deadline_day IS NOT NULL ORDER BY deadline_day LIMIT 1"
        return self._number(f"SELECT deadline_day FROM letters INDEXED BY letters_deadline WHERE {where}")

    def recalls_due(self, before_ms: int, after_ms: int, most: int) -> list[OutLetter]:
        """Asked long ago, or by a wrong clock."""
        where = f"WHERE +{_OURS} AND (recall_at <= ? OR recall_at > ?) ORDER BY recall_at LIMIT ?"
        return select(self.vault, OutLetter, "letters", where, before_ms, after_ms, most)

    def next_recall(self, after_ms: int) -> int | None:
        """The first."""
        return self._number("SELECT min(recall_at) FROM letters WHERE recall_at <= ?", after_ms)

    def given_back(self, bond: int) -> list[OutLetter]:
        """Returned or crossed."""
        where = f"WHERE +bond = ? AND {_OURS} AND state IN ('returned', 'crossed') ORDER BY seq"
        return select(self.vault, OutLetter, "letters", where, bond)

    def under_way(self, bond: int) -> list[OutLetter]:
        """All that are."""
        return select(self.vault, OutLetter, "letters", f"WHERE +bond = ? AND {_UNDER_WAY} ORDER BY seq", bond)

    def held(self, bond: int) -> list[OutLetter]:
        """All that are."""
        where = f"WHERE +bond = ? AND {_OURS} AND state = 'held' ORDER BY seq"
        return select(self.vault, OutLetter, "letters", where, bond)

    def unfinished(self, bond: int) -> list[OutLetter]:
        """Read, and not whole there."""
        here = f"+bond = ? AND {_OURS} AND state IN ('read', 'answered') AND arrived_at IS NULL"
        return select(self.vault, OutLetter, "letters", f"WHERE {here} ORDER BY seq", bond)

    def empty_quarantine(self, before_ms: int) -> None:
        """Forget."""
        bundles.empty_quarantine(self.vault, before_ms)

    def drop_unclaimed(self, before_ms: int) -> list[str]:
        """Forget."""
        return bundles.drop_unclaimed(self.vault, before_ms)

    # -- bundles ---------------------------------------------------------------------------------

    def out_bundle(self, bundle: bytes) -> OutBundle | None:
        """One."""
        return select_one(self.vault, OutBundle, "bundles_out", "WHERE hash = ?", bundle)

    def bundles_of(self, letter: int) -> list[OutBundle]:
        """Those of a letter."""
        return select(self.vault, OutBundle, "bundles_out", "WHERE letter = ? ORDER BY kind, hash", letter)

    def sealed_to(self, bond: int, pid: bytes) -> list[OutLetter]:
        """By the key."""
        where = f"WHERE +bond = ? AND +{_UNDER_WAY} AND seq IN (SELECT letter FROM bundles_out WHERE pid = ?)"
        return select(self.vault, OutLetter, "letters", where, bond, pid)

    def change_bundle(self, bundle: bytes, **values: object) -> None:
        """Change a bundle."""
        bundles.change_out(self.vault, bundle, **values)

    def drop_bundles(self, letter: int, kind: int | None = None) -> None:
        """Stop sending."""
        bundles.drop_out(self.vault, letter, kind)

    def encloses(self, letter: int) -> bool:
        """Whether it has any."""
        return self.vault.one("SELECT 1 FROM enclosures WHERE letter = ? LIMIT 1", letter) is not None

    def send_enclosures(self, bond: int, letter: int) -> None:
        """Under way."""
        send_enclosures(self.vault, bond, letter)

    def in_bundle(self, bond: int, bundle: bytes) -> InBundle | None:
        """Theirs."""
        return select_one(self.vault, InBundle, "bundles_in", "WHERE bond = ? AND hash = ?", bond, bundle)

    def change_in_bundle(self, bond: int, bundle: bytes, **values: object) -> None:
        """Change one of theirs."""
        bundles.change_in(self.vault, bond, bundle, **values)

    def awaited(self, before_ms: int, now_ms: int, most: int) -> list[Awaited]:
        """The longest first."""
        return lacking.awaited(self.vault, before_ms, now_ms, most)

    def next_awaited(self) -> int | None:
        """The first."""
        return self._number("SELECT min(asked_at) FROM enclosures WHERE file IS NULL AND asked_at IS NOT NULL")

    def asked_for(self, item: Awaited, now_ms: int | None) -> None:
        """Asked, or given up."""
        update(self.vault, "enclosures", "letter = ? AND n = ?", (item.letter, item.n), asked_at=now_ms)

    def await_again(self, letter: int, asked_ms: int) -> None:
        """In their turn."""
        letters.await_enclosures_again(self.vault, letter, asked_ms)

    def lacking(self, bundle: InBundle, most: int) -> list[tuple[int, int]]:
        """By its tallies."""
        return lacking.missing_groups(self.vault, bundle, most)

    def coming_bytes(self, bond: int) -> int:
        """Begun."""
        return bundles.coming_bytes(self.vault, bond)

    # -- notes -----------------------------------------------------------------------------------

    def say(self, bond: int, what: str, subject: bytes, detail: bytes = b"", visit: int = -1, due_at: int = 0) -> None:
        """To be said."""
        notes.say(self.vault, bond, what, subject, detail, visit, due_at)

    def unsay(self, bond: int, what: str, subject: bytes) -> None:
        """Not to be said."""
        notes.unsay(self.vault, bond, what, subject)

    def notes_due(self, road: int, visit: int, now_ms: int, most_ms: int) -> list[NoteDue]:
        """May be said."""
        where = "WHERE carrier = ? AND visit < ? AND NOT (due_at > ? AND due_at <= ?) ORDER BY id"
        return select(self.vault, NoteDue, "notes_due", where, road, visit, now_ms, most_ms)

    def next_note(self, bond: int | None, after_ms: int, most_ms: int) -> int | None:
        """The first."""
        if bond is None:
            where = "due_at > ? AND due_at <= ?"
            return self._number(f"SELECT min(due_at) FROM notes_due WHERE {where}", after_ms, most_ms)
        where = "bond = ? AND due_at > ? AND due_at <= ?"
        return self._number(f"SELECT min(due_at) FROM notes_due WHERE {where}", bond, after_ms, most_ms)

    def said(self, ids: Sequence[int]) -> None:
        """Said."""
        notes.said(self.vault, list(ids))

    def _number(self, sql: str, *args: object) -> int | None:
        row = self.vault.one(sql, *args)
        return None if row is None else row[0]
