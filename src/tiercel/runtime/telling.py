"""What is due to be said to a correspondent goes on a road in as few notes as hold it."""

from __future__ import annotations

import struct
from collections import defaultdict

from tiercel.limits import DAY_MS, HASH_BYTES, TAG_RANDOM_BYTES
from tiercel.parcel.box import note_room, seal_note
from tiercel.parcel.epochs import ParcelKeys
from tiercel.parcel.note import Answer, Note, Receipt, ReceiptKind, Reply, Want, encode_note, split
from tiercel.vault import bundles, notes
from tiercel.vault.bonds import Bond
from tiercel.vault.bundles import Handed
from tiercel.vault.notes import NoteDue

from . import planning
from .home import Home
from .planning import RoadAt
from .putting import put_sealed


def put_notes(home: Home, road: RoadAt, bond: Bond, keys: ParcelKeys, visit: int) -> None:
    """Put on a road what is due at this visit; it is due no more once it was put."""
    due = notes.due(home.vault, bond.id, road.row.id, visit, home.clock.now_ms())
    if not due:
        return
    said = split(_note(due, home.clock.now_ms() // DAY_MS), note_room(road.carrier.road.profiles[0]))
    parcels = [_parcel(home, road, bond, keys, note) for note in said]
    with home.vault.transaction():
        for row, _sealed in parcels:
            bundles.plan(home.vault, row)
    put_sealed(home, road, parcels)
    with home.vault.transaction():
        notes.said(home.vault, [item.id for item in due])


def _parcel(home: Home, road: RoadAt, bond: Bond, keys: ParcelKeys, note: Note) -> tuple[Handed, bytearray]:
    """A note sealed, and the name that is to be remembered before it is put."""
    profile, name, now = road.carrier.road.profiles[0], planning.new_name(home), home.clock.now_ms()
    row = Handed(road.row.id, name, bond.id, None, None, profile.name, now, 0, None)
    return row, seal_note(keys, profile, home.entropy.token(TAG_RANDOM_BYTES), encode_note(note))


def _note(due: list[NoteDue], day: int) -> Note:
    said: dict[str, list[NoteDue]] = defaultdict(list)
    for item in due:
        said[item.what].append(item)
    return Note(
        day=day,
        receipts=tuple(_receipt(item) for item in said[notes.RECEIPT]),
        wants=tuple(Want(item.subject, tuple(struct.iter_unpack(">IH", item.detail))) for item in said[notes.WANT]),
        haves=tuple(item.subject for item in said[notes.HAVE]),
        expired=tuple(item.subject for item in said[notes.EXPIRED]),
        recalls=tuple(item.subject for item in said[notes.RECALL]),
        answers=tuple(Answer(item.subject, Reply(item.detail[0])) for item in said[notes.ANSWER]),
    )


def _receipt(item: NoteDue) -> Receipt:
    return Receipt(ReceiptKind(item.detail[0]), item.subject, item.detail[1 : 1 + HASH_BYTES])
