"""I9 and I12: what leaves a person's machine, and when."""

from __future__ import annotations

import re

from tiercel.limits import DAY_MS
from tiercel.parcel.box import NoteBox, open_parcel
from tiercel.parcel.note import Note, ReceiptKind, decode_note
from tiercel.parcel.symbols import layout_of
from tiercel.runtime.keyring import sending
from tiercel.sealing.padding import is_class
from tiercel.testing.world.roads import KINDS
from tiercel.vault import bonds, letters

from .base import Check, PersonSeen, WorldSeen

_PLANNED = (
    "SELECT h.bond, h.bundle, h.carrier, h.profile, h.at, b.kind, b.length, c.kind FROM handed h"
    " JOIN carriers c ON c.id = h.carrier LEFT JOIN bundles_out b ON b.hash = h.bundle"
    " WHERE c.name = ? AND h.name = ?"
)
_AT_ONCE = (
    "SELECT count(*) FILTER (WHERE at = ?3), sum(length(refs)) FILTER (WHERE at = ?3) / 5,"
    " count(*) FILTER (WHERE at <> ?3),"
    " ifnull((SELECT passes FROM sendings WHERE carrier = ?1 AND bundle = ?2), 0)"
    " FROM handed WHERE carrier = ?1 AND bundle = ?2"
)
_NAME = re.compile("[a-z2-7]{26}")


class StoredFirst(Check):
    """I9: nothing leaves inside a transaction, and a receipt only once its letter is durable."""

    id = "I9"

    def parcel_leaves(self, world: WorldSeen, person: PersonSeen, road: str, name: str, parcel: bytes) -> None:
        self._committed(person, f"put a parcel on {road}")
        planned = person.home.vault.one(_PLANNED, road, name)
        self.need(planned is not None, f"{person.name} put a parcel on {road} whose name was not stored before")
        if planned is not None and planned[1] is None:
            self._note(person, planned[0], planned[3], parcel)

    def parcel_taken_off(self, world: WorldSeen, person: PersonSeen, road: str, name: str) -> None:
        self._committed(person, f"took a parcel off {road}")

    def _committed(self, person: PersonSeen, what: str) -> None:
        self.need(not person.home.vault.db.in_transaction, f"{person.name} {what} before the commit")
        unsynced = getattr(person.disk, "unsynced_log", False)
        self.need(not unsynced, f"{person.name} {what} while the last commit was not synced")

    def _note(self, person: PersonSeen, bond_id: int, profile: str, parcel: bytes) -> None:
        vault = person.home.vault
        for receipt in opened(person, bond_id, profile, parcel).receipts:
            letter = letters.letter_by_id(vault, bond_id, receipt.letter_id)
            there = letter is not None and letter.direction == "in"
            if (
                receipt.kind == ReceiptKind.ARRIVED
            ):  # the text can be read, and that be told, before all enclosures came
                there = there and letter is not None and letter.arrived_at is not None
            self.need(there, f"{person.name} acknowledged {receipt.letter_id.hex()}, which is not whole in the vault")


def opened(person: PersonSeen, bond_id: int, profile: str, parcel: bytes) -> Note:
    """The note that a person just sealed."""
    bond = bonds.bond_by_id(person.home.vault, bond_id)
    keys = sending(person.home.vault, bond, person.home.clock.now_ms(), person.home.clock_doubtful)
    assert keys is not None
    sizes = {each.name: each for road in KINDS.values() for each in road.profiles}
    box = open_parcel(keys[0], sizes[profile], parcel)
    return decode_note(box.record) if isinstance(box, NoteBox) else Note(day=person.home.clock.now_ms() // DAY_MS)


class SameFace(Check):
    """I12: sizes and counts of parcels are a function of the road and the size class, names are random."""

    id = "I12"

    def __init__(self) -> None:
        self._names: set[tuple[str, str, str]] = set()
        self._planned: set[tuple[str, bytes, int, int]] = set()
        self._passes: dict[tuple[str, bytes, int], int] = {}
        self._faces: dict[tuple[str, int], tuple[str, int, int]] = {}

    def parcel_leaves(self, world: WorldSeen, person: PersonSeen, road: str, name: str, parcel: bytes) -> None:
        self.need(_NAME.fullmatch(name), f"{person.name} put a parcel named {name} on {road}")
        planned = person.home.vault.one(_PLANNED, road, name)
        if planned is None or planned[1] is None or planned[6] is None:
            return
        _bond, bundle, carrier, profile, at, kind, length, road_kind = planned
        if kind == 1:
            self.need(is_class(length), f"a letter of {person.name} has {length} bytes, which is no class")
        if (person.name, bundle, carrier, at) in self._planned:
            return
        self._planned.add((person.name, bundle, carrier, at))
        found = person.home.vault.one(_AT_ONCE, carrier, bundle, at)
        assert found is not None
        parcels, symbols, others, passes = found
        if self._is_pass((person.name, bundle, carrier), passes, others):
            self._same(person, road_kind, length, (profile, parcels, symbols))

    def _is_pass(self, sending: tuple[str, bytes, int], passes: int, others: int) -> bool:
        """Whether what was planned at one instant is a whole pass, and not answers to wants, which may add up to one.

        Args:
            sending: Person, bundle and road.
            passes: As the vault counts them; anew once nothing of the bundle lies there any more.
            others: Parcels of the bundle there that were planned at other instants.
        """
        before = self._passes.get(sending, 0)
        self._passes[sending] = max(before, passes)
        return passes > before or (passes == 1 and not others)

    def _same(self, person: PersonSeen, road_kind: str, length: int, face: tuple[str, int, int]) -> None:
        layout = layout_of(length)
        if face[2] < layout.groups * layout.k:
            return  # what it had more was set aside before it was put
        known = self._faces.setdefault((road_kind, length), face)
        sentence = f"{length} bytes went on a {road_kind} as {face} and before as {known}"
        self.need(known == face, f"{person.name}: {sentence}")
