"""Which parcel keys are live, from the roots in the vault. What makes them live is said in ``delivery.generations``."""

from __future__ import annotations

from tiercel.delivery.events import ParcelHeard
from tiercel.delivery.generations import Lock, receiving_from, sending_epoch_of
from tiercel.parcel.epochs import ParcelKeys, epoch_keys, evolve, pairing_keys
from tiercel.vault import bonds
from tiercel.vault.bonds import Bond
from tiercel.vault.store import Vault

from .home import Home


def receiving(home: Home, bond: Bond, now_ms: int) -> list[Lock]:
    """Every key under which the other side of a bond may have sent."""
    locks = []
    pairing = bonds.pairing_of(home.vault, bond.id)
    if pairing is not None:
        locks.append(Lock(bond.id, pairing_keys(pairing.road_secret, bond.their_direction)))
    roots = bonds.roots_of(home.vault, bond.id, bond.their_direction)
    return [*locks, *receiving_from(home.keys, bond.id, bond.newest_heard, roots, now_ms)]


def heard(home: Home, lock: Lock) -> Bond:
    """Under which epoch and generation a parcel came is told, in a transaction of the office; give back its bond."""
    if lock.epoch is not None and lock.generation is not None:
        home.office.tell(ParcelHeard(lock.bond, lock.generation, lock.epoch))
    return bonds.bond_by_id(home.vault, lock.bond)


def sending(vault: Vault, bond: Bond, now_ms: int, clock_doubtful: bool = False) -> tuple[ParcelKeys, int] | None:
    """The keys to send with now and their epoch; None before the bond has any."""
    current = [root for root in bonds.roots_of(vault, bond.id, bond.direction) if root.standing == "current"]
    if not current:
        return None
    epoch = sending_epoch_of(current[0], bond.newest_heard, bond.newest_sent, now_ms, clock_doubtful)
    return epoch_keys(evolve(current[0].root, epoch - current[0].epoch), bond.direction), epoch
