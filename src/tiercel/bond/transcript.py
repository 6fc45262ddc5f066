"""What both sides have said, and all that is derived from it."""

from __future__ import annotations

from dataclasses import dataclass

from tiercel.crypto import hkdf, label, sha256
from tiercel.limits import ID_BYTES

from .words import six_words


def commit(public: bytes, nonce: bytes) -> bytes:
    """cA: what the inviter is bound to before it sees the accepter's key. Source: spec/bond.md 1."""
    return sha256(label("pair-commit", public, nonce))


def info_reveal(commitment: bytes, public_b: bytes, nonce_b: bytes) -> bytes:
    """The ``info`` message 3 is sealed with. Source: spec/bond.md 2."""
    return label("pair-1", commitment, public_b, nonce_b)


@dataclass(frozen=True, repr=False)
class Secrets:
    """The secrets of a new bond; by direction where there are two. Source: spec/bond.md 3."""

    bond_id: bytes
    auth_root: bytes
    time_roots: tuple[bytes, bytes]
    first_tokens: tuple[bytes, bytes]


@dataclass(frozen=True, repr=False)
class Transcript:
    """cA, pkA, nA, pkB, nB of the specification, in its order."""

    commitment: bytes
    public_a: bytes
    nonce_a: bytes
    public_b: bytes
    nonce_b: bytes

    def info_reveal(self) -> bytes:
        """The ``info`` of message 3."""
        return info_reveal(self.commitment, self.public_b, self.nonce_b)

    def info_close(self) -> bytes:
        """The ``info`` of message 4. Source: spec/bond.md 2."""
        return label("pair-2", *self._items())

    def words(self) -> tuple[str, ...]:
        """The six words. They know nothing of messages 3 and 4."""
        return six_words(self.public_a, self.nonce_a, self.public_b, self.nonce_b)

    def secrets(self, s1: bytes, s2: bytes, reveal_hash: bytes, close_hash: bytes) -> Secrets:
        """Derive the secrets of the bond and let go of what they come from.

        Args:
            s1: The inviter's share, 32 bytes.
            s2: The accepter's share, 32 bytes.
            reveal_hash: H of the payload of message 3.
            close_hash: H of the payload of message 4.
        """
        th = sha256(label("pair", *self._items(), reveal_hash, close_hash))
        bond_secret = hkdf(s1 + s2, th, label("pair"))

        def derive(name: str, *items: bytes) -> bytes:
            return hkdf(bond_secret, th, label(name, *items))

        return Secrets(
            bond_id=derive("bond-id")[:ID_BYTES],
            auth_root=derive("auth-root"),
            time_roots=(derive("time-root", b"\x00"), derive("time-root", b"\x01")),
            first_tokens=(derive("first-token", b"\x00"), derive("first-token", b"\x01")),
        )

    def _items(self) -> tuple[bytes, ...]:
        return self.commitment, self.public_a, self.nonce_a, self.public_b, self.nonce_b
