"""T-DOM-1, all rooms: every kind of object goes to every opener, which has the right keys; only the diagonal opens.

The same random bytes stand under every secret on both sides, so that nothing but labels and formats keeps kinds apart.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tiercel import crypto
from tiercel.bond.invitation import Invitation, decode_invitation, encode_invitation
from tiercel.bond.pairing import Accepting, InviterAnswered, Inviting, accept, invite
from tiercel.errors import TiercelError
from tiercel.letter.record import FIRST_PREVIOUS, Kind, LetterRecord, decode_letter, encode_letter, readers_hash
from tiercel.parcel import box, note
from tiercel.parcel.epochs import ParcelKeys, epoch_keys, pairing_keys
from tiercel.parcel.profiles import QR
from tiercel.parcel.symbols import encode, layout_of
from tiercel.parcel.tags import recognise
from tiercel.sealing.envelope import BondKeys, open_letter, receipt_proof, seal_letter, split_bundle
from tiercel.sealing.prekeys import Prekey, check_gift, parse_gift
from tiercel.sealing.stream import open_stream, seal_stream
from tiercel.testing.entropy import SeededEntropy
from tiercel.vault.keys import KdfParameters, new_header, unlock

SECRET = bytes(range(50, 82))  # auth root, time root, road secret, token, key of the enclosure
SEED = SeededEntropy("seed").token(96)  # of every prekey and pairing key on the reader's side
ID, PID = bytes(range(16)), bytes(range(8))
PUBLIC = crypto.kem_public(SEED)
FILE = bytes(range(256)) * 4
WORD = "correct horse"
SOURCES = sorted((Path(__file__).resolve().parents[2] / "src" / "tiercel").rglob("*.py"))

PREKEY = Prekey(PID, SEED, SECRET, crypto.sha256(PUBLIC))
GIFT = PID + PUBLIC + SECRET
EPOCH, ROAD = epoch_keys(SECRET, 0), pairing_keys(SECRET, 0)


def record() -> bytes:
    letter = LetterRecord(
        kind=Kind.LETTER, letter_id=ID, number=1, previous=FIRST_PREVIOUS, written_day=1, sealed_day=1,
        text="Dear M.", readers_hash=readers_hash(()), receipt_secret=ID,
    )  # fmt: skip
    return encode_letter(letter)


def sealed_letter(direction: int) -> bytes:
    return seal_letter(BondKeys(ID, SECRET), direction, ID, parse_gift(GIFT), record())


def sealed_file() -> bytes:
    target = io.BytesIO()
    seal_stream(io.BytesIO(FILE), target, SECRET, len(FILE), lambda done: None)
    return target.getvalue()


def symbol_parcel(keys: ParcelKeys, kind: box.Kind, r: bytes) -> bytes:
    data = bytes(1792)
    layout = layout_of(len(data))
    made = encode(layout, data, [9])
    return bytes(box.seal_symbols(keys, QR, r, kind, crypto.sha256(data), layout, [(0, 9)], made))


class _Fixed(SeededEntropy):
    """Gives the shared seed wherever a pairing key is drawn."""

    def token(self, size: int) -> bytes:
        return SEED if size == len(SEED) else super().token(size)


INVITING, INVITATION = invite(_Fixed("inviter"), 690)
ACCEPTING, MESSAGE2 = accept(INVITATION, _Fixed("accepter"))
ANSWERED, MESSAGE3 = INVITING.answer(MESSAGE2, _Fixed("inviter answers"))
_, MESSAGE4 = ACCEPTING.reveal(MESSAGE3, _Fixed("accepter closes"))
HEADER, VAULT_KEY = new_header(WORD, SeededEntropy("vault"), KdfParameters(64, 1, 1))
NOTE = note.encode_note(note.Note(day=20_000))

OBJECTS: dict[str, bytes] = {
    "record": record(),
    "letter": sealed_letter(0),
    "letter back": sealed_letter(1),
    "gift": GIFT,
    "receipt arrived": receipt_proof(ID, 0, ID),
    "receipt read": receipt_proof(ID, 1, ID),
    "enclosure": sealed_file(),
    "parcel of a letter": symbol_parcel(EPOCH, box.Kind.LETTER, ID),
    "parcel of an enclosure": symbol_parcel(EPOCH, box.Kind.ENCLOSURE, ID[::-1]),
    "parcel of a pairing": symbol_parcel(ROAD, box.Kind.PAIRING, ID),
    "parcel of a note": bytes(box.seal_note(EPOCH, QR, ID, NOTE)),
    "parcel back": symbol_parcel(epoch_keys(SECRET, 1), box.Kind.LETTER, ID),
    "note": NOTE,
    "invitation": encode_invitation(INVITATION).encode(),
    "pairing 2": MESSAGE2,
    "pairing 3": MESSAGE3,
    "pairing 4": MESSAGE4,
    "vault header": HEADER,
}


def letter_opener(direction: int) -> Callable[[bytes], object]:
    return lambda data: open_letter(BondKeys(ID, SECRET), direction, PREKEY, split_bundle(data))


def gift_opener(data: bytes) -> object:
    gift = parse_gift(data)
    check_gift(gift)
    return gift


def file_opener(data: bytes) -> object:
    target = io.BytesIO()
    open_stream(io.BytesIO(data), target, SECRET, len(FILE), lambda done: None)
    return target.getvalue() == FILE


def parcel_opener(keys: ParcelKeys, kind: box.Kind) -> Callable[[bytes], object]:
    def opened(data: bytes) -> object:
        if recognise(data, [keys]) is None:
            return False
        inside = box.open_parcel(keys, QR, data)
        return (box.Kind.NOTE if isinstance(inside, box.NoteBox) else inside.kind) == kind

    return opened


def as_text(data: bytes) -> Invitation:
    return decode_invitation(data.decode("ascii", "replace"))


OPENERS: dict[str, Callable[[bytes], object]] = {
    "record": decode_letter,
    "letter": letter_opener(0),
    "letter back": letter_opener(1),
    "gift": gift_opener,
    "receipt arrived": lambda data: crypto.same(data, receipt_proof(ID, 0, ID)),
    "receipt read": lambda data: crypto.same(data, receipt_proof(ID, 1, ID)),
    "enclosure": file_opener,
    "parcel of a letter": parcel_opener(EPOCH, box.Kind.LETTER),
    "parcel of an enclosure": parcel_opener(EPOCH, box.Kind.ENCLOSURE),
    "parcel of a pairing": parcel_opener(ROAD, box.Kind.PAIRING),
    "parcel of a note": parcel_opener(EPOCH, box.Kind.NOTE),
    "parcel back": parcel_opener(epoch_keys(SECRET, 1), box.Kind.LETTER),
    "note": note.decode_note,
    "invitation": as_text,
    "pairing 2": lambda data: Inviting.answer(INVITING, data, SeededEntropy("2")),
    "pairing 3": lambda data: Accepting.reveal(ACCEPTING, data, SeededEntropy("3")),
    "pairing 4": lambda data: InviterAnswered.finish(ANSWERED, data),
    "vault header": lambda data: unlock(data, WORD) == VAULT_KEY,
}


def opens(opener: str, data: bytes) -> bool:
    try:
        return bool(OPENERS[opener](data))
    except TiercelError:
        return False


@pytest.mark.parametrize("opener", OPENERS)
def test_T_DOM_1_only_the_diagonal_opens(opener: str) -> None:
    assert [thing for thing, data in OBJECTS.items() if opens(opener, data)] == [opener]


@pytest.mark.parametrize("opener", OPENERS)
def test_T_DOM_1_nor_does_the_right_length(opener: str) -> None:
    """Every other object cut or repeated to the length of the right one: no opener goes by length."""
    size = len(OBJECTS[opener])
    for thing, data in OBJECTS.items():
        if thing != opener:
            assert not opens(opener, (data * (size // len(data) + 1))[:size]), thing


def test_T_DOM_1_kinds_with_one_frame_do_not_open_each_other() -> None:
    """A pairing message whose number is changed, and a box of a pairing under the keys of an epoch."""
    for opener in ("pairing 2", "pairing 3", "pairing 4"):
        for thing in ("pairing 2", "pairing 3", "pairing 4"):
            if thing != opener:
                assert not opens(opener, b"\1" + OBJECTS[opener][1:2] + OBJECTS[thing][2:])
    moved = ROAD.tag_key, EPOCH.box_key
    mixed = symbol_parcel(ParcelKeys(0, *moved), box.Kind.PAIRING, ID)
    assert not opens("parcel of a pairing", mixed)


def test_T_DOM_1_no_two_uses_share_a_label() -> None:
    """Whatever stands behind a label's name, another name gives other bytes: one key in two places helps nobody."""
    items = [(), (b"",), (SECRET,), (b"\0", ID, PID), (b"tiercel/1",), (b"letter",)]
    names = {name for path in SOURCES for name in re.findall(r'\blabel\(\s*"([a-z0-9-]+)"', path.read_text("utf-8"))}
    assert len(names) > 15 and {"letter", "letter-auth", "envelope", "parcel", "pair-1", "pair-2", "receipt"} <= set(
        names
    )
    made = {crypto.label(name, *some): (name, some) for name in names for some in items}
    assert len(made) == len(names) * len(items)
    assert len({crypto.hkdf(SECRET, ID, crypto.label(name)) for name in names}) == len(names)
