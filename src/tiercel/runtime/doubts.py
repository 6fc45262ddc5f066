"""The other side's vault: which one of its incarnations writes, whether a copy was put back, whether two of them write.

A copy that was put back by its owner and one that was put back by a thief look the same. So the bond is in doubt from
then on: our letters to it are held until a person has compared the words again. Source: spec/letter.md 5.
"""

from __future__ import annotations

from tiercel.delivery.events import BondConfirmed, CopyAnnounced
from tiercel.letter.record import Kind, LetterRecord, RestoredRecord, RootRecord
from tiercel.limits import DAY_MS, EPOCHS_SENDER_LEAD, OTHER_GENERATION_MAX
from tiercel.parcel.epochs import epoch_of
from tiercel.vault import bonds, incarnations, letters, prekeys
from tiercel.vault.bonds import Bond, Root

from .home import Home
from .views import day_text

READERS_CHANGED = "the list of who can read on the other side changed"
READERS_UNSAID = "who can read on the other side changed without notice"


def seen(home: Home, bond: Bond, incarnation: bytes, record: LetterRecord) -> bool:
    """Remember which incarnation wrote an authentic letter; say whether what it brings counts.

    Gifts and roots of an incarnation that was left do not: their secrets went with it. A letter of it sealed after that
    day was not on its way then: somebody writes with it still, which is said.

    Args:
        home: With the transaction of the caller open.
        bond: Whose letter.
        incarnation: Of its envelope.
        record: What is in it.
    """
    now = home.clock.now_ms()
    sealed_at = min(record.sealed_day, now // DAY_MS) * DAY_MS
    current = incarnations.current(home.vault, bond.id)
    row = incarnations.known(home.vault, bond.id, incarnation)
    if _number_taken(home, bond, incarnation, record):
        bonds.warn(home.vault, bond.id, _two_write(bond.name), now)
    if row is None:
        return _first_of(home, bond, incarnation, record, sealed_at)
    incarnations.heard(home.vault, row, sealed_at)
    if row.standing == incarnations.CURRENT:
        return True
    goes_on = current is not None and sealed_at > current.first_at
    if goes_on:
        bonds.warn(home.vault, bond.id, _two_write(bond.name), now)
    return goes_on


def _first_of(home: Home, bond: Bond, incarnation: bytes, record: LetterRecord, sealed_at: int) -> bool:
    """The first letter of an incarnation: it writes from now on, unless the letter is older than the present one."""
    current = incarnations.current(home.vault, bond.id)
    late = current is not None and sealed_at < current.first_at
    standing = incarnations.LEFT if late else incarnations.CURRENT
    incarnations.add(home.vault, bond.id, incarnation, sealed_at, standing)
    if current is not None and not late and record.kind != Kind.RESTORED:
        bonds.warn(home.vault, bond.id, _new_one(bond.name), home.clock.now_ms())
    return not late


def _number_taken(home: Home, bond: Bond, incarnation: bytes, record: LetterRecord) -> bool:
    """Whether another letter of the same incarnation has this number: two vaults count as one."""
    if record.number is None:
        return False
    same = letters.letters_numbered(home.vault, bond.id, record.number)
    return any(letter.incarnation == incarnation and letter.id != record.letter_id for letter in same)


def key_used_twice(home: Home, bond: Bond) -> None:
    """Another bundle came to a one-time key of ours that opened one before: their vault took the same gift twice."""
    bonds.warn(home.vault, bond.id, _two_write(bond.name), home.clock.now_ms())


# -- a copy was put back -----------------------------------------------------------------------------


def announced(home: Home, bond: Bond, incarnation: bytes, record: RestoredRecord) -> None:
    """The other side's vault goes on from a copy: what it forgot is forgotten, and what is ours waits for a person."""
    _take_other_root(home, bond, record.other_root)
    bonds.supersede_roots(home.vault, bond.id, bond.their_direction, home.clock.now_ms())  # that of the letter follows
    prekeys.drop_of_others(home.vault, bond.id, incarnation)
    prekeys.nothing_held(home.vault, bond.id)
    home.office.tell(CopyAnnounced(bond.id))
    if bond.state == "bonded":
        bonds.take_back_warning(home.vault, bond.id, _new_one(bond.name))  # of a letter that came before this one
        bonds.warn(home.vault, bond.id, _was_it_they(bond.name, record.copied_day), home.clock.now_ms())


def _take_other_root(home: Home, bond: Bond, root: RootRecord) -> None:
    """Send under the root they made for us at once: they may know none of those that came after the copy.

    Its number is above those of the copy, and not always above ours: a vault may be put back more than once.
    """
    ours, now = bonds.roots_of(home.vault, bond.id, bond.direction), home.clock.now_ms()
    newest = max(bond.newest_sent, epoch_of(now)) + EPOCHS_SENDER_LEAD  # further ahead costs an evolution each visit
    known = {each.generation for each in ours}
    if not ours or root.generation in known or root.generation > OTHER_GENERATION_MAX or root.base_epoch > newest:
        return
    bonds.supersede_roots(home.vault, bond.id, bond.direction, now)
    fresh = Root(bond.id, bond.direction, root.generation, root.base_epoch, root.root, "current", now)
    bonds.add_root(home.vault, fresh)


def settle(home: Home, bond: Bond) -> None:
    """A person compared the words and confirmed a bond anew, in a transaction of the office: doubt and warnings go."""
    bonds.unwarn(home.vault, bond.id, but=(READERS_CHANGED, READERS_UNSAID))
    home.office.tell(BondConfirmed(bond.id))


# -- what is said ------------------------------------------------------------------------------------


def _was_it_they(name: str, day: int) -> str:
    return (
        f"{name}'s vault was put back from a copy of {day_text(day)}. Was it {name}? Compare the words"
        f" (`tiercel bond words {name}`) and confirm (`tiercel bond confirm {name}`); your letters are held until then."
    )


def _new_one(name: str) -> str:
    return (
        f"{name} goes on with another vault than before, perhaps put back from a copy. Ask {name}, and compare the"
        f" words (`tiercel bond words {name}`)."
    )


def _two_write(name: str) -> str:
    return (
        f"Two vaults write as {name}: a copy is in use, by {name} or by somebody else. Ask {name} over another way,"
        " and make a new bond if it was not they."
    )
