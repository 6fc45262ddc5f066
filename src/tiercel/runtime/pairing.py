"""Pairing messages that came are taken one step further, inside the caller's transaction.

Each message of ours is stored before it is sent and repeated byte for byte until the next one comes: sealing is
randomised, so a message made twice would make another bond. Source: spec/bond.md 2.
"""

from __future__ import annotations

from tiercel.bond.pairing import Accepting, InviterAnswered, Inviting, Paired, message_number, same_answer
from tiercel.errors import KeyDegenerate, MalformedError, PairingBroken, TwoAnswers
from tiercel.limits import DAY_MS
from tiercel.sealing.prekeys import pairing_gift, pairing_prekey
from tiercel.vault import bonds, prekeys
from tiercel.vault.bonds import Bond, Root
from tiercel.vault.prekeys import PAIRING, OurPrekey, TheirPrekey

from .bonds import TWO_ANSWERS
from .home import Home

ANSWER, REVEAL, CLOSE = 2, 3, 4


def take_message(home: Home, bond: Bond, message: bytes) -> str | None:
    """Use one whole pairing message; give back a sentence for the person if it does not fit.

    A message that does not fit changes nothing: the pairing goes on waiting for the right one.
    """
    try:
        _step(home, bond, message)
    except TwoAnswers:
        bonds.warn(home.vault, bond.id, TWO_ANSWERS, home.clock.now_ms())
        return f"Bond {bond.name}: {TWO_ANSWERS}."
    except (PairingBroken, KeyDegenerate, MalformedError) as error:
        return f"Something came for the bond {bond.name} that does not fit its invitation and was dropped: {error}"
    return None


def _step(home: Home, bond: Bond, message: bytes) -> None:
    pairing = bonds.pairing_of(home.vault, bond.id)
    if pairing is None:
        return
    number = message_number(message)
    if pairing.stage == "inviting" and number == ANSWER:
        answered, reveal = Inviting.from_bytes(pairing.state).answer(message, home.entropy)
        _store(home, bond, "answered", answered.to_bytes(), reveal)
    elif pairing.stage == "answered" and number == CLOSE:
        paired = InviterAnswered.from_bytes(pairing.state).finish(message)
        _pair(home, bond, paired, None)
    elif pairing.stage == "answered" and number == ANSWER:
        InviterAnswered.from_bytes(pairing.state).same_answer(message)
    elif pairing.stage == "paired" and number == ANSWER and pairing.state:
        same_answer(pairing.state, message)
    elif pairing.stage == "accepting" and number == REVEAL:
        paired, close = Accepting.from_bytes(pairing.state).reveal(message, home.entropy)
        _pair(home, bond, paired, close)


def _store(home: Home, bond: Bond, stage: str, state: bytes, message_out: bytes | None) -> None:
    bonds.change_pairing(home.vault, bond.id, stage=stage, state=state, message_out=message_out)


def _pair(home: Home, bond: Bond, paired: Paired, message_out: bytes | None) -> None:
    """Both sides hold the same secrets: keep what the bond needs, and let two people compare the words.

    Each secret stands in one place from now on and dies there; of the pairing only the answer taken is remembered.
    """
    now = home.clock.now_ms()
    _store(home, bond, "paired", paired.answer_hash or b"", message_out)
    bonds.change_bond(
        home.vault,
        bond.id,
        state="compare",
        words=" ".join(paired.words),
        bond_id=paired.bond_id,
        auth_root=paired.auth_root,
    )
    for direction in (0, 1):
        root = Root(bond.id, direction, 0, paired.base_epoch, paired.time_roots[direction], "current", now)
        bonds.add_root(home.vault, root)
    ours = pairing_prekey(paired.our_seed, paired.first_tokens[bond.their_direction])
    theirs = pairing_gift(paired.their_public, paired.first_tokens[bond.direction])
    today = now // DAY_MS
    prekeys.add_ours(
        home.vault,
        OurPrekey(bond.id, ours.pid, PAIRING, ours.seed, ours.token, ours.public_hash, today, None, None, None),
    )
    prekeys.add_theirs(
        home.vault, TheirPrekey(bond.id, theirs.pid, PAIRING, bytes(16), theirs.public, theirs.token, today)
    )
