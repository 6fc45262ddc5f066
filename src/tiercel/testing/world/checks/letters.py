"""I1 to I6: what a letter may become, what may be shown of it, and what both sides say of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

from tiercel.delivery.states import TRANSITIONS, UNDER_WAY, State
from tiercel.runtime.letters import view
from tiercel.testing.world.history import Written
from tiercel.vault import letters as vault_letters
from tiercel.wire import from_base32

from .base import Check, PersonSeen, WorldSeen
from .healed import cut_off
from .rows import Row, letter

_UNDER_WAY = {state.value for state in UNDER_WAY}
_CONFIRMED = {State.ARRIVED.value, State.READ.value, State.ANSWERED.value}
_VISIBLE = {state.value for state in State} - {State.DRAFT.value}


def _reachable() -> dict[str, set[str]]:
    """Which states a letter can be in after any number of events, from the one table."""
    found = {state.value: {state.value, *(after.value for after in row.values())} for state, row in TRANSITIONS.items()}
    for _ in State:
        for state in found:
            found[state] |= {further for after in found[state] for further in found[after]}
    return found


_REACHABLE = _reachable()


def reader_of(world: WorldSeen, letter_id: str) -> PersonSeen | None:
    """To whom a letter goes; None for one that no writer of this world had accepted."""
    written = world.history.written.get(letter_id)
    return None if written is None else world.people[written.reader]


class NoSilentLoss(Check):
    """I1: every accepted letter is in one visible state, leaves "under way" only for a reason, and keeps its text."""

    id = "I1"

    def __init__(self) -> None:
        self._ours: dict[str, dict[str, str]] = defaultdict(dict)  # per person: letter id -> state seen last
        self._line: dict[str, int] = {}
        self._looked_at: dict[str, int] = defaultdict(int)

    def after_step(self, world: WorldSeen, person: PersonSeen, letters: Sequence[Row], full: bool) -> None:
        known = self._ours[person.name]
        if self._line.get(person.name) != person.line:
            known.clear()  # an older copy knows no letter written since
            self._line[person.name] = person.line
        ours = [each for each in letters if each.direction == "out" and each.kind == 0 and each.state != "draft"]
        for each in ours:
            self._one(world, person, each, known.get(each.id))
            known[each.id] = each.state
        if full:
            here = {each.id for each in ours}
            self.need(known.keys() <= here, f"{person.name} lost {sorted(known.keys() - here)}")
        self._accepted(world, person, known)

    def at_end(self, world: WorldSeen) -> None:
        for person in world.people.values():
            problems = person.home.vault.check()
            self.need(not problems, f"the vault of {person.name} fails its check: {problems}")

    def _accepted(self, world: WorldSeen, person: PersonSeen, known: dict[str, str]) -> None:
        """What was accepted since the last look is in the vault."""
        written = list(islice(world.history.written.values(), self._looked_at[person.name], None))
        self._looked_at[person.name] += len(written)
        for each in written:
            if each.writer == person.name and each.line == person.line:
                self.need(each.id in known, f"{each.id}, accepted from {person.name}, is nowhere")

    def _one(self, world: WorldSeen, person: PersonSeen, now: Row, before: str | None) -> None:
        self.need(now.state in _VISIBLE, f"{now.id} of {person.name} is {now.state}")
        if before is not None:
            self.need(now.state in _REACHABLE[before], f"{now.id} of {person.name} went from {before} to {now.state}")
        written = world.history.written.get(now.id)
        if written is None:
            return
        if now.state in _UNDER_WAY or now.state == State.EXPIRED.value:
            size = len(written.text.encode())
            self.need(now.size == size, f"{now.id} is {now.state} and has {now.size} of {size} bytes of its text")
        if now.state == State.RECALLED.value:
            self.need(now.id in world.history.recalled, f"{now.id} is recalled, and nobody asked for it")
        if now.state == State.EXPIRED.value:
            self.need(now.deadline_day is not None, f"{now.id} expired without a deadline")
            self.need(now.deadline_day == written.deadline_day, f"{now.id} has another deadline than was given")


class ShownOnce(Check):
    """I2: a letter is new at most once for a person, over crash, restore and move."""

    id = "I2"

    def after_step(self, world: WorldSeen, person: PersonSeen, letters: Sequence[Row], full: bool) -> None:
        came = [each.seq for each in letters if each.direction == "in"]
        for at in range(0, len(came), 500):
            seqs = came[at : at + 500]
            twice = person.home.vault.all(
                "SELECT letter FROM events WHERE what = 'arrived' AND letter IN"
                f" ({','.join('?' * len(seqs))}) GROUP BY letter HAVING count(*) > 1",
                *seqs,
            )
            self.need(not twice, f"letters {twice} were new to {person.name} twice")
        ids = [each.id for each in letters if each.direction == "in"]
        self.need(len(ids) == len(set(ids)), f"{person.name} has a letter twice")
        said, here = world.history.announced[person.name, person.line], self._whole(person)
        self.need(said <= here, f"{person.name} was told of {said} new letters and has {here}")

    @staticmethod
    def _whole(person: PersonSeen) -> int:
        (count,) = person.home.vault.one(
            "SELECT count(*) FROM letters WHERE direction = 'in' AND kind = 0 AND (arrived_at IS NOT NULL"
            " OR state = 'returned')"
        ) or (0,)
        return int(count)


class ShownAsWritten(Check):
    """I3: text and enclosures shown equal those accepted, byte for byte."""

    id = "I3"

    def __init__(self) -> None:
        self._shown = self._saved = 0

    def after_step(self, world: WorldSeen, person: PersonSeen, letters: Sequence[Row], full: bool) -> None:
        history = world.history
        for shown in history.shown[self._shown :]:
            written = history.written.get(shown.id)
            self.need(written is not None, f"{shown.id}, shown to {shown.reader}, was written by nobody")
            if written is not None:
                self.need(written.reader == shown.reader, f"{shown.id} was shown to {shown.reader}")
                kept = shown.text == written.text or (not shown.text and shown.id in history.burnt)
                self.need(kept, f"{shown.id} was shown with another text than it was written with")
        for saved in history.saved[self._saved :]:
            written = history.written.get(saved.id)
            files = written.enclosures if written is not None else ()
            same = 0 < saved.n <= len(files) and files[saved.n - 1] == saved.digest
            self.need(same, f"enclosure {saved.n} of {saved.id} is not the file that was enclosed")
        self._shown, self._saved = len(history.shown), len(history.saved)


class OneVerdict(Check):
    """I4: never "returned" on one side and read on the other; in the end both sides say the same."""

    id = "I4"

    def __init__(self) -> None:
        self._gone: dict[tuple[str, int], set[str]] = defaultdict(set)  # per person and line: gave its word
        self._shown = 0

    def after_step(self, world: WorldSeen, person: PersonSeen, letters: Sequence[Row], full: bool) -> None:
        gone = self._gone[person.name, person.line]
        for each in letters:
            if each.direction == "in" and each.kind == 0:
                if each.id in gone:
                    self.need(each.state in _OVER, f"{each.id} was given back by {person.name} and is {each.state}")
                elif each.state == State.RETURNED.value:
                    gone.add(each.id)
                    self.need(not each.size, f"{person.name} gave {each.id} back and still has its text")
            elif each.direction == "out" and each.state == State.RETURNED.value:
                self._word_was_given(world, each)
        for shown in world.history.shown[self._shown :]:
            given = shown.id in self._gone[shown.reader, shown.line]
            self.need(not given, f"{shown.id} was shown to {shown.reader}, who had given it back")
        self._shown = len(world.history.shown)

    def _word_was_given(self, world: WorldSeen, ours: Row) -> None:
        reader = reader_of(world, ours.id)
        if reader is None or any(ours.id in ids for (name, _line), ids in self._gone.items() if name == reader.name):
            return
        theirs = letter(reader, from_base32(ours.id))
        given = theirs is not None and theirs.state in _OVER
        self.need(given, f"{ours.id} is returned to its writer, and {reader.name} never gave it back")

    def at_end(self, world: WorldSeen) -> None:
        for written in world.history.written.values():
            writer, reader = world.people[written.writer], world.people[written.reader]
            ours, theirs = letter(writer, from_base32(written.id)), letter(reader, from_base32(written.id))
            if ours is None or (theirs is None and reader.line) or cut_off(world, writer, reader):
                continue  # in a copy that was lost; the copy here never heard of it, or no word can come any more
            said, seen = ours.state, None if theirs is None else theirs.state
            forgot = seen == State.ARRIVED.value and said == State.READ.value and reader.line  # read after the copy
            agrees = seen in _AGREES[said] or forgot
            self.need(agrees, f"{written.id}: {writer.name} says {said}, {reader.name} says {seen}")
            if seen == State.RETURNED.value and not reader.line:
                shown = any(each.id == written.id for each in world.history.shown)
                self.need(not shown, f"{written.id} was shown to {reader.name} and given back")


_OVER = {State.RETURNED.value, State.CROSSED.value}
_HERE = {State.ARRIVED.value, State.READ.value, State.ANSWERED.value}
_AGREES: dict[str, set[str | None]] = {
    State.ARRIVED.value: {*_HERE},
    State.READ.value: {State.READ.value, State.ANSWERED.value},
    State.ANSWERED.value: {*_HERE},
    State.RETURNED.value: {State.RETURNED.value},
    # A later letter may tell that its number never left; then the other side gives its word about what it never had.
    State.RECALLED.value: {None, State.RETURNED.value},
    State.CROSSED.value: {State.CROSSED.value, State.RETURNED.value},
    State.EXPIRED.value: {None, *_HERE},
    # What comes after the end of a bond goes back; that word may be lost, and then nothing carries another.
    State.HELD.value: {None, State.RETURNED.value, *_HERE},
    State.ACCEPTED.value: {None, *_HERE},
    State.SEALED.value: {None, *_HERE},
    State.HANDED_OVER.value: {None, *_HERE},
}
"""What the other side may say in the end. Whether a letter may still be under way then is L1's and L2's to say."""


_WAS_HELD = "SELECT 1 FROM events WHERE letter = ? AND what LIKE 'held:%' LIMIT 1"


class HonestReceipts(Check):
    """I5: a receipt was accepted only for a letter that the other side's program committed."""

    id = "I5"

    def __init__(self) -> None:
        self._came: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))

    def after_step(self, world: WorldSeen, person: PersonSeen, letters: Sequence[Row], full: bool) -> None:
        came, whole = self._came[person.name]
        for each in letters:
            if each.direction == "in" and each.state != State.RETURNED.value:
                came.add(each.id)
                if each.arrived_at is not None and _is_whole(person, each.seq):
                    whole.add(each.id)
            elif each.direction == "out" and each.state in _CONFIRMED and each.kind == 0:
                self._proved(world, person, each)

    def _proved(self, world: WorldSeen, writer: PersonSeen, ours: Row) -> None:
        reader = reader_of(world, ours.id)
        if reader is None:
            return
        came, arrived = self._came[reader.name]
        if ours.id in (came if ours.state == State.ANSWERED.value else arrived):
            return
        if ours.state == State.READ.value and ours.id in came and writer.home.vault.one(_WAS_HELD, ours.seq):
            return  # its text was read, and its enclosures wait until a person confirms the bond
        theirs = letter(reader, from_base32(ours.id))  # it may have come in the very act that is looked at
        answered = ours.state == State.ANSWERED.value
        whole = theirs is not None and theirs.arrived_at is not None and _is_whole(reader, theirs.seq)
        there = theirs is not None and (whole or answered)
        self.need(there, f"{ours.id} is {ours.state}, and {reader.name} never had it")


def _is_whole(person: PersonSeen, seq: int) -> bool:
    """Whether every enclosure of a letter is there."""
    return person.home.vault.one("SELECT 1 FROM enclosures WHERE letter = ? AND file IS NULL LIMIT 1", seq) is None


def _is_here(letter: Row) -> bool:
    """Whether more is here of an incoming letter than word that it went back, or crossed in another copy.

    Of such a one only the id is known: not its place, so no gap before it.
    """
    word_only = letter.state == State.CROSSED.value and letter.number is None
    return letter.state != State.RETURNED.value and not word_only


class GapsSeen(Check):
    """I6: whoever sees letter n+1 and not n sees that one is missing."""

    id = "I6"

    def after_step(self, world: WorldSeen, person: PersonSeen, letters: Sequence[Row], full: bool) -> None:
        for each in letters:
            if each.direction == "in" and each.kind == 0 and _is_here(each):
                before = self._before(world, each.id)
                if before is None or before.id in world.history.recalled:
                    continue  # one that never left is no gap
                if letter(person, from_base32(before.id)) is None:
                    self._seen(person, each, before)

    @staticmethod
    def _before(world: WorldSeen, letter_id: str) -> Written | None:
        """The letter that the same writer wrote to the same reader just before, in the same copy of the vault."""
        after = world.history.written.get(letter_id)
        if after is None:
            return None
        mine = [
            each
            for each in world.history.between(after.writer, after.reader)
            if each.line == after.line and each.accepted_ms <= after.accepted_ms
        ]
        at = mine.index(after)
        return mine[at - 1] if at else None

    def _seen(self, person: PersonSeen, here: Row, missing: Written) -> None:
        row = vault_letters.letter_at(person.home.vault, here.seq)
        assert row is not None
        shown = view(person.home, row).missing_before
        self.need(shown > 0, f"{person.name} has {here.id}, not {missing.id} before it, and is not told")
