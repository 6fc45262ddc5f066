"""A road that misbehaves on purpose, for tests and the simulator: all that real roads do, decided by a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from tiercel.carriers.base import NAME_CHARACTERS, check_name, check_parcel
from tiercel.errors import CarrierError, CarrierFull, CarrierReadOnly
from tiercel.ports import Carrier, Listed

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"


class Choice(Protocol):
    """What decides: a ``random.Random`` with a seed will do."""

    def random(self) -> float:
        """A number from 0 up to, not including, 1."""
        ...

    def randrange(self, stop: int, /) -> int:
        """A whole number from 0 up to, not including, ``stop``."""
        ...


@dataclass(frozen=True)
class Faults:
    """How likely each fault is, from 0 (never) to 1 (always), each time it could happen."""

    drop: float = 0.0  # a put that says it went well, and nothing is there
    duplicate: float = 0.0  # the same bytes once more under a name nobody chose
    hold: float = 0.0  # on the way until released
    error_before: float = 0.0  # the act fails and nothing was done
    error_after: float = 0.0  # the act is done and fails all the same
    partial_list: float = 0.0  # a listing that ends early and does not say so


class Faulty:
    """A carrier with faults. Names and sizes are refused first, as by every carrier.

    Args:
        carrier: The road itself.
        choose: Decides; the same seed and the same calls give the same faults.
        faults: How likely each is. May be changed at any time, to heal the world.

    Attributes:
        full: Every put raises CarrierFull.
        read_only: Every put and remove raises CarrierReadOnly.
        held: Parcels on the way, oldest first.
    """

    def __init__(self, carrier: Carrier, choose: Choice, faults: Faults | None = None) -> None:
        self.road = carrier.road
        self.faults = faults or Faults()
        self.full = False
        self.read_only = False
        self.held: list[tuple[str, bytes]] = []
        self._carrier = carrier
        self._choose = choose

    def list(self) -> Iterator[Listed]:
        self._may_fail(self.faults.error_before)
        partial = self._happens(self.faults.partial_list)
        for listed in self._carrier.list():
            if partial and self._happens(0.5):
                return
            yield listed
        self._may_fail(self.faults.error_after)

    def head(self, name: str) -> bytes:
        check_name(name)
        self._may_fail(self.faults.error_before)
        head = self._carrier.head(name)
        self._may_fail(self.faults.error_after)
        return head

    def fetch(self, name: str) -> bytes:
        check_name(name)
        self._may_fail(self.faults.error_before)
        parcel = self._carrier.fetch(name)
        self._may_fail(self.faults.error_after)
        return parcel

    def put(self, name: str, parcel: bytes | bytearray | memoryview) -> int | None:
        check_name(name)
        view = check_parcel(self.road, parcel)
        self._may_write(puts=True)
        self._may_fail(self.faults.error_before)
        until = self._carry(name, view)
        self._may_fail(self.faults.error_after)
        return until

    def flush(self) -> None:
        self._may_fail(self.faults.error_before)
        self._carrier.flush()
        self._may_fail(self.faults.error_after)

    def remove(self, name: str) -> None:
        check_name(name)
        self._may_write(puts=False)
        self._may_fail(self.faults.error_before)
        self._carrier.remove(name)
        self._may_fail(self.faults.error_after)

    def check(self) -> None:
        self._may_write(puts=True)
        self._may_fail(self.faults.error_before)
        self._carrier.check()

    def release(self, count: int | None = None) -> int:
        """Let held parcels arrive, in an order of chance; how many did.

        Args:
            count: At most so many; all unless given.
        """
        number = len(self.held) if count is None else min(count, len(self.held))
        for _ in range(number):
            self._carrier.put(*self.held.pop(self._choose.randrange(len(self.held))))
        self._carrier.flush()
        return number

    def _carry(self, name: str, view: memoryview) -> int | None:
        if self._happens(self.faults.drop):
            return None
        if self._happens(self.faults.hold):
            self.held.append((name, bytes(view)))
            return None
        if self._happens(self.faults.duplicate):
            self._carrier.put(self._other_name(), view)
        return self._carrier.put(name, view)

    def _other_name(self) -> str:
        return "".join(_LETTERS[self._choose.randrange(len(_LETTERS))] for _ in range(NAME_CHARACTERS))

    def _may_write(self, *, puts: bool) -> None:
        if self.read_only:
            raise CarrierReadOnly(permanent=True)
        if self.full and puts:
            raise CarrierFull(permanent=True)

    def _may_fail(self, likely: float) -> None:
        if self._happens(likely):
            raise CarrierError("The road failed, as it was told to.")

    def _happens(self, likely: float) -> bool:
        return likely > 0 and self._choose.random() < likely
