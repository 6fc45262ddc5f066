"""A letter is stored by one commit; when it fails nobody knows whether it is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from people import Person, bonded, exchange
from tiercel.errors import VaultError
from tiercel.runtime import reading
from tiercel.vault import letters
from tiercel.vault.store import Vault


def enclosure_files(person: Person) -> list[Path]:
    return list(person.home.vault.enclosures.iterdir())


def test_the_enclosure_of_a_letter_whose_commit_may_be_there_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sync after the commit record failed: the letter was there, and its enclosure had been deleted."""
    ada, bo = bonded(tmp_path)
    plan = tmp_path / "plan.txt"
    plan.write_bytes(b"the plan")
    real = Vault.transaction

    @contextmanager
    def unknown(self: Vault) -> Iterator[None]:
        with real(self):
            yield
        raise VaultError("The disk failed.")

    with monkeypatch.context() as patch:
        patch.setattr(Vault, "transaction", unknown)
        with pytest.raises(VaultError):
            ada.write("with a plan", enclosures=(plan,))
    ada.reopen()
    [letter] = [each.id for each in reading.letters(ada.home)]
    exchange(ada, bo)
    assert ada.state(letter) == "arrived"
    assert reading.save_enclosure(bo.home, letter, 1, tmp_path)[0].read_bytes() == b"the plan"


@pytest.mark.parametrize("error", [VaultError, KeyboardInterrupt])
def test_the_enclosure_of_a_letter_that_was_not_stored_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    ada, _bo = bonded(tmp_path)
    plan = tmp_path / "plan.txt"
    plan.write_bytes(b"the plan")

    def failing(*_args: object) -> None:
        raise error

    monkeypatch.setattr(letters, "index_letter", failing)
    with pytest.raises(error):
        ada.write("with a plan", enclosures=(plan,))
    assert not enclosure_files(ada) and not reading.letters(ada.home)
