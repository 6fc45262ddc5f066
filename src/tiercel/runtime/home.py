"""An opened vault together with its clock, its entropy and the way to its roads."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from tiercel.delivery.schedule import clock_in_doubt
from tiercel.errors import NameUnknown
from tiercel.limits import HOUR_MS, KEY_BYTES
from tiercel.ports import Carrier, Clock, Entropy
from tiercel.vault import bonds, letters, roads, settings
from tiercel.vault.keys import DEFAULT_KDF, KdfParameters
from tiercel.vault.marker import default_state_dir
from tiercel.vault.roads import CarrierRow
from tiercel.vault.store import Vault

from .clock import SystemClock, SystemEntropy
from .names import same_name

if TYPE_CHECKING:
    from tiercel.delivery.generations import KeyRing

    from .office import Office

Opener = Callable[[CarrierRow], Carrier]


class Home:
    """One person's vault at work. Close it, or use it as a context manager.

    Args:
        vault: Opened.
        clock: Tells the time; its jumps are noticed here.
        entropy: For keys, ids and names.
        opener: Makes a carrier from its row; tests and the simulator give their own.
    """

    def __init__(self, vault: Vault, clock: Clock, entropy: Entropy, opener: Opener | None = None) -> None:
        self.vault = vault
        self.clock = clock
        self.entropy = entropy
        self.open_carrier = opener or self._open_carrier
        self._doubtful: bool | None = None  # during a visit: what it began with
        self.watching = False  # whether the roads are visited every few seconds
        self.visit = -1  # number of the present visit to the roads, or of the last one of this run
        self.swept_day = -1  # when files that no row names were last looked for; whole UTC days since 1970
        self.doomed: set[str] = set()  # enclosure files to remove once the change that let go of them is durable
        self.watch_clock()

    def _open_carrier(self, row: CarrierRow) -> Carrier:
        if row.kind == "relay":
            from .relay_road import RelayRoad

            return RelayRoad(self, row)
        from tiercel.carriers.registry import open_carrier

        return open_carrier(row.kind, {"path": row.place})

    @cached_property
    def circuits(self) -> bytes:
        """What the circuits of this run are told apart by; of another run nobody can say that they are the same."""
        return self.entropy.token(KEY_BYTES)

    @cached_property
    def keys(self) -> KeyRing:
        """Parcel keys derived before."""
        from tiercel.delivery.generations import KeyRing

        return KeyRing()

    @cached_property
    def office(self) -> Office:
        """Where events go to the delivery engine; loaded when the first one happens."""
        from .office import Office

        return Office(self)

    @property
    def clock_doubtful(self) -> bool:
        """Whether the clock jumped and no person has confirmed it; then nothing expires or is deleted by time.

        During a visit it stays as it was at its beginning.
        """
        if self._doubtful is not None:
            return self._doubtful
        return settings.get_int(self.vault, "clock_in_doubt", 0) == 1

    @property
    def sends(self) -> bool:
        """Whether a visit to the roads would send anything: an older copy of a vault sends nothing."""
        return not self.vault.rolled_back

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences that stand until a person acts."""
        found = []
        if self.vault.rolled_back:
            found.append("This vault is an older copy of itself; nothing is sent until you decide (`tiercel doctor`).")
        if self.clock_doubtful:
            found.append("The clock moved a long way since the last run; nothing expires until `tiercel clock ok`.")
        return tuple(found)

    def watch_clock(self) -> None:
        """Notice a jump of the clock since it was last looked at; every run and every visit looks."""
        if self._clock_moved():
            with self.vault.transaction():
                self._note_clock()

    def begin_visit(self) -> int:
        """Look at the clock and count a visit to the roads; give its number."""
        with self.vault.transaction():
            if self._clock_moved():
                self._note_clock()
            self.visit = settings.next_visit(self.vault)
            doubtful = self.clock_doubtful
        self._doubtful = doubtful
        return self.visit

    def end_visit(self) -> None:
        """The visit that was begun last is over, or failed."""
        self._doubtful = None

    def _clock_moved(self) -> bool:
        """Whether the clock is to be noted: it moved by an hour, or back, or was never looked at."""
        last = settings.get_int(self.vault, "last_run_ms", -1)
        return last < 0 or not 0 <= self.clock.now_ms() - last < HOUR_MS

    def _note_clock(self) -> None:
        now, last = self.clock.now_ms(), settings.get_int(self.vault, "last_run_ms", -1)
        if self.vault.rolled_back and settings.get_int(self.vault, "copied_at", -1) < 0:
            settings.put(self.vault, "copied_at", last)  # when this older copy was last used
        settings.put(self.vault, "last_run_ms", now)
        if last >= 0 and clock_in_doubt(last, now):
            settings.put(self.vault, "clock_in_doubt", 1)

    def bond(self, name: str) -> bonds.Bond:
        """The bond of that name.

        Raises:
            NameUnknown: There is none.
        """
        found = bonds.bond_named(self.vault, same_name(name))
        if found is None:
            raise NameUnknown(f"There is no bond called {name}.", remedy="`tiercel bond list` shows yours.")
        return found

    def carrier(self, name: str) -> CarrierRow:
        """The carrier of that name.

        Raises:
            NameUnknown: There is none.
        """
        found = roads.carrier_named(self.vault, same_name(name))
        if found is None:
            raise NameUnknown(f"There is no carrier called {name}.", remedy="`tiercel carrier list` shows yours.")
        return found

    def remove_doomed(self) -> None:
        """Remove the files that nothing refers to any more; call it after the commit, never inside a transaction."""
        live = letters.enclosure_files(self.vault) if self.doomed else set()
        for file in self.doomed - live:
            (self.vault.enclosures / file).unlink(missing_ok=True)
        self.doomed.clear()

    def close(self) -> None:
        """Close the vault."""
        self.vault.close()

    def __enter__(self) -> Home:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def _state_dir() -> Path:
    return default_state_dir(os.environ, Path.home())


def create_home(folder: Path, passphrase: str, name: str | None = None, kdf: KdfParameters = DEFAULT_KDF) -> Home:
    """Make a new vault in an empty or new folder and open it.

    Raises:
        VaultExists: There is something there already.
        SuiteMissing: The cryptographic library lacks a part of the suite.
    """
    from tiercel.crypto import require_suite

    require_suite()
    entropy = SystemEntropy()
    vault = Vault.create(folder, passphrase, entropy, kdf=kdf, state_dir=_state_dir())
    if name:
        with vault.transaction():
            settings.put(vault, "owner", name)
    return Home(vault, SystemClock(), entropy)


def open_home(folder: Path, passphrase: str) -> Home:
    """Open a vault.

    Raises:
        VaultMissing, WrongPassphrase, VaultDamaged, VaultNewer, SuiteMissing: As named.
    """
    from tiercel.crypto import require_suite

    require_suite()
    entropy = SystemEntropy()
    return Home(Vault.open(folder, passphrase, entropy, state_dir=_state_dir()), SystemClock(), entropy)
