"""The layout and the erasure code, beside a slow computation of the same code written from its definition."""

from __future__ import annotations

import subprocess
import sys
from random import Random

import pytest

from tiercel.errors import MalformedParcel
from tiercel.limits import BUNDLE_BYTES_MAX, LETTER_CLASSES
from tiercel.parcel import symbols
from tiercel.parcel.symbols import Layout, decode_group, encode, group_of, group_span, layout_of

# -- GF(256) from its definition: polynomials over GF(2) modulo x^8 + x^4 + x^3 + x^2 + 1 ----------


def times(a: int, b: int) -> int:
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = (a << 1) ^ (0x11D if a & 0x80 else 0)
        b >>= 1
    return product


def inverse(a: int) -> int:
    result = 1
    for _ in range(254):
        result = times(result, a)
    return result


POINTS = [0, 1]
while len(POINTS) < 256:
    POINTS.append(times(POINTS[-1], 2))
INVERSE = [0, *(inverse(a) for a in range(1, 256))]


def lagrange(at: int, known: list[int]) -> list[int]:
    """c of the specification: what each known symbol adds to symbol ``at``."""
    coefficients = []
    for i in known:
        c = 1
        for m in known:
            if m != i:
                c = times(c, times(POINTS[at] ^ POINTS[m], INVERSE[POINTS[i] ^ POINTS[m]]))
        coefficients.append(c)
    return coefficients


def slow_symbol(at: int, known: dict[int, bytes]) -> bytes:
    """Any symbol of a group from any k others, with nothing but the standard library."""
    made = bytearray(len(next(iter(known.values()))))
    for c, symbol in zip(lagrange(at, list(known)), known.values(), strict=True):
        table = bytes(times(c, value) for value in range(256))
        made = bytearray(x ^ y for x, y in zip(made, symbol.translate(table), strict=True))
    return bytes(made)


def generator(k: int, row: int) -> list[int]:
    """One row of V * inverse(top of V), by Gauss and Jordan."""

    def power(x: int, n: int) -> int:
        result = 1
        for _ in range(n):
            result = times(result, x)
        return result

    top = [[power(POINTS[r], c) for c in range(k)] + [int(r == c) for c in range(k)] for r in range(k)]
    for col in range(k):
        pivot = next(r for r in range(col, k) if top[r][col])
        top[col], top[pivot] = top[pivot], top[col]
        scale = INVERSE[top[col][col]]
        top[col] = [times(scale, x) for x in top[col]]
        for r in range(k):
            if r != col and top[r][col]:
                factor = top[r][col]
                top[r] = [x ^ times(factor, y) for x, y in zip(top[r], top[col], strict=True)]
    out = [0] * k
    for c in range(k):
        for j in range(k):
            out[j] ^= times(power(POINTS[row], c), top[c][k + j])
    return out


def tiny(k: int) -> Layout:
    """A layout with symbols of 8 bytes, so that slow arithmetic stays quick."""
    return Layout(8 * k, 8, k, 1, k)


# -- the code --------------------------------------------------------------------------------------


def test_the_points_are_all_of_the_field() -> None:
    assert sorted(POINTS) == list(range(256))


@pytest.mark.parametrize("k", [1, 2, 3, 7, 65, 84, 116, 128])
def test_every_repair_symbol_is_the_polynomial_of_the_specification(k: int) -> None:
    data = Random(k).randbytes(8 * k)
    sources = {i: data[8 * i : 8 * i + 8] for i in range(k)}
    rows = range(k, 256) if k <= 7 else [k, k + 1, 200, 254, 255]
    made = encode(tiny(k), data, rows)
    for row, symbol in zip(rows, made, strict=True):
        assert symbol == slow_symbol(row, sources)


@pytest.mark.parametrize("k", [1, 2, 5, 16])
def test_the_polynomial_and_the_matrix_are_one(k: int) -> None:
    for row in (k, k + 1, 255):
        assert generator(k, row) == lagrange(row, list(range(k)))


@pytest.mark.parametrize("k", [2, 9, 72])
def test_a_slow_decoder_opens_what_was_encoded(k: int) -> None:
    rng = Random(k)
    data = rng.randbytes(8 * k)
    came = sorted(rng.sample(range(256), k))
    known = {i: bytes(s) for i, s in zip(came, encode(tiny(k), data, came), strict=True)}
    lost = [i for i in range(k) if i not in known]
    for i in lost[:4]:
        assert slow_symbol(i, known) == data[8 * i : 8 * i + 8]
    assert decode_group(tiny(k), known) == data


def test_systematic_symbols_are_slices_and_need_no_code() -> None:
    script = (
        "import sys\n"
        "from tiercel.parcel import box, epochs, gather, note, profiles, symbols, tags\n"
        "l = symbols.layout_of(3000)\n"
        "s = symbols.encode(l, bytes(l.group_bytes), [0, 1])\n"
        "assert symbols.decode_group(l, dict(enumerate(s))) == bytes(l.group_bytes)\n"
        "assert symbols.decode_group(l, {0: s[0], 9: bytes(1792), 1: s[1]}) == bytes(l.group_bytes)\n"
        "assert 'zfec' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env={"PYTHONPATH": ":".join(sys.path)})
    layout, data = layout_of(3000), bytes(range(256)) * 14
    first = encode(layout, data, [1, 0])
    assert all(isinstance(symbol, memoryview) and symbol.obj is data for symbol in first)


def test_symbols_come_in_the_order_asked() -> None:
    data = Random(0).randbytes(24)
    a, b, c, d = encode(tiny(3), data, [200, 1, 3, 0])
    assert (b, d) == (data[8:16], data[:8])
    assert [a, c] == encode(tiny(3), data, [200, 3])


def test_wrong_sizes_and_indices_are_refused() -> None:
    for data, indices in ((bytes(23), [0]), (bytes(24), [256]), (bytes(24), [-1])):
        with pytest.raises(ValueError, match="needed"):
            encode(tiny(3), data, indices)
    for held in ({}, {0: bytes(8), 1: bytes(8)}, {0: bytes(8), 1: bytes(8), 256: bytes(8)}):
        with pytest.raises(ValueError, match="needed"):
            decode_group(tiny(3), held)
    with pytest.raises(ValueError, match="wrong size"):
        decode_group(tiny(3), {0: bytes(8), 1: bytes(8), 9: bytes(7)})


# -- the layout ------------------------------------------------------------------------------------


def test_layouts_of_the_classes() -> None:
    found = {c: (layout_of(c * 1792).groups, layout_of(c * 1792).k) for c in LETTER_CLASSES}
    assert found == {
        1: (1, 1), 2: (1, 2), 4: (1, 4), 9: (1, 9), 18: (1, 18), 36: (1, 36), 72: (1, 72), 144: (2, 72),
        288: (3, 96), 576: (5, 116),
    }  # fmt: skip


def test_the_symbol_grows_at_one_mebibyte() -> None:
    assert layout_of(1 << 20).symbol_bytes == 1792
    assert layout_of((1 << 20) + 1).symbol_bytes == 16128
    assert layout_of(1) == Layout(1, 1792, 1, 1, 1)
    assert layout_of(BUNDLE_BYTES_MAX).groups < 1 << 32


@pytest.mark.parametrize("length", [0, -1, BUNDLE_BYTES_MAX + 1, 1 << 64])
def test_no_bundle_has_that_length(length: int) -> None:
    with pytest.raises(MalformedParcel):
        layout_of(length)


def test_spans_and_padding() -> None:
    bundle = Random(1).randbytes(230 * 1792 - 100)
    layout = layout_of(len(bundle))
    assert group_span(layout, 0) == (0, layout.group_bytes)
    assert group_span(layout, 1) == (layout.group_bytes, len(bundle) - layout.group_bytes)
    last = bytes(group_of(layout, bundle, 1))
    assert len(last) == layout.group_bytes
    assert last.rstrip(b"\0") == bundle[layout.group_bytes :].rstrip(b"\0")
    with pytest.raises(ValueError, match="no such group"):
        group_span(layout, 2)


def test_the_order_of_sending() -> None:
    layout = layout_of(230 * 1792)
    order = list(symbols.send_order(layout, repair=2))
    assert order[:230] == [(g, i) for g in (0, 1) for i in range(115)]
    assert order[230:] == [(0, 115), (0, 116), (1, 115), (1, 116)]
    assert len(list(symbols.send_order(layout, repair=999))) == 512
