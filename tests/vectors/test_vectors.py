"""Every vector against the real code: the same values, the same bytes again, the same refusal."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tiercel import errors
from vectors import vector_files, vector_runner

ROOT = Path(__file__).resolve().parents[2]
NO_ERRORS = {"ok", "ignored", "incomplete"}
KINDS = {
    cls().kind for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.TiercelError)
}  # fmt: skip


@pytest.mark.parametrize("path", vector_files.paths(), ids=vector_files.name_of)
def test_vector(path: Path) -> None:
    case = vector_files.read(path)
    run = vector_runner.RUN[case["kind"]]
    if case["expect"] == "ok":
        found = run(case)
        assert {key: case[key] for key in found} == found
    else:
        with pytest.raises((errors.TiercelError, vector_runner.NoError)) as refused:
            run(case)
        assert refused.value.kind == case["expect"], refused.value


def test_there_are_three_refusals_for_every_success_and_each_names_a_verdict() -> None:
    good, bad = Counter[str](), Counter[str]()
    for path in vector_files.paths():
        expect = vector_files.raw_lines(path.read_text("utf-8"))["expect"]
        assert expect in KINDS | NO_ERRORS, path
        (good if expect == "ok" else bad)[path.parent.name] += 1
    assert set(good) == {"letter", "sealing", "parcel", "bond", "vault", "relay"}
    for room, count in good.items():
        assert bad[room] >= 3 * count, f"{room}: {bad[room]} refusals for {count}"


def test_the_generators_make_the_committed_vectors(tmp_path: Path) -> None:
    """As `make vectors`, without writing: nothing differs, nothing is missing, nothing is left over."""
    script = (
        "import kit, make, vector_files\n"
        "book = kit.Book(new_seals=False)\n"
        "[family.make(book) for family in make.FAMILIES]\n"
        "there = {vector_files.name_of(path): path.read_text('utf-8') for path in vector_files.paths()}\n"
        "print(*sorted(name for name in there | book.texts if there.get(name) != book.texts.get(name)))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT / "tools" / "vectors", capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, ran.stdout.strip(), ran.stderr) == (0, "", "")
