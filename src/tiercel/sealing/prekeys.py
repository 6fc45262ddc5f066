"""One-time keys: ours with their secrets, and the gifts that came from the other side.

    gift = pid (8) || public key (1,216) || token (32)         1,256 bytes

A gift travels only inside a sealed letter or, the first one, in pairing. Its public key is where a letter is sealed
to; its token is what the letter's authenticity hangs on. What a peer sends is judged before it is kept (A3, A48).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from tiercel import crypto
from tiercel.errors import KeyDegenerate, MalformedBundle
from tiercel.limits import (
    GIFT_BYTES,
    GIFTS_MAX,
    KEM_PUBLIC_BYTES,
    KEM_SEED_BYTES,
    PID_BYTES,
    TOKEN_BYTES,
)
from tiercel.ports import Entropy


@dataclass(frozen=True)
class Prekey:
    """Our side of a prekey. ``seed`` (96 bytes) and ``token`` (32) are secret; ``public_hash`` is H(pk)."""

    pid: bytes
    seed: bytes = field(repr=False)
    token: bytes = field(repr=False)
    public_hash: bytes


@dataclass(frozen=True)
class Gift:
    """The other side's prekey, to seal one letter to. ``token`` is secret between the two."""

    pid: bytes
    public: bytes = field(repr=False)
    token: bytes = field(repr=False)

    @property
    def public_hash(self) -> bytes:
        """H(pk), 32 bytes, as it is bound into the letter."""
        return crypto.sha256(self.public)


def make_prekey(entropy: Entropy) -> tuple[Prekey, bytes]:
    """A fresh prekey and the gift (1,256 bytes) that hands its public side over. Source: spec/sealing.md 2."""
    pid, seed, token = entropy.token(PID_BYTES), entropy.token(KEM_SEED_BYTES), entropy.token(TOKEN_BYTES)
    public = crypto.kem_public(seed)
    return Prekey(pid, seed, token, crypto.sha256(public)), pid + public + token


def gift_of(pid: bytes, seed: bytes, token: bytes) -> bytes:
    """The gift that hands the public side of a prekey over once more, the same to the byte."""
    return pid + crypto.kem_public(seed) + token


def parse_gift(data: bytes) -> Gift:
    """Cut a gift into its parts. The key in it is not judged yet: see :func:`check_gift`.

    Raises:
        MalformedBundle: Not 1,256 bytes.
    """
    if len(data) != GIFT_BYTES:
        raise MalformedBundle("a gift does not have its length")
    end = PID_BYTES + KEM_PUBLIC_BYTES
    return Gift(data[:PID_BYTES], data[PID_BYTES:end], data[end:])


def check_gift(gift: Gift) -> None:
    """Refuse a gift that must not be sealed to; costs one trial seal.

    Raises:
        KeyDegenerate: Wrong sizes, low order, out of range, or not the one encoding of its X25519 key.
    """
    if len(gift.pid) != PID_BYTES or len(gift.token) != TOKEN_BYTES:
        raise KeyDegenerate()
    crypto.kem_check(gift.public)


def accept_gifts(gifts: Sequence[bytes], known: Container[bytes], ours: Container[bytes]) -> list[Gift]:
    """Those gifts of one letter that may be kept, in their order.

    Args:
        gifts: As they stood in the letter, each 1,256 bytes; the newest are last.
        known: Pids (and, if kept, H(pk)) of gifts of this bond that are or were here.
        ours: Pids and H(pk) of our own prekeys in this bond.

    Returns:
        At most 256 gifts, without repeats, our own keys come back, and degenerate keys. The caller then lets go of
        its :func:`surplus`.

    Source: spec/sealing.md 2.
    """
    accepted: list[Gift] = []
    seen: set[bytes] = set()
    for data in gifts[-GIFTS_MAX:]:
        try:
            gift = parse_gift(data)
            names = (gift.pid, gift.public_hash)
            if any(name in seen or name in known or name in ours for name in names):
                continue
            check_gift(gift)
        except (MalformedBundle, KeyDegenerate):
            continue
        seen.update(names)
        accepted.append(gift)
    return accepted


def surplus(held: int, accepted: int) -> int:
    """How many of the oldest gifts held of one bond go, so that the newest 256 stay."""
    return min(held, max(0, held + accepted - GIFTS_MAX))


def pairing_prekey(seed: bytes, token: bytes) -> Prekey:
    """Our pairing key as the first prekey: its pid is H(pk)[:8]. Source: spec/bond.md 5."""
    public_hash = crypto.sha256(crypto.kem_public(seed))
    return Prekey(public_hash[:PID_BYTES], seed, token, public_hash)


def pairing_gift(public: bytes, token: bytes) -> Gift:
    """The other side's pairing key as the first gift.

    Raises:
        KeyDegenerate: As :func:`check_gift`.
    """
    gift = Gift(crypto.sha256(public)[:PID_BYTES], public, token)
    check_gift(gift)
    return gift
