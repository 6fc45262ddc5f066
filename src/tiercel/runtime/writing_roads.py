"""The second half of a visit, in its order: what is over comes off the road, what belongs there is put there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tiercel.crypto import sha256
from tiercel.delivery.parcels import comes_off, pass_due
from tiercel.errors import EnclosureDamaged
from tiercel.limits import TAG_RANDOM_BYTES
from tiercel.parcel.box import Kind, seal_symbols
from tiercel.parcel.epochs import ParcelKeys, pairing_keys
from tiercel.parcel.symbols import encode, layout_of, pad_group
from tiercel.ports import Profile
from tiercel.vault import bonds, bundles, letters, roads
from tiercel.vault.bonds import Bond
from tiercel.vault.bundles import Handed

from . import planning, way
from .home import Home
from .keyring import sending
from .planning import RoadAt
from .putting import UNFIT, put_bundle, put_sealed, take_off
from .telling import put_notes
from .views import Progress


def write_road(home: Home, road: RoadAt, visit: int, progress: Progress) -> None:
    """Put on a road what belongs there, and take off what does not any more.

    Raises:
        CarrierError: The road failed; what was put is remembered, the rest waits. Or all was put, and the road did
            not let go of something.
    """
    _clear(home, road)
    for bond_id in roads.bonds_on(home.vault, road.row.id):
        bond = bonds.bond_by_id(home.vault, bond_id)
        if bond.state != "refused":
            _put_pairing(home, road, bond)
            _write_bond(home, road, bond, visit, progress)
    road.carrier.flush()
    if road.refused is not None:
        raise road.refused


def _write_bond(home: Home, road: RoadAt, bond: Bond, visit: int, progress: Progress) -> None:
    keys = sending(home.vault, bond, home.clock.now_ms(), home.clock_doubtful)
    if keys is None:
        return
    if keys[1] > bond.newest_sent:
        with home.vault.transaction():
            bonds.sent_epoch(home.vault, bond.id, keys[1])
    with _passed_over(road, f"A note to {bond.name}"):
        put_notes(home, road, bond, keys[0], visit)
    for bundle in bundles.out_of_bond(home.vault, bond.id):
        if bundle.file is not None and way.lost_file(home, bundle.file, bundle.length):
            continue  # lost: said with the report
        with _passed_over(road, f"A part of a letter to {bond.name}"):
            try:
                put_bundle(home, road, bundle, keys[0], progress)
            except EnclosureDamaged:
                letter = letters.letter_at(home.vault, bundle.letter)
                road.said += [way.say_lost(bond, letter, "cannot be read")] if letter else []


@contextmanager
def _passed_over(road: RoadAt, what: str) -> Iterator[None]:
    """What cannot be sealed is said, and the rest of the road goes on."""
    try:
        yield
    except UNFIT as error:
        road.said.append(f"{what} could not be put on {road.row.name} ({type(error).__name__}): it waits.")


def _clear(home: Home, road: RoadAt) -> None:
    """Take our own parcels off the road: of what is confirmed or over, and after 60 days."""
    now, live, doubtful = home.clock.now_ms(), _live(home), home.clock_doubtful
    rows = bundles.handed_on(home.vault, road.row.id)
    take_off(home, road, [row for row in rows if comes_off(road.parcel(row), live, now, doubtful)])


def _live(home: Home) -> set[bytes]:
    """The hashes of what is still under way."""
    live = {row[0] for row in home.vault.all("SELECT hash FROM bundles_out WHERE peer_has = 0")}
    messages = home.vault.all("SELECT message_out FROM pairings WHERE message_out IS NOT NULL")
    return live | {sha256(row[0]) for row in messages}


def _put_pairing(home: Home, road: RoadAt, bond: Bond) -> None:
    """Put our pairing message on the road, the same byte for byte, until the next one came."""
    pairing = bonds.pairing_of(home.vault, bond.id)
    if pairing is None or pairing.message_out is None:
        return
    digest, profile = sha256(pairing.message_out), road.carrier.road.profiles[0]
    rows = bundles.handed_of(home.vault, road.row.id, digest)
    lying = [road.parcel(row) for row in rows if row.name in road.present]
    if lying and not pass_due(lying, road.carrier.road.delay_ms, home.clock.now_ms(), home.clock_doubtful):
        return
    take_off(home, road, [row for row in rows if row.name not in road.present])
    name, now = planning.new_name(home), home.clock.now_ms()
    planned = Handed(road.row.id, name, bond.id, digest, None, profile.name, now, 0, None)
    with home.vault.transaction():
        bundles.plan(home.vault, planned)
    keys = pairing_keys(pairing.road_secret, bond.direction)
    put_sealed(home, road, [(planned, _seal_pairing(home, keys, profile, pairing.message_out))])


def _seal_pairing(home: Home, keys: ParcelKeys, profile: Profile, message: bytes) -> bytearray:
    layout = layout_of(len(message))
    refs = [(0, index) for index in range(layout.k)]
    symbols = encode(layout, pad_group(layout, message), range(layout.k))
    r = home.entropy.token(TAG_RANDOM_BYTES)
    return seal_symbols(keys, profile, r, Kind.PAIRING, sha256(message), layout, refs, symbols)
