"""The corpus of the fuzzer, replayed, and each file mutated a few times: the harness itself stays alive too."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
MUTATIONS = 60


def harness() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_run", ROOT / "fuzz" / "run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


FUZZ = harness()


@pytest.mark.parametrize("name", FUZZ.ENTRIES)
def test_whatever_was_found_stays_mended(name: str) -> None:
    entry, files, dice = FUZZ.ENTRIES[name], FUZZ.corpus(name), random.Random(name)
    assert files != [b""], "an entry point without examples is not fuzzed, only fed noise"
    for data in files:
        FUZZ.check(entry, data)
        for _ in range(MUTATIONS):
            FUZZ.check(entry, FUZZ.mutate(data, files, dice))


def test_the_harness_tells_a_refusal_from_a_failure() -> None:
    def fails(data: bytes) -> None:
        raise KeyError(data)

    with pytest.raises(KeyError):
        FUZZ.check(FUZZ.Entry(fails, (ValueError,)), b"x")
    FUZZ.check(FUZZ.Entry(fails, (KeyError,)), b"x")
