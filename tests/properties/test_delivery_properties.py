"""The engine under every order of events: no letter leaves the table of states, and both sides end the same.

Notes and letters are lost, doubled, kept for later and come in any order; the reader's vault is put back from older
copies; then faults stop, everything is delivered, and the two ledgers are compared.
"""

from __future__ import annotations

import copy

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from memory_ledger import BOND, MemoryLedger
from tiercel.delivery import way
from tiercel.delivery.effects import Effect, PutNotes
from tiercel.delivery.engine import Engine
from tiercel.delivery.events import (
    BondConfirmed,
    CopyAnnounced,
    Event,
    LetterCame,
    LetterCameAgain,
    LetterReadHere,
    LetterSealed,
    LetterSent,
    NoteCame,
    NotesPut,
    RecallAsked,
    ReplyCame,
    RoadSeen,
    Ticked,
)
from tiercel.delivery.notes import put_due
from tiercel.delivery.rows import InLetter, NoteDue, Restored
from tiercel.delivery.states import Event as Happening
from tiercel.delivery.states import State
from tiercel.delivery.step import Moment, Step
from tiercel.limits import DAY_MS
from tiercel.parcel.note import Answer, Note, Receipt, ReceiptKind, Reply
from tiercel.testing.entropy import SeededEntropy

START_DAY = 20_000
MAY_BE_ASKED = {"accepted", "sealed", "handed over", "arrived", "expired"}
COMPATIBLE = {
    "returned": {"returned"}, "crossed": {"crossed"}, "read": {"arrived", "read"}, "answered": {"arrived", "read"},
    "arrived": {"arrived", "read"}, "expired": {"arrived", "read"}, "recalled": set(),
}  # fmt: skip
"""What the reader may show beside what the writer shows. A copy that was put back forgets a reading, never a word."""


def note_of(said: tuple[NoteDue, ...], day: int) -> Note:
    """What a runtime makes of what is due, with proofs that prove nothing."""
    receipts, recalls, answers = list[Receipt](), list[bytes](), list[Answer]()
    for item in said:
        if item.what == "receipt":
            receipts.append(Receipt(ReceiptKind(item.detail[0]), item.subject, bytes(32)))
        elif item.what == "recall":
            recalls.append(item.subject)
        elif item.what == "answer":
            answers.append(Answer(item.subject, Reply(item.detail[0])))
    return Note(day=day, receipts=tuple(receipts), recalls=tuple(recalls), answers=tuple(answers))


class Side:
    """One vault's ledger and its engine, and the notes on their way to it."""

    def __init__(self, name: str) -> None:
        self.ledger = MemoryLedger(BOND)
        self.entropy = SeededEntropy(name)
        self.notes: list[Note] = []
        self.visit = 0

    def moment(self, now_ms: int) -> Moment:
        return Moment(now_ms, False, self.visit, False)

    def tell(self, event: Event, now_ms: int) -> list[Effect]:
        return Engine(self.ledger, self.entropy).step(event, self.moment(now_ms))  # type: ignore[arg-type]

    def says(self, now_ms: int) -> Note | None:
        """What leaves with a visit."""
        self.visit += 1
        step = Step(self.ledger, self.entropy, self.moment(now_ms))  # type: ignore[arg-type]
        put_due(step, RoadSeen(1, self.visit, 0, True, True, ()))
        put = [effect for effect in step.effects if isinstance(effect, PutNotes)]
        if not put:
            return None
        self.tell(NotesPut(1, tuple(note.id for note in put[0].notes)), now_ms)
        return note_of(put[0].notes, now_ms // DAY_MS)


class Post(RuleBasedStateMachine):
    """A writer, a reader, and a post that does what it likes."""

    @initialize()
    def begin(self) -> None:
        self.writer, self.reader = Side("writer"), Side("reader")
        self.now_ms = START_DAY * DAY_MS
        self.road: list[bytes] = []  # letters that were on their way at some time
        self.replies: list[bytes] = []
        self.announced = True

    def writers(self, states: set[str]) -> list[int]:
        return [each.seq for each in self.writer.ledger.out.values() if each.state in states]

    # -- the writer ------------------------------------------------------------------------------

    @rule(days=st.sampled_from([None, None, None, 0, 9]), comes=st.booleans())
    def write(self, days: int | None, comes: bool) -> None:
        seq = self.writer.ledger.write(
            len(self.writer.ledger.out).to_bytes(16, "big"), days and self.now_ms // DAY_MS + days
        )
        self.writer.tell(LetterSent(seq), self.now_ms)
        if comes and self.writer.ledger.out[seq].state == "accepted":
            self.hand_over(seq)
            self.comes(self.road[-1])

    def hand_over(self, seq: int) -> None:
        ledger = self.writer.ledger
        if ledger.out[seq].state == "accepted":
            self.writer.tell(LetterSealed(seq, weaker=False), self.now_ms)
        ledger.change_letter(seq, planned=1)
        step = Step(ledger, self.writer.entropy, self.writer.moment(self.now_ms))  # type: ignore[arg-type]
        way.happened(step, ledger.out[seq], Happening.PUT, "handed over")
        self.road.append(ledger.out[seq].id)

    @precondition(lambda self: self.writers({"accepted", "sealed", "handed over"}))
    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        under_way = self.writers({"accepted", "sealed", "handed over"})
        seq = data.draw(st.sampled_from(under_way))
        if self.writer.ledger.out[seq].recall_at is None:
            self.hand_over(seq)

    @precondition(lambda self: self.writers(MAY_BE_ASKED))
    @rule(data=st.data(), heard=st.booleans())
    def recall(self, data: st.DataObject, heard: bool) -> None:
        self.writer.tell(RecallAsked(data.draw(st.sampled_from(self.writers(MAY_BE_ASKED)))), self.now_ms)
        if heard:
            self.say(writer=True, heard=True)

    @rule()
    def confirm(self) -> None:
        if self.announced:
            self.writer.tell(BondConfirmed(1), self.now_ms)

    # -- the reader ------------------------------------------------------------------------------

    def comes(self, letter_id: bytes) -> None:
        if self.reader.ledger.in_letter_named(1, letter_id) is not None:
            self.reader.tell(LetterCameAgain(1, letter_id), self.now_ms)
        else:
            self.reader.tell(LetterCame(self.reader.ledger.store(letter_id)), self.now_ms)

    @precondition(lambda self: self.road)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        self.comes(data.draw(st.sampled_from(self.road)))

    def readable(self) -> list[InLetter]:
        return [each for each in self.reader.ledger.letters_in.values() if each.state in ("arrived", "read")]

    @precondition(lambda self: self.readable())
    @rule(data=st.data(), receipt=st.booleans(), reply=st.booleans())
    def read(self, data: st.DataObject, receipt: bool, reply: bool) -> None:
        letter = data.draw(st.sampled_from(self.readable()))
        assert letter.seq not in self.reader.ledger.burnt, "nothing is shown of what went back"
        self.reader.ledger.change_letter(letter.seq, shown_at=self.now_ms, read_at=self.now_ms, state="read")
        if receipt:
            self.reader.tell(LetterReadHere(letter.seq), self.now_ms)
        if reply:
            self.replies.append(letter.id)

    @rule(
        data=st.data(), lost=st.lists(st.sampled_from(["read", "recall", "hear"]), max_size=3), announced=st.booleans()
    )
    def put_a_copy_back(self, data: st.DataObject, lost: list[str], announced: bool) -> None:
        """What happens after the copy was made is forgotten on this side, and on this side only."""
        ledger = copy.deepcopy(self.reader.ledger)
        for act in lost:
            if act == "read" and self.readable():
                self.read(data, receipt=data.draw(st.booleans()), reply=False)
            elif act == "recall" and self.writers(MAY_BE_ASKED):
                self.recall(data, heard=True)
            self.say(writer=True, heard=True)
            self.say(writer=False, heard=True)
        ledger.was_restored = Restored(self.now_ms, ledger.last)
        self.reader.ledger, self.announced = ledger, False
        if announced:
            self.announce()

    @precondition(lambda self: not self.announced)
    @rule()
    def announce(self) -> None:
        self.announced = self.writer.ledger.theirs_put_back = True
        self.writer.tell(CopyAnnounced(1), self.now_ms)

    # -- the post --------------------------------------------------------------------------------

    @rule(writer=st.booleans(), heard=st.booleans())
    def say(self, writer: bool, heard: bool) -> None:
        here, there = (self.writer, self.reader) if writer else (self.reader, self.writer)
        note = here.says(self.now_ms)
        if note is not None and heard:
            self.hears(there, note)
        elif note is not None:
            there.notes.append(note)

    def hears(self, side: Side, note: Note) -> None:
        side.tell(NoteCame(1, RoadSeen(1, side.visit, 0, True, True, ()), note, superseded=False), self.now_ms)

    @precondition(lambda self: self.writer.notes or self.reader.notes)
    @rule(data=st.data(), again=st.booleans(), lost=st.booleans())
    def carry(self, data: st.DataObject, again: bool, lost: bool) -> None:
        side = data.draw(st.sampled_from([each for each in (self.writer, self.reader) if each.notes]))
        note = side.notes[data.draw(st.integers(0, len(side.notes) - 1))]
        if not lost:
            self.hears(side, note)
        if not again:
            side.notes.remove(note)

    @precondition(lambda self: self.replies)
    @rule()
    def reply_comes(self) -> None:
        self.writer.tell(ReplyCame(1, self.replies.pop()), self.now_ms)

    @rule(days=st.integers(0, 5), writer=st.booleans())
    def time_passes(self, days: int, writer: bool) -> None:
        self.now_ms += days * DAY_MS
        (self.writer if writer else self.reader).tell(Ticked(0), self.now_ms)

    # -- what holds ------------------------------------------------------------------------------

    @invariant()
    def what_went_back_is_burnt(self) -> None:
        for letter in self.reader.ledger.letters_in.values():
            assert letter.state != State.RETURNED or (
                letter.seq in self.reader.ledger.burnt and letter.shown_at is None
            )

    def teardown(self) -> None:
        if not hasattr(self, "writer"):
            return
        if not self.announced:
            self.announce()
        self.writer.tell(BondConfirmed(1), self.now_ms)
        for _day in range(12):
            self.now_ms += DAY_MS
            self.a_good_day()
        self.compare()

    def a_good_day(self) -> None:
        """Everything comes, everybody visits twice."""
        for side in (self.writer, self.reader):
            side.tell(Ticked(0), self.now_ms)
        for seq in self.writers({"accepted", "sealed", "handed over"}):
            if self.writer.ledger.out[seq].recall_at is None:
                self.hand_over(seq)
                self.comes(self.writer.ledger.out[seq].id)
        while self.replies:
            self.reply_comes()
        for here, there in ((self.writer, self.reader), (self.reader, self.writer)) * 2:
            note = here.says(self.now_ms)
            for each in (*there.notes, *([note] if note is not None else [])):
                self.hears(there, each)
            there.notes.clear()

    def compare(self) -> None:
        for letter in self.writer.ledger.out.values():
            theirs = self.reader.ledger.in_letter_named(1, letter.id)
            assert letter.recall_at is None, "every asking has its answer"
            assert letter.state in COMPATIBLE, f"{letter.state} is no end"
            if theirs is None:  # lost with a copy, or nothing of it ever came
                assert letter.state not in ("returned", "crossed")
            else:
                assert theirs.state in COMPATIBLE[letter.state], (letter.state, theirs)
        assert not self.writer.ledger.notes and not self.reader.ledger.notes, "nothing is said for ever"


TestPost = Post.TestCase
TestPost.settings = settings(
    max_examples=250, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
