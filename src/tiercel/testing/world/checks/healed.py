"""L1 to L5: what must have come about once the faults have stopped."""

from __future__ import annotations

from collections.abc import Iterator

from tiercel.delivery.states import UNDER_WAY
from tiercel.limits import DAY_MS, GIFTS_LOW, PREKEY_USABLE_DAYS, QUARANTINE_DAYS
from tiercel.testing.world.history import Written
from tiercel.vault import bonds, prekeys
from tiercel.wire import from_base32

from .base import Check, PersonSeen, WorldSeen
from .rows import Row, letter

_UNDER_WAY = {state.value for state in UNDER_WAY}
_VISIT_DAYS = 7


def both_sides(world: WorldSeen) -> Iterator[tuple[Written, Row, Row | None]]:
    """Every accepted letter that its writer's vault still has, with the other side's row, in bonds that stand."""
    standing = {pair for one, other in world.pairs for pair in ((one, other), (other, one)) if stands(world, *pair)}
    for written in world.history.written.values():
        if (written.writer, written.reader) in standing:
            ours = letter(world.people[written.writer], from_base32(written.id))
            if ours is not None:
                yield written, ours, letter(world.people[written.reader], from_base32(written.id))


def stands(world: WorldSeen, one: str, other: str) -> bool:
    """Whether letters can still go both ways: bonded on both sides, and not cut off by old copies."""
    first, second = world.people[one], world.people[other]
    bonded = {bond_between(first, second).state, bond_between(second, first).state} == {"bonded"}
    return bonded and not cut_off(world, first, second)


def cut_off(world: WorldSeen, first: PersonSeen, second: PersonSeen) -> bool:
    """Whether copies that were put back know no key of each other any more: then only people can make a new bond.

    So it is after a copy older than the keys in it, or when both sides went back to times that do not know each other
    (security.md 3.6). Without a copy that was put back it is never so, and the checkers would say it.
    """
    if not first.line + second.line:
        return False
    apart = not (_shares_key(first, second) and _shares_key(second, first))
    if apart:
        world.sometimes.add(CUT_OFF)
    return apart


CUT_OFF = "copies that were put back shared no key any more"


def _shares_key(giver: PersonSeen, holder: PersonSeen) -> bool:
    """Whether the holder has a gift or a last-resort key of which the giver still has the secret."""
    ours = bond_between(giver, holder).id, bond_between(holder, giver).id
    given = {row[0] for row in giver.home.vault.all("SELECT pid FROM prekeys_ours WHERE bond = ?", ours[0])}
    held = {row[0] for row in holder.home.vault.all("SELECT pid FROM prekeys_theirs WHERE bond = ?", ours[1])}
    return not given.isdisjoint(held)


def bond_between(person: PersonSeen, other: PersonSeen) -> bonds.Bond:
    """The bond of a person with another."""
    name = next(bond for bond, whom in person.bonds.items() if whom == other.name)
    found = bonds.bond_named(person.home.vault, name)
    assert found is not None
    return found


class EveryLetterArrives(Check):
    """L1: every unexpired letter is ready to be read on the other side."""

    id = "L1"

    def at_end(self, world: WorldSeen) -> None:
        for written, ours, theirs in both_sides(world):
            if ours.state in _UNDER_WAY or ours.state == "held":
                here = theirs is not None and theirs.arrived_at is not None
                self.need(here, f"{written.id} of {written.writer} is still {ours.state} and not whole there")


class EveryReceiptArrives(Check):
    """L2: the receipt of every letter that arrived arrives, where the reader tells of arrivals."""

    id = "L2"

    def at_end(self, world: WorldSeen) -> None:
        for written, ours, theirs in both_sides(world):
            reader, writer = world.people[written.reader], world.people[written.writer]
            tells = _tells(bond_between(reader, writer))
            if theirs is not None and theirs.arrived_at is not None and theirs.state != "returned" and tells:
                late = f"{written.id} is whole at {reader.name} and still {ours.state} at {writer.name}"
                self.need(ours.state not in _UNDER_WAY, late)
            answered = ours.recall_at is None
            self.need(answered, f"{written.id} was asked back by {writer.name}, and nobody answered")


def _tells(bond: bonds.Bond) -> bool:
    return bool(getattr(bond, "receipts", 1))


class StockRecovers(Check):
    """L3: each side of a bond holds enough prekeys of the other again."""

    id = "L3"

    def at_end(self, world: WorldSeen) -> None:
        for first, second in (pair for pair in world.pairs if stands(world, *pair)):
            for giver, holder in ((first, second), (second, first)):
                self._stock(world.people[giver], world.people[holder])

    def _stock(self, giver: PersonSeen, holder: PersonSeen) -> None:
        bond = bond_between(holder, giver)
        usable_from = holder.home.clock.now_ms() // DAY_MS - PREKEY_USABLE_DAYS
        row = holder.home.vault.one(
            "SELECT count(*) FROM prekeys_theirs WHERE bond = ? AND kind = 'one-time' AND made_day >= ?",
            bond.id, usable_from,
        )  # fmt: skip
        held = row[0] if row else 0
        last = holder.home.vault.one(
            "SELECT 1 FROM prekeys_theirs WHERE bond = ? AND kind = ?", bond.id, prekeys.LAST_RESORT
        )
        self.need(held >= GIFTS_LOW, f"{holder.name} holds {held} gifts of {giver.name}, and {GIFTS_LOW} is the least")
        self.need(last is not None, f"{holder.name} holds no last-resort key of {giver.name}")


class QuarantineEmpties(Check):
    """L4: what was set aside is gone after its time."""

    id = "L4"

    def at_end(self, world: WorldSeen) -> None:
        for person in world.people.values():
            before = person.home.clock.now_ms() - (QUARANTINE_DAYS + _VISIT_DAYS) * DAY_MS
            row = person.home.vault.one("SELECT count(*) FROM quarantine WHERE at < ? AND bundle IS NULL", before)
            self.need(row == (0,), f"{row} things lie in the quarantine of {person.name} after their time")


class RestoredPairWrites(Check):
    """L5: every pair, also one of whom a copy was put back, exchanges letters without human help once confirmed."""

    id = "L5"

    def at_end(self, world: WorldSeen) -> None:
        for first, second in (pair for pair in world.pairs if stands(world, *pair)):
            self._wrote(world, first, second)
            self._wrote(world, second, first)

    def _wrote(self, world: WorldSeen, writer: str, reader: str) -> None:
        late = [each for each in world.history.between(writer, reader) if each.after_faults]
        self.need(late, f"{writer} wrote nothing to {reader} after the faults stopped")
        for each in late:
            ours = letter(world.people[writer], from_base32(each.id))
            arrived = ours is not None and ours.state not in _UNDER_WAY
            self.need(arrived, f"{each.id}, written by {writer} to {reader} after the faults, did not arrive")
