"""What a visit does by time: the engine is told that time passed, and what it ended is made true on disk."""

from __future__ import annotations

import shutil

from tiercel.delivery.events import Ticked, VisitEnded
from tiercel.limits import DAY_MS, SPOOL_FREE_PARTS
from tiercel.vault import bonds, files, letters
from tiercel.vault.bonds import Bond

from . import bonds as people
from .home import Home


def tick(home: Home) -> None:
    """Deadlines, recalls asked again, enclosures asked for again: what is due by now."""
    free = shutil.disk_usage(home.vault.enclosures).free
    home.office.step(Ticked(free // SPOOL_FREE_PARTS))


def after_sync(home: Home) -> None:
    """Delete what time has ended, and make the deletion true on disk."""
    people.forget_ended(home)
    with home.office.transaction():
        _burn(home)
        home.office.tell(VisitEnded())
    _sweep(home)
    home.vault.forget()
    home.vault.mark()


def _sweep(home: Home) -> None:
    """Remove, once a day and in each run, files that a crash left and no row names."""
    now = home.clock.now_ms()
    if not home.clock_doubtful and home.swept_day != now // DAY_MS:
        files.sweep(home.vault.enclosures, letters.enclosure_files(home.vault), now - DAY_MS)
        home.swept_day = now // DAY_MS


def _burn(home: Home) -> None:
    """End the text of letters as each bond's retention rule says; ids, receipts and the chain are kept."""
    now = home.clock.now_ms()
    for bond in bonds.with_retention(home.vault):
        for letter in letters.burnable(home.vault, bond.id, _read_before(home, bond, now), bool(bond.burn_sent)):
            home.doomed.update(letters.burn(home.vault, letter))
            letters.change_letter(home.vault, letter.seq, burnt_at=now)
            letters.add_event(home.vault, letter.seq, now, "burnt here, as the retention rule says")


def _read_before(home: Home, bond: Bond, now: int) -> int | None:
    days = bond.burn_read_days
    if days is None or (days and home.clock_doubtful):
        return None
    return now - days * DAY_MS
