"""A visit and a step cost what is due, not what is under way: counted in steps of SQLite, not by a clock."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from road_kit import Pair
from tiercel.delivery.events import ParcelsPut, RoadReady, RoadSeen
from tiercel.parcel.box import Kind
from tiercel.parcel.profiles import FILE, STICK
from tiercel.runtime import syncing

FEW, MANY = 10, 5000


def under_way(pair: Pair, count: int) -> None:
    """So many letters of Ada's that were handed over and wait for a word, as rows."""
    vault, now = pair.ada.home.vault, pair.clock.now_ms()
    with vault.transaction():
        for n in range(count):
            name = n.to_bytes(32, "big")
            vault.run(
                "INSERT INTO letters (listed, id, bond, direction, state, number, receipt_secret, written_at,"
                " accepted_at, planned, seals) VALUES (1, ?, 1, 'out', 'handed over', ?, x'00', ?, ?, 1, 1)",
                name[16:], 1000 + n, now, now,
            )  # fmt: skip
            vault.run(
                "INSERT INTO bundles_out (hash, bond, letter, kind, length, sealed)"
                " VALUES (?, 1, last_insert_rowid(), 1, 3000, x'00')",
                name,
            )
            vault.run(
                "INSERT INTO handed (carrier, name, bond, bundle, refs, profile, at, put)"
                " SELECT id, printf('%026d', ?), 1, ?, x'0000000000', 'file', ?, 1 FROM carriers",
                n, name, now,
            )  # fmt: skip
        vault.run("UPDATE sendings SET due_at = ?, passes = 1", now + 1_000_000_000)


def opcodes(pair: Pair, act: Callable[[], object]) -> int:
    """How many steps of SQLite's machine an act took, to a hundred."""
    counted = [0]

    def count() -> bool:
        counted[0] += 1
        return False

    pair.ada.home.vault.db.set_progress_handler(count, 100)
    try:
        act()
    finally:
        pair.ada.home.vault.db.set_progress_handler(None)
    return counted[0]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Pair]:
    found = {}
    for count in (FEW, MANY):
        found[count] = Pair(tmp_path_factory.mktemp(str(count)), {"relay": "relay"})
        found[count].exchange(rounds=6)
        under_way(found[count], count)
        found[count].visit(found[count].ada)
    return found


def same(pairs: dict[int, Pair], act: Callable[[Pair], object]) -> bool:
    few, many = (opcodes(pairs[count], lambda count=count: act(pairs[count])) for count in (FEW, MANY))  # type: ignore[misc]
    return many <= few + few // 5 + 5


def test_a_visit_with_nothing_due_costs_the_same_however_much_is_under_way(pairs: dict[int, Pair]) -> None:
    assert same(pairs, lambda pair: syncing.sync(pair.ada.home))


SEEN = RoadSeen(1, 99, 30, True, False, (FILE, STICK))


@pytest.mark.parametrize(
    "event",
    [
        SEEN,
        RoadReady(SEEN, int(Kind.LETTER)),
        RoadReady(SEEN, int(Kind.ENCLOSURE)),
        ParcelsPut(SEEN, ((f"{3:026d}", None),)),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_step_costs_the_same_however_much_is_under_way(pairs: dict[int, Pair], event: object) -> None:
    assert same(pairs, lambda pair: pair.ada.home.office.step(event))  # type: ignore[arg-type]


def test_a_letter_to_its_receipt_costs_the_same_however_much_is_under_way(pairs: dict[int, Pair]) -> None:
    def letter(pair: Pair) -> None:
        pair.ada.write("one more")
        pair.exchange(rounds=3)
        assert pair.ada.home.vault.one("SELECT state FROM letters ORDER BY seq DESC LIMIT 1") == ("arrived",)

    assert same(pairs, letter)


def test_what_falls_due_is_all_that_is_looked_at(pairs: dict[int, Pair]) -> None:
    for pair in pairs.values():
        with pair.ada.home.vault.transaction():
            pair.ada.home.vault.run("UPDATE sendings SET due_at = 0 WHERE bundle = ?", (7).to_bytes(32, "big"))
    assert same(pairs, lambda pair: syncing.sync(pair.ada.home))
