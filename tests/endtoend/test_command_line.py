"""The command as people and scripts run it: two vaults, one folder, real processes, nothing faked."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "tiercel"]


class Person:
    """One person: a vault, a passphrase, and the command with ``--json``."""

    def __init__(self, folder: Path, name: str) -> None:
        self.vault = folder / name
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("TIERCEL_", "XDG_"))},
            "PYTHONPATH": str(ROOT / "src"), "XDG_STATE_HOME": str(folder / "state"), "TIERCEL_VAULT": str(self.vault),
            "TIERCEL_PASSPHRASE": f"passphrase of {name}",
        }  # fmt: skip

    def run(self, *words: str, stdin: bytes = b"", code: int = 0) -> Any:
        """The JSON of a command: its value, or its error where another exit code is expected."""
        ran = subprocess.run(
            [*COMMAND, *words, "--json"], input=stdin, capture_output=True, env=self.environment, timeout=120,
            start_new_session=True,
        )  # fmt: skip
        assert ran.returncode == code, (words, ran.returncode, ran.stdout, ran.stderr)
        assert ran.stdout.count(b"\n") == (0 if code else 1)
        return json.loads(ran.stderr.splitlines()[-1] if code else ran.stdout)


@pytest.fixture(scope="module")
def bonded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Person, Person, Path]]:
    """Ada and Bo, bonded over a folder."""
    folder = tmp_path_factory.mktemp("people")
    post = folder / "post"
    post.mkdir()
    ada, bo = Person(folder, "ada"), Person(folder, "bo")
    for person, name in ((ada, "Ada"), (bo, "Bo")):
        person.run("init", "--name", name)
        person.run("carrier", "add", "folder", "post", str(post))
    line = ada.run("bond", "invite", "Bo", "--via", "post")["invitation"]
    assert bo.run("bond", "accept", "-", "--name", "Ada", "--via", "post", stdin=line.encode())["state"] == "pairing"
    assert ada.run("bond", "words", "Bo", code=8)["kind"] == "words_not_ready"
    for person in (bo, ada, bo, ada):
        person.run("sync")
    words = ada.run("bond", "words", "Bo")["words"]
    assert words == bo.run("bond", "words", "Ada")["words"] and len(words) == 6
    ada.run("bond", "confirm", "Bo")
    bo.run("bond", "confirm", "Ada")
    for person in (ada, bo, ada):
        person.run("sync")
    assert ada.run("bond", "list")[0]["state"] == bo.run("bond", "list")[0]["state"] == "bonded"
    yield ada, bo, post


def test_a_letter_goes_there_and_its_receipt_comes_back(bonded: tuple[Person, Person, Path], tmp_path: Path) -> None:
    ada, bo, _ = bonded
    enclosed = tmp_path / "a \u017elut\u00fd picture.bin"
    enclosed.write_bytes(os.urandom(300_000))
    text = "Dear Bo,\r\n\u017elu\u0165ou\u010dk\u00fd \x1b[2J k\u016f\u0148\n"
    letter = ada.run(
        "write", "Bo", "--file", "-", "--subject", "S", "--dated", "22. 12. 1891", "--enclose", str(enclosed),
        stdin=text.encode(),
    )  # fmt: skip
    assert letter["state"] == "accepted"
    for person in (ada, bo, bo, ada):  # a receipt leaves with the visit after the one that brought the letter
        assert person.run("sync")["troubles"] == []
    assert [one["state"] for one in ada.run("list")] == ["arrived"]
    opened = bo.run("read", letter["id"][:10])
    assert (opened["id"], opened["body"], opened["dated"]) == (letter["id"], text, "22. 12. 1891")
    saved = [bo.run("enclosure", "save", letter["id"], "1", "--to", str(tmp_path)) for _ in range(2)]
    assert [Path(one["path"]).name for one in saved] == [enclosed.stem + " (2).bin", enclosed.stem + " (3).bin"]
    assert all(Path(one["path"]).read_bytes() == enclosed.read_bytes() for one in saved)
    assert ada.run("track", letter["id"])["events"][0]["what"] == "written"


def test_a_draft_stays_until_it_is_sent(bonded: tuple[Person, Person, Path]) -> None:
    ada, _, _ = bonded
    draft = ada.run("write", "Bo", "--file", "-", "--draft", stdin=b"later")
    listed = {one["id"]: one for one in ada.run("list", "Bo")}
    assert draft["state"] == "draft" and listed[draft["id"]]["number"] is None
    assert ada.run("send", draft["id"][:12])["state"] == "accepted"


def test_a_missing_road_is_one_sentence_and_5(bonded: tuple[Person, Person, Path]) -> None:
    _, bo, post = bonded
    away = post.with_name("away")
    post.rename(away)
    try:
        ran = subprocess.run([*COMMAND, "sync", "--json"], capture_output=True, env=bo.environment, timeout=120)
        assert ran.returncode == 5
        assert json.loads(ran.stdout)["troubles"][0]["road"] == "post"
        assert json.loads(ran.stderr)["kind"] == "carrier_missing"
        assert bo.run("carrier", "test", "post", code=5)["kind"] == "carrier_missing"
    finally:
        away.rename(post)
    assert bo.run("sync")["troubles"] == []


def test_watch_ends_with_the_visit_when_asked(bonded: tuple[Person, Person, Path]) -> None:
    ada, _, _ = bonded
    with subprocess.Popen(
        [*COMMAND, "sync", "--watch", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ada.environment
    ) as watching:
        assert watching.stdout and watching.stderr
        assert set(json.loads(watching.stdout.readline())) >= {"put", "got", "letters", "waiting"}
        watching.send_signal(signal.SIGINT)
        rest = watching.stdout.read().splitlines()
        assert watching.wait(60) == 130
        assert all(isinstance(json.loads(line), dict) for line in rest)
        assert json.loads(watching.stderr.read())["kind"] == "interrupted"


def test_the_passphrase_is_asked_for_on_the_terminal(tmp_path: Path) -> None:
    """On a real terminal: twice for a new vault, without showing it."""
    person = Person(tmp_path, "new")
    del person.environment["TIERCEL_PASSPHRASE"]
    code, seen = typed([*COMMAND, "init"], person.environment, ["secret word", "secret word"])
    assert code == 0 and "Once more:" in seen and "secret" not in seen
    code, seen = typed([*COMMAND, "list"], person.environment, ["secret word"])
    assert code == 0 and "No letters yet." in seen
    code, seen = typed([*COMMAND, "list"], person.environment, ["wrong"])
    assert code == 6 and "does not open this vault" in seen


def typed(command: list[str], environment: dict[str, str], answers: list[str]) -> tuple[int, str]:
    """Run a command on a terminal of its own and type an answer at each prompt."""
    try:
        child, terminal = pty.fork()
    except OSError as error:
        pytest.skip(f"this machine gives out no terminals: {error}")
    if child == 0:
        os.execvpe(command[0], command, environment)
    seen, waiting, ends = "", list(answers), time.monotonic() + 60
    while time.monotonic() < ends:
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            data = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        seen += data.decode("utf-8", "replace")
        if waiting and seen.count(": ") > len(answers) - len(waiting):
            time.sleep(0.05)  # until the echo is off
            os.write(terminal, waiting.pop(0).encode() + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen
