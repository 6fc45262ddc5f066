"""T-FULL-1: every table that has a bound is filled, by malice or by mere loss; after one good letter everything works.

Bo's vault is the one that is filled. A correspondent with the true keys of the bond fills it by hand, or the post loses
everything for a year. Nothing stops, nothing grows past its bound, and what was set aside is told.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest

from hostile import FILE, Hostile
from letter_kit import letter
from people import Person, bonded
from post_office import parcels
from tiercel.crypto import sha256
from tiercel.letter.record import LetterRecord, RootRecord, encode_letter
from tiercel.limits import (
    DAY_MS,
    GATHERED_BYTES_MAX,
    GIFTS_MAX,
    NOTE_ITEMS_MAX,
    PARTIAL_BUNDLES_MAX,
    ROOTS_OFFERED_MAX,
)
from tiercel.parcel import box
from tiercel.parcel.note import Note, Receipt, ReceiptKind, Want, encode_note
from tiercel.parcel.symbols import layout_of
from tiercel.runtime import reading, syncing
from tiercel.runtime.doctor import examine
from tiercel.sealing.prekeys import make_prekey
from tiercel.vault import prekeys
from tiercel.wire import lp


@dataclass
class Stage:
    """Two people, and one who has Ada's keys and keeps no rule."""

    folder: Path
    ada: Person
    bo: Person
    hostile: Hostile
    rng: random.Random
    numbers: count[int]
    said: list[str] = field(default_factory=list)

    def visit(self) -> None:
        """Bo looks at the post and reads what is said."""
        self.said += syncing.sync(self.bo.home).notices

    def lose_everything(self) -> None:
        """The post loses what is on it."""
        for path in (self.folder / "post").iterdir():
            path.unlink()

    def record(self, **changes: object) -> LetterRecord:
        """A letter of Ada's that keeps the rules but for what is asked."""
        n = next(self.numbers)
        today = self.bo.clock.now_ms() // DAY_MS
        fields = {"number": n, "previous": self.rng.randbytes(32), "written_day": today, "sealed_day": today}
        return letter(self.rng, **(fields | changes))

    def many(self, sql: str) -> int:
        row = self.bo.home.vault.one(f"SELECT count(*) FROM {sql}")
        assert row is not None
        return int(row[0])


# -- what fills ---------------------------------------------------------------------------------------


def their_prekeys(stage: Stage) -> None:
    """Ten times as many gifts as are kept, keys of our own among them; Ada holds the secrets of them all."""
    vault, today = stage.ada.home.vault, stage.bo.clock.now_ms() // DAY_MS
    ours = [row[0] for row in stage.bo.home.vault.all("SELECT pid FROM prekeys_ours")]
    for _ in range(10):
        gifts = []
        for _ in range(GIFTS_MAX):
            prekey, gift = make_prekey(stage.ada.entropy)
            gifts.append(gift)
            row = (prekey.pid, prekeys.ONE_TIME, prekey.seed, prekey.token, prekey.public_hash, today)
            with vault.transaction():
                prekeys.add_ours(vault, prekeys.OurPrekey(1, *row, None, None, None))
        gifts[:5] = [pid + gifts[0][8:] for pid in ours[:5]]
        stage.hostile.record(encode_letter(stage.record(gifts=tuple(gifts))))


def our_prekeys(stage: Stage) -> None:
    """No letter of Bo's arrives, for as long as it takes."""
    for n in range(14):
        for _ in range(8):
            stage.bo.write(f"letter {n} {'y' * 14_000}")
        stage.bo.sync()
        stage.lose_everything()
        stage.bo.clock.advance(days=3)


def partial_bundles(stage: Stage) -> None:
    layout, data = layout_of(GATHERED_BYTES_MAX), bytes(layout_of(GATHERED_BYTES_MAX).symbol_bytes)
    for _ in range(3 * PARTIAL_BUNDLES_MAX):
        r, digest = stage.rng.randbytes(16), stage.rng.randbytes(32)
        stage.hostile.put(
            box.seal_symbols(stage.hostile.keys, FILE, r, box.Kind.LETTER, digest, layout, [(0, 0)], [data])
        )


def quarantine(stage: Stage) -> None:
    """Bundles to keys that never were, and true ones with an inside that breaks the rules."""
    for n in range(120):
        stage.hostile.bundle(lp(stage.rng.randbytes(8), stage.rng.randbytes(16), stage.rng.randbytes(1756)))
        if n % 4 == 0:
            stage.hostile.record(b"\xdc\x00\x17" + stage.rng.randbytes(200))


def notes(stage: Stage) -> None:
    """Everything a note can ask, for letters and bundles that never were."""
    today = stage.bo.clock.now_ms() // DAY_MS
    for _ in range(3):
        ids = tuple(stage.rng.randbytes(16) for _ in range(NOTE_ITEMS_MAX))
        hashes = [stage.rng.randbytes(32) for _ in range(NOTE_ITEMS_MAX)]
        stage.hostile.note(encode_note(Note(day=today, recalls=ids)))
        stage.hostile.note(encode_note(Note(day=today, haves=tuple(hashes))))
        stage.hostile.note(encode_note(Note(day=today, expired=tuple(each[:8] for each in ids))))
        stage.hostile.note(encode_note(Note(day=today, wants=tuple(Want(each, ((0, 9),)) for each in hashes[:64]))))
        wrong = tuple(Receipt(ReceiptKind.READ, each, bytes(32)) for each in ids[:900])
        stage.hostile.note(encode_note(Note(day=today, receipts=wrong)))


def epochs(stage: Stage) -> None:
    """A year and a half of silence: the road is there, and nobody comes."""
    stage.lose_everything()
    for _ in range(18):
        for person in (stage.ada, stage.bo):
            person.clock.advance(days=15)
            person.sync()
            stage.lose_everything()


def offered_roots(stage: Stage) -> None:
    epoch = stage.bo.clock.now_ms() // DAY_MS // 30
    for n in range(5 * ROOTS_OFFERED_MAX):
        root = RootRecord(generation=1000 + n, base_epoch=epoch, root=sha256(b"%d" % n))
        stage.hostile.record(encode_letter(stage.record(root=root)))


def poison(stage: Stage) -> None:
    """Parcels of Ada's that were changed after their tag."""
    for n in range(60):
        stage.hostile.note(encode_note(Note(day=1000 + n)))
    for path in parcels(stage.folder / "post"):
        data = bytearray(path.read_bytes())
        data[stage.rng.randrange(40, len(data))] ^= 1
        path.write_bytes(data)
    for _ in range(4):
        stage.visit()


def incarnations(stage: Stage) -> None:
    """Every letter says that another vault wrote it."""
    for _ in range(25):
        stage.hostile.bond = replace(stage.hostile.bond, incarnation=stage.rng.randbytes(16))
        stage.hostile.record(encode_letter(stage.record()))


@dataclass(frozen=True)
class Table:
    """How a table is filled, what is counted, its bound, and words of what is told of it."""

    fill: Callable[[Stage], None]
    rows: str
    bound: int
    told: str = ""


FULL = {
    "their prekeys": Table(
        their_prekeys, "prekeys_theirs WHERE kind = 'one-time'", GIFTS_MAX, "More keys to write with came from ada"
    ),
    "our prekeys": Table(our_prekeys, "prekeys_ours WHERE kind = 'one-time'", GIFTS_MAX, "wait for a receipt"),
    "partial bundles": Table(
        partial_bundles, "bundles_in WHERE standing = 'gathering'", PARTIAL_BUNDLES_MAX, "the oldest was let go"
    ),
    "quarantine": Table(quarantine, "quarantine", 150, "are set aside"),
    "notes": Table(notes, "notes_due", 3 * NOTE_ITEMS_MAX),
    "epochs": Table(epochs, "roots", 2 * (1 + ROOTS_OFFERED_MAX)),
    "offered roots": Table(
        offered_roots, "roots WHERE standing = 'offered'", 2 * ROOTS_OFFERED_MAX, "More new parcel keys came from ada"
    ),
    "poison": Table(poison, "poison", 60, "was damaged on its way and was removed"),
    "incarnations": Table(incarnations, "incarnations", 30, "another vault"),
}


@pytest.mark.parametrize("name", FULL)
def test_T_FULL_1(tmp_path: Path, name: str) -> None:
    table = FULL[name]
    ada, bo = bonded(tmp_path)
    stage = Stage(tmp_path, ada, bo, Hostile(ada.home, tmp_path / "post", 1, gifts=28), random.Random(name), count(500))
    table.fill(stage)
    for _ in range(3):
        stage.visit()
        assert stage.many(table.rows) <= table.bound
    found = " ".join([*stage.said, *(finding.sentence for finding in examine(bo.home))])
    assert table.told in found
    everything_works(stage)


def everything_works(stage: Stage) -> None:
    """A good letter each way arrives, with its enclosure and its receipt."""
    film = stage.folder / "film"
    film.write_bytes(stage.rng.randbytes(200_000))
    stage.ada.sync()
    stage.bo.sync()
    letters = [(person, person.write("a good letter", enclosures=(film,))) for person in (stage.ada, stage.bo)]
    for _ in range(8):
        for person in (stage.ada, stage.bo):
            person.clock.advance(days=0.6)
            person.sync()
    for (writer, sent), reader in zip(letters, (stage.bo, stage.ada), strict=True):
        assert writer.state(sent) == "arrived"
        assert reading.save_enclosure(reader.home, sent, 1, stage.folder)[1] == 200_000
