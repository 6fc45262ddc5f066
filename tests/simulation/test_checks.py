"""Every checker can fail: each is shown a world that was broken by hand, and must say so under its own id."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tiercel.limits import DAY_MS
from tiercel.testing.world.alone import Way
from tiercel.testing.world.checks import Checks, Violation
from tiercel.testing.world.checks.every import every_check
from tiercel.testing.world.history import Saved, Shown
from tiercel.testing.world.people import Person
from tiercel.testing.world.plan import Act, BondPlan, PersonPlan, Plan, RoadPlan
from tiercel.testing.world.world import World
from tiercel.vault import letters as rows
from tiercel.vault import settings
from tiercel.wire import from_base32

IDS = (*(f"I{n}" for n in range(1, 15) if n != 10), *(f"L{n}" for n in range(1, 6)))
Break = Callable[[World], None]


def plan() -> Plan:
    """Two people who read everything, a folder, six letters, and a seventh that nobody fetched."""
    people = tuple(PersonPlan(name, tells_reading=0.0, reads=1.0) for name in ("ada", "bo"))
    acts: list[Act] = []
    for day in range(1, 10):
        for n, who in enumerate(("ada", "bo")):
            acts.append(Act((day * 24 + n) * 3_600_000, len(acts), who, "visit", {}))
            if day in (2, 4, 6):
                to = "bo" if who == "ada" else "ada"
                details = {"to": to, "size": 200, "mark": f"letter {len(acts)}"}
                acts.append(Act((day * 24 + n - 1) * 3_600_000, len(acts), who, "write", details))
    acts.append(Act(10 * DAY_MS, len(acts), "ada", "write", {"to": "bo", "size": 200, "mark": "the last"}))
    acts.sort(key=lambda act: (act.at_ms, act.n))
    road = RoadPlan("post", "folder", ("ada", "bo"), 0.01)
    return Plan(1, 11, people, (road,), (BondPlan("ada", "bo", ("post",)),), tuple(acts))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(plan(), tmp_path, Checks())
    made.begin()
    yield made
    made.close()


def lived(world: World, violated: str) -> Checks:
    """Let a world live under the one checker, which finds nothing."""
    checks = world.checks = Checks(every_check([violated]))
    checks.started(world)
    world.live()
    assert len(world.history.written) == 7
    assert checks.done[violated]
    return checks


def look(world: World, checks: Checks) -> None:
    for person in world.people.values():
        checks.after_step(world, person, full=True)


def run(person: Person, sql: str, *args: object) -> None:
    with person.home.vault.transaction():
        person.home.vault.run(sql, *args)


def letters(world: World, writer: str) -> list[str]:
    return [each.id for each in world.history.written.values() if each.writer == writer]


def seq(person: Person, letter: str) -> int:
    found = rows.letter_by_id(person.home.vault, 1, from_base32(letter))
    assert found is not None
    return found.seq


def change(person: Person, letter: str, **values: object) -> None:
    with person.home.vault.transaction():
        rows.change_letter(person.home.vault, seq(person, letter), **values)


def see(world: World, letter: str, text: str | None = None) -> None:
    written = world.history.written[letter]
    world.history.shown.append(Shown(written.reader, letter, written.text if text is None else text, world.now_ms, 0))


# -- how worlds are broken -------------------------------------------------------------------------


def lost(world: World) -> None:
    run(world.people["ada"], "DELETE FROM letters WHERE seq = ?", seq(world.people["ada"], letters(world, "ada")[0]))


def never_stored(world: World) -> None:
    from dataclasses import replace

    known = world.history.written[letters(world, "ada")[0]]
    world.history.written["never"] = replace(known, id="never")


def taken_back_by_nobody(world: World) -> None:
    change(world.people["ada"], letters(world, "ada")[-1], state="recalled")


def text_gone_too_early(world: World) -> None:
    change(world.people["ada"], letters(world, "ada")[-1], body="")


def back_on_its_way(world: World) -> None:
    change(world.people["ada"], letters(world, "ada")[0], state="handed over")


def expired_without_deadline(world: World) -> None:
    change(world.people["ada"], letters(world, "ada")[-1], state="expired")


def new_twice(world: World) -> None:
    ada = world.people["ada"]
    with ada.home.vault.transaction():
        rows.add_event(ada.home.vault, seq(ada, letters(world, "bo")[0]), world.now_ms, "arrived")


def announced_twice(world: World) -> None:
    world.history.announced["ada", 0] += 1


def another_text(world: World) -> None:
    see(world, letters(world, "ada")[0], "another text")


def nobody_wrote_it(world: World) -> None:
    world.history.shown.append(Shown("bo", "of nobody", "", world.now_ms, 0))


def another_file(world: World) -> None:
    world.history.saved.append(Saved("bo", letters(world, "ada")[0], 1, bytes(32), world.now_ms, 0))


def shown_after_its_return(world: World) -> None:
    change(world.people["bo"], letters(world, "ada")[0], state="returned", body="")
    world.checks.after_step(world, world.people["bo"], full=True)
    see(world, letters(world, "ada")[0])


def returned_by_nobody(world: World) -> None:
    change(world.people["ada"], letters(world, "ada")[0], state="returned")


def given_back_with_its_text(world: World) -> None:
    change(world.people["bo"], letters(world, "ada")[0], state="returned")


def two_verdicts(world: World) -> None:
    change(world.people["bo"], letters(world, "ada")[0], state="returned", body="")


def false_receipt(world: World) -> None:
    change(world.people["ada"], letters(world, "ada")[-1], state="arrived", arrived_at=world.now_ms)


def gap_hidden(world: World) -> None:
    run(world.people["bo"], "DELETE FROM letters WHERE seq = ?", seq(world.people["bo"], letters(world, "ada")[1]))
    third = seq(world.people["bo"], letters(world, "ada")[2])
    run(world.people["bo"], "UPDATE letters SET number = 1 WHERE seq = ?", third)


def r_again(world: World) -> None:
    for name in ("a" * 26, "b" * 26):
        world.checks.parcel_leaves(world, world.people["ada"], "post", name, bytes(64))


def prekey_again(world: World) -> None:
    for n in range(2):
        run(
            world.people["ada"],
            "INSERT INTO bundles_out (hash, bond, letter, kind, length, sealed, pid, made_day)"
            " VALUES (?, 1, ?, 1, 1792, x'00', x'0102030405060708', 20000)",
            bytes([n]) * 32, seq(world.people["ada"], letters(world, "ada")[-1]),
        )  # fmt: skip


def prekey_lives_on(world: World) -> None:
    run(
        world.people["ada"],
        "INSERT INTO prekeys_spent (bond, pid, letter) SELECT bond, pid, x'00' FROM prekeys_ours"
        " WHERE kind = 'one-time' LIMIT 1",
    )


def secret_back(world: World) -> None:
    ada = world.people["ada"]
    row = ada.home.vault.one("SELECT * FROM prekeys_ours WHERE kind = 'one-time' LIMIT 1")
    assert row is not None
    run(ada, "DELETE FROM prekeys_ours WHERE pid = ?", row[1])
    look(world, world.checks)
    run(ada, f"INSERT INTO prekeys_ours VALUES ({','.join('?' * len(row))})", *row)


def row_of_nothing(world: World) -> None:
    db = world.people["ada"].home.vault.db
    db.pragma("foreign_keys", 0)
    run(world.people["ada"], "INSERT INTO enclosures VALUES (99999, 1, 'a', 'b', 1, x'', x'', NULL, NULL)")


def found_though_gone(world: World) -> None:
    run(world.people["ada"], "INSERT INTO letters_fts (rowid, subject, body) VALUES (99999, '', 'gone')")


def put_before_commit(world: World) -> None:
    ada = world.people["ada"]
    with ada.home.vault.transaction():
        world.checks.parcel_leaves(world, ada, "post", "a" * 26, bytes(64))


def taken_off_before_commit(world: World) -> None:
    ada = world.people["ada"]
    with ada.home.vault.transaction():
        world.checks.parcel_taken_off(world, ada, "post", "a" * 26)


def unnamed(world: World) -> None:
    world.checks.parcel_leaves(world, world.people["ada"], "post", "a" * 26, bytes(64))


def receipt_too_early(world: World) -> None:
    """Bo's next visit acknowledges a letter that is not whole in his vault any more."""
    world.now_ms += DAY_MS
    bo, letter = world.people["bo"], letters(world, "ada")[0]
    change(bo, letter, arrived_at=None)
    run(
        bo,
        "INSERT INTO notes_due (bond, carrier, what, subject, detail, visit) VALUES (1, 1, 'receipt', ?, ?, -1)",
        from_base32(letter), bytes(33),
    )  # fmt: skip
    from tiercel.runtime import syncing

    syncing.sync(bo.home)


def too_many_gifts(world: World) -> None:
    for n in range(257):
        run(
            world.people["ada"],
            "INSERT INTO prekeys_theirs (bond, pid, kind, incarnation, public, token, made_day)"
            " VALUES (1, ?, 'one-time', x'00', x'00', ?, 20000)",
            n.to_bytes(8, "big"), n.to_bytes(32, "big"),
        )  # fmt: skip


def too_many_steps(world: World) -> None:
    ada = world.people["ada"]
    with ada.home.vault.transaction():
        for _ in range(201):
            rows.add_event(ada.home.vault, seq(ada, letters(world, "ada")[0]), world.now_ms, "asked")


def telling_name(world: World) -> None:
    world.checks.parcel_leaves(world, world.people["ada"], "post", "letter-to-bo.bin", bytes(64))


def planned(
    world: World, digest: bytes, parcels: int, length: int = 3584, *, passes: int = 1, at: int = 5, refs: int = 2
) -> None:
    ada = world.people["ada"]
    letter = seq(ada, letters(world, "ada")[-1])
    sql = "INSERT OR IGNORE INTO bundles_out (hash, bond, letter, kind, length, sealed) VALUES (?, 1, ?, 1, ?, x'00')"
    run(ada, sql, digest, letter, length)
    run(ada, "UPDATE sendings SET passes = ? WHERE bundle = ?", passes, digest)
    for n in range(parcels):
        name = digest.hex()[:2] * 12 + "abcdefgh"[at % 8] + "abcdefgh"[n]
        run(
            ada,
            "INSERT INTO handed (carrier, name, bond, bundle, refs, profile, at) VALUES (1, ?, 1, ?, ?, 'file', ?)",
            name, digest, bytes(5 * refs), at,
        )  # fmt: skip
    world.checks.parcel_leaves(world, ada, "post", name, bytes(64))


def another_face(world: World) -> None:
    planned(world, b"\xaa" * 32, 1)
    planned(world, b"\xbb" * 32, 2)


def another_face_of_the_next_pass(world: World) -> None:
    planned(world, b"\xaa" * 32, 1)
    planned(world, b"\xaa" * 32, 2, passes=2, at=6)


def another_face_once_all_was_gone(world: World) -> None:
    planned(world, b"\xaa" * 32, 1)
    run(world.people["ada"], "DELETE FROM handed WHERE bundle = ?", b"\xaa" * 32)
    planned(world, b"\xaa" * 32, 2, at=6)


def no_class(world: World) -> None:
    planned(world, b"\xcc" * 32, 1, length=1793)


def told_of_a_copy(world: World) -> None:
    bo, letter = world.people["bo"], letters(world, "ada")[0]
    change(bo, letter, kind=4, incarnation=b"another")
    sql = "INSERT INTO incarnations (bond, incarnation, first_at, last_at, standing) VALUES (1, ?, 0, 0, 'current')"
    run(bo, sql, b"another")


def sent_in_doubt(world: World) -> None:
    ada = world.people["ada"]
    run(ada, "UPDATE bonds SET doubted_at = 1")
    planned(world, b"\xdd" * 32, 1)


def arrived_without_its_enclosure(world: World) -> None:
    bo, letter = world.people["bo"], letters(world, "ada")[-1]
    from tiercel.runtime import syncing

    for person in (world.people["ada"], bo):
        world.now_ms += DAY_MS
        syncing.sync(person.home)
    run(
        bo,
        "INSERT INTO enclosures (letter, n, name, kind, size, key, bundle_hash) VALUES (?, 1, 'a', 'b', 1, x'', x'')",
        seq(bo, letter),
    )
    change(world.people["ada"], letter, state="arrived", arrived_at=world.now_ms)


def planted_reader(world: World) -> None:
    run(world.people["ada"], "INSERT INTO readers (bond, side, kind, since_day) VALUES (1, 'us', 'charm', 20000)")


def expired_in_doubt(world: World) -> None:
    ada = world.people["ada"]
    with ada.home.vault.transaction():
        settings.put(ada.home.vault, "clock_in_doubt", 1)
    change(ada, letters(world, "ada")[-1], state="expired", deadline_day=1)


def expired_too_early(world: World) -> None:
    change(world.people["ada"], letters(world, "ada")[-1], state="expired", deadline_day=world.now_ms // DAY_MS)


def key_died_young(world: World) -> None:
    ada = world.people["ada"]
    row = ada.home.vault.one("SELECT pid FROM prekeys_ours WHERE kind = 'one-time' LIMIT 1")
    assert row is not None
    run(ada, "INSERT INTO prekeys_spent (bond, pid, letter) VALUES (1, ?, NULL)", row[0])
    run(ada, "DELETE FROM prekeys_ours WHERE pid = ?", row[0])


def receipt_missing(world: World) -> None:
    change(world.people["ada"], letters(world, "ada")[0], state="handed over")


def recall_unanswered(world: World) -> None:
    change(world.people["ada"], letters(world, "ada")[0], recall_at=world.now_ms)


def gifts_gone(world: World) -> None:
    run(world.people["ada"], "DELETE FROM prekeys_theirs WHERE kind = 'one-time'")


def quarantine_full(world: World) -> None:
    run(world.people["ada"], "INSERT INTO quarantine (bond, hash, verdict, at) VALUES (1, x'00', 'damaged', 0)")


def nothing(_world: World) -> None:
    """What the plan left undone is enough."""


AFTER_A_STEP: list[tuple[str, Break]] = [
    ("I1", lost), ("I1", never_stored), ("I1", taken_back_by_nobody), ("I1", text_gone_too_early),
    ("I1", back_on_its_way), ("I1", expired_without_deadline),
    ("I2", new_twice), ("I2", announced_twice),
    ("I3", another_text), ("I3", nobody_wrote_it), ("I3", another_file),
    ("I4", shown_after_its_return), ("I4", returned_by_nobody), ("I4", given_back_with_its_text),
    ("I5", false_receipt), ("I5", arrived_without_its_enclosure),
    ("I6", gap_hidden),
    ("I7", r_again), ("I7", prekey_again), ("I7", prekey_lives_on),
    ("I8", secret_back),
    ("I9", put_before_commit), ("I9", taken_off_before_commit), ("I9", unnamed), ("I9", receipt_too_early),
    ("I11", too_many_gifts), ("I11", too_many_steps),
    ("I12", telling_name), ("I12", another_face), ("I12", another_face_of_the_next_pass),
    ("I12", another_face_once_all_was_gone), ("I12", no_class),
    ("I13", told_of_a_copy), ("I13", sent_in_doubt),
    ("I14", expired_in_doubt), ("I14", expired_too_early), ("I14", key_died_young),
]  # fmt: skip

AT_THE_END: list[tuple[str, Break]] = [
    ("I1", row_of_nothing), ("I8", found_though_gone),
    ("I4", two_verdicts), ("I13", planted_reader), ("L1", nothing), ("L2", receipt_missing), ("L2", recall_unanswered),
    ("L3", gifts_gone), ("L4", quarantine_full), ("L5", nothing),
]  # fmt: skip


@pytest.mark.parametrize(("violated", "broken"), AFTER_A_STEP, ids=lambda each: getattr(each, "__name__", each))
def test_a_broken_world_is_seen_after_a_step(world: World, violated: str, broken: Break) -> None:
    checks = lived(world, violated)
    look(world, checks)
    with pytest.raises(Violation) as seen:
        broken(world)
        look(world, checks)
    assert seen.value.id == violated


def test_I12_answers_that_add_up_to_a_pass_are_no_pass(world: World) -> None:
    checks = lived(world, "I12")
    planned(world, b"\xaa" * 32, 1)
    planned(world, b"\xaa" * 32, 2, at=6, refs=1)  # two wants were heard at one visit
    planned(world, b"\xbb" * 32, 2, refs=1, passes=0)  # on a road that no pass went over yet
    look(world, checks)
    with pytest.raises(Violation):
        planned(world, b"\xbb" * 32, 2, at=6, refs=1)  # it comes about with the next pass


@pytest.mark.parametrize(("violated", "broken"), AT_THE_END, ids=lambda each: getattr(each, "__name__", each))
def test_a_broken_world_is_seen_at_the_end(world: World, violated: str, broken: Break) -> None:
    checks = lived(world, violated)
    look(world, checks)
    broken(world)
    with pytest.raises(Violation) as seen:
        checks.at_end(world)
    assert seen.value.id == violated


def test_no_gap_is_asked_for_before_a_letter_of_which_only_word_came(world: World) -> None:
    """A copy that was put back knows of what another had read the id only, by the writer's word (seed 1023017370)."""
    checks, bo = lived(world, "I6"), world.people["bo"]
    _first, second, third = letters(world, "ada")[:3]
    run(bo, "DELETE FROM letters WHERE seq = ?", seq(bo, second))
    run(bo, "UPDATE letters SET state = 'crossed', number = NULL WHERE seq = ?", seq(bo, third))
    look(world, checks)
    run(bo, "UPDATE letters SET state = 'read' WHERE seq = ?", seq(bo, third))
    with pytest.raises(Violation, match="I6"):
        look(world, checks)


def test_I10_what_changed_without_a_step_is_seen_after_the_act_that_changed_it(world: World) -> None:
    """All letters are looked at after so many acts, and whoever has another bond acts more often (seed 3092645709)."""
    way = Way(("ada", "bo"))
    world.checks = Checks([way])
    world.live()
    before, bo = len(way.steps), world.people["bo"]
    way.after_step(world, bo, [], full=False)
    assert way.steps[before:] == []
    letter = letters(world, "bo")[-1]
    change(bo, letter, state="expired")
    way.after_step(world, bo, [], full=False)
    assert [(who, state) for _at, who, _n, state in way.steps[before:]] == [("bo", "expired")]


def test_every_checker_is_broken_here() -> None:
    assert {check.id for check in every_check()} == set(IDS)
    assert {violated for violated, _broken in (*AFTER_A_STEP, *AT_THE_END)} == set(IDS)


def test_a_whole_life_violates_nothing(tmp_path: Path) -> None:
    whole = World(plan(), tmp_path, Checks(every_check()))
    try:
        whole.run()
    finally:
        whole.close()
    assert all(whole.checks.done[violated] > 30 for violated in IDS if violated[0] == "I")
