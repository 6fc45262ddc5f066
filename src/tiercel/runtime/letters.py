"""Finding a letter by its id or a unique beginning of it, and showing it in a list."""

from __future__ import annotations

from tiercel.errors import IdAmbiguous, NameUnknown
from tiercel.limits import DAY_MS
from tiercel.vault import bonds, letters
from tiercel.vault.letters import Letter, Summary
from tiercel.wire import to_base32

from .home import Home
from .views import LetterView

_ID_LENGTH = 26


def find(home: Home, text: str, gone: bool = False) -> Letter:
    """The one letter whose id begins with this text; ``gone``: also one of theirs that went back to its writer.

    Raises:
        NameUnknown: No letter has it, or it went back.
        IdAmbiguous: More than one has it.
    """
    wanted = text.strip().lower()
    fitting = [letter for letter in _candidates(home, wanted) if to_base32(letter.id).startswith(wanted)]
    here = [letter for letter in fitting if not _went_back(letter)]
    found = here or (fitting if gone else [])
    if wanted and fitting and not found:
        raise NameUnknown(
            "This letter went back to its writer unopened; nothing of it is here.",
            remedy=f"Its way: tiercel track {wanted}",
        )
    if not wanted or not found:
        raise NameUnknown(f"There is no letter {text!r}.", remedy="`tiercel list` shows the letters and their ids.")
    if len(found) > 1:
        raise IdAmbiguous()
    return found[0]


def _went_back(letter: Letter) -> bool:
    return letter.direction == "in" and letter.state == "returned"


def _candidates(home: Home, wanted: str) -> list[Letter]:
    """Letters by the whole bytes of a prefix; the last few bits are compared as text."""
    bits = 0
    for character in wanted[:_ID_LENGTH]:
        value = "abcdefghijklmnopqrstuvwxyz234567".find(character)
        if value < 0:
            return []
        bits = bits << 5 | value
    length = 5 * len(wanted[:_ID_LENGTH])
    low = (bits >> length % 8).to_bytes(length // 8, "big")[:16]
    where = "id >= ? AND id <= ? AND kind = 0"
    return letters.letters_where(home.vault, where, low, low + b"\xff" * (17 - len(low)))


def view(home: Home, letter: Letter) -> LetterView:
    """A letter as it stands in a list."""
    return views(home, [letters.summary_of(home.vault, letter.seq)])[0]


def views(home: Home, summaries: list[Summary]) -> list[LetterView]:
    """Letters as they stand in a list."""
    names = {bond.id: bond.name for bond in bonds.all_bonds(home.vault)}
    today = home.clock.now_ms() // DAY_MS
    return [_view(letter, names[letter.bond], today, _missing(home, letter)) for letter in summaries]


def _missing(home: Home, summary: Summary) -> int:
    """How many letters before this one have not come; nearly always its numbers already say none."""
    if summary.unnumbered == 0:
        return 0
    from . import gaps

    letter = letters.letter_by_id(home.vault, summary.bond, summary.id)
    return 0 if letter is None else gaps.missing_before(home, letter)


def _view(letter: Summary, bond: str, today: int, missing: int) -> LetterView:
    closed = letter.direction == "in" and letter.not_before_day is not None and letter.not_before_day > today
    return LetterView(
        id=to_base32(letter.id),
        bond=bond,
        direction=letter.direction,
        state=letter.state,
        subject=None if closed else letter.subject,
        written_at=letter.written_at,
        arrived_at=letter.arrived_at,
        read_at=letter.read_at,
        number=letter.number,
        enclosures=letter.enclosures,
        urgent=bool(letter.urgent),
        deadline_at=None if letter.deadline_day is None else (letter.deadline_day + 1) * DAY_MS,
        deadline_day=letter.deadline_day,
        not_before_day=letter.not_before_day,
        closed=closed,
        missing_before=missing,
    )
