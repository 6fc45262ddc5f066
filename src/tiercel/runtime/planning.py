"""Which parcels of ours should be on a road: remembered before they are put, so that own names are always known."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tiercel.delivery.parcels import OnRoad
from tiercel.delivery.passes import Ref, in_parcels, profile_for, whole_pass
from tiercel.errors import CarrierError
from tiercel.limits import GROUP_INDICES, ID_BYTES
from tiercel.parcel.symbols import Layout, layout_of
from tiercel.ports import Carrier
from tiercel.vault import bundles, letters
from tiercel.vault.bundles import BundleOut, Handed
from tiercel.vault.roads import CarrierRow
from tiercel.wire import to_base32

from .home import Home

_REF = struct.Struct(">IB")


@dataclass
class RoadAt:
    """A road during one visit: what of ours lies on it now, and what was done."""

    row: CarrierRow
    carrier: Carrier
    present: set[str] = field(default_factory=set)
    wanted: set[bytes] = field(default_factory=set)  # bundles whose missing symbols were planned at this visit
    put: int = 0
    got: int = 0
    said: list[str] = field(default_factory=list)  # sentences for the person
    refused: CarrierError | None = None  # the first parcel of ours that could not be taken off

    def parcel(self, handed: Handed) -> OnRoad:
        """A parcel of ours as it stands on this road."""
        return OnRoad(handed.bundle, handed.at, bool(handed.put), handed.name in self.present)


def new_name(home: Home) -> str:
    """A fresh parcel name: 26 characters of lower-case base32."""
    return to_base32(home.entropy.token(ID_BYTES))


def pack_refs(refs: Iterable[Ref]) -> bytes:
    """Symbol references as the vault keeps them."""
    return b"".join(_REF.pack(*ref) for ref in refs)


def unpack_refs(data: bytes) -> list[Ref]:
    """Undo :func:`pack_refs`."""
    return list(_REF.iter_unpack(data))


def plan_pass(home: Home, road: RoadAt, bundle: BundleOut, layout: Layout) -> None:
    """Plan a whole pass over a bundle, with symbols that were not sent before."""
    plan_refs(home, road, bundle, whole_pass(layout, bundle.next_index), layout.k)


def plan_refs(
    home: Home, road: RoadAt, bundle: BundleOut, refs: Iterable[Ref], used: int, want: bytes | None = None
) -> None:
    """Plan parcels for these symbols, in the caller's transaction.

    Args:
        home: Opened.
        road: Where they go.
        bundle: Of which the symbols are.
        refs: The symbols.
        used: So many indices of each group are now spent.
        want: Digest of the want that this answers.
    """
    profile = profile_for(layout_of(bundle.length), road.carrier.road.profiles)
    now = home.clock.now_ms()
    for batch in in_parcels(refs, layout_of(bundle.length), profile):
        packed = pack_refs(batch)
        bundles.plan(
            home.vault,
            Handed(road.row.id, new_name(home), bundle.bond, bundle.hash, packed, profile.name, now, 0, None, want),
        )
    bundles.change_out(home.vault, bundle.hash, next_index=(bundle.next_index + used) % GROUP_INDICES)
    letters.change_letter(home.vault, bundle.letter, planned=1)


def drop_vanished(home: Home, road: RoadAt, bundle: BundleOut) -> None:
    """Forget parcels of a bundle that were put and are no longer on the road."""
    for handed in bundles.handed_of(home.vault, road.row.id, bundle.hash):
        if handed.put and handed.name not in road.present:
            bundles.drop_handed(home.vault, handed.carrier, handed.name)


def symbols_lying(home: Home, road: RoadAt, bundle: BundleOut) -> Counter[int]:
    """How many symbols of each group still lie on the road or wait to be put, once what vanished is forgotten."""
    rows = bundles.handed_of(home.vault, road.row.id, bundle.hash)
    return Counter(group for row in rows for group, _index in unpack_refs(row.refs or b""))
