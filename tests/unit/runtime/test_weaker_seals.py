"""A letter to the last-resort key is sealed again in time: that key dies unseen some time after a newer one came."""

from __future__ import annotations

from pathlib import Path

from people import Person, bonded, exchange
from tiercel.carriers.folder import FOLDER_ROAD
from tiercel.limits import DAY_MS, PREKEY_USABLE_DAYS


def weaker(ada: Person) -> str:
    """A letter to the last-resort key, that is lost on the road for as long as it takes."""
    with ada.home.vault.transaction():
        ada.home.vault.run("DELETE FROM prekeys_theirs WHERE kind = 'one-time'")
    letter = ada.write("to the last resort")
    ada.sync()
    assert ada.home.vault.one("SELECT weaker FROM letters WHERE kind = 0") == (1,)
    return letter


def seal_of(person: Person) -> tuple[bytes, int | None]:
    [row] = person.home.vault.all(
        "SELECT hash, sealed_day FROM bundles_out WHERE letter IN (SELECT seq FROM letters WHERE kind = 0)"
    )
    return row[0], row[1]


def lose_for(ada: Person, days: int, post: Path) -> None:
    """So many days of visits, and nothing stays on the road."""
    for _ in range(days):
        ada.clock.advance(days=1)
        ada.sync()
        for path in post.iterdir():
            path.unlink()


def test_a_seal_to_the_last_resort_is_made_again_before_the_road_outlives_it(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = weaker(ada)
    first, sealed_day = seal_of(ada)
    assert sealed_day == ada.clock.now_ms() // DAY_MS
    lives = PREKEY_USABLE_DAYS - FOLDER_ROAD.delay_ms // DAY_MS
    lose_for(ada, lives, tmp_path / "post")
    assert seal_of(ada)[0] == first
    lose_for(ada, 1, tmp_path / "post")
    again, sealed_day = seal_of(ada)
    assert again != first and sealed_day == ada.clock.now_ms() // DAY_MS
    exchange(ada, bo)
    assert ada.state(letter) == "arrived"
