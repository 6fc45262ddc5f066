"""What a note says is heard, inside the caller's transaction: read, its proofs verified, then told to the engine."""

from __future__ import annotations

import msgspec

from tiercel.crypto import same
from tiercel.delivery.events import NoteCame
from tiercel.errors import MalformedNote, NewerVersion
from tiercel.parcel.note import Receipt, decode_note
from tiercel.sealing.envelope import receipt_proof
from tiercel.vault import letters
from tiercel.vault.bonds import Bond

from . import copies
from .home import Home
from .planning import RoadAt


def hear(home: Home, bond: Bond, record: bytes, road: RoadAt, superseded: bool) -> str | None:
    """Act on a note in a transaction of the office; give back a sentence if it could not be read.

    Under a superseded generation only receipts count: whoever copied old keys can say nothing else.
    """
    try:
        note = decode_note(record)
    except (MalformedNote, NewerVersion) as error:
        return f"A note from {bond.name} could not be read and was dropped: {error}"
    if not superseded and any(_never_written(home, bond, each) for each in note.receipts):
        copies.foreign(home, bond)
    note = msgspec.structs.replace(note, receipts=tuple(each for each in note.receipts if _proved(home, bond, each)))
    home.office.tell(NoteCame(bond.id, road.seen, note, superseded))
    return None


def _never_written(home: Home, bond: Bond, receipt: Receipt) -> bool:
    """Whether a receipt names a letter that this vault does not know: a copy of it wrote that."""
    return letters.letter_by_id(home.vault, bond.id, receipt.letter_id) is None


def _proved(home: Home, bond: Bond, receipt: Receipt) -> bool:
    """Whether a receipt is of whoever opened the letter: only there is its secret."""
    letter = letters.letter_by_id(home.vault, bond.id, receipt.letter_id)
    if letter is None or letter.direction != "out" or letter.receipt_secret is None:
        return False
    return same(receipt.proof, receipt_proof(letter.receipt_secret, receipt.kind, letter.id))
