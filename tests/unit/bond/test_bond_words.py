"""The six words: the list, the bits, and T-WORDS-1."""

from __future__ import annotations

import hashlib
import hmac
import inspect
import random
from importlib.resources import files

import pytest

from bond_people import Pairing, Seeded, flip, pair
from tiercel import crypto
from tiercel.bond.invitation import encode_invitation
from tiercel.bond.pairing import Inviting
from tiercel.bond.words import six_words, word_list
from tiercel.errors import PairingBroken

PUBLISHED = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"


@pytest.fixture(scope="module")
def pairing() -> Pairing:
    return pair()


# -- the list and the bits -------------------------------------------------------------------------


def test_the_list_is_the_published_one() -> None:
    data = files("tiercel.bond").joinpath("wordlist.txt").read_bytes()
    assert hashlib.sha256(data).hexdigest() == PUBLISHED


def test_the_list_cannot_be_misheard() -> None:
    words = word_list()
    assert len(words) == 2048 == len({word[:4] for word in words})
    assert list(words) == sorted(words)
    assert all(3 <= len(word) <= 8 and word.isascii() and word.islower() for word in words)


def test_words_are_the_first_66_bits() -> None:
    """Worked out with the standard library alone."""
    items = [bytes([n]) * size for n, size in ((1, 1216), (2, 32), (3, 1216), (4, 32))]
    said = hashlib.sha256(lp(b"tiercel/1", b"words", *items)).digest()
    prk = hmac.digest(bytes(32), said, "sha256")
    bits = "".join(f"{byte:08b}" for byte in hmac.digest(prk, lp(b"tiercel/1", b"words") + b"\x01", "sha256")[:9])
    expected = tuple(word_list()[int(bits[at : at + 11], 2)] for at in range(0, 66, 11))
    assert six_words(*items) == expected == ("real", "expose", "glance", "joy", "resemble", "top")


def lp(*items: bytes) -> bytes:
    return b"".join(len(item).to_bytes(4, "big") + item for item in items)


def test_every_committed_field_matters_and_so_does_its_place() -> None:
    items = [random.Random(n).randbytes(size) for n, size in enumerate((1216, 32, 1216, 32))]
    words = six_words(*items)
    for at, item in enumerate(items):
        for bit in (0, len(item) * 8 - 1):
            assert six_words(*items[:at], flip(item, bit), *items[at + 1 :]) != words
    pk_a, nonce_a, pk_b, nonce_b = items
    assert six_words(pk_b, nonce_b, pk_a, nonce_a) != words


# -- T-WORDS-1 -------------------------------------------------------------------------------------


def test_T_WORDS_1_nothing_but_the_four_committed_values_goes_in() -> None:
    assert list(inspect.signature(six_words).parameters) == ["pk_a", "nonce_a", "pk_b", "nonce_b"]


def test_T_WORDS_1_no_nonce_is_open_before_the_other_side_is_fixed(pairing: Pairing) -> None:
    """Message 1 shows only the commitment; the one who holds nA answers to a message 2 and to nothing less."""
    line = encode_invitation(pairing.invitation).encode()
    for secret in (pairing.nA, pairing.pkA, pairing.nA[:8], pairing.pkA[:8]):
        assert secret not in line + pairing.invitation.commitment
    assert list(inspect.signature(Inviting.answer).parameters) == ["self", "message2", "entropy"]
    # Message 3 hides them from everybody but the holder of pkB.
    assert pairing.nA not in pairing.message3


def test_T_WORDS_1_a_middle_before_bo_has_no_bit_left_in_message_3(pairing: Pairing) -> None:
    """nB is open now. The middle, as inviter, may put anything into message 3: the words stay or it is refused."""
    every_bit(pairing, step=97)


@pytest.mark.full
def test_T_WORDS_1_every_single_bit_of_message_3(pairing: Pairing) -> None:
    every_bit(pairing, step=1)


def every_bit(pairing: Pairing, step: int) -> None:
    honest = pairing.s1 + pairing.nA + pairing.pkA
    info = crypto.label("pair-1", pairing.cA, pairing.pkB, pairing.nB)
    chosen_freely = 0
    for bit in [*range(256), *range(256, len(honest) * 8, step)]:
        message3 = b"\x01\x03" + crypto.hpke_seal(pairing.pkB, info, flip(honest, bit))
        if bit < 256:
            paired, _ = pairing.accepting.reveal(message3, Seeded(bit))
            assert paired.words == pairing.accepter.words
            assert paired.auth_root != pairing.accepter.auth_root
            chosen_freely += 1
        else:
            with pytest.raises(PairingBroken):
                pairing.accepting.reveal(message3, Seeded(bit))
    assert chosen_freely == 256


def test_T_WORDS_1_a_middle_before_ada_has_no_bit_left_in_message_4(pairing: Pairing) -> None:
    """nA is open now. The middle, as accepter, may choose any s2: the words stay."""
    info = crypto.label("pair-2", pairing.cA, pairing.pkA, pairing.nA, pairing.pkB, pairing.nB)
    (s2,) = pairing.bo.drawn[2:]
    for bit in range(256):
        paired = pairing.answered.finish(b"\x01\x04" + crypto.hpke_seal(pairing.pkA, info, flip(s2, bit)))
        assert paired.words == pairing.inviter.words
        assert paired.auth_root != pairing.inviter.auth_root


@pytest.mark.parametrize("number", [3, 4])
def test_T_WORDS_1_a_bit_changed_on_the_way_makes_no_bond(pairing: Pairing, number: int) -> None:
    message = pairing.message3 if number == 3 else pairing.message4
    for bit in range(16, len(message) * 8, 53):
        with pytest.raises(PairingBroken):
            if number == 3:
                pairing.accepting.reveal(flip(message, bit), Seeded(bit))
            else:
                pairing.answered.finish(flip(message, bit))


def test_T_WORDS_1_random_runs_never_match() -> None:
    assert middles_that_match(20_000) == 0


@pytest.mark.full
def test_T_WORDS_1_a_million_random_runs_never_match() -> None:
    assert middles_that_match(1_000_000) == 0


def middles_that_match(runs: int) -> int:
    """A middle with fresh keys of its own towards each side; words only, as no KEM has a part in them."""
    draw = random.Random(1).randbytes
    matches = 0
    for _ in range(runs):
        ada, bo, to_ada, to_bo = ((draw(1216), draw(32)) for _ in range(4))
        matches += six_words(*ada, *to_ada) == six_words(*to_bo, *bo)
    return matches
