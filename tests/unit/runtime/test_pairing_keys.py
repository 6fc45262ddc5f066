"""Whoever saw an invitation holds the keys of the pairing road; they carry pairing messages and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from people import ada_and_bo
from tiercel.bond.invitation import decode_invitation
from tiercel.crypto import sha256
from tiercel.parcel.box import Kind, seal_note, seal_symbols
from tiercel.parcel.epochs import pairing_keys
from tiercel.parcel.note import Note, encode_note
from tiercel.parcel.profiles import FILE
from tiercel.parcel.symbols import encode, layout_of
from tiercel.runtime import bonds

NAME = "a" * 26


@pytest.mark.parametrize("kind", Kind)
def test_only_pairing_messages_come_under_pairing_keys(tmp_path: Path, kind: Kind) -> None:
    """spec/parcel.md 2: a note or an enclosure under them is refused, and fills no spool."""
    ada, _ = ada_and_bo(tmp_path)
    invitation = decode_invitation(bonds.invite(ada.home, "bo", "post"))
    keys, data = pairing_keys(invitation.road_secret, 1), b"x" * 1792
    if kind == Kind.NOTE:
        parcel = seal_note(keys, FILE, bytes(16), encode_note(Note(day=20_000, recalls=(bytes(16),))))
    else:
        layout = layout_of(2 * len(data))  # one symbol of two: it would be gathered
        symbols = encode(layout, data * 2, [0])
        parcel = seal_symbols(keys, FILE, bytes(16), kind, sha256(data), layout, [(0, 0)], symbols)
    (tmp_path / "post" / NAME).write_bytes(parcel)
    report = ada.sync()
    gathered = ada.home.vault.all("SELECT kind FROM bundles_in")
    assert gathered == ([(Kind.PAIRING,)] if kind == Kind.PAIRING else [])
    assert (report.got == 1) == (kind == Kind.PAIRING)
    assert ada.home.vault.all("SELECT * FROM notes_due") == []
