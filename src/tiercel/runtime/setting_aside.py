"""What a visit cannot take in: tried a few times, then kept for a later version or taken off the road, and said."""

from __future__ import annotations

from dataclasses import dataclass, field

from tiercel.errors import CarrierError, TiercelError
from tiercel.vault import bundles, roads
from tiercel.vault.bundles import BundleIn
from tiercel.wire import from_base32, to_base32

from .home import Home
from .planning import RoadAt

_BUNDLE = "bundle "  # before the hash where a bundle failed and not one parcel: in no parcel's name


class UnforeseenError(Exception):
    """A whole bundle met an error that no code foresaw."""

    def __init__(self, bundle: BundleIn, whole: bytes) -> None:
        """For the row that says it is spent, and its bytes."""
        super().__init__()
        self.bundle, self.whole = bundle, whole


@dataclass
class Aside:
    """What went wrong on one road at one visit. ``notices`` are the sentences for the person."""

    home: Home
    road: RoadAt
    notices: list[str] = field(default_factory=list)

    def say(self, sentence: str) -> None:
        """Say it in the report, once."""
        if sentence not in self.notices:
            self.notices.append(sentence)

    def remove(self, name: str) -> None:
        """Take a parcel of theirs off the road; one that cannot be is said."""
        try:
            self.road.carrier.remove(name)
        except CarrierError as error:
            self.say(f"{error} What was read there will be passed over next time.")

    def parcel(self, name: str, error: BaseException) -> None:
        """Count the failure; a parcel that fails a few times is removed, so that it is not tried for ever."""
        with self.home.vault.transaction():
            hopeless = self._hopeless(name)
        if hopeless:
            kind = error.kind if isinstance(error, TiercelError) else type(error).__name__
            self.say(f"A parcel on {self.road.row.name} was damaged on its way and was removed ({kind}).")
            self.remove(name)

    def bundle(self, name: str, error: UnforeseenError) -> None:
        """Count the failure; a bundle that fails a few times is kept for a later version, and not opened for ever."""
        vault, bundle = self.home.vault, error.bundle
        with vault.transaction():
            hopeless = self._hopeless(_BUNDLE + to_base32(bundle.hash))
            if hopeless:
                bundles.spent(vault, bundle)
                bundles.quarantine(vault, bundle.bond, bundle.hash, "unreadable", error.whole, bundle.first_at)
        if hopeless:
            self.say("Something came that this version cannot read; it is kept and tried again after an upgrade.")
            self.remove(name)

    def enclosure(self, bundle_hash: bytes, error: BaseException) -> bool:
        """Count the failure; say whether an enclosure failed often enough to be asked for again."""
        with self.home.vault.transaction():
            hopeless = self._hopeless(_BUNDLE + to_base32(bundle_hash))
        self.say(f"An enclosure came that could not be put together ({type(error).__name__}).")
        return hopeless

    def forget_gone(self) -> None:
        """Forget the failures of parcels that are not on the road any more, and of bundles that were taken in.

        Raises:
            CarrierError: The road cannot be listed.
        """
        failed = roads.poison_names(self.home.vault, self.road.row.id)
        if not failed:
            return
        here = {entry.name for entry in self.road.carrier.list()}
        gone = [key for key in failed if (self._taken_in(key) if key.startswith(_BUNDLE) else key not in here)]
        if gone:
            with self.home.vault.transaction():
                for key in gone:
                    roads.forget_poison(self.home.vault, self.road.row.id, key)

    def _taken_in(self, key: str) -> bool:
        digest = from_base32(key.removeprefix(_BUNDLE))
        on_road = roads.bonds_on(self.home.vault, self.road.row.id)
        known = [bundles.in_by_hash(self.home.vault, bond, digest) for bond in on_road]
        return any(row is not None and row.standing != "gathering" for row in known)

    def _hopeless(self, key: str) -> bool:
        hopeless = roads.poisoned(self.home.vault, self.road.row.id, key)
        if hopeless:
            roads.forget_poison(self.home.vault, self.road.row.id, key)
        return hopeless
