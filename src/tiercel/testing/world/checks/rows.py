"""Which letters an act touched, found by an index: only letters with new rows in ``events``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tiercel.wire import to_base32

if TYPE_CHECKING:
    from .base import PersonSeen

FULL_EVERY = 64
"""Acts of a person after which all letters are looked at, whether touched or not."""

_COLUMNS = (
    "seq, id, bond, direction, kind, state, number, arrived_at, shown_at, read_at, recall_at, burnt_at, deadline_day,"
    " length(CAST(body AS BLOB))"
)


class Row(NamedTuple):
    """A letter as a vault has it. ``id`` as people see it; ``size`` is the length of its text in UTF-8 bytes."""

    seq: int
    id: str
    bond: int
    direction: str
    kind: int
    state: str
    number: int | None
    arrived_at: int | None
    shown_at: int | None
    read_at: int | None
    recall_at: int | None
    burnt_at: int | None
    deadline_day: int | None
    size: int


class Touched:
    """Remembers for each person up to which event the letters were looked at."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int, int]] = {}

    def of(self, person: PersonSeen, full: bool = False) -> tuple[list[Row], bool]:
        """Letters with new events, and whether it is all letters instead."""
        line, newest, acts = self._seen.get(person.name, (-1, 0, 0))
        full = full or line != person.line or acts % FULL_EVERY == FULL_EVERY - 1
        (last,) = person.home.vault.one("SELECT ifnull(max(id), 0) FROM events") or (0,)
        self._seen[person.name] = person.line, last, acts + 1
        if full:
            return all_letters(person), True
        return (_select(person, _NEW, newest) if last > newest else []), False


_NEW = "WHERE seq IN (SELECT letter FROM events WHERE id > ?)"


def all_letters(person: PersonSeen) -> list[Row]:
    """Every letter of a vault, drafts and service letters too."""
    return _select(person, "")


def letter(person: PersonSeen, letter_id: bytes) -> Row | None:
    """One letter by its id, if the vault has it."""
    return next(iter(_select(person, "WHERE id = ?", letter_id)), None)


def _select(person: PersonSeen, where: str, *args: object) -> list[Row]:
    found = person.home.vault.all(f"SELECT {_COLUMNS} FROM letters {where}", *args)
    return [Row(each[0], to_base32(each[1]), *each[2:]) for each in found]
