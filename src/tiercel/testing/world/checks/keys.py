"""The secrets that a vault holds now, read again only when the vault changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from tiercel.vault.prekeys import LAST_RESORT

if TYPE_CHECKING:
    from tiercel.vault.store import Vault

    from .base import PersonSeen


@dataclass(frozen=True)
class OurKey:
    """A prekey of ours: its secrets, and how it may die."""

    bond: int
    pid: bytes
    kind: str
    seed: bytes = field(repr=False)
    token: bytes = field(repr=False)
    public_hash: bytes
    made_day: int


@dataclass(frozen=True)
class Held:
    """All secrets of one vault: our prekeys by bond and pid, and every secret as bytes (gifts, roots, pairing)."""

    ours: dict[tuple[int, bytes], OurKey]
    secrets: frozenset[bytes] = field(repr=False)
    gifts: dict[tuple[int, bytes], bytes] = field(repr=False, default_factory=dict)  # their tokens by bond and pid
    reusable: frozenset[bytes] = frozenset()  # hashes of our last-resort keys


class Keys:
    """Looks at the secrets of each person after each act; one look serves all checkers."""

    def __init__(self) -> None:
        self._looks: dict[str, _Look] = {}

    def of(self, person: PersonSeen) -> Held:
        """What the vault of a person holds now."""
        look = self._looks.get(person.name)
        if look is None or look.vault is not person.home.vault:
            look = self._looks[person.name] = _Look(person.home.vault)
        return look.held()


class _Look:
    """The secrets of one opened vault: all are read once, and then the rows that SQLite says were changed."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self._rows: dict[tuple[str, int], OurKey | _Gift | bytes] = {}
        self._changed = {(table, rowid) for table in _READ for (rowid,) in vault.all(f"SELECT rowid FROM {table}")}
        self._held = Held({}, frozenset())
        vault.db.set_update_hook(self._note)

    def _note(self, _how: int, _database: str, table: str, rowid: int) -> None:
        if table in _READ:
            self._changed.add((table, rowid))

    def held(self) -> Held:
        """All of them, as they are now."""
        if self._changed:
            for table in {table for table, _rowid in self._changed}:
                self._read(table, [rowid for each, rowid in self._changed if each == table])
            self._changed.clear()
            self._held = _held(list(self._rows.values()))
        return self._held

    def _read(self, table: str, rowids: list[int]) -> None:
        these = f"SELECT rowid, {_READ[table]} FROM {table} WHERE rowid IN (SELECT value FROM json_each(?))"
        for rowid in rowids:
            self._rows.pop((table, rowid), None)
        for rowid, *values in self.vault.all(these, json.dumps(rowids)):
            self._rows[table, rowid] = _KINDS.get(table, bytes)(*values)


class _Gift(NamedTuple):
    bond: int
    pid: bytes
    token: bytes


_READ: Final = {
    "prekeys_ours": "bond, pid, kind, seed, token, public_hash, made_day",
    "prekeys_theirs": "bond, pid, token",
    "roots": "root",
    "pairings": "road_secret",
}
_KINDS: Final[dict[str, Callable[..., OurKey | _Gift]]] = {"prekeys_ours": OurKey, "prekeys_theirs": _Gift}


def _held(rows: list[OurKey | _Gift | bytes]) -> Held:
    ours = {(row.bond, row.pid): row for row in rows if isinstance(row, OurKey)}
    gifts = {(row.bond, row.pid): row.token for row in rows if isinstance(row, _Gift)}
    secrets = {row for row in rows if isinstance(row, bytes)} | set(gifts.values())
    secrets.update(*((row.seed, row.token) for row in ours.values()))
    reusable = frozenset(row.public_hash for row in ours.values() if row.kind == LAST_RESORT)
    return Held(ours, frozenset(secrets), gifts, reusable)
