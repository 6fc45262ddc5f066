"""The other side's vault: which one of its incarnations writes, whether a copy was put back, whether two of them write.

A copy that was put back by its owner and one that was put back by a thief look the same. So the bond is in doubt from
then on: our letters to it are held until a person has compared the words again. Source: spec/letter.md 5.
"""

from __future__ import annotations

from enum import Enum

from tiercel.delivery.events import BondConfirmed, CopyAnnounced
from tiercel.letter.record import Kind, LetterRecord, RestoredRecord, RootRecord
from tiercel.limits import DAY_MS, EPOCHS_SENDER_LEAD, OTHER_GENERATION_MAX
from tiercel.parcel.epochs import epoch_of
from tiercel.vault import bonds, incarnations, letters, prekeys
from tiercel.vault.bonds import Bond, Root
from tiercel.vault.incarnations import Incarnation

from .home import Home
from .views import day_text

READERS_CHANGED = "the list of who can read on the other side changed"
READERS_UNSAID = "who can read on the other side changed without notice"


class Standing(Enum):
    """Of the incarnation that wrote a letter, with that letter."""

    LEFT = "it was left, and what it gave is nobody's"
    WRITES = "it writes now, as before"
    BEGAN = "it writes now, and did not before"


def seen(home: Home, bond: Bond, incarnation: bytes, record: LetterRecord) -> Standing:
    """Remember which incarnation wrote an authentic letter.

    Gifts and roots of one that was left do not count: their secrets went with it. A letter of it sealed after that day
    was not on its way then: somebody writes with it still, which is said.

    Args:
        home: With the transaction of the caller open.
        bond: Whose letter.
        incarnation: Of its envelope.
        record: What is in it.
    """
    now = home.clock.now_ms()
    sealed_at = min(record.sealed_day, now // DAY_MS) * DAY_MS
    row = incarnations.known(home.vault, bond.id, incarnation)
    if _number_taken(home, bond, incarnation, record):
        bonds.warn(home.vault, bond.id, _two_write(bond.name), now)
    if row is None:
        return _first_of(home, bond, incarnation, record, sealed_at)
    incarnations.heard(home.vault, row, sealed_at)
    if row.standing == incarnations.CURRENT:
        return Standing.WRITES
    return _left(home, bond, row, record, sealed_at)


def _left(home: Home, bond: Bond, row: Incarnation, record: LetterRecord, sealed_at: int) -> Standing:
    """A letter of one that was left: late, or a sign that it writes on. If it tells of its copy anew it is the one."""
    current = incarnations.current(home.vault, bond.id)
    if current is not None and sealed_at <= current.first_at:
        return Standing.LEFT
    bonds.warn(home.vault, bond.id, _two_write(bond.name), home.clock.now_ms())
    if record.kind != Kind.RESTORED:
        return Standing.WRITES
    incarnations.revive(home.vault, row, sealed_at)
    return Standing.BEGAN


def _first_of(home: Home, bond: Bond, incarnation: bytes, record: LetterRecord, sealed_at: int) -> Standing:
    """The first letter of an incarnation: it writes from now on, unless the letter is older than the present one."""
    current = incarnations.current(home.vault, bond.id)
    late = current is not None and sealed_at < current.first_at
    standing = incarnations.LEFT if late else incarnations.CURRENT
    incarnations.add(home.vault, bond.id, incarnation, sealed_at, standing)
    if current is not None and not late and record.kind != Kind.RESTORED:
        bonds.warn(home.vault, bond.id, _new_one(bond.name), home.clock.now_ms())
    return Standing.LEFT if late else Standing.BEGAN


def tells_anew(home: Home, bond: Bond, incarnation: bytes, record: LetterRecord, standing: Standing) -> bool:
    """Whether a letter tells of a copy, and not only once more because what told of it had no answer."""
    if record.kind != Kind.RESTORED or letters.letter_by_id(home.vault, bond.id, record.letter_id) is not None:
        return False
    where = "bond = ? AND direction = 'in' AND kind = ? AND incarnation = ?"
    before = letters.letters_where(home.vault, where, bond.id, letters.RESTORED, incarnation)
    return standing is Standing.BEGAN or not before


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
    now = home.clock.now_ms()
    _take_other_root(home, bond, record.other_root)
    if record.root is not None:
        bonds.begin_anew(home.vault, _root(bond, bond.their_direction, record.root, "offered", now))
    prekeys.drop_of_others(home.vault, bond.id, incarnation)
    prekeys.nothing_held(home.vault, bond.id)
    home.office.tell(CopyAnnounced(bond.id))
    if bond.state == "bonded":
        bonds.take_back_warning(home.vault, bond.id, _new_one(bond.name))  # of a letter that came before this one
        bonds.warn(home.vault, bond.id, _was_it_they(bond.name, record.copied_day), now)


def _take_other_root(home: Home, bond: Bond, root: RootRecord) -> None:
    """Send under the root they made for us at once: they know none of those that came after the copy.

    Its number decides nothing: two vaults that go on from one copy give what they like.
    """
    now = home.clock.now_ms()
    newest = (
        max(bond.newest_sent, epoch_of(now)) + EPOCHS_SENDER_LEAD
    )  # further ahead would cost an evolution each visit
    if root.generation <= OTHER_GENERATION_MAX and root.base_epoch <= newest:
        bonds.begin_anew(home.vault, _root(bond, bond.direction, root, "current", now))


def _root(bond: Bond, direction: int, root: RootRecord, standing: str, now_ms: int) -> Root:
    return Root(bond.id, direction, root.generation, root.base_epoch, root.root, standing, now_ms)


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
