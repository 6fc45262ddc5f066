"""States as the vault keeps them: MessagePack arrays that begin with their version and print none of their fields."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from msgspec import Meta, Struct

from tiercel.errors import MalformedPairing, MalformedWire, NewerVersion
from tiercel.limits import ID_BYTES, KEM_PUBLIC_BYTES, KEM_SEED_BYTES, KEY_BYTES, WORDS_COUNT
from tiercel.wire import decode_record, encode_record, is_newer, record_version

_STATE_BYTES_MAX = 4096  # the longest state, Paired, has under 1,700

Id = Annotated[bytes, Meta(min_length=ID_BYTES, max_length=ID_BYTES)]
Bytes32 = Annotated[bytes, Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
Seed = Annotated[bytes, Meta(min_length=KEM_SEED_BYTES, max_length=KEM_SEED_BYTES)]
Public = Annotated[bytes, Meta(min_length=KEM_PUBLIC_BYTES, max_length=KEM_PUBLIC_BYTES)]
Epoch = Annotated[int, Meta(ge=0, le=(1 << 32) - 1)]
_Word = Annotated[str, Meta(pattern=r"\A[a-z]{3,8}\Z")]
Words = Annotated[tuple[_Word, ...], Meta(min_length=WORDS_COUNT, max_length=WORDS_COUNT)]


class State(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, kw_only=True):
    """What the states of a pairing have in common."""

    version: Literal[1] = 1

    def to_bytes(self) -> bytes:
        """The state as the vault stores it. Secret."""
        return encode_record(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Undo ``to_bytes``.

        Raises:
            NewerVersion: Stored by a newer Tiercel: left alone, never read as less than it is.
            MalformedPairing: Not this state, or damaged.
        """
        try:
            if is_newer(record_version(data)):
                raise NewerVersion()
            return decode_record(cls, data, _STATE_BYTES_MAX)
        except MalformedWire as error:
            raise MalformedPairing("A stored pairing cannot be read.") from error

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # Struct would list its fields here, and a pretty traceback would print them.
        return []
