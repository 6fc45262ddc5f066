"""The pure part that server and client share: keys, records, the address."""

from __future__ import annotations

import pytest

from tiercel.errors import MalformedAddress, MalformedRelay
from tiercel.parcel.profiles import PROFILES
from tiercel.relay import protocol as relay
from tiercel.relay.protocol.records import CURSOR_BYTES
from tiercel.relay.store import moved, pack_cursor, place_of

KEYS = relay.BoxKeys(bytes(32), bytes([1]) * 32, bytes([2]) * 32)


def test_the_sizes_are_those_of_the_profiles() -> None:
    assert (PROFILES["cell"].size_bytes, PROFILES["bulk"].size_bytes) == relay.SIZES


def test_each_power_hashes_a_key_to_something_else() -> None:
    assert len({relay.key_hash(power, bytes(32)) for power in relay.Power}) == 3
    assert relay.token_hash(bytes(32)) not in {relay.key_hash(power, bytes(32)) for power in relay.Power}


def test_the_id_of_a_box_needs_every_hash_in_its_place() -> None:
    drop, pick_up, erase = KEYS.hashes
    other = relay.BoxHashes(pick_up, drop, erase)
    assert relay.box_id(KEYS.hashes) == KEYS.box != relay.box_id(other)


def test_an_opening_goes_over_as_48_bytes() -> None:
    for opening in (KEYS.drop_opening, KEYS.pick_up_opening, KEYS.erase_opening):
        assert relay.Opening.from_bytes(opening.to_bytes()) == opening
    for size in (0, 47, 49):
        with pytest.raises(MalformedRelay):
            relay.Opening.from_bytes(bytes(size))


def test_nothing_secret_is_printed() -> None:
    secret = bytes(range(100, 132))
    token = relay.Address("::1", 1, relay.Trust.PLAIN, token=secret)
    printed = [
        relay.BoxKeys(secret, secret, secret),
        relay.Opening(bytes(16), secret),
        token,
        relay.Close(box=bytes(16), key=secret),
        relay.Put(box=bytes(16), key=secret, parcels=((bytes(16), bytes(16_384)),)),
        relay.Make(drop=secret, pick_up=secret, erase=secret, token=secret),
    ]
    for thing in printed:
        assert "defg" not in repr(thing) and "\\x00" not in repr(thing).replace(repr(bytes(16)), "")


@pytest.mark.parametrize("size", [0, 31, 33])
def test_keys_of_other_sizes_are_a_mistake_of_ours(size: int) -> None:
    with pytest.raises(ValueError):
        relay.BoxKeys(bytes(32), bytes(size), bytes(32))
    with pytest.raises(ValueError):
        relay.Opening(bytes(16), bytes(size))


def test_a_batch_fills_a_request_exactly() -> None:
    cells = tuple((number.to_bytes(16, "big"), bytes(16_384)) for number in range(256))
    whole = relay.Put(box=bytes(16), key=bytes(32), parcels=cells)
    assert relay.decode_request(relay.Put, relay.encode(whole)).parcels == cells
    bulk = tuple((number.to_bytes(16, "big"), bytes(262_144)) for number in range(17))
    relay.decode_request(relay.Put, relay.encode(relay.Put(box=bytes(16), key=bytes(32), parcels=bulk[:16])))
    with pytest.raises(MalformedRelay):
        relay.decode_request(relay.Put, relay.encode(relay.Put(box=bytes(16), key=bytes(32), parcels=bulk)))


def test_what_is_malformed_is_never_repeated() -> None:
    with pytest.raises(MalformedRelay) as refused:
        relay.decode_request(relay.Close, b"\x93\x01\xc4\x05sesam\xa1x")
    assert "sesam" not in str(refused.value)
    with pytest.raises(MalformedAddress) as told:
        relay.decode_address("tiercel-relay://sesam:1/open")
    assert "sesam" not in str(told.value)


def test_a_place_is_good_for_its_run_only() -> None:
    run = b"12345678"
    assert place_of(pack_cursor(run, 7), run) == 7
    assert place_of(b"", run) == place_of(pack_cursor(b"87654321", 7), run) == 0
    assert place_of(pack_cursor(run, (1 << 64) - 1), run) == 0
    assert len(pack_cursor(run, 0)) == CURSOR_BYTES


@pytest.mark.parametrize(
    ("last", "now", "by"), [(100, 160, 60), (100, 100, 0), (100, 0, 0), (0, 31_536_000_000, 3_600_000)]
)
def test_relay_time_moves_within_bounds(last: int, now: int, by: int) -> None:
    assert moved(last, now, 3_600_000) == by
