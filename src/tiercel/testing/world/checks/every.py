"""All checkers, by their ids."""

from __future__ import annotations

from collections.abc import Iterable

from .base import Check
from .bounds import Bounded
from .healed import EveryLetterArrives, EveryReceiptArrives, QuarantineEmpties, RestoredPairWrites, StockRecovers
from .keys import Keys
from .leaving import SameFace, StoredFirst
from .letters import GapsSeen, HonestReceipts, NoSilentLoss, OneVerdict, ShownAsWritten, ShownOnce
from .secrets import DeletedIsDeleted, NoClockAlone, NoKeyReuse, PlantedReaders


def every_check(only: Iterable[str] | None = None) -> list[Check]:
    """Fresh checkers for one world; with ``only`` those of these ids. I10 compares worlds: see :mod:`..alone`."""
    keys = Keys()
    every: list[Check] = [
        NoSilentLoss(), ShownOnce(), ShownAsWritten(), OneVerdict(), HonestReceipts(), GapsSeen(),
        NoKeyReuse(keys), DeletedIsDeleted(keys), StoredFirst(), Bounded(), SameFace(), PlantedReaders(),
        NoClockAlone(keys),
        EveryLetterArrives(), EveryReceiptArrives(), StockRecovers(), QuarantineEmpties(), RestoredPairWrites(),
    ]  # fmt: skip
    chosen = None if only is None else set(only)
    return [check for check in every if chosen is None or check.id in chosen]
