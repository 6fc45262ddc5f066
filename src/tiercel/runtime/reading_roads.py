"""The first half of a visit: every parcel from a road goes through one door.

Recognise, decrypt, collect, decode when enough, check the hash, open, store; only after that transaction is durable
is the parcel taken off the road. A parcel that cannot be taken in never stops the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

from tiercel.delivery.events import EnclosureCameAgain, LetterCameAgain, ParcelsGone
from tiercel.delivery.generations import Lock
from tiercel.errors import (
    CarrierError,
    CarrierMissing,
    Damaged,
    DiskFull,
    LimitError,
    MalformedError,
    NewerVersion,
    ParcelMissing,
    SealError,
    VaultError,
)
from tiercel.parcel.box import Kind, NoteBox, Symbols, open_parcel
from tiercel.parcel.epochs import ParcelKeys
from tiercel.parcel.tags import recognise
from tiercel.ports import Listed, Profile
from tiercel.vault import bonds, bundles, roads
from tiercel.vault.bonds import Bond
from tiercel.vault.bundles import BundleIn

from . import asking, boxes, hearing, pairing
from .gathering import gather_small
from .home import Home
from .keyring import heard, receiving
from .opening import POISON, open_bundle
from .planning import RoadAt
from .setting_aside import Aside, UnforeseenError
from .spools import Spools
from .views import Progress
from .working import Behind, ahead

_Seen = tuple[Lock, Symbols | NoteBox | Exception]


@dataclass
class Reader:
    """One visit's reading of one road."""

    home: Home
    road: RoadAt
    visit: int
    progress: Progress
    letters: int = 0
    locks: list[Lock] = field(default_factory=list)
    taken_bytes: int = 0
    behind: Behind = field(default_factory=lambda: Behind(False))  # takes off the road what was noted
    again: set[tuple[int, bytes, ParcelKeys]] = field(default_factory=set)  # known bundles that came again now

    def __post_init__(self) -> None:
        """What is known apart: what cannot be taken in, and the enclosures being gathered."""
        self.aside = Aside(self.home, self.road)
        self.spools = Spools(self.home, self.road, self.visit, self.aside, self._noted)

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
            self.letters += self.spools.letters
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
            for entry, seen in looked:
                self._consider(entry, seen)
                self.taken_bytes += entry.size_bytes
                self.progress("reading " + self.road.row.name, self.taken_bytes, total)
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
        try:
            taken = self._take(entry.name, *seen)
        except (VaultError, CarrierError, DiskFull):
            raise
        except LimitError as error:
            self.aside.say(str(error))
            return
        except NewerVersion as error:
            self.aside.say(str(error))  # left where it is: a newer Tiercel will read it
            return
        except UnforeseenError as error:
            self.aside.bundle(entry.name, error)
            return
        except (MalformedError, SealError, *POISON) as error:
            self.aside.parcel(entry.name, error)
            return
        if taken:
            self.road.got += 1
            self.aside.remove(entry.name)

    def _take(self, name: str, lock: Lock, box: Symbols | NoteBox | Exception) -> bool:
        """Take in one parcel; True when it is durable and may leave the road."""
        if isinstance(box, Exception):
            raise box
        # Whoever saw the invitation has the pairing keys: nothing but pairing messages may come under them.
        if (isinstance(box, Symbols) and box.kind == Kind.PAIRING) != (lock.epoch is None):
            raise Damaged("A parcel came under keys that are not for its kind.")
        if isinstance(box, Symbols) and (lock.bond, box.bundle_hash, lock.keys) in self.again:
            return True  # the rest of a bundle that is known: all that follows from it was done with its first parcel
        if isinstance(box, Symbols) and box.kind == Kind.ENCLOSURE:
            return self._take_enclosure(name, lock, box)
        with self.home.office.transaction():
            bond = heard(self.home, lock)
            if isinstance(box, NoteBox):
                said = hearing.hear(self.home, bond, box.record, self.road, lock.superseded)
            else:
                said = self._take_small(bond, lock, box)
        for sentence in (said, *self.home.office.sentences()):
            if sentence:
                self.aside.say(sentence)
        return True

    def _take_small(self, bond: Bond, lock: Lock, box: Symbols) -> str | None:
        known = bundles.in_by_hash(self.home.vault, bond.id, box.bundle_hash)
        if known is not None and known.standing == "spent":
            if known.letter is not None:
                self.home.office.tell(LetterCameAgain(bond.id, known.letter))
            self.again.add((bond.id, known.hash, lock.keys))
            return None
        try:
            whole = gather_small(self.home, bond, box)
        except Damaged as error:
            return str(error)
        if whole is None:
            return None
        if box.kind == Kind.PAIRING:
            return pairing.take_message(self.home, bond, whole)
        try:
            opened = open_bundle(self.home, bond, box.bundle_hash, whole)
        except (MalformedError, SealError, *POISON) as error:  # none that the opening has a verdict for
            now = self.home.clock.now_ms()
            begun = BundleIn(box.bundle_hash, bond.id, int(box.kind), box.bundle_len, "spent", None, None, now)
            raise UnforeseenError(begun, whole) from error
        self.letters += opened.whole
        return opened.said

    # -- enclosures ------------------------------------------------------------------------------

    def _take_enclosure(self, name: str, lock: Lock, box: Symbols) -> bool:
        bond = bonds.bond_by_id(self.home.vault, lock.bond)
        known = bundles.in_by_hash(self.home.vault, bond.id, box.bundle_hash)
        if known is not None and known.standing != "gathering":
            with self.home.office.transaction():
                heard(self.home, lock)
                self.home.office.tell(EnclosureCameAgain(bond.id, known.hash))
            self.again.add((bond.id, known.hash, lock.keys))
            return True
        self.spools.add(name, lock, bond, box)
        return False

    def _noted(self, name: str) -> None:
        self.road.got += 1
        self.behind.give(partial(self.aside.remove, name))

    def _profile(self, size_bytes: int) -> Profile:
        for profile in self.road.carrier.road.profiles:
            if profile.size_bytes == size_bytes:
                return profile
        raise MalformedError("a parcel of no size of this road")
