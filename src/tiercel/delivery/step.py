"""One step at work: what an event's handler reads, changes and asks for."""

from __future__ import annotations

from dataclasses import dataclass, field

from tiercel.delivery.effects import Effect, Say
from tiercel.delivery.ledger import Ledger
from tiercel.limits import DAY_MS
from tiercel.ports import Entropy


@dataclass(frozen=True)
class Moment:
    """When a step happens.

    Attributes:
        now_ms: UTC milliseconds since 1970.
        clock_doubtful: The clock jumped and no person has confirmed it: nothing ends by time.
        visit: Number of the present visit to the roads, or of the last one.
        watched: The roads are visited every few seconds, so that an answer at once would tell when somebody came.
    """

    now_ms: int
    clock_doubtful: bool
    visit: int
    watched: bool

    @property
    def today(self) -> int:
        """Whole UTC days since 1970."""
        return self.now_ms // DAY_MS


@dataclass
class Step:
    """The caller's transaction, seen through the ledger; ``effects`` are carried out once it is durable."""

    ledger: Ledger
    entropy: Entropy
    moment: Moment
    effects: list[Effect] = field(default_factory=list)

    @property
    def now_ms(self) -> int:
        """UTC milliseconds since 1970."""
        return self.moment.now_ms

    @property
    def today(self) -> int:
        """Whole UTC days since 1970."""
        return self.moment.today

    def do(self, effect: Effect) -> None:
        """Ask for something, after what was asked for before."""
        self.effects.append(effect)

    def say(self, sentence: str) -> None:
        """Ask that a sentence be said to the person."""
        self.do(Say(sentence))
