"""Reads the files of vectors/, whose format stands in vectors/README.md. Knows nothing of Tiercel."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
TEXTS = {"kind", "about", "expect", "profile", "words", "which", "host", "trust"}
VALUES = {
    "text", "direction", "steps", "size", "number", "receipt", "base_epoch", "bundle_len", "inside",
    "fields", "refs", "records", "files", "readers", "passphrase", "missing", "port",
    "address",
}  # fmt: skip
_TERM = re.compile(r"(?:@([a-z0-9/-]+)|([0-9a-f]+))(?:\[(\d*):(\d*)\])?(?:\*(\d+))?")

Case = dict[str, Any]


def paths() -> list[Path]:
    """Every case, sorted."""
    return sorted(VECTORS.glob("*/*.txt"))


def name_of(path: Path) -> str:
    """The name of a case, as in ``sealing/letter-one-symbol``."""
    return f"{path.parent.name}/{path.stem}"


def raw_lines(text: str) -> dict[str, str]:
    """Keys and values as they stand; a line that begins with a space goes on with the one before."""
    joined = text.replace("\n ", " ")
    lines = (line.partition(": ") for line in joined.splitlines() if line and not line.startswith("#"))
    return {key: value for key, _, value in lines}


def read(path: Path) -> Case:
    """One case with its values as Python has them: text, JSON or bytes."""
    return {key: _value(path, key, value) for key, value in raw_lines(path.read_text("utf-8")).items()}


def _value(path: Path, key: str, value: str) -> Any:
    if key in TEXTS:
        return value
    return json.loads(value) if key in VALUES else b"".join(_bytes(path, key, term) for term in value.split())


def _bytes(path: Path, key: str, term: str) -> bytes:
    """One term: hex, or the same key of another case of the same room, perhaps a slice, perhaps repeated."""
    found = _TERM.fullmatch(term)
    assert found, f"{path}: no term: {term[:40]}"
    other, data, begin, end, count = found.groups()
    whole: bytes = read(path.with_name(f"{other}.txt"))[key] if other else bytes.fromhex(data)
    return whole[int(begin or 0) : int(end) if end else None] * int(count or 1)
