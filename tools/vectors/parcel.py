"""vectors/parcel: keys, parcels with symbols and notes, notes, bundles from symbols."""

from __future__ import annotations

import struct
from typing import Any

import kit
import msgspec
from kit import Terms, cut, with_byte

from tiercel.crypto import aead_seal, hkdf, label, sha256
from tiercel.parcel import epochs, profiles
from tiercel.parcel.box import Kind, box_bytes, seal_note, seal_symbols
from tiercel.parcel.note import Answer, Note, Receipt, ReceiptKind, Reply, Want, encode_note
from tiercel.parcel.symbols import Ref, encode, group_of, layout_of
from tiercel.parcel.tags import make_head
from tiercel.ports import Profile

ROOT, ROAD_SECRET = kit.random("root", 32), kit.random("road secret", 32)
KEYS = epochs.epoch_keys(ROOT, 0)
BASE = "symbol-qr"
WHOLE = Terms(cut(BASE))


def given(profile: Profile = profiles.QR, /, **changes: Any) -> dict[str, Any]:
    return {"root": ROOT, "direction": 0, "profile": profile.name} | changes


class Bundle:
    """A bundle and the parcels it becomes, with r drawn from their name."""

    def __init__(self, name: str, size: int, kind: Kind = Kind.LETTER) -> None:
        self.data, self.kind, self.layout = kit.random(name, size), kind, layout_of(size)
        self.hash = sha256(self.data)

    def symbols(self, refs: list[Ref]) -> list[bytes]:
        groups = {group: group_of(self.layout, self.data, group) for group, _ in refs}
        return [bytes(encode(self.layout, groups[group], [index])[0]) for group, index in refs]

    def parcel(self, name: str, profile: Profile, refs: list[Ref], keys: epochs.ParcelKeys = KEYS) -> bytes:
        r = kit.random(f"r {name}", 16)
        return bytes(seal_symbols(keys, profile, r, self.kind, self.hash, self.layout, refs, self.symbols(refs)))

    def told(self, refs: list[Ref]) -> dict[str, Any]:
        return {
            "inside": int(self.kind), "bundle_hash": self.hash, "bundle_len": len(self.data), "refs": refs,
            "symbols": b"".join(self.symbols(refs)),
        }  # fmt: skip


def make(book: kit.Book) -> None:
    key_cases(book)
    good_parcels(book)
    bad_parcels(book)
    bad_boxes(book)
    notes(book)
    bundles(book)


def key_cases(book: kit.Book) -> None:
    for steps, direction in ((0, 0), (3, 1)):
        made = epochs.epoch_keys(epochs.evolve(ROOT, steps), direction)
        values = {"root": ROOT, "steps": steps, "direction": direction}
        about = f"keys of direction {direction}, {steps} epochs after the root"
        book.add(f"parcel/keys-{steps}", "keys", about, **values, tag_key=made.tag_key, box_key=made.box_key)
    road = epochs.pairing_keys(ROAD_SECRET, 1)
    values = {"road_secret": ROAD_SECRET, "direction": 1, "tag_key": road.tag_key, "box_key": road.box_key}
    book.add("parcel/keys-pairing", "keys", "keys of pairing parcels", **values)


def good_parcels(book: kit.Book) -> None:
    letter, large = Bundle("letter bundle", 9 * 1792), Bundle("enclosure bundle", 1_100_000, Kind.ENCLOSURE)
    pairing = Bundle("pairing bundle", 1250, Kind.PAIRING)
    cases: list[tuple[str, str, Bundle, Profile, list[Ref]]] = [
        (BASE, "one source symbol", letter, profiles.QR, [(0, 3)]),
        ("repair-qr", "one repair symbol", letter, profiles.QR, [(0, 9)]),
        ("repair-last-qr", "the last repair symbol there is", letter, profiles.QR, [(0, 255)]),
        ("symbols-cell", "nine source symbols fill a cell", letter, profiles.CELL, [(0, n) for n in range(9)]),
        ("mixed-cell", "source and repair in any order", letter, profiles.CELL, [(0, 200), (0, 8), (0, 10), (0, 0)]),
        ("large-file", "large symbols: source, and repair", large, profiles.FILE, [(0, 0), (0, 68), (0, 69), (0, 255)]),
    ]
    for name, about, bundle, profile, refs in cases:
        parcel = bundle.parcel(name, profile, refs)
        book.add(f"parcel/{name}", "parcel", about, **given(profile), parcel=parcel, **bundle.told(refs))
    later = epochs.epoch_keys(epochs.evolve(ROOT, 2), 1)
    values = given(direction=1, steps=2, parcel=letter.parcel("later", profiles.QR, [(0, 0)], later))
    book.add("parcel/later-qr", "parcel", "direction 1, two epochs after the root", **values, **letter.told([(0, 0)]))
    parcel = pairing.parcel("pairing", profiles.QR, [(0, 0)], epochs.pairing_keys(ROAD_SECRET, 1))
    values = {"road_secret": ROAD_SECRET, "direction": 1, "profile": "qr", "parcel": parcel}
    book.add("parcel/pairing-qr", "parcel", "a pairing message", **values, **pairing.told([(0, 0)]))
    record = encode_note(full_note())
    parcel = bytes(seal_note(KEYS, profiles.QR, kit.random("r note", 16), record))
    book.add("parcel/note-qr", "parcel", "a note", **given(parcel=parcel), inside=3, record=record)


def bad_parcels(book: kit.Book) -> None:
    base = Bundle("letter bundle", 9 * 1792).parcel(BASE, profiles.QR, [(0, 3)])

    def refuse(name: str, about: str, expect: str, parcel: Terms = WHOLE, **changes: Any) -> None:
        book.add(f"parcel/{name}", "parcel", about, expect, **given(parcel=parcel, **changes))

    for name, at in (("r", 0), ("r-last", 15), ("tag", 16), ("tag-last", 31)):
        refuse(f"changed-{name}", "a bit of the head changed", "tag_unknown", with_byte(BASE, base, at))
    for name, at in (("box", 32), ("box-middle", 1000), ("box-last", -17), ("aead-tag", -1)):
        refuse(f"changed-{name}", "a bit of the box changed", "seal_broken", with_byte(BASE, base, at))
    refuse("cut", "the last byte missing", "malformed_parcel", Terms(cut(BASE, 0, 2047)))
    refuse("longer", "a byte more", "malformed_parcel", Terms(cut(BASE) + " 00"))
    refuse("head-only", "nothing but the head", "malformed_parcel", Terms(cut(BASE, 0, 32)))
    refuse("half-head", "half a head", "tag_unknown", Terms(cut(BASE, 0, 16)))
    refuse("other-root", "of another bond", "tag_unknown", root=kit.random("other", 32))
    refuse("other-direction", "our own parcel come back", "tag_unknown", direction=1)
    refuse("other-epoch", "of an earlier epoch", "tag_unknown", steps=1)
    refuse(
        "other-profile",
        "a box of another profile",
        "seal_broken",
        Terms(boxed("cell", qr_box(), bound="qr").hex()),
        profile="cell",
    )
    r = kit.random("r spliced", 16)
    spliced = Terms(f"{make_head(KEYS, r).hex()} {cut(BASE, 32)}")
    refuse("spliced", "a sound head before the box of another parcel", "seal_broken", spliced)


def boxed(profile: str, plain: bytes, bound: str = "") -> bytes:
    """A parcel around any plain; ``bound`` names another profile in its key."""
    name = (bound or profile).encode()
    head = make_head(KEYS, kit.random(f"r {sha256(plain).hex()}", 16))
    size = box_bytes(profiles.PROFILES[profile])
    key, aad = hkdf(KEYS.box_key, head[:16], label("parcel", b"\0", name)), (b"\0", name, head[:16], head[16:])
    return head + aead_seal(key, bytes(12), plain.ljust(size, b"\0"), label("parcel", *aad))


def qr_box(**changes: int) -> bytes:
    """The inside of a parcel with one symbol of zeros, as a wrong program might make it."""
    f = {"version": 1, "kind": 1, "length": 9 * 1792, "size": 0, "count": 1, "group": 0, "index": 3} | changes
    head = struct.pack(">BB32sQBH", f["version"], f["kind"], bytes(32), f["length"], f["size"], f["count"])
    return head + struct.pack(">IB", f["group"], f["index"]) * min(f["count"], 2) + bytes(1792)


def bad_boxes(book: kit.Book) -> None:
    """Authentic and wrong: a correspondent whose program is broken, or not kind."""
    changes: dict[str, dict[str, int]] = {
        "version-0": {"version": 0}, "kind-0": {"kind": 0}, "kind-5": {"kind": 5}, "length-0": {"length": 0},
        "length-beyond": {"length": (1 << 40) + (1 << 36) + 1}, "class-1": {"size": 1}, "class-2": {"size": 2},
        "class-0-of-large": {"length": 1_100_000}, "count-0": {"count": 0}, "count-2": {"count": 2},
        "count-65535": {"count": 65_535}, "group-1": {"group": 1}, "group-last": {"group": 0xFFFF_FFFF},
    }  # fmt: skip
    for name, change in changes.items():
        parcel = boxed("qr", qr_box(**change))
        book.add(f"parcel/box-{name}", "parcel", "a box that breaks a rule", "malformed_parcel", **given(parcel=parcel))
    ref = struct.pack(">IB", 0, 3)
    twice = qr_box(count=2)[:45] + ref * 2 + bytes(2 * 1792)
    note = encode_note(Note(day=1))
    more = {
        "same-symbol-twice": ("cell", twice),
        "padding": ("qr", qr_box().ljust(1999, b"\0") + b"\1"),
        "note-too-long": ("qr", struct.pack(">BBI", 1, 3, 1995) + note),
        "note-length-huge": ("qr", struct.pack(">BBI", 1, 3, 0xFFFF_FFFF) + note),
        "note-padding": ("qr", struct.pack(">BBI", 1, 3, len(note)) + note + b"\1"),
        "zeros": ("qr", b""),
    }
    for name, (profile, plain) in more.items():
        values = given(profiles.PROFILES[profile], parcel=boxed(profile, plain))
        book.add(f"parcel/box-{name}", "parcel", "a box that breaks a rule", "malformed_parcel", **values)
    for name, plain in (("", qr_box(version=2)), ("-other", b"\2" + b"\xff" * 1999)):
        book.add(f"parcel/box-newer{name}", "parcel", "version 2", "newer_version", **given(parcel=boxed("qr", plain)))


def full_note() -> Note:
    letter_id, digest = kit.random("letter id", 16), kit.random("bundle", 32)
    return Note(
        day=20_000,
        receipts=(Receipt(ReceiptKind.ARRIVED, letter_id, digest), Receipt(ReceiptKind.READ, letter_id, digest)),
        wants=(Want(digest, ((0, 5), (4_294_967_295, 65_535))), Want(digest, ())),
        haves=(digest,), expired=(kit.random("pid", 8),), recalls=(letter_id,),
        answers=(Answer(letter_id, Reply.RETURNED), Answer(letter_id, Reply.KEPT)),
    )  # fmt: skip


def notes(book: kit.Book) -> None:
    crossed = Note(day=20_000, answers=(Answer(kit.random("letter id", 16), Reply.CROSSED),))
    good = (("empty", "a sign of life", Note(day=20_000)), ("full", "all", full_note()), ("crossed", "both", crossed))
    for name, about, note in good:
        data = encode_note(note)
        book.add(f"parcel/note-{name}", "note", about, record=data, fields=msgspec.msgpack.decode(data))
    base, pack = msgspec.msgpack.decode(encode_note(full_note())), msgspec.msgpack.encode

    def put(at: int, value: Any) -> bytes:
        return pack([*base[:at], value, *base[at + 1 :]])

    receipt, want = base[2][0], base[3][0]
    bad = {
        "version-0": put(0, 0), "day-negative": put(1, -1), "day-too-large": put(1, 10_000_001),
        "day-nil": put(1, None),
        "receipt-kind-2": put(2, [[2, *receipt[1:]]]), "receipt-proof-short": put(2, [[*receipt[:2], bytes(31)]]),
        "receipt-field-more": put(2, [[*receipt, 0]]), "receipts-1025": put(2, [receipt] * 1025),
        "want-missing-0": put(3, [[want[0], [[0, 0]]]]), "want-missing-large": put(3, [[want[0], [[0, 65_536]]]]),
        "want-group-large": put(3, [[want[0], [[1 << 32, 1]]]]), "wants-65": put(3, [[want[0], []]] * 65),
        "want-groups-1025": put(3, [[want[0], [[group, 1] for group in range(1025)]]]),
        "want-group-twice": put(3, [[want[0], [[7, 2], [0, 1], [7, 1]]]]), "have-short": put(4, [bytes(31)]),
        "expired-long": put(5, [bytes(9)]), "recall-text": put(6, ["0123456789abcdef"]),
        "answer-3": put(7, [[bytes(16), 3]]), "haves-nil": put(4, None), "fields-7": pack(base[:7]),
        "fields-9": pack([*base, []]), "trailing": pack(base) + b"\0", "cut": pack(base)[:-1],
        "map": b"\x88" + pack(base)[1:],
        "array16": b"\xdc\0\x08" + pack(base)[1:], "gifts": pack([*base, [bytes(1256)]]), "not-array": b"\x01",
    }  # fmt: skip
    for name, data in bad.items():
        book.add(f"parcel/note-bad-{name}", "note", "a note that breaks a rule", "malformed_note", record=data)
    book.add("parcel/note-newer", "note", "version 2", "newer_version", record=b"\x98\x02" + pack(base)[2:])


def bundles(book: kit.Book) -> None:
    """Whole bundles from the symbols of a few cells, 9 of each small one."""
    small = Bundle("small bundle", 11 * 1792 - 700)  # k = 11
    source = [(0, n) for n in range(9)], [(0, 9), (0, 10)]
    repair = [(0, n) for n in range(11, 20)], [(0, 200), (0, 255)]
    mixed = [(0, 10), (0, 255), (0, 0), (0, 90)], [(0, 1), (0, 2), (0, 3), (0, 4), (0, 128), (0, 7), (0, 8)]
    for name, about, batches in (
        ("bundle-sources", "source symbols only", source),
        ("bundle-repair", "repair symbols only", repair),
        ("bundle-mixed", "symbols lost at both ends, parcels in any order", mixed[::-1]),
        ("bundle-more", "more than are needed", (*mixed, [(0, 77)])),
    ):
        parcels = b"".join(small.parcel(f"{name} {n}", profiles.CELL, refs) for n, refs in enumerate(batches))
        book.add(f"parcel/{name}", "bundle", about, **given(profiles.CELL), parcels=parcels, bundle=small.data)
    one = Bundle("one symbol", 1792)
    qr = one.parcel("one", profiles.QR, [(0, 200)])
    book.add(
        "parcel/bundle-one",
        "bundle",
        "k = 1: every repair symbol is the symbol",
        **given(),
        parcels=qr,
        bundle=one.data,
    )
    lying, first = Bundle("small bundle", 11 * 1792 - 700), cut("bundle-sources", 0, 16_384)
    lying.data = lying.data[:-1] + bytes([lying.data[-1] ^ 1])
    wrong = lying.parcel("lying", profiles.CELL, source[1])
    longer = Bundle("longer", 11 * 1792 - 701)
    longer.hash = small.hash
    other = Bundle("small bundle", 11 * 1792 - 700, Kind.ENCLOSURE).parcel("kind", profiles.CELL, source[1])
    hashed = Bundle("another", 11 * 1792 - 700).parcel("another", profiles.CELL, source[1])
    bad = {
        "damaged": ("the last byte was changed before it was sealed", "damaged", f"{first} {wrong.hex()}"),
        "length": ("two parcels that do not agree on the length", "malformed_parcel",
                   f"{first} {longer.parcel('longer', profiles.CELL, source[1]).hex()}"),
        "kind": ("two parcels that do not agree on the kind", "malformed_parcel", f"{first} {other.hex()}"),
        "hash": ("parcels of two bundles", "malformed_parcel", f"{first} {hashed.hex()}"),
        "incomplete": ("nine of eleven symbols", "incomplete", first),
        "repeated": ("the same nine symbols twice", "incomplete", f"{first} {first}"),
        "nothing-new": ("two symbols, three times", "incomplete", " ".join([cut("bundle-sources", 16_384)] * 3)),
        "changed": ("one parcel does not verify", "seal_broken", f"{first} {cut('bundle-sources', 16_384, 32_767)} 00"),
    }  # fmt: skip
    for name, (about, expect, terms) in bad.items():
        values = given(profiles.CELL, parcels=Terms(terms))
        book.add(f"parcel/bundle-{name}", "bundle", about, expect, **values)
