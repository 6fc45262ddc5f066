"""What every cryptographic module must do, run over the real one and over the symbols of the simulated world."""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest

from tiercel import crypto
from tiercel.errors import KeyDegenerate, SealBroken
from tiercel.testing.entropy import SeededEntropy
from tiercel.testing.world import symbolic

LENGTHS = (0, 1, 16, 1000, 65_536)
KEY, NONCE = bytes(range(32)), bytes(range(12))


@pytest.fixture(params=[crypto, symbolic], ids=["real", "symbolic"])
def suite(request: pytest.FixtureRequest) -> ModuleType:
    symbolic.begin(1)
    return request.param


@pytest.fixture
def draw() -> SeededEntropy:
    return SeededEntropy("conformance")


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_the_symbols_have_every_public_name_and_signature() -> None:
    for name in [*public(crypto), "ZERO_NONCE", "WRONG_TAG"]:
        real, symbol = getattr(crypto, name), getattr(symbolic, name)
        assert type(symbol) is type(real) or callable(symbol), name
        if inspect.isfunction(real):
            assert list(inspect.signature(symbol).parameters.items()) == list(
                inspect.signature(real).parameters.items()
            )
    for name in public(crypto.StreamCipher):
        signatures = {
            str(inspect.signature(getattr(kind, name))) for kind in (crypto.StreamCipher, symbolic.StreamCipher)
        }
        assert len(signatures) == 1, name


def public(thing: object) -> list[str]:
    """Names of functions and classes that are its own and not private."""
    inside = getattr(thing, "__name__", "")
    return [
        name
        for name, value in vars(thing).items()
        if not name.startswith("_") and callable(value)
        if getattr(value, "__module__", "") in (inside, getattr(thing, "__module__", ""))
    ]


def test_hashes_and_labels_are_the_real_ones() -> None:
    assert symbolic.sha256(b"abc") == crypto.sha256(b"abc")
    assert symbolic.sha256_stream().digest() == crypto.sha256(b"")
    assert symbolic.label("tag", b"\0", b"xy") == crypto.label("tag", b"\0", b"xy")
    assert symbolic.ZERO_NONCE == crypto.ZERO_NONCE


def test_derivations_need_every_input(suite: ModuleType) -> None:
    made = [
        suite.hkdf(KEY, b"", b"info"), suite.hkdf(KEY[::-1], b"", b"info"), suite.hkdf(KEY, b"salt", b"info"),
        suite.hkdf(KEY, b"", b"other"), suite.hkdf(KEY, b"sal", b"tinfo"), suite.hmac_sha256(KEY, b"info"),
        suite.hmac_sha256(KEY, b"other"), suite.hmac_sha256(KEY[::-1], b"info"),
    ]  # fmt: skip
    assert len(set(made)) == len(made) and {len(each) for each in made} == {32}
    assert suite.hkdf(KEY, b"", b"info") == made[0]
    for size in (1, 16, 32, 33, 64, 96, 200):
        assert len(suite.hkdf(KEY, b"salt", b"info", size)) == size
    for kind in (bytearray, memoryview):
        assert suite.hmac_sha256(KEY, kind(b"info")) == made[5]


def test_passphrases_need_every_input(suite: ModuleType) -> None:
    asked = [
        (b"a", b"s" * 16, 64, 1, 1), (b"b", b"s" * 16, 64, 1, 1), (b"a", b"t" * 16, 64, 1, 1),
        (b"a", b"s" * 16, 128, 1, 1), (b"a", b"s" * 16, 64, 2, 1),
    ]  # fmt: skip
    made = [suite.argon2id(*each) for each in asked]
    assert len(set(made)) == len(made) and {len(each) for each in made} == {64}
    assert suite.argon2id(*asked[0]) == made[0]


@pytest.mark.parametrize("length", LENGTHS)
def test_what_was_sealed_opens(suite: ModuleType, draw: SeededEntropy, length: int) -> None:
    key, plain = draw.token(32), draw.token(length)
    sealed = suite.aead_seal(key, NONCE, plain, b"aad")
    assert len(sealed) == length + 16
    assert suite.aead_open(key, NONCE, sealed, b"aad") == plain
    assert suite.aead_open(key, NONCE, memoryview(sealed), b"aad") == plain
    assert suite.aead_seal(key, NONCE, plain, b"aad") == sealed


def test_whatever_differs_is_refused(suite: ModuleType, draw: SeededEntropy) -> None:
    key, plain = draw.token(32), draw.token(100)
    sealed = suite.aead_seal(key, NONCE, plain, b"aad")
    wrong = [
        (draw.token(32), NONCE, sealed, b"aad"), (key, bytes(12), sealed, b"aad"), (key, NONCE, sealed, b"add"),
        (key, NONCE, sealed, b""), (key, NONCE, sealed[:-1], b"aad"), (key, NONCE, sealed + b"\0", b"aad"),
        (key, NONCE, b"", b"aad"), (key, NONCE, sealed[:15], b"aad"), (key, NONCE, bytes(116), b"aad"),
        *((key, NONCE, flipped(sealed, bit), b"aad") for bit in range(0, len(sealed) * 8, 13)),
    ]  # fmt: skip
    for each in wrong:
        with pytest.raises(SealBroken):
            suite.aead_open(*each)


def test_keys_and_nonces_of_other_lengths_are_mistakes(suite: ModuleType) -> None:
    for key, nonce in ((KEY[:31], NONCE), (KEY + b"\0", NONCE), (b"", NONCE), (KEY, NONCE[:11])):
        with pytest.raises(ValueError):
            suite.aead_seal(key, nonce, b"")
        with pytest.raises(ValueError):
            suite.aead_open(key, nonce, bytes(16))
    with pytest.raises(ValueError):
        suite.StreamCipher(KEY[:31])


def test_a_stream_seals_into_the_callers_buffers(suite: ModuleType, draw: SeededEntropy) -> None:
    key = draw.token(32)
    cipher = suite.StreamCipher(key)
    for number, length in enumerate(LENGTHS):
        nonce, plain = number.to_bytes(12, "big"), draw.token(length)
        for aad in (b"", b"aad"):
            cipher = suite.StreamCipher(draw.token(32))
            buffer = memoryview(bytearray(length + 26))
            out = buffer[5:-5]
            cipher.seal_into(nonce, memoryview(plain), out, aad)
            assert not any(buffer[:5]) and not any(buffer[-5:])
            back = memoryview(bytearray(length + 2))
            cipher.open_into(nonce, out, back[1:-1], aad)
            assert back[1:-1] == plain and not back[0] and not back[-1]
    assert suite.aead_open(key, NONCE, _streamed(suite, key, b"text")) == b"text"


def _streamed(suite: ModuleType, key: bytes, plain: bytes) -> bytes:
    out = bytearray(len(plain) + 16)
    suite.StreamCipher(key).seal_into(NONCE, memoryview(plain), memoryview(out))
    return bytes(out)


def test_a_stream_that_does_not_verify_leaves_nothing(suite: ModuleType) -> None:
    sealed = bytearray(_streamed(suite, KEY, b"text that is secret"))
    sealed[3] ^= 1
    out = memoryview(bytearray(b"x" * 19))
    with pytest.raises(SealBroken):
        suite.StreamCipher(KEY).open_into(NONCE, memoryview(sealed), out)
    assert bytes(out) == bytes(19)
    with pytest.raises(ValueError):
        suite.StreamCipher(KEY).seal_into(NONCE, memoryview(b"text"), memoryview(bytearray(19)))


@pytest.mark.parametrize("length", LENGTHS)
def test_hpke(suite: ModuleType, draw: SeededEntropy, length: int) -> None:
    seed, plain = draw.token(96), draw.token(length)
    public = suite.kem_public(seed)
    assert len(public) == 1216 and suite.kem_public(seed) == public != suite.kem_public(draw.token(96))
    suite.kem_check(public)
    sealed = suite.hpke_seal(public, b"info", plain)
    assert len(sealed) == 1120 + length + 16
    assert suite.hpke_seal(public, b"info", plain) != sealed, "each seal has its own secret"
    assert suite.hpke_open(seed, b"info", sealed) == plain


def test_hpke_refuses_whatever_differs(suite: ModuleType, draw: SeededEntropy) -> None:
    seed = draw.token(96)
    sealed = suite.hpke_seal(suite.kem_public(seed), b"info", b"text")
    wrong = [
        (draw.token(96), b"info", sealed), (seed, b"inf", sealed), (seed, b"info", sealed[:-1]),
        (seed, b"info", sealed + b"\0"), (seed, b"info", b""), (seed, b"info", sealed[:1135]),
        *((seed, b"info", flipped(sealed, bit)) for bit in range(0, 1000 * 8, 997)),
        *((seed, b"info", flipped(sealed, bit)) for bit in range(1120 * 8, len(sealed) * 8, 7)),
    ]  # fmt: skip
    for each in wrong:
        with pytest.raises(SealBroken):
            suite.hpke_open(*each)


def test_keys_that_must_not_be_sealed_to(suite: ModuleType, draw: SeededEntropy) -> None:
    good = suite.kem_public(draw.token(96))
    low_order = bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")
    bad = [
        b"", good[:-1], good + b"\0", bytes(1216), b"\xff" * 1216, bytes(1152) + good[1152:], good[:-32] + bytes(32),
        good[:-32] + low_order, good[:-1] + bytes([good[-1] | 0x80]), b"\xff" * 3 + good[3:],
    ]  # fmt: skip
    for public in bad:
        with pytest.raises(KeyDegenerate):
            suite.kem_check(public)
    for public in (bad[0], bad[1], bad[2], bad[6], bad[7], bad[9]):
        with pytest.raises(KeyDegenerate):
            suite.hpke_seal(public, b"", b"")


def test_seeds_of_other_lengths_are_mistakes(suite: ModuleType) -> None:
    for use in (suite.kem_public, lambda seed: suite.hpke_open(seed, b"", bytes(1200))):
        with pytest.raises(ValueError):
            use(bytes(95))


def test_the_rest(suite: ModuleType) -> None:
    suite.require_suite()
    assert suite.same(KEY, bytes(range(32))) and not suite.same(KEY, NONCE)
    assert issubclass(suite.WRONG_TAG, Exception)
