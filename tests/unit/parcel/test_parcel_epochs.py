"""Profiles, epochs and keys, against a derivation written again with nothing but hmac."""

from __future__ import annotations

import hashlib
import hmac
import struct

import pytest

from tiercel.limits import SYMBOL_LARGE_BYTES, SYMBOL_SMALL_BYTES
from tiercel.parcel import epochs, profiles

DAY_MS = 86_400_000
ROOT = bytes(range(32))


def lp(*items: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(item)) + item for item in items)


def hkdf(secret: bytes, info: bytes, size: int = 32) -> bytes:
    prk = hmac.digest(bytes(32), secret, "sha256")
    first = hmac.digest(prk, info + b"\x01", hashlib.sha256)
    return (first + hmac.digest(prk, first + info + b"\x02", hashlib.sha256))[:size]


def test_each_profile_holds_what_the_table_says() -> None:
    table = {
        "qr": (2048, 1, 0),
        "cell": (16384, 9, 1),
        "file": (65536, 36, 4),
        "bulk": (262144, 145, 16),
        "stick": (1048576, 583, 64),
    }
    for name, (size, small, large) in table.items():
        profile = profiles.PROFILES[name]
        assert (profile.name, profile.size_bytes) == (name, size)
        assert profiles.capacity(profile, SYMBOL_SMALL_BYTES) == small
        assert profiles.capacity(profile, SYMBOL_LARGE_BYTES) == large
    assert set(table) == set(profiles.PROFILES)


def test_an_epoch_is_thirty_days() -> None:
    assert epochs.epoch_of(0) == 0
    assert epochs.epoch_of(30 * DAY_MS - 1) == 0
    assert epochs.epoch_of(30 * DAY_MS) == 1
    assert epochs.epoch_of(1_788_000_000_000) == 1_788_000_000_000 // DAY_MS // 30


def test_roots_and_keys_follow_the_labels() -> None:
    later = hkdf(ROOT, lp(b"tiercel/1", b"epoch-next"))
    assert epochs.evolve(ROOT) == later
    assert epochs.evolve(ROOT, 0) == ROOT
    assert epochs.evolve(ROOT, 3) == epochs.evolve(epochs.evolve(later))
    for d in (0, 1):
        keys = epochs.epoch_keys(later, d)
        assert keys.direction == d
        assert keys.tag_key == hkdf(later, lp(b"tiercel/1", b"tag", bytes([d])))
        assert keys.box_key == hkdf(later, lp(b"tiercel/1", b"parcel-key", bytes([d])))
        road = epochs.pairing_keys(ROOT, d)
        assert road.tag_key + road.box_key == hkdf(ROOT, lp(b"tiercel/1", b"pair-road", bytes([d])), 64)


def test_a_root_never_goes_back_and_directions_are_two() -> None:
    with pytest.raises(ValueError, match="back"):
        epochs.evolve(ROOT, -1)
    with pytest.raises(ValueError, match="direction"):
        epochs.epoch_keys(ROOT, 2)


def test_keys_are_not_shown() -> None:
    keys = epochs.epoch_keys(ROOT, 1)
    assert repr(keys) == "ParcelKeys(direction=1)"


def test_the_sender_leads_by_five_and_never_goes_back() -> None:
    assert epochs.sending_epoch(clock_epoch=700, newest_heard=700, last_used=700) == 700
    assert epochs.sending_epoch(clock_epoch=703, newest_heard=700, last_used=700) == 703
    assert epochs.sending_epoch(clock_epoch=820, newest_heard=700, last_used=701) == 705
    assert epochs.sending_epoch(clock_epoch=12, newest_heard=700, last_used=702) == 702


def test_the_receiver_drops_no_epoch_for_a_wrong_clock_alone() -> None:
    assert list(epochs.receiving_epochs(710, 710, 0)) == list(range(705, 712))
    assert list(epochs.receiving_epochs(710, 710, 708)) == [708, 709, 710, 711]
    ahead = epochs.receiving_epochs(clock_epoch=830, newest_heard=710, base_epoch=600)
    assert (ahead[0], ahead[-1]) == (705, 831)
    behind = epochs.receiving_epochs(clock_epoch=1, newest_heard=710, base_epoch=600)
    assert (behind[0], behind[-1]) == (600, 711)
    assert list(epochs.receiving_epochs(1, 1, 600)) == [600, 601]


def test_whatever_a_sender_may_use_its_receiver_tries() -> None:
    """Both within 45 days of the truth, the peer silent for any time: the sender's epoch is in the range."""
    for heard_by_receiver in range(700, 760):
        for truth in range(heard_by_receiver, 761):
            for sender_clock in (truth - 1, truth):
                used = epochs.sending_epoch(sender_clock, heard_by_receiver, heard_by_receiver)
                assert used in epochs.receiving_epochs(truth, heard_by_receiver, 690)
