"""The second half of a visit: everything not yet acknowledged that is not on this road now is put there.

A parcel's name is stored before the parcel is put, so that a crash between the two is mended by the next visit.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

import msgspec

from tiercel.crypto import sha256
from tiercel.delivery.schedule import stale_on_folder
from tiercel.delivery.states import Event
from tiercel.limits import DAY_MS, HASH_BYTES, TAG_RANDOM_BYTES
from tiercel.parcel.box import Kind, note_room, seal_note, seal_symbols
from tiercel.parcel.epochs import ParcelKeys, pairing_keys
from tiercel.parcel.note import Answer, Note, Receipt, ReceiptKind, Reply, Want, encode_note, split
from tiercel.parcel.symbols import Layout, encode, group_span, layout_of, pad_group
from tiercel.ports import Profile
from tiercel.vault import bonds, bundles, letters, notes, roads
from tiercel.vault.bonds import Bond
from tiercel.vault.bundles import BundleOut, Handed
from tiercel.vault.letters import Letter
from tiercel.vault.notes import NoteDue

from . import planning, way
from .home import Home
from .keyring import sending
from .planning import RoadAt, unpack_refs
from .views import Progress
from .working import ahead

MARK_EVERY_PARCELS = 64
"""Parcels put between two commits that say so."""


def write_road(home: Home, road: RoadAt, visit: int, progress: Progress) -> None:
    """Put on a road what belongs there, and take off what does not any more.

    Raises:
        CarrierError: The road failed; what was put is remembered, the rest waits.
    """
    _clear(home, road)
    for bond_id in roads.bonds_on(home.vault, road.row.id):
        bond = bonds.bond_by_id(home.vault, bond_id)
        if bond.state != "refused":
            _put_pairing(home, road, bond)
            keys = sending(home.vault, bond, home.clock.now_ms(), home.clock_doubtful)
            if keys is not None:
                with home.vault.transaction():
                    bonds.sent_epoch(home.vault, bond.id, keys[1])
                _put_notes(home, road, bond, keys[0], visit)
                for bundle in bundles.out_of_bond(home.vault, bond.id):
                    if bundle.file is not None and not (home.vault.enclosures / bundle.file).is_file():
                        continue  # lost: said with the report
                    _put_bundle(home, road, bundle, keys[0], progress)
    road.carrier.flush()


def _clear(home: Home, road: RoadAt) -> None:
    """Take our own parcels off the road: of what is confirmed or over, and after 60 days."""
    now = home.clock.now_ms()
    live = {row[0] for row in home.vault.all("SELECT hash FROM bundles_out WHERE peer_has = 0")}
    live |= {sha256(row[0]) for row in home.vault.all("SELECT message_out FROM pairings WHERE message_out IS NOT NULL")}
    for handed in bundles.handed_on(home.vault, road.row.id):
        over = handed.bundle is not None and handed.bundle not in live
        gone = handed.bundle is None and handed.name not in road.present
        if over or gone or (stale_on_folder(handed.at, now) and not home.clock_doubtful):
            road.carrier.remove(handed.name)
            road.present.discard(handed.name)
            with home.vault.transaction():
                bundles.drop_handed(home.vault, handed.carrier, handed.name)


# -- pairing -----------------------------------------------------------------------------------------


def _put_pairing(home: Home, road: RoadAt, bond: Bond) -> None:
    """Repeat our pairing message, byte for byte, until the next one came."""
    pairing = bonds.pairing_of(home.vault, bond.id)
    if pairing is None or pairing.message_out is None:
        return
    message, digest = pairing.message_out, sha256(pairing.message_out)
    for handed in bundles.handed_of(home.vault, road.row.id, digest):
        if handed.name in road.present:
            return
        road.carrier.remove(handed.name)  # what a killed visit left half written has no other owner
        with home.vault.transaction():
            bundles.drop_handed(home.vault, handed.carrier, handed.name)
    layout, profile = layout_of(len(message)), road.carrier.road.profiles[0]
    refs = [(0, index) for index in range(layout.k)]
    name = planning.new_name(home)
    with home.vault.transaction():
        row = Handed(road.row.id, name, bond.id, digest, None, profile.name, home.clock.now_ms(), 0, None)
        bundles.plan(home.vault, row)
    symbols = encode(layout, pad_group(layout, message), range(layout.k))
    keys = pairing_keys(pairing.road_secret, bond.direction)
    parcel = seal_symbols(
        keys, profile, home.entropy.token(TAG_RANDOM_BYTES), Kind.PAIRING, digest, layout, refs, symbols
    )
    _put(home, road, [(row, parcel)])


# -- bundles -----------------------------------------------------------------------------------------


def _put_bundle(home: Home, road: RoadAt, bundle: BundleOut, keys: ParcelKeys, progress: Progress) -> None:
    layout = layout_of(bundle.length)
    rows = bundles.handed_of(home.vault, road.row.id, bundle.hash)
    if not any(row.name in road.present or not row.put for row in rows):
        with home.vault.transaction():
            if bundles.out_by_hash(home.vault, bundle.hash) is None:
                return  # recalled meanwhile, because nothing of it had left: nothing may leave now
            planning.drop_vanished(home, road, bundle)
            planning.plan_pass(home, road, bundle, layout)
        rows = bundles.handed_of(home.vault, road.row.id, bundle.hash)
    todo = [row for row in rows if not row.put]
    if not todo:
        return
    source = _Source(home, bundle, layout)
    profiles = {profile.name: profile for profile in road.carrier.road.profiles}
    size = profiles[todo[0].profile].size_bytes

    def seal(row: Handed, r: bytes) -> bytearray:
        refs = unpack_refs(row.refs or b"")
        kind, symbols = Kind(bundle.kind), source.symbols(refs)
        return seal_symbols(keys, profiles[row.profile], r, kind, bundle.hash, layout, refs, symbols)

    def say(done: int) -> None:
        if len(todo) > 1:
            progress("writing " + road.row.name, done * size, len(todo) * size)

    try:
        _put_all(home, road, todo, seal, say)
    finally:
        source.close()
    _handed_over(home, road, bundle)


class _Source:
    """Where the symbols of a bundle come from: bytes at hand, or the enclosure's file, a run at a time."""

    def __init__(self, home: Home, bundle: BundleOut, layout: Layout) -> None:
        self.layout, self.sealed, self.file = layout, bundle.sealed, -1
        if bundle.file is not None:
            self.file = os.open(home.vault.enclosures / bundle.file, os.O_RDONLY | os.O_CLOEXEC)

    def symbols(self, refs: list[tuple[int, int]]) -> list[bytes | memoryview]:
        """The symbols of these references, in their order; consecutive sources are read as one piece."""
        found: list[bytes | memoryview] = []
        at = 0
        while at < len(refs):
            end = at + 1
            while end < len(refs) and refs[end] == (refs[at][0], refs[at][1] + end - at):
                end += 1
            found += self._run(refs[at][0], refs[at][1], end - at)
            at = end
        return found

    def _run(self, group: int, first: int, count: int) -> list[bytes | memoryview]:
        size = self.layout.symbol_bytes
        if first + count <= self.layout.k:
            start = group * self.layout.group_bytes + first * size
            return [self._read(start, count * size).ljust(count * size, b"\0")]
        offset, length = group_span(self.layout, group)
        whole = pad_group(self.layout, self._read(offset, length))
        return encode(self.layout, whole, range(first, first + count))

    def _read(self, offset: int, length: int) -> bytes:
        if self.sealed is not None:
            return self.sealed[offset : offset + length]
        return os.pread(self.file, length, offset)

    def close(self) -> None:
        """Close the file, if there is one."""
        if self.file >= 0:
            os.close(self.file)


def _put(home: Home, road: RoadAt, parcels: list[tuple[Handed, bytearray]]) -> None:
    """Put parcels that are sealed already."""
    sealed = {row.name: parcel for row, parcel in parcels}
    _put_all(home, road, [row for row, _parcel in parcels], lambda row, _r: sealed[row.name], lambda _done: None)


def _put_all(
    home: Home, road: RoadAt, rows: list[Handed], seal: Callable[[Handed, bytes], bytearray], say: Callable[[int], None]
) -> None:
    """Seal and put planned parcels and remember them as put, a batch at a time."""
    for start in range(0, len(rows), MARK_EVERY_PARCELS):
        _put_batch(home, road, rows[start : start + MARK_EVERY_PARCELS], seal)
        say(min(len(rows), start + MARK_EVERY_PARCELS))


def _put_batch(home: Home, road: RoadAt, rows: list[Handed], seal: Callable[[Handed, bytes], bytearray]) -> None:
    """All of one batch is put, or has failed, before it is flushed: a carrier is never asked for both at once."""

    def carry(task: tuple[Handed, bytes]) -> int | None:
        row, r = task
        return road.carrier.put(row.name, seal(row, r)) if r else row.until

    tasks = ((row, b"" if row.name in road.present else home.entropy.token(TAG_RANDOM_BYTES)) for row in rows)
    batch: list[tuple[Handed, int | None]] = []
    at_once = road.carrier.road.at_once if len(rows) > 1 else 1
    try:
        with ahead(carry, tasks, at_once) as carried:
            for (row, r), until in carried:
                batch.append((row, until()))
                road.put += bool(r)
                road.present.add(row.name)
    finally:
        _mark(home, road, batch)


def _mark(home: Home, road: RoadAt, batch: list[tuple[Handed, int | None]]) -> None:
    if not batch:
        return
    road.carrier.flush()
    with home.vault.transaction():
        for row, until in batch:
            bundles.was_put(home.vault, row.carrier, row.name, until)
    batch.clear()


def _handed_over(home: Home, road: RoadAt, bundle: BundleOut) -> None:
    """Once every bundle of a letter is on a road, the letter is handed over to it."""
    letter = letters.letter_by_id(home.vault, bundle.letter)
    if letter is None:
        return
    mine = [item for item in bundles.out_of_letter(home.vault, letter.id) if not item.peer_has]
    rows = [bundles.handed_of(home.vault, road.row.id, item.hash) for item in mine]
    if all(parts and all(part.put for part in parts) for parts in rows):
        until = min((part.until for parts in rows for part in parts if part.until is not None), default=None)
        before = {event.what for event in letters.events_of(home.vault, letter.id) if event.road == road.row.name}
        what = "handed over again" if "handed over" in before else "handed over"
        with home.vault.transaction():
            way.happened(home, _fresh(home, letter), Event.PUT, what, road.row.name, until)


def _fresh(home: Home, letter: Letter) -> Letter:
    return letters.letter_by_id(home.vault, letter.id) or letter


# -- notes -------------------------------------------------------------------------------------------


def _put_notes(home: Home, road: RoadAt, bond: Bond, keys: ParcelKeys, visit: int) -> None:
    """Everything that is due goes in as few notes as hold it."""
    due = notes.due(home.vault, bond.id, road.row.id, visit, home.clock.now_ms())
    if not due:
        return
    profile = road.carrier.road.profiles[0]
    day = home.clock.now_ms() // DAY_MS
    parcels = [
        _note_parcel(home, road, bond, keys, profile, note) for note in split(_note(due, day), note_room(profile))
    ]
    _put(home, road, parcels)
    with home.vault.transaction():
        notes.said(home.vault, [item.id for item in due])


def _note_parcel(
    home: Home, road: RoadAt, bond: Bond, keys: ParcelKeys, profile: Profile, note: Note
) -> tuple[Handed, bytearray]:
    row = Handed(
        road.row.id, planning.new_name(home), bond.id, None, None, profile.name, home.clock.now_ms(), 0, None
    )  # fmt: skip
    with home.vault.transaction():
        bundles.plan(home.vault, row)
    return row, seal_note(keys, profile, home.entropy.token(TAG_RANDOM_BYTES), encode_note(note))


def _note(due: list[NoteDue], day: int) -> Note:
    said: dict[str, list[NoteDue]] = {}
    for item in due:
        said.setdefault(item.what, []).append(item)
    return msgspec.structs.replace(
        Note(day=day),
        receipts=tuple(
            Receipt(ReceiptKind(item.detail[0]), item.subject, item.detail[1 : 1 + HASH_BYTES])
            for item in said.get(notes.RECEIPT, ())
        ),
        wants=tuple(
            Want(item.subject, tuple(struct.iter_unpack(">IH", item.detail))) for item in said.get(notes.WANT, ())
        ),
        haves=tuple(item.subject for item in said.get(notes.HAVE, ())),
        expired=tuple(item.subject for item in said.get(notes.EXPIRED, ())),
        recalls=tuple(item.subject for item in said.get(notes.RECALL, ())),
        answers=tuple(Answer(item.subject, Reply(item.detail[0])) for item in said.get(notes.ANSWER, ())),
    )
