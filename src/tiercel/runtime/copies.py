"""This vault was put back from an older copy of itself: what the lost time may have used is let go, each bond told.

What is kept and why (spec/letter.md 5): our own one-time secrets stay until the other side is known to seal to new
ones. A whole copy of a vault holds them, and they open letters in flight, which would else be sealed again and take a
round trip more. Nothing is opened twice by them: a gift was struck out when its letter was sealed, and a letter that
is known already is recognised by its id.
"""

from __future__ import annotations

from tiercel.delivery.states import State
from tiercel.limits import (
    DAY_MS,
    GENERATION_KEPT_DAYS,
    ID_BYTES,
    KEY_BYTES,
    PREKEY_KEPT_DAYS,
    RESTORED_GENERATIONS,
    RESTORED_VERSION,
    ROOTS_OFFERED_MAX,
)
from tiercel.vault import bonds, letters, prekeys, settings
from tiercel.vault.bonds import Bond, Root
from tiercel.vault.prekeys import OurPrekey

from . import boxes, seals, way
from .home import Home
from .views import day_text

ANOTHER_WRITES = (
    "something came that answers what this vault never wrote: another copy of it is in use, or it was put back from an"
    " older copy unnoticed"
)


def accept(home: Home) -> None:
    """A person says that this older copy is all there is: go on from it without repeating anything.

    Every bond gets a new incarnation, the other side's one-time gifts are let go, and a letter says what happened, with
    the keys that both need to go on; until new gifts come, letters are sealed to the last-resort key.

    Source: spec/letter.md 5.
    """
    now = home.clock.now_ms()
    with home.vault.transaction():
        settings.put(home.vault, "copied_day", _copied_at(home) // DAY_MS)
        settings.put(home.vault, "copied_at", -1)  # of the next copy another instant is true
        settings.put(home.vault, "put_back_at", now)
        settings.put(home.vault, "put_back_seq", _newest_letter(home))  # of these it gives no word: delivery.recalls
        for bond in bonds.all_bonds(home.vault):
            bonds.change_bond(home.vault, bond.id, incarnation=home.entropy.token(ID_BYTES))
            prekeys.drop_one_time_theirs(home.vault, bond.id)
            prekeys.nothing_held(home.vault, bond.id)
            prekeys.ours_were_copied(home.vault, bond.id)
            boxes.renew(home, bond)
            if bond.state == "bonded":
                _tell(home, bond)
            elif bond.state == "compare":
                bonds.warn(home.vault, bond.id, _not_made(bond.name), now)
        settings.put(home.vault, "last_run_ms", now)
    home.vault.accept_rollback()


def put_back_lately(home: Home) -> bool:
    """Whether a copy was put back so lately that what the lost time wrote or gave may still be answered."""
    at = settings.get_int(home.vault, "put_back_at", -1)
    return at >= 0 and home.clock.now_ms() - at < PREKEY_KEPT_DAYS * DAY_MS


def copied_day(home: Home) -> int:
    """When the copy that was put back last was last used before, as far as it knows; whole UTC days since 1970."""
    return settings.get_int(home.vault, "copied_day", home.clock.now_ms() // DAY_MS)


def foreign(home: Home, bond: Bond) -> None:
    """Something came that answers what this vault never wrote or gave: somebody else writes with a copy of it."""
    if not put_back_lately(home):
        bonds.warn(home.vault, bond.id, ANOTHER_WRITES, home.clock.now_ms())


def may_be_used(bond: Bond, ours: OurPrekey) -> bool:
    """Whether gifts in a letter to this prekey of ours may have been used by the lost time, which may have opened it.

    True of prekeys that were in a copy that was put back. The other side forgets that it gave such gifts when it is
    told of the copy; one that is not told would take them for held, so theirs are kept.
    """
    return bool(ours.copied) and bond.their_reads >= RESTORED_VERSION


def _copied_at(home: Home) -> int:
    """The last sign of life in the copy; UTC milliseconds."""
    noticed = settings.get_int(home.vault, "copied_at", -1)
    newest = home.vault.one("SELECT max(at) FROM events") if noticed < 0 else (noticed,)
    return int(newest[0]) if newest and newest[0] is not None else home.clock.now_ms()


def _newest_letter(home: Home) -> int:
    """The row of the newest letter in the copy."""
    row = home.vault.one("SELECT ifnull(max(seq), 0) FROM letters")
    return int(row[0]) if row else 0


def _tell(home: Home, bond: Bond) -> None:
    """Put what the other side has to know on its way: in a letter of its own if they read one, else with keys only."""
    now = home.clock.now_ms()
    offered = seals.offer_root(home, bond, RESTORED_GENERATIONS)
    told = bond.their_reads >= RESTORED_VERSION and offered is not None and _offer_other_root(home, bond)
    for letter in way.open_letters(home, bond.id):
        if letter.kind == letters.RESTORED:  # what told of an earlier copy: this one is the newer
            letters.change_letter(home.vault, letter.seq, state=State.RECALLED.value)  # by a person, not by time
            way.stop_sending(home, letter)
    if told:
        way.service_letter(home, bond, letters.RESTORED)
    bonds.change_bond(home.vault, bond.id, service_at=now if told else None)
    bonds.warn(home.vault, bond.id, _warning(home, bond.name, told), now)


def _offer_other_root(home: Home, bond: Bond) -> bool:
    """Make a root for what the other side sends, above all it can have offered since the copy was made."""
    theirs = bonds.roots_of(home.vault, bond.id, bond.their_direction)
    generation = seals.next_generation(home, theirs, RESTORED_GENERATIONS)
    if generation is None:
        return False
    secret, now = home.entropy.token(KEY_BYTES), home.clock.now_ms()
    root = Root(bond.id, bond.their_direction, generation, bond.newest_heard, secret, "offered", now)
    bonds.add_root(home.vault, root)
    bonds.drop_old_offers(home.vault, bond.id, bond.their_direction, ROOTS_OFFERED_MAX)
    return True


def _warning(home: Home, name: str, told: bool) -> str:
    day = copied_day(home)
    said = f"This vault was put back from a copy of {day_text(day)}. "
    if home.clock.now_ms() // DAY_MS - day > GENERATION_KEPT_DAYS:
        return said + f"{name} has probably forgotten the keys in it: end this bond and make a new one."
    how = f"{name} is told; call all the same" if told else f"Call {name}, say that you restored"
    return said + f"{how}, compare the words (`tiercel bond words {name}`) and confirm (`tiercel bond confirm {name}`)."


def _not_made(name: str) -> str:
    return (
        f"This vault was put back from an older copy while this bond was being made: refuse it and invite {name} anew."
    )
