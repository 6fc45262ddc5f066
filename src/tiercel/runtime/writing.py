"""Writing a letter, sending it, taking it back."""

from __future__ import annotations

import errno
import mimetypes
import os
import stat
from pathlib import Path

from tiercel.delivery.events import LetterSent, RecallAsked
from tiercel.delivery.states import UNDER_WAY, State
from tiercel.errors import DiskFull, LimitError, NotBonded, StateForbids, UsageError, VaultError
from tiercel.letter.record import FIRST_PREVIOUS, id_chain
from tiercel.limits import (
    DAY_MS,
    ENCLOSURE_BYTES_MAX,
    ENCLOSURE_NAME_BYTES_MAX,
    ENCLOSURES_MAX,
    ID_BYTES,
    KEY_BYTES,
    LETTER_LINE_BYTES_MAX,
    LETTER_TEXT_BYTES_MAX,
)
from tiercel.sealing.stream import seal_stream
from tiercel.vault import bonds, letters, notes
from tiercel.vault.bonds import Bond
from tiercel.vault.files import new_name, sync_folder
from tiercel.vault.letters import Enclosure, Letter
from tiercel.wire import to_base32

from .home import Home
from .letters import find, view
from .views import Draft, LetterView, Progress, no_progress
from .working import SyncedFile

_MAY_BE_ASKED = {*(state.value for state in UNDER_WAY), State.ARRIVED.value, State.EXPIRED.value}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write(home: Home, draft: Draft, send: bool = True, progress: Progress = no_progress) -> LetterView:
    """Put a letter and its enclosures into the vault, and on its way if ``send``.

    The enclosures are sealed into the vault first; one transaction then stores the letter.

    Raises:
        NotBonded: The bond is not confirmed by both sides; the letter is kept as a draft, which the sentence names.
        LimitError: Text, line or enclosure too long. Nothing was stored.
        UsageError: A date in the past, nothing written, an enclosure that is no file. Nothing was stored.
        DiskFull: No room. Nothing was stored.
    """
    reply_to = check(home, draft)
    if not draft.text.strip() and not draft.enclosures:
        raise UsageError("There is nothing in this letter; nothing was stored.", remedy="Write some text.")
    check_text(draft.text)
    bond = home.bond(draft.bond)
    enclosed = _seal_enclosures(home, draft.enclosures, progress)
    stored: Letter | None = None
    try:
        with home.office.transaction():
            letter = _store(home, bond, draft, reply_to, enclosed)
            state = bonds.bond_by_id(home.vault, bond.id).state
            ready = state == "bonded"
            if send and ready:
                _accept(home, letter)
            stored = letter
    except BaseException:
        if stored is None or _is_gone(home, stored):
            _remove(home, enclosed)
        raise
    if send and not ready:
        raise _not_bonded(bond, state, f"your letter is kept as draft {to_base32(letter.id)}")
    return view(home, _again(home, letter))


def _not_bonded(bond: Bond, state: str, kept: str) -> NotBonded:
    if state in ("refused", "ended"):
        return NotBonded(f"The bond with {bond.name} is {state}; {kept}.", remedy="Only a new bond can carry it.")
    return NotBonded(
        f"The bond with {bond.name} is not confirmed by both yet; {kept}.",
        remedy="Sync on both sides, compare the six words, confirm on both, then `tiercel send` it.",
    )


def send(home: Home, letter_id: str) -> LetterView:
    """Send a draft, or a held letter once a person has decided.

    Raises:
        NotBonded: The bond is not confirmed by both sides yet, or is over: see :func:`send_anew`.
        StateForbids: The letter is on its way or over, or its bond is in doubt: confirming that lets all of them go.
    """
    with home.office.transaction():
        letter = find(home, letter_id)
        bond = bonds.bond_by_id(home.vault, letter.bond)
        if letter.direction != "out" or letter.state not in (State.DRAFT.value, State.HELD.value):
            raise StateForbids(f"This letter is {letter.state}; there is nothing to send.")
        if bond.state != "bonded":
            raise _not_bonded(bond, bond.state, "the letter is kept as it is")
        if bond.doubted_at is not None and letter.state == State.HELD.value:
            remedy = f"Compare the words (`tiercel bond words {bond.name}`), then `tiercel bond confirm {bond.name}`."
            raise StateForbids(f"The bond with {bond.name} is in doubt; the letter stays held.", remedy=remedy)
        if letter.deadline_day is not None and letter.deadline_day * DAY_MS + DAY_MS <= home.clock.now_ms():
            raise StateForbids("The deadline of this letter has passed; it was not sent.", remedy="Write it anew.")
        _accept(home, letter)
    return view(home, _again(home, letter))


def send_anew(home: Home, letter_id: str, bond: str) -> LetterView:
    """Write a letter that is held for a bond that is over once more, under another bond, and send it.

    Only a person can say so, for one letter at a time: a new bond inherits nothing by itself. The held letter stays as
    it is, and its way says what became of it. Ids, numbers and receipts of the two have nothing in common.

    Args:
        home: Opened.
        letter_id: Id or a unique beginning of it.
        bond: The name of the bond that is to carry it.

    Raises:
        NotBonded: That bond is not confirmed by both sides, or is over.
        StateForbids: The letter is not held, its own bond is not over, or its enclosures are on their way already.

    Source: spec/bond.md 6.
    """
    with home.office.transaction():
        letter, target = find(home, letter_id), home.bond(bond)
        old = bonds.bond_by_id(home.vault, letter.bond)
        if letter.state != State.HELD.value or old.state not in ("ended", "refused"):
            raise StateForbids("Only a letter held for a bond that is over is written anew.")
        if target.state != "bonded":
            raise _not_bonded(target, target.state, "the letter is kept as it is")
        _check_free(home, letter)
        fresh = _copied(home, letter, target)
        _accept(home, fresh)
        letters.add_event(home.vault, letter.seq, home.clock.now_ms(), f"written anew as {to_base32(fresh.id)[:8]}")
    return view(home, _again(home, fresh))


def _check_free(home: Home, letter: Letter) -> None:
    """A sealed enclosure is sent under one bond at a time: a second letter would wait for it for ever."""
    other = letters.shares_enclosures(home.vault, letter.seq)
    if other is not None:
        name = bonds.bond_by_id(home.vault, other.bond).name
        raise StateForbids(
            f"This letter was written anew to {name}, and its enclosures are still on their way; nothing was changed.",
            remedy=f"Once they have arrived it can go elsewhere; or take that letter back: {to_base32(other.id)[:8]}",
        )


def _copied(home: Home, letter: Letter, target: Bond) -> Letter:
    """The same text and enclosures as a draft under another bond; what it answered and its deadline stay behind."""
    draft = Draft(target.name, letter.body, letter.subject, letter.place, letter.dated, urgent=bool(letter.urgent))
    enclosed = [item for item in letters.enclosures_of(home.vault, letter.seq) if item.file is not None]
    return _store(home, target, draft, None, enclosed)


def recall(home: Home, letter_id: str) -> LetterView:
    """Take a letter back: at once if it has not left, else by asking the other side not to show it.

    Raises:
        StateForbids: It is not ours, was read, or is over.
    """
    with home.office.transaction():
        letter = find(home, letter_id)
        bond = bonds.bond_by_id(home.vault, letter.bond)
        if letter.direction != "out":
            raise StateForbids("Only a letter of your own can be recalled.")
        if letter.state == State.DRAFT.value:
            raise StateForbids("This is a draft: it has not left, and nobody else has it.")
        held = letter.state == State.HELD.value and (bond.state == "bonded" or not letter.planned)
        if letter.state not in _MAY_BE_ASKED and not held:
            raise StateForbids(f"This letter is {letter.state}; it can no longer be recalled.")
        home.office.tell(RecallAsked(letter.seq))
        if _again(home, letter).state == State.RECALLED.value:
            _close_gap(home, bond, letter)
    return view(home, _again(home, letter))


# -- checks ------------------------------------------------------------------------------------------


def check(home: Home, draft: Draft) -> bytes | None:
    """Refuse what could not be stored, whatever the text will be; give the id of the letter that is answered.

    Raises:
        NameUnknown, IdAmbiguous: No such bond, or no one such letter to answer.
        UsageError, LimitError: As for writing.
    """
    bond = home.bond(draft.bond)
    answered = find(home, draft.reply_to) if draft.reply_to else None
    if answered is not None and answered.bond != bond.id:  # its id would tell of the other bond
        raise UsageError(f"That letter is not of your bond with {bond.name}; nothing was stored.")
    lines = (("subject", draft.subject), ("place", draft.place), ("date line", draft.dated))
    for what, line in lines:
        if line is not None and len(line.encode()) > LETTER_LINE_BYTES_MAX:
            raise LimitError(f"The {what} is longer than {LETTER_LINE_BYTES_MAX} bytes; nothing was stored.")
    if len(draft.enclosures) > ENCLOSURES_MAX:
        raise LimitError(f"A letter holds at most {ENCLOSURES_MAX} enclosures; nothing was stored.")
    if draft.deadline_day is not None and draft.deadline_day * DAY_MS + DAY_MS <= home.clock.now_ms():
        raise UsageError("The deadline lies in the past; nothing was stored.", remedy="Give a later --until.")
    for path in draft.enclosures:
        _check_file(path)
    return None if answered is None else answered.id


def check_text(text: str) -> None:
    """Refuse a text that no letter holds.

    Raises:
        LimitError: It is too long.
    """
    if len(text.encode()) > LETTER_TEXT_BYTES_MAX:
        size = LETTER_TEXT_BYTES_MAX // 1024 // 1024
        raise LimitError(f"The text is longer than {size} MiB; nothing was stored.", remedy="Enclose it as a file.")


def _check_file(path: Path) -> None:
    try:
        found = path.stat()
    except OSError as error:
        raise UsageError(f"{path} cannot be enclosed: {error.strerror or error}. Nothing was stored.") from error
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{path} is not a file and cannot be enclosed. Nothing was stored.")
    if found.st_size > ENCLOSURE_BYTES_MAX:
        raise LimitError(f"{path} is larger than 1 TiB. Nothing was stored.")
    if len(path.name.encode(errors="replace")) > ENCLOSURE_NAME_BYTES_MAX:
        raise LimitError(f"The name of {path} is too long. Nothing was stored.")


# -- storing -----------------------------------------------------------------------------------------


def _seal_enclosures(home: Home, paths: tuple[Path, ...], progress: Progress) -> list[Enclosure]:
    done: list[Enclosure] = []
    try:
        for n, path in enumerate(paths, 1):
            done.append(_seal_enclosure(home, n, path, progress))
    except BaseException:  # also when the person interrupts: nothing of an unfinished letter stays
        _remove(home, done)
        raise
    return done


def _seal_enclosure(home: Home, n: int, path: Path, progress: Progress) -> Enclosure:
    key, file = home.entropy.token(KEY_BYTES), new_name(home.entropy)
    target = home.vault.enclosures / file
    try:
        with path.open("rb", buffering=0) as source, target.open("xb", buffering=0) as sealed:
            os.chmod(sealed.fileno(), 0o600)
            size = os.fstat(source.fileno()).st_size
            with SyncedFile(sealed.fileno()) as target_file:
                digest = seal_stream(
                    source, target_file, key, size, lambda done: progress(f"sealing {path.name}", done, size)
                )
                target_file.sync()
        sync_folder(target.parent)  # else a power cut could leave a row without its file
    except OSError as error:
        target.unlink(missing_ok=True)
        sentence = f"{path.name} could not be sealed: {error.strerror or error}. Nothing was stored."
        if error.errno in _FULL:
            raise DiskFull(sentence) from error
        raise UsageError(sentence, remedy="Check that the file can be read, and the disk of the vault.") from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    name = path.name.encode(errors="replace").decode()
    return Enclosure(0, n, name, kind, size, key, digest, file)


def _is_gone(home: Home, letter: Letter) -> bool:
    """Whether a commit that failed surely left nothing. After a failing disk nobody knows: the sweep looks in a day."""
    try:
        return letters.letter_at(home.vault, letter.seq) is None
    except VaultError:
        return False


def _remove(home: Home, enclosed: list[Enclosure]) -> None:
    for item in enclosed:
        if item.file is not None:
            (home.vault.enclosures / item.file).unlink(missing_ok=True)


def _store(home: Home, bond: Bond, draft: Draft, reply_to: bytes | None, enclosed: list[Enclosure]) -> Letter:
    letter = letters.add_letter(
        home.vault,
        id=home.entropy.token(ID_BYTES),
        bond=bond.id,
        direction="out",
        state=State.DRAFT.value,
        subject=draft.subject,
        place=draft.place,
        dated=draft.dated,
        body=draft.text,
        reply_to=reply_to,
        urgent=int(draft.urgent),
        written_at=home.clock.now_ms(),
        deadline_day=draft.deadline_day,
        not_before_day=draft.not_before_day,
        receipt_secret=home.entropy.token(ID_BYTES),
    )
    for item in enclosed:
        letters.add_enclosure(
            home.vault,
            Enclosure(letter.seq, item.n, item.name, item.kind, item.size, item.key, item.bundle_hash, item.file),
        )
    letters.index_letter(home.vault, letter)
    letters.add_event(home.vault, letter.seq, home.clock.now_ms(), "written")
    return letter


def _accept(home: Home, letter: Letter) -> None:
    """Give a letter its number and its place in the chain; from now on it ends in a state its writer can see."""
    home.office.tell(LetterSent(letter.seq))
    bond = bonds.bond_by_id(home.vault, letter.bond)
    if letter.number is None:
        number, previous = bond.next_number, bond.previous if bond.next_number > 1 else FIRST_PREVIOUS
        letters.change_letter(home.vault, letter.seq, number=number, previous=previous)
        following = id_chain(letter.id, number, previous)
        bonds.change_bond(home.vault, bond.id, next_number=number + 1, previous=following)
    if letter.reply_to is not None:
        home.vault.run(
            "UPDATE letters SET state = 'answered'"
            " WHERE bond = ? AND id = ? AND direction = 'in' AND state IN ('arrived', 'read')",
            letter.bond, letter.reply_to,
        )  # fmt: skip


# -- taking back -------------------------------------------------------------------------------------


def _close_gap(home: Home, bond: Bond, letter: Letter) -> None:
    """The number of a letter that never left is used again, or the reader is told of it: else it would be missed."""
    if letter.number == bond.next_number - 1:
        bonds.change_bond(home.vault, bond.id, next_number=letter.number, previous=letter.previous)
        letters.change_letter(home.vault, letter.seq, number=None, previous=None)
    else:
        letters.change_letter(home.vault, letter.seq, recall_at=home.clock.now_ms())
        notes.say(home.vault, bond.id, notes.RECALL, letter.id)


def _again(home: Home, letter: Letter) -> Letter:
    found = letters.letter_at(home.vault, letter.seq)
    assert found is not None
    return found
