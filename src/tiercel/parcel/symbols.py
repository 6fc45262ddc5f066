"""The erasure code: a bundle as groups of symbols, any k of 256 of which give a group back.

Layout. S = 1,792 bytes for bundles up to 1 MiB, else 16,128. K = ceil(length / S), G = ceil(K / 128), k = ceil(K / G).
The bundle is zero-padded to G * k * S bytes; group g is the bytes [g*k*S, (g+1)*k*S); symbol i < k of a group is its
i-th slice of S bytes; symbols k to 255 are repair.

Code. Reed-Solomon over GF(256), byte by byte: the j-th bytes of the symbols of a group are coded together, for each j
alone. A byte is a polynomial over GF(2), bit 7 the highest power; addition is XOR; multiplication is modulo
x^8 + x^4 + x^3 + x^2 + 1 (bits 1 0001 1101), in which a = x = 2 generates every non-zero element. Symbol i stands at
the point X_0 = 0 and X_i = a^(i-1) for i = 1 to 255; these are 256 different points. The j-th bytes of symbols 0 to
k-1 fix one polynomial P of degree below k with P(X_i) = byte of symbol i; the byte of a repair symbol r is P(X_r).
As a sum:

    symbol_r = sum over i < k of c(r,i) * symbol_i,   c(r,i) = product over m < k, m != i of (X_r + X_m) / (X_i + X_m)

(+ is XOR.) To decode from any k symbols at the points Y_0 to Y_(k-1), put them in the place of the X_m and evaluate at
the X_i that is missing: the same formula. In matrices: let V have 256 rows and k columns, V[i][c] = X_i^c with 0^0 = 1;
the generator is V times the inverse of the first k rows of V. That is what zfec(k, 256) computes.

Example:
    >>> layout = layout_of(300_000)
    >>> layout.symbols_total, layout.groups, layout.k
    (168, 2, 84)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from tiercel.errors import MalformedParcel
from tiercel.limits import (
    BUNDLE_BYTES_MAX,
    GROUP_INDICES,
    GROUP_SYMBOLS_MAX,
    SMALL_BUNDLE_BYTES_MAX,
    SYMBOL_LARGE_BYTES,
    SYMBOL_SMALL_BYTES,
)

if TYPE_CHECKING:
    import zfec

Data: TypeAlias = bytes | bytearray | memoryview
Ref: TypeAlias = tuple[int, int]
"""Group and index of a symbol."""


@dataclass(frozen=True)
class Layout:
    """How a bundle of ``bundle_len`` bytes is cut. ``k`` of the 256 symbols of each group give it back."""

    bundle_len: int
    symbol_bytes: int
    symbols_total: int
    groups: int
    k: int

    @property
    def group_bytes(self) -> int:
        """Size of a whole group, padding of the last one included."""
        return self.k * self.symbol_bytes

    @property
    def symbol_class(self) -> int:
        """0 for symbols of 1,792 bytes, 1 for 16,128."""
        return int(self.symbol_bytes == SYMBOL_LARGE_BYTES)


@lru_cache(maxsize=1024)
def layout_of(bundle_len: int) -> Layout:
    """The one layout of a bundle of this length.

    Raises:
        MalformedParcel: Empty, or longer than any bundle may be.

    Source: spec/parcel.md 3.
    """
    if not 1 <= bundle_len <= BUNDLE_BYTES_MAX:
        raise MalformedParcel("no bundle has that length")
    size = SYMBOL_SMALL_BYTES if bundle_len <= SMALL_BUNDLE_BYTES_MAX else SYMBOL_LARGE_BYTES
    total = -(-bundle_len // size)
    groups = -(-total // GROUP_SYMBOLS_MAX)
    return Layout(bundle_len, size, total, groups, -(-total // groups))


def group_span(layout: Layout, group: int) -> tuple[int, int]:
    """Where a group lies in the bundle: offset and length in bytes, without padding. No group is empty."""
    if not 0 <= group < layout.groups:
        raise ValueError("no such group")
    offset = group * layout.group_bytes
    return offset, min(layout.group_bytes, layout.bundle_len - offset)


def pad_group(layout: Layout, data: Data) -> Data:
    """The bytes of a group, zeros added where the bundle ends within it."""
    if len(data) >= layout.group_bytes:
        return data
    return b"".join((data, bytes(layout.group_bytes - len(data))))


def group_of(layout: Layout, bundle: Data, group: int) -> Data:
    """One padded group of a bundle at hand; a view of it except for the last."""
    offset, size = group_span(layout, group)
    return pad_group(layout, memoryview(bundle)[offset : offset + size])


def send_order(layout: Layout, repair: int = 0) -> Iterator[Ref]:
    """Every systematic symbol in the order of the bundle, then the first ``repair`` repair symbols of each group.

    Cut into pieces of a parcel's capacity it gives the parcels of a first sending: a function of length and road only.
    """
    for group in range(layout.groups):
        for index in range(layout.k):
            yield group, index
    for group in range(layout.groups):
        for index in range(layout.k, min(GROUP_INDICES, layout.k + repair)):
            yield group, index


def encode(layout: Layout, group_data: Data, indices: Iterable[int]) -> list[bytes | memoryview]:
    """The symbols of one group with the given indices, in their order.

    Args:
        layout: Of the bundle.
        group_data: The whole group, k * S bytes, zero-padded.
        indices: 0 to 255. Those below k are slices of ``group_data``; nothing is copied for them.

    Raises:
        ValueError: A wrong size or index.
    """
    wanted = tuple(indices)
    if len(group_data) != layout.group_bytes or any(not 0 <= index < GROUP_INDICES for index in wanted):
        raise ValueError("a whole group and indices below 256 are needed")
    view, size = memoryview(group_data), layout.symbol_bytes
    sources = [view[at : at + size] for at in range(0, len(view), size)]
    repair = tuple(index for index in wanted if index >= layout.k)
    made = iter(_encoder(layout.k).encode(tuple(sources), repair)) if repair else iter(())
    return [sources[index] if index < layout.k else next(made) for index in wanted]


def decode_group(layout: Layout, symbols: Mapping[int, Data]) -> bytes:
    """A whole group, padding included, from at least k of its symbols; systematic ones are used where they are.

    Args:
        layout: Of the bundle.
        symbols: Index to symbol, all of one group of one bundle.

    Raises:
        ValueError: Fewer than k symbols, a wrong size or index.
    """
    k, size = layout.k, layout.symbol_bytes
    chosen = sorted(symbols)[:k]
    if len(chosen) < k or chosen[0] < 0 or chosen[-1] >= GROUP_INDICES:
        raise ValueError("k symbols with indices below 256 are needed")
    blocks = tuple(symbols[index] for index in chosen)
    if any(len(block) != size for block in blocks):
        raise ValueError("a symbol has a wrong size")
    if chosen[-1] < k:
        return b"".join(blocks)
    return b"".join(_decoder(k).decode(blocks, tuple(chosen)))


@lru_cache(maxsize=GROUP_SYMBOLS_MAX)
def _encoder(k: int) -> zfec.Encoder:
    from zfec import Encoder

    return Encoder(k, GROUP_INDICES)


@lru_cache(maxsize=GROUP_SYMBOLS_MAX)
def _decoder(k: int) -> zfec.Decoder:
    from zfec import Decoder

    return Decoder(k, GROUP_INDICES)
