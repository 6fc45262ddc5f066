"""T-MUT-1, small: the tool finds wrong changes, names them for good, and some drawn by the commit are all noticed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "tools"))

from mutants.ledger import accepted  # noqa: E402
from mutants.operators import mutated, sites  # noqa: E402
from mutants.targets import critical, targets  # noqa: E402

MODULES = ("delivery.states", "sealing.padding", "sealing.verdict", "parcel.tags", "parcel.box")
FILES = {
    "delivery": ("states", "edges"),
    "sealing": ("padding", "envelope", "edges"),
    "parcel": ("box", "tags", "edges"),
}
SOURCE = '''
"""A module."""
from tiercel.limits import MOST
TABLE = {"a": 1}
def after(a, b, *, c=True):
    """What follows."""
    if a < MOST and not b:
        raise ValueError("too much")
    go(a, b, key=c)
    return a[1:]
'''


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "mutants" / "run.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=500, cwd=ROOT)


def seed() -> str:
    """Of the commit, so that the runs of many commits try many mutants."""
    return subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=ROOT).stdout.strip()


def words_for(modules: tuple[str, ...]) -> list[str]:
    tests = [f"tests/unit/{room}/test_{room}_{name}.py" for room, names in FILES.items() for name in names]
    only = [word for module in modules for word in ("--only", f"tiercel.{module}")]
    return [*only, *(word for test in tests for word in ("--tests", test))]


def test_T_MUT_1(tmp_path: Path) -> None:
    """Forty mutants of the modules whose own tests are quick. `make mutants` tries them all."""
    done = run("--sample", "40", "--seed", seed(), "--folder", str(tmp_path), *words_for(MODULES))
    assert done.returncode == 0, f"repeat with --seed {seed()}:\n{done.stdout}{done.stderr}"
    assert "40 mutants, 0 survived" in done.stdout


def test_a_survivor_ends_it_with_an_error(tmp_path: Path) -> None:
    words = ("--only", "tiercel.sealing.verdict", "--tests", "tests/unit/bond/test_bond_words.py")
    done = run("--sample", "3", "--folder", str(tmp_path), *words)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "no test comes here" in done.stdout


def test_every_kind_of_change_is_found_once() -> None:
    names = [site.name for site in sites(ast.parse(SOURCE))]
    assert len(set(names)) == len(names)
    for name in (
        "<module>: 1 -> 2",
        "<module>: 'a': 1 -> left out",
        "after: a < MOST -> a <= MOST",
        "after: MOST -> MOST + 1",
        "after: not b -> b",
        "after: a < MOST and (not b) -> a < MOST or not b",
        "after: a < MOST in a < MOST and (not b) -> left out",
        "after: raise ValueError('too much') -> pass",
        "after: go(a, b, key=c) -> go(b, a, key=c)",
        "after: go(a, b, key=c) -> go(a, b)",
        "after: go(a, b, key=c) -> pass",
        "after: True -> False",
        "after: return a[1:] -> return",
        "after: a[1:] -> a[:]",
    ):
        assert name in names, name


def test_each_change_is_made_alone() -> None:
    whole = ast.unparse(ast.parse(SOURCE))
    made = {ast.unparse(mutated(SOURCE, index)) for index in range(len(sites(ast.parse(SOURCE))))}
    assert whole not in made
    assert len(made) == len(sites(ast.parse(SOURCE)))
    for text in made:
        compile(text, "mutant", "exec")


def test_every_accepted_survivor_is_one_that_can_be_made() -> None:
    listed = accepted()
    for target in targets():
        names = {site.name for site in sites(ast.parse(target.path.read_text("utf-8")))}
        gone = [name for module, name in listed if module == target.module and name not in names]
        assert not gone, f"{target.module}: take these off tools/mutants/survivors.md: {gone}"
    assert {module for module, _name in listed} <= {target.module for target in targets()}


def test_a_survivor_needs_a_reason(tmp_path: Path) -> None:
    page = tmp_path / "survivors.md"
    page.write_text("## m\n- `a: 1 -> 2`\n- `b: 1 -> 2`\n  the same either way\n\n## n\n- `c: 1 -> 2`\n  so\n")
    assert accepted(page) == {
        ("m", "a: 1 -> 2"): "the same either way", ("m", "b: 1 -> 2"): "the same either way", ("n", "c: 1 -> 2"): "so",
    }  # fmt: skip
    page.write_text("## m\n- `a: 1 -> 2`\n")
    with pytest.raises(ValueError, match="no reason"):
        accepted(page)


def test_what_must_not_survive_is_known_by_its_name() -> None:
    named = ("seal_letter", "_open_batch", "unpad_body", "parse_box", "StreamCipher.open_into", "<module>")
    assert all(map(critical, named))
    assert not critical("room_left")
