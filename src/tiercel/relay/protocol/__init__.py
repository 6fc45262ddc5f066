"""What goes between a relay and those who use it: keys and their hashes, records, the address. Pure.

Shared by the server and the client. Source: spec/relay.md 1, 2, 3 and 6.
"""

from .address import Address, Trust, decode_address, encode_address, token_text
from .keys import BoxHashes, BoxKeys, Opening, Power, box_id, key_hash, token_hash
from .records import (
    ABOUT_PATH,
    PATHS,
    SIZES,
    About,
    Answer,
    Close,
    Done,
    Erase,
    Fetch,
    Fetched,
    Given,
    Made,
    Make,
    Outcome,
    Part,
    Pick,
    Picked,
    Put,
    Registration,
    Request,
    State,
    StateOf,
    States,
    decode_answer,
    decode_request,
    encode,
)

__all__ = [
    "ABOUT_PATH", "PATHS", "SIZES", "About", "Address", "Answer", "BoxHashes", "BoxKeys", "Close", "Done", "Erase",
    "Fetch", "Fetched", "Given", "Made", "Make", "Opening", "Outcome", "Part", "Pick", "Picked", "Power", "Put",
    "Registration", "Request", "State", "StateOf", "States", "Trust", "box_id", "decode_address", "decode_answer",
    "decode_request", "encode", "encode_address", "key_hash", "token_hash", "token_text",
]  # fmt: skip
