"""A whole letter bundle is opened: verdict, author, then one transaction that stores it and destroys its prekey.

Everything here runs inside the caller's transaction, together with the mark that the bundle is spent, so that a
crash leaves either all of it or nothing (invariants I2, I9).
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from tiercel import __version__
from tiercel.crypto import WRONG_TAG
from tiercel.delivery.events import KeyWasGone
from tiercel.delivery.schedule import repeat_receipt
from tiercel.errors import (
    Damaged,
    Duplicate,
    Forged,
    KeyExpired,
    MalformedError,
    MalformedLetter,
    NewerVersion,
    OtherBond,
    SealError,
)
from tiercel.letter.record import (
    Kind,
    LetterRecord,
    ReaderRecord,
    RestoredRecord,
    TellingRecord,
    decode_letter,
    readers_hash,
)
from tiercel.limits import DAY_MS, PID_BYTES, ROOTS_OFFERED_MAX
from tiercel.sealing.envelope import BondKeys, Sealed, open_letter, split_bundle
from tiercel.sealing.prekeys import Prekey, accept_gifts, surplus
from tiercel.sealing.verdict import verdict_for
from tiercel.vault import bonds, bundles, prekeys, settings
from tiercel.vault.bonds import Bond, Root
from tiercel.vault.prekeys import LAST_RESORT, ONE_TIME, PAIRING, OurPrekey, TheirPrekey

from . import arriving, boxes, copies, doubts
from .home import Home

POISON = (
    ValueError, ArithmeticError, MemoryError, RecursionError, UnicodeError, struct.error, zlib.error, AssertionError,
    LookupError, TypeError, WRONG_TAG,
)  # fmt: skip
"""What hostile bytes may raise in code that should have refused them: they are set aside and the loop goes on."""


class Opened(NamedTuple):
    """What came of a bundle: a sentence for the person if it could not be opened; whether a letter is newly whole."""

    said: str | None
    whole: bool


_SILENT = Opened(None, False)


def open_bundle(home: Home, bond: Bond, bundle_hash: bytes, bundle: bytes) -> Opened:
    """Open a letter bundle and store what is in it.

    Args:
        home: With a transaction of the office open.
        bond: Under whose parcel keys it came.
        bundle_hash: Its verified hash.
        bundle: The whole bundle.
    """
    try:
        sealed = split_bundle(bundle)
    except MalformedError as verdict:
        return _set_aside(home, bond, bundle_hash, verdict, None)
    try:
        ours = _our_prekey(home, bond, sealed)
        record = decode_letter(_open(bond, ours, sealed))
        _check_first(ours, record)
    except Duplicate:  # the same bundle is known by its hash: this is another, from an older copy of a vault
        doubts.key_used_twice(home, bond)
        return _ask_to_seal_again(home, bond, bundle_hash, sealed.pid, KeyExpired("It was sealed to a used key."))
    except (KeyExpired, OtherBond) as verdict:  # outwardly the same: nobody learns of a bond with somebody else
        if getattr(verdict, "unknown", False):
            copies.foreign(home, bond)
        return _ask_to_seal_again(home, bond, bundle_hash, sealed.pid, verdict)
    except NewerVersion as verdict:
        return _set_aside(home, bond, bundle_hash, verdict, bundle)
    except (Damaged, Forged, MalformedError) as verdict:
        return _set_aside(home, bond, bundle_hash, verdict, None)
    prekeys.spend_ours(home.vault, ours, record.letter_id)
    bundles.change_in(home.vault, bond.id, bundle_hash, letter=record.letter_id)
    _take_extras(home, bond, ours, sealed, record)
    return Opened(None, arriving.take(home, bond, record, sealed.incarnation))


def try_again(home: Home) -> list[Opened]:
    """After an upgrade: open what was kept because this version's predecessor could not read it."""
    if settings.get_text(home.vault, "tried_with") == __version__:
        return []
    found = []
    for bond_id, bundle_hash, bundle in bundles.quarantined(home.vault):
        bond = bonds.bond_by_id(home.vault, bond_id)
        if bond.auth_root is None:
            continue
        try:
            with home.office.transaction():
                bundles.leave_quarantine(home.vault, bond_id, bundle_hash)
                found.append(open_bundle(home, bond, bundle_hash, bundle))
        except (MalformedError, SealError, *POISON):
            continue  # it stays where it was
    with home.vault.transaction():
        settings.put(home.vault, "tried_with", __version__)
    return found


def _ask_to_seal_again(home: Home, bond: Bond, bundle_hash: bytes, pid: bytes, verdict: Exception) -> Opened:
    """The key is gone: tell the writer, again if the same bundle keeps coming, at most daily."""
    now, last = home.clock.now_ms(), bundles.quarantined_at(home.vault, bond.id, bundle_hash)
    bundles.forget_in(home.vault, bond.id, bundle_hash)
    if not repeat_receipt(last, now):
        return _SILENT
    home.office.tell(KeyWasGone(bond.id, pid))
    opened = _set_aside(home, bond, bundle_hash, verdict, None)
    quiet = last is not None or getattr(
        verdict, "unknown", False
    )  # after a restore it is expected; else a warning stands
    return _SILENT if quiet else opened


def _our_prekey(home: Home, bond: Bond, sealed: Sealed) -> OurPrekey:
    ours = prekeys.ours_by_pid(home.vault, bond.id, sealed.pid)
    tombstone, letter = prekeys.spent_letter(home.vault, bond.id, sealed.pid)
    reusable = ours is not None and ours.kind == LAST_RESORT
    verdict_for(
        sealed.pid,
        live=ours is not None,
        spent=letter is not None and not reusable,
        expired=tombstone and letter is None,
        other_bond=ours is None and not tombstone and prekeys.pid_in_other_bond(home.vault, bond.id, sealed.pid),
    )
    assert ours is not None
    return ours


def _open(bond: Bond, ours: OurPrekey, sealed: Sealed) -> bytes:
    assert bond.bond_id is not None
    assert bond.auth_root is not None
    prekey = Prekey(ours.pid, ours.seed, ours.token, ours.public_hash)
    return open_letter(BondKeys(bond.bond_id, bond.auth_root), bond.their_direction, prekey, sealed)


def _check_first(ours: OurPrekey, record: LetterRecord) -> None:
    """An opening comes under the pairing key, and nothing else does: before it, nobody has compared the words."""
    if (ours.kind == PAIRING) != (record.kind == Kind.OPENING):
        raise MalformedLetter("Only the first letter of a bond is an opening.")


def _set_aside(home: Home, bond: Bond, bundle_hash: bytes, verdict: Exception, bundle: bytes | None) -> Opened:
    kind = getattr(verdict, "kind", "malformed")
    bundles.quarantine(home.vault, bond.id, bundle_hash, kind, bundle, home.clock.now_ms())
    said = f"Something came from {bond.name} that could not be opened ({kind.replace('_', ' ')}): {verdict}"
    return Opened(f"{said} See `tiercel problems`.", False)


def _take_extras(home: Home, bond: Bond, ours: OurPrekey, sealed: Sealed, record: LetterRecord) -> None:
    """Gifts, last-resort key, root and reader list: what only a sealed letter may bring, from a vault that still is."""
    bonds.change_bond(home.vault, bond.id, their_reads=max(bond.their_reads, record.reads))
    standing = doubts.seen(home, bond, sealed.incarnation, record)
    if standing is doubts.Standing.LEFT:
        return
    anew = doubts.tells_anew(home, bond, sealed.incarnation, record, standing)
    if isinstance(record, RestoredRecord) and anew:
        doubts.announced(home, bond, sealed.incarnation, record)
    if record.gifts and not copies.may_be_used(bond, ours):
        _take_gifts(home, bond, sealed, record)
    if record.last_resort is not None:
        _take_last_resort(home, bond, sealed, record)
    if record.root is not None:
        root, now = record.root, home.clock.now_ms()
        bonds.add_root(
            home.vault,
            Root(bond.id, bond.their_direction, root.generation, root.base_epoch, root.root, "offered", now),
        )
        if bonds.drop_old_offers(home.vault, bond.id, bond.their_direction, ROOTS_OFFERED_MAX):
            home.office.say(f"More new parcel keys came from {bond.name} than are kept; the oldest were let go.")
    if isinstance(record, TellingRecord):
        boxes.take(home, bond, sealed.incarnation, record.boxes)
    _take_readers(home, bond, record)


def _made_day(home: Home, record: LetterRecord) -> int:
    """When what a letter brings was made, as its sealing says; a day that has not come yet only by a clock in doubt.

    By one that is months behind they would seem made then, and be too old as soon as the clock is right.
    """
    return record.sealed_day if home.clock_doubtful else min(record.sealed_day, home.clock.now_ms() // DAY_MS)


def _take_gifts(home: Home, bond: Bond, sealed: Sealed, record: LetterRecord) -> None:
    known, held = prekeys.theirs_known(home.vault, bond.id, {data[:PID_BYTES] for data in record.gifts})
    accepted = accept_gifts(record.gifts, known, _own_names(home, bond))
    if spare := surplus(held, len(accepted)):
        prekeys.drop_oldest_theirs(home.vault, bond.id, spare)
        home.office.say(f"More keys to write with came from {bond.name} than are kept; the oldest were let go.")
    day = _made_day(home, record)
    rows = (TheirPrekey(bond.id, g.pid, ONE_TIME, sealed.incarnation, g.public, g.token, day) for g in accepted)
    prekeys.add_theirs(home.vault, *rows)


def _own_names(home: Home, bond: Bond) -> set[bytes]:
    """Pids and key hashes of our own: they come back as nobody's gift."""
    rows = home.vault.all("SELECT pid, public_hash FROM prekeys_ours WHERE bond = ?", bond.id)
    return {name for row in rows for name in row}


def _take_last_resort(home: Home, bond: Bond, sealed: Sealed, record: LetterRecord) -> None:
    assert record.last_resort is not None
    known, _held = prekeys.theirs_known(home.vault, bond.id, {record.last_resort[:PID_BYTES]})
    for gift in accept_gifts([record.last_resort], known, _own_names(home, bond)):
        day = _made_day(home, record)
        row = TheirPrekey(bond.id, gift.pid, LAST_RESORT, sealed.incarnation, gift.public, gift.token, day)
        prekeys.replace_last_resort(home.vault, row)


def _take_readers(home: Home, bond: Bond, record: LetterRecord) -> None:
    """Keep the other side's reader list; a change that was not announced stands as a warning."""
    if record.readers is not None:
        listed = [(reader.kind, reader.since_day) for reader in record.readers]
        before = bonds.readers_of(home.vault, bond.id, "them")
        if before and sorted(listed) != sorted(before):
            bonds.warn(home.vault, bond.id, doubts.READERS_CHANGED, home.clock.now_ms())
        bonds.set_readers(home.vault, bond.id, "them", listed)
        return
    known = [ReaderRecord(kind=kind, since_day=day) for kind, day in bonds.readers_of(home.vault, bond.id, "them")]
    if known and record.kind == Kind.LETTER and readers_hash(known) != record.readers_hash:
        bonds.warn(home.vault, bond.id, doubts.READERS_UNSAID, home.clock.now_ms())
