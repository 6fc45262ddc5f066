"""The delivery engine: every event, and the one place where what follows from it is written.

State lives in the ledger and nowhere else. :meth:`Engine.step` takes one event inside the caller's transaction and
gives back what is to be done once that transaction is durable; :meth:`Engine.wake_at` says when time alone makes the
next thing happen. There is no clock, file, network, thread or chance in this room.

Example:
    >>> events.Ticked in HANDLERS
    True
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tiercel.delivery import asking, clock, doubts, ends, events, generations, notes, recalls, receipts, sending, stock
from tiercel.delivery.effects import Effect
from tiercel.delivery.ledger import Ledger
from tiercel.delivery.step import Moment, Step
from tiercel.ports import Entropy

Handler = Callable[[Step, Any], None]

HANDLERS: Final[dict[type, tuple[Handler, ...]]] = {
    # time
    events.Ticked:             (ends.expire, recalls.ask_again, asking.ask_again, stock.top_up),
    events.VisitEnded:         (clock.visit_ended,),
    # roads
    events.ParcelsGone:        (sending.parcels_left,),
    events.RoadSeen:           (sending.road_seen, notes.put_due),
    events.RoadReady:          (sending.road_ready,),
    events.ParcelsPut:         (sending.parcels_put,),
    events.ParcelsTakenOff:    (sending.parcels_left,),
    events.BundleUnfit:        (sending.bundle_unfit,),
    events.NotesPut:           (notes.notes_put,),
    # what the other side says
    events.ParcelHeard:        (generations.parcel_heard,),
    events.NoteCame:           (receipts.note_came, asking.note_came, sending.note_came, recalls.note_came),
    events.ReplyCame:          (ends.reply_came,),
    events.CopyAnnounced:      (recalls.copy_announced, doubts.copy_announced),
    # what came of theirs
    events.LetterCame:         (receipts.letter_came,),
    events.LetterCameAgain:    (receipts.letter_came_again,),
    events.LetterRefused:      (recalls.letter_refused,),
    events.LetterReadHere:     (receipts.letter_read_here,),
    events.EnclosureCame:      (receipts.enclosure_came,),
    events.EnclosureCameAgain: (receipts.enclosure_came_again,),
    events.KeyWasGone:         (asking.key_was_gone,),
    events.SymbolsLacked:      (asking.symbols_lacked,),
    # our letters
    events.LetterSent:         (ends.letter_sent, doubts.letter_sent),
    events.LetterSealed:       (ends.letter_sealed,),
    events.RecallAsked:        (recalls.recall_asked,),
    events.BondConfirmed:      (doubts.bond_confirmed,),
    events.BondEnded:          (ends.bond_ended,),
}  # fmt: skip
"""What happens at each event, in this order, in one transaction."""

WAKERS: Final[tuple[Callable[[Ledger, Moment], int | None], ...]] = (
    ends.next_deadline,
    recalls.next_recall,
    asking.next_asking,
    notes.next_note,
    sending.next_due,
    stock.next_top_up,
)
"""When each concern has something to do next, by an index: UTC milliseconds, or None."""


class Engine:
    """The handlers over one ledger."""

    def __init__(self, ledger: Ledger, entropy: Entropy) -> None:
        """Over a store, with entropy for waits that must not be foreseen."""
        self.ledger, self.entropy = ledger, entropy

    def step(self, event: events.Event, moment: Moment) -> list[Effect]:
        """What follows from an event: rows change now, in the caller's transaction; effects are for after its commit.

        Raises:
            KeyError: An event that no table names: a bug.
        """
        step = Step(self.ledger, self.entropy, moment)
        for handler in HANDLERS[type(event)]:
            handler(step, event)
        return step.effects

    def wake_at(self, moment: Moment) -> int | None:
        """The next instant at which something is due without an event, or None: UTC milliseconds, not before now."""
        due = [at for waker in WAKERS if (at := waker(self.ledger, moment)) is not None]
        return max(min(due), moment.now_ms) if due else None
