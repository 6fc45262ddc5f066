"""A second reader of every format, written from spec/ alone. OPENERS: the fields of a case in, what they say out."""

# ruff: noqa: E731
# fmt: off
import base64
import hashlib
import hmac
import unicodedata

import msgspec
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SIZES = {"qr": 2048, "cell": 16384, "file": 65536, "bulk": 262144, "stick": 1048576}
WORDS = []  # filled by the caller with the list of BIP-39
num, up = lambda data: int.from_bytes(data, "big"), lambda a, b: -(-a // b)
lp = lambda *items: b"".join(len(item).to_bytes(4, "big") + item for item in items)
label = lambda name, *items: lp(b"tiercel/1", name.encode(), *items)
sha = lambda data: hashlib.sha256(data).digest()
mac = lambda key, data: hmac.digest(key, data, "sha256")
hkdf = lambda secret, salt, info, size=32: HKDF(hashes.SHA256(), size, salt, info).derive(secret)
aead_open = lambda key, nonce, aad, sealed: ChaCha20Poly1305(key).decrypt(nonce, sealed, aad)
fields = lambda c: {"fields": shown(msgspec.msgpack.decode(c["record"]))}
byte = lambda c, name: bytes([c[name]])
body = lambda c: {"record": c["body"][4 : 4 + num(c["body"][:4])]}

def shown(v):
    return {"hex": v.hex()} if isinstance(v, bytes) else [shown(i) for i in v] if isinstance(v, list) else v
# -- sealing.md, letter.md
def private(seed):
    return MLKEM768PrivateKey.from_seed_bytes(seed[:64]), X25519PrivateKey.from_private_bytes(seed[64:])
def public(seed):
    return b"".join(key.public_key().public_bytes_raw() for key in private(seed))
def hpke_open(seed, info, sealed):
    suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
    return suite.decrypt(sealed, hpke.MLKEM768X25519PrivateKey(*private(seed)), info=info)
def letter(c):
    pid, incarnation, envelope = c["bundle"][4:12], c["bundle"][16:32], c["bundle"][36:]
    bound = label("letter", c["bond_id"], byte(c, "direction"), incarnation, pid, sha(public(c["seed"])))
    opened = hpke_open(c["seed"], label("envelope", bound), envelope)
    assert opened[:32] == mac(hkdf(c["auth_root"], c["token"], label("letter-auth", bound)), lp(bound, opened[32:]))
    return {"incarnation": incarnation, "record": body({"body": opened[32:]})["record"]}
def padme(n):
    e = max(n, 1).bit_length() - 1
    m = 1 << max(0, e - e.bit_length())
    return up(n, m) * m
def sizes(c):
    classes = [1792 * n for n in (1, 2, 4, 9, 18, 36, 72, 144, 288, 576)]
    return {"records": [[n, next((s for s in classes if s >= n + 1208), padme(n + 1208))] for n, _ in c["records"]],
            "files": [[n, padme(n) + 16 * max(1, up(padme(n), 65536))] for n, _ in c["files"]]}
def enclosure(c):
    starts, out = range(0, len(c["ciphertext"]), 65552), b""
    for i, at in enumerate(starts):
        nonce = i.to_bytes(11, "big") + bytes([i == len(starts) - 1])
        out += aead_open(c["key"], nonce, b"", c["ciphertext"][at : at + 65552])
    assert len(out) == padme(c["size"]) and not any(out[c["size"] :])
    return {"plain": out[: c["size"]], "bundle_hash": sha(c["ciphertext"])}
def readers(c):
    items = sorted((day, kind.encode()) for kind, day in c["readers"])
    return {"hash": sha(label("readers", *(lp(kind, day.to_bytes(4, "big")) for day, kind in items)))}

# -- parcel.md
def keys(c):
    d, root = byte(c, "direction"), c.get("root", b"")
    both = hkdf(c.get("road_secret", b""), b"", label("pair-road", d), 64)
    for _ in range(c.get("steps", 0)):
        root = hkdf(root, b"", label("epoch-next"))
    epoch = hkdf(root, b"", label("tag", d)), hkdf(root, b"", label("parcel-key", d))
    return dict(zip(("tag_key", "box_key"), epoch if root else (both[:32], both[32:]), strict=True))
def parcel(c):
    data, k, bound = c["parcel"], keys(c), (byte(c, "direction"), c["profile"].encode())
    r, tag = data[:16], data[16:32]
    assert tag == mac(k["tag_key"], label("tag", r))[:16] and len(data) == SIZES[c["profile"]]
    key, aad = hkdf(k["box_key"], r, label("parcel", *bound)), label("parcel", *bound, r, tag)
    box = aead_open(key, bytes(12), aad, data[32:])
    if box[1] == 3:
        return {"inside": 3, "record": box[6 : 6 + num(box[2:6])]}
    end, s = 45 + 5 * num(box[43:45]), 16128 if box[42] else 1792
    refs = [[num(box[at : at + 4]), box[at + 4]] for at in range(45, end, 5)]
    return {"inside": box[1], "bundle_hash": box[2:34], "bundle_len": num(box[34:42]), "refs": refs,
            "symbols": box[end : end + s * len(refs)]}
POWERS = [1]
while len(POWERS) < 255:
    POWERS.append(POWERS[-1] << 1 ^ (0x11D if POWERS[-1] & 128 else 0))
LOGS, POINTS = {value: at for at, value in enumerate(POWERS)}, [0, *POWERS]
times = lambda a, b: POWERS[(LOGS[a] + LOGS[b]) % 255] if a and b else 0
divide = lambda a, b: times(a, POWERS[-LOGS[b] % 255])
def bundle(c):
    held, whole, size = {}, b"", SIZES[c["profile"]]
    for at in range(0, len(c["parcels"]), size):
        p = parcel({**c, "parcel": c["parcels"][at : at + size]})
        s = 1792 if p["bundle_len"] <= 1 << 20 else 16128
        held |= {tuple(ref): p["symbols"][n * s : (n + 1) * s] for n, ref in enumerate(p["refs"])}
    total = up(p["bundle_len"], s)
    k = up(total, up(total, 128))
    for group in range(up(total, 128)):
        known = {POINTS[index]: data for (g, index), data in held.items() if g == group}
        known = dict(list(known.items())[-k:])  # any k of them, by preference repair
        for x in POINTS[:k]:
            symbol = 0
            for i, data in known.items():
                factor = 1
                for m in known.keys() - {i}:
                    factor = times(factor, divide(x ^ m, i ^ m))
                symbol ^= num(data.translate(bytes(times(factor, b) for b in range(256))))
            whole += symbol.to_bytes(s, "big")
    assert sha(whole[: p["bundle_len"]]) == p["bundle_hash"]
    return {"bundle": whole[: p["bundle_len"]]}

# -- bond.md, vault.md
def invitation(c):
    text = c["text"].strip().upper()[8:]
    data = base64.b32decode(text + "=" * (-len(text) % 8))
    assert data[-4:] == sha(label("invitation", data[:-4]))[:4]
    told = {"commitment": data[1:33], "road_secret": data[33:65], "base_epoch": num(data[65:69])}
    return told | ({"address": data[69:-4].decode()} if data[0] == 2 else {})
def pairing(c):
    (m2, m3, m4), pk_a = (c[f"message{n}"][2:] for n in (2, 3, 4)), public(c["seed_a"])
    said = pk_a, c["nonce_a"], m2[:1216], m2[1216:]
    all_said = sha(label("pair-commit", *said[:2])), *said
    shares = hpke_open(c["seed_b"], label("pair-1", all_said[0], *said[2:]), m3)[:32]
    shares += hpke_open(c["seed_a"], label("pair-2", *all_said), m4)
    th = sha(label("pair", *all_said, sha(m3), sha(m4)))
    make = lambda name, *d: hkdf(hkdf(shares, th, label("pair")), th, label(name, *map(bytes, d)))
    bits = num(hkdf(sha(label("words", *said)), b"", label("words"), 9)) >> 6
    found = {f"{name}_{d}": make(name.replace("_", "-"), [d]) for name in ("time_root", "first_token") for d in (0, 1)}
    return found | {"bond_id": make("bond-id")[:16], "auth_root": make("auth-root"), "commitment": all_said[0],
                    "words": " ".join(WORDS[bits >> at & 2047] for at in range(55, -1, -11))}
def header(c):
    secret = unicodedata.normalize("NFC", c["passphrase"]).encode()
    for slot in (c["header"][42:147], c["header"][147:252]):
        head, check, sealed = slot[:25], slot[25:57], slot[57:]
        costs = {"memory_cost": num(head[:4]), "iterations": num(head[4:8]), "lanes": head[8]}
        root = Argon2id(salt=head[9:], length=64, **costs).derive(secret)
        if check == mac(hkdf(root, b"", label("vault-check")), label("vault-header", c["header"][:42], head, sealed)):
            return {"vault_key": aead_open(hkdf(root, b"", label("vault-key")), bytes(12), head, sealed)}
    raise ValueError

# -- relay.md
def box(c):
    hashes = [sha(label("relay-key", bytes([p]), c[key])) for p, key in enumerate(("drop", "pick_up", "erase"))]
    found = dict(zip(("drop_hash", "pick_up_hash", "erase_hash"), hashes, strict=True))
    return found | {"box": sha(label("relay-box", *hashes))[:16]}
def address(c):
    place, *rest = c["text"].strip().lower().split("://")[1].split("/")
    (host, _, port), (trust, *token) = place.rpartition(":"), rest
    data = lambda text: base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    known = trust in ("ca", "plain")
    return {"host": host.strip("[]"), "port": int(port), "trust": trust if known else "pinned",
            "fingerprint": b"" if known else data(trust), "token": data(token[0]) if token else b""}
def request(c):
    said = msgspec.msgpack.decode(c["record"])
    return {"fields": shown(said), "box": said[1]}

OPENERS = {
    "letter": letter, "body": body, "sizes": sizes, "enclosure": enclosure, "readers": readers, "keys": keys,
    "parcel": parcel, "bundle": bundle, "invitation": invitation, "pairing": pairing, "header": header,
    "record": fields, "note": fields, "reply": fields, "request": request, "box": box, "address": address,
    "token": lambda c: {"hash": sha(label("relay-token", c["token"]))},
    "gift": lambda c: {"pid": c["gift"][:8], "public_hash": sha(c["gift"][8:1224]), "token": c["gift"][1224:]},
    "receipt": lambda c: {"proof": mac(c["secret"], label("receipt", byte(c, "receipt"), c["letter_id"]))},
    "chain": lambda c: {"next": sha(lp(c["letter_id"], c["number"].to_bytes(4, "big"), c["previous"]))},
}
