"""What happens by time: deadlines, keys that die, files nobody refers to. In doubt about the clock, nothing does."""

from __future__ import annotations

from tiercel.delivery.schedule import ask_recall_again
from tiercel.delivery.states import Event
from tiercel.limits import (
    DAY_MS,
    EPOCH_DAYS,
    GENERATION_KEPT_DAYS,
    PREKEY_KEPT_DAYS,
    QUARANTINE_DAYS,
    UNCLAIMED_KEPT_DAYS,
)
from tiercel.vault import bonds, bundles, files, letters, notes, prekeys
from tiercel.vault.bonds import Bond

from . import bonds as people
from . import keyring, way
from .home import Home


def expire(home: Home) -> None:
    """Deadlines that passed unconfirmed: the letter is no longer sent, and says so."""
    if home.clock_doubtful:
        return
    today = home.clock.now_ms() // DAY_MS
    for bond in bonds.all_bonds(home.vault):
        for letter in way.open_letters(home, bond.id):
            if letter.deadline_day is not None and letter.deadline_day < today:
                with home.vault.transaction():
                    way.happened(home, letter, Event.DEADLINE_PASSED, "expired: its deadline passed, unconfirmed")
                    way.stop_sending(home, letter)


def repeat_recalls(home: Home) -> None:
    """Ask an unanswered recall again, at most daily."""
    now = home.clock.now_ms()
    for letter in letters.letters_where(home.vault, "direction = 'out' AND recall_at IS NOT NULL"):
        if letter.recall_at is not None and ask_recall_again(letter.recall_at, now):
            with home.vault.transaction():
                letters.change_letter(home.vault, letter.seq, recall_at=now)
                notes.say(home.vault, letter.bond, notes.RECALL, letter.id)


def after_sync(home: Home) -> None:
    """Delete what time has ended, and make the deletion true on disk."""
    _burn(home)
    people.forget_ended(home)
    if not home.clock_doubtful:
        _delete_by_time(home)
        day_ago = home.clock.now_ms() - DAY_MS
        files.sweep(home.vault.enclosures, letters.enclosure_files(home.vault), day_ago)
    home.remove_doomed()
    home.vault.forget()
    home.vault.mark()


def _burn(home: Home) -> None:
    """End the text of letters as each bond's retention rule says; ids, receipts and the chain are kept."""
    now = home.clock.now_ms()
    with home.vault.transaction():
        for bond in bonds.all_bonds(home.vault):
            for letter in letters.burnable(home.vault, bond.id, _read_before(home, bond, now), bool(bond.burn_sent)):
                home.doomed.update(letters.burn(home.vault, letter))
                letters.change_letter(home.vault, letter.seq, burnt_at=now)
                letters.add_event(home.vault, letter.seq, now, "burnt here, as the retention rule says")


def _read_before(home: Home, bond: Bond, now: int) -> int | None:
    days = bond.burn_read_days
    if days is None or (days and home.clock_doubtful):
        return None
    return now - days * DAY_MS


def _delete_by_time(home: Home) -> None:
    """Deletion needs the clock and what was heard to agree: the earlier of the two is believed (A47)."""
    now = home.clock.now_ms()
    with home.vault.transaction():
        for bond in bonds.all_bonds(home.vault):
            keyring.forget_epochs(home.vault, bond, now)
            agreed = min(now, (bond.newest_heard + 1) * EPOCH_DAYS * DAY_MS)
            prekeys.expire_ours(
                home.vault, bond.id, agreed // DAY_MS - PREKEY_KEPT_DAYS, agreed - PREKEY_KEPT_DAYS * DAY_MS
            )
            bonds.drop_old_roots(home.vault, bond.id, agreed - GENERATION_KEPT_DAYS * DAY_MS)
        bundles.empty_quarantine(home.vault, now - QUARANTINE_DAYS * DAY_MS)
        home.doomed.update(bundles.drop_unclaimed(home.vault, now - UNCLAIMED_KEPT_DAYS * DAY_MS))
