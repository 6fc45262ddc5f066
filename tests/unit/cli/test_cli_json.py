"""What scripts rely on: one JSON value, the keys of every command, errors as one object, exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cli_stage import BOND, ID, INVITATION, LETTER, NOW, REPORT, Stage
from tiercel import errors
from tiercel.runtime.views import Finding, RoadTrouble

LETTER_SHAPE = {
    "id": ID, "bond": "Bo", "direction": "out", "state": "accepted", "subject": "Hi",
    "written_at": "2024-05-07T00:00:00Z", "arrived_at": None, "read_at": "2024-05-07T01:02:03Z", "number": 3,
    "deadline": None, "not_before": None, "urgent": False, "missing_before": 0,
}  # fmt: skip
BOND_SHAPE = {"name": "Bo", "state": "pairing", "confirmed": "none", "warnings": ["look here"], "doubted_at": None}
CARRIER_SHAPE = {"name": "stick", "kind": "folder", "place": "/mnt/stick", "bonds": ["Bo"], "trouble": None}
WORDS_SHAPE = {
    "bond": "Bo",
    "words": ["one", "two", "three", "four", "five", "six"],
    "readers": {"words": None, "list": [{"side": "us", "kind": "device", "since": "2024-05-07T01:02:03Z"}]},
    "state": "compare",
    "warnings": [],
    "doubted_at": None,
}
OPEN_SHAPE = {
    **LETTER_SHAPE, "body": "Dear Bo,\r\n", "place": "Brno", "dated": "1. 5.", "reply_to": None, "burnt_at": None,
    "enclosures": [{"n": 1, "name": "a.jpg", "size": 2048}],
}  # fmt: skip
WAY_SHAPE = {
    "id": ID, "state": "handed_over", "next": "wait", "deadline": None, "not_before": None, "urgent": False,
    "bond": "Bo", "direction": "out", "missing_before": 0,
    "steps": [{"what": "sent again", "at": None, "road": "stick", "until": "2024-05-07T01:02:03Z"}],
    "events": [
        {"at": "2024-05-07T01:02:03Z", "what": "accepted", "road": None, "until": None},
        {"at": "2024-05-07T01:02:03Z", "what": "handed_over", "road": "stick", "until": "2024-05-07T01:02:03Z"},
    ],
}  # fmt: skip
PROBLEM_SHAPE = {
    "bond": "Bo", "verdict": "key_expired", "at": "2024-05-07T01:02:03Z", "sentence": "It cannot be opened.",
    "by_itself": "It is sealed again.", "remedy": "",
}  # fmt: skip
ROADS_SHAPE = {"bond": "Bo", "roads": [{"carrier": "share", "after_days": 0}, {"carrier": "stick", "after_days": 7}]}
PAGE_SHAPE = {
    **BOND_SHAPE, "roads": ROADS_SHAPE["roads"], "receipts": {"arrived": True, "read": False, "delay_hours": 0},
    "retention": {"sent": "keep", "received": "keep"}, "waiting": 1,
}  # fmt: skip
OUTBOX_SHAPE = {
    "id": ID, "bond": "Bo", "state": "handed over", "subject": "The garden", "urgent": True,
    "why": "on its way; no receipt yet", "remedy": "",
    "steps": [
        {"what": "put there with the next sync", "at": None, "road": "share", "until": None},
        {
            "what": "sent again, if no receipt came by then", "at": "2024-05-07T01:02:03Z", "road": "stick",
            "until": "2024-05-07T01:02:03Z",
        },
    ],
}  # fmt: skip
SYNC_SHAPE = {"put": 2, "got": 1, "letters": 1, "waiting": 3, "troubles": [], "notices": []}

# They have no vault; tests/endtoend/test_relay.py tries them.
RELAY = {("relay", "serve"), ("relay", "status"), ("relay", "token", "new"), ("relay", "doctor")}
COMMANDS = [
    (["carrier", "add", "folder", "stick", "/mnt/stick"], CARRIER_SHAPE),
    (["carrier", "add", "relay", "post", "tiercel-relay://h:1/ca"], CARRIER_SHAPE),
    (["carrier", "list"], [CARRIER_SHAPE]),
    (["carrier", "test", "stick"], CARRIER_SHAPE),
    (["carrier", "move", "stick", "/mnt/stick"], CARRIER_SHAPE),
    (["carrier", "remove", "stick"], {"name": "stick", "removed": True}),
    (["bond", "invite", "Bo", "--via", "stick"], {"name": "Bo", "state": "pairing", "invitation": INVITATION}),
    (["bond", "accept", INVITATION, "--name", "Bo", "--via", "stick"], BOND_SHAPE),
    (["bond", "list"], [BOND_SHAPE]),
    (["bond", "words", "Bo"], WORDS_SHAPE),
    (["bond", "show", "Bo"], PAGE_SHAPE),
    (["bond", "confirm", "Bo"], {**BOND_SHAPE, "state": "bonded", "confirmed": "both"}),
    (["bond", "refuse", "Bo"], {**BOND_SHAPE, "state": "refused"}),
    (["bond", "end", "Bo"], {**BOND_SHAPE, "state": "ended", "held": 2}),
    (["bond", "retention", "Bo", "--received", "30"], {"bond": "Bo", "sent": "keep", "received": 30}),
    (["bond", "roads", "Bo"], ROADS_SHAPE),
    (["bond", "roads", "Bo", "share", "stick=7"], ROADS_SHAPE),
    (["bond", "receipts", "Bo"], {"bond": "Bo", "arrived": True, "read": False, "delay_hours": 0}),
    (
        ["bond", "receipts", "Bo", "--arrived", "off", "--read", "on", "--delay", "24"],
        {"bond": "Bo", "arrived": False, "read": True, "delay_hours": 24},
    ),
    (["write", "Bo", "--file", "-"], {"id": ID, "state": "accepted"}),
    (["edit", "3jkq", "--file", "-"], {"id": ID, "state": "draft"}),
    (["discard", "3jkq"], {"id": ID, "discarded": True}),
    (["send", "3jkq", "--to", "Bo"], {"id": ID, "state": "accepted"}),
    (["send", "3jkq"], {"id": ID, "state": "accepted"}),
    (["recall", "3jkq"], {"id": ID, "state": "recalled"}),
    (["list"], [LETTER_SHAPE]),
    (["list", "Bo"], [LETTER_SHAPE]),
    (["search", "a", "b"], [LETTER_SHAPE]),
    (["read", "3jkq"], OPEN_SHAPE),
    (["enclosure", "save", "3jkq", "1", "--to", "/"], {"path": "/x/a.jpg", "size": 2048}),
    (["track", "3jkq"], WAY_SHAPE),
    (["sync"], SYNC_SHAPE),
    (["doctor"], [{"what": "vault", "well": True, "sentence": "The vault opens.", "remedy": ""}]),
    (["outbox"], [OUTBOX_SHAPE]),
    (["outbox", "Bo"], [OUTBOX_SHAPE]),
    (["problems"], [PROBLEM_SHAPE]),
    (["problems", "Bo"], [PROBLEM_SHAPE]),
    (["clock", "ok"], {"clock": "ok"}),
    (["--version"], {"version": "0.1.0"}),
]


@pytest.mark.parametrize(("words", "shape"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS])
@pytest.mark.parametrize("where", ["before", "after"])
def test_json_of_every_command(stage: Stage, words: list[str], shape: object, where: str) -> None:
    line = ["--json", *words] if where == "before" else [*words, "--json"]
    ended = stage.run(*line, stdin=b"Dear Bo")
    assert ended.code == 0, ended.err
    assert ended.value == shape
    assert ended.err == ""


def test_init_and_passphrase(stage: Stage, tmp_path: Path) -> None:
    new = tmp_path / "new"
    assert stage.run("init", "--json", "--vault", str(new), "--name", "Ada").value == {"vault": str(new), "name": "Ada"}
    assert stage.given("home.create_home") == (new, "pass", "Ada")
    with open(tmp_path / "p", "w+b") as file:
        file.write(b"next\n\n")
        file.flush()
        file.seek(0)
        ended = stage.run("passphrase", "--json", "--new-passphrase-fd", str(file.fileno()))
    assert ended.value == {"vault": str(stage.vault), "changed": True}
    assert stage.given("trust.change_passphrase") == ("pass", "next\n")  # exactly one newline goes


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(stage: Stage, shell: str) -> None:
    value = stage.run("completion", shell, "--json").value
    assert value["shell"] == shell and "_TIERCEL_COMPLETE" in value["script"]


def test_every_command_of_the_tree_is_tried_here() -> None:
    from tiercel.cli.main import cli

    def leaves(group: object, words: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
        found = set()
        for name, command in getattr(group, "commands", {}).items():
            found |= leaves(command, (*words, name)) if hasattr(command, "commands") else {(*words, name)}
        return found

    tried = {tuple(words[:size]) for words, _ in COMMANDS for size in (1, 2, 3)}
    assert leaves(cli) - tried == {("init",), ("passphrase",), ("completion",)} | RELAY


# -- errors ----------------------------------------------------------------------------------------


def families() -> list[type[errors.TiercelError]]:
    def below(kind: type[errors.TiercelError]) -> list[type[errors.TiercelError]]:
        return [kind, *(deeper for one in kind.__subclasses__() for deeper in below(one))]

    return [kind for kind in below(errors.TiercelError) if kind.__module__ == "tiercel.errors"]


@pytest.mark.parametrize("kind", families(), ids=lambda kind: kind.__name__)
def test_every_error_is_one_object_and_its_code(stage: Stage, kind: type[errors.TiercelError]) -> None:
    stage.answers["reading.letters"] = kind()
    ended = stage.run("list", "--json")
    assert ended.error == {"error": str(kind()), "kind": kind().kind, "remedy": kind.remedy}
    assert ended.err.count("\n") == 1
    assert ended.code == kind.exit_code
    told = stage.run("list")
    assert told.out == b""
    assert told.err == "\n".join(line for line in (str(kind()), kind.remedy) if line) + "\n"


@pytest.mark.parametrize(
    "words",
    [
        [], ["frobnicate"], ["bond"], ["bond", "frob"], ["list", "--frob"], ["read"], ["read", "a", "b"],
        ["write", "Bo"], ["write", "Bo", "--file", "/nowhere/at/all"],
        ["write", "Bo", "--until", "tomorrow", "--file", "-"],
        ["write", "Bo", "--file", "-", "--enclose", "/nowhere"], ["enclosure", "save", "a", "0", "--to", "/"],
        ["read", "a", "--peek", "--receipt"], ["sync", "--passphrase-fd", "x"], ["list", "--passphrase-fd", "99999"],
        ["bond", "receipts", "Bo", "--delay", "25"], ["bond", "receipts", "Bo", "--read", "yes"],
        ["bond", "roads", "Bo", "stick=soon"], ["bond", "roads", "Bo", "stick="], ["bond", "roads", "Bo", "stick=-1"],
        ["list", "--passphrase-fd", "-4"], ["completion", "tcsh"],
    ],
)  # fmt: skip
def test_usage_errors_are_objects_too(stage: Stage, words: list[str]) -> None:
    for line in (["--json", *words], [*words, "--json"]):
        ended = stage.run(*line)
        assert (ended.code, ended.error["kind"]) == (2, "usage_error"), ended.err
        assert set(ended.error) == {"error", "kind", "remedy"}


def test_after_two_dashes_nothing_is_an_option(stage: Stage) -> None:
    ended = stage.run("search", "--", "--json")
    assert ended.code == 0 and stage.given("reading.search") == ("--json", None)
    assert not ended.text.startswith("[")
    told = stage.run("read", "--", "a", "--json")
    assert told.code == 2 and not told.err.startswith("{")


def test_a_bug_is_one_sentence_without_values(stage: Stage) -> None:
    for error in (ValueError("secret words"), MemoryError("secret words"), RecursionError(), ZeroDivisionError()):
        stage.answers["reading.letters"] = error
        ended = stage.run("list", "--json")
        assert ended.code == 1 and ended.error["kind"] == "bug"
        assert "secret" not in ended.err and type(error).__name__ in ended.err and "Traceback" not in ended.err


def test_interrupted(stage: Stage) -> None:
    stage.answers["syncing.sync"] = KeyboardInterrupt()
    ended = stage.run("sync", "--json")
    assert ended.code == 130 and ended.error["kind"] == "interrupted" and "kept" in ended.error["error"]
    assert stage.run("sync").code == 130


def test_notices_never_break_the_json(stage: Stage) -> None:
    stage.home.notices = ("The clock\x1b[2J moved.",)
    ended = stage.run("list", "--json")
    assert ended.value == [LETTER_SHAPE] and ended.err == "The clock\\x1b[2J moved.\n"
    stage.answers["reading.letters"] = errors.DiskFull()
    ended = stage.run("list", "--json")
    assert json.loads(ended.err)["notices"] == ["The clock\x1b[2J moved."]


# -- sync and doctor -------------------------------------------------------------------------------


def test_sync_reports_first_and_then_ends_with_the_first_trouble(stage: Stage) -> None:
    full, gone = errors.CarrierFull(), errors.CarrierMissing()
    stage.answers["syncing.sync"] = replace(
        REPORT, troubles=(RoadTrouble("stick", full), RoadTrouble("share", gone)), notices=("Look.",)
    )
    ended = stage.run("sync", "--json")
    assert ended.code == 7
    assert ended.value["put"] == 2 and ended.value["notices"] == ["Look."]
    assert [one["road"] for one in ended.value["troubles"]] == ["stick", "share"]
    assert json.loads(ended.err)["kind"] == "carrier_full"
    told = stage.run("sync")
    assert told.code == 7 and "Put 2 parcels" in told.text
    assert "share" in told.err and "stick" in told.err and str(full) in told.err


def test_watch_gives_one_object_a_line(stage: Stage) -> None:
    def watch(_home: object, each: object, _progress: object, _stop: object) -> None:
        assert callable(each)
        for _ in range(3):
            each(REPORT)

    stage.answers["syncing.watch"] = watch
    ended = stage.run("sync", "--watch", "--json")
    assert ended.code == 0
    assert [json.loads(line) for line in ended.text.splitlines()] == [SYNC_SHAPE] * 3


def test_watch_says_once_that_it_watches_and_how_to_stop(stage: Stage) -> None:
    told = stage.run("sync", "--watch")
    assert told.err.count("Ctrl-C") == 1 and told.out == b""
    assert stage.run("sync", "--watch", "--json").err == ""


@pytest.mark.parametrize("number", [2, 15], ids=["ctrl-c", "sigterm"])
def test_watch_ends_after_the_visit_when_asked(stage: Stage, number: int) -> None:
    import os
    import threading

    def watch(_home: object, each: object, _progress: object, stop: threading.Event) -> None:
        os.kill(os.getpid(), number)
        assert stop.wait(10)
        assert callable(each)
        each(REPORT)

    stage.answers["syncing.watch"] = watch
    ended = stage.run("sync", "--watch", "--json")
    assert ended.code == (130 if number == 2 else 0)
    assert json.loads(ended.text) == SYNC_SHAPE


@pytest.mark.parametrize(
    ("unwell", "code"),
    [
        ([], 0),
        (["carrier stick"], 5),
        (["vault"], 6),
        (["carrier x", "copy", "libraries"], 6),
        (["libraries"], 4),
        (["clock"], 0),
        (["bond vault"], 0),
    ],
)
def test_doctor_ends_with_the_worst(stage: Stage, unwell: list[str], code: int) -> None:
    found = [Finding(what, False, "No.", "Do.") for what in unwell]
    stage.answers["doctor.examine"] = [Finding("clock", True, "Yes."), *found]
    ended = stage.run("doctor", "--json")
    assert ended.code == code and len(ended.value) == 1 + len(found)


def test_doctor_of_a_vault_that_does_not_open(stage: Stage) -> None:
    stage.answers["home.open_home"] = errors.VaultDamaged()
    stage.answers["doctor.examine"] = []
    ended = stage.run("doctor", "--json")
    assert ended.code == 6 and ended.value[0]["sentence"] == errors.VaultDamaged.sentence
    assert stage.given("doctor.examine") == (None,)
    assert "doctor" not in ended.value[0]["remedy"]
    stage.vault.rmdir()
    assert stage.run("doctor", "--json").code == 6
    assert stage.run("doctor", "--json", passphrase=None).code == 6  # nobody is asked to open what is not there


def test_doctor_accepts_an_old_copy_only_when_told(stage: Stage) -> None:
    stage.run("doctor")
    assert "doctor.accept_old_copy" not in [name for name, _ in stage.calls]
    assert stage.run("doctor", "--accept-old-copy").code == 0
    assert "doctor.accept_old_copy" in [name for name, _ in stage.calls]


def test_times(stage: Stage) -> None:
    from tiercel.cli.shapes import time

    assert time(None) is None
    assert time(0) == "1970-01-01T00:00:00Z" and time(NOW + 999) == "2024-05-07T01:02:03Z"
    assert time(10**18) is None
    assert LETTER.number == 3 and BOND.name == "Bo"
