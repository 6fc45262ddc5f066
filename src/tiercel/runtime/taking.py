"""Small parcels that were opened become what they say: several in one commit, each of them whole or not at all.

Only once that commit is durable are they taken off the road. A parcel that cannot be taken in never stops the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tiercel.delivery.events import EnclosureCameAgain, LetterCameAgain
from tiercel.delivery.generations import Lock
from tiercel.errors import (
    CarrierError,
    Damaged,
    DiskFull,
    LimitError,
    MalformedError,
    NewerVersion,
    SealError,
    VaultError,
)
from tiercel.parcel.box import Kind, NoteBox, Symbols
from tiercel.parcel.epochs import ParcelKeys
from tiercel.vault import bonds, bundles
from tiercel.vault.bonds import Bond
from tiercel.vault.bundles import BundleIn

from . import hearing, pairing
from .gathering import gather_small
from .home import Home
from .keyring import heard
from .opening import POISON, open_bundle
from .planning import RoadAt
from .setting_aside import Aside, UnforeseenError

Box = Symbols | NoteBox | Exception

_PARCELS: Final = 32
_BYTES: Final = 8 << 20


@dataclass(frozen=True)
class Looked:
    """A parcel of theirs that was recognised and opened; ``box`` is the error where it could not be opened."""

    name: str
    size_bytes: int
    lock: Lock
    box: Box


@dataclass
class Taking:
    """Takes in small parcels of one road, a few at a time.

    Attributes:
        letters: How many were opened.
        again: Known bundles that came again at this visit: bond, hash and the keys they came under.
    """

    home: Home
    road: RoadAt
    aside: Aside
    letters: int = 0
    again: set[tuple[int, bytes, ParcelKeys]] = field(default_factory=set)
    _waiting: list[Looked] = field(default_factory=list)
    _heard: set[Lock] = field(default_factory=set)  # within the commit that is being made

    def add(self, looked: Looked) -> None:
        """One more, taken in with others or by :meth:`take`.

        Raises:
            VaultError, DiskFull: The vault failed: what waits comes again at the next visit.
        """
        if self._came_again(looked):
            self.done(looked.name, None)
            return
        self._waiting.append(looked)
        if len(self._waiting) >= _PARCELS or sum(each.size_bytes for each in self._waiting) >= _BYTES:
            self.take()

    def take(self) -> None:
        """Take in what waits; what was taken leaves the road. Raises as :meth:`add`."""
        waiting, self._waiting = self._waiting, []
        again, letters = set(self.again), self.letters
        try:
            outcomes = self._committed(waiting)
        except (VaultError, CarrierError, DiskFull):
            raise
        except Exception:  # one that nobody foresaw takes none of the others with it
            self.again, self.letters = again, letters
            for each in waiting if len(waiting) > 1 else ():
                self._waiting = [each]
                self.take()
            raise
        for each, outcome in zip(waiting, outcomes, strict=True):
            self.done(each.name, outcome)
        for sentence in self.home.office.sentences():
            self.aside.say(sentence)

    def _committed(self, waiting: list[Looked]) -> list[str | Exception | None]:
        if not waiting:
            return []
        self._heard = set()
        with self.home.office.transaction():
            return [self._attempt(each) for each in waiting]

    def done(self, name: str, outcome: str | Exception | None) -> None:
        """Let a parcel leave the road that was taken in, with what is to be said of it; or set aside what was not."""
        if isinstance(outcome, LimitError | NewerVersion):
            self.aside.say(str(outcome))  # left where it is; a newer Tiercel will read what is newer
        elif isinstance(outcome, UnforeseenError):
            self.aside.bundle(name, outcome)
        elif isinstance(outcome, Exception):
            self.aside.parcel(name, outcome)
        else:
            if outcome:
                self.aside.say(outcome)
            self.road.got += 1
            self.aside.remove(name)

    def came_again(self, lock: Lock, known: BundleIn) -> None:
        """An enclosure that is known came again: say so once, and the rest of it at this visit leaves the road."""
        with self.home.office.transaction():
            heard(self.home, lock)
            self.home.office.tell(EnclosureCameAgain(lock.bond, known.hash))
        self.again.add((lock.bond, known.hash, lock.keys))

    def _attempt(self, looked: Looked) -> str | Exception | None:
        """What is to be said of one parcel, or why it cannot be taken in; nothing of it stays then."""
        if isinstance(looked.box, Exception):
            return looked.box
        if self._came_again(looked):
            return None
        try:
            with self.home.office.part():
                return self._take(looked.lock, looked.box)
        except (VaultError, CarrierError, DiskFull):
            raise
        except (LimitError, NewerVersion, UnforeseenError, MalformedError, SealError, *POISON) as error:
            return error

    def _came_again(self, looked: Looked) -> bool:
        """Whether it is the rest of a bundle that is known: all that follows from it was done with its first parcel."""
        lock, box = looked.lock, looked.box
        return isinstance(box, Symbols) and (lock.bond, box.bundle_hash, lock.keys) in self.again

    def _take(self, lock: Lock, box: Symbols | NoteBox) -> str | None:
        check_kind(lock, box)
        if isinstance(box, Symbols):
            self._heard.clear()  # a letter may bring or end roots
            return self._take_symbols(heard(self.home, lock), lock, box)
        bond = bonds.bond_by_id(self.home.vault, lock.bond) if lock in self._heard else heard(self.home, lock)
        said = hearing.hear(self.home, bond, box.record, self.road, lock.superseded)
        self._heard.add(lock)  # behind all that could undo it
        return said

    def _take_symbols(self, bond: Bond, lock: Lock, box: Symbols) -> str | None:
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
        return self._open(bond, box, whole)

    def _open(self, bond: Bond, box: Symbols, whole: bytes) -> str | None:
        try:
            opened = open_bundle(self.home, bond, box.bundle_hash, whole)
        except (MalformedError, SealError, *POISON) as error:  # none that the opening has a verdict for
            now = self.home.clock.now_ms()
            begun = BundleIn(box.bundle_hash, bond.id, int(box.kind), box.bundle_len, "spent", None, None, now)
            raise UnforeseenError(begun, whole) from error
        self.letters += opened.whole
        return opened.said


def check_kind(lock: Lock, box: Symbols | NoteBox) -> None:
    """Refuse what came under keys of another use.

    Whoever saw the invitation has the pairing keys: nothing but pairing messages may come under them.

    Raises:
        Damaged: It did.
    """
    if (isinstance(box, Symbols) and box.kind == Kind.PAIRING) != (lock.epoch is None):
        raise Damaged("A parcel came under keys that are not for its kind.")
