"""The five sizes of parcels. A road declares which of them it carries; a size is never chosen by content."""

from __future__ import annotations

from typing import Final

from tiercel.limits import BOX_HEADER_BYTES, PARCEL_OVERHEAD_BYTES, SYMBOL_REF_BYTES
from tiercel.ports import Profile

QR: Final = Profile("qr", 2048)
CELL: Final = Profile("cell", 16 * 1024)
FILE: Final = Profile("file", 64 * 1024)
BULK: Final = Profile("bulk", 256 * 1024)
STICK: Final = Profile("stick", 1024 * 1024)

PROFILES: Final[dict[str, Profile]] = {profile.name: profile for profile in (QR, CELL, FILE, BULK, STICK)}


def box_bytes(profile: Profile) -> int:
    """Size of what a parcel of this profile hides: its own size without r, tag and the AEAD tag."""
    return profile.size_bytes - PARCEL_OVERHEAD_BYTES


def capacity(profile: Profile, symbol_bytes: int) -> int:
    """How many symbols of ``symbol_bytes`` one parcel holds; 0 when none fits. Source: spec/parcel.md 3."""
    return (box_bytes(profile) - BOX_HEADER_BYTES) // (SYMBOL_REF_BYTES + symbol_bytes)
