"""Two people, their own processes and a relay's: only the invitation is handed over. The network is cut at random."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cut_wire import CutWire
from relay_kit import ROOT, Serving, command
from tiercel.relay import protocol as relay


class Person:
    """Runs the command with a vault of their own."""

    def __init__(self, folder: Path, name: str) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("TIERCEL_", "XDG_"))}
        self.environment = kept | {
            "XDG_STATE_HOME": str(folder / "state"), "TIERCEL_VAULT": str(folder / name),
            "TIERCEL_PASSPHRASE": "a quiet evening", "PYTHONPATH": str(ROOT / "src"),
        }  # fmt: skip
        self.run("init")

    def try_to(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tiercel", *words, "--json"], input=stdin, capture_output=True, text=True,
            env=self.environment, check=False, timeout=120,
        )  # fmt: skip

    def run(self, *words: str, stdin: str = "") -> Any:
        ran = self.try_to(*words, stdin=stdin)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    def write(self, name: str, text: str) -> str:
        return str(self.run("write", name, "--file", "-", stdin=text)["id"])

    def states(self) -> dict[str, str]:
        return {letter["id"]: letter["state"] for letter in self.run("list")}


def bonded(folder: Path, address: str) -> tuple[Person, Person]:
    ada, bo = Person(folder, "ada"), Person(folder, "bo")
    said = ada.run("carrier", "add", "relay", "post", address)
    assert said["kind"] == "relay" and said["trouble"] is None and "/" not in said["place"]
    bo.run("bond", "accept", ada.run("bond", "invite", "Bo", "--via", "post")["invitation"], "--name", "Ada")
    for _ in range(2):
        bo.run("sync")
        ada.run("sync")
    assert ada.run("bond", "words", "Bo")["words"] == bo.run("bond", "words", "Ada")["words"]
    ada.run("bond", "confirm", "Bo")
    bo.run("bond", "confirm", "Ada")
    for _ in range(3):
        ada.run("sync")
        bo.run("sync")
    assert ada.run("bond", "list")[0]["state"] == bo.run("bond", "list")[0]["state"] == "bonded"
    return ada, bo


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[CutWire]:
    with Serving(tmp_path, "--registration", "token") as serving:
        token = command(tmp_path, "token", "new", "--store", serving.store, "--json")
        made = CutWire(serving.address.port, seed=7)
        made.address = relay.encode_address(  # type: ignore[attr-defined]
            replace(relay.decode_address(json.loads(token.stdout)["address"]), port=made.port)
        )
        yield made
        made.close()


def test_letters_both_ways_over_a_relay_that_asks_for_a_token(wire: CutWire, tmp_path: Path) -> None:
    ada, bo = bonded(tmp_path, wire.address)  # type: ignore[attr-defined]
    wire.likely = 0.03
    letters = [ada.write("Bo", "Dear Bo,"), bo.write("Ada", "Dear Ada,")]
    for _ in range(6):
        for person in (ada, bo):
            assert person.try_to("sync").returncode in (0, 5)
    wire.likely = 0.0
    for person in (ada, bo, ada, bo):
        person.run("sync")
    for person in (ada, bo):
        assert person.states() == dict.fromkeys(letters, "arrived")
    steps = {event["what"]: event for event in ada.run("track", letters[0])["events"]}
    assert steps["handed over"]["until"] and steps["handed over"]["road"] == "post" and "collected" in steps
    watching(ada, bo)


def watching(ada: Person, bo: Person) -> None:
    """``sync --watch`` shows a letter within a second of its being put."""
    shown: list[float] = []
    with subprocess.Popen(
        [sys.executable, "-m", "tiercel", "sync", "--watch", "--json"], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env=bo.environment,
    ) as watch:  # fmt: skip
        assert watch.stdout
        lines = iter(watch.stdout.readline, b"")
        next(lines)
        ada.write("Bo", "Are you there?")

        def read() -> None:
            shown.extend(time.monotonic() for line in lines if json.loads(line)["letters"])

        thread = threading.Thread(target=read)
        thread.start()
        time.sleep(1)
        ada.run("sync")
        put_by = time.monotonic()
        time.sleep(1.5)
        watch.send_signal(signal.SIGTERM)
        thread.join(20)
        assert watch.wait(20) == 0
    assert len(shown) == 1 and shown[0] < put_by + 1


def test_a_relay_that_is_not_there_or_another_is_said_at_once(tmp_path: Path) -> None:
    ada = Person(tmp_path, "ada")
    with Serving(tmp_path) as serving:
        other = relay.encode_address(replace(serving.address, fingerprint=bytes(32)))
        ran = ada.try_to("carrier", "add", "relay", "post", other)
        assert ran.returncode == 5 and "certificate" in json.loads(ran.stderr)["error"]
        address = serving.line.strip()
        ada.run("carrier", "add", "relay", "post", address)
        ran = ada.try_to("carrier", "add", "relay", "again", address)
        assert ran.returncode == 2 and "already your carrier post" in json.loads(ran.stderr)["error"]
        assert ada.run("carrier", "test", "post")["trouble"] is None
    assert "cannot be reached" in ada.run("carrier", "list")[0]["trouble"]
    found = {one["what"]: one for one in json.loads(ada.try_to("doctor").stdout)}
    assert not found["carrier post"]["well"]
    assert ada.try_to("carrier", "add", "relay", "half", address[:-1]).returncode == 3
