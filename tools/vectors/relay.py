"""vectors/relay: keys of boxes, addresses, requests and answers."""

from __future__ import annotations

import kit
import msgspec
from kit import Terms, cut, with_byte

from tiercel.relay import protocol as relay
from tiercel.wire import to_base32

BOX, ID, KEY = kit.random("relay-box", 16), kit.random("relay-id", 16), kit.random("relay-key", 32)
CELL = bytes(16_384)
PRINT, TOKEN = kit.random("relay-print", 32), kit.random("relay-token", 32)


def make(book: kit.Book) -> None:
    make_keys(book)
    make_addresses(book)
    make_records(book)


def make_keys(book: kit.Book) -> None:
    for name, about in (("keys", "three keys"), ("keys-other", "three others")):
        keys = relay.BoxKeys(*(kit.random(f"{name}-{power}", 32) for power in range(3)))
        hashes = dict(zip(("drop_hash", "pick_up_hash", "erase_hash"), keys.hashes, strict=True))
        book.add(f"relay/{name}", "box", about, drop=keys.drop, pick_up=keys.pick_up, erase=keys.erase, **hashes,
                 box=keys.box)  # fmt: skip
    book.add("relay/token", "token", "the hash of a token", token=TOKEN, hash=relay.token_hash(TOKEN))


def make_addresses(book: kit.Book) -> None:
    pin = to_base32(PRINT)
    good = {
        "name": ("a DNS name, pinned", f"tiercel-relay://post.example.org:4433/{pin}"),
        "four": ("an IPv4 address", f"tiercel-relay://192.0.2.7:1/{pin}"),
        "six": ("an IPv6 address, with a token", f"tiercel-relay://[2001:db8::7]:65535/{pin}/{to_base32(TOKEN)}"),
        "ca": ("known by the usual authorities", "tiercel-relay://post.example.org:443/ca"),
        "plain": ("an onion address, no TLS", f"tiercel-relay://{'a2' * 28}.onion:80/plain"),
        "upper": ("all upper case, white space around it", f"  tiercel-relay://post.example.org:443/{pin}\n".upper()),
    }
    for name, (about, text) in good.items():
        found = relay.decode_address(text)
        book.add(f"relay/address-{name}", "address", about, text=text, host=found.host, port=found.port,
                 trust=found.trust.value, fingerprint=found.fingerprint, token=found.token)  # fmt: skip
    base = f"tiercel-relay://post.example.org:4433/{pin}"
    bad = {
        "empty": "",
        "cut": base[:-1],
        "longer": base + "a",
        "changed-case": base.replace("post", "Post"),
        "no-port": f"tiercel-relay://post.example.org/{pin}",
        "port-0": base.replace("4433", "0"),
        "port-zero": base.replace("4433", "04433"),
        "port-large": base.replace("4433", "65536"),
        "no-trust": base.rpartition("/")[0],
        "other-trust": base.replace(pin, "none"),
        "scheme": base[8:],
        "https": base.replace("tiercel-relay", "https"),
        "version-0": base.replace("relay:", "relay0:"),
        "version-1": base.replace("relay:", "relay1:"),
        "unused-bits": base[:-1] + chr(ord(base[-1]) + 1),
        "host-empty": base.replace("post.example.org", ""),
        "host-dot": base.replace("post", "post."),
        "host-hyphen": base.replace("post", "-post"),
        "host-number": base.replace("post.example.org", "1.2.3"),
        "host-octal": base.replace("post.example.org", "192.0.2.07"),
        "six-bare": base.replace("post.example.org", "::1"),
        "six-long": base.replace("post.example.org", "[0:0:0:0:0:0:0:1]"),
        "user": base.replace("post", "a@post"),
        "six-name": base.replace("post.example.org", "[post]"),
        "path": base + "/",
        "query": base + "?a=b",
        "token-cut": f"{base}/{to_base32(TOKEN)[:-1]}",
        "inside": base.replace(":4433", " :4433"),
        "long": base + "a" * 600,
        "kelvin": base.replace("tiercel-relay", "tiercel-relay\u212a"),
    }
    for name, text in bad.items():
        book.add(f"relay/address-bad-{name}", "address", "refused", "malformed_address", text=text)
    for name, text in {"newer": base.replace("relay:", "relay2:"), "newer-other": "tiercel-relay7://whatever"}.items():
        book.add(f"relay/address-{name}", "address", "a later version", "newer_version", text=text)


def records() -> dict[str, relay.Request]:
    return {
        "box": relay.Make(drop=KEY, pick_up=PRINT, erase=TOKEN, token=b""),
        "box-token": relay.Make(drop=KEY, pick_up=PRINT, erase=KEY, token=TOKEN),
        "put": relay.Put(box=BOX, key=KEY, parcels=((ID, CELL), (BOX, CELL))),
        "state": relay.StateOf(box=BOX, key=KEY, ids=(ID, BOX)),
        "fetch": relay.Fetch(box=BOX, key=KEY),
        "fetch-on": relay.Fetch(
            box=BOX, key=KEY, cursor=ID, parcels_max=1, bytes_max=1, wait_s=240, part=relay.Part.HEAD
        ),
        "pick": relay.Pick(box=BOX, key=KEY, ids=(ID,)),
        "erase": relay.Erase(box=BOX, key=KEY, ids=(ID,)),
        "close": relay.Close(box=BOX, key=KEY),
    }


def answers() -> dict[str, relay.Answer]:
    states = ((relay.State.HELD, 5_184_000), *((relay.State(n), 0) for n in (0, 2, 3, 4)))
    return {
        "about": relay.About(
            registration=relay.Registration.OPEN, hold_s=5_184_000, box_bytes=1 << 28, wait_s=240, sizes=relay.SIZES
        ),
        "made": relay.Made(outcome=relay.Outcome.THERE),
        "states": relay.States(states=states),
        "fetched": relay.Fetched(cursor=ID, more=1, parcels=((ID, 262_144, KEY), (BOX, 16_384, PRINT))),
        "fetched-none": relay.Fetched(cursor=bytes(16), more=0, parcels=()),
        "picked": relay.Picked(looked_at=3, parcels=()),
        "done": relay.Done(),
    }


def make_records(book: kit.Book) -> None:
    for kind, cases in (("request", records()), ("reply", answers())):
        for name, record in cases.items():
            data = relay.encode(record)
            which = name.partition("-")[0]
            shown = {} if which == "put" else {"fields": msgspec.msgpack.decode(data)}
            box = {"box": BOX} if which not in ("box",) and kind == "request" else {}
            book.add(f"relay/{kind}-{name}", kind, f"{which}", which=which, record=data, **box, **shown)
    refuse_records(book)


def refuse_records(book: kit.Book) -> None:
    def refuse(name: str, kind: str, which: str, data: Terms | bytes, expect: str = "malformed_relay") -> None:
        book.add(f"relay/{kind}-bad-{name}", kind, "refused", expect, which=which, record=data)

    encode = msgspec.msgpack.encode
    for which in ("box", "put", "state", "fetch", "pick", "erase", "close"):
        data = relay.encode(records()[which])
        refuse(f"{which}-cut", "request", which, Terms(cut(f"request-{which}", 0, len(data) - 1)))
        refuse(f"{which}-longer", "request", which, Terms(f"{cut(f'request-{which}')} 00"))
        refuse(f"{which}-newer", "request", which, with_byte(f"request-{which}", data, 1, 2), "newer_version")
        refuse(f"{which}-fields", "request", which, with_byte(f"request-{which}", data, 0, data[0] + 1))
    bad = {
        "empty": ("fetch", b""),
        "map": ("fetch", b"\x80"),
        "version-0": ("close", encode([0, BOX, KEY])),
        "box-short": ("close", encode([1, BOX[:15], KEY])),
        "key-long": ("close", encode([1, BOX, KEY + b"\0"])),
        "key-text": ("close", encode([1, BOX, "k" * 32])),
        "no-ids": ("erase", encode([1, BOX, KEY, []])),
        "many-ids": ("erase", encode([1, BOX, KEY, [ID] * 257])),
        "no-parcels": ("put", encode([1, BOX, KEY, []])),
        "small": ("put", encode([1, BOX, KEY, [[ID, CELL[:-1]]]])),
        "large": ("put", encode([1, BOX, KEY, [[ID, CELL + b"\0"]]])),
        "twice": ("put", encode([1, BOX, KEY, [[ID, CELL], [ID, CELL]]])),
        "half-token": ("box", encode([1, KEY, KEY, KEY, ID])),
        "half-cursor": ("fetch", encode([1, BOX, KEY, b"1234567", 1, 1, 0, 0])),
        "no-room": ("fetch", encode([1, BOX, KEY, b"", 1, 0, 0, 0])),
        "too-many": ("fetch", encode([1, BOX, KEY, b"", 257, 1, 0, 0])),
        "too-long": ("fetch", encode([1, BOX, KEY, b"", 1, 1, 241, 0])),
        "part": ("fetch", encode([1, BOX, KEY, b"", 1, 1, 0, 2])),
        "left-out": ("fetch", encode([1, BOX, KEY])),
        "true": ("fetch", encode([1, BOX, KEY, b"", True, 1, 0, 0])),
        "float": ("fetch", encode([1, BOX, KEY, b"", 1.0, 1, 0, 0])),
    }
    for name, (which, data) in bad.items():
        refuse(name, "request", which, data)
    wrong = {
        "state-5": ("states", encode([1, [[5, 0]]])),
        "held-no-time": ("states", encode([1, [[1, 0]]])),
        "collected-held": ("states", encode([1, [[2, 9]]])),
        "outcome-3": ("made", encode([1, 3])),
        "cursor": ("fetched", encode([1, b"", 0, []])),
        "more-2": ("fetched", encode([1, ID, 2, []])),
        "no-size": ("fetched", encode([1, ID, 0, [[ID, 7, KEY]]])),
        "half": ("fetched", encode([1, ID, 0, [[ID, 16_384, ID]]])),
        "head": ("picked", encode([1, 1, [[ID, 16_384, KEY]]])),
        "unasked": ("picked", encode([1, 0, [[ID, 16_384, CELL]]])),
        "registration": ("about", encode([1, 3, 1, 1, 1, []])),
        "done-more": ("done", encode([1, 1])),
    }
    for name, (which, data) in wrong.items():
        refuse(name, "reply", which, data)
    refuse("newer", "reply", "done", encode([2, 1]), "newer_version")
