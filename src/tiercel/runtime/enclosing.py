"""The sealed enclosures of a letter of ours go on their way, beside its text or after it."""

from __future__ import annotations

from tiercel.parcel.box import Kind
from tiercel.sealing.stream import sealed_size
from tiercel.vault import bundles, letters
from tiercel.vault.bundles import BundleOut
from tiercel.vault.store import Vault


def send_enclosures(vault: Vault, bond: int, letter: int) -> None:
    """Put the enclosures of a letter of ours under way that are not; in the caller's transaction."""
    for item in letters.enclosures_of(vault, letter):
        if item.file is not None and bundles.out_by_hash(vault, item.bundle_hash) is None:
            length, kind = sealed_size(item.size), int(Kind.ENCLOSURE)
            row = BundleOut(item.bundle_hash, bond, letter, kind, length, None, item.file, None, None, 0, 0)
            bundles.add_out(vault, row)
