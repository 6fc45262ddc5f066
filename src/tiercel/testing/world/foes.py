"""What others do to a person: a thief with copied parcel keys, a reader planted in a stolen vault, a disk that rots.

Acts like any other (:mod:`.acts`): each is a plain function of the person it happens to, details and chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import TYPE_CHECKING, Final

from tiercel.limits import DAY_MS, MAC_BYTES, TAG_RANDOM_BYTES
from tiercel.parcel.box import seal_note
from tiercel.parcel.note import Note, Receipt, ReceiptKind, encode_note
from tiercel.runtime.keyring import sending
from tiercel.vault import bonds, roads

from .plan import Value

if TYPE_CHECKING:
    from .people import Person

Details = Mapping[str, Value]
_UNDER_WAY: Final = "SELECT id FROM letters WHERE direction = 'out' AND kind = 0 AND state IN ('sealed', 'handed over')"


def forge(person: Person, _details: Details, rng: Random) -> None:
    """A thief with a copy of this person's parcel keys says that letters of the others came, which did not."""
    world = person.world
    for bond in bonds.all_bonds(person.home.vault):
        keys = sending(person.home.vault, bond, person.clock.now_ms(), person.home.clock_doubtful)
        other = world.people.get(person.bonds.get(bond.name, ""))
        letters = other.home.vault.all(_UNDER_WAY) if other is not None else []
        if keys is None or not letters:
            continue
        receipts = tuple(
            Receipt(rng.choice((ReceiptKind.ARRIVED, ReceiptKind.READ)), letter, rng.randbytes(MAC_BYTES))
            for (letter,) in letters
        )
        note = encode_note(Note(day=person.today, receipts=receipts))
        for row in roads.carriers_of(person.home.vault, bond.id):
            road = world.roads[row.name]
            parcel = seal_note(keys[0], road.road.profiles[0], rng.randbytes(TAG_RANDOM_BYTES), note)
            road.slip_in(person.name, bytes(parcel))
            world.counts["foe: forged receipts"] += len(receipts)


def plant(person: Person, _details: Details, _rng: Random) -> None:
    """Whoever had this person's vault in hand adds a reader to a bond, and says so to nobody."""
    for bond in bonds.all_bonds(person.home.vault):
        if bond.state == "bonded":
            listed = bonds.readers_of(person.home.vault, bond.id, "us")
            with person.home.vault.transaction():
                day = person.world.now_ms // DAY_MS
                bonds.set_readers(person.home.vault, bond.id, "us", [*listed, ("charm", day)])
            person.world.counts["foe: planted reader"] += 1


def rot(person: Person, details: Details, rng: Random) -> None:
    """The disk reads one byte of an enclosure that is being sent as another, for some days."""
    row = person.home.vault.one(
        "SELECT file FROM enclosures JOIN letters ON seq = letter WHERE direction = 'out' AND file IS NOT NULL"
        " AND state IN ('accepted', 'sealed', 'handed over') ORDER BY seq DESC LIMIT 1"
    )
    path = None if row is None else person.home.vault.enclosures / row[0]
    if path is None or not path.is_file():
        return
    data = bytearray(path.read_bytes())
    at = rng.randrange(len(data))
    person.rotten.append((path.name, at, data[at]))
    data[at] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    person.world.counts["foe: rotten enclosure"] += 1
    person.world.later(person, round(float(details["days"]) * DAY_MS), "rot back", {})


def rot_back(person: Person, _details: Details, _rng: Random) -> None:
    """It reads everything right again, also what a copy of the disk had in it."""
    for name, at, octet in person.rotten:
        path = person.home.vault.enclosures / name
        if path.is_file():
            data = bytearray(path.read_bytes())
            data[at] = octet
            path.write_bytes(data)
