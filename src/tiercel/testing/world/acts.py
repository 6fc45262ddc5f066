"""What people do, through the program's own runtime; each act is a plain function of a person, details and chance.

An act may be cut short: its details then say at which commit, write or sync the machine goes down (``cut``, ``nth``,
``lost``), or what the disk under the vault does (``fail``, ``nth``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Final

from tiercel.errors import EnclosureDamaged, NotBefore, NotBonded, NotWhole, StateForbids, VaultRolledBack
from tiercel.limits import DAY_MS
from tiercel.runtime import bonds, doctor, reading, roads, syncing, trust, writing
from tiercel.runtime.views import Draft
from tiercel.testing.world.history import Saved, Shown
from tiercel.wire import to_base32

from . import foes
from .checks import Violation
from .disk import Snapshot
from .people import Person
from .plan import Value

Details = Mapping[str, Value]
_BACKUPS_MAX: Final = 3
_RESUMED_DAYS: Final = 150  # of an older copy the keys may be dead on the other side before it is heard of
_ALPHABETS: Final = ("kurz und gut ", "Zeile\r\n", "ä ö ü ß € 𝄞 ", "\t\u2028\u00a0 ende\n", "a" * 61 + "\n")


def visit(person: Person, details: Details, rng: Random) -> None:
    """Visit every road; then look after what came and what the program asks."""
    try:
        report = syncing.sync(person.home)
    except VaultRolledBack:
        person.world.reached("an older copy refused to send")
        return
    person.world.saw_report(person, report)
    person.world.learn(person)
    if person.home.clock_doubtful and person.clock.is_right:
        person.world.later(person, DAY_MS // 2, "clock right", {})
    _settle_bonds(person)
    _settle_letters(person)
    if not details.get("hurry"):
        _read_some(person, rng)


def _settle_bonds(person: Person) -> None:
    """Confirm what the other side, asked by telephone, confirms too."""
    rows = person.home.vault.all("SELECT name FROM bonds WHERE state = 'bonded' AND doubted_at IS NOT NULL ORDER BY id")
    for (name,) in rows:
        person.world.later(person, 2 * DAY_MS, "confirm", {"to": name})


def _settle_letters(person: Person) -> None:
    """Send what waited for a decision, as long as its bond stands."""
    rows = person.home.vault.all(
        "SELECT l.id FROM letters l JOIN bonds b ON b.id = l.bond WHERE l.direction = 'out' AND l.kind = 0"
        " AND l.state = 'held' AND b.state = 'bonded' AND b.doubted_at IS NULL ORDER BY l.seq"
    )
    for (letter,) in rows:
        try:
            writing.send(person.home, to_base32(letter))
            person.world.reached("a held letter was sent after all")
        except (StateForbids, NotBonded):
            pass  # its deadline passed meanwhile


def _read_some(person: Person, rng: Random) -> None:
    for letter in list(person.unread):
        if rng.random() < person.plan.reads:
            _open_letter(person, letter, rng)


def _open_letter(person: Person, letter: str, rng: Random) -> None:
    world, home = person.world, person.home
    peek, receipt = rng.random() < 0.1, rng.random() < person.plan.tells_reading
    try:
        opened = reading.read(home, letter, peek=peek, receipt=receipt)
    except NotBefore:
        world.reached("a letter was not to be opened yet")
        return
    world.history.shown.append(Shown(person.name, letter, opened.body, world.now_ms, person.line))
    if not peek:
        person.unread.remove(letter)
    for each in opened.enclosures:
        if each.whole and rng.random() < 0.8:
            _save(person, letter, each.n)


def _save(person: Person, letter: str, n: int) -> None:
    try:
        path, _size = reading.save_enclosure(person.home, letter, n, person.desk)
    except NotWhole:
        return
    except EnclosureDamaged as error:
        raise Violation("I3", f"enclosure {n} of {letter} is called whole at {person.name} and is damaged") from error
    digest = hashlib.sha256(path.read_bytes()).digest()
    path.unlink()
    world = person.world
    world.history.saved.append(Saved(person.name, letter, n, digest, world.now_ms, person.line))


def read(person: Person, _details: Details, rng: Random) -> None:
    """Open everything that was not opened yet, and one letter of the past again."""
    for letter in list(person.unread):
        _open_letter(person, letter, rng)
    row = person.home.vault.all(
        "SELECT id FROM letters WHERE direction = 'in' AND kind = 0 AND read_at IS NOT NULL AND state <> 'returned'"
        " ORDER BY seq DESC LIMIT 8"
    )
    if row:
        _open_again(person, to_base32(rng.choice(row)[0]))


def _open_again(person: Person, letter: str) -> None:
    opened = reading.read(person.home, letter, peek=True)
    world = person.world
    world.history.shown.append(Shown(person.name, letter, opened.body, world.now_ms, person.line))


def write(person: Person, details: Details, rng: Random) -> None:
    """Write a letter, perhaps with enclosures, and send it."""
    name, today = str(details["to"]), person.today
    text = _text(int(details["size"]), rng, f"{person.name} {details['mark']} {person.line}")
    files = _files(person, details, rng)
    person.typed[text] = (person.bonds[name], tuple(hashlib.sha256(path.read_bytes()).digest() for path in files))
    draft = Draft(
        name,
        text,
        enclosures=tuple(files),
        reply_to=_answered(person, name) if details.get("reply") else None,
        deadline_day=today + int(details["deadline"]) if "deadline" in details else None,
        not_before_day=today + int(details["not before"]) if "not before" in details else None,
        urgent=bool(details.get("urgent")),
    )
    try:
        writing.write(person.home, draft)
    except NotBonded:
        person.world.reached("a letter of a bond that is over stayed a draft")
    finally:
        for path in files:
            path.unlink()


def _text(size: int, rng: Random, mark: str) -> str:
    alphabet = rng.choice(_ALPHABETS)
    return (mark + ": " + alphabet * (size // len(alphabet) + 1))[: max(size, len(mark))]


def _files(person: Person, details: Details, rng: Random) -> list[Path]:
    paths = []
    for n in range(int(details.get("enclosures", 0))):
        path = person.desk / f"{n} {details['mark']}.bin"
        path.write_bytes(rng.randbytes(int(details["enclosed"]) // (n + 1)))
        paths.append(path)
    return paths


def _answered(person: Person, name: str) -> str | None:
    row = person.home.vault.one(
        "SELECT id FROM letters WHERE bond = (SELECT id FROM bonds WHERE name = ?) AND direction = 'in' AND kind = 0"
        " AND shown_at IS NOT NULL AND state <> 'returned' ORDER BY seq DESC LIMIT 1",
        name,
    )
    return to_base32(row[0]) if row else None


def recall(person: Person, _details: Details, rng: Random) -> None:
    """Ask for one of the last letters back."""
    rows = person.home.vault.all(
        "SELECT id FROM letters WHERE direction = 'out' AND kind = 0 AND state <> 'draft' ORDER BY seq DESC LIMIT 3"
    )
    if not rows:
        return
    letter = to_base32(rng.choice(rows)[0])
    try:
        writing.recall(person.home, letter)
    except StateForbids:
        return
    person.world.history.recalled.add(letter)


def confirm(person: Person, details: Details, _rng: Random) -> None:
    """Say that the other side really put a copy back, and that the words are the same."""
    bonds.confirm(person.home, str(details["to"]))


def end(person: Person, details: Details, _rng: Random) -> None:
    """End a bond."""
    try:
        bonds.end(person.home, str(details["to"]))
        person.world.counts["life: bond ended"] += 1
    except StateForbids:
        pass  # the other side ended it first


def choose_roads(person: Person, details: Details, _rng: Random) -> None:
    """Say which roads a bond uses, in what order and after how many days: ``relay 0, mail 5``."""
    wanted = [
        (name, int(days)) for name, _, days in (each.rpartition(" ") for each in str(details["roads"]).split(", "))
    ]
    person.world.add_roads(person, tuple(name for name, _days in wanted))
    before = {view.name for view in roads.bond_roads(person.home, str(details["to"])).roads}
    roads.set_bond_roads(person.home, str(details["to"]), wanted)
    now = {name for name, _days in wanted}
    person.world.counts["life: road added"] += len(now - before)
    person.world.counts["life: road left"] += len(before - now)


def back_up(person: Person, _details: Details, _rng: Random) -> None:
    """Copy the vault while the program does nothing."""
    person.backups = [*person.backups[1 - _BACKUPS_MAX :], (person.world.now_ms, person.disk.snapshot())]


def put_back(person: Person, details: Details, rng: Random) -> None:
    """Put a backup in place of the vault; the decision what that means comes some days later."""
    if not person.backups or person.other_copy is not None:
        return
    if person.gathers():
        person.world.reached("a copy was put back while an enclosure was being gathered")
    made_ms, copy = person.backups[-1] if rng.random() < 0.7 else rng.choice(person.backups)
    person.put_back(copy, marker=False)
    person.world.counts["node: restore"] += 1
    person.world.later(person, round(float(details.get("days", 0)) * DAY_MS), "accept copy", {})
    if person.world.now_ms - made_ms > _RESUMED_DAYS * DAY_MS:
        person.world.counts["node: restore of a copy that is too old"] += 1
        _bond_anew(person)


def _bond_anew(person: Person) -> None:
    """Of so old a copy the program says that the other side has forgotten its keys: both end their bonds."""
    for name, other in sorted(person.bonds.items()):
        person.world.later(person, 40 * DAY_MS, "end", {"to": name})
        person.world.later(person.world.people[other], 40 * DAY_MS, "end", {"to": person.name})


def accept_copy(person: Person, _details: Details, _rng: Random) -> None:
    """Go on from the older copy."""
    if person.home.vault.rolled_back:
        person.world.reached("an older copy was taken for the vault")
        doctor.accept_old_copy(person.home)
        for name in person.bonds:
            if bonds.words(person.home, name).state == "bonded":
                bonds.confirm(person.home, name)


def clone(person: Person, _details: Details, _rng: Random) -> None:
    """Copy the whole machine; from now on both are used."""
    if person.other_copy is None and not person.home.vault.rolled_back:
        person.other_copy = person.disk.snapshot()
        person.world.counts["node: clone"] += 1


def other_copy(person: Person, _details: Details, _rng: Random) -> None:
    """Go on with the other machine."""
    if person.other_copy is not None:
        here: Snapshot = person.disk.snapshot()
        person.put_back(person.other_copy, marker=True)
        person.other_copy = here
        person.world.counts["node: clone used in turn"] += 1


def one_copy(person: Person, _details: Details, _rng: Random) -> None:
    """Give up the other machine, and tell the program that this copy is the vault."""
    if person.other_copy is not None:
        person.other_copy = None
        doctor.accept_old_copy(person.home)
        for name in person.bonds:
            if bonds.words(person.home, name).state == "bonded":
                bonds.confirm(person.home, name)


def clock_jump(person: Person, details: Details, _rng: Random) -> None:
    """The clock is wrong from now on."""
    person.clock.offset_ms += round(float(details["days"]) * DAY_MS)
    person.world.counts["node: clock jump"] += 1
    person.reopen()


def clock_right(person: Person, _details: Details, _rng: Random) -> None:
    """Somebody sets the clock, and says so."""
    person.clock.set_right()
    person.reopen()
    if person.home.clock_doubtful:
        trust.clock_ok(person.home)
        person.world.reached("a clock in doubt was confirmed")


def zone(person: Person, details: Details, _rng: Random) -> None:
    """The machine takes local time for the time of the world."""
    person.clock.offset_ms += round(float(details["hours"]) * 3_600_000)
    person.world.counts["node: time zone"] += 1


def lock(person: Person, details: Details, rng: Random) -> None:
    """The vault is locked under a running visit."""
    person.locks_in = int(details["nth"])
    visit(person, details, rng)


def reopen(person: Person, _details: Details, _rng: Random) -> None:
    """End the program and begin it again."""
    person.reopen()


ACTS: Final[dict[str, Callable[[Person, Details, Random], None]]] = {
    "visit": visit,
    "read": read,
    "write": write,
    "recall": recall,
    "confirm": confirm,
    "end": end,
    "roads": choose_roads,
    "back up": back_up,
    "put back": put_back,
    "accept copy": accept_copy,
    "clone": clone,
    "other copy": other_copy,
    "one copy": one_copy,
    "clock jump": clock_jump,
    "clock right": clock_right,
    "zone": zone,
    "lock": lock,
    "reopen": reopen,
    "forge": foes.forge,
    "plant": foes.plant,
    "rot": foes.rot,
    "rot back": foes.rot_back,
}
"""Everything a person can do, by the word used in plans."""
