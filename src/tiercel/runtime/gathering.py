"""Symbols of letters and pairing messages become bundles, in the database.

The symbols and what follows from them are one transaction. What is never whole shares a small room for each bond.
"""

from __future__ import annotations

from tiercel.errors import Damaged, MalformedParcel
from tiercel.limits import GATHERED_BYTES_MAX, PAIRING_MESSAGE_BYTES_MAX, PARTIAL_BUNDLES_MAX
from tiercel.parcel.box import Kind, Symbols
from tiercel.parcel.gather import Gathering
from tiercel.vault import bundles
from tiercel.vault.bonds import Bond
from tiercel.vault.bundles import BundleIn

from .home import Home

_LONGEST = {Kind.LETTER: GATHERED_BYTES_MAX, Kind.PAIRING: PAIRING_MESSAGE_BYTES_MAX}


def gather_small(home: Home, bond: Bond, symbols: Symbols) -> bytes | None:
    """Add symbols of a letter or pairing message, in the caller's transaction; give the bundle once it is whole.

    Returns None as well for a bundle that was whole before.

    Raises:
        Damaged: All symbols are there and their hash is another; the gathering begins anew.
        MalformedParcel: Longer than any of its kind, or it does not agree with what came before.
    """
    if symbols.bundle_len > _LONGEST[symbols.kind]:
        raise MalformedParcel("none of its kind is that long")
    here = bundles.in_by_hash(home.vault, bond.id, symbols.bundle_hash)
    check_agrees(here or begin(home, bond, symbols, None), symbols)
    collected = Gathering(symbols.kind, symbols.bundle_hash, symbols.bundle_len)
    for group, index, data in bundles.symbols_of(home.vault, bond.id, symbols.bundle_hash):
        collected.add(_one(symbols, group, index, data))
    short = {group for group, _count in collected.missing()}
    fresh = collected.add(symbols)
    try:
        whole = collected.whole()
    except Damaged:
        bundles.drop_symbols(home.vault, bond.id, symbols.bundle_hash)
        raise
    if whole is not None:
        bundles.drop_symbols(home.vault, bond.id, symbols.bundle_hash)
        bundles.change_in(home.vault, bond.id, symbols.bundle_hash, standing="spent")
    elif fresh:
        _keep(home, bond, symbols, short)
    return whole


def _keep(home: Home, bond: Bond, symbols: Symbols, short: set[int]) -> None:
    """Keep symbols of groups that were short: never more than a bundle needs and one parcel."""
    for group, index, view in symbols:
        if group in short:
            bundles.add_symbol(home.vault, bond.id, symbols.bundle_hash, group, index, bytes(view))
    bundles.change_in(home.vault, bond.id, symbols.bundle_hash, asked=0)
    _drop_oldest(home, bond, symbols.kind)


def _drop_oldest(home: Home, bond: Bond, kind: Kind) -> None:
    """Bundles that are not whole share a small room: whoever begins many and ends none pushes out its own."""
    room = PARTIAL_BUNDLES_MAX * _LONGEST[kind]
    for row in bundles.gathering(home.vault, bond.id, kind):
        room -= row.length
        if room < 0:
            bundles.forget_in(home.vault, bond.id, row.hash)
            home.office.say(f"More began to come from {bond.name} than there is room for; the oldest was let go.")


def check_agrees(row: BundleIn, symbols: Symbols) -> None:
    """One hash names one bundle: parcels that speak of another length or kind are refused, not mixed (A29)."""
    if (row.kind, row.length) != (symbols.kind, symbols.bundle_len):
        raise MalformedParcel("a parcel of another bundle with the same hash")


def _one(like: Symbols, group: int, index: int, data: bytes) -> Symbols:
    return Symbols(like.kind, like.bundle_hash, like.bundle_len, like.layout, ((group, index),), data)


def begin(home: Home, bond: Bond, symbols: Symbols, file: str | None) -> BundleIn:
    """Remember a bundle of which the first parcel came; an enclosure has a file."""
    now, kind = home.clock.now_ms(), int(symbols.kind)
    begun = BundleIn(symbols.bundle_hash, bond.id, kind, symbols.bundle_len, "gathering", file, None, now)
    bundles.add_in(home.vault, begun)
    return begun
