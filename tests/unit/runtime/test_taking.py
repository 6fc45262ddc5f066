"""Small parcels taken in a few to a commit: what goes wrong with one costs no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from people import Person, bonded, exchange
from tiercel.carriers.folder import FolderCarrier
from tiercel.limits import DAY_MS, WANT_AGAIN_DAYS
from tiercel.runtime import taking
from tiercel.runtime.home import Home
from tiercel.runtime.opening import Opened
from tiercel.vault.bonds import Bond


def came(person: Person) -> int:
    row = person.home.vault.one("SELECT count(*) FROM letters WHERE direction = 'in' AND kind = 0")
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("kind", [RuntimeError, AttributeError])
def test_a_bug_of_ours_with_one_letter_keeps_none_before_it_from_coming(
    kind: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    for n in range(6):
        ada.write(f"letter {n}")
        ada.sync()
    honest, seen, bad = taking.open_bundle, list[bytes](), list[bytes]()

    def open_bundle(home: Home, bond: Bond, bundle_hash: bytes, bundle: bytes) -> Opened:
        if len(seen) == 4 and not bad:
            bad.append(bundle_hash)  # the fifth that comes, and each time it comes again
        seen.append(bundle_hash)
        if bundle_hash in bad:
            raise kind("a bug of ours")
        return honest(home, bond, bundle_hash, bundle)

    monkeypatch.setattr(taking, "open_bundle", open_bundle)
    for _ in range(3):
        with pytest.raises(kind):
            bo.sync()
        assert came(bo) == 4


def test_what_was_fetched_before_a_road_failed_is_taken_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    for n in range(6):
        ada.write(f"letter {n}")
        ada.sync()
    honest, asked = FolderCarrier.fetch, list[str]()

    def fetch(self: FolderCarrier, name: str) -> bytes:
        asked.append(name)
        if len(asked) == 5:
            raise OSError(5, "an error that no carrier may raise")
        return honest(self, name)

    monkeypatch.setattr(FolderCarrier, "fetch", fetch)
    with pytest.raises(OSError, match="no carrier"):
        bo.sync()
    assert came(bo) > 0


def test_a_letter_that_comes_again_and_again_asks_for_what_it_lacks_in_its_turn(tmp_path: Path) -> None:
    """Else one that names very many enclosures would keep those of all others from being asked for."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    ada.write("came")
    exchange(ada, bo)
    vault, now = bo.home.vault, bo.home.clock.now_ms()
    with vault.transaction():
        vault.run("UPDATE letters SET arrived_at = NULL WHERE direction = 'in' AND kind = 0")
        vault.run(
            "INSERT INTO enclosures (letter, n, name, kind, size, key, bundle_hash, file, asked_at)"
            " SELECT seq, 1, 'map.png', 'image/png', 5, zeroblob(32), zeroblob(32), NULL, NULL FROM letters"
            " WHERE direction = 'in' AND kind = 0"
        )
    [(bond, letter)] = vault.all("SELECT bond, id FROM letters WHERE direction = 'in' AND kind = 0")
    with bo.home.office.transaction():
        bo.home.office.tell(taking.LetterCameAgain(bond, letter))
    assert vault.all("SELECT asked_at FROM enclosures") == [(now - WANT_AGAIN_DAYS * DAY_MS,)]
