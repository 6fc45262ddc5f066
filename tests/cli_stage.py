"""A stage for the command line: a runtime of stand-ins that records what it was asked, and runs in this process."""

from __future__ import annotations

import io
import json
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

import tiercel.runtime
from tiercel.cli.main import run
from tiercel.runtime import views

DAY = 86_400_000
NOW = 19_850 * DAY + 3_723_000
ID = "3jkq2m7azzzzzzzzzzzzzzzzzz"
INVITATION = "tiercel1" + "a" * 117

CARRIER = views.CarrierView("stick", "folder", "/mnt/stick", ("Bo",))
BOND = views.BondView("Bo", "pairing", "none", ("look here",), ("stick",))
LETTER = views.LetterView(ID, "Bo", "out", "accepted", "Hi", 19_850 * DAY, None, NOW, 3, enclosures=1)
OPEN = views.OpenLetterView(
    LETTER, "Dear Bo,\r\n", "Brno", "1. 5.", None, (views.EnclosureView(1, "a.jpg", 2048, True),)
)
WAY = views.WayView(
    ID, "handed_over", (views.EventView(NOW, "accepted"), views.EventView(NOW, "handed_over", "stick", NOW)), "wait",
    bond="Bo", steps=(views.NextView("sent again", None, "stick", NOW),),
)  # fmt: skip
WORDS = views.WordsView("Bo", ("one", "two", "three", "four", "five", "six"), (views.ReaderView("us", "device", NOW),))
RECEIPTS = views.ReceiptsView("Bo", True, False, 0)
PROBLEM = views.ProblemView("Bo", "key_expired", NOW, "It cannot be opened.", "It is sealed again.", "")
ROADS = views.BondRoadsView("Bo", (views.RoadView("share", 0), views.RoadView("stick", 7)))
STEPS = (
    views.NextView("put there with the next sync", None, "share"),
    views.NextView("sent again, if no receipt came by then", NOW, "stick", NOW),
)
WAITING = views.OutboxItem(
    ID, "Bo", "handed over", "on its way; no receipt yet", STEPS[0].what, None, "share", STEPS, urgent=True,
    subject="The garden",
)  # fmt: skip
REPORT = views.SyncReport(2, 1, 1, 3)


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode("utf-8")

    @property
    def value(self) -> Any:
        """Standard output as exactly one JSON value and one newline."""
        assert self.out.endswith(b"\n") and self.out.count(b"\n") == 1, self.out
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        """The error object, and nothing on standard output."""
        assert self.out == b"", self.out
        return dict(json.loads(self.err.splitlines()[-1]))


class Stream(io.TextIOWrapper):
    """A text stream over bytes that may claim to be a terminal."""

    def __init__(self, data: bytes = b"", terminal: bool = False) -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8", newline="", write_through=True)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def written(self) -> bytes:
        raw = self.buffer
        assert isinstance(raw, io.BytesIO)
        return raw.getvalue()


@dataclass
class Home:
    """A home that only remembers its notices."""

    notices: tuple[str, ...] = ()
    sends: bool = True
    opened: list[tuple[Path, str]] = field(default_factory=list)

    def __enter__(self) -> Home:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Stage:
    """Stand-in functions by name; ``calls`` is what they were given, ``answers`` what they give."""

    def __init__(self, patch: pytest.MonkeyPatch, vault: Path) -> None:
        self.patch = patch
        self.vault = vault
        self.home = Home()
        self.calls: list[tuple[str, tuple[object, ...]]] = []
        self.answers: dict[str, Any] = {
            "home.create_home": self.home, "home.open_home": self.home,
            "roads.add_folder": CARRIER, "roads.add_relay": CARRIER,
            "roads.carriers": [CARRIER], "roads.test": CARRIER, "roads.remove": None,
            "roads.move": CARRIER, "bonds.open_letters": 2,
            "bonds.invite": INVITATION, "bonds.accept": BOND, "bonds.bonds": [BOND], "bonds.words": WORDS,
            "bonds.confirm": replace(BOND, state="bonded", confirmed="both"),
            "bonds.refuse": replace(BOND, state="refused"), "bonds.end": replace(BOND, state="ended"),
            "bonds.retention": views.RetentionView("Bo", "keep", None),
            "bonds.set_retention": views.RetentionView("Bo", "keep", 30),
            "outbox.outbox": [WAITING], "problems.problems": [PROBLEM],
            "roads.bond_roads": ROADS, "roads.set_bond_roads": ROADS,
            "receipts.receipts": RECEIPTS, "receipts.set_receipts": lambda _home, view: view,
            "writing.check": None, "drafts.text": "old text", "drafts.edit": replace(LETTER, state="draft"),
            "drafts.discard": replace(LETTER, state="draft"),
            "writing.write": LETTER, "writing.send": LETTER, "writing.send_anew": LETTER,
            "writing.recall": replace(LETTER, state="recalled"),
            "reading.letters": [LETTER], "reading.read": OPEN, "reading.save_enclosure": (Path("/x/a.jpg"), 2048),
            "reading.track": WAY, "reading.search": [LETTER],
            "syncing.sync": REPORT, "syncing.watch": None,
            "doctor.examine": [views.Finding("vault", True, "The vault opens.")], "doctor.accept_old_copy": None,
            "trust.clock_ok": None, "trust.change_passphrase": None,
        }  # fmt: skip
        modules: dict[str, types.ModuleType] = {}
        for name in self.answers:
            module, function = name.split(".")
            made = modules.setdefault(module, types.ModuleType(f"tiercel.runtime.{module}"))
            setattr(made, function, self._stand_in(name))
        for module, made in modules.items():
            patch.setitem(sys.modules, f"tiercel.runtime.{module}", made)
            patch.setattr(tiercel.runtime, module, made, raising=False)

    def _stand_in(self, name: str) -> Callable[..., Any]:
        def called(*given: object, **named: object) -> Any:
            self.calls.append((name, (*given, *named.values())))
            answer = self.answers[name]
            if isinstance(answer, BaseException):
                raise answer
            return answer(*given, **named) if callable(answer) else answer

        return called

    def given(self, name: str) -> tuple[object, ...]:
        """What the last call of a function was given, without the home."""
        found = [given for called, given in self.calls if called == name]
        assert found, f"{name} was not called: {self.calls}"
        return tuple(one for one in found[-1] if one is not self.home)

    def run(
        self,
        *words: str,
        stdin: bytes = b"",
        terminal: bool = False,
        passphrase: str | None = "pass",
        term: str = "dumb",
    ) -> Ended:
        """Run one command line, with the passphrase in the environment."""
        out, err = Stream(terminal=terminal), Stream(terminal=terminal)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TIERCEL_VAULT", str(self.vault))
            patch.delenv("TIERCEL_PASSPHRASE", raising=False)
            patch.setenv("TERM", term)
            if passphrase is not None:
                patch.setenv("TIERCEL_PASSPHRASE", passphrase)
            patch.setattr(sys, "stdin", Stream(stdin, terminal))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            code = run(words)
        return Ended(code, out.written(), err.written().decode("utf-8"))


def open_stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage with an existing vault folder."""
    vault = tmp_path / "vault"
    vault.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        yield Stage(patch, vault)
