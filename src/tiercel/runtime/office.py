"""Events go to the delivery engine here: one transaction, the engine's step, the commit, and only then the effects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tiercel.delivery.effects import Announce, Effect, ForgetKeys, RemoveFiles, Say
from tiercel.delivery.engine import Engine
from tiercel.delivery.events import Event
from tiercel.delivery.step import Moment
from tiercel.vault import roads

from .ledger import VaultLedger

if TYPE_CHECKING:
    from .home import Home


class Office:
    """The engine over one vault.

    Example:
        >>> with home.office.transaction():  # doctest: +SKIP
        ...     home.office.tell(LetterSent(letter.seq))
    """

    def __init__(self, home: Home) -> None:
        """Over the vault of a home."""
        self.home = home
        self.ledger = VaultLedger(home.vault, self._slowest_ms)
        self.engine = Engine(self.ledger, home.entropy)
        self._begun: list[Effect] | None = None  # of the transaction that is open
        self._said: list[str] = []

    def moment(self) -> Moment:
        """Now."""
        home = self.home
        return Moment(home.clock.now_ms(), home.clock_doubtful, home.visit, home.watching)

    def step(self, event: Event) -> list[Effect]:
        """One event in a transaction of its own; give back the effects that are the caller's to carry out, in order.

        Sentences are kept for :meth:`sentences` and files are removed here; what is to be put on a road or taken off
        it is for whoever has the road open.
        """
        with self.transaction() as effects:
            self.tell(event)
        return effects

    @contextmanager
    def transaction(self) -> Iterator[list[Effect]]:
        """All of the block, durably, or nothing of it; the list holds the caller's effects once it is left.

        Raises:
            VaultBusy, DiskFull, VaultError: As :meth:`tiercel.vault.store.Vault.transaction`; no effect is carried out.
        """
        left, begun = list[Effect](), list[Effect]()
        with self.home.vault.transaction():
            self._begun = begun
            try:
                yield left
            finally:
                self._begun = None  # inside the block: another thread may be waiting for it
        left += [effect for effect in begun if not self._carried_out(effect)]
        self.home.remove_doomed()

    @contextmanager
    def part(self) -> Iterator[None]:
        """All of the block or nothing of it, its effects too, inside :meth:`transaction`."""
        assert self._begun is not None
        before = len(self._begun)
        try:
            with self.home.vault.part():
                yield
        except BaseException:
            del self._begun[before:]
            raise

    def tell(self, event: Event) -> list[Effect]:
        """One event inside :meth:`transaction`; give back what follows from it, which is carried out after the commit.

        Raises:
            RuntimeError: No transaction of this office is open.
        """
        if self._begun is None:
            raise RuntimeError("an event outside a transaction of the office")
        effects = self.engine.step(event, self.moment())
        self._begun += effects
        return effects

    def wake_at(self) -> int | None:
        """The next instant at which a visit has something to do that no road brings; UTC milliseconds, or None."""
        with self.home.vault.reading():
            return self.engine.wake_at(self.moment())

    def say(self, sentence: str) -> None:
        """Keep a sentence for the person, once until it is asked for."""
        if sentence not in self._said:
            self._said.append(sentence)

    def sentences(self) -> list[str]:
        """What was to be said to the person since the last call."""
        said, self._said = self._said, []
        return said

    def _carried_out(self, effect: Effect) -> bool:
        if isinstance(effect, Say):
            self._said.append(effect.sentence)
        elif isinstance(effect, RemoveFiles):
            self.home.doomed.update(effect.files)
        elif isinstance(effect, ForgetKeys):
            self.home.keys.forget()
        else:
            return isinstance(effect, Announce)  # counted by whoever told the event
        return True

    def _slowest_ms(self, bond: int) -> int:
        """The declared worst delay among the roads of a bond: a seal must outlive it."""
        rows = roads.carriers_of(self.home.vault, bond)
        return max((self.home.open_carrier(row).road.delay_ms for row in rows), default=0)
