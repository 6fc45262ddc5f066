"""Receipts are no presence sensor (T-RCPT-1), and nobody but the correspondent can cause a parcel (T-RCPT-2).

The owner of the measured machine has a strong daily rhythm: a watch visits the road every quarter of an hour, day and
night, and the owner sits down to read at breakfast and in the evening. Letters come at any hour. What an observer of
the road learns of the owner's hours, from how long each receipt took and from when they left, is measured as a share of
all there is to know (mutual information over entropy). A design that sends receipts when the owner is there, and one
that only hurries what waits when somebody reads, are measured in the same way, and give themselves away.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hostile import Hostile
from letter_kit import letter as record_of
from people import Person, bonded, exchange
from post_office import of_letter, parcels
from tiercel.letter.record import encode_letter
from tiercel.limits import DAY_MS
from tiercel.parcel.note import Note, Receipt, ReceiptKind, encode_note
from tiercel.runtime import reading, receipts
from tiercel.sealing.envelope import BondKeys
from tiercel.vault import letters as rows

HOUR_MS = DAY_MS // 24
STEP_MS = HOUR_MS // 4
DAYS, LETTERS_A_DAY = 24, 20
BOUND = 0.01
"""Of what there is to know of the owner's hours. To hurry when somebody reads tells more than twice as much.

That small leak shows in when receipts leave; in how long they took it drowns among so few letters.
"""


@dataclass
class Diary:
    """What happened on the measured machine: when each letter arrived and its receipt left, and when somebody read."""

    arrived: dict[bytes, int] = field(default_factory=dict)
    left: dict[bytes, int] = field(default_factory=dict)
    reads: list[int] = field(default_factory=list)

    def delays(self) -> list[tuple[int, int]]:
        """(arrival, how long the receipt took), both in ms."""
        return [(at, self.left[letter] - at) for letter, at in self.arrived.items() if letter in self.left]


def sits_down(rng: random.Random, day_ms: int) -> list[int]:
    """When the owner reads on one day: at breakfast, and a few times in the evening."""
    evening = [day_ms + int((18.5 + 3 * rng.random()) * HOUR_MS) for _ in range(2)]
    return sorted([day_ms + int((7 + 0.7 * rng.random()) * HOUR_MS), *evening])


def note_receipts(bo: Person, diary: Diary) -> None:
    """Note what arrived at the visit just made, and which receipts left with it."""
    now = bo.clock.now_ms()
    here = bo.home.vault.all("SELECT id FROM letters WHERE direction = 'in' AND kind = 0 AND arrived_at IS NOT NULL")
    for (letter,) in here:
        diary.arrived.setdefault(letter, now)
    waiting = {row[0] for row in bo.home.vault.all("SELECT subject FROM notes_due WHERE what = 'receipt'")}
    for letter, at in diary.arrived.items():
        if letter not in waiting and at < now:
            diary.left.setdefault(letter, now)


def lived(folder: Path, **choice: object) -> Diary:
    """Some weeks of two people, the road visited every quarter of an hour."""
    ada, bo = bonded(folder)
    exchange(ada, bo)
    receipts.set_receipts(bo.home, replace(receipts.receipts(bo.home, "ada"), **choice))  # type: ignore[arg-type]
    rng, diary = random.Random(3), Diary()
    bo.home.watching = True
    first = (bo.clock.now_ms() // DAY_MS + 1) * DAY_MS
    bo.clock.advance(days=(first - bo.clock.now_ms()) / DAY_MS)
    diary.reads = [at for day in range(DAYS) for at in sits_down(rng, first + day * DAY_MS)]
    written = sorted(first + rng.randrange(DAYS * DAY_MS) for _ in range(DAYS * LETTERS_A_DAY))
    sittings = iter(diary.reads)
    sitting = next(sittings)
    for now in range(first, first + DAYS * DAY_MS, STEP_MS):
        due = [at for at in written if now <= at < now + STEP_MS]
        for _ in due:
            ada.write("at any hour")
        if due:
            ada.sync()
        while sitting is not None and sitting < now + STEP_MS:
            for unread in [each for each in reading.letters(bo.home, limit=60) if each.state == "arrived"]:
                reading.read(bo.home, unread.id)
            sitting = next(sittings, None)  # type: ignore[assignment]
        bo.clock.advance(days=STEP_MS / DAY_MS)
        bo.sync()
        note_receipts(bo, diary)
    return diary


def bits(pairs: Iterable[tuple[object, object]]) -> float:
    """The mutual information of two columns, in bits, less what a sample of that size shows of nothing."""
    joint = Counter(pairs)
    total = sum(joint.values())
    left, right = Counter[object](), Counter[object]()
    for (one, other), count in joint.items():
        left[one] += count
        right[other] += count
    shown = sum(
        count / total * math.log2(count * total / (left[one] * right[other])) for (one, other), count in joint.items()
    )
    return max(0.0, shown - (len(left) - 1) * (len(right) - 1) / (2 * total * math.log(2)))


def entropy(column: Iterable[object]) -> float:
    """All there is to know of a column, in bits."""
    counts = Counter(column)
    total = sum(counts.values())
    return -sum(count / total * math.log2(count / total) for count in counts.values())


def share(pairs: Sequence[tuple[object, object]]) -> float:
    """How much of the first column the second one tells: 0 for nothing, 1 for all."""
    return bits(pairs) / entropy(one for one, _other in pairs)


def since(reads: list[int], at: int) -> int:
    """Hours since the owner read last."""
    return min((at - read for read in reads if read <= at), default=DAY_MS) // HOUR_MS


def until(reads: list[int], at: int) -> int:
    """Hours until the owner reads next."""
    return min((read - at for read in reads if read > at), default=DAY_MS) // HOUR_MS


LOOKS: dict[str, Callable[[list[int], int], object]] = {
    "the quarter of the day": lambda _reads, at: at % DAY_MS // (6 * HOUR_MS),
    "whether somebody reads within the hour": lambda reads, at: until(reads, at) == 0,
    "whether somebody read within the hour": lambda reads, at: since(reads, at) == 0,
    "how many hours until somebody reads": lambda reads, at: min(3, until(reads, at)),
    "how many hours since somebody read": lambda reads, at: min(3, since(reads, at)),
}


def learned(diary: Diary, delays: list[tuple[int, int]]) -> dict[str, float]:
    """What share of the owner's hours the delays tell, look by look."""
    ordered = sorted(delay for _at, delay in delays)
    cuts = [ordered[len(ordered) * n // 4] for n in (1, 2, 3)]
    binned = [(at, sum(delay >= cut for cut in cuts)) for at, delay in delays]
    return {name: share([(look(diary.reads, at), delay) for at, delay in binned]) for name, look in LOOKS.items()}


def told_by_leaving(diary: Diary, left: Iterable[int]) -> float:
    """What share of when somebody read the receipts tell that leave with a visit, or do not."""
    first, last = min(diary.arrived.values()), max(diary.arrived.values())
    visits, leaving = range(first, last + 1, STEP_MS), set(left)
    read = {first + -(-(at - first) // STEP_MS) * STEP_MS for at in diary.reads}
    return share([(now in read, now in leaving) for now in visits])


def naive(diary: Diary) -> list[tuple[int, int]]:
    """The same letters, their receipts sent when the owner is there next."""
    last = diary.reads[-1]
    return [(at, next_of(diary.reads, at) - at) for at in diary.arrived.values() if at < last]


def next_of(reads: list[int], at: int) -> int:
    """When the owner reads next."""
    return min(read for read in reads if read > at)


def hurried(diary: Diary) -> dict[bytes, int]:
    """When each receipt had left if all that wait left with the visit after somebody reads: a small leak."""
    visit, found = min(diary.left.values()), dict[bytes, int]()
    for letter, left in diary.left.items():
        at = diary.arrived[letter]
        read = next_of([*diary.reads, 1 << 62], at)
        found[letter] = min(left, visit - (visit - read) // STEP_MS * STEP_MS)
    return found


@pytest.mark.parametrize("choice", [{}, {"read": True}], ids=["as it comes", "with read receipts"])
def test_T_RCPT_1(tmp_path: Path, choice: dict[str, object]) -> None:
    """How long a receipt took tells nothing of when the owner was there; two other designs do."""
    diary = lived(tmp_path, **choice)
    delays = diary.delays()
    assert len(delays) > 0.9 * DAYS * LETTERS_A_DAY
    assert max(delay for _at, delay in delays) <= HOUR_MS + STEP_MS
    assert len({delay for _at, delay in delays}) >= 4, "they wait for different times"
    assert len(set(diary.left.values())) < len(delays), "what waits goes together"
    told, given_away = learned(diary, delays), learned(diary, naive(diary))
    assert max(told.values()) < BOUND and told_by_leaving(diary, diary.left.values()) < BOUND, told
    assert min(given_away.values()) > 20 * BOUND, given_away
    assert told_by_leaving(diary, hurried(diary).values()) > 2 * BOUND


# -- nothing but the correspondent ---------------------------------------------------------------------


def noise(_ada: Person, _bo: Person, hostile: Hostile, _folder: Path) -> None:
    """Files of the right sizes that are no parcels."""
    for size in (65_536, 1_048_576):
        hostile.put(hostile.rng.randbytes(size))


def strangers(_ada: Person, _bo: Person, hostile: Hostile, folder: Path) -> None:
    """True parcels of two other people, who share the folder."""
    (folder / "far").mkdir()
    cleo, dan = bonded(folder / "far", seed="far")
    cleo.write("not for you")
    cleo.sync()
    dan.write("nor this", enclosures=(Path(__file__),))
    dan.sync()
    there = parcels(folder / "far" / "post")
    assert there
    for path in there:
        hostile.put(path.read_bytes())


def changed(ada: Person, _bo: Person, hostile: Hostile, folder: Path) -> None:
    """Parcels of the correspondent with one byte changed, whichever."""
    letter = ada.write("will be changed")
    ada.sync()
    for path in of_letter(ada, letter, folder / "post"):
        true = path.read_bytes()
        path.unlink()
        for at in (0, 20, 40, 60, 100, 2000, len(true) - 1):
            hostile.put(true[:at] + bytes([true[at] ^ 1]) + true[at + 1 :])


def mirrored(_ada: Person, bo: Person, hostile: Hostile, folder: Path) -> None:
    """The machine's own parcels under other names."""
    bo.write("comes back to me")
    bo.sync()
    own = {path: path.read_bytes() for path in parcels(folder / "post")}
    assert own
    for data in own.values():
        hostile.put(data)


def forged_letter(_ada: Person, _bo: Person, hostile: Hostile, _folder: Path) -> None:
    """Whoever has the parcel keys and a gift, and not the secret of the bond."""
    hostile.letter_keys = BondKeys(hostile.letter_keys.bond_id, bytes(32))
    hostile.record(encode_letter(record_of(random.Random(9), number=40, text="never to be seen")))


def damaged_letter(_ada: Person, _bo: Person, hostile: Hostile, _folder: Path) -> None:
    """A seal that does not open."""
    bundle = bytearray(hostile.sealed(encode_letter(record_of(random.Random(9), number=40, text="never to be seen"))))
    bundle[900] ^= 8
    hostile.bundle(bytes(bundle))


def forged_receipts(_ada: Person, bo: Person, hostile: Hostile, _folder: Path) -> None:
    """Receipts for letters that are here, without their secrets."""
    day = bo.clock.now_ms() // DAY_MS
    ids = [row.id for row in rows.letters_where(bo.home.vault, "direction = 'in'")]
    receipts_ = tuple(Receipt(ReceiptKind.READ, letter_id, bytes(32)) for letter_id in ids)
    hostile.note(encode_note(Note(day=day, receipts=receipts_)))


@pytest.mark.parametrize("bring", [noise, strangers, changed, mirrored, forged_letter, damaged_letter, forged_receipts])
@pytest.mark.parametrize("watched", [False, True], ids=["synced", "watched"])
def test_T_RCPT_2(tmp_path: Path, bring: Callable[[Person, Person, Hostile, Path], None], watched: bool) -> None:
    """What is forged or foreign makes this machine put nothing on the road, then or later."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    ada.write("a letter that is here")
    exchange(ada, bo)
    bring(ada, bo, Hostile(ada.home, tmp_path / "post", seed=1, gifts=1), tmp_path)
    before = {path.name for path in parcels(tmp_path / "post")}
    bo.home.watching = watched
    put = 0
    for _ in range(30):
        put += bo.sync().put
        bo.clock.advance(days=0.1)
    assert put == 0 and {path.name for path in parcels(tmp_path / "post")} <= before
    assert len([each for each in reading.letters(bo.home) if each.direction == "in"]) == 1


def test_T_RCPT_2_would_see_an_answer(tmp_path: Path) -> None:
    """The control: a true letter that comes again a day later is answered, once, and the same measure sees it."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    letter = ada.write("a letter that is here")
    ada.sync()
    (true,) = [path.read_bytes() for path in of_letter(ada, letter, tmp_path / "post")]
    exchange(bo, ada)
    bo.clock.advance(days=1)
    put = 0
    for _ in range(5):
        Hostile(ada.home, tmp_path / "post", seed=2, gifts=0).put(true)
        put += bo.sync().put
        put += bo.sync().put
    assert put == 1
