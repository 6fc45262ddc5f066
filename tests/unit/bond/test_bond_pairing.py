"""The pairing machine: equal secrets, every order, repeats, second answers, restarts, and what must be refused."""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Callable
from typing import Any

import pytest

from bond_people import EPOCH, Pairing, Seeded, flip, pair
from tiercel import crypto
from tiercel.bond.invitation import Invitation, decode_invitation, encode_invitation
from tiercel.bond.pairing import Accepting, InviterAnswered, Inviting, Paired, accept, invite, message_number
from tiercel.bond.words import six_words
from tiercel.errors import (
    KeyDegenerate,
    MalformedError,
    MalformedPairing,
    NewerVersion,
    PairingBroken,
    TwoAnswers,
)

SHARED = ("words", "bond_id", "auth_root", "time_roots", "base_epoch", "first_tokens")


@pytest.fixture(scope="module")
def pairing() -> Pairing:
    return pair()


def lp(*items: bytes) -> bytes:
    return b"".join(len(item).to_bytes(4, "big") + item for item in items)


def stdlib_hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return hmac.digest(hmac.digest(salt or bytes(32), secret, "sha256"), info + b"\x01", "sha256")


def one_bond(inviter: Paired, accepter: Paired) -> bool:
    return all(getattr(inviter, name) == getattr(accepter, name) for name in SHARED)


# -- the straight way ------------------------------------------------------------------------------


def test_both_sides_end_with_the_same(pairing: Pairing) -> None:
    inviter, accepter = pairing.inviter, pairing.accepter
    assert one_bond(inviter, accepter)
    assert (inviter.direction, accepter.direction) == (0, 1)
    assert inviter.base_epoch == EPOCH and len(inviter.words) == 6
    assert crypto.kem_public(inviter.our_seed) == accepter.their_public == pairing.pkA
    assert crypto.kem_public(accepter.our_seed) == inviter.their_public == pairing.pkB
    secrets = [inviter.auth_root, *inviter.time_roots, *inviter.first_tokens]
    assert len(set(secrets)) == 5 and all(len(secret) == 32 for secret in secrets) and len(inviter.bond_id) == 16


def test_secrets_follow_the_specification(pairing: Pairing) -> None:
    """Worked out with the standard library alone, from what was drawn and sent."""
    p, v = pairing, b"tiercel/1"
    s2 = p.bo.drawn[2]
    h3, h4 = (hashlib.sha256(message[2:]).digest() for message in (p.message3, p.message4))
    assert p.cA == hashlib.sha256(lp(v, b"pair-commit", p.pkA, p.nA)).digest()
    th = hashlib.sha256(lp(v, b"pair", p.cA, p.pkA, p.nA, p.pkB, p.nB, h3, h4)).digest()
    bond_secret = stdlib_hkdf(p.s1 + s2, th, lp(v, b"pair"))
    assert p.inviter.bond_id == stdlib_hkdf(bond_secret, th, lp(v, b"bond-id"))[:16]
    assert p.inviter.auth_root == stdlib_hkdf(bond_secret, th, lp(v, b"auth-root"))
    for d in (0, 1):
        assert p.inviter.time_roots[d] == stdlib_hkdf(bond_secret, th, lp(v, b"time-root", bytes([d])))
        assert p.inviter.first_tokens[d] == stdlib_hkdf(bond_secret, th, lp(v, b"first-token", bytes([d])))
    assert p.inviter.words == six_words(p.pkA, p.nA, p.pkB, p.nB)


def test_messages_have_their_form_and_length(pairing: Pairing) -> None:
    assert pairing.message2 == b"\x01\x02" + pairing.pkB + pairing.nB
    for message, number, size in (
        (pairing.message2, 2, 1250),
        (pairing.message3, 3, 2418),
        (pairing.message4, 4, 1170),
    ):
        assert message[0] == 1 and message_number(message) == number and len(message) == size


def test_keys_and_nonces_come_from_the_entropy_given(pairing: Pairing) -> None:
    assert [len(drawn) for drawn in pairing.ada.drawn] == [96, 32, 32, 32]
    assert [len(drawn) for drawn in pairing.bo.drawn] == [96, 32, 32]
    again = pair()
    assert again.message2 == pairing.message2 and again.invitation == pairing.invitation
    assert again.message3 != pairing.message3, "sealing is randomised: messages are stored, never made twice"


def test_what_is_over_is_gone(pairing: Pairing) -> None:
    s2 = pairing.bo.drawn[2]
    for paired in (pairing.inviter, pairing.accepter):
        stored = paired.to_bytes()
        for gone in (pairing.s1, s2, pairing.nA, pairing.nB, pairing.invitation.road_secret):
            assert gone not in stored


def test_two_pairings_share_nothing() -> None:
    one, two = pair(1), pair(2)
    for name in set(SHARED) - {"base_epoch"}:
        assert getattr(one.inviter, name) != getattr(two.inviter, name)


# -- states at rest --------------------------------------------------------------------------------

STATES = ("inviting", "accepting", "answered", "inviter", "accepter")


@pytest.mark.parametrize("name", STATES)
def test_a_state_is_the_same_after_a_restart(pairing: Pairing, name: str) -> None:
    state = getattr(pairing, name)
    stored = state.to_bytes()
    assert type(state).from_bytes(stored) == state
    assert type(state).from_bytes(stored).to_bytes() == stored
    assert stored[1] == 1, "an array that begins with its version"


@pytest.mark.parametrize("name", STATES)
def test_no_secret_is_ever_printed(pairing: Pairing, name: str) -> None:
    state = getattr(pairing, name)
    assert repr(state) == str(state) == f"{state}" == f"{type(state).__name__}(...)"
    assert list(state.__rich_repr__()) == []


@pytest.mark.parametrize("name", STATES)
def test_a_damaged_state_is_refused(pairing: Pairing, name: str) -> None:
    state = getattr(pairing, name)
    stored = state.to_bytes()
    for broken in (
        b"",
        stored[:-1],
        stored + b"\0",
        b"\x90",
        stored[:1] + b"\0" + stored[2:],
        b"\xc1" * 40,
        bytes(9000),
    ):
        with pytest.raises(MalformedPairing):
            type(state).from_bytes(broken)
    for other in STATES:
        if type(getattr(pairing, other)) is not type(state):
            with pytest.raises(MalformedPairing):
                type(getattr(pairing, other)).from_bytes(stored)


@pytest.mark.parametrize("kills", range(32))
def test_killed_and_restored_between_any_two_messages(kills: int) -> None:
    """Each bit of ``kills`` is one moment at which everything in memory is lost."""

    def rest(state: Any, moment: int) -> Any:
        return type(state).from_bytes(state.to_bytes()) if kills >> moment & 1 else state

    ada, bo = Seeded(kills), Seeded(kills + 100)
    inviting, invitation = invite(ada, EPOCH)
    inviting = rest(inviting, 0)
    accepting, message2 = accept(decode_invitation(encode_invitation(invitation)), bo)
    accepting = rest(accepting, 1)
    answered, message3 = inviting.answer(message2, ada)
    answered = rest(answered, 2)
    accepter, message4 = accepting.reveal(message3, bo)
    accepter = rest(accepter, 3)
    inviter = rest(answered.finish(message4), 4)
    assert one_bond(inviter, accepter)


# -- a road that repeats, shuffles and delays ------------------------------------------------------


class Side:
    """One person's program: its state and what it repeats are stored bytes, as the vault has them."""

    def __init__(self, state: Any, said: bytes | None, seed: int) -> None:
        self.kind = type(state)
        self.stored = state.to_bytes()
        self.said = said
        self.entropy = Seeded(seed)
        self.refusals: set[type[Exception]] = set()

    @property
    def state(self) -> Any:
        return self.kind.from_bytes(self.stored)

    def keep(self, state: Any, said: bytes | None) -> None:
        self.kind, self.stored, self.said = type(state), state.to_bytes(), said

    def take(self, message: bytes) -> None:
        before = self.stored
        try:
            self.step(message)
        except (MalformedPairing, PairingBroken, KeyDegenerate, TwoAnswers) as refusal:
            self.refusals.add(type(refusal))
            assert self.stored == before

    def step(self, message: bytes) -> None:
        state, number = self.state, message_number(message)
        if isinstance(state, Inviting):
            self.keep(*state.answer(message, self.entropy))
        elif isinstance(state, InviterAnswered):
            if number == 2:
                state.same_answer(message)
            else:
                self.keep(state.finish(message), None)
        elif isinstance(state, Accepting):
            self.keep(*state.reveal(message, self.entropy))
        elif number == 2:
            state.same_answer(message)


@pytest.mark.parametrize("seed", range(20))
def test_any_order_any_repeats_end_in_one_bond(seed: int) -> None:
    """Every message ever put on the road may come at any time, to either side, as often as it likes."""
    draw = random.Random(seed)
    inviting, invitation = invite(Seeded(seed), EPOCH)
    ada = Side(inviting, None, seed + 1)
    bo = Side(*accept(invitation, Seeded(seed + 2)), seed + 3)
    road: list[bytes] = []
    for _ in range(40):
        side = draw.choice((ada, bo))
        if side.said is not None and side.said not in road:
            road.append(side.said)
        if road:
            side.take(draw.choice(road))
    for message in sorted(road):
        ada.take(message)
        bo.take(message)
    ada.take(bo.said or b"")
    assert isinstance(ada.state, Paired) and isinstance(bo.state, Paired)
    assert one_bond(ada.state, bo.state)
    assert len(road) <= 3, "repeats are byte for byte"
    assert ada.refusals | bo.refusals <= {MalformedPairing}


@pytest.mark.parametrize("seed", range(12))
def test_crossed_with_a_second_answer_one_bond_or_a_clear_refusal(seed: int) -> None:
    draw = random.Random(seed)
    inviting, invitation = invite(Seeded(seed), EPOCH)
    ada = Side(inviting, None, seed + 1)
    accepters = [Side(*accept(invitation, Seeded(seed * 10 + n)), n) for n in (7, 8)]
    road = [side.said for side in accepters if side.said]
    for _ in range(40):
        side = draw.choice((ada, *accepters))
        side.take(draw.choice(road))
        if side.said and side.said not in road:
            road.append(side.said)
    for message in [*road, *(side.said or b"" for side in accepters)]:
        for side in (ada, *accepters):
            if message:
                side.take(message)
    ended = [side for side in accepters if isinstance(side.state, Paired)]
    for side in ended:
        ada.take(side.said or b"")
    assert len(ended) == 1 and one_bond(ada.state, ended[0].state), "never two, never a half"
    assert TwoAnswers in ada.refusals
    (other,) = [side for side in accepters if side not in ended]
    assert isinstance(other.state, Accepting) and PairingBroken in other.refusals


# -- second answers --------------------------------------------------------------------------------


def second_answer(pairing: Pairing) -> bytes:
    return accept(pairing.invitation, Seeded(77))[1]


def test_the_answer_come_again_is_the_same_answer(pairing: Pairing) -> None:
    assert pairing.answered.same_answer(pairing.message2) is True
    assert pairing.inviter.same_answer(pairing.message2) is True


@pytest.mark.parametrize("late", [False, True], ids=["before message 4", "after message 4"])
def test_a_second_valid_answer_is_said_aloud(pairing: Pairing, late: bool) -> None:
    state = pairing.inviter if late else pairing.answered
    before = state.to_bytes()
    with pytest.raises(TwoAnswers) as caught:
        state.same_answer(second_answer(pairing))
    assert "refuse" in caught.value.remedy
    # The same key with another nonce is another answer too.
    with pytest.raises(TwoAnswers):
        state.same_answer(flip(pairing.message2, 1249 * 8))
    assert state.to_bytes() == before
    assert state.same_answer(pairing.message2)


@pytest.mark.parametrize("late", [False, True], ids=["before message 4", "after message 4"])
def test_rubbish_is_no_second_answer(pairing: Pairing, late: bool) -> None:
    """Else anybody on the road could break a pairing with one file."""
    state = pairing.inviter if late else pairing.answered
    second = second_answer(pairing)
    for rubbish in (b"", second[:-1], second + b"\0", pairing.message3, pairing.message4, b"\x01\x02"):
        with pytest.raises(MalformedPairing):
            state.same_answer(rubbish)
    with pytest.raises(KeyDegenerate):
        state.same_answer(b"\x01\x02" + bytes(1216 + 32))
    with pytest.raises(NewerVersion):
        state.same_answer(b"\x02" + second[1:])


def test_an_accepter_is_sent_no_answers(pairing: Pairing) -> None:
    with pytest.raises(MalformedPairing):
        pairing.accepter.same_answer(pairing.message2)


def test_a_message_4_for_another_answer_does_not_fit(pairing: Pairing) -> None:
    other = pair(5)
    with pytest.raises(PairingBroken):
        pairing.answered.finish(other.message4)
    with pytest.raises(PairingBroken):
        pairing.accepting.reveal(other.message3, Seeded(1))
    assert one_bond(pairing.answered.finish(pairing.message4), pairing.accepter)


# -- T-DOWN-1, reflections and malformed messages --------------------------------------------------


def deliveries(pairing: Pairing) -> list[tuple[Any, bytes, Callable[[bytes], object]]]:
    """Each state that waits, what it waits for, and how it is given."""
    return [
        (pairing.inviting, pairing.message2, lambda m: pairing.inviting.answer(m, Seeded(1))),
        (pairing.accepting, pairing.message3, lambda m: pairing.accepting.reveal(m, Seeded(1))),
        (pairing.answered, pairing.message4, pairing.answered.finish),
    ]


def test_a_message_sent_back_or_to_the_wrong_side_is_refused(pairing: Pairing) -> None:
    for state, fits, give in deliveries(pairing):
        before = state.to_bytes()
        for message in {pairing.message2, pairing.message3, pairing.message4} - {fits}:
            with pytest.raises(MalformedPairing):
                give(message)
            with pytest.raises(MalformedPairing):
                give(fits[:2] + message[2:])
        assert state.to_bytes() == before


def test_messages_of_the_wrong_length_or_number_are_refused(pairing: Pairing) -> None:
    for _, fits, give in deliveries(pairing):
        wrong = [fits[:n] for n in (0, 1, 2, 3, len(fits) - 1)]
        wrong += [fits + b"\0", fits * 2, fits + bytes(1 << 20)]
        wrong += [bytes((1, number)) + fits[2:] for number in (0, 1, 5, 255)]
        for message in wrong:
            with pytest.raises(MalformedPairing):
                give(message)


def test_T_DOWN_1_a_changed_or_stripped_version_is_refused(pairing: Pairing) -> None:
    for state, fits, give in deliveries(pairing):
        before = state.to_bytes()
        for version in range(2, 256):
            with pytest.raises(NewerVersion):
                give(bytes([version]) + fits[1:])
        with pytest.raises(MalformedPairing):
            give(b"\x00" + fits[1:])
        for stripped in (fits[1:], fits[2:], fits[:1] + fits[2:]):
            with pytest.raises(MalformedError):
                give(stripped)
        assert state.to_bytes() == before


def test_T_DOWN_1_a_v1_message_at_a_v2_pair(pairing: Pairing) -> None:
    """A pairing marked v2 is never read as v1, so no v1 message can reach it."""
    for name in STATES:
        state = getattr(pairing, name)
        stored = state.to_bytes()
        with pytest.raises(NewerVersion):
            type(state).from_bytes(stored[:1] + b"\x02" + stored[2:])


def test_T_DOWN_1_a_v2_message_marked_down_to_v1(pairing: Pairing) -> None:
    """The version is in every label, so what was sealed as v2 does not open as v1."""
    p = pairing
    info = lp(b"tiercel/2", b"pair-1", p.cA, p.pkB, p.nB)
    with pytest.raises(PairingBroken):
        p.accepting.reveal(b"\x01\x03" + crypto.hpke_seal(p.pkB, info, p.s1 + p.nA + p.pkA), Seeded(1))
    info = lp(b"tiercel/2", b"pair-2", p.cA, p.pkA, p.nA, p.pkB, p.nB)
    with pytest.raises(PairingBroken):
        p.answered.finish(b"\x01\x04" + crypto.hpke_seal(p.pkA, info, bytes(32)))
    two = hashlib.sha256(lp(b"tiercel/2", b"pair-commit", p.pkA, p.nA)).digest()
    accepting, message2 = accept(Invitation(two, bytes(32), EPOCH), Seeded(9))
    info = lp(b"tiercel/1", b"pair-1", two, message2[2:1218], message2[1218:])
    with pytest.raises(PairingBroken):
        accepting.reveal(b"\x01\x03" + crypto.hpke_seal(message2[2:1218], info, p.s1 + p.nA + p.pkA), Seeded(1))


def test_the_frame_is_read_before_anything_else() -> None:
    assert [message_number(bytes((1, number))) for number in (2, 3, 4)] == [2, 3, 4]
    for message in (b"", b"\x01", b"\x00\x02", b"\x01\x00", b"\x01\x01", b"\x01\x05", b"\x01\x02" + bytes(4096)):
        with pytest.raises(MalformedPairing):
            message_number(message)
    for message in (b"\x02", b"\x02\x02", b"\xff" * 10_000):
        with pytest.raises(NewerVersion):
            message_number(message)


# -- T-BIND-1, for pairing -------------------------------------------------------------------------


@pytest.mark.parametrize("field", range(3))
def test_T_BIND_1_message_3_is_bound_to_the_invitation_and_the_answer(pairing: Pairing, field: int) -> None:
    items = [pairing.cA, pairing.pkB, pairing.nB]
    plain = pairing.s1 + pairing.nA + pairing.pkA

    def message3(items: list[bytes], name: str = "pair-1") -> bytes:
        return b"\x01\x03" + crypto.hpke_seal(pairing.pkB, crypto.label(name, *items), plain)

    pairing.accepting.reveal(message3(items), Seeded(1))
    for bit in (0, len(items[field]) * 8 - 1):
        changed = [*items[:field], flip(items[field], bit), *items[field + 1 :]]
        with pytest.raises(PairingBroken):
            pairing.accepting.reveal(message3(changed), Seeded(1))
    for wrong in (message3(items[:field] + items[field + 1 :]), message3(items, "pair-2"), message3(items[::-1])):
        with pytest.raises(PairingBroken):
            pairing.accepting.reveal(wrong, Seeded(1))


@pytest.mark.parametrize("field", range(5))
def test_T_BIND_1_message_4_is_bound_to_everything_said(pairing: Pairing, field: int) -> None:
    items = [pairing.cA, pairing.pkA, pairing.nA, pairing.pkB, pairing.nB]

    def message4(items: list[bytes], name: str = "pair-2") -> bytes:
        return b"\x01\x04" + crypto.hpke_seal(pairing.pkA, crypto.label(name, *items), bytes(32))

    pairing.answered.finish(message4(items))
    for bit in (0, len(items[field]) * 8 - 1):
        with pytest.raises(PairingBroken):
            pairing.answered.finish(message4([*items[:field], flip(items[field], bit), *items[field + 1 :]]))
    for wrong in (message4(items[:field] + items[field + 1 :]), message4(items, "pair-1"), message4(items[::-1])):
        with pytest.raises(PairingBroken):
            pairing.answered.finish(wrong)


@pytest.mark.parametrize("name", ["seed", "nonce", "commitment", "their_public", "their_nonce"])
def test_T_BIND_1_a_side_that_remembers_otherwise_does_not_open(pairing: Pairing, name: str) -> None:
    """The same from the opening side: change one remembered field and the right message no longer fits."""
    for state, fits, kind in (
        (pairing.accepting, pairing.message3, Accepting),
        (pairing.answered, pairing.message4, InviterAnswered),
    ):
        if not hasattr(state, name):
            continue
        fields = {field: getattr(state, field) for field in state.__struct_fields__}
        changed = kind(**{**fields, name: flip(fields[name], 3)})
        with pytest.raises(PairingBroken):
            changed.reveal(fits, Seeded(1)) if isinstance(changed, Accepting) else changed.finish(fits)


def test_what_was_not_committed_to_is_refused(pairing: Pairing) -> None:
    """It opens, but key or nonce are not those of the invitation: a middle that chose late."""
    before = pairing.accepting.to_bytes()
    info = crypto.label("pair-1", pairing.cA, pairing.pkB, pairing.nB)
    middle = crypto.kem_public(bytes(range(96)))
    for plain in (
        pairing.s1 + pairing.nA + middle,
        pairing.s1 + bytes(32) + pairing.pkA,
        pairing.s1 + bytes(32) + middle,
    ):
        with pytest.raises(PairingBroken):
            pairing.accepting.reveal(b"\x01\x03" + crypto.hpke_seal(pairing.pkB, info, plain), Seeded(1))
    assert pairing.accepting.to_bytes() == before


# -- T-KEY-1, for pairing --------------------------------------------------------------------------

P = 2**255 - 19  # points of low order are given as numbers
LOW_ORDER = [
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    P - 1,
    P,
    P + 1,
]
NON_CANONICAL = [P + n for n in range(2, 19)]


def degenerate() -> dict[str, bytes]:
    good = crypto.kem_public(bytes(range(96)))
    mlkem, x25519 = good[:1184], good[1184:]
    keys = {f"x25519 {n % 1000}": mlkem + n.to_bytes(32, "little") for n in LOW_ORDER + NON_CANONICAL}
    keys |= {
        f"x25519 {n % 1000} high": mlkem + (n | 1 << 255).to_bytes(32, "little") for n in LOW_ORDER + NON_CANONICAL
    }
    keys |= {
        "ml-kem all ones": b"\xff" * 1184 + x25519,
        "ml-kem all zero": bytes(1184) + x25519,
        "ml-kem zero polynomials": bytes(1152) + mlkem[1152:] + x25519,
        "ml-kem one coefficient out of range": b"\xff\xff\xff" + mlkem[3:] + x25519,
        "all zero": bytes(1216),
        "all ones": b"\xff" * 1216,
    }
    return keys


@pytest.mark.parametrize("bad", degenerate().values(), ids=degenerate().keys())
def test_T_KEY_1_an_unfit_key_changes_nothing(pairing: Pairing, bad: bytes) -> None:
    before = pairing.inviting.to_bytes()
    entropy = Seeded(1)
    with pytest.raises(KeyDegenerate):
        pairing.inviting.answer(b"\x01\x02" + bad + pairing.nB, entropy)
    assert pairing.inviting.to_bytes() == before and not entropy.drawn

    # In message 3, properly committed to and sealed.
    commitment = crypto.sha256(crypto.label("pair-commit", bad, pairing.nA))
    accepting, message2 = accept(Invitation(commitment, bytes(32), EPOCH), Seeded(2))
    info = crypto.label("pair-1", commitment, message2[2:1218], message2[1218:])
    message3 = b"\x01\x03" + crypto.hpke_seal(message2[2:1218], info, pairing.s1 + pairing.nA + bad)
    before = accepting.to_bytes()
    with pytest.raises(KeyDegenerate):
        accepting.reveal(message3, entropy)
    assert accepting.to_bytes() == before and not entropy.drawn


@pytest.mark.parametrize("size", [0, 1, 32, 1184, 1215, 1217, 1248])
def test_T_KEY_1_a_key_of_another_length(pairing: Pairing, size: int) -> None:
    key = (pairing.pkB * 2)[:size]
    with pytest.raises(MalformedPairing):
        pairing.inviting.answer(b"\x01\x02" + key + pairing.nB, Seeded(1))
    info = crypto.label("pair-1", pairing.cA, pairing.pkB, pairing.nB)
    with pytest.raises(MalformedPairing):
        pairing.accepting.reveal(
            b"\x01\x03" + crypto.hpke_seal(pairing.pkB, info, pairing.s1 + pairing.nA + key), Seeded(1)
        )


def test_T_KEY_1_a_low_order_point_inside_a_sealed_message(pairing: Pairing) -> None:
    """The ephemeral key of HPKE is a key that comes in, too."""
    for number in LOW_ORDER:
        point = number.to_bytes(32, "little")
        for message, give in (
            (pairing.message3, lambda m: pairing.accepting.reveal(m, Seeded(1))),
            (pairing.message4, pairing.answered.finish),
        ):
            with pytest.raises(PairingBroken):
                give(message[: 2 + 1088] + point + message[2 + 1120 :])
