"""Epochs of 30 days and the parcel keys of each.

A root evolves one way: who holds the root of epoch e has every later one of its generation and no earlier one. Old
epochs are forgotten by deleting their roots. Each direction of a bond has its own roots.

Example:
    >>> epoch_of(0), epoch_of(30 * 86_400_000)
    (0, 1)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tiercel.crypto import hkdf, label
from tiercel.limits import EPOCH_DAYS, EPOCHS_AHEAD, EPOCHS_KEPT_BEFORE, EPOCHS_SENDER_LEAD, KEY_BYTES
from tiercel.wire import day_of

_NEXT: Final = label("epoch-next")
_TAG: Final = tuple(label("tag", bytes([direction])) for direction in (0, 1))
_BOX: Final = tuple(label("parcel-key", bytes([direction])) for direction in (0, 1))


@dataclass(frozen=True)
class ParcelKeys:
    """What makes and opens the parcels of one direction in one epoch, or of one pairing.

    ``direction`` is 0 from the inviter to the accepter, 1 back. Both keys are secret and 32 bytes long.
    """

    direction: int
    tag_key: bytes = field(repr=False)
    box_key: bytes = field(repr=False)


def epoch_of(now_ms: int) -> int:
    """The epoch of an instant: whole UTC days since 1970, divided by 30. Source: spec/parcel.md 2."""
    return day_of(now_ms) // EPOCH_DAYS


def evolve(root: bytes, steps: int = 1) -> bytes:
    """The root ``steps`` epochs later. There is no way back.

    Raises:
        ValueError: ``steps`` is negative.
    """
    if steps < 0:
        raise ValueError("a root never goes back")
    for _ in range(steps):
        root = hkdf(root, b"", _NEXT)
    return root


def epoch_keys(root_at_epoch: bytes, direction: int) -> ParcelKeys:
    """The keys of one epoch from the root of that epoch. Source: spec/parcel.md 2."""
    (d,) = direction_byte(direction)
    return ParcelKeys(direction, tag_key=hkdf(root_at_epoch, b"", _TAG[d]), box_key=hkdf(root_at_epoch, b"", _BOX[d]))


def pairing_keys(road_secret: bytes, direction: int) -> ParcelKeys:
    """The keys of pairing parcels, from the road secret of an invitation; they know no epochs."""
    both = hkdf(road_secret, b"", label("pair-road", direction_byte(direction)), 2 * KEY_BYTES)
    return ParcelKeys(direction, tag_key=both[:KEY_BYTES], box_key=both[KEY_BYTES:])


def direction_byte(direction: int) -> bytes:
    """The direction as it enters derivations: one byte, 0x00 or 0x01."""
    if direction not in (0, 1):
        raise ValueError("a direction is 0 or 1")
    return bytes([direction])


def sending_epoch(clock_epoch: int, newest_heard: int, last_used: int) -> int:
    """The epoch to send in: the clock's, but at most 5 ahead of the peer, and never back within a generation.

    Args:
        clock_epoch: Epoch of our own clock.
        newest_heard: Newest epoch in which a parcel of the peer came; the base epoch before the first.
        last_used: Newest epoch sent in under this generation; its base epoch before the first.
    """
    return max(last_used, min(clock_epoch, newest_heard + EPOCHS_SENDER_LEAD))


def receiving_epochs(clock_epoch: int, newest_heard: int, base_epoch: int) -> range:
    """The epochs whose keys are tried, oldest first.

    The oldest is five before the earlier of clock and newest heard: a wrong clock alone drops no epoch. The newest is
    one past the later of the two: a peer whose clock is right is heard even while ours stands still.

    Args:
        clock_epoch: Epoch of our own clock.
        newest_heard: Newest epoch in which a parcel of the peer came.
        base_epoch: Epoch of the root of this generation; there are no keys before it.
    """
    oldest = max(base_epoch, min(clock_epoch, newest_heard) - EPOCHS_KEPT_BEFORE)
    newest = max(clock_epoch, newest_heard, base_epoch) + EPOCHS_AHEAD
    return range(oldest, newest + 1)
