"""The table of carriers: data picks an entry, and can do nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tiercel.carriers.registry import kinds, open_carrier
from tiercel.errors import UsageError

BAD_KINDS: list[Any] = [
    "../x", "os", "__import__", "a;b", "folder;x", "folder\0", "Folder", "FOLDER", " folder", "folder\n", "folder.py",
    "tiercel.carriers.folder", "carriers/folder", "memory", "wrappers.fault", "", ".", "x" * 1_000_000,
    "../" * 300_000, None, 7, b"folder", ["folder"], {"folder"},
]  # fmt: skip
BAD_SETTINGS: list[Any] = [
    {}, {"path": ""}, {"path": 7}, {"path": None}, {"path": b"/"}, {"path": "/", "more": "x"}, {"file": "/"},
    {"path": "a\0b"}, {"path": "\ud800"},
]  # fmt: skip


_seen: list[str] | None = None


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is not None and event in {
        "import",
        "open",
        "compile",
        "exec",
        "os.listdir",
        "os.scandir",
        "subprocess.Popen",
    }:
        _seen.append(f"{event} {arguments!r:.100}")


sys.addaudithook(_watch)  # cannot be taken away again, so it is off by default


def refused_untouched(kind: Any, settings: Any) -> UsageError:
    """Open such a carrier while the interpreter itself says what is imported, opened or run."""
    global _seen
    seen: list[str] = []
    _seen = seen
    problem: UsageError | None = None
    try:
        open_carrier(kind, settings)
    except UsageError as refused:
        problem = refused
    finally:
        _seen = None
    assert seen == []
    assert problem is not None
    return problem


@pytest.mark.parametrize("kind", BAD_KINDS, ids=lambda kind: repr(kind)[:24])
def test_T_NAME_1_carrier_kinds_are_refused_before_any_import_or_open(kind: Any) -> None:
    problem = refused_untouched(kind, {"path": "/"})
    # What was given is not repeated: it may be long, or made to be read on a terminal.
    assert len(str(problem)) + len(problem.remedy) < 200


@pytest.mark.parametrize("settings", BAD_SETTINGS, ids=repr)
def test_T_NAME_1_settings_are_refused_before_anything_is_opened(settings: Any) -> None:
    import_folder_once()
    refused_untouched("folder", settings)


def import_folder_once() -> None:
    """The table may load its own adapter for a kind that it knows; only what the settings do is watched."""
    open_carrier("folder", {"path": "/"})


def test_a_folder_is_opened_by_its_kind_and_touched_by_nobody_yet(tmp_path: Path) -> None:
    assert kinds() == ("folder",)
    carrier = open_carrier("folder", {"path": str(tmp_path / "not there yet")})
    assert carrier.road.kind == "folder"
    assert not list(tmp_path.iterdir())


def test_adapters_are_loaded_when_they_are_used() -> None:
    script = "import sys, tiercel.carriers.registry; print('tiercel.carriers.folder' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout == "False\n"
