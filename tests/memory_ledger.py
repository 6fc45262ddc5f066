"""The engine's ledger in memory: one bond, its letters and what is to be said. It can be copied, as a vault can.

It knows the way of letters and notes; of roads, enclosures and keys it only says that there is nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tiercel.delivery.rows import BondAt, InLetter, NoteDue, OutBundle, OutLetter, Restored
from tiercel.delivery.states import TRANSITIONS, UNDER_WAY, State

BOND = BondAt(1, "bo", "bonded", 0, 0, 0, 1, 0, None, 2, None)


@dataclass
class MemoryLedger:
    """Rows by their number. ``way`` holds the steps of each letter; ``burnt`` those whose text is gone."""

    the_bond: BondAt = BOND
    out: dict[int, OutLetter] = field(default_factory=dict)
    letters_in: dict[int, InLetter] = field(default_factory=dict)
    notes: list[tuple[NoteDue, int]] = field(default_factory=list)
    bundles: dict[bytes, OutBundle] = field(default_factory=dict)
    way: list[tuple[int, str]] = field(default_factory=list)
    burnt: set[int] = field(default_factory=set)
    was_restored: Restored | None = None
    theirs_put_back: bool = False
    last: int = 0

    def number(self) -> int:
        """The next row."""
        self.last += 1
        return self.last

    def write(self, letter_id: bytes, deadline_day: int | None = None) -> int:
        """A draft of ours."""
        seq = self.number()
        self.out[seq] = OutLetter(
            seq, letter_id, 1, 0, "draft", seq, 0, None, None, deadline_day, None, None, 0, None, 0
        )  # fmt: skip
        return seq

    def store(self, letter_id: bytes) -> int:
        """A letter of theirs, whole and not shown."""
        seq = self.number()
        self.letters_in[seq] = InLetter(seq, letter_id, 1, 0, "arrived", None, None, None, None, None, None)
        return seq

    # -- the ledger ------------------------------------------------------------------------------

    def bond(self, bond: int) -> BondAt:
        assert bond == 1
        return self.the_bond

    def bonds(self) -> list[BondAt]:
        return [self.the_bond]

    def change_bond(self, _bond: int, **values: Any) -> None:
        known = {name: value for name, value in values.items() if hasattr(self.the_bond, name)}
        self.the_bond = replace(self.the_bond, **known)

    def out_letter(self, seq: int) -> OutLetter | None:
        return self.out.get(seq)

    def out_letter_named(self, _bond: int, letter_id: bytes) -> OutLetter | None:
        return next((each for each in self.out.values() if each.id == letter_id), None)

    def in_letter(self, seq: int) -> InLetter | None:
        return self.letters_in.get(seq)

    def in_letter_named(self, _bond: int, letter_id: bytes) -> InLetter | None:
        return next((each for each in self.letters_in.values() if each.id == letter_id), None)

    def enclosures_whole(self, _seq: int) -> bool:
        return True

    def change_letter(self, seq: int, **values: Any) -> None:
        """Our letters leave the table of states nowhere."""
        if seq in self.out:
            before, after = self.out[seq].state, values.get("state")
            assert after is None or State(after) in TRANSITIONS[State(before)].values(), (before, after)
            known = {name: value for name, value in values.items() if hasattr(self.out[seq], name)}
            self.out[seq] = replace(self.out[seq], **known)
        else:
            self.letters_in[seq] = replace(self.letters_in[seq], **values)

    def add_way(self, seq: int, _at: int, what: str, _road: str | None = None, _until: int | None = None) -> None:
        self.way.append((seq, what))

    def add_tombstone(self, _bond: int, letter_id: bytes, state: str) -> InLetter:
        seq = self.store(letter_id)
        self.burnt.add(seq)
        self.letters_in[seq] = replace(self.letters_in[seq], state=state)
        return self.letters_in[seq]

    def burn(self, seq: int) -> tuple[str, ...]:
        self.burnt.add(seq)
        return ()

    def restored(self) -> Restored | None:
        return self.was_restored

    def put_back(self, _bond: int) -> bool:
        return self.theirs_put_back

    def past_deadline(self, today: int) -> list[OutLetter]:
        return [each for each in self.under_way(1) if each.deadline_day is not None and each.deadline_day < today]

    def next_deadline_day(self) -> int | None:
        return min((each.deadline_day for each in self.under_way(1) if each.deadline_day is not None), default=None)

    def recalls_due(self, before_ms: int, after_ms: int, most: int) -> list[OutLetter]:
        asked = [each for each in self.out.values() if each.recall_at is not None]
        return [each for each in asked if not before_ms < (each.recall_at or 0) <= after_ms][:most]

    def next_recall(self, after_ms: int) -> int | None:
        asked = [each.recall_at for each in self.out.values() if each.recall_at is not None]
        return min((at for at in asked if at <= after_ms), default=None)

    def given_back(self, _bond: int) -> list[OutLetter]:
        return [each for each in self.out.values() if each.state in ("returned", "crossed")]

    def under_way(self, _bond: int) -> list[OutLetter]:
        return [each for each in self.out.values() if State(each.state) in UNDER_WAY]

    def held(self, _bond: int) -> list[OutLetter]:
        return [each for each in self.out.values() if each.state == "held"]

    def unfinished(self, _bond: int) -> list[OutLetter]:
        return []

    def encloses(self, _letter: int) -> bool:
        return False

    def send_enclosures(self, _bond: int, _letter: int) -> None:
        raise NotImplementedError

    def bundles_of(self, letter: int) -> list[OutBundle]:
        return [each for each in self.bundles.values() if each.letter == letter]

    def out_bundle(self, bundle: bytes) -> OutBundle | None:
        return self.bundles.get(bundle)

    def change_bundle(self, bundle: bytes, **values: Any) -> None:
        self.bundles[bundle] = replace(self.bundles[bundle], **values)

    def drop_bundles(self, letter: int, kind: int | None = None) -> None:
        for each in self.bundles_of(letter):
            if kind in (None, each.kind):
                del self.bundles[each.hash]

    def say(self, _bond: int, what: str, subject: bytes, detail: bytes = b"", visit: int = -1, due_at: int = 0) -> None:
        if not any((note.what, note.subject, note.detail) == (what, subject, detail) for note, _due in self.notes):
            self.notes.append((NoteDue(self.number(), 1, 1, what, subject, detail, visit), due_at))

    def unsay(self, _bond: int, what: str, subject: bytes) -> None:
        self.notes = [each for each in self.notes if (each[0].what, each[0].subject) != (what, subject)]

    def notes_due(self, _road: int, visit: int, now_ms: int, most_ms: int) -> list[NoteDue]:
        return [note for note, due in self.notes if note.visit < visit and not now_ms < due <= most_ms]

    def next_note(self, _bond: int | None, after_ms: int, most_ms: int) -> int | None:
        return min((due for _note, due in self.notes if after_ms < due <= most_ms), default=None)

    def said(self, ids: Sequence[int]) -> None:
        self.notes = [each for each in self.notes if each[0].id not in ids]

    # -- of which there is nothing ---------------------------------------------------------------

    def letters_naming(self, _bond: int, _bundle: bytes) -> list[InLetter]:
        return []

    def awaited(self, _before_ms: int, _now_ms: int, _most: int) -> list[Any]:
        return []

    def next_awaited(self) -> int | None:
        return None

    def next_due(self, _now_ms: int) -> int | None:
        return None

    def over_on(self, _road: int, _before_ms: int, _after_ms: int) -> list[str]:
        return []

    def told_of_copy(self, _bond: int) -> None:
        return None

    def bringing_keys(self, _bond: int) -> bool:
        return True

    def gifts_held(self, _bond: int, _letter_id: bytes, _now_ms: int) -> None:
        """No keys here."""

    def take_generation(self, _bond: int, _direction: int, _generation: int, _now_ms: int) -> None:
        """No keys here."""

    def sealed_to(self, _bond: int, _pid: bytes) -> list[OutLetter]:
        return []
