"""The engine's ledger, kept in the vault: each question one indexed statement in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass

from tiercel.delivery.rows import BondAt, InLetter, OutBundle, OutLetter
from tiercel.vault import bundles, letters, notes
from tiercel.vault.rows import select, select_one
from tiercel.vault.store import Vault


@dataclass(frozen=True)
class VaultLedger:
    """Over the tables of one vault. Its contract stands in :class:`tiercel.delivery.ledger.Ledger`."""

    vault: Vault

    # -- letters and bonds -----------------------------------------------------------------------

    def bond(self, bond: int) -> BondAt:
        """A bond."""
        found = select_one(self.vault, BondAt, "bonds", "WHERE id = ?", bond)
        assert found is not None
        return found

    def out_letter(self, seq: int) -> OutLetter | None:
        """Ours, by row."""
        return select_one(self.vault, OutLetter, "letters", "WHERE seq = ? AND direction = 'out'", seq)

    def out_letter_named(self, bond: int, letter_id: bytes) -> OutLetter | None:
        """Ours, by id."""
        where = "WHERE bond = ? AND id = ? AND direction = 'out'"
        return select_one(self.vault, OutLetter, "letters", where, bond, letter_id)

    def in_letter(self, seq: int) -> InLetter | None:
        """Theirs, by row."""
        return select_one(self.vault, InLetter, "letters", "WHERE seq = ? AND direction = 'in'", seq)

    def in_letter_named(self, bond: int, letter_id: bytes) -> InLetter | None:
        """Theirs, by id."""
        where = "WHERE bond = ? AND id = ? AND direction = 'in'"
        return select_one(self.vault, InLetter, "letters", where, bond, letter_id)

    def change_letter(self, seq: int, **values: object) -> None:
        """Change a letter."""
        letters.change_letter(self.vault, seq, **values)

    def add_way(self, seq: int, at_ms: int, what: str, road: str | None = None, until: int | None = None) -> None:
        """Add to a letter's way."""
        letters.add_event(self.vault, seq, at_ms, what, road, until)

    # -- bundles ---------------------------------------------------------------------------------

    def out_bundle(self, bundle: bytes) -> OutBundle | None:
        """One bundle."""
        return select_one(self.vault, OutBundle, "bundles_out", "WHERE hash = ?", bundle)

    def bundles_of(self, letter: int) -> list[OutBundle]:
        """Those of a letter."""
        return select(self.vault, OutBundle, "bundles_out", "WHERE letter = ? ORDER BY kind, hash", letter)

    def change_bundle(self, bundle: bytes, **values: object) -> None:
        """Change a bundle."""
        bundles.change_out(self.vault, bundle, **values)

    def drop_bundles(self, letter: int, kind: int | None = None) -> None:
        """Stop sending."""
        bundles.drop_out(self.vault, letter, kind)

    # -- notes -----------------------------------------------------------------------------------

    def say(self, bond: int, what: str, subject: bytes, detail: bytes, visit: int, due_at: int) -> None:
        """To be said."""
        notes.say(self.vault, bond, what, subject, detail, visit, due_at)

    def unsay(self, bond: int, what: str, subject: bytes) -> None:
        """Not to be said."""
        notes.unsay(self.vault, bond, what, subject)
