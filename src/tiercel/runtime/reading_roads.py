"""The first half of a visit: every parcel from a road goes through one door.

Recognise, decrypt, collect, decode when enough, check the hash, open, store; only after that transaction is durable
is the parcel taken off the road. A parcel that cannot be taken in never stops the next one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

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
    TiercelError,
    VaultError,
)
from tiercel.limits import NOTE_ITEMS_MAX
from tiercel.parcel.box import Kind, NoteBox, Symbols, open_parcel
from tiercel.parcel.epochs import ParcelKeys
from tiercel.parcel.symbols import layout_of
from tiercel.parcel.tags import recognise
from tiercel.ports import Listed, Profile
from tiercel.vault import bonds, bundles, notes, roads
from tiercel.vault.bonds import Bond
from tiercel.vault.bundles import BundleIn
from tiercel.wire import to_base32

from . import arriving, hearing, pairing
from .gathering import EnclosureSpool, claim, gather_small, is_complete, missing_groups
from .home import Home
from .keyring import Lock, receiving
from .opening import POISON, open_bundle
from .planning import RoadAt
from .views import Progress
from .working import Behind, ahead

NOTE_EVERY_PARCELS = 32
"""Enclosure parcels taken in between two durable notes: 32 MiB of the largest kind."""

SPOOLS_OPEN_MAX = 64
"""Files of enclosures open at once: a letter may bring a thousand."""

_Seen = tuple[Lock, Symbols | NoteBox | Exception]


class _UnforeseenError(Exception):
    """A whole bundle met an error that no code foresaw."""

    def __init__(self, bundle: BundleIn, whole: bytes) -> None:
        super().__init__()
        self.bundle, self.whole = bundle, whole


@dataclass
class Reader:
    """One visit's reading of one road."""

    home: Home
    road: RoadAt
    visit: int
    progress: Progress
    letters: int = 0
    notices: list[str] = field(default_factory=list)
    locks: list[Lock] = field(default_factory=list)
    spools: dict[tuple[int, bytes], EnclosureSpool] = field(default_factory=dict)
    held_back: list[tuple[str, Lock]] = field(default_factory=list)  # in a spool, not noted yet
    taken_bytes: int = 0
    behind: Behind = field(default_factory=lambda: Behind(False))  # takes off the road what was noted

    def read(self) -> None:
        """Take in everything there is; again after a pairing step, because new keys may recognise more.

        Raises:
            CarrierError, VaultError, LimitError: The road or the disk failed; what was noted is kept.
        """
        try:
            self._resume()
            while self._pass():
                pass
        finally:
            for spool in self.spools.values():
                spool.close()
        self._ask_for_missing()

    def _pass(self) -> bool:
        self._load_locks()
        keyring = [lock.keys for lock in self.locks]
        ours = bundles.own_names(self.home.vault, self.road.row.id)
        listed = list(self.road.carrier.list())
        total = sum(entry.size_bytes for entry in listed if entry.name not in ours)
        self.road.present = {entry.name for entry in listed if entry.name in ours}
        self.taken_bytes, before = 0, self._states()
        theirs = [entry for entry in listed if entry.name not in ours and keyring]
        at_once = self.road.carrier.road.at_once if len(theirs) > 1 else 1
        self.behind = Behind(at_once > 1)
        with closing(self.behind), ahead(lambda entry: self._look(entry, keyring), theirs, at_once) as looked:
            for entry, seen in looked:
                self._consider(entry, seen)
                self.taken_bytes += entry.size_bytes
                self.progress("reading " + self.road.row.name, self.taken_bytes, total)
            self._note_spools()
        return self._states() != before

    def _load_locks(self) -> None:
        now = self.home.clock.now_ms()
        self.locks = []
        for bond_id in roads.bonds_on(self.home.vault, self.road.row.id):
            bond = bonds.bond_by_id(self.home.vault, bond_id)
            if bond.state != "refused":
                self.locks += receiving(self.home.vault, bond, now)

    def _states(self) -> list[tuple[int, str]]:
        return [(bond.id, bond.state) for bond in bonds.all_bonds(self.home.vault)]

    # -- one parcel ------------------------------------------------------------------------------

    def _look(self, entry: Listed, keyring: list[ParcelKeys]) -> _Seen | CarrierError | None:
        """Recognise, fetch and open one parcel, by a helper: nothing of the vault is touched here."""
        try:
            at = recognise(self.road.carrier.head(entry.name), keyring)
            if at is None:
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
            self._say(str(seen))
            return
        try:
            taken = self._take(entry.name, *seen)
        except (VaultError, CarrierError, DiskFull):
            raise
        except LimitError as error:
            self._say(str(error))
            return
        except NewerVersion as error:
            self._say(str(error))  # left where it is: a newer Tiercel will read it
            return
        except _UnforeseenError as error:
            self._give_up(entry.name, error)
            return
        except (MalformedError, SealError, *POISON) as error:
            self._set_aside(entry.name, error)
            return
        if taken:
            self.road.got += 1
            self._remove(entry.name)

    def _take(self, name: str, lock: Lock, box: Symbols | NoteBox | Exception) -> bool:
        """Take in one parcel; True when it is durable and may leave the road."""
        if isinstance(box, Exception):
            raise box
        # Whoever saw the invitation has the pairing keys: nothing but pairing messages may come under them.
        if (isinstance(box, Symbols) and box.kind == Kind.PAIRING) != (lock.epoch is None):
            raise Damaged("A parcel came under keys that are not for its kind.")
        if isinstance(box, Symbols) and box.kind == Kind.ENCLOSURE:
            return self._take_enclosure(name, lock, box)
        with self.home.vault.transaction():
            bond = self._heard(lock)
            if isinstance(box, NoteBox):
                said = hearing.hear(self.home, bond, box.record, self.road, lock.superseded)
            else:
                said = self._take_small(bond, lock, box)
        self.home.remove_doomed()
        if said:
            self._say(said)
        return True

    def _heard(self, lock: Lock) -> Bond:
        """Remember under which epoch and generation a parcel came."""
        if lock.epoch is not None and lock.generation is not None:
            bonds.heard_epoch(self.home.vault, lock.bond, lock.epoch)
            bond = bonds.bond_by_id(self.home.vault, lock.bond)
            now = self.home.clock.now_ms()
            bonds.take_generation(self.home.vault, bond.id, bond.their_direction, lock.generation, now)
        return bonds.bond_by_id(self.home.vault, lock.bond)

    def _take_small(self, bond: Bond, lock: Lock, box: Symbols) -> str | None:
        known = bundles.in_by_hash(self.home.vault, bond.id, box.bundle_hash)
        if known is not None and known.standing == "spent":
            if known.letter is not None:
                arriving.repeat(self.home, bond, known.letter, self.visit)
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
            opened = open_bundle(self.home, bond, box.bundle_hash, whole, self.visit)
        except (MalformedError, SealError, *POISON) as error:  # none that the opening has a verdict for
            now = self.home.clock.now_ms()
            begun = BundleIn(box.bundle_hash, bond.id, int(box.kind), box.bundle_len, "spent", None, None, now)
            raise _UnforeseenError(begun, whole) from error
        self.letters += opened.whole
        return opened.said

    # -- enclosures ------------------------------------------------------------------------------

    def _take_enclosure(self, name: str, lock: Lock, box: Symbols) -> bool:
        bond = bonds.bond_by_id(self.home.vault, lock.bond)
        known = bundles.in_by_hash(self.home.vault, bond.id, box.bundle_hash)
        if known is not None and known.standing != "gathering":
            with self.home.vault.transaction():
                self._heard(lock)
                arriving.repeat_have(self.home, bond, known)
            return True
        key = (bond.id, box.bundle_hash)
        if key not in self.spools:
            self.spools[key] = EnclosureSpool(self.home, bond, box)
        self.spools[key].add(box)
        self.held_back.append((name, lock))
        if len(self.held_back) >= NOTE_EVERY_PARCELS or len(self.spools) >= SPOOLS_OPEN_MAX:
            self._note_spools()
        return False

    def _note_spools(self) -> None:
        """Make what was gathered durable, then take those parcels off the road, then see what is whole."""
        if not self.held_back:
            return
        with self.home.vault.transaction():
            for spool in self.spools.values():
                spool.note()
            for lock in {lock.keys.tag_key: lock for _name, lock in self.held_back}.values():
                self._heard(lock)
        for name, _lock in self.held_back:
            self.road.got += 1
            self.behind.give(partial(self._remove, name))
        self.held_back.clear()
        for key in list(self.spools):
            self._finish(key)
        if len(self.spools) >= SPOOLS_OPEN_MAX:
            for spool in self.spools.values():
                spool.close()
            self.spools.clear()

    def _resume(self) -> None:
        """An enclosure whose last parcel was noted before a crash is not sent again: it is finished now."""
        for bond_id in roads.bonds_on(self.home.vault, self.road.row.id):
            for row in bundles.gathering(self.home.vault, bond_id, Kind.ENCLOSURE):
                if is_complete(row):
                    bond = bonds.bond_by_id(self.home.vault, bond_id)
                    box = Symbols(Kind.ENCLOSURE, row.hash, row.length, layout_of(row.length), (), b"")
                    self.spools[bond_id, row.hash] = EnclosureSpool(self.home, bond, box)
                    self._finish((bond_id, row.hash))

    def _finish(self, key: tuple[int, bytes]) -> None:
        """Once an enclosure is whole it goes to its letters; one that cannot be taken in stops nothing else."""
        spool = self.spools[key]
        try:
            if not spool.finish():
                return
            self._claim(spool)
        except (MalformedError, SealError, *POISON) as error:
            self._say(str(error) if isinstance(error, Damaged) else self._not_put_together(spool, error))
        spool.close()
        del self.spools[key]

    def _claim(self, spool: EnclosureSpool) -> None:
        whole = 0
        with self.home.vault.transaction():
            assert spool.row.file is not None
            for letter in claim(self.home, spool.bond, spool.row.hash, spool.row.file):
                whole += arriving.complete(self.home, spool.bond, letter, self.visit)
            notes.say(self.home.vault, spool.bond.id, notes.HAVE, spool.row.hash)
        self.letters += whole

    def _ask_for_missing(self) -> None:
        """After reading all there was: say what bundles still lack, once for each state they are in."""
        for bond_id in roads.bonds_on(self.home.vault, self.road.row.id):
            for row in bundles.unasked(self.home.vault, bond_id):
                detail = b"".join(
                    struct.pack(">IH", *group) for group in missing_groups(self.home, row, NOTE_ITEMS_MAX)
                )
                with self.home.vault.transaction():
                    notes.unsay(self.home.vault, bond_id, notes.WANT, row.hash)
                    if detail:
                        notes.say(self.home.vault, bond_id, notes.WANT, row.hash, detail)
                    bundles.change_in(self.home.vault, bond_id, row.hash, asked=1)

    # -- what goes wrong -------------------------------------------------------------------------

    def _set_aside(self, name: str, error: BaseException) -> None:
        """Count the failure; a parcel that fails a few times is removed, so that it is not tried for ever."""
        with self.home.vault.transaction():
            hopeless = roads.poisoned(self.home.vault, self.road.row.id, name)
            if hopeless:
                roads.forget_poison(self.home.vault, self.road.row.id, name)
        if hopeless:
            kind = error.kind if isinstance(error, TiercelError) else type(error).__name__
            self._say(f"A parcel on {self.road.row.name} was damaged on its way and was removed ({kind}).")
            self._remove(name)

    def _give_up(self, name: str, error: _UnforeseenError) -> None:
        """A bundle that fails a few times is kept for a later version, and not opened for ever."""
        vault, bundle = self.home.vault, error.bundle
        key = to_base32(bundle.hash)
        with vault.transaction():
            hopeless = roads.poisoned(vault, self.road.row.id, key)
            if hopeless:
                roads.forget_poison(vault, self.road.row.id, key)
                bundles.spent(vault, bundle)
                bundles.quarantine(vault, bundle.bond, bundle.hash, "unreadable", error.whole, bundle.first_at)
        if hopeless:
            self._say("Something came that this version cannot read; it is kept and tried again after an upgrade.")
            self._remove(name)

    def _not_put_together(self, spool: EnclosureSpool, error: BaseException) -> str:
        """Count the failure; an enclosure that fails a few times is asked for again, not tried for ever as it is."""
        vault, key = self.home.vault, to_base32(spool.row.hash)
        with vault.transaction():
            hopeless = roads.poisoned(vault, self.road.row.id, key)
            if hopeless:
                roads.forget_poison(vault, self.road.row.id, key)
        if hopeless:
            spool.begin_anew()
        return f"An enclosure came that could not be put together ({type(error).__name__})."

    def _remove(self, name: str) -> None:
        try:
            self.road.carrier.remove(name)
        except CarrierError as error:
            self._say(f"{error} What was read there will be passed over next time.")

    def _say(self, sentence: str) -> None:
        if sentence not in self.notices:
            self.notices.append(sentence)

    def _profile(self, size_bytes: int) -> Profile:
        for profile in self.road.carrier.road.profiles:
            if profile.size_bytes == size_bytes:
                return profile
        raise MalformedError("a parcel of no size of this road")
