"""T-KAT-1: the suite is HPKE 0x647A, shown by a published vector and by a letter made by hand.

The second implementation here is written from RFC 9180 section 5 and the X-Wing combiner, with hashlib and hmac only
for the schedule. The numbers are those of the test vectors of the HPKE working group (draft-ietf-hpke-pq, KEM 25722,
KDF 1, AEAD 3), which have associated data; ours have none, so the second implementation is proved by them first.
"""

from __future__ import annotations

import hashlib
import hmac
import struct

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from letter_kit import BOND, INCARNATION, letter, road
from tiercel import crypto
from tiercel.letter.record import encode_letter
from tiercel.sealing.envelope import open_letter, split_bundle

KEM = 0x647A
SEED = bytes.fromhex("3ec47fa82dd5689d27c6190e724c74ec8f608df3331ce331929e37b829676630")
PUBLIC_HASH = "ad8aaf3f00d8a39bfeec2947a7d5dde68be08bba19bd301a348a45dc5fcc8341"  # SHA-256 of the 1,216 bytes
INFO = bytes.fromhex("34663634363532303666366532303631323034373732363536333639363136653230353537323665")
SHARED_SECRET = "58200ed1f137bd95a921bb47f6aaecf2395b26f7fd24efd3a5ffae4849e8dea3"
KEY = "131c2ebb469b909a40915914afd7ff5e638888ac7195dcaaaef8f9a84f0e4030"
BASE_NONCE = "2b7a68f19e6cdbd43dda3c6d"
PLAIN = bytes.fromhex(
    "34323635363137353734373932303639373332303734373237353734363832633230373437323735373436383230363236353631373537343739"
)
SEALED = [  # associated data, ciphertext
    (
        b"Count-0",
        (
            "c5c591f99092d5e38df0a52699af249c66f8275a863423c076de8147a53e65cc584041c963b77a7e59ea93841b1339b5efda"
            "8909b71f74bb0073ad62e899de310c1566dea2fd29eba377"
        ),
    ),
    (
        b"Count-1",
        (
            "ce339b2b956509cf9a9d3d736e8529f4eb87f27483e0c647869bd1d32c6c95ab3ff3f151abb11f863e5ea7cb852dc0c92346"
            "b46ac340ab390f8d3b6bd85d5d2d11c77499e006e36e3699"
        ),
    ),
]
ENC = bytes.fromhex(
    "26759c7b22923ea5cc9c78e3e14c8fc62dcb0a66ce44460966978a7fe9685e0c6d22999d99a3f112c307a6d5b2e63591f41e8a3516ba6290"
    "8376d664557206e696ae870305ff6ba08125266bc0765672beca90fd5c6dae0d3ddad1506065a9d4f297e0c3e70bb441961df26d7a19d79d"
    "1ef7e2ac5e53b32a3c7b4e07f2af2ae65830a3e8d1cb2ac1932fc19ec5434303b62c9d010645cf95a475913da5d77a282b88402e4a77ab17"
    "b09559dce8a96c67a27bea8f653ceaca3d278b6ed150fe936dda28b1726665c946cab30363ef89eb878ffcc74caa277a5dab1994193a6796"
    "7125ebd50986dc16997b8f7484d7d0e27c79ff4b68201c1b4102f5a73322fd3da96bf655d90c9b1e6305e01ab1b3449ea3f458b0e98e1f2d"
    "1632825c3b30018bb5eefbcc80f767d0b9e7f9f731e1958083879ebcc1b5bb061e89302c444a85eeed169b10d2520fd47b6a111914f3bda2"
    "f31d04f250522ba951012a629fa2cd2192583cc9abd75d02b7a11fd18056c414b8f0e0936535bf9b637c7e614a1ae9b9e907fe9d14243f13"
    "625ec92a97599eaa491b9da918b586e27d34c7279205dd76cf0ecdbf60b5aea4cfb9dca41069f3e2fc8f371a7cf3b089ea469d8417bda314"
    "9159992399ccd5baf776a0f8966d4742cbedaeac131dde853cb1fbb7b869a4c01cea8a487a2e52e757bf4dfcec23995e5f088804d2cf99c8"
    "2f087454144cc586845d7cf81249e7ad919ea1b06001ad13501da118ee19859595015b4b1872912dd2d4f5dd854f144ae07038bd8bb2b498"
    "f8edcb1c70c2102af768d508a1b4237238c0c6e34a9c819b0ebf28f49505d374095b2b58c7a810cf1e806cb3c79af3bc84c8b657787804e3"
    "74df2b49be6ac510d43024e65fd031540a7cd45c9348ad9f5511b969be6f9c4d849c1428f611225b0d9a3ae341669ba645baa877cdc34c39"
    "f5975f4991a77f86eca2c25ebee63a06928c1bbc9513f35547645e835544c1e4a8f33d7f29c1cfbde6425fa05aeff69f373aa8a281c92817"
    "cbe5be9305795354efc71a89462e87ce83919d679dcbfded88f7fff9177f4b49e8a959d9aa78b63feb99fa56735df0f4fc253653a9177f76"
    "7b307bb2a9e7e4d9042f22cc6c4f177db80efaebfef8a3baa6f1423335c830308c2496118263f0bd361d93f8b4e75a7cba94c2af72dd13ee"
    "8926524cfe9df14f79165a3498b9fd631cbb874d25b11315f9acb442512561cf7dc6098a08874fcc704cdd5e84e57811a49e78fbd56e5a8e"
    "767617321c295095595ea2b0f4aaca30dd38749ab83532be1bdcf4c32a119e035558bb427dbdb806b4e15cea8df3c098728c2b5e40209c51"
    "38531db1b660777544e6a014477a7d1b93eb0f245fe9e7053997c10504ef692f21639c86d8926ddce6886d0c39eb7c59357ee54f81871019"
    "593713f4a6df37bf7003358694cff59af9872ca02bf762e20499227dba2f552203459dcc69780ef08d9bab4140d96e1c478f06b63b60c9bf"
    "b10d90e31d47570ea949ab8e9b99db6ec2f8a2a77dcb25cc36b733dfc09b8299a9d7b19e68c09ad82703f9b47d34d1a3cbafe42c73f57d0e"
)


# -- HPKE by hand ----------------------------------------------------------------------------------


def extract(salt: bytes, label: bytes, secret: bytes, suite: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + secret, "sha256")


def expand(key: bytes, label: bytes, info: bytes, size: int, suite: bytes) -> bytes:
    assert size <= 32
    return hmac.digest(key, struct.pack(">H", size) + b"HPKE-v1" + suite + label + info + b"\x01", "sha256")[:size]


def schedule(shared: bytes, info: bytes, kem: int = KEM) -> tuple[bytes, bytes]:
    """RFC 9180 section 5.1, base mode: key and base nonce."""
    suite = b"HPKE" + struct.pack(">HHH", kem, 0x0001, 0x0003)
    context = b"\x00" + extract(b"", b"psk_id_hash", b"", suite) + extract(b"", b"info_hash", info, suite)
    secret = extract(shared, b"secret", b"", suite)
    return expand(secret, b"key", context, 32, suite), expand(secret, b"base_nonce", context, 12, suite)


def combine(shared_m: bytes, shared_x: bytes, cipher_x: bytes, public_x: bytes) -> bytes:
    return hashlib.sha3_256(shared_m + shared_x + cipher_x + public_x + b"\\.//^\\").digest()


def encapsulate(public: bytes) -> tuple[bytes, bytes]:
    shared_m, cipher_m = MLKEM768PublicKey.from_public_bytes(public[:1184]).encapsulate()
    ephemeral = X25519PrivateKey.generate()
    cipher_x = ephemeral.public_key().public_bytes_raw()
    shared_x = ephemeral.exchange(X25519PublicKey.from_public_bytes(public[1184:]))
    return combine(shared_m, shared_x, cipher_x, public[1184:]), cipher_m + cipher_x


def decapsulate(seed: bytes, enc: bytes) -> bytes:
    x25519 = X25519PrivateKey.from_private_bytes(seed[64:])
    shared_m = MLKEM768PrivateKey.from_seed_bytes(seed[:64]).decapsulate(enc[:1088])
    shared_x = x25519.exchange(X25519PublicKey.from_public_bytes(enc[1088:]))
    return combine(shared_m, shared_x, enc[1088:], x25519.public_key().public_bytes_raw())


def lp(*items: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(item)) + item for item in items)


# -- the published vector --------------------------------------------------------------------------


def test_T_KAT_1_the_seed_of_x_wing_expands_to_ours() -> None:
    seed = hashlib.shake_256(SEED).digest(96)
    assert crypto.sha256(crypto.kem_public(seed)).hex() == PUBLIC_HASH


def test_T_KAT_1_the_published_vector_opens() -> None:
    shared = decapsulate(hashlib.shake_256(SEED).digest(96), ENC)
    assert shared.hex() == SHARED_SECRET
    key, nonce = schedule(shared, INFO)
    assert (key.hex(), nonce.hex()) == (KEY, BASE_NONCE)
    for count, (aad, sealed) in enumerate(SEALED):
        counted = (int.from_bytes(nonce, "big") ^ count).to_bytes(12, "big")
        assert ChaCha20Poly1305(key).decrypt(counted, bytes.fromhex(sealed), aad) == PLAIN


def test_T_KAT_1_our_opener_opens_the_published_encapsulation() -> None:
    """The published key and encapsulation, with the empty associated data of our suite."""
    sealed = ENC + ChaCha20Poly1305(bytes.fromhex(KEY)).encrypt(bytes.fromhex(BASE_NONCE), PLAIN, b"")
    assert crypto.hpke_open(hashlib.shake_256(SEED).digest(96), INFO, sealed) == PLAIN


# -- a letter by hand ------------------------------------------------------------------------------


def letter_by_hand(body: bytes) -> tuple[bytes, bytes]:
    """The context and the bundle, from the text of the specification alone."""
    gift = road("kat").gift
    context = lp(
        b"tiercel/1", b"letter", BOND.bond_id, b"\x00", INCARNATION, gift.pid, hashlib.sha256(gift.public).digest()
    )
    prk = hmac.digest(gift.token, BOND.auth_root, "sha256")
    mac_key = hmac.digest(prk, lp(b"tiercel/1", b"letter-auth", context) + b"\x01", "sha256")
    shared, enc = encapsulate(gift.public)
    key, nonce = schedule(shared, lp(b"tiercel/1", b"envelope", context))
    plain = hmac.digest(mac_key, lp(context, body), "sha256") + body
    return context, lp(gift.pid, INCARNATION, enc + ChaCha20Poly1305(key).encrypt(nonce, plain, b""))


def test_T_KAT_1_a_letter_by_hand_opens() -> None:
    record = encode_letter(letter())
    body = struct.pack(">I", len(record)) + record + bytes(1792 - 1204 - 4 - len(record))
    _, bundle = letter_by_hand(body)
    assert len(bundle) == 1792
    assert open_letter(BOND, 0, road("kat").prekey, split_bundle(bundle)) == record


def test_T_KAT_1_our_letter_opens_by_hand() -> None:
    made = road("kat")
    context, _ = letter_by_hand(b"")
    envelope = split_bundle(made.seal(b"record")).envelope
    info = lp(b"tiercel/1", b"envelope", context)
    shared = decapsulate(made.prekey.seed, envelope[:1120])
    key, nonce = schedule(shared, info)
    plain = ChaCha20Poly1305(key).decrypt(nonce, envelope[1120:], b"")
    assert plain[32:] == struct.pack(">I", 6) + b"record" + bytes(578)
    for other_kem in (0x0041, 0x0042, 0x0020):  # the plain ML-KEM and X25519 suites do not fit
        with pytest.raises(InvalidTag):
            key, nonce = schedule(shared, info, other_kem)
            ChaCha20Poly1305(key).decrypt(nonce, envelope[1120:], b"")
