"""The one suite, and the only importer of the cryptographic library.

HPKE base mode (RFC 9180) with KEM 0x647A (ML-KEM-768 + X25519), HKDF-SHA256 and ChaCha20-Poly1305; HMAC and HKDF
with SHA-256; Argon2id. There is no negotiation and no fallback. Keys are passed as bytes of stated sizes and leave
this module only as such; nothing here draws randomness except HPKE itself.
"""

from __future__ import annotations

import hashlib
import hmac as _hmac
import threading
from functools import lru_cache

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import KeyDegenerate, SealBroken, SuiteMissing
from .limits import AEAD_TAG_BYTES, KEM_PUBLIC_BYTES, KEM_SEED_BYTES, KEY_BYTES, VERSION
from .wire import lp

_MLKEM_PUBLIC_BYTES = 1184
_MLKEM_SEED_BYTES = 64
ZERO_NONCE = bytes(12)
WRONG_TAG: type[Exception] = InvalidTag  # for those who set aside whatever a parcel raises; no room imports the library
# Two Argon2id runs with more than one lane, in two threads of one process, wait for each other for ever in OpenSSL's
# own thread pool (cryptography 50.0.2). One at a time.
_argon2_turn = threading.Lock()


def label(name: str, *items: bytes) -> bytes:
    """The ``info`` of every derivation: LP("tiercel/1", name, items...). Source: spec/sealing.md 1."""
    return lp(VERSION, name.encode("ascii"), *items)


def sha256(data: bytes | bytearray | memoryview) -> bytes:
    """H of the specification."""
    return hashlib.sha256(data).digest()


def sha256_stream() -> hashlib._Hash:
    """A running H, for files."""
    return hashlib.sha256()


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """HMAC of the specification; 32 bytes."""
    return _hmac.digest(key, data, "sha256")


def same(left: bytes, right: bytes) -> bool:
    """Compare secrets in constant time."""
    return _hmac.compare_digest(left, right)


def hkdf(secret: bytes, salt: bytes, info: bytes, size: int = KEY_BYTES) -> bytes:
    """HKDF-SHA256, extract and expand (RFC 5869)."""
    return HKDF(hashes.SHA256(), size, salt or None, info).derive(secret)


# -- AEAD ------------------------------------------------------------------------------------------


def aead_seal(key: bytes, nonce: bytes, plain: bytes, aad: bytes = b"") -> bytes:
    """ChaCha20-Poly1305 (RFC 8439): ciphertext and 16-byte tag. The key must be used once with this nonce."""
    try:
        return ChaCha20Poly1305(key).encrypt(nonce, plain, aad)
    finally:
        _leave_clean_registers()


def aead_open(key: bytes, nonce: bytes, sealed: bytes | memoryview, aad: bytes = b"") -> bytes:
    """Undo :func:`aead_seal`.

    Raises:
        SealBroken: The tag does not verify; nothing is released.
    """
    if len(sealed) < AEAD_TAG_BYTES:
        raise SealBroken()
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, sealed, aad)
    except InvalidTag as error:
        raise SealBroken() from error
    finally:
        _leave_clean_registers()


class StreamCipher:
    """ChaCha20-Poly1305 under one key into caller's buffers; releases the interpreter lock."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(key)

    def seal_into(self, nonce: bytes, plain: memoryview, out: memoryview, aad: bytes = b"") -> None:
        """Seal; ``out`` is 16 bytes longer than ``plain``."""
        self._cipher.encrypt_into(nonce, plain, aad, out)
        _leave_clean_registers()

    def open_into(self, nonce: bytes, sealed: memoryview, out: memoryview, aad: bytes = b"") -> None:
        """Open; ``out`` is 16 bytes shorter than ``sealed``.

        Raises:
            SealBroken: ``out`` is wiped: the library leaves unverified plaintext there.
        """
        try:
            self._cipher.decrypt_into(nonce, sealed, aad, out)
        except (InvalidTag, ValueError) as error:
            out[:] = bytes(len(out))
            raise SealBroken() from error
        finally:
            _leave_clean_registers()


def _leave_clean_registers() -> None:
    """Undo a slowness of the library: nothing is computed here that anyone uses.

    ChaCha20-Poly1305 of OpenSSL 4.0 ends without clearing the 512-bit registers it used, and all older vector code of
    the thread then waits for them: an ML-KEM key from its seed takes 120 us instead of 62, a zfec symbol 83 us instead
    of 40. SHA-512 clears them at its end, for 0.5 us. Elsewhere this does nothing.
    """
    hashlib.sha512(b"").digest()


# -- HPKE ------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _suite() -> hpke.Suite:
    try:
        return hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
    except (UnsupportedAlgorithm, AttributeError) as error:
        raise SuiteMissing() from error


def kem_public(seed: bytes) -> bytes:
    """The 1,216-byte public key of a 96-byte seed (ML-KEM-768 seed, then X25519 private key)."""
    _need(seed, KEM_SEED_BYTES)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(seed[:_MLKEM_SEED_BYTES]).public_key()
    x25519 = X25519PrivateKey.from_private_bytes(seed[_MLKEM_SEED_BYTES:]).public_key()
    return mlkem.public_bytes_raw() + x25519.public_bytes_raw()


def kem_check(public: bytes) -> None:
    """Refuse a public key that must not be sealed to.

    The library imports low-order X25519 points and an all-zero ML-KEM key, so a trial seal and a look at the
    encoded polynomial vector are needed before a key is stored.

    Raises:
        KeyDegenerate: Wrong length, out of range, low order, without variety, or a second name of an X25519 key.
    """
    if len(public) != KEM_PUBLIC_BYTES:
        raise KeyDegenerate()
    if len(set(public[: _MLKEM_PUBLIC_BYTES - 32])) < 16 or len(set(public[_MLKEM_PUBLIC_BYTES:])) < 4:
        raise KeyDegenerate()
    if public[-1] & 0x80:  # X25519 ignores this bit, so it would give one key two names
        raise KeyDegenerate()
    hpke_seal(public, b"", b"")


def hpke_seal(public: bytes, info: bytes, plain: bytes) -> bytes:
    """HPKE SealBase: enc (1,120 bytes), ciphertext, tag. Source: RFC 9180 section 6.1.

    Raises:
        KeyDegenerate: The key is out of range or of low order.
    """
    try:
        return _suite().encrypt(plain, _public_key(public), info=info)
    except ValueError as error:
        raise KeyDegenerate() from error
    finally:
        _leave_clean_registers()


def hpke_open(seed: bytes, info: bytes, sealed: bytes) -> bytes:
    """HPKE OpenBase.

    Raises:
        SealBroken: Wrong key, wrong info or changed bytes; they cannot be told apart.
    """
    _need(seed, KEM_SEED_BYTES)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(seed[:_MLKEM_SEED_BYTES])
    x25519 = X25519PrivateKey.from_private_bytes(seed[_MLKEM_SEED_BYTES:])
    try:
        return _suite().decrypt(sealed, hpke.MLKEM768X25519PrivateKey(mlkem, x25519), info=info)
    except (InvalidTag, ValueError) as error:
        raise SealBroken() from error
    finally:
        _leave_clean_registers()


def _public_key(public: bytes) -> hpke.MLKEM768X25519PublicKey:
    if len(public) != KEM_PUBLIC_BYTES:
        raise KeyDegenerate()
    try:
        return hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC_BYTES]),
            X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC_BYTES:]),
        )
    except ValueError as error:
        raise KeyDegenerate() from error


def _need(secret: bytes, size: int) -> None:
    if len(secret) != size:
        raise ValueError(f"a secret of {size} bytes is needed")


# -- passphrases -----------------------------------------------------------------------------------


def argon2id(passphrase: bytes, salt: bytes, memory_kib: int, passes: int, lanes: int) -> bytes:
    """Argon2id version 1.3 (RFC 9106), 64 bytes out. Bounds are the caller's."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    with _argon2_turn:
        return Argon2id(salt=salt, length=64, iterations=passes, lanes=lanes, memory_cost=memory_kib).derive(passphrase)


@lru_cache(maxsize=1)
def require_suite() -> None:
    """Prove at start that the suite is there, by one seal and open.

    Raises:
        SuiteMissing: The library lacks ML-KEM or HPKE; there is no weaker way.
    """
    seed = bytes(range(KEM_SEED_BYTES))
    try:
        opened = hpke_open(seed, b"start", hpke_seal(kem_public(seed), b"start", b"start"))
    except UnsupportedAlgorithm as error:
        raise SuiteMissing() from error
    if opened != b"start":
        raise SuiteMissing()
