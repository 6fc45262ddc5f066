"""T-VEC-1: a reader written from spec/ alone opens every vector that must open."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from vectors import second_decoder, vector_files

SOURCE = Path(second_decoder.__file__)
WORDS = Path(__file__).resolve().parents[2] / "src" / "tiercel" / "bond" / "wordlist.txt"
GOOD = [path for path in vector_files.paths() if "\nexpect: ok\n" in path.read_text("utf-8")]


@pytest.mark.parametrize("path", GOOD, ids=vector_files.name_of)
def test_T_VEC_1(path: Path) -> None:
    second_decoder.WORDS[:] = WORDS.read_text("ascii").split()
    case = vector_files.read(path)
    found = second_decoder.OPENERS[case["kind"]](case)
    compared = {key: value for key, value in found.items() if key in case}
    assert compared == {key: case[key] for key in compared}
    # A letter too long to be shown field by field has only to decode.
    assert compared or (case["kind"] == "record" and found["fields"][0] == 1)


def test_T_VEC_1_it_is_short_and_stands_alone() -> None:
    text = SOURCE.read_text("utf-8")
    assert len(text.splitlines()) <= 175
    allowed = sys.stdlib_module_names | {"msgspec", "cryptography"}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            assert (node.module or "").partition(".")[0] in allowed
    assert "__import__" not in text
    assert "tiercel/1" in text
    assert text.count("tiercel") == 1
