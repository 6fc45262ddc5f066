"""The doctor: looks at vault, clock, carriers, bonds and libraries, and says in plain words what to do."""

from __future__ import annotations

import sys

from tiercel.errors import CarrierError, TiercelError
from tiercel.vault import bonds, letters, prekeys, roads

from . import bonds as people
from . import copies, way
from .home import Home
from .roads import place_of
from .views import Finding


def examine(home: Home | None) -> list[Finding]:
    """Everything that can be looked at, well or not. ``home`` is None when the vault could not be opened."""
    found = [_libraries()]
    if home is None:
        return found
    found += [_vault(home), _copy(home), _deletion(home), _clock(home), _files(home)]
    found += [_carrier(home, row) for row in roads.all_carriers(home.vault)] or [
        Finding("carriers", True, "There is no carrier yet.", "Add one: `tiercel carrier add folder NAME PATH`.")
    ]
    found += [finding for bond in bonds.all_bonds(home.vault) for finding in _bond(home, bond)]
    found.append(_quarantine(home))
    return found + _unsent(home)


def _libraries() -> Finding:
    from tiercel.crypto import require_suite

    try:
        require_suite()
    except TiercelError as error:
        return Finding("libraries", False, str(error), error.remedy)
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("libraries", True, f"Python {version} and the one suite are there and work.")


def _vault(home: Home) -> Finding:
    problems = home.vault.check()
    if problems:
        return Finding("vault", False, f"The vault fails its check: {problems[0]}", "Put back a copy of its folder.")
    return Finding("vault", True, "Every page of the vault passes its check.")


def _copy(home: Home) -> Finding:
    if home.vault.rolled_back:
        sentence = "This vault is older than when it was last used on this machine; nothing is sent."
        return Finding(
            "copy",
            False,
            sentence,
            "Put the newer copy back, or run `tiercel doctor --accept-old-copy` if there is none.",
        )
    return Finding("copy", True, "The vault is the newest this machine has seen.")


def _deletion(home: Home) -> Finding:
    if home.vault.checkpoint_owed:
        sentence = "Deleted keys may still be in the vault's log, because another process was reading."
        return Finding("deletion", False, sentence, "Close other Tiercels and run `tiercel sync`.")
    return Finding("deletion", True, "What was deleted is gone from the vault's files.")


def _clock(home: Home) -> Finding:
    if home.clock_doubtful:
        sentence = "The clock moved a long way between two runs; nothing expires or is deleted by time."
        return Finding("clock", False, sentence, "If the clock is right now: `tiercel clock ok`.")
    return Finding("clock", True, "The clock went on as expected.")


def _files(home: Home) -> Finding:
    here = {path.name for path in home.vault.enclosures.iterdir()}
    missing = letters.enclosure_files(home.vault) - here
    if missing:
        sentence = f"{len(missing)} stored enclosure(s) are missing from the vault folder."
        return Finding("enclosures", False, sentence, "Put back a copy of the vault folder.")
    return Finding("enclosures", True, "Every stored enclosure has its file.")


def _carrier(home: Home, row: roads.CarrierRow) -> Finding:
    try:
        home.open_carrier(row).check()
    except CarrierError as error:
        return Finding(f"carrier {row.name}", False, str(error), error.remedy)
    return Finding(f"carrier {row.name}", True, f"{place_of(row)} can be read and written.")


def _bond(home: Home, bond: bonds.Bond) -> list[Finding]:
    what = f"bond {bond.name}"
    warned = bonds.warnings_of(home.vault, bond.id)
    if warned and bond.state not in ("refused", "ended"):
        return [Finding(what, False, _sentence(text), _remedy(bond, text)) for text in warned]
    if bond.state != "bonded":
        return [Finding(what, True, _not_bonded(home, bond))]
    theirs = home.vault.one("SELECT count(*) FROM prekeys_theirs WHERE bond = ? AND kind = 'one-time'", bond.id)
    held, _usable, _kept = prekeys.stock(home.vault, bond.id, 0)
    waits = len([letter for letter in way.open_letters(home, bond.id) if letter.kind == letters.LETTER])
    keys = theirs[0] if theirs else 0
    sentence = f"{_many(keys, 'key')} left to write with, {held} given to {bond.name}; {_wait(waits)} for a receipt."
    if not keys:
        return [Finding(what, False, sentence, "Letters are sealed to the last-resort key until the other side syncs.")]
    return [Finding(what, True, sentence)]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].removesuffix(".") + "."


def _remedy(bond: bonds.Bond, warning: str) -> str:
    if warning == people.TWO_ANSWERS:
        return f"Refuse it: tiercel bond refuse {bond.name}"
    return f"Compare the words again (tiercel bond words {bond.name}), then: tiercel bond confirm {bond.name}"


def _not_bonded(home: Home, bond: bonds.Bond) -> str:
    if bond.state == "compare":
        return f"The six words are there; compare them: tiercel bond words {bond.name}"
    if bond.state == "pairing":
        if people.view(home, bond).invited:
            return "Waiting for the answer to your invitation."
        return "The pairing is under way; sync on both sides."
    return f"The bond is {bond.state}."


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}" + ("" if count == 1 else "s")


def _wait(letters_: int) -> str:
    return f"{_many(letters_, 'letter')} wait" + ("s" if letters_ == 1 else "")


def _quarantine(home: Home) -> Finding:
    row = home.vault.one("SELECT count(*) FROM quarantine")
    count = row[0] if row else 0
    if count:
        are = "is" if count == 1 else "are"
        sentence = f"{_many(count, 'thing')} came that could not be opened and {are} set aside."
        return Finding("post", False, sentence, "See what and why: tiercel problems")
    return Finding("post", True, "Nothing came that could not be opened.")


def _unsent(home: Home) -> list[Finding]:
    """Texts that an editor left, unencrypted: a letter that was not accepted, or one being written right now."""
    return [
        Finding(
            "text",
            False,
            f"An unsent text lies unencrypted in {folder}.",
            f"Send what you want of it (`tiercel write NAME --file {folder / 'letter.txt'}`), then delete that folder;"
            " not while an editor is open on it.",
        )
        for folder in sorted(home.vault.folder.glob("writing-*"))
        if folder.is_dir()
    ]


def accept_old_copy(home: Home) -> None:
    """A person says that this older copy is all there is: go on from it without repeating anything.

    Source: spec/letter.md 5.
    """
    copies.accept(home)
