"""What a visit did not bring whole is told to the engine, so that it asks for the rest."""

from __future__ import annotations

from tiercel.delivery.events import SymbolsLacked
from tiercel.limits import NOTE_ITEMS_MAX
from tiercel.vault import bundles, roads
from tiercel.vault.bundles import BundleIn

from .home import Home
from .lacking import missing_groups


def ask_for_rest(home: Home, carrier: int) -> None:
    """After reading all there was on a road: say what bundles still lack, once for each state they are in."""
    if not _unasked(home, carrier):
        return
    with home.vault.reading():
        lacked = [(row, missing_groups(home.vault, row, NOTE_ITEMS_MAX)) for row in _unasked(home, carrier)]
    if lacked:
        with home.office.transaction():
            for row, groups in lacked:
                home.office.tell(SymbolsLacked(row.bond, row.hash, tuple(groups)))


def _unasked(home: Home, carrier: int) -> list[BundleIn]:
    return [row for bond in roads.bonds_on(home.vault, carrier) for row in bundles.unasked(home.vault, bond)]
