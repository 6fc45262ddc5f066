"""Enclosures: the bytes of age's STREAM, flat memory, and every way a file can be wrong."""

from __future__ import annotations

import errno
import hashlib
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tiercel.errors import Damaged, EnclosureChanged, LimitError
from tiercel.sealing import stream
from tiercel.sealing.padding import padme
from tiercel.sealing.pipeline import Ring
from tiercel.sealing.stream import open_chunks, open_stream, seal_chunks, seal_stream, sealed_size

KEY = bytes(range(32))
CHUNK = 65_536
SIZES = [
    0,
    1,
    2,
    15,
    1000,
    CHUNK - 1,
    CHUNK,
    CHUNK + 1,
    2 * CHUNK - 1,
    2 * CHUNK,
    2 * CHUNK + 1,
    5 * CHUNK + 7,
    9 * CHUNK,
]


@pytest.fixture(params=["one batch", "threads"])
def batches(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test below runs as a plain loop and through the ring of threads."""
    if request.param == "threads":
        monkeypatch.setattr(stream, "_BATCH_BYTES", 2 * CHUNK)
    return str(request.param)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def quiet(done: int) -> None:
    del done


def data_of(size: int) -> bytes:
    return Random(size).randbytes(size)


def by_hand(plain: bytes, key: bytes = KEY) -> bytes:
    """STREAM as its specification says it, chunk by chunk."""
    chunks = [plain[at : at + CHUNK] for at in range(0, len(plain), CHUNK)] or [b""]
    cipher = ChaCha20Poly1305(key)
    return b"".join(
        cipher.encrypt(number.to_bytes(11, "big") + bytes([number == len(chunks) - 1]), chunk, None)
        for number, chunk in enumerate(chunks)
    )


def seal(data: bytes, size: int | None = None) -> bytes:
    target = io.BytesIO()
    digest = seal_stream(io.BytesIO(data), target, KEY, len(data) if size is None else size, quiet)
    assert digest == hashlib.sha256(target.getvalue()).digest()
    return target.getvalue()


def opened(sealed: bytes, size: int, key: bytes = KEY) -> bytes:
    target = io.BytesIO()
    open_stream(io.BytesIO(sealed), target, key, size, quiet)
    return target.getvalue()


@pytest.mark.parametrize("size", SIZES)
def test_a_file_comes_back_and_its_ciphertext_is_age_s(size: int, batches: str) -> None:
    data = data_of(size)
    sealed = seal(data)
    assert sealed == by_hand(data + bytes(padme(size) - size))
    assert len(sealed) == sealed_size(size)
    assert opened(sealed, size) == data


@pytest.mark.parametrize("size", SIZES)
def test_a_wrong_length_or_key_is_damaged(size: int, batches: str) -> None:
    sealed = seal(data_of(size))
    for wrong in (
        sealed[:-1],
        sealed[:-16],
        sealed[1:],
        sealed + b"\0",
        sealed + sealed,
        b"",
        sealed[: CHUNK + 16] * 2,
    ):
        if wrong != sealed:
            with pytest.raises(Damaged):
                opened(wrong, size)
    with pytest.raises(Damaged):
        opened(sealed, size, bytes(32))
    for other in (size + 200_000, size // 2):
        if other != size:
            with pytest.raises(Damaged):
                opened(sealed, other)


def test_every_changed_chunk_is_damaged(batches: str) -> None:
    size = 6 * CHUNK
    sealed = seal(data_of(size))
    whole = CHUNK + 16
    for chunk in range(6):
        for at in (chunk * whole, chunk * whole + CHUNK, (chunk + 1) * whole - 1):
            with pytest.raises(Damaged):
                opened(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], size)
    swapped = sealed[whole : 2 * whole] + sealed[:whole] + sealed[2 * whole :]
    cut_at_a_chunk = sealed[: 3 * whole]
    for wrong in (swapped, cut_at_a_chunk, sealed[:whole] + sealed[2 * whole :]):
        with pytest.raises(Damaged):
            opened(wrong, size)
    with pytest.raises(Damaged):
        opened(cut_at_a_chunk, 3 * CHUNK)  # the last chunk does not say that it is the last


def test_padding_that_is_not_zero_is_damaged(batches: str) -> None:
    size = 5 * CHUNK + 7
    padded = padme(size)
    assert padded > size + 2
    for at in (size, size + 1, padded - 1):
        plain = bytearray(data_of(size) + bytes(padded - size))
        plain[at] = 1
        with pytest.raises(Damaged):
            opened(by_hand(bytes(plain)), size)


def test_padding_longer_than_a_batch(batches: str) -> None:
    """Above 32 chunks of padding a whole batch holds nothing of the file."""
    size, padded = 3 * CHUNK + 5, 9 * CHUNK
    source, middle, target = io.BytesIO(data_of(size)), io.BytesIO(), io.BytesIO()
    seal_chunks(source, middle, KEY, size, padded, quiet)
    assert middle.getvalue() == by_hand(data_of(size) + bytes(padded - size))
    middle.seek(0)
    open_chunks(middle, target, KEY, size, padded, quiet)
    assert target.getvalue() == data_of(size)


@pytest.mark.parametrize("size", [1, CHUNK, 7 * CHUNK + 3])
def test_a_file_that_changes_while_it_is_read_is_not_sealed(size: int, batches: str) -> None:
    for claimed in (size - 1, size + 1, size * 3):
        with pytest.raises(EnclosureChanged):
            seal(data_of(size), claimed)


def test_too_large_is_refused_before_anything_is_read(batches: str) -> None:
    for work in (seal_stream, open_stream):
        with pytest.raises(LimitError):
            work(None, None, KEY, (1 << 40) + 1, quiet)  # type: ignore[arg-type]
    assert sealed_size(1 << 40) == (1 << 40) + (1 << 24) * 16


def test_progress_goes_up_and_ends_at_the_size(batches: str) -> None:
    size = 7 * CHUNK + 3
    for work, source in ((seal_stream, data_of(size)), (open_stream, seal(data_of(size)))):
        seen: list[int] = []
        work(io.BytesIO(source), io.BytesIO(), KEY, size, seen.append)
        assert seen == sorted(seen) and seen[-1] == size


class Halting(io.BytesIO):
    """A file that gives and takes little at a time, and fails when told to."""

    def __init__(self, data: bytes = b"", fail_after: int = 1 << 60) -> None:
        super().__init__(data)
        self.left = fail_after

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return super().readinto(self._some(buffer))

    def write(self, data: memoryview) -> int:  # type: ignore[override]
        return super().write(self._some(data))

    def _some(self, data: memoryview) -> memoryview:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, "no room")
        return data[:10_007]


def test_short_reads_and_writes_are_carried_on(batches: str) -> None:
    data = data_of(6 * CHUNK + 5)
    middle, target = Halting(), Halting()
    seal_stream(Halting(data), middle, KEY, len(data), quiet)
    assert middle.getvalue() == seal(data)
    open_stream(Halting(middle.getvalue()), target, KEY, len(data), quiet)
    assert target.getvalue() == data


@pytest.mark.parametrize("after", [0, 1, 20, 40])
def test_an_error_of_a_file_comes_out_and_nothing_hangs(after: int, batches: str) -> None:
    data = data_of(9 * CHUNK)
    sealed = seal(data)
    for source, target in ((Halting(data, after), io.BytesIO()), (io.BytesIO(data), Halting(fail_after=after))):
        with pytest.raises(OSError, match="no room"):
            seal_stream(source, target, KEY, len(data), quiet)
    for source, target in ((Halting(sealed, after), io.BytesIO()), (io.BytesIO(sealed), Halting(fail_after=after))):
        with pytest.raises(OSError, match="no room"):
            open_stream(source, target, KEY, len(data), quiet)


def test_a_person_can_stop_it(batches: str) -> None:
    def stop(done: int) -> None:
        raise KeyboardInterrupt

    data = data_of(9 * CHUNK)
    for work, source in ((seal_stream, data), (open_stream, seal(data))):
        with pytest.raises(KeyboardInterrupt):
            work(io.BytesIO(source), io.BytesIO(), KEY, len(data), stop)


def test_real_files(tmp_path: Path) -> None:
    """Larger than the ring, buffered and unbuffered."""
    data = data_of(11 << 20)
    plain, sealed, again = tmp_path / "plain", tmp_path / "sealed", tmp_path / "again"
    plain.write_bytes(data)
    for buffering in (-1, 0):
        with plain.open("rb", buffering) as source, sealed.open("wb", buffering) as target:
            digest = seal_stream(source, target, KEY, len(data), quiet)
        assert hashlib.sha256(sealed.read_bytes()).digest() == digest
        assert sealed.read_bytes() == by_hand(data + bytes(padme(len(data)) - len(data)))
        with sealed.open("rb", buffering) as source, again.open("wb", buffering) as target:
            open_stream(source, target, KEY, len(data), quiet)
        assert again.read_bytes() == data


def test_memory_is_that_of_the_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    real = Ring.__init__

    def counted(self: Ring, size: int, buffers: int, *helpers: object) -> None:
        made.append(size * buffers)
        real(self, size, buffers, *helpers)  # type: ignore[arg-type]

    monkeypatch.setattr(Ring, "__init__", counted)
    seal(data_of(12 << 20))
    assert made == [4 * (2 << 20) + 4 * 32 * 16]
    made.clear()
    seal(b"short")
    assert made == [5 + 16]


def test_the_ring_keeps_order_and_waits_for_its_slowest_helper() -> None:
    gate = threading.Event()
    fast: list[bytes] = []
    slow: list[bytes] = []

    def slowly(part: memoryview) -> None:
        assert gate.wait(30)
        slow.append(bytes(part))

    with Ring(1, 3, lambda part: fast.append(bytes(part)), slowly) as ring:
        for number in range(50):
            if number == 3:
                gate.set()
            part = ring.buffer()
            part[:] = bytes([number])
            ring.give(part)
    assert fast == slow == [bytes([number]) for number in range(50)]
