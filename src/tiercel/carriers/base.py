"""What every carrier checks before it touches anything: the name and the size of a parcel."""

from __future__ import annotations

import re
from typing import Final

from tiercel.errors import LimitError, NameRefused
from tiercel.ports import Profile, Road

FILE: Final = Profile("file", 65_536)  # the two sizes of a folder; spec/parcel.md 4
STICK: Final = Profile("stick", 1_048_576)

NAME_CHARACTERS: Final = 26  # base32 of 16 bytes without padding
HEAD_BYTES: Final = 32  # r and tag: enough to recognise a parcel

_name_fits = re.compile(r"[a-z2-7]{26}").fullmatch


def is_name(name: object) -> bool:
    """Whether this is the name of a parcel: exactly 26 characters of lower-case base32, which no path fits into."""
    return type(name) is str and len(name) == NAME_CHARACTERS and _name_fits(name) is not None


def check_name(name: str) -> str:
    """Give the name back when it is one; names come from data, so this stands before every act (A34).

    Raises:
        NameRefused: It is not; the name itself is not repeated, it may be a megabyte long.
    """
    if not is_name(name):
        raise NameRefused
    return name


def check_parcel(road: Road, parcel: bytes | bytearray | memoryview) -> memoryview:
    """The parcel as a flat view of bytes, when it has a size of this road.

    Raises:
        LimitError: It has not; said before anything is written.
    """
    view = memoryview(parcel)
    if not has_size(road, view.nbytes):
        raise LimitError("A parcel does not have a size of this carrier.")
    return view.cast("B") if view.c_contiguous else memoryview(view.tobytes())


def has_size(road: Road, size_bytes: int) -> bool:
    """Whether a road has a profile of exactly this size."""
    return any(size_bytes == profile.size_bytes for profile in road.profiles)
