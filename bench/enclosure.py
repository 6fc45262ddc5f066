"""One file sealed into the vault and opened from it, beside age doing the same to a file beside it.

Ours syncs what it writes and pads it; age does neither, so a second peer is age and then an fsync of its file.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from tiercel.runtime import reading, writing
from tiercel.runtime.views import Draft

from . import common
from .common import GIB, MIB, Options, Row
from .pair import two_people


def measure(options: Options) -> list[Row]:
    """Seconds to seal and to open, and the peak memory of a process that does both."""
    size = options.size or GIB
    with common.workplace(options.folder) as place:
        source = common.random_file(place / "film.bin", size)
        figures: list[dict[str, float]] = []
        works: dict[str, Callable[[], float]] = {"tiercel": lambda: _one(place, size, figures, _ours, source)}
        theirs: list[dict[str, float]] = []
        if common.need("age"):
            works["age"] = lambda: _one(place, size, theirs, _age, source)
        common.interleaved(options.runs, works)
    name = f"file of {size / MIB:,.0f} MiB"
    rows = []
    for act, target in (("seal", "≤ 0.60"), ("open", "")):
        ours = [each[act] for each in figures]
        rows.append(Row(f"{name}: {act}", "s", ours, "age", [each[act] for each in theirs], target))
        synced = [each[act] + each[f"{act} sync"] for each in theirs]
        rows.append(Row(f"{name}: {act}, age's file synced too", "s", ours, "age + fsync", synced))
    return [*rows, Row("peak memory", "MiB", [each["rss_mib"] for each in figures], target="< 100")]


def _one(
    place: Path, size: int, into: list[dict[str, float]], work: Callable[[Path, Path], dict[str, float]], source: Path
) -> float:
    with common.workplace(place) as here:
        common.warm_memory(3 * size)
        into.append(common.in_child(lambda: work(here, source)))
    return into[-1]["seal"]


def _ours(here: Path, source: Path) -> dict[str, float]:
    ada, _bo = two_people(here)
    (here / "out").mkdir()
    common.settle()
    ids: list[str] = []
    draft = Draft("bo", "enclosed", enclosures=(source,))
    took = {"seal": common.clock(lambda: ids.append(writing.write(ada.home, draft).id))}
    common.settle()
    took["open"] = common.clock(lambda: reading.save_enclosure(ada.home, ids[0], 1, here / "out"))
    return took


def _age(here: Path, source: Path) -> dict[str, float]:
    subprocess.run(["age-keygen", "-o", here / "key"], capture_output=True, check=True)
    key = subprocess.run(["age-keygen", "-y", here / "key"], capture_output=True, text=True, check=True).stdout.strip()
    common.settle()
    took = {"seal": common.clock(lambda: common.quiet("age", "-r", key, "-o", here / "sealed", source))}
    took["seal sync"] = common.clock(lambda: _sync(here / "sealed"))
    common.settle()
    took["open"] = common.clock(
        lambda: common.quiet("age", "-d", "-i", here / "key", "-o", here / "opened", here / "sealed")
    )
    took["open sync"] = common.clock(lambda: _sync(here / "opened"))
    return took


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
