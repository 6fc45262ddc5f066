"""T-ROLL-2: a vault and a copy of it write alternately, and both sides are warned."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hostile import Hostile
from letter_kit import letter
from people import PASSPHRASE, Person, bonded, exchange
from tiercel.letter.record import encode_letter
from tiercel.runtime import bonds, doctor, problems
from tiercel.runtime.home import Home
from tiercel.sealing.prekeys import make_prekey, parse_gift
from tiercel.testing.entropy import SeededEntropy
from tiercel.vault import bonds as bond_rows
from tiercel.vault import incarnations
from tiercel.vault.store import Vault

ANOTHER, TWO = "another copy of it is in use", "Two vaults write as ada"


def warnings(person: Person) -> str:
    return " / ".join(bonds.bonds(person.home)[0].warnings)


def cloned(person: Person, folder: Path) -> Person:
    """A copy of a vault on another machine: no marker there says that it is one."""
    person.home.close()
    shutil.copytree(person.folder, folder / "clone" / person.name)
    person.reopen()
    twin = object.__new__(Person)
    twin.name, twin.clock, twin.folder = person.name, person.clock, folder / "clone" / person.name
    twin.entropy, twin.state_dir = SeededEntropy("the clone"), folder / "clone-state"
    twin.home = Home(
        Vault.open(twin.folder, PASSPHRASE, twin.entropy, state_dir=twin.state_dir), twin.clock, twin.entropy
    )
    return twin


def test_T_ROLL_2_original_and_clone_alternately(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    twin = cloned(ada, tmp_path)
    ada.write("from the original")
    exchange(ada, bo, rounds=1)
    assert TWO not in warnings(bo) and ANOTHER not in warnings(ada)
    twin.write("from the clone")
    exchange(twin, bo, rounds=1)
    assert TWO in warnings(bo), "the other side knows with the first letter of the second vault"
    twin.sync()
    assert ANOTHER in warnings(twin), "which found there what answers the first"
    for _ in range(3):
        ada.clock.advance(days=1)
        exchange(twin, bo, ada, rounds=1)
    ada.write("again")
    exchange(ada, bo, rounds=2)
    for _ in range(3):
        ada.clock.advance(days=1)
        exchange(bo, ada, rounds=1)
    assert ANOTHER in warnings(ada)


def test_one_number_and_two_letters(tmp_path: Path) -> None:
    """The clone used another key, so that its letter opens: its number is taken."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    twin = cloned(ada, tmp_path)
    with twin.home.vault.transaction():
        [(pid,)] = twin.home.vault.all(
            "SELECT pid FROM prekeys_theirs WHERE kind = 'one-time' ORDER BY made_day DESC, rowid DESC LIMIT 1"
        )
        twin.home.vault.run("DELETE FROM prekeys_theirs WHERE pid = ?", pid)
    letters = ada.write("from the original"), twin.write("from the clone")
    exchange(ada, twin, bo, rounds=1)
    assert [bo.letter(each).number for each in letters] == [1, 1]
    assert TWO in warnings(bo)


def test_an_incarnation_that_was_left_and_writes_on(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    twin = cloned(ada, tmp_path)
    doctor.accept_old_copy(twin.home)
    on_its_way = ada.write("written before anybody knew")
    ada.sync()
    exchange(twin, bo, rounds=1)
    assert bo.letter(on_its_way).state == "arrived" and TWO not in warnings(bo), "it was on its way"
    bonds.confirm(bo.home, "ada")
    assert warnings(bo) == ""
    ada.clock.advance(days=1)
    silent = ada.write("still here")
    exchange(ada, bo)
    assert TWO in warnings(bo)
    assert ada.state(silent) == "handed over", "bo speaks to the copy: the vault that was left hears nothing more"


def test_what_an_incarnation_that_was_left_gave_is_passed_over(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    twin = cloned(ada, tmp_path)
    ada.write("x" * 3000)
    ada.sync()
    kept = {path: path.read_bytes() for path in (tmp_path / "post").iterdir()}
    doctor.accept_old_copy(twin.home)
    exchange(twin, bo, rounds=1)
    for path, data in kept.items():
        path.write_bytes(data)
    bo.sync()
    current = incarnations.current(bo.home.vault, 1)
    assert current is not None
    assert current.incarnation == bond_rows.bond_by_id(twin.home.vault, 1).incarnation
    givers = {row[0] for row in bo.home.vault.all("SELECT incarnation FROM prekeys_theirs")}
    assert givers == {current.incarnation}


def test_what_comes_to_a_key_never_made_is_counted_and_warned_of_and_asked_for_again(tmp_path: Path) -> None:
    """Its author sealed it to a gift of another copy of this vault. It is no news of its own: nothing can be done."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    hostile = Hostile(ada.home, tmp_path / "post", seed=1, gifts=1)
    hostile.gifts = [parse_gift(make_prekey(SeededEntropy("never given"))[1])]
    hostile.record(encode_letter(letter(number=7, previous=bytes(31) + b"x")))
    report = bo.sync()
    assert not report.letters and not any("could not be opened" in said for said in report.notices)
    assert [item.verdict for item in problems.problems(bo.home)] == ["key_expired"]
    assert ANOTHER in warnings(bo)
    assert report.put == 1, "the note that asks for another seal"


@pytest.mark.parametrize("days", [10, 300])
def test_what_the_lost_time_wrote_is_no_alarm_for_a_while(tmp_path: Path, days: int) -> None:
    """Receipts of the letters it wrote come to the copy; only long after nobody can still answer them."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    twin = cloned(ada, tmp_path)
    ada.write("from the lost time")
    exchange(ada, bo, rounds=1)
    bo.sync()
    doctor.accept_old_copy(twin.home)
    before = warnings(twin)
    with twin.home.vault.transaction():
        twin.home.vault.run("UPDATE meta SET value = value - ? WHERE key = 'put_back_at'", days * 86_400_000)
    twin.sync()
    assert (ANOTHER in warnings(twin)) == (days > 247) and before in warnings(twin)
