"""The order of a list is what a person expects: newest first, whatever order a folder gives its files in."""

from __future__ import annotations

from pathlib import Path

from people import bonded, exchange
from tiercel.limits import DAY_MS
from tiercel.runtime import reading, writing
from tiercel.runtime.views import Draft
from tiercel.vault import letters as rows


def test_letters_that_came_in_one_visit_are_listed_by_number(tmp_path: Path) -> None:
    """They were listed in the random order of their files."""
    ada, bo = bonded(tmp_path)
    for n in range(12):
        ada.write(f"letter {n}", subject=str(n))
    exchange(ada, bo)
    bo.write("an answer", subject="answer")
    writing.write(bo.home, Draft("ada", "a draft", subject="draft"), send=False)
    for n in range(12, 15):
        ada.write(f"letter {n}", subject=str(n))
    exchange(ada, bo)
    expected = ["14", "13", "12", "draft", "answer", *(str(n) for n in reversed(range(12)))]
    assert [letter.subject for letter in reading.letters(bo.home)] == expected
    assert [letter.subject for letter in reading.letters(bo.home, "ada", 5)] == expected[:5]
    listed = [letter.subject for letter in reading.letters(ada.home)]
    assert [each for each in listed if each != "answer"] == [str(n) for n in reversed(range(15))]


def test_the_newest_letters_are_found_without_looking_at_the_others(tmp_path: Path) -> None:
    ada, _bo = bonded(tmp_path)
    query = "EXPLAIN QUERY PLAN SELECT id FROM letters WHERE "
    for where in (rows._SHOWN, "bond = 1 AND " + rows._SHOWN):
        plan = " ".join(row[3] for row in ada.home.vault.all(f"{query}{where} ORDER BY listed DESC, seq DESC LIMIT 50"))
        assert "USING INDEX letters_" in plan and "TEMP B-TREE" not in plan, plan


def test_no_number_of_a_correspondent_moves_a_letter_out_of_its_visit(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    bond = 1
    with bo.home.vault.transaction():
        common = {"bond": bond, "direction": "in", "state": "arrived", "arrived_at": bo.clock.now_ms() + DAY_MS}
        rows.add_letter(bo.home.vault, id=b"a" * 16, number=(1 << 32) - 1, subject="first", **common)
    ours = bo.write("second", subject="second")
    exchange(ada, bo, rounds=1)
    assert [letter.subject for letter in reading.letters(bo.home)] == ["second", "first"]
    assert bo.letter(ours).number == 1
