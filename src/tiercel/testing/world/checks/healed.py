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
    for written in world.history.written.values():
        writer, reader = world.people[written.writer], world.people[written.reader]
        ours = letter(writer, from_base32(written.id))
        if ours is not None and bond_between(writer, reader).state == "bonded":
            yield written, ours, letter(reader, from_base32(written.id))


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
        for first, second in world.pairs:
            for giver, holder in ((first, second), (second, first)):
                self._stock(world.people[giver], world.people[holder])

    def _stock(self, giver: PersonSeen, holder: PersonSeen) -> None:
        bond = bond_between(holder, giver)
        if bond.state != "bonded" or bond_between(giver, holder).state != "bonded":
            return
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
        for first, second in world.pairs:
            for writer, reader in ((first, second), (second, first)):
                bond = bond_between(world.people[writer], world.people[reader])
                if (
                    bond.state == "bonded"
                    and bond_between(world.people[reader], world.people[writer]).state == "bonded"
                ):
                    self._wrote(world, writer, reader)

    def _wrote(self, world: WorldSeen, writer: str, reader: str) -> None:
        late = [each for each in world.history.between(writer, reader) if each.after_faults]
        self.need(late, f"{writer} wrote nothing to {reader} after the faults stopped")
        for each in late:
            ours = letter(world.people[writer], from_base32(each.id))
            arrived = ours is not None and ours.state not in _UNDER_WAY
            self.need(arrived, f"{each.id}, written by {writer} to {reader} after the faults, did not arrive")
