"""How a parcel is recognised: by a random value and its HMAC, so that there is no counter and no window.

    head = r (16 random bytes) || tag (16 bytes),  tag = HMAC(K_tag, LP("tiercel/1", "tag", r))[:16]

Every copy of a parcel on every road has its own fresh ``r``; without the key two heads have nothing in common.
"""

from __future__ import annotations

from collections.abc import Sequence

from tiercel.crypto import hmac_sha256, label, same
from tiercel.limits import PARCEL_HEAD_BYTES, TAG_BYTES, TAG_RANDOM_BYTES

from .epochs import ParcelKeys


def make_head(keys: ParcelKeys, r: bytes) -> bytes:
    """The first 32 bytes of a parcel.

    Args:
        keys: Sending keys of one epoch. Secret.
        r: 16 fresh random bytes, never used for another copy.

    Source: spec/parcel.md 2.
    """
    if len(r) != TAG_RANDOM_BYTES:
        raise ValueError("r has 16 bytes")
    return r + hmac_sha256(keys.tag_key, label("tag", r))[:TAG_BYTES]


def recognise(head: bytes | memoryview, keyring: Sequence[ParcelKeys]) -> int | None:
    """Which keys a parcel was made with, at the cost of one HMAC for each tried.

    Args:
        head: The first 32 bytes of a parcel, or more of it. Untrusted.
        keyring: Receiving keys, most likely first. Secret.

    Returns:
        The index in ``keyring``, or None when no key matches or ``head`` is too short: not ours.
    """
    if len(head) < PARCEL_HEAD_BYTES:
        return None
    message, tag = label("tag", bytes(head[:TAG_RANDOM_BYTES])), bytes(head[TAG_RANDOM_BYTES:PARCEL_HEAD_BYTES])
    for index, keys in enumerate(keyring):
        if same(hmac_sha256(keys.tag_key, message)[:TAG_BYTES], tag):
            return index
    return None
