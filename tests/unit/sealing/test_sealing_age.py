"""STREAM against other people: the public age vectors (C2SP/CCTV), and age as written in Rust (pyrage).

The vectors come with the npm package ``cctv-age``, fetched by npm itself into pytest's cache and pinned by its hash;
without npm or network that test is skipped. Only the payload of each vector is ours to judge, with the file key that
stands in its header.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import re
import shutil
import subprocess
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tiercel import crypto
from tiercel.errors import Damaged
from tiercel.sealing.stream import open_chunks, seal_chunks

PACKAGE = "cctv-age@0.2.0"
PACKAGE_SHA256 = "94a2a220a95b158a69997e84405bb5d4ef84adf05d15bf341b83ec3ba9dd846e"
CHUNK, SEALED_CHUNK = 65_536, 65_552


@dataclass(frozen=True)
class Vector:
    """One file of the collection."""

    name: str
    fields: dict[str, str]
    age_file: bytes


def payload_of(age_file: bytes) -> bytes:
    """What follows the header: the nonce and the chunks."""
    header = re.match(rb"age-encryption\.org/v1\n.*?\n--- [^\n]*\n", age_file, re.DOTALL)
    assert header
    return age_file[header.end() :]


def payload_key(file_key: bytes, nonce: bytes) -> bytes:
    return crypto.hkdf(file_key, nonce, b"payload")


def plain_length(sealed: bytes) -> int:
    """How long the plaintext of such a ciphertext would be; our own letters say it, age finds it at the end."""
    chunks = max(1, -(-len(sealed) // SEALED_CHUNK))
    return max(0, len(sealed) - 16 * chunks)


def opened(payload: bytes, file_key: bytes) -> bytes:
    target = io.BytesIO()
    sealed, size = payload[16:], plain_length(payload[16:])
    open_chunks(io.BytesIO(sealed), target, payload_key(file_key, payload[:16]), size, size, lambda done: None)
    return target.getvalue()


def sealed_by_us(plain: bytes, file_key: bytes, nonce: bytes) -> bytes:
    target = io.BytesIO()
    seal_chunks(io.BytesIO(plain), target, payload_key(file_key, nonce), len(plain), len(plain), lambda done: None)
    return nonce + target.getvalue()


# -- the public vectors ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vectors(pytestconfig: pytest.Config) -> list[Vector]:
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("cctv-age")
    archive = folder / "cctv-age-0.2.0.tgz"
    if not archive.exists():
        fetch(folder)
    if not archive.exists():
        pytest.skip(f"{PACKAGE} could not be had from npm")
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == PACKAGE_SHA256
    with tarfile.open(archive) as tar:
        member = tar.extractfile("package/index.js")
        assert member
        text = member.read().decode()
    found = re.findall(r'// \.\./testdata/(\S+)\nvar \w+ = __toBinary\("([^"]*)"\)', text)
    return [vector_of(name, base64.b64decode(data)) for name, data in found]


def fetch(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm:
        try:
            subprocess.run([npm, "pack", PACKAGE, "--silent"], cwd=folder, capture_output=True, timeout=60)
        except subprocess.TimeoutExpired:
            return


def vector_of(name: str, data: bytes) -> Vector:
    head, _, rest = data.partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\n"))
    return Vector(name, fields, zlib.decompress(rest) if fields.get("compressed") == "zlib" else rest)


def test_the_public_vectors(vectors: list[Vector]) -> None:
    good = bad = 0
    for vector in vectors:
        if vector.fields.get("armored") or vector.fields["expect"] not in {"success", "payload failure"}:
            continue
        payload, file_key = payload_of(vector.age_file), bytes.fromhex(vector.fields["file key"])
        if vector.fields["expect"] == "success":
            plain = opened(payload, file_key)
            assert hashlib.sha256(plain).hexdigest() == vector.fields["payload"], vector.name
            assert sealed_by_us(plain, file_key, payload[:16]) == payload, vector.name
            good += 1
        else:
            with pytest.raises(Damaged):
                opened(payload, file_key)
            bad += 1
    assert (good, bad) == (19, 18)


# -- age in Rust, both ways ------------------------------------------------------------------------


def file_key_of(age_file: bytes, secret: bytes) -> bytes:
    """Unwrap the X25519 stanza by hand, as the age specification says."""
    for share_text, body in re.findall(rb"-> X25519 (\S+)\n(\S+)\n", age_file):
        share = base64.b64decode(share_text + b"=")
        private = X25519PrivateKey.from_private_bytes(secret)
        salt = share + private.public_key().public_bytes_raw()
        shared = private.exchange(X25519PublicKey.from_public_bytes(share))
        wrap = crypto.hkdf(shared, salt, b"age-encryption.org/v1/X25519")
        return ChaCha20Poly1305(wrap).decrypt(bytes(12), base64.b64decode(body + b"="), None)
    raise AssertionError("no X25519 stanza")


def secret_of(identity: str) -> bytes:
    """The key inside ``AGE-SECRET-KEY-1...``: Bech32 without its checksum, which we trust here."""
    letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    number = 0
    for letter in identity.lower().removeprefix("age-secret-key-1")[:-6]:
        number = number << 5 | letters.index(letter)
    return (number >> 4).to_bytes(32, "big")


SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17, 40 * CHUNK + 1]


@pytest.mark.parametrize("size", SIZES)
def test_pyrage_and_we_read_each_other(size: int) -> None:
    identity = pyrage.x25519.Identity.generate()
    plain = bytes(size % 251 for _ in range(size)) if size < 10 else (bytes(range(256)) * (size // 256 + 1))[:size]
    theirs = pyrage.encrypt(plain, [identity.to_public()])
    payload = payload_of(theirs)
    head = theirs[: -len(payload)]
    file_key = file_key_of(theirs, secret_of(str(identity)))
    assert opened(payload, file_key) == plain
    assert sealed_by_us(plain, file_key, payload[:16]) == payload
    other = bytes(16)
    assert pyrage.decrypt(head + sealed_by_us(plain[::-1], file_key, other), [identity]) == plain[::-1]
    for wrong in (payload[:-1], payload[:-17], payload + b"\0", payload[:16] + payload[17:], payload[:16]):
        with pytest.raises(Damaged):
            opened(wrong, file_key)
        with pytest.raises(pyrage.DecryptError):
            pyrage.decrypt(head + wrong, [identity])


def test_the_header_of_age_hangs_on_the_same_file_key() -> None:
    """So that the file key taken by hand is known to be the right one."""
    identity = pyrage.x25519.Identity.generate()
    theirs = pyrage.encrypt(b"x", [identity.to_public()])
    end = theirs.index(b"\n---") + 4
    key = crypto.hkdf(file_key_of(theirs, secret_of(str(identity))), b"", b"header")
    mac = base64.b64decode(theirs[end + 1 : theirs.index(b"\n", end)] + b"=")
    assert hmac.digest(key, theirs[:end], "sha256") == mac
