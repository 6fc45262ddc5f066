"""The relay as a process of the command, over a socket."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relay_kit import Caller, Serving, command, connect, environment, wait_for
from tiercel.limits import DAY_MS
from tiercel.relay import protocol as relay
from tiercel.testing.relay_store_suite import CELL, Person, cell, name, some
from tiercel.wire import from_base32, to_base32

pytestmark = pytest.mark.e2e

ADA, BO, NOBODY = Person(1), Person(2), Person(3)
KILLS = 100
HELD = relay.State.HELD


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    with Serving(tmp_path) as made:
        yield made


@pytest.fixture
def caller(serving: Serving) -> Iterator[Caller]:
    made = serving.caller()
    yield made
    made.close()


# -- what an operator sees ---------------------------------------------------------------------------


def test_the_first_line_is_the_address_and_nothing_else_shows_where_it_is(tmp_path: Path) -> None:
    with Serving(tmp_path) as serving:
        found = re.fullmatch(r"tiercel-relay://(127\.0\.0\.1:\d+)/[a-z2-7]{52}\n", serving.line)
        assert found and found[1] == serving.address.place
        caller = serving.caller()
        assert caller.make(ADA) is relay.Outcome.THERE
        assert serving.stop() == 0
        log = serving.log.read_text()
        assert [json.loads(line)["event"] for line in log.splitlines()] == ["started", "stopped"]
        assert "127.0.0.1" not in log and str(serving.address.port) not in log
        caller.close()


def test_a_host_typed_in_another_spelling_is_said_in_the_one_of_addresses(tmp_path: Path) -> None:
    with Serving(tmp_path, "--public", "[2001:DB8:0:0::1]:7787") as serving:
        assert serving.address.place == "[2001:db8::1]:7787"
    with Serving(tmp_path, "--public", "Post.Example.org:7787") as serving:
        assert serving.address.place == "post.example.org:7787"


def test_for_scripts_the_address_is_one_value(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tiercel", "relay", "serve", "--listen", "[::1]:0", "--plain", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(tmp_path),
    ) as ran:  # fmt: skip
        assert ran.stdout
        address = json.loads(ran.stdout.readline())["address"]
        assert re.fullmatch(r"tiercel-relay://\[::1\]:\d+/plain", address)
        caller = Caller(relay.decode_address(address))
        assert caller.make(ADA) is relay.Outcome.THERE
        caller.close()
        ran.send_signal(signal.SIGINT)
        assert ran.stdout.read() == b"" and ran.wait(30) == 0
    assert (tmp_path / "data" / "tiercel-relay" / "relay.db").exists()


def test_the_certificate_stays_beside_the_store_and_the_same(tmp_path: Path) -> None:
    with Serving(tmp_path) as first:
        address = first.address
        assert first.stop() == 0
    beside = tmp_path / "relay.db.tls.pem"
    assert beside.stat().st_mode & 0o777 == 0o600
    with Serving(tmp_path, port=address.port) as second:
        assert second.address == address
        second.caller().close()
    (tmp_path / "relay.db").unlink()
    with Serving(tmp_path, port=address.port) as third:
        assert third.address == address, "the certificate was in the store"


def test_an_operators_own_certificate(tmp_path: Path) -> None:
    with Serving(tmp_path) as own:
        own.stop()
    pem = str(tmp_path / "relay.db.tls.pem")
    with Serving(tmp_path, "--tls-cert", pem, "--tls-key", pem, "--public", "post.example.org:443") as serving:
        assert serving.address.place == "post.example.org:443"
        assert serving.address.trust is relay.Trust.PINNED  # nobody else vouches for it
        assert serving.address.fingerprint == own.address.fingerprint


@pytest.mark.parametrize(
    "words",
    [
        ["--plain", "--tls", "self-signed"], ["--tls-cert", "a.pem"], ["--listen", "nowhere"], ["--metrics", "x"],
        ["--listen", "127.0.0.1:99999"], ["--listen", "127.0.0.1:1", "--public", "post.example.org"],
        ["--listen", "127.0.0.1:0", "--public", "post_box.example.org:1"], ["--listen", "a..b:0"],
        ["--listen", "127.0.0.1:0", "--public", "post.example.org:0"], ["--listen", "127.1:0"],
        ["--listen", "127.0.0.1:0", "--room", "inf"], ["--listen", "127.0.0.1:0", "--room", "nan"],
    ],
)  # fmt: skip
def test_what_does_not_fit_is_a_sentence(tmp_path: Path, words: list[str]) -> None:
    ran = command(tmp_path, "serve", *words)
    assert (ran.returncode, ran.stdout) == (2, "") and ran.stderr


@pytest.mark.parametrize("store", ["mysql:x", "sqlite:", "sqlite:x?mode=ro", "sqlite:/proc/no/relay.db"])
def test_what_is_no_store_is_a_sentence(tmp_path: Path, store: str) -> None:
    ran = command(tmp_path, "serve", "--listen", "127.0.0.1:0", "--store", store)
    assert (ran.returncode, ran.stdout) == (6, "") and "bug" not in ran.stderr


def test_a_second_relay_on_one_store_or_one_port_is_refused(serving: Serving) -> None:
    ran = command(serving.folder, "serve", "--listen", "127.0.0.1:0", "--store", serving.store)
    assert (ran.returncode, ran.stdout) == (6, "") and "Another relay" in ran.stderr
    other = f"sqlite:{serving.folder / 'other.db'}"
    ran = command(serving.folder, "serve", "--listen", f"127.0.0.1:{serving.address.port}", "--store", other)
    assert (ran.returncode, ran.stdout) == (6, "") and str(serving.address.port) not in ran.stderr


def test_status_token_and_doctor_beside_a_running_relay(tmp_path: Path) -> None:
    with Serving(tmp_path, "--registration", "token") as serving:
        caller = serving.caller()
        assert caller.make(ADA) is relay.Outcome.REFUSED
        made = command(tmp_path, "token", "new", "--boxes", "2", "--for", "3", "--store", serving.store)
        token, address = made.stdout.splitlines()
        assert address == serving.line.strip() + "/" + token
        assert relay.decode_address(address).token == from_base32(token)
        for person, outcome in ((ADA, "THERE"), (ADA, "THERE"), (BO, "THERE"), (NOBODY, "REFUSED")):
            assert caller.make(person, from_base32(token)).name == outcome
        assert caller.put(ADA, some(1, 2)) == [HELD] * 2
        status = json.loads(command(tmp_path, "status", "--store", serving.store, "--json").stdout)
        assert status == {
            "address": serving.line.strip(), "serving": True, "boxes": 2, "parcels": 2, "used": 2 * CELL, "tokens": 1,
            "days": 0,
        }  # fmt: skip
        doctor = command(tmp_path, "doctor", "--store", serving.store, "--room", "0.1", "--json")
        assert doctor.returncode == 0, doctor.stdout
        assert [one["what"] for one in json.loads(doctor.stdout)] == [
            "store", "disk", "room", "certificate", "connections"
        ]  # fmt: skip
        caller.close()
        serving.stop()
    assert "no" in command(tmp_path, "status", "--store", serving.store).stdout.splitlines()[1]
    (tmp_path / "relay.db.tls.pem").chmod(0o644)
    assert command(tmp_path, "doctor", "--store", serving.store, "--room", "0.1").returncode == 6
    assert command(tmp_path, "status", "--store", f"sqlite:{tmp_path / 'none.db'}").returncode == 6


def test_closed_means_closed(tmp_path: Path) -> None:
    with Serving(tmp_path) as serving:
        caller = serving.caller()
        assert caller.make(ADA) is relay.Outcome.THERE
        caller.close()
        serving.stop()
    with Serving(tmp_path, "--registration", "closed") as serving:
        caller = serving.caller()
        assert (caller.make(ADA), caller.make(BO)) == (relay.Outcome.THERE, relay.Outcome.REFUSED)
        status, body = caller.raw(relay.ABOUT_PATH, b"", "GET")
        about = relay.decode_answer(relay.About, body)
        assert (status, about.registration, about.sizes) == (200, relay.Registration.CLOSED, relay.SIZES)
        caller.close()


def test_logs_and_metrics_hold_nothing_of_anybody(tmp_path: Path) -> None:
    port = free_port()
    with Serving(tmp_path, "--metrics", f"127.0.0.1:{port}") as serving:
        caller = serving.caller()
        caller.make(ADA)
        caller.put(ADA, some(1, 2, 3))
        caller.erase(ADA, [name(1)])
        caller.fetch(ADA)
        caller.raw("/v1/put", b"rubbish")
        with connect(serving.address) as rude:
            rude.sendall(b"\0\0\0 no request\r\n\r\n")
            assert b"400" in rude.recv(1000)
        metrics = asked_metrics(port)
        caller.close()
        serving.stop()
    for what, count in {
        'parcels_total{said="held"}': 3, 'requests_total{kind="put"}': 1, "given_total": 2, "boxes": 1, "held": 2,
        'refused_total{status="400"}': 1, "polls": 0,
    }.items():  # fmt: skip
        assert metrics[f"tiercel_relay_{what}"] == str(count)
    everything = (" ".join(metrics) + serving.log.read_text()).lower()
    for secret in (ADA.keys.box, ADA.keys.drop, name(1)):
        assert secret.hex() not in everything and to_base32(secret) not in everything
    assert "127.0.0.1" not in everything and str(CELL) not in everything


# -- holding -----------------------------------------------------------------------------------------


def test_put_fetch_erase_and_a_restart_that_loses_nothing(tmp_path: Path) -> None:
    for turn in range(3):
        with Serving(tmp_path) as serving:
            caller = serving.caller()
            assert caller.make(ADA) is relay.Outcome.THERE
            assert caller.put(ADA, some(3 * turn, 3 * turn + 1, 3 * turn + 2)) == [HELD] * 3
            caller.erase(ADA, [name(3 * turn)])
            kept = [number for number in range(3 * turn + 3) if number % 3]
            assert caller.everything(ADA) == {name(number): cell(number) for number in kept}
            again = caller.put(ADA, some(0, 1))
            assert again == [relay.State.COLLECTED, HELD]
            caller.close()
            assert serving.stop() == 0
            assert not (tmp_path / "relay.db-wal").exists()


def put_without_end(serving: Serving, person: Person, first: int, promised: list[int], stop: threading.Event) -> None:
    """Put batches until the relay is gone; what was promised."""
    with (
        contextlib.suppress(OSError, EOFError, http.client.HTTPException),
        contextlib.closing(serving.caller()) as caller,
    ):
        for start in range(first, first + 100_000, 4):
            if stop.is_set():
                return
            batch = [(name(number), cell(number % 50)) for number in range(start, start + 4)]
            states = caller.put(person, batch)
            promised += [start + at for at, state in enumerate(states) if state is HELD]


def test_kill_9_under_load_breaks_no_promise(tmp_path: Path) -> None:
    """At a random moment, again and again, on one store; now and then somebody reads and erases."""
    people, promised = [ADA, BO], {1: [], 2: []}  # type: dict[int, list[int]]
    with Serving(tmp_path) as serving:
        caller = serving.caller()
        for person in people:
            assert caller.make(person) is relay.Outcome.THERE
        caller.close()
        serving.stop()
    total = 0
    for turn in range(KILLS):
        with Serving(tmp_path) as serving:
            stop = threading.Event()
            fresh: list[list[int]] = [[], []]
            threads = []
            for at, person in enumerate(people):
                first = turn * 1_000_000 + at * 500_000
                threads.append(threading.Thread(target=put_without_end, args=(serving, person, first, fresh[at], stop)))
            for thread in threads:
                thread.start()
            time.sleep(0.02 + (turn * 37 % 100) / 400)
            serving.stop(signal.SIGKILL)
            stop.set()
            for thread in threads:
                thread.join()
            promised[1] += fresh[0]
            promised[2] += fresh[1]
        if turn % 5 == 4 or turn == KILLS - 1:
            with Serving(tmp_path) as serving:
                caller = serving.caller()
                for at, person in enumerate(people, 1):
                    found = caller.everything(person)
                    assert {name(number) for number in promised[at]} <= set(found)
                    assert all(found[name(number)] == cell(number % 50) for number in promised[at])
                    ids = list(found)
                    for start in range(0, len(ids), 256):
                        caller.erase(person, ids[start : start + 256])
                    total += len(promised[at])
                    promised[at].clear()
                caller.close()
                serving.stop()
    assert total > KILLS


def test_a_disk_that_fails_ends_the_relay_and_breaks_no_promise(tmp_path: Path) -> None:
    """The kernel refuses to let the store grow: an error of writing, in the real process."""
    with Serving(tmp_path, file_bytes_max=3 << 20) as serving:
        caller = serving.caller()
        caller.make(ADA)
        promised = []
        with contextlib.suppress(OSError, AssertionError, EOFError):
            for number in range(1000):
                if caller.put(ADA, [(name(number), cell(number % 50))]) == [HELD]:
                    promised.append(number)
        caller.close()
        assert serving.process.wait(60) == 6
    assert 10 < len(promised) < 1000
    events = [json.loads(line)["event"] for line in serving.log.read_text().splitlines()[:2]]
    assert events == ["started", "the store failed; nothing more is promised"]
    with Serving(tmp_path) as serving:
        caller = serving.caller()
        assert set(caller.everything(ADA)) >= {name(number) for number in promised}
        assert caller.put(ADA, some(5000)) == [HELD]
        caller.close()


@pytest.mark.parametrize("days", [365, -365])
def test_a_clock_wrong_by_a_year_breaks_no_promise(tmp_path: Path, days: int) -> None:
    """As the relay sees it: when it last looked, the clock showed something else."""
    with Serving(tmp_path) as serving:
        caller = serving.caller()
        caller.make(ADA)
        caller.put(ADA, some(1))
        caller.close()
        serving.stop()
    with contextlib.closing(sqlite3.connect(tmp_path / "relay.db")) as db, db:
        db.execute("UPDATE meta SET value = value - ? WHERE key = 'wall_ms'", (days * DAY_MS,))
    with Serving(tmp_path) as serving:
        caller = serving.caller()
        asked = relay.StateOf(box=ADA.keys.box, key=ADA.keys.drop, ids=(name(1),))
        ((state, seconds),) = caller.ask(asked, relay.States).states
        assert state is HELD and 60 * 86_400 - 3600 < seconds <= 61 * 86_400
        caller.close()


# -- T-RELAY -----------------------------------------------------------------------------------------


def exchange(link: socket.socket, path: str, body: bytes) -> bytes:
    """Every byte of an answer."""
    link.sendall(b"POST %s HTTP/1.1\r\nHost: relay\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(body), body))
    got = b""
    while b"\r\n\r\n" not in got:
        got += link.recv(65536)
    head, _, rest = got.partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head.lower())[1])  # type: ignore[index]
    while len(rest) < length:
        rest += link.recv(65536)
    return head + rest


def cases(kind: str) -> dict[str, relay.Request]:
    """The same request of somebody without a box, with an empty one, and with a wrong key to a full one."""
    power = {"fetch": 1, "pick": 1, "erase": 2, "put": 0, "state": 0}[kind]
    openings = {
        "unknown": (NOBODY.keys.box, (NOBODY.keys.drop, NOBODY.keys.pick_up, NOBODY.keys.erase)[power]),
        "empty": (BO.keys.box, (BO.keys.drop, BO.keys.pick_up, BO.keys.erase)[power]),
        "wrong": (ADA.keys.box, bytes(32)),
    }
    ids = tuple(name(number) for number in range(20))
    make: dict[str, Callable[[bytes, bytes], relay.Request]] = {
        "fetch": lambda box, key: relay.Fetch(box=box, key=key),
        "pick": lambda box, key: relay.Pick(box=box, key=key, ids=ids),
        "erase": lambda box, key: relay.Erase(box=box, key=key, ids=ids),
        "state": lambda box, key: relay.StateOf(box=box, key=key, ids=ids),
        "put": lambda box, key: relay.Put(box=box, key=key, parcels=tuple(some(1, 2))),
    }
    return {who: make[kind](*opening) for who, opening in openings.items() if not (kind == "put" and who == "empty")}


@pytest.mark.parametrize("kind", ["fetch", "pick", "erase", "state", "put"])
def test_T_RELAY_1(serving: Serving, caller: Caller, kind: str) -> None:
    """Every byte the same, and no telling them apart by time: of two requests either may be the quicker."""
    for person in (ADA, BO):
        caller.make(person)
    caller.put(ADA, some(*range(20)))
    path, asked = f"/v1/{kind}", {who: relay.encode(record) for who, record in cases(kind).items()}
    took: dict[str, list[float]] = {who: [] for who in asked}
    answers: dict[str, set[bytes]] = {who: set() for who in asked}
    order = list(asked)
    with connect(serving.address) as link:
        for turn in range(500):
            order = order[1:] + order[:1] if turn % 2 else order[::-1]
            for who in order:
                begun = time.perf_counter()
                answer = exchange(link, path, asked[who])
                took[who].append(time.perf_counter() - begun)
                answers[who].add(answer)
    assert all(len(each) == 1 for each in answers.values())
    assert len(set.union(*answers.values())) == 1
    assert b"date:" not in answers[order[0]].pop().lower()
    for one in order:
        for other in order:
            quicker = statistics.mean(a < b for a in took[one][50::3] for b in took[other][50::3])
            assert 0.35 < quicker < 0.65, f"{one} is quicker than {other} in {quicker:.0%} of cases"


def test_T_RELAY_2_old_and_new_boxes_side_by_side(serving: Serving, caller: Caller) -> None:
    """Whatever becomes of the word that a box moved, both are there: made twice, put to the old one, put to both."""
    old, new = ADA, BO
    for _ in range(2):
        for person in (old, new):
            assert caller.make(person) is relay.Outcome.THERE
        assert caller.put(old, some(1)) == [HELD]  # the partner did not hear of the new one
        assert caller.put(new, some(1, 2)) == [HELD] * 2  # and then did, and put everything again
    assert (set(caller.everything(old)), set(caller.everything(new))) == ({name(1)}, {name(1), name(2)})
    close = relay.Close(box=old.keys.box, key=old.keys.erase)
    assert caller.ask(close, relay.Done) == caller.ask(close, relay.Done)
    assert caller.put(old, some(3)) == [relay.State.NONE]
    assert caller.make(old) is relay.Outcome.THERE  # as one restored from a copy does
    assert caller.put(old, some(3)) == [HELD]


def test_T_RELAY_2_a_wiped_relay_gets_its_boxes_back(tmp_path: Path) -> None:
    """The drop the partner holds is good again as soon as the box is made anew."""
    with Serving(tmp_path) as serving:
        caller = serving.caller()
        caller.make(ADA)
        caller.put(ADA, some(1))
        cursor = caller.fetch(ADA).cursor
        caller.close()
        port = serving.address.port
    for path in tmp_path.glob("relay.db*"):
        if not path.name.endswith(".pem"):
            path.unlink()
    with Serving(tmp_path, port=port) as serving:
        caller = serving.caller()
        assert caller.put(ADA, some(1)) == [relay.State.NONE]
        assert caller.make(ADA) is relay.Outcome.THERE
        assert caller.put(ADA, some(2)) == [HELD]
        assert [given[0] for given in caller.fetch(ADA, cursor=cursor).parcels] == [name(2)]
        caller.close()


def test_a_relay_whose_disk_was_rolled_back_hides_nothing_new(tmp_path: Path) -> None:
    """What was promised since is lost, as the senders find out; what comes then is seen, also behind an old cursor."""
    with Serving(tmp_path) as serving:
        caller = serving.caller()
        caller.make(ADA)
        caller.put(ADA, some(1))
        caller.close()
        serving.stop()
        port = serving.address.port
    copy = (tmp_path / "relay.db").read_bytes()
    with Serving(tmp_path, port=port) as serving:
        caller = serving.caller()
        caller.put(ADA, some(2, 3, 4))
        caller.erase(ADA, [name(1)])
        cursor = caller.fetch(ADA).cursor
        caller.close()
        serving.stop()
    (tmp_path / "relay.db").write_bytes(copy)
    with Serving(tmp_path, port=port) as serving:
        caller = serving.caller()
        asked = relay.StateOf(box=ADA.keys.box, key=ADA.keys.drop, ids=(name(1), name(2)))
        states = [state for state, _ in caller.ask(asked, relay.States).states]
        assert states == [HELD, relay.State.NONE]
        assert caller.put(ADA, some(2, 5)) == [HELD] * 2
        found = [given[0] for given in caller.fetch(ADA, cursor=cursor).parcels]
        assert found == [name(1), name(2), name(5)]
        caller.close()


@pytest.mark.parametrize("level", ["NORMAL", "OFF"])
def test_T_RELAY_3(tmp_path: Path, level: str) -> None:
    """With less than FULL it does not even begin; nothing that was there is harmed."""
    with Serving(tmp_path) as serving:
        caller = serving.caller()
        caller.make(ADA)
        caller.put(ADA, some(1))
        caller.close()
        serving.stop()
    ran = command(tmp_path, "serve", "--listen", "127.0.0.1:0", "--store", f"{serving.store}?synchronous={level}")
    assert (ran.returncode, ran.stdout) == (6, "") and "promises nothing" in ran.stderr
    with Serving(tmp_path, store="relay.db?synchronous=EXTRA") as serving:
        caller = serving.caller()
        assert set(caller.everything(ADA)) == {name(1)}
        caller.close()


# -- waiting -----------------------------------------------------------------------------------------


def waiting(serving: Serving, person: Person, wait_s: int, found: list[object]) -> threading.Thread:
    """Somebody who waits; the answer and how long it took."""

    def wait() -> None:
        caller, begun = serving.caller(), time.monotonic()
        batch = caller.fetch(person, wait_s=wait_s)
        found.append(([given[0] for given in batch.parcels], time.monotonic() - begun))
        caller.close()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_poll_hears_of_a_put_within_a_second(serving: Serving, caller: Caller) -> None:
    for person in (ADA, BO):
        caller.make(person)
    found: list[tuple[list[bytes], float]] = []
    threads = [waiting(serving, ADA, 60, found) for _ in range(3)]  # type: ignore[arg-type]
    time.sleep(0.5)
    caller.put(BO, some(9))
    begun = time.monotonic()
    caller.put(ADA, some(1))
    for thread in threads:
        thread.join(10)
    assert [names for names, _ in found] == [[name(1)]] * 3
    assert time.monotonic() - begun < 1


def test_a_poll_for_nothing_lasts_as_long_for_everybody(serving: Serving, caller: Caller) -> None:
    for person in (ADA, BO):
        caller.make(person)
    caller.put(ADA, some(1))
    wrong = Person(1)
    wrong.keys = relay.BoxKeys(ADA.keys.drop, ADA.keys.pick_up, ADA.keys.erase)
    found: list[tuple[list[bytes], float]] = []
    threads = [waiting(serving, person, 2, found) for person in (BO, NOBODY)]  # type: ignore[arg-type]
    for thread in threads:
        thread.join(10)
    begun = time.monotonic()
    batch = caller.ask(relay.Fetch(box=ADA.keys.box, key=bytes(32), wait_s=2), relay.Fetched)
    found.append(([given[0] for given in batch.parcels], time.monotonic() - begun))
    assert [names for names, _ in found] == [[]] * 3
    assert all(1.95 < seconds < 2.5 for _, seconds in found)


def test_those_who_wait_are_answered_when_the_relay_stops(serving: Serving, caller: Caller) -> None:
    caller.make(ADA)
    found: list[tuple[list[bytes], float]] = []
    thread = waiting(serving, ADA, 120, found)  # type: ignore[arg-type]
    time.sleep(0.5)
    caller.close()
    begun = time.monotonic()
    assert serving.stop() == 0
    thread.join(10)
    assert time.monotonic() - begun < 8 and [names for names, _ in found] == [[]]


def asked_metrics(port: int) -> dict[str, str]:
    """What Prometheus would read."""
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        text = b"".join(iter(lambda: link.recv(65536), b"")).decode()
    lines = text.partition("\r\n\r\n")[2].splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


def free_port() -> int:
    """A port nobody has now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_who_goes_while_waiting_is_forgotten(tmp_path: Path) -> None:
    port = free_port()
    with Serving(tmp_path, "--metrics", f"127.0.0.1:{port}") as serving:
        body = relay.encode(relay.Fetch(box=NOBODY.keys.box, key=NOBODY.keys.pick_up, wait_s=240))
        links = [connect(serving.address) for _ in range(50)]
        for link in links:
            link.sendall(post("/v1/fetch", f"Content-Length: {len(body)}", body=body))
        wait_for(lambda: asked_metrics(port)["tiercel_relay_polls"] == "50")
        for link in links:
            link.close()
        wait_for(lambda: asked_metrics(port)["tiercel_relay_polls"] == "0")


# -- what is refused ---------------------------------------------------------------------------------


def refusal(serving: Serving, data: bytes) -> bytes:
    """The first line of what comes back for some bytes."""
    with connect(serving.address) as link:
        with contextlib.suppress(OSError):
            link.sendall(data)
        got = b""
        with contextlib.suppress(OSError):
            while b"\r\n" not in got and (more := link.recv(65536)):
                got += more
    return got.partition(b"\r\n")[0]


def post(path: str, *heads: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: relay", *heads, "", ""]).encode() + body


def test_too_long_and_ill_shaped_requests_are_refused_before_they_are_read(serving: Serving, caller: Caller) -> None:
    long = "x" * 9000
    for data, status in [
        (post("/v1/put", f"X-Long: {long}", "Content-Length: 0"), 431),
        (post(f"/v1/{long}", "Content-Length: 0"), 431),
        (post("/v1/put", *[f"X-{n}: {long[:90]}" for n in range(100)], "Content-Length: 0"), 431),
        (post("/v1/put", f"X-Long: {long * 100}"), 431),
        (post("/v1/put"), 411),
        (post("/v1/put", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 411),
        (post("/v1/put", "Content-Length: 4259841"), 413),
        (post("/v1/put", "Content-Length: 99999999999999999999"), 413),
        (post("/v1/put", "Content-Length: 999999999999999999999"), 400),
        (post("/v1/put", "Content-Length: -1"), 400),
        (post("/v1/put", "Content-Length: 3", body=b"abc"), 400),
        (post("/v1/fetch", "Content-Length: 0"), 400),
        (post("/v1/nothing", "Content-Length: 0"), 404),
        (post("/", "Content-Length: 0"), 404),
        (post("/metrics", "Content-Length: 0"), 404),
        (post("/v1/about", "Content-Length: 0"), 405),
        (b"GET /v1/put HTTP/1.1\r\nHost: relay\r\n\r\n", 405),
        (b"\x16\x03\x01 hello\r\n\r\n", 400),
    ]:
        assert refusal(serving, data).startswith(b"HTTP/1.1 %d " % status), (data[:60], status)
    assert caller.make(ADA) is relay.Outcome.THERE
    status, body = caller.raw("/v1/close", relay.encode(relay.Close(box=bytes(16), key=bytes(32)))[:-1])
    assert (status, body) == (400, b"")


def lasts(serving: Serving, first: bytes, then: bytes, plain: bool = False) -> float:
    """How long a connection lives that sends something, and then one byte each half second."""
    address = serving.address
    link = socket.create_connection((address.host, address.port)) if plain else connect(address)
    begun = time.monotonic()
    with link, contextlib.suppress(OSError):
        link.sendall(first)
        link.settimeout(0.5)
        while time.monotonic() - begun < 40:
            link.sendall(then)
            with contextlib.suppress(TimeoutError):
                if not link.recv(1000):
                    break
    return time.monotonic() - begun


def test_slow_loris(serving: Serving, caller: Caller) -> None:
    """No hello, half a head, no head, half a body, a second head: all dropped in time, and others served meanwhile."""
    caller.make(ADA)
    whole = post("/v1/close", "Content-Length: 51", body=relay.encode(relay.Close(box=bytes(16), key=bytes(32))))
    slow = {
        "hello": (b"", b"\x16", True),
        "head": (b"POST /v1/put HTTP/1.1\r\nX: ", b"x", False),
        "nothing": (b"", b"", False),
        "body": (post("/v1/put", "Content-Length: 100000"), b"x", False),
        "second": (whole, b"P", False),
    }
    found: dict[str, float] = {}
    threads = [
        threading.Thread(target=lambda who=who, how=how: found.update({who: lasts(serving, *how)}))
        for who, how in slow.items()
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    begun = time.monotonic()
    while time.monotonic() - begun < 8:
        begun_one = time.monotonic()
        assert caller.put(ADA, some(1)) == [HELD]
        assert time.monotonic() - begun_one < 2
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    assert found.keys() == slow.keys()
    assert all(seconds < 25 for seconds in found.values()), found


@pytest.mark.parametrize("times", [1, 3])
def test_a_reader_who_does_not_read_is_dropped(serving: Serving, caller: Caller, times: int) -> None:
    caller.make(ADA)
    caller.put(ADA, [(name(number), cell(number % 50)) for number in range(256)])
    body = relay.encode(relay.Fetch(box=ADA.keys.box, key=ADA.keys.pick_up))
    link = connect(serving.address)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.sendall(post("/v1/fetch", f"Content-Length: {len(body)}", body=body) * times)
    time.sleep(15)
    got = 0
    with contextlib.suppress(OSError):
        while more := link.recv(1 << 20):
            got += len(more)
    link.close()
    assert got < 256 * CELL, "what nobody read was kept for them"
    assert len(caller.everything(ADA)) == 256


# -- room --------------------------------------------------------------------------------------------


def test_junk_of_strangers_leaves_room_for_letters(tmp_path: Path) -> None:
    """They fill all there is to share, and make boxes until there is no room for more; Ada's mail still comes."""
    with Serving(tmp_path, "--room", "0.01") as serving:
        caller = serving.caller()
        caller.make(ADA)
        strangers = [Person(100 + number) for number in range(60)]
        outcomes = [caller.make(stranger) for stranger in strangers]
        assert relay.Outcome.FULL in outcomes
        for stranger in strangers[:10]:
            states = caller.put(stranger, [(name(number), cell(number % 50)) for number in range(100)])
        assert relay.State.FULL in states
        assert caller.put(ADA, some(*range(16))) == [HELD] * 16
        assert len(caller.everything(ADA)) == 16
        caller.close()


@pytest.mark.full
def test_a_million_junk_parcels(tmp_path: Path) -> None:
    """16 GiB from one stranger: most of it is refused, and Ada's letters come and go all the while."""
    with Serving(tmp_path, "--room", "1") as serving:
        caller, hers = serving.caller(), serving.caller()
        stranger = Person(100)
        for person in (ADA, stranger):
            caller.make(person)
        said: dict[relay.State, int] = {}
        for turn in range(1_000_000 // 250):
            batch = [(name(turn * 250 + number), cell(number % 50)) for number in range(250)]
            for state in caller.put(stranger, batch):
                said[state] = said.get(state, 0) + 1
            if turn % 100 == 0:
                assert hers.put(ADA, some(turn)) == [HELD]
                assert set(hers.everything(ADA)) == {name(turn)}
                hers.erase(ADA, [name(turn)])
        assert said == {HELD: (256 << 20) // CELL, relay.State.FULL: 1_000_000 - (256 << 20) // CELL}
        for each in (caller, hers):
            each.close()


def test_many_boxes_with_one_parcel_each(tmp_path: Path) -> None:
    """A thousand here; ten thousand is the full size."""
    fill_boxes(tmp_path, 1_000)


@pytest.mark.full
def test_10_000_boxes_with_one_parcel_each(tmp_path: Path) -> None:
    fill_boxes(tmp_path, 10_000)


def fill_boxes(folder: Path, count: int) -> None:
    with Serving(folder) as serving:
        caller = serving.caller()
        people = [Person(number) for number in range(count)]
        for number, person in enumerate(people):
            assert caller.make(person) is relay.Outcome.THERE
            assert caller.put(person, some(number % 50)) == [HELD]
        for number, person in enumerate(people):
            assert caller.everything(person) == {name(number % 50): cell(number % 50)}
        wait_for(lambda: serving.process.poll() is None)
        caller.close()
        assert serving.stop() == 0
