"""Sizes: only those of the table can be seen from outside."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from letter_kit import letter, road
from tiercel import limits
from tiercel.errors import LimitError, MalformedBundle
from tiercel.letter.record import encode_letter
from tiercel.sealing.padding import bundle_class, is_class, pad_body, padme, room_left, unpad_body

CLASSES = [1792 * symbols for symbols in (1, 2, 4, 9, 18, 36, 72, 144, 288, 576)]
ABOVE = [padme(length) for length in (1_032_193, 1 << 20, 3_000_000, 8_000_000)]


@pytest.mark.parametrize("size", CLASSES + ABOVE)
def test_T_PAD_1(size: int) -> None:
    most = size - 1208
    rng = Random(size)
    for length in (0, 1, most - 2, most - 1, most, most + 1, most + 2):
        record = rng.randbytes(length)
        body = pad_body(record)
        bundle = len(body) + 1204
        assert unpad_body(body) == record
        assert bundle in CLASSES or (bundle > CLASSES[-1] and padme(bundle) == bundle)
        assert bundle >= size or length < 2
        assert (bundle > size) == (length > most)
        assert room_left(length) == len(body) - 4 - length
        for other in (body[:-1], body + b"\0", body[1:]):
            with pytest.raises(MalformedBundle):
                unpad_body(other)
        for wrong in (len(body) - 3, 1 << 31, (1 << 32) - 1):
            with pytest.raises(MalformedBundle):
                unpad_body(wrong.to_bytes(4, "big") + body[4:])
        for at in {4 + length, len(body) - 1} - {len(body)} if room_left(length) else ():
            with pytest.raises(MalformedBundle):
                unpad_body(body[:at] + b"\x01" + body[at + 1 :])


def test_T_PAD_1_lengths_that_are_no_class() -> None:
    for length in (-5, -1, 0, 1, 4, 587, 589, 1792, 1793):
        with pytest.raises(MalformedBundle):
            unpad_body(bytes(max(0, length)))
    assert len(pad_body(b"")) == 588
    assert [n for n in range(6 * 1792) if is_class(n)] == [1792, 3584, 7168]
    assert not is_class(0) and not is_class(-1792)


def seen_lengths(count: int) -> set[int]:
    rng = Random("T-PAD-2")
    made = road("T-PAD-2")
    seen = set()
    for _ in range(count):
        text = "x" * min(int(rng.lognormvariate(7, 2)), 1_500_000)
        seen.add(len(made.seal(encode_letter(letter(rng, text=text)))))
    return seen


def test_T_PAD_2() -> None:
    seen = seen_lengths(1_000)
    assert len(seen & set(CLASSES)) >= 7
    assert all(size in CLASSES or (size > CLASSES[-1] and padme(size) == size) for size in seen)


@pytest.mark.full
def test_T_PAD_2_full() -> None:
    seen = seen_lengths(100_000)
    assert all(size in CLASSES or (size > CLASSES[-1] and padme(size) == size) for size in seen)


def test_T_SIZE_1_of_the_letter() -> None:
    """What is quoted, guessed rightly or wrongly, does not show: nothing is compressed."""
    made = road("T-SIZE-1")
    secret = "the key is under the third stone"
    for guess in (secret, secret[::-1], "x" * 32, "\x00" * 32, "łłłłłłłłłłłłłłłł"):
        text = f"you wrote: {guess}\n{secret}"
        assert len(made.seal(encode_letter(letter(text=text)))) == 1792


def test_padme_is_the_published_rule() -> None:
    assert [padme(n) for n in (0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 100, 1000, 1_000_000)] == [
        0, 1, 2, 3, 7, 8, 10, 16, 16, 18, 32, 36, 104, 1024, 1_015_808,
    ]  # fmt: skip
    for length in [*range(1, 5000), *(Random(1).randrange(1, 1 << 41) for _ in range(5000))]:
        padded = padme(length)
        assert length <= padded < length * 1.12 + 1
        assert padme(padded) == padded
        exponent = length.bit_length() - 1
        assert exponent == 0 or padded % (1 << max(0, exponent - exponent.bit_length())) == 0


def test_a_class_is_the_smallest_that_holds() -> None:
    for size, following in pairwise(CLASSES):
        assert bundle_class(size) == size
        assert bundle_class(size + 1) == following
    assert bundle_class(0) == bundle_class(1) == 1792
    assert bundle_class(CLASSES[-1] + 1) == padme(CLASSES[-1] + 1) > CLASSES[-1]


def test_the_longest_record_is_eight_mebibytes() -> None:
    assert len(unpad_body(pad_body(bytes(limits.BODY_BYTES_MAX)))) == limits.BODY_BYTES_MAX
    with pytest.raises(LimitError):
        pad_body(bytes(limits.BODY_BYTES_MAX + 1))
