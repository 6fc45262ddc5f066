"""The house rules, as tests: who imports whom, what no room may call, how big things get, what the papers say.

Everything here reads source text; nothing but the command tree is imported. A rule that must change is
changed in its table below, in the commit that needs it, with a record under docs/decisions/.
"""

from __future__ import annotations

import ast
import functools
import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "tiercel"

# -- the tables ------------------------------------------------------------------------------------

BASE = {"errors", "limits", "wire", "ports", "crypto"}
PURE = ("letter", "sealing", "parcel", "bond", "delivery", "lifeline")

# Who may import whom. Each room may import itself; anything not listed is forbidden.
# "room:types" means: only classes and constants of that room, no function.
IMPORTS: dict[str, set[str]] = {
    "errors": set(),
    "limits": set(),
    "ports": {"errors"},
    "wire": {"errors", "limits"},
    "crypto": {"errors", "limits", "ports", "wire"},  # wire: the length-prefixed join under every label
    "letter": {"errors", "limits", "wire"},
    "sealing": BASE,
    "parcel": BASE,
    "bond": BASE,
    # They carry sealed bytes: never letter, never sealing.
    "delivery": {"parcel", "errors", "limits", "ports"},
    "lifeline": {"parcel", "errors", "limits", "ports"},
    "custody": {"errors", "limits", "ports", "crypto"},
    "carriers": {"ports", "errors", "limits"},
    "vault": {"ports", "errors", "limits", "crypto"} | {f"{room}:types" for room in (*PURE, "custody")},
    # So that "knows nothing" can be seen.
    "relay": {"errors", "limits", "wire", "version"},
    "runtime": {*BASE, *PURE, "custody", "carriers", "vault", "relay", "version"},
    "desk": {"runtime", "errors", "letter.model", "version"},
    "cli": {"runtime", "errors", "letter.model", "letter.markup", "version"},
    "__init__": set(),
    "__main__": {"cli"},
}
# Single modules that may import one thing more than their room.
IMPORTS_OF_MODULE: dict[str, set[str]] = {
    "carriers.http_relay": {"relay.protocol"},
    "cli.desk": {"desk"},
    "cli.relay": {"relay"},
}
LAZY = {("cli.desk", "desk"), ("cli.relay", "relay")}

# Foreign modules and the rooms that may import them.
NETWORK = {"carriers", "relay", "desk"}
FOREIGN: dict[str, set[str]] = {
    "cryptography": {"crypto"},
    "apsw": {"vault", "relay", "testing"},  # testing: a disk that fails, below the vault (docs/decisions/0012)
    "sqlite3": {"vault", "relay"},
    "zfec": {"parcel"},
    "starlette": {"relay", "desk"},
    "uvicorn": {"relay", "desk"},
    "h11": {"relay", "desk"},
    "psycopg": {"relay"},
    "psycopg_pool": {"relay"},
    "pyrage": set(),  # the oracle of the tests; no room writes age archives yet
    "click": {"cli"},
    "rich": {"cli"},
    "socket": NETWORK,
    "ssl": NETWORK,
    "http": NETWORK,
    "urllib.request": NETWORK,
    "smtplib": NETWORK,
    "imaplib": NETWORK,
    "socketserver": NETWORK,
    # Data that came from outside must never be able to run.
    "pickle": set(),
    "marshal": set(),
    "shelve": set(),
}

# Single modules that may import parts of a foreign module their room may not (docs/decisions/0015).
FOREIGN_OF_MODULE: dict[str, set[str]] = {
    "relay.certificate": {
        "cryptography.x509",
        "cryptography.hazmat.primitives.hashes",
        "cryptography.hazmat.primitives.serialization",
        "cryptography.hazmat.primitives.asymmetric.ec",
    },
}

# T-PRIM-1: unfit, unkept or second homes of the same primitive.
UNFIT = {
    "spake2", "shamir_mnemonic", "secretsharing", "ecdsa", "rsa", "Crypto", "Cryptodome", "nacl", "pysodium",
    "M2Crypto", "OpenSSL", "pyaes", "tlslite", "jwt", "jose", "olm", "vodozemac", "doubleratchet", "cpace",
    "pyhpke", "gnupg", "noise", "tinyec", "galois", "reedsolo",
}  # fmt: skip

CLOCK_AND_ENTROPY = {
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns",
    "time.process_time", "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today",
    "datetime.date.today", "os.urandom", "os.getrandom", "uuid.uuid1", "uuid.uuid4", "secrets", "random",
}  # fmt: skip
ALLOWED_AT: dict[str, set[str]] = {
    "runtime.clock": CLOCK_AND_ENTROPY,
    "cli.output": {"print"},
    "cli.progress": {"time.monotonic"},  # the speed of work on the screen; nothing is decided by it
    # The simulator says how fast it is, and begins no world after its time; no world sees these clocks.
    "testing.world.run": {"time.monotonic"},
    "testing.world.worker": {"time.monotonic"},
    "testing.world.shrink": {"time.monotonic"},
    "testing.world.__main__": {"print"},
}

# T-CORE-1: what a pure room may not even import. (importlib.resources may: a file of the package itself, such
# as the word list, is as constant as its code.)
IMPURE = {
    "os", "io", "sys", "time", "random", "secrets", "socket", "ssl", "select", "selectors", "signal", "threading",
    "_thread", "multiprocessing", "concurrent", "asyncio", "anyio", "subprocess", "queue", "pathlib", "shutil",
    "tempfile", "glob", "fcntl", "mmap", "sqlite3", "apsw", "http", "urllib", "logging", "uuid", "platform",
    "locale", "getpass",
}  # fmt: skip
# Single pure modules that may import one thing more (docs/decisions/0010).
IMPURE_OF_MODULE: dict[str, set[str]] = {"sealing.pipeline": {"concurrent.futures"}}
IMPURE_EXCEPT = {"pathlib.PurePath", "pathlib.PurePosixPath", "pathlib.PureWindowsPath"}
# Given by the caller: sealing streams read and write file objects they are handed.
IMPURE_CALLS = {"open", "print", "input", "breakpoint", "__import__"}

# Only the outermost handler may catch everything, to turn a bug into exit code 1.
CATCH_ALL_AT = {"cli.main"}

# Must not be loaded for `tiercel --version`: each costs more than the answer.
HEAVY = (
    "rich",
    "segno",
    "cryptography",
    "apsw",
    "zfec",
    "msgspec",
    "asyncio",
    "ssl",
    "http",
    "email",
    "starlette",
    "uvicorn",
)

ALWAYS_FORBIDDEN_WORDS = (
    "unbreakable", "untraceable", "guaranteed delivery", "military-grade", "military grade",
    "plausible deniability", "plausibly deniable", "zero-knowledge", "quantum-proof", "unhackable",
)  # fmt: skip
ONLY_DENIED_WORDS = re.compile(r"\b(anonym\w*|guarantee[ds]?|audited)\b", re.IGNORECASE)
DENIAL = re.compile(r"\b(no|not|never|nobody|nothing|none|cannot|without|neither|nor)\b", re.IGNORECASE)


# -- reading the source ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Module:
    """One source file of the package."""

    path: Path
    name: str  # without the leading "tiercel."
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.name.split(".", 1)[0]

    def at(self, node: ast.AST, what: str) -> str:
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}: {what}"


@functools.cache
def modules() -> tuple[Module, ...]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[-1] == "__init__" and len(parts) > 1:
            parts = parts[:-1]
        text = path.read_text("utf-8")
        found.append(Module(path, ".".join(parts), text, ast.parse(text, str(path))))
    return tuple(found)


def imported(module: Module) -> Iterator[tuple[ast.stmt, str, str]]:
    """Each import of a module: the statement, the dotted module, and the name taken from it ("" for none)."""
    package = ["tiercel", *module.name.split(".")]
    if module.name == "__init__":
        package = ["tiercel"]
    elif module.path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name, ""
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node, source, alias.name


def within(name: str, tree: str) -> bool:
    return name == tree or name.startswith(tree + ".")


@functools.cache
def module_names() -> frozenset[str]:
    return frozenset(m.name for m in modules()) | {m.room for m in modules()}


def target_of(source: str, taken: str) -> tuple[str, str]:
    """Our module an import means and the name it takes: ("letter.model", "Letter")."""
    inner = source.removeprefix("tiercel").lstrip(".")
    if not inner and taken == "__version__":
        return "version", ""
    deeper = f"{inner}.{taken}".strip(".")
    if taken and (deeper in module_names() or (not inner and (PACKAGE / taken).exists())):
        return deeper, ""
    return inner or "__init__", taken


def may_import(module: Module, target: str, taken: str) -> bool:
    room = target.split(".")[0]
    if module.room == "testing":
        return True
    if room == module.room:
        return module.room != "carriers" or siblings_agree(module, target)
    for allowed in IMPORTS[module.room] | IMPORTS_OF_MODULE.get(module.name, set()):
        tree, _, only_types = allowed.partition(":")
        if within(target, tree) or (target == room and f"{target}.{taken}" == tree):
            return not only_types or taken == "*" or taken[:1].isupper()
    return False


def siblings_agree(module: Module, target: str) -> bool:
    """Carriers never import each other, only the base and transport. A package and the registry name them all."""
    coordinates = module.path.name == "__init__.py" or module.name == "carriers.registry"
    return coordinates or target in {"carriers", "carriers.base"} or within(target, "carriers.transport")


def names_used(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Every dotted name a module uses, with imports resolved: ``from time import time as t; t`` is time.time."""
    aliases: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                aliases[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute | ast.Name):
            parts: list[str] = []
            inner: ast.expr = node
            while isinstance(inner, ast.Attribute):
                parts.append(inner.attr)
                inner = inner.value
            if isinstance(inner, ast.Name):
                yield node, ".".join([aliases.get(inner.id, f"<local>.{inner.id}"), *reversed(parts)])


def report(problems: list[str]) -> None:
    assert not problems, "\n" + "\n".join(sorted(set(problems)))


# -- who imports whom ------------------------------------------------------------------------------


def test_rooms_import_only_what_the_table_allows() -> None:
    problems = []
    for module in modules():
        if module.room not in IMPORTS and module.room != "testing":
            problems.append(module.at(module.tree, f"room {module.room!r} is not in the import table"))
            continue
        for node, source, taken in imported(module):
            if not within(source, "tiercel"):
                continue
            target, name = target_of(source, taken)
            if not may_import(module, target, name):
                problems.append(module.at(node, f"{module.name} may not import {target} {name}".rstrip()))
    report(problems)


def test_nothing_imports_the_test_tools() -> None:
    report(
        [
            module.at(node, "imports tiercel.testing")
            for module in modules()
            if module.room != "testing"
            for node, source, taken in imported(module)
            if within(source, "tiercel") and within(target_of(source, taken)[0], "testing")
        ]
    )


def test_entry_points_of_other_programs_are_imported_lazily() -> None:
    problems = []
    for module in modules():
        top = {id(node) for node in module.tree.body}
        for node, source, taken in imported(module):
            if within(source, "tiercel") and id(node) in top:
                target = target_of(source, taken)[0].split(".")[0]
                if (module.name, target) in LAZY:
                    problems.append(module.at(node, f"import {target} inside the command that needs it"))
    report(problems)


def test_foreign_modules_stay_in_their_rooms() -> None:
    problems = []
    for module in modules():
        for node, source, taken in imported(module):
            for tree, rooms in FOREIGN.items():
                full = f"{source}.{taken}" if taken else source
                if any(within(full, part) for part in FOREIGN_OF_MODULE.get(module.name, set())):
                    continue
                if (within(source, tree) or within(full, tree)) and module.room not in rooms:
                    problems.append(module.at(node, f"only {sorted(rooms) or 'nobody'} may import {tree}"))
    report(problems)


def test_T_PRIM_1() -> None:
    """No unfit library, no home-made field or curve, no broken hash."""
    problems = []
    for module in modules():
        for node, source, _ in imported(module):
            if source.split(".")[0] in UNFIT:
                problems.append(module.at(node, f"{source} is not fit for this"))
        for node, name in names_used(module):
            if name in {"hashlib.md5", "hashlib.sha1", "hashlib.new"}:
                problems.append(module.at(node, f"{name} is not fit for this"))
        for node in ast.walk(module.tree):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) == "pow"
                and len(node.args) + len(node.keywords) > 2
            ):
                problems.append(module.at(node, "arithmetic of a field: use the library"))
            if isinstance(node, ast.Constant) and node.value in (0x11B, 0x11D) and type(node.value) is int:
                problems.append(module.at(node, "a polynomial of GF(256): use the library"))
            if isinstance(node, ast.BinOp) and ast.unparse(node) in {"2 ** 255", "1 << 255"}:
                problems.append(module.at(node, "a prime of a curve: use the library"))
    pinned = (ROOT / "requirements" / "run.txt").read_text("utf-8")
    for name in re.findall(r"^([A-Za-z0-9_.-]+)==", pinned, re.MULTILINE):
        if name.replace("-", "_").lower() in {unfit.lower() for unfit in UNFIT}:
            problems.append(f"requirements/run.txt: {name} is not fit for this")
    report(problems)


# -- what no room may call -------------------------------------------------------------------------


def test_clock_entropy_and_printing_only_at_the_edges() -> None:
    problems = []
    for module in modules():
        allowed = ALLOWED_AT.get(module.name, set())
        for node, name in names_used(module):
            for banned in CLOCK_AND_ENTROPY - allowed:
                if within(name, banned) and not seeded(module, name):
                    problems.append(module.at(node, f"{name}: take a Clock or Entropy as an argument"))
            if name == "<local>.print" and "print" not in allowed:
                problems.append(module.at(node, "print: say it through cli/output.py"))
    report(problems)


def seeded(module: Module, name: str) -> bool:
    """The public test tools build worlds from a seed: random.Random(seed) and nothing else."""
    return module.room == "testing" and name in {"random", "random.Random"}


def test_T_CORE_1() -> None:
    """The pure rooms hold no clock, file, network, thread or randomness."""
    problems = []
    for module in modules():
        if module.room not in {*PURE, "errors", "limits", "ports", "wire"}:
            continue
        for node, source, taken in imported(module):
            full = f"{source}.{taken}" if taken else source
            if full in IMPURE_EXCEPT or source in IMPURE_OF_MODULE.get(module.name, set()):
                continue
            if any(within(source, tree) or within(full, tree) for tree in IMPURE):
                problems.append(module.at(node, f"{full} in a pure room"))
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
                problems.append(module.at(node, f"{node.func.id}() in a pure room"))
            if isinstance(node, ast.AsyncFunctionDef | ast.Await) and module.room != "ports":
                problems.append(module.at(node, "the core is synchronous"))
    report(problems)


# All that the engine's room takes from the standard library: what is not here must be argued for.
ENGINE_IMPORTS = {"__future__", "base64", "collections", "dataclasses", "enum", "itertools", "struct", "typing"}


def test_T_CORE_1_the_engine_names_all_it_takes_from_outside() -> None:
    report(
        [
            module.at(node, f"{source} in the engine's room")
            for module in modules()
            if module.room == "delivery"
            for node, source, _taken in imported(module)
            if source.split(".")[0] not in ENGINE_IMPORTS | {"tiercel"}
        ]
    )


def test_T_CORE_1_the_engine_does_nothing_but_change_its_ledger() -> None:
    """A letter to its receipt, a recall and a copy put back, in a process that refuses whatever the system audits."""
    script = """
import sys
from memory_ledger import BOND, MemoryLedger
from tiercel.delivery.engine import Engine
from tiercel.delivery.events import (
    CopyAnnounced, LetterCame, LetterSealed, LetterSent, NoteCame, RecallAsked, RoadSeen, Ticked,
)
from tiercel.delivery.step import Moment
from tiercel.parcel.note import Answer, Note, Receipt, ReceiptKind, Reply
from tiercel.testing.entropy import SeededEntropy

ledger = MemoryLedger(BOND)
engine, seen = Engine(ledger, SeededEntropy("engine")), RoadSeen(1, 1, 0, True, True, ())
ours, theirs = ledger.write(bytes(16), 20_001), ledger.store(bytes([1]) * 16)
receipt, answer = Receipt(ReceiptKind.READ, bytes(16), bytes(32)), Answer(bytes(16), Reply.RETURNED)
refused = []
sys.addaudithook(lambda event, args: refused.append(event))
for event in (
    LetterSent(ours), LetterSealed(ours, False), LetterCame(theirs), Ticked(0), RecallAsked(ours),
    NoteCame(1, seen, Note(receipts=(receipt,), answers=(answer,)), False), CopyAnnounced(1), Ticked(0),
):
    engine.step(event, Moment(20_000 * 86_400_000, False, 1, True))
engine.wake_at(Moment(20_000 * 86_400_000, False, 1, True))
assert ledger.out[ours].state == "recalled" and ledger.letters_in[theirs].arrived_at
print(sorted(set(refused) - {"object.__getattr__"}))
others = tuple(f"tiercel.{room}" for room in ("runtime", "vault", "letter", "sealing", "carriers"))
print(sorted(name for name in sys.modules if name.startswith(others)))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])}
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False, timeout=60
    )
    assert (ran.stdout, ran.stderr) == ("[]\n[]\n", "")


def test_no_room_catches_everything() -> None:
    problems = []
    for module in modules():
        if module.name in CATCH_ALL_AT:
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler) and catches_all(node) and not raises_again(node):
                problems.append(module.at(node, "catches everything: a bug would look like an outcome"))
    report(problems)


def catches_all(node: ast.ExceptHandler) -> bool:
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(kind is None or ast.unparse(kind) in {"Exception", "BaseException"} for kind in kinds)


def raises_again(node: ast.ExceptHandler) -> bool:
    last = node.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_no_unfinished_business_in_the_source() -> None:
    report(
        [
            f"{module.path.relative_to(ROOT)}:{number}: {line.strip()}"
            for module in modules()
            for number, line in enumerate(module.text.splitlines(), 1)
            if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line)
        ]
    )


# -- docstrings and sizes --------------------------------------------------------------------------


def test_everything_public_says_what_it_does() -> None:
    # A method whose contract stands in ports.py, relay/store.py or checks/base.py needs no second copy of it.
    contracts = {
        method.name
        for module in modules()
        if module.name in {"ports", "relay.store", "testing.world.checks.base"}
        for method in ast.walk(module.tree)
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(method)
    }
    problems = []
    for module in modules():
        if not ast.get_docstring(module.tree):
            problems.append(module.at(module.tree, "the module has no docstring"))
        for node in public_names(module.tree):
            if ast.get_docstring(node):
                continue
            if node in module.tree.body or node.name not in contracts:
                problems.append(module.at(node, f"{node.name} has no docstring"))
    report(problems)


def public_names(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and not inner.name.startswith("_"):
                        overload = any(ast.unparse(d).endswith(("overload", ".setter")) for d in inner.decorator_list)
                        if not overload:
                            yield inner


def lines_of_code(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    total = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node):
        total -= (first.end_lineno or first.lineno) - first.lineno + 1
    return total


def test_sizes_stay_readable() -> None:
    sizes = {module.name: module.text.count("\n") for module in modules()}
    too_big = [f"{name} has {size} lines; 600 is the most" for name, size in sizes.items() if size > 600]
    if sizes.get("crypto", 0) >= 300:
        too_big.append(
            f"crypto has {sizes['crypto']} lines; it stays under 300 so that it can be reviewed at a fixed price"
        )
    report(too_big)
    functions = {
        f"{module.name}.{node.name}": lines_of_code(node)
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    for kind, limit, found in (("modules", 450, sizes), ("functions", 40, functions)):
        over = {name: size for name, size in found.items() if size >= limit}
        assert len(over) <= len(found) * 0.1, f"more than a tenth of the {kind} reach {limit} lines: {over}"


# -- papers ----------------------------------------------------------------------------------------


def documented() -> str:
    texts = [ROOT / "README.md", ROOT / "docs" / "commands.md"]
    return "\n".join(path.read_text("utf-8") for path in texts if path.exists())


def commands(group: object, words: tuple[str, ...] = ("tiercel",)) -> Iterator[str]:
    for name, command in sorted(getattr(group, "commands", {}).items()):
        if getattr(command, "hidden", False):
            continue
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name))


def test_every_command_is_in_the_docs() -> None:
    cli = importlib.import_module("tiercel.cli.main").cli
    found = list(commands(cli))
    assert found, "the command has no commands"
    text = re.sub(r"\s+", " ", documented())
    report([f"`{command}` is in neither docs/commands.md nor README.md" for command in found if command not in text])


def test_every_environment_variable_is_in_the_docs() -> None:
    used = {name for module in modules() for name in re.findall(r"\b_?TIERCEL_[A-Z][A-Z_]*[A-Z]\b", module.text)}
    text = documented()
    report([f"{name} is in neither docs/commands.md nor README.md" for name in used if name not in text])


def papers() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "spec").rglob("*.md")])


def test_the_papers_promise_nothing_that_nobody_can_keep() -> None:
    problems = []
    for path in papers():
        text = path.read_text("utf-8")
        where = path.relative_to(ROOT)
        problems += [f"{where}: says {word!r}" for word in ALWAYS_FORBIDDEN_WORDS if word in text.lower()]
        for sentence in re.split(r"(?<=[.!?:;])\s+|\n\s*\n|\n\s*[-*|>]", text):
            word = ONLY_DENIED_WORDS.search(sentence)
            if word and not DENIAL.search(sentence):
                problems.append(f"{where}: says {word.group()!r} without denying it: {' '.join(sentence.split())[:80]}")
    report(problems)


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git work tree")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def test_no_paths_of_one_machine() -> None:
    """What only exists here must not be named: this folder, its neighbours, somebody's home."""
    here = [
        re.escape(str(ROOT)),
        *(re.escape(str(near)) for near in ROOT.parent.iterdir() if len(near.parts) > 2),
    ]
    marks = re.compile("(?<![\\w.])(" + "|".join([*here, r"/home/[a-z]\w*/", r"/Users/\w+/", "/root/"]) + r")(?!\w)")
    problems = []
    for path in tracked_files():
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 2_000_000:
            found = marks.search(path.read_bytes().decode("utf-8", "replace"))
            if found and path != Path(__file__).resolve():
                problems.append(f"{path.relative_to(ROOT)}: names {found.group()}")
    report(problems)


# -- speed that is a matter of tidiness ------------------------------------------------------------


def test_asking_for_the_version_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "sys.argv = ['tiercel', '--version']\n"
        "try:\n"
        "    from tiercel.cli.main import main\n"
        "    main()\n"
        "except SystemExit:\n"
        "    pass\n"
        f"sys.stderr.write(' '.join(sorted(set(sys.modules) & set({HEAVY!r}))))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == "", f"loaded for --version: {ran.stderr}"
