"""Symbols in the place of ``tiercel.crypto``: the same names, lengths and refusals, and no cryptography at all.

Sealed text is the text itself beside a keyed hash; a key pair is two hashes. Nothing here hides anything. What it has
instead: the same result every time after :func:`begin`, the speed of one hash, and a memory. It remembers what was
sealed under each key and nonce and refuses another text there (I7), and it refuses secrets that a person was to have
forgotten (I8). A world puts it in the place of the real module with :func:`install`, before anything else is imported.

Within a world it cannot be forged: whoever lacks the key makes no tag. What it cannot show: that the real primitives
hide anything, and refusals that need their arithmetic (an ML-KEM coefficient or a curve point that is out of range is
refused here by its looks alone).

Example:
    >>> install()  # doctest: +SKIP
    >>> begin(7)  # doctest: +SKIP
    >>> with acting("ada"):  # doctest: +SKIP
    ...     sync(home)

Source: security.md 4.2.
"""

from __future__ import annotations

import hashlib
import hmac
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

import tiercel
from tiercel.errors import KeyDegenerate, SealBroken
from tiercel.limits import AEAD_TAG_BYTES, KEM_PUBLIC_BYTES, KEM_SEED_BYTES, KEY_BYTES, VERSION
from tiercel.wire import lp

ZERO_NONCE = bytes(12)
_REPLACED: Final = "tiercel.crypto"
_ENC_BYTES: Final = 1120
_VECTOR_BYTES: Final = 1152  # of an ML-KEM-768 public key: coefficients of 12 bits below 3329
_LOW_NIBBLE: Final = bytes(octet & 0x0F for octet in range(256))
_CLEAR_BIT_3: Final = bytes(octet & 0xF7 for octet in range(256))
_CLEAR_BIT_7: Final = bytes(octet & 0x7F for octet in range(256))
_LOW_ORDER: Final = frozenset(
    bytes.fromhex(point)
    for point in (
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    )
)


class Misuse(BaseException):
    """A key was used as it never may be. Not an ``Exception``: no room may take it for a bad parcel.

    Attributes:
        id: Of the invariant that does not hold, ``I7`` or ``I8``.
        sentence: What happened.
    """

    def __init__(self, id: str, sentence: str) -> None:  # noqa: A002 - the word of the specification
        super().__init__(f"{id}: {sentence}")
        self.id = id
        self.sentence = sentence


class _WrongTagError(Exception):
    """Never raised: a tag that does not verify is SealBroken here at once."""


WRONG_TAG: type[Exception] = _WrongTagError


# -- the world's side --------------------------------------------------------------------------------


class _Memory:
    """What is remembered of one world.

    Of every text only two numbers of eight bytes are kept, so ten years of letters stay below some tens of megabytes;
    nothing can be dropped, because an old copy of a vault may seal under an old key at any time.
    """

    def __init__(self, seed: int | str) -> None:
        self.seed = f"{type(seed).__name__}:{seed}".encode()
        self.drawn = 0
        self.acting: str | None = None
        self.sealed: dict[int, int] = {}
        self.opened: dict[int, int] = {}
        self.opened_two: set[bytes] = set()
        self.dead: dict[str, set[bytes]] = {}
        self.dead_now: set[bytes] = set()


_memory = _Memory(0)
counts: Counter[str] = Counter()
"""How often each operation was done since :func:`begin`."""


def install() -> None:
    """Take the place of ``tiercel.crypto`` in this process, for its life.

    Raises:
        RuntimeError: The real one is loaded already: modules that took names from it would keep them.
    """
    here = sys.modules[__name__]
    if sys.modules.get(_REPLACED, here) is not here:
        raise RuntimeError("tiercel.crypto is loaded already: install the symbols before anything else is imported")
    sys.modules[_REPLACED] = here
    tiercel.crypto = here  # type: ignore[attr-defined]


def begin(seed: int | str) -> None:
    """Forget the world before, and draw from this seed."""
    global _memory
    _memory = _Memory(seed)
    counts.clear()


@contextmanager
def acting(person: str) -> Iterator[None]:
    """Whoever runs in this block must not use what they were to have forgotten. Blocks may lie inside each other."""
    memory, before = _memory, _memory.acting
    _act(memory, person)
    try:
        yield
    finally:
        _act(memory, before)


def _act(memory: _Memory, person: str | None) -> None:
    memory.acting = person
    memory.dead_now = memory.dead.get(person, set()) if person else set()


def forbid(person: str, secret: bytes) -> None:
    """This secret left the vault of a person for good: using it is :class:`Misuse` of I8. Others may still have it."""
    _memory.dead.setdefault(person, set()).add(bytes(secret))
    _act(_memory, _memory.acting)


def pardon(person: str) -> None:
    """An older copy of this person's vault was put back: everything in it is known again."""
    _memory.dead.pop(person, None)
    _act(_memory, _memory.acting)


def opened_two() -> frozenset[bytes]:
    """The hash of each public key whose seed has opened two different texts. For a one-time prekey that breaks I7."""
    return frozenset(_memory.opened_two)


def _alive(secret: bytes) -> None:
    if _memory.dead_now and bytes(secret) in _memory.dead_now:
        raise Misuse("I8", f"{_memory.acting} used a secret that was deleted")


def _once(key: bytes, nonce: bytes, tag: bytes) -> None:
    """Remember what was sealed here. The tag stands for text and associated data."""
    text = hash(tag)
    if _memory.sealed.setdefault(hash(key + nonce), text) != text:
        raise Misuse("I7", f"{_memory.acting or 'somebody'} sealed two texts under one key and nonce")


def _draw(size: int) -> bytes:
    _memory.drawn += 1
    return hashlib.shake_128(b"%b/%d" % (_memory.seed, _memory.drawn)).digest(size)


# -- the names of tiercel.crypto -----------------------------------------------------------------------


def label(name: str, *items: bytes) -> bytes:
    """As the real one."""
    return lp(VERSION, name.encode("ascii"), *items)


def sha256(data: bytes | bytearray | memoryview) -> bytes:
    """As the real one: hashes are public and need no symbols."""
    return hashlib.sha256(data).digest()


def sha256_stream() -> hashlib._Hash:
    """As the real one."""
    return hashlib.sha256()


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """32 bytes that need the key."""
    counts["hmac"] += 1
    if _memory.dead_now:
        _alive(key)
    return _keyed(key, data if type(data) is bytes else bytes(data))


@lru_cache(maxsize=1 << 14)  # a parcel that is nobody's is tried under the same keys at every visit
def _keyed(key: bytes, data: bytes) -> bytes:
    return hashlib.sha256(b"hmac%d/%b%b" % (len(key), key, data)).digest()


def same(left: bytes, right: bytes) -> bool:
    """As the real one."""
    return hmac.compare_digest(left, right)


def hkdf(secret: bytes, salt: bytes, info: bytes, size: int = KEY_BYTES) -> bytes:
    """``size`` bytes that need all three."""
    counts["hkdf"] += 1
    if _memory.dead_now:
        _alive(secret)
    return _derived(secret, salt, info, size)


@lru_cache(maxsize=1 << 13)  # a visit derives the same keys as the visit before
def _derived(secret: bytes, salt: bytes, info: bytes, size: int) -> bytes:
    parts = b"".join((b"hkdf%d/%d/%d/" % (len(secret), len(salt), size), secret, salt, info))
    return hashlib.sha256(parts).digest()[:size] if size <= 32 else hashlib.shake_128(parts).digest(size)


def aead_seal(key: bytes, nonce: bytes, plain: bytes, aad: bytes = b"") -> bytes:
    """The text and a tag of 16 bytes.

    Raises:
        Misuse: I7, another text was sealed under this key and nonce; I8.
    """
    counts["seal"] += 1
    _need_key(key, nonce)
    tag = _tag(key, nonce, plain, aad)
    _once(key, nonce, tag)
    return bytes(plain) + tag


def aead_open(key: bytes, nonce: bytes, sealed: bytes | memoryview, aad: bytes = b"") -> bytes:
    """Undo :func:`aead_seal`.

    Raises:
        SealBroken: Wrong key, nonce, data or text.
        Misuse: I8.
    """
    counts["open"] += 1
    _need_key(key, nonce)
    if len(sealed) < AEAD_TAG_BYTES:
        raise SealBroken()
    plain = bytes(sealed[:-AEAD_TAG_BYTES])
    if _tag(key, nonce, plain, aad) != sealed[-AEAD_TAG_BYTES:]:
        raise SealBroken()
    return plain


class StreamCipher:
    """As the real one: many nonces under one key, into the caller's buffers."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        _need_key(key, ZERO_NONCE)
        self._key = bytes(key)

    def seal_into(self, nonce: bytes, plain: memoryview, out: memoryview, aad: bytes = b"") -> None:
        """Seal; ``out`` is 16 bytes longer than ``plain``."""
        if len(out) != len(plain) + AEAD_TAG_BYTES:
            raise ValueError("the buffer must be 16 bytes longer")
        counts["seal"] += 1
        _need_key(self._key, nonce)
        tag = _tag(self._key, nonce, plain, aad)
        _once(self._key, nonce, tag)
        out[:-AEAD_TAG_BYTES] = plain
        out[-AEAD_TAG_BYTES:] = tag

    def open_into(self, nonce: bytes, sealed: memoryview, out: memoryview, aad: bytes = b"") -> None:
        """Open; ``out`` is 16 bytes shorter than ``sealed``.

        Raises:
            SealBroken: ``out`` is wiped.
        """
        counts["open"] += 1
        _need_key(self._key, nonce)
        plain = sealed[:-AEAD_TAG_BYTES]
        if len(out) != len(plain) or _tag(self._key, nonce, plain, aad) != sealed[-AEAD_TAG_BYTES:]:
            out[:] = bytes(len(out))
            raise SealBroken()
        out[:] = plain


def _tag(key: bytes, nonce: bytes, plain: bytes | memoryview, aad: bytes) -> bytes:
    made = hashlib.sha256(b"tag%d/%b%b%b" % (len(aad), key, nonce, aad))
    made.update(plain)
    return made.digest()[:AEAD_TAG_BYTES]


def _need_key(key: bytes, nonce: bytes) -> None:
    if len(key) != KEY_BYTES or len(nonce) != len(ZERO_NONCE):
        raise ValueError("a key of 32 bytes and a nonce of 12 are needed")
    _alive(key)


# -- HPKE --------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _public_of(seed: bytes) -> bytes:
    made = bytearray(hashlib.shake_128(b"public" + seed).digest(KEM_PUBLIC_BYTES))
    made[1:_VECTOR_BYTES:3] = made[1:_VECTOR_BYTES:3].translate(_CLEAR_BIT_3)
    made[2:_VECTOR_BYTES:3] = made[2:_VECTOR_BYTES:3].translate(_CLEAR_BIT_7)
    made[-1] &= 0x7F
    return bytes(made)


def kem_public(seed: bytes) -> bytes:
    """A public key of 1,216 bytes, the same for the same seed of 96."""
    counts["keys"] += 1
    _need_seed(seed)
    return _public_of(bytes(seed))


def kem_check(public: bytes) -> None:
    """Refuse a public key that must not be sealed to.

    Raises:
        KeyDegenerate: Wrong length, out of range, low order, without variety, or a second name of an X25519 key.
    """
    _need_public(public)
    if len(set(public[:_VECTOR_BYTES])) < 16 or len(set(public[-32:])) < 4 or public[-1] & 0x80:
        raise KeyDegenerate()


def hpke_seal(public: bytes, info: bytes, plain: bytes) -> bytes:
    """As long as the real one: 1,120 bytes, the text, a tag. Each time different.

    Raises:
        KeyDegenerate: The key is out of range or of low order.
    """
    counts["hpke seal"] += 1
    _need_public(public)
    enc = _draw(_ENC_BYTES)
    return b"".join((enc, plain, _hpke_tag(public, info, enc, plain)))


def hpke_open(seed: bytes, info: bytes, sealed: bytes) -> bytes:
    """Undo :func:`hpke_seal`.

    Raises:
        SealBroken: Wrong key, wrong info or changed bytes.
        Misuse: I8.
    """
    counts["hpke open"] += 1
    _need_seed(seed)
    enc, plain, tag = sealed[:_ENC_BYTES], sealed[_ENC_BYTES:-AEAD_TAG_BYTES], sealed[-AEAD_TAG_BYTES:]
    if len(sealed) < _ENC_BYTES + AEAD_TAG_BYTES or _hpke_tag(_public_of(bytes(seed)), info, enc, plain) != tag:
        raise SealBroken()
    text = hash(bytes(tag))
    if _memory.opened.setdefault(hash(bytes(seed)), text) != text:
        _memory.opened_two.add(sha256(_public_of(bytes(seed))))
    return bytes(plain)


def _hpke_tag(public: bytes, info: bytes, enc: bytes, plain: bytes) -> bytes:
    made = hashlib.sha256(b"".join((b"hpke%d/%d/" % (len(info), len(plain)), public, info, enc, plain)))
    return made.digest()[:AEAD_TAG_BYTES]


def _need_public(public: bytes) -> None:
    if len(public) != KEM_PUBLIC_BYTES or public[-32:] in _LOW_ORDER or not any(public[-32:]):
        raise KeyDegenerate()
    if max(public[1:_VECTOR_BYTES:3].translate(_LOW_NIBBLE)) > 0xC or max(public[2:_VECTOR_BYTES:3]) >> 4 > 0xC:
        raise KeyDegenerate()


def _need_seed(seed: bytes) -> None:
    if len(seed) != KEM_SEED_BYTES:
        raise ValueError(f"a secret of {KEM_SEED_BYTES} bytes is needed")
    _alive(seed)


# -- passphrases --------------------------------------------------------------------------------------


def argon2id(passphrase: bytes, salt: bytes, memory_kib: int, passes: int, lanes: int) -> bytes:
    """64 bytes that need all of it, at the cost of one hash."""
    cost = b"argon%d/%d/%d/%d/" % (len(salt), memory_kib, passes, lanes)
    return hashlib.sha512(b"".join((cost, salt, passphrase))).digest()


def require_suite() -> None:
    """Nothing is missing here."""
