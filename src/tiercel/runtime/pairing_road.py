"""Our pairing messages on a road: the same byte for byte until the next one came. Source: spec/delivery.md 6."""

from __future__ import annotations

from collections.abc import Iterator

from tiercel.crypto import sha256
from tiercel.delivery.parcels import usual_round_trip_ms, wait_ms
from tiercel.delivery.passes import profile_for, whole_pass
from tiercel.delivery.rows import Handed
from tiercel.delivery.schedule import passed
from tiercel.limits import DAY_MS, TAG_RANDOM_BYTES
from tiercel.parcel.box import Kind, seal_symbols
from tiercel.parcel.epochs import ParcelKeys, pairing_keys
from tiercel.parcel.symbols import encode, layout_of, pad_group
from tiercel.vault import bonds, bundles
from tiercel.vault.bonds import Bond

from . import planning
from .home import Home
from .planning import RoadAt
from .putting import put_sealed, take_off


def put_pairing(home: Home, road: RoadAt, bond: Bond) -> None:
    """Put our pairing message on the road if none of it lies there or no word came; take off those before it.

    Raises:
        CarrierError, ParcelTaken: It could not be put.
    """
    pairing = bonds.pairing_of(home.vault, bond.id) if bond.state != "refused" else None
    message = pairing.message_out if pairing is not None else None
    digest = sha256(message) if message is not None else b""
    over = bundles.pairing_names(home.vault, road.row.id, bond.id, digest)
    if over:
        take_off(home, road, over)
    if pairing is None or message is None:
        return
    rows = bundles.handed_of(home.vault, road.row.id, digest)
    if not _due(home, road, rows):
        return
    take_off(home, road, [row.name for row in rows if not row.put])
    keys = pairing_keys(pairing.road_secret, bond.direction)
    parcels = list(_parcels(home, road, bond, keys, message))
    with home.vault.transaction():
        for planned, _sealed in parcels:
            bundles.plan(home.vault, planned)
    put_sealed(home, road, parcels)


def _due(home: Home, road: RoadAt, rows: list[Handed]) -> bool:
    """Whether it is put: nothing of it lies there, or it has lain longer than a word takes, at least a day."""
    put = [row for row in rows if row.put]
    if not put or home.clock_doubtful:
        return not put
    newest, until = max(row.at for row in put), min((row.until for row in put if row.until is not None), default=None)
    usual = usual_round_trip_ms(road.seen.delay_ms, road.seen.by_time, (DAY_MS,))
    return passed(newest, home.clock.now_ms(), wait_ms(newest, usual, len({row.at for row in put}) - 1, until))


def _parcels(
    home: Home, road: RoadAt, bond: Bond, keys: ParcelKeys, message: bytes
) -> Iterator[tuple[Handed, bytearray]]:
    """The message sealed, in one parcel where it fits into one, and the names to be remembered before it is put."""
    layout, digest = layout_of(len(message)), sha256(message)
    profile = profile_for(layout, road.seen.profiles)
    assert profile is not None  # the smallest symbols fit into every parcel
    for refs in whole_pass(layout, profile, 0):
        symbols = encode(layout, pad_group(layout, message), [index for _group, index in refs])
        name, r = planning.new_name(home), home.entropy.token(TAG_RANDOM_BYTES)
        row = Handed(road.row.id, name, bond.id, digest, None, profile.name, home.clock.now_ms(), 0, None)
        yield row, seal_symbols(keys, profile, r, Kind.PAIRING, digest, layout, refs, symbols)
