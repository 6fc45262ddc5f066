"""Every kind of vector against the real code: what it gives for the fields of a case, or the error it raises."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import msgspec

from tiercel import crypto
from tiercel.bond.invitation import decode_invitation, encode_invitation
from tiercel.bond.pairing import Accepting, InviterAnswered, Inviting, Paired
from tiercel.bond.transcript import commit
from tiercel.errors import TagUnknown
from tiercel.letter.record import ReaderRecord, decode_letter, encode_letter, id_chain, readers_hash
from tiercel.parcel import epochs, profiles
from tiercel.parcel.box import NoteBox, Symbols, open_parcel, seal_note, seal_symbols
from tiercel.parcel.gather import Gathering
from tiercel.parcel.note import decode_note, encode_note
from tiercel.parcel.tags import recognise
from tiercel.relay import protocol as relay
from tiercel.sealing.envelope import BondKeys, open_letter, receipt_proof, split_bundle
from tiercel.sealing.padding import bundle_class, pad_body, unpad_body
from tiercel.sealing.prekeys import Prekey, check_gift, parse_gift
from tiercel.sealing.stream import open_stream, seal_stream, sealed_size
from tiercel.sealing.verdict import verdict_for
from tiercel.testing.entropy import SeededEntropy
from tiercel.vault.keys import unlock

Case = dict[str, Any]


class NoError(Exception):
    """``ignored`` or ``incomplete``."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def shown(value: Any) -> Any:
    """A record as the vectors show it."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    return [shown(item) for item in value] if isinstance(value, list) else value


def record(case: Case) -> Case:
    return told_again(case, encode_letter(decode_letter(case["record"])))


def note(case: Case) -> Case:
    return told_again(case, encode_note(decode_note(case["record"])))


def told_again(case: Case, data: bytes) -> Case:
    assert case["expect"] != "ok" or data == case["record"]
    return {"fields": shown(msgspec.msgpack.decode(data))} if "fields" in case else {}


def readers(case: Case) -> Case:
    return {"hash": readers_hash(ReaderRecord(kind=kind, since_day=day) for kind, day in case["readers"])}


def letter(case: Case) -> Case:
    sealed, pid = split_bundle(case["bundle"]), case["pid"]
    standing = {name: case.get(name) == sealed.pid for name in ("spent", "expired", "other_bond")}
    verdict_for(sealed.pid, live=sealed.pid == pid, **standing)
    public_hash = crypto.sha256(crypto.kem_public(case["seed"]))
    prekey = Prekey(pid, case["seed"], case["token"], public_hash)
    opened = open_letter(BondKeys(case["bond_id"], case["auth_root"]), case["direction"], prekey, sealed)
    return {"incarnation": sealed.incarnation, "record": opened}


def body(case: Case) -> Case:
    opened = unpad_body(case["body"])
    assert pad_body(opened) == case["body"]
    return {"record": opened}


def sizes(case: Case) -> Case:
    return {
        "records": [[size, bundle_class(size + 1208)] for size, _ in case["records"]],
        "files": [[size, sealed_size(size)] for size, _ in case["files"]],
    }


def gift(case: Case) -> Case:
    parsed = parse_gift(case["gift"])
    check_gift(parsed)
    return {"pid": parsed.pid, "public_hash": parsed.public_hash, "token": parsed.token}


def receipt(case: Case) -> Case:
    proof = receipt_proof(case["secret"], case["receipt"], case["letter_id"])
    if not crypto.same(proof, case["proof"]):
        raise NoError("ignored")
    return {"proof": proof}


def enclosure(case: Case) -> Case:
    target = io.BytesIO()
    open_stream(io.BytesIO(case["ciphertext"]), target, case["key"], case["size"], lambda done: None)
    plain, again = target.getvalue(), io.BytesIO()
    digest = seal_stream(io.BytesIO(plain), again, case["key"], case["size"], lambda done: None)
    assert again.getvalue() == case["ciphertext"]
    return {"plain": plain, "bundle_hash": digest}


def keys_of(case: Case) -> epochs.ParcelKeys:
    if "road_secret" in case:
        return epochs.pairing_keys(case["road_secret"], case["direction"])
    return epochs.epoch_keys(epochs.evolve(case["root"], case.get("steps", 0)), case["direction"])


def keys(case: Case) -> Case:
    made = keys_of(case)
    return {"tag_key": made.tag_key, "box_key": made.box_key}


def opened(case: Case, parcel: bytes) -> Symbols | NoteBox:
    made = keys_of(case)
    if recognise(parcel, [made]) is None:
        raise TagUnknown()
    return open_parcel(made, profiles.PROFILES[case["profile"]], parcel)


def parcel(case: Case) -> Case:
    box = opened(case, case["parcel"])
    profile, r = profiles.PROFILES[case["profile"]], case["parcel"][:16]
    if isinstance(box, NoteBox):
        assert seal_note(keys_of(case), profile, r, box.record) == case["parcel"]
        return {"inside": 3, "record": box.record}
    again = seal_symbols(keys_of(case), profile, r, box.kind, box.bundle_hash, box.layout, box.refs, [box.data])
    assert again == case["parcel"]
    return {
        "inside": int(box.kind), "bundle_hash": box.bundle_hash, "bundle_len": box.bundle_len,
        "refs": [list(ref) for ref in box.refs], "symbols": bytes(box.data),
    }  # fmt: skip


def bundle(case: Case) -> Case:
    size, gathering = profiles.PROFILES[case["profile"]].size_bytes, None
    for at in range(0, len(case["parcels"]), size):
        box = opened(case, case["parcels"][at : at + size])
        assert isinstance(box, Symbols)
        gathering = gathering or Gathering(box.kind, box.bundle_hash, box.bundle_len)
        gathering.add(box)
    assert gathering is not None
    whole = gathering.whole()
    if whole is None:
        raise NoError("incomplete")
    return {"bundle": whole}


def invitation(case: Case) -> Case:
    found = decode_invitation(case["text"])
    assert encode_invitation(found) == case["text"].strip().lower()
    told = {"commitment": found.commitment, "road_secret": found.road_secret, "base_epoch": found.base_epoch}
    return told | ({"address": found.address} if found.address else {})


def answer(case: Case) -> Case:
    inviting = Inviting(seed=case["seed_a"], nonce=case["nonce_a"], base_epoch=690)
    first = case.get("taken", case["message2"])
    answered, _ = inviting.answer(first, SeededEntropy("answer"))
    answered.same_answer(case["message2"])
    return {}


def reveal(case: Case) -> Case:
    accepting = Accepting(seed=case["seed_b"], nonce=case["nonce_b"], base_epoch=690, commitment=case["commitment"])
    paired, _ = accepting.reveal(case["message3"], SeededEntropy("reveal"))
    return {"words": " ".join(paired.words)}


def close(case: Case) -> Paired:
    message2 = case["message2"]
    answered = InviterAnswered(
        seed=case["seed_a"], nonce=case["nonce_a"], base_epoch=690, s1=case["s1"],
        their_public=message2[2:1218], their_nonce=message2[1218:], answer_hash=crypto.sha256(message2),
        reveal_hash=crypto.sha256(case["message3"][2:]),
    )  # fmt: skip
    return answered.finish(case["message4"])


def pairing(case: Case) -> Case:
    commitment = commit(crypto.kem_public(case["seed_a"]), case["nonce_a"])
    paired = close(case)
    answer(case)
    assert case["message2"][2:1218] == crypto.kem_public(case["seed_b"])
    return {
        **reveal(case | {"commitment": commitment}),
        "commitment": commitment, "words": " ".join(paired.words),
        "bond_id": paired.bond_id, "auth_root": paired.auth_root,
        **{f"time_root_{d}": paired.time_roots[d] for d in (0, 1)},
        **{f"first_token_{d}": paired.first_tokens[d] for d in (0, 1)},
    }  # fmt: skip


REQUESTS = {path.rpartition("/")[2]: kind for kind, path in relay.PATHS.items()}
ANSWERS = {kind.__name__.lower(): kind for kind in
           (relay.About, relay.Made, relay.States, relay.Fetched, relay.Picked, relay.Done)}  # fmt: skip


def box(case: Case) -> Case:
    keys = relay.BoxKeys(case["drop"], case["pick_up"], case["erase"])
    drop, pick_up, erase = keys.hashes
    return {"drop_hash": drop, "pick_up_hash": pick_up, "erase_hash": erase, "box": keys.box}


def address(case: Case) -> Case:
    found = relay.decode_address(case["text"])
    assert relay.encode_address(found) == case["text"].strip().lower()
    return {"host": found.host, "port": found.port, "trust": found.trust.value, "fingerprint": found.fingerprint,
            "token": found.token}  # fmt: skip


def request(case: Case) -> Case:
    return told_again(case, relay.encode(relay.decode_request(REQUESTS[case["which"]], case["record"])))


def reply(case: Case) -> Case:
    return told_again(case, relay.encode(relay.decode_answer(ANSWERS[case["which"]], case["record"])))


RUN: dict[str, Callable[[Case], Any]] = {
    "record": record, "note": note, "readers": readers, "letter": letter, "body": body, "sizes": sizes, "gift": gift,
    "receipt": receipt, "enclosure": enclosure, "keys": keys, "parcel": parcel, "bundle": bundle,
    "invitation": invitation, "pairing": pairing, "answer": answer, "reveal": reveal, "close": close,
    "chain": lambda case: {"next": id_chain(case["letter_id"], case["number"], case["previous"])},
    "box": box, "address": address, "request": request, "reply": reply,
    "token": lambda case: {"hash": relay.token_hash(case["token"])},
    "header": lambda case: {"vault_key": unlock(case["header"], case["passphrase"])},
}  # fmt: skip
