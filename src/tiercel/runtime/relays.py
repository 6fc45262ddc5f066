"""Relays as carriers: added by a person, by an invitation, or because the other side of a bond has a box there."""

from __future__ import annotations

from itertools import count

from tiercel.relay.protocol import Address, decode_address, encode_address
from tiercel.vault import roads
from tiercel.vault.roads import CarrierRow

from .home import Home

TOR_PROXY = "127.0.0.1:9050"


def same_relay(one: Address, other: Address) -> bool:
    """Whether two addresses lead to one relay; a token says nothing of that."""
    return (one.place, one.trust, one.fingerprint) == (other.place, other.trust, other.fingerprint)


def find(home: Home, address: Address) -> CarrierRow | None:
    """The relay of that address among ours."""
    rows = (row for row in roads.all_carriers(home.vault) if row.kind == "relay")
    return next((row for row in rows if same_relay(decode_address(row.place), address)), None)


def find_or_add(home: Home, text: str, proxy: str | None) -> CarrierRow:
    """The relay of that address, known or new under a name of its own; in the caller's transaction.

    Raises:
        MalformedAddress, NewerVersion: The text is no address that can be read here.
    """
    address = decode_address(text)
    found = find(home, address)
    if found is None:
        taken = {row.name for row in roads.all_carriers(home.vault)}
        name = next(name for n in count(1) if (name := f"relay {n}") not in taken)
        roads.add_carrier(home.vault, name, "relay", encode_address(address), home.clock.now_ms(), proxy)
        found = roads.carrier_named(home.vault, name)
        assert found is not None
    return found
