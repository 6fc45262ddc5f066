"""How fast boxes may be made from one place while registration is open. In memory only, and of bounded size.

Without this one machine could take all the room there is for boxes within a second (spec/relay.md 5). It is a matter of
minutes, not of names: an address is forgotten as soon as it may make as many boxes as anybody.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from typing import Final

AT_ONCE: Final = 64  # boxes; a person with ten bonds and a few relays makes fewer on a day
EVERY_S: Final = 60.0  # and one more each minute
_PLACES_MAX: Final = 10_000


class Newcomers:
    """Counts the boxes made from each place: an IPv4 address, or the network of an IPv6 address."""

    def __init__(self) -> None:
        self._free_at: OrderedDict[str, float] = OrderedDict()

    def may_come(self, host: str, now_s: float) -> bool:
        """Whether another box may be made from there now; that is counted. This machine itself may make any number."""
        place = _place_of(host)
        if place is None:
            return True
        # When the place would have no debt left; each box adds a minute to it.
        free_at = max(self._free_at.pop(place, now_s), now_s)
        may = free_at - now_s <= (AT_ONCE - 1) * EVERY_S
        self._free_at[place] = free_at + EVERY_S if may else free_at
        while self._free_at and (len(self._free_at) > _PLACES_MAX or next(iter(self._free_at.values())) <= now_s):
            self._free_at.popitem(last=False)
        return may


def _place_of(host: str) -> str | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:  # listening on [::] it looks so
        address = address.ipv4_mapped
    if address.is_loopback:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
