"""What is to be said in notes: one row per thing and road, gone when it was put there."""

from __future__ import annotations

from tiercel.delivery.rows import ANSWER, EXPIRED, HAVE, RECALL, RECEIPT, WANT, NoteDue
from tiercel.limits import HOUR_MS, RECEIPT_DELAY_HOURS_MAX

from .roads import carriers_of
from .rows import insert, select
from .store import Vault

__all__ = [
    "ANSWER", "EXPIRED", "HAVE", "RECALL", "RECEIPT", "WANT", "NoteDue", "due", "said", "say", "unsay",
    "unsay_receipts", "waits",
]  # fmt: skip


def say(
    vault: Vault, bond: int, what: str, subject: bytes, detail: bytes = b"", visit: int = -1, due_at: int = 0
) -> None:
    """Say something on every road of a bond, on a visit later than ``visit`` and not before ``due_at``."""
    for carrier in carriers_of(vault, bond):
        insert(
            vault, "notes_due", or_ignore=True,
            bond=bond, carrier=carrier.id, what=what, subject=subject, detail=detail, visit=visit, due_at=due_at,
        )  # fmt: skip


def due(vault: Vault, bond: int, carrier: int, visit: int, now_ms: int) -> list[NoteDue]:
    """What may be said on a road at this visit, oldest first. Nothing waits longer than receipts may."""
    where = "WHERE bond = ? AND carrier = ? AND visit < ? AND NOT (due_at > ? AND due_at <= ?) ORDER BY id"
    most_ms = now_ms + RECEIPT_DELAY_HOURS_MAX * HOUR_MS
    return select(vault, NoteDue, "notes_due", where, bond, carrier, visit, now_ms, most_ms)


def said(vault: Vault, ids: list[int]) -> None:
    """These were put on their road."""
    for note in ids:
        vault.run("DELETE FROM notes_due WHERE id = ?", note)


def unsay(vault: Vault, bond: int, what: str, subject: bytes) -> None:
    """This need not be said any more."""
    vault.run("DELETE FROM notes_due WHERE bond = ? AND what = ? AND subject = ?", bond, what, subject)


def unsay_receipts(vault: Vault, bond: int, kind: int) -> None:
    """Receipts of one kind for letters of people that have not left are not said: the reader chose so.

    Letters without text are acknowledged whatever a person chose: keys depend on it.
    """
    vault.run(
        "DELETE FROM notes_due WHERE bond = ?1 AND what = ?2 AND substr(detail, 1, 1) = ?3"
        " AND subject IN (SELECT id FROM letters WHERE bond = ?1 AND kind = 0)",
        bond, RECEIPT, bytes([kind]),
    )  # fmt: skip


def waits(vault: Vault, bond: int, what: str, subject: bytes) -> int | None:
    """When something that was not said yet may be, 0 for at once; None if nothing of it waits."""
    row = vault.one(
        "SELECT min(due_at) FROM notes_due WHERE bond = ? AND what = ? AND subject = ?", bond, what, subject
    )
    return row[0] if row else None
