"""Any bytes given to a decoder of the bond end in a value or in its own error, and in nothing else."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bond_people import Seeded, flip, pair
from tiercel.bond.invitation import Invitation, decode_invitation, encode_invitation
from tiercel.bond.pairing import Accepting, InviterAnswered, Inviting, Paired, message_number
from tiercel.errors import (
    KeyDegenerate,
    MalformedInvitation,
    MalformedPairing,
    NewerVersion,
    PairingBroken,
    TwoAnswers,
)

PAIRING = pair(3)
KINDS: list[Any] = [Inviting, InviterAnswered, Accepting, Paired]
STORED = [getattr(PAIRING, name).to_bytes() for name in ("inviting", "answered", "accepting", "inviter", "accepter")]
MESSAGES = [PAIRING.message2, PAIRING.message3, PAIRING.message4]
LINE = encode_invitation(PAIRING.invitation)

some = settings(deadline=None, max_examples=200)


@some
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.integers(0, (1 << 32) - 1))
def test_every_invitation_comes_back(commitment: bytes, secret: bytes, epoch: int) -> None:
    invitation = Invitation(commitment, secret, epoch)
    line = encode_invitation(invitation)
    assert decode_invitation(line) == decode_invitation(line.upper()) == invitation


@some
@given(
    st.text()
    | st.text(alphabet="abcdefghijklmnopqrstuvwxyz234567", max_size=200).map("tiercel1".__add__)
    | st.tuples(st.integers(0, len(LINE)), st.text(min_size=1), st.integers(0, 5)).map(
        lambda t: LINE[: t[0]] + t[1] + LINE[t[0] + t[2] :]
    )
)
def test_any_text_is_an_invitation_or_is_refused(text: str) -> None:
    try:
        invitation = decode_invitation(text)
    except (MalformedInvitation, NewerVersion):
        return
    assert encode_invitation(invitation) == text.strip().lower()


def overwritten(data: bytes, at: int, middle: bytes) -> bytes:
    at %= len(data)
    return data[:at] + middle + data[at + len(middle) :]


def changed(whole: list[bytes]) -> st.SearchStrategy[bytes]:
    """Bytes out of nowhere, and good ones with a bit, an end or a middle changed."""
    good = st.sampled_from(whole)
    at = st.integers(0, 1 << 14)
    return (
        st.binary(max_size=300)
        | st.builds(lambda data, bit: flip(data, bit % (len(data) * 8)), good, at)
        | st.builds(lambda data, end: data[: end % len(data)], good, at)
        | st.builds(lambda data, more: data + more, good, st.binary(min_size=1, max_size=40))
        | st.builds(overwritten, good, at, st.binary(max_size=40))
    )


@some
@given(changed(MESSAGES))
def test_any_bytes_as_a_message_end_in_a_refusal(message: bytes) -> None:
    with contextlib.suppress(MalformedPairing, NewerVersion):
        assert message_number(message) in (2, 3, 4)
    for give in (
        lambda: PAIRING.inviting.answer(message, Seeded(1)),
        lambda: PAIRING.accepting.reveal(message, Seeded(1)),
        lambda: PAIRING.answered.finish(message),
        lambda: PAIRING.answered.same_answer(message),
        lambda: PAIRING.inviter.same_answer(message),
    ):
        with contextlib.suppress(MalformedPairing, NewerVersion, PairingBroken, KeyDegenerate, TwoAnswers):
            give()


@some
@given(changed(STORED), st.sampled_from(KINDS))
def test_any_bytes_as_a_state_are_one_or_are_refused(data: bytes, kind: Any) -> None:
    try:
        state = kind.from_bytes(data)
    except (MalformedPairing, NewerVersion):
        return
    assert type(state) is kind and kind.from_bytes(state.to_bytes()) == state


items = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 33), 1 << 33) | st.floats(allow_nan=False) | st.text(max_size=9)
    | st.binary(max_size=40) | st.sampled_from([1, "paired", "inviting", bytes(32), bytes(96), bytes(1216), bytes(16)]),
    lambda inner: st.lists(inner, max_size=6),
    max_leaves=12,
)  # fmt: skip


@some
@given(st.lists(items, max_size=14).map(lambda rest: msgspec.msgpack.encode([1, *rest])), st.sampled_from(KINDS))
def test_any_record_as_a_state_is_one_or_is_refused(data: bytes, kind: Any) -> None:
    with contextlib.suppress(MalformedPairing):
        assert type(kind.from_bytes(data)) is kind
