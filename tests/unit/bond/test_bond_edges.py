"""Rules at their exact edges: found by changing the code and seeing no test fail."""

from __future__ import annotations

import pytest

from tiercel.bond.invitation import decode_invitation
from tiercel.crypto import label, sha256
from tiercel.errors import MalformedInvitation, NewerVersion
from tiercel.wire import to_base32


def of_length(characters: int) -> str:
    """A whole invitation of a newer version, so many characters long."""
    body = b"\x03" + bytes((characters - len("tiercel1")) * 5 // 8 - 5)
    return "tiercel1" + to_base32(body + sha256(label("invitation", body))[:4])


def test_a_newer_invitation_may_be_longer_and_no_longer_than_a_page() -> None:
    assert len(of_length(1024)) == 1024
    with pytest.raises(NewerVersion):
        decode_invitation(of_length(1024))
    for text in (of_length(1026), of_length(1024) + "a"):
        with pytest.raises(MalformedInvitation, match="far too long"):
            decode_invitation(text)
