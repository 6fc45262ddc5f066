"""I7, I8, I13 and I14: keys used once, secrets that are gone, who can read, and what a clock alone may not do."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from types import ModuleType

from tiercel.limits import DAY_MS, EPOCH_DAYS, PREKEY_KEPT_DAYS, TAG_RANDOM_BYTES
from tiercel.vault import bonds as vault_bonds
from tiercel.vault import letters
from tiercel.vault.letters import LETTER
from tiercel.vault.prekeys import ONE_TIME

from .base import Check, PersonSeen, WorldSeen
from .keys import Keys, OurKey
from .rows import Row


def symbols() -> ModuleType | None:
    """The symbolic cryptography, if this process has it."""
    crypto = sys.modules.get("tiercel.crypto")
    return crypto if crypto is not None and hasattr(crypto, "opened_two") else None


class NoKeyReuse(Check):
    """I7: no r repeats, and no one-time prekey is sealed to twice or opens twice; also after a crash and a restore.

    With symbolic cryptography every key and nonce is watched as well, by the cryptography itself.
    """

    id = "I7"

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._rs: set[bytes] = set()
        self._sealed: dict[bytes, tuple[bytes, str, int]] = {}
        self._reusable: set[bytes] = set()
        self._unnoticed = False

    def started(self, world: WorldSeen) -> None:
        crypto = symbols()
        if crypto is not None:  # a pairing key opens the last message of the pairing and then the first letter
            self._reusable |= crypto.opened_two()

    def parcel_leaves(self, world: WorldSeen, person: PersonSeen, road: str, name: str, parcel: bytes) -> None:
        r = parcel[:TAG_RANDOM_BYTES]
        self.need(r not in self._rs, f"{person.name} put two parcels with one r, the second on {road}")
        self._rs.add(r)

    def after_step(self, world: WorldSeen, person: PersonSeen, letters: Sequence[Row], full: bool) -> None:
        rows = person.home.vault.all("SELECT pid, hash FROM bundles_out WHERE kind = 1 AND made_day IS NOT NULL")
        for pid, digest in rows:
            before, whose, line = self._sealed.setdefault(pid, (digest, person.name, person.line))
            unseen = line != person.line and person.unnoticed  # nobody can know what another machine used
            same = before == digest or unseen
            self.need(same, f"{person.name} sealed two letters to one prekey (first {whose}, line {line})")
        if letters or full:  # what a key opened is a letter
            spent = person.home.vault.one(
                "SELECT 1 FROM prekeys_ours JOIN prekeys_spent USING (bond, pid) WHERE kind <> 'last-resort' LIMIT 1"
            )
            self.need(spent is None, f"a one-time prekey of {person.name} opened a letter and lives on")
        self._openings(person)

    def _openings(self, person: PersonSeen) -> None:
        """What the symbols say of seeds that opened two texts; only a last-resort key may."""
        crypto = symbols()
        if crypto is None:
            return
        self._reusable |= self._keys.of(person).reusable
        twice = crypto.opened_two()
        self._unnoticed |= person.unnoticed
        self.need(self._unnoticed or twice <= self._reusable, "a one-time prekey opened two different letters")


class DeletedIsDeleted(Check):
    """I8: a secret that left the tables never comes back; with symbolic cryptography using it is an error."""

    id = "I8"

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._held: dict[str, frozenset[bytes]] = {}
        self._dead: dict[str, set[bytes]] = defaultdict(set)
        self._line: dict[str, int] = {}

    def after_step(self, world: WorldSeen, person: PersonSeen, letters: Sequence[Row], full: bool) -> None:
        crypto, now = symbols(), self._keys.of(person).secrets
        if self._line.get(person.name) != person.line:
            self._line[person.name] = person.line
            self._dead[person.name].clear()
            self._held[person.name] = now
            if crypto is not None:
                crypto.pardon(person.name)
        before, dead = self._held[person.name], self._dead[person.name]
        if before is now:
            return
        self.need(dead.isdisjoint(now), f"a secret that {person.name} had deleted is in the vault again")
        for secret in before - now:
            dead.add(secret)
            if crypto is not None:
                crypto.forbid(person.name, secret)
        self._held[person.name] = now

    def at_end(self, world: WorldSeen) -> None:
        for person in world.people.values():
            row = person.home.vault.one(_FOUND_OF_NOTHING)
            self.need(row == (0,), f"{person.name} finds words of {row} letters that are gone")


_FOUND_OF_NOTHING = (
    "SELECT count(*) FROM letters_fts LEFT JOIN letters ON seq = letters_fts.rowid"
    " WHERE seq IS NULL OR burnt_at IS NOT NULL OR direction = 'in' AND state = 'returned'"
)
_ANNOUNCED = (
    "SELECT bonds.state, doubted_at, standing, (SELECT count(*) FROM letters AS other WHERE other.bond = letters.bond"
    " AND other.incarnation = letters.incarnation AND other.kind = letters.kind AND other.seq < letters.seq)"
    " FROM letters JOIN bonds ON bonds.id = letters.bond LEFT JOIN incarnations USING (bond, incarnation) WHERE seq = ?"
)
_LEAVES = (
    "SELECT doubted_at, letters.kind FROM handed JOIN bundles_out ON hash = bundle JOIN letters ON seq = letter"
    " JOIN bonds ON bonds.id = handed.bond JOIN carriers ON carriers.id = handed.carrier"
    " WHERE carriers.name = ? AND handed.name = ? AND bundles_out.kind = 1"
)


class PlantedReaders(Check):
    """I13: who may read is known: the lists of both sides agree in the end, or a warning stands.

    A copy that was put back may be a thief's: from when it is announced until a person confirms, no letter leaves.
    """

    id = "I13"

    def __init__(self) -> None:
        self._announced: dict[str, tuple[int, set[int]]] = {}

    def parcel_leaves(self, world: WorldSeen, person: PersonSeen, road: str, name: str, parcel: bytes) -> None:
        row = person.home.vault.one(_LEAVES, road, name)
        held = row is not None and row[0] is not None and row[1] == letters.LETTER
        self.need(not held, f"{person.name} sends a letter to a vault put back, which nobody confirmed")

    def after_step(self, world: WorldSeen, person: PersonSeen, letters_: Sequence[Row], full: bool) -> None:
        told = {each.seq for each in letters_ if each.direction == "in" and each.kind == letters.RESTORED}
        line, known = self._announced.get(person.name, (-1, set()))
        for seq in told - known if line == person.line else ():
            state, doubted_at, standing, before = person.home.vault.one(_ANNOUNCED, seq) or ("", 0, "", 0)
            held = doubted_at is not None or state != "bonded" or standing != "current" or before > 0  # told once more
            self.need(held, f"{person.name} was told that a copy was put back, and nothing is held")
        self._announced[person.name] = person.line, (known if line == person.line else set()) | told

    def at_end(self, world: WorldSeen) -> None:
        for first, second in world.pairs:
            for one, other in ((first, second), (second, first)):
                self._agree(world.people[one], world.people[other])

    def _agree(self, declares: PersonSeen, hears: PersonSeen) -> None:
        ours = _readers(declares, hears.name, "us")
        theirs = _readers(hears, declares.name, "them")
        bond = _bond(hears, declares.name)
        if bond is not None and bond.state == "ended":  # nothing more is written to whoever reads there
            return
        warned = bond is not None and bool(vault_bonds.warnings_of(hears.home.vault, bond.id))
        sentence = f"{declares.name} declares the readers {ours}, {hears.name} knows {theirs}, and nothing warns"
        self.need(ours == theirs or warned, sentence)


def _bond(person: PersonSeen, other: str) -> vault_bonds.Bond | None:
    name = next((bond for bond, whom in person.bonds.items() if whom == other), None)
    return None if name is None else vault_bonds.bond_named(person.home.vault, name)


def _readers(person: PersonSeen, other: str, side: str) -> list[tuple[str, int]]:
    bond = _bond(person, other)
    return [] if bond is None else sorted(vault_bonds.readers_of(person.home.vault, bond.id, side))


class NoClockAlone(Check):
    """I14: while the clock is in doubt nothing expires or is deleted by time, and keys die only when both agree."""

    id = "I14"

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._states: dict[str, dict[str, str]] = defaultdict(dict)
        self._ours: dict[str, dict[tuple[int, bytes], OurKey]] = {}
        self._line: dict[str, int] = {}

    def after_step(self, world: WorldSeen, person: PersonSeen, letters: Sequence[Row], full: bool) -> None:
        ours, states = self._keys.of(person).ours, self._states[person.name]
        fresh = self._line.get(person.name) != person.line
        self._line[person.name] = person.line
        if not fresh:
            self._expired(person, letters, states)
            before = self._ours[person.name]
            if ours is not before:
                self._died(person, [key for at, key in before.items() if at not in ours])
        self._ours[person.name] = ours
        states.update((each.id, each.state) for each in letters if each.direction == "out")

    def _expired(self, person: PersonSeen, letters: Sequence[Row], states: dict[str, str]) -> None:
        for each in letters:
            # A service letter that another took the place of is called so too: no person and no clock had a part in it.
            ours = each.direction == "out" and each.kind == LETTER
            if ours and each.state == "expired" and states.get(each.id) != "expired":
                self.need(not person.home.clock_doubtful, f"{each.id} of {person.name} expired by a clock in doubt")
                day = person.home.clock.now_ms() // DAY_MS
                self.need((each.deadline_day or 0) < day, f"{each.id} of {person.name} expired before its deadline")

    def _died(self, person: PersonSeen, gone: Sequence[OurKey]) -> None:
        """A one-time prekey without a letter in its tombstone died by time: the clock and the other side agree."""
        doubtful = person.home.clock_doubtful
        agreed = {bond: self._agreed_day(person, bond) for bond in {key.bond for key in gone}}
        for key in gone:
            in_time = key.made_day + PREKEY_KEPT_DAYS <= agreed[key.bond] and not doubtful
            if key.kind != ONE_TIME or in_time:
                continue
            spent = "SELECT letter FROM prekeys_spent WHERE bond = ? AND pid = ?"
            tombstone = person.home.vault.one(spent, key.bond, key.pid)
            if tombstone is None or tombstone[0] is not None or self._told_of_copy(person, key):
                continue
            self.need(not doubtful, f"a prekey of {person.name} died by a clock in doubt")
            self.need(in_time, f"a prekey of {person.name} died too early")

    @staticmethod
    def _told_of_copy(person: PersonSeen, key: OurKey) -> bool:
        """Whether the other side acknowledged that a copy was put back: older keys end by that."""
        told = "SELECT 1 FROM letters WHERE bond = ? AND direction = 'out' AND kind = ? AND arrived_at IS NOT NULL"
        since = " AND written_at >= ? LIMIT 1"
        made_ms = (key.made_day - 1) * DAY_MS
        return person.home.vault.one(told + since, key.bond, letters.RESTORED, made_ms) is not None

    @staticmethod
    def _agreed_day(person: PersonSeen, bond: int) -> int:
        heard = vault_bonds.bond_by_id(person.home.vault, bond).newest_heard
        return min(person.home.clock.now_ms() // DAY_MS, (heard + 1) * EPOCH_DAYS)
