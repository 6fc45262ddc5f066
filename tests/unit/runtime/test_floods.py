"""What a correspondent, or whoever saw an invitation, may cost: one test for each way it once cost too much."""

from __future__ import annotations

import os
import random
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from people import Person, ada_and_bo, bonded, exchange
from post_office import STICK_BYTES, of_letter
from tiercel.bond.invitation import decode_invitation
from tiercel.carriers.base import FILE, STICK
from tiercel.carriers.folder import FolderCarrier
from tiercel.letter.record import EnclosureRecord, LetterRecord
from tiercel.limits import GATHERED_BYTES_MAX, PAIRING_MESSAGE_BYTES_MAX, PARTIAL_BUNDLES_MAX
from tiercel.parcel.box import Kind, seal_symbols
from tiercel.parcel.epochs import ParcelKeys, pairing_keys
from tiercel.parcel.symbols import Ref, layout_of
from tiercel.runtime import asking, bonds, reading, seals, spool, spools, syncing, writing
from tiercel.runtime.keyring import sending
from tiercel.runtime.planning import new_name
from tiercel.runtime.views import Draft
from tiercel.vault import bonds as rows
from tiercel.vault import bundles, letters

TIB, GIB, MIB = 1 << 40, 1 << 30, 1 << 20


class Flooder:
    """Puts parcels on the folder that no honest sender makes."""

    def __init__(self, person: Person, folder: Path, keys: ParcelKeys | None = None) -> None:
        self.person, self.road = person, FolderCarrier(folder / "post")
        if keys is None:
            bond = rows.all_bonds(person.home.vault)[0]
            both = sending(person.home.vault, bond, person.clock.now_ms())
            assert both is not None
            keys = both[0]
        self.keys = keys

    def put(self, kind: Kind, digest: bytes, length: int, refs: list[Ref]) -> None:
        layout, profile = layout_of(length), STICK if len(refs) > 4 else FILE
        symbols = [bytes(layout.symbol_bytes)] * len(refs)
        parcel = seal_symbols(self.keys, profile, os.urandom(16), kind, digest, layout, refs, symbols)
        self.road.put(new_name(self.person.home), parcel)
        self.road.flush()


def name_enclosures(patch: pytest.MonkeyPatch, writer: Person, hashes: list[bytes], size: int) -> None:
    """The next letter of a writer names enclosures that nobody has."""
    real = seals._record
    listed = tuple(EnclosureRecord(key=bytes(32), bundle_hash=each, size=size, name="a", kind="b") for each in hashes)

    def record(*args: object) -> LetterRecord:
        made = real(*args)  # type: ignore[arg-type]
        return msgspec.structs.replace(made, enclosures=listed) if args[0] is writer.home else made

    patch.setattr(seals, "_record", record)


def digests(count: int) -> list[bytes]:
    return [n.to_bytes(32, "big") for n in range(count)]


@pytest.fixture
def wide_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk of a pebibyte."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(1 << 50, 0, 1 << 50))


def folder_bytes(person: Person) -> int:
    return sum(path.stat().st_blocks * 512 for path in person.folder.rglob("*") if path.is_file())


def sync_and_measure(person: Person) -> int:
    """One visit; the most memory that Python took for it."""
    tracemalloc.start()
    person.sync()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.usefixtures("wide_disk")
def test_a_letter_that_names_many_vast_enclosures_costs_what_came_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every enclosure of a tebibyte took 17 MiB of memory, 17 MiB of the vault and half a second of each visit."""
    ada, bo = bonded(tmp_path)
    hashes = digests(20)
    with monkeypatch.context() as patch:
        name_enclosures(patch, bo, hashes, TIB)
        bo.write("a few pictures")
        bo.sync()
    ada.sync()
    before, last = folder_bytes(ada), layout_of(TIB).groups - 1
    for digest in hashes:
        Flooder(bo, tmp_path).put(Kind.ENCLOSURE, digest, TIB, [(last, 255)])
    assert sync_and_measure(ada) < 12 * MIB
    assert ada.home.vault.one("SELECT count(*), sum(held) FROM bundles_in WHERE kind = 2") == (20, 20)
    assert folder_bytes(ada) - before < 3 * MIB
    assert sync_and_measure(ada) < 2 * MIB


def test_what_has_no_room_stays_on_the_road_and_one_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A letter that named enclosures was a leave to bring any size: no disk was asked whether it holds them."""
    ada, bo = bonded(tmp_path)
    film = tmp_path / "film"
    film.write_bytes(random.Random(1).randbytes(3 * MIB))
    letter = bo.write("film", enclosures=(film,))
    vast = Flooder(bo, tmp_path)
    for digest in digests(3):
        vast.put(Kind.ENCLOSURE, digest, GIB, [(0, 0)])
    bo.sync()
    real = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: real(path)._replace(free=2 * GIB - 1))
    report = ada.sync()
    assert ada.state(letter) == "arrived" and reading.read(ada.home, letter).enclosures[0].whole
    assert report.notices == ("Enclosures from bo need more room than this disk has; they are left on the road.",)
    assert ada.home.vault.one("SELECT count(*) FROM bundles_in WHERE standing = 'gathering'") == (0,)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: real(path)._replace(free=5 * GIB))
    assert ada.sync().notices == report.notices, "two have room, the third has not"
    assert ada.home.vault.one("SELECT count(*) FROM bundles_in WHERE standing = 'gathering'") == (2,)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: real(path)._replace(free=9 * GIB))
    assert ada.sync().notices == ()


def test_pairing_parcels_of_many_megabytes_are_refused(tmp_path: Path) -> None:
    """Whoever saw the invitation could send bundles of 16 MiB, and each filled the vault to its last symbol."""
    ada, bo = ada_and_bo(tmp_path)
    invitation = bonds.invite(ada.home, "bo", "post")
    flooder = Flooder(bo, tmp_path, pairing_keys(decode_invitation(invitation).road_secret, 1))
    for digest in digests(3):
        flooder.put(Kind.PAIRING, digest, GATHERED_BYTES_MAX, [(0, index) for index in range(60)])
        flooder.put(Kind.PAIRING, digest, PAIRING_MESSAGE_BYTES_MAX + 1, [(0, 0)])
    exchange(ada, rounds=4)
    assert ada.home.vault.one("SELECT count(*) FROM symbols_in") == (0,)
    assert not list((tmp_path / "post").iterdir())
    bonds.accept(bo.home, invitation, "ada", "post")
    exchange(bo, ada, rounds=2)
    assert bonds.words(ada.home, "bo").words == bonds.words(bo.home, "ada").words


@pytest.mark.parametrize("kind", [Kind.LETTER, Kind.PAIRING])
def test_bundles_that_are_never_whole_push_out_their_own_oldest(tmp_path: Path, kind: Kind) -> None:
    """Each left its symbols in the vault for 247 days, and nothing bounded how many there were."""
    ada, bo = bonded(tmp_path) if kind == Kind.LETTER else ada_and_bo(tmp_path)
    keys, longest = None, GATHERED_BYTES_MAX
    if kind == Kind.PAIRING:
        road_secret = decode_invitation(bonds.invite(ada.home, "bo", "post")).road_secret
        keys, longest = pairing_keys(road_secret, 1), PAIRING_MESSAGE_BYTES_MAX
    flooder = Flooder(bo, tmp_path, keys)
    for digest in digests(PARTIAL_BUNDLES_MAX + 2):
        flooder.put(kind, digest, longest, [(0, 0)])
        ada.sync()
        ada.clock.advance(days=0.01)
    kept = [row.hash for row in bundles.gathering(ada.home.vault, 1, kind)]
    assert kept == digests(PARTIAL_BUNDLES_MAX + 2)[:1:-1], "the newest"
    counted = ada.home.vault.one("SELECT count(*), count(DISTINCT bundle) FROM symbols_in")
    assert counted == (PARTIAL_BUNDLES_MAX, PARTIAL_BUNDLES_MAX)


# -- repair symbols ----------------------------------------------------------------------------------


def lose_pass(ada: Person, letter: str, folder: Path, share: float = 1.0) -> None:
    """The folder loses parcels of an enclosure; the next visit of its writer sends others."""
    there = [path for path in of_letter(ada, letter, folder / "post") if path.stat().st_size == STICK_BYTES]
    for path in random.Random(1).sample(there, round(share * len(there))):
        path.unlink()
    ada.sync()


def film_of(folder: Path, mib: int) -> Path:
    film = folder / "film"
    film.write_bytes(random.Random(7).randbytes(mib * MIB + 12_345))
    return film


def test_an_enclosure_of_repair_symbols_never_lies_in_the_vault_nor_in_memory(tmp_path: Path) -> None:
    """After one lost pass all of it went through the database and was decoded in memory, whatever its size."""
    ada, bo = bonded(tmp_path)
    film = film_of(tmp_path, 24)
    letter = ada.write("film", enclosures=(film,))
    ada.sync()
    lose_pass(ada, letter, tmp_path)
    assert sync_and_measure(bo) < 14 * MIB
    assert sum(path.stat().st_size for path in bo.folder.glob("vault.db*")) < 6 * MIB
    assert bo.home.vault.one("SELECT count(*) FROM symbols_in") == (0,)
    assert bo.home.vault.one("SELECT count(*) FROM tallies") == (0,)
    [file] = (bo.home.vault.enclosures).iterdir()
    assert file.stat().st_size < film.stat().st_size + 2 * MIB, "no repair symbol stays behind it"
    assert reading.save_enclosure(bo.home, letter, 1, tmp_path / "post")[0].read_bytes() == film.read_bytes()


class Killed(BaseException): ...


KILLS: dict[str, tuple[object, str]] = {
    "before decoding": (spool.EnclosureSpool, "_decode_groups"),
    "while decoding": (spool, "decode_group"),
    "before its hash": (spool, "_hash_file"),
    "before its letter": (spool.letters, "enclosures_by_hash"),
}


def dying(real: Callable[..., object], after: int) -> Callable[..., object]:
    """A function that works a few times, then ends the process."""
    left = iter(range(after))

    def call(*args: object, **more: object) -> object:
        if next(left, None) is None:
            raise Killed
        return real(*args, **more)

    return call


@pytest.mark.parametrize("where", KILLS)
def test_decoding_that_was_cut_off_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Source and repair symbols of half a pass each, a kill at every step, and no symbol is sent again."""
    ada, bo = bonded(tmp_path)
    film = film_of(tmp_path, 9)
    letter = ada.write("film", enclosures=(film,))
    ada.sync()
    there = [path for path in of_letter(ada, letter, tmp_path / "post") if path.stat().st_size == STICK_BYTES]
    for path in there[::2]:
        path.unlink()
    bo.sync()
    ada.sync()
    owner, name = KILLS[where]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, dying(getattr(owner, name), 2 if where == "while decoding" else 0))
        with pytest.raises(Killed):
            syncing.sync(bo.home)
    assert not [path for path in there if path.exists()]
    bo.reopen().sync()
    assert reading.save_enclosure(bo.home, letter, 1, tmp_path / "post")[0].read_bytes() == film.read_bytes()
    assert bo.home.vault.one("SELECT count(*) FROM tallies") == (0,)


@pytest.mark.parametrize("seed", range(4))
def test_source_and_repair_symbols_in_any_order_give_the_enclosure(tmp_path: Path, seed: int) -> None:
    """A group that repair symbols filled takes no source symbol, and the last group ends within a symbol."""
    ada, bo = bonded(tmp_path, seed)
    film = film_of(tmp_path, 5)
    letter, post = ada.write("film", enclosures=(film,)), tmp_path / "post"
    aside, rng = list[Path](), random.Random(seed)
    (tmp_path / "aside").mkdir()
    ada.sync()
    for _ in range(3):
        for path in of_letter(ada, letter, post):
            if path.stat().st_size == STICK_BYTES:
                aside.append(path.rename(tmp_path / "aside" / path.name))
        ada.sync()
    rng.shuffle(aside)
    for _ in range(8):
        for path in list(post.iterdir()):
            if path.stat().st_size == STICK_BYTES:
                path.unlink()
        for path in aside[:3]:
            path.rename(post / path.name)
        del aside[:3]
        syncing.sync(bo.home)
    assert reading.save_enclosure(bo.home, letter, 1, tmp_path)[0].read_bytes() == film.read_bytes()


@pytest.mark.parametrize("where", ["decode_group", "claim"])
def test_an_enclosure_that_cannot_be_put_together_stops_no_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A MemoryError while it was finished ended this visit and, because it is tried first, every later one."""
    ada, bo = bonded(tmp_path)
    film = film_of(tmp_path, 3)
    letter = ada.write("film", enclosures=(film,))
    ada.sync()
    lose_pass(ada, letter, tmp_path)

    def no_memory(*_args: object) -> bytes:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(spool if where == "decode_group" else spools, where, no_memory)
        for n in range(4):
            text = writing.write(ada.home, Draft("bo", f"letter {n}")).id
            ada.sync()
            assert any("MemoryError" in notice for notice in bo.sync().notices) or n == 3
            assert bo.state(text) == "arrived"
    exchange(ada, bo, rounds=4)
    assert ada.state(letter) == "arrived"
    assert reading.save_enclosure(bo.home, letter, 1, tmp_path / "post")[0].read_bytes() == film.read_bytes()


def test_nothing_is_noted_of_an_enclosure_whose_letter_went_while_it_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recall read between two of its parcels: it was claimed as whole, though its file was gone."""
    ada, bo = bonded(tmp_path)
    letter = ada.write("film", enclosures=(film_of(tmp_path, 3),))
    ada.sync()
    aside = {path: path.read_bytes() for path in of_letter(ada, letter, tmp_path / "post")}
    for path in list(aside)[2:]:
        path.unlink()
    bo.sync()
    for path, data in aside.items():
        path.write_bytes(data)
    real = spool.EnclosureSpool.note

    def note(this: spool.EnclosureSpool) -> None:
        [row] = letters.letters_where(bo.home.vault, "kind = 0")
        bo.home.doomed.update(letters.burn(bo.home.vault, row))
        real(this)

    with monkeypatch.context() as patch:
        patch.setattr(spool.EnclosureSpool, "note", note)
        bo.sync()
    assert bo.home.vault.all("SELECT standing, file, held FROM bundles_in WHERE kind = 2") == [("spent", None, 0)]
    assert bo.home.vault.one("SELECT count(*) FROM tallies") == (0,)


def test_what_lacks_is_looked_up_only_for_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every visit counted every symbol of every enclosure that ever began to come."""
    ada, bo = bonded(tmp_path)
    Flooder(bo, tmp_path).put(Kind.ENCLOSURE, bytes(32), GIB, [(0, 0)])
    asked = list[bytes]()
    real = asking.missing_groups

    def counted(home: object, row: bundles.BundleIn, most: int) -> list[tuple[int, int]]:
        asked.append(row.hash)
        return real(home, row, most)  # type: ignore[arg-type]

    monkeypatch.setattr(asking, "missing_groups", counted)
    exchange(ada, rounds=3)
    assert asked == [bytes(32)]
    Flooder(bo, tmp_path).put(Kind.ENCLOSURE, bytes(32), GIB, [(0, 0)])
    ada.sync()
    assert asked == [bytes(32)], "nothing new"
    Flooder(bo, tmp_path).put(Kind.ENCLOSURE, bytes(32), GIB, [(0, 1)])
    ada.sync()
    assert asked == [bytes(32)] * 2
