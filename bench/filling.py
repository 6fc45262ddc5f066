"""Vaults with very many letters, filled through the vault room itself; words follow Zipf's law, as language does."""

from __future__ import annotations

import itertools
import random

from tiercel.limits import DAY_MS
from tiercel.runtime.home import Home
from tiercel.vault import bonds, letters

WORDS = 40_000
LETTER_WORDS = 300  # about 2 KiB
BATCH = 1000


def fill(home: Home, count: int, seed: int = 1) -> random.Random:
    """Add letters of one bond, indexed, a thousand in a transaction; give the dice, for queries."""
    dice = random.Random(seed)
    words = [word(n) for n in range(WORDS)]
    weights = list(itertools.accumulate(1 / (n + 2) for n in range(WORDS)))
    bond = bonds.all_bonds(home.vault)[0].id
    for start in range(0, count, BATCH):
        with home.vault.transaction():
            for n in range(start, min(count, start + BATCH)):
                text = " ".join(dice.choices(words, cum_weights=weights, k=LETTER_WORDS))
                letter = letters.add_letter(
                    home.vault, id=dice.randbytes(16), bond=bond, direction="in", state="arrived", subject=text[:40],
                    body=text, number=n + 1, written_at=n * 60_000, arrived_at=n * 60_000 + DAY_MS,
                )  # fmt: skip
                letters.index_letter(home.vault, letter)
    return dice


def word(rank: int) -> str:
    """The word of that rank: made of syllables, short ones for the common."""
    syllables = ("ba", "de", "fi", "go", "hu", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "wo", "zu", "kra")
    text = ""
    rank += 16
    while rank:
        text += syllables[rank % 16]
        rank //= 16
    return text
