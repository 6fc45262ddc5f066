"""A correspondent who has the true keys of a bond and keeps no rule: parcels, notes and letters made by hand."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tiercel.crypto import sha256
from tiercel.parcel import box
from tiercel.parcel.epochs import ParcelKeys
from tiercel.parcel.symbols import encode, group_of, layout_of, send_order
from tiercel.ports import Profile
from tiercel.runtime import keyring
from tiercel.runtime.home import Home
from tiercel.sealing import padding
from tiercel.sealing.envelope import BondKeys, seal_letter
from tiercel.sealing.prekeys import Gift
from tiercel.vault import bonds, prekeys
from tiercel.wire import to_base32

FILE, STICK = Profile("file", 65_536), Profile("stick", 1_048_576)


class Hostile:
    """Ada's keys in the hands of someone who writes parcels by hand."""

    def __init__(self, home: Home, post: Path, seed: int, gifts: int = 40) -> None:
        """Take some gifts from a vault, which will not use them; the last is the last resort, if they are all taken."""
        self.post, self.rng = post, random.Random(seed)
        self.names: set[str] = set()
        self.bond = bonds.all_bonds(home.vault)[0]
        assert self.bond.bond_id and self.bond.auth_root
        self.letter_keys = BondKeys(self.bond.bond_id, self.bond.auth_root)
        with home.vault.transaction():
            taken = [prekeys.take_theirs(home.vault, self.bond.id, 0) for _ in range(gifts)]
        self.gifts = [Gift(row.pid, row.public, row.token) for row in taken if row is not None]
        self.learn_keys(home)

    def learn_keys(self, home: Home) -> None:
        """Take the parcel keys of today."""
        sending = keyring.sending(home.vault, bonds.all_bonds(home.vault)[0], home.clock.now_ms())
        assert sending is not None
        self.keys: ParcelKeys = sending[0]

    def put(self, parcel: bytes | bytearray) -> None:
        name = to_base32(self.rng.randbytes(16))
        self.names.add(name)
        (self.post / name).write_bytes(parcel)

    def boxed(self, plain: bytes, profile: Profile = FILE) -> None:
        """A parcel with any inside."""
        self.put(box._seal(self.keys, profile, self.rng.randbytes(16), [plain]))

    def note(self, record: bytes) -> None:
        self.put(box.seal_note(self.keys, FILE, self.rng.randbytes(16), record))

    def bundle(self, data: bytes, kind: box.Kind = box.Kind.LETTER) -> None:
        """A whole bundle, in as many parcels as it takes."""
        layout = layout_of(len(data))
        refs = list(send_order(layout))
        room = (STICK.size_bytes - 93) // (layout.symbol_bytes + 5)
        for at in range(0, len(refs), room):
            some = refs[at : at + room]
            symbols = [bytes(encode(layout, group_of(layout, data, group), [index])[0]) for group, index in some]
            self.put(
                box.seal_symbols(self.keys, STICK, self.rng.randbytes(16), kind, sha256(data), layout, some, symbols)
            )

    def record(self, record: bytes) -> None:
        """A letter with any record."""
        self.bundle(self.sealed(record))

    def sealed(self, record: bytes) -> bytes:
        """A bundle with any record."""
        gift = self.gifts.pop(0)
        self.gifts += [] if self.gifts else [gift]
        return seal_letter(self.letter_keys, self.bond.direction, self.bond.incarnation, gift, record)

    def body(self, monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
        """A letter with any body: its length need not be that of its record."""
        with monkeypatch.context() as patch:
            patch.setattr(padding, "pad_body", lambda record: record)
            self.record(body)

    def symbol(self, digest: bytes, length: int, group: int = 0, index: int = 0) -> None:
        """One symbol of an enclosure that will never be whole."""
        layout = layout_of(length)
        data = bytes(layout.symbol_bytes)
        r = self.rng.randbytes(16)
        self.put(box.seal_symbols(self.keys, FILE, r, box.Kind.ENCLOSURE, digest, layout, [(group, index)], [data]))
