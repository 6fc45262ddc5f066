"""``vault.keys``: the header that turns a passphrase into the vault key.

Fixed layout, 284 bytes, integers big-endian::

    magic      8   "TIERCELK"
    version    2   1
    commitment 32  HMAC(vault key, label("vault-commitment")): the one key every slot must give
    slot       105 twice, equal in rank; the unused one is random
        memory_kib 4, passes 4, lanes 1, salt 16    the slot's head
        check      32  HMAC(vault-check key, label("vault-header", magic..commitment, head, sealed))
        sealed     48  the vault key under the vault-key key, head as associated data
    sum        32  SHA-256 of all before: tells rot from a wrong passphrase; protects nothing

A slot is opened only after its check has matched. ChaCha20-Poly1305 alone opens under many keys, so that one crafted
header could ask after many passphrases at once (partitioning oracle); HMAC with a key from the same Argon2id output
commits to one. Both slots are always tried, so that time does not tell which fits or whether a second one is in use.

Example:
    >>> header, key = new_header("correct horse", entropy, DEFAULT_KDF)  # doctest: +SKIP
    >>> unlock(header, "correct horse") == key  # doctest: +SKIP
    True

Source: spec/vault.md 1; security.md A15 and 3.8.
"""

from __future__ import annotations

import struct
import unicodedata
from dataclasses import dataclass, field

from tiercel import crypto
from tiercel.errors import SealBroken, UsageError, VaultDamaged, VaultError, VaultNewer, WrongPassphrase
from tiercel.limits import (
    ARGON2_LANES,
    ARGON2_LANES_MAX,
    ARGON2_MEMORY_KIB,
    ARGON2_MEMORY_KIB_MAX,
    ARGON2_PASSES,
    ARGON2_PASSES_MAX,
    KEY_BYTES,
)
from tiercel.ports import Entropy

MAGIC = b"TIERCELK"
VERSION = 1
_FIXED = struct.Struct(">8sH32s")
_HEAD = struct.Struct(">IIB16s")
_SLOT = struct.Struct(f">{_HEAD.size}s32s48s")
_SLOTS = 2
_SUM_BYTES = 32
HEADER_BYTES = _FIXED.size + _SLOTS * _SLOT.size + _SUM_BYTES


@dataclass(frozen=True)
class KdfParameters:
    """The cost of one try at a passphrase: memory in KiB, passes over it, lanes side by side (RFC 9106)."""

    memory_kib: int
    passes: int
    lanes: int

    def check(self) -> None:
        """Refuse what this program will not run, before anything is allocated.

        Raises:
            VaultDamaged: Out of bounds: nothing that Tiercel wrote.
        """
        if not (
            1 <= self.lanes <= ARGON2_LANES_MAX
            and 1 <= self.passes <= ARGON2_PASSES_MAX
            and 8 * self.lanes <= self.memory_kib <= ARGON2_MEMORY_KIB_MAX
        ):
            raise VaultDamaged("The header of the vault asks for impossible work. Nothing was changed.")


DEFAULT_KDF = KdfParameters(ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES)


@dataclass(frozen=True)
class _Slot:
    kdf: KdfParameters
    salt: bytes
    check: bytes
    sealed: bytes = field(repr=False)

    @property
    def head(self) -> bytes:
        return _HEAD.pack(self.kdf.memory_kib, self.kdf.passes, self.kdf.lanes, self.salt)

    def encode(self) -> bytes:
        return _SLOT.pack(self.head, self.check, self.sealed)


def new_header(passphrase: str, entropy: Entropy, kdf: KdfParameters = DEFAULT_KDF) -> tuple[bytes, bytes]:
    """Make a fresh vault key and the 284-byte header that gives it back to this passphrase.

    Returns:
        The header and the 32-byte vault key. The key is secret and is never stored in the clear.

    Raises:
        UsageError: The passphrase is not text.
        VaultDamaged: Parameters out of bounds.
    """
    kdf.check()
    vault_key = entropy.token(KEY_BYTES)
    fixed = _FIXED.pack(MAGIC, VERSION, _commitment(vault_key))
    unused = _Slot(kdf, entropy.token(16), entropy.token(32), entropy.token(48))
    return _assemble(fixed, [_fill(fixed, passphrase, vault_key, entropy, kdf), unused]), vault_key


def unlock(header: bytes, passphrase: str) -> bytes:
    """Give back the 32-byte vault key.

    Raises:
        WrongPassphrase: No slot fits.
        VaultDamaged: The header fails its sum or its own rules.
        VaultNewer: A newer version of the header.
        UsageError: The passphrase is not text.
    """
    return _unlock(header, passphrase)[0]


def change_passphrase(header: bytes, old: str, new: str, entropy: Entropy) -> bytes:
    """A new header in which the slot that ``old`` opens is made anew for ``new``; the other slot stays as it is.

    The vault key stays. Whoever kept a copy of the former header can still use ``old`` on it.

    Raises:
        WrongPassphrase, VaultDamaged, VaultNewer, UsageError: As :func:`unlock`.
    """
    fixed, slots = _parse(header)
    vault_key, index = _unlock(header, old)
    slots[index] = _fill(fixed, new, vault_key, entropy, slots[index].kdf)
    return _assemble(fixed, slots)


def check_header(header: bytes) -> None:
    """Everything that can be known of a header without a passphrase.

    Raises:
        VaultDamaged, VaultNewer: As :func:`unlock`.
    """
    _parse(header)


def _unlock(header: bytes, passphrase: str) -> tuple[bytes, int]:
    fixed, slots = _parse(header)
    # Both before either is looked at: the time is the same whichever fits, and when none does.
    tries = [_keys(passphrase, slot.kdf, slot.salt) for slot in slots]
    fits = [
        crypto.same(_check(check_key, fixed, slot), slot.check)
        for (_, check_key), slot in zip(tries, slots, strict=True)
    ]
    if True not in fits:
        raise WrongPassphrase()
    index = fits.index(True)
    return _unseal(tries[index][0], fixed, slots[index]), index


def _unseal(seal_key: bytes, fixed: bytes, slot: _Slot) -> bytes:
    try:
        vault_key = crypto.aead_open(seal_key, crypto.ZERO_NONCE, slot.sealed, slot.head)
    except SealBroken as error:
        raise VaultDamaged() from error
    # Two slots filled by a forger could each be sound and lead to two different vaults; one commitment forbids it.
    if not crypto.same(_FIXED.pack(MAGIC, VERSION, _commitment(vault_key)), fixed):
        raise VaultDamaged()
    return vault_key


def _fill(fixed: bytes, passphrase: str, vault_key: bytes, entropy: Entropy, kdf: KdfParameters) -> _Slot:
    salt = entropy.token(16)
    seal_key, check_key = _keys(passphrase, kdf, salt)
    bare = _Slot(kdf, salt, b"", b"")
    # The zero nonce is safe: a fresh salt makes this key, and it seals once.
    filled = _Slot(kdf, salt, b"", crypto.aead_seal(seal_key, crypto.ZERO_NONCE, vault_key, bare.head))
    return _Slot(kdf, salt, _check(check_key, fixed, filled), filled.sealed)


def _keys(passphrase: str, kdf: KdfParameters, salt: bytes) -> tuple[bytes, bytes]:
    secret = _secret_of(passphrase)
    try:
        root = crypto.argon2id(secret, salt, kdf.memory_kib, kdf.passes, kdf.lanes)
    except MemoryError as error:
        raise VaultError(
            f"Opening this vault needs {kdf.memory_kib // 1024} MiB of free memory.", remedy="Close other programs."
        ) from error
    return crypto.hkdf(root, b"", crypto.label("vault-key")), crypto.hkdf(root, b"", crypto.label("vault-check"))


def _secret_of(passphrase: str) -> bytes:
    """UTF-8 after NFC: one keyboard sends "é" as one sign, another as "e" and an accent, and both must open the vault.

    Not NFKC: that would make different passphrases equal. Nothing is trimmed and no case is folded.
    """
    try:
        return unicodedata.normalize("NFC", passphrase).encode("utf-8")
    except UnicodeEncodeError:
        # Without the cause: it quotes the passphrase.
        raise UsageError("That passphrase is not text.", remedy="Type it on a UTF-8 terminal.") from None


def _check(check_key: bytes, fixed: bytes, slot: _Slot) -> bytes:
    return crypto.hmac_sha256(check_key, crypto.label("vault-header", fixed, slot.head, slot.sealed))


def _commitment(vault_key: bytes) -> bytes:
    return crypto.hmac_sha256(vault_key, crypto.label("vault-commitment"))


def _assemble(fixed: bytes, slots: list[_Slot]) -> bytes:
    body = fixed + b"".join([slot.encode() for slot in slots])
    return body + crypto.sha256(body)


def _parse(header: bytes) -> tuple[bytes, list[_Slot]]:
    if len(header) < _FIXED.size or not header.startswith(MAGIC):
        raise VaultDamaged()
    version = int.from_bytes(header[8:10], "big")
    # Before the length and the sum: a newer header may look different behind its version.
    if version > VERSION:
        raise VaultNewer()
    body, total = header[:-_SUM_BYTES], header[-_SUM_BYTES:]
    if version != VERSION or len(header) != HEADER_BYTES or crypto.sha256(body) != total:
        raise VaultDamaged()
    return header[: _FIXED.size], [_parse_slot(raw) for raw in _SLOT.iter_unpack(body[_FIXED.size :])]


def _parse_slot(raw: tuple[bytes, bytes, bytes]) -> _Slot:
    head, check, sealed = raw
    memory_kib, passes, lanes, salt = _HEAD.unpack(head)
    slot = _Slot(KdfParameters(memory_kib, passes, lanes), salt, check, sealed)
    slot.kdf.check()
    return slot
