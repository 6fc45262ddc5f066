"""Single values of the vault: the ``meta`` table."""

from __future__ import annotations

from .store import Vault


def get_int(vault: Vault, key: str, default: int) -> int:
    """A whole number, or the default where none was put."""
    row = vault.one("SELECT value FROM meta WHERE key = ?", key)
    return int(row[0]) if row else default


def get_text(vault: Vault, key: str) -> str | None:
    """A text, or None."""
    row = vault.one("SELECT value FROM meta WHERE key = ?", key)
    return str(row[0]) if row else None


def put(vault: Vault, key: str, value: int | str) -> None:
    """Store a value under its key."""
    vault.run(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value
    )


def next_visit(vault: Vault) -> int:
    """Count a visit to the roads and give its number."""
    visit = get_int(vault, "visit", 0) + 1
    put(vault, "visit", visit)
    return visit
