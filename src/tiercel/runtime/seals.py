"""Sealing what waits: one fresh prekey, one transaction, gifts in the space that padding would fill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from tiercel.crypto import sha256
from tiercel.delivery import stock
from tiercel.delivery.doubts import seals_nothing
from tiercel.delivery.events import LetterSealed
from tiercel.delivery.schedule import gifts_wanted
from tiercel.delivery.states import State
from tiercel.letter.record import (
    EnclosureRecord,
    Kind,
    LetterRecord,
    ReaderRecord,
    RestoredRecord,
    RootRecord,
    TellingRecord,
    encode_letter,
    readers_hash,
)
from tiercel.limits import (
    DAY_MS,
    KEY_BYTES,
    LETTER_VERSION,
    PREKEY_USABLE_DAYS,
    ROOTS_OFFERED_MAX,
)
from tiercel.parcel.box import Kind as ParcelKind
from tiercel.sealing.envelope import BondKeys, seal_letter
from tiercel.sealing.padding import room_left
from tiercel.sealing.prekeys import Gift, gift_of, make_prekey
from tiercel.vault import bonds, bundles, letters, prekeys, roads, sealings, settings
from tiercel.vault.bonds import Bond, Root
from tiercel.vault.bundles import BundleOut
from tiercel.vault.letters import Letter
from tiercel.vault.prekeys import LAST_RESORT, ONE_TIME, OurPrekey, TheirPrekey

from . import boxes, way
from .enclosing import send_enclosures
from .home import Home
from .keyring import sending

_GIFT_ROOM_BYTES = 1256 + 3  # a gift in the record: MessagePack bin16
_GENERATION_MAX = (1 << 32) - 1
_LISTS_ROOM_BYTES = 64  # the growth of array heads, a root, and of nil into a value


def seal_waiting(home: Home) -> None:
    """Seal every letter that is under way without a seal that lives, one transaction each, urgent ones first."""
    for bond in bonds.all_bonds(home.vault):
        if bond.bond_id is None or bond.state == "refused" or seals_nothing(bond):
            continue
        _drop_stale(home, bond)
        for letter in sealings.waiting(home.vault, bond.id):
            found = way.lost_enclosure(home, letter) or _seal(home, bond.id, letter)
            if not found and letter.kind != letters.OPENING:
                break  # no key to seal to: there is none for the others either


def _drop_stale(home: Home, bond: Bond) -> None:
    """Let go of seals that a road might outlive: the letter is sealed again. Openings are repeated byte for byte.

    With no other key at hand, a seal that the slowest road would outlive stays for the others, until the fastest would.
    """
    if home.clock_doubtful:
        return
    delays = _delays_ms(home, bond)
    slowest, fastest = _usable_for(home, delays[-1]), _usable_for(home, delays[0])
    stale = sealings.outlived(home.vault, bond.id, slowest)
    if stale and not prekeys.any_theirs(home.vault, bond.id, slowest):
        stale = sealings.outlived(home.vault, bond.id, fastest)
    if stale:
        with home.vault.transaction():
            for bundle_hash in stale:
                sealings.drop(home.vault, bundle_hash)


def _delays_ms(home: Home, bond: Bond) -> list[int]:
    """The declared worst delays of the roads of a bond, the fastest first."""
    rows = roads.carriers_of(home.vault, bond.id)
    return sorted(home.open_carrier(row).road.delay_ms for row in rows) or [0]


def _slowest_ms(home: Home, bond: Bond) -> int:
    """The declared worst delay among the roads of a bond: a seal should outlive it."""
    return _delays_ms(home, bond)[-1]


def _seal(home: Home, bond_id: int, letter: Letter) -> bool:
    """Seal a letter as it stands now; False if there is no key to seal it to."""
    with home.office.transaction():
        bond = bonds.bond_by_id(home.vault, bond_id)
        fresh = letters.letter_at(home.vault, letter.seq)
        if fresh is None or bond.auth_root is None or bond.bond_id is None or seals_nothing(bond):
            return True
        if fresh.state != letter.state or fresh.recall_at is not None:  # somebody was quicker
            return True
        if _brings_nothing(home, bond, fresh):
            letters.change_letter(home.vault, fresh.seq, state=State.EXPIRED.value)
            home.office.ledger.drop_bundles(fresh.seq)
            return True
        gift = _prekey_for(home, bond, fresh)
        if gift is None:
            return False
        record = boxes.telling(home, bond, _fill(home, bond, fresh, _record(home, bond, fresh)))
        keys = BondKeys(bond.bond_id, bond.auth_root)
        theirs = Gift(gift.pid, gift.public, gift.token)
        bundle = seal_letter(keys, bond.direction, bond.incarnation, theirs, encode_letter(record))
        _store(home, bond, fresh, gift, record, bundle)
    return True


def _brings_nothing(home: Home, bond: Bond, letter: Letter) -> bool:
    """Whether a letter that only brings keys has none left for another seal: a new one takes its place."""
    root = home.office.ledger.newest_root(bond.id, bond.direction)
    offered = root is not None and root.standing == "offered"
    again = letter.kind == letters.SERVICE and letter.seals > 0
    return again and letter.boxes is None and not offered and not prekeys.carried(home.vault, bond.id, letter.id)


def _prekey_for(home: Home, bond: Bond, letter: Letter) -> TheirPrekey | None:
    if letter.kind == letters.OPENING:
        first = prekeys.pairing_theirs(home.vault, bond.id)
        if first is not None:
            prekeys.drop_theirs(home.vault, bond.id, first.pid)
        return first
    if bond.state not in ("bonded", "ended"):
        return None
    # A key that only the fast roads can use is better than none: what is slow waits for another.
    fastest = _usable_for(home, _delays_ms(home, bond)[0])
    found = prekeys.take_theirs(home.vault, bond.id, usable_from(home, bond))
    return found or prekeys.take_theirs(home.vault, bond.id, fastest)


def usable_from(home: Home, bond: Bond) -> int:
    """The oldest day of making of a prekey that lives as long as the roads of a bond may take."""
    return _usable_for(home, _slowest_ms(home, bond))


def _usable_for(home: Home, delay_ms: int) -> int:
    return (home.clock.now_ms() + delay_ms) // DAY_MS - PREKEY_USABLE_DAYS


def _record(home: Home, bond: Bond, letter: Letter) -> LetterRecord:
    readers = tuple(ReaderRecord(kind=kind, since_day=day) for kind, day in bonds.readers_of(home.vault, bond.id, "us"))
    enclosed = tuple(
        EnclosureRecord(key=item.key, bundle_hash=item.bundle_hash, size=item.size, name=item.name, kind=item.kind)
        for item in letters.enclosures_of(home.vault, letter.seq)
    )
    assert letter.receipt_secret is not None
    return LetterRecord(
        kind=Kind(letter.kind),
        reads=LETTER_VERSION,
        letter_id=letter.id,
        number=letter.number,
        previous=letter.previous,
        written_day=(letter.written_at or 0) // DAY_MS,
        sealed_day=home.clock.now_ms() // DAY_MS,
        deadline_day=letter.deadline_day,
        not_before_day=letter.not_before_day,
        urgent=bool(letter.urgent),
        text=letter.body,
        subject=letter.subject,
        place=letter.place,
        dated=letter.dated,
        reply_to=letter.reply_to,
        enclosures=enclosed,
        readers_hash=readers_hash(readers),
        readers=readers if letter.kind != letters.LETTER else None,
        receipt_secret=letter.receipt_secret,
    )


# -- what rides along --------------------------------------------------------------------------------


def _fill(home: Home, bond: Bond, letter: Letter, record: LetterRecord) -> LetterRecord:
    """Add what rides along, making the keys for it."""
    if letter.kind == letters.RESTORED:
        return _restored(home, bond, letter, record)
    ledger, now = home.office.ledger, home.clock.now_ms()
    room = 0 if letter.kind != letters.LETTER else room_left(len(encode_letter(record))) - _LISTS_ROOM_BYTES
    ahead = stock.looks_ahead_to(letter.kind, now)
    held = replace(ledger.stock(bond.id, ahead), room=ledger.stock(bond.id, now).room)
    rides = stock.riding(letter.kind, room, held, ledger.newest_root(bond.id, bond.direction), ahead)
    root = _root_to_offer(home, bond) if rides.root else None
    if letter.seals:  # new ones would fill the bound and never be counted: no receipt says which seal was opened
        return _with(record, root, *_carried(home, bond, letter, room - (KEY_BYTES if root else 0)))
    last = _new_gifts(home, bond, letter, LAST_RESORT)[0] if rides.last_resort else None
    return _with(record, root, last, _new_gifts(home, bond, letter, ONE_TIME, rides.gifts))


def _carried(home: Home, bond: Bond, letter: Letter, room_bytes: int) -> tuple[bytes | None, tuple[bytes, ...]]:
    """The last-resort key and the gifts that every seal of this letter carried, as far as there is room for them."""
    before = prekeys.carried(home.vault, bond.id, letter.id)
    if letter.kind == letters.LETTER:
        before = before[: max(0, room_bytes) // stock.GIFT_ROOM_BYTES]
    prekeys.carry_again(
        home.vault, bond.id, letter.id, [each.pid for each in before], home.clock.now_ms() // DAY_MS
    )  # fmt: skip
    kept = [(each.kind, gift_of(each.pid, each.seed, each.token)) for each in before]
    last = next((gift for kind, gift in kept if kind == LAST_RESORT), None)
    return last, tuple(gift for kind, gift in kept if kind == ONE_TIME)


def _restored(home: Home, bond: Bond, letter: Letter, record: LetterRecord) -> RestoredRecord:
    """What tells of a copy: a full stock of keys, and the roots that were made when the copy was accepted."""
    ours, theirs = (bonds.roots_of(home.vault, bond.id, side)[0] for side in (bond.direction, bond.their_direction))
    values = {name: getattr(record, name) for name in record.__struct_fields__ if name != "version"}
    last, gifts = _carried(home, bond, letter, 0) if letter.seals else (None, ())
    values["last_resort"] = last or _new_gifts(home, bond, letter, LAST_RESORT)[0]
    room = home.office.ledger.stock(bond.id, home.clock.now_ms()).room
    values["gifts"] = gifts or _new_gifts(home, bond, letter, ONE_TIME, gifts_wanted(0, room))
    values["root"] = _as_record(ours)
    day = settings.get_int(home.vault, "copied_day", record.sealed_day)
    return RestoredRecord(**values, copied_day=day, other_root=_as_record(theirs))


def _as_record(root: Root) -> RootRecord:
    return RootRecord(generation=root.generation, base_epoch=root.epoch, root=root.root)


def _with(record: LetterRecord, root: RootRecord | None, last: bytes | None, gifts: Sequence[bytes]) -> LetterRecord:
    return msgspec.structs.replace(record, root=root, last_resort=last, gifts=tuple(gifts))


def _new_gifts(home: Home, bond: Bond, letter: Letter, kind: str, count: int = 1) -> tuple[bytes, ...]:
    made = [make_prekey(home.entropy) for _ in range(count)]
    # New in a letter sealed a second time: its receipt will not say which seal was opened, so it is never counted.
    carrier = letter.id if letter.seals == 0 else None
    today = home.clock.now_ms() // DAY_MS
    rows = (
        OurPrekey(bond.id, each.pid, kind, each.seed, each.token, each.public_hash, today, carrier, None, None)
        for each, _gift in made
    )
    prekeys.add_ours(home.vault, *rows)
    return tuple(gift for _each, gift in made)


def _root_to_offer(home: Home, bond: Bond) -> RootRecord | None:
    """The fresh root of our direction that is not acknowledged yet, or a new one."""
    newest = home.office.ledger.newest_root(bond.id, bond.direction)
    root = newest if newest is not None and newest.standing == "offered" else offer_root(home, bond)
    return None if root is None else _as_record(root)


def offer_root(home: Home, bond: Bond, skipped: int = 0) -> Root | None:
    """Make a fresh random root of our direction, to ride in our letters from now on; in the caller's transaction.

    Args:
        home: Opened.
        bond: Whose root.
        skipped: How many generations to pass over, where some may have been given that this vault does not know.
    """
    ours, now = bonds.roots_of(home.vault, bond.id, bond.direction), home.clock.now_ms()
    keys = sending(home.vault, bond, now, home.clock_doubtful)
    generation = next_generation(home, ours, skipped)
    if generation is None or keys is None:
        return None
    secret = home.entropy.token(KEY_BYTES)
    root = Root(bond.id, bond.direction, generation, keys[1], secret, "offered", now)
    bonds.add_root(home.vault, root)
    bonds.drop_old_offers(home.vault, bond.id, bond.direction, ROOTS_OFFERED_MAX)
    return root


def next_generation(home: Home, roots: Sequence[Root], skipped: int = 0) -> int | None:
    """A number above all of these, the newest first, that an older copy of this vault does not meet; None: all used."""
    generation = 1 + skipped + int.from_bytes(home.entropy.token(2), "big") + (roots[0].generation if roots else 0)
    return generation if roots and generation <= _GENERATION_MAX else None


# -- storing -----------------------------------------------------------------------------------------


def _store(home: Home, bond: Bond, letter: Letter, gift: TheirPrekey, record: LetterRecord, bundle: bytes) -> None:
    digest = sha256(bundle)
    ages = gift.made_day if gift.kind == ONE_TIME else None
    bundles.add_out(
        home.vault,
        BundleOut(digest, bond.id, letter.seq, ParcelKind.LETTER, len(bundle), bundle, None, gift.pid, ages, 0, 0),
    )
    if gift.kind == LAST_RESORT:
        sealings.ages_from(home.vault, digest, home.clock.now_ms() // DAY_MS)
    send_enclosures(home.vault, bond.id, letter.seq)
    carried = record.root.generation if record.root is not None else None
    if letter.seals and letter.carried_root != carried:
        carried = None  # its receipt will not say which seal was opened
    letters.change_letter(
        home.vault, letter.seq, seals=letter.seals + 1, carried_root=carried, weaker=int(gift.kind == LAST_RESORT)
    )
    if isinstance(record, TellingRecord) and not letter.seals:  # its receipt will not say which seal was opened
        letters.change_letter(home.vault, letter.seq, boxes=record.boxes.number)
    home.office.tell(LetterSealed(letter.seq, gift.kind == LAST_RESORT))
