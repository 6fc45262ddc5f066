"""T-VAULT-1 with the real commands: every byte a process hands to the kernel is looked at, also what it deletes later.

The trace shows what a look at the folder afterwards cannot: files that were made and removed, and parts of a log that
were written over. Nothing secret may be in any write but those to standard output and the saved enclosure.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from processes import World, environment
from tiercel.runtime import reading

CALLS = (
    "openat,creat,write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,"
    "rename,renameat,renameat2,link,linkat,mkdir,symlink"
)
LINE_BYTES_MAX = 1 << 20  # of one write; more would be cut short in the trace
PASSPHRASE = "CANARY-passphrase"
MADE = re.compile(r"O_CREAT|O_WRONLY|O_RDWR")


@cache
def strace() -> str | None:
    """The tracer; None where there is none, or where it may not trace."""
    found = shutil.which("strace")
    tried = found and subprocess.run([found, "-f", "-y", "-o", os.devnull, "true"], capture_output=True)
    return found if tried and tried.returncode == 0 else None


@pytest.fixture(scope="module")
def tracer() -> str:
    found = strace()
    if found is None:
        pytest.skip("needs strace (`apt-get install strace`) and a machine that lets a process be traced")
    return found


@dataclass
class Traced:
    """Runs commands under the tracer and keeps what they wrote."""

    tracer: str
    folder: Path
    lines: list[str]

    def run(self, *command: str, env: dict[str, str], stdin: bytes = b"") -> str:
        """Run a command that must succeed; give its standard output."""
        trace = self.folder / "trace"
        options = ["-f", "-y", "-s", str(LINE_BYTES_MAX), "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(trace)]
        for name in ("tmp", "home", "work"):
            (self.folder / name).mkdir(exist_ok=True)
        env = env | {
            "TMPDIR": str(self.folder / "tmp"), "SQLITE_TMPDIR": str(self.folder / "tmp"),
            "HOME": str(self.folder / "home"), "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        done = subprocess.run(
            [self.tracer, *options, *command], env=env, input=stdin, capture_output=True, cwd=self.folder / "work"
        )
        assert done.returncode == 0, done.stderr.decode()
        self.lines += whole_lines(trace.read_text("ascii").splitlines())
        trace.unlink()
        return done.stdout.decode()

    def tiercel(self, *words: str, env: dict[str, str], stdin: bytes = b"") -> str:
        return self.run(sys.executable, "-m", "tiercel", *words, env=env, stdin=stdin)

    def leaks(self, needle: str, allowed: Path) -> list[str]:
        """Lines in which a canary leaves the process for anything but standard output and the allowed folder."""
        return [line[:300] for line in self.lines if needle in line and not harmless(line, allowed)]

    def made(self) -> set[str]:
        """Every file that was opened for writing."""
        opened = [line for line in self.lines if " openat(" in line and MADE.search(line)]
        return {path for line in opened for path in re.findall(r"= \d+<(.*)>$", line)}


def whole_lines(lines: list[str]) -> list[str]:
    """Put together the two halves of a call during which another thread ran."""
    begun: dict[str, str] = {}
    whole = []
    for line in lines:
        pid = line.split(" ", 1)[0]
        if line.endswith(" <unfinished ...>"):
            begun[pid] = line.removesuffix(" <unfinished ...>")
        elif resumed := re.match(r"\d+ +<\.\.\. \w+ resumed>(.*)", line):
            whole.append(begun.pop(pid) + resumed[1])
        else:
            whole.append(line)
    return whole + list(begun.values())


def harmless(line: str, allowed: Path) -> bool:
    if re.match(r"\d+ +(write|writev)\(1<", line):
        return True
    if re.match(r"\d+ +openat\(", line) and not MADE.search(line):
        return True  # it was only read
    return re.search(rf"(<|\"){re.escape(str(allowed))}/", line) is not None


def forms(canary: str) -> list[str]:
    """How a canary may look in a trace: as it is, backwards, in 16 bits a character."""
    return [canary, canary[::-1], "\\0".join(canary)]


def test_T_VAULT_1_no_command_writes_what_is_secret(pair: World, tmp_path: Path, tracer: str) -> None:
    world = pair.copy(tmp_path / "world")
    traced = Traced(tracer, tmp_path, [])
    enclosed, saved = tmp_path / "CANARY-enclosure.txt", tmp_path / "saved"
    enclosed.write_bytes(b"CANARY-content " * 20_000)
    saved.mkdir()
    ada, bo = environment(world.folder, "ada"), environment(world.folder, "bo")
    new = ada | {"TIERCEL_VAULT": str(tmp_path / "new"), "TIERCEL_PASSPHRASE": PASSPHRASE}
    traced.tiercel("init", "--name", "CANARY-owner", env=new)
    about = ("--subject", "CANARY-subject", "--place", "CANARY-place", "--dated", "CANARY-dated")
    traced.tiercel(
        "write", "bo", *about, "--file", "-", "--enclose", str(enclosed), env=ada, stdin=b"CANARY-text " * 3000
    )
    traced.tiercel("sync", env=ada)
    assert "1 new letter" in traced.tiercel("sync", env=bo)
    (letter,) = ids(world, "bo")
    assert "CANARY-text" in traced.tiercel("read", letter, env=bo)
    assert "CANARY-subject" in traced.tiercel("search", "canary", env=bo)
    assert "CANARY-subject" in traced.tiercel("list", env=bo)
    traced.tiercel("enclosure", "save", letter, "1", "--to", str(saved), env=bo)
    assert [path.read_bytes() for path in saved.iterdir()] == [enclosed.read_bytes()]
    for canary in ("CANARY", "a quiet evening"):
        for form in forms(canary):
            assert traced.leaks(form, saved) == []
    homes = (world.folder, tmp_path / "new", saved)
    strange = {path for path in traced.made() if not path.startswith((*map(str, homes), "/dev/"))}
    assert strange == set(), "files are made in the vaults, their state, the folder of the road, and nowhere else"
    assert not [path for name in ("tmp", "home", "work") for path in (tmp_path / name).rglob("*")]
    for name in ("new/vault.db-wal", "world/ada/vault.db-wal", "world/bo/vault.db-wal"):
        assert any(re.match(rf"\d+ +pwrite64\(\d+<{tmp_path}/{name}>", line) for line in traced.lines), "seen"


def ids(world: World, name: str) -> list[str]:
    with world.home(name) as home:
        return [each.id for each in reading.letters(home) if each.direction == "in"]


LEAKS = {
    "file": "open('leak', 'w').write('CANARY')",
    "name": "open('CANARY', 'w')",
    "removed": "import os; open('leak', 'w').write('CANARY'); os.unlink('leak')",
    "vault": "import os; f = os.open('leak', os.O_RDWR | os.O_CREAT); os.pwrite(f, b'xx CANARY', 7)",
    "vector": "import os; f = os.open('leak', os.O_RDWR | os.O_CREAT); os.writev(f, [b'x', b'yCANARY'])",
    "wide": "open('leak', 'w', encoding='utf-16-le').write('CANARY')",
    "error": "import sys; sys.stderr.write('CANARY')",
    "renamed": "import os; open('leak', 'w'); os.rename('leak', 'CANARY')",
}


@pytest.mark.parametrize("way", LEAKS)
def test_T_VAULT_1_the_trace_can_see(tmp_path: Path, tracer: str, way: str) -> None:
    traced = Traced(tracer, tmp_path, [])
    traced.run(sys.executable, "-S", "-c", LEAKS[way], env={"PATH": os.environ["PATH"]})
    assert any(traced.leaks(form, tmp_path / "saved") for form in forms("CANARY"))


def test_T_VAULT_1_what_is_shown_and_saved_is_no_leak(tmp_path: Path, tracer: str) -> None:
    traced = Traced(tracer, tmp_path, [])
    (tmp_path / "saved").mkdir()
    program = f"print('CANARY'); open({str(tmp_path / 'saved' / 'CANARY')!r}, 'w').write('CANARY')"
    traced.run(sys.executable, "-S", "-c", program, env={"PATH": os.environ["PATH"]})
    assert not any(traced.leaks(form, tmp_path / "saved") for form in forms("CANARY"))
