"""vectors/sealing: the STREAM of enclosures."""

from __future__ import annotations

import io

import kit
from kit import Terms, cut, with_byte

from tiercel.crypto import aead_seal
from tiercel.sealing.stream import seal_stream

KEY = kit.random("stream key", 32)
CHUNK, SEALED = 65_536, 65_552
PATTERN = bytes(range(256))
THREE = "enclosure-three-chunks"


def sealed(plain: bytes) -> tuple[bytes, bytes]:
    target = io.BytesIO()
    digest = seal_stream(io.BytesIO(plain), target, KEY, len(plain), lambda done: None)
    return target.getvalue(), digest


def chunk(number: int, last: int, plain: bytes) -> bytes:
    """One chunk under a nonce of choice."""
    return aead_seal(KEY, number.to_bytes(11, "big") + bytes([last]), plain)


def make(book: kit.Book) -> None:
    good = (
        ("enclosure-empty", "an empty file is one empty chunk", b"", None),
        ("enclosure-byte", "one byte", b"a", None),
        ("enclosure-padded", "1,000 bytes are padded to 1,024", b"a" * 1000, None),
        ("enclosure-64k", "exactly one full chunk, which is the last", PATTERN * 256, f"{PATTERN.hex()}*256"),
        (THREE, "two full chunks and a part, 3,360 bytes of padding", PATTERN * 546 + bytes(224),
         f"{PATTERN.hex()}*546 00*224"),
    )  # fmt: skip
    for name, about, plain, terms in good:
        data, digest = sealed(plain)
        shown = Terms(terms) if terms else plain
        values = {"key": KEY, "size": len(plain), "ciphertext": data, "plain": shown, "bundle_hash": digest}
        book.add(f"sealing/{name}", "enclosure", about, **values)
        refuse(book, f"{name}-larger", "the letter names 1 GiB more", Terms(cut(name)), len(plain) + (1 << 30))
        refuse(book, f"{name}-cut", "the last byte missing", Terms(cut(name, 0, len(data) - 1)), len(plain))
        refuse(book, f"{name}-longer", "a byte more", Terms(cut(name) + " 00"), len(plain))
        refuse(book, f"{name}-changed", "one bit of the last tag changed", with_byte(name, data, -1), len(plain))
    three_chunks(book)
    odd_chunks(book)


def refuse(book: kit.Book, name: str, about: str, data: Terms | bytes, size: int) -> None:
    """A ciphertext that must be refused for a file of that size."""
    book.add(f"sealing/{name}", "enclosure", about, "damaged", key=KEY, size=size, ciphertext=data)


def three_chunks(book: kit.Book) -> None:
    size = 256 * 546 + 224
    a, b, c = cut(THREE, 0, SEALED), cut(THREE, SEALED, 2 * SEALED), cut(THREE, 2 * SEALED)
    cases = {
        "swapped": ("chunks 0 and 1 swapped", f"{b} {a} {c}"),
        "repeated": ("chunk 0 twice", f"{a} {a} {c}"),
        "last-missing": ("cut after chunk 1", f"{a} {b}"),
        "middle-missing": ("chunk 1 left out", f"{a} {c}"),
        "last-only": ("only the last chunk", c),
        "last-twice": ("the last chunk twice", f"{a} {b} {c} {c}"),
        "first-again": ("chunk 0 after the end", f"{a} {b} {c} {a}"),
        "empty-last": ("an empty last chunk after the end", f"{a} {b} {c} {chunk(3, 1, b'').hex()}"),
    }
    for name, (about, terms) in cases.items():
        refuse(book, f"{THREE}-{name}", about, Terms(terms), size)


def odd_chunks(book: kit.Book) -> None:
    """Chunks that verify and that no writer makes."""
    refuse(book, "enclosure-no-last", "the only chunk is not marked as last", chunk(0, 0, b"a"), 1)
    refuse(book, "enclosure-flag-2", "a last mark of 2", chunk(0, 2, b"a"), 1)
    refuse(book, "enclosure-from-1", "the counter begins at 1", chunk(1, 1, b"a"), 1)
    refuse(book, "enclosure-padding", "padding that is not zero", chunk(0, 1, b"a" * 1000 + bytes(23) + b"\1"), 1000)
    refuse(book, "enclosure-nothing", "no byte at all", b"", 0)
    full = Terms(f"{chunk(0, 0, PATTERN * 256).hex()} {chunk(1, 1, b'').hex()}")
    refuse(book, "enclosure-64k-empty-last", "a full chunk that is not the last, then an empty one", full, CHUNK)
