"""A file goes into a letter, onto a folder, out on the other side and is saved there: the whole way, beside NNCP's.

Ours: write (seal into the vault), sync (parcels into the folder), sync of the other side (read, check, claim), save
(open into a new file). Theirs: nncp-file, nncp-xfer -tx, nncp-xfer -rx, nncp-toss. Both sync to disk as they do.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path

from tiercel.runtime import reading, syncing

from . import common
from .common import GIB, MIB, Options, Row
from .pair import two_people


def measure(options: Options) -> list[Row]:
    """Seconds per file, the share of each step, and the peak memory of a process that does the whole way."""
    size = options.size or GIB
    with common.workplace(options.folder) as place:
        source = common.random_file(place / "film.bin", size)
        steps: list[dict[str, float]] = []

        def ours() -> float:
            with common.workplace(place) as here:
                common.warm_memory(5 * size)
                steps.append(common.in_child(lambda: whole_way(here, source)))
            return steps[-1]["all"]

        works = {"tiercel": ours}
        if common.need("nncp-file"):
            works["nncp"] = lambda: _nncp(place, source)
        samples = common.interleaved(options.runs, works)
    name = f"file of {size / MIB:,.0f} MiB, whole way"
    rows = [Row(name, "s", samples["tiercel"], "nncp", samples.get("nncp", []), "≤ 0.33")]
    for step in ("write", "sync there", "sync here", "save"):
        rows.append(Row(f"of it: {step}", "s", [each[step] for each in steps]))
    rows.append(Row("peak memory", "MiB", [each["rss_mib"] for each in steps], target="< 100"))
    return rows


def whole_way(folder: Path, source: Path) -> dict[str, float]:
    """Seconds of each step; the file that comes out is compared with the one that went in."""
    ada, bo = two_people(folder)
    letters: list[str] = []
    common.settle()
    took = {"write": common.clock(lambda: letters.append(ada.write("enclosed", enclosures=(source,))))}
    took["sync there"] = common.clock(lambda: syncing.sync(ada.home))
    took["sync here"] = common.clock(lambda: syncing.sync(bo.home))
    (folder / "saved").mkdir()
    took["save"] = common.clock(lambda: reading.save_enclosure(bo.home, letters[0], 1, folder / "saved"))
    took["all"] = sum(took.values())
    _must_be_equal(source, folder / "saved" / source.name)
    return took


def _must_be_equal(left: Path, right: Path) -> None:
    digests = []
    for path in (left, right):
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").digest())
    if digests[0] != digests[1]:
        raise RuntimeError("what came out is not what went in")


# -- NNCP --------------------------------------------------------------------------------------------


def _nncp(place: Path, source: Path) -> float:
    with common.workplace(place) as here:
        ours, theirs = _two_nodes(here)
        road = here / "road"
        road.mkdir()
        common.warm_memory(5 * source.stat().st_size)
        common.settle()

        def way() -> None:
            common.quiet("nncp-file", "-quiet", "-cfg", ours, source, "peer:")
            common.quiet("nncp-xfer", "-quiet", "-cfg", ours, "-mkdir", "-tx", "-node", "peer", road)
            common.quiet("nncp-xfer", "-quiet", "-cfg", theirs, "-rx", road)
            common.quiet("nncp-toss", "-quiet", "-cfg", theirs)

        took = common.clock(way)
        if (here / "b" / "incoming" / source.name).stat().st_size != source.stat().st_size:
            raise RuntimeError("nncp did not deliver")
        return took


def _two_nodes(here: Path) -> tuple[Path, Path]:
    nodes = {name: _new_node() for name in "ab"}
    for name, other in ("ab", "ba"):
        for folder in ("incoming", "spool"):
            (here / name / folder).mkdir(parents=True)
        public = {key: nodes[other][key] for key in ("id", "exchpub", "signpub", "noisepub")}
        mine = {key: nodes[name][key] for key in ("id", "exchpub", "signpub", "noisepub")}
        settings = {
            "spool": str(here / name / "spool"),
            "log": str(here / name / "log"),
            "self": nodes[name],
            "neigh": {"self": mine, "peer": {**public, "incoming": str(here / name / "incoming")}},
        }
        (here / f"{name}.hjson").write_text(json.dumps(settings), "utf-8")
    return here / "a.hjson", here / "b.hjson"


def _new_node() -> dict[str, str]:
    text = subprocess.run(["nncp-cfgnew", "-nocomments"], capture_output=True, text=True, check=True).stdout
    part = text[text.index("self:") : text.index("neigh:")]
    return dict(re.findall(r"(\w+): ([A-Z2-7]{20,})", part))
