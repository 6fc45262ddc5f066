"""The boxes of each bond on relays: made, told to the other side, renewed, closed.

Keys are stored before a box is made, and the other side is told of it only after the relay said that it is there.
Source: spec/relay.md 8, spec/letter.md 6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiercel.delivery.doubts import seals_nothing
from tiercel.delivery.events import ParcelsGone
from tiercel.delivery.rows import OPENING, SERVICE
from tiercel.delivery.schedule import passed
from tiercel.errors import MalformedAddress, NewerVersion
from tiercel.letter.record import BoxesRecord, BoxRecord, Kind, LetterRecord, TellingRecord
from tiercel.limits import (
    DAY_MS,
    ID_BYTES,
    KEY_BYTES,
    LETTER_VERSION,
    RELAY_BOX_KEPT_DAYS,
    RELAY_BOX_RENEW_DAYS,
    RELAY_BOXES_TOLD_MAX,
)
from tiercel.vault import bonds, boxes, letters, roads
from tiercel.vault.bonds import Bond
from tiercel.vault.boxes import OurBox
from tiercel.vault.roads import CarrierRow

from .home import Home

if TYPE_CHECKING:
    from tiercel.relay.protocol import BoxKeys

    from .planning import RoadAt
    from .relay_road import RelayRoad

COLLECTED = "collected"
_STATES_ASKED_MAX = 4096


def keys_of(data: bytes) -> BoxKeys:
    """The keys of a box as they are stored: drop, pick up, erase."""
    from tiercel.relay.protocol import BoxKeys

    return BoxKeys(data[:KEY_BYTES], data[KEY_BYTES : 2 * KEY_BYTES], data[2 * KEY_BYTES :])


# -- pairing -----------------------------------------------------------------------------------------


def begin_pairing(home: Home, bond: Bond, carrier: CarrierRow, road_secret: bytes) -> None:
    """Both boxes of pairing follow from the invitation; in the caller's transaction."""
    from tiercel.bond.invitation import box_keys

    if carrier.kind != "relay":
        return
    read, put = (b"".join(box_keys(road_secret, side)) for side in (bond.their_direction, bond.direction))
    if not any(box.pairing for box in boxes.ours_on(home.vault, bond.id, carrier.id)):
        boxes.add_ours(home.vault, bond.id, carrier.id, read, home.clock.now_ms(), pairing=True)
    boxes.add_pairing_drop(home.vault, bond.id, carrier.id, keys_of(put).drop_opening.to_bytes(), put)
    bonds.change_bond(home.vault, bond.id, their_reads=max(bond.their_reads, LETTER_VERSION))


# -- ours --------------------------------------------------------------------------------------------


def prepare(home: Home) -> None:
    """Think of a box for each bond and relay that has none, or one that is old; the visit makes it."""
    relays = [row for row in roads.all_carriers(home.vault) if row.kind == "relay"]
    for row in relays:
        for bond_id in roads.bonds_on(home.vault, row.id):
            bond = bonds.bond_by_id(home.vault, bond_id)
            if bond.state in ("compare", "bonded") and _wants_one(home, bond, row):
                with home.vault.transaction():
                    _add(home, bond.id, row.id)


def _wants_one(home: Home, bond: Bond, row: CarrierRow) -> bool:
    newest = next((box for box in boxes.ours_on(home.vault, bond.id, row.id) if not box.pairing), None)
    if newest is None:
        return True
    old = passed(newest.made_at, home.clock.now_ms(), RELAY_BOX_RENEW_DAYS * DAY_MS)
    return old and newest.number is not None and not home.clock_doubtful


def _add(home: Home, bond: int, carrier: int) -> None:
    boxes.add_ours(home.vault, bond, carrier, home.entropy.token(3 * KEY_BYTES), home.clock.now_ms())


def renew(home: Home, bond: Bond) -> None:
    """New boxes for a vault that goes on from a copy, in the caller's transaction."""
    for box in boxes.newest(home.vault, bond.id):
        _add(home, bond.id, box.carrier)


def was_made(home: Home, box: OurBox, run: bytes) -> None:
    """The relay said that a box is there: from now on the other side may be told."""
    with home.vault.transaction():
        boxes.change_ours(home.vault, box.id, run=run)
        if box.number is None and not box.pairing:
            number = bonds.bond_by_id(home.vault, box.bond).boxes_number + 1
            bonds.change_bond(home.vault, box.bond, boxes_number=number)
            boxes.change_ours(home.vault, box.id, number=number)


def tell(home: Home) -> None:
    """Put a service letter on its way where the other side does not know, and is not being told, all our boxes."""
    for bond in bonds.all_bonds(home.vault):
        if not bond.boxes_number:
            continue
        may = bond.state == "bonded" and bond.their_reads >= LETTER_VERSION and not seals_nothing(bond)
        if may and bond.boxes_number > boxes.lists_told(home.vault, bond.id, arrived=False):
            with home.office.transaction():
                now, token = home.clock.now_ms(), home.entropy.token
                home.office.ledger.begin(bond.id, SERVICE, token(ID_BYTES), token(ID_BYTES), now)
                letter = letters.letters_where(home.vault, "bond = ? ORDER BY seq DESC LIMIT 1", bond.id)[0]
                letters.change_letter(home.vault, letter.seq, boxes=bond.boxes_number)


def telling(home: Home, bond: Bond, record: LetterRecord) -> LetterRecord:
    """A record that says where our boxes are, if it may and there are any."""
    if record.kind not in (Kind.SERVICE, Kind.OPENING) or bond.their_reads < LETTER_VERSION:
        return record
    fresh = bonds.bond_by_id(home.vault, bond.id)
    told = boxes.newest_told(home.vault, bond.id)[:RELAY_BOXES_TOLD_MAX]
    if not fresh.boxes_number:
        return record
    place = {row.id: row.place for row in roads.all_carriers(home.vault)}
    listed = tuple(
        BoxRecord(address=place[box.carrier], opening=keys_of(box.keys).drop_opening.to_bytes()) for box in told
    )
    values = {name: getattr(record, name) for name in record.__struct_fields__ if name != "version"}
    return TellingRecord(**values, boxes=BoxesRecord(number=fresh.boxes_number, boxes=listed))


# -- theirs ------------------------------------------------------------------------------------------


def take(home: Home, bond: Bond, incarnation: bytes, told: BoxesRecord) -> None:
    """A list of their boxes came, in the caller's transaction: what is put from now on goes there."""
    if incarnation == bond.drops_incarnation and told.number <= bond.drops_number:
        return
    bonds.change_bond(home.vault, bond.id, drops_incarnation=incarnation, drops_number=told.number)
    drops = []
    for box in told.boxes:
        row = _relay_at(home, bond, box.address)
        if row is not None:
            drops.append((row.id, box.opening))
            _use(home, bond, row)
    boxes.set_theirs(home.vault, bond.id, drops)


def _relay_at(home: Home, bond: Bond, text: str) -> CarrierRow | None:
    """The relay of that address, known or taken up; None if the address cannot be read."""
    from .relays import find_or_add

    try:
        return find_or_add(home, text, _proxy_of(home, bond))
    except (MalformedAddress, NewerVersion):
        home.office.say(f"{bond.name} uses a relay whose address this version cannot read.")
        return None


def _proxy_of(home: Home, bond: Bond) -> str | None:
    """What is taken up for a bond goes the way its other relays go: through the proxy if any does."""
    return next((row.proxy for row in roads.carriers_of(home.vault, bond.id) if row.proxy), None)


def _use(home: Home, bond: Bond, row: CarrierRow) -> None:
    used = roads.roads_of(home.vault, bond.id)
    if row.id not in {road.carrier for road in used}:
        roads.join(home.vault, bond.id, row.id, place=max((road.place for road in used), default=0) + 1)
        home.office.say(f"{bond.name} can be reached over the relay {row.name} now.")


# -- at each visit -----------------------------------------------------------------------------------


def before_reading(home: Home, road: RoadAt) -> None:
    """Ask a relay what became of our parcels: before a receipt is read after which nobody asks any more.

    Raises:
        CarrierError: The relay did not answer.
    """
    from .relay_road import RelayRoad as Relay

    if isinstance(road.carrier, Relay):
        road.carrier.ready()
        for bond_id in roads.bonds_on(home.vault, road.row.id):
            _ask_states(home, road.carrier, bond_id)


def after_reading(home: Home, road: RoadAt) -> None:
    """Close boxes that are over.

    Raises:
        CarrierError: The relay did not answer.
    """
    from .relay_road import RelayRoad as Relay

    if isinstance(road.carrier, Relay):
        for bond_id in roads.bonds_on(home.vault, road.row.id):
            _close_old(home, road.carrier, bond_id)


def _ask_states(home: Home, relay: RelayRoad, bond: int) -> None:
    from tiercel.carriers.http_relay import Became

    names = boxes.open_names(home.vault, relay.row.id, bond, _STATES_ASKED_MAX)
    found = relay.became(bond, names) if names else {}
    gone = tuple(name for name, became in found.items() if became is Became.GONE)
    taken = [name for name, became in found.items() if became is Became.COLLECTED]
    if gone:
        home.office.step(ParcelsGone(relay.row.id, gone))
    for start in range(0, len(taken), 256):
        with home.vault.transaction():
            for letter in boxes.collected(home.vault, relay.row.id, taken[start : start + 256]):
                letters.drop_event(home.vault, letter, COLLECTED, relay.row.name)
                letters.add_event(home.vault, letter, home.clock.now_ms(), COLLECTED, relay.row.name)


def _close_old(home: Home, relay: RelayRoad, bond_id: int) -> None:
    bond, known = bonds.bond_by_id(home.vault, bond_id), boxes.lists_told(home.vault, bond_id, arrived=True)
    own = boxes.ours_on(home.vault, bond_id, relay.row.id)
    newer: OurBox | None = None
    for box in own:
        if box.pairing:
            if bond.state == "bonded" and _opening_has_receipt(home, bond_id):
                relay.close_box(box)
                with home.vault.transaction():
                    boxes.drop_ours(home.vault, box.id)
                    boxes.drop_pairing(home.vault, bond_id)
            continue
        if box.known_at is None and box.number is not None and box.number <= known:
            with home.vault.transaction():
                boxes.change_ours(home.vault, box.id, known_at=home.clock.now_ms())
        if newer is not None and _is_over(home, newer):
            relay.close_box(box)
            with home.vault.transaction():
                boxes.drop_ours(home.vault, box.id)
        newer = box


def _is_over(home: Home, newer: OurBox) -> bool:
    """Whether the box before this one is read no more."""
    kept_ms = RELAY_BOX_KEPT_DAYS * DAY_MS
    return (
        newer.known_at is not None and not home.clock_doubtful and passed(newer.known_at, home.clock.now_ms(), kept_ms)
    )


def _opening_has_receipt(home: Home, bond: int) -> bool:
    where = "bond = ? AND direction = 'out' AND kind = ? AND arrived_at IS NOT NULL"
    return bool(letters.letters_where(home.vault, where, bond, OPENING))
