"""T-FULL-1: every table that has a bound is filled, by malice or by mere loss; after one good letter everything works.

Bo's vault is the one that is filled. A correspondent with the true keys of the bond fills it by hand, or the post loses
everything for a year. Nothing stops, nothing grows past its bound, and what was set aside is told.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import msgspec
import pytest

from hostile import FILE, Hostile
from letter_kit import letter
from people import Person, bonded
from post_office import parcels
from tiercel.crypto import sha256
from tiercel.letter.record import Kind, LetterRecord, RootRecord, encode_letter
from tiercel.limits import (
    DAY_MS,
    EPOCHS_AHEAD,
    EPOCHS_KEPT_BEFORE,
    GATHERED_BYTES_MAX,
    GIFTS_MAX,
    NOTE_ITEMS_MAX,
    PARTIAL_BUNDLES_MAX,
    ROOTS_OFFERED_MAX,
)
from tiercel.parcel import box
from tiercel.parcel.note import Note, Receipt, ReceiptKind, Want, encode_note
from tiercel.parcel.symbols import layout_of
from tiercel.runtime import bonds, reading, syncing
from tiercel.runtime.doctor import examine
from tiercel.runtime.keyring import receiving
from tiercel.sealing.prekeys import make_prekey
from tiercel.testing.entropy import SeededEntropy
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

    def lose_everything(self) -> None:
        """The post loses what is on it."""
        for path in (self.folder / "post").iterdir():
            path.unlink()

    def record(self, **changes: object) -> LetterRecord:
        """A letter of Ada's that keeps the rules but for what is asked."""
        n = next(self.numbers)
        today = self.bo.clock.now_ms() // DAY_MS
        fields = {"number": n, "previous": self.rng.randbytes(32), "text": "x", "written_day": today, "sealed_day": today}
        return letter(self.rng, **(fields | changes))

    def many(self, sql: str) -> int:
        row = self.bo.home.vault.one(f"SELECT count(*) FROM {sql}")
        assert row is not None
        return int(row[0])


# -- what fills ---------------------------------------------------------------------------------------


def their_prekeys(stage: Stage) -> None:
    entropy = SeededEntropy("full")
    gifts = [make_prekey(entropy)[1] for _ in range(GIFTS_MAX)]
    for _ in range(3):
        fresh = tuple(stage.rng.randbytes(8) + gift[8:] for gift in gifts)
        stage.hostile.record(encode_letter(stage.record(gifts=fresh)))
        stage.hostile.record(encode_letter(stage.record(gifts=tuple(make_prekey(entropy)[1] for _ in range(100)))))


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
    bond = stage.hostile.bond
    epoch = stage.bo.clock.now_ms() // DAY_MS // 30
    for n in range(5 * ROOTS_OFFERED_MAX):
        root = RootRecord(generation=1000 + n, base_epoch=epoch, root=sha256(b"%d" % n))
        stage.hostile.record(encode_letter(stage.record(root=root)))
    assert bond.direction == 0


def poison(stage: Stage) -> None:
    """Parcels of Ada's that were changed after their tag."""
    for n in range(60):
        stage.hostile.note(encode_note(Note(day=1000 + n)))
    for path in parcels(stage.folder / "post"):
        data = bytearray(path.read_bytes())
        data[stage.rng.randrange(40, len(data))] ^= 1
        path.write_bytes(data)
    for _ in range(4):
        stage.bo.sync()


def incarnations(stage: Stage) -> None:
    """Every letter says that another vault wrote it."""
    for _ in range(25):
        stage.hostile.bond = msgspec.structs.replace(stage.hostile.bond) if False else stage.hostile.bond
        stage.hostile.record(encode_letter(stage.record()))


FULL: dict[str, tuple[Callable[[Stage], None], str, int]] = {
    "their prekeys": (their_prekeys, "prekeys_theirs WHERE kind = 'one-time'", GIFTS_MAX),
    "our prekeys": (our_prekeys, "prekeys_ours WHERE kind = 'one-time'", GIFTS_MAX),
    "partial bundles": (partial_bundles, "bundles_in WHERE standing = 'gathering'", PARTIAL_BUNDLES_MAX),
    "quarantine": (quarantine, "quarantine", 150),
    "notes": (notes, "notes_due", 3 * NOTE_ITEMS_MAX + 100),
    "epochs": (epochs, "roots", 10),
    "offered roots": (offered_roots, "roots WHERE standing = 'offered' AND direction = 0", ROOTS_OFFERED_MAX),
    "poison": (poison, "poison", 0),
    "incarnations": (incarnations, "incarnations", 30),
}


@pytest.mark.parametrize("table", FULL)
def test_T_FULL_1(tmp_path: Path, table: str) -> None:
    fill, sql, bound = FULL[table]
    ada, bo = bonded(tmp_path)
    stage = Stage(tmp_path, ada, bo, Hostile(ada.home, tmp_path / "post", 1, gifts=6), random.Random(table), count(500))
    fill(stage)
    said = [notice for _ in range(3) for notice in syncing.sync(bo.home).notices]
    print(table, stage.many(sql), said, [(f.what, f.well, f.sentence) for f in examine(bo.home) if not f.well])
    assert stage.many(sql) <= bound
    for person in (ada, bo):
        person.sync()
    film = tmp_path / "film"
    film.write_bytes(stage.rng.randbytes(200_000))
    letters = [(ada, ada.write("a good letter", enclosures=(film,))), (bo, bo.write("another", enclosures=(film,)))]
    for _ in range(8):
        for person in (ada, bo):
            person.clock.advance(days=0.6)
            person.sync()
    for writer, sent in letters:
        assert writer.state(sent) == "arrived"
        reader = bo if writer is ada else ada
        assert reading.save_enclosure(reader.home, sent, 1, tmp_path)[1] == 200_000
