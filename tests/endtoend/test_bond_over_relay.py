"""Two people who have nothing between them but a relay's own process, and what happens when it is cut or wiped."""

from __future__ import annotations

import json
import random
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cut_wire import CutWire
from people import START_MS, Person
from relay_kit import Serving, command
from tiercel.limits import DAY_MS, RELAY_BOX_KEPT_DAYS
from tiercel.relay import protocol as relay
from tiercel.runtime import bonds, doctor, reading, roads, syncing, writing
from tiercel.runtime.boxes import keys_of
from tiercel.runtime.relay_road import RelayRoad, server_of
from tiercel.runtime.views import Draft, SyncReport, no_progress
from tiercel.testing.clock import FakeClock
from tiercel.vault import boxes


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    with Serving(tmp_path) as running:
        yield running


def two(folder: Path) -> tuple[Person, Person]:
    clock = FakeClock(START_MS)
    return Person(folder, "ada", clock, 1), Person(folder, "bo", clock, 1)


def paired(folder: Path, address: str) -> tuple[Person, Person]:
    """By the invitation text only: Bo never added a carrier."""
    ada, bo = two(folder)
    roads.add_relay(ada.home, "post", address)
    bonds.accept(bo.home, bonds.invite(ada.home, "bo", "post"), "ada")
    for _ in range(3):
        bo.sync()
        ada.sync()
    assert bonds.words(ada.home, "bo").words == bonds.words(bo.home, "ada").words
    bonds.confirm(ada.home, "bo")
    bonds.confirm(bo.home, "ada")
    for _ in range(4):
        ada.sync()
        bo.sync()
    assert [bonds.bonds(each.home)[0].state for each in (ada, bo)] == ["bonded", "bonded"]
    return ada, bo


def address_of(serving: Serving) -> str:
    return relay.encode_address(serving.address)


def test_pairing_letters_and_receipts_over_a_relay(serving: Serving, tmp_path: Path) -> None:
    ada, bo = paired(tmp_path, address_of(serving))
    first, second = ada.write("Dear Bo, winter is over."), bo.write("Dear Ada, so it is.")
    for person in (ada, bo, ada, bo, ada, bo):
        person.sync()
    assert ada.state(first) == "arrived" and bo.state(second) == "arrived"
    assert [each.id for each in reading.letters(bo.home) if each.direction == "in"] == [first]
    events = {event.what: event for event in reading.track(ada.home, first).events}
    assert events["handed over"].road == "post" and events["handed over"].until is not None
    assert events["handed over"].until > START_MS + 50 * DAY_MS
    assert not any(box.pairing for person in (ada, bo) for box in boxes.ours_on(person.home.vault, 1, 1))
    assert all(found.well for found in doctor.examine(ada.home) if found.what.startswith("carrier"))


def events(person: Person, letter: str) -> set[str]:
    return {event.what for event in reading.track(person.home, letter).events}


def test_collected_is_said_when_the_relay_says_so(serving: Serving, tmp_path: Path) -> None:
    ada, bo = paired(tmp_path, address_of(serving))
    first = ada.write("Dear Bo,")
    ada.sync()
    ada.sync()
    assert "collected" not in events(ada, first)
    row = bo.home.carrier("relay 1")
    with bo.home.vault.transaction():  # his receipt stays at home this once
        bo.home.vault.run("UPDATE carriers SET kind = kind")
    taken = [entry.name for entry in bo.home.open_carrier(row).list()]
    reader = bo.home.open_carrier(row)
    assert [entry.name for entry in reader.list()] == taken and taken
    for name in taken:
        reader.remove(name)
    reader.flush()
    ada.sync()
    assert "collected" in events(ada, first) and ada.state(first) == "handed over"


def wipe(serving: Serving) -> None:
    """The disk of a relay is new; its certificate was kept elsewhere, as its operator was told."""
    for path in serving.folder.glob("relay.db*"):
        if path.suffix not in (".pem", ".crt", ".key"):
            path.unlink()


def test_a_relay_wiped_on_the_way_loses_no_letter(tmp_path: Path) -> None:
    with Serving(tmp_path) as first:
        ada, bo = paired(tmp_path, address_of(first))
        letters = [ada.write(f"Dear Bo, {number}") for number in range(3)]
        ada.sync()
        first.stop()
    wipe(first)
    with Serving(tmp_path, port=first.address.port) as second:
        assert second.address == first.address
        for _ in range(4):
            for person in (ada, bo):
                syncing.sync(person.home)
        assert {ada.state(each) for each in letters} == {"arrived"}
        assert len(reading.letters(bo.home)) == 3


def test_every_letter_comes_once_over_a_network_that_is_cut_at_random(serving: Serving, tmp_path: Path) -> None:
    wire = CutWire(serving.address.port, seed=3)
    ada, bo = paired(tmp_path, relay.encode_address(replace(serving.address, port=wire.port)))
    wire.likely = 0.05
    letters = []
    for number in range(6):
        letters += [(ada, ada.write(f"to Bo {number}")), (bo, bo.write(f"to Ada {number}"))]
        for person in (ada, bo):
            syncing.sync(person.home)
    for _ in range(20):
        for person in (ada, bo):
            syncing.sync(person.home)
    wire.likely = 0.0
    for _ in range(3):
        for person in (ada, bo):
            syncing.sync(person.home)
    assert wire.cuts > 10
    assert {person.state(each) for person, each in letters} == {"arrived"}
    assert len(reading.letters(ada.home)) == len(reading.letters(bo.home)) == 12
    wire.close()


def test_boxes_are_renewed_and_old_ones_are_read_until_long_after(serving: Serving, tmp_path: Path) -> None:
    ada, bo = paired(tmp_path, address_of(serving))
    before = boxes.newest_told(ada.home.vault, 1)[0]
    ada.clock.advance(days=31)
    for _ in range(4):
        ada.sync()
        bo.sync()
    after = boxes.newest_told(ada.home.vault, 1)[0]
    assert after.keys != before.keys and len(boxes.ours_on(ada.home.vault, 1, 1)) == 2
    drop = boxes.theirs_on(bo.home.vault, 1, 1)[0]
    assert drop.opening[16:] == after.keys[:32]
    letter = bo.write("Dear Ada,")
    bo.sync()
    ada.sync()
    assert ada.state(letter) == "arrived"
    for _ in range(10):
        ada.clock.advance(days=31)
        for _ in range(4):
            ada.sync()
            bo.sync()
    left = boxes.ours_on(ada.home.vault, 1, 1)
    assert before.id not in {box.id for box in left}
    assert 8 <= len(left) <= RELAY_BOX_KEPT_DAYS // 31 + 3


def test_a_dead_relay_is_replaced_over_another_road(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "share").mkdir()
    with Serving(tmp_path / "one") as first, Serving(tmp_path / "two") as second:
        ada, bo = paired(tmp_path, address_of(first))
        for person, name, road in ((ada, "bo", "post"), (bo, "ada", "relay 1")):
            roads.add_folder(person.home, "share", str(tmp_path / "share"))
            roads.set_bond_roads(person.home, name, [(road, 0), ("share", 0)])
        first.stop()
        roads.add_relay(ada.home, "new", address_of(second))
        roads.set_bond_roads(ada.home, "bo", [("new", 0), ("share", 0)])
        for _ in range(5):
            for person in (ada, bo):
                syncing.sync(person.home)
        roads.set_bond_roads(ada.home, "bo", [("new", 0)])
        roads.set_bond_roads(bo.home, "ada", [("relay 2", 0)])
        there, back = ada.write("Dear Bo,"), bo.write("Dear Ada,")
        for _ in range(4):
            syncing.sync(ada.home)  # the dead one is still looked at, until it is removed
            syncing.sync(bo.home)
        assert (ada.state(there), bo.state(back)) == ("arrived", "arrived")


def test_a_watching_person_sees_a_letter_within_a_second(serving: Serving, tmp_path: Path) -> None:
    ada, bo = paired(tmp_path, address_of(serving))
    seen: list[tuple[float, int]] = []
    stop, quiet = threading.Event(), threading.Event()

    def each(report: SyncReport) -> None:
        seen.append((time.monotonic(), report.letters))

    def put() -> None:
        time.sleep(2)  # the first visits are over, and nothing is asked for any more
        quiet.set()
        ada.sync()
        put_at.append(time.monotonic())
        time.sleep(1.5)
        stop.set()

    put_at: list[float] = []
    ada.write("Dear Bo,")
    thread = threading.Thread(target=put)
    thread.start()
    syncing.watch(bo.home, each, no_progress, stop)
    thread.join()
    shown = [at for at, letters in seen if letters]
    assert len(shown) == 1 and shown[0] - put_at[0] < 1


def back_up(person: Person, folder: Path) -> Path:
    """A copy of a vault as it is now."""
    person.home.close()
    copied = folder / f"{person.name} then"
    shutil.copytree(person.folder, copied)
    person.reopen()
    return copied


def put_back(person: Person, copied: Path) -> None:
    """Go on from the copy; its person says that it is all there is."""
    person.home.close()
    shutil.rmtree(person.folder)
    shutil.copytree(copied, person.folder)
    person.reopen()
    assert person.home.vault.rolled_back
    doctor.accept_old_copy(person.home)


@pytest.mark.parametrize("whose", ["ada", "bo"])
def test_T_RELAY_2_a_vault_put_back_from_before_the_renewal_strands_no_letter(
    serving: Serving, tmp_path: Path, whose: str
) -> None:
    ada, bo = paired(tmp_path, address_of(serving))
    person, other = (ada, bo) if whose == "ada" else (bo, ada)
    copied = back_up(person, tmp_path)
    ada.clock.advance(days=31)
    for _ in range(3):  # both renew: the letters that tell of it cross
        ada.sync()
        bo.sync()
    lost = other.write("into a box that the copy does not know")
    other.sync()
    put_back(person, copied)
    for _ in range(4):
        syncing.sync(person.home)
        syncing.sync(other.home)
    bonds.confirm(other.home, bonds.bonds(other.home)[0].name)
    bonds.confirm(person.home, bonds.bonds(person.home)[0].name)
    back = person.write("from the copy")
    for _ in range(6):
        syncing.sync(other.home)
        syncing.sync(person.home)
    assert other.state(lost) == "arrived" and person.state(back) == "arrived"
    assert person.letter(lost).state == "arrived"


def test_T_RELAY_2_a_lost_letter_of_renewal_leaves_the_old_box_in_use(serving: Serving, tmp_path: Path) -> None:
    ada, bo = paired(tmp_path, address_of(serving))
    ada.clock.advance(days=31)
    ada.sync()  # the new box is made, and told
    ada.sync()
    reader = bo.home.open_carrier(bo.home.carrier("relay 1"))
    for name in [entry.name for entry in reader.list()]:
        reader.remove(name)
    reader.flush()  # somebody took it all, and nobody read it
    letter = bo.write("Dear Ada,")
    bo.sync()
    ada.sync()
    assert ada.state(letter) == "arrived"


def test_two_bonds_on_one_relay_share_nothing_and_do_not_wait_for_each_other(serving: Serving, tmp_path: Path) -> None:
    ada, bo = paired(tmp_path, address_of(serving))
    cy = Person(tmp_path, "cy", ada.clock, 2)
    bonds.accept(cy.home, bonds.invite(ada.home, "cy", "post"), "ada")
    for _ in range(3):
        cy.sync()
        ada.sync()
    bonds.confirm(ada.home, "cy")
    bonds.confirm(cy.home, "ada")
    for _ in range(4):
        ada.sync()
        cy.sync()
    assert len({box.keys for bond in (1, 2) for box in boxes.ours_on(ada.home.vault, bond, 1)}) == 2
    for row in boxes.theirs_on(ada.home.vault, 1, 1):  # Bo's box is gone from the relay
        keys = boxes.ours_on(bo.home.vault, 1, 1)[0].keys
        assert row.opening[16:] == keys[:32]
        server_of(bo.home, bo.home.carrier("relay 1")).close_box(keys_of(keys))
    first = ada.write("Dear Bo,")
    second = writing.write(ada.home, Draft("cy", "Dear Cy,")).id
    report = syncing.sync(ada.home)
    assert not report.troubles and "bo could not be put" in " ".join(report.notices)
    cy.sync()
    cy.sync()
    syncing.sync(ada.home)
    assert (ada.state(first), ada.state(second)) == ("sealed", "arrived")


def test_a_large_enclosure_goes_over_a_relay(serving: Serving, tmp_path: Path) -> None:
    ada, bo = paired(tmp_path, address_of(serving))
    film = tmp_path / "film"
    film.write_bytes(random.Random(1).randbytes(5_000_000))
    letter = writing.write(ada.home, Draft("bo", "Dear Bo,", enclosures=(film,))).id
    for person in (ada, bo, bo, ada):
        person.sync()
    saved, _ = reading.save_enclosure(bo.home, letter, 1, tmp_path)
    assert saved.read_bytes() == film.read_bytes() and ada.state(letter) == "arrived"


def test_a_token_that_is_used_up_is_said_and_the_boxes_there_are_go_on(tmp_path: Path) -> None:
    with Serving(tmp_path, "--registration", "token") as serving:
        made = command(tmp_path, "token", "new", "--boxes", "4", "--store", serving.store, "--json")
        ada, bo = paired(tmp_path, json.loads(made.stdout)["address"])
        ada.clock.advance(days=31)
        letter = ada.write("Dear Bo,")
        said = ada.sync().notices
        for person in (bo, bo, ada):
            person.sync()
        assert ada.state(letter) == "arrived"
        assert any("makes no box for you" in sentence for sentence in said)


def test_the_other_side_puts_nothing_into_a_box_on_a_relay_that_was_left(serving: Serving, tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    ada, bo = paired(tmp_path, address_of(serving))
    for person, name, road in ((ada, "bo", "post"), (bo, "ada", "relay 1")):
        roads.add_folder(person.home, "share", str(tmp_path / "share"))
        roads.set_bond_roads(person.home, name, [(road, 0), ("share", 0)])
    roads.set_bond_roads(ada.home, "bo", [("share", 0)])
    for _ in range(4):
        ada.sync()
        bo.sync()
    assert not [drop for drop in boxes.theirs_on(bo.home.vault, 1, 1) if drop.current]
    letter = bo.write("Dear Ada,")
    for person in (bo, ada, ada, bo):
        syncing.sync(person.home)
    assert bo.state(letter) == "arrived"


def test_a_rate_is_kept(serving: Serving, tmp_path: Path) -> None:
    ada, _ = two(tmp_path)
    roads.add_relay(ada.home, "post", address_of(serving), rate=64 * 1024)
    row = ada.home.carrier("post")
    assert row.rate == 65_536
    pace = RelayRoad(ada.home, row).pace
    assert pace is not None
    begun = time.monotonic()
    for _ in range(3):
        pace.wait(16_384)
    assert time.monotonic() - begun > 0.5


class Proxy(CutWire):
    """A SOCKS5 proxy that notes which password came for which host, and leads to one relay all the same."""

    def __init__(self, to_port: int) -> None:
        self.asked: list[tuple[bytes, bytes]] = []
        super().__init__(to_port)

    def arrived(self, near: socket.socket) -> None:
        near.recv(3)
        near.sendall(b"\5\2")
        near.recv(9)
        password = near.recv(near.recv(1)[0])
        near.sendall(b"\1\0")
        near.recv(4)
        host = near.recv(near.recv(1)[0])
        near.recv(2)
        self.asked.append((password, host))
        near.sendall(b"\5\0\0\1" + bytes(6))


def test_through_tor_each_box_has_its_own_circuit_and_each_run_others(serving: Serving, tmp_path: Path) -> None:
    proxy = Proxy(serving.address.port)
    named = relay.encode_address(replace(serving.address, host="relay.example"))
    ada, bo = two(tmp_path)
    for person in (ada, bo):
        roads.add_relay(person.home, "post", named, f"127.0.0.1:{proxy.port}")
    bonds.accept(bo.home, bonds.invite(ada.home, "bo", "post"), "ada")
    for _ in range(3):
        bo.sync()
        ada.sync()
    assert bonds.words(ada.home, "bo").words
    assert {host for _, host in proxy.asked} == {b"relay.example"}
    circuits = {password for password, _ in proxy.asked}
    ada.reopen()
    ada.sync()
    assert {password for password, _ in proxy.asked} - circuits
    assert len(circuits) >= 6, "for each person the box that is read, that which is written, and none"
    proxy.close()


def test_a_relay_wiped_while_a_bond_is_made_only_costs_time(tmp_path: Path) -> None:
    ada, bo = two(tmp_path)
    with Serving(tmp_path) as first:
        roads.add_relay(ada.home, "post", address_of(first))
        bonds.accept(bo.home, bonds.invite(ada.home, "bo", "post"), "ada")
        bo.sync()
        first.stop()
    wipe(first)
    with Serving(tmp_path, port=first.address.port) as second:
        for _ in range(3):
            syncing.sync(ada.home)
            syncing.sync(bo.home)
        assert bonds.words(ada.home, "bo").words == bonds.words(bo.home, "ada").words
        bonds.confirm(ada.home, "bo")
        bonds.confirm(bo.home, "ada")
        ada.sync()
        second.stop()
    wipe(second)
    with Serving(tmp_path, port=first.address.port):
        for _ in range(5):
            syncing.sync(ada.home)
            syncing.sync(bo.home)
        letter = ada.write("Dear Bo,")
        for _ in range(3):
            syncing.sync(ada.home)
            syncing.sync(bo.home)
        syncing.sync(ada.home)
        assert ada.state(letter) == "arrived"
