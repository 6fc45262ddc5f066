"""Prekeys, roots, clocks and old copies: what a bond's keys do over months."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from people import Person, bonded, exchange
from post_office import of_letter, parcels
from tiercel.crypto import kem_public
from tiercel.delivery import stock
from tiercel.errors import VaultRolledBack
from tiercel.letter.record import RootRecord
from tiercel.limits import DAY_MS, GIFTS_KEPT_MAX, GIFTS_MAX
from tiercel.parcel.note import Note, encode_note
from tiercel.runtime import bonds, doctor, hearing, reading, seals, syncing, trust, writing
from tiercel.runtime.planning import RoadAt
from tiercel.runtime.views import Draft
from tiercel.sealing.prekeys import make_prekey
from tiercel.testing.entropy import SeededEntropy
from tiercel.vault import bonds as bond_rows
from tiercel.vault import letters as letter_rows
from tiercel.vault import prekeys, roads
from tiercel.wire import from_base32
from vault_kit import every_page, key_of


def count(person: Person, sql: str) -> int:
    row = person.home.vault.one("SELECT count(*) FROM " + sql)
    assert row is not None
    return int(row[0])


def bond_of(person: Person) -> bond_rows.Bond:
    return bond_rows.all_bonds(person.home.vault)[0]


# -- gifts -------------------------------------------------------------------------------------------


def test_T_GIFT_1_a_thousand_hostile_gifts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bo = bonded(tmp_path)
    entropy = SeededEntropy("hostile")
    made = [make_prekey(entropy)[1] for _ in range(1100)]
    ours = [
        pid + kem_public(seed) + token
        for pid, seed, token in ada.home.vault.all("SELECT pid, seed, token FROM prekeys_ours LIMIT 40")
    ]
    low = [entropy.token(8) + made[n][8:1192] + bytes(32) + entropy.token(32) for n in range(40)]
    batches = [made[n : n + 200] + ours[n % 40 :][:5] + low[n % 40 :][:5] + made[:40] for n in range(0, 1100, 200)]
    real = seals._with

    def hostile(record: seals.LetterRecord, *rest: object) -> seals.LetterRecord:
        return msgspec.structs.replace(real(record, *rest), gifts=tuple(batches.pop(0)[:256]))  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(seals, "_with", hostile)
        letters = []
        while batches:
            letters.append(bo.write("a gift for you"))
            exchange(bo, ada, rounds=1)
    held = count(ada, "prekeys_theirs WHERE kind = 'one-time'")
    assert 0 < held <= GIFTS_MAX
    own = {row[0] for row in ada.home.vault.all("SELECT pid FROM prekeys_ours")}
    theirs = {row[0] for row in ada.home.vault.all("SELECT pid FROM prekeys_theirs")}
    assert not own & theirs and not {gift[:8] for gift in low} & theirs
    exchange(ada, bo)
    assert {bo.state(letter) for letter in letters} == {"arrived"}
    answer = ada.write("letters still go")
    ada.sync()
    assert ada.state(answer) == "handed over"


def test_a_new_incarnation_for_each_letter_brings_no_more_gifts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were counted by incarnation, which the sender chooses freely."""
    ada, bo = bonded(tmp_path)
    entropy, real = SeededEntropy("many lives"), seals._with

    def hostile(record: seals.LetterRecord, *rest: object) -> seals.LetterRecord:
        gifts = tuple(make_prekey(entropy)[1] for _ in range(100))
        return msgspec.structs.replace(real(record, *rest), gifts=gifts)  # type: ignore[arg-type]

    monkeypatch.setattr(seals, "_with", hostile)
    for _ in range(4):
        with bo.home.vault.transaction():
            bond_rows.change_bond(bo.home.vault, 1, incarnation=entropy.token(16))
        bo.write("another life")
        exchange(bo, ada, rounds=1)
    assert count(ada, "prekeys_theirs WHERE kind = 'one-time'") == GIFTS_MAX


def test_many_offered_roots_cost_no_more_keys_to_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bo = bonded(tmp_path)
    offers = iter(range(1, 99))

    def another(_home: object, _bond: object) -> RootRecord:
        number = next(offers)
        return RootRecord(generation=number, base_epoch=bond_of(bo).newest_sent, root=bytes([number]) * 32)

    monkeypatch.setattr(seals, "_root_to_offer", another)
    monkeypatch.setattr(stock, "root_due", lambda _root, _now: True)
    for _ in range(7):
        bo.write("x" * 3000)
    exchange(bo, ada, rounds=1)
    offered = bond_rows.roots_of(ada.home.vault, 1, bond_of(bo).direction)
    assert [root.standing for root in offered] == ["offered"] * 4 + ["current"]


def test_a_dead_last_resort_key_is_not_sealed_to_again_while_it_is_the_only_one(tmp_path: Path) -> None:
    """Each new seal met the same dead key, and the two went on for ever."""
    ada, bo = bonded(tmp_path)
    with ada.home.vault.transaction():
        kept = ada.home.vault.all("SELECT pid FROM prekeys_theirs WHERE kind = 'one-time'")[0][0]
        [made] = ada.home.vault.all("SELECT made_day FROM prekeys_theirs WHERE pid = ?", kept)
        ada.home.vault.run("DELETE FROM prekeys_theirs WHERE kind = 'one-time' AND pid <> ?", kept)
        ada.home.vault.run("UPDATE prekeys_theirs SET made_day = 0 WHERE pid = ?", kept)
    letter = ada.write("to the last resort")
    ada.sync()
    [(first,)] = sealed(ada)
    with bo.home.vault.transaction():
        bo.home.vault.run("DELETE FROM prekeys_ours WHERE kind = 'last-resort'")
        bo.home.vault.run("UPDATE bonds SET service_at = ?", bo.clock.now_ms())  # no other key comes before the notice
    exchange(bo, ada)
    assert sealed(ada) == [(first,)]
    with ada.home.vault.transaction():
        ada.home.vault.run("UPDATE prekeys_theirs SET made_day = ? WHERE pid = ?", made[0], kept)
    ada.clock.advance(days=1.1)
    exchange(bo, ada)
    assert ada.state(letter) == "arrived" and not count(ada, "letters WHERE kind = 0 AND weaker = 1")


def test_what_was_asked_back_while_sealing_began_is_not_sealed(tmp_path: Path) -> None:
    ada, _bo = bonded(tmp_path)
    letter = ada.write("no, wait")
    ada.sync()
    [row] = letter_rows.letters_where(ada.home.vault, "kind = 0")
    writing.recall(ada.home, letter)
    seals._seal(ada.home, 1, row)
    assert sealed(ada) == []


def test_gifts_in_unacknowledged_letters_do_not_count_and_are_bounded(tmp_path: Path) -> None:
    ada, _bo = bonded(tmp_path)
    for _ in range(30):
        ada.write("x" * 40_000)
    ada.sync()
    held, usable, kept = prekeys.stock(ada.home.vault, 1, 0)
    assert held <= 32 and usable == kept <= GIFTS_MAX


def test_a_letter_sealed_again_carries_the_same_gifts_and_they_count_as_the_oldest_seal_says(tmp_path: Path) -> None:
    """Seals that were never opened used up all 256 keys that may be given, and no key came for months."""
    ada, bo = bonded(tmp_path)
    for _ in range(8):  # ada has let go of gifts, so that there are some to give
        bo.write("uses one")
    exchange(bo, ada)
    letter = from_base32(ada.write("x" * 24_000))
    ada.sync()
    given = {each.pid for each in prekeys.carried(ada.home.vault, 1, letter)}
    for _ in range(2):
        ada.clock.advance(days=31)
        ada.sync()
    assert count(ada, "letters WHERE kind = 0 AND direction = 'out' AND seals = 2") == 1
    assert given and {each.pid for each in prekeys.carried(ada.home.vault, 1, letter)} == given
    assert not count(ada, "prekeys_ours WHERE kind = 'one-time' AND letter IS NULL"), "none that no receipt counts"
    exchange(bo, ada)
    carried = prekeys.carried(ada.home.vault, 1, letter)
    assert carried and all(each.acked_at is not None and each.made_day >= today(ada) - 2 for each in carried)
    everywhere = f"prekeys_ours WHERE kind = 'one-time' AND acked_at IS NOT NULL AND made_day >= {today(ada) - 10}"
    assert count(ada, everywhere) - len(carried) >= prekeys.stock(ada.home.vault, 1, today(ada) - 10)[0]


@pytest.mark.parametrize(("secrets", "given"), [(GIFTS_MAX, True), (GIFTS_KEPT_MAX, False)])
def test_keys_past_their_use_stand_in_the_way_of_new_ones_only_where_there_are_very_many(
    secrets: int, given: bool, tmp_path: Path
) -> None:
    """256 secrets of lost or unused gifts, kept for letters on their way, left the other side without for months."""
    ada, bo = bonded(tmp_path)
    long_ago = today(ada) - 130
    with ada.home.vault.transaction():
        for n in range(secrets):
            one, _gift = make_prekey(SeededEntropy(f"old {n}"))
            values = (one.pid, prekeys.ONE_TIME, one.seed, one.token, one.public_hash, long_ago, None, None, None)
            prekeys.add_ours(ada.home.vault, prekeys.OurPrekey(1, *values))
        ada.home.vault.run("UPDATE prekeys_ours SET made_day = ? WHERE kind = 'one-time'", long_ago)
    ada.clock.advance(days=8)
    exchange(ada, bo)
    assert (prekeys.stock(ada.home.vault, 1, today(ada) - 60)[0] >= 31) is given


UNCOUNTED = "prekeys_ours WHERE kind = 'one-time' AND letter IS NULL"
"""Gifts that fill the bound for months and that no receipt will ever count as held."""


def service_letter_under_way(ada: Person) -> int:
    """A service letter of ada's that was sealed, and never comes."""
    ada.clock.advance(days=31)
    ada.sync()
    [row] = letter_rows.letters_where(ada.home.vault, "kind = 1 AND direction = 'out' AND seals = 1")
    return row.seq


def sealed_anew(ada: Person) -> None:
    for _ in range(2):
        ada.clock.advance(days=40)
        ada.sync()


def test_a_service_letter_that_had_no_room_for_gifts_makes_none_when_sealed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its seals made 32 that no receipt counts, until the bound of 256 was full of them (seed 114)."""
    ada, _bo = bonded(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(stock, "gifts_wanted", lambda _held, _live: 0)
        seq = service_letter_under_way(ada)
    sealed_anew(ada)
    assert count(ada, f"letters WHERE seq = {seq} AND seals > 1")
    assert not count(ada, UNCOUNTED)


def test_a_service_letter_with_no_keys_left_to_bring_makes_place_for_another(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    seq = service_letter_under_way(ada)
    with ada.home.vault.transaction():  # the other side let go of all it had, or the keys were kept too long
        ada.home.vault.run("DELETE FROM prekeys_ours WHERE letter IS NOT NULL")
        ada.home.vault.run("DELETE FROM roots WHERE standing = 'offered'")
    sealed_anew(ada)
    assert count(ada, f"letters WHERE seq = {seq} AND state = 'expired' AND seals = 1")
    assert not count(ada, f"bundles_out WHERE letter = {seq}") and not count(ada, UNCOUNTED)
    exchange(bo, ada)
    assert count(ada, "letters WHERE kind = 1 AND direction = 'out' AND state = 'arrived'")
    assert prekeys.stock(ada.home.vault, 1, today(ada) - 10)[0] >= 16
    assert count(bo, f"prekeys_theirs WHERE kind = 'one-time' AND made_day >= {today(ada) - 10}") >= 16


def test_the_newest_prekey_is_used_first_and_none_twice(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    for _ in range(6):
        ada.write("uses one")
    exchange(ada, bo)
    ada.clock.advance(days=5)
    bo.write("x" * 24_000)
    exchange(bo, ada)
    newest = {row[0] for row in ada.home.vault.all("SELECT pid FROM prekeys_theirs WHERE made_day = ?", today(ada))}
    assert newest
    ada.write("hello")
    ada.sync()
    [(pid,)] = ada.home.vault.all("SELECT pid FROM bundles_out WHERE kind = 1 AND made_day IS NOT NULL")
    assert pid in newest and not count(ada, f"prekeys_theirs WHERE pid = x'{pid.hex()}'")


def today(person: Person) -> int:
    return person.clock.now_ms() // DAY_MS


def sealed(person: Person) -> list[tuple[bytes]]:
    """The hashes of the sealed letters under way, service letters left out."""
    return person.home.vault.all(
        "SELECT b.hash FROM bundles_out b JOIN letters l ON l.seq = b.letter WHERE l.kind = 0 AND b.kind = 1"
    )


def test_a_seal_is_renewed_before_the_road_outlives_it(tmp_path: Path) -> None:
    """120 days of a prekey and a road of 60: sealed again once it is 61 days old."""
    ada, bo = bonded(tmp_path)
    letter = ada.write("long on the way")
    ada.sync()
    [(first,)] = sealed(ada)
    ada.clock.advance(days=40)
    ada.sync()
    assert sealed(ada) == [(first,)]
    ada.clock.advance(days=21)
    ada.sync()
    [(second,)] = sealed(ada)
    assert second != first
    assert count(ada, "letters WHERE kind = 0 AND weaker = 1") == 1, "gifts as old as the seal are no use either"
    exchange(bo, ada)
    assert ada.state(letter) == "arrived" and len(reading.letters(bo.home)) == 1


def test_gifts_too_old_for_the_road_are_replaced_by_a_service_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They counted as held, so no service letter came and the writer fell back to the last-resort key."""
    ada, bo = bonded(tmp_path)
    monkeypatch.setattr(stock, "root_due", lambda _root, _now: False)
    monkeypatch.setattr(stock, "last_resort_due", lambda _stock, _now: False)
    for days in (30, 31):
        ada.clock.advance(days=days)
        exchange(ada, bo)
    assert count(bo, "letters WHERE kind = 1 AND direction = 'out' AND state = 'arrived'") == 1
    letter = ada.write("one-sided")
    exchange(ada, bo)
    assert ada.state(letter) == "arrived" and not count(ada, "letters WHERE kind = 0 AND weaker = 1")


def test_service_letters_are_never_shown_and_at_most_weekly(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    made = []
    for _ in range(60):
        for _ in range(3):
            ada.write("one way")
        ada.clock.advance(days=1)
        exchange(ada, bo, rounds=1)
        made.append(count(bo, "letters WHERE kind = 1 AND direction = 'out'"))
    assert 3 <= made[-1] <= 60 // 7 + 1
    assert all(each.direction == "out" for each in reading.letters(ada.home))
    assert count(ada, "letters WHERE kind = 1 AND direction = 'in'") and not reading.search(ada.home, "service")


# -- deletion ----------------------------------------------------------------------------------------


def test_T_DEL_1_after_opening_and_one_idle_sync_the_secret_is_nowhere(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    before = {pid: (seed, token) for pid, seed, token in bo.home.vault.all("SELECT pid, seed, token FROM prekeys_ours")}
    for n in range(3):
        ada.write(f"letter {n}")
    ada.sync()
    bo.sync()
    bo.sync()
    left = {row[0] for row in bo.home.vault.all("SELECT pid FROM prekeys_ours")}
    dead = [secret for pid, secret in before.items() if pid not in left]
    alive = [secret for pid, secret in before.items() if pid in left]
    assert len(dead) == 3 and alive
    pages = [page for _name, page in every_page(bo.folder, key_of(bo.folder, "a quiet evening"))]
    found = [any(seed[:24] in page or token[:16] in page for page in pages) for seed, token in dead]
    assert found == [False] * 3
    assert any(alive[0][0][:24] in page for page in pages), "the scan does find what is there"


# -- an older copy -----------------------------------------------------------------------------------


def test_T_VAULT_2_an_old_copy_put_back_sends_nothing_until_a_person_says_so(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    early = ada.write("early")
    exchange(ada, bo)
    ada.home.close()
    shutil.copytree(ada.folder, tmp_path / "copy")
    ada.reopen()
    used: set[bytes] = set()
    for n in range(12):  # days go by, gifts are used
        ada.write(f"lost {n}")
        bo.write("x" * 3000)
        ada.sync()
        used |= {row[0] for row in ada.home.vault.all("SELECT pid FROM bundles_out WHERE made_day IS NOT NULL")}
        exchange(bo, ada)
        ada.clock.advance(days=1)
    ada.home.close()
    shutil.rmtree(ada.folder)
    (tmp_path / "copy").rename(ada.folder)
    ada.reopen()
    on_the_road = {path.name: path.read_bytes() for path in parcels(tmp_path / "post")}
    late = bo.write("while you were away")
    with pytest.raises(VaultRolledBack):
        syncing.sync(ada.home)
    assert {path.name: path.read_bytes() for path in parcels(tmp_path / "post")} == on_the_road
    assert reading.read(ada.home, early).body == "early"
    doctor.accept_old_copy(ada.home)
    trust.clock_ok(ada.home)
    letters = [ada.write(f"again {n}") for n in range(3)]
    ada.sync()
    again = {row[0] for row in ada.home.vault.all("SELECT pid FROM bundles_out WHERE made_day IS NOT NULL")}
    assert not used & again, "no prekey is used twice"
    for _ in range(8):
        ada.clock.advance(days=1)
        exchange(ada, bo, rounds=2)
    assert {ada.state(letter) for letter in letters} == {"arrived"}
    assert bo.state(late) == "held", "the copy may be somebody else's"
    bonds.confirm(bo.home, "ada")
    for _ in range(8):
        ada.clock.advance(days=1)
        exchange(ada, bo, rounds=2)
    assert bo.state(late) == "arrived"


def test_an_old_copy_does_not_offer_a_root_under_a_number_that_was_given_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other side kept the first of that number, and nothing sent after the switch was recognised."""
    ada, bo = bonded(tmp_path)
    real, mine = stock.root_due, bond_of(ada).direction
    monkeypatch.setattr(stock, "root_due", lambda root, now: root.direction == mine and real(root, now))
    ada.home.close()
    shutil.copytree(ada.folder, tmp_path / "copy")
    ada.reopen()
    for _ in range(5):
        ada.clock.advance(days=8)
        ada.write("x" * 3000)
        exchange(ada, bo)
    assert {root.generation for root in bond_rows.roots_of(bo.home.vault, 1, bond_of(ada).direction)} > {0}
    ada.home.close()
    shutil.rmtree(ada.folder)
    (tmp_path / "copy").rename(ada.folder)
    ada.reopen()
    doctor.accept_old_copy(ada.home)
    for n in range(5):
        letter = ada.write(f"letter {n} " + "x" * 3000)
        exchange(ada, bo)
        assert ada.state(letter) == "arrived", n
        ada.clock.advance(days=8)
    [current] = [r for r in bond_rows.roots_of(ada.home.vault, 1, bond_of(ada).direction) if r.standing == "current"]
    assert current.generation > 65536


def put_back(person: Person, copy: Path) -> None:
    """The folder of a vault comes from a copy, on a machine that has no marker: nothing shows that it is old."""
    person.home.close()
    shutil.rmtree(person.folder)
    copy.rename(person.folder)
    person.state_dir = copy.with_name("state of another machine")
    person.reopen()
    assert not person.home.vault.rolled_back


def test_an_old_copy_without_a_marker_seals_again_what_it_sealed_to_a_used_key(tmp_path: Path) -> None:
    """The other side took it for a duplicate of the letter that used the key, and said nothing for 61 days."""
    ada, bo = bonded(tmp_path)
    ada.home.close()
    shutil.copytree(ada.folder, tmp_path / "copy")
    ada.reopen()
    lost = [ada.write(f"lost {n}") for n in range(3)]
    exchange(ada, bo)
    put_back(ada, tmp_path / "copy")
    letter = ada.write("after")
    exchange(ada, bo, rounds=6)
    assert ada.state(letter) == "arrived"
    assert {each.id for each in reading.letters(bo.home)} == {letter, *lost}


def test_an_old_copy_asks_for_an_enclosure_that_was_said_to_be_here(tmp_path: Path) -> None:
    """The writer had heard `have` and never sent it again; the reader wanted only what it gathers."""
    ada, bo = bonded(tmp_path)
    bo.home.close()
    shutil.copytree(bo.folder, tmp_path / "copy")
    bo.reopen()
    for name, size in (("leaf", 3000), ("film", 3_000_000)):
        (tmp_path / name).write_bytes(ada.entropy.token(size))
    letter = ada.write("two enclosures", enclosures=(tmp_path / "leaf", tmp_path / "film"))
    for person in (ada, bo, ada):
        person.sync()
        for path in parcels(tmp_path / "post"):
            if path.stat().st_size > 100_000:  # the film does not come yet
                path.unlink()
    assert count(ada, "bundles_out WHERE peer_has = 1") == 1
    put_back(bo, tmp_path / "copy")
    for _ in range(5):
        exchange(bo, ada, rounds=1)
        ada.clock.advance(days=2)
    exchange(bo, ada)
    assert ada.state(letter) == "arrived"
    for n, name in enumerate(("leaf", "film"), 1):
        (tmp_path / f"for {name}").mkdir()
        saved, _size = reading.save_enclosure(bo.home, letter, n, tmp_path / f"for {name}")
        assert saved.read_bytes() == (tmp_path / name).read_bytes()


def test_an_old_copy_without_a_marker_offers_a_root_of_another_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other side kept the first root of that number; the sender went over to the second and was not heard again."""
    ada, bo = bonded(tmp_path)
    real, mine = stock.root_due, bond_of(ada).direction
    monkeypatch.setattr(stock, "root_due", lambda root, now: root.direction == mine and real(root, now))
    ada.home.close()
    shutil.copytree(ada.folder, tmp_path / "copy")
    ada.reopen()
    ada.clock.advance(days=31)
    exchange(ada, bo)
    put_back(ada, tmp_path / "copy")
    for _ in range(6):
        ada.clock.advance(days=8)
        exchange(ada, bo)
    [current] = [r for r in bond_rows.roots_of(ada.home.vault, 1, bond_of(ada).direction) if r.standing == "current"]
    assert current.generation > 0
    letter = ada.write("heard")
    exchange(ada, bo)
    assert ada.state(letter) == "arrived"


# -- clocks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [46, 400, -2])
def test_T_CLOCK_1_nothing_expires_or_is_deleted_until_a_person_says_so(tmp_path: Path, days: int) -> None:
    ada, bo = bonded(tmp_path)
    deadline = today(ada) + 10
    letter = ada.write("until the tenth", deadline_day=deadline)
    ada.sync()
    [path] = of_letter(ada, letter, tmp_path / "post")
    tables = ("prekeys_ours", "roots", "quarantine")
    before = [count(ada, table) for table in tables]
    ada.clock.advance(days=days)
    ada.reopen()
    assert ada.home.clock_doubtful and any("clock" in notice for notice in ada.home.notices)
    sent = bond_of(ada).newest_sent
    ada.sync()
    assert ada.state(letter) == "handed over" and bond_of(ada).newest_sent == sent
    assert path.exists()
    assert all(count(ada, table) >= was for table, was in zip(tables, before, strict=True))
    ada.clock.advance(days=-days)
    ada.reopen()
    trust.clock_ok(ada.home)
    bo.reopen()
    if bo.home.clock_doubtful:
        trust.clock_ok(bo.home)
    exchange(bo, ada)
    assert ada.state(letter) == "arrived"


def test_after_clock_ok_what_waited_goes_on(tmp_path: Path) -> None:
    ada, _bo = bonded(tmp_path)
    letter = ada.write("short", deadline_day=today(ada) + 10)
    ada.sync()
    ada.clock.advance(days=46)
    ada.sync()
    assert ada.state(letter) == "handed over"
    trust.clock_ok(ada.home)
    ada.sync()
    assert ada.state(letter) == "expired"


# -- generations -------------------------------------------------------------------------------------


def test_under_a_superseded_generation_only_receipts_are_heard(tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path)
    letter = ada.write("secret")
    exchange(ada, bo)
    note = encode_note(Note(day=today(ada), recalls=(letter_rows.letters_where(bo.home.vault, "kind = 0")[0].id,)))
    row = roads.all_carriers(bo.home.vault)[0]
    road = RoadAt(row, bo.home.open_carrier(row))
    with bo.home.office.transaction():
        hearing.hear(bo.home, bond_of(bo), note, road, superseded=True)
    assert bo.state(letter) == "arrived"
    with bo.home.office.transaction():
        hearing.hear(bo.home, bond_of(bo), note, road, superseded=False)
    assert all(each.id != letter for each in reading.letters(bo.home))


def test_one_silent_bond_keeps_no_keys_of_another(tmp_path: Path) -> None:
    """I10: deletion by time believes each bond's own post."""
    ada, bo = bonded(tmp_path)
    bonds.invite(ada.home, "cy", "post")
    gone = {row[0] for row in bo.home.vault.all("SELECT pid FROM prekeys_ours WHERE kind = 'one-time'")}
    for _ in range(34):
        ada.clock.advance(days=10)
        exchange(ada, bo, rounds=1)
        writing.write(ada.home, Draft("bo", "still here"))
    left = {row[0] for row in bo.home.vault.all("SELECT pid FROM prekeys_ours")}
    assert not gone & left
    assert min(r.generation for r in bond_rows.roots_of(ada.home.vault, 1, bond_of(ada).direction)) > 0
