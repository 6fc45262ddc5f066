"""Two people who pair, for tests of the bond: seeded entropy, and both machines run as far as a test needs."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tiercel import crypto
from tiercel.bond.invitation import Invitation
from tiercel.bond.pairing import Accepting, InviterAnswered, Inviting, Paired, accept, invite

EPOCH = 690


class Seeded:
    """Entropy that can be repeated and that remembers how much was drawn."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.drawn: list[bytes] = []

    def token(self, size: int) -> bytes:
        self.drawn.append(self._random.randbytes(size))
        return self.drawn[-1]


@dataclass
class Pairing:
    """Every state and message of one undisturbed pairing."""

    ada: Seeded
    bo: Seeded
    inviting: Inviting
    invitation: Invitation
    accepting: Accepting
    message2: bytes
    answered: InviterAnswered
    message3: bytes
    message4: bytes
    inviter: Paired
    accepter: Paired

    # The specification's names for what the two said.
    @property
    def cA(self) -> bytes:
        return self.invitation.commitment

    @property
    def pkA(self) -> bytes:
        return crypto.kem_public(self.inviting.seed)

    @property
    def nA(self) -> bytes:
        return self.inviting.nonce

    @property
    def pkB(self) -> bytes:
        return crypto.kem_public(self.accepting.seed)

    @property
    def nB(self) -> bytes:
        return self.accepting.nonce

    @property
    def s1(self) -> bytes:
        return self.answered.s1


def pair(seed: int = 1) -> Pairing:
    """Ada invites, Bo accepts, nothing goes wrong."""
    ada, bo = Seeded(seed), Seeded(seed + 1_000_000)
    inviting, invitation = invite(ada, EPOCH)
    accepting, message2 = accept(invitation, bo)
    answered, message3 = inviting.answer(message2, ada)
    accepter, message4 = accepting.reveal(message3, bo)
    inviter = answered.finish(message4)
    return Pairing(ada, bo, inviting, invitation, accepting, message2, answered, message3, message4, inviter, accepter)


def flip(data: bytes, bit: int) -> bytes:
    """One bit changed, counted from the front."""
    changed = bytearray(data)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)
