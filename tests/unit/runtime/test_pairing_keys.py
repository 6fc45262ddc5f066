"""Whoever saw an invitation holds the keys of the pairing road; they carry pairing messages and nothing else."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from people import Person, ada_and_bo, bonded, exchange
from tiercel.bond.invitation import decode_invitation
from tiercel.crypto import sha256
from tiercel.letter.record import FIRST_PREVIOUS
from tiercel.letter.record import Kind as LetterKind
from tiercel.parcel.box import Kind, seal_note, seal_symbols
from tiercel.parcel.epochs import pairing_keys
from tiercel.parcel.note import Note, encode_note
from tiercel.parcel.profiles import FILE
from tiercel.parcel.symbols import encode, layout_of
from tiercel.runtime import bonds, reading, seals

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


def as_the_other_kind(kind: LetterKind, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on what is sealed says that it is of another kind."""
    real, first = seals._record, {"number": 1, "previous": FIRST_PREVIOUS, "text": "The words are fine, just confirm."}
    more: dict[str, object] = (
        dict(first) if kind == LetterKind.LETTER else {"number": None, "previous": None, "text": ""}
    )

    def record(*args: object) -> object:
        return msgspec.structs.replace(real(*args), kind=kind, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(seals, "_record", record)


@pytest.mark.parametrize("kind", [LetterKind.LETTER, LetterKind.SERVICE, LetterKind.END])
def test_before_the_words_are_compared_nothing_is_shown_or_receipted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: LetterKind
) -> None:
    """Whoever answered the invitation sealed a letter to the pairing key: it was listed, read and receipted."""
    ada, bo = ada_and_bo(tmp_path)
    bonds.accept(bo.home, bonds.invite(ada.home, "bo", "post"), "ada", "post")
    for person in (bo, ada, bo, ada):
        person.sync()
    bonds.confirm(bo.home, "ada")
    with monkeypatch.context() as patch:
        as_the_other_kind(kind, patch)
        bo.sync()
    assert any("malformed letter" in notice for notice in ada.sync().notices)
    exchange(ada, bo)
    [bond] = bonds.bonds(ada.home)
    assert (bond.state, bond.confirmed) == ("compare", "none")
    assert reading.letters(ada.home) == [] and not ada.home.vault.all("SELECT 1 FROM letters")
    assert bo.home.vault.all("SELECT arrived_at FROM letters") == [(None,)]


def test_a_second_opening_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bo = bonded(tmp_path)
    with monkeypatch.context() as patch:
        as_the_other_kind(LetterKind.OPENING, patch)
        bo.write("hello")
        bo.sync()
    assert any("malformed letter" in notice for notice in ada.sync().notices)


def test_a_letter_to_a_gift_of_our_opening_comes_before_the_other_opening(tmp_path: Path) -> None:
    """It proves that the other side had our opening, and so that both have compared."""
    ada, bo = ada_and_bo(tmp_path)
    bonds.accept(bo.home, bonds.invite(ada.home, "bo", "post"), "ada", "post")
    for person in (bo, ada, bo, ada):
        person.sync()
    bonds.confirm(ada.home, "bo")
    bonds.confirm(bo.home, "ada")
    ada.sync()
    bo.sync()
    letter = bo.write("already")
    lost = {path.name: path.read_bytes() for path in mine(bo, tmp_path / "post", "kind = 2")}
    for name in lost:
        (tmp_path / "post" / name).unlink()
    bo.sync()
    for path in mine(bo, tmp_path / "post", "kind = 2"):
        path.unlink()
    ada.sync()
    assert ada.state(letter) == "arrived" and bonds.bonds(ada.home)[0].state == "compare"
    exchange(bo, ada)
    assert bonds.bonds(ada.home)[0].state == "bonded" and bo.state(letter) == "arrived"


def mine(person: Person, folder: Path, which: str) -> list[Path]:
    """The parcels of some letters that a person has on the folder now."""
    names = person.home.vault.all(
        "SELECT name FROM handed JOIN bundles_out b ON b.hash = bundle JOIN letters l ON l.seq = b.letter"
        f" WHERE l.{which}"
    )
    return [folder / name for (name,) in names if (folder / name).exists()]
