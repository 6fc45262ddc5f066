"""T-DOM-1 for these rooms: each object goes to every opener, with the right keys; only the diagonal opens."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from letter_kit import BOND, letter, road
from tiercel import crypto
from tiercel.errors import Damaged, MalformedError, SealError
from tiercel.letter.record import decode_letter, encode_letter, id_chain, readers_hash
from tiercel.sealing.envelope import receipt_proof
from tiercel.sealing.padding import pad_body, unpad_body
from tiercel.sealing.prekeys import accept_gifts, make_prekey, pairing_gift, pairing_prekey
from tiercel.sealing.stream import open_stream, seal_stream
from tiercel.testing.entropy import SeededEntropy

THERE, BACK = road("there"), road("back", direction=1)
PAIRING = pairing_prekey(bytes(range(96)), bytes(32))
FIRST = pairing_gift(crypto.kem_public(PAIRING.seed), PAIRING.token)
SECRET, ID = bytes(range(16)), bytes(range(16, 32))
KEY = bytes(range(32))
RECORD = encode_letter(letter())
FILE = bytes(range(256)) * 6


def sealed_file() -> bytes:
    target = io.BytesIO()
    seal_stream(io.BytesIO(FILE), target, KEY, len(FILE), lambda done: None)
    return target.getvalue()


def opened_file(data: bytes) -> bool:
    target = io.BytesIO()
    open_stream(io.BytesIO(data), target, KEY, len(FILE), lambda done: None)
    return target.getvalue() == FILE


OBJECTS: dict[str, bytes] = {
    "letter there": THERE.seal(RECORD),
    "letter back": BACK.seal(RECORD),
    "letter to the pairing key": type(THERE)(PAIRING, FIRST).seal(RECORD),
    "record": RECORD,
    "body": pad_body(RECORD),
    "gift": make_prekey(SeededEntropy("gift"))[1],
    "receipt arrived": receipt_proof(SECRET, 0, ID),
    "receipt read": receipt_proof(SECRET, 1, ID),
    "chain of ids": id_chain(ID, 1, bytes(32)),
    "hash of readers": readers_hash(()),
    "enclosure": sealed_file(),
}
OPENERS: dict[str, Callable[[bytes], object]] = {
    "letter there": THERE.open,
    "letter back": BACK.open,
    "letter to the pairing key": type(THERE)(PAIRING, FIRST).open,
    "record": decode_letter,
    "body": unpad_body,
    "gift": lambda data: accept_gifts([data], set(), set()),
    "receipt arrived": lambda data: crypto.same(data, receipt_proof(SECRET, 0, ID)),
    "receipt read": lambda data: crypto.same(data, receipt_proof(SECRET, 1, ID)),
    "chain of ids": lambda data: data == id_chain(ID, 1, bytes(32)),
    "hash of readers": lambda data: data == readers_hash(()),
    "enclosure": opened_file,
}


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("thing", OBJECTS)
def test_T_DOM_1(thing: str, opener: str) -> None:
    try:
        opened = bool(OPENERS[opener](OBJECTS[thing]))
    except (SealError, MalformedError):
        opened = False
    assert opened == (thing == opener)


def test_T_DOM_1_the_right_length_alone_opens_nothing() -> None:
    for name, data in OBJECTS.items():
        for other, wanted in OBJECTS.items():
            if name != other and other not in {"record", "body", "gift"}:
                cut = (data * (len(wanted) // len(data) + 1))[: len(wanted)]
                try:
                    assert not OPENERS[other](cut)
                except (SealError, MalformedError):
                    continue


def test_T_DOM_1_one_key_used_twice_in_two_rooms_helps_nobody() -> None:
    """The enclosure key as a bond secret and the other way round: no derivation is shared."""
    with pytest.raises(Damaged):
        open_stream(io.BytesIO(OBJECTS["letter there"]), io.BytesIO(), BOND.auth_root, len(FILE), lambda done: None)
