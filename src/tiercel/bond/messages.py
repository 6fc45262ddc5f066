"""The frame of a pairing message.

    version u8 = 1 | number u8 | payload

      2  accepter to inviter   pkB 1,216 | nB 32                            1,250 bytes
      3  inviter to accepter   sealed to pkB: s1 32 | nA 32 | pkA 1,216     2,418 bytes
      4  accepter to inviter   sealed to pkA: s2 32                         1,170 bytes

Message 1 is the invitation. Each length is fixed, so a message is whole or it is none.
"""

from __future__ import annotations

from tiercel.errors import MalformedPairing, NewerVersion
from tiercel.limits import (
    AEAD_TAG_BYTES,
    FORMAT_VERSION,
    KEM_ENC_BYTES,
    KEM_PUBLIC_BYTES,
    KEY_BYTES,
    PAIRING_MESSAGE_BYTES_MAX,
)
from tiercel.wire import is_newer

ANSWER, REVEAL, CLOSE = 2, 3, 4
NONCE_BYTES = 32
_SEALED_OVERHEAD_BYTES = KEM_ENC_BYTES + AEAD_TAG_BYTES
_PAYLOAD_BYTES = {
    ANSWER: KEM_PUBLIC_BYTES + NONCE_BYTES,
    REVEAL: _SEALED_OVERHEAD_BYTES + KEY_BYTES + NONCE_BYTES + KEM_PUBLIC_BYTES,
    CLOSE: _SEALED_OVERHEAD_BYTES + KEY_BYTES,
}


def message_number(message: bytes) -> int:
    """Which of the messages 2, 3 and 4 this is. Says nothing about its payload.

    Raises:
        NewerVersion: Written by a newer Tiercel.
        MalformedPairing: No pairing message.

    Source: spec/bond.md 2.
    """
    if not message:
        raise MalformedPairing("A pairing message is empty.")
    if is_newer(message[0]):
        raise NewerVersion()
    if message[0] != FORMAT_VERSION or not 2 <= len(message) <= PAIRING_MESSAGE_BYTES_MAX:
        raise MalformedPairing("This is not a pairing message.")
    if message[1] not in _PAYLOAD_BYTES:
        raise MalformedPairing("There is no pairing message of that number.")
    return message[1]


def frame(number: int, payload: bytes) -> bytes:
    """A whole message around its payload."""
    return bytes((FORMAT_VERSION, number)) + payload


def payload_of(message: bytes, number: int) -> bytes:
    """The payload of the one message a state waits for.

    Raises:
        NewerVersion: Written by a newer Tiercel.
        MalformedPairing: Another number (a message sent back to its sender has one), or not that message's length.
    """
    if message_number(message) != number:
        raise MalformedPairing("A pairing message came that is not for this side or not for now.")
    if len(message) != 2 + _PAYLOAD_BYTES[number]:
        raise MalformedPairing("A pairing message is cut off or too long.")
    return bytes(message[2:])
