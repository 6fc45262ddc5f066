"""Carriers as a person sees them: add, list, test, move, remove; and which of them each bond uses."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tiercel.delivery.schedule import ROAD_AFTER_DAYS_MAX
from tiercel.errors import CarrierError, NameTaken, StateForbids, UsageError
from tiercel.vault import bonds, roads
from tiercel.vault.roads import CarrierRow

from .home import Home
from .names import check_name, look_alike
from .views import BondRoadsView, CarrierView, RoadView


def add_folder(home: Home, name: str, path: str) -> CarrierView:
    """Add a folder as a carrier. It must be there now, so that a slip of the pen is seen at once.

    Raises:
        NameTaken: A carrier of that name, or of one that looks like it, exists.
        CarrierMissing, CarrierReadOnly: The folder is not there or cannot be written.
        UsageError: It is no folder, or lies inside the vault.
    """
    name, place = check_name(name), _usable(home, path)
    with home.vault.transaction():
        taken = look_alike(name, (row.name for row in roads.all_carriers(home.vault)))
        if taken is not None:
            raise NameTaken(f"There is already a carrier called {taken}.")
        roads.add_carrier(home.vault, name, "folder", place, home.clock.now_ms())
    return _view(home, home.carrier(name))


def add_relay(home: Home, name: str, address: str, proxy: str | None = None, rate: int | None = None) -> CarrierView:
    """Add a relay as a carrier. It must answer now, so that a slip of the pen is seen at once.

    Args:
        home: Opened.
        name: What to call it.
        address: As its operator gave it (spec/relay.md 6).
        proxy: HOST:PORT of a SOCKS5 proxy on the way to it, or None.
        rate: Bytes a second that may go over it, both ways together; None for no limit.

    Raises:
        NameTaken: A carrier of that name, or of one that looks like it, exists; or this relay has another name here.
        MalformedAddress, NewerVersion: It is no address.
        CarrierError: The relay does not answer, or is not the one of the address.
    """
    from tiercel.relay.protocol import decode_address, encode_address

    from .relays import find

    name, decoded = check_name(name), decode_address(address)
    known = find(home, decoded)
    if known is not None:
        raise NameTaken(f"This relay is already your carrier {known.name}.")
    taken = look_alike(name, (row.name for row in roads.all_carriers(home.vault)))
    if taken is not None:
        raise NameTaken(f"There is already a carrier called {taken}.")
    row = CarrierRow(0, name, "relay", encode_address(decoded), home.clock.now_ms(), proxy)
    home.open_carrier(row).check()
    with home.vault.transaction():
        roads.add_carrier(home.vault, name, "relay", row.place, row.added_at, proxy, rate)
    return _view(home, home.carrier(name))


def _usable(home: Home, path: str) -> str:
    """The absolute path of a folder that can be a carrier now."""
    from tiercel.carriers.registry import open_carrier

    place = os.path.abspath(os.path.expanduser(path))
    carrier = open_carrier("folder", {"path": place})
    if os.path.exists(place) and not os.path.isdir(place):
        raise UsageError(f"{place} is not a folder.", remedy="Name a folder that both of you can reach.")
    carrier.check()
    if os.path.realpath(place).startswith(os.path.realpath(home.vault.folder) + os.sep):
        raise UsageError("A carrier cannot lie inside the vault.", remedy="Choose a shared folder or a stick.")
    return place


def move(home: Home, name: str, path: str) -> CarrierView:
    """Say where the folder of a carrier is now; its bonds, and what is remembered of parcels on it, stay.

    Raises:
        NameUnknown: There is no such carrier.
        CarrierMissing, CarrierReadOnly, UsageError: As for adding; nothing was changed.
    """
    row = home.carrier(name)
    if row.kind != "folder":
        raise UsageError(f"{row.name} is no folder.", remedy="Add the other relay, and remove this one.")
    place = _usable(home, path)
    with home.vault.transaction():
        roads.move_carrier(home.vault, row.id, place)
    return _view(home, home.carrier(name))


def carriers(home: Home) -> list[CarrierView]:
    """Every carrier, with its trouble if a visit now would fail."""
    return [_view(home, row) for row in roads.all_carriers(home.vault)]


def test(home: Home, name: str) -> CarrierView:
    """Look whether a carrier could be visited now.

    Raises:
        CarrierError: What a visit would meet.
    """
    row = home.carrier(name)
    home.open_carrier(row).check()
    return _view(home, row)


def remove(home: Home, name: str) -> None:
    """Remove a carrier that no living bond needs as its only road; parcels of ours on it stay where they are.

    Raises:
        StateForbids: A bond would be left without a road.
    """
    row = home.carrier(name)
    with home.vault.transaction():
        for bond in roads.bonds_on(home.vault, row.id):
            found = bonds.bond_by_id(home.vault, bond)
            needs_it = found.state == "pairing" or found.auth_root is not None  # an end has to get there as well
            if needs_it and len(roads.carriers_of(home.vault, bond)) == 1:
                raise StateForbids(
                    f"{found.name} can be reached over this road only; nothing was changed.",
                    remedy=_instead_of_removing(row, found),
                )
        roads.remove_carrier(home.vault, row.id)


def _instead_of_removing(row: CarrierRow, bond: bonds.Bond) -> str:
    if bond.state == "ended":
        return "The end of this bond has not reached the other side yet. Sync, and remove the carrier later."
    how = f"tiercel bond {'end' if bond.state == 'bonded' else 'refuse'} {bond.name}"
    moved = f"If the folder has moved, give its new place: tiercel carrier move {row.name} PATH"
    return f"{moved}\nIf you want no letters with {bond.name} any more: {how}"


def bond_roads(home: Home, name: str) -> BondRoadsView:
    """The roads of a bond in their order, and how long a letter waits before each is used.

    Raises:
        NameUnknown: There is no such bond.
    """
    bond = home.bond(name)
    found = roads.roads_of(home.vault, bond.id)
    return BondRoadsView(bond.name, tuple(RoadView(road.name, road.after_days) for road in found))


def set_bond_roads(home: Home, name: str, wanted: Sequence[tuple[str, int]]) -> BondRoadsView:
    """Say which roads a bond uses, in which order, and after how many days without a receipt each is used for a letter.

    What is under way goes on: it is put on a new road with the next sync, and what lies on a road that is left is
    forgotten here and stays there.

    Args:
        home: Opened.
        name: Of the bond.
        wanted: (carrier, days) in the order of use; 0 days for at once.

    Raises:
        NameUnknown: There is no such bond or carrier; nothing was changed.
        UsageError: No road at all, one twice, or days that are none; nothing was changed.
    """
    bond, chosen = home.bond(name), [(home.carrier(road), days) for road, days in wanted]
    _check_choice(bond.name, chosen)
    with home.vault.transaction():
        for place, (row, days) in enumerate(chosen):
            roads.join(home.vault, bond.id, row.id, place, days)
        for road in roads.roads_of(home.vault, bond.id):  # last: what is to be said there goes over to the new ones
            if road.carrier not in {row.id for row, _days in chosen}:
                roads.leave(home.vault, bond.id, road.carrier)
    return bond_roads(home, bond.name)


def _check_choice(bond: str, chosen: list[tuple[CarrierRow, int]]) -> None:
    if not chosen:
        raise UsageError(f"A bond needs a road; {bond} keeps those it has.", remedy="Name at least one carrier.")
    names = [row.name for row, _days in chosen]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"{twice} is named twice; nothing was changed.")
    if any(not 0 <= days <= ROAD_AFTER_DAYS_MAX for _row, days in chosen):
        raise UsageError(f"A road is used after 0 to {ROAD_AFTER_DAYS_MAX} days; nothing was changed.")


def place_of(row: CarrierRow) -> str:
    """Where a carrier is, for a person: of a relay without its token."""
    if row.kind != "relay":
        return row.place
    from tiercel.relay.protocol import decode_address  # a list of folders needs none of it

    return decode_address(row.place).place + (" over Tor" if row.proxy else "")


def _view(home: Home, row: CarrierRow) -> CarrierView:
    trouble = None
    try:
        home.open_carrier(row).check()
    except CarrierError as error:
        trouble = str(error)
    names = tuple(bonds.bond_by_id(home.vault, bond).name for bond in roads.bonds_on(home.vault, row.id))
    return CarrierView(row.name, row.kind, place_of(row), names, trouble)
