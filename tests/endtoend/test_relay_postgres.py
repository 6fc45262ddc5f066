"""Relays on PostgreSQL as their operator runs them: refused, killed, two on one server, and with a standby."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from postgres_kit import Cluster, cluster
from relay_kit import Caller, Serving, command, wait_for
from tiercel.relay import protocol as relay
from tiercel.testing.relay_store_suite import Person, cell, name, some
from tiercel.wire import from_base32

pytestmark = [pytest.mark.e2e, pytest.mark.servers]

KILLS = 50
HELD = relay.State.HELD
ADA, BO, CY = Person(1), Person(2), Person(3)
BROKEN = (OSError, AssertionError, EOFError, http.client.HTTPException)


@pytest.fixture
def database(postgres: Cluster) -> Iterator[str]:
    with postgres.database() as address:
        yield address


class Writer(threading.Thread):
    """Somebody who puts one parcel after another, over whichever relay answers, and notes what was promised.

    Args:
        relays: Their addresses; the next is tried where one does not answer.
        person: Whose box.
        first: Number of the first parcel.
    """

    def __init__(self, relays: Sequence[relay.Address], person: Person, first: int) -> None:
        super().__init__(daemon=True)
        self.relays = list(relays)
        self.person = person
        self.promised: list[int] = []
        self._next = first
        self._stop_now = threading.Event()

    def run(self) -> None:
        turn = 0
        while not self._stop_now.is_set():
            with contextlib.suppress(*BROKEN):
                self._write(Caller(self.relays[turn % len(self.relays)]))
            turn += 1
            self._stop_now.wait(0.02)

    def _write(self, caller: Caller) -> None:
        with contextlib.closing(caller):
            while not self._stop_now.is_set():
                numbers = range(self._next, self._next + 3)
                found = caller.put(self.person, [(name(number), cell(number % 50)) for number in numbers])
                self.promised += [number for number, state in zip(numbers, found, strict=True) if state is HELD]
                self._next += 3

    def stop(self) -> None:
        """Put no more."""
        self._stop_now.set()


@contextlib.contextmanager
def writing(relays: Sequence[Serving], turn: int = 0) -> Iterator[list[Writer]]:
    """Three people who put without end, into boxes of their own."""
    addresses = [serving.address for serving in relays]
    writers = [Writer(addresses, person, turn * 10_000_000 + at * 1_000_000) for at, person in enumerate((ADA, BO, CY))]
    for writer in writers:
        writer.start()
    try:
        yield writers
    finally:
        for writer in writers:
            writer.stop()
        for writer in writers:
            writer.join(60)
            assert not writer.is_alive()


def make_boxes(serving: Serving) -> None:
    with contextlib.closing(serving.caller()) as caller:
        for person in (ADA, BO, CY):
            assert caller.make(person) is relay.Outcome.THERE


def collect(serving: Serving, person: Person, promised: Sequence[int]) -> None:
    """Find all that was promised, byte for byte; then make room."""
    with contextlib.closing(serving.caller()) as caller:
        found = caller.everything(person)
        assert {name(number) for number in promised} <= set(found)
        assert all(found[name(number)] == cell(number % 50) for number in promised)
        ids = list(found)
        for start in range(0, len(ids), 256):
            caller.erase(person, ids[start : start + 256])


# -- an operator's day -------------------------------------------------------------------------------


def test_a_relay_on_postgres_and_what_its_operator_sees(tmp_path: Path, database: str) -> None:
    with Serving(tmp_path, "--registration", "token", store=database) as serving:
        made = command(tmp_path, "token", "new", "--boxes", "2", "--for", "3", "--store", database)
        token, _ = made.stdout.splitlines()
        with contextlib.closing(serving.caller()) as caller:
            assert caller.make(ADA) is relay.Outcome.REFUSED
            assert caller.make(ADA, from_base32(token)) is relay.Outcome.THERE
            assert caller.put(ADA, some(1, 2)) == [HELD] * 2
        status = json.loads(command(tmp_path, "status", "--store", database, "--json").stdout)
        assert (status["serving"], status["boxes"], status["parcels"]) == (True, 1, 2)
        doctor = command(tmp_path, "doctor", "--store", database)
        assert doctor.returncode == 0 and "no synchronous standby" in doctor.stdout, doctor.stdout
        assert serving.stop() == 0
        assert "standby" in serving.log.read_text() and "host=" not in serving.log.read_text()
    with Serving(tmp_path, store=database) as serving, contextlib.closing(serving.caller()) as caller:
        assert list(caller.everything(ADA)) == [name(1), name(2)]
    assert json.loads(command(tmp_path, "status", "--store", database, "--json").stdout)["serving"] is False


@pytest.mark.parametrize("address", ["postgresql://nobody.invalid/relay", "postgresql://relay@/none?host={folder}"])
def test_what_cannot_be_reached_is_a_sentence(tmp_path: Path, postgres: Cluster, address: str) -> None:
    store = address.format(folder=postgres.folder)
    ran = command(tmp_path, "serve", "--listen", "127.0.0.1:0", "--store", store)
    assert (ran.returncode, ran.stdout) == (6, "") and "cannot be opened" in ran.stderr
    assert "invalid" not in ran.stderr.replace("InvalidCatalogName", "") and "bug" not in ran.stderr


@pytest.mark.parametrize(
    "setting", ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "synchronous_commit=local"]
)
def test_T_RELAY_3(tmp_path: Path, setting: str) -> None:
    name_of, _, value = setting.partition("=")
    with cluster(**{name_of: value}) as unfit:
        ran = command(tmp_path, "serve", "--listen", "127.0.0.1:0", "--store", unfit.address())
        assert (ran.returncode, ran.stdout) == (6, ""), "it said its address"
        assert name_of in ran.stderr and "promises" in ran.stderr
        assert unfit.execute("SELECT count(*) FROM pg_class WHERE relname = 'parcels'") == [(0,)]


def test_T_RELAY_3_where_only_the_role_is_set_so(tmp_path: Path, postgres: Cluster, database: str) -> None:
    postgres.execute("CREATE ROLE hasty LOGIN SUPERUSER; ALTER ROLE hasty SET synchronous_commit = off")
    ran = command(tmp_path, "serve", "--listen", "127.0.0.1:0", "--store", database.replace("relay@", "hasty@"))
    assert (ran.returncode, ran.stdout) == (6, "") and "synchronous_commit" in ran.stderr


def test_T_RELAY_3_where_the_server_is_set_so_while_it_is_served(tmp_path: Path) -> None:
    with cluster() as hasty, Serving(tmp_path, store=hasty.address()) as serving:
        hasty.execute("ALTER SYSTEM SET fsync = off")
        hasty.execute("SELECT pg_reload_conf()")
        assert serving.process.wait(60) == 6
        assert "fsync off" in serving.log.read_text()


def test_what_a_server_sets_for_others_does_not_end_a_relay(tmp_path: Path) -> None:
    """Who waits long is no idler, and who waits for another put into the same box is told nothing of an older one."""
    settings = {"idle_session_timeout": "1s", "default_transaction_isolation": "repeatable read"}
    with cluster(**settings) as strict, Serving(tmp_path, store=strict.address()) as serving:
        make_boxes(serving)
        with writing([serving], 1) as first, writing([serving], 2) as second:
            time.sleep(2)
        for person, one, other in zip((ADA, BO, CY), first, second, strict=True):
            assert one.promised and other.promised
            collect(serving, person, one.promised + other.promised)
        time.sleep(3)
        assert serving.stop() == 0, serving.log.read_text()


# -- killed ------------------------------------------------------------------------------------------


def test_kill_9_under_load_breaks_no_promise(tmp_path: Path, database: str) -> None:
    """The relay, at a random moment, again and again."""
    with Serving(tmp_path, store=database) as serving:
        make_boxes(serving)
    promised: dict[Person, list[int]] = {ADA: [], BO: [], CY: []}
    total = 0
    for turn in range(KILLS):
        with Serving(tmp_path, store=database) as serving, writing([serving], turn) as writers:
            time.sleep(0.05 + (turn * 37 % 100) / 300)
            serving.stop(signal.SIGKILL)
        for writer in writers:
            promised[writer.person] += writer.promised
            total += len(writer.promised)
        if turn % 5 == 4 or turn == KILLS - 1:
            with Serving(tmp_path, store=database) as serving:
                for person, numbers in promised.items():
                    collect(serving, person, numbers)
                    numbers.clear()
    assert total > KILLS


def test_the_server_killed_under_load_breaks_no_promise(tmp_path: Path) -> None:
    """PostgreSQL and all its processes at once; the relay ends with 6, and goes on when both are started again."""
    with cluster() as server:
        with Serving(tmp_path, store=server.address()) as serving:
            make_boxes(serving)
            with writing([serving]) as writers:
                wait_for(lambda: all(len(writer.promised) > 20 for writer in writers), 60)
                server.stop(signal.SIGKILL)
                assert serving.process.wait(60) == 6
        server.start()
        with Serving(tmp_path, store=server.address()) as serving:
            for writer in writers:
                collect(serving, writer.person, writer.promised)


# -- two on one --------------------------------------------------------------------------------------


def test_two_relays_on_one_store_are_one(tmp_path: Path, database: str) -> None:
    """A put at one wakes a poll at the other; a cursor of one is good at the other."""
    with Serving(tmp_path, store=database) as one, Serving(tmp_path, store=database) as other:
        assert one.address.fingerprint == other.address.fingerprint
        here, there = one.caller(), other.caller()
        assert here.make(ADA) is relay.Outcome.THERE
        assert there.put(ADA, some(1)) == [HELD]
        first = here.fetch(ADA)
        found: list[tuple[float, relay.Fetched]] = []

        def wait() -> None:
            batch = there.fetch(ADA, cursor=first.cursor, wait_s=60)
            found.append((time.monotonic(), batch))

        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.5)
        assert not found, "the cursor of the other relay was none here"
        put_at = time.monotonic()
        assert here.put(ADA, some(2)) == [HELD]
        waiting.join(10)
        assert found and found[0][0] - put_at < 1
        assert [given[0] for given in found[0][1].parcels] == [name(2)]
        here.close()
        there.close()


def test_one_of_two_relays_is_killed_and_clients_go_on_with_the_other(tmp_path: Path, database: str) -> None:
    with Serving(tmp_path, store=database) as one, Serving(tmp_path, store=database) as other:
        make_boxes(one)
        with writing([one, other]) as writers:
            wait_for(lambda: all(len(writer.promised) > 20 for writer in writers), 60)
            one.stop(signal.SIGKILL)
            before = [len(writer.promised) for writer in writers]
            wait_for(lambda: all(len(w.promised) > b + 20 for w, b in zip(writers, before, strict=True)), 60)
        for writer in writers:
            collect(other, writer.person, writer.promised)


# -- a standby ---------------------------------------------------------------------------------------


def walreceiver(standby: Cluster) -> int:
    """The process of a standby that takes what the primary writes."""
    found = standby.execute("SELECT pid FROM pg_stat_wal_receiver WHERE status = 'streaming'")
    assert found and isinstance(found[0][0], int)
    return found[0][0]


def test_a_primary_is_killed_and_its_standby_promoted_and_no_promise_is_broken(tmp_path: Path) -> None:
    """The standby stands still for the last second of the primary: whoever did not wait for it has lied since."""
    with cluster() as primary, tempfile.TemporaryDirectory(prefix="pg") as folder:
        standby = Cluster(Path(folder), copy_of=primary)
        try:
            wait_for(lambda: primary.execute("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"))
            primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.execute("SELECT pg_reload_conf()")
            wait_for(lambda: primary.execute("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"))
            both = (
                f"postgresql://relay@/postgres?host={primary.folder},{standby.folder}&target_session_attrs=read-write"
            )
            refused = command(tmp_path, "serve", "--listen", "127.0.0.1:0", "--store", standby.address())
            assert (refused.returncode, refused.stdout) == (6, "") and "standby" in refused.stderr
            with Serving(tmp_path, store=both) as serving:
                make_boxes(serving)
                with writing([serving]) as writers:
                    wait_for(lambda: all(len(writer.promised) > 50 for writer in writers), 60)
                    receiver = walreceiver(standby)
                    os.kill(receiver, signal.SIGSTOP)
                    time.sleep(0.3)
                    stood = [len(writer.promised) for writer in writers]
                    time.sleep(0.7)
                    assert stood == [len(writer.promised) for writer in writers], "a promise the standby had no word of"
                    primary.stop(signal.SIGKILL)
                    os.kill(receiver, signal.SIGCONT)
                    assert serving.process.wait(60) == 6
            assert standby.execute("SELECT pg_promote()") == [(True,)]
            with Serving(tmp_path, store=both) as serving:
                with writing([serving], 1) as later:
                    wait_for(lambda: all(len(writer.promised) > 20 for writer in later), 60)
                for writer, after in zip(writers, later, strict=True):
                    collect(serving, writer.person, writer.promised + after.promised)
        finally:
            standby.stop(signal.SIGKILL)
