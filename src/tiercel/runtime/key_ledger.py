"""The part of the engine's ledger that speaks of keys: parcel roots, prekeys, and what brings new ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tiercel.delivery.rows import OutLetter, Root, Stock
from tiercel.delivery.states import State
from tiercel.limits import DAY_MS, GIFTS_KEPT_MAX, GIFTS_MAX, PREKEY_USABLE_DAYS
from tiercel.vault import bonds, letters, prekeys, sealings
from tiercel.vault.rows import select, select_one
from tiercel.vault.store import Vault


class KeyLedger:
    """Over the tables of one vault. Its contract stands in :class:`tiercel.delivery.key_ledger.Keys`."""

    vault: Vault
    slowest_ms: Callable[[int], int]

    def roots(self, bond: int) -> list[Root]:
        """Of both directions."""
        return select(self.vault, Root, "roots", "WHERE bond = ? ORDER BY direction, generation DESC", bond)

    def heard_epoch(self, bond: int, epoch: int) -> None:
        """Heard."""
        bonds.heard_epoch(self.vault, bond, epoch)

    def take_generation(self, bond: int, direction: int, generation: int, now_ms: int) -> None:
        """Current now."""
        bonds.take_generation(self.vault, bond, direction, generation, now_ms)

    def advance_root(self, root: Root, epoch: int, secret: bytes) -> None:
        """Moved on."""
        bonds.advance_root(self.vault, root, epoch, secret)

    def drop_roots(self, roots: Sequence[Root]) -> None:
        """For good."""
        bonds.drop_roots(self.vault, roots)

    def expire_prekeys(self, bond: int, one_time_before_day: int, superseded_before_ms: int) -> None:
        """Deleted."""
        prekeys.expire_ours(self.vault, bond, one_time_before_day, superseded_before_ms)

    def gifts_held(self, bond: int, letter_id: bytes, now_ms: int) -> None:
        """Held by them."""
        prekeys.ack_gifts(self.vault, bond, letter_id, now_ms)

    def let_go(self, bond: int, pid: bytes, now_ms: int) -> bool:
        """Of theirs."""
        return prekeys.let_go(self.vault, bond, pid, self.usable_from_day(bond, now_ms))

    def newest_root(self, bond: int, direction: int) -> Root | None:
        """Highest generation."""
        where = "WHERE bond = ? AND direction = ? ORDER BY generation DESC"
        return select_one(self.vault, Root, "roots", where, bond, direction)

    def usable_from_day(self, bond: int, now_ms: int) -> int:
        """By the slowest road."""
        return (now_ms + self.slowest_ms(bond)) // DAY_MS - PREKEY_USABLE_DAYS

    def stock(self, bond: int, now_ms: int) -> Stock:
        """Counted."""
        held, usable, kept = prekeys.stock(self.vault, bond, self.usable_from_day(bond, now_ms))
        room = max(0, min(GIFTS_MAX - usable, GIFTS_KEPT_MAX - kept))
        last = prekeys.newest_last_resort(self.vault, bond)
        unknown = last is None or (last.letter is None and last.acked_at is None)
        return Stock(held, room, None if unknown or last is None else last.made_day)

    def bringing_keys(self, bond: int) -> bool:
        """Under way."""
        return sealings.bringing_keys(self.vault, bond)

    def told_of_copy(self, bond: int) -> OutLetter | None:
        """Under way."""
        where = "WHERE bond = ? AND direction = 'out' AND kind <> 0 AND state IN ('accepted', 'sealed', 'handed over')"
        return select_one(self.vault, OutLetter, "letters", f"{where} AND kind = 4 ORDER BY seq DESC", bond)

    def begin(self, bond: int, kind: int, letter_id: bytes, receipt_secret: bytes, now_ms: int) -> None:
        """Accepted."""
        letter = letters.add_letter(
            self.vault,
            id=letter_id, bond=bond, direction="out", kind=kind, state=State.ACCEPTED.value, written_at=now_ms,
            receipt_secret=receipt_secret,
        )  # fmt: skip
        letters.add_event(self.vault, letter.seq, now_ms, "accepted")
