"""Reading: lists, one letter opened, enclosures saved, the way of a letter, search."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from tiercel.delivery.states import State
from tiercel.errors import (
    Damaged,
    DiskFull,
    EnclosureDamaged,
    NameUnknown,
    NotBefore,
    NotWhole,
    UsageError,
)
from tiercel.letter.names import free_name, safe_name
from tiercel.limits import DAY_MS
from tiercel.vault import bonds, bundles
from tiercel.vault import letters as rows
from tiercel.vault.letters import Enclosure, Letter
from tiercel.wire import to_base32

from . import outlooks
from .home import Home
from .letters import find, view, views
from .prospects import what_next
from .views import (
    EnclosureView,
    EventView,
    LetterView,
    NextView,
    OpenLetterView,
    Progress,
    WayView,
    day_text,
    no_progress,
)
from .working import SyncedFile

SEARCH_LIMIT = 200
MINUTE_MS = 60_000
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


def letters(home: Home, bond: str | None = None, limit: int | None = None) -> list[LetterView]:
    """Letters, newest first, of one bond or of all; at most ``limit`` of them."""
    chosen = None if bond is None else home.bond(bond).id
    return views(home, rows.shown_letters(home.vault, chosen, -1 if limit is None else limit))


def read(home: Home, letter_id: str, peek: bool = False, receipt: bool | None = None) -> OpenLetterView:
    """Open a letter. Reading marks it read, peeking does not; both mean that it was shown.

    Args:
        home: Opened.
        letter_id: Id or a unique beginning of it.
        peek: Show without marking it read.
        receipt: Tell the writer that it was read, or not; None as the reader chose for the bond.

    Raises:
        NotBefore: The writer asked that it be opened on a later day.
    """
    with home.office.transaction():
        letter = find(home, letter_id)
        if letter.direction == "in":
            _mark_shown(home, letter, peek)
            _tell_read(home, letter, peek, receipt)
        letter = find(home, to_base32(letter.id))
    return OpenLetterView(
        letter=view(home, letter),
        body=letter.body,
        place=letter.place,
        dated=letter.dated,
        reply_to=to_base32(letter.reply_to) if letter.reply_to else None,
        enclosures=tuple(
            EnclosureView(item.n, item.name, item.size, item.file is not None)
            for item in rows.enclosures_of(home.vault, letter.seq)
        ),
        burnt_at=letter.burnt_at,
    )


def _mark_shown(home: Home, letter: Letter, peek: bool) -> None:
    now = home.clock.now_ms()
    if letter.not_before_day is not None and letter.not_before_day * DAY_MS > now:
        name = bonds.bond_by_id(home.vault, letter.bond).name
        raise NotBefore(f"{name} asks that this letter stay closed until {day_text(letter.not_before_day)}.")
    if letter.shown_at is None:
        rows.change_letter(home.vault, letter.seq, shown_at=now)
    if not peek and letter.read_at is None:
        state = State.READ.value if letter.state == State.ARRIVED.value else letter.state
        rows.change_letter(home.vault, letter.seq, read_at=now, state=state)
        rows.add_event(home.vault, letter.seq, now, "read")


def _tell_read(home: Home, letter: Letter, peek: bool, receipt: bool | None) -> None:
    """Tell the writer that it was read, if the reader says so here or, reading it for the first time, for the bond."""
    bond = bonds.bond_by_id(home.vault, letter.bond)
    chosen = letter.read_at is None and bool(bond.read_receipts) if receipt is None else receipt
    if chosen and not peek:
        from tiercel.delivery.events import LetterReadHere  # a list needs none of this, and waits for none of it

        home.office.tell(LetterReadHere(letter.seq))


def save_enclosure(
    home: Home, letter_id: str, n: int, folder: Path, progress: Progress = no_progress
) -> tuple[Path, int]:
    """Open an enclosure into a folder under a safe name that is free there; give back the path and its size.

    The letter counts as shown from then on, as if it had been peeked at: a recall is answered `kept`.
    Every chunk is verified into a hidden temporary file first; only a whole enclosure gets its name.

    Raises:
        NameUnknown: The letter has no such enclosure.
        NotWhole: It has not come whole.
        NotBefore: The writer asked that the letter be opened on a later day.
        EnclosureDamaged: Its stored file fails its check; nothing was saved.
        UsageError: The folder is not there, or cannot be written.
        DiskFull: No room there.
    """
    if not folder.is_dir():
        raise UsageError(f"The folder {folder} is not there; nothing was saved.")
    with home.vault.transaction():
        letter = find(home, letter_id)
        item = _enclosure(home, letter, n)
        if letter.direction == "in":
            _mark_shown(home, letter, peek=True)  # first: a recall may come while it is opened
    part = folder / f".{to_base32(home.entropy.token(10))}.part"
    try:
        _open_into(home, item, part, progress)
        return _give_name(part, folder, safe_name(item.name)), item.size
    except OSError as error:
        said = f"{folder} cannot be written: {error.strerror or error}. Nothing was saved."
        raise (DiskFull(said) if error.errno in _FULL else UsageError(said)) from error
    finally:
        part.unlink(missing_ok=True)


def _enclosure(home: Home, letter: Letter, n: int) -> Enclosure:
    item = next((each for each in rows.enclosures_of(home.vault, letter.seq) if each.n == n), None)
    if item is None:
        raise NameUnknown(f"This letter has no enclosure {n}.", remedy="`tiercel read` lists them.")
    if item.file is None:
        raise NotWhole()
    return item


def _open_into(home: Home, item: Enclosure, part: Path, progress: Progress) -> None:
    from tiercel.sealing.stream import open_stream  # as above

    assert item.file is not None
    stored = home.vault.enclosures / item.file
    if not stored.is_file():
        raise EnclosureDamaged("The stored enclosure is missing from the vault folder.")
    try:
        with (
            stored.open("rb", buffering=0) as source,
            part.open("xb", buffering=0) as target,
            SyncedFile(target.fileno()) as synced,
        ):
            open_stream(source, synced, item.key, item.size, lambda done: progress("opening", done, item.size))
            synced.sync()
    except Damaged as error:
        raise EnclosureDamaged() from error


def _give_name(part: Path, folder: Path, name: str) -> Path:
    """Link the whole file to the first free name; never over another file."""
    while True:
        chosen = folder / free_name(name, lambda each: (folder / each).exists() or (folder / each).is_symlink())
        try:
            os.link(part, chosen, follow_symlinks=False)
        except FileExistsError:
            continue
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            os.rename(part, chosen)  # a disk without hard links
        return chosen


# -- the way -----------------------------------------------------------------------------------------


def track(home: Home, letter_id: str) -> WayView:
    """The whole way of a letter so far, and what comes next; also of one that went back, which nothing else shows."""
    letter = find(home, letter_id, gone=True)
    bond = bonds.bond_by_id(home.vault, letter.bond)
    events = _steps_so_far(home, letter)
    return WayView(
        id=to_base32(letter.id),
        state=letter.state,
        events=events,
        next=what_next(home, letter, bond),
        deadline_day=letter.deadline_day,
        not_before_day=letter.not_before_day,
        urgent=bool(letter.urgent),
        bond=bond.name,
        direction=letter.direction,
        missing_before=view(home, letter).missing_before,
        steps=_steps(home, letter),
    )


def _steps(home: Home, letter: Letter) -> tuple[NextView, ...]:
    """What is tried next for a letter of ours that waits."""
    return outlooks.waiting(home, letter).steps if outlooks.waits(letter) else ()


def _steps_so_far(home: Home, letter: Letter) -> tuple[EventView, ...]:
    """Each step once: what came over two roads, or was said again, is one."""
    told: list[EventView] = [*_first_part(home, letter)]
    for event in rows.events_of(home.vault, letter.seq):
        if not told or (told[-1].what, told[-1].road) != (event.what, event.road):
            told.append(EventView(event.at, event.what, event.road, event.until))
    return tuple(told)


def _first_part(home: Home, letter: Letter) -> tuple[EventView, ...]:
    """When the first part of a letter of theirs came, if it came in parts."""
    if letter.direction == "out":
        return ()
    came = bundles.letter_came_at(home.vault, letter.bond, letter.id)
    if came is None or letter.arrived_at is None or letter.arrived_at - came < MINUTE_MS:
        return ()
    return (EventView(came, "its first part came"),)


def search(home: Home, words: str, bond: str | None = None) -> list[LetterView]:
    """Letters that hold every word in text, subject, place or enclosure names, newest first.

    One that is not to be opened yet is not found: a hit would tell what is in it.
    """
    chosen = None if bond is None else home.bond(bond).id
    today = home.clock.now_ms() // DAY_MS
    return views(home, rows.search_letters(home.vault, words, chosen, today, SEARCH_LIMIT))
