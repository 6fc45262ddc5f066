"""Feeds every decoder rubbish that was once right: a value or its own refusal may come of it, and nothing else.

$ make fuzz                                        a minute for each entry point
$ make fuzz ARGS="--seconds 600 --only letter"     one of them for longer
$ make fuzz ARGS="--seed 7"                        the same rubbish again

The corpus, fuzz/corpus/ENTRY/*, holds right examples and whatever was found; a test replays it and mutates each file
a few times. An input that fails is written there and named.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from tiercel import errors, wire  # noqa: E402
from tiercel.bond.invitation import decode_invitation  # noqa: E402
from tiercel.bond.pairing import Accepting, InviterAnswered, Inviting, Paired  # noqa: E402
from tiercel.letter.markup import parse, to_terminal  # noqa: E402
from tiercel.letter.names import safe_name  # noqa: E402
from tiercel.letter.record import decode_letter  # noqa: E402
from tiercel.parcel.box import parse_box  # noqa: E402
from tiercel.parcel.note import decode_note  # noqa: E402
from tiercel.relay import protocol as relay  # noqa: E402
from tiercel.sealing.envelope import split_bundle  # noqa: E402
from tiercel.sealing.padding import unpad_body  # noqa: E402
from tiercel.sealing.prekeys import accept_gifts  # noqa: E402
from tiercel.vault.keys import check_header  # noqa: E402

CORPUS = ROOT / "fuzz" / "corpus"
SIZE_MAX = 1 << 17
ODD = (0, 1, 0x7F, 0x80, 0xFF, 0xC0, 0xC4, 0xC6, 0xD9, 0xDC, 0xDD, 0xDF)  # and heads of MessagePack


@dataclass(frozen=True)
class Entry:
    """A decoder and the errors that are its own."""

    decode: Callable[[bytes], object]
    refuses: tuple[type[Exception], ...] = ()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


ENTRIES: dict[str, Entry] = {
    "wire_lp": Entry(lambda data: wire.split_lp(data, 3, SIZE_MAX), (errors.MalformedWire,)),
    "base32": Entry(lambda data: wire.from_base32(_text(data)), (errors.MalformedWire,)),
    "letter": Entry(decode_letter, (errors.MalformedLetter, errors.NewerVersion)),
    "bundle": Entry(split_bundle, (errors.MalformedBundle,)),
    "body": Entry(unpad_body, (errors.MalformedBundle,)),
    "gift": Entry(lambda data: accept_gifts([data], (), ())),
    "box": Entry(lambda data: parse_box(bytearray(data)), (errors.MalformedParcel, errors.NewerVersion)),
    "note": Entry(decode_note, (errors.MalformedNote, errors.NewerVersion)),
    "invitation": Entry(lambda data: decode_invitation(_text(data)), (errors.MalformedInvitation, errors.NewerVersion)),
    **{
        f"pairing_{kind.__name__.lower()}": Entry(kind.from_bytes, (errors.MalformedPairing, errors.NewerVersion))
        for kind in (Inviting, InviterAnswered, Accepting, Paired)
    },
    "relay_address": Entry(
        lambda data: relay.decode_address(_text(data)), (errors.MalformedAddress, errors.NewerVersion)
    ),
    **{
        f"relay_{kind.__name__.lower()}": Entry(
            lambda data, kind=kind: relay.decode_request(kind, data), (errors.MalformedRelay, errors.NewerVersion)
        )
        for kind in relay.PATHS
    },
    **{
        f"relay_{kind.__name__.lower()}": Entry(
            lambda data, kind=kind: relay.decode_answer(kind, data), (errors.MalformedRelay, errors.NewerVersion)
        )
        for kind in (relay.About, relay.Made, relay.States, relay.Fetched, relay.Picked, relay.Done)
    },
    "vault_header": Entry(check_header, (errors.VaultDamaged, errors.VaultNewer)),
    "name": Entry(lambda data: safe_name(_text(data))),
    "markup": Entry(lambda data: (parse(_text(data)), to_terminal(_text(data)))),
}


def corpus(entry: str) -> list[bytes]:
    """The files of one entry point, in the order of their names; never empty."""
    return [path.read_bytes() for path in sorted((CORPUS / entry).glob("*"))] or [b""]


def mutate(data: bytes, others: Sequence[bytes], dice: random.Random) -> bytes:
    """A few small changes, of the kinds that parsers fall over."""
    out = bytearray(data)
    for _ in range(1 << dice.randrange(4)):
        at = dice.randrange(len(out) + 1)
        length = 1 << dice.randrange(7)
        match dice.randrange(7):
            case 0 if out:
                out[at % len(out)] ^= 1 << dice.randrange(8)
            case 1 if out:
                out[at % len(out)] = dice.choice(ODD)
            case 2:
                del out[at : at + length]
            case 3:
                out[at:at] = dice.randbytes(length)
            case 4:
                out[at:at] = out[at : at + length]
            case 5:
                out[at : at + 4] = dice.choice((0, 1, len(out), 0x7FFFFFFF, 0xFFFFFFFF)).to_bytes(4, "big")
            case _:
                other = dice.choice(others)
                out[at:] = other[dice.randrange(len(other) + 1) :]
    return bytes(out[:SIZE_MAX])


def check(entry: Entry, data: bytes) -> None:
    """Raises what the decoder should not have raised."""
    try:
        entry.decode(data)
    except entry.refuses:
        return


def fuzz(name: str, seconds: float, seed: str) -> tuple[int, list[bytes]]:
    """How many inputs were tried within the time, and those that failed."""
    entry, seeds, dice = ENTRIES[name], corpus(name), random.Random(f"{name} {seed}")
    end, tried, failed = time.monotonic() + seconds, 0, []
    while time.monotonic() < end and len(failed) < 5:
        data = mutate(dice.choice(seeds), seeds, dice)
        tried += 1
        try:
            check(entry, data)
        except Exception:  # noqa: BLE001  -- whatever it is, it is what we look for
            traceback.print_exc()
            failed.append(data)
    return tried, failed


def main() -> int:
    """Run what was asked for; 1 when anything failed."""
    parser = argparse.ArgumentParser(prog="fuzz/run.py", description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=ENTRIES, help="one entry point; may be repeated")
    parser.add_argument("--seconds", type=float, default=60, help="for each entry point")
    parser.add_argument("--seed", default=str(time.time_ns()), help="to have the same inputs again")
    asked = parser.parse_args()
    found = 0
    print(f"seed {asked.seed}")
    for name in asked.only or ENTRIES:
        tried, failed = fuzz(name, asked.seconds, asked.seed)
        found += len(failed)
        print(f"{name}: {tried:,} inputs, {len(failed)} failed", flush=True)
        for data in failed:
            (CORPUS / name).mkdir(parents=True, exist_ok=True)
            path = CORPUS / name / f"found-{random.Random(data).randbytes(6).hex()}"
            path.write_bytes(data)
            print(f"  {path.relative_to(ROOT)}")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
