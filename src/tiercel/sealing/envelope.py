"""One letter, sealed and opened.

    c      = LP(V, "letter", bond_id, d, incarnation, pid, H(pk))
    K_a    = HKDF(auth_root, salt = token, LP(V, "letter-auth", c))
    mac    = HMAC(K_a, LP(c, body))
    env    = HPKE.SealBase(pk, info = LP(V, "envelope", c), mac || body)
    bundle = LP(pid, incarnation, env)

HPKE hides the body from everyone but the holder of the prekey; the MAC, under a key that needs both the bond and the
token, says who wrote it. Both cover the whole context, so no part can be moved to another bond, direction, prekey or
version. Nothing of a body is parsed before its MAC is verified (A14).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tiercel import crypto
from tiercel.errors import Damaged, Forged, MalformedBundle, MalformedWire, SealBroken, UsageError
from tiercel.limits import (
    BODY_BYTES_MAX,
    BUNDLE_OVERHEAD_BYTES,
    ENVELOPE_OVERHEAD_BYTES,
    ID_BYTES,
    KEY_BYTES,
    MAC_BYTES,
    PID_BYTES,
)
from tiercel.sealing import padding
from tiercel.sealing.prekeys import Gift, Prekey
from tiercel.wire import lp, split_lp

_BUNDLE_BYTES_MAX = padding.bundle_class(BUNDLE_OVERHEAD_BYTES + 4 + BODY_BYTES_MAX)


@dataclass(frozen=True)
class BondKeys:
    """What sealing needs of a bond: its id (16 bytes) and the secret under every letter's MAC (32)."""

    bond_id: bytes
    auth_root: bytes = field(repr=False)


@dataclass(frozen=True)
class Sealed:
    """A bundle cut into its parts; nothing of it is authentic yet."""

    pid: bytes
    incarnation: bytes
    envelope: bytes = field(repr=False)


def context(bond_id: bytes, direction: int, incarnation: bytes, pid: bytes, public_hash: bytes) -> bytes:
    """Everything a letter is bound to. ``direction`` is 0 from inviter to accepter, 1 back.

    Raises:
        UsageError: A part does not have its size.
    """
    sizes = (len(bond_id), len(incarnation), len(pid), len(public_hash))
    if direction not in (0, 1) or sizes != (ID_BYTES, ID_BYTES, PID_BYTES, KEY_BYTES):
        raise UsageError("A part of the context does not have its size.")
    return crypto.label("letter", bond_id, bytes([direction]), incarnation, pid, public_hash)


def seal_letter(bond: BondKeys, direction: int, incarnation: bytes, gift: Gift, record: bytes) -> bytes:
    """Pad a record and seal it to a gift, which must not be used again.

    Args:
        bond: Keys of the bond. Secret.
        direction: Of this letter.
        incarnation: The sender's, 16 bytes.
        gift: A gift that passed ``check_gift``.
        record: Canonical bytes of a letter record, at most 8 MiB.

    Returns:
        The bundle, of the length of a class.

    Raises:
        KeyDegenerate: The gift cannot be sealed to.
        LimitError: The record is too long.

    Source: spec/sealing.md 3; RFC 9180 section 5.1.1.
    """
    bound = context(bond.bond_id, direction, incarnation, gift.pid, gift.public_hash)
    body = padding.pad_body(record)
    mac = _mac(bond, gift.token, bound, body)
    envelope = crypto.hpke_seal(gift.public, crypto.label("envelope", bound), mac + body)
    return lp(gift.pid, incarnation, envelope)


def split_bundle(bundle: bytes) -> Sealed:
    """Cut a bundle into its parts, to find the prekey it was sealed to.

    Raises:
        MalformedBundle: Not of a class, or not three items of their sizes.
    """
    if not padding.is_class(len(bundle)):
        raise MalformedBundle("a bundle is not of a size class")
    try:
        pid, incarnation, envelope = split_lp(bundle, 3, _BUNDLE_BYTES_MAX)
    except MalformedWire as error:
        raise MalformedBundle(str(error)) from error
    if (len(pid), len(incarnation)) != (PID_BYTES, ID_BYTES) or len(envelope) < ENVELOPE_OVERHEAD_BYTES:
        raise MalformedBundle("a part of a bundle does not have its size")
    return Sealed(pid, incarnation, envelope)


def open_letter(bond: BondKeys, direction: int, prekey: Prekey, sealed: Sealed) -> bytes:
    """Open an envelope with the prekey its pid named and give back the record.

    Args:
        bond: Keys of the bond. Secret.
        direction: Of this letter, as seen from both sides.
        prekey: The live prekey of that pid. The caller destroys it in the transaction that stores the letter.
        sealed: Parsed but not trusted.

    Returns:
        The record, authentic, not yet decoded.

    Raises:
        Damaged: HPKE refused: changed bytes, or another prekey or context.
        Forged: Sealed by someone without the secret of this bond.
        MalformedBundle: Authentic, but padded wrongly.

    Source: spec/sealing.md 3.
    """
    bound = context(bond.bond_id, direction, sealed.incarnation, sealed.pid, prekey.public_hash)
    try:
        plain = crypto.hpke_open(prekey.seed, crypto.label("envelope", bound), sealed.envelope)
    except SealBroken as error:
        raise Damaged() from error
    mac, body = plain[:MAC_BYTES], plain[MAC_BYTES:]
    if not crypto.same(mac, _mac(bond, prekey.token, bound, body)):
        raise Forged()
    return padding.unpad_body(body)


def receipt_proof(receipt_secret: bytes, kind: int, letter_id: bytes) -> bytes:
    """What proves to the writer that a letter was opened; 32 bytes.

    Args:
        receipt_secret: The 16 bytes inside the letter.
        kind: 0 arrived, 1 read.
        letter_id: 16 bytes.

    Source: spec/sealing.md 7.
    """
    return crypto.hmac_sha256(receipt_secret, crypto.label("receipt", bytes([kind]), letter_id))


def _mac(bond: BondKeys, token: bytes, bound: bytes, body: bytes) -> bytes:
    key = crypto.hkdf(bond.auth_root, token, crypto.label("letter-auth", bound))
    return crypto.hmac_sha256(key, lp(bound, body))
