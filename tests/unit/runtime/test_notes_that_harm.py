"""Notes are authentic and may still be hostile, or old ones put back on the road by whoever keeps it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from people import Person, bonded, exchange
from tiercel.parcel.note import Note, Want
from tiercel.runtime import hearing
from tiercel.runtime.planning import RoadAt
from tiercel.vault import bonds as bond_rows
from tiercel.vault import roads


def hear(person: Person, note: Note) -> str | None:
    """Let one person hear a note that the other side might have sealed, unchecked."""
    vault, row = person.home.vault, roads.all_carriers(person.home.vault)[0]
    road = RoadAt(row, person.home.open_carrier(row))
    with vault.transaction():
        record = msgspec.msgpack.encode(note)
        return hearing.hear(person.home, bond_rows.all_bonds(vault)[0], record, road, superseded=False)


def test_a_want_that_names_a_group_twice_does_not_end_all_sending(tmp_path: Path) -> None:
    """One symbol was planned twice in one parcel, which no parcel holds; every later visit met that plan and died."""
    ada, bo = bonded(tmp_path)
    letter = ada.write("a letter")
    ada.sync()
    [(digest,)] = ada.home.vault.all("SELECT hash FROM bundles_out")
    said = hear(ada, Note(wants=(Want(digest, ((0, 1), (0, 1))),)))
    assert said is not None and "group twice" in said
    exchange(ada, bo)
    assert ada.state(letter) == "arrived"
