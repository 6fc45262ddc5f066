"""The one suite at its exact edges: sizes, refusals, and what it leaves behind."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hpke as library

from tiercel import crypto
from tiercel.errors import KeyDegenerate, SealBroken, SuiteMissing
from tiercel.wire import lp

KEY, NONCE, SEED = bytes(range(32)), bytes(range(12)), bytes(range(96))


def test_hashes_and_labels_are_those_of_the_specification() -> None:
    assert crypto.label("tag", b"x") == lp(b"tiercel/1", b"tag", b"x")
    assert crypto.sha256(b"x") == hashlib.sha256(b"x").digest()
    running = crypto.sha256_stream()
    running.update(b"x")
    assert running.digest() == crypto.sha256(b"x")
    assert crypto.hmac_sha256(KEY, b"x") == hmac.new(KEY, b"x", "sha256").digest()
    assert crypto.same(b"a", b"a")
    assert not crypto.same(b"a", b"b")
    assert bytes(12) == crypto.ZERO_NONCE


def test_hkdf_is_rfc_5869() -> None:
    """Its first test case, and the empty salt that stands for zeros."""
    secret, salt, info = b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA))
    made = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    assert crypto.hkdf(secret, salt, info, 42).hex() == made
    assert len(crypto.hkdf(secret, salt, info)) == 32
    assert crypto.hkdf(secret, b"", b"").hex() == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"


def test_an_empty_text_is_sealed_and_anything_shorter_than_its_tag_is_broken() -> None:
    sealed = crypto.aead_seal(KEY, NONCE, b"", b"aad")
    assert len(sealed) == 16
    assert crypto.aead_open(KEY, NONCE, sealed, b"aad") == b""
    assert crypto.aead_open(KEY, NONCE, memoryview(crypto.aead_seal(KEY, NONCE, b"dear"))) == b"dear"
    for wrong in (sealed[:-1], b"", sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(SealBroken):
            crypto.aead_open(KEY, NONCE, wrong, b"aad")
    with pytest.raises(SealBroken):
        crypto.aead_open(KEY, NONCE, sealed)


def test_a_stream_leaves_nothing_of_what_did_not_verify() -> None:
    cipher, sealed, out = crypto.StreamCipher(KEY), bytearray(20), bytearray(b"dear")
    cipher.seal_into(NONCE, memoryview(b"dear"), memoryview(sealed), b"aad")
    assert bytes(sealed) == crypto.aead_seal(KEY, NONCE, b"dear", b"aad")
    cipher.open_into(NONCE, memoryview(sealed), memoryview(out), b"aad")
    assert out == b"dear"
    for spoilt in (bytes(20), bytes(sealed[:-1]) + bytes([sealed[-1] ^ 1])):
        out[:] = b"kept"
        with pytest.raises(SealBroken):
            cipher.open_into(NONCE, memoryview(spoilt), memoryview(out), b"aad")
        assert out == bytes(4)
    out[:] = b"kept"
    with pytest.raises(SealBroken):
        cipher.open_into(NONCE, memoryview(sealed), memoryview(out))
    with pytest.raises(SealBroken):
        cipher.open_into(NONCE, memoryview(sealed), memoryview(bytearray(5)), b"aad")


def test_without_associated_data_there_is_none() -> None:
    cipher, sealed = crypto.StreamCipher(KEY), bytearray(20)
    cipher.seal_into(NONCE, memoryview(b"dear"), memoryview(sealed))
    assert bytes(sealed) == crypto.aead_seal(KEY, NONCE, b"dear", b"") == crypto.aead_seal(KEY, NONCE, b"dear")


@pytest.mark.parametrize("size", [0, 95, 97])
def test_a_secret_key_has_its_one_size(size: int) -> None:
    with pytest.raises(ValueError, match="96 bytes"):
        crypto.kem_public(bytes(size))
    with pytest.raises(ValueError, match="96 bytes"):
        crypto.hpke_open(bytes(size), b"", bytes(2000))


def changed(public: bytes, at: int, data: bytes) -> bytes:
    return public[:at] + data + public[at + len(data) :]


def test_a_key_that_was_made_is_fit_and_anything_like_it_is_looked_at() -> None:
    public = crypto.kem_public(SEED)
    assert len(public) == 1216
    crypto.kem_check(public)
    for wrong in (public[:-1], public + b"\0", b"", bytes(1216)):
        with pytest.raises(KeyDegenerate):
            crypto.kem_check(wrong)
    with pytest.raises(KeyDegenerate):
        crypto.kem_check(changed(public, 1215, bytes([public[1215] | 0x80])))
    with pytest.raises(KeyDegenerate):
        crypto.kem_check(changed(public, 0, b"\xff\xff\xff"))  # a coefficient out of range
    with pytest.raises(KeyDegenerate):
        crypto.kem_check(changed(public, 1184, bytes(32)))  # of low order


@pytest.mark.parametrize(("values", "fit"), [(15, False), (16, True)])
def test_a_vector_needs_sixteen_different_bytes(monkeypatch: pytest.MonkeyPatch, values: int, fit: bool) -> None:
    """The 32 bytes after the vector are a seed, and do not make up for it."""
    monkeypatch.setattr(crypto, "hpke_seal", lambda *_: b"")
    vector = bytes(n % values for n in range(1152))
    verdict(vector + bytes(range(200, 232)) + bytes(range(32)), fit)
    verdict(vector[:-1] + b"\xff" + bytes(range(200, 232)) + bytes(range(32)), True)


@pytest.mark.parametrize(("values", "fit"), [(3, False), (4, True)])
def test_a_point_needs_four_different_bytes(monkeypatch: pytest.MonkeyPatch, values: int, fit: bool) -> None:
    monkeypatch.setattr(crypto, "hpke_seal", lambda *_: b"")
    public = bytes(range(256)) * 4 + bytes(range(160)) + bytes(n % values for n in range(32))
    verdict(public, fit)


def verdict(public: bytes, fit: bool) -> None:
    assert len(public) == 1216
    if fit:
        crypto.kem_check(public)
        return
    with pytest.raises(KeyDegenerate):
        crypto.kem_check(public)


def test_hpke_binds_its_info_and_its_key() -> None:
    public = crypto.kem_public(SEED)
    sealed = crypto.hpke_seal(public, b"info", b"dear")
    assert len(sealed) == 1120 + 4 + 16
    assert crypto.hpke_open(SEED, b"info", sealed) == b"dear"
    for seed, info, data in ((SEED, b"other", sealed), (bytes(96), b"info", sealed), (SEED, b"info", sealed[:1119])):
        with pytest.raises(SealBroken):
            crypto.hpke_open(seed, info, data)
    for wrong in (public[:-1], public + b"\0", changed(public, 0, b"\xff\xff\xff"), changed(public, 1184, bytes(32))):
        with pytest.raises(KeyDegenerate):
            crypto.hpke_seal(wrong, b"", b"")


def test_argon2id_is_rfc_9106() -> None:
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    made = crypto.argon2id(b"a passphrase", b"sixteen bytes ok", 64, 2, 3)
    assert len(made) == 64
    same = Argon2id(salt=b"sixteen bytes ok", length=64, iterations=2, lanes=3, memory_cost=64)
    assert made == same.derive(b"a passphrase")


@pytest.mark.parametrize("error", [UnsupportedAlgorithm("none"), AttributeError("none")])
def test_without_its_suite_nothing_starts(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    class Nothing:
        def __init__(self, *_: object) -> None:
            raise error

    monkeypatch.setattr(library, "Suite", Nothing)
    fresh_start(monkeypatch)
    with pytest.raises(SuiteMissing):
        crypto.require_suite()
    with pytest.raises(SuiteMissing):
        crypto.hpke_seal(crypto.kem_public(SEED), b"", b"")


def test_without_ml_kem_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_seed: bytes) -> bytes:
        raise UnsupportedAlgorithm("no ML-KEM")

    fresh_start(monkeypatch)
    monkeypatch.setattr(crypto, "kem_public", refuse)
    with pytest.raises(SuiteMissing):
        crypto.require_suite()


def test_a_suite_that_opens_something_else_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh_start(monkeypatch)
    monkeypatch.setattr(crypto, "hpke_open", lambda *_: b"stop")
    with pytest.raises(SuiteMissing):
        crypto.require_suite()


def test_the_suite_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh_start(monkeypatch)
    crypto.require_suite()


def fresh_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has not looked yet; what is found here is not remembered."""
    monkeypatch.setattr(crypto, "require_suite", crypto.require_suite.__wrapped__)
    monkeypatch.setattr(crypto, "_suite", crypto._suite.__wrapped__)
