"""Rules at their exact edges: found by changing the code and seeing no test fail."""

from __future__ import annotations

import io

import pytest

from letter_kit import INCARNATION, letter, road
from tiercel.errors import Damaged, EnclosureChanged, MalformedBundle
from tiercel.letter.record import encode_letter
from tiercel.limits import BODY_BYTES_MAX, ENCLOSURE_BYTES_MAX
from tiercel.sealing import stream
from tiercel.sealing.envelope import split_bundle
from tiercel.sealing.padding import bundle_class, unpad_body
from tiercel.sealing.prekeys import gift_of, make_prekey
from tiercel.sealing.stream import open_stream, seal_stream, sealed_size
from tiercel.testing.entropy import SeededEntropy
from tiercel.wire import lp


@pytest.mark.parametrize("more", [-1, 1, 100])
def test_a_bundle_of_right_parts_and_of_no_class_is_malformed(more: int) -> None:
    bundle = road(1).seal(encode_letter(letter()))
    parts = split_bundle(bundle)
    other = (parts.envelope + bytes(max(0, more)))[: len(parts.envelope) + more]
    with pytest.raises(MalformedBundle):
        split_bundle(lp(parts.pid, INCARNATION, other))


def test_a_record_longer_than_any_is_refused_though_its_body_has_room() -> None:
    body = bytearray(bundle_class(BODY_BYTES_MAX + 1208) - 1204)
    body[:4] = BODY_BYTES_MAX.to_bytes(4, "big")
    assert len(unpad_body(bytes(body))) == BODY_BYTES_MAX
    body[:4] = (BODY_BYTES_MAX + 1).to_bytes(4, "big")
    with pytest.raises(MalformedBundle):
        unpad_body(bytes(body))


def test_the_largest_enclosure_is_not_too_large() -> None:
    """It is tried, and the file that is not there is what fails."""
    with pytest.raises(EnclosureChanged):
        seal_stream(io.BytesIO(), io.BytesIO(), bytes(32), ENCLOSURE_BYTES_MAX, lambda _done: None)
    with pytest.raises(Damaged, match="cut off"):
        open_stream(io.BytesIO(), io.BytesIO(), bytes(32), ENCLOSURE_BYTES_MAX, lambda _done: None)


def test_chunks_are_counted_from_the_first_however_far_the_batch_is() -> None:
    """Beyond four gibibytes: the nonces of the last batch of a file of five."""
    start, batch = 4 << 30, 2 << 20
    clear, sealed = memoryview(bytearray(batch)), memoryview(bytearray(batch + 32 * 16))
    nonces = [nonce for nonce, _clear, _sealed in stream._chunks(start, clear, sealed, start + batch)]
    assert nonces == [n.to_bytes(11, "big") + bytes([n == (1 << 16) + 31]) for n in range(1 << 16, (1 << 16) + 32)]


class Hesitant(io.BytesIO):
    """Takes nothing at every second write, as a full pipe does."""

    turns = 0

    def write(self, data: memoryview) -> int | None:  # type: ignore[override]
        self.turns += 1
        return None if self.turns % 2 else super().write(data)


def test_a_target_that_takes_nothing_for_a_while_misses_nothing() -> None:
    target, whole = Hesitant(), io.BytesIO()
    data = bytes(range(256)) * 4096
    digests = [
        seal_stream(io.BytesIO(data), each, bytes(32), len(data), lambda _done: None) for each in (target, whole)
    ]
    assert digests[0] == digests[1]
    assert target.getvalue() == whole.getvalue()
    assert len(target.getvalue()) == sealed_size(len(data))


def test_a_gift_made_once_more_is_the_same_to_the_byte() -> None:
    prekey, gift = make_prekey(SeededEntropy("gift"))
    assert gift_of(prekey.pid, prekey.seed, prekey.token) == gift
