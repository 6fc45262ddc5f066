"""What bundles of theirs still lack, and which enclosures letters wait for, as the vault's tallies say."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from tiercel.delivery.rows import Awaited, InBundle
from tiercel.parcel.box import Kind
from tiercel.parcel.gather import lacking
from tiercel.parcel.symbols import layout_of
from tiercel.sealing.stream import sealed_size
from tiercel.vault import bundles, letters
from tiercel.vault.bundles import BundleIn
from tiercel.vault.store import Vault


def missing_groups(vault: Vault, row: BundleIn | InBundle, most: int) -> list[tuple[int, int]]:
    """What a bundle that is being gathered still lacks: (group, how many symbols), the first ``most`` groups."""
    counts: Iterable[tuple[int, int]] = bundles.symbol_counts(vault, row.bond, row.hash)
    if row.kind == Kind.ENCLOSURE:
        held = bundles.each_held(vault, row.bond, row.hash)
        counts = ((group, int.from_bytes(bits, "little").bit_count()) for group, bits in held)
    return list(islice(lacking(layout_of(row.length), counts), most))


def awaited(vault: Vault, before_ms: int, now_ms: int, most: int) -> list[Awaited]:
    """Enclosures that letters wait for, asked for not after ``before_ms`` or after now, the longest first."""
    found = []
    for letter, item in letters.enclosures_overdue(vault, now_ms, now_ms - before_ms, most):
        came = bundles.letter_came_at(vault, letter.bond, letter.id) or letter.written_at or 0
        length = sealed_size(item.size)
        found.append(Awaited(letter.seq, item.n, letter.bond, item.bundle_hash, length, letter.deadline_day, came))
    return found
