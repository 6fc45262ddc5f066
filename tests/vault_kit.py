"""What the tests of the vault share: a tiny schema, a cheap cost, and a second way to read the encrypted file."""

from __future__ import annotations

import os
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.poly1305 import Poly1305

from tiercel.testing.entropy import SeededEntropy
from tiercel.vault.keys import KdfParameters, unlock
from tiercel.vault.store import Vault

CHEAP = KdfParameters(memory_kib=8, passes=1, lanes=1)
PASSPHRASE = "a goose has no watch"
STEPS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT;
    CREATE TABLE notes (id INTEGER PRIMARY KEY, body ANY NOT NULL) STRICT;
    CREATE TABLE leaves (note INTEGER NOT NULL REFERENCES notes (id)) STRICT;
    """,
)
SECOND = "ALTER TABLE notes ADD COLUMN colour TEXT; CREATE TABLE later (x INTEGER) STRICT;"
PAGE = 4096
_RESERVED = 32


def make(folder: Path, *, state_dir: Path | None = None, passphrase: str = PASSPHRASE, steps: Any = STEPS) -> Vault:
    return Vault.create(folder, passphrase, SeededEntropy(str(folder)), kdf=CHEAP, state_dir=state_dir, steps=steps)


def reopen(folder: Path, *, state_dir: Path | None = None, passphrase: str = PASSPHRASE, steps: Any = STEPS) -> Vault:
    return Vault.open(folder, passphrase, SeededEntropy("again"), state_dir=state_dir, steps=steps)


def put(vault: Vault, body: str | bytes) -> None:
    with vault.transaction():
        vault.run("INSERT INTO notes (body) VALUES (?)", body)


def bodies(vault: Vault) -> list[object]:
    return [body for (body,) in vault.all("SELECT body FROM notes ORDER BY id")]


def key_of(folder: Path, passphrase: str = PASSPHRASE) -> bytes:
    return unlock((folder / "vault.keys").read_bytes(), passphrase)


# -- the encrypted file, read without SQLite -------------------------------------------------------


def open_page(key: bytes, number: int, sealed: bytes) -> bytes:
    """Decrypt one page as sqlite3mc's chacha20 does, checking its tag: a second implementation, not the library."""
    used = PAGE - _RESERVED
    nonce, tag = sealed[used : used + 16], sealed[used + 16 :]
    counter = struct.unpack_from("<I", nonce, 12)[0] ^ number
    once = _chacha(key, nonce, counter, bytes(64))
    Poly1305.verify_tag(once[:32], sealed[: used + 16], tag)
    start = 24 if number == 1 else 0
    return sealed[:start] + _chacha(once[32:], nonce, (counter + 1) & 0xFFFFFFFF, sealed[start:used])


def _chacha(key: bytes, nonce: bytes, counter: int, data: bytes) -> bytes:
    return Cipher(ChaCha20(key, struct.pack("<I", counter) + nonce[:12]), None).encryptor().update(data)


def every_page(folder: Path, key: bytes) -> Iterator[tuple[str, bytes]]:
    """Every page of the database and every frame of its log, decrypted, also those no longer valid."""
    image = (folder / "vault.db").read_bytes()
    for number in range(1, len(image) // PAGE + 1):
        yield f"page {number}", open_page(key, number, image[(number - 1) * PAGE : number * PAGE])
    log = folder / "vault.db-wal"
    frames = log.read_bytes()[32:] if log.exists() else b""
    for at in range(0, len(frames) - PAGE - 23, PAGE + 24):
        number = struct.unpack_from(">I", frames, at)[0]
        yield f"frame {at} of page {number}", open_page(key, number, frames[at + 24 : at + 24 + PAGE])


def pages_with(folder: Path, key: bytes, needle: bytes) -> list[str]:
    return [name for name, page in every_page(folder, key) if needle in page]


def files_with(folder: Path, *needles: bytes) -> list[str]:
    """Files under a folder that hold a needle in the clear."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            found += [f"{path.name}: {needle!r}" for needle in needles if needle in data]
    return found


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# -- death at any moment ---------------------------------------------------------------------------


def in_child(work: Callable[[], object]) -> int:
    """Run ``work`` in a forked process; its wait status, 0 when it ended well."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def count_steps(work: Callable[[], object]) -> int:
    """How many calls the vault's own code makes during ``work``."""
    reader, writer = os.pipe()

    def counted() -> None:
        seen = _profile(work, die_at=None)
        os.write(writer, struct.pack(">I", seen))

    assert in_child(counted) == 0
    data = os.read(reader, 4)
    os.close(reader)
    os.close(writer)
    return int(struct.unpack(">I", data)[0])


def killed_at(work: Callable[[], object], step: int) -> None:
    """Run ``work`` in a process that gets SIGKILL before its ``step``-th call."""
    assert in_child(lambda: _profile(work, die_at=step)) == signal.SIGKILL


def _profile(work: Callable[[], object], die_at: int | None) -> int:
    seen = 0

    def watch(frame: FrameType, event: str, arg: object) -> None:
        nonlocal seen
        if event in ("call", "c_call") and "/tiercel/vault/" in frame.f_code.co_filename:
            seen += 1
            if seen == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(None)
    return seen
