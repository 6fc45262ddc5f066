"""The header of the vault: one passphrase, one key, and nothing else opens it."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from hypothesis import given, settings
from hypothesis import strategies as st

from tiercel import crypto
from tiercel.errors import UsageError, VaultDamaged, VaultError, VaultNewer, WrongPassphrase
from tiercel.limits import ARGON2_LANES_MAX, ARGON2_MEMORY_KIB_MAX, ARGON2_PASSES_MAX
from tiercel.testing.entropy import SeededEntropy
from tiercel.vault import keys
from tiercel.vault.keys import DEFAULT_KDF, HEADER_BYTES, KdfParameters, change_passphrase, new_header, unlock
from vault_kit import CHEAP

FIXED, SLOT, HEAD = 42, 105, 25
WORD = "une oie n’a pas de montre é"


def header_of(passphrase: str = WORD, seed: str = "header") -> tuple[bytes, bytes]:
    return new_header(passphrase, SeededEntropy(seed), CHEAP)


def summed(body: bytes) -> bytes:
    """A header as a forger writes it: anybody can make the sum fit."""
    return body + crypto.sha256(body)


def slots_of(header: bytes) -> tuple[bytes, bytes, bytes]:
    return header[:FIXED], header[FIXED : FIXED + SLOT], header[FIXED + SLOT : FIXED + 2 * SLOT]


def test_the_passphrase_gives_the_key_back() -> None:
    header, key = header_of()
    assert len(header) == HEADER_BYTES == FIXED + 2 * SLOT + 32
    assert len(key) == 32 and key not in header
    assert unlock(header, WORD) == key


def test_default_costs_are_those_of_the_specification() -> None:
    assert KdfParameters(64 * 1024, 3, 4) == DEFAULT_KDF


@pytest.mark.parametrize("word", ["", WORD.upper(), WORD + " ", " " + WORD, WORD[:-1], "é", "\0" + WORD])
def test_another_passphrase_does_not(word: str) -> None:
    with pytest.raises(WrongPassphrase):
        unlock(header_of()[0], word)


def test_one_word_typed_on_two_keyboards_is_one_passphrase() -> None:
    header, key = header_of("caf\u00e9 \u1e69")
    assert unlock(header, "cafe\u0301 s\u0307\u0323") == key


def test_similar_signs_stay_different_passphrases() -> None:
    header, _ = header_of("\ufb01n")  # the ligature; NFKC would make it "fin"
    with pytest.raises(WrongPassphrase):
        unlock(header, "fin")


def test_a_passphrase_that_is_not_text_is_not_quoted() -> None:
    with pytest.raises(UsageError) as caught:
        header_of("geheim\udcff")
    assert caught.value.__suppress_context__ and "geheim" not in str(caught.value)


# -- two slots -------------------------------------------------------------------------------------


def test_the_unused_slot_looks_like_the_used_one() -> None:
    _, used, unused = slots_of(header_of()[0])
    assert used[:9] == unused[:9]  # the same cost
    assert all(len(set(part)) > 8 for part in (unused[9:25], unused[25:57], unused[57:]))


@pytest.mark.parametrize("place", ["first", "second", "none"])
def test_both_slots_are_always_tried(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    header, _ = header_of()
    fixed, used, unused = slots_of(header)
    if place == "second":
        header = summed(fixed + unused + used)
    tried: list[bytes] = []
    real = crypto.argon2id

    def counted(secret: bytes, salt: bytes, *cost: int) -> bytes:
        tried.append(salt)
        return real(secret, salt, *cost)

    monkeypatch.setattr(crypto, "argon2id", counted)
    if place == "none":
        with pytest.raises(WrongPassphrase):
            unlock(header, "no")
    else:
        unlock(header, WORD)
    assert len(tried) == 2


def test_a_new_passphrase_replaces_the_old_one_and_only_its_slot() -> None:
    header, key = header_of()
    changed = change_passphrase(header, WORD, "new", SeededEntropy("new"))
    assert unlock(changed, "new") == key
    with pytest.raises(WrongPassphrase):
        unlock(changed, WORD)
    assert slots_of(changed)[2] == slots_of(header)[2] and slots_of(changed)[1] != slots_of(header)[1]
    with pytest.raises(WrongPassphrase):
        change_passphrase(header, "wrong", "new", SeededEntropy("new"))


def test_the_slot_that_opened_is_the_one_made_anew() -> None:
    header, key = header_of()
    fixed, used, unused = slots_of(header)
    changed = change_passphrase(summed(fixed + unused + used), WORD, "new", SeededEntropy("new"))
    assert slots_of(changed)[1] == unused
    assert unlock(changed, "new") == key


# -- damage, bounds, versions ----------------------------------------------------------------------


def test_every_flipped_bit_is_damage_and_not_a_wrong_passphrase() -> None:
    header, _ = header_of()
    for at in range(len(header)):
        for bit in range(8):
            changed = bytearray(header)
            changed[at] ^= 1 << bit
            with pytest.raises((VaultDamaged, VaultNewer)) as caught:
                unlock(bytes(changed), WORD)
            assert caught.type is VaultDamaged or at in (8, 9)


def test_every_cut_and_every_addition_is_damage() -> None:
    header, _ = header_of()
    for size in range(len(header)):
        with pytest.raises(VaultDamaged):
            unlock(header[:size], WORD)
    with pytest.raises(VaultDamaged):
        unlock(header + b"\0", WORD)


def test_a_newer_header_is_named_before_anything_else_is_looked_at() -> None:
    header, _ = header_of()
    for newer in (header[:8] + b"\0\x02" + header[10:], header[:8] + b"\0\x02" + bytes(500), header[:8] + b"\xff" * 40):
        with pytest.raises(VaultNewer):
            unlock(newer, WORD)
    with pytest.raises(VaultDamaged):
        unlock(summed(header[:8] + b"\0\0" + header[10:-32]), WORD)


@pytest.mark.parametrize(
    "cost",
    [
        (ARGON2_MEMORY_KIB_MAX + 1, 1, 1),
        (8, ARGON2_PASSES_MAX + 1, 1),
        (1024, 1, ARGON2_LANES_MAX + 1),
        (7, 1, 1),
        (31, 1, 4),
        (8, 0, 1),
        (8, 1, 0),
        (0xFFFFFFFF, 0xFFFFFFFF, 255),
    ],
)
@pytest.mark.parametrize("slot", [0, 1])
def test_impossible_costs_are_refused_before_any_work(
    cost: tuple[int, int, int], slot: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    header, _ = header_of()
    monkeypatch.setattr(crypto, "argon2id", None)
    at = FIXED + slot * SLOT
    with pytest.raises(VaultDamaged):
        unlock(summed(header[:at] + struct.pack(">IIB", *cost) + header[at + 9 : -32]), WORD)
    with pytest.raises(VaultDamaged):
        new_header(WORD, SeededEntropy("x"), KdfParameters(*cost))


def test_too_little_memory_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    header, _ = header_of()

    def none_left(*_: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(crypto, "argon2id", none_left)
    with pytest.raises(VaultError, match="free memory"):
        unlock(header, WORD)


_ANY_HEADER, _ = header_of()


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=400), st.integers(0, HEADER_BYTES - 1))
def test_any_bytes_end_in_an_error_of_the_vault(noise: bytes, kept: int) -> None:
    for data in (
        noise,
        _ANY_HEADER[:kept] + noise[: HEADER_BYTES - kept - 1],
        summed((_ANY_HEADER[:10] + noise + bytes(300))[:252]),
    ):
        with pytest.raises(VaultError):
            # Costs up to the bounds are lawful; the test does not pay for them.
            if keys_cost(data) <= 1024:
                unlock(data, WORD)
            else:
                raise VaultDamaged


def keys_cost(data: bytes) -> int:
    try:
        return max(slot.kdf.memory_kib * slot.kdf.passes for slot in keys._parse(data)[1])
    except VaultError:
        return 0


def test_nothing_secret_in_a_repr() -> None:
    header, _ = header_of()
    slot = keys._parse(header)[1][0]
    assert "sealed" not in repr(slot)


# -- T-COMMIT-1: one header, one passphrase --------------------------------------------------------


def test_T_COMMIT_1_flips_by_a_forger_who_mends_the_sum() -> None:
    header, _ = header_of()
    for at in range(FIXED + SLOT):
        changed = bytearray(header[:-32])
        changed[at] ^= 0x01
        with pytest.raises(VaultError):
            unlock(summed(bytes(changed)), WORD) if keys_cost(summed(bytes(changed))) <= 4096 else refused()


def refused() -> bytes:
    raise VaultDamaged


def test_T_COMMIT_1_a_slot_of_another_vault_is_refused() -> None:
    """Splice: somebody puts a slot to which they know the passphrase into your header."""
    mine, _ = header_of("mine", "one")
    theirs, _ = header_of("theirs", "two")
    fixed, used, _ = slots_of(mine)
    spliced = summed(fixed + used + slots_of(theirs)[1])
    unlock(spliced, "mine")
    with pytest.raises(WrongPassphrase):
        unlock(spliced, "theirs")
    with pytest.raises(WrongPassphrase):
        unlock(summed(slots_of(theirs)[0] + used + slots_of(theirs)[1]), "mine")


def test_T_COMMIT_1_parts_of_two_slots_do_not_make_a_third() -> None:
    header, _ = header_of("a")
    other = change_passphrase(header, "a", "b", SeededEntropy("b"))
    fixed, a, unused = slots_of(header)
    b = slots_of(other)[1]
    for cut in (17, HEAD, HEAD + 32):
        for mixed in (a[:cut] + b[cut:], b[:cut] + a[cut:]):
            for word in ("a", "b"):
                with pytest.raises(WrongPassphrase):
                    unlock(summed(fixed + mixed + unused), word)


def test_T_COMMIT_1_two_whole_slots_cannot_lead_to_two_vaults() -> None:
    """A forger who makes both slots soundly, each with a key of its own, is stopped by the one commitment."""
    header, key = header_of("first")
    fixed, used, _ = slots_of(header)
    forged = keys._fill(fixed, "second", bytes(32), SeededEntropy("forger"), CHEAP).encode()
    crafted = summed(fixed + used + forged)
    assert unlock(crafted, "first") == key
    with pytest.raises(VaultDamaged):
        unlock(crafted, "second")


def test_T_COMMIT_1_a_partitioning_ciphertext_opens_under_one_passphrase_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The AEAD alone accepts one ciphertext under two keys: made here for real. The check does not."""
    fixed = slots_of(header_of()[0])[0]
    salt = bytes(range(16))
    head = keys._Slot(CHEAP, salt, b"", b"").head
    (seal_a, check_a), (seal_b, _) = (keys._keys(word, CHEAP, salt) for word in ("alpha", "beta"))
    sealed = collide(seal_a, seal_b, head)
    key_a = crypto.aead_open(seal_a, bytes(12), sealed, head)
    assert key_a != crypto.aead_open(seal_b, bytes(12), sealed, head), "the attack itself must work"

    fixed = fixed[:10] + keys._commitment(key_a)
    slot = keys._Slot(CHEAP, salt, b"", sealed)
    slot = keys._Slot(CHEAP, salt, keys._check(check_a, fixed, slot), sealed)
    crafted = summed(fixed + slot.encode() + slots_of(header_of()[0])[2])
    assert unlock(crafted, "alpha") == key_a

    opened: list[bytes] = []
    real: Callable[..., bytes] = crypto.aead_open

    def watched(key: bytes, *rest: bytes) -> bytes:
        opened.append(key)
        return real(key, *rest)

    monkeypatch.setattr(crypto, "aead_open", watched)
    with pytest.raises(WrongPassphrase):
        unlock(crafted, "beta")
    assert opened == [], "nothing may be decrypted before the check has matched"


def collide(key_a: bytes, key_b: bytes, aad: bytes) -> bytes:
    """Two blocks and a tag that ChaCha20-Poly1305 accepts under both keys (Len, Grubbs, Ristenpart 2021).

    The tag is linear in the blocks, so two keys and one tag are two equations in two unknown blocks.
    """
    p, high = (1 << 130) - 5, 1 << 128

    def one_time(key: bytes) -> tuple[int, int]:
        block = Cipher(ChaCha20(key, bytes(16)), None).encryptor().update(bytes(32))
        r = int.from_bytes(block[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
        return r, int.from_bytes(block[16:], "little")

    padded = aad + bytes(-len(aad) % 16)
    blocks = [int.from_bytes(padded[i : i + 16], "little") + high for i in range(0, len(padded), 16)]
    length = int.from_bytes(struct.pack("<QQ", len(aad), 32), "little") + high
    (ra, sa), (rb, sb) = one_time(key_a), one_time(key_b)

    def known(r: int) -> int:
        total = 0
        for block in blocks:
            total = (total + block) * r
        return (total * r**3 + length * r) % p  # head, two blocks still to come, length

    # pow(x, -1, p) twice: the determinant of the two equations c1*r^3 + c2*r^2 = want.
    inverse = pow((ra**3 * rb**2 - rb**3 * ra**2) % p, -1, p)
    for tag in range(1, 100_000):
        for carry in range(16):
            wants = [
                (((tag - s) % high + j * high) - known(r)) % p
                for r, s, j in ((ra, sa, carry & 3), (rb, sb, carry >> 2))
            ]
            c1 = (wants[0] * rb**2 - wants[1] * ra**2) * inverse % p
            c2 = (ra**3 * wants[1] - rb**3 * wants[0]) * inverse % p
            if high <= c1 < 2 * high and high <= c2 < 2 * high:
                return b"".join((c % high).to_bytes(16, "little") for c in (c1, c2)) + tag.to_bytes(16, "little")
    raise AssertionError("no collision found")


def test_two_threads_can_unlock_at_once() -> None:
    """With more than one lane OpenSSL's Argon2id waits for itself for ever when two threads ask at the same moment."""
    header, key = new_header(WORD, SeededEntropy("lanes"), KdfParameters(8192, 2, 4))
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(unlock(header, WORD)), daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert found == [key] * 4
