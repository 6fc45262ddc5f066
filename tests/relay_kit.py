"""A relay as its operator runs it, and people who come to it over a socket."""

from __future__ import annotations

import hashlib
import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from tiercel.relay import protocol as relay
from tiercel.testing.relay_store_suite import Person

ROOT = Path(__file__).resolve().parents[1]
LIMITED = """
import resource, sys
from tiercel.cli.main import main
most = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
sys.exit(main())
"""
_A = TypeVar("_A", bound=relay.Answer)


def environment(folder: Path) -> dict[str, str]:
    """The settings of an operator."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TIERCEL_", "XDG_"))}
    return kept | {"XDG_DATA_HOME": str(folder / "data"), "PYTHONPATH": str(ROOT / "src")}


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``tiercel relay ...`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "tiercel", "relay", *words], capture_output=True, text=True, env=environment(folder),
        check=False, timeout=60,
    )  # fmt: skip


class Serving:
    """``tiercel relay serve`` on a store in a folder, in a process of its own.

    Args:
        folder: Where the store is; the log goes there too.
        words: More words for the command.
        port: To listen on; 0 takes a free one.
        store: Name of a SQLite file in the folder, or the address of a database.
        file_bytes_max: How large the kernel lets a file of it grow.
    """

    def __init__(
        self, folder: Path, *words: str, port: int = 0, store: str = "relay.db", file_bytes_max: int = -1
    ) -> None:
        self.folder = folder
        self.store = store if "://" in store else f"sqlite:{folder / store}"
        self.log = folder / "log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", LIMITED, str(file_bytes_max), "relay", "serve", "--listen", f"127.0.0.1:{port}",
                 "--store", self.store, *words],
                stdout=subprocess.PIPE, stderr=log, env=environment(folder),
            )  # fmt: skip
        assert self.process.stdout
        self.line = self.process.stdout.readline().decode()
        assert self.line, self.log.read_text()
        self.address = relay.decode_address(self.line)

    def caller(self) -> Caller:
        """Somebody who comes."""
        return Caller(self.address)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(60)
        assert self.process.stdout
        self.process.stdout.close()
        return code

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGKILL)


def connect(address: relay.Address, timeout: float = 30) -> socket.socket:
    """A connection to a relay, with its certificate compared as the address says."""
    plain = socket.create_connection((address.host, address.port), timeout)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if address.trust is relay.Trust.PLAIN:
        return plain
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    wrapped = context.wrap_socket(plain)
    if address.trust is relay.Trust.PINNED:
        shown = wrapped.getpeercert(binary_form=True)
        assert shown and hashlib.sha256(shown).digest() == address.fingerprint
    return wrapped


class Caller:
    """One connection over which one request follows another."""

    def __init__(self, address: relay.Address) -> None:
        self.http = http.client.HTTPConnection(address.host, address.port, timeout=300)
        self.http.sock = connect(address, 300)

    def raw(self, path: str, body: bytes, method: str = "POST", **heads: str) -> tuple[int, bytes]:
        """Status and body of an answer."""
        self.http.request(method, path, body, heads)
        answer = self.http.getresponse()
        return answer.status, answer.read()

    def ask(self, asked: relay.Request, kind: type[_A]) -> _A:
        """A request that is answered."""
        status, body = self.raw(relay.PATHS[type(asked)], relay.encode(asked))
        assert status == 200
        return relay.decode_answer(kind, body)

    def close(self) -> None:
        """Go."""
        self.http.close()

    # -- what people do --

    def make(self, person: Person, token: bytes = b"") -> relay.Outcome:
        """Make somebody's box."""
        drop, pick_up, erase = person.keys.hashes
        return self.ask(relay.Make(drop=drop, pick_up=pick_up, erase=erase, token=token), relay.Made).outcome

    def put(self, person: Person, parcels: Sequence[tuple[bytes, bytes]]) -> list[relay.State]:
        """Put parcels into somebody's box; what was said of each."""
        asked = relay.Put(box=person.keys.box, key=person.keys.drop, parcels=tuple(parcels))
        return [state for state, _ in self.ask(asked, relay.States).states]

    def fetch(self, person: Person, **more: Any) -> relay.Fetched:
        """One answer of what is in somebody's box."""
        return self.ask(relay.Fetch(box=person.keys.box, key=person.keys.pick_up, **more), relay.Fetched)

    def everything(self, person: Person) -> dict[bytes, bytes]:
        """All that is in somebody's box, by id."""
        found: dict[bytes, bytes] = {}
        batch = self.fetch(person)
        while batch.parcels:
            found |= {name: data for name, _, data in batch.parcels}
            batch = self.fetch(person, cursor=batch.cursor)
        return found

    def erase(self, person: Person, ids: Sequence[bytes]) -> None:
        """Take some away."""
        self.ask(relay.Erase(box=person.keys.box, key=person.keys.erase, ids=tuple(ids)), relay.Done)


def wait_for(condition: Any, seconds: float = 10) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come to be"
        time.sleep(0.02)
