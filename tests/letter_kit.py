"""Small makers shared by the tests of the letter and sealing rooms. Everything is seeded."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from tiercel import crypto
from tiercel.letter.record import FIRST_PREVIOUS, Kind, LetterRecord, readers_hash
from tiercel.sealing.envelope import BondKeys, open_letter, seal_letter, split_bundle
from tiercel.sealing.prekeys import Gift, Prekey, make_prekey, parse_gift
from tiercel.testing.entropy import SeededEntropy
from tiercel.wire import lp

BOND = BondKeys(bytes(range(16)), bytes(range(100, 132)))
INCARNATION = bytes(range(40, 56))


def letter(rng: Random | None = None, **changes: Any) -> LetterRecord:
    """A letter record with everything that is needed and nothing more."""
    rng = rng or Random(0)
    fields: dict[str, Any] = {
        "kind": Kind.LETTER,
        "letter_id": rng.randbytes(16),
        "number": 1,
        "previous": FIRST_PREVIOUS,
        "written_day": 20_000,
        "sealed_day": 20_001,
        "text": "Dear M., all is well here.",
        "readers_hash": readers_hash(()),
        "receipt_secret": rng.randbytes(16),
    }
    return LetterRecord(**(fields | changes))


@dataclass(frozen=True)
class Road:
    """One prekey, both sides of it, and the bond and direction it is for."""

    prekey: Prekey
    gift: Gift
    bond: BondKeys = BOND
    direction: int = 0

    def seal(self, record: bytes) -> bytes:
        return seal_letter(self.bond, self.direction, INCARNATION, self.gift, record)

    def open(self, bundle: bytes) -> bytes:
        return open_letter(self.bond, self.direction, self.prekey, split_bundle(bundle))


def road(seed: int | str, bond: BondKeys = BOND, direction: int = 0) -> Road:
    prekey, gift = make_prekey(SeededEntropy(seed))
    return Road(prekey, parse_gift(gift), bond, direction)


def forge(made: Road, plain: bytes) -> bytes:
    """What someone can send who knows the gift's public key and every context, and writes the inside by hand."""
    bound = crypto.label(
        "letter", made.bond.bond_id, bytes([made.direction]), INCARNATION, made.gift.pid, made.gift.public_hash
    )
    sealed = crypto.hpke_seal(made.gift.public, crypto.label("envelope", bound), plain)
    return lp(made.gift.pid, INCARNATION, sealed)
