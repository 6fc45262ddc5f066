"""What a note says is heard, inside the caller's transaction."""

from __future__ import annotations

from tiercel.crypto import same, sha256
from tiercel.delivery.passes import wanted_pass
from tiercel.delivery.states import Event
from tiercel.errors import MalformedNote, NewerVersion
from tiercel.limits import DAY_MS
from tiercel.parcel.box import Kind
from tiercel.parcel.note import Note, Receipt, ReceiptKind, Reply, Want, decode_note
from tiercel.parcel.symbols import layout_of
from tiercel.sealing.envelope import receipt_proof
from tiercel.vault import bundles, letters, notes, prekeys
from tiercel.vault.bonds import Bond
from tiercel.vault.letters import Letter
from tiercel.wire import encode_record

from . import arriving, planning, seals, way
from .home import Home
from .planning import RoadAt

_EVENTS = {
    ReceiptKind.ARRIVED: (Event.RECEIPT_ARRIVED, "receipt: arrived"),
    ReceiptKind.READ: (Event.RECEIPT_READ, "receipt: read"),
}


def hear(home: Home, bond: Bond, record: bytes, road: RoadAt, superseded: bool) -> str | None:
    """Act on a note; give back a sentence if it could not be read.

    Under a superseded generation only receipts count: whoever copied old keys can say nothing else.
    """
    try:
        note = decode_note(record)
    except (MalformedNote, NewerVersion) as error:
        return f"A note from {bond.name} could not be read and was dropped: {error}"
    for receipt in note.receipts:
        _receipt(home, bond, receipt)
    if not superseded:
        _transport(home, bond, note, road)
        gone = [letter_id for letter_id in note.recalls if _recall(home, bond, letter_id)]
        for answer in note.answers:
            _answer(home, bond, answer.letter_id, answer.answer)
        if gone:
            return _taken_back(bond, len(gone))
    return None


def _taken_back(bond: Bond, count: int) -> str:
    what = "a letter" if count == 1 else f"{count} letters"
    return f"{bond.name} took back {what} you had not opened."


def _ours(home: Home, bond: Bond, letter_id: bytes) -> Letter | None:
    letter = letters.letter_by_id(home.vault, bond.id, letter_id)
    return letter if letter is not None and letter.direction == "out" else None


def _receipt(home: Home, bond: Bond, receipt: Receipt) -> None:
    letter = _ours(home, bond, receipt.letter_id)
    if letter is None or letter.receipt_secret is None:
        return
    if not same(receipt.proof, receipt_proof(letter.receipt_secret, receipt.kind, letter.id)):
        return
    event, what = _EVENTS[receipt.kind]
    if letter.arrived_at is not None and receipt.kind == ReceiptKind.ARRIVED:
        return
    if way.happened(home, letter, event, what) is None:
        return
    if receipt.kind == ReceiptKind.READ:
        letters.change_letter(home.vault, letter.seq, read_at=home.clock.now_ms())
    way.confirmed(home, letter, whole=receipt.kind == ReceiptKind.ARRIVED)


def _transport(home: Home, bond: Bond, note: Note, road: RoadAt) -> None:
    day = min(note.day, home.clock.now_ms() // DAY_MS)  # a note from the wrong year outweighs none that follows
    for bundle_hash in note.haves:
        bundle = bundles.out_by_hash(home.vault, bundle_hash)
        if bundle is not None and bundle.bond == bond.id and bundle.heard_day <= day:
            bundles.change_out(home.vault, bundle_hash, peer_has=1, heard_day=day)
    for want in note.wants:
        _want(home, bond, want, day, road)
    for pid in note.expired:
        _expired(home, bond, pid)


def _expired(home: Home, bond: Bond, pid: bytes) -> None:
    """The key of a seal is gone: what was sealed to it is sealed again, if there is another key. Openings never are."""
    sealed = [
        letter
        for letter in way.open_letters(home, bond.id)
        if letter.kind != letters.OPENING
        and any(bundle.pid == pid for bundle in bundles.out_of_letter(home.vault, letter.seq))
    ]
    if sealed and prekeys.let_go(home.vault, bond.id, pid, seals.usable_from(home, bond)):
        for letter in sealed:
            letters.add_event(home.vault, letter.seq, home.clock.now_ms(), "its key had expired; sealed again")
            bundles.drop_out(home.vault, letter.seq, int(Kind.LETTER))


def _want(home: Home, bond: Bond, want: Want, day: int, road: RoadAt) -> None:
    bundle = bundles.out_by_hash(home.vault, want.bundle_hash)
    if bundle is None or bundle.bond != bond.id or not want.groups:
        return
    if bundle.peer_has and day <= bundle.heard_day:
        return  # it came since
    if bundle.peer_has:
        bundles.change_out(home.vault, bundle.hash, peer_has=0, heard_day=day)
    if want.bundle_hash in road.wanted:
        return  # one answer a visit: a note that comes in many copies must not fill the road
    road.wanted.add(want.bundle_hash)
    planning.drop_vanished(home, road, bundle)
    asked = sha256(encode_record(want))
    if any(handed.want == asked for handed in bundles.handed_of(home.vault, road.row.id, bundle.hash)):
        return  # what answers it still lies there
    lying = planning.symbols_lying(home, road, bundle)  # the other side asks of a slow folder before all of it is there
    groups = [(group, missing - lying[group]) for group, missing in want.groups if missing > lying[group]]
    if groups:
        refs = wanted_pass(layout_of(bundle.length), bundle.next_index, groups)
        planning.plan_refs(home, road, bundle, refs, max(missing for _group, missing in groups), asked)


def _recall(home: Home, bond: Bond, letter_id: bytes) -> bool:
    """Answer a recall in one transaction: returned if never shown, else kept. Whether a listed letter went."""
    letter = letters.letter_by_id(home.vault, bond.id, letter_id)
    if letter is not None and letter.direction != "in":
        return False
    if letter is not None and letter.shown_at is not None:
        arriving.say_answer(home, bond, letter, Reply.KEPT)
        return False
    listed = letter is not None and letter.kind == letters.LETTER and letter.state != arriving.RETURNED
    arriving.turn_back(home, bond, letter_id)
    return listed


def _answer(home: Home, bond: Bond, letter_id: bytes, answer: Reply) -> None:
    letter = _ours(home, bond, letter_id)
    if letter is None:
        return
    notes.unsay(home.vault, bond.id, notes.RECALL, letter_id)
    if answer == Reply.RETURNED:
        said = "returned: the other side says it was not opened, and has deleted it"
        way.happened(home, letter, Event.RETURNED, said)
        way.stop_sending(home, letter)
    elif letter.recall_at is not None:
        letters.add_event(home.vault, letter.seq, home.clock.now_ms(), "kept: the other side keeps it")
    letters.change_letter(home.vault, letter.seq, recall_at=None)
