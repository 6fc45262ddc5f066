"""Measures Tiercel beside other programs and prints a table for each family. See docs/benchmarks.md.

$ make bench                                   everything, five runs each
$ make bench ARGS="--only road --size 4G"      one family at another size
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "src")]

FAMILIES = {
    "enclosure": "a file sealed into the vault and opened from it, beside age (--size in bytes)",
    "road": "file to parcels in a folder and out again, beside nncp (--size in bytes)",
    "engine": "a step of the delivery engine, and a visit, beside 10 to 100,000 open letters (--size: at most)",
    "letters": "letters sealed and opened per second, beside bare HPKE, age and gpg (--size: how many)",
    "startup": "starting the command and listing (--size: how many letters are in the vault)",
    "traffic": "what arrives in years of slow roads that lose, beside plain re-sending (--runs: seeds, --size: days)",
    "vault": "letters received, listed and searched in a large vault (--size: how many letters are in it)",
}
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def main() -> None:
    """Run what was asked for."""
    asked = arguments()
    from bench import common

    print(common.machine())
    for family in asked.only or FAMILIES:
        print(f"\n## {family}: {FAMILIES[family]}\n", flush=True)
        options = common.Options(asked.runs, asked.size, Path(asked.folder))
        measured = importlib.import_module(f"bench.{family}")
        if family == "traffic":  # counts, and no times
            print(measured.table(options), flush=True)
            continue
        rows = measured.measure(options)
        common.keep(family, rows)
        print(common.table(rows), flush=True)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=FAMILIES, help="one family; may be repeated")
    parser.add_argument("--runs", type=int, default=5, help="interleaved runs of each measurement")
    parser.add_argument("--size", type=size, help="bytes or letters, as the family says: 1000000, 64K, 4G")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where to work: several times the size free")
    return parser.parse_args()


def size(text: str) -> int:
    """A number with an optional K, M or G."""
    factor = UNITS.get(text[-1:].upper(), 1)
    return int(text[:-1] if factor > 1 else text) * factor


if __name__ == "__main__":
    main()
