"""Gifts: what a hostile correspondent may send as a key, and what is kept of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest

from letter_kit import BOND, INCARNATION, road
from tiercel import crypto
from tiercel.errors import KeyDegenerate, MalformedBundle, TiercelError
from tiercel.sealing.envelope import seal_letter
from tiercel.sealing.prekeys import (
    Gift,
    accept_gifts,
    check_gift,
    make_prekey,
    pairing_gift,
    pairing_prekey,
    parse_gift,
    surplus,
)
from tiercel.testing.entropy import SeededEntropy

# Points of low order on Curve25519 and its twist, canonical and not, as in Wycheproof and at cr.yp.to/ecdh.html.
LOW_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # p - 1
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # p, a second 0
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # p + 1, a second 1
    # Low order only where the top bit is not masked as RFC 7748 says; here that bit alone refuses them.
    "cdeb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
    "4c9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7",
    "d9ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",  # 2p - 1
    "daffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",  # 2p
    "dbffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",  # 2p + 1
]
P = 2**255 - 19


def top_bit(point: bytes) -> bytes:
    return point[:-1] + bytes([point[-1] | 0x80])


def bad_points() -> Iterator[bytes]:
    for text in LOW_ORDER:
        yield bytes.fromhex(text)
        yield top_bit(bytes.fromhex(text))
    for u in range(P, 2**255):  # every encoding that is not reduced
        yield u.to_bytes(32, "little")
        yield top_bit(u.to_bytes(32, "little"))
    yield top_bit(road("honest").gift.public[1184:])


def bad_keys() -> Iterator[bytes]:
    good = road("honest").gift.public
    for point in bad_points():
        yield good[:1184] + point
    for filler in (b"\x00", b"\xff", b"\x01"):
        yield filler * 1216
        yield filler * 1184 + good[1184:]
        yield filler * 1152 + good[1152:]
    yield b"\xff" * 3 + good[3:]  # one coefficient out of range
    for length in (0, 1, 32, 1184, 1215):
        yield good[:length]
    yield good + b"\0"
    yield good * 2


def test_T_KEY_1() -> None:
    token = bytes(range(32))
    keys = list(bad_keys())
    assert len(keys) > 60
    for index, public in enumerate(keys):
        pid = index.to_bytes(8, "big")
        with pytest.raises(KeyDegenerate):
            check_gift(Gift(pid, public, token))
        with pytest.raises(KeyDegenerate):
            pairing_gift(public, token)
        assert accept_gifts([pid + public + token], set(), set()) == []


def test_T_KEY_1_sealing_itself_refuses_low_order_keys() -> None:
    good = road("honest").gift
    for text in LOW_ORDER[:7]:
        gift = Gift(good.pid, good.public[:1184] + bytes.fromhex(text), good.token)
        with pytest.raises(KeyDegenerate):
            seal_letter(BOND, 0, INCARNATION, gift, b"")


def test_T_KEY_1_wrong_lengths() -> None:
    gift = make_prekey(SeededEntropy(1))[1]
    for wrong in (b"", gift[:-1], gift + b"\0", gift * 2):
        with pytest.raises(MalformedBundle):
            parse_gift(wrong)
        assert accept_gifts([wrong], set(), set()) == []
    good = parse_gift(gift)
    for wrong_gift in (Gift(good.pid[1:], good.public, good.token), Gift(good.pid, good.public, good.token[1:])):
        with pytest.raises(KeyDegenerate):
            check_gift(wrong_gift)
        with pytest.raises(TiercelError):
            seal_letter(BOND, 0, INCARNATION, Gift(good.pid[1:], good.public, good.token), b"")


def test_a_gift_hands_over_the_public_side_only() -> None:
    prekey, data = make_prekey(SeededEntropy(7))
    gift = parse_gift(data)
    assert len(data) == 1256
    assert (gift.pid, gift.token, gift.public_hash) == (prekey.pid, prekey.token, prekey.public_hash)
    assert gift.public == crypto.kem_public(prekey.seed)
    assert prekey.seed not in data
    check_gift(gift)
    for thing, secrets in ((prekey, (prekey.seed, prekey.token)), (gift, (gift.public, gift.token))):
        assert not any(repr(secret)[2:-1] in repr(thing) or secret.hex() in repr(thing) for secret in secrets)
        assert re.fullmatch(r"(Prekey|Gift)\(pid=b[^=]*(, public_hash=b[^=]*)?\)", repr(thing)) or "seed" not in repr(
            thing
        )


def test_the_pairing_key_is_the_first_prekey() -> None:
    seed, token = bytes(range(96)), bytes(32)
    ours, theirs = pairing_prekey(seed, token), pairing_gift(crypto.kem_public(seed), token)
    assert ours.pid == theirs.pid == crypto.sha256(crypto.kem_public(seed))[:8]
    assert ours.public_hash == theirs.public_hash
    assert ours.token == theirs.token == token


@cache
def gifts(count: int) -> list[bytes]:
    entropy = SeededEntropy("gifts")
    return [make_prekey(entropy)[1] for _ in range(count)]


def test_T_GIFT_1() -> None:
    """A thousand gifts in letters of 256: the newest 256 stay; repeats and our own keys never come in."""
    ours_prekey, ours_gift = make_prekey(SeededEntropy("ours"))
    other_pid = bytes(8) + ours_gift[8:]  # our key under a name of theirs
    ours = {ours_prekey.pid, ours_prekey.public_hash}
    held: list[Gift] = []
    known: set[bytes] = set()
    for start in range(0, 1_000, 250):
        letter = [ours_gift, other_pid, *gifts(1_000)[start : start + 250], gifts(1_000)[start], ours_gift]
        accepted = accept_gifts(letter, known, ours)
        held = held[surplus(len(held), len(accepted)) :] + accepted
        known |= {gift.pid for gift in accepted}
        assert len(held) <= 256
    assert [gift.pid + gift.public + gift.token for gift in held] == gifts(1_000)[-256:]
    assert accept_gifts(gifts(1_000)[-256:], known, ours) == []


def test_T_GIFT_1_repeats_by_either_name() -> None:
    first, second = gifts(1_000)[:2]
    same_pid, same_key = first[:8] + second[8:], second[:8] + first[8:]
    assert [gift.pid for gift in accept_gifts([first, same_pid], set(), set())] == [first[:8]]
    assert [gift.pid for gift in accept_gifts([first, same_key], set(), set())] == [first[:8]]
    assert accept_gifts([first], {first[:8]}, set()) == []
    assert accept_gifts([first], {crypto.sha256(first[8:-32])}, set()) == []
    assert accept_gifts([first], set(), {crypto.sha256(first[8:-32])}) == []


def claim(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many gifts at once cost no more trial seals than 256 do."""
    trials: list[bytes] = []
    real = crypto.kem_check

    def counted(public: bytes) -> None:
        trials.append(public)
        real(public)

    monkeypatch.setattr(crypto, "kem_check", counted)
    junk = [number.to_bytes(8, "big") + number.to_bytes(1248, "big") for number in range(1_000)] * (count // 1_000)
    for claimed, kept in [
        (junk + gifts(1_000)[:256], gifts(1_000)[:256]),
        (gifts(1_000)[:1] * count, gifts(1_000)[:1]),
        (junk, []),
        (gifts(1_000) * (count // 1_000), gifts(1_000)[-256:]),
    ]:
        trials.clear()
        assert accept_gifts(claimed, set(), set()) == [parse_gift(gift) for gift in kept]
        assert len(trials) <= 256


def test_T_GIFT_1_ten_thousand_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    claim(10_000, monkeypatch)


@pytest.mark.full
def test_T_GIFT_1_a_million_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    claim(1_000_000, monkeypatch)


def test_the_cap_counts_what_is_held() -> None:
    assert [surplus(held, new) for held, new in [(0, 0), (256, 0), (256, 1), (200, 56), (200, 57), (10, 256)]] == [
        0, 0, 1, 0, 1, 10,
    ]  # fmt: skip
