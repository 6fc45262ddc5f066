"""Which parcel keys are live: to recognise what comes, and to seal what goes. Source: spec/parcel.md 2."""

from __future__ import annotations

from dataclasses import dataclass

from tiercel.parcel.epochs import (
    ParcelKeys,
    epoch_keys,
    epoch_of,
    evolve,
    pairing_keys,
    receiving_epochs,
    sending_epoch,
)
from tiercel.vault import bonds
from tiercel.vault.bonds import Bond, Root
from tiercel.vault.store import Vault

from .home import Home

EPOCHS_TRIED_MAX = 256
"""Twenty years: what a clock far ahead may cost at most."""


@dataclass(frozen=True)
class Lock:
    """Keys that may recognise a parcel: of a bond, in one generation and epoch, or (both None) of its pairing."""

    bond: int
    keys: ParcelKeys
    generation: int | None = None
    epoch: int | None = None
    superseded: bool = False


def receiving(vault: Vault, bond: Bond, now_ms: int) -> list[Lock]:
    """Every key under which the other side of a bond may have sent."""
    locks = []
    pairing = bonds.pairing_of(vault, bond.id)
    if pairing is not None:
        locks.append(Lock(bond.id, pairing_keys(pairing.road_secret, bond.their_direction)))
    for root in bonds.roots_of(vault, bond.id, bond.their_direction):
        secret, at = root.root, root.epoch
        for epoch in receiving_epochs(epoch_of(now_ms), bond.newest_heard, root.epoch)[:EPOCHS_TRIED_MAX]:
            secret, at = evolve(secret, epoch - at), epoch
            keys = epoch_keys(secret, bond.their_direction)
            locks.append(Lock(bond.id, keys, root.generation, epoch, root.standing == "superseded"))
    return locks


def heard(home: Home, lock: Lock) -> Bond:
    """Remember under which epoch and generation a parcel came, in the caller's transaction; give back its bond."""
    if lock.epoch is not None and lock.generation is not None:
        bonds.heard_epoch(home.vault, lock.bond, lock.epoch)
        bond = bonds.bond_by_id(home.vault, lock.bond)
        now = home.clock.now_ms()
        bonds.take_generation(home.vault, bond.id, bond.their_direction, lock.generation, now)
    return bonds.bond_by_id(home.vault, lock.bond)


def sending(vault: Vault, bond: Bond, now_ms: int, clock_doubtful: bool = False) -> tuple[ParcelKeys, int] | None:
    """The keys to send with now and their epoch; None before the bond has any.

    A clock in doubt moves no epoch: a sender never goes back, and what is sent too early is not recognised.
    """
    current = [root for root in bonds.roots_of(vault, bond.id, bond.direction) if root.standing == "current"]
    if not current:
        return None
    clock_epoch = bond.newest_sent if clock_doubtful else epoch_of(now_ms)
    epoch = max(current[0].epoch, sending_epoch(clock_epoch, bond.newest_heard, bond.newest_sent))
    return epoch_keys(evolve(current[0].root, epoch - current[0].epoch), bond.direction), epoch


def forget_epochs(vault: Vault, bond: Bond, now_ms: int) -> bool:
    """Move every root past the epochs that are no longer kept; say whether one moved.

    The oldest kept epoch of theirs needs the clock and what was heard to agree; of ours, none is needed that was left.
    """
    moved = False
    for direction in (bond.direction, bond.their_direction):
        for root in bonds.roots_of(vault, bond.id, direction):
            if direction == bond.direction:
                floor = bond.newest_sent
            else:
                floor = receiving_epochs(epoch_of(now_ms), bond.newest_heard, root.epoch).start
            moved |= _advance(vault, root, floor)
    return moved


def _advance(vault: Vault, root: Root, floor: int) -> bool:
    if floor <= root.epoch:
        return False
    bonds.advance_root(vault, root, floor, evolve(root.root, floor - root.epoch))
    return True
