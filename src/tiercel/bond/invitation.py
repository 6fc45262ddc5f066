"""The invitation: message 1 of a pairing, as one line of text a person hands over.

    version u8 = 1 | commitment 32 | road secret 32 | base epoch u32 | check 4                   73 bytes
    version u8 = 2 | commitment 32 | road secret 32 | base epoch u32 | address of a relay | check 4
    text = "tiercel1" + base32 of these, lower case, no padding                                  125 characters or more

It is parsed strictly. A person's copy is refused for one missing or changed character, with a sentence, before anything
is derived or sent: a half-read code must never become a weaker one.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

from tiercel.crypto import hkdf, label, sha256
from tiercel.errors import MalformedInvitation, MalformedWire, NewerVersion
from tiercel.limits import (
    FORMAT_VERSION,
    HASH_BYTES,
    INVITATION_CHECK_BYTES,
    INVITATION_VERSION,
    KEY_BYTES,
    RELAY_ADDRESS_CHARS_MAX,
)
from tiercel.wire import from_base32, is_newer, to_base32

_PREFIX = "tiercel1"
_FIELDS = struct.Struct(f">B{HASH_BYTES}s{KEY_BYTES}sI")
_ALPHABET = re.compile(r"[a-z2-7]+")
# A newer version may be longer; this much is read to tell it apart from rubbish.
_TEXT_CHARS_MAX = 1024
_NOT_WHOLE = "This invitation was not copied whole: a character is missing, added or changed."


@dataclass(frozen=True)
class Invitation:
    """What the inviter hands over: a commitment, the secret of the pairing road, and the epoch the bond begins in.

    Attributes:
        commitment: H over the inviter's pairing key and nonce, 32 bytes.
        road_secret: Keys of the pairing parcels come from it, 32 bytes. Secret.
        base_epoch: Epoch of the first time roots, u32.
        address: Of the relay over which the bond is made, as text; empty for another road. Not looked at here.
    """

    commitment: bytes
    road_secret: bytes = field(repr=False)
    base_epoch: int
    address: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if len(self.commitment) != HASH_BYTES or len(self.road_secret) != KEY_BYTES:
            raise ValueError("a commitment and a road secret of 32 bytes are needed")
        if not 0 <= self.base_epoch < 1 << 32:
            raise ValueError("an epoch is a u32")
        if not self.address.isascii() or len(self.address) > RELAY_ADDRESS_CHARS_MAX:
            raise ValueError("an address is short ASCII")


def encode_invitation(inv: Invitation) -> str:
    """The one line to hand over. It holds the road secret: whoever reads it can answer.

    Source: spec/bond.md 1.
    """
    version = INVITATION_VERSION if inv.address else FORMAT_VERSION
    body = _FIELDS.pack(version, inv.commitment, inv.road_secret, inv.base_epoch) + inv.address.encode("ascii")
    return _PREFIX + to_base32(body + _check(body))


def decode_invitation(text: str) -> Invitation:
    """Read a line a person copied, scanned or typed.

    Args:
        text: Untrusted. White space around it is dropped; all upper case is accepted, as QR codes write it.

    Raises:
        MalformedInvitation: Not an invitation, or not the whole of one. The text is never repeated in the sentence.
        NewerVersion: A whole invitation of a newer Tiercel.

    Source: spec/bond.md 1.
    """
    data = _bytes_of(text.strip())
    body, check = data[:-INVITATION_CHECK_BYTES], data[-INVITATION_CHECK_BYTES:]
    # The check comes before the version: a mistyped version must not read as a newer one.
    if not body or check != _check(body):
        raise MalformedInvitation(_NOT_WHOLE)
    if is_newer(body[0], INVITATION_VERSION):
        raise NewerVersion(
            "This invitation was written by a newer Tiercel.", remedy="Upgrade Tiercel and accept it again."
        )
    address = body[_FIELDS.size :]
    long = bool(address) == (body[0] == INVITATION_VERSION) and len(address) <= RELAY_ADDRESS_CHARS_MAX
    if not body[0] or len(body) < _FIELDS.size or not long or not address.isascii():
        raise MalformedInvitation()
    _, commitment, road_secret, base_epoch = _FIELDS.unpack(body[: _FIELDS.size])
    return Invitation(commitment, road_secret, base_epoch, address.decode("ascii"))


def box_keys(road_secret: bytes, direction: int) -> tuple[bytes, bytes, bytes]:
    """The keys of the box for pairing messages of a direction: drop, pick up, erase; both sides have all of them.

    Args:
        road_secret: Of the invitation, 32 bytes.
        direction: 0 for what the inviter sends, 1 for what the accepter sends.

    Source: spec/bond.md 8.
    """
    keys = hkdf(road_secret, b"", label("pair-box", bytes([direction])), 3 * KEY_BYTES)
    return keys[:KEY_BYTES], keys[KEY_BYTES : 2 * KEY_BYTES], keys[2 * KEY_BYTES :]


def _bytes_of(text: str) -> bytes:
    if len(text) > _TEXT_CHARS_MAX:
        raise MalformedInvitation("This is far too long to be an invitation.")
    # isupper() and lower() know other alphabets; isascii() keeps their letters from becoming ours.
    lower = text.lower() if text.isascii() and text.isupper() else text
    if not lower.startswith(_PREFIX):
        raise MalformedInvitation("This is not an invitation: it does not begin with tiercel1.")
    digits = lower[len(_PREFIX) :]
    if not _ALPHABET.fullmatch(digits):
        raise MalformedInvitation(_NOT_WHOLE)
    try:
        return from_base32(digits)
    except MalformedWire as error:
        raise MalformedInvitation(_NOT_WHOLE) from error


def _check(body: bytes) -> bytes:
    return sha256(label("invitation", body))[:INVITATION_CHECK_BYTES]
