"""What is in the wheel is what people get: no switch that weakens it, nothing missing."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Every variable of the environment Tiercel may look at. None of them turns a check off.
ENVIRONMENT = {
    "TIERCEL_VAULT", "TIERCEL_PASSPHRASE", "_TIERCEL_COMPLETE", "EDITOR", "VISUAL", "XDG_DATA_HOME",
    "XDG_STATE_HOME", "HOME", "NO_COLOR", "TERM", "COLUMNS",
}  # fmt: skip
WEAKENING = re.compile(
    r"sim_?crypto|fake_?crypto|null_?cipher|insecure|skip_(verify|check|seal|mac)|no_verify|disable_(verify|check|mac)"
    r"|allow_unverified|unsafe_mode|test_?mode|debug_?mode|__debug__",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel, built as a release builds it and without the network."""
    out = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = out.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


def sources(wheel: zipfile.ZipFile) -> Iterator[tuple[str, ast.Module]]:
    for name in wheel.namelist():
        if name.endswith(".py"):
            yield name, ast.parse(wheel.read(name).decode("utf-8"), name)


def test_T_REL_1(wheel: zipfile.ZipFile) -> None:
    """No module, name or variable in the wheel can turn a check off."""
    problems = []
    for name, tree in sources(wheel):
        if WEAKENING.search(name):
            problems.append(f"{name}: what is this doing in a release?")
        for node in ast.walk(tree):
            word = spoken(node)
            if word and WEAKENING.search(word):
                problems.append(f"{name}:{getattr(node, 'lineno', 0)}: {word} weakens something")
        problems += [f"{name}: looks at {seen}" for seen in environment_of(tree) if seen not in ENVIRONMENT]
    assert not problems, "\n" + "\n".join(problems)


def spoken(node: ast.AST) -> str:
    """The name a node brings in, if it brings one."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Name):
        return node.id
    return node.arg if isinstance(node, ast.arg | ast.keyword) and node.arg else ""


def environment_of(tree: ast.Module) -> Iterator[str]:
    """Every variable a module reads: os.environ, os.getenv, click's envvar, and each TIERCEL_ word."""
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def value(node: ast.expr) -> Iterator[str]:
        if isinstance(node, ast.Name) and node.id in constants:
            node = constants[node.id]
        if isinstance(node, ast.Tuple | ast.List):
            for item in node.elts:
                yield from value(item)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        else:
            yield f"a variable named only at run time: {ast.unparse(node)}"

    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ"):
            yield from value(node.slice)
        elif isinstance(node, ast.Compare) and any(ast.unparse(c).endswith("environ") for c in node.comparators):
            yield from value(node.left)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if re.search(r"(environ\.(get|pop|setdefault)|getenvb?)$", called) and node.args:
                yield from value(node.args[0])
            for keyword in node.keywords:
                if keyword.arg == "envvar":
                    yield from value(keyword.value)
                elif keyword.arg == "auto_envvar_prefix" and not nothing(keyword.value):
                    yield "every option, through auto_envvar_prefix"
        elif isinstance(node, ast.Constant) and re.fullmatch(r"_?TIERCEL_[A-Z_]+", str(node.value)):
            yield str(node.value)


def nothing(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def test_the_wheel_is_whole(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    packaged = {name for name in names if name.startswith("tiercel/")}
    on_disk = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src" / "tiercel").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packaged == on_disk
    licences = [name for name in names if name.endswith("licenses/LICENSE")]
    assert licences and wheel.read(licences[0]) == (ROOT / "LICENSE").read_bytes()
    assert any(re.fullmatch(r"tiercel/vault/schema/.+\.sql", name) for name in names), "the vault's schema is missing"
    lists = [name for name in names if {b"abandon", b"zoo"} <= set(re.findall(rb"[a-z]+", wheel.read(name)))]
    assert lists, "the word list is missing"
    assert "tiercel/py.typed" in names
