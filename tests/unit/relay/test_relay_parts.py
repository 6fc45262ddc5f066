"""The parts of the server that need no socket: who waits, who takes memory, who makes boxes, what is counted."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import ssl
import threading
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from cryptography.hazmat.primitives import serialization

from tiercel.errors import DiskFull, StoreError, StoreFailed, StoreNotDurable
from tiercel.relay import certificate, serving
from tiercel.relay.connections import Connection, Ledger
from tiercel.relay.newcomers import AT_ONCE, EVERY_S, Newcomers
from tiercel.relay.polls import Polls
from tiercel.relay.protocol import Trust
from tiercel.relay.store import Counts
from tiercel.relay.stores import place_of
from tiercel.relay.tally import LOG, Tally, logger

BOX, OTHER = bytes(16), bytes([1]) * 16


# -- polls -------------------------------------------------------------------------------------------


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_put_before_the_waiting_is_not_missed() -> None:
    async def play() -> None:
        polls = Polls()
        poll, other = polls.open(BOX), polls.open(OTHER)
        polls.came([BOX])
        assert await poll.wait(now() + 60)
        poll.again()
        assert not await poll.wait(now())
        assert not await other.wait(now())
        for each in (poll, other, poll):
            each.close()
        assert len(polls) == 0 and not polls._by_box

    asyncio.run(play())


def test_above_the_most_those_who_waited_longest_are_answered() -> None:
    async def play() -> None:
        polls = Polls(most=3)
        waiting = [polls.open(bytes([number]) * 16) for number in range(5)]
        answered = [await poll.wait(now() + (0 if number > 1 else 60)) for number, poll in enumerate(waiting)]
        assert answered == [False] * 5 and len(polls) == 3

    asyncio.run(play())


def test_the_end_answers_those_who_wait_and_those_who_come() -> None:
    async def play() -> None:
        polls = Polls()
        poll = polls.open(BOX)
        polls.end()
        assert not await poll.wait(now() + 60)
        assert not await polls.open(BOX).wait(now() + 60)

    asyncio.run(play())


def test_an_end_behind_a_put_is_not_forgotten() -> None:
    """Who was woken for nothing of theirs looks once more, and must not wait again where nobody wakes them."""

    async def play() -> None:
        polls = Polls(most=1)
        poll = polls.open(BOX)
        polls.came([BOX])
        polls.open(OTHER)  # it waited longest, so it is answered and known no more
        assert await poll.wait(now() + 60)
        poll.again()
        async with asyncio.timeout(5):
            assert not await poll.wait(now() + 60)

    asyncio.run(play())


# -- the clock ---------------------------------------------------------------------------------------


class Ticking:
    """A store that knows no more than time; its second tick meets an error, and its fourth ends it."""

    def __init__(self, error: Exception) -> None:
        self.ticks, self._error = 0, error

    async def tick(self, now_ms: int) -> bool:
        self.ticks += 1
        if self.ticks in (2, 4):
            raise self._error if self.ticks == 2 else StoreFailed()
        return False


@pytest.mark.parametrize(("error", "ticks"), [(DiskFull(), 4), (StoreNotDurable(), 2), (StoreFailed(), 2)])
def test_the_clock_goes_on_behind_a_full_disk_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, error: Exception, ticks: int
) -> None:
    monkeypatch.setattr(serving, "_TICK_S", 0.001)
    store: Any = Ticking(error)

    async def play() -> None:
        failed = asyncio.Event()
        await asyncio.wait_for(serving._ticking(store, lambda: 0, failed, logging.getLogger("none")), 60)
        assert (failed.is_set(), store.ticks) == (True, ticks)

    asyncio.run(play())


# -- memory ------------------------------------------------------------------------------------------


class Told(Connection):
    """A connection that was never made."""

    def __init__(self, ledger: Ledger, gone: list[Any]) -> None:
        self.ledger, self.gone = ledger, gone

    def drop(self) -> None:
        self.ledger.let_go(self)
        self.gone.append(self)


def test_where_memory_is_not_enough_those_who_began_first_go() -> None:
    gone: list[Any] = []
    ledger = Ledger(bytes_max=100)
    slow, middle, quick = (Told(ledger, gone) for _ in range(3))
    for connection, size in ((slow, 10), (middle, 40), (quick, 30), (slow, 20)):
        ledger.hold(connection, size)
    assert (gone, ledger.held_bytes) == ([], 90)
    ledger.hold(quick, 60)
    assert (gone, ledger.held_bytes, ledger.dropped) == ([slow], 100, 1)
    ledger.let_go(middle)
    ledger.let_go(middle)
    assert ledger.held_bytes == 60
    ledger.hold(quick, 1000)
    assert gone == [slow], "who is alone is never dropped for the others"


# -- newcomers ---------------------------------------------------------------------------------------


def test_one_place_makes_so_many_boxes_and_then_one_a_minute() -> None:
    newcomers = Newcomers()
    assert [newcomers.may_come("192.0.2.1", 1000.0) for _ in range(AT_ONCE + 1)] == [True] * AT_ONCE + [False]
    assert newcomers.may_come("192.0.2.2", 1000.0)
    assert newcomers.may_come("192.0.2.1", 1000.0 + EVERY_S)
    assert not newcomers.may_come("192.0.2.1", 1000.0 + EVERY_S)
    assert newcomers.may_come("192.0.2.1", 1e6)
    assert len(newcomers._free_at) == 1, "who owes nothing is forgotten"


def test_a_network_of_ipv6_is_one_place_and_this_machine_none() -> None:
    newcomers = Newcomers()
    found = [newcomers.may_come(f"2001:db8::{number:x}", 0.0) for number in range(AT_ONCE + 5)]
    assert found.count(True) == AT_ONCE
    assert newcomers.may_come("2001:db8:0:1::1", 0.0)
    assert all(newcomers.may_come("127.0.0.1", 0.0) and newcomers.may_come("::1", 0.0) for _ in range(1000))
    assert [newcomers.may_come("::ffff:192.0.2.1", 0.0) for _ in range(AT_ONCE + 1)] == [True] * AT_ONCE + [False]
    assert newcomers.may_come("::ffff:192.0.2.2", 0.0) and not newcomers.may_come("192.0.2.1", 0.0)
    assert not all(newcomers.may_come("not an address", 0.0) for _ in range(AT_ONCE + 1))


def test_however_many_come_little_is_remembered() -> None:
    newcomers = Newcomers()
    for number in range(20_000):
        newcomers.may_come(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0.0)
    assert len(newcomers._free_at) == 10_000


# -- counts and logs ---------------------------------------------------------------------------------


def test_counts_are_as_prometheus_reads_them() -> None:
    tally = Tally()
    tally.add("requests", 2, "kind", "put")
    tally.add("given", 3)
    lines = tally.text(Counts(1, 2, 3, 4, 5, 6), 7, 8).splitlines()
    told = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert told == {
        'tiercel_relay_requests_total{kind="put"}': "2", "tiercel_relay_given_total": "3",
        "tiercel_relay_dropped_total": "8", "tiercel_relay_polls": "7", "tiercel_relay_boxes": "1",
        "tiercel_relay_held": "2", "tiercel_relay_used_bytes": "3", "tiercel_relay_taken_bytes": "4",
        "tiercel_relay_days": "6",
    }  # fmt: skip
    assert sum(line.startswith("# HELP") for line in lines) == sum(line.startswith("# TYPE") for line in lines) == 9


def test_the_log_says_the_kind_of_an_error_and_never_its_words() -> None:
    said, before = io.StringIO(), threading.excepthook
    log = logger(lambda: 1_700_000_000_000, logging.StreamHandler(said))
    log.info("started", extra={"told": {"tls": True}})
    for name in (LOG, "uvicorn.error", "asyncio"):
        try:
            raise KeyError("192.0.2.1 and a key")
        except KeyError:
            logging.getLogger(name).error("trouble" if name == LOG else "with 192.0.2.1", exc_info=True)
    thread = threading.Thread(target=lambda: {}["192.0.2.1 and a key"])
    thread.start()
    thread.join()
    threading.excepthook = before
    first, *others = map(json.loads, said.getvalue().splitlines())
    assert first == {"at": "2023-11-14T22:13:20Z", "level": "info", "event": "started", "tls": True}
    assert [line["error"] for line in others] == ["KeyError"] * 4
    assert "192.0.2.1" not in said.getvalue() and "key" not in said.getvalue()
    assert others[1]["event"] == "trouble in uvicorn.error"
    for name in (LOG, "uvicorn.error", "asyncio"):
        logging.getLogger(name).handlers.clear()


# -- the certificate and the store's address ---------------------------------------------------------


def test_the_certificate_is_made_once_names_nobody_and_never_ends(tmp_path: Path) -> None:
    from cryptography import x509

    path = certificate.own_certificate(tmp_path / "relay.tls.pem")
    before = path.read_bytes()
    assert certificate.own_certificate(path).read_bytes() == before
    made = x509.load_pem_x509_certificate(before[before.index(b"-----BEGIN CERT") :])
    assert made.subject.rfc4514_string() == made.issuer.rfc4514_string() == "CN=relay"
    assert (made.not_valid_before_utc.year, made.not_valid_after_utc.year) == (2000, 9999)
    assert not list(made.extensions) and not list(tmp_path.glob("*.part"))
    assert certificate.trust_of(path) is Trust.PINNED and len(certificate.fingerprint_of(path)) == 32
    certificate.context_of(path, path)
    other = certificate.own_certificate(tmp_path / "other.pem")
    assert certificate.fingerprint_of(other) != certificate.fingerprint_of(path)


def test_a_certificate_that_is_not_whole_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "relay.tls.pem"
    for rubbish in (b"", b"-----BEGIN CERTIFICATE-----\n", b"\xff" * 100):
        path.write_bytes(rubbish)
        own = certificate.own_certificate(path)
        with pytest.raises(StoreError):
            certificate.context_of(own, own)
        with pytest.raises(StoreError):
            certificate.fingerprint_of(own)
        assert path.read_bytes() == rubbish
    with pytest.raises(StoreError):
        certificate.own_certificate(tmp_path / "none" / "relay.tls.pem")


def test_a_key_under_a_passphrase_is_refused_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    own = certificate.own_certificate(tmp_path / "relay.tls.pem")
    key = serialization.load_pem_private_key(own.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    secret = serialization.BestAvailableEncryption(b"abcd")
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
    locked.write_bytes(key.private_bytes(*form))
    words: list[Any] = []

    real = ssl.SSLContext.load_cert_chain

    def noting(context: ssl.SSLContext, certfile: Any, keyfile: Any = None, password: Any = None) -> None:
        words.append(password)
        real(context, certfile, keyfile, password)

    with patch.object(ssl.SSLContext, "load_cert_chain", noting), pytest.raises(StoreError, match="cannot be read"):
        certificate.context_of(own, locked)
    assert words == [""], "OpenSSL asks the terminal of the process, if it has one"


def test_what_lies_beside_a_store_is_named_after_it(tmp_path: Path) -> None:
    place = place_of(f"sqlite:{tmp_path}/relay.db?synchronous=extra", Path("/var"))
    assert (place.path, place.synchronous) == (tmp_path / "relay.db", "extra")
    assert place.certificate == tmp_path / "relay.db.tls.pem" and place.said == tmp_path / "relay.db.address"
    other = place_of("postgresql://somebody:secret@host/relay", Path("/var"))
    assert (other.path, other.certificate) == (None, Path("/var/relay.tls.pem"))
    for wrong in ("relay.db", "sqlite:", "sqlite:x?nolock=1", "mysql://x"):
        with pytest.raises(StoreError):
            place_of(wrong, Path("/var"))
