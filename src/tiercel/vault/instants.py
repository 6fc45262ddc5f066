"""The instants by which something falls due or is deleted, brought back when a clock that ran ahead was put right."""

from __future__ import annotations

from tiercel.limits import DAY_MS

from .store import Vault

_INSTANTS = {
    "bonds": ("service_at",),
    "roots": ("since_at",),
    "prekeys_ours": ("superseded_at",),
    "letters": ("read_at", "receipt_at", "recall_at", "accepted_at"),
    "handed": ("at",),
    "sendings": ("due_at",),
    "bundles_in": ("first_at",),
    "quarantine": ("at",),
}
_DAYS = {"prekeys_ours": ("made_day",), "prekeys_theirs": ("made_day",), "bundles_out": ("made_day", "sealed_day")}


def not_later_than(vault: Vault, now_ms: int) -> None:
    """Make every stored instant that decides something at most ``now_ms``; what is only shown stays as it was told."""
    for columns, most in ((_INSTANTS, now_ms), (_DAYS, now_ms // DAY_MS)):
        for table, names in columns.items():
            for name in names:
                vault.run(f"UPDATE {table} SET {name} = ?1 WHERE {name} > ?1", most)
