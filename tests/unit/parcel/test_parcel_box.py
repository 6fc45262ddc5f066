"""The parcel byte by byte, and what its box refuses."""

from __future__ import annotations

import struct
from random import Random

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from parcel_kit import KEYS, Bundle, opened
from tiercel.errors import LimitError, MalformedParcel, NewerVersion, SealBroken
from tiercel.parcel import box, profiles, tags
from tiercel.parcel.box import Kind, NoteBox
from tiercel.parcel.epochs import ParcelKeys, pairing_keys
from tiercel.parcel.profiles import BULK, CELL, FILE, PROFILES, QR, STICK
from tiercel.parcel.symbols import layout_of
from tiercel.ports import Profile

R = bytes(range(16))
HASH = bytes(range(32))


def lp(*items: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(item)) + item for item in items)


def sealed_by_hand(plain: bytes, profile: Profile = QR, keys: ParcelKeys = KEYS) -> bytes:
    """A parcel made from the text of the specification alone."""
    head = tags.make_head(keys, R)
    d, name = bytes([keys.direction]), profile.name.encode()
    key = HKDF(hashes.SHA256(), 32, R, lp(b"tiercel/1", b"parcel", d, name)).derive(keys.box_key)
    aad = lp(b"tiercel/1", b"parcel", d, name, R, head[16:])
    padded = plain + bytes(profile.size_bytes - 48 - len(plain))
    return head + ChaCha20Poly1305(key).encrypt(bytes(12), padded, aad)


def header(
    kind: int = 1, length: int = 3000, size_class: int = 0, count: int = 1, refs: bytes | None = None, version: int = 1
) -> bytes:
    made = struct.pack(">I", 0) + b"\x00" if refs is None else refs
    return bytes([version, kind]) + HASH + struct.pack(">QBH", length, size_class, count) + made


def test_a_parcel_of_symbols_is_made_to_the_byte() -> None:
    layout, symbol = layout_of(3000), Random(1).randbytes(1792)
    parcel = box.seal_symbols(KEYS, QR, R, Kind.LETTER, HASH, layout, [(0, 7)], [symbol])
    assert isinstance(parcel, bytearray)
    assert len(parcel) == 2048
    assert parcel == sealed_by_hand(header(refs=struct.pack(">IB", 0, 7)) + symbol)
    inside = opened(QR, bytes(parcel))
    assert (inside.kind, inside.bundle_hash, inside.bundle_len) == (Kind.LETTER, HASH, 3000)
    assert inside.layout is layout
    assert [(g, i, bytes(s)) for g, i, s in inside] == [(0, 7, symbol)]


def test_a_note_is_made_to_the_byte() -> None:
    parcel = box.seal_note(KEYS, CELL, R, b"record")
    assert parcel == sealed_by_hand(b"\x01\x03\x00\x00\x00\x06record", CELL)
    assert box.open_parcel(KEYS, CELL, memoryview(parcel)) == NoteBox(b"record")


@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
def test_each_profile_is_filled_to_the_last_symbol_and_no_further(profile: Profile) -> None:
    bundle = Bundle(Random(2).randbytes(700_000))
    count = profiles.capacity(profile, 1792)
    refs = [(g, i) for g in range(bundle.layout.groups) for i in range(256)][: count + 1]
    inside = opened(profile, bundle.parcel(profile, refs[:count], R))
    assert inside.refs == tuple(refs[:count])
    with pytest.raises(LimitError):
        bundle.parcel(profile, refs, R)
    with pytest.raises(LimitError):
        bundle.parcel(profile, [], R)


def test_the_longest_note_and_one_byte_more() -> None:
    for profile in (QR, CELL, FILE, BULK):
        room = box.note_room(profile)
        assert box.open_parcel(KEYS, profile, box.seal_note(KEYS, profile, R, b"x" * room)) == NoteBox(b"x" * room)
        with pytest.raises(LimitError):
            box.seal_note(KEYS, profile, R, b"x" * (room + 1))


def test_large_symbols_never_go_on_paper() -> None:
    layout = layout_of((1 << 20) + 1)
    with pytest.raises(LimitError):
        box.seal_symbols(KEYS, QR, R, Kind.ENCLOSURE, HASH, layout, [(0, 0)], [bytes(16128)])


def test_runs_are_whole_slices_of_the_bundle() -> None:
    bundle = Bundle(Random(3).randbytes(5_000_000), Kind.ENCLOSURE)
    refs = [(1, i) for i in range(40, 90)] + [(0, 5), (0, 6), (0, 4), (2, 104), (2, 200), (2, 201)]
    layout = bundle.layout
    assert (layout.groups, layout.k) == (3, 104)
    inside = opened(STICK, bundle.parcel(STICK, refs, R))
    runs = [(g, first, len(data) // layout.symbol_bytes) for g, first, data in inside.runs()]
    assert runs == [(1, 40, 50), (0, 5, 2), (0, 4, 1), (2, 104, 1), (2, 200, 2)]
    group, first, data = next(inside.runs())
    offset = (group * layout.k + first) * layout.symbol_bytes
    assert data == bundle.data[offset : offset + len(data)]
    assert b"".join(d for _, _, d in inside.runs()) == b"".join(d for _, _, d in inside)


def test_a_run_never_crosses_from_source_to_repair_or_into_another_group() -> None:
    bundle = Bundle(Random(4).randbytes(230 * 1792))
    k = bundle.layout.k
    refs = [(0, k - 2), (0, k - 1), (0, k), (0, k + 1), (1, 0), (1, 1)]
    inside = opened(FILE, bundle.parcel(FILE, refs, R))
    assert [(g, f, len(d) // 1792) for g, f, d in inside.runs()] == [(0, k - 2, 2), (0, k, 2), (1, 0, 2)]


def test_neighbours_in_two_groups_are_two_runs() -> None:
    bundle = Bundle(Random(4).randbytes(230 * 1792))
    inside = opened(CELL, bundle.parcel(CELL, [(0, 3), (1, 4), (1, 5)], R))
    assert [(g, f, len(d) // 1792) for g, f, d in inside.runs()] == [(0, 3, 1), (1, 4, 2)]


def test_a_run_may_be_given_as_one_piece() -> None:
    bundle = Bundle(Random(5).randbytes(9 * 1792))
    refs = [(0, i) for i in range(9)]
    whole = box.seal_symbols(KEYS, CELL, R, Kind.LETTER, bundle.hash, bundle.layout, refs, [memoryview(bundle.data)])
    assert whole == bundle.parcel(CELL, refs, R)


def test_what_contradicts_itself_is_not_sealed() -> None:
    layout = layout_of(3000)
    for kind, digest, ref, symbol in (
        (Kind.NOTE, HASH, (0, 0), bytes(1792)),
        (Kind.LETTER, HASH[1:], (0, 0), bytes(1792)),
        (Kind.LETTER, HASH, (1, 0), bytes(1792)),
        (Kind.LETTER, HASH, (0, 256), bytes(1792)),
        (Kind.LETTER, HASH, (0, 0), bytes(1791)),
    ):
        with pytest.raises(ValueError, match=r"no such|differ"):
            box.seal_symbols(KEYS, QR, R, kind, digest, layout, [ref], [symbol])
    with pytest.raises(ValueError, match="16 bytes"):
        box.seal_note(KEYS, QR, R[1:], b"")


def test_a_wrong_size_is_refused_before_any_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box, "_cipher", lambda *_: pytest.fail("a cipher was made"))
    for size in (0, 31, 32, 48, 2047, 2049, 16384):
        with pytest.raises(MalformedParcel):
            box.open_parcel(KEYS, QR, bytes(size))


def test_other_keys_directions_and_profiles_do_not_open() -> None:
    parcel = bytes(box.seal_note(KEYS, QR, R, b"x"))
    others = [
        (ParcelKeys(1, KEYS.tag_key, KEYS.box_key), QR),
        (ParcelKeys(0, KEYS.tag_key, bytes(32)), QR),
        (pairing_keys(bytes(range(32)), 0), QR),
        (KEYS, Profile("paper", 2048)),
    ]
    for keys, profile in others:
        with pytest.raises(SealBroken):
            box.open_parcel(keys, profile, parcel)


def test_every_single_bit_of_a_parcel_counts() -> None:
    bundle = Bundle(Random(6).randbytes(1500))
    parcel = bytearray(bundle.parcel(QR, [(0, 0)], R))
    for bit in range(8 * len(parcel)):
        parcel[bit >> 3] ^= 1 << (bit & 7)
        if bit < 256:
            assert tags.recognise(parcel[:32], [KEYS]) is None
        with pytest.raises(SealBroken):
            box.open_parcel(KEYS, QR, parcel)
        parcel[bit >> 3] ^= 1 << (bit & 7)
    assert opened(QR, bytes(parcel)).refs == ((0, 0),)


REFUSED = {
    "version 0": header(version=0) + bytes(1792),
    "empty": b"",
    "kind 0": header(kind=0) + bytes(1792),
    "kind 5": header(kind=5) + bytes(1792),
    "kind 255": header(kind=255) + bytes(1792),
    "length 0": header(length=0) + bytes(1792),
    "length above every bundle": header(length=(1 << 40) + (1 << 36) + 1, size_class=1) + bytes(1792),
    "length 2^63": header(length=1 << 63, size_class=1) + bytes(1792),
    "large class for a small bundle": header(size_class=1) + bytes(1792),
    "small class for a large bundle": header(length=(1 << 20) + 1) + bytes(1792),
    "class 2": header(size_class=2) + bytes(1792),
    "count 0": header(count=0, refs=b""),
    "count beyond the parcel": header(count=2, refs=bytes(5) + b"\0\0\0\0\1"),
    "count 65535": header(count=65535) + bytes(1792),
    "group out of range": header(refs=b"\0\0\0\1\0") + bytes(1792),
    "group 2^32 - 1": header(refs=b"\xff\xff\xff\xff\0") + bytes(1792),
    "padding": header() + bytes(1792) + b"\0\0\1",
    "last byte": header() + bytes(1792) + bytes(2000 - 50 - 1792 - 1) + b"\1",
    "note length past the end": b"\x01\x03" + struct.pack(">I", 2000 - 6 + 1),
    "note length 2^31": b"\x01\x03" + struct.pack(">I", 1 << 31),
    "note length 2^32 - 1": b"\x01\x03\xff\xff\xff\xff",
    "note padding": b"\x01\x03\x00\x00\x00\x01xy",
}


@pytest.mark.parametrize("plain", REFUSED.values(), ids=REFUSED)
def test_an_inside_that_breaks_a_rule_is_refused(plain: bytes) -> None:
    with pytest.raises(MalformedParcel):
        box.open_parcel(KEYS, QR, sealed_by_hand(plain))


def test_a_symbol_twice_is_refused() -> None:
    twice = header(length=9 * 1792, count=3, refs=b"\0\0\0\0\1" + b"\0\0\0\0\2" + b"\0\0\0\0\1") + bytes(3 * 1792)
    with pytest.raises(MalformedParcel):
        box.open_parcel(KEYS, CELL, sealed_by_hand(twice, CELL))


def test_a_newer_version_is_named_so() -> None:
    for version in (2, 127, 255):
        with pytest.raises(NewerVersion):
            box.open_parcel(KEYS, QR, sealed_by_hand(header(version=version, kind=99)))


def test_contents_are_not_shown() -> None:
    inside = opened(QR, Bundle(b"letter").parcel(QR, [(0, 0)], R))
    assert "letter" not in repr(inside)
    assert repr(NoteBox(b"secret")) == "NoteBox()"
