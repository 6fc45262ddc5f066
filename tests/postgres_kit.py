"""A PostgreSQL of its own for a test run: a fresh cluster in a temporary folder, on a Unix socket, stopped then."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

_DEBIAN = Path("/usr/lib/postgresql")
_USER = "postgres"
_numbers = itertools.count()


def programs() -> Path:
    """The folder of the newest PostgreSQL here; the test is skipped where there is none."""
    found = [folder for folder in _DEBIAN.glob("*/bin") if (folder / "initdb").exists()]
    if found:
        return max(found, key=lambda folder: int(folder.parent.name))
    initdb = shutil.which("initdb")
    if initdb is None:
        pytest.skip("needs PostgreSQL (`apt-get install postgresql`)")
    return Path(initdb).resolve().parent


def _owner() -> dict[str, int | list[int]]:
    """PostgreSQL refuses root; the package made a user for it."""
    if os.geteuid():
        return {}
    user = pwd.getpwnam(_USER)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Cluster:
    """One PostgreSQL server over one data folder.

    Args:
        folder: Empty, with a short name: the socket lies in it.
        settings: For the command line of the server.
        copy_of: A running server of which this is to be a standby.
    """

    def __init__(self, folder: Path, *, copy_of: Cluster | None = None, **settings: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None
        if not os.geteuid():
            shutil.chown(folder, _USER)
        if copy_of is None:
            self.run("initdb", "--no-sync", "-A", "trust", "-U", "relay", "-E", "UTF8", "--locale=C", "-k")
        else:
            self.run("pg_basebackup", "-h", str(copy_of.folder), "-U", "relay", "-R", "-X", "stream", "-c", "fast")
        self.start()

    def run(self, name: str, *words: str) -> None:
        """One of PostgreSQL's programs on this cluster, to its end."""
        command = [str(programs() / name), "-D", str(self.data), *words]
        ran = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=120,
            **_owner(),  # type: ignore[call-overload]
        )
        assert ran.returncode == 0, ran.stderr

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        given = {"listen_addresses": "", "unix_socket_directories": str(self.folder), "shared_buffers": "32MB"}
        words = [f"-c{name}={value}" for name, value in (given | self.settings).items()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(programs() / "postgres"), "-D", str(self.data), *words], stdout=log, stderr=log, cwd=self.folder,
                **_owner(),
            )  # type: ignore[call-overload]  # fmt: skip
        self.run_until_ready()

    def run_until_ready(self) -> None:
        """Wait until the server answers."""
        from relay_kit import wait_for

        def answers() -> bool:
            assert self.process and self.process.poll() is None, (self.folder / "log").read_text()
            with contextlib.suppress(psycopg.OperationalError):
                self.execute("SELECT 1")
                return True
            return False

        wait_for(answers, 60)

    def stop(self, number: int = signal.SIGINT) -> None:
        """SIGINT: fast; SIGKILL: as a machine that vanishes, all its processes at once."""
        if self.process is None or self.process.poll() is not None:
            return
        if number == signal.SIGKILL:
            for line in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(line), signal.SIGKILL)
        self.process.send_signal(number)
        self.process.wait(60)

    def address(self, database: str = "postgres") -> str:
        """Where a relay finds a database of it."""
        return f"postgresql://relay@/{database}?host={self.folder}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """One statement, by itself."""
        with psycopg.connect(self.address(database), autocommit=True) as db:
            cursor = db.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The address of an empty database, dropped at the end."""
        name = f"relay{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield self.address(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def cluster(**settings: str) -> Iterator[Cluster]:
    """A fresh one."""
    programs()
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    made: Cluster | None = None
    try:
        made = Cluster(folder, **settings)
        yield made
    finally:
        if made:
            made.stop()
        shutil.rmtree(folder, ignore_errors=True)
