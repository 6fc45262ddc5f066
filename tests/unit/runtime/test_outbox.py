"""What waits, why, what is tried next, and what a person can do where one must."""

from __future__ import annotations

from pathlib import Path

import pytest

from people import bonded, exchange
from tiercel.errors import NameUnknown
from tiercel.runtime import bonds, outbox, reading, writing
from tiercel.runtime.roads import add_folder, set_bond_roads
from tiercel.runtime.views import NextView


def test_from_the_writing_to_the_receipt(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    assert outbox.outbox(ada.home) == []
    later, first = ada.write("later", subject="later"), ada.write("first", urgent=True)
    waiting = outbox.outbox(ada.home, "bo")
    assert [item.id for item in waiting] == [first, later] and waiting == outbox.outbox(ada.home)
    assert {(item.state, item.why, item.remedy) for item in waiting} == {("accepted", "waits for a sync", "")}
    assert waiting[1].subject == "later" and waiting[0].urgent
    ada.sync()
    (one, _other) = outbox.outbox(ada.home)
    assert (one.state, one.why) == ("handed over", "on its way; no receipt yet")
    assert [step.road for step in one.steps] == ["post"] and one.steps[0].at and one.steps[0].at > ada.clock.now_ms()
    assert reading.track(ada.home, first).steps == one.steps
    exchange(bo, ada)
    assert outbox.outbox(ada.home) == [] and reading.track(ada.home, first).steps == ()
    assert reading.track(bo.home, first).steps == (), "it is theirs"
    with pytest.raises(NameUnknown):
        outbox.outbox(ada.home, "cy")


def test_a_road_for_later_and_a_deadline_are_foretold_in_their_order(tmp_path: Path) -> None:
    ada, _bo = bonded(tmp_path)
    (tmp_path / "stick").mkdir()
    add_folder(ada.home, "stick", str(tmp_path / "stick"))
    set_bond_roads(ada.home, "bo", [("post", 0), ("stick", 3)])
    today = ada.clock.now_ms() // 86_400_000
    letter = ada.write("by whichever", deadline_day=today + 9)
    ada.sync()
    (item,) = outbox.outbox(ada.home)
    assert next((step.road, step.what.split(",")[0]) for step in item.steps) == ("stick", "used as well")
    assert item.steps[-1] == NextView("expires", (today + 10) * 86_400_000, None)
    ada.clock.advance(days=3.1)
    ada.sync()
    roads = {event.road for event in reading.track(ada.home, letter).events if event.road}
    assert roads == {"post", "stick"}


def test_what_is_held_says_what_a_person_can_do(tmp_path: Path) -> None:
    ada, _bo = bonded(tmp_path)
    letter = ada.write("nobody will carry this")
    with ada.home.vault.transaction():
        ada.home.vault.run("UPDATE bonds SET doubted_at = 1")
    held = ada.write("held at once")
    assert ada.state(held) == "held"
    assert {item.why for item in outbox.outbox(ada.home)} == {"held: compare the words"}
    assert all("tiercel bond words bo" in item.remedy and not item.steps for item in outbox.outbox(ada.home))
    assert "tiercel bond words bo" in reading.track(ada.home, held).next
    bonds.end(ada.home, "bo")
    assert {item.why for item in outbox.outbox(ada.home)} == {"held: for the old bond, which has ended"}
    assert any(f"tiercel send {letter[:8]} --to BOND" in item.remedy for item in outbox.outbox(ada.home))


def test_a_bond_without_a_road_or_a_key_says_so(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    letter = ada.write("where to")
    with ada.home.vault.transaction():
        ada.home.vault.run("DELETE FROM prekeys_theirs")
    (item,) = outbox.outbox(ada.home)
    assert item.why == "waits for a key of the other side" and "once bo has synced" in item.remedy
    with ada.home.vault.transaction():
        ada.home.vault.run("DELETE FROM bond_carriers")
    (item,) = outbox.outbox(ada.home)
    assert item.why == "no road carries it" and "tiercel bond roads bo" in item.remedy
    writing.recall(ada.home, letter)
    assert outbox.outbox(ada.home) == []


def test_a_road_that_is_not_there_is_named(tmp_path: Path) -> None:
    ada, _bo = bonded(tmp_path)
    (tmp_path / "stick").mkdir()
    add_folder(ada.home, "stick", str(tmp_path / "stick"))
    set_bond_roads(ada.home, "bo", [("stick", 0), ("post", 0)])
    ada.write("by stick, once somebody brings it")
    (tmp_path / "stick").rmdir()
    (item,) = outbox.outbox(ada.home)
    assert item.remedy == "The road stick does not answer now: tiercel carrier test stick"
    (tmp_path / "stick").mkdir()
    ada.sync()
    (item,) = outbox.outbox(ada.home)
    (tmp_path / "stick").rename(tmp_path / "away")
    assert item.remedy == outbox.outbox(ada.home)[0].remedy == "", "nothing is due there now"
