"""The command as a process: light to start, honest without a terminal, quiet when nobody reads; and its docs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tiercel.cli.main import SECTIONS, cli

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs" / "commands.md"
HEAVY = {"cryptography", "apsw", "msgspec", "rich", "segno", "zfec", "asyncio", "ssl", "email", "http", "_cffi_backend"}


def process(*words: str, **more: object) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, without any terminal."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TIERCEL_")}
    environment |= {"PYTHONPATH": str(ROOT / "src"), "HOME": "/nonexistent"}
    return subprocess.run(
        [sys.executable, *words], stdin=subprocess.DEVNULL, capture_output=True, env=environment,
        start_new_session=True, timeout=60, **more,
    )  # type: ignore[call-overload,no-any-return]  # fmt: skip


@pytest.mark.parametrize(
    "line", [["--version"], ["--help"], ["write", "--help"], ["bond", "accept", "--help"], ["frob"]]
)
def test_nothing_heavy_is_loaded(line: list[str]) -> None:
    ran = process("-X", "importtime", "-m", "tiercel", *line)
    loaded = {row.rsplit("|", 1)[-1].strip().split(".")[0] for row in ran.stderr.decode().splitlines() if "|" in row}
    assert "click" in loaded
    assert not loaded & HEAVY
    assert not any(row.rstrip().endswith("tiercel.runtime") for row in ran.stderr.decode().splitlines())


def test_python_m_and_the_version() -> None:
    ran = process("-m", "tiercel", "--version")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"tiercel 0.1.0\n", b"")
    bare = process("-m", "tiercel")
    assert bare.returncode == 0 and b"Begin:" in bare.stdout


def test_without_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    ran = process("-m", "tiercel", "write", "Bo", "--json")
    assert ran.returncode == 2 and ran.stdout == b"" and b"--file" in ran.stderr


@pytest.mark.parametrize("module", ["tiercel.cli.main", "tiercel.runtime.home"])
@pytest.mark.parametrize("press", ["{}", "exec('{}')"])
def test_ctrl_c_while_modules_load_ends_with_130(module: str, press: str, tmp_path: Path) -> None:
    """As a shell or a script sees it: an exit status, not a death by the signal."""
    script = (
        "import sys, runpy, signal, os\n"
        f"sys.argv = ['tiercel', 'list', '--vault', '{tmp_path}']\n"
        "class Pressed:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == '{module}': " + press.format("os.kill(os.getpid(), signal.SIGINT)") + "\n"
        "sys.meta_path.insert(0, Pressed())\n"
        "runpy.run_module('tiercel', run_name='__main__')\n"
    )
    ran = process("-c", script)
    assert ran.returncode == 130 and ran.stdout == b""
    assert ran.stderr.decode().split(".")[0] == ("Interrupted" if module == "tiercel.runtime.home" else "")


def test_ctrl_c_when_all_is_done_changes_nothing() -> None:
    script = (
        "import os, signal, sys\n"
        "from tiercel.cli import main\n"
        "class Late:\n"
        "    def __del__(self, kill=os.kill, pid=os.getpid()): kill(pid, 2)\n"
        "sys.modules['late'] = Late()\n"
        "sys.argv = ['tiercel', '--version']\n"
        "main.main()\n"
    )
    ran = process("-c", script)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_whoever_reads_may_go_away() -> None:
    script = f"{sys.executable} -m tiercel --help | true; echo ${{PIPESTATUS[0]}}"
    ran = subprocess.run(
        ["bash", "-c", script], capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, timeout=60
    )
    assert ran.stdout == b"0\n" and ran.stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_behind_standard_output() -> None:
    ran = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m tiercel --help > /dev/full"],
        capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 7 and ran.stderr == b"The output could not be written: the disk is full.\n"


# -- help and docs ---------------------------------------------------------------------------------


def commands(
    group: click.Group, words: tuple[str, ...] = ("tiercel",)
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*words, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))


EVERY = list(commands(cli))
COMMON = {"--vault", "--json", "--passphrase-fd", "--help"}


def test_every_command_stands_in_the_main_help() -> None:
    assert sorted(name for names in SECTIONS.values() for name in names) == sorted(cli.commands)


@pytest.mark.parametrize(("words", "command"), EVERY, ids=[" ".join(words) for words, _ in EVERY])
def test_every_command_has_help_to_enjoy(words: tuple[str, ...], command: click.Command) -> None:
    summary = command.get_short_help_str(100)
    assert summary.endswith(".") and len(summary) <= 75 and "..." not in summary
    examples = getattr(command, "examples", ())
    assert examples
    for typed, _ in examples:
        assert "tiercel" in typed
    for param in command.params:
        if isinstance(param, click.Option):
            assert param.help and param.help.endswith("."), param.name


@pytest.mark.parametrize(("words", "command"), EVERY, ids=[" ".join(words) for words, _ in EVERY])
def test_examples_fit_the_commands(words: tuple[str, ...], command: click.Command) -> None:
    import shlex

    for typed, _ in getattr(command, "examples", ()):
        line = shlex.split(re.sub(r"\d?[<>] ?\S+|\)\"", "", typed.split("tiercel ", 1)[1]), posix=True)
        group: click.Command = cli
        while isinstance(group, click.Group):
            with click.Context(cli, resilient_parsing=True):
                name = next(word for word in line if word in group.commands)  # type: ignore[attr-defined]
            line = line[line.index(name) + 1 :]
            group = group.commands[name]
        options = {option for param in group.params for option in (*param.opts, *param.secondary_opts)} | COMMON
        assert {word for word in line if word.startswith("--")} <= options, typed


def test_the_docs_name_every_command_and_option() -> None:
    text = DOCS.read_text("utf-8")
    sections = {part.splitlines()[0]: part for part in re.split(r"^### ", text, flags=re.M)[1:]}
    missing = []
    for words, command in EVERY:
        if isinstance(command, click.Group):
            continue
        path = " ".join(words)
        found = [part for head, part in sections.items() if re.match(rf"`{re.escape(path)}(?![\w-])", head)]
        if len(found) != 1:
            missing.append(path)
            continue
        for param in command.params:
            names = [name for name in param.opts if name.startswith("--")]
            if not set(names) <= COMMON and not any(name in found[0] for name in names):
                missing.append(f"{path} {names}")
        if "JSON: " not in found[0] or not re.search(r"^    .*tiercel", found[0], flags=re.M):
            missing.append(f"{path}: no example or no keys")
    assert not missing
    assert all(option in text for option in (*COMMON, "--version"))


def test_the_docs_name_nothing_that_is_not_there() -> None:
    text = DOCS.read_text("utf-8")
    options = {
        option
        for _, command in [((), cli), *EVERY]
        for param in command.params
        for option in (*param.opts, *param.secondary_opts)
    } | COMMON
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= options
    heads = re.findall(r"^### `(tiercel[a-z ]*)", text, flags=re.M)
    known = {" ".join(words) for words, _ in EVERY}
    assert {head.strip() for head in heads} <= known


def test_the_docs_give_the_exit_codes_of_the_errors() -> None:
    from tiercel import errors

    rows = dict(re.findall(r"^\| (\d+) \| (.+?) \|$", DOCS.read_text("utf-8"), flags=re.M))
    families = {
        error.exit_code for error in vars(errors).values() if isinstance(error, type) and hasattr(error, "exit_code")
    }
    assert {str(code) for code in families} | {"0", "130"} == set(rows)
