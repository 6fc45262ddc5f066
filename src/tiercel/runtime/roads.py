"""Carriers as a person sees them: add, list, test, remove."""

from __future__ import annotations

import os

from tiercel.errors import CarrierError, NameTaken, StateForbids, UsageError
from tiercel.vault import bonds, roads
from tiercel.vault.roads import CarrierRow

from .home import Home
from .names import check_name
from .views import CarrierView


def add_folder(home: Home, name: str, path: str) -> CarrierView:
    """Add a folder as a carrier. It must be there now, so that a slip of the pen is seen at once.

    Raises:
        NameTaken: A carrier of that name exists.
        CarrierMissing, CarrierReadOnly: The folder is not there or cannot be written.
    """
    from tiercel.carriers.registry import open_carrier

    name = check_name(name)
    place = os.path.abspath(os.path.expanduser(path))
    open_carrier("folder", {"path": place}).check()
    if os.path.realpath(place).startswith(os.path.realpath(home.vault.folder) + os.sep):
        raise UsageError("A carrier cannot lie inside the vault.", remedy="Choose a shared folder or a stick.")
    with home.vault.transaction():
        if roads.carrier_named(home.vault, name):
            raise NameTaken(f"There is already a carrier called {name}.")
        roads.add_carrier(home.vault, name, "folder", place, home.clock.now_ms())
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
            if found.state not in ("refused", "ended") and len(roads.carriers_of(home.vault, bond)) == 1:
                raise StateForbids(
                    f"{name} is the only road of your bond with {found.name}; nothing was changed.",
                    remedy=f"End the bond first (`tiercel bond end {found.name}`).",
                )
        roads.remove_carrier(home.vault, row.id)


def _view(home: Home, row: CarrierRow) -> CarrierView:
    trouble = None
    try:
        home.open_carrier(row).check()
    except CarrierError as error:
        trouble = str(error)
    names = tuple(bonds.bond_by_id(home.vault, bond).name for bond in roads.bonds_on(home.vault, row.id))
    return CarrierView(row.name, row.kind, row.place, names, trouble)
