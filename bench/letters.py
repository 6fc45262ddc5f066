"""Letters sealed and opened per second on one core: record, padding, MAC and HPKE, without disk.

Beside it bare HPKE of the same library with key objects made beforehand, and age and gpg as they are used for letters:
one process each.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives import hpke

from tiercel import crypto
from tiercel.letter.record import FIRST_PREVIOUS, Kind, LetterRecord, decode_letter, encode_letter, readers_hash
from tiercel.runtime.clock import SystemEntropy
from tiercel.sealing.envelope import BondKeys, open_letter, seal_letter, split_bundle
from tiercel.sealing.prekeys import make_prekey, parse_gift

from . import common
from .common import Options, Row

LETTER_BYTES = 2048
PROCESSES = 50


def measure(options: Options) -> list[Row]:
    """Letters per second: ours, bare HPKE, age, gpg."""
    count = options.size or 2000
    works = {f"{who} {act}": work for who, act, work in _works(count, options.folder)}
    samples = common.interleaved(options.runs, works)
    rows = []
    for act in ("seal", "open"):
        ours = samples[f"tiercel {act}"]
        rows.append(Row(f"{act}, one core", "/s", ours, "bare HPKE", samples[f"hpke {act}"], "≥ 5,000"))
        for peer in ("age", "gpg"):
            if f"{peer} {act}" in samples:
                rows.append(Row(f"{act}, one core", "/s", ours, f"{peer} process", samples[f"{peer} {act}"]))
    return rows


def _works(count: int, folder: Path) -> Iterator[tuple[str, str, Callable[[], float]]]:
    yield from _ours(count)
    yield from _hpke(count)
    place = Path(tempfile.mkdtemp(prefix="tiercel-bench-", dir=folder))
    letter = os.urandom(LETTER_BYTES // 2).hex().encode()
    if common.need("age"):
        yield from _age(place, letter)
    if common.need("gpg"):
        yield from _gpg(place, letter)


def _per_second(count: int, work: Callable[[], object]) -> float:
    return count / common.clock(work)


def _ours(count: int) -> Iterator[tuple[str, str, Callable[[], float]]]:
    entropy = SystemEntropy()
    bond = BondKeys(entropy.token(16), entropy.token(32))
    incarnation = entropy.token(16)
    made = [make_prekey(entropy) for _ in range(count)]
    record = LetterRecord(
        kind=Kind.LETTER, letter_id=entropy.token(16), number=1, previous=FIRST_PREVIOUS, written_day=20_000,
        sealed_day=20_000, text="x" * LETTER_BYTES, readers_hash=readers_hash(()), receipt_secret=entropy.token(16),
    )  # fmt: skip
    sealed = [seal_letter(bond, 0, incarnation, parse_gift(gift), encode_letter(record)) for _prekey, gift in made]

    def seal() -> None:
        for _prekey, gift in made:
            seal_letter(bond, 0, incarnation, parse_gift(gift), encode_letter(record))

    def open_() -> None:
        for (prekey, _gift), bundle in zip(made, sealed, strict=True):
            decode_letter(open_letter(bond, 0, prekey, split_bundle(bundle)))

    yield "tiercel", "seal", lambda: _per_second(count, seal)
    yield "tiercel", "open", lambda: _per_second(count, open_)


def _hpke(count: int) -> Iterator[tuple[str, str, Callable[[], float]]]:
    suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
    private = hpke.MLKEM768X25519PrivateKey(crypto.MLKEM768PrivateKey.generate(), crypto.X25519PrivateKey.generate())
    public, plain = private.public_key(), bytes(LETTER_BYTES)
    sealed = suite.encrypt(plain, public, info=b"")

    def seal() -> None:
        for _ in range(count):
            suite.encrypt(plain, public, info=b"")

    def open_() -> None:
        for _ in range(count):
            suite.decrypt(sealed, private, info=b"")

    yield "hpke", "seal", lambda: _per_second(count, seal)
    yield "hpke", "open", lambda: _per_second(count, open_)


def _repeat(*command: str | Path, stdin: bytes) -> Callable[[], float]:
    def work() -> None:
        for _ in range(PROCESSES):
            common.quiet(*command, stdin=stdin)

    return lambda: _per_second(PROCESSES, work)


def _age(place: Path, letter: bytes) -> Iterator[tuple[str, str, Callable[[], float]]]:
    key = place / "age.key"
    subprocess.run(["age-keygen", "-o", key], capture_output=True, check=True)
    public = subprocess.run(["age-keygen", "-y", key], capture_output=True, text=True, check=True).stdout.strip()
    sealed = subprocess.run(["age", "-r", public], input=letter, capture_output=True, check=True).stdout
    yield "age", "seal", _repeat("age", "-r", public, stdin=letter)
    yield "age", "open", _repeat("age", "-d", "-i", key, stdin=sealed)


def _gpg(place: Path, letter: bytes) -> Iterator[tuple[str, str, Callable[[], float]]]:
    home = place / "gpg"
    home.mkdir(mode=0o700)
    gpg = ("gpg", "--homedir", str(home), "--batch", "--quiet", "--trust-model", "always", "--passphrase", "")
    common.quiet(*gpg, "--quick-gen-key", "bench@example.org", "future-default", "default", "never")
    seal = (*gpg, "-r", "bench@example.org", "-e")
    sealed = subprocess.run(seal, input=letter, capture_output=True, check=True).stdout
    yield "gpg", "seal", _repeat(*seal, stdin=letter)
    yield "gpg", "open", _repeat(*gpg, "-d", stdin=sealed)
