"""Notes are authentic and may still be hostile, or old ones put back on the road by whoever keeps it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from people import Person, bonded, exchange
from post_office import parcels
from tiercel.delivery.events import ParcelsGone
from tiercel.limits import DAY_MS
from tiercel.parcel.note import Note, Want
from tiercel.runtime import hearing, reading, writing
from tiercel.runtime.planning import RoadAt
from tiercel.vault import bonds as bond_rows
from tiercel.vault import bundles, roads
from tiercel.wire import to_base32


def hear(person: Person, note: Note, lies_there: bool = False) -> str | None:
    """Let one person hear a note that the other side might have sealed, unchecked, their own parcels there or not."""
    vault, row = person.home.vault, roads.all_carriers(person.home.vault)[0]
    road = RoadAt(row, person.home.open_carrier(row))
    there = {entry.name for entry in road.carrier.list()} if lies_there else set[str]()
    person.home.office.step(ParcelsGone(row.id, tuple(set(bundles.own_on(vault, row.id)) - there)))
    with person.home.office.transaction():
        record = msgspec.msgpack.encode(note)
        return hearing.hear(person.home, bond_rows.all_bonds(vault)[0], record, road, superseded=False)


def test_a_want_that_names_a_group_twice_does_not_end_all_sending(tmp_path: Path) -> None:
    """One symbol was planned twice in one parcel, which no parcel holds; every later visit met that plan and died."""
    ada, bo = bonded(tmp_path)
    letter = ada.write("a letter")
    ada.sync()
    [(digest,)] = ada.home.vault.all("SELECT hash FROM bundles_out")
    said = hear(ada, Note(wants=(Want(digest, ((0, 1), (0, 1))),)))
    assert said is not None and "group twice" in said
    exchange(ada, bo)
    assert ada.state(letter) == "arrived"


def put_back(person: Person, folder: Path, copies: list[bytes], times: int = 1) -> None:
    """Whoever keeps the road lays old parcels there again, under new names."""
    for data in copies * times:
        (folder / to_base32(person.entropy.token(16))).write_bytes(data)


def test_an_old_recall_put_back_draws_one_answer_a_day(tmp_path: Path) -> None:
    """Each copy wrote a line into the way of the letter, and each visit put a note: a folder could ask who is there."""
    ada, bo = bonded(tmp_path)
    letter = ada.write("never mind")
    ada.sync()
    writing.recall(ada.home, letter)
    before = set(parcels(tmp_path / "post"))
    ada.sync()
    asked = [path.read_bytes() for path in parcels(tmp_path / "post") if path not in before]
    put = []
    for _ in range(4):
        put_back(bo, tmp_path / "post", asked, times=5)
        put.append(bo.sync().put)
    assert put == [1, 0, 0, 0]
    assert bo.home.vault.one("SELECT count(*) FROM events WHERE what = 'returned'") == (1,)
    bo.clock.advance(days=1)
    put_back(bo, tmp_path / "post", asked)
    assert bo.sync().put == 1, "the first answer may be lost"


def test_a_recall_of_a_letter_that_was_read_is_answered_on_the_day_it_came(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("never mind")
    exchange(ada, bo)
    reading.read(bo.home, letter)
    writing.recall(ada.home, letter)
    exchange(ada, bo)
    assert ada.home.vault.one("SELECT recall_at FROM letters WHERE kind = 0") == (None,)


def test_old_parts_of_an_enclosure_put_back_draw_one_have_an_hour(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    (tmp_path / "leaf").write_bytes(b"1" * 3000)
    letter = ada.write("a leaf", enclosures=(tmp_path / "leaf",))
    ada.sync()
    copies = [path.read_bytes() for path in parcels(tmp_path / "post")]
    exchange(bo, ada)
    assert ada.state(letter) == "arrived"
    put = []
    for _ in range(4):
        put_back(bo, tmp_path / "post", copies)
        put.append(bo.sync().put)
    assert put == [1, 0, 0, 0]
    bo.clock.advance(days=1 / 20)
    bo.home.watching = True
    put_back(bo, tmp_path / "post", copies)
    assert bo.sync().put == 0, "while the road is watched it waits with all that waits"
    bo.clock.advance(days=1 / 20)
    assert bo.sync().put == 1


def test_an_old_want_does_not_undo_a_have_of_the_same_day(tmp_path: Path) -> None:
    ada, _bo = bonded(tmp_path)
    (tmp_path / "film").write_bytes(ada.entropy.token(3_000_000))
    ada.write("a film", enclosures=(tmp_path / "film",))
    ada.sync()
    [(digest,)] = ada.home.vault.all("SELECT hash FROM bundles_out WHERE kind = 2")
    want, has = (Want(digest, ((0, 1),)),), []
    for note in (
        Note(day=10, wants=want), Note(day=10, haves=(digest,)), Note(day=10, wants=want), Note(day=11, wants=want),
        Note(day=10, haves=(digest,)), Note(day=11, haves=(digest,)),
    ):  # fmt: skip
        hear(ada, note)
        has += ada.home.vault.all("SELECT peer_has FROM bundles_out WHERE kind = 2")
    assert has == [(0,), (1,), (1,), (0,), (0,), (1,)]


def test_a_note_from_the_wrong_year_does_not_outweigh_those_that_follow(tmp_path: Path) -> None:
    ada, _bo = bonded(tmp_path)
    (tmp_path / "film").write_bytes(ada.entropy.token(3_000_000))
    ada.write("a film", enclosures=(tmp_path / "film",))
    ada.sync()
    [(digest,)] = ada.home.vault.all("SELECT hash FROM bundles_out WHERE kind = 2")
    today = ada.clock.now_ms() // DAY_MS
    hear(ada, Note(day=today - 1, haves=(digest,)))
    hear(ada, Note(day=today + 4000, wants=(Want(digest, ((0, 1),)),)))
    hear(ada, Note(day=today, haves=(digest,)))
    assert ada.home.vault.all("SELECT peer_has FROM bundles_out WHERE kind = 2") == [(1,)]


def test_an_old_want_put_back_is_answered_once_while_the_answer_lies_there(tmp_path: Path) -> None:
    """Each visit added parcels, though those of the visit before had not been fetched."""
    ada, _bo = bonded(tmp_path)
    (tmp_path / "film").write_bytes(ada.entropy.token(3_000_000))
    ada.write("a film", enclosures=(tmp_path / "film",))
    ada.sync()
    [(digest,)] = ada.home.vault.all("SELECT hash FROM bundles_out WHERE kind = 2")
    for path in parcels(tmp_path / "post"):
        path.unlink()  # fetched
    lying = []
    for missing in (5, 5, 5, 4, 9):
        hear(ada, Note(wants=(Want(digest, ((0, missing),)),)), lies_there=True)
        ada.sync()
        lying.append(len(parcels(tmp_path / "post")))
    assert [after - lying[0] for after in lying] == [0, 0, 0, 0, 1], "only what does not lie there is added"
