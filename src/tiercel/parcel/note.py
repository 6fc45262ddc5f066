"""Notes: small words between two programs, one parcel each, sealed by epoch keys only.

A note carries receipts, a sign of life (its day), wants, haves, expired keys, recalls and their answers, and nothing
else. Gifts, roots and everything that changes a bond travel only in sealed letters.

    0 version = 1 | 1 day | 2 receipts [[kind, letter_id, proof]] | 3 wants [[bundle_hash, [[group, missing]]]]
    4 haves [bundle_hash] | 5 expired [pid] | 6 recalls [letter_id] | 7 answers [[letter_id, answer]]

Example:
    >>> decode_note(encode_note(Note(day=20_000))).day
    20000
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from tiercel.errors import LimitError, MalformedNote, MalformedWire, NewerVersion
from tiercel.limits import HASH_BYTES, ID_BYTES, NOTE_ITEMS_MAX, PID_BYTES
from tiercel.wire import decode_record, encode_record, is_newer, record_version

NOTE_BYTES_MAX: Final = 1 << 20
WANTS_MAX: Final = 64  # bundles in one note
DAY_MAX: Final = 10_000_000
_ARRAY_OF_8: Final = 0x98  # fields with a default could be left out otherwise

Id: TypeAlias = Annotated[bytes, Meta(min_length=ID_BYTES, max_length=ID_BYTES)]
Hash: TypeAlias = Annotated[bytes, Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
Pid: TypeAlias = Annotated[bytes, Meta(min_length=PID_BYTES, max_length=PID_BYTES)]
Day: TypeAlias = Annotated[int, Meta(ge=0, le=DAY_MAX)]
Group: TypeAlias = Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)]
Missing: TypeAlias = Annotated[int, Meta(ge=1, le=0xFFFF)]


class ReceiptKind(IntEnum):
    """What a receipt says of a letter."""

    ARRIVED = 0
    READ = 1


class Reply(IntEnum):
    """What became of a recalled letter. CROSSED: one copy of the reader's vault returned it, another showed it."""

    RETURNED = 0
    KEPT = 1
    CROSSED = 2


class Receipt(Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """A letter came or was read. ``proof`` needs the secret inside that letter (spec/sealing.md)."""

    kind: ReceiptKind
    letter_id: Id
    proof: Hash


class Want(Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """Groups of one bundle that are not whole here: (group, how many symbols are missing)."""

    bundle_hash: Hash
    groups: Annotated[tuple[tuple[Group, Missing], ...], Meta(max_length=NOTE_ITEMS_MAX)]


class Answer(Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """The answer to a recall, and what a writer says of a letter of its own: that it went back, or crossed.

    KEPT says nothing about reading.
    """

    letter_id: Id
    answer: Reply


class Note(Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """One note. ``day`` is the UTC day of its writing, by which it is judged as a sign of life."""

    version: Literal[1] = 1
    day: Day = 0
    receipts: Annotated[tuple[Receipt, ...], Meta(max_length=NOTE_ITEMS_MAX)] = ()
    wants: Annotated[tuple[Want, ...], Meta(max_length=WANTS_MAX)] = ()
    haves: Annotated[tuple[Hash, ...], Meta(max_length=NOTE_ITEMS_MAX)] = ()
    expired: Annotated[tuple[Pid, ...], Meta(max_length=NOTE_ITEMS_MAX)] = ()
    recalls: Annotated[tuple[Id, ...], Meta(max_length=NOTE_ITEMS_MAX)] = ()
    answers: Annotated[tuple[Answer, ...], Meta(max_length=NOTE_ITEMS_MAX)] = ()


def encode_note(note: Note) -> bytes:
    """The record of a note, for :func:`~tiercel.parcel.box.seal_note`.

    Raises:
        LimitError: A list is longer than a note allows; :func:`split` it first.
        ValueError: A value in it has a wrong size or range.
    """
    groups = (want.groups for want in note.wants)
    if len(note.wants) > WANTS_MAX or any(len(items) > NOTE_ITEMS_MAX for items in (*_lists(note), *groups)):
        raise LimitError("a note holds no more of these")
    record = encode_record(note)
    try:
        decode_note(record)
    except MalformedNote as error:
        raise ValueError("a value in the note does not fit") from error
    return record


def decode_note(record: bytes | memoryview) -> Note:
    """Read a note; the peer is authentic, its bytes are not trusted.

    Raises:
        MalformedNote: A rule is broken.
        NewerVersion: Written by a newer Tiercel.

    Source: spec/parcel.md 5.
    """
    try:
        if is_newer(record_version(record)):
            raise NewerVersion()
        if record[0] != _ARRAY_OF_8:
            raise MalformedNote("a note has eight fields")
        note = decode_record(Note, record, NOTE_BYTES_MAX)
    except MalformedWire as error:
        raise MalformedNote() from error
    if any(len(dict(want.groups)) < len(want.groups) for want in note.wants):  # one symbol would be sent twice
        raise MalformedNote("a want names a group twice")
    return note


# -- splitting -------------------------------------------------------------------------------------

_FIELDS: Final = ("receipts", "answers", "expired", "recalls", "haves", "wants")  # the most urgent first
_EMPTY_BYTES: Final = 28  # array, version, day, and seven lists with headers for up to 65,535 items
_WANT_BYTES: Final = 38  # array, hash, and the header of its groups
_PAIR_BYTES: Final = 9  # array, group, missing


class _Page:
    """One note being filled; counts every part at the largest size it can take."""

    def __init__(self, room_bytes: int) -> None:
        self.left = room_bytes - _EMPTY_BYTES
        self.lists: dict[str, Any] = {name: [] for name in _FIELDS}

    def take(self, name: str, item: Any) -> bool:
        """Add an item of any list but the wants if it fits."""
        items, size = self.lists[name], len(encode_record(item))
        if size > self.left or len(items) >= NOTE_ITEMS_MAX:
            return False
        self.left -= size
        items.append(item)
        return True

    def take_groups(self, want: Want, at: int) -> int:
        """Add as many groups of a want, from number ``at`` on, as fit; give back how many."""
        if len(self.lists["wants"]) >= WANTS_MAX:
            return 0
        count = min(len(want.groups) - at, NOTE_ITEMS_MAX, (self.left - _WANT_BYTES) // _PAIR_BYTES)
        if count <= 0:
            return 0
        self.left -= _WANT_BYTES + count * _PAIR_BYTES
        self.lists["wants"].append(Want(want.bundle_hash, want.groups[at : at + count]))
        return count

    def note(self, day: int) -> Note:
        return msgspec.structs.replace(Note(day=day), **{name: tuple(items) for name, items in self.lists.items()})


def split(note: Note, room_bytes: int) -> list[Note]:
    """The same news in as many notes as are needed for each to fit; always at least one, for its day.

    Args:
        note: May hold longer lists than one note allows.
        room_bytes: Of one record, as :func:`~tiercel.parcel.box.note_room` says for a profile.

    Raises:
        LimitError: The room is too small for any note.
    """
    if room_bytes < _EMPTY_BYTES + 64:
        raise LimitError("no note fits there")
    return [page.note(note.day) for page in _pages(note, min(room_bytes, NOTE_BYTES_MAX))]


def _pages(note: Note, room_bytes: int) -> Iterator[_Page]:
    page = _Page(room_bytes)
    for name in _FIELDS[:-1]:
        for item in getattr(note, name):
            if not page.take(name, item):
                yield page
                page = _Page(room_bytes)
                page.take(name, item)
    for want in note.wants:
        at = 0
        while at < len(want.groups):
            taken = page.take_groups(want, at)
            if not taken:
                yield page
                page = _Page(room_bytes)
            at += taken
    yield page


def _lists(note: Note) -> list[tuple[Any, ...]]:
    return [getattr(note, name) for name in _FIELDS]
