"""What is mutated, and the tests that must notice.

Each target is a module with the tests of its room. Functions whose names begin with one of ``CRITICAL`` and every table
in the body of a module are tried first, and their survivors are marked in the report.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"

SHARED_TESTS = (
    "tests/vectors", "tests/unit/test_domains.py", "tests/unit/test_fuzz_corpus.py", "tests/tidy/test_spec.py",
)  # fmt: skip
RULES = ("states", "schedule", "passes", "parcels")
"""Modules of delivery without a store behind them. The others are handlers, which the runtime's tests and the simulated
worlds exercise: what lives there is counted and told, and does not end the run with an error."""
CRITICAL = ("seal", "open", "verify", "unpad", "parse", "split", "decode", "recognise", "same", "check")


@dataclass(frozen=True)
class Target:
    """A module, by its dotted name, and the tests of its room, the first of which are its own."""

    module: str
    tests: tuple[str, ...]

    @property
    def counted_only(self) -> bool:
        """Whether survivors here are no error."""
        room, _, name = self.module.rpartition(".")
        return room.endswith("delivery") and name not in RULES

    @property
    def path(self) -> Path:
        """Its source."""
        return SRC / (self.module.replace(".", "/") + ".py")

    def stage(self, test: str) -> int | None:
        """When a test runs: 0 in a file named for this module, 1 in its room, 2 elsewhere; None: not at all."""
        file = test.partition("::")[0]
        if test.startswith(self.tests[0]):
            return 0 if self.module.rpartition(".")[2] in file.rpartition("/")[2] else 1
        return 2 if test.startswith((*self.tests[1:], *SHARED_TESTS)) else None


def targets() -> list[Target]:
    """Every target, in the order of the report. A new module of delivery is one by being there."""
    delivery = sorted(path.stem for path in (SRC / "tiercel" / "delivery").glob("*.py") if path.stem != "__init__")
    rooms = {
        "sealing": ("envelope", "padding", "prekeys", "stream", "verdict"),
        "parcel": ("box", "epochs", "gather", "note", "profiles", "symbols", "tags"),
        "letter": ("record",),
        "bond": ("invitation", "messages", "pairing", "transcript", "words"),
        "delivery": tuple(delivery),
    }
    own = [
        Target(f"tiercel.{room}.{module}", (f"tests/unit/{room}", f"tests/properties/test_{room}"))
        for room, modules in rooms.items()
        for module in modules
    ]
    everyone = tuple(f"tests/unit/{room}" for room in rooms)
    below = [Target(f"tiercel.{module}", (f"tests/unit/test_{module}", *everyone)) for module in ("crypto", "wire")]
    return [*own, *below]


def critical(where: str) -> bool:
    """Whether a survivor in this function is one too many even where others were put up with."""
    return where == "<module>" or any(word in CRITICAL for word in where.replace(".", "_").split("_"))
