"""Several roads at once: whichever symbols arrive first rebuild a letter, and no road stops another."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from people import Person
from road_kit import RELAY, SHELF, Pair, handed
from tiercel.carriers.base import FILE, STICK
from tiercel.delivery.passes import unpack_refs
from tiercel.errors import CarrierError
from tiercel.limits import DAY_MS
from tiercel.parcel.profiles import QR
from tiercel.ports import Road
from tiercel.runtime import bonds, reading, syncing, writing
from tiercel.runtime.outlooks import outbox
from tiercel.runtime.views import Draft

LETTERS = "bundle IN (SELECT hash FROM bundles_out WHERE kind = 1)"
ENCLOSURES = "bundle IN (SELECT hash FROM bundles_out WHERE kind = 2)"


def refs(person: Person, road: str, where: str = "1") -> set[tuple[int, int]]:
    sql = "SELECT refs FROM handed JOIN carriers ON id = carrier WHERE carriers.name = ? AND refs IS NOT NULL AND "
    return {ref for (packed,) in person.home.vault.all(sql + where, road) for ref in unpack_refs(packed)}


def enclosure(folder: Path, size: int) -> Path:
    path = folder / "film.bin"
    path.write_bytes(os.urandom(size))
    return path


# -- together --------------------------------------------------------------------------------------


def test_several_roads_carry_different_symbols_of_a_letter_at_once(tmp_path: Path) -> None:
    pair = Pair(tmp_path, {"post": "shelf", "relay": "relay", "other": "relay"})
    letter = pair.ada.write("x" * 60_000)
    pair.visit(pair.ada)
    sent = [refs(pair.ada, road, LETTERS) for road in ("post", "relay", "other")]
    assert all(len(each) == len(sent[0]) > 30 for each in sent)
    assert not sent[0] & sent[1] and not sent[1] & sent[2] and not sent[0] & sent[2]
    assert {event.road for event in reading.track(pair.ada.home, letter).events if event.road} == {
        "post", "relay", "other",
    }  # fmt: skip
    pair.exchange(pair.bo, pair.ada)
    assert pair.ada.state(letter) == "arrived" and not handed(pair.ada.home, "relay", LETTERS)


def test_halves_of_a_letter_that_came_over_two_roads_rebuild_it(tmp_path: Path) -> None:
    """Each road lost every second parcel: neither had the whole."""
    small = Road("small", (QR,), delay_ms=DAY_MS, talks_back=True, shows_own=False)
    pair = Pair(tmp_path, {"one": small, "two": small})
    for road in ("one", "two"):
        seen = iter(range(10_000))
        pair.sides["ada"][road].loses = lambda _name, seen=seen: next(seen) % 2 == 1  # type: ignore[misc]
    letter = pair.ada.write("x" * 10_000)
    pair.visit(pair.ada)
    got = pair.visit(pair.bo)
    assert got.letters == 1 and reading.read(pair.bo.home, letter).body == "x" * 10_000


@pytest.mark.parametrize("seed", range(3))
def test_two_roads_that_lose_half_of_everything_bring_every_letter_and_every_receipt(tmp_path: Path, seed: int) -> None:
    pair, rng = Pair(tmp_path, {"post": "shelf", "relay": "relay"}, seed), random.Random(seed)
    for sides in pair.sides.values():
        for side in sides.values():
            side.loses = lambda _name: rng.random() < 0.5
    letters = [pair.ada.write(f"letter {n}") for n in range(4)]
    letters.append(pair.ada.write("with a film", enclosures=(enclosure(tmp_path, 300_000),)))
    pair.days(120, lambda: all(pair.ada.state(letter) == "arrived" for letter in letters))
    assert sorted(each.id for each in reading.letters(pair.bo.home)) == sorted(letters)


def test_a_road_added_in_the_middle_takes_what_is_under_way_and_a_lost_one_is_not_missed(tmp_path: Path) -> None:
    pair = Pair(tmp_path, {"post": "relay"})
    pair.sides["ada"]["post"].loses = lambda _name: True
    letter = pair.ada.write("x" * 30_000, enclosures=(enclosure(tmp_path, 200_000),))
    pair.exchange()
    assert pair.ada.state(letter) == "handed over" and not reading.letters(pair.bo.home)
    pair.add_road("relay", "relay")
    pair.use("post", "relay")
    pair.visit(pair.ada)
    for where in (LETTERS, ENCLOSURES):
        assert refs(pair.ada, "relay", where) and not refs(pair.ada, "relay", where) & refs(pair.ada, "post", where)
    pair.use("relay")
    pair.exchange(pair.bo, pair.ada)
    assert pair.ada.state(letter) == "arrived" and not handed(pair.ada.home, "post")


# -- in their order --------------------------------------------------------------------------------


def test_a_later_road_is_used_only_once_the_letter_waited(tmp_path: Path) -> None:
    pair = Pair(tmp_path, {"post": "shelf", "relay": "relay"})
    pair.use("post", ("relay", 14))
    letter = pair.ada.write("one")
    pair.visit(pair.ada)
    assert handed(pair.ada.home, "post", LETTERS) and not handed(pair.ada.home, "relay")
    [item] = outbox(pair.ada.home)
    assert [(step.road, step.at) for step in item.steps][-1] == ("post", item.steps[-1].at)
    assert ("relay", pair.clock.now_ms() + 14 * DAY_MS) in [(step.road, step.at) for step in item.steps]
    pair.clock.advance(days=13)
    pair.visit(pair.ada)
    assert not handed(pair.ada.home, "relay")
    pair.clock.advance(days=1)
    pair.visit(pair.ada)
    assert handed(pair.ada.home, "relay", LETTERS)
    pair.exchange(pair.bo, pair.ada)
    assert pair.ada.state(letter) == "arrived"


def test_a_letter_that_has_its_receipt_never_takes_the_later_road(tmp_path: Path) -> None:
    pair = Pair(tmp_path, {"post": "shelf", "relay": "relay"})
    pair.use("post", ("relay", 14))
    pair.ada.write("one")
    pair.exchange()
    pair.clock.advance(days=20)
    pair.visit(pair.ada)
    assert not pair.ada.home.vault.all("SELECT 1 FROM handed WHERE bundle IS NOT NULL")
    assert not pair.ada.home.vault.all("SELECT 1 FROM sendings")


# -- sending again ---------------------------------------------------------------------------------


def letters_on(pair: Pair, road: str) -> int:
    return len(handed(pair.ada.home, road, LETTERS))


def test_on_a_road_that_shows_nothing_of_ours_only_time_puts_it_again_and_each_wait_doubles(tmp_path: Path) -> None:
    """Receipts of the bond took a moment: so the first wait is 2 days, then 4, 8, 16 and 30."""
    pair = Pair(tmp_path, {"relay": "relay"})
    pair.ada.write("one that comes")
    pair.exchange()
    pair.sides["ada"]["relay"].loses = lambda _name: True
    pair.ada.write("one")
    passes = []
    for _day in range(65):
        for _ in range(2):
            pair.visit(pair.ada)
        [(planned,)] = pair.ada.home.vault.all(
            "SELECT passes FROM sendings JOIN bundles_out ON hash = bundle JOIN letters ON seq = letter"
            " WHERE letters.kind = 0"
        )
        passes.append(planned)
        pair.clock.advance(days=1)
    assert [day for day in range(65) if passes[day] > (passes[day - 1] if day else 0)] == [0, 2, 6, 14, 30, 60]


def test_a_promise_that_passed_puts_it_again_and_no_road_is_filled_by_a_short_one(tmp_path: Path) -> None:
    pair = Pair(tmp_path, {"relay": "relay"})
    relay = pair.sides["ada"]["relay"]
    relay.loses, relay.until = (lambda _name: True), pair.clock.now_ms() + 1
    pair.ada.write("one")
    before = sum(relay.puts.values())
    for _hour in range(23):
        pair.visit(pair.ada)
        pair.clock.advance(days=1 / 24)
    assert sum(relay.puts.values()) == before + 1


def test_what_vanished_from_a_shelf_is_put_again_at_the_next_visit_and_nothing_from_a_mailbox(tmp_path: Path) -> None:
    pair = Pair(tmp_path, {"post": "shelf", "relay": "relay"})
    pair.ada.write("one")
    for road in ("post", "relay"):
        pair.sides["ada"][road].loses = lambda _name: True
    before = {road: sum(side.puts.values()) for road, side in pair.sides["ada"].items()}
    for _ in range(3):
        pair.visit(pair.ada)
    put = {road: sum(side.puts.values()) - before[road] for road, side in pair.sides["ada"].items()}
    assert put == {"post": 3, "relay": 1}


def test_on_a_mailbox_names_of_ours_are_forgotten_when_they_are_over(tmp_path: Path) -> None:
    pair = Pair(tmp_path, {"relay": "relay"})
    for n in range(3):
        pair.ada.write(f"letter {n}")
        pair.exchange()
    for person in pair.people:
        pair.visit(person)
        assert not handed(person.home, "relay")


def test_a_want_for_what_a_mailbox_lost_is_answered_once_a_day_and_not_by_time(tmp_path: Path) -> None:
    small = Road("small", (FILE, STICK), delay_ms=30 * DAY_MS, talks_back=True, shows_own=False)
    pair = Pair(tmp_path, {"relay": small})
    lost = iter(range(100_000))
    pair.sides["ada"]["relay"].loses = lambda _name: next(lost) == 3
    letter = pair.ada.write("with a film", enclosures=(enclosure(tmp_path, 500_000),))
    once = pair.visit(pair.ada).put
    pair.clock.advance(days=1)
    pair.visit(pair.bo)
    again = pair.visit(pair.ada).put + pair.visit(pair.ada).put
    assert 1 <= again < once / 2
    pair.exchange(pair.bo, pair.ada)
    assert pair.ada.state(letter) == "arrived"


# -- one way, and too slow -------------------------------------------------------------------------


def test_paper_carries_repair_and_no_enclosure_that_does_not_fit_it(tmp_path: Path) -> None:
    paper = Road("paper", (QR,), delay_ms=90 * DAY_MS, talks_back=False, shows_own=False)
    pair = Pair(tmp_path, {"post": "shelf", "paper": paper})
    short = pair.ada.write("short")
    pair.visit(pair.ada)
    layout_k = len(refs(pair.ada, "post", LETTERS))
    assert len(handed(pair.ada.home, "paper", LETTERS)) > layout_k
    pair.exchange(pair.bo, pair.ada)
    large = pair.ada.write("long", enclosures=(enclosure(tmp_path, 2 << 20),))
    pair.visit(pair.ada)
    assert handed(pair.ada.home, "post", ENCLOSURES) and not handed(pair.ada.home, "paper", ENCLOSURES)
    roads = {event.road for event in reading.track(pair.ada.home, large).events if event.road}
    assert roads == {"post"}, "paper does not carry all of it"
    pair.exchange(pair.bo, pair.ada)
    assert pair.ada.state(short) == pair.ada.state(large) == "arrived"


# -- urgent ones first -----------------------------------------------------------------------------


def kinds_in_order(pair: Pair, road: str) -> list[int]:
    found = dict(
        pair.ada.home.vault.all(
            "SELECT name, kind FROM handed JOIN bundles_out ON hash = bundle WHERE refs IS NOT NULL"
        )
    )
    return [found[name] for name in pair.sides["ada"][road].order if name in found]


def test_letters_are_on_every_road_before_an_enclosure_is_on_any_and_urgent_ones_first(tmp_path: Path) -> None:
    pair = Pair(tmp_path, {"post": "shelf", "relay": "relay"})
    order: list[tuple[str, str]] = []
    for road, side in pair.sides["ada"].items():
        side.before_put = lambda name, road=road: order.append((road, name))  # type: ignore[misc]
    pair.ada.write("with a film", enclosures=(enclosure(tmp_path, 3 << 20),))
    pair.ada.write("plain")
    urgent = pair.ada.write("urgent", urgent=True)
    pair.visit(pair.ada)
    rows = pair.ada.home.vault.all(
        "SELECT handed.name, bundles_out.kind, letters.urgent FROM handed JOIN bundles_out ON hash = bundle"
        " JOIN letters ON seq = letter"
    )
    known = {name: (kind, urgent) for name, kind, urgent in rows}
    kinds = [known[name] for _road, name in order if name in known]
    assert [kind for kind, _urgent in kinds] == sorted(kind for kind, _urgent in kinds)
    for road in ("post", "relay"):
        assert next(known[name] for at, name in order if at == road and name in known) == (1, 1)
    assert pair.ada.letter(urgent).urgent


def test_an_urgent_letter_written_meanwhile_passes_a_large_enclosure_on_every_road(tmp_path: Path) -> None:
    """Another process writes while parcels of an enclosure are put: the letter goes before the rest of them."""
    pair = Pair(tmp_path, {"post": "relay", "relay": "relay"})
    small = Road("small", (FILE,), delay_ms=DAY_MS, talks_back=True, shows_own=False)
    pair.add_road("slow", small)
    pair.use("slow", "post", "relay")
    side, wrote = pair.sides["ada"]["slow"], list[str]()
    pair.ada.write("with a film", enclosures=(enclosure(tmp_path, 24 << 20),))

    def write_at_once(_name: str) -> None:
        if len(side.order) == 100 and not wrote:
            wrote.append(writing.write(pair.ada.home, Draft("bo", "come quickly", urgent=True)).id)

    side.before_put = write_at_once
    total = pair.visit(pair.ada).put
    names = {
        name
        for (name,) in pair.ada.home.vault.all(
            "SELECT handed.name FROM handed JOIN bundles_out ON hash = bundle JOIN letters ON seq = letter WHERE urgent"
        )
    }
    assert wrote and total > 300
    at = next(n for n, name in enumerate(side.order) if name in names)
    assert 100 < at <= 100 + 64, "at most one batch of the enclosure was put before it"
    for road in ("post", "relay"):
        order = pair.sides["ada"][road].order
        first = next(n for n, name in enumerate(order) if name in names)
        kinds = kinds_in_order(pair, road)
        assert 2 not in kinds[: kinds.index(1)] and first < len(order) - 1


def test_a_road_that_fails_under_the_letter_that_goes_first_is_left_and_said_once(tmp_path: Path) -> None:
    pair = Pair(tmp_path, {"slow": Road("slow", (FILE,), DAY_MS, talks_back=True, shows_own=False), "post": "shelf"})
    side = pair.sides["ada"]["slow"]
    film = pair.ada.write("with a film", enclosures=(enclosure(tmp_path, 9 << 20),))

    def fail(_name: str) -> None:
        if len(side.order) == 100:
            writing.write(pair.ada.home, Draft("bo", "come quickly", urgent=True))
        if len(side.order) >= 120:
            raise CarrierError("The line is dead.")

    side.before_put = fail
    assert [str(trouble.error) for trouble in syncing.sync(pair.ada.home).troubles] == ["The line is dead."]
    side.before_put = lambda _name: None
    pair.exchange()
    assert pair.ada.state(film) == "arrived"


def test_the_message_of_a_refused_pairing_comes_off_the_road(tmp_path: Path) -> None:
    pair = Pair(tmp_path, {"post": "shelf"})
    bonds.accept(pair.bo.home, bonds.invite(pair.ada.home, "cy", "post"), "dan", "post")
    pair.visit(pair.bo)
    before = len(pair.sides["bo"]["post"].inner.entries)
    bonds.refuse(pair.bo.home, "dan")
    pair.visit(pair.bo)
    assert len(pair.sides["bo"]["post"].inner.entries) == before - 1 and not handed(pair.bo.home, "post")


# -- killed in the middle --------------------------------------------------------------------------


class Killed(BaseException): ...


@pytest.mark.parametrize("kind", [SHELF, RELAY])
@pytest.mark.parametrize("at", [1, 64, 65, 200, 300])
def test_a_large_enclosure_resumes_where_a_kill_stopped_it(tmp_path: Path, kind: Road, at: int) -> None:
    """What a listing shows is not put twice at all; where it does not show, only what was not yet said to be put."""
    road = Road(kind.kind, (FILE,), kind.delay_ms, talks_back=True, shows_own=kind.shows_own)
    pair = Pair(tmp_path, {"post": road})
    side = pair.sides["ada"]["post"]
    film = enclosure(tmp_path, 20 << 20)
    letter = pair.ada.write("with a film", enclosures=(film,))
    begun, killed_at = len(side.order), list[int]()

    def kill(_name: str) -> None:
        if len(side.order) - begun == at and not killed_at:
            killed_at.append(at)
            raise Killed

    side.before_put = kill
    with pytest.raises(Killed):
        syncing.sync(pair.ada.home)
    assert killed_at
    pair.reopen(pair.ada)
    pair.visit(pair.ada)
    mine = side.order[begun:]
    twice = len(mine) - len(set(mine))
    assert twice <= (0 if road.shows_own else 64)
    planned = handed(pair.ada.home, "post", ENCLOSURES)
    assert all(put for _name, _bundle, put in planned) and len(planned) <= len(set(mine))
    pair.exchange(pair.bo, pair.ada)
    assert pair.ada.state(letter) == "arrived"
    assert reading.save_enclosure(pair.bo.home, letter, 1, tmp_path / "bo")[1] == film.stat().st_size


# -- a seal and a road that outlives it ------------------------------------------------------------


FAST = Road("fast", (FILE,), delay_ms=DAY_MS, talks_back=True, shows_own=False)
SLOW = Road("slow", (FILE,), delay_ms=119 * DAY_MS, talks_back=True, shows_own=False)


def fast_and_slow(folder: Path, last_resort: bool) -> Pair:
    """The gifts at hand live 115 days: too short for the slow road."""
    pair = Pair(folder, {"fast": FAST, "slow": SLOW})
    pair.exchange()
    pair.clock.advance(days=5)
    if not last_resort:
        with pair.ada.home.vault.transaction():
            pair.ada.home.vault.run("DELETE FROM prekeys_theirs WHERE kind = 'last-resort'")
    return pair


def test_a_slow_road_does_not_stop_the_copy_on_a_fast_one(tmp_path: Path) -> None:
    pair = fast_and_slow(tmp_path, last_resort=False)
    pair.sides["ada"]["fast"].loses = lambda _name: True
    letter = pair.ada.write("one")
    pair.visit(pair.ada)
    assert handed(pair.ada.home, "fast", LETTERS) and not handed(pair.ada.home, "slow", LETTERS)
    [item] = outbox(pair.ada.home)
    assert [step.road for step in item.steps] == ["fast"], "what no seal outlives is not promised"
    pair.exchange(pair.bo, rounds=1)
    pair.ada.write("come, letter of keys")
    pair.sides["ada"]["fast"].loses = lambda _name: False
    pair.days(40, lambda: pair.ada.state(letter) == "arrived")


def test_where_a_key_lives_long_enough_every_road_has_its_copy(tmp_path: Path) -> None:
    pair = fast_and_slow(tmp_path, last_resort=True)
    pair.ada.write("one")
    pair.visit(pair.ada)
    assert handed(pair.ada.home, "fast", LETTERS) and handed(pair.ada.home, "slow", LETTERS)


def test_a_seal_that_grows_old_stays_on_the_fast_road_until_there_is_another_key(tmp_path: Path) -> None:
    """It was let go for the slowest road's sake, and with no key at hand the letter lay nowhere."""
    middle = Road("middle", (FILE,), delay_ms=60 * DAY_MS, talks_back=True, shows_own=False)
    pair = Pair(tmp_path, {"fast": FAST, "middle": middle})
    pair.exchange()
    for side in pair.sides["ada"].values():
        side.loses = lambda _name: True
    letter = pair.ada.write("one")
    pair.visit(pair.ada)
    with pair.ada.home.vault.transaction():
        pair.ada.home.vault.run("DELETE FROM prekeys_theirs")
    seal = handed(pair.ada.home, "fast", LETTERS)[0][1]
    for _ in range(7):
        pair.clock.advance(days=10)
        pair.visit(pair.ada)
    assert (seal,) in pair.ada.home.vault.all("SELECT hash FROM bundles_out WHERE kind = 1")
    for side in pair.sides["ada"].values():
        side.loses = lambda _name: False
    pair.days(60, lambda: pair.ada.state(letter) == "arrived")
