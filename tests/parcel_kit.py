"""Small makers shared by the tests of the parcel room. Everything is seeded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random

from tiercel.parcel import epochs, symbols
from tiercel.parcel.box import Kind, Symbols, open_parcel, seal_symbols
from tiercel.parcel.epochs import ParcelKeys
from tiercel.parcel.profiles import capacity
from tiercel.parcel.symbols import Ref, layout_of
from tiercel.ports import Profile

KEYS = epochs.epoch_keys(bytes(range(32)), 0)


class Bundle:
    """A bundle on its way: random bytes and the parcels they become."""

    def __init__(self, data: bytes, kind: Kind = Kind.LETTER) -> None:
        self.data, self.kind = data, kind
        self.hash = hashlib.sha256(data).digest()
        self.layout = layout_of(len(data))

    def symbol(self, group: int, index: int) -> bytes:
        made = symbols.encode(self.layout, symbols.group_of(self.layout, self.data, group), [index])
        return bytes(made[0])

    def parcel(self, profile: Profile, refs: Sequence[Ref], r: bytes, keys: ParcelKeys = KEYS) -> bytes:
        parts = [self.symbol(*ref) for ref in refs]
        return bytes(seal_symbols(keys, profile, r, self.kind, self.hash, self.layout, refs, parts))

    def parcels(self, profile: Profile, rng: Random, repair: int = 0, keys: ParcelKeys = KEYS) -> Iterator[bytes]:
        order = symbols.send_order(self.layout, repair)
        while refs := tuple(islice(order, capacity(profile, self.layout.symbol_bytes))):
            yield self.parcel(profile, refs, rng.randbytes(16), keys)


def opened(profile: Profile, parcel: bytes, keys: ParcelKeys = KEYS) -> Symbols:
    inside = open_parcel(keys, profile, parcel)
    assert isinstance(inside, Symbols)
    return inside
