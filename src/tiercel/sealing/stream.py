"""Enclosures: a file sealed and opened in chunks, with flat memory whatever its size.

    plain  = file || zeros up to Padme(size)
    chunk  = ChaCha20-Poly1305(key, nonce = counter (11, big-endian) || last (1), 64 KiB of plain)

This is the STREAM of age v1 under a random key of its own: the counter forbids swapping, the last flag forbids
cutting off. The last chunk is never empty but for an empty file. The hash of the ciphertext, which stands in the
letter, is taken on the way.

Example:
    >>> sealed_size(0), sealed_size(1_000_000)
    (16, 1015072)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Protocol, cast

from tiercel import crypto
from tiercel.errors import Damaged, EnclosureChanged, LimitError, SealBroken
from tiercel.limits import (
    AEAD_TAG_BYTES,
    ENCLOSURE_BYTES_MAX,
    STREAM_CHUNK_BYTES,
    STREAM_CHUNK_SEALED_BYTES,
)
from tiercel.sealing.padding import padme
from tiercel.sealing.pipeline import Ring

# Sealing 1 GiB on 2 cores, best of 3: 8 chunks 0.99 s, 16 0.65 s, 32 0.67 s, 64 0.68 s; opening 0.30, 0.29, 0.30 s
# with 16, 32, 64. SHA-256 alone takes 0.53 s, so sealing is bound by the hash of the ciphertext.
_BATCH_CHUNKS = 32
_BATCH_BYTES = _BATCH_CHUNKS * STREAM_CHUNK_BYTES
_RING_BUFFERS = 4
# Writing 1 GiB of new file, five times each: 64 KiB 0.22-0.27 s, 256 KiB 0.19-0.20 s, 2 MiB 0.20-2.10 s. A large write
# asks the kernel for huge pages, which a virtual machine may first have to get back from its host.
_WRITE_BYTES = 256 * 1024
_COUNTER_BYTES = 11

Progress = Callable[[int], None]


class Readable(Protocol):
    """A file that reads into a buffer, as every open binary file does (the type BinaryIO forgets to say so)."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill the buffer from its start; how many bytes came, 0 at the end."""
        ...


class Target(Protocol):
    """Where bytes go: any open binary file."""

    def write(self, data: memoryview, /) -> int | None:
        """Write the bytes, or a first part of them; how many."""
        ...


Source = BinaryIO | Readable


def sealed_size(size: int) -> int:
    """The length of the ciphertext of a file of ``size`` bytes. Source: spec/sealing.md 5."""
    return _sealed_length(padme(size))


def seal_stream(source: Source, target: Target, key: bytes, size: int, progress: Progress) -> bytes:
    """Seal exactly ``size`` bytes of ``source``, padded, into ``target``.

    Args:
        source: An open binary file at the first byte.
        target: An open binary file; gets ``sealed_size(size)`` bytes. On any error it is to be thrown away.
        key: 32 random bytes, never used before. Secret.
        size: True length in bytes.
        progress: Told now and then how many bytes of the file are done.

    Returns:
        The hash of the ciphertext, 32 bytes.

    Raises:
        EnclosureChanged: The file was shorter or longer than ``size``.
        LimitError: More than 1 TiB.
        OSError: As the files raise it.

    Source: spec/sealing.md 5.
    """
    if size > ENCLOSURE_BYTES_MAX:
        raise LimitError(f"An enclosure of {size:,} bytes is too large; {ENCLOSURE_BYTES_MAX:,} is the most.")
    return seal_chunks(source, target, key, size, padme(size), progress)


def open_stream(source: Source, target: Target, key: bytes, size: int, progress: Progress) -> None:
    """Open a ciphertext into exactly ``size`` bytes of ``target``, padding checked and dropped.

    Args:
        source: An open binary file at the first byte of the ciphertext.
        target: An open file that nobody reads yet: what was written before an error is to be thrown away.
        key: The enclosure key of the letter. Secret.
        size: True length in bytes, as the letter says.
        progress: Told now and then how many bytes of the file are done.

    Raises:
        Damaged: A chunk does not verify, the length is wrong, or the padding is not zero.
        LimitError: More than 1 TiB.
        OSError: As the files raise it.

    Source: spec/sealing.md 5.
    """
    if size > ENCLOSURE_BYTES_MAX:
        raise LimitError(f"An enclosure of {size:,} bytes is too large; {ENCLOSURE_BYTES_MAX:,} is the most.")
    open_chunks(source, target, key, size, padme(size), progress)


def seal_chunks(source: Source, target: Target, key: bytes, size: int, padded: int, progress: Progress) -> bytes:
    """:func:`seal_stream` with the padded length given: with ``size`` itself this is age's payload, byte for byte."""
    cipher, digest = crypto.StreamCipher(key), crypto.sha256_stream()
    batch = min(padded, _BATCH_BYTES)
    plain = memoryview(bytearray(batch))
    with Ring(_sealed_length(batch), _buffers(padded), digest.update, _writer(target)) as ring:
        for start in range(0, padded or 1, _BATCH_BYTES):
            part = plain[: min(padded - start, _BATCH_BYTES)]
            _read_padded(source, part, size - start)
            out = ring.buffer()[: _sealed_length(len(part))]
            for nonce, clear, sealed in _chunks(start, part, out, padded):
                cipher.seal_into(nonce, clear, sealed)
            ring.give(out)
            progress(min(start + len(part), size))
        if _fill(source, memoryview(bytearray(1))):
            raise EnclosureChanged()
    return digest.digest()


def open_chunks(source: Source, target: Target, key: bytes, size: int, padded: int, progress: Progress) -> None:
    """:func:`open_stream` with the padded length given."""
    cipher = crypto.StreamCipher(key)
    batch = min(padded, _BATCH_BYTES)
    cipher_text = memoryview(bytearray(_sealed_length(batch)))
    with Ring(batch, _buffers(padded), _writer(target)) as ring:
        for start in range(0, padded or 1, _BATCH_BYTES):
            out = ring.buffer()[: min(padded - start, _BATCH_BYTES)]
            part = cipher_text[: _sealed_length(len(out))]
            if _fill(source, part) < len(part):
                raise Damaged("This enclosure was cut off.")
            _open_batch(cipher, start, part, out, padded)
            ring.give(_without_padding(out, size - start))
            progress(min(start + len(out), size))
        if _fill(source, memoryview(bytearray(1))):
            raise Damaged("This enclosure goes on past its end.")


def _sealed_length(length: int) -> int:
    return length + AEAD_TAG_BYTES * max(1, -(-length // STREAM_CHUNK_BYTES))


def _buffers(padded: int) -> int:
    """A small file needs no helpers."""
    return _RING_BUFFERS if padded > _BATCH_BYTES else 1


def _chunks(
    start: int, clear: memoryview, sealed: memoryview, padded: int
) -> list[tuple[bytes, memoryview, memoryview]]:
    """The nonce and the two sides of each chunk of a batch that begins ``start`` bytes into the plaintext."""
    first = start // STREAM_CHUNK_BYTES
    last = max(0, padded - 1) // STREAM_CHUNK_BYTES
    return [
        (
            (first + index).to_bytes(_COUNTER_BYTES, "big") + (b"\x01" if first + index == last else b"\x00"),
            clear[index * STREAM_CHUNK_BYTES : (index + 1) * STREAM_CHUNK_BYTES],
            sealed[index * STREAM_CHUNK_SEALED_BYTES : (index + 1) * STREAM_CHUNK_SEALED_BYTES],
        )
        for index in range(max(1, -(-len(clear) // STREAM_CHUNK_BYTES)))
    ]


def _open_batch(cipher: crypto.StreamCipher, start: int, part: memoryview, out: memoryview, padded: int) -> None:
    try:
        for nonce, clear, sealed in _chunks(start, out, part, padded):
            cipher.open_into(nonce, sealed, clear)
    except SealBroken as error:
        raise Damaged("This enclosure was damaged.") from error


def _without_padding(out: memoryview, left: int) -> memoryview:
    """The true bytes of a batch, ``left`` bytes before the end of the file."""
    true_bytes = max(0, min(left, len(out)))
    padding = out[true_bytes:].tobytes()
    if padding.count(0) != len(padding):
        raise Damaged("The padding of this enclosure is not zero.")
    return out[:true_bytes]


def _read_padded(source: Source, part: memoryview, left: int) -> None:
    """Fill ``part`` with the next bytes of a file that has ``left`` more, then with zeros."""
    true_bytes = max(0, min(left, len(part)))
    if _fill(source, part[:true_bytes]) < true_bytes:
        raise EnclosureChanged()
    part[true_bytes:] = bytes(len(part) - true_bytes)


def _fill(source: Source, part: memoryview) -> int:
    """Read until ``part`` is full or the source ends; how many bytes came."""
    readable, done = cast(Readable, source), 0
    while done < len(part):
        came = readable.readinto(part[done:])
        if not came:
            break
        done += came
    return done


def _writer(target: Target) -> Callable[[memoryview], None]:
    def write(part: memoryview) -> None:
        while len(part):
            part = part[target.write(part[:_WRITE_BYTES]) or 0 :]

    return write
