"""Letters, their enclosures, the events of their way, and the search index, kept in step in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import bundles, settings
from .rows import insert, select, select_one, update
from .store import Vault

LETTER, SERVICE, OPENING, END, RESTORED = 0, 1, 2, 3, 4
_LOW = (1 << 32) - 1
_VISIT_MAX = (1 << 63) - 1


@dataclass(frozen=True)
class Letter:
    """A row of ``letters``; see schema/0001.sql and 0002.sql for each column."""

    seq: int
    id: bytes
    bond: int
    direction: str
    kind: int
    state: str
    number: int | None
    previous: bytes | None
    subject: str | None
    place: str | None
    dated: str | None
    body: str = field(repr=False)
    reply_to: bytes | None
    urgent: int
    written_at: int | None
    deadline_day: int | None
    not_before_day: int | None
    arrived_at: int | None
    shown_at: int | None
    read_at: int | None
    receipt_secret: bytes | None = field(repr=False)
    receipt_at: int | None
    answered_at: int | None
    recall_at: int | None
    burnt_at: int | None
    weaker: int
    seals: int
    carried_root: int | None
    planned: int
    incarnation: bytes | None
    accepted_at: int | None
    boxes: int | None = None


@dataclass(frozen=True)
class Summary:
    """What a list shows of a letter: no text, and how many enclosures it has."""

    id: bytes
    bond: int
    direction: str
    state: str
    subject: str | None
    written_at: int | None
    arrived_at: int | None
    read_at: int | None
    number: int | None
    urgent: int
    deadline_day: int | None
    not_before_day: int | None
    enclosures: int
    unnumbered: (
        int  # in: numbers of the same incarnation below this letter's that are not here; more if two have its own
    )


_BELOW = """SELECT number FROM letters AS below WHERE below.bond = letters.bond AND below.direction = 'in'
    AND below.number < letters.number AND below.incarnation IS letters.incarnation ORDER BY number DESC LIMIT 1"""
_TWIN = """EXISTS (SELECT 1 FROM letters AS twin WHERE twin.bond = letters.bond AND twin.direction = 'in'
    AND twin.number = letters.number AND twin.incarnation IS letters.incarnation AND twin.seq <> letters.seq)"""
_SUMMARY = (
    "SELECT id, bond, direction, state, letters.subject, written_at, arrived_at, read_at, number, urgent, deadline_day,"
    " not_before_day,"
    " (SELECT count(*) FROM enclosures WHERE letter = letters.seq),"
    f" iif(direction = 'in' AND number > 1, number - 1 - ifnull(({_BELOW}), 0) + {_TWIN}, 0) "
)
_SHOWN = "kind = 0 AND NOT (direction = 'in' AND state = 'returned')"


@dataclass(frozen=True)
class Enclosure:
    """A row of ``enclosures``."""

    letter: int
    n: int
    name: str
    kind: str
    size: int
    key: bytes = field(repr=False)
    bundle_hash: bytes
    file: str | None
    asked_at: int | None = None


@dataclass(frozen=True)
class LetterEvent:
    """A row of ``events``."""

    at: int
    what: str
    road: str | None
    until: int | None


def add_letter(vault: Vault, **values: Any) -> Letter:
    """Add a letter and give it back."""
    insert(vault, "letters", listed=_listed(vault, **values), **values)
    letter = letter_by_id(vault, values["bond"], values["id"])
    assert letter is not None
    return letter


def _listed(vault: Vault, *, direction: str, number: int | None = None, **rest: Any) -> int:
    """Where a letter stands in a list: ours as written, theirs by the visit that brought them and then by number.

    The parcels of one visit come in no order at all, and would list letter 3 before letter 1. A letter that comes late
    takes its place before the next higher number that is here.
    """
    visit = settings.get_int(vault, "visit", 0) << 33
    if direction == "in":
        return min(visit, _visit_above(vault, number, **rest)) | (number or 0) & _LOW
    newest = vault.one("SELECT ifnull(max(seq), 0) FROM letters")
    return visit | 1 << 32 | (int(newest[0]) + 1 if newest else 1) & _LOW


def _visit_above(
    vault: Vault, number: int | None = None, bond: int = 0, incarnation: bytes | None = None, **_rest: object
) -> int:
    """The visit, as it stands in a list, of the letter with the next higher number."""
    row = vault.one(
        "SELECT listed FROM letters WHERE bond = ? AND direction = 'in' AND number > ? AND incarnation IS ?"
        " ORDER BY number LIMIT 1",
        bond, number, incarnation,
    )  # fmt: skip
    return int(row[0]) >> 33 << 33 if row else _VISIT_MAX


def letter_by_id(vault: Vault, bond: int, letter: bytes) -> Letter | None:
    """The letter that a bond knows by this id; to another bond the same id says nothing (I10)."""
    return select_one(vault, Letter, "letters", "WHERE bond = ? AND id = ?", bond, letter)


def letter_at(vault: Vault, seq: int) -> Letter | None:
    """The letter of that row: what the vault itself refers to."""
    return select_one(vault, Letter, "letters", "WHERE seq = ?", seq)


def change_letter(vault: Vault, letter: int, **values: object) -> None:
    """Change columns of the letter of that ``seq``."""
    update(vault, "letters", "seq = ?", (letter,), **values)


def letters_where(vault: Vault, where: str, *args: object) -> list[Letter]:
    """Letters by a condition of this code's own."""
    return select(vault, Letter, "letters", "WHERE " + where, *args)


def letters_numbered(vault: Vault, bond: int, number: int) -> list[Letter]:
    """Incoming letters of that number, of whichever incarnation of their writer."""
    return letters_where(vault, "bond = ? AND direction = 'in' AND number = ?", bond, number)


def shown_letters(vault: Vault, bond: int | None, limit: int) -> list[Summary]:
    """Letters a person sees, newest first: no service letters, nothing returned unseen. A negative limit is none."""
    where = f"FROM letters WHERE {_SHOWN} ORDER BY listed DESC, seq DESC LIMIT ?"
    if bond is None:
        return _summaries(vault, where, limit)
    return _summaries(vault, where.replace("WHERE", "WHERE bond = ? AND"), bond, limit)


def summary_of(vault: Vault, letter: int) -> Summary:
    """One letter as a list shows it."""
    return _summaries(vault, "FROM letters WHERE seq = ?", letter)[0]


def _summaries(vault: Vault, where: str, *args: object) -> list[Summary]:
    return [Summary(*row) for row in vault.all(_SUMMARY + where, *args)]


def burn(vault: Vault, letter: Letter) -> list[str]:
    """Delete a letter's text and enclosure keys but keep its id; give back the enclosure files to remove."""
    vault.run("DELETE FROM letters_fts WHERE rowid = ?", letter.seq)
    change_letter(vault, letter.seq, body="", subject=None, place=None, dated=None)
    stored = vault.all("SELECT bundle_hash, file FROM enclosures WHERE letter = ? AND file IS NOT NULL", letter.seq)
    files = [file for _hash, file in stored]
    begun = (
        "bond = ? AND hash IN (SELECT bundle_hash FROM enclosures WHERE letter = ? AND file IS NULL)"
        " AND hash NOT IN (SELECT bundle_hash FROM enclosures WHERE letter <> ?)"
    )
    halves = vault.all(f"SELECT hash, file FROM bundles_in WHERE {begun}", letter.bond, letter.seq, letter.seq)
    vault.run("DELETE FROM enclosures WHERE letter = ?", letter.seq)
    for digest, file in halves:
        bundles.drop_symbols(vault, letter.bond, digest)
        bundles.change_in(vault, letter.bond, digest, standing="spent", file=None)
        files += [file] if file else []
    for digest, _file in stored if letter.direction == "in" else ():
        _taken(vault, letter.bond, digest)
    return files


def _taken(vault: Vault, bond: int, bundle_hash: bytes) -> None:
    """No letter names it any more: known as taken, so that a copy on some road is not gathered again."""
    vault.run(
        "UPDATE bundles_in SET standing = 'spent', file = NULL WHERE bond = ?1 AND hash = ?2 AND file IS NOT NULL AND"
        " NOT EXISTS (SELECT 1 FROM enclosures WHERE bundle_hash = ?2 AND enclosures.file = bundles_in.file)",
        bond, bundle_hash,
    )  # fmt: skip


def burnable(vault: Vault, bond: int, read_before_ms: int | None, sent: bool) -> list[Letter]:
    """Letters whose text the retention rule of a bond ends: theirs read before an instant, ours with a receipt.

    None of them while enclosures are still on their way: they could never become whole.
    """
    unburnt, found = "bond = ? AND kind = 0 AND burnt_at IS NULL AND arrived_at IS NOT NULL", list[Letter]()
    if read_before_ms is not None:
        found += letters_where(vault, f"{unburnt} AND direction = 'in' AND read_at <= ?", bond, read_before_ms)
    if sent:
        arrived = "direction = 'out' AND state IN ('arrived', 'read', 'answered')"
        found += letters_where(vault, f"{unburnt} AND {arrived}", bond)
    return found


def waiting(vault: Vault) -> int:
    """How many letters of ours, of all bonds, wait for a receipt."""
    row = vault.one("SELECT n FROM tallied WHERE what = 'waiting'")
    return int(row[0]) if row else 0


def with_enclosures_under_way(vault: Vault) -> list[Letter]:
    """Letters of ours whose enclosures are sent, or wait to be sealed with them; oldest first."""
    sent = "SELECT letter FROM bundles_out WHERE file IS NOT NULL"
    sealed = "SELECT letter FROM sealings WHERE EXISTS (SELECT 1 FROM enclosures WHERE letter = sealings.letter)"
    return letters_where(vault, f"seq IN ({sent} UNION {sealed}) ORDER BY seq")


def shares_enclosures(vault: Vault, letter: int) -> Letter | None:
    """Another letter of ours, under way or to go on, that carries an enclosure of this one: it is sent under one bond.

    Args:
        vault: Open.
        letter: Its ``seq``.
    """
    mine = "SELECT bundle_hash FROM enclosures WHERE letter = ?1"
    carried = f"SELECT letter FROM enclosures WHERE bundle_hash IN ({mine})"
    goes_on = "state IN ('accepted', 'sealed', 'handed over') OR seq IN (SELECT letter FROM bundles_out)"
    doubted = "state = 'held' AND bond IN (SELECT id FROM bonds WHERE state = 'bonded')"
    where = f"seq IN ({carried}) AND seq <> ?1 AND direction = 'out' AND ({goes_on} OR {doubted}) ORDER BY seq LIMIT 1"
    return next(iter(letters_where(vault, where, letter)), None)


def change_text(vault: Vault, letter: Letter, text: str) -> None:
    """Put another text in the place of a letter's, also in the search index."""
    vault.run("DELETE FROM letters_fts WHERE rowid = ?", letter.seq)
    change_letter(vault, letter.seq, body=text)
    changed = letter_at(vault, letter.seq)
    assert changed is not None
    index_letter(vault, changed)


def drop_letter(vault: Vault, letter: Letter) -> list[str]:
    """Delete a letter that nobody else ever heard of; give back the enclosure files to remove."""
    files = burn(vault, letter)
    vault.run("DELETE FROM events WHERE letter = ?", letter.seq)
    vault.run("DELETE FROM letters WHERE seq = ?", letter.seq)
    return files


# -- enclosures --------------------------------------------------------------------------------------


def add_enclosure(vault: Vault, enclosure: Enclosure) -> None:
    """Add an enclosure to a letter."""
    insert(vault, "enclosures", **vars(enclosure))


def enclosures_of(vault: Vault, letter: int) -> list[Enclosure]:
    """The enclosures of a letter, in order."""
    return select(vault, Enclosure, "enclosures", "WHERE letter = ? ORDER BY n", letter)


def letters_naming(vault: Vault, bond: int, bundle_hash: bytes) -> list[Letter]:
    """Incoming letters of a bond in which a bundle is enclosed."""
    where = "bond = ? AND direction = 'in' AND seq IN (SELECT letter FROM enclosures WHERE bundle_hash = ?)"
    return letters_where(vault, where, bond, bundle_hash)


def enclosures_by_hash(vault: Vault, bond: int, bundle_hash: bytes) -> list[Enclosure]:
    """Enclosures of incoming letters of a bond that wait for a bundle."""
    where = (
        "WHERE bundle_hash = ? AND file IS NULL AND letter IN"
        " (SELECT seq FROM letters WHERE bond = ? AND direction = 'in')"
    )
    return select(vault, Enclosure, "enclosures", where, bundle_hash, bond)


def enclosures_overdue(vault: Vault, now_ms: int, after_ms: int, most: int) -> list[tuple[Letter, Enclosure]]:
    """Enclosures that letters wait for and that were not asked for of late, the longest first: (letter, enclosure)."""
    where = "WHERE file IS NULL AND asked_at NOT BETWEEN ? AND ? ORDER BY asked_at LIMIT ?"
    waiting = select(vault, Enclosure, "enclosures", where, now_ms - after_ms + 1, now_ms, most)
    return [(letter, item) for item in waiting if (letter := letter_at(vault, item.letter)) is not None]


def await_enclosures_again(vault: Vault, letter: int, asked_ms: int) -> None:
    """Wait again for enclosures of a letter that were given up, as if they had been asked for at an instant.

    One long ago would put them before all others, and of very many only the first are asked for at a visit.
    """
    given_up = "letter = ? AND file IS NULL AND asked_at IS NULL"
    vault.run(f"UPDATE enclosures SET asked_at = ? WHERE {given_up}", asked_ms, letter)


def enclosure_whole(vault: Vault, enclosure: Enclosure, file: str) -> None:
    """Remember where an enclosure lies, now that it is whole."""
    update(vault, "enclosures", "letter = ? AND n = ?", (enclosure.letter, enclosure.n), file=file)


def enclosure_files(vault: Vault) -> set[str]:
    """Names of all files under enclosures/ that anything refers to."""
    rows = vault.all(
        "SELECT file FROM enclosures WHERE file IS NOT NULL UNION SELECT file FROM bundles_in WHERE file IS NOT NULL"
        " UNION SELECT file FROM bundles_out WHERE file IS NOT NULL"
    )
    return {row[0] for row in rows}


# -- events ------------------------------------------------------------------------------------------


def add_event(vault: Vault, letter: int, at: int, what: str, road: str | None = None, until: int | None = None) -> None:
    """Add a step to a letter's way."""
    insert(vault, "events", letter=letter, at=at, what=what, road=road, until=until)


def drop_event(vault: Vault, letter: int, what: str, road: str) -> None:
    """Forget a step over a road, because it happens once more and is recorded then."""
    vault.run("DELETE FROM events WHERE letter = ? AND what = ? AND road = ?", letter, what, road)


def events_of(vault: Vault, letter: int) -> list[LetterEvent]:
    """The way of a letter so far."""
    return select(vault, LetterEvent, "events", "WHERE letter = ? ORDER BY id", letter)


# -- search ------------------------------------------------------------------------------------------


def index_letter(vault: Vault, letter: Letter) -> None:
    """Put a letter into the search index, in the transaction that stores it."""
    names = " ".join(enclosure.name for enclosure in enclosures_of(vault, letter.seq))
    vault.run(
        "INSERT INTO letters_fts (rowid, subject, body, names, place) VALUES (?, ?, ?, ?, ?)",
        letter.seq, letter.subject or "", letter.body, names, letter.place or "",
    )  # fmt: skip


def search_letters(vault: Vault, words: str, bond: int | None, today: int, limit: int) -> list[Summary]:
    """Letters that may be opened today and hold every word (a last word may be a beginning), newest first."""
    terms = ['"' + word.replace('"', '""') + '"' for word in words.split()]
    if not terms:
        return []
    query = " AND ".join(terms) + " *"
    # The index is walked from its newest letter, and no further than the limit: a word of every letter costs no more.
    where = f"""FROM letters_fts CROSS JOIN letters ON seq = letters_fts.rowid
        WHERE letters_fts MATCH ? AND bond = ifnull(?, bond) AND {_SHOWN}
        AND (direction = 'out' OR ifnull(not_before_day, 0) <= ?) ORDER BY letters_fts.rowid DESC LIMIT ?"""
    return _summaries(vault, where, query, bond, today, limit)
