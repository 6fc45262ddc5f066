"""What every generator needs: cases with their text, cases made from others, and seals that are kept."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "vectors")]

import vector_files  # noqa: E402

from tiercel import crypto  # noqa: E402
from tiercel.errors import SealBroken  # noqa: E402
from tiercel.testing.entropy import SeededEntropy  # noqa: E402

_RUN = re.compile(rb"(.)\1{31,}", re.DOTALL)
_WIDTH = 120


class Terms(str):
    """A value of bytes as it stands in the file, such as ``@other[0:36] ff``."""

    __slots__ = ()


def random(name: str, size: int) -> bytes:
    """Bytes that nothing but their name decides."""
    return SeededEntropy(name).token(size)


def cut(case: str, begin: int | str = "", end: int | str = "") -> str:
    """A part of the same value of another case of the room."""
    return f"@{case}[{begin}:{end}]"


def with_byte(case: str, data: bytes, at: int, value: int | None = None) -> Terms:
    """Another case with one byte changed: its lowest bit flipped, or a value given."""
    at %= len(data)
    return Terms(f"{cut(case, 0, at)} {data[at] ^ 1 if value is None else value:02x} {cut(case, at + 1)}")


class Book:
    """All cases of one making, by name."""

    def __init__(self, new_seals: bool) -> None:
        self.new_seals = new_seals
        self.texts: dict[str, str] = {}

    def add(self, name: str, kind: str, about: str, expect: str = "ok", **values: Any) -> None:
        """One case. Keyword order is file order."""
        assert name not in self.texts, name
        pairs = {"kind": kind, "about": about, "expect": expect} | {
            key: _written(key, value) for key, value in values.items()
        }
        self.texts[name] = "".join(_folded(f"{key}: {value}") for key, value in pairs.items())

    def seal(self, name: str, key: str, skip: int, seed: bytes, info: bytes, plain: bytes) -> bytes:
        """An HPKE seal. It is random, so the one of the committed case is kept while it opens to the same plaintext.

        Args:
            name: The case it stands in.
            key: The value it stands in, at its end.
            skip: Bytes of that value before it.
            seed: Private key it is sealed to.
            info: As in the specification.
            plain: What is sealed.
        """
        path = vector_files.VECTORS / f"{name}.txt"
        if path.exists() and not self.new_seals:
            sealed = vector_files.read(path)[key][skip:]
            try:
                if crypto.hpke_open(seed, info, sealed) == plain:
                    return bytes(sealed)
            except SealBroken:
                pass
        if not self.new_seals:
            sys.exit(f"{name}: the seal in {key} is missing or not of these inputs; run make.py --new")
        return crypto.hpke_seal(crypto.kem_public(seed), info, plain)


def _written(key: str, value: Any) -> str:
    if isinstance(value, Terms) or key in vector_files.TEXTS:
        return str(value)
    if isinstance(value, bytes | bytearray):
        return _hex(bytes(value))
    return json.dumps(shown(value), ensure_ascii=True)


def shown(value: Any) -> Any:
    """Decoded MessagePack as JSON: bytes become {"hex": ...}."""
    if isinstance(value, bytes | bytearray):
        return {"hex": value.hex()}
    return [shown(item) for item in value] if isinstance(value, list | tuple) else value


def _hex(data: bytes) -> str:
    """Hex; runs of one byte as ``00*1000``."""
    terms, at = [], 0
    for run in _RUN.finditer(data):
        terms += [data[at : run.start()].hex(), f"{run[1].hex()}*{len(run[0])}"]
        at = run.end()
    return " ".join(term for term in (*terms, data[at:].hex()) if term)


def _folded(line: str) -> str:
    """A line; plain hex is cut into lines that begin with a space."""
    key, value = line.split(": ", 1)
    if len(line) <= _WIDTH or key in vector_files.TEXTS or key in vector_files.VALUES:
        return line + "\n"
    pieces = [piece for term in value.split() for piece in ([term] if "*" in term else _cut(term))]
    return f"{key}: " + "\n ".join(pieces) + "\n"


def _cut(term: str) -> list[str]:
    return [term[at : at + _WIDTH] for at in range(0, len(term), _WIDTH)]
