"""The outbox as a person sees it: what waits and why, what is tried next, and what a person can do where one must."""

from __future__ import annotations

from dataclasses import replace

from tiercel.delivery.outlook import Why
from tiercel.errors import CarrierError
from tiercel.vault import roads

from . import outlooks
from .home import Home
from .views import OutboxItem

_REMEDIES = {
    Why.HELD: "Compare the words again, and say that it was {bond}: tiercel bond words {bond}",
    Why.ENDED: "Nothing carries it any more; in a new bond it can be sent once more: tiercel send {id} --to BOND",
    Why.KEY: "It is sealed once {bond} has synced, and you after that.",
    Why.ENCLOSURE: "Put back a copy of the vault folder, or take it back (tiercel recall {id}) and write anew.",
    Why.ROAD: "Give the bond a road: tiercel bond roads {bond} CARRIER",
}


def outbox(home: Home, bond: str | None = None) -> list[OutboxItem]:
    """Our letters that wait, to one bond or to all: urgent ones first, then the oldest.

    Raises:
        NameUnknown: There is no such bond.
    """
    chosen = None if bond is None else home.bond(bond).name
    items = [item for item in outlooks.outbox(home) if chosen in (None, item.bond)]
    silent = _silent_roads(home) if items else frozenset()
    return [replace(item, remedy=_remedy(item, silent)) for item in items]


def _silent_roads(home: Home) -> frozenset[str]:
    """The roads that a sync could not visit now: a stick that is not there, a share that cannot be written.

    Relays are not asked: looking at a list tells nobody that somebody is there.
    """
    silent = set()
    for row in roads.all_carriers(home.vault):
        if row.kind == "relay":
            continue
        try:
            home.open_carrier(row).check()
        except CarrierError:
            silent.add(row.name)
    return frozenset(silent)


def _remedy(item: OutboxItem, silent: frozenset[str]) -> str:
    said = _REMEDIES.get(Why(item.why), "")
    if said:
        return said.replace("{bond}", item.bond).replace("{id}", item.id[:8])
    due = [step.road for step in item.steps if step.at is None and step.road in silent]
    return f"The road {due[0]} does not answer now: tiercel carrier test {due[0]}" if due else ""
