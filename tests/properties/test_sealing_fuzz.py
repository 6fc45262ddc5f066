"""Any bytes given to an opener or decoder end in a value or in its own refusal, and what is made comes back."""

from __future__ import annotations

import io
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from letter_kit import BOND, letter, road
from tiercel.errors import Damaged, Forged, LimitError, MalformedBundle, MalformedLetter, NewerVersion, UsageError
from tiercel.letter.markup import parse, to_terminal
from tiercel.letter.record import (
    EnclosureRecord,
    LetterRecord,
    ReaderRecord,
    decode_letter,
    encode_letter,
    readers_hash,
)
from tiercel.sealing.envelope import Sealed, open_letter, split_bundle
from tiercel.sealing.padding import pad_body, room_left, unpad_body
from tiercel.sealing.prekeys import accept_gifts, parse_gift
from tiercel.sealing.stream import open_stream, seal_stream, sealed_size
from tiercel.wire import lp

QUICK = settings(deadline=None, max_examples=200)
ROAD = road("fuzz")
RECORD = encode_letter(letter())
BUNDLE = ROAD.seal(RECORD)
SEALED = split_bundle(BUNDLE)
ITEMS = msgspec.msgpack.decode(RECORD)
DAYS = st.integers(0, 10_000_000)
LINES = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
KEYS = st.binary(min_size=32, max_size=32)
THINGS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes with a few places overwritten, cut out or put in."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=6)) + data[at + draw(st.integers(0, 6)) :]
    return data


@st.composite
def records(draw: st.DrawFn) -> LetterRecord:
    readers = draw(
        st.none()
        | st.lists(
            st.builds(ReaderRecord, kind=st.text(st.characters(exclude_categories=["Cs"])), since_day=DAYS), max_size=4
        ).map(tuple)
    )
    return letter(
        Random(draw(st.integers())),
        number=draw(st.integers(2, (1 << 32) - 1)),
        previous=draw(KEYS),
        deadline_day=draw(st.none() | DAYS),
        not_before_day=draw(st.none() | DAYS),
        urgent=draw(st.booleans()),
        text=draw(st.text(st.characters(exclude_categories=["Cs"]))),
        subject=draw(LINES),
        place=draw(LINES),
        dated=draw(LINES),
        reply_to=draw(st.none() | st.binary(min_size=16, max_size=16)),
        enclosures=draw(
            st.lists(
                st.builds(
                    EnclosureRecord,
                    key=KEYS,
                    bundle_hash=KEYS,
                    size=st.integers(0, 1 << 40),
                    name=st.just("n"),
                    kind=st.just("k"),
                ),
                max_size=3,
            ).map(tuple)
        ),
        readers=readers,
        readers_hash=readers_hash(readers or ()),
        gifts=tuple(draw(st.lists(st.integers(0, 255).map(lambda byte: bytes([byte]) * 1256), max_size=3))),
    )


@QUICK
@given(records())
def test_every_record_comes_back(record: LetterRecord) -> None:
    data = encode_letter(record)
    assert decode_letter(data) == record
    assert ROAD.open(ROAD.seal(data)) == data
    assert record.text == decode_letter(data).text  # byte for byte: no normalisation


@QUICK
@given(st.binary(max_size=400) | mutated(RECORD) | st.lists(THINGS, max_size=24).map(msgspec.msgpack.encode))
def test_decode_letter_takes_anything(data: bytes) -> None:
    try:
        record = decode_letter(data)
    except (MalformedLetter, NewerVersion):
        return
    assert encode_letter(record) == data


@QUICK
@given(st.integers(0, 22), THINGS)
def test_decode_letter_takes_anything_in_one_field(index: int, value: object) -> None:
    items = [*ITEMS[:index], value, *ITEMS[index + 1 :]]
    try:
        record = decode_letter(msgspec.msgpack.encode(items))
    except (MalformedLetter, NewerVersion):
        return
    assert msgspec.msgpack.decode(encode_letter(record)) == items


@QUICK
@given(st.sampled_from(LetterRecord.__struct_fields__), THINGS)
def test_encode_letter_takes_any_field_of_ours(name: str, value: object) -> None:
    """A bug of ours ends in a usage error, not in a letter that nobody can read."""
    if name in {"text", "subject", "place", "dated", "enclosures", "readers", "gifts", "kind", "version"}:
        return  # these are typed; mypy keeps them
    record = msgspec.structs.replace(letter(), **{name: value})
    try:
        data = encode_letter(record)
    except (UsageError, LimitError):
        return
    decode_letter(data)


@QUICK
@given(
    st.binary(max_size=2000) | mutated(BUNDLE) | st.binary(max_size=1780).map(lambda part: (part + bytes(1792))[:1792])
)
def test_split_and_open_take_anything(data: bytes) -> None:
    try:
        sealed = split_bundle(data)
    except MalformedBundle:
        return
    assert lp(sealed.pid, sealed.incarnation, sealed.envelope) == data
    try:
        record = open_letter(BOND, 0, ROAD.prekey, sealed)
    except (Damaged, Forged):
        return
    assert data == BUNDLE and record == RECORD


@QUICK
@given(mutated(SEALED.envelope) | st.binary(max_size=1300))
def test_open_takes_any_envelope(envelope: bytes) -> None:
    try:
        record = open_letter(BOND, 0, ROAD.prekey, Sealed(SEALED.pid, SEALED.incarnation, envelope))
    except (Damaged, Forged):
        return
    assert envelope == SEALED.envelope and record == RECORD


@QUICK
@given(st.binary(max_size=5000))
def test_padding_comes_back_and_gifts_fit_the_room(record: bytes) -> None:
    body = pad_body(record)
    assert unpad_body(body) == record
    assert len(pad_body(record + bytes(room_left(len(record))))) == len(body)
    assert len(pad_body(record + bytes(room_left(len(record)) + 1))) > len(body)


@QUICK
@given(
    st.binary(max_size=700)
    | mutated(pad_body(b"record"))
    | st.binary(max_size=588).map(lambda part: (part + bytes(588))[:588])
)
def test_unpad_takes_anything(body: bytes) -> None:
    try:
        record = unpad_body(body)
    except MalformedBundle:
        return
    assert body.startswith(len(record).to_bytes(4, "big") + record)
    assert not any(body[4 + len(record) :])


@QUICK
@given(st.binary(max_size=1300) | st.binary(min_size=1256, max_size=1256))
def test_gifts_take_anything(data: bytes) -> None:
    accept_gifts([data, data], set(), set())
    try:
        gift = parse_gift(data)
    except MalformedBundle:
        assert len(data) != 1256
        return
    assert gift.pid + gift.public + gift.token == data


@QUICK
@given(st.binary(max_size=300), st.integers(0, 400), st.data())
def test_streams_take_anything(plain: bytes, size: int, data: st.DataObject) -> None:
    middle = io.BytesIO()
    seal_stream(io.BytesIO(plain), middle, bytes(32), len(plain), lambda done: None)
    sealed = middle.getvalue()
    assert len(sealed) == sealed_size(len(plain))
    wrong = data.draw(mutated(sealed) | st.binary(max_size=400))
    target = io.BytesIO()
    try:
        open_stream(io.BytesIO(wrong), target, bytes(32), size, lambda done: None)
    except Damaged:
        return
    assert wrong == sealed and target.getvalue() == (plain + bytes(400))[:size]


@QUICK
@given(st.text())
def test_any_text_is_shown_whole_and_harmless(text: str) -> None:
    shown = to_terminal(text)
    assert not any(
        (ord(character) < 32 and character not in "\n\t") or 0x7F <= ord(character) < 0xA0 for character in shown
    )
    assert to_terminal(shown) == shown
    parse(text)
