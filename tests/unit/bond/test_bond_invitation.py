"""Invitations: round trip, T-CODE-1 and the invitation's half of T-NAME-1."""

from __future__ import annotations

import builtins
import hashlib
import importlib
import io
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bond_people import EPOCH
from tiercel.bond.invitation import Invitation, decode_invitation, encode_invitation
from tiercel.errors import MalformedInvitation, NewerVersion
from tiercel.wire import lp, to_base32

INVITATION = Invitation(bytes(range(32)), bytes(range(32, 64)), EPOCH)
LINE = encode_invitation(INVITATION)


def line(body: bytes) -> str:
    """Any body with a right check."""
    check = hashlib.sha256(lp(b"tiercel/1", b"invitation", body)).digest()[:4]
    return "tiercel1" + to_base32(body + check)


@contextmanager
def nothing_else_happens() -> Iterator[None]:
    """Nothing may be imported, opened or run meanwhile."""

    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"reached for {args[:1]!r}")

    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (importlib, "import_module"), (io, "open"), (os, "open"), (builtins, "open"), (builtins, "eval"),
            (builtins, "exec"), (builtins, "__import__"),
        ):  # fmt: skip
            patch.setattr(module, name, never)
        yield


def refused(text: str) -> bool:
    """Whether a text ends in exactly the one error, and in nothing else on the way."""
    with nothing_else_happens():
        try:
            decode_invitation(text)
        except MalformedInvitation:
            return True
    return False


def test_round_trip_to_the_byte() -> None:
    body = b"\x01" + bytes(range(64)) + EPOCH.to_bytes(4, "big")
    assert line(body) == LINE
    assert len(LINE) == 125 and LINE.lower() == LINE
    assert decode_invitation(LINE) == INVITATION


def test_white_space_around_and_capitals_as_a_whole_are_forgiven() -> None:
    assert decode_invitation(f" \t\r\n{LINE}\n") == INVITATION
    assert decode_invitation(LINE.upper()) == INVITATION


def test_the_road_secret_is_not_printed() -> None:
    shown = repr(INVITATION) + str(INVITATION)
    assert "road_secret" not in shown and repr(INVITATION.road_secret) not in shown


@pytest.mark.parametrize("epoch", [0, (1 << 32) - 1])
def test_every_epoch_fits(epoch: int) -> None:
    invitation = Invitation(bytes(32), bytes(32), epoch)
    assert decode_invitation(encode_invitation(invitation)) == invitation


@pytest.mark.parametrize(
    "fields",
    [(b"", bytes(32), 1), (bytes(32), bytes(31), 1), (bytes(32), bytes(32), -1), (bytes(32), bytes(32), 1 << 32)],
)
def test_an_impossible_invitation_cannot_be_made(fields: tuple[bytes, bytes, int]) -> None:
    with pytest.raises(ValueError):
        Invitation(*fields)


# -- T-CODE-1 --------------------------------------------------------------------------------------

ODD = {
    "empty": "",
    "spaces": "   ",
    "number only": "7",
    "number and dash": "7-",
    "dashes": "-a-b",
    "a code of another program": "7-guitarist-revenge",
    "prefix only": "tiercel1",
    "cut at the end": LINE[:-1],
    "cut at the front": LINE[1:],
    "cut in half": LINE[: len(LINE) // 2],
    "one more": LINE + "a",
    "eight more": LINE + "aaaaaaaa",
    "padded": LINE + "===",
    "doubled": LINE + LINE,
    "doubled on two lines": f"{LINE}\n{LINE}",
    "doubled inside": LINE + LINE[8:],
    "mixed case": LINE[:20] + LINE[20:].upper(),
    "prefix in capitals": LINE[:8].upper() + LINE[8:],
    "one capital": LINE[:-1] + LINE[-1].upper() if LINE[-1].isalpha() else LINE[:9].title() + LINE[9:],
    "space inside": LINE[:60] + " " + LINE[60:],
    "line break inside": LINE[:60] + "\n" + LINE[60:],
    "dash inside": LINE[:60] + "-" + LINE[61:],
    "cyrillic": LINE.replace("a", "а").replace("e", "е"),
    "full width": "".join(chr(ord(c) + 0xFEE0) for c in LINE),
    "greek": "τιερςελ1" + LINE[8:],
    "dotless i": LINE.upper().replace("I", "ı"),
    "kelvin sign": LINE.upper().replace("K", "\u212a"),
    "arabic digits": LINE.replace("2", "٢").replace("7", "٧"),
    "lone surrogate": LINE[:-1] + "\udcff",
    "nul": LINE[:-1] + "\0",
    "invisible": LINE[:30] + "\u200b" + LINE[30:],
    "byte order mark": "\ufeff" + LINE,
    "as a link": "https://example.org/" + LINE,
    "hexadecimal": "tiercel1" + bytes(range(73)).hex(),
    "one megabyte": "tiercel1" + "a" * (1 << 20),
    "one megabyte of nothing": " " * (1 << 20),
    "one megabyte after it": LINE + "a" * (1 << 20),
    "another prefix": "tiercel2" + LINE[8:],
}  # fmt: skip


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_T_CODE_1_odd_codes_are_refused_before_anything_happens(text: str) -> None:
    with pytest.raises(MalformedInvitation) as caught, nothing_else_happens():
        decode_invitation(text)
    sentence = str(caught.value)
    assert sentence.startswith("This") and sentence.endswith(".") and caught.value.remedy
    assert LINE[8:24] not in sentence and len(sentence) < 100


def test_T_CODE_1_one_character_changed_anywhere() -> None:
    draw = random.Random(1)
    for at, char in enumerate(LINE):
        for other in {"a", "7", "1", "A", " ", "é", draw.choice("abcdefghijklmnopqrstuvwxyz234567")} - {char}:
            changed = LINE[:at] + other + LINE[at + 1 :]
            assert refused(changed) or changed.strip() == LINE, (at, other)


def test_T_CODE_1_one_character_missing_doubled_or_swapped_anywhere() -> None:
    for at in range(len(LINE)):
        assert refused(LINE[:at] + LINE[at + 1 :]), at
        assert refused(LINE[:at] + LINE[at] + LINE[at:]), at
        swapped = LINE[:at] + LINE[at : at + 2][::-1] + LINE[at + 2 :]
        assert swapped == LINE or refused(swapped), at


def test_T_CODE_1_a_right_check_does_not_excuse_a_wrong_form() -> None:
    body = b"\x01" + bytes(68)
    assert decode_invitation(line(body)).base_epoch == 0
    for wrong in (b"", b"\x01", body[:-1], body + b"\0", b"\x00" + body[1:]):
        assert refused(line(wrong))
    # 73 bytes leave one bit of the last character: it must be zero.
    last = LINE[-1]
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    assert refused(LINE[:-1] + alphabet[alphabet.index(last) ^ 1])


def test_T_DOWN_1_an_invitation_of_a_newer_tiercel() -> None:
    for body in (b"\x03" + bytes(68), b"\x03" + bytes(200), b"\xff"):
        with pytest.raises(NewerVersion) as caught:
            decode_invitation(line(body))
        assert "Upgrade" in caught.value.remedy
    # Marked down to version 1 by hand, it is not whole any more.
    newer = line(b"\x03" + INVITATION.commitment + INVITATION.road_secret + EPOCH.to_bytes(4, "big"))
    for at in (8, 9):
        assert newer[at] == LINE[at] or refused(newer[:at] + LINE[at] + newer[at + 1 :])
    assert refused(LINE[:10] + newer[10:])


# -- T-NAME-1, the invitation's half ---------------------------------------------------------------

NAMES = ["../x", "os", "__import__", "a;b", "/etc/passwd", "tiercel.crypto", "$(id)", "wordlist.txt", "x" * (1 << 20)]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:20])
def test_T_NAME_1_an_invitation_names_nothing(name: str) -> None:
    """Neither as the text nor inside it: no field of an invitation is ever looked up."""
    for text in (
        name,
        f"tiercel1{name}",
        f"{LINE}{name}",
        f"{LINE}?via={name}",
        f"{name}:{LINE}",
        f"{name}1{LINE[8:]}",
    ):
        assert refused(text)
    hidden = line(b"\x01" + name.encode()[:400])
    assert refused(hidden)
    assert decode_invitation(line(b"\x01" + name.encode()[:32].ljust(68, b"\0"))).road_secret == bytes(32)
