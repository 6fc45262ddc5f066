"""vectors/sealing: envelopes and what breaks them, padding, size classes, gifts, receipts."""

from __future__ import annotations

from typing import Any

import kit
import letter
from kit import Terms, cut, with_byte

from tiercel import crypto
from tiercel.letter.record import encode_letter
from tiercel.sealing.envelope import context, receipt_proof
from tiercel.sealing.padding import bundle_class, pad_body, padme
from tiercel.sealing.stream import sealed_size
from tiercel.wire import lp

BOND_ID, AUTH_ROOT, INCARNATION = kit.random("bond id", 16), kit.random("auth root", 32), kit.random("incarnation", 16)
SEED, TOKEN, PID = kit.random("seed", 96), kit.random("token", 32), kit.random("pid", 8)
SHORT = encode_letter(letter.record())
BASE = "letter"
WHOLE = Terms(cut(BASE))


def keys(**changes: Any) -> dict[str, Any]:
    """What the reader has: everything of the context but what the bundle says itself."""
    return {
        "bond_id": BOND_ID,
        "auth_root": AUTH_ROOT,
        "direction": 0,
        "pid": PID,
        "seed": SEED,
        "token": TOKEN,
    } | changes


def bundle_of(book: kit.Book, name: str, body: bytes, *, auth_root: bytes = AUTH_ROOT, **changes: Any) -> bytes:
    """A bundle around a body that the reader's keys open, its MAC under ``auth_root``."""
    k = keys(**changes)
    public_hash = crypto.sha256(crypto.kem_public(k["seed"]))
    c = context(k["bond_id"], k["direction"], INCARNATION, k["pid"], public_hash)
    mac = crypto.hmac_sha256(crypto.hkdf(auth_root, k["token"], crypto.label("letter-auth", c)), lp(c, body))
    seal = book.seal(f"sealing/{name}", "bundle", 36, k["seed"], crypto.label("envelope", c), mac + body)
    return lp(k["pid"], INCARNATION, seal)


def make(book: kit.Book) -> None:
    letters(book)
    broken_bundles(book)
    broken_insides(book)
    bodies(book)
    gifts(book)
    receipts(book)
    records = [
        0,
        1,
        *(size * 1792 - 1208 + step for size in (1, 2, 4, 9, 18, 36, 72, 144, 288, 576) for step in (0, 1)),
    ]
    files = [0, 1, 9, 16, 17, 1000, 65_535, 65_536, 65_537, 1_000_000, 1 << 30, (1 << 30) + 1, 1 << 40]
    book.add(
        "sealing/sizes", "sizes", "lengths of bundles of records, and of ciphertexts of files",
        records=[[n, bundle_class(n + 1208)] for n in records], files=[[n, sealed_size(n)] for n in files],
    )  # fmt: skip
    for length in (1, 1791, 1793, 3583, 16_129, 1_032_191, 1_032_193, padme(1_100_000) + 1):
        values = keys(bundle=Terms(f"00*{length}"))
        book.add(f"sealing/no-class-{length}", "letter", "no class has this length", "malformed_bundle", **values)


def letters(book: kit.Book) -> None:
    pairing = {"pid": crypto.sha256(crypto.kem_public(SEED))[:8]}
    cases: list[tuple[str, str, bytes, dict[str, Any]]] = [
        (BASE, "a letter of one symbol", SHORT, {}),
        ("letter-back", "direction 1", SHORT, {"direction": 1}),
        ("letter-to-pairing-key", "an opening: pid = H(pk)[:8]", SHORT, pairing),
        ("letter-class-full", "584 bytes fill one symbol", b"a" * 584, {}),
        ("letter-class-next", "585 bytes take two", b"a" * 585, {}),
        ("letter-nine", "the largest record of nine symbols", b"a" * 14_920, {}),
        ("letter-empty", "an empty record; opening it is not decoding it", b"", {}),
    ]
    for name, about, record, changes in cases:
        bundle = bundle_of(book, name, pad_body(record), **changes)
        values = keys(**changes, bundle=bundle)
        book.add(f"sealing/{name}", "letter", about, **values, incarnation=INCARNATION, record=record)


def broken_bundles(book: kit.Book) -> None:
    """The bytes of the case ``letter`` changed, or opened with other keys."""
    base = bundle_of(book, BASE, pad_body(SHORT))

    def refuse(name: str, about: str, expect: str, bundle: Terms = WHOLE, **changes: Any) -> None:
        book.add(f"sealing/{name}", "letter", about, expect, **keys(bundle=bundle, **changes))

    for name, at in (
        ("incarnation", 16),
        ("mlkem", 40),
        ("x25519", 36 + 1088),
        ("first", 1156),
        ("last", -17),
        ("tag", -1),
    ):
        refuse(f"changed-{name}", "one bit of the bundle changed", "damaged", with_byte(BASE, base, at))
    for name, at in (("pid-length", 3), ("incarnation-length", 15), ("envelope-length", 35)):
        refuse(f"changed-{name}", "a length changed", "malformed_bundle", with_byte(BASE, base, at))
    refuse("cut", "the last byte missing", "malformed_bundle", Terms(cut(BASE, 0, len(base) - 1)))
    refuse("longer", "a byte added", "malformed_bundle", Terms(cut(BASE) + " 00"))
    refuse("next-class", "zeros added up to the next class", "malformed_bundle", Terms(cut(BASE) + " 00*1792"))
    inner = len(base) + 1792 - 36
    grown = Terms(f"{cut(BASE, 0, 32)} {inner:08x} {cut(BASE, 36)} 00*1792")
    refuse("next-class-inside", "the same, the length of the envelope made to fit", "damaged", grown)
    refuse(
        "long-pid",
        "a pid of 9 bytes",
        "malformed_bundle",
        Terms(f"00000009 {cut(BASE, 4, 12)} 00 {cut(BASE, 12, 32)} {len(base) - 37:08x} {cut(BASE, 37)}"),
    )
    refuse("other-direction", "opened for direction 1", "damaged", direction=1)
    refuse("other-bond-id", "opened for another bond", "damaged", bond_id=kit.random("other", 16))
    refuse("other-seed", "another private key under this pid", "damaged", seed=kit.random("other", 96))
    refuse("other-token", "the right key with another token", "forged", token=kit.random("other", 32))
    refuse("other-auth-root", "the right key with another bond secret", "forged", auth_root=kit.random("other", 32))
    refuse("other-pid", "a pid that was never known here", "key_expired", pid=kit.random("other", 8))
    refuse("spent", "the key opened a letter before", "duplicate", spent=PID)
    refuse("expired", "the key was deleted by time", "key_expired", pid=kit.random("other", 8), expired=PID)
    refuse("other-bond", "the key belongs to another bond", "other_bond", pid=kit.random("other", 8), other_bond=PID)


def broken_insides(book: kit.Book) -> None:
    """Seals of someone who has the gift but not the bond, and of a correspondent whose program is wrong."""
    good = pad_body(SHORT)
    bodies_ = {
        "inside-padding": ("a byte of the padding is 1", good[:-1] + b"\1"),
        "inside-length": ("the record runs past its body", b"\xff\xff\xff\xff" + good[4:]),
        "inside-no-class": ("a body of a length no class has", good + b"\0"),
    }
    for name, (about, body) in bodies_.items():
        book.add(f"sealing/{name}", "letter", about, "malformed_bundle", **keys(bundle=bundle_of(book, name, body)))
    bundle = bundle_of(book, "forged", good, auth_root=bytes(32))
    book.add("sealing/forged", "letter", "sealed with the gift, without the bond", "forged", **keys(bundle=bundle))


def bodies(book: kit.Book) -> None:
    for size in (0, 1, 583, 584, 585):
        record = b"a" * size
        book.add(f"sealing/body-{size}", "body", "a padded record", body=pad_body(record), record=record)
    body = pad_body(b"a" * 100)
    bad = {
        "empty": b"", "short": body[:-1], "long": body + b"\0", "only-length": bytes(4), "three-bytes": bytes(3),
        "length-past-end": len(body).to_bytes(4, "big") + body[4:], "length-short": b"\0\0\0\x63" + body[4:],
        "length-huge": b"\xff" * 4 + body[4:], "padding-first": body[:104] + b"\1" + body[105:],
        "padding-last": body[:-1] + b"\x80", "padding-ff": body[:104] + b"\xff" * (len(body) - 104),
        "class-3": pad_body(b"") + bytes(2 * 1792), "padme-above": bytes(1_032_192 - 1204 + 1),
        "next-class-less-1": pad_body(b"a" * 585)[:-1],
    }  # fmt: skip
    for name, data in bad.items():
        book.add(f"sealing/body-bad-{name}", "body", "no padding that was ever made", "malformed_bundle", body=data)


def gifts(book: kit.Book) -> None:
    public = crypto.kem_public(SEED)
    gift = PID + public + TOKEN
    book.add("sealing/gift", "gift", "a prekey", gift=gift, pid=PID, public_hash=crypto.sha256(public), token=TOKEN)
    low = {
        "zero": bytes(32), "one": b"\1" + bytes(31), "order-8":
        bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        "minus-one": b"\xec" + b"\xff" * 30 + b"\x7f", "p": b"\xed" + b"\xff" * 30 + b"\x7f",
    }  # fmt: skip
    for name, key in low.items():
        data = PID + public[:1184] + key + TOKEN
        book.add(f"sealing/gift-x25519-{name}", "gift", "an X25519 key of low order", "key_degenerate", gift=data)
    high = PID + public[:-1] + bytes([public[-1] | 0x80]) + TOKEN
    unreduced = PID + b"\xff" * 3 + public[3:] + TOKEN
    flat = PID + bytes(1152) + public[1152:] + TOKEN
    more = {"x25519-high-bit": high, "mlkem-unreduced": unreduced, "mlkem-flat": flat, "all-zero": bytes(1256)}
    for name, data in more.items():
        book.add(f"sealing/gift-{name}", "gift", "a key that must not be sealed to", "key_degenerate", gift=data)
    for name, data in {"short": gift[:-1], "long": gift + b"\0", "key-only": public}.items():
        book.add(f"sealing/gift-{name}", "gift", "not the length of a gift", "malformed_bundle", gift=data)


def receipts(book: kit.Book) -> None:
    secret, letter_id = kit.random("receipt secret", 16), kit.random("letter id", 16)
    values: dict[str, Any] = {"secret": secret, "receipt": 0, "letter_id": letter_id}
    proofs = [receipt_proof(secret, kind, letter_id) for kind in (0, 1)]
    for kind, name in enumerate(("arrived", "read")):
        book.add(
            f"sealing/receipt-{name}", "receipt", f"proof of {name}", **values | {"receipt": kind}, proof=proofs[kind]
        )
    bad: dict[str, dict[str, Any]] = {
        "kind": {"receipt": 1}, "secret": {"secret": bytes(16)}, "letter": {"letter_id": bytes(16)},
        "cut": {"proof": proofs[0][:16]}, "plain-hmac": {"proof": crypto.hmac_sha256(secret, letter_id)},
        "changed": {"proof": bytes([proofs[0][0] ^ 1]) + proofs[0][1:]},
    }  # fmt: skip
    for name, changes in bad.items():
        book.add(
            f"sealing/receipt-other-{name}", "receipt", "a proof that does not verify changes nothing", "ignored",
            **{**values, "proof": proofs[0], **changes},
        )  # fmt: skip
