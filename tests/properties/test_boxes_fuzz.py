"""Where boxes are: in letters, in invitations, in addresses, and from the secret of a pairing."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tiercel.bond.invitation import Invitation, box_keys, decode_invitation, encode_invitation
from tiercel.errors import MalformedInvitation, MalformedLetter, NewerVersion
from tiercel.letter.record import (
    BoxesRecord,
    BoxRecord,
    Kind,
    TellingRecord,
    decode_letter,
    encode_letter,
    readers_hash,
)

QUICK = settings(deadline=None, max_examples=150)
KEYS = st.binary(min_size=32, max_size=32)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)
BOXES = st.builds(
    BoxesRecord,
    number=st.integers(1, (1 << 32) - 1),
    boxes=st.lists(
        st.builds(BoxRecord, address=TEXT, opening=st.binary(min_size=48, max_size=48)), max_size=8
    ).map(tuple),
)  # fmt: skip
THING = st.none() | st.integers() | st.binary(max_size=60) | TEXT | st.lists(st.none() | st.binary(max_size=50))


def telling(boxes: BoxesRecord, kind: Kind = Kind.SERVICE) -> TellingRecord:
    return TellingRecord(
        kind=kind, letter_id=bytes(16), written_day=1, sealed_day=1, readers_hash=readers_hash(()),
        receipt_secret=bytes(16), boxes=boxes,
    )  # fmt: skip


@QUICK
@given(BOXES, st.sampled_from([Kind.SERVICE, Kind.OPENING]))
def test_every_list_of_boxes_comes_back(boxes: BoxesRecord, kind: Kind) -> None:
    record = telling(boxes, kind)
    assert decode_letter(encode_letter(record)) == record


@QUICK
@given(BOXES, st.integers(0, 23), THING)
def test_any_field_is_read_or_refused(boxes: BoxesRecord, at: int, thing: object) -> None:
    items = msgspec.msgpack.decode(encode_letter(telling(boxes)))
    try:
        data = msgspec.msgpack.encode([*items[:at], thing, *items[at + 1 :]])
    except OverflowError:
        return
    try:
        record = decode_letter(data)
    except (MalformedLetter, NewerVersion):
        return
    assert encode_letter(record) == data


@QUICK
@given(KEYS, KEYS, st.integers(0, (1 << 32) - 1), st.text(st.characters(max_codepoint=127), min_size=1, max_size=300))
def test_an_invitation_with_an_address_comes_back(commitment: bytes, secret: bytes, epoch: int, address: str) -> None:
    invitation = Invitation(commitment, secret, epoch, address)
    line = encode_invitation(invitation)
    assert decode_invitation(line) == decode_invitation(line.upper()) == invitation
    for wrong in (line[:-1], line + "a", line[:30] + line[31:]):
        try:
            found = decode_invitation(wrong)
        except (MalformedInvitation, NewerVersion):
            continue
        raise AssertionError(f"read as {found}")


@QUICK
@given(KEYS, KEYS)
def test_no_two_boxes_of_pairing_share_a_key(one: bytes, other: bytes) -> None:
    keys = [key for secret in {one, other} for side in (0, 1) for key in box_keys(secret, side)]
    assert len(set(keys)) == len(keys) and {len(key) for key in keys} == {32}
