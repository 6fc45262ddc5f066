"""vectors/bond: invitations, and one pairing with everything that can go wrong in it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import kit
from kit import Terms, cut, with_byte

from tiercel import crypto
from tiercel.bond.invitation import Invitation, encode_invitation
from tiercel.bond.transcript import Transcript, commit, info_reveal
from tiercel.crypto import kem_public, label, sha256
from tiercel.wire import to_base32

SEED_A, SEED_B = kit.random("seed a", 96), kit.random("seed b", 96)
NONCE_A, NONCE_B = kit.random("nonce a", 32), kit.random("nonce b", 32)
S1, S2 = kit.random("s1", 32), kit.random("s2", 32)
PK_A, PK_B = kem_public(SEED_A), kem_public(SEED_B)
COMMITMENT = commit(PK_A, NONCE_A)
SAID = Transcript(COMMITMENT, PK_A, NONCE_A, PK_B, NONCE_B)
LOW = bytes(32)  # an X25519 key of low order


def make(book: kit.Book) -> None:
    invitations(book)
    said = pairing(book)
    answers(book, said["message2"])
    reveals(book, said["message3"])
    closes(book, said["message4"])


def invitations(book: kit.Book) -> None:
    base = Invitation(COMMITMENT, kit.random("road secret", 32), 690)
    text = encode_invitation(base)
    told = {"commitment": base.commitment, "road_secret": base.road_secret, "base_epoch": base.base_epoch}
    good = {"": text, "-upper": text.upper(), "-spaces": f"\n  {text} \r\n"}
    for name, written in good.items():
        book.add(f"bond/invitation{name}", "invitation", "an invitation as people hand it over", text=written, **told)
    body = struct.pack(">B32s32sI", 1, base.commitment, base.road_secret, base.base_epoch)

    def written(data: bytes) -> str:
        return "tiercel1" + to_base32(data + sha256(label("invitation", data))[:4])

    bad = {
        "empty": "", "prefix-only": "tiercel1", "no-prefix": text[8:], "other-prefix": "tiercel2" + text[8:],
        "cut": text[:-1], "longer": text + "a", "changed": text[:60] + ("b" if text[60] == "a" else "a") + text[61:],
        "swapped": text[:40] + text[41] + text[40] + text[42:], "mixed-case": text[:20] + text[20:].upper(),
        "space-inside": text[:60] + " " + text[60:], "digit-one": text[:-2] + "1" + text[-1],
        "padding": text + "===", "line-break": text[:60] + "\n" + text[60:], "kelvin": text.replace("k", "\u212a", 1),
        "version-0": written(b"\0" + body[1:]), "body-short": written(body[:-1]), "body-long": written(body + b"\0"),
        "check": "tiercel1" + to_base32(body + bytes(4)), "words": "7-guitar-revenge",
        "version-2-mistyped": "tiercel1" + to_base32(b"\2" + body[1:] + sha256(label("invitation", body))[:4]),
        "unused-bits": text[:-1] + chr(ord(text[-1]) + 1),
    }  # fmt: skip
    for name, line in bad.items():
        book.add(
            f"bond/invitation-bad-{name}", "invitation", "not a whole invitation", "malformed_invitation", text=line
        )
    for name, data in (("", b"\3" + body[1:]), ("-longer", b"\3" + body[1:] + b"https://relay.example")):
        book.add(f"bond/invitation-newer{name}", "invitation", "version 3", "newer_version", text=written(data))
    over_relay(book, base, written)


def over_relay(book: kit.Book, base: Invitation, written: Callable[[bytes], str]) -> None:
    """Version 2: with the address of a relay, which is not looked at before the rest is whole."""
    told = {"commitment": base.commitment, "road_secret": base.road_secret, "base_epoch": base.base_epoch}
    for name, address in (("", "tiercel-relay://relay.example:7787/ca"), ("-long", "a" * 80)):
        text = encode_invitation(replace(base, address=address))
        book.add(
            f"bond/invitation-relay{name}", "invitation", "version 2, with an address", text=text, address=address,
            **told,
        )  # fmt: skip
    body = struct.pack(">B32s32sI", 2, base.commitment, base.road_secret, base.base_epoch)
    bad = {
        "relay-none": body, "relay-too-long": body + b"a" * 513, "relay-not-ascii": body + "\u00e9".encode(),
        "relay-version-1": b"\1" + body[1:] + b"tiercel-relay://relay.example:7787/ca",
        "relay-version-0": b"\0" + body[1:] + b"tiercel-relay://relay.example:7787/ca",
    }  # fmt: skip
    for name, data in bad.items():
        book.add(
            f"bond/invitation-bad-{name}", "invitation", "not a whole invitation", "malformed_invitation",
            text=written(data),
        )  # fmt: skip


def reveal(book: kit.Book, name: str, plain: bytes) -> bytes:
    info = info_reveal(COMMITMENT, PK_B, NONCE_B)
    return b"\1\3" + book.seal(f"bond/{name}", "message3", 2, SEED_B, info, plain)


def pairing(book: kit.Book) -> dict[str, bytes]:
    message3 = reveal(book, "pairing", S1 + NONCE_A + PK_A)
    message4 = b"\1\4" + book.seal("bond/pairing", "message4", 2, SEED_A, SAID.info_close(), S2)
    made = SAID.secrets(S1, S2, sha256(message3[2:]), sha256(message4[2:]))
    messages = {"message2": b"\1\2" + PK_B + NONCE_B, "message3": message3, "message4": message4}
    book.add(
        "bond/pairing", "pairing", "a whole pairing, both private keys shown",
        seed_a=SEED_A, nonce_a=NONCE_A, s1=S1, seed_b=SEED_B, nonce_b=NONCE_B, base_epoch=690, **messages,
        commitment=COMMITMENT, words=" ".join(SAID.words()), bond_id=made.bond_id, auth_root=made.auth_root,
        time_root_0=made.time_roots[0], time_root_1=made.time_roots[1],
        first_token_0=made.first_tokens[0], first_token_1=made.first_tokens[1],
    )  # fmt: skip
    return messages


def framed(kind: str, book: kit.Book, message: str, data: bytes, given: dict[str, Any]) -> None:
    """What is wrong before any key is used."""
    cases = {
        "cut": ("malformed_pairing", Terms(cut("pairing", 0, len(data) - 1))),
        "longer": ("malformed_pairing", Terms(cut("pairing") + " 00")),
        "version-0": ("malformed_pairing", with_byte("pairing", data, 0, 0)),
        "newer": ("newer_version", with_byte("pairing", data, 0, 2)),
        "number-1": ("malformed_pairing", with_byte("pairing", data, 1, 1)),
        "number-5": ("malformed_pairing", with_byte("pairing", data, 1, 5)),
        "number-other": ("malformed_pairing", with_byte("pairing", data, 1, {2: 3, 3: 4, 4: 2}[data[1]])),
        "version-only": ("malformed_pairing", b"\1"),
    }
    for name, (expect, value) in cases.items():
        book.add(f"bond/{kind}-{name}", kind, "a frame that does not fit", expect, **given, **{message: value})


def answers(book: kit.Book, data: bytes) -> None:
    given = {"seed_a": SEED_A, "nonce_a": NONCE_A}
    framed("answer", book, "message2", data, given)
    bad = {"low-order": PK_B[:1184] + LOW, "high-bit": PK_B[:-1] + bytes([PK_B[-1] | 0x80]),
           "unreduced": b"\xff" * 3 + PK_B[3:], "zero": bytes(1216)}  # fmt: skip
    for name, key in bad.items():
        about = "a key that must not be sealed to"
        book.add(f"bond/answer-{name}", "answer", about, "key_degenerate", **given, message2=b"\1\2" + key + NONCE_B)
    other = b"\1\2" + kem_public(kit.random("seed c", 96)) + NONCE_B
    given |= {"taken": data}
    book.add("bond/answer-second", "answer", "another answer after the first", "two_answers", **given, message2=other)
    book.add("bond/answer-nonce", "answer", "the same key, another nonce", "two_answers", **given,
             message2=with_byte("pairing", data, -1))  # fmt: skip


def reveals(book: kit.Book, data: bytes) -> None:
    given = {"commitment": COMMITMENT, "seed_b": SEED_B, "nonce_b": NONCE_B}
    framed("reveal", book, "message3", data, given)
    for name, at in (("kem", 2), ("inside", 1130), ("tag", -1)):
        value = with_byte("pairing", data, at)
        book.add(f"bond/reveal-changed-{name}", "reveal", "a bit changed", "pairing_broken", **given, message3=value)
    for name, change in (
        ("nonce", {"nonce_b": bytes(32)}),
        ("invitation", {"commitment": bytes(32)}),
        ("seed", {"seed_b": SEED_A}),
    ):
        values = given | change | {"message3": Terms(cut("pairing"))}
        book.add(f"bond/reveal-other-{name}", "reveal", "made for something else", "pairing_broken", **values)
    inside = {
        "key": ("another key than the invitation promised", S1 + NONCE_A + kem_public(kit.random("seed c", 96))),
        "nonce-a": ("another nonce than the invitation promised", S1 + bytes(32) + PK_A),
    }
    for name, (about, plain) in inside.items():
        value = reveal(book, f"reveal-uncommitted-{name}", plain)
        book.add(f"bond/reveal-uncommitted-{name}", "reveal", about, "pairing_broken", **given, message3=value)
    low = PK_A[:1184] + LOW
    promised = commit(low, NONCE_A)
    seal = book.seal(
        "bond/reveal-low-order", "message3", 2, SEED_B, info_reveal(promised, PK_B, NONCE_B), S1 + NONCE_A + low
    )
    values = given | {"commitment": promised, "message3": b"\1\3" + seal}
    book.add("bond/reveal-low-order", "reveal", "a promised key of low order", "key_degenerate", **values)


def closes(book: kit.Book, data: bytes) -> None:
    given = {
        "seed_a": SEED_A,
        "nonce_a": NONCE_A,
        "s1": S1,
        "message2": Terms(cut("pairing")),
        "message3": Terms(cut("pairing")),
    }
    framed("close", book, "message4", data, given)
    for name, at in (("kem", 2), ("inside", 1130), ("tag", -1)):
        value = with_byte("pairing", data, at)
        book.add(f"bond/close-changed-{name}", "close", "a bit changed", "pairing_broken", **given, message4=value)
    info = label("pair-1", COMMITMENT, PK_B, NONCE_B)
    value = b"\1\4" + book.seal("bond/close-other-label", "message4", 2, SEED_A, info, S2)
    book.add(
        "bond/close-other-label",
        "close",
        "sealed with the info of message 3",
        "pairing_broken",
        **given,
        message4=value,
    )
    for name, change in (("nonce", {"nonce_a": bytes(32)}), ("seed", {"seed_a": SEED_B})):
        values = given | change | {"message4": Terms(cut("pairing"))}
        book.add(f"bond/close-other-{name}", "close", "of another pairing", "pairing_broken", **values)
    assert crypto.hpke_open(SEED_A, SAID.info_close(), data[2:]) == S2
