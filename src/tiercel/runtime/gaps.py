"""Letters that were written before one that is here, and are not here: counted, and told from those taken back.

Each letter carries its number and a hash over the letters before it (spec/letter.md 3), both per incarnation of its
writer. A number that is not here is a gap, unless it belongs to a letter that was taken back before it came: of that
one only the id is known, and the hash chain tells whether it fits.
"""

from __future__ import annotations

from itertools import islice, permutations

from tiercel.vault import letters, numbers
from tiercel.vault.letters import Letter

from .home import Home

ORDERS_TRIED_MAX = 2000
"""Ways to fit letters taken back into a gap that are tried; with more, the gap is shown though it may be explained."""


def missing_before(home: Home, letter: Letter) -> int:
    """How many letters directly before an incoming one are neither here nor known to have been taken back."""
    if letter.direction != "in" or not letter.number or letter.number == 1:
        return 0
    if letter.previous is None or not any(letter.previous):  # the writer's chain begins here
        return 0
    if _joined(home, letter):
        return 0
    below = numbers.numbered_below(home.vault, letter)
    number = below.number or 0 if below is not None else 0
    between = numbers.numbers_between(home.vault, letter.bond, number, letter.number)
    if not between and _taken_back(home, letter, below):
        return 0
    return max(1, letter.number - number - 1 - between)  # a chain that does not join lacks one letter at least


def _chain(letter: Letter) -> bytes:
    """What the letter after this one names as its ``previous``."""
    from tiercel.letter.record import id_chain  # a list without gaps needs none of this, and waits for none of it

    return id_chain(letter.id, letter.number or 0, letter.previous or b"")


def _joined(home: Home, letter: Letter) -> bool:
    """Whether the letter before is here, of whichever incarnation: one sealed again after a restore is of the newer."""
    before = letters.letters_numbered(home.vault, letter.bond, (letter.number or 0) - 1)
    return any(_chain(each) == letter.previous for each in before)


def _taken_back(home: Home, letter: Letter, below: Letter | None) -> bool:
    """Whether letters that were taken back before they came fill the gap: in some order the chain fits."""
    from tiercel.letter.record import FIRST_PREVIOUS, id_chain

    first = 1 + (below.number or 0 if below is not None else 0)
    gap = range(first, letter.number or 0)
    ids = numbers.taken_back_unseen(home.vault, letter.bond)
    if len(gap) > len(ids):
        return False
    for order in islice(permutations(ids, len(gap)), ORDERS_TRIED_MAX):
        value = FIRST_PREVIOUS if below is None else _chain(below)
        for number, letter_id in zip(gap, order, strict=True):
            value = id_chain(letter_id, number, value)
        if value == letter.previous:
            return True
    return False
