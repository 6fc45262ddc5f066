"""The secrets that a vault holds now, read again only when the vault changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

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
        self._changed = {(table, rowid) for table in _READ for (rowid,) in vault.all(f"SELECT rowid FROM {table}")}
        self._secrets: dict[tuple[str, int], tuple[bytes, ...]] = {}
        self._ours: dict[int, OurKey] = {}
        self._gifts: dict[int, tuple[tuple[int, bytes], bytes]] = {}
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
            ours = {(key.bond, key.pid): key for key in self._ours.values()}
            reusable = frozenset(key.public_hash for key in self._ours.values() if key.kind == LAST_RESORT)
            secrets = frozenset(chain.from_iterable(self._secrets.values()))
            self._held = Held(ours, secrets, dict(self._gifts.values()), reusable)
        return self._held

    def _read(self, table: str, rowids: list[int]) -> None:
        these = f"SELECT rowid, {_READ[table]} FROM {table} WHERE rowid IN (SELECT value FROM json_each(?))"
        found = {rowid: values for rowid, *values in self.vault.all(these, json.dumps(rowids))}
        for rowid in rowids:
            self._let_go(table, rowid)
        for rowid, values in found.items():
            self._take(table, rowid, values)

    def _let_go(self, table: str, rowid: int) -> None:
        self._secrets.pop((table, rowid), None)
        if table == "prekeys_ours":
            self._ours.pop(rowid, None)
        elif table == "prekeys_theirs":
            self._gifts.pop(rowid, None)

    def _take(self, table: str, rowid: int, values: Sequence[Any]) -> None:
        if table == "prekeys_ours":
            key = self._ours[rowid] = OurKey(*values)
            self._secrets[table, rowid] = (key.seed, key.token)
            return
        if table == "prekeys_theirs":
            self._gifts[rowid] = (values[0], values[1]), values[2]
        self._secrets[table, rowid] = (values[-1],)


_READ: Final = {
    "prekeys_ours": "bond, pid, kind, seed, token, public_hash, made_day",
    "prekeys_theirs": "bond, pid, token",
    "roots": "root",
    "pairings": "road_secret",
}
