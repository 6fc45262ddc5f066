"""T-BOMB-1 through the runtime: a correspondent whose parcels, notes and letters claim to be what no memory holds.

All of it is authentic: made with the real keys of the bond by someone who does not keep the rules. The reader runs in
a process of its own that may have 512 MiB of addresses and says how much memory it really had.
"""

from __future__ import annotations

import json
import random
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hostile import Hostile
from letter_kit import letter
from processes import ROOT, World, pair, strangers
from tiercel.crypto import sha256
from tiercel.letter.record import EnclosureRecord, encode_letter
from tiercel.limits import BUNDLE_BYTES_MAX, ENCLOSURE_BYTES_MAX, SPOOL_BOND_BYTES_MAX
from tiercel.parcel.note import Note, Want, encode_note
from tiercel.runtime import reading, syncing, writing
from tiercel.runtime.views import Draft
from tiercel.sealing import padding

LENGTHS = (b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\xff\xff\xff\xff")

READER = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
import json, sys
from pathlib import Path
from processes import World
from tiercel.runtime import reading, syncing
world, reports = World(Path(sys.argv[1])), []
for visit in range(4):
    with world.home("bo") as home:
        reports.append(syncing.sync(home))
with world.home("bo") as home:
    found = {each.id: reading.read(home, each.id, peek=True).body for each in reading.letters(home)}
    verdicts = [verdict for (verdict,) in home.vault.all("SELECT verdict FROM quarantine")]
# Not ru_maxrss: that one starts at the size of the process that started this one.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "found": found, "verdicts": verdicts, "peak_mib": int(status["VmHWM"].split()[0]) >> 10,
    "troubles": [str(trouble.error) for report in reports for trouble in report.troubles],
    "notices": sorted({notice for report in reports for notice in report.notices}),
}))
"""


def with_field(index: int, data: bytes) -> bytes:
    """A true record with one field replaced."""
    parts = [msgspec.msgpack.encode(item) for item in msgspec.msgpack.decode(encode_letter(letter()))]
    return b"\xdc\x00\x17" + b"".join([*parts[:index], data, *parts[index + 1 :]])


def record_bombs() -> Iterator[bytes]:
    """Deep nesting, lengths of 2^31, a million enclosures, gifts and readers."""
    yield from (b"\x91" * 4_000_000, b"\xdd\x7f\xff\xff\xff" * 1000, with_field(16, b"\x91" * 3_000_000))
    for index, head in ((11, b"\xdb"), (16, b"\xdd"), (18, b"\xdd"), (22, b"\xdd"), (3, b"\xc6"), (20, b"\xdf")):
        yield from (with_field(index, head + length) for length in LENGTHS[1:])
    for index, item in ((16, b"\x90"), (16, b"\x95\xc4\x00\xc4\x00\x00"), (22, b"\xc4\x00"), (18, b"\x92\xa0\x00")):
        yield with_field(index, b"\xdd\x00\x0f\x42\x40" + item * 1_000_000)


def boxes() -> Iterator[bytes]:
    """Counts and lengths that no parcel holds."""
    for kind, length, size_class, count, rest in (
        (2, 1 << 31, 1, 65_535, b""), (2, 1 << 31, 1, 1, b"\xff" * 5), (1, (1 << 64) - 1, 1, 1, b""),
        (1, 1 << 63, 0, 0, b""), (2, BUNDLE_BYTES_MAX, 1, 65_535, b""), (1, 1 << 31, 1, 1, bytes(5)),
        (4, 1 << 31, 1, 1, bytes(5)), (1, 16 << 20, 1, 1, bytes(5)),
    ):  # fmt: skip
        yield struct.pack(">BB32sQBH", 1, kind, sha256(bytes([count % 256])), length, size_class, count) + rest
    for length in LENGTHS:
        yield b"\x01\x03" + length + b"\x98\x01\x00"
    yield b"\x01\x03\x00\x00\x00\x00" + bytes(60_000) + b"\x01"


def note_records() -> Iterator[bytes]:
    """Notes that claim, nest and ask beyond measure; the last ones keep every rule of the format."""
    for length in LENGTHS:
        yield from (b"\x98\x01\x00\xdd" + length, b"\x98\x01\x00\x90\x90\x91\xc6" + length, b"\xdd" + length + b"\x01")
        yield b"\xdf" + length + b"\x01"
    yield from (b"\x98\x01\x00" + b"\x91" * 60_000, b"\x98\x01\x00" + b"\xdc\xff\xff" * 20_000, b"\x98" * 60_000)
    yield b"\x98\x01\x00\x90\x90\xdc\x04\x01" + (b"\xc4\x20" + bytes(32)) * 1025 + b"\x90\x90\x90"


def claims(count: int, size: int) -> bytes:
    """A true letter with enclosures of any size; their hashes are those of their numbers."""
    named = tuple(
        EnclosureRecord(key=bytes(32), bundle_hash=sha256(b"%d" % n), size=size, name=f"{n}", kind="a/b")
        for n in range(count)
    )
    return encode_letter(letter(random.Random(count), enclosures=named, number=50, text=f"{count} claimed"))


def attack(hostile: Hostile, monkeypatch: pytest.MonkeyPatch, wanted: bytes) -> int:
    """Everything at once; gives back how many letters were made that cannot be opened."""
    bad = 0
    for record in record_bombs():
        hostile.record(record)
        bad += 1
    for body in ((1 << 31).to_bytes(4, "big") + bytes(584), b"\xff" * 588, (9 << 20).to_bytes(4, "big") + bytes(584)):
        hostile.body(monkeypatch, body)
        bad += 1
    true = encode_letter(letter(random.Random(8), text="eight mebibytes of nothing", number=51))
    largest = padding.bundle_class(1204 + 4 + (8 << 20)) - 1204
    hostile.body(monkeypatch, (len(true).to_bytes(4, "big") + true).ljust(largest, b"\0"))
    hostile.body(monkeypatch, (5).to_bytes(4, "big").ljust(largest, b"\0"))
    hostile.record(claims(1000, ENCLOSURE_BYTES_MAX))
    for plain in boxes():
        hostile.boxed(plain)
    for record in note_records():
        hostile.note(record)
    groups = tuple((group, 65_535) for group in range(1024))
    hostile.note(encode_note(Note(day=20_000, wants=(Want(wanted, groups),))))
    hostile.note(encode_note(Note(day=20_000, haves=tuple(sha256(b"%d" % n) for n in range(1024)))))
    for n in range(6):  # where the disk has room for them
        hostile.symbol(sha256(b"%d" % n), BUNDLE_BYTES_MAX, group=4711, index=n)
    for n in range(3):  # no letter names these
        hostile.symbol(sha256(b"nobody's %d" % n), SPOOL_BOND_BYTES_MAX - (1 << 20))
    return bad + 1


def wanted_of(world: World) -> bytes:
    """Something of Bo's that is under way, to be asked for beyond measure."""
    with world.home("bo") as bo:
        writing.write(bo, Draft("ada", "wanted by everybody " * 100))
        syncing.sync(bo)
        rows = bo.vault.all("SELECT hash FROM bundles_out WHERE peer_has = 0")
        return bytes(rows[-1][0])


def read_in_little_memory(world: World) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", READER, str(world.folder)],
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from /proc")
def test_T_BOMB_1_a_hostile_bond_costs_little_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = pair(strangers(tmp_path))
    wanted = wanted_of(world)
    enclosed = world.enclosure(3 << 20, seed=1)
    with world.home("ada") as ada:
        before = [writing.write(ada, Draft("bo", f"before {n}")).id for n in range(3)]
        syncing.sync(ada)
    with world.home("ada") as ada:
        hostile = Hostile(ada, world.post, seed=1)
    bad = attack(hostile, monkeypatch, wanted)
    with world.home("ada") as ada:
        after = [writing.write(ada, Draft("bo", f"after {n}", enclosures=(enclosed,))).id for n in range(2)]
        syncing.sync(ada)
    seen = read_in_little_memory(world)
    for n, letter_id in enumerate(before):
        assert seen["found"][letter_id] == f"before {n}"
    for n, letter_id in enumerate(after):
        assert seen["found"][letter_id] == f"after {n}"
    assert {"eight mebibytes of nothing", "1000 claimed"} <= set(seen["found"].values())
    assert seen["peak_mib"] < 200
    assert not seen["troubles"]
    assert len(seen["verdicts"]) == bad and set(seen["verdicts"]) <= {"malformed_letter", "malformed_bundle", "damaged"}
    left = {path.name for path in world.post.iterdir()} & hostile.names
    assert len(left) <= 9, "only enclosures that have no room stay on the road"
    assert len(list(world.post.iterdir())) < 60, "a want brings no more than what was asked for is long"
    world.sync("ada", "bo", "ada")
    with world.home("ada") as ada:
        assert {each.state for each in reading.letters(ada) if each.id in before + after} == {"arrived"}
