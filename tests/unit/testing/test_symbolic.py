"""The symbols of the simulated world: what they remember, what they refuse, how they take their place."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tiercel.errors import SealBroken
from tiercel.testing.world import symbolic
from tiercel.testing.world.symbolic import Misuse, acting, begin, forbid, opened_two, pardon

KEY, NONCE, SEED = bytes(range(32)), bytes(12), bytes(range(96))
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    begin("symbols")
    yield
    begin(0)


def test_a_key_and_nonce_seal_one_text() -> None:
    symbolic.aead_seal(KEY, NONCE, b"one", b"aad")
    symbolic.aead_seal(KEY, NONCE, b"one", b"aad")
    symbolic.aead_seal(KEY, b"\1" + NONCE[1:], b"two")
    symbolic.aead_seal(KEY[::-1], NONCE, b"two")
    out = memoryview(bytearray(19))
    for text, aad in ((b"two", b"aad"), (b"one", b"add")):
        with pytest.raises(Misuse, match="I7"):
            symbolic.aead_seal(KEY, NONCE, text, aad)
        with pytest.raises(Misuse, match="I7"):
            symbolic.StreamCipher(KEY).seal_into(NONCE, memoryview(text), out, aad)
    begin("the next world")
    symbolic.aead_seal(KEY, NONCE, b"two")


def test_the_dead_keys_of_one_person_live_on_with_the_other() -> None:
    sealed = symbolic.aead_seal(KEY, NONCE, b"text")
    bundle = symbolic.hpke_seal(symbolic.kem_public(SEED), b"", b"text")
    forbid("ada", KEY)
    forbid("ada", SEED)
    uses = (
        lambda: symbolic.aead_open(KEY, NONCE, sealed), lambda: symbolic.aead_seal(KEY, NONCE, b"text"),
        lambda: symbolic.hkdf(KEY, b"", b""), lambda: symbolic.hmac_sha256(KEY, b""),
        lambda: symbolic.StreamCipher(KEY), lambda: symbolic.kem_public(SEED),
        lambda: symbolic.hpke_open(SEED, b"", bundle),
    )  # fmt: skip
    for use in uses:
        use()
        with acting("bo"):
            use()
        with acting("bo"), acting("ada"), pytest.raises(Misuse, match="I8: ada"):
            use()
    with acting("ada"):
        forbid("ada", bytes(32))
        with pytest.raises(Misuse, match="I8"):
            symbolic.hkdf(bytes(32), b"", b"")
        pardon("ada")
        for use in uses:
            use()


def test_a_cipher_made_before_the_key_died_is_refused_too() -> None:
    with acting("ada"):
        cipher = symbolic.StreamCipher(KEY)
        forbid("ada", KEY)
        with pytest.raises(Misuse):
            cipher.seal_into(NONCE, memoryview(b""), memoryview(bytearray(16)))


def test_misuse_passes_through_whatever_catches_errors() -> None:
    assert not issubclass(Misuse, Exception)
    with pytest.raises(Misuse) as caught:
        raise Misuse("I7", "a sentence")
    assert (caught.value.id, caught.value.sentence) == ("I7", "a sentence")


def test_a_seed_that_opens_two_letters_is_known() -> None:
    public = symbolic.kem_public(SEED)
    one, two = symbolic.hpke_seal(public, b"", b"one"), symbolic.hpke_seal(public, b"", b"two")
    for _ in range(2):
        symbolic.hpke_open(SEED, b"", one)
    assert opened_two() == frozenset()
    with pytest.raises(SealBroken):
        symbolic.hpke_open(SEED, b"x", two)
    assert opened_two() == frozenset()
    symbolic.hpke_open(SEED, b"", two)
    assert opened_two() == {symbolic.sha256(public)}


def test_the_same_seed_gives_the_same_bytes() -> None:
    def life() -> list[bytes]:
        return [symbolic.hpke_seal(symbolic.kem_public(SEED), b"", b"text") for _ in range(3)]

    begin(5)
    first = life()
    begin(5)
    assert life() == first and len(set(first)) == 3
    begin("5")
    assert life() != first


def test_operations_are_counted() -> None:
    symbolic.aead_seal(KEY, NONCE, b"text")
    symbolic.hkdf(KEY, b"", b"")
    symbolic.hkdf(KEY, b"", b"")
    assert symbolic.counts == {"seal": 1, "hkdf": 2}


def test_it_takes_its_place_before_anything_else() -> None:
    """Two people pair and write with nothing of the real library loaded; their bytes do not depend on the hash seed."""
    script = (
        "import sys, pathlib, tempfile\n"
        "from tiercel.testing.world import symbolic\n"
        "symbolic.install(); symbolic.install(); symbolic.begin(1)\n"
        "import people\n"
        "from tiercel.runtime import reading\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    ada, bo = people.bonded(pathlib.Path(folder))\n"
        "    large = pathlib.Path(folder, 'large')\n"
        "    large.write_bytes(bytes(range(256)) * 12_288)\n"  # sealed and opened by helper threads, buffer by buffer
        "    letter = ada.write('Dear Bo.', enclosures=(large,))\n"
        "    people.exchange(ada, bo)\n"
        "    assert ada.state(letter) == 'arrived', ada.state(letter)\n"
        "    saved, size = reading.save_enclosure(bo.home, letter, 1, pathlib.Path(folder))\n"
        "    assert size == large.stat().st_size and saved.read_bytes() == large.read_bytes()\n"
        "    names = sorted(path.name for path in pathlib.Path(folder, 'post').rglob('*'))\n"
        "assert 'cryptography' not in sys.modules\n"
        "assert symbolic.counts['hpke open'] > 0\n"
        "print(symbolic.counts.total(), names)\n"
    )
    answers = {ran(script, hash_seed) for hash_seed in "12"}
    assert len(answers) == 1


def test_it_comes_too_late_where_the_real_one_is() -> None:
    script = (
        "import tiercel.crypto\n"
        "from tiercel.testing.world import symbolic\n"
        "try:\n"
        "    symbolic.install()\n"
        "except RuntimeError as error:\n"
        "    print(error)\n"
    )
    assert "loaded already" in ran(script, "0")


def ran(script: str, hash_seed: str) -> str:
    environment = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}", "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True, text=True, env=environment, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
