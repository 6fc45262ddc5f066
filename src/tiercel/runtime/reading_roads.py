"""The first half of a visit: every parcel from a road goes through one door.

Recognise, fetch, decrypt; then :mod:`.taking` for letters and notes, :mod:`.spools` for enclosures: collect, decode
when enough, check the hash, open, store. Only after that transaction is durable is a parcel taken off the road.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

from tiercel.delivery.events import ParcelsGone
from tiercel.delivery.generations import Lock
from tiercel.errors import (
    CarrierError,
    CarrierMissing,
    DiskFull,
    LimitError,
    MalformedError,
    ParcelMissing,
    SealError,
    VaultError,
)
from tiercel.parcel.box import Kind, Symbols, open_parcel
from tiercel.parcel.epochs import ParcelKeys
from tiercel.parcel.tags import recognise
from tiercel.ports import Listed, Profile
from tiercel.vault import bonds, bundles, roads

from . import asking, boxes
from .home import Home
from .keyring import receiving
from .opening import POISON
from .planning import RoadAt
from .setting_aside import Aside
from .spools import Spools
from .taking import Box, Looked, Taking, check_kind
from .views import Progress
from .working import Behind, ahead

_Seen = tuple[Lock, Box]


@dataclass
class Reader:
    """One visit's reading of one road."""

    home: Home
    road: RoadAt
    visit: int
    progress: Progress
    locks: list[Lock] = field(default_factory=list)
    taken_bytes: int = 0
    behind: Behind = field(default_factory=lambda: Behind(False))  # takes off the road what was noted

    def __post_init__(self) -> None:
        """What is known apart: what cannot be taken in, and the enclosures being gathered."""
        self.aside = Aside(self.home, self.road)
        self.taking = Taking(self.home, self.road, self.aside)
        self.spools = Spools(self.home, self.road, self.visit, self.aside, self._noted)

    @property
    def letters(self) -> int:
        """How many were opened."""
        return self.taking.letters + self.spools.letters

    @property
    def notices(self) -> list[str]:
        """Sentences for the person."""
        return self.aside.notices

    def read(self) -> None:
        """Take in everything there is; again after a pairing step, because new keys may recognise more.

        Raises:
            CarrierError, VaultError, LimitError: The road or the disk failed; what was noted is kept.
        """
        if self.road.carrier.road.tells:
            boxes.before_reading(self.home, self.road)
        try:
            self.spools.resume()
            while self._pass():
                pass
        finally:
            self.spools.close()
        self.road.carrier.flush()  # what was taken in leaves the road
        if self.road.carrier.road.tells:
            boxes.after_reading(self.home, self.road)
        asking.ask_for_rest(self.home, self.road.row.id)

    def _pass(self) -> bool:
        theirs = self._listed()
        if not theirs:
            return False
        before = self._states()
        self._load_locks()
        if self.locks:
            self._take_all(theirs, [lock.keys for lock in self.locks])
        return self._states() != before

    def _listed(self) -> list[Listed]:
        """What others put there. What is there no more of ours is told before anything is read that may ask for it."""
        own = bundles.own_on(self.home.vault, self.road.row.id) if self.road.seen.shows_own else {}
        listed = list(self.road.carrier.list())
        self.road.present = {entry.name for entry in listed if entry.name in own}
        gone = tuple(name for name, put in own.items() if put and name not in self.road.present)
        if gone:
            self.home.office.step(ParcelsGone(self.road.row.id, gone))
        return [entry for entry in listed if entry.name not in own]

    def _take_all(self, theirs: list[Listed], keyring: list[ParcelKeys]) -> None:
        total, self.taken_bytes = sum(entry.size_bytes for entry in theirs), 0
        at_once = self.road.carrier.road.at_once if len(theirs) > 1 else 1
        self.behind = Behind(at_once > 1)
        with closing(self.behind), ahead(lambda entry: self._look(entry, keyring), theirs, at_once) as looked:
            try:
                for entry, seen in looked:
                    self._consider(entry, seen)
                    self.taken_bytes += entry.size_bytes
                    self.progress("reading " + self.road.row.name, self.taken_bytes, total)
            except (VaultError, DiskFull):
                raise
            except Exception:  # whatever fails again and again, the road gets a little further each time
                self.taking.take()
                raise
            self.taking.take()
            self.spools.note()

    def _load_locks(self) -> None:
        now = self.home.clock.now_ms()
        self.locks = []
        for bond_id in roads.bonds_on(self.home.vault, self.road.row.id):
            bond = bonds.bond_by_id(self.home.vault, bond_id)
            if bond.state != "refused":
                self.locks += receiving(self.home, bond, now)

    def _states(self) -> list[tuple[int, str]]:
        return [(bond.id, bond.state) for bond in bonds.all_bonds(self.home.vault)]

    # -- one parcel ------------------------------------------------------------------------------

    def _look(self, entry: Listed, keyring: list[ParcelKeys]) -> _Seen | CarrierError | None:
        """Recognise, fetch and open one parcel, by a helper: nothing of the vault is touched here."""
        try:
            at = recognise(self.road.carrier.head(entry.name), keyring)
            if at is None or not self.road.is_for(entry.name, self.locks[at].bond):
                return None
            parcel = self.road.carrier.fetch(entry.name)
        except ParcelMissing:
            return None  # somebody was quicker; what it held comes again if it is needed
        except CarrierMissing:
            raise
        except CarrierError as error:
            return error  # one file that cannot be read does not stop the others
        except (MalformedError, SealError, *POISON) as error:  # nobody knows whose it is: it is left where it is
            return CarrierError(f"A parcel on {self.road.row.name} could not be looked at ({type(error).__name__}).")
        try:
            return self.locks[at], open_parcel(self.locks[at].keys, self._profile(entry.size_bytes), parcel)
        except (MalformedError, SealError, *POISON) as error:
            return self.locks[at], error

    def _consider(self, entry: Listed, look: Callable[[], _Seen | CarrierError | None]) -> None:
        seen = look()
        if seen is None:
            return
        if isinstance(seen, CarrierError):
            self.aside.say(str(seen))
            return
        looked = Looked(entry.name, entry.size_bytes, *seen)
        if isinstance(looked.box, Symbols) and looked.box.kind == Kind.ENCLOSURE:
            self.taking.take()  # a letter among them may have brought its key
            self._take_enclosure(looked.name, looked.lock, looked.box)
        else:
            self.taking.add(looked)

    # -- enclosures ------------------------------------------------------------------------------

    def _take_enclosure(self, name: str, lock: Lock, box: Symbols) -> None:
        try:
            check_kind(lock, box)
            if self._known(lock, box):
                self.taking.done(name, None)
            else:
                self.spools.add(name, lock, bonds.bond_by_id(self.home.vault, lock.bond), box)
        except (VaultError, CarrierError, DiskFull):
            raise
        except (LimitError, MalformedError, SealError, *POISON) as error:
            self.taking.done(name, error)

    def _known(self, lock: Lock, box: Symbols) -> bool:
        if (lock.bond, box.bundle_hash, lock.keys) in self.taking.again:
            return True
        known = bundles.in_by_hash(self.home.vault, lock.bond, box.bundle_hash)
        if known is None or known.standing == "gathering":
            return False
        self.taking.came_again(lock, known)
        return True

    def _noted(self, name: str) -> None:
        self.road.got += 1
        self.behind.give(partial(self.aside.remove, name))

    def _profile(self, size_bytes: int) -> Profile:
        for profile in self.road.carrier.road.profiles:
            if profile.size_bytes == size_bytes:
                return profile
        raise MalformedError("a parcel of no size of this road")
