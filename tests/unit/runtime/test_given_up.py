"""An enclosure that was given up is asked for again when its letter comes again."""

from __future__ import annotations

from pathlib import Path

from people import bonded, exchange
from post_office import parcels
from tiercel.runtime import reading, trust


def test_whoever_was_away_for_a_year_still_gets_the_enclosure(tmp_path: Path) -> None:
    """Its writer had word that it was there, and its reader's vault had let it go as nobody's."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    (tmp_path / "map.png").write_bytes(b"here be dragons" * 100)
    letter = ada.write("with a map", enclosures=(tmp_path / "map.png",))
    ada.sync()
    enclosed = "SELECT name FROM handed WHERE bundle IN (SELECT hash FROM bundles_out WHERE kind = 2)"
    lose(tmp_path / "post", {name for (name,) in ada.home.vault.all(enclosed)})
    with ada.home.vault.transaction():
        ada.home.vault.run("UPDATE bundles_out SET peer_has = 1 WHERE kind = 2")
    bo.sync()
    for _ in range(30):
        ada.clock.advance(days=10)
        ada.sync()
        lose(tmp_path / "post")
    bo.sync()
    trust.clock_ok(bo.home)
    ada.clock.advance(days=8)
    bo.sync()
    assert bo.home.vault.all("SELECT asked_at FROM enclosures") == [(None,)], "given up"
    lose(tmp_path / "post")
    for _ in range(12):
        exchange(ada, bo, rounds=1)
        ada.clock.advance(days=8)
    assert ada.state(letter) == "arrived"
    saved, _size = reading.save_enclosure(bo.home, letter, 1, tmp_path)
    assert saved.read_bytes() == b"here be dragons" * 100


def lose(post: Path, names: set[str] | None = None) -> None:
    """Parcels of these names, or all, are gone from a folder."""
    for path in parcels(post):
        if names is None or path.name in names:
            path.unlink()
