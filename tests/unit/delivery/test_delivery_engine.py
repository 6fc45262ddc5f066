"""The engine over a ledger in memory: what each event changes, and the ordered list of what it asks for."""

from __future__ import annotations

import typing
from dataclasses import replace

import pytest

from memory_ledger import BOND, MemoryLedger
from tiercel.delivery import events
from tiercel.delivery.effects import Announce, Effect, PutNotes, RemoveFiles, Say
from tiercel.delivery.engine import HANDLERS, Engine
from tiercel.delivery.events import (
    CopyAnnounced,
    Event,
    LetterCame,
    LetterCameAgain,
    LetterReadHere,
    LetterRefused,
    LetterSealed,
    LetterSent,
    NoteCame,
    RecallAsked,
    ReplyCame,
    RoadSeen,
    Ticked,
)
from tiercel.delivery.rows import Restored
from tiercel.delivery.step import Moment
from tiercel.limits import DAY_MS, HOUR_MS, RECEIPT_DELAY_MS_MAX
from tiercel.parcel.note import Answer, Note, Receipt, ReceiptKind, Reply
from tiercel.testing.entropy import SeededEntropy

DAY = 20_000
NOW = DAY * DAY_MS
ID, OTHER = bytes(16), bytes([1]) * 16
SEEN = RoadSeen(1, 8, 0, True, True, ())
ARRIVED, READ = (Note(receipts=(Receipt(kind, ID, bytes(32)),)) for kind in ReceiptKind)
RETURNED, KEPT, CROSSED = (Note(answers=(Answer(ID, reply),)) for reply in Reply)
RECALLED = Note(recalls=(ID,))


class Desk:
    """One ledger and its engine, at a moment."""

    def __init__(self) -> None:
        self.ledger, self.moment = MemoryLedger(BOND), Moment(NOW, False, 7, False)
        self.engine = Engine(self.ledger, SeededEntropy("desk"))  # type: ignore[arg-type]

    def tell(self, *happened: Event) -> list[Effect]:
        return [effect for event in happened for effect in self.engine.step(event, self.moment)]

    def hear(self, note: Note, superseded: bool = False) -> list[Effect]:
        return self.tell(NoteCame(1, SEEN, note, superseded))

    def later(self, days: float) -> None:
        self.moment = replace(self.moment, now_ms=self.moment.now_ms + int(days * DAY_MS))

    def sent(self, deadline_day: int | None = None, planned: int = 1) -> int:
        """A letter of ours that is on its way."""
        seq = self.ledger.write(ID, deadline_day)
        self.tell(LetterSent(seq), LetterSealed(seq, weaker=False))
        self.ledger.change_letter(seq, planned=planned)
        return seq

    def came(self) -> int:
        """A letter of theirs that is here whole and whose receipt has left."""
        seq = self.ledger.store(ID)
        self.tell(LetterCame(seq))
        self.ledger.notes.clear()
        return seq

    def said(self) -> list[tuple[str, bytes]]:
        return [(note.what, note.detail) for note, _due in self.ledger.notes]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_every_event_has_its_line_in_the_table() -> None:
    assert set(HANDLERS) == set(typing.get_args(events.Event))
    assert all(handler.__module__.startswith("tiercel.delivery.") for line in HANDLERS.values() for handler in line)


def test_a_letter_to_its_end_as_its_way_tells_it(desk: Desk) -> None:
    seq = desk.sent()
    desk.hear(ARRIVED)
    desk.hear(READ)
    desk.tell(ReplyCame(1, ID))
    steps = ["accepted", "sealed", "receipt: arrived", "receipt: read", "answered"]
    assert desk.ledger.way == [(seq, step) for step in steps]
    assert desk.ledger.out[seq].accepted_at == desk.ledger.out[seq].arrived_at == NOW


def test_a_receipt_that_comes_twice_is_one_step(desk: Desk) -> None:
    desk.sent()
    for _ in range(3):
        desk.hear(ARRIVED)
    assert [what for _seq, what in desk.ledger.way].count("receipt: arrived") == 1


@pytest.mark.parametrize(("note", "step"), [(READ, "receipt: read"), (RETURNED, "returned: the other side")])
def test_what_comes_over_several_roads_is_one_step(desk: Desk, note: Note, step: str) -> None:
    seq = desk.sent()
    for _ in range(3):
        desk.hear(note)
    state = desk.ledger.out[seq].state
    assert [what.startswith(step) for _seq, what in desk.ledger.way].count(True) == 1
    desk.hear(READ if note is RETURNED else RETURNED)
    assert state in ("read", "returned") and desk.ledger.out[seq].state == "crossed"
    before = len(desk.ledger.way)
    desk.hear(note)
    desk.tell(ReplyCame(1, ID))
    assert (len(desk.ledger.way), desk.ledger.out[seq].state) == (before, "crossed")


def test_an_answer_is_a_step_once(desk: Desk) -> None:
    seq = desk.sent()
    for _ in range(2):
        desk.tell(ReplyCame(1, ID))
    assert [what for _seq, what in desk.ledger.way] == ["accepted", "sealed", "answered"]
    assert desk.ledger.out[seq].state == "answered"


def test_under_a_superseded_generation_only_receipts_count(desk: Desk) -> None:
    seq = desk.sent()
    desk.hear(RETURNED, superseded=True)
    assert desk.ledger.out[seq].state == "sealed"
    desk.hear(ARRIVED, superseded=True)
    assert desk.ledger.out[seq].state == "arrived"


# -- receipts of ours --------------------------------------------------------------------------------


def test_what_is_whole_is_announced_and_its_receipt_leaves_with_a_later_visit(desk: Desk) -> None:
    seq = desk.ledger.store(ID)
    assert desk.tell(LetterCame(seq)) == [Announce(seq)]
    assert desk.tell(replace(SEEN, visit=7)) == [], "the visit that brought it"
    (put,) = desk.tell(SEEN)
    assert isinstance(put, PutNotes) and [(note.what, note.detail) for note in put.notes] == [("receipt", b"\0")]
    assert desk.tell(LetterCame(seq)) == [], "once"


def test_a_copy_draws_one_receipt_a_day(desk: Desk) -> None:
    desk.came()
    for days, said in ((0, 0), (0.9, 0), (0.2, 1), (0.9, 0), (0.2, 1)):
        desk.later(days)
        desk.ledger.notes.clear()
        desk.tell(LetterCameAgain(1, ID), LetterCameAgain(1, ID))
        assert len(desk.said()) == said


def test_a_bond_without_receipts_is_silent_of_letters_and_of_nothing_else(desk: Desk) -> None:
    desk.ledger.the_bond = replace(BOND, receipts=0)
    letter, service = desk.ledger.store(ID), desk.ledger.store(OTHER)
    desk.ledger.change_letter(service, kind=1)
    desk.tell(LetterCame(letter), LetterCame(service))
    assert [note.subject for note, _due in desk.ledger.notes] == [OTHER]
    desk.tell(LetterReadHere(letter))
    assert desk.said() == [("receipt", b"\0"), ("receipt", b"\1")]


@pytest.mark.parametrize(
    "hours, watched, most_ms",
    [(0, False, 0), (0, True, RECEIPT_DELAY_MS_MAX), (24, False, 24 * HOUR_MS), (3, True, 3 * HOUR_MS)],
)
def test_receipts_wait_a_random_time_and_all_together(desk: Desk, hours: int, watched: bool, most_ms: int) -> None:
    desk.ledger.the_bond = replace(BOND, receipt_delay_h=hours)
    desk.moment = replace(desk.moment, watched=watched)
    first = desk.ledger.store(ID)
    desk.tell(LetterCame(first))
    desk.later(most_ms / DAY_MS / 1000)
    desk.tell(LetterCame(desk.ledger.store(OTHER)))
    (due,) = {due for _note, due in desk.ledger.notes}
    assert NOW < due < NOW + most_ms if most_ms else due == 0
    if most_ms:
        assert desk.engine.wake_at(desk.moment) == due
        assert not [effect for effect in desk.tell(SEEN) if isinstance(effect, PutNotes)]
        desk.moment = replace(desk.moment, now_ms=due)
    (put,) = desk.tell(SEEN)
    assert isinstance(put, PutNotes) and len(put.notes) == 2


# -- taking back -------------------------------------------------------------------------------------


def test_what_never_left_is_recalled_at_once_and_nobody_is_asked(desk: Desk) -> None:
    seq = desk.sent(planned=0)
    desk.tell(RecallAsked(seq))
    assert desk.ledger.out[seq].state == "recalled" and desk.said() == []


def test_a_recall_is_asked_daily_until_it_is_answered(desk: Desk) -> None:
    seq = desk.sent()
    desk.tell(RecallAsked(seq))
    for days, asked in ((0.5, 0), (0.5, 1), (0.9, 0), (0.1, 1)):
        desk.ledger.notes.clear()
        assert desk.engine.wake_at(desk.moment) is not None
        desk.later(days)
        desk.tell(Ticked(0))
        assert len(desk.said()) == asked
    desk.hear(KEPT)
    assert desk.said() == [] and desk.engine.wake_at(desk.moment) is None
    assert desk.ledger.way[-1] == (seq, "kept: the other side keeps it")


def test_a_letter_that_goes_back_is_burnt_with_the_word_and_a_person_is_told(desk: Desk) -> None:
    seq = desk.came()
    assert desk.hear(RECALLED) == [RemoveFiles(()), Say("bo took back a letter you had not opened.")]
    assert desk.ledger.letters_in[seq].state == "returned" and desk.ledger.burnt == {seq}
    assert desk.said() == [("answer", bytes([Reply.RETURNED]))]


def test_a_letter_that_was_shown_is_kept(desk: Desk) -> None:
    seq = desk.came()
    desk.ledger.change_letter(seq, shown_at=NOW)
    assert desk.hear(RECALLED) == []
    assert desk.said() == [("answer", bytes([Reply.KEPT]))] and desk.ledger.burnt == set()


def test_a_letter_not_yet_here_goes_back_before_it_comes(desk: Desk) -> None:
    assert desk.hear(RECALLED) == [] and desk.said() == [("answer", bytes([Reply.RETURNED]))]
    desk.later(1)
    desk.ledger.notes.clear()
    assert desk.tell(LetterCameAgain(1, ID)) == []
    assert desk.said() == [("answer", bytes([Reply.RETURNED]))], "and is never shown"


def test_after_the_end_of_a_bond_what_comes_goes_back(desk: Desk) -> None:
    desk.tell(LetterRefused(1, ID))
    assert desk.said() == [("answer", bytes([Reply.RETURNED]))]


@pytest.mark.parametrize("notes", [(READ, RETURNED), (RETURNED, READ)], ids=["read first", "returned first"])
def test_read_and_returned_has_crossed_and_the_reader_is_told_until_it_says_so(
    desk: Desk, notes: tuple[Note, Note]
) -> None:
    seq = desk.sent()
    for note in notes:
        desk.hear(note)
    assert desk.ledger.out[seq].state == "crossed" and desk.said() == [("answer", bytes([Reply.CROSSED]))]
    desk.ledger.notes.clear()
    desk.later(1)
    desk.tell(Ticked(0))
    assert desk.said() == [("answer", bytes([Reply.CROSSED]))]
    desk.hear(CROSSED)
    assert desk.said() == [] and desk.engine.wake_at(desk.moment) is None


@pytest.mark.parametrize("shown", [True, False])
def test_what_the_writer_knows_has_crossed_is_shown_so_and_an_unread_text_is_burnt(desk: Desk, shown: bool) -> None:
    seq = desk.came()
    desk.ledger.change_letter(seq, shown_at=NOW if shown else None)
    for _ in range(3):
        desk.hear(CROSSED)
    assert desk.ledger.letters_in[seq].state == "crossed" and desk.ledger.burnt == (set() if shown else {seq})
    assert desk.said() == [("answer", bytes([Reply.CROSSED]))], "once a day"


def test_a_copy_gives_no_word_about_what_was_in_it_or_may_have_come_since(desk: Desk) -> None:
    seq = desk.came()
    desk.ledger.was_restored = Restored(NOW, seq)
    desk.hear(RECALLED)
    desk.hear(Note(recalls=(OTHER,)))
    assert desk.said() == [("answer", bytes([Reply.KEPT]))] * 2 and desk.ledger.burnt == set()
    desk.ledger.notes.clear()
    desk.later(247)
    desk.hear(Note(recalls=(OTHER,)))
    assert desk.said() == [("answer", bytes([Reply.RETURNED]))], "what was lost does not come any more"


def test_whoever_put_a_copy_back_is_reminded_of_its_word(desk: Desk) -> None:
    seq = desk.sent()
    desk.hear(RETURNED)
    desk.tell(CopyAnnounced(1))
    assert desk.said() == [("answer", bytes([Reply.RETURNED]))]
    desk.hear(RETURNED)
    assert desk.said() == [] and desk.ledger.out[seq].recall_at is None


def test_a_word_that_comes_after_the_copy_was_announced_is_held_up_to_it(desk: Desk) -> None:
    desk.sent()
    desk.ledger.theirs_put_back = True
    desk.hear(RETURNED)
    assert desk.said() == [("answer", bytes([Reply.RETURNED]))], "the vault that said so may be gone"
    desk.hear(RETURNED)
    assert desk.said() == []


# -- time --------------------------------------------------------------------------------------------


def test_a_deadline_expires_after_its_day_and_a_late_receipt_counts(desk: Desk) -> None:
    seq = desk.sent(deadline_day=DAY + 2)
    assert desk.engine.wake_at(desk.moment) == (DAY + 3) * DAY_MS
    desk.later(2.9)
    desk.tell(Ticked(0))
    assert desk.ledger.out[seq].state == "sealed"
    desk.later(0.1)
    desk.moment = replace(desk.moment, clock_doubtful=True)
    desk.tell(Ticked(0))
    assert desk.ledger.out[seq].state == "sealed" and desk.engine.wake_at(desk.moment) is None, "in doubt"
    desk.moment = replace(desk.moment, clock_doubtful=False)
    desk.tell(Ticked(0))
    assert desk.ledger.out[seq].state == "expired" and desk.engine.wake_at(desk.moment) is None
    desk.hear(ARRIVED)
    assert desk.ledger.out[seq].state == "arrived"


def test_what_a_clock_that_ran_ahead_told_is_due_now(desk: Desk) -> None:
    seq = desk.sent()
    desk.later(4000)
    desk.tell(RecallAsked(seq))
    desk.ledger.notes.clear()
    desk.later(-4000)
    desk.tell(Ticked(0))
    assert desk.said() == [("recall", b"")]
