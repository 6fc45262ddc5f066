"""What a person sees: calm pages, and nothing a correspondent wrote that could drive the terminal."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cli_stage import BOND, CARRIER, ID, INVITATION, LETTER, NOW, OPEN, REPORT, WAITING, WAY, WORDS, Stage
from tiercel.cli import output, pages, progress
from tiercel.errors import CarrierMissing, NameUnknown
from tiercel.runtime.views import (
    BondRoadsView,
    EnclosureView,
    EventView,
    Finding,
    NextView,
    ProblemView,
    ReaderView,
    ReceiptsView,
    RoadTrouble,
    RoadView,
)

EVIL = "a\x1b]0;owned\x07\x9b2J\u202etxt.exe\u2066\r\x00\udc80"


def test_list_is_aligned(stage: Stage) -> None:
    other = replace(
        LETTER,
        id="zz" + ID[2:],
        bond="Žofie",
        direction="in",
        state="handed_over",
        subject=None,
        enclosures=0,
        arrived_at=LETTER.written_at,
    )
    stage.answers["reading.letters"] = [LETTER, other]
    assert stage.run("list").text.splitlines() == [
        "3jkq2m7a  2024-05-07  →  Bo     accepted     Hi  [1 enclosed]",
        "zzkq2m7a  2024-05-07  ←  Žofie  handed over  (no subject)",
    ]
    assert "Žofie" not in stage.run("list", "Žofie").text
    stage.answers["reading.letters"] = []
    assert stage.run("list").text == "No letters yet.\n"


def test_a_letter_whose_enclosures_are_still_coming_is_not_called_arrived_and_no_more(stage: Stage) -> None:
    coming = replace(LETTER, direction="in", state="arrived", arrived_at=None)
    stage.answers["reading.letters"] = [coming]
    assert "arrived, enclosures still coming  Hi" in stage.run("list").text
    stage.answers["reading.read"] = replace(OPEN, letter=replace(coming, state="read"))
    assert "read, enclosures still coming  written" in stage.run("read", "3jkq").text
    stage.answers["reading.letters"] = [replace(coming, arrived_at=LETTER.written_at)]
    assert "coming" not in stage.run("list").text


def test_a_letter_that_may_not_be_opened_yet_says_from_when(stage: Stage) -> None:
    closed = replace(LETTER, direction="in", subject=None, closed=True, not_before_day=20_000)
    stage.answers["reading.letters"] = [closed]
    assert "(not before 2024-10-04)" in stage.run("list").text


def test_a_letter_is_shown_like_a_page(stage: Stage) -> None:
    lines = stage.run("read", "3jkq").text.splitlines()
    assert lines[0] == "To Bo"
    assert lines[1].split("  ") == ["3jkq2m7a", "accepted", "written 2024-05-07"]
    assert lines[3].endswith("Brno, 1. 5.") and len(lines[3]) == 72
    assert lines[5:9] == ["Hi", "", "Dear Bo,", ""]
    assert lines[9:11] == ["Enclosed:", "  1  a.jpg  2.0 KiB"]


def test_the_way_is_drawn(stage: Stage) -> None:
    assert stage.run("track", "3jkq").text.splitlines() == [
        "3jkq2m7a to Bo: handed over", "",
        "  ● 2024-05-07 01:02  accepted", "  │",
        "  ● 2024-05-07 01:02  handed over  over stick  held until 2024-05-07", "  ┆",
        "  ○ next: wait", "  ○ over stick  sent again  (held there until 2024-05-07)", "",
        "Times are UTC.",
    ]  # fmt: skip


def test_words_are_shown_with_what_to_do(stage: Stage) -> None:
    text = stage.run("bond", "words", "Bo").text
    assert "one  two  three  four  five  six" in text
    assert "tiercel bond confirm Bo" in text and "tiercel bond refuse Bo" in text and "device" in text


def test_words_beside_a_warning_or_after_the_end_are_not_confirmed(stage: Stage) -> None:
    for changed, said in (
        ({"warnings": ("two answers came",)}, "tiercel bond refuse Bo"),
        ({"state": "ended", "warnings": ("the other side ended this bond",)}, "This bond is ended"),
        ({"state": "refused"}, "This bond is refused"),
    ):
        stage.answers["bonds.words"] = replace(WORDS, **changed)
        text = stage.run("bond", "words", "Bo").text
        assert said in text and "bond confirm" not in text
        assert all(f"! {warning}" in text for warning in changed.get("warnings", ()))


def test_confirming_twice_says_so(stage: Stage) -> None:
    stage.answers["bonds.confirm"] = replace(BOND, state="compare", confirmed="us")
    assert stage.run("bond", "confirm", "Bo").text.startswith("Confirmed. Bo has to")
    stage.answers["bonds.bonds"] = [replace(BOND, state="compare", confirmed="us")]
    assert stage.run("bond", "confirm", "Bo").text == "You had confirmed already; waiting for Bo.\n"


def test_an_invitation_without_an_answer_is_listed_as_that(stage: Stage) -> None:
    stage.answers["bonds.bonds"] = [replace(BOND, invited=True, warnings=())]
    assert stage.run("bond", "list").text == "Bo  invited: give them the invitation, then sync\n"


@pytest.mark.parametrize(("typed", "ends"), [(b"y\n", True), (b"Yes\n", True), (b"\n", False), (b"", False)])
def test_the_end_of_a_bond_is_asked_for_on_a_terminal(stage: Stage, typed: bytes, ends: bool) -> None:
    stage.answers["bonds.bonds"] = [replace(BOND, state="bonded")]
    ended = stage.run("bond", "end", "Bo", stdin=typed, terminal=True)
    assert "2 letters of yours without a receipt are held" in ended.err and "[y/N]" in ended.err
    assert (ended.code == 0) == ends == ("bonds.end" in [name for name, _ in stage.calls])
    assert ("2 letters" in ended.text) == ends and ("Nothing was changed." in ended.err) != ends


def test_the_end_of_a_bond_is_not_asked_for_elsewhere(stage: Stage) -> None:
    stage.answers["bonds.bonds"] = [replace(BOND, state="bonded")]
    for words, terminal in ((["--yes"], True), (["--json"], True), ([], False)):
        ended = stage.run("bond", "end", "Bo", *words, terminal=terminal)
        assert ended.code == 0 and "[y/N]" not in ended.err
    stage.answers["bonds.open_letters"] = 1
    assert "1 letter of yours without a receipt is held" in stage.run("bond", "end", "Bo").text
    stage.answers["bonds.open_letters"] = 0
    assert "held" not in stage.run("bond", "end", "Bo").text


def test_what_the_writer_asked_for_is_shown(stage: Stage) -> None:
    stage.answers["reading.read"] = replace(
        OPEN, letter=replace(LETTER, urgent=True, deadline_day=20_000, not_before_day=19_900)
    )
    stage.answers["reading.track"] = replace(WAY, deadline_day=20_000)
    assert "written 2024-05-07  urgent  not before 2024-06-26  until 2024-10-04" in stage.run("read", "3jkq").text
    assert stage.run("read", "3jkq", "--json").value["deadline"] == "2024-10-04"
    assert stage.run("track", "3jkq").text.startswith("3jkq2m7a to Bo: handed over  until 2024-10-04\n")
    stage.answers["reading.track"] = replace(WAY, deadline_day=10**7)
    assert stage.run("track", "3jkq", "--json").value["deadline"] is None, "no calendar has this day"


def test_long_lines_are_broken_on_a_terminal_only(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "word " * 40 + "\n> " + "quoted " * 30 + "\n- " + "item " * 30 + "\n  short  line\n" + "x" * 200
    stage.answers["reading.read"] = replace(
        OPEN, body=body, enclosures=(EnclosureView(1, "a very long name " * 12 + ".jpg", 2048, False),)
    )
    assert body in stage.run("read", "a").text and stage.run("read", "a", "--json", terminal=True).value["body"] == body
    for columns, widest in ((200, 78), (80, 78), (40, 40)):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = stage.run("read", "a", terminal=True).text.splitlines()
        assert max(len(line) for line in lines if set(line) != {"x"}) <= max(widest, 72) and "x" * 200 in lines
        assert max(len(line) for line in lines if "word" in line or "quoted" in line) <= widest
        assert all(line.startswith("> ") for line in lines if "quoted" in line) and "  short  line" in lines
        assert [line for line in lines if "item" in line][1].startswith("  item")
        (name,) = [line for line in lines if line.startswith("  1  ")]
        assert name.startswith("  1  a") and "g  2.0 KiB, not whole yet" in name and "…" in name
        assert len(name) <= widest


def test_breaking_lines_is_linear() -> None:
    for text in (" " * 300_000, "a" * 300_000, "a " * 150_000, "x" * 300_000 + " y" * 1000):
        assert len("".join(output.wrapped(text, 78))) <= len(text)


def test_a_picture_that_does_not_fit_is_named_instead(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for columns, lines in (("30", "50"), ("80", "15")):
        monkeypatch.setenv("COLUMNS", columns)
        monkeypatch.setenv("LINES", lines)
        seen = stage.run("bond", "invite", "Bo", "--via", "stick", terminal=True).text
        assert "█" not in seen and "QR" in seen and seen.splitlines()[-1] == INVITATION


def test_an_older_copy_promises_no_sync(stage: Stage) -> None:
    for words in (["write", "Bo", "--file", "-"], ["send", "3jkq"]):
        stage.home.sends = True
        assert "next `tiercel sync`" in stage.run(*words, stdin=b"x").text
        stage.home.sends = False
        text = stage.run(*words, stdin=b"x").text
        assert "next `tiercel sync`" not in text and "tiercel doctor" in text


def test_the_choices_of_an_argument_are_said_on_one_line(stage: Stage) -> None:
    assert "Choose from: bash, zsh, fish\n" in stage.run("completion").err


def test_bold_only_on_a_terminal(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b" not in stage.run("read", "a").text
    assert "\x1b[1mTo Bo\x1b[0m" in stage.run("read", "a", terminal=True).text
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in stage.run("read", "a", terminal=True).text


def test_the_invitation_is_the_last_line_and_a_picture_on_a_terminal(stage: Stage) -> None:
    assert stage.run("bond", "invite", "Bo", "--via", "stick").text.splitlines()[-1] == INVITATION
    seen = stage.run("bond", "invite", "Bo", "--via", "stick", terminal=True).text
    assert seen.splitlines()[-1] == INVITATION and "█" in seen
    assert (
        stage.run("bond", "invite", "Bo", "--via", "stick", "--json", terminal=True).value["invitation"] == INVITATION
    )


@pytest.mark.parametrize("terminal", [False, True])
def test_nothing_that_came_from_others_drives_the_terminal(
    stage: Stage, terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    letter, step = replace(LETTER, bond=EVIL, subject=EVIL), NextView(EVIL, None, EVIL, 0)
    stage.answers |= {
        "reading.letters": [letter], "reading.search": [letter],
        "reading.read": replace(
            OPEN, letter=letter, body=EVIL, place=EVIL, dated=EVIL, reply_to=EVIL,
            enclosures=(EnclosureView(1, EVIL, 1, False),),
        ),
        "reading.track": replace(WAY, events=(EventView(0, EVIL, EVIL, 0),), next=EVIL, bond=EVIL, steps=(step,)),
        "outbox.outbox": [replace(WAITING, bond=EVIL, why=EVIL, remedy=EVIL, subject=EVIL, steps=(step,))],
        "problems.problems": [ProblemView(EVIL, EVIL, 0, EVIL, EVIL, EVIL)],
        "roads.bond_roads": BondRoadsView(EVIL, (RoadView(EVIL, 1),)),
        "receipts.receipts": ReceiptsView(EVIL, True, True, 0),
        "reading.save_enclosure": (Path("/" + EVIL.replace("\0", "")), 1),
        "bonds.bonds": [replace(BOND, name=EVIL, warnings=(EVIL,)), BOND],
        "bonds.words": replace(WORDS, bond=EVIL, readers=(ReaderView("them", EVIL, 0),)),
        "roads.carriers": [replace(CARRIER, place=EVIL, trouble=EVIL, bonds=(EVIL,)), CARRIER],
        "writing.write": letter,
        "syncing.sync": replace(REPORT, notices=(EVIL,), troubles=(RoadTrouble(EVIL, CarrierMissing(EVIL)),) * 2),
        "doctor.examine": [Finding("x", False, EVIL, EVIL)],
        "writing.send": NameUnknown(EVIL, remedy=EVIL),
    }  # fmt: skip
    stage.home.notices = (EVIL,)
    for line in (
        "list", "search x", "read x", "track x", "enclosure save x 1 --to /", "bond list", "bond words x",
        "carrier list", "write Bo --file -", "sync", "doctor", "send x", f"send x {EVIL}", f"frob{EVIL}",
        f"bond accept {EVIL} --name x --via x",
        "outbox", "problems", "bond roads x", "bond receipts x", "bond show Bo",
    ):  # fmt: skip
        ended = stage.run(*line.split(" "), stdin=b"x", terminal=terminal)
        for text in (ended.text, ended.err):
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text), (line, text)
        assert "Traceback" not in ended.err and "bug" not in ended.err, (line, ended.err)


def test_json_keeps_every_character(stage: Stage) -> None:
    body = EVIL.replace("\udc80", "") + "\r\n\n žluťoučký 🕊"
    stage.answers["reading.read"] = replace(OPEN, body=body)
    assert stage.run("read", "x", "--json").value["body"] == body
    stage.answers["reading.save_enclosure"] = (Path("/a\udc80"), 1)  # a file name that is no UTF-8
    assert stage.run("enclosure", "save", "x", "1", "--to", "/", "--json").value["path"] == "/a\udc80"


def test_a_narrow_encoding_is_no_bug(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    from tiercel.cli.main import run

    monkeypatch.setenv("TIERCEL_VAULT", str(stage.vault))
    monkeypatch.setenv("TIERCEL_PASSPHRASE", "x")
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert run(["track", "x"]) == 0
    assert b"\\u25cf" in raw.getvalue()


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (64 << 20, "64.0 MiB"),
     (5 << 30, "5.0 GiB"), (3 << 40, "3.0 TiB")],
)  # fmt: skip
def test_sizes(count: int, text: str) -> None:
    assert output.size(count) == text


def test_tables_know_wide_characters() -> None:
    assert output.table([("日本", "x"), ("e\u0301", "y")]) == ["日本  x", "e\u0301     y"]
    assert pages.date(None) == "-"


# -- progress --------------------------------------------------------------------------------------


class Seconds:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    made = Seconds()
    monkeypatch.setattr(progress, "monotonic", made)
    return made


def test_small_work_shows_nothing(seconds: Seconds, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.Progress() as shown:
        for done in range(0, 5 << 20, 1 << 20):
            seconds.now += 5
            shown("sealing", done, 5 << 20)
    assert capsys.readouterr() == ("", "")


def test_plain_lines_come_at_most_every_second(seconds: Seconds, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.Progress() as shown:
        for done in range(65):
            shown("sealing a\x1b", done << 20, 64 << 20)
            seconds.now += 0.125
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 8
    assert lines[0] == "sealing a\\x1b: 8.0 MiB of 64.0 MiB, 8.0 MiB/s, 0:07 left"
    assert lines[-1] == "sealing a\\x1b: 64.0 MiB of 64.0 MiB, done"


def test_a_bar_on_a_terminal(seconds: Seconds, stage: Stage) -> None:
    def write(_home: object, _draft: object, *, send: bool, progress: object) -> object:
        assert callable(progress) and send
        for done in range(65):
            progress("sealing", done << 20, 64 << 20)
            seconds.now += 0.1
        return LETTER

    stage.answers["writing.write"] = write
    ended = stage.run("write", "Bo", "--file", "-", "--json", stdin=b"x", terminal=True, term="xterm")
    assert ended.value == {"id": ID, "state": "accepted"}
    assert "sealing" in ended.err


def test_roads_in_words(stage: Stage) -> None:
    assert stage.run("bond", "roads", "Bo").text.splitlines() == [
        "Letters to Bo go by:",
        "  1  share  at once",
        "  2  stick  once a letter waited 7 days without a receipt",
    ]
    told = stage.run("bond", "roads", "Bo", "share", "stick=7").text
    assert stage.given("roads.set_bond_roads") == ("Bo", (("share", 0), ("stick", 7)))
    assert "ask Bo to do the same" in told


def test_every_choice_of_receipts_is_said_in_one_sentence(stage: Stage) -> None:
    told = stage.run("bond", "receipts", "Bo").text.splitlines()
    assert [line.split(".")[0] for line in told] == ["arrived: on", "read: off", "delay: none"]
    told = stage.run("bond", "receipts", "Bo", "--arrived", "off", "--read", "on", "--delay", "6").text.splitlines()
    assert [line.split(".")[0] for line in told] == ["arrived: off", "read: on", "delay: 6 h"]
    stage.run("bond", "receipts", "Bo")
    assert stage.calls[-1][0] == "receipts.receipts", "looking changes nothing"


def test_a_gap_stands_below_the_letter_it_lies_before(stage: Stage) -> None:
    stage.answers["reading.letters"] = [replace(LETTER, missing_before=1), replace(LETTER, missing_before=2000), LETTER]
    lines = stage.run("list").text.splitlines()
    assert lines[1::2] == [
        "          ┆ a letter before this one has not arrived",
        "          ┆ 2,000 letters before this one have not arrived",
    ]
    stage.answers["reading.read"] = replace(OPEN, letter=replace(LETTER, missing_before=1))
    assert "(a letter before this one has not arrived)" in stage.run("read", "3jkq").text


def test_problems_say_what_happens_and_what_to_do(stage: Stage) -> None:
    assert stage.run("problems").text.splitlines() == [
        "2024-05-07 01:02  Bo  key expired",
        "    It cannot be opened.",
        "    It is sealed again.",
        "    You need not do anything.",
    ]
    stage.answers["problems.problems"] = []
    assert stage.run("problems").text == "Nothing came that could not be opened.\n"


def test_a_bond_in_doubt_asks_for_the_words_again_and_says_both_ways(stage: Stage) -> None:
    doubted = replace(BOND, state="bonded", warnings=("put back from a copy. Was it Bo?",), doubted_at=NOW)
    stage.answers["bonds.bonds"] = [doubted]
    assert stage.run("bond", "list").text.splitlines() == [
        "Bo  bonded, in doubt: compare the words again: tiercel bond words Bo",
        "! Bo: put back from a copy. Was it Bo?",
    ]
    stage.answers["bonds.words"] = replace(WORDS, state="bonded", doubted_at=NOW)
    told = stage.run("bond", "words", "Bo").text
    assert "whether it was Bo" in told and "are held" in told
    assert "tiercel bond confirm Bo" in told and "tiercel bond end Bo" in told


def test_a_bond_on_one_page(stage: Stage) -> None:
    told = stage.run("bond", "show", "Bo").text
    for part in ("look here", "share", "stick", "arrived: on", "read: off", "the text is kept", "tiercel outbox Bo"):
        assert part in told
    stage.answers["outbox.outbox"] = []
    assert "outbox" not in stage.run("bond", "show", "Bo").text
    stage.answers["bonds.bonds"] = [replace(BOND, state="ended")]
    told = stage.run("bond", "show", "Bo").text
    assert "arrived: on" not in told and "the text is kept" in told, "nothing goes by any road"


def test_a_way_of_theirs_says_whose_it_is_and_what_lacks_before_it(stage: Stage) -> None:
    stage.answers["reading.track"] = replace(
        WAY, direction="in", missing_before=1, next="nothing: it is here.", steps=()
    )
    lines = stage.run("track", "3jkq").text.splitlines()
    assert lines[:2] == ["3jkq2m7a from Bo: handed over", "(a letter before this one has not arrived)"]
    assert lines[-3] == "  ○ done: it is here."


def test_a_letter_that_crossed_and_is_not_here_says_why_it_is_empty(stage: Stage) -> None:
    crossed = replace(LETTER, direction="in", state="crossed")
    stage.answers["reading.read"] = replace(OPEN, letter=crossed, body="", enclosures=())
    assert "another had shown it" in stage.run("read", "3jkq").text
    stage.answers["reading.read"] = replace(OPEN, letter=crossed, body="It is here.", enclosures=())
    assert "another had shown it" not in stage.run("read", "3jkq").text


def test_the_outbox_says_why_and_what_is_tried_next(stage: Stage) -> None:
    assert stage.run("outbox").text.splitlines() == [
        "3jkq2m7a to Bo: handed over  The garden  urgent",
        "    on its way; no receipt yet",
        "    ○ over share  put there with the next sync",
        "    ○ 2024-05-07 01:02  over stick  sent again, if no receipt came by then  (held there until 2024-05-07)",
        "",
        "Times are UTC.",
    ]
    held = replace(
        WAITING,
        state="held",
        why="held: for the old bond, which has ended",
        steps=(),
        remedy="Write it again.",
        urgent=False,
    )
    stage.answers["outbox.outbox"] = [replace(held, subject=None)]
    assert stage.run("outbox", "Bo").text.splitlines() == [
        "3jkq2m7a to Bo: held", "    held: for the old bond, which has ended", "    Write it again.",
    ]  # fmt: skip
    stage.answers["outbox.outbox"] = []
    assert stage.run("outbox").text.startswith("Nothing waits")


def test_confirming_anew_says_what_it_changed(stage: Stage) -> None:
    bonded = replace(BOND, state="bonded", confirmed="both", warnings=())
    stage.answers["bonds.confirm"] = bonded
    for before, said in (
        (replace(BOND, state="compare"), "Bonded with Bo. Write"),
        (replace(bonded, doubted_at=NOW, warnings=("a copy",)), "Confirmed: it was Bo. What was held goes on"),
        (replace(bonded, warnings=("This vault was put back",)), "the warnings about a copy are taken away"),
        (bonded, "Bonded with Bo"),
    ):
        stage.answers["bonds.bonds"] = [before]
        assert said in stage.run("bond", "confirm", "Bo").text
    stage.answers["bonds.words"] = replace(WORDS, state="bonded", warnings=("This vault was put back",))
    told = stage.run("bond", "words", "Bo").text
    assert "tiercel bond confirm Bo" in told and "tiercel bond end Bo" in told


def test_a_letter_to_a_bond_in_doubt_is_said_to_be_held(stage: Stage) -> None:
    stage.answers["writing.write"] = replace(LETTER, state="held")
    told = stage.run("write", "Bo", "--file", "-", stdin=b"x").text
    assert told == "Held: 3jkq2m7a to Bo. It leaves once you confirmed the bond anew: tiercel bond words Bo\n"


def test_what_came_and_is_not_read_yet(stage: Stage) -> None:
    theirs = replace(LETTER, direction="in", read_at=None, id="zz" + ID[2:])
    stage.answers["reading.letters"] = [LETTER, replace(LETTER, read_at=None), theirs, replace(theirs, read_at=1)]
    assert [line[:8] for line in stage.run("list", "--unread").text.splitlines()] == ["zzkq2m7a"]
    assert [one["id"] for one in stage.run("list", "--unread", "--json").value] == [theirs.id]
    stage.answers["reading.letters"] = [LETTER]
    assert stage.run("list", "--unread").text == "No letter is unread.\n"
