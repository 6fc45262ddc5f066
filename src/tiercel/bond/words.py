"""The six words two people read to each other.

They are made from the committed keys and nonces only. Whatever is sent after a nonce is open (messages 3 and 4, reader
lists) has no part in them: a man in the middle could otherwise try values until the words agree.

The word list is the English list of BIP-39 (bitcoin/bips, bip-0039/english.txt; here from the MIT-licensed PyPI package
`mnemonic` 0.21), word for word.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from tiercel.crypto import hkdf, label, sha256
from tiercel.limits import WORD_LIST_LENGTH, WORDS_COUNT

_BITS_OF_A_WORD = WORD_LIST_LENGTH.bit_length() - 1  # 11
_DRAWN_BYTES = 9  # 72 bits, of which the first 66 are used


@lru_cache(maxsize=1)
def word_list() -> tuple[str, ...]:
    """All 2,048 words, in order. Read once, when first needed."""
    return tuple(files(__package__).joinpath("wordlist.txt").read_text("ascii").split())


def six_words(pk_a: bytes, nonce_a: bytes, pk_b: bytes, nonce_b: bytes) -> tuple[str, ...]:
    """The words of a pairing, the same on both sides when nobody stands between them.

    Args:
        pk_a: Pairing key of the inviter, 1,216 bytes.
        nonce_a: Nonce of the inviter, 32 bytes.
        pk_b: Pairing key of the accepter, 1,216 bytes.
        nonce_b: Nonce of the accepter, 32 bytes.

    Returns:
        Six words: 66 bits, most significant first.

    Source: spec/bond.md 4; BIP-39 for the list.
    """
    drawn = hkdf(sha256(label("words", pk_a, nonce_a, pk_b, nonce_b)), b"", label("words"), _DRAWN_BYTES)
    bits = int.from_bytes(drawn, "big") >> (8 * _DRAWN_BYTES - _BITS_OF_A_WORD * WORDS_COUNT)
    shifts = range(_BITS_OF_A_WORD * (WORDS_COUNT - 1), -1, -_BITS_OF_A_WORD)
    return tuple(word_list()[bits >> shift & (WORD_LIST_LENGTH - 1)] for shift in shifts)
