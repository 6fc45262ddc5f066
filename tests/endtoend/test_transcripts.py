"""What people type and what they see, as text files: ``transcripts/*.txt``.

    ada$ tiercel read ID1       a command of a person, run by sh in the person's folder
    some output                 standard output
    ! a sentence                standard error
    ? 8                         the exit code, where it is not 0
    # a remark

What differs from run to run is named: ``ID1`` is the first letter seen (and stands for its id in later commands, and
``id1`` for the first eight characters of it), DATE, TIME, INVITATION, WORDS, VERSION. Empty lines of an output are left
out. After a deliberate change of a text, write the files anew (``TIERCEL_TRANSCRIPTS=write``) and read the difference.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import processes
from processes import Children, World
from tiercel import __version__
from tiercel.runtime import writing
from tiercel.runtime.views import Draft

pytestmark = pytest.mark.e2e

FOLDER = Path(__file__).parent / "transcripts"
COMMAND = re.compile(r"(ada|bo|cy)\$ (.*)")


class Stage:
    """Three people, each with a folder to type in, and the names given to what differs from run to run."""

    def __init__(self, world: World) -> None:
        self.world, self.ids, self.words = world, [], []  # type: ignore[var-annotated]
        shim = world.folder / "bin"
        shim.mkdir()
        (shim / "tiercel").write_text(f'#!/bin/sh\nexec {sys.executable} -m tiercel "$@"\n')
        (shim / "tiercel").chmod(0o755)

    def run(self, name: str, line: str) -> list[str]:
        """Run a command of a person; give what is to be seen."""
        world = self.world
        settings = processes.environment(world.folder, name) | {
            "PATH": f"{world.folder / 'bin'}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "TZ": "UTC",
        }  # fmt: skip
        for variable in re.findall(r"\bTIERCEL_\w+=\S*", line):
            settings.pop(variable.split("=")[0], None)
        for number, known in enumerate(self.ids, 1):
            line = re.sub(rf"\bID{number}\b", known, line)
            line = re.sub(rf"\bid{number}\b", known[:8], line)
        ran = subprocess.run(
            ["sh", "-c", line], cwd=world.folder, env=settings, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=60, start_new_session=True,
        )  # fmt: skip
        self._check_json(line, ran)
        seen = self._named(ran.stdout.decode()).splitlines()
        seen += [f"! {said}" for said in self._named(ran.stderr.decode()).splitlines()]
        return [said for said in seen if said] + ([f"? {ran.returncode}"] if ran.returncode else [])

    def _check_json(self, line: str, ran: subprocess.CompletedProcess[bytes]) -> None:
        """For scripts: one JSON value on standard output, an error as one JSON object on standard error."""
        if "--json" not in line or "|" in line.split("--json")[1]:
            return
        if ran.stdout:
            assert ran.stdout.count(b"\n") == 1 and ran.stdout.endswith(b"\n"), line
            json.loads(ran.stdout)
        if ran.returncode:
            (said,) = ran.stderr.splitlines()
            assert {"error", "kind", "remedy"} <= set(json.loads(said)), line

    def _named(self, text: str) -> str:
        text = text.replace(str(self.world.folder), "HOME").replace(__version__, "VERSION")
        text = re.sub(r"tiercel1[a-z2-7]{50,}", "INVITATION", text)
        for words in re.findall(r"(?m)^    ((?:[a-z]{3,8}  ){5}[a-z]{3,8})$", text):
            text = text.replace(words, "WORDS")
        text = re.sub(r'"words": \[("[a-z]+"(, )?){6}\]', '"words": WORDS', text)
        for found in re.findall(r"\b[a-z2-7]{26}\b|(?<=: )[a-z2-7]{8}(?= to )", text):
            beginnings = [known[:8] for known in self.ids]
            if found[:8] not in beginnings:
                self.ids.append(found)
            elif len(found) == 26:
                self.ids[beginnings.index(found[:8])] = found
        for number, known in enumerate(self.ids, 1):
            if len(known) == 26:
                text = text.replace(known, f"ID{number}")
            text = text.replace(known[:8], f"id{number}")
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
        text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "TIME", text)
        text = re.sub(r"\d{4}-\d\d-\d\d", "DATE", text)
        return re.sub(r"\(process \d+[^)]*\)", "(process N)", text)


def test_a_beginning_that_fits_two_letters(pair: World, children: Children, tmp_path: Path) -> None:
    world = pair.copy(tmp_path / "home")
    with world.home("ada") as home:
        ids = [writing.write(home, Draft("bo", f"Draft {n}."), send=False).id for n in range(33)]
    first = next(one[0] for one in ids if sum(other[0] == one[0] for other in ids) > 1)
    said = children.run(world, "ada", "read", first).error(2)
    assert said["kind"] == "id_ambiguous" and said["remedy"]
    wanted = next(one for one in ids if one[0] == first)
    length = next(n for n in range(1, 27) if sum(one.startswith(wanted[:n]) for one in ids) == 1)
    assert children.run(world, "ada", "read", wanted[:length].upper()).value()["id"] == wanted


def play(stage: Stage, script: str) -> str:
    """The script again, with what is seen now."""
    seen = []
    for line in script.splitlines():
        typed = COMMAND.fullmatch(line)
        if typed:
            seen += [line, *stage.run(typed[1], typed[2])]
        elif line.startswith("#") or not line:
            seen.append(line)
    return "\n".join(seen) + "\n"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_transcript(path: Path, pair: World, strangers: World, tmp_path: Path) -> None:
    script = path.read_text("utf-8")
    before = {"# begins bonded": pair, "# begins with vaults": strangers}.get(script.splitlines()[0])
    world = before.copy(tmp_path / "home") if before else World(tmp_path / "home")
    world.folder.mkdir(exist_ok=True)
    seen = play(Stage(world), script)
    if os.environ.get("TIERCEL_TRANSCRIPTS") == "write":
        path.write_text(seen, "utf-8")
    assert seen.splitlines() == script.splitlines()
