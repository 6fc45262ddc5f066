"""The three keys of a box, the hashes a relay knows them by, and the id that follows from the hashes.

Example:
    >>> keys = BoxKeys(bytes(32), bytes([1]) * 32, bytes([2]) * 32)
    >>> keys.box == box_id(keys.hashes) and len(keys.drop_opening.to_bytes())
    48
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from tiercel.errors import MalformedRelay
from tiercel.limits import ID_BYTES, KEY_BYTES, VERSION
from tiercel.wire import lp


class Power(IntEnum):
    """What a key of a box is good for."""

    DROP = 0
    PICK_UP = 1
    ERASE = 2


class BoxHashes(NamedTuple):
    """What a relay is told of a box: the hashes of its keys, 32 bytes each."""

    drop: bytes
    pick_up: bytes
    erase: bytes


def key_hash(power: Power, key: bytes) -> bytes:
    """What a relay keeps of a key; 32 bytes. Source: spec/relay.md 1."""
    return hashlib.sha256(lp(VERSION, b"relay-key", bytes([power]), key)).digest()


def box_id(hashes: BoxHashes) -> bytes:
    """The id of the box with these keys; 16 bytes. Nobody can take the id of a box of others."""
    return hashlib.sha256(lp(VERSION, b"relay-box", *hashes)).digest()[:ID_BYTES]


def token_hash(token: bytes) -> bytes:
    """What a relay keeps of a registration token; 32 bytes. Source: spec/relay.md 5."""
    return hashlib.sha256(lp(VERSION, b"relay-token", token)).digest()


@dataclass(frozen=True)
class Opening:
    """A box and one of its keys: what a request shows. The drop of a box is handed to the correspondent.

    Attributes:
        box: Id, 16 bytes.
        key: 32 bytes. Secret.
    """

    box: bytes
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.box) != ID_BYTES or len(self.key) != KEY_BYTES:
            raise ValueError("an id of 16 and a key of 32 bytes are needed")

    def to_bytes(self) -> bytes:
        """id || key, 48 bytes."""
        return self.box + self.key

    @classmethod
    def from_bytes(cls, data: bytes) -> Opening:
        """Undo :meth:`to_bytes`.

        Raises:
            MalformedRelay: Not 48 bytes.
        """
        if len(data) != ID_BYTES + KEY_BYTES:
            raise MalformedRelay("an opening key has 48 bytes")
        return cls(bytes(data[:ID_BYTES]), bytes(data[ID_BYTES:]))


@dataclass(frozen=True)
class BoxKeys:
    """All keys of one box, 32 random bytes each. Secret; only whoever made the box has all three."""

    drop: bytes = field(repr=False)
    pick_up: bytes = field(repr=False)
    erase: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if {len(self.drop), len(self.pick_up), len(self.erase)} != {KEY_BYTES}:
            raise ValueError("three keys of 32 bytes are needed")

    @property
    def hashes(self) -> BoxHashes:
        """What the relay is told."""
        return BoxHashes(
            key_hash(Power.DROP, self.drop), key_hash(Power.PICK_UP, self.pick_up), key_hash(Power.ERASE, self.erase)
        )

    @property
    def box(self) -> bytes:
        """The id of the box, 16 bytes."""
        return box_id(self.hashes)

    @property
    def drop_opening(self) -> Opening:
        """What the correspondent is given."""
        return Opening(self.box, self.drop)

    @property
    def pick_up_opening(self) -> Opening:
        """What reads."""
        return Opening(self.box, self.pick_up)

    @property
    def erase_opening(self) -> Opening:
        """What takes parcels away."""
        return Opening(self.box, self.erase)
