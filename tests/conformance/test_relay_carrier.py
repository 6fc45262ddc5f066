"""The public suite over a relay: the command's own process behind a socket, the certificate pinned by the address."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cut_wire import CutWire
from relay_kit import Caller, Serving
from tiercel.carriers.http_relay import Became, Box, Boxes, RelayCarrier, Server, Waiting, id_of
from tiercel.carriers.transport.link import Link
from tiercel.carriers.wrappers.pace import Pace, Paced
from tiercel.carriers.wrappers.retry import Retrying
from tiercel.errors import BoxMissing, CarrierError, CarrierMissing, NameRefused, ParcelMissing
from tiercel.limits import DAY_MS, RELAY_HOLD_DAYS
from tiercel.ports import Carrier
from tiercel.relay import protocol as relay
from tiercel.testing.carrier_suite import CarrierSuite, parcel_bytes, parcel_name
from tiercel.testing.relay_store_suite import Person

NOW_MS = 20_000 * DAY_MS
CELL = parcel_bytes(1, 16_384)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("relay")) as running:
        yield running


@pytest.fixture
def wire(serving: Serving) -> Iterator[CutWire]:
    made = CutWire(serving.address.port)
    yield made
    made.close()


def box() -> Box:
    return Box(relay.BoxKeys(*(os.urandom(32) for _ in range(3))))


def pair(address: relay.Address, other: relay.Address) -> tuple[RelayCarrier, RelayCarrier]:
    """Two people, each with a box that is there."""
    boxes = box(), box()
    sides = [
        RelayCarrier(Server(each), Boxes((mine,), theirs.keys.drop_opening), lambda: NOW_MS)
        for each, mine, theirs in ((address, *boxes), (other, *reversed(boxes)))
    ]
    for side in sides:
        assert list(side.list()) == []
    return sides[0], sides[1]


class RelaySuite(CarrierSuite):
    serving: Serving
    wire: CutWire
    one: RelayCarrier
    other: RelayCarrier

    @pytest.fixture
    def carrier(self, serving: Serving, wire: CutWire) -> Iterator[Carrier]:
        self.serving, self.wire = serving, wire
        self.one, self.other = pair(replace(serving.address, port=wire.port), serving.address)
        self.callers: list[Caller] = []
        yield self.around(self.one)
        for caller in self.callers:
            caller.close()

    def around(self, carrier: Carrier) -> Carrier:
        return carrier

    def there(self, _carrier: Carrier) -> Carrier:
        return self.other

    @contextmanager
    def breaking(self, carrier: Carrier) -> Iterator[None]:
        """The connection is cut in the middle of a parcel."""
        self.wire.cut_after = 8_000
        self.one._link.close()
        yield
        self.wire.cut_after = None

    def litter(self, carrier: Carrier) -> Callable[[], object]:
        """Another person's box with parcels in it."""
        caller = self.serving.caller()
        self.callers.append(caller)
        stranger = Person(hashlib.sha256(os.urandom(8)).digest()[0])
        caller.make(stranger)
        caller.put(stranger, [(os.urandom(16), CELL) for _ in range(3)])
        return lambda: caller.everything(stranger)


class TestRelay(RelaySuite):
    pass


class TestPatientRelay(RelaySuite):
    """Behind the wrappers that a vault puts around it."""

    def around(self, carrier: Carrier) -> Carrier:
        return Retrying(Paced(carrier, Pace(1 << 30, lambda: 0.0, lambda _: None)), lambda _: None, tries=2)


def test_a_promise_is_counted_from_our_own_clock(serving: Serving) -> None:
    one, _ = pair(serving.address, serving.address)
    until = one.put(parcel_name(1), CELL)
    assert until is not None and abs(until - NOW_MS - RELAY_HOLD_DAYS * DAY_MS) <= DAY_MS


def test_what_became_of_parcels(serving: Serving) -> None:
    one, other = pair(serving.address, serving.address)
    names = [parcel_name(number) for number in range(3)]
    for name in names[:2]:
        one.put(name, CELL)
    assert one.became(names) == dict(zip(names, (Became.HELD, Became.HELD, Became.GONE), strict=True))
    other.remove(names[0])
    assert set(one.became(names[:1]).values()) == {Became.HELD}, "said before it was done"
    other.flush()
    assert set(one.became(names[:1]).values()) == {Became.COLLECTED}
    assert one.put(names[0], CELL) is None


def test_another_certificate_is_refused_before_anything_is_said(serving: Serving) -> None:
    address = replace(serving.address, fingerprint=bytes(32))
    with pytest.raises(CarrierMissing, match="its certificate is another") as caught:
        RelayCarrier(Server(address), Boxes(), lambda: 0).check()
    assert caught.value.permanent


def test_many_threads_put_in_few_requests_and_fetch_in_few(serving: Serving) -> None:
    one, other = pair(serving.address, serving.address)
    asked = count_requests(one, other)
    names = [parcel_name(number) for number in range(300)]
    with ThreadPoolExecutor(one.road.at_once) as helpers:
        list(helpers.map(lambda name: one.put(name, CELL), names))
    puts, asked[:] = len(asked), []
    listed = [entry.name for entry in other.list()]
    assert sorted(listed) == sorted(names)
    for name in listed:
        assert other.head(name) == CELL[:32]
        assert other.fetch(name) == CELL
        other.remove(name)
    assert list(other.list()) == []
    assert puts < 150
    assert len(asked) <= 9, asked


def count_requests(*sides: RelayCarrier) -> list[str]:
    asked: list[str] = []
    for side in sides:
        before = side.server.ask

        def ask(link: Link, request: relay.Request, kind: Any, wait_s: int = 0, before: Any = before) -> Any:
            asked.append(type(request).__name__)
            return before(link, request, kind, wait_s)

        side.server.ask = ask  # type: ignore[method-assign]
    return asked


def test_a_relay_that_lost_all_has_the_same_box_again_after_a_look(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    with Serving(tmp_path, store="store/relay.db") as first:
        one, other = pair(first.address, first.address)
        one.put(parcel_name(1), CELL)
        first.stop()
    for path in (tmp_path / "store").glob("relay.db*"):
        if not path.name.endswith((".pem", ".key", ".crt")):
            path.unlink()
    with Serving(tmp_path, store="store/relay.db", port=first.address.port) as second:
        assert second.address == first.address
        with pytest.raises(BoxMissing):
            one.put(parcel_name(2), CELL)
        assert one.became([parcel_name(1)]) == {parcel_name(1): Became.GONE}
        assert list(other.list()) == []
        one.put(parcel_name(2), CELL)
        assert other.fetch(parcel_name(2)) == CELL


def test_a_box_of_which_we_have_all_keys_is_made_by_whoever_comes_first(serving: Serving) -> None:
    theirs = box()
    one = RelayCarrier(Server(serving.address), Boxes((), theirs.keys.drop_opening, both=theirs.keys), lambda: NOW_MS)
    one.put(parcel_name(1), CELL)
    other = RelayCarrier(Server(serving.address), Boxes((theirs,)), lambda: NOW_MS)
    assert [entry.name for entry in other.list()] == [parcel_name(1)]


def test_no_put_before_the_other_side_said_where(serving: Serving) -> None:
    with pytest.raises(BoxMissing):
        RelayCarrier(Server(serving.address), Boxes((box(),)), lambda: NOW_MS).put(parcel_name(1), CELL)


def test_waiting_hears_of_a_parcel_at_once_and_ends_when_hung_up(serving: Serving) -> None:
    one, other = pair(serving.address, serving.address)
    waiting = Waiting(other.server, other.boxes.ours[0])
    assert not waiting.wait(0)
    heard: list[tuple[bool, float]] = []

    def listen() -> None:
        heard.append((waiting.wait(30), time.monotonic()))

    thread = threading.Thread(target=listen)
    thread.start()
    time.sleep(0.3)
    put_at = time.monotonic()
    one.put(parcel_name(1), CELL)
    thread.join(10)
    assert heard and heard[0][0] and heard[0][1] - put_at < 1
    assert not waiting.wait(0), "the same parcel is told once"

    def hung_up() -> None:
        with pytest.raises(CarrierError):
            waiting.wait(30)

    ended = threading.Thread(target=hung_up)
    ended.start()
    time.sleep(0.2)
    waiting.close()
    ended.join(5)
    assert not ended.is_alive()


def test_listing_goes_on_when_the_connection_was_cut(serving: Serving, wire: CutWire) -> None:
    one, other = pair(replace(serving.address, port=wire.port), serving.address)
    for number in range(20):
        other.put(parcel_name(number), CELL)
    wire.likely = 0.02
    patient = Retrying(one, lambda _: None, tries=50)
    listed = [entry.name for entry in patient.list()]
    assert sorted(listed) == sorted(parcel_name(number) for number in range(20))
    for name in listed:
        assert patient.fetch(name) == CELL
    assert wire.cuts
    with pytest.raises(ParcelMissing):
        patient.fetch(parcel_name(99))


class Proxy(CutWire):
    """A SOCKS5 proxy that notes what it was asked for and leads to one relay all the same."""

    def __init__(self, to_port: int) -> None:
        self.asked: list[tuple[bytes, bytes, int]] = []
        super().__init__(to_port)

    def arrived(self, near: socket.socket) -> None:
        assert near.recv(3) == b"\5\1\2"
        near.sendall(b"\5\2")
        _, user = near.recv(2), near.recv(7)
        password = near.recv(near.recv(1)[0])
        near.sendall(b"\1\0")
        assert near.recv(4) == b"\5\1\0\3" and user == b"tiercel"
        host = near.recv(near.recv(1)[0])
        self.asked.append((password, host, int.from_bytes(near.recv(2), "big")))
        near.sendall(b"\5\0\0\1" + bytes(6))


def test_over_tor_names_go_to_the_proxy_and_each_box_has_its_own_circuit(serving: Serving) -> None:
    proxy, boxes = Proxy(serving.address.port), (box(), box())
    address = replace(serving.address, host="relay.example", port=7787)
    server = Server(address, ("127.0.0.1", proxy.port), lambda of: f"circuit {of.hex()}")
    carrier = RelayCarrier(server, Boxes(boxes, boxes[1].keys.drop_opening), lambda: NOW_MS)
    assert list(carrier.list()) == []
    carrier.put(parcel_name(1), CELL)
    assert [entry.name for entry in carrier.list()] == [parcel_name(1)]
    circuits = {password for password, _, _ in proxy.asked}
    assert circuits == {f"circuit {each.keys.box.hex()}".encode() for each in boxes}
    assert {asked[1:] for asked in proxy.asked} == {(b"relay.example", 7787)}
    proxy.close()


@pytest.mark.parametrize("said", [b"\5\xff", b"\4\0", b""])
def test_a_proxy_that_is_none_is_told_apart(serving: Serving, said: bytes) -> None:
    class Refusing(CutWire):
        def arrived(self, near: socket.socket) -> None:
            near.recv(3)
            near.sendall(said)
            near.shutdown(socket.SHUT_WR)

    proxy = Refusing(serving.address.port)
    server = Server(serving.address, ("127.0.0.1", proxy.port))
    with pytest.raises(CarrierMissing, match="The proxy for Tor"):
        RelayCarrier(server, Boxes(), lambda: 0).check()
    proxy.close()


ANSWERS = (
    b"", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xc0",
    b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", b"\0" * 70_000,
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000, b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + bytes(9),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\x93\x01\xc4\x00\x00\x90",
)  # fmt: skip


@pytest.mark.parametrize("number", range(len(ANSWERS)))
def test_a_server_that_says_anything_ends_in_a_sentence(serving: Serving, number: int) -> None:
    class Odd(CutWire):
        def arrived(self, near: socket.socket) -> None:
            near.recv(65_536)
            near.sendall(ANSWERS[number])
            near.shutdown(socket.SHUT_WR)

    odd = Odd(serving.address.port)
    address = relay.Address("127.0.0.1", odd.port, relay.Trust.PLAIN)
    carrier = RelayCarrier(Server(address), Boxes((box(),), box().keys.drop_opening), lambda: 0)
    for act in (carrier.check, lambda: list(carrier.list()), lambda: carrier.put(parcel_name(1), CELL)):
        with pytest.raises(CarrierError):
            act()
    odd.close()


@pytest.mark.parametrize("name", ["a" * 25 + "b", "7" * 26])
def test_a_name_that_no_id_has_is_refused(name: str) -> None:
    with pytest.raises(NameRefused):
        id_of(name)
