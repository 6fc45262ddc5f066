"""Any bytes given to a decoder of the relay end in a value or in its own error, and in nothing else."""

from __future__ import annotations

import contextlib

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tiercel.errors import MalformedAddress, MalformedRelay, NewerVersion
from tiercel.relay import protocol as relay

ids, keys = st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32)
names = st.lists(ids, min_size=1, max_size=5).map(tuple)
hosts = st.sampled_from(
    ["a", "relay.example.org", "127.0.0.1", "::1", "2001:db8::1", "xn--bcher-kva.example", "localhost"]
)
REQUESTS: list[type[relay.Request]] = list(relay.PATHS)
ANSWERS: list[type[relay.Answer]] = [
    relay.About, relay.Made, relay.States, relay.Fetched, relay.Picked, relay.Done,
]  # fmt: skip
requests = st.one_of(
    st.builds(relay.Make, drop=keys, pick_up=keys, erase=keys, token=st.just(b"") | keys),
    st.builds(relay.StateOf, box=ids, key=keys, ids=names),
    st.builds(relay.Pick, box=ids, key=keys, ids=names),
    st.builds(relay.Erase, box=ids, key=keys, ids=names),
    st.builds(relay.Close, box=ids, key=keys),
    st.builds(
        relay.Fetch, box=ids, key=keys, cursor=st.just(b"") | ids, parcels_max=st.integers(1, 256),
        bytes_max=st.integers(1, 1 << 22), wait_s=st.integers(0, 240), part=st.sampled_from(relay.Part),
    ),
)  # fmt: skip
some = settings(deadline=None, max_examples=200)


@some
@given(requests)
def test_every_request_comes_back(request: relay.Request) -> None:
    assert relay.decode_request(type(request), relay.encode(request)) == request


@some
@given(requests, st.integers(0, 200), st.binary(max_size=4), st.integers(0, 4))
def test_a_changed_request_is_another_or_is_refused(request: relay.Request, at: int, new: bytes, gone: int) -> None:
    data = relay.encode(request)
    at %= len(data)
    for kind in REQUESTS:
        with contextlib.suppress(MalformedRelay, NewerVersion):
            relay.decode_request(kind, data[:at] + new + data[at + gone :])


nested = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**64 - 1) | st.floats() | st.binary(max_size=33) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@some
@given(st.binary(max_size=200) | nested.map(lambda value: msgspec.msgpack.encode([1, value])) | st.builds(
    lambda rest: msgspec.msgpack.encode([1, *rest]), st.lists(nested, max_size=8)))  # fmt: skip
def test_any_bytes_are_a_record_or_are_refused(data: bytes) -> None:
    for kind in REQUESTS:
        with contextlib.suppress(MalformedRelay, NewerVersion):
            relay.decode_request(kind, data)
    for answer in ANSWERS:
        with contextlib.suppress(MalformedRelay, NewerVersion):
            relay.decode_answer(answer, data)


@some
@given(hosts, st.integers(1, 65535), keys | st.sampled_from(["ca", "plain"]), st.just(b"") | keys)
def test_every_address_comes_back(host: str, port: int, trust: bytes | str, token: bytes) -> None:
    pinned = isinstance(trust, bytes)
    address = relay.Address(
        host,
        port,
        relay.Trust.PINNED if pinned else relay.Trust(trust),
        trust if isinstance(trust, bytes) else b"",
        token,
    )
    text = relay.encode_address(address)
    assert relay.decode_address(text) == relay.decode_address(f" {text.upper()}\n") == address
    assert address.place in text


@some
@given(
    st.text()
    | st.text(alphabet="abcdefghijklmnopqrstuvwxyz234567.:/[]", max_size=120).map("tiercel-relay://".__add__)
    | st.tuples(st.integers(0, 90), st.text(min_size=1, max_size=3), st.integers(0, 3)).map(
        lambda t: (line := f"tiercel-relay://relay.example.org:4433/{'a' * 52}")[: t[0]] + t[1] + line[t[0] + t[2] :]
    )
)
def test_any_text_is_an_address_or_is_refused(text: str) -> None:
    try:
        address = relay.decode_address(text)
    except (MalformedAddress, NewerVersion):
        return
    assert relay.encode_address(address) == text.strip().lower()
