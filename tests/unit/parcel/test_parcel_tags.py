"""Recognising parcels: no counter, no window, nothing in common between two copies (A12)."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable
from random import Random

import pytest

from parcel_kit import KEYS, Bundle, opened
from tiercel.parcel import tags
from tiercel.parcel.box import seal_symbols
from tiercel.parcel.epochs import ParcelKeys, epoch_keys, evolve, receiving_epochs, sending_epoch
from tiercel.parcel.profiles import QR
from tiercel.parcel.symbols import send_order

BASE, NOW = 690, 697


def test_a_head_is_r_and_its_tag() -> None:
    head = tags.make_head(KEYS, bytes(16))
    assert len(head) == 32
    assert head[:16] == bytes(16)
    message = b"\0\0\0\x09tiercel/1" + b"\0\0\0\x03tag" + b"\0\0\0\x10" + bytes(16)
    assert head[16:] == hmac.digest(KEYS.tag_key, message, "sha256")[:16]
    assert tags.recognise(head, [KEYS]) == 0
    assert tags.recognise(head + b"more of the parcel", [KEYS]) == 0
    assert tags.recognise(memoryview(head), [KEYS]) == 0


def test_the_index_says_which_keys() -> None:
    ring = [epoch_keys(evolve(bytes(32), e), d) for e in range(4) for d in (0, 1)]
    for at, keys in enumerate(ring):
        assert tags.recognise(tags.make_head(keys, bytes([at]) * 16), ring) == at
        assert tags.recognise(tags.make_head(keys, bytes([at]) * 16), ring[:at] + ring[at + 1 :]) is None


def test_what_is_too_short_is_nobodys() -> None:
    head = tags.make_head(KEYS, bytes(16))
    assert all(tags.recognise(head[:size], [KEYS]) is None for size in range(32))
    assert tags.recognise(head, []) is None


def test_one_hmac_for_each_key_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Counter[str]()
    real = tags.hmac_sha256

    def counted(key: bytes, data: bytes) -> bytes:
        calls["hmac"] += 1
        return real(key, data)

    monkeypatch.setattr(tags, "hmac_sha256", counted)
    ring = [epoch_keys(bytes([n]) * 32, 0) for n in range(20)]
    assert tags.recognise(bytes(32), ring) is None
    assert calls["hmac"] == 20


# -- T-TAG-1 ---------------------------------------------------------------------------------------


class Side:
    """One end of three bonds, as a copy of its vault would hold it: roots at the base epoch, and no counter at all."""

    def __init__(self, roots: dict[tuple[int, int], bytes]) -> None:
        self.roots = roots  # (bond, direction) to root

    def sending(self, bond: int, direction: int, clock: int, last_used: int) -> tuple[int, ParcelKeys]:
        epoch = sending_epoch(clock, NOW, last_used)
        return epoch, epoch_keys(evolve(self.roots[bond, direction], epoch - BASE), direction)

    def keyring(self) -> dict[tuple[int, int, int], ParcelKeys]:
        return {
            (bond, direction, epoch): epoch_keys(evolve(root, epoch - BASE), direction)
            for (bond, direction), root in self.roots.items()
            for epoch in receiving_epochs(NOW, NOW, BASE)
        }


def deliver(count: int, seed: int) -> None:
    rng = Random(seed)
    roots = {(bond, d): rng.randbytes(32) for bond in range(3) for d in (0, 1)}
    bundle = Bundle(rng.randbytes(4 * 128 * 1792 - 500))
    order = list(send_order(bundle.layout, repair=256))
    sent: list[tuple[bytes, tuple[int, int, int], tuple[int, int]]] = []
    side = Side(dict(roots))
    symbol = {ref: bundle.symbol(*ref) for ref in order}
    for number in range(count):
        if number == count // 2:
            side = Side(dict(roots))  # restored from the copy made on the first day; it may use old epochs again
        bond, direction = rng.choice(list(roots))
        epoch, keys = side.sending(bond, direction, rng.randint(NOW - 5, NOW + 1), BASE)
        ref = order[number % len(order)]
        r = rng.randbytes(16)
        parcel = bytes(seal_symbols(keys, QR, r, bundle.kind, bundle.hash, bundle.layout, [ref], [symbol[ref]]))
        sent.append((parcel, (bond, direction, epoch), ref))
    arrivals = sent + rng.sample(sent, count * 3 // 10)
    rng.shuffle(arrivals)
    receive(arrivals, roots, restored_after=len(arrivals) // 2, expected=count)


def receive(
    arrivals: Iterable[tuple[bytes, tuple[int, int, int], tuple[int, int]]],
    roots: dict[tuple[int, int], bytes],
    restored_after: int,
    expected: int,
) -> None:
    ring = Side(dict(roots)).keyring()
    seen: Counter[bytes] = Counter()
    for number, (parcel, origin, ref) in enumerate(arrivals):
        if number == restored_after:
            ring = Side(dict(roots)).keyring()
        names, keys = list(ring), list(ring.values())
        index = tags.recognise(parcel[:32], keys)
        assert index is not None
        assert names[index] == origin
        if not number % 50:
            assert [tags.recognise(parcel[:32], [one]) for one in keys].count(0) == 1
        if not seen[parcel[:16]]:
            assert opened(QR, parcel, keys[index]).refs == (ref,)
        seen[parcel[:16]] += 1
    assert len(seen) == expected
    assert sum(seen.values()) == expected + expected * 3 // 10


def test_T_TAG_1() -> None:
    """Random order, 30 % twice, both sides put back to old copies half-way: every parcel is recognised exactly once."""
    deliver(2_000, seed=1)


@pytest.mark.full
def test_T_TAG_1_full() -> None:
    deliver(100_000, seed=2)


# -- T-TAG-2 ---------------------------------------------------------------------------------------


def chi_square(data: bytes) -> float:
    """Against even bytes; 255 degrees of freedom: mean 255, standard deviation 22.6."""
    expected = len(data) / 256
    counts = Counter(data)
    return sum((counts[value] - expected) ** 2 / expected for value in range(256))


CLEAN = 255 + 5 * 22.6


def xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left) ^ int.from_bytes(right)).to_bytes(len(left))


def unlinkable(count: int, seed: int) -> None:
    rng = Random(seed)
    root = rng.randbytes(32)
    two = [epoch_keys(evolve(root, e), 0) for e in (0, 1)]
    same_r = [(tags.make_head(two[0], r), tags.make_head(two[1], r)) for r in (rng.randbytes(16) for _ in range(count))]
    bundle = Bundle(b"the same letter on two roads" * 40)
    copies = [(bundle.parcel(QR, [(0, 0)], rng.randbytes(16)), bundle.parcel(QR, [(0, 0)], rng.randbytes(16)))
              for _ in range(count // 10)]  # fmt: skip
    heads = [head for pair in same_r for head in pair] + [parcel[:32] for pair in copies for parcel in pair]
    assert len({head[16:] for head in heads}) == len(heads)
    assert len({parcel[:16] for pair in copies for parcel in pair}) == 2 * len(copies)
    assert not {head[16:] for head in heads} & {head[:16] for head in heads}
    streams = {
        "tags": b"".join(head[16:] for head in heads),
        "two epochs": b"".join(xor(a[16:], b[16:]) for a, b in same_r),
        "heads of copies": b"".join(xor(a[:32], b[:32]) for a, b in copies),
        "boxes": b"".join(a[32:] + b[32:] for a, b in copies),
        "boxes of copies": b"".join(xor(a[32:], b[32:]) for a, b in copies),
        "one box and its head": b"".join(xor(a[:32], a[32:64]) for a, _ in copies),
    }
    for name, stream in streams.items():
        assert chi_square(stream) < CLEAN, name
    for position in range(16):
        assert chi_square(bytes(head[16 + position] for head in heads)) < CLEAN, position


def test_T_TAG_2() -> None:
    """Tags of two epochs and the copies of one parcel on two roads have nothing in common that can be counted."""
    unlinkable(3_000, seed=3)


@pytest.mark.full
def test_T_TAG_2_full() -> None:
    unlinkable(100_000, seed=4)


def test_the_chi_square_would_notice() -> None:
    assert chi_square(bytes(range(128)) * 400) > CLEAN
    assert chi_square(Random(1).randbytes(50_000)) < CLEAN
