"""What only a store on PostgreSQL has to do: servers that lie, several stores on one database, rot, partitions."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Collection, Iterator

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postgres_kit import Cluster, cluster
from tiercel.errors import DiskFull, StoreDamaged, StoreError, StoreFailed, StoreNewer, StoreNotDurable
from tiercel.limits import DAY_MS
from tiercel.relay import postgres_server, store_postgres
from tiercel.relay.postgres_bell import boxes_of
from tiercel.relay.postgres_outside import counts_of, servers_of, warnings_of
from tiercel.relay.postgres_server import judge
from tiercel.relay.protocol import Outcome, Part, State, token_hash
from tiercel.relay.store import Rules, Shown
from tiercel.relay.store_postgres import PostgresStore
from tiercel.testing.entropy import SeededEntropy
from tiercel.testing.relay_store_suite import (
    ALL,
    BY_TOKEN,
    CELL,
    OPEN,
    SMALL,
    Person,
    Stage,
    box_keys,
    cell,
    name,
    some,
    states,
)

pytestmark = pytest.mark.servers
ENTROPY = SeededEntropy("postgres")


@pytest.fixture
def database(postgres: Cluster) -> Iterator[str]:
    with postgres.database() as address:
        yield address


def sql(address: str, statement: str) -> list[tuple[object, ...]]:
    """One statement beside the store."""
    with psycopg.connect(address, autocommit=True) as db:
        cursor = db.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def play(address: str, told: Callable[[Stage], Awaitable[None]], rules: Rules = SMALL) -> None:
    """A stage over the store of a database."""

    async def act() -> None:
        async def reopen() -> PostgresStore:
            return await PostgresStore.open(address, rules, ENTROPY.token)

        stage = Stage(reopen, await reopen())
        try:
            await told(stage)
        finally:
            await stage.store.close()

    asyncio.run(act())


def both(address: str, told: Callable[[Stage, Stage], Awaitable[None]], rules: Rules = SMALL) -> None:
    """Two stores on one database."""

    async def inner(one: Stage) -> None:
        other = Stage(one._reopen, await one._reopen())
        try:
            await told(one, other)
        finally:
            await other.store.close()

    play(address, inner, rules)


def opens(address: str) -> None:
    async def nothing(stage: Stage) -> None:
        pass

    play(address, nothing)


# -- servers that lie --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "found",
    [("off", "on", "on"), ("on", "off", "on"), *(("on", "on", word) for word in ("off", "local", "remote_write"))],
)
def test_T_RELAY_3_what_is_not_durable(found: tuple[str, str, str]) -> None:
    with pytest.raises(StoreNotDurable, match="promises nothing"):
        judge(*found, False, 150000)


def test_what_is_durable_and_what_else_is_refused() -> None:
    for word in ("on", "remote_apply"):
        judge("on", "on", word, False, 140000)
    with pytest.raises(StoreError, match="standby"):
        judge("on", "on", "on", True, 150000)
    with pytest.raises(StoreError, match="too old"):
        judge("on", "on", "on", False, 130010)


def test_a_server_that_stops_syncing_while_it_runs_is_noticed() -> None:
    with cluster() as server:

        async def told(stage: Stage) -> None:
            await stage.settle()
            server.execute("ALTER SYSTEM SET fsync = off")
            server.execute("SELECT pg_reload_conf()")
            with pytest.raises(StoreNotDurable, match="fsync off"):
                for _ in range(100):
                    await stage.store.tick(stage.now_ms)
                    await asyncio.sleep(0.05)
            with pytest.raises(StoreFailed):
                await stage.store.put(Person(1).drop, some(1))

        play(server.address(), told)


def test_a_commit_whose_wait_for_the_standby_was_ended_is_not_promised() -> None:
    """PostgreSQL then says that it is done, and warns."""
    with cluster() as server:

        async def told(stage: Stage) -> None:
            person = await stage.person(1)
            server.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            server.execute("SELECT pg_reload_conf()")
            await asyncio.sleep(0.3)
            putting = asyncio.ensure_future(stage.store.put(person.drop, some(1)))
            await asyncio.sleep(0.5)
            assert not putting.done()
            waits = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            assert server.execute(waits) == [(True,)]
            with pytest.raises(StoreFailed):
                await asyncio.wait_for(putting, 10)
            server.execute("ALTER SYSTEM RESET synchronous_standby_names")
            server.execute("SELECT pg_reload_conf()")

        play(server.address(), told)


def test_a_connection_that_breaks_ends_the_promises(database: str) -> None:
    async def told(stage: Stage) -> None:
        person = await stage.person(1)
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tiercel-relay'"
        assert sql(database, others)
        for _ in range(2):
            with pytest.raises(StoreFailed):
                await stage.store.put(person.drop, some(1))
        with pytest.raises(StoreFailed):
            await stage.store.tick(stage.now_ms)

    play(database, told)


def test_who_asks_and_goes_away_breaks_nothing(database: str) -> None:
    async def told(stage: Stage) -> None:
        person = await stage.person(1)
        for number in range(20):
            putting = asyncio.ensure_future(stage.store.put(person.drop, some(number)))
            await asyncio.sleep(number / 2000)
            putting.cancel()
        assert states(await stage.store.put(person.drop, some(*range(20)))) == [State.HELD] * 20
        assert (await stage.store.counts()).used_bytes == 20 * CELL

    play(database, told)


def test_what_is_no_store_or_a_newer_one_is_left_alone(postgres: Cluster) -> None:
    with postgres.database() as address:
        sql(address, "CREATE TABLE letters (body text)")
        with pytest.raises(StoreDamaged, match="no store"):
            opens(address)
        assert sql(address, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(1,)]
    with postgres.database() as address:
        opens(address)
        sql(address, "UPDATE meta SET value = 99")
        with pytest.raises(StoreNewer):
            opens(address)
        with pytest.raises(StoreNewer):
            asyncio.run(counts_of(address))


def test_from_outside(postgres: Cluster) -> None:
    with postgres.database() as address:
        with pytest.raises(StoreError, match="no store there yet"):
            asyncio.run(counts_of(address))

        async def told(stage: Stage) -> None:
            await stage.person(1)
            assert (await counts_of(address)).boxes == 1
            assert await servers_of(address) == 1

        play(address, told)
        assert asyncio.run(servers_of(address)) == 0
        assert [text for text in asyncio.run(warnings_of(address)) if "standby" in text]


def test_a_migration_that_fails_leaves_everything_as_it_was(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two relays of the old version and the new one; the second step of the new one is no SQL."""
    opens(database)
    before = sql(database, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1")
    steps = {"postgres_0002.sql": b"CREATE TABLE more (key text)", "postgres_0003.sql": b"no SQL"}
    monkeypatch.setattr(postgres_server, "SCHEMA_VERSION", 3)
    monkeypatch.setattr(postgres_server, "step", lambda number: steps[f"postgres_{number:04}.sql"])
    with pytest.raises(StoreError, match="SyntaxError"):
        opens(database)
    now = sql(database, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1")
    assert now == before and sql(database, "SELECT value FROM meta") == [(1,)]
    monkeypatch.setattr(postgres_server, "SCHEMA_VERSION", 2)
    opens(database)
    assert sql(database, "SELECT value FROM meta") == [(2,)] and sql(database, "SELECT count(*) FROM more") == [(0,)]
    monkeypatch.undo()
    with pytest.raises(StoreNewer):
        opens(database)


@pytest.fixture
def small_disk(postgres: Cluster) -> Iterator[str]:
    """A database on a disk of its own with 32 MiB; what PostgreSQL notes of commits is elsewhere."""
    folder = postgres.folder / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", folder], capture_output=True).returncode:
        folder.rmdir()
        pytest.skip("needs leave to mount a file system")
    try:
        shutil.chown(folder, "postgres")
        postgres.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
        postgres.execute("CREATE DATABASE small TABLESPACE small")
        postgres.execute("CHECKPOINT")  # its own tables are written when they are, and take their room then
        yield postgres.address("small")
    finally:
        postgres.execute("DROP DATABASE IF EXISTS small WITH (FORCE)")
        postgres.execute("DROP TABLESPACE IF EXISTS small")
        subprocess.run(["umount", "-l", folder], check=True)


def test_T_FULL_1_a_disk_that_is_full(small_disk: str) -> None:
    """Puts are full and nothing of them is kept; what was held stays; with more room all goes on."""

    async def told(stage: Stage) -> None:
        await stage.settle()
        person = await stage.person(1)
        held: list[int] = []
        for start in range(0, 4000, 10):
            numbers = list(range(start, start + 10))
            found = states(
                await stage.store.put(person.drop, [(name(number), cell(number % 50)) for number in numbers])
            )
            if State.FULL in found:
                assert found == [State.FULL] * 10
                break
            held += numbers
        assert 300 < len(held) < 2000
        assert await stage.names(person) == [name(number) for number in held]
        assert (await stage.store.counts()).used_bytes == len(held) * CELL
        with contextlib.suppress(DiskFull):  # what is erased is written too
            await stage.store.erase(person.erase, [name(0)])
        folder = small_disk.partition("host=")[2] + "/small"
        assert await stage.store.tick(stage.now_ms) in (True, False)
        await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,size=64m", folder], check=True)
        await stage.store.erase(person.erase, [name(number) for number in held[:256]])
        assert states(await stage.store.put(person.drop, some(4001))) == [State.HELD]
        assert await stage.names(person) == [name(number) for number in (*held[256:], 4001)]

    play(small_disk, told, Rules(step_ms_max=DAY_MS))


# -- one answer for all who have no key --------------------------------------------------------------


def test_T_RELAY_1_the_same_statements_for_no_box_an_empty_one_and_a_wrong_key() -> None:
    """As the server logs them; and without the right key nothing is written, not even a lock."""
    with cluster(log_statement="all", autovacuum="off", wal_level="minimal", max_wal_senders="0") as server:
        log = server.folder / "log"

        def statements(since: int) -> list[str]:
            ran = re.findall(r"LOG: +(?:statement|execute [^:]*): (.*)", log.read_text()[since:])
            return [text for text in ran if "wal_insert" not in text]

        async def told(stage: Stage) -> None:
            await stage.settle()
            store, nobody = stage.store, Person(3)
            full, empty = await stage.person(1), await stage.person(2)
            await store.put(full.drop, some(1))
            await stage.fetched(empty)
            wrong = Shown(full.keys.box, bytes(32))
            ids = [name(1), name(2)]
            acts: list[tuple[int, Callable[[Shown], Awaitable[object]]]] = [
                (1, lambda shown: store.fetch(shown, b"", 256, ALL, Part.WHOLE)),
                (1, lambda shown: store.pick(shown, ids, ALL)),
                (2, lambda shown: store.erase(shown, ids)),
                (2, store.close_box),
                (0, lambda shown: store.state(shown, ids)),
                (0, lambda shown: store.put(shown, some(1))),
            ]
            for power, act in acts:
                found = []
                cases = [Shown(nobody.keys.box, nobody.keys.hashes[power]), wrong]
                if act is not store.close_box and power:
                    cases.append(Shown(empty.keys.box, empty.keys.hashes[power]))
                for shown in cases * 8:
                    size = len(log.read_text())
                    at = server.execute("SELECT pg_current_wal_insert_lsn()")
                    await act(shown)
                    wrote = server.execute("SELECT pg_current_wal_insert_lsn()") != at
                    found.append((statements(size), wrote))
                # At first each statement is sent as a text, later by a name; and the server tidies its own pages.
                assert all(ran == found[-1] for ran in found[-6:]) and found[-1][0] and not found[-1][1]

        play(server.address(), told)


# -- several stores on one database ------------------------------------------------------------------


def test_two_stores_begin_at_the_same_moment(database: str) -> None:
    async def act() -> None:
        opened = await asyncio.gather(*(PostgresStore.open(database, SMALL, ENTROPY.token) for _ in range(4)))
        for store in opened:
            await store.close()

    asyncio.run(act())


def test_a_put_at_one_is_heard_at_the_other_and_once_at_its_own(database: str) -> None:
    async def told(one: Stage, other: Stage) -> None:
        person = await one.person(1)
        here, there, came = list[bytes](), list[bytes](), asyncio.Event()

        def hear(boxes: Collection[bytes]) -> None:
            there.extend(boxes)
            came.set()

        one.store.listen(here.extend)
        other.store.listen(hear)
        await one.store.put(person.drop, some(1))
        await asyncio.wait_for(came.wait(), 1)
        await asyncio.sleep(0.2)
        assert here == there == [person.keys.box]
        sql(database, "NOTIFY tiercel_relay, 'no notice of a relay'")
        await asyncio.sleep(0.1)
        assert await other.names(person) == [name(1)]

    both(database, told)


def test_many_notices_at_once_fit() -> None:
    boxes = [bytes([number]) * 16 for number in range(240)]
    notice = b"".join(boxes).hex()
    assert len(notice) < 8000 and boxes_of(notice) == boxes
    assert boxes_of("x") == boxes_of("00ff") == []


@given(st.text() | st.binary().map(bytes.hex))
def test_a_notice_of_anybody_is_read_without_harm(notice: str) -> None:
    assert all(len(box) == 16 for box in boxes_of(notice))


def test_numbers_that_took_long_to_count_are_good_for_a_while(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def told(stage: Stage) -> None:
        await stage.person(1)
        assert (await stage.store.counts()).boxes == 1
        monkeypatch.setattr(store_postgres, "_COUNT_S", 0.0)
        monkeypatch.setattr(store_postgres, "_COUNT_REST", 1e6)
        assert (await stage.store.counts()).boxes == 1
        await stage.person(2)
        assert (await stage.store.counts()).boxes == 1

    play(database, told)


def test_the_same_parcels_through_both_are_held_once_and_in_one_order(database: str) -> None:
    async def told(one: Stage, other: Stage) -> None:
        person = await one.person(1)
        for start in range(0, 20, 4):
            parcels = some(*range(start, start + 4))
            found = await asyncio.gather(*(stage.store.put(person.drop, parcels) for stage in (one, other) * 3))
            assert all(states(answer) == [State.HELD] * 4 for answer in found)
        batch = await one.fetched(person)
        assert [given[0] for given in batch.parcels] == [name(number) for number in range(20)]
        half = await one.store.fetch(person.pick_up, b"", 10, ALL, Part.WHOLE)
        rest = await other.fetched(person, half.cursor)
        assert [given[0] for given in rest.parcels] == [name(number) for number in range(10, 20)]

    both(database, told)


def test_the_room_is_that_of_both(database: str) -> None:
    """However it was lent out, no more is taken than there is; what one leaves the other can take after a tick."""

    async def told(one: Stage, other: Stage) -> None:
        people = [await (one, other)[number % 2].person(number) for number in range(8)]
        await asyncio.gather(
            *((one, other)[number % 2].store.put(person.drop, some(*range(20))) for number, person in enumerate(people))
        )
        assert (await one.store.counts()).taken_bytes <= SMALL.room_bytes
        for person in people:
            await one.store.erase(person.erase, await one.names(person))
        await one.settle()
        assert states(await other.store.put(people[0].drop, some(*range(100, 108)))) == [State.HELD] * 8

    both(database, told)


def test_room_that_a_killed_process_was_lent_comes_back(database: str) -> None:
    async def told(stage: Stage) -> None:
        await stage.settle()
        sql(database, f"UPDATE room SET taken_bytes = {SMALL.room_bytes}")
        assert await stage.store.make_box(box_keys(1).hashes, OPEN, None) is Outcome.FULL
        await stage.pass_days(1)
        await stage.person(1)
        sql(database, "UPDATE room SET taken_bytes = 0")
        await stage.again()
        assert sql(database, "SELECT taken_bytes FROM room") == [(SMALL.reserve_bytes,)]

    play(database, told)


def test_one_keeps_the_time_and_when_it_ends_another(database: str) -> None:
    """Clocks that differ by years add nothing up."""

    async def told(one: Stage, other: Stage) -> None:
        await one.settle()
        other.now_ms += 1000 * DAY_MS
        for _ in range(5):
            await other.settle()
            await one.settle()
        assert (await other.store.counts()).relay_day == 0
        await one.pass_days(1)
        assert (await other.store.counts()).relay_day == 1
        await one.store.close()
        await other.settle()
        await other.pass_days(1)
        assert (await other.store.counts()).relay_day in (2, 3)

    both(database, told)


# -- rot, partitions, what is kept -------------------------------------------------------------------


@pytest.mark.parametrize("part", Part)
def test_a_parcel_that_rotted_is_lost_and_its_id_free_again(database: str, part: Part) -> None:
    async def told(stage: Stage) -> None:
        person = await stage.person(1)
        await stage.store.put(person.drop, some(1, 2, 3))
        for place in (1, 3):
            sql(
                database,
                f"UPDATE parcels SET body = set_byte(body, 20, 255 - get_byte(body, 20)) WHERE place = {place}",
            )
        assert [given[0] for given in (await stage.fetched(person, part=part)).parcels] == [name(2)]
        assert states(await stage.store.state(person.drop, [name(1), name(2)])) == [State.NONE, State.HELD]
        assert (await stage.store.counts()).used_bytes == CELL
        assert states(await stage.store.put(person.drop, some(1))) == [State.HELD]
        sql(database, "UPDATE parcels SET body = 'x' WHERE place = 2")
        looked_at, found = await stage.store.pick(person.pick_up, [name(2), name(1)], ALL)
        assert (looked_at, list(found)) == (2, [(name(1), CELL, cell(1))])

    play(database, told)


def partitions(address: str) -> list[int]:
    """The first days of those there are."""
    found = sql(address, "SELECT split_part(inhrelid::regclass::text, '_', 2)::int FROM pg_inherits"
                " WHERE inhparent = 'parcels'::regclass ORDER BY 1")  # fmt: skip
    return [int(str(row[0])) for row in found]


def test_what_ended_goes_with_its_partition(database: str) -> None:
    async def told(stage: Stage) -> None:
        await stage.settle()
        person = await stage.person(1)
        for day in range(8):
            await stage.store.put(person.drop, some(day))
            await stage.pass_days(1)
            rows = sql(database, "SELECT count(*) FROM parcels")
            assert rows == [(min(day + 1, 2),)], "with what ended still in it"
            assert partitions(database)[0] == day + 2

    play(database, told)


def test_partitions_of_a_long_hold_are_few_and_are_made_ahead(database: str) -> None:
    async def told(stage: Stage) -> None:
        await stage.settle()
        assert len(partitions(database)) <= 11
        person = await stage.person(1)
        for _ in range(70):
            await stage.pass_days(1)
            (found,) = await stage.store.put(person.drop, some(1))
            assert found[0] is State.HELD
        assert len(partitions(database)) <= 11 and partitions(database)[0] > 50

    play(database, told, Rules(step_ms_max=DAY_MS))


def test_somebody_who_reads_a_table_for_long_stops_nobody(database: str) -> None:
    """As a copy being made does: what ended then waits, and puts go on."""

    async def told(stage: Stage) -> None:
        await stage.settle()
        person = await stage.person(1)
        with psycopg.connect(database) as reader:
            reader.execute("SELECT count(*) FROM parcels")
            await asyncio.wait_for(stage.pass_days(1), 30)
            assert states(await asyncio.wait_for(stage.store.put(person.drop, some(1)), 30)) == [State.HELD]
        await stage.pass_days(1)

    play(database, told)


def test_T_TAG_2_rows_do_not_say_which_token_made_which_box(database: str) -> None:
    """Not even by the numbers of the transactions that wrote them, in what lies on the pages."""

    async def told(stage: Stage) -> None:
        await stage.settle()
        tokens = [token_hash(bytes([number]) * 32) for number in range(6)]
        for token in tokens:
            await stage.store.add_token(token, 3, 9)
        for number in (3, 1, 5):
            assert await stage.store.make_box(box_keys(number).hashes, BY_TOKEN, tokens[number]) is Outcome.THERE
        await stage.settle()
        sql(database, "CREATE EXTENSION pageinspect")
        found = sql(database, "SELECT DISTINCT t_xmin FROM heap_page_items(get_raw_page('tokens', 0)) WHERE lp_len > 0")
        assert len(found) == 1
        assert sql(database, "SELECT sum(boxes) FROM tokens") == [(15,)]

    play(database, told)


def test_the_servers_log_holds_nothing_of_anybody(postgres: Cluster, database: str) -> None:
    async def told(one: Stage, other: Stage) -> None:
        person = Person(77)
        made = (stage.store.make_box(person.keys.hashes, OPEN, None) for stage in (one, other) * 5)
        assert set(await asyncio.gather(*made)) == {Outcome.THERE}
        for stage in (one, other):
            await stage.store.put(person.drop, some(1))
        log = (postgres.folder / "log").read_text()
        assert person.keys.box.hex() not in log and name(1).hex() not in log and "Key (" not in log

    both(database, told)
