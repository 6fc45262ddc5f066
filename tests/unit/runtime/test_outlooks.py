"""What the outbox says of a letter is what happens to it: each reason, met by the people themselves."""

from __future__ import annotations

from pathlib import Path

from road_kit import RELAY, Pair
from tiercel.limits import DAY_MS
from tiercel.runtime import bonds, trust, writing
from tiercel.runtime.outlooks import outbox
from tiercel.runtime.views import NextView, OutboxItem


def only(pair: Pair) -> OutboxItem:
    [item] = outbox(pair.ada.home)
    return item


def test_a_letter_waits_for_a_sync_then_for_a_receipt_then_no_more(tmp_path: Path) -> None:
    pair = Pair(tmp_path, {"relay": "relay"})
    letter = pair.ada.write("one", subject="Plans", urgent=True)
    item = only(pair)
    assert (item.id, item.bond, item.state, item.why) == (letter, "bo", "accepted", "waits for a sync")
    assert (item.next, item.next_at, item.road) == ("put there with the next sync", None, "relay")
    assert item.urgent and item.subject == "Plans"
    pair.visit(pair.ada)
    item = only(pair)
    assert item.state == "handed over" and item.why == "on its way; no receipt yet"
    assert item.next == "sent again, if no receipt came by then" and item.road == "relay"
    pair.exchange(pair.bo, pair.ada)
    assert not outbox(pair.ada.home)


def test_when_it_is_sent_again_is_told_and_kept_to_the_day(tmp_path: Path) -> None:
    pair = Pair(tmp_path, {"relay": "relay"})
    pair.ada.write("one that comes")
    pair.exchange()
    side = pair.sides["ada"]["relay"]
    side.loses, side.until = (lambda _name: True), pair.clock.now_ms() + 20 * DAY_MS
    pair.ada.write("one")
    pair.visit(pair.ada)
    for _ in range(3):
        item, before = only(pair), sum(side.puts.values())
        assert item.next_at is not None and item.steps[0].until == side.until
        pair.clock.advance(days=(item.next_at - pair.clock.now_ms()) / DAY_MS - 0.01)
        pair.visit(pair.ada)
        assert sum(side.puts.values()) == before
        pair.clock.advance(days=0.02)
        assert only(pair).next == "sent again with the next sync"
        pair.visit(pair.ada)
        assert sum(side.puts.values()) == before + 1


def test_what_keeps_a_letter_is_named(tmp_path: Path) -> None:
    pair = Pair(tmp_path, {"relay": RELAY})
    film = tmp_path / "film"
    film.write_bytes(b"film" * 50_000)
    pair.ada.write("with a film", enclosures=(film,), deadline_day=pair.clock.now_ms() // DAY_MS + 9)
    [stored] = pair.ada.home.vault.enclosures.iterdir()
    kept = stored.read_bytes()
    stored.unlink()
    assert only(pair).why == "an enclosure is missing"
    stored.write_bytes(kept)
    end = (pair.clock.now_ms() // DAY_MS + 10) * DAY_MS
    assert only(pair).why == "waits for a sync" and NextView("expires", end, None) in only(pair).steps
    with pair.ada.home.vault.transaction():
        pair.ada.home.vault.run("CREATE TEMP TABLE keys AS SELECT * FROM prekeys_theirs")
        pair.ada.home.vault.run("DELETE FROM prekeys_theirs")
    assert only(pair).why == "waits for a key of the other side"
    with pair.ada.home.vault.transaction():
        pair.ada.home.vault.run("INSERT INTO prekeys_theirs SELECT * FROM keys")
    pair.visit(pair.ada)
    letter = only(pair).id
    writing.recall(pair.ada.home, letter)
    item = only(pair)
    assert item.why == "asked back; no answer yet" and item.next == "asked back again"
    before = sum(pair.sides["ada"]["relay"].puts.values())
    pair.visit(pair.ada)
    pair.clock.advance(days=8)
    pair.visit(pair.ada)
    assert sum(pair.sides["ada"]["relay"].puts.values()) - before == 2, "only the asking"


def test_letters_of_a_bond_that_ended_are_held(tmp_path: Path) -> None:
    pair = Pair(tmp_path, {"relay": "relay"})
    pair.ada.write("one")
    pair.visit(pair.ada)
    bonds.end(pair.ada.home, "bo")
    assert only(pair).state == "held" and "ended" in only(pair).why and only(pair).steps == ()


# -- a clock that is wrong -------------------------------------------------------------------------


def test_a_clock_in_doubt_puts_nothing_again_by_time_and_one_put_right_begins_anew(tmp_path: Path) -> None:
    pair = Pair(tmp_path, {"relay": "relay"})
    pair.sides["ada"]["relay"].loses = lambda _name: True
    pair.ada.write("one")
    pair.visit(pair.ada)
    assert passes(pair) == 1
    pair.clock.advance(days=400)
    pair.visit(pair.ada)
    assert pair.ada.home.clock_doubtful and passes(pair) == 1
    pair.clock.advance(days=-399)
    trust.clock_ok(pair.ada.home)
    pair.visit(pair.ada)
    assert passes(pair) == 1
    pair.clock.advance(days=30)
    pair.visit(pair.ada)
    assert passes(pair) == 2


def passes(pair: Pair) -> int:
    [(planned,)] = pair.ada.home.vault.all(
        "SELECT passes FROM sendings JOIN bundles_out ON hash = bundle JOIN letters ON seq = letter"
        " WHERE letters.kind = 0"
    )
    return int(planned)


def test_an_instant_that_a_wrong_clock_wrote_years_ahead_does_not_stop_a_letter(tmp_path: Path) -> None:
    pair = Pair(tmp_path, {"relay": "relay"})
    letter = pair.ada.write("one")
    side = pair.sides["ada"]["relay"]
    side.loses = lambda _name: True
    pair.visit(pair.ada)
    years = pair.clock.now_ms() + 3650 * DAY_MS
    with pair.ada.home.vault.transaction():
        pair.ada.home.vault.run("UPDATE sendings SET due_at = ?", years)
        pair.ada.home.vault.run("UPDATE handed SET at = ?", years)
    side.loses = lambda _name: False
    pair.exchange()
    assert pair.ada.state(letter) == "arrived"
