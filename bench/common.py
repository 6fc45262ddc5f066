"""What every family of the bench shares: interleaved runs, children with their peak memory, and the table."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PACKAGES = {"age": "age", "gpg": "gnupg", "nncp-file": "nncp"}


@dataclass(frozen=True)
class Options:
    """What the command line asked for. ``size`` means bytes or letters, as each family says; None is its default."""

    runs: int
    size: int | None
    folder: Path


@dataclass
class Row:
    """One line of the table: samples in ``unit``, beside the samples of a peer from the same minutes."""

    what: str
    unit: str
    samples: list[float]
    peer: str = ""
    peer_samples: list[float] = field(default_factory=list)
    target: str = ""
    note: str = ""

    @property
    def median(self) -> float:
        """The middle of the samples."""
        return statistics.median(self.samples)

    @property
    def ratio(self) -> float | None:
        """Median of the ratios of each interleaved pair: ours over the peer's."""
        if not self.peer_samples:
            return None
        return statistics.median(ours / theirs for ours, theirs in zip(self.samples, self.peer_samples, strict=True))


# -- measuring ---------------------------------------------------------------------------------------


def clock(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def interleaved(runs: int, works: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """A B C A B C ...: each work measures itself and gives its figure."""
    samples: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            samples[name].append(work())
    return samples


def settle() -> None:
    """Let earlier writes reach the disk, so that nobody pays for them in the next measurement."""
    os.sync()


def warm_memory(size: int) -> None:
    """Touch that much free memory: a virtual machine may have given it back, and the first to write pays for it."""
    spare = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") * 6 // 10

    def touch() -> dict[str, float]:
        for _ in range(min(size, spare) // (64 * MIB)):
            blocks.append(b"x" * (64 * MIB))
        return {}

    blocks: list[bytes] = []
    in_child(touch)


@contextlib.contextmanager
def workplace(base: Path) -> Iterator[Path]:
    """A folder for one measurement, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="tiercel-bench-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def random_file(path: Path, size: int) -> Path:
    """A file nobody can compress, in the page cache afterwards."""
    with path.open("wb") as file:
        for start in range(0, size, MIB):
            file.write(os.urandom(min(MIB, size - start)))
    return path


def in_child(work: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Run ``work`` in a process of its own; its figures, and ``rss_mib``, the most memory it ever had."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            figures = work()
            figures["rss_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            os.write(writer, json.dumps(figures).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    if os.waitpid(child, 0)[1]:
        raise RuntimeError("a measured process failed")
    result: dict[str, float] = json.loads(said)
    return result


def quiet(*command: str | Path, stdin: bytes | None = None) -> None:
    """Run a program that must succeed, without its words."""
    ran = subprocess.run(command, input=stdin, capture_output=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{command[0]} failed: {ran.stderr.decode(errors='replace')[-400:]}")


# -- peers -------------------------------------------------------------------------------------------


def need(program: str) -> bool:
    """Whether a peer is here; as root on Debian it is installed when it is not."""
    if shutil.which(program):
        return True
    package = PACKAGES[program]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"installing {package} ...", flush=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", package], capture_output=True, check=False)
    if not shutil.which(program):
        print(f"{program} is not here, so nothing is measured beside it: install {package} (as root: apt-get install)")
    return shutil.which(program) is not None


# -- telling -----------------------------------------------------------------------------------------


def machine() -> str:
    """One line that says where the figures come from."""
    model = platform.processor() or "unknown processor"
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    return (
        f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    )


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    head = "| what | median | min | max | beside it | ratio | target |"
    lines = [head, "|---|---|---|---|---|---|---|"]
    for row in rows:
        beside = f"{row.peer} {_figure(statistics.median(row.peer_samples))}" if row.peer_samples else row.note
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
        cells = (f"{_figure(row.median)} {row.unit}", _figure(min(row.samples)), _figure(max(row.samples)))
        lines.append("| " + " | ".join((row.what, *cells, beside, ratio, row.target)) + " |")
    return "\n".join(lines)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def keep(family: str, rows: Sequence[Row]) -> None:
    """Append the samples to bench/results/local/, which stays on this machine."""
    folder = ROOT / "bench" / "results" / "local"
    folder.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    command = " ".join(sys.argv[1:])
    with (folder / f"{family}.jsonl").open("a", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps({"at": stamp, "machine": machine(), "command": command, **vars(row)}) + "\n")
