"""T-SIZE-1: what a letter says, quotes or carries beside its text does not show in the size of what leaves."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest

from people import Person, bonded, exchange
from tiercel.limits import BUNDLE_OVERHEAD_BYTES, LETTER_CLASSES, SYMBOL_SMALL_BYTES

CLASSES = [symbols * SYMBOL_SMALL_BYTES for symbols in LETTER_CLASSES[:5]]
RECORD_BYTES = 360  # of a record, at the most, without its text
SECRET = "the key lies under the third stone of the garden wall"


def text_of(rng: random.Random, size: int, quoted: str) -> str:
    """A text of a length in bytes that quotes what somebody else chose: right, nearly right or wrong."""
    alphabet = rng.choice(["ab", "the quick brown fox ", "".join(map(chr, range(32, 127)))])
    room = size - len(quoted.encode()) - len(SECRET) - 2
    return "\n".join([quoted, SECRET, "".join(rng.choices(alphabet, k=room))])


def quotes(rng: random.Random) -> list[str]:
    """Guesses of a secret that the answer holds too; none, right, near and wrong."""
    wrong = "".join(rng.sample(SECRET, len(SECRET)))
    return ["", SECRET, SECRET[:-5] + "wharf", wrong, SECRET * 2, "\x00" * 53, "łłłłłłłłłłłłłł", "> " + SECRET]


def bundles_of(person: Person, letters: list[str]) -> list[tuple[int, int]]:
    """The length of the bundle of each letter, and in how many parcels it went."""
    rows = person.home.vault.all(
        "SELECT length, (SELECT count(*) FROM handed WHERE handed.bundle = bundles_out.hash) FROM bundles_out"
        " JOIN letters ON letters.seq = bundles_out.letter WHERE bundles_out.kind = 1 AND letters.kind = 0"
    )
    assert len(rows) == len(letters)
    return [(length, parcels) for length, parcels in rows]


@pytest.mark.parametrize(("below", "size"), [(0, CLASSES[0]), *pairwise(CLASSES)])
def test_T_SIZE_1(tmp_path: Path, below: int, size: int) -> None:
    """With gifts or without, with subject, place and answer or without: one length, in as many parcels."""
    rng = random.Random(size)
    ada, bo = bonded(tmp_path, size)
    answered = bo.write("an earlier one")
    exchange(bo, ada)
    least, most = max(0, below - BUNDLE_OVERHEAD_BYTES), size - BUNDLE_OVERHEAD_BYTES - RECORD_BYTES
    letters = []
    for quoted in [each for each in quotes(rng) for _ in range(5)]:
        fits = max(least, len((quoted + SECRET).encode()) + 2)
        more: dict[str, object] = {"reply_to": answered} if rng.random() < 0.3 else {}
        more |= {"urgent": rng.random() < 0.3, "subject": rng.choice([None, "s", "on the wall"])}
        letters.append(ada.write(text_of(rng, rng.randint(fits, max(fits, most)), quoted), **more))
    ada.sync()
    assert {length for length, _parcels in bundles_of(ada, letters)} == {size}
    assert len(set(bundles_of(ada, letters))) == 1
