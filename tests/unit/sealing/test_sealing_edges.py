"""Rules at their exact edges: found by changing the code and seeing no test fail."""

from __future__ import annotations

import io

import pytest

from letter_kit import INCARNATION, letter, road
from tiercel.errors import Damaged, EnclosureChanged, MalformedBundle
from tiercel.letter.record import encode_letter
from tiercel.limits import BODY_BYTES_MAX, ENCLOSURE_BYTES_MAX
from tiercel.sealing.envelope import split_bundle
from tiercel.sealing.padding import bundle_class, unpad_body
from tiercel.sealing.stream import open_stream, seal_stream
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
