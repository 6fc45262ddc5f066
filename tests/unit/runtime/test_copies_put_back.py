"""A vault put back from an older copy: what both sides let go of, what is held, and how they go on."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from people import Person, bonded, exchange
from post_office import parcels
from tiercel.errors import StateForbids
from tiercel.limits import GIFTS_LOW, RESTORED_AGAIN_DAYS, RESTORED_GENERATIONS
from tiercel.runtime import bonds, copies, doctor, reading, seals, trust, writing
from tiercel.runtime.home import Home
from tiercel.vault import bonds as bond_rows
from tiercel.vault import letters as letter_rows
from tiercel.vault import prekeys


def copied(person: Person, to: Path) -> Path:
    """A copy of a vault as it is now."""
    person.home.close()
    shutil.copytree(person.folder, to)
    person.reopen()
    return to


def put_back(person: Person, copy: Path, accept: bool = True) -> None:
    """The copy takes the place of the vault; its person says that there is no newer one."""
    person.home.close()
    shutil.rmtree(person.folder)
    shutil.copytree(copy, person.folder)
    person.reopen()
    if accept:
        doctor.accept_old_copy(person.home)
        trust.clock_ok(person.home)


def warnings(person: Person) -> tuple[str, ...]:
    return bonds.bonds(person.home)[0].warnings


def generations(person: Person, direction: int) -> list[int]:
    return [root.generation for root in bond_rows.roots_of(person.home.vault, 1, direction)]


def test_T_ROLL_1_a_letter_after_a_restore_is_delivered_and_the_other_side_is_told(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    copy = copied(ada, tmp_path / "copy")
    ada.clock.advance(days=2)
    lost = ada.write("Dear Bo, the same words")
    ada.sync()
    first = [path.read_bytes() for path in parcels(tmp_path / "post")]
    [[sealed_first]] = sealed(ada)
    exchange(bo, ada)
    assert ada.state(lost) == "arrived"
    put_back(ada, copy)
    again = ada.write("Dear Bo, the same words")
    ada.sync()
    second = [path.read_bytes() for path in parcels(tmp_path / "post")]
    [[sealed_second]] = sealed(ada)
    assert not {each[:16] for each in first} & {each[:16] for each in second}, "no parcel begins as another did"
    assert sealed_first[36:68] != sealed_second[36:68], "nor does what is sealed inside"
    exchange(bo, ada)
    assert ada.state(again) == "arrived"
    [said] = warnings(bo)
    assert said.startswith("ada's vault was put back from a copy of 2025-06-15. Was it ada? Compare the words")
    assert [each.body for each in opened(bo)] == ["Dear Bo, the same words"] * 2


def sealed(person: Person) -> list[tuple[bytes]]:
    """The seals of letters under way, service letters left out."""
    return person.home.vault.all(
        "SELECT b.sealed FROM bundles_out b JOIN letters l ON l.seq = b.letter WHERE l.kind = 0 AND b.kind = 1"
    )


def opened(person: Person) -> list[reading.OpenLetterView]:
    return [reading.read(person.home, each.id) for each in reading.letters(person.home) if each.direction == "in"]


def test_everything_to_a_bond_in_doubt_is_held_until_it_is_confirmed(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    copy = copied(ada, tmp_path / "copy")
    under_way = bo.write("sealed before")
    bo.sync()
    for path in parcels(tmp_path / "post"):
        path.unlink()
    put_back(ada, copy)
    exchange(ada, bo)
    written = bo.write("written meanwhile")
    draft = writing.write(bo.home, writing.Draft("ada", "a draft"), send=False).id
    writing.send(bo.home, draft)
    assert {bo.state(each) for each in (under_way, written, draft)} == {"held"}
    for days in (1, 20, 20):
        ada.clock.advance(days=days)
        answer = ada.write(f"from ada, day {days}")
        exchange(ada, bo)
        assert ada.state(answer) == "arrived", "receipts go all the same"
        assert not bo.home.vault.all("SELECT 1 FROM bundles_out"), "and nothing is sealed, service letters neither"
    with pytest.raises(StateForbids, match="in doubt"):
        writing.send(bo.home, written)
    assert "held: a copy of the other side's vault" in reading.track(bo.home, written).events[-1].what
    bonds.confirm(bo.home, "ada")
    assert warnings(bo) == ()
    exchange(bo, ada)
    assert {bo.state(each) for each in (under_way, written, draft)} == {"arrived"}
    exchange(bo, ada)
    assert prekeys.stock(bo.home.vault, 1, 0)[0] >= GIFTS_LOW, "L3: the stock recovers"


def lose_enclosures(person: Person, post: Path) -> None:
    """The parcels of enclosures vanish from a folder before anybody reads them."""
    enclosed = "SELECT name FROM handed WHERE bundle IN (SELECT hash FROM bundles_out WHERE kind = 2)"
    names = {name for (name,) in person.home.vault.all(enclosed)}
    for path in parcels(post):
        if path.name[:26] in names:
            path.unlink()


def test_enclosures_of_a_letter_that_was_read_are_not_sent_in_doubt_either(tmp_path: Path) -> None:
    """Such a letter is not under way any more, and so they went on to whoever had put the copy back."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    (tmp_path / "map.png").write_bytes(b"here be dragons" * 100_000)
    letter = ada.write("with a map", enclosures=(tmp_path / "map.png",))
    ada.sync()
    lose_enclosures(ada, tmp_path / "post")
    bo.sync()
    reading.read(bo.home, letter, receipt=True)
    exchange(bo, ada, rounds=1)
    lose_enclosures(ada, tmp_path / "post")
    put_back(bo, copied(bo, tmp_path / "copy"))
    exchange(bo, ada, rounds=2)
    assert ada.state(letter) == "read" and bonds.bonds(ada.home)[0].doubted_at is not None
    assert not ada.home.vault.all("SELECT 1 FROM bundles_out WHERE kind = 2")
    bonds.confirm(ada.home, "bo")
    exchange(ada, bo)
    saved, _size = reading.save_enclosure(bo.home, letter, 1, tmp_path)
    assert saved.read_bytes() == b"here be dragons" * 100_000


@pytest.mark.parametrize("confirmed_first", [False, True])
def test_enclosures_of_a_held_letter_go_on_though_its_text_is_read_meanwhile(
    tmp_path: Path, confirmed_first: bool
) -> None:
    """The doubt let go of them, and a sign of reading made the letter pass for whole: they were never sent again."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    (tmp_path / "map.png").write_bytes(b"here be dragons" * 100_000)
    letter = ada.write("with a map", enclosures=(tmp_path / "map.png",))
    ada.sync()
    lose_enclosures(ada, tmp_path / "post")
    bo.sync()
    put_back(bo, copied(bo, tmp_path / "copy"))
    exchange(bo, ada, rounds=1)
    assert ada.state(letter) == "held"
    reading.read(bo.home, letter, receipt=True)
    bo.sync()
    if confirmed_first:
        bonds.confirm(ada.home, "bo")
    ada.sync()
    assert ada.state(letter) == "read" and reading.track(ada.home, letter).events[-1].what == "receipt: read"
    if not confirmed_first:
        assert not ada.home.vault.all("SELECT 1 FROM bundles_out WHERE kind = 2"), "nothing more is sent in doubt"
        bonds.confirm(ada.home, "bo")
    exchange(ada, bo)
    saved, _size = reading.save_enclosure(bo.home, letter, 1, tmp_path)
    assert saved.read_bytes() == b"here be dragons" * 100_000
    assert ada.home.vault.all("SELECT count(*) FROM bundles_out WHERE kind = 2") == [(0,)]


def test_a_held_letter_can_be_taken_back(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    put_back(ada, copied(ada, tmp_path / "copy"))
    left = bo.write("it may have left")
    bo.sync()
    exchange(ada, bo, rounds=1)
    stays = bo.write("it stays here")
    assert writing.recall(bo.home, stays).state == "recalled"
    if bo.state(left) == "held":
        writing.recall(bo.home, left)
        exchange(bo, ada)
        assert bo.state(left) in ("returned", "held")


def test_what_a_doubt_let_go_of_and_what_the_letter_brought(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    before = {row[0] for row in bo.home.vault.all("SELECT pid FROM prekeys_theirs")}
    secrets = {row[0] for row in ada.home.vault.all("SELECT pid FROM prekeys_ours WHERE kind = 'one-time'")}
    ours, theirs = generations(bo, 1)[0], generations(bo, 0)[0]
    put_back(ada, copied(ada, tmp_path / "copy"))
    assert not ada.home.vault.all("SELECT 1 FROM prekeys_theirs WHERE kind = 'one-time'")
    assert secrets <= {row[0] for row in ada.home.vault.all("SELECT pid FROM prekeys_ours")}, "letters in flight open"
    ada.sync()
    bo.sync()
    now = {row[0] for row in bo.home.vault.all("SELECT pid FROM prekeys_theirs")}
    assert not now & before and len(now) == 33
    current = [root for root in bond_rows.roots_of(bo.home.vault, 1, 1) if root.standing == "current"]
    assert [root.generation for root in current] == generations(bo, 1)[:1]
    assert generations(bo, 1)[0] > ours + RESTORED_GENERATIONS and generations(bo, 0)[0] > theirs + RESTORED_GENERATIONS
    exchange(ada, bo)
    assert not secrets & {row[0] for row in ada.home.vault.all("SELECT pid FROM prekeys_ours")}, "and then they die"
    assert generations(ada, 1)[0] == generations(bo, 1)[0]


def test_a_letter_in_flight_to_the_lost_vault_opens_in_the_copy(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    copy = copied(ada, tmp_path / "copy")
    letter = bo.write("in flight")
    bo.sync()
    put_back(ada, copy)
    ada.sync()
    assert [each.body for each in opened(ada)] == ["in flight"]
    exchange(bo, ada)
    assert bo.state(letter) == "arrived"


@pytest.mark.parametrize("days", [40, 120, 230])
def test_L5_a_copy_older_than_the_roots_of_both_comes_back_to_life(tmp_path: Path, days: int) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    copy = copied(ada, tmp_path / "copy")
    for day in range(0, days, 10):
        ada.clock.advance(days=10)
        ada.write(f"day {day}")
        bo.write(f"day {day}")
        exchange(ada, bo, rounds=2)
    assert generations(bo, 1)[0] > 0 and generations(ada, 0)[0] > 0
    waits = bo.write("for ada, whichever vault she has")
    put_back(ada, copy)
    exchange(ada, bo)
    assert bo.state(waits) == "held" and len(warnings(ada)) == 1
    bonds.confirm(bo.home, "ada")
    bonds.confirm(ada.home, "bo")
    letter = ada.write("here I am again")
    for _ in range(3):
        ada.clock.advance(days=1)
        exchange(bo, ada)
    assert bo.state(waits) == "arrived" and ada.state(letter) == "arrived"
    assert warnings(ada) == warnings(bo) == ()


def test_a_copy_older_than_the_keys_of_the_other_side_says_so(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    copy = copied(ada, tmp_path / "copy")
    for _ in range(26):
        ada.clock.advance(days=10)
        exchange(ada, bo, rounds=1)
    put_back(ada, copy)
    [said] = warnings(ada)
    assert "make a new one" in said


def test_an_old_correspondent_gets_the_service_letter_it_can_read(tmp_path: Path) -> None:
    """Version 2 is written only to one whose letters said that it reads it."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    with ada.home.vault.transaction():
        bond_rows.change_bond(ada.home.vault, 1, their_reads=1)
    put_back(ada, copied(ada, tmp_path / "copy"))
    assert "Call bo, say that you restored" in warnings(ada)[0]
    letter = ada.write("hello")
    exchange(ada, bo)
    kinds = {row[0] for row in ada.home.vault.all("SELECT kind FROM letters WHERE direction = 'out'")}
    assert letter_rows.RESTORED not in kinds and letter_rows.SERVICE in kinds and ada.state(letter) == "arrived"
    assert "another vault than before" in warnings(bo)[0]
    back = bo.write("and back")
    exchange(bo, ada)
    assert bo.state(back) == "arrived"


def lose(person: Person, post: Path, which: str) -> None:
    """What a person put there is gone from the folder."""
    names = {name for (name,) in person.home.vault.all(f"SELECT name FROM handed WHERE {which}")}
    for path in parcels(post):
        if path.name in names:
            path.unlink()


def test_the_old_roots_are_heard_until_the_other_side_knows_that_the_new_one_came(tmp_path: Path) -> None:
    """What was told of a copy came, its receipt did not, and for most of a year only notes came from there."""
    post = tmp_path / "post"
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    put_back(ada, copied(ada, tmp_path / "copy"))
    exchange(ada, bo, rounds=1)
    bo.sync()
    lose(bo, post, "true")
    bonds.confirm(bo.home, "ada")
    for day in range(0, 300, 10):
        bo.write(f"day {day}")
        bo.sync()
        ada.sync()
        ada.clock.advance(days=10)
        ada.sync()
        lose(ada, post, "bundle IS NOT NULL")
    written = ada.write("are you still there?")
    for _ in range(3):
        exchange(ada, bo)
        ada.clock.advance(days=8)
    assert ada.state(written) == "arrived"


def test_a_second_copy_put_back_before_the_first_was_heard_of(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    copy = copied(ada, tmp_path / "copy")
    put_back(ada, copy)
    ada.sync()
    doctor.accept_old_copy(ada.home)
    letter = ada.write("after the second")
    ada.clock.advance(days=1)
    exchange(ada, bo)
    bonds.confirm(bo.home, "ada")
    exchange(ada, bo)
    back = bo.write("and back")
    exchange(bo, ada)
    assert ada.state(letter) == bo.state(back) == "arrived"


def test_both_sides_put_back(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    copy_of_ada, copy_of_bo = copied(ada, tmp_path / "ada copy"), copied(bo, tmp_path / "bo copy")
    for _ in range(5):
        ada.clock.advance(days=10)
        ada.write("lost")
        bo.write("lost too")
        exchange(ada, bo)
    put_back(ada, copy_of_ada)
    put_back(bo, copy_of_bo)
    letters = ada.write("one"), bo.write("other")
    for _ in range(3):  # what tells of one's own copy waits as well while one is in doubt of the other
        exchange(ada, bo)
        bonds.confirm(ada.home, "bo")
        bonds.confirm(bo.home, "ada")
        ada.clock.advance(days=1)
    exchange(ada, bo)
    assert (ada.state(letters[0]), bo.state(letters[1])) == ("arrived", "arrived")
    assert warnings(ada) == warnings(bo) == ()


def test_one_copy_put_back_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both times it made roots above those it knew: the second ones had the lower numbers, and were not taken."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    copy = copied(ada, tmp_path / "copy")
    real, jumps = seals.next_generation, iter((60_000, 60_000, 5, 5))

    def falling(home: Home, roots: Sequence[bond_rows.Root], skipped: int = 0) -> int | None:
        return roots[0].generation + skipped + next(jumps) if skipped else real(home, roots, skipped)

    monkeypatch.setattr(seals, "next_generation", falling)
    for _ in range(2):
        put_back(ada, copy)
        ada.clock.advance(days=3)
        exchange(ada, bo)
        bonds.confirm(bo.home, "ada")
    letters = ada.write("and on"), bo.write("and on")
    exchange(ada, bo)
    assert (ada.state(letters[0]), bo.state(letters[1])) == ("arrived", "arrived")


def test_what_tells_of_two_copies_in_the_wrong_order_is_told_anew(tmp_path: Path) -> None:
    """The letter of the first copy came over a slow road after that of the second: bo spoke to nobody."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    copy = copied(ada, tmp_path / "copy")
    put_back(ada, copy)
    ada.sync()
    slow = {path.name: path.read_bytes() for path in parcels(tmp_path / "post")}
    for path in parcels(tmp_path / "post"):
        path.unlink()
    put_back(ada, copy)
    ada.sync()
    bo.sync()
    for name, data in slow.items():
        (tmp_path / "post" / name).write_bytes(data)
    exchange(bo, ada)
    deaf = ada.write("do you hear me?")
    exchange(ada, bo)
    bonds.confirm(bo.home, "ada")
    assert ada.state(deaf) == "handed over"
    ada.clock.advance(days=RESTORED_AGAIN_DAYS + 1)
    exchange(ada, bo)
    bonds.confirm(bo.home, "ada")
    letter = bo.write("now I do")
    exchange(bo, ada)
    assert (ada.state(deaf), bo.state(letter)) == ("arrived", "arrived")


def test_nothing_is_told_anew_by_a_clock_in_doubt(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    put_back(ada, copied(ada, tmp_path / "copy"))
    ada.sync()
    told = ada.home.vault.all("SELECT id, state FROM letters WHERE kind = 4")
    ada.clock.advance(days=60)
    ada.sync()
    assert ada.home.clock_doubtful
    assert ada.home.vault.all("SELECT id, state FROM letters WHERE kind = 4") == told
    trust.clock_ok(ada.home)
    ada.sync()
    ids = [
        (state, row == told[0][0]) for row, state in ada.home.vault.all("SELECT id, state FROM letters WHERE kind = 4")
    ]
    assert ids == [("expired", True), ("handed over", False)]


def in_use(person: Person) -> list[int]:
    """The generation of what Bo sends under."""
    return [root.generation for root in bond_rows.roots_of(person.home.vault, 1, 1) if root.standing == "current"]


def test_what_is_told_once_more_raises_no_new_doubt(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    put_back(ada, copied(ada, tmp_path / "copy"))
    ada.sync()
    bo.sync()  # the receipt is lost
    bonds.confirm(bo.home, "ada")
    for path in parcels(tmp_path / "post"):
        path.unlink()
    with bo.home.vault.transaction():
        bo.home.vault.run("DELETE FROM notes_due")
    ada.clock.advance(days=RESTORED_AGAIN_DAYS + 1)
    used = in_use(bo)
    ada.sync()
    bo.sync()
    assert warnings(bo) == () and in_use(bo) == used
    exchange(ada, bo)
    letter = bo.write("as before")
    exchange(bo, ada)
    assert bo.state(letter) == "arrived"


def test_gifts_made_since_the_copy_was_accepted_live_on(tmp_path: Path) -> None:
    """An urgent letter is sealed before what tells of the copy, and the receipt of that one killed its gifts."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    put_back(ada, copied(ada, tmp_path / "copy"))
    ada.write("x" * 33_000, urgent=True)
    ada.sync()
    mine = "SELECT pid FROM prekeys_ours WHERE kind = 'one-time'"
    since = ada.home.vault.all(f"{mine} AND copied = 0 ORDER BY pid")
    assert len(since) > 32
    exchange(bo, ada)
    assert ada.home.vault.all(f"{mine} ORDER BY pid") == since


def test_a_root_from_the_other_side_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes it cannot make us count epochs for ever, nor use up the numbers of our own roots."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    real = seals._as_record
    for hostile in ({"base_epoch": (1 << 32) - 1}, {"generation": (1 << 32) - 1}, {"generation": 0}):
        with monkeypatch.context() as patch:
            patch.setattr(
                seals, "_as_record", lambda root, change=hostile: seals.msgspec.structs.replace(real(root), **change)
            )
            doctor.accept_old_copy(ada.home)
            before = generations(bo, 1)
            exchange(ada, bo, rounds=1)
        assert generations(bo, 1) == before
        assert len(warnings(bo)) == 1


def test_a_root_offered_late_by_a_vault_that_was_left_is_not_in_use_beside_the_newer(tmp_path: Path) -> None:
    _ada, bo = bonded(tmp_path)
    vault, now = bo.home.vault, bo.clock.now_ms()
    bond = bond_rows.all_bonds(vault)[0]
    epoch = bond_rows.roots_of(vault, bond.id, 0)[0].epoch
    with vault.transaction():
        bond_rows.begin_anew(vault, bond_rows.Root(bond.id, 0, 900, epoch, bytes(32), "current", now))
        bond_rows.add_root(vault, bond_rows.Root(bond.id, 0, 800, epoch, bytes(range(32)), "offered", now))
        bond_rows.take_generation(vault, bond.id, 0, 800, now)
        between = {root.generation: root.standing for root in bond_rows.roots_of(vault, bond.id, 0)}
        bond_rows.add_root(vault, bond_rows.Root(bond.id, 0, 1000, epoch, bytes(range(1, 33)), "offered", now))
        bond_rows.take_generation(vault, bond.id, 0, 1000, now)
    standing = {root.generation: root.standing for root in bond_rows.roots_of(vault, bond.id, 0)}
    assert between == {0: "superseded", 800: "superseded", 900: "current"}
    assert standing == {0: "superseded", 800: "superseded", 900: "superseded", 1000: "current"}


def test_a_bond_being_made_is_not_gone_on_with(tmp_path: Path) -> None:
    from people import ada_and_bo

    ada, bo = ada_and_bo(tmp_path)
    bonds.accept(bo.home, bonds.invite(ada.home, "bo", "post"), "ada", "post")
    for person in (bo, ada, bo, ada):
        person.sync()
    put_back(ada, copied(ada, tmp_path / "copy"))
    assert "refuse it and invite bo anew" in warnings(ada)[0]


def test_what_is_known_of_the_copy(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    copy = copied(ada, tmp_path / "copy")
    day = ada.clock.now_ms() // 86_400_000
    ada.clock.advance(days=30)
    exchange(ada, bo)
    put_back(ada, copy, accept=False)
    ada.clock.advance(days=3)
    ada.reopen()
    doctor.accept_old_copy(ada.home)
    assert copies.copied_day(ada.home) == day
    assert copies.put_back_lately(ada.home)
    ada.clock.advance(days=248)
    assert not copies.put_back_lately(ada.home)
