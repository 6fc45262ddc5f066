"""Pairing as two small machines, one for each side, with a type for each state.

    inviter    invite ── Inviting ── 2 in, 3 out ── InviterAnswered ── 4 in ── Paired
    accepter   accept, 2 out ── Accepting ── 3 in, 4 out ── Paired

A transition leaves its state as it was and returns the next one with what to send. Store both before sending, and
repeat what was sent byte for byte: sealing is randomised, so a message made twice would make another bond. A transition
that raises changes nothing; the state goes on waiting for the right message.

Commit, then reveal: the inviter is bound to key and nonce by the invitation before it sees the accepter's, and shows
its own only under the accepter's key. So the words leave a man in the middle one visible try.
"""

from __future__ import annotations

from typing import Literal

from tiercel.crypto import hpke_open, hpke_seal, kem_check, kem_public, same, sha256
from tiercel.errors import MalformedPairing, PairingBroken, SealBroken, TwoAnswers
from tiercel.limits import KEM_PUBLIC_BYTES, KEM_SEED_BYTES, KEY_BYTES
from tiercel.ports import Entropy

from .invitation import Invitation
from .messages import ANSWER, CLOSE, NONCE_BYTES, REVEAL, frame, message_number, payload_of
from .state import Bytes32, Epoch, Id, Public, Seed, State, Words
from .transcript import Secrets, Transcript, commit, info_reveal

__all__ = ["Accepting", "InviterAnswered", "Inviting", "Paired", "accept", "invite", "message_number", "same_answer"]


class Paired(State, frozen=True, kw_only=True):
    """Both ends hold the same secrets; two people still have to compare the words.

    Nonces, s1, s2 and the bond secret are gone. The pairing seed stays until the other side's opening has come.

    Attributes:
        direction: 0 for the inviter, 1 for the accepter: the direction of our own letters.
        words: The six words to compare.
        bond_id: 16 bytes, the same on both sides.
        auth_root: 32 bytes; lives as long as the bond. Secret.
        time_roots: The roots of direction 0 and of direction 1 at ``base_epoch``, 32 bytes each. Secret.
        base_epoch: Epoch of the time roots.
        our_seed: Private part of our pairing key, 96 bytes. Secret.
        their_public: Their pairing key, 1,216 bytes.
        first_tokens: Tokens of the first letter in direction 0 and in direction 1, 32 bytes each. Secret.
        answer_hash: The inviter's memory of the answer it took; None for the accepter.
    """

    state: Literal["paired"] = "paired"
    direction: Literal[0, 1]
    words: Words
    bond_id: Id
    auth_root: Bytes32
    time_roots: tuple[Bytes32, Bytes32]
    base_epoch: Epoch
    our_seed: Seed
    their_public: Public
    first_tokens: tuple[Bytes32, Bytes32]
    answer_hash: Bytes32 | None

    def same_answer(self, message2: bytes) -> bool:
        """As :meth:`InviterAnswered.same_answer`; to an accepter every message 2 is malformed."""
        if self.answer_hash is None:
            raise MalformedPairing("A pairing message came that is not for this side.")
        return same_answer(self.answer_hash, message2)


class InviterAnswered(State, frozen=True, kw_only=True):
    """The inviter has taken an answer and sent message 3; it waits for message 4. The answer can no longer change."""

    state: Literal["answered"] = "answered"
    seed: Seed
    nonce: Bytes32
    base_epoch: Epoch
    their_public: Public
    their_nonce: Bytes32
    s1: Bytes32
    answer_hash: Bytes32
    reveal_hash: Bytes32

    def same_answer(self, message2: bytes) -> bool:
        """True for the answer already taken, come again: then message 3 is due again. Never false: it raises.

        Raises:
            TwoAnswers: Another valid answer: someone else may hold the invitation.
            MalformedPairing, NewerVersion, KeyDegenerate: No valid answer; to be dropped.
        """
        return same_answer(self.answer_hash, message2)

    def finish(self, message4: bytes) -> Paired:
        """Take the accepter's last message.

        Raises:
            MalformedPairing, NewerVersion: Not a message 4.
            PairingBroken: Not made by the one who could open our message 3.

        Source: spec/bond.md 2, message 4.
        """
        payload = payload_of(message4, CLOSE)
        said = _inviter_said(self.seed, self.nonce, self.their_public, self.their_nonce)
        s2 = _open(self.seed, said.info_close(), payload)
        secrets = said.secrets(self.s1, s2, self.reveal_hash, sha256(payload))
        return _paired(0, said, secrets, self.seed, self.base_epoch, self.answer_hash)


class Inviting(State, frozen=True, kw_only=True):
    """The inviter has made an invitation and waits for an answer. Key and nonce are fixed and shown to nobody."""

    state: Literal["inviting"] = "inviting"
    seed: Seed
    nonce: Bytes32
    base_epoch: Epoch

    def invitation(self, road_secret: bytes) -> Invitation:
        """The invitation that was made with this state, once more: no answer has come, and nothing changed."""
        return Invitation(commit(kem_public(self.seed), self.nonce), road_secret, self.base_epoch)

    def answer(self, message2: bytes, entropy: Entropy) -> tuple[InviterAnswered, bytes]:
        """Take the first valid answer and open our key and nonce to it alone.

        Returns:
            The next state and message 3, to be stored together before message 3 leaves.

        Raises:
            MalformedPairing, NewerVersion: Not a message 2.
            KeyDegenerate: The key in it is unfit; nothing was sealed to it.

        Source: spec/bond.md 2, messages 2 and 3.
        """
        their_public, their_nonce = _read_answer(message2)
        said = _inviter_said(self.seed, self.nonce, their_public, their_nonce)
        s1 = entropy.token(KEY_BYTES)
        payload = hpke_seal(their_public, said.info_reveal(), s1 + self.nonce + said.public_a)
        answered = InviterAnswered(
            seed=self.seed,
            nonce=self.nonce,
            base_epoch=self.base_epoch,
            their_public=their_public,
            their_nonce=their_nonce,
            s1=s1,
            answer_hash=sha256(message2),
            reveal_hash=sha256(payload),
        )
        return answered, frame(REVEAL, payload)


class Accepting(State, frozen=True, kw_only=True):
    """The accepter has answered an invitation and waits for message 3."""

    state: Literal["accepting"] = "accepting"
    seed: Seed
    nonce: Bytes32
    base_epoch: Epoch
    commitment: Bytes32

    def reveal(self, message3: bytes, entropy: Entropy) -> tuple[Paired, bytes]:
        """Check what the inviter shows against the invitation, and close the pairing.

        Returns:
            The end state and message 4, to be stored together before message 4 leaves.

        Raises:
            MalformedPairing, NewerVersion: Not a message 3.
            PairingBroken: It does not open, or is not what the invitation committed to.
            KeyDegenerate: The key in it is unfit; nothing was sealed to it.

        Source: spec/bond.md 2, messages 3 and 4.
        """
        payload = payload_of(message3, REVEAL)
        public = kem_public(self.seed)
        plain = _open(self.seed, info_reveal(self.commitment, public, self.nonce), payload)
        s1, nonce_a = plain[:KEY_BYTES], plain[KEY_BYTES : KEY_BYTES + NONCE_BYTES]
        said = Transcript(self.commitment, plain[KEY_BYTES + NONCE_BYTES :], nonce_a, public, self.nonce)
        # Without this check a middle could choose the inviter's side after our nonce was open, until the words agree.
        if not same(commit(said.public_a, nonce_a), self.commitment):
            raise PairingBroken("What came is not what the invitation promised.")
        kem_check(said.public_a)
        s2 = entropy.token(KEY_BYTES)
        closing = hpke_seal(said.public_a, said.info_close(), s2)
        secrets = said.secrets(s1, s2, sha256(payload), sha256(closing))
        return _paired(1, said, secrets, self.seed, self.base_epoch, None), frame(CLOSE, closing)


def invite(entropy: Entropy, base_epoch: int) -> tuple[Inviting, Invitation]:
    """Begin a bond: fix our key and nonce, and make the invitation that commits to them.

    Args:
        entropy: Gives the key, the nonce and the road secret.
        base_epoch: The epoch of today, u32.

    Source: spec/bond.md 1.
    """
    seed, nonce = entropy.token(KEM_SEED_BYTES), entropy.token(NONCE_BYTES)
    state = Inviting(seed=seed, nonce=nonce, base_epoch=base_epoch)
    return state, state.invitation(entropy.token(KEY_BYTES))


def accept(invitation: Invitation, entropy: Entropy) -> tuple[Accepting, bytes]:
    """Answer an invitation: the accepter's first state and message 2, to be stored together before it leaves.

    Source: spec/bond.md 2, message 2.
    """
    seed, nonce = entropy.token(KEM_SEED_BYTES), entropy.token(NONCE_BYTES)
    state = Accepting(seed=seed, nonce=nonce, base_epoch=invitation.base_epoch, commitment=invitation.commitment)
    return state, frame(ANSWER, kem_public(seed) + nonce)


def _inviter_said(seed: bytes, nonce: bytes, their_public: bytes, their_nonce: bytes) -> Transcript:
    public = kem_public(seed)
    return Transcript(commit(public, nonce), public, nonce, their_public, their_nonce)


def _open(seed: bytes, info: bytes, payload: bytes) -> bytes:
    try:
        return hpke_open(seed, info, payload)
    except SealBroken as error:
        raise PairingBroken("A pairing message came that does not belong to this invitation.") from error


def _read_answer(message2: bytes) -> tuple[bytes, bytes]:
    payload = payload_of(message2, ANSWER)
    public, nonce = payload[:KEM_PUBLIC_BYTES], payload[KEM_PUBLIC_BYTES:]
    kem_check(public)
    return public, nonce


def same_answer(answer_hash: bytes, message2: bytes) -> bool:
    """As :meth:`InviterAnswered.same_answer`, for who remembers no more than the hash of the answer."""
    if same(sha256(message2), answer_hash):
        return True
    _read_answer(message2)
    raise TwoAnswers()


def _paired(
    direction: Literal[0, 1],
    said: Transcript,
    secrets: Secrets,
    seed: bytes,
    base_epoch: int,
    answer_hash: bytes | None,
) -> Paired:
    return Paired(
        direction=direction,
        words=said.words(),
        bond_id=secrets.bond_id,
        auth_root=secrets.auth_root,
        time_roots=secrets.time_roots,
        base_epoch=base_epoch,
        our_seed=seed,
        their_public=said.public_a if direction else said.public_b,
        first_tokens=secrets.first_tokens,
        answer_hash=answer_hash,
    )
