"""The envelope: who can open, who can write, in which order things are checked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from letter_kit import BOND, INCARNATION, Road, forge, letter, road
from tiercel import crypto, wire
from tiercel.errors import (
    Damaged,
    Duplicate,
    Forged,
    KeyExpired,
    MalformedBundle,
    OtherBond,
    SealError,
    UsageError,
)
from tiercel.letter import record
from tiercel.sealing import envelope, padding
from tiercel.sealing.envelope import BondKeys, Sealed, context, open_letter, receipt_proof, split_bundle
from tiercel.sealing.padding import pad_body
from tiercel.sealing.verdict import verdict_for
from tiercel.wire import lp

RECORD = record.encode_letter(letter())
STRANGER = BondKeys(BOND.bond_id, bytes(32))


def test_what_is_sealed_opens_and_nothing_of_it_shows() -> None:
    made = road(1)
    bundle = made.seal(RECORD)
    assert made.open(bundle) == RECORD
    assert len(bundle) == 1792 and bundle[4:12] == made.gift.pid and bundle[16:32] == INCARNATION
    assert made.seal(RECORD)[32:] != bundle[32:]  # HPKE is randomised
    assert repr(BOND.auth_root)[2:-1] not in repr(BOND)
    assert "envelope" not in repr(split_bundle(bundle))


# -- T-BIND-1 --------------------------------------------------------------------------------------

FIELDS = ["version", "label", "bond", "direction", "incarnation", "pid", "public key"]


def flipped(bundle: bytes) -> bytes:
    return bundle[:-1] + bytes([bundle[-1] ^ 1])


@pytest.mark.parametrize("field", FIELDS)
def test_T_BIND_1(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change one of the seven fields on the opening side: what opened before is damaged."""
    made = road("bind")
    bundle = made.seal(RECORD)
    real = envelope.context

    def changed(*parts: object) -> bytes:
        items = unjoin(real(*parts))  # type: ignore[arg-type]
        at = FIELDS.index(field)
        items[at] = bytes([items[at][0] ^ 1]) + items[at][1:]
        return lp(*items)

    assert made.open(bundle) == RECORD
    monkeypatch.setattr(envelope, "context", changed)
    with pytest.raises(Damaged):
        made.open(bundle)


@pytest.mark.parametrize("field", FIELDS)
def test_T_BIND_1_under_the_mac_too(field: str) -> None:
    """With HPKE's binding right and only the MAC's changed, the letter is forged: the two bind alone."""
    made = road("bind")
    body = pad_body(RECORD)
    items = unjoin(context(BOND.bond_id, 0, INCARNATION, made.gift.pid, made.gift.public_hash))
    right = forge(made, envelope._mac(BOND, made.gift.token, lp(*items), body) + body)
    assert made.open(right) == RECORD
    at = FIELDS.index(field)
    items[at] = bytes([items[at][0] ^ 1]) + items[at][1:]
    with pytest.raises(Forged):
        made.open(forge(made, envelope._mac(BOND, made.gift.token, lp(*items), body) + body))


def unjoin(joined: bytes) -> list[bytes]:
    items = []
    while joined:
        size = int.from_bytes(joined[:4], "big")
        items.append(joined[4 : 4 + size])
        joined = joined[4 + size :]
    assert len(items) == len(FIELDS)
    return items


def test_T_BIND_1_through_the_arguments() -> None:
    made = road("bind")
    bundle = made.seal(RECORD)
    sealed = split_bundle(bundle)
    other = road("other")
    flip = bytes(15) + b"\x01"
    for bond, direction, prekey, parts in [
        (replace(BOND, bond_id=flip), 0, made.prekey, sealed),
        (BOND, 1, made.prekey, sealed),
        (BOND, 0, other.prekey, sealed),
        (BOND, 0, replace(made.prekey, public_hash=other.prekey.public_hash), sealed),
        (BOND, 0, replace(made.prekey, seed=other.prekey.seed), sealed),
        (BOND, 0, made.prekey, replace(sealed, incarnation=flip)),
        (BOND, 0, made.prekey, replace(sealed, pid=other.prekey.pid)),
        (BOND, 0, made.prekey, replace(sealed, envelope=sealed.envelope[:-1])),
        (BOND, 0, made.prekey, replace(sealed, envelope=b"")),
    ]:
        with pytest.raises(Damaged):
            open_letter(bond, direction, prekey, parts)
    for prekey in (replace(made.prekey, token=other.prekey.token), replace(made.prekey, token=bytes(32))):
        with pytest.raises(Forged):
            open_letter(BOND, 0, prekey, sealed)
    with pytest.raises(Forged):
        open_letter(STRANGER, 0, made.prekey, sealed)


def test_every_flipped_byte_of_a_bundle_is_seen() -> None:
    made = road("flip")
    bundle = made.seal(RECORD)
    for at in range(0, len(bundle), 7):
        changed = bundle[:at] + bytes([bundle[at] ^ 1]) + bundle[at + 1 :]
        with pytest.raises((Damaged, MalformedBundle)):
            made.open(changed)


# -- T-AUTH-1, T-AUTH-2, T-INFO-1 ------------------------------------------------------------------


def mac_of(made: Road, body: bytes, bond: BondKeys = BOND, direction: int = 0, token: bytes | None = None) -> bytes:
    bound = context(bond.bond_id, direction, INCARNATION, made.gift.pid, made.gift.public_hash)
    return envelope._mac(bond, token or made.gift.token, bound, body)


BODY = pad_body(RECORD)
FORGERIES: dict[str, Callable[[Road], bytes]] = {
    "a stranger who has the gift": lambda made: replace(made, bond=STRANGER).seal(RECORD),
    "an old copy of the bond without this token": lambda made: replace(
        made, gift=replace(made.gift, token=bytes(32))
    ).seal(RECORD),
    "another text under a true MAC": lambda made: forge(made, mac_of(made, BODY) + pad_body(RECORD[:-1])),
    "the MAC of the other direction": lambda made: forge(made, mac_of(made, BODY, direction=1) + BODY),
    "the MAC of another bond": lambda made: forge(made, mac_of(made, BODY, replace(BOND, bond_id=bytes(16))) + BODY),
    "the MAC of another prekey": lambda made: forge(made, mac_of(road("elsewhere"), BODY) + BODY),
    "no MAC but zeros": lambda made: forge(made, bytes(32) + BODY),
    "one bit of the MAC": lambda made: forge(made, bytes([mac_of(made, BODY)[0] ^ 1]) + mac_of(made, BODY)[1:] + BODY),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_T_AUTH_1(name: str) -> None:
    made = road("auth")
    with pytest.raises(Forged):
        made.open(FORGERIES[name](made))


def test_T_AUTH_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the check of the MAC the tests above go wrong: they have teeth."""
    made = road("auth")
    monkeypatch.setattr(crypto, "same", lambda left, right: True)
    undetected = 0
    for forged in FORGERIES.values():
        try:
            undetected += made.open(forged(made)) is not None
        except SealError:
            continue
    assert undetected >= 5
    assert open_letter(STRANGER, 0, made.prekey, split_bundle(made.seal(RECORD))) == RECORD


@pytest.mark.parametrize("name", [*FORGERIES, "damaged"])
def test_T_INFO_1(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing inside is looked at before the MAC is verified."""
    made = road("auth")
    bundle = FORGERIES[name](made) if name in FORGERIES else flipped(made.seal(RECORD))

    def touched(*_: object) -> None:
        pytest.fail("a parser saw bytes that are not authentic")

    for module, parser in [
        (padding, "unpad_body"), (record, "decode_letter"), (wire, "decode_record"),
        (wire, "record_version"),
    ]:  # fmt: skip
        monkeypatch.setattr(module, parser, touched)
    with pytest.raises((Forged, Damaged)):
        made.open(bundle)


def test_T_INFO_1_an_envelope_without_room_for_a_mac() -> None:
    made = road("auth")
    for plain in (b"", bytes(31)):
        bundle = forge(made, plain)
        with pytest.raises(MalformedBundle):
            split_bundle(bundle)
        with pytest.raises(Forged):
            open_letter(BOND, 0, made.prekey, Sealed(made.gift.pid, INCARNATION, bundle[36:]))


def test_authentic_but_wrongly_padded_is_malformed() -> None:
    made = road("pad")
    body = BODY[:-1] + b"\x01"
    with pytest.raises(MalformedBundle):
        made.open(forge(made, mac_of(made, body) + body))


# -- T-LATE ----------------------------------------------------------------------------------------


def talk(letters: int) -> None:
    first = road("late")
    late = first.seal(RECORD)
    waiting: deque[tuple[Road, bytes]] = deque()
    for number in range(letters):
        made = road(number, direction=number % 2)
        waiting.append((made, made.seal(RECORD)))
        if len(waiting) > 5:
            opener, bundle = waiting.popleft()
            assert opener.open(bundle) == RECORD
    assert first.open(late) == RECORD


def test_T_LATE_1() -> None:
    talk(300)


@pytest.mark.full
def test_T_LATE_1_full() -> None:
    talk(10_000)


def test_T_LATE_1_in_any_order() -> None:
    sealed = [(made, made.seal(RECORD + bytes([n]))) for n in range(60) for made in [road(n)]]
    Random(3).shuffle(sealed)
    assert sorted(made.open(bundle)[-1] for made, bundle in sealed) == list(range(60))


def test_T_LATE_2() -> None:
    """The five verdicts are five classes, and each is reached."""
    made = road("late")
    bundle = made.seal(RECORD)
    state = {"live": False, "spent": False, "expired": False, "other_bond": False}

    def judge(bond: BondKeys, data: bytes, **known: bool) -> None:
        sealed = split_bundle(data)
        verdict_for(sealed.pid, **(state | known))
        open_letter(bond, 0, made.prekey, sealed)

    reached = set()
    for bond, data, known in [
        (BOND, bundle, {"spent": True, "live": True}),
        (BOND, bundle, {"expired": True}),
        (STRANGER, bundle, {"live": True}),
        (BOND, bundle[:-1] + b"\0", {"live": True}),
        (BOND, bundle, {"other_bond": True, "live": True}),
    ]:
        with pytest.raises(SealError) as caught:
            judge(bond, data, **known)
        reached.add(type(caught.value))
    assert reached == {Duplicate, KeyExpired, Forged, Damaged, OtherBond}
    assert not any(issubclass(a, b) for a in reached for b in reached - {a})
    judge(BOND, bundle, live=True)


def test_a_key_that_was_never_here_is_told_apart_from_one_that_is_gone() -> None:
    for expired in (False, True):
        with pytest.raises(KeyExpired) as caught:
            verdict_for(bytes(8), live=False, spent=False, expired=expired, other_bond=False)
        assert caught.value.unknown is not expired
    assert KeyExpired().unknown is False


# -- sizes -----------------------------------------------------------------------------------------


def test_a_bundle_of_wrong_parts_is_malformed() -> None:
    good = road(1).seal(RECORD)
    parts = [good[4:12], good[16:32], good[36:]]
    for wrong in (
        b"", good[:-1], good + b"\0", good * 2, bytes(1792), b"\xff" * 1792, lp(*parts[:2]), lp(*parts, b""),
        lp(parts[0][:7], parts[1] + b"x", parts[2]), lp(parts[1], parts[0], parts[2]),
        lp(parts[0], parts[1], parts[2][:1000]) + bytes(756 - 168),
        good[:32] + (len(parts[2]) - 1).to_bytes(4, "big") + good[36:],
    ):  # fmt: skip
        with pytest.raises(MalformedBundle):
            split_bundle(wrong)


def test_a_context_of_wrong_sizes_is_our_own_bug() -> None:
    good: tuple[bytes, int, bytes, bytes, bytes] = (bytes(16), 0, bytes(16), bytes(8), bytes(32))
    assert len(context(*good)) < 200
    for at, wrong in [(0, bytes(15)), (1, 2), (1, -1), (2, bytes(17)), (3, b""), (4, bytes(31))]:
        with pytest.raises(UsageError):
            context(*(wrong if index == at else part for index, part in enumerate(good)))  # type: ignore[arg-type]


def test_receipts_of_the_two_kinds_and_of_other_letters_differ() -> None:
    secret, letter_id = bytes(range(16)), bytes(range(50, 66))
    by_hand = crypto.hmac_sha256(secret, lp(b"tiercel/1", b"receipt", b"\x01", letter_id))
    assert receipt_proof(secret, 1, letter_id) == by_hand
    made = {receipt_proof(s, k, i) for s in (secret, bytes(16)) for k in (0, 1) for i in (letter_id, bytes(16))}
    assert len(made) == 8
