"""The traffic of security.md 3.5, small: some months on slow roads that lose. `make bench` has the whole table."""

from __future__ import annotations

from pathlib import Path

import pytest

from traffic import Case, Correspondence, Figures

DAYS, AFTER_DAYS = 150.0, 200.0
CASES = {
    "a tenth lost, a quarter slow": Case("", days=DAYS),
    "two fifths lost": Case("", loss=0.4, days=DAYS),
    "one writes": Case("", one_sided=True, days=DAYS),
    "eight a week": Case("", per_week=8.0, days=60.0),
}


def lived(case: Case, folder: Path, seeds: range) -> Figures:
    total = Figures()
    for seed in seeds:
        (folder / str(seed)).mkdir()
        total.add(Correspondence(case, seed, folder / str(seed)).live())
    return total


@pytest.mark.parametrize("case", CASES)
def test_letters_on_slow_roads_arrive_readable_and_as_soon_as_re_sending_can(tmp_path: Path, case: str) -> None:
    total = lived(CASES[case], tmp_path, range(1))
    assert total.letters > 15 and len(total.key_days) > 10
    assert total.unreadable == 0 and total.expired == 0
    assert total.never == 0
    assert total.late <= total.late_monthly + max(1, total.letters // 50)


def test_only_what_an_older_copy_forgot_is_lost_when_vaults_are_put_back(tmp_path: Path) -> None:
    total = lived(Case("", restore_days=60.0, days=DAYS, after_days=300.0), tmp_path, range(1))
    assert total.letters > 30
    assert total.never == total.forgotten
    assert total.late <= total.late_monthly + total.forgotten + max(1, total.letters // 10)
