"""Events go to the delivery engine here: one transaction, the engine's step, the commit, and only then the effects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tiercel.delivery.effects import Effect, RemoveFiles, Say
from tiercel.delivery.engine import Engine
from tiercel.delivery.events import Event
from tiercel.delivery.step import Moment

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
        self.engine = Engine(VaultLedger(home.vault), home.entropy)
        self._begun: list[Effect] = []
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
        self._begun = []
        left: list[Effect] = []
        with self.home.vault.transaction():
            yield left
        begun, self._begun = self._begun, []
        left += [effect for effect in begun if not self._carried_out(effect)]
        self.home.remove_doomed()

    def tell(self, event: Event) -> None:
        """One event inside :meth:`transaction`."""
        self._begun += self.engine.step(event, self.moment())

    def sentences(self) -> list[str]:
        """What was to be said to the person since the last call."""
        said, self._said = self._said, []
        return said

    def _carried_out(self, effect: Effect) -> bool:
        if isinstance(effect, Say):
            self._said.append(effect.sentence)
        elif isinstance(effect, RemoveFiles):
            self.home.doomed.update(effect.files)
        else:
            return False
        return True
