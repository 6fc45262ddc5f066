"""The secrets that a vault holds now, read again only when the vault changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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


class Keys:
    """Looks at the secrets of each person after each act; one look serves all checkers."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[tuple[int, int], Held]] = {}

    def of(self, person: PersonSeen) -> Held:
        """What the vault of a person holds now."""
        at = (person.line, person.home.vault.generation)
        known = self._held.get(person.name)
        if known is None or known[0] != at:
            known = self._held[person.name] = at, _read(person)
        return known[1]


def _read(person: PersonSeen) -> Held:
    vault = person.home.vault
    rows = vault.all("SELECT bond, pid, kind, seed, token, public_hash, made_day FROM prekeys_ours")
    ours = {(row[0], row[1]): OurKey(*row) for row in rows}
    secrets = {key.seed for key in ours.values()} | {key.token for key in ours.values()}
    secrets |= {row[0] for row in vault.all("SELECT token FROM prekeys_theirs")}
    secrets |= {row[0] for row in vault.all("SELECT root FROM roots")}
    secrets |= {row[0] for row in vault.all("SELECT road_secret FROM pairings")}
    return Held(ours, frozenset(secrets))
