"""vectors/letter: records, the chain of numbers, reader lists."""

from __future__ import annotations

from typing import Any

import kit
import msgspec

from tiercel.letter.record import (
    FIRST_PREVIOUS,
    BoxesRecord,
    BoxRecord,
    EnclosureRecord,
    Kind,
    LetterRecord,
    ReaderRecord,
    RestoredRecord,
    RootRecord,
    TellingRecord,
    encode_letter,
    id_chain,
    readers_hash,
)

READERS = (ReaderRecord(kind="person", since_day=20_000), ReaderRecord(kind="guardian", since_day=19_000))
NUMBER, PREVIOUS, TEXT, SUBJECT, ENCLOSURES = 4, 5, 11, 12, 16
LIST, ROOT, LAST, GIFTS, COPIED, OTHER, BOXES = 18, 20, 21, 22, 23, 24, 23


def record(kind: Kind = Kind.LETTER, **changes: Any) -> LetterRecord:
    """A record with no more than it needs."""
    values: dict[str, Any] = {
        "letter_id": kit.random("letter id", 16), "written_day": 20_000, "sealed_day": 20_001,
        "readers_hash": readers_hash(()), "receipt_secret": kit.random("receipt secret", 16),
    }  # fmt: skip
    if kind == Kind.LETTER:
        values |= {"number": 1, "previous": FIRST_PREVIOUS, "text": "Dear M., all is well here."}
    return LetterRecord(kind=kind, **(values | changes))


def restored(**changes: Any) -> RestoredRecord:
    """What tells of a copy, with no more than it needs."""
    values: dict[str, Any] = {
        "kind": Kind.RESTORED, "reads": 2, "letter_id": kit.random("letter id", 16), "written_day": 20_000,
        "sealed_day": 20_001, "readers_hash": readers_hash(()), "receipt_secret": kit.random("receipt secret", 16),
        "root": RootRecord(generation=16_777_217, base_epoch=666, root=kit.random("root", 32)),
        "last_resort": kit.random("last", 1256), "copied_day": 19_846,
        "other_root": RootRecord(generation=16_800_000, base_epoch=661, root=kit.random("other root", 32)),
    }  # fmt: skip
    return RestoredRecord(**(values | changes))


BOX = BoxRecord(address="tiercel-relay://relay.example:7787/ca", opening=kit.random("opening", 48))
OTHER_BOX = BoxRecord(address="tiercel-relay://[::1]:1/plain", opening=kit.random("other opening", 48))


def telling(*boxes: BoxRecord, number: int = 1, kind: Kind = Kind.SERVICE) -> TellingRecord:
    """What says where boxes are."""
    return TellingRecord(
        kind=kind, reads=3, letter_id=kit.random("letter id", 16), written_day=20_000, sealed_day=20_001,
        readers_hash=readers_hash(()), receipt_secret=kit.random("receipt secret", 16),
        boxes=BoxesRecord(number=number, boxes=boxes),
    )  # fmt: skip


def bad_telling() -> dict[str, tuple[str, bytes]]:
    """Refused as malformed: version 3 with one thing wrong."""
    base = msgspec.msgpack.decode(encode_letter(telling(BOX)))
    number, [entry] = base[BOXES]
    letter = [*msgspec.msgpack.decode(encode_letter(record())), base[BOXES]]

    def put(value: Any) -> bytes:
        return msgspec.msgpack.encode([*base[:BOXES], value])

    return {
        "telling-letter": ("a letter does not say it", msgspec.msgpack.encode([3, *letter[1:]])),
        "telling-end": ("the end of a bond does not", msgspec.msgpack.encode([3, int(Kind.END), *base[2:]])),
        "telling-restored": ("nor what tells of a copy", msgspec.msgpack.encode([3, 4, *base[2:]])),
        "telling-version-1": ("version 1 with the fields of version 3", msgspec.msgpack.encode([1, *base[1:]])),
        "telling-fields-23": ("without its boxes", msgspec.msgpack.encode(base[:BOXES])),
        "telling-fields-25": ("a field added", msgspec.msgpack.encode([*base, None])),
        "telling-nil": ("nil for boxes", put(None)),
        "telling-number-0": ("lists are counted from 1", put([0, [entry]])),
        "telling-boxes-9": ("one box too many", put([number, [entry] * 9])),
        "telling-opening-short": ("an opening of 47 bytes", put([number, [[entry[0], entry[1][:-1]]]])),
        "telling-opening-long": ("an opening of 49 bytes", put([number, [[entry[0], entry[1] + b"a"]]])),
        "telling-address-long": ("an address of 513 bytes", put([number, [["a" * 513, entry[1]]]])),
        "telling-address-bytes": ("an address as bytes", put([number, [[b"a", entry[1]]]])),
        "telling-three": ("a box of three fields", put([number, [[*entry, b""]]])),
    }  # fmt: skip


def enclosure(**changes: Any) -> EnclosureRecord:
    values = {"key": kit.random("enclosure key", 32), "bundle_hash": kit.random("bundle", 32), "size": 3}
    return EnclosureRecord(**(values | {"name": "map.png", "kind": "image/png"} | changes))


def good() -> dict[str, tuple[str, LetterRecord]]:
    first = record()
    gifts = (kit.random("gift 1", 1256), kit.random("gift 2", 1256))
    full = record(
        number=4_294_967_295, previous=kit.random("previous", 32), deadline_day=20_100, not_before_day=20_010,
        urgent=True, text="Dear M.,\r\n\r\n*all* is well.\n", subject="News", place="Bergen", dated="22. 12. 1891",
        reply_to=kit.random("reply", 16), enclosures=(enclosure(), enclosure(name="", kind="", size=1 << 40)),
        readers_hash=readers_hash(READERS), readers=READERS, gifts=gifts, last_resort=kit.random("last", 1256),
        root=RootRecord(generation=1, base_epoch=667, root=kit.random("root", 32)),
    )  # fmt: skip
    chain = id_chain(first.letter_id, 1, FIRST_PREVIOUS)
    opening = record(Kind.OPENING, readers=READERS, readers_hash=readers_hash(READERS), last_resort=full.last_resort)
    second = record(letter_id=kit.random("letter id 2", 16), number=2, previous=chain)
    return {
        "letter": ("the least a letter has", first),
        "letter-full": ("every field in use", full),
        "letter-second": ("the chain goes on from the case letter", second),
        "letter-scripts": ("text is kept: a combining accent, a bell, right-to-left, an emoji", record(
            text="e\u0301 \u00e9 \x07 \u05e9\u05dc\u05d5\u05dd \U0001f54a\ufe0f", subject="\u0416")),
        "letter-longest-text": ("4 MiB of text", record(text="a" * (4 << 20))),
        "letter-longest-line": ("a subject of 1,000 bytes in 500 characters", record(subject="\u00e9" * 500)),
        "service": ("a service letter with a gift", record(Kind.SERVICE, gifts=gifts[:1])),
        "opening": ("an opening with its reader list", opening),
        "end": ("the end of a bond", record(Kind.END)),
        "reads-2": ("a letter of version 1 whose writer reads version 2", record(reads=2)),
        "restored": ("version 2: a vault goes on from a copy", restored()),
        "restored-gifts": ("the same with gifts and a reader list, and generations of 32 bits", restored(
            gifts=gifts, readers=READERS, readers_hash=readers_hash(READERS), copied_day=0,
            root=RootRecord(generation=(1 << 32) - 1, base_epoch=0, root=bytes(32)),
            other_root=RootRecord(generation=(1 << 32) - 1, base_epoch=(1 << 32) - 1, root=bytes(32)))),
        "telling": ("version 3: a service letter that says where two boxes are", telling(BOX, OTHER_BOX)),
        "telling-opening": ("an opening that does", telling(BOX, kind=Kind.OPENING, number=(1 << 32) - 1)),
        "telling-none": ("no box any more", telling()),
        "telling-most": ("as many boxes as there may be, with the longest address", telling(
            *[BoxRecord(address="a" * 512, opening=BOX.opening)] * 8)),
    }  # fmt: skip


def bad() -> dict[str, tuple[str, bytes]]:
    """Refused as malformed: an index of the least letter set to a value, and bytes changed by hand."""
    base = msgspec.msgpack.decode(encode_letter(record()))
    full = msgspec.msgpack.decode(encode_letter(good()["letter-full"][1]))

    def put(at: int, value: Any, of: list[Any] = base) -> bytes:
        return msgspec.msgpack.encode([*of[:at], value, *of[at + 1 :]])

    entry = full[ENCLOSURES][0]
    data = msgspec.msgpack.encode(base)
    changed = {
        "kind-4": ("no such kind", put(1, 4)),
        "version-0": ("no version", put(0, 0)),
        "reads-0": ("the writer reads no version", put(2, 0)),
        "id-short": ("a letter id of 15 bytes", put(3, bytes(15))),
        "id-text": ("a letter id as text", put(3, "0123456789abcdef")),
        "number-0": ("numbers begin at 1", put(NUMBER, 0)),
        "number-nil": ("a letter without a number", put(NUMBER, None)),
        "number-true": ("a boolean for a number", put(NUMBER, True)),
        "number-float": ("a float for a number", put(NUMBER, 1.0)),
        "number-too-large": ("a number of 33 bits", put(NUMBER, 1 << 32)),
        "previous-nil": ("a letter without what was before", put(PREVIOUS, None)),
        "previous-of-first": ("letter 1 has 32 zeros before it", put(PREVIOUS, bytes(31) + b"\1")),
        "day-negative": ("a day before 1970", put(6, -1)),
        "day-too-large": ("a day above 10,000,000", put(6, 10_000_001)),
        "urgent-1": ("an integer for a boolean", put(10, 1)),
        "text-bytes": ("text as bytes", put(TEXT, b"Dear M.")),
        "text-too-long": ("one byte more than 4 MiB", put(TEXT, "a" * ((4 << 20) + 1))),
        "text-surrogate": ("half a character", data.replace(b"Dear", b"\xed\xa0\x80r")),
        "text-not-utf8": ("a byte that no character has", data.replace(b"Dear", b"De\xffr")),
        "subject-too-long": ("1,002 bytes in 501 characters", put(SUBJECT, "\u00e9" * 501)),
        "enclosure-too-large": ("one byte more than 1 TiB", put(ENCLOSURES, [[*entry[:2], (1 << 40) + 1, *entry[3:]]])),
        "enclosure-four-fields": ("an enclosure without its kind", put(ENCLOSURES, [entry[:4]])),
        "enclosures-1001": ("one enclosure too many", put(ENCLOSURES, [entry] * 1001)),
        "readers-hash": ("a reader list that is not the one hashed", put(LIST, [["person", 20_001]], full)),
        "readers-65": ("one reader too many", put(LIST, [["person", 20_000]] * 65)),
        "root-31": ("a root of 31 bytes", put(ROOT, [1, 667, bytes(31)])),
        "last-resort-short": ("a gift cut off", put(LAST, bytes(1255))),
        "gift-long": ("a gift with a byte more", put(GIFTS, [bytes(1257)])),
        "gifts-257": ("one gift too many", put(GIFTS, [bytes(1256)] * 257)),
        "fields-22": ("the last field left out", msgspec.msgpack.encode(base[:22])),
        "fields-24": ("a field added", msgspec.msgpack.encode([*base, None])),
        "trailing-byte": ("a byte after the record", data + b"\xc0"),
        "cut-off": ("the last byte missing", data[:-1]),
        "empty": ("nothing at all", b"\xc0"),
        "map": ("a map for the array", b"\xde" + data[1:]),
        "array32": ("a longer array head than needed", b"\xdd\0\0\0\x17" + data[3:]),
        "integer-long": ("version in two bytes", data[:3] + b"\xcc\x01" + data[4:]),
        "text-head-long": ("a longer text head than needed", data.replace(b"\xbaDear", b"\xd9\x1aDear")),
        "bytes-head-long": ("a longer head of bytes than needed", data.replace(b"\xc4\x10", b"\xc5\x00\x10", 1)),
    }  # fmt: skip
    for kind in (Kind.SERVICE, Kind.OPENING, Kind.END):
        small = msgspec.msgpack.decode(encode_letter(record(kind)))
        name = kind.name.lower()
        changed[f"{name}-with-text"] = ("only a letter has text", put(TEXT, "Dear M.", small))
        changed[f"{name}-with-number"] = ("only a letter has a number", put(NUMBER, 1, small))
    return changed | bad_restored() | bad_telling()


def bad_restored() -> dict[str, tuple[str, bytes]]:
    """Refused as malformed: version 2 with one thing wrong."""
    data = encode_letter(restored())
    base, letter = msgspec.msgpack.decode(data), msgspec.msgpack.decode(encode_letter(record()))

    def put(at: int, value: Any) -> bytes:
        return msgspec.msgpack.encode([*base[:at], value, *base[at + 1 :]])

    root = bytes(32)
    return {
        "restored-version-1": ("kind 4 in version 1 with the fields of version 2", put(0, 1)),
        "restored-as-version-1": ("kind 4 in version 1", msgspec.msgpack.encode([1, *base[1:COPIED]])),
        "restored-version-0": ("no version", put(0, 0)),
        "letter-version-2": ("a letter in version 2", msgspec.msgpack.encode([2, *letter[1:], *base[COPIED:]])),
        "letter-version-2-short": ("a letter of 23 fields in version 2", msgspec.msgpack.encode([2, *letter[1:]])),
        "service-version-2": ("a service letter in version 2", put(1, 1)),
        "restored-kind-5": ("no such kind", put(1, 5)),
        "restored-fields-23": ("without the two fields of version 2", msgspec.msgpack.encode(base[:COPIED])),
        "restored-fields-24": ("without the other root", msgspec.msgpack.encode(base[:OTHER])),
        "restored-fields-26": ("a field added", msgspec.msgpack.encode([*base, None])),
        "restored-text": ("only a letter has text", put(TEXT, "Dear M.")),
        "restored-number": ("only a letter has a number", put(NUMBER, 1)),
        "restored-no-root": ("no root of its own", put(ROOT, None)),
        "restored-no-last-resort": ("no last-resort gift", put(LAST, None)),
        "restored-no-other-root": ("nil for the other root", put(OTHER, None)),
        "restored-no-day": ("nil for the day of the copy", put(COPIED, None)),
        "restored-day-negative": ("a copy from before 1970", put(COPIED, -1)),
        "restored-day-large": ("a day above 10,000,000", put(COPIED, 10_000_001)),
        "restored-root-31": ("an other root of 31 bytes", put(OTHER, [1, 661, bytes(31)])),
        "restored-root-33-bits": ("a generation of 33 bits", put(OTHER, [1 << 32, 661, root])),
        "restored-root-two": ("an other root without its epoch", put(OTHER, [1, root])),
        "restored-cut-off": ("the last byte missing", data[:-1]),
        "restored-trailing-byte": ("a byte after the record", data + b"\xc0"),
        "restored-array32": ("a longer array head than needed", b"\xdd\0\0\0\x19" + data[3:]),
        "restored-day-long": ("the day of the copy in four bytes", data.replace(b"\xcd\x4d\x86", b"\xce\0\0\x4d\x86")),
    }  # fmt: skip


def make(book: kit.Book) -> None:
    for name, (about, made) in good().items():
        data = encode_letter(made)
        shown = {} if len(data) > 100_000 else {"fields": msgspec.msgpack.decode(data)}
        book.add(f"letter/{name}", "record", about, record=data, **shown)
    for name, (about, data) in bad().items():
        book.add(f"letter/bad-{name}", "record", about, "malformed_letter", record=data)
    newer = encode_letter(record())
    book.add("letter/newer", "record", "version 4", "newer_version", record=newer[:3] + b"\4" + newer[4:])
    book.add(
        "letter/newer-other", "record", "version 4, and nothing else is known", "newer_version", record=b"\x91\x04"
    )
    _, letter = good()["letter"]
    following = id_chain(letter.letter_id, 1, FIRST_PREVIOUS)
    values = {"letter_id": letter.letter_id, "number": 1, "previous": FIRST_PREVIOUS, "next": following}
    book.add("letter/chain", "chain", "what letter 2 has before it", **values)
    for name, some in (("none", ()), ("two", READERS), ("twice", READERS[:1] * 2)):
        pairs = [[reader.kind, reader.since_day] for reader in some]
        book.add(
            f"letter/readers-{name}", "readers", "the hash of a reader list", readers=pairs, hash=readers_hash(some)
        )
