"""Gathering under attack: pollution, floods, bombs; and what sizes tell (A28, A29, A30, A38)."""

from __future__ import annotations

import struct
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations, islice
from random import Random

import pytest

from parcel_kit import KEYS, Bundle, opened
from tiercel.errors import Damaged, LimitError, MalformedNote, MalformedParcel, SealBroken
from tiercel.limits import BUNDLE_BYTES_MAX, GATHERED_BYTES_MAX, LETTER_CLASSES
from tiercel.parcel import box, tags
from tiercel.parcel.box import Kind, parse_box, seal_symbols
from tiercel.parcel.epochs import ParcelKeys, epoch_keys
from tiercel.parcel.gather import Gathering, Tally, indices_in, lacking
from tiercel.parcel.note import decode_note
from tiercel.parcel.profiles import CELL, FILE, PROFILES, QR, STICK, capacity
from tiercel.parcel.symbols import Layout, layout_of, send_order


def gathering(bundle: Bundle) -> Gathering:
    return Gathering(bundle.kind, bundle.hash, len(bundle.data))


def test_a_bundle_comes_together_in_any_order() -> None:
    bundle = Bundle(Random(1).randbytes(300_000))
    parcels = list(bundle.parcels(CELL, Random(2)))
    Random(3).shuffle(parcels)
    growing = gathering(bundle)
    for parcel in parcels:
        assert growing.whole() is None
        inside = opened(CELL, parcel)
        assert growing.add(inside) == len(inside.refs)
        assert growing.add(inside) == 0
    assert growing.missing() == []
    assert growing.whole() == bundle.data


def test_missing_says_how_many_of_each_group() -> None:
    bundle = Bundle(Random(1).randbytes(300_000))
    growing = gathering(bundle)
    assert growing.missing() == [(0, 84), (1, 84)]
    growing.add(opened(CELL, bundle.parcel(CELL, [(1, 3), (1, 200)], bytes(16))))
    assert growing.missing() == [(0, 84), (1, 82)]


def test_no_more_than_the_bundle_is_ever_held() -> None:
    bundle = Bundle(Random(1).randbytes(9 * 1792))
    growing = gathering(bundle)
    taken = sum(growing.add(opened(CELL, parcel)) for parcel in bundle.parcels(CELL, Random(2), repair=247))
    assert taken == 9
    assert growing.whole() == bundle.data


def test_parcels_that_disagree_are_not_put_together() -> None:
    bundle = Bundle(Random(1).randbytes(3000))
    growing = gathering(bundle)
    longer = Bundle(bundle.data + b"\0")
    longer.hash = bundle.hash
    for other in (Bundle(Random(2).randbytes(3000)), Bundle(bundle.data, Kind.ENCLOSURE), longer):
        with pytest.raises(MalformedParcel):
            growing.add(opened(QR, other.parcel(QR, [(0, 0)], bytes(16))))
    assert growing.missing() == [(0, 2)]


def test_long_bundles_are_not_gathered_in_memory() -> None:
    with pytest.raises(LimitError):
        Gathering(Kind.ENCLOSURE, bytes(32), GATHERED_BYTES_MAX + 1)
    with pytest.raises(MalformedParcel):
        Gathering(Kind.ENCLOSURE, bytes(32), 0)


# -- Tally -----------------------------------------------------------------------------------------


class Noted:
    """What a vault keeps of a tally: the bits of each group that has any."""

    def __init__(self, layout: Layout) -> None:
        self.layout, self.held, self.groups = layout, 0, dict[int, bytes]()

    def load(self) -> Tally:
        return Tally(self.layout, self.held, self.groups.get)

    def note(self, tally: Tally) -> None:
        self.groups |= tally.changed()
        self.held = tally.held
        tally.settle()

    def lacking(self) -> list[tuple[int, int]]:
        counts = [(group, len(indices_in(self.groups[group]))) for group in sorted(self.groups)]
        return list(lacking(self.layout, counts))


def test_a_tally_notes_256_bits_for_each_group_that_was_touched() -> None:
    noted = Noted(layout_of(300_000))
    tally = noted.load()
    assert tally.add(1, 9)
    assert not tally.add(1, 9)
    assert tally.needs(0, 9) and not tally.needs(1, 9)
    assert tally.changed() == {1: b"\0\2" + bytes(30)}
    noted.note(tally)
    assert noted.lacking() == [(0, 84), (1, 83)]
    assert indices_in(noted.groups[1]) == [9]
    assert tally.changed() == {} and not tally.needs(1, 9)


def test_a_tally_survives_being_noted() -> None:
    noted, rng, held = Noted(layout_of(4_000 * 16128)), Random(1), set[tuple[int, int]]()
    tally, counts = noted.load(), Counter[int]()
    for step in range(9_000):
        group, index = ref = rng.randrange(noted.layout.groups), rng.randrange(256)
        fresh = ref not in held and counts[group] < noted.layout.k
        assert tally.add(group, index) is fresh
        if fresh:
            held.add(ref)
            counts[group] += 1
        if step % 100 == 0:
            noted.note(tally)
            tally = tally if step % 200 else noted.load()
    noted.note(tally)
    assert {(group, index) for group, bits in noted.groups.items() for index in indices_in(bits)} == held
    short = {group: noted.layout.k - counts[group] for group in range(noted.layout.groups)}
    assert dict(noted.lacking()) == {group: count for group, count in short.items() if count}
    assert noted.load().is_whole() == (not noted.lacking())


def test_a_tally_is_whole_with_any_k_of_each_group_and_takes_no_more() -> None:
    noted = Noted(layout_of(300_000))
    tally = noted.load()
    for group in (0, 1):
        assert not tally.is_whole()
        indices = Random(group).sample(range(256), noted.layout.k + 3)
        assert sum(tally.add(group, index) for index in indices) == noted.layout.k
    assert tally.is_whole()
    noted.note(tally)
    assert noted.load().is_whole() and noted.lacking() == []


def test_a_tally_refuses_what_is_outside() -> None:
    tally = Tally(layout_of(300_000))
    for ref in ((2, 0), (0, 256), (-1, 0), (0, -1)):
        with pytest.raises(ValueError, match="no such symbol"):
            tally.add(*ref)
        with pytest.raises(ValueError, match="no such symbol"):
            tally.needs(*ref)


def test_what_lacks_counts_groups_of_which_nothing_came() -> None:
    layout = layout_of(5 * 128 * 16128)
    assert list(lacking(layout, [])) == [(group, 128) for group in range(5)]
    assert list(lacking(layout, [(1, 128), (3, 5)])) == [(0, 128), (2, 128), (3, 123), (4, 128)]
    assert list(lacking(layout, [(group, 128) for group in range(5)])) == []


# -- T-POLL ----------------------------------------------------------------------------------------


class Post:
    """A receiver of one bond: recognises, opens, gathers, and counts what it could not use."""

    def __init__(self, bundle: Bundle, ring: list[ParcelKeys]) -> None:
        self.growing, self.ring, self.bad = gathering(bundle), ring, 0

    def take(self, parcel: bytes) -> None:
        index = tags.recognise(parcel[:32], self.ring)
        if index is None:
            self.bad += 1
            return
        try:
            inside = box.open_parcel(self.ring[index], QR, parcel)
        except (SealBroken, MalformedParcel):
            self.bad += 1
            return
        assert isinstance(inside, box.Symbols)
        self.growing.add(inside)


def flip(parcel: bytes, other: bytes, rng: Random) -> bytes:
    changed = bytearray(parcel)
    changed[rng.randrange(len(parcel))] ^= 1 << rng.randrange(8)
    return bytes(changed)


SPOILERS: list[Callable[[bytes, bytes, Random], bytes]] = [
    flip,
    lambda parcel, other, rng: parcel[:32] + other[32:],  # swapped
    lambda parcel, other, rng: parcel[: rng.randrange(len(parcel))],  # cut short
    lambda parcel, other, rng: other[:32] + parcel[32:],  # labelled as another
    lambda parcel, other, rng: parcel + b"\0",  # made longer
    lambda parcel, other, rng: rng.randbytes(len(parcel)),  # replaced
]


@pytest.mark.parametrize("seed", range(8))
def test_T_POLL_1(seed: int) -> None:
    """A carrier spoils as many parcels as there are beyond k: the letter arrives and the bad ones are counted."""
    rng = Random(seed)
    bundle = Bundle(rng.randbytes(rng.choice(LETTER_CLASSES[:6]) * 1792))
    k, repair = bundle.layout.k, 12
    parcels = list(bundle.parcels(QR, rng, repair))
    spoilt = rng.sample(range(k + repair), repair)
    others = [parcels[(at + 1) % len(parcels)] for at in range(len(parcels))]
    came = [rng.choice(SPOILERS)(p, others[at], rng) if at in spoilt else p for at, p in enumerate(parcels)]
    added = [rng.randbytes(2048) for _ in range(5)]
    twice = [came[at] for at in range(k + repair) if at not in spoilt][:5]
    came += added + twice
    rng.shuffle(came)
    post = Post(bundle, [epoch_keys(bytes(32), 0), KEYS])
    for parcel in came:
        post.take(parcel)
    assert post.growing.whole() == bundle.data
    assert post.bad == repair + len(added)


def subsets(symbols: dict[int, bytes], bundle: Bundle) -> Iterator[bytes | None]:
    """What a receiver makes of each choice of k symbols: the bundle, or None when it is refused."""
    for chosen in combinations(symbols, bundle.layout.k):
        growing = gathering(bundle)
        for index in chosen:
            parcel = seal_symbols(
                KEYS, QR, bytes(16), bundle.kind, bundle.hash, bundle.layout, [(0, index)], [symbols[index]]
            )
            growing.add(opened(QR, bytes(parcel)))
        try:
            yield growing.whole()
        except Damaged:
            yield None


def test_T_POLL_2() -> None:
    """Symbols of two polynomials: never two bundles, and none at all where the hash is that of neither."""
    rng = Random(5)
    one, two = Bundle(rng.randbytes(3 * 1792)), Bundle(rng.randbytes(3 * 1792))
    mixed = {i: (one if i < 3 else two).symbol(0, i) for i in range(6)}
    assert set(subsets(mixed, one)) == {one.data, None}
    assert set(subsets(mixed, two)) == {two.data, None}
    neither = Bundle(one.data)
    neither.hash = bytes(32)
    assert set(subsets(mixed, neither)) == {None}
    honest = {i: one.symbol(0, i) for i in range(6)}
    assert set(subsets(honest, one)) == {one.data}


def flood(monkeypatch: pytest.MonkeyPatch, count: int, weigh: bool) -> None:
    rng = Random(6)
    bundle = Bundle(rng.randbytes(36 * 1792))
    good = list(bundle.parcels(QR, rng))
    ring = [epoch_keys(bytes([n]) * 32, 1) for n in range(6)] + [KEYS]
    calls: Counter[str] = Counter()
    real_hmac, real_cipher = tags.hmac_sha256, box._cipher

    def counted_hmac(key: bytes, data: bytes) -> bytes:
        calls["hmac"] += 1
        return real_hmac(key, data)

    def counted_cipher(*arguments: object) -> object:
        calls["cipher"] += 1
        return real_cipher(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(tags, "hmac_sha256", counted_hmac)
    monkeypatch.setattr(box, "_cipher", counted_cipher)
    places = dict(zip(rng.sample(range(count), len(good)), good, strict=True))
    post = Post(bundle, ring)
    if weigh:
        tracemalloc.start()
    for at in range(count + len(good)):
        post.take(places.get(at) or rng.randbytes(2048))
    if weigh:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 36 * 1792 * 4
    assert post.growing.whole() == bundle.data
    assert post.bad == count
    assert calls["hmac"] <= (count + len(good)) * len(ring)
    assert calls["cipher"] == len(good)


def test_T_POLL_3(monkeypatch: pytest.MonkeyPatch) -> None:
    """Junk costs one HMAC a key and nothing more: no cipher, no memory; the good ones get through."""
    flood(monkeypatch, 10_000, weigh=True)


@pytest.mark.full
def test_T_POLL_3_full(monkeypatch: pytest.MonkeyPatch) -> None:
    flood(monkeypatch, 1_000_000, weigh=False)


def test_a_flood_of_copies_is_as_harmless() -> None:
    """A30: after the first, a copy adds nothing, whichever road it took."""
    bundle = Bundle(Random(7).randbytes(4 * 1792))
    post = Post(bundle, [KEYS])
    parcels = list(bundle.parcels(QR, Random(8)))
    for _ in range(200):
        for parcel in parcels:
            post.take(parcel)
    assert post.growing.whole() == bundle.data
    assert post.bad == 0


# -- T-PAD-2, the parcels' half --------------------------------------------------------------------

PARCELS_OF_CLASS = {
    1: {"qr": 1, "cell": 1, "file": 1, "bulk": 1, "stick": 1},
    2: {"qr": 2, "cell": 1, "file": 1, "bulk": 1, "stick": 1},
    4: {"qr": 4, "cell": 1, "file": 1, "bulk": 1, "stick": 1},
    9: {"qr": 9, "cell": 1, "file": 1, "bulk": 1, "stick": 1},
    18: {"qr": 18, "cell": 2, "file": 1, "bulk": 1, "stick": 1},
    36: {"qr": 36, "cell": 4, "file": 1, "bulk": 1, "stick": 1},
    72: {"qr": 72, "cell": 8, "file": 2, "bulk": 1, "stick": 1},
    144: {"qr": 144, "cell": 16, "file": 4, "bulk": 1, "stick": 1},
    288: {"qr": 288, "cell": 32, "file": 8, "bulk": 2, "stick": 1},
    576: {"qr": 580, "cell": 65, "file": 17, "bulk": 4, "stick": 1},
}


def observed(bundle: Bundle, profile_name: str, rng: Random) -> list[int]:
    return [len(parcel) for parcel in bundle.parcels(PROFILES[profile_name], rng)]


def pad_2(letters: int, seed: int) -> None:
    rng = Random(seed)
    for _ in range(letters):
        size_class = rng.choice(LETTER_CLASSES if rng.random() < 0.02 else LETTER_CLASSES[:7])
        name = rng.choice(list(PROFILES))
        seen = observed(Bundle(rng.randbytes(size_class * 1792)), name, rng)
        assert seen == [PROFILES[name].size_bytes] * PARCELS_OF_CLASS[size_class][name]


def test_T_PAD_2_parcels() -> None:
    """Count and sizes of the parcels of a letter are those of the table, whatever is in it."""
    pad_2(1_000, seed=9)
    for size_class, counts in PARCELS_OF_CLASS.items():
        layout = layout_of(size_class * 1792)
        symbols = len(list(send_order(layout)))
        assert counts == {n: -(-symbols // capacity(p, 1792)) for n, p in PROFILES.items()}


@pytest.mark.full
def test_T_PAD_2_parcels_full() -> None:
    pad_2(100_000, seed=10)


# -- T-BOMB-1, the parcels' half -------------------------------------------------------------------


def bomb(kind: int, length: int, size_class: int, count: int, rest: bytes) -> bytearray:
    plain = struct.pack(">BB32sQBH", 1, kind, bytes(32), length, size_class, count) + rest
    return bytearray(plain + bytes(2000 - len(plain)))


BOMBS = [
    bomb(2, 1 << 31, 1, 65535, b""),
    bomb(2, 1 << 31, 1, 1, b"\xff\xff\xff\xff\xff"),
    bomb(1, (1 << 64) - 1, 1, 1, b""),
    bomb(1, 1 << 63, 0, 0, b""),
    bomb(2, BUNDLE_BYTES_MAX, 1, 65535, b""),
    bytearray(b"\x01\x03\x80\x00\x00\x00" + bytes(1994)),
    bytearray(b"\x01\x03\xff\xff\xff\xff" + bytes(1994)),
]
NOTE_BOMBS = [
    b"\x98\x01\x00\xdd\x7f\xff\xff\xff",
    b"\x98\x01\x00\x90\x90\xdd\x80\x00\x00\x00",
    b"\x98\x01\x00\x90\x90\x91\xc6\x7f\xff\xff\xff",
    b"\x98\x01\x00" + b"\x91" * 100_000,
    b"\x98\x01\x00" + b"\xdc\xff\xff" * 100_000,
    b"\x98\x01\x00\x90\x90\xdc\x04\x01" + (b"\xc4\x20" + bytes(32)) * 1025 + b"\x90\x90\x90",
    b"\x98\x01\x00\x90\xdc\x00\x41" + (b"\x92\xc4\x20" + bytes(32) + b"\x90") * 65 + b"\x90\x90\x90\x90",
    b"\xdd\x7f\xff\xff\xff\x01",
    b"\xdf\x7f\xff\xff\xff\x01",
    b"\x98\x01\x00" + bytes(2 << 20),
]


def test_T_BOMB_1_parcels() -> None:
    """Lengths and counts of 2^31 and more are refused without memory being taken for them."""
    tracemalloc.start()
    for plain in BOMBS:
        with pytest.raises(MalformedParcel):
            parse_box(plain)
    for record in NOTE_BOMBS:
        with pytest.raises(MalformedNote):
            decode_note(record)
    with pytest.raises(LimitError):
        Gathering(Kind.ENCLOSURE, bytes(32), 1 << 31)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_T_BOMB_1_the_longest_bundle_costs_nothing_until_it_comes() -> None:
    """A peer may name a bundle of a tebibyte; layout, header and missing groups stay arithmetic."""
    layout = layout_of(BUNDLE_BYTES_MAX)
    tracemalloc.start()
    refs = [(layout.groups - 1, 255)]
    parcel = seal_symbols(KEYS, FILE, bytes(16), Kind.ENCLOSURE, bytes(32), layout, refs, [bytes(16128)])
    inside = opened(FILE, bytes(parcel))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert inside.refs == ((layout.groups - 1, 255),)
    assert peak < 1_000_000
    tracemalloc.start()
    tally = Tally(layout)
    assert tally.add(layout.groups - 1, 255) and list(islice(lacking(layout, [(0, 1)]), 2)) == [(0, 127), (1, 128)]
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()
    assert capacity(STICK, layout.symbol_bytes) == 64
