"""What is due to be said to a correspondent goes on a road in as few notes as hold it."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator, Sequence

from tiercel.delivery.effects import PutNotes
from tiercel.delivery.events import NotesPut
from tiercel.delivery.rows import Handed, NoteDue
from tiercel.limits import DAY_MS, TAG_RANDOM_BYTES
from tiercel.parcel.box import note_room, seal_note
from tiercel.parcel.epochs import ParcelKeys
from tiercel.parcel.note import Answer, Note, Receipt, ReceiptKind, Reply, Want, encode_note, split
from tiercel.sealing.envelope import receipt_proof
from tiercel.vault import bundles, letters, notes

from . import planning
from .home import Home
from .planning import RoadAt
from .putting import put_sealed


def put_notes(home: Home, road: RoadAt, keys: ParcelKeys, due: PutNotes) -> None:
    """Put on a road what is due to be said to a bond; it is due no more once it was put.

    Raises:
        ParcelTaken, CarrierError: A note could not be put; all of it is said again at the next visit.
    """
    said = split(_note(home, due.notes, home.clock.now_ms() // DAY_MS), note_room(road.carrier.road.profiles[0]))
    parcels = [_parcel(home, road, due.bond, keys, note) for note in said]
    with home.vault.transaction():
        for row, _sealed in parcels:
            bundles.plan(home.vault, row)
    put_sealed(home, road, parcels, (NotesPut(road.row.id, tuple(item.id for item in due.notes)),))


def _parcel(home: Home, road: RoadAt, bond: int, keys: ParcelKeys, note: Note) -> tuple[Handed, bytearray]:
    """A note sealed, and the name that is to be remembered before it is put."""
    profile, name, now = road.carrier.road.profiles[0], planning.new_name(home), home.clock.now_ms()
    row = Handed(road.row.id, name, bond, None, None, profile.name, now, 0, None)
    return row, seal_note(keys, profile, home.entropy.token(TAG_RANDOM_BYTES), encode_note(note))


def _note(home: Home, due: Sequence[NoteDue], day: int) -> Note:
    said: dict[str, list[NoteDue]] = defaultdict(list)
    for item in due:
        said[item.what].append(item)
    return Note(
        day=day,
        receipts=tuple(_receipts(home, said[notes.RECEIPT])),
        wants=tuple(Want(item.subject, tuple(struct.iter_unpack(">IH", item.detail))) for item in said[notes.WANT]),
        haves=tuple(item.subject for item in said[notes.HAVE]),
        expired=tuple(item.subject for item in said[notes.EXPIRED]),
        recalls=tuple(item.subject for item in said[notes.RECALL]),
        answers=tuple(Answer(item.subject, Reply(item.detail[0])) for item in said[notes.ANSWER]),
    )


def _receipts(home: Home, due: list[NoteDue]) -> Iterator[Receipt]:
    """Receipts with their proofs, which need the secret inside the letter."""
    for item in due:
        letter = letters.letter_by_id(home.vault, item.bond, item.subject)
        if letter is not None and letter.receipt_secret is not None:
            kind = ReceiptKind(item.detail[0])
            yield Receipt(kind, letter.id, receipt_proof(letter.receipt_secret, kind, letter.id))
