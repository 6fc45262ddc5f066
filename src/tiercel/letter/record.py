"""The record of a letter: a MessagePack array of 23 to 25 items, bounded, in one canonical encoding.

=====  ============  =========================================================================
index  field         meaning
=====  ============  =========================================================================
0      version       1, or 2 of kind 4 and of nothing else, or 3 with boxes
1      kind          0 letter, 1 service, 2 opening, 3 end of the bond, 4 restored
2      reads         highest record version the writer can read
3      letter_id     16 random bytes
4, 5   number,       of letters only: counts from 1 in one incarnation, and the chain of ids
       previous      (:func:`id_chain`); nil otherwise
6..9   days          written, sealed, deadline or nil, not-before or nil; UTC days since 1970
10     urgent        bool
11     text          UTF-8, byte for byte as written
12-14  lines         subject, place, dated; or nil
15     reply_to      letter id or nil
16     enclosures    array of [key, bundle hash, true length, name, media type]
17,18  readers       hash of the reader list, and the list itself or nil
19     receipt       secret of 16 bytes under the receipt proofs
20     root          [generation, base epoch, root] or nil
21,22  gifts         last-resort gift or nil, and at most 256 one-time gifts of 1,256 bytes
23     copied_day    of kind 4: the day of the copy that the writer's vault goes on from
24     other_root    of kind 4: [generation, base epoch, root] for what the reader sends
23     boxes         of version 3: [number, [[address, opening], ...]], where to write to the writer
=====  ============  =========================================================================

Example:
    >>> id_chain(bytes(16), 1, FIRST_PREVIOUS).hex()[:16]
    'e4936954d0ae51d5'
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from tiercel import wire
from tiercel.errors import LimitError, MalformedLetter, MalformedWire, NewerVersion, UsageError
from tiercel.limits import (
    BODY_BYTES_MAX,
    ENCLOSURE_BYTES_MAX,
    ENCLOSURE_NAME_BYTES_MAX,
    ENCLOSURES_MAX,
    FORMAT_VERSION,
    GIFT_BYTES,
    GIFTS_MAX,
    HASH_BYTES,
    ID_BYTES,
    KEY_BYTES,
    LETTER_LINE_BYTES_MAX,
    LETTER_TEXT_BYTES_MAX,
    LETTER_VERSION,
    READERS_MAX,
    RELAY_ADDRESS_CHARS_MAX,
    RELAY_BOXES_TOLD_MAX,
    RESTORED_VERSION,
    VERSION,
)

FIRST_PREVIOUS = bytes(HASH_BYTES)
"""``previous`` of letter number 1."""

_Id = Annotated[bytes, msgspec.Meta(min_length=ID_BYTES, max_length=ID_BYTES)]
_Hash = Annotated[bytes, msgspec.Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
_Key = Annotated[bytes, msgspec.Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
_Gift = Annotated[bytes, msgspec.Meta(min_length=GIFT_BYTES, max_length=GIFT_BYTES)]
_U32 = Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)]
_Number = Annotated[int, msgspec.Meta(ge=1, le=(1 << 32) - 1)]
_Day = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
_Version = Annotated[int, msgspec.Meta(ge=1, le=127)]
_Size = Annotated[int, msgspec.Meta(ge=0, le=ENCLOSURE_BYTES_MAX)]
# Characters, as a first bound; the bytes are counted in _too_long.
_Text = Annotated[str, msgspec.Meta(max_length=LETTER_TEXT_BYTES_MAX)]
_Line = Annotated[str, msgspec.Meta(max_length=LETTER_LINE_BYTES_MAX)]
_OPENING_BYTES = ID_BYTES + KEY_BYTES
_Name = Annotated[str, msgspec.Meta(max_length=ENCLOSURE_NAME_BYTES_MAX)]


class Kind(enum.IntEnum):
    """What a sealed record is for."""

    LETTER = 0
    SERVICE = 1
    OPENING = 2
    END = 3
    RESTORED = 4


class _Record(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """A record whose contents never reach a log: neither repr nor rich shows a field."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class EnclosureRecord(_Record, frozen=True, kw_only=True):
    """One enclosure: how to open it and what its writer called it. ``size`` is the true length in bytes."""

    key: _Key
    bundle_hash: _Hash
    size: _Size
    name: _Name
    kind: _Name


class ReaderRecord(_Record, frozen=True, kw_only=True):
    """One who can read or write under the bond on the writer's side, since which day."""

    kind: _Line
    since_day: _Day


class RootRecord(_Record, frozen=True, kw_only=True):
    """A fresh root of parcel keys. Secret."""

    generation: _U32
    base_epoch: _U32
    root: _Key


class LetterRecord(_Record, frozen=True, kw_only=True):
    """Everything inside one envelope, as version 1 has it. Holds secrets; see the table of this module."""

    version: Annotated[int, msgspec.Meta(ge=FORMAT_VERSION, le=FORMAT_VERSION)] = FORMAT_VERSION
    kind: Kind
    reads: _Version = FORMAT_VERSION
    letter_id: _Id
    number: _Number | None = None
    previous: _Hash | None = None
    written_day: _Day
    sealed_day: _Day
    deadline_day: _Day | None = None
    not_before_day: _Day | None = None
    urgent: bool = False
    text: _Text = ""
    subject: _Line | None = None
    place: _Line | None = None
    dated: _Line | None = None
    reply_to: _Id | None = None
    enclosures: Annotated[tuple[EnclosureRecord, ...], msgspec.Meta(max_length=ENCLOSURES_MAX)] = ()
    readers_hash: _Hash
    readers: Annotated[tuple[ReaderRecord, ...], msgspec.Meta(max_length=READERS_MAX)] | None = None
    receipt_secret: _Id
    root: RootRecord | None = None
    last_resort: _Gift | None = None
    gifts: Annotated[tuple[_Gift, ...], msgspec.Meta(max_length=GIFTS_MAX)] = ()

    def __repr__(self) -> str:
        return f"<LetterRecord {getattr(self.kind, 'name', self.kind)} {self.letter_id.hex()}>"


class RestoredRecord(LetterRecord, frozen=True, kw_only=True):
    """Version 2: the writer's vault goes on from an older copy of itself, and what it needs to be heard and to hear."""

    version: Annotated[int, msgspec.Meta(ge=RESTORED_VERSION, le=RESTORED_VERSION)] = RESTORED_VERSION
    copied_day: _Day
    other_root: RootRecord


class BoxRecord(_Record, frozen=True, kw_only=True):
    """A box of the writer: the address of its relay, and its id with its drop key. Secret."""

    address: Annotated[str, msgspec.Meta(max_length=RELAY_ADDRESS_CHARS_MAX)]
    opening: Annotated[bytes, msgspec.Meta(min_length=_OPENING_BYTES, max_length=_OPENING_BYTES)]


class BoxesRecord(_Record, frozen=True, kw_only=True):
    """All boxes of the writer, one for each relay. ``number`` counts such lists in an incarnation."""

    number: _Number
    boxes: Annotated[tuple[BoxRecord, ...], msgspec.Meta(max_length=RELAY_BOXES_TOLD_MAX)]


class TellingRecord(LetterRecord, frozen=True, kw_only=True):
    """Version 3: an opening or a service letter that also says where the writer's boxes are."""

    version: Annotated[int, msgspec.Meta(ge=LETTER_VERSION, le=LETTER_VERSION)] = LETTER_VERSION
    boxes: BoxesRecord


_FORMS: dict[int, type[LetterRecord]] = {
    FORMAT_VERSION: LetterRecord, RESTORED_VERSION: RestoredRecord, LETTER_VERSION: TellingRecord,
}  # fmt: skip


def encode_letter(record: LetterRecord) -> bytes:
    """The canonical bytes of a record, proved readable by the other side.

    Raises:
        LimitError: Something is too long or too many; the sentence names it.
        UsageError: The record breaks another rule of the format.

    Source: spec/letter.md 2.
    """
    try:
        long = _too_long(record)
        if long:
            raise LimitError(f"{long[:1].upper()}{long[1:]}.")
        data = wire.encode_record(record)
        decode_letter(data)
    except (MalformedLetter, UnicodeEncodeError, OverflowError) as error:
        raise UsageError(f"This letter cannot be written: {error}.") from error
    return data


def decode_letter(data: bytes | memoryview) -> LetterRecord:
    """The record in ``data``, which must already be authentic.

    Raises:
        NewerVersion: Written by a newer program.
        MalformedLetter: Anything else that does not follow spec/letter.md 2.
    """
    try:
        version = wire.record_version(data)
        if wire.is_newer(version, LETTER_VERSION):
            raise NewerVersion()
        record = wire.decode_record(_FORMS[version], data, BODY_BYTES_MAX)
    except MalformedWire as error:
        raise MalformedLetter(str(error)) from error
    broken = _too_long(record) or _broken_rule(record)
    if broken:
        raise MalformedLetter(broken)
    # One record, one encoding: no second spelling of an integer or a length can carry a hidden mark.
    if wire.encode_record(record) != data:
        raise MalformedLetter("the encoding is not the shortest one")
    return record


def id_chain(letter_id: bytes, number: int, previous: bytes) -> bytes:
    """``previous`` of the letter after this one: H(LP(letter_id, u32 number, previous)); 32 bytes.

    Source: spec/letter.md 3.
    """
    return hashlib.sha256(wire.lp(letter_id, wire.u32(number), previous)).digest()


def readers_hash(readers: Iterable[ReaderRecord]) -> bytes:
    """The hash of a reader list, in whatever order it is given; 32 bytes. Source: spec/letter.md 4."""
    entries = sorted((reader.since_day, reader.kind.encode()) for reader in readers)
    items = [wire.lp(kind, wire.u32(day)) for day, kind in entries]
    # The same encoding as crypto.label, which this room may not import.
    return hashlib.sha256(wire.lp(VERSION, b"readers", *items)).digest()


def _too_long(record: LetterRecord) -> str | None:
    """What exceeds a limit counted in UTF-8 bytes or items, if anything."""
    counts = [
        ("the text", len(record.text.encode()), LETTER_TEXT_BYTES_MAX),
        ("the number of enclosures", len(record.enclosures), ENCLOSURES_MAX),
        ("the reader list", len(record.readers or ()), READERS_MAX),
        ("the number of gifts", len(record.gifts), GIFTS_MAX),
    ]
    for name in ("subject", "place", "dated"):
        counts.append((f"the {name}", len((getattr(record, name) or "").encode()), LETTER_LINE_BYTES_MAX))
    for reader in record.readers or ():
        counts.append(("the name of a reader", len(reader.kind.encode()), LETTER_LINE_BYTES_MAX))
    for enclosure in record.enclosures:
        counts.append(("the name of an enclosure", len(enclosure.name.encode()), ENCLOSURE_NAME_BYTES_MAX))
        counts.append(("the media type of an enclosure", len(enclosure.kind.encode()), ENCLOSURE_NAME_BYTES_MAX))
        counts.append(("an enclosure", enclosure.size, ENCLOSURE_BYTES_MAX))
    for box in record.boxes.boxes if isinstance(record, TellingRecord) else ():
        counts.append(("the address of a relay", len(box.address.encode()), RELAY_ADDRESS_CHARS_MAX))
    return next(
        (f"{what} is too long: {size:,}, and {most:,} is the most" for what, size, most in counts if size > most), None
    )


def _broken_rule(record: LetterRecord) -> str | None:
    """Which rule between fields is broken, if any. Source: spec/letter.md 2."""
    if record.kind is Kind.LETTER:
        if record.number is None or record.previous is None:
            return "a letter needs its number and the hash before it"
        if record.number == 1 and record.previous != FIRST_PREVIOUS:
            return "letter number 1 has nothing before it"
    elif record.text or record.enclosures or record.number is not None or record.previous is not None:
        return "only a letter has text, enclosures, a number and a hash before it"
    if isinstance(record, TellingRecord) and record.kind not in (Kind.SERVICE, Kind.OPENING):
        return "only an opening or a service letter says where boxes are"
    if isinstance(record, RestoredRecord) != (record.kind is Kind.RESTORED):
        return "version 2 is for what tells of a copy, and for nothing else"
    if record.kind is Kind.RESTORED and (record.root is None or record.last_resort is None):
        return "what tells of a copy brings a root and a last-resort gift"
    if record.readers is not None and readers_hash(record.readers) != record.readers_hash:
        return "the reader list does not have its hash"
    return None
