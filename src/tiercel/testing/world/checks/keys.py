"""The secrets that a vault holds now, read again only when the vault changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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


class Keys:
    """Looks at the secrets of each person after each act; one look serves all checkers."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[tuple[int, int], Held]] = {}

    def of(self, person: PersonSeen) -> Held:
        """What the vault of a person holds now."""
        at = (person.line, person.home.vault.generation)
        known = self._held.get(person.name)
        if known is None or known[0] != at:
            before = known[1] if known and known[0][0] == person.line else Held({}, frozenset())
            known = self._held[person.name] = at, _read(person, before)
        return known[1]


def _read(person: PersonSeen, before: Held) -> Held:
    """Under its pid only the day of a key ever changes, so those known are not read whole again."""
    vault = person.home.vault
    ours, gifts = {}, {}
    for bond, pid, made_day in vault.all("SELECT bond, pid, made_day FROM prekeys_ours"):
        known = before.ours.get((bond, pid))
        ours[bond, pid] = known if known and known.made_day == made_day else _our_key(vault, bond, pid)
    for bond, pid in vault.all("SELECT bond, pid FROM prekeys_theirs"):
        gifts[bond, pid] = before.gifts.get((bond, pid)) or _token(vault, bond, pid)
    secrets = {key.seed for key in ours.values()} | {key.token for key in ours.values()} | set(gifts.values())
    secrets |= {row[0] for row in vault.all("SELECT root FROM roots")}
    secrets |= {row[0] for row in vault.all("SELECT road_secret FROM pairings")}
    return Held(ours, frozenset(secrets), gifts)


def _our_key(vault: Vault, bond: int, pid: bytes) -> OurKey:
    columns = "bond, pid, kind, seed, token, public_hash, made_day"
    row = vault.one(f"SELECT {columns} FROM prekeys_ours WHERE bond = ? AND pid = ?", bond, pid)
    assert row is not None
    return OurKey(*row)


def _token(vault: Vault, bond: int, pid: bytes) -> bytes:
    row = vault.one("SELECT token FROM prekeys_theirs WHERE bond = ? AND pid = ?", bond, pid)
    assert row is not None
    return bytes(row[0])
