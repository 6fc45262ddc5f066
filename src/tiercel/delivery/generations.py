"""Which parcel keys are live: to recognise what comes, and to seal what goes. Source: spec/parcel.md 2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tiercel.delivery.events import ParcelHeard
from tiercel.delivery.rows import BondAt, Root
from tiercel.delivery.step import Step
from tiercel.parcel.epochs import ParcelKeys, epoch_keys, epoch_of, evolve, receiving_epochs, sending_epoch

EPOCHS_TRIED_MAX = 256
"""Twenty years: what a clock far ahead may cost at most."""
KEYS_REMEMBERED_MAX = 4096
"""Derived keys kept in memory: some hundred bonds. Beyond it all are derived anew."""


@dataclass(frozen=True)
class Lock:
    """Keys that may recognise a parcel: of a bond, in one generation and epoch, or (both None) of its pairing."""

    bond: int
    keys: ParcelKeys
    generation: int | None = None
    epoch: int | None = None
    superseded: bool = False


@dataclass
class KeyRing:
    """Receiving keys derived before, for each bond only those that were live when they were last asked for.

    It is emptied when a root moves on or is deleted: nothing of one stays in memory.
    """

    _known: dict[int, dict[tuple[bytes, int], ParcelKeys]] = field(default_factory=dict, repr=False)

    def keys(self, bond: int, wanted: Sequence[tuple[Root, Sequence[int]]]) -> Iterator[ParcelKeys]:
        """The keys of each root and of its ascending epochs; all others of the bond are forgotten."""
        before, live = self._known.pop(bond, {}), dict[tuple[bytes, int], ParcelKeys]()
        if sum(map(len, self._known.values())) < KEYS_REMEMBERED_MAX:
            self._known[bond] = live
        for root, epochs in wanted:
            secret, at = root.root, root.epoch
            for epoch in epochs:
                name = (root.root, epoch - root.epoch)
                if name not in before:
                    secret, at = evolve(secret, epoch - at), epoch
                    before[name] = epoch_keys(secret, root.direction)
                live[name] = before[name]
                yield live[name]

    def forget(self) -> None:
        """Let go of all."""
        self._known.clear()


def receiving_from(ring: KeyRing, bond: int, newest_heard: int, roots: Sequence[Root], now_ms: int) -> list[Lock]:
    """Every key under which the other side of a bond may have sent.

    Args:
        ring: Keys derived before.
        bond: Its id.
        newest_heard: Newest epoch in which a parcel of theirs came.
        roots: Of their direction, in whatever standing.
        now_ms: UTC milliseconds since 1970.
    """
    wanted = [(root, receiving_epochs(epoch_of(now_ms), newest_heard, root.epoch)[:EPOCHS_TRIED_MAX]) for root in roots]
    named = ((root, epoch) for root, epochs in wanted for epoch in epochs)
    return [
        Lock(bond, keys, root.generation, epoch, root.standing == "superseded")
        for (root, epoch), keys in zip(named, ring.keys(bond, wanted), strict=True)
    ]


def sending_epoch_of(root: Root, newest_heard: int, newest_sent: int, now_ms: int, clock_doubtful: bool) -> int:
    """The epoch to send in now under the current root of our direction.

    A clock in doubt moves no epoch: a sender never goes back, and what is sent too early is not recognised.
    """
    clock_epoch = newest_sent if clock_doubtful else epoch_of(now_ms)
    return max(root.epoch, sending_epoch(clock_epoch, newest_heard, newest_sent))


def parcel_heard(step: Step, event: ParcelHeard) -> None:
    """A parcel was opened: its epoch was heard, and its generation is the current one of their direction."""
    bond = step.ledger.bond(event.bond)
    if event.epoch > bond.newest_heard:
        step.ledger.heard_epoch(event.bond, event.epoch)
    step.ledger.take_generation(event.bond, bond.their_direction, event.generation, step.now_ms)


def forget_epochs(step: Step, bond: BondAt, roots: Sequence[Root]) -> bool:
    """Move the roots of a bond past the epochs that are no longer kept; say whether one moved.

    The oldest kept epoch of theirs needs the clock and what was heard to agree; of ours, none is needed that was left.
    """
    moved = False
    for root in roots:
        floor = bond.newest_sent
        if root.direction != bond.direction:
            floor = receiving_epochs(epoch_of(step.now_ms), bond.newest_heard, root.epoch).start
        if floor > root.epoch:
            step.ledger.advance_root(root, floor, evolve(root.root, floor - root.epoch))
            moved = True
    return moved
