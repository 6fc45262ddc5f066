"""What goes in: passphrases, names, invitations, texts byte for byte, dates, the editor."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from cli_stage import BOND, ID, INVITATION, Stage
from tiercel.cli import session as session_module
from tiercel.errors import LimitError, NameUnknown, NotBonded, StateForbids, UsageError
from tiercel.runtime.views import Draft

# -- the passphrase --------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A terminal where the answers of this list are typed, first one first."""
    import getpass

    answers: list[str] = []
    real_open = os.open
    monkeypatch.setattr(
        os, "open", lambda path, *more, **named: real_open("/dev/null" if path == "/dev/tty" else path, *more, **named)
    )
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: answers.pop(0))
    return answers


@pytest.fixture
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No terminal at all."""
    real_open = os.open

    def none(path: object, *more: object, **named: object) -> int:
        if path == "/dev/tty":
            raise OSError(6, "No such device or address")
        return real_open(path, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", none)


def descriptor(tmp_path: Path, data: bytes) -> int:
    path = tmp_path / "passphrase"
    path.write_bytes(data)
    return os.open(path, os.O_RDONLY)


@pytest.mark.parametrize(
    ("data", "passphrase"),
    [(b"x", "x"), (b"x\n", "x"), (b"x\n\n", "x\n"), (b"\nx\r\n", "\nx\r"), ("ž 1\n".encode(), "ž 1")],
)
def test_a_descriptor_is_read_whole_without_one_newline(
    stage: Stage, tmp_path: Path, data: bytes, passphrase: str
) -> None:
    number = descriptor(tmp_path, data)
    try:
        assert stage.run("list", "--passphrase-fd", str(number), passphrase="other").code == 0
        assert stage.given("home.open_home") == (stage.vault, passphrase)
    finally:
        os.close(number)


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xfe", b"x" * 70_000], ids=["empty", "newline", "latin", "long"])
def test_a_descriptor_without_a_passphrase_is_refused(stage: Stage, tmp_path: Path, data: bytes) -> None:
    number = descriptor(tmp_path, data)
    ended = stage.run("list", "--json", "--passphrase-fd", str(number))
    os.close(number)
    assert (ended.code, ended.error["kind"]) == (2, "usage_error")
    assert stage.calls == []


@pytest.mark.usefixtures("no_terminal")
def test_without_terminal_and_passphrase_the_two_ways_are_named(stage: Stage) -> None:
    for words in (["list"], ["init", "--vault", str(stage.vault / "new")], ["bond", "list"], ["doctor"], ["sync"]):
        ended = stage.run(*words, "--json", passphrase=None)
        assert ended.code == 2, words
        assert "TIERCEL_PASSPHRASE" in ended.error["remedy"] and "--passphrase-fd" in ended.error["remedy"]
    assert stage.calls == []


def test_init_asks_twice_at_a_prompt_and_never_otherwise(stage: Stage, asked: list[str]) -> None:
    new = str(stage.vault / "new")
    asked += ["one", "one"]
    assert stage.run("init", "--vault", new, passphrase=None).code == 0
    assert stage.given("home.create_home") == (Path(new), "one", None)
    asked += ["one", "two"]
    ended = stage.run("init", "--vault", new, passphrase=None)
    assert ended.code == 2 and "differ" in ended.err
    assert asked == []
    assert stage.run("init", "--vault", new, passphrase="env").code == 0  # nothing left to be asked
    asked += ["", "x"]
    assert stage.run("list", passphrase=None).code == 2
    assert stage.run("list", passphrase=None).code == 0


def test_changing_asks_once_for_the_old_and_twice_for_the_new(stage: Stage, asked: list[str]) -> None:
    asked += ["old", "new", "new"]
    assert stage.run("passphrase", passphrase=None).code == 0
    assert stage.given("trust.change_passphrase") == ("old", "new")
    assert stage.run("passphrase", "--passphrase-fd", "5", "--new-passphrase-fd", "5").code == 2


def test_a_short_passphrase_typed_twice_is_warned_of_once_and_taken(stage: Stage, asked: list[str]) -> None:
    new = str(stage.vault / "new")
    for passphrase, warned in (("seven77", 1), ("eight888", 0)):
        asked += [passphrase, passphrase]
        ended = stage.run("init", "--vault", new, passphrase=None)
        assert ended.code == 0 and ended.err.count("short") == warned
        assert stage.given("home.create_home")[1] == passphrase
    asked += ["old", "new", "new"]
    assert stage.run("passphrase", passphrase=None).err.count("short") == 1
    assert stage.run("init", "--vault", new, passphrase="x").err == ""


def test_ctrl_c_at_the_first_prompt_says_that_nothing_was_made(
    stage: Stage, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import getpass

    def interrupted(_prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(getpass, "getpass", interrupted)
    ended = stage.run("init", "--vault", str(stage.vault / "new"), passphrase=None)
    assert (ended.code, ended.err) == (130, "Interrupted; nothing was made.\n")
    stage.answers["home.create_home"] = KeyboardInterrupt()
    ended = stage.run("init", "--vault", str(stage.vault / "new"))
    assert ended.code == 130 and "unfinished vault" in ended.err


def test_init_refuses_a_full_folder_before_it_asks(stage: Stage, no_terminal: None) -> None:
    (stage.vault / "file").write_text("x")
    ended = stage.run("init", "--json", passphrase=None)
    assert (ended.code, ended.error["kind"]) == (6, "vault_exists")


def test_a_missing_vault_is_said_before_asking(stage: Stage, no_terminal: None) -> None:
    stage.vault.rmdir()
    ended = stage.run("list", "--json", passphrase=None)
    assert ended.code == 6 and ended.error["kind"] == "vault_missing" and "init" in ended.error["remedy"]


def test_standard_input_serves_one_purpose(stage: Stage) -> None:
    assert stage.run("write", "Bo", "--file", "-", "--passphrase-fd", "0").code == 2
    assert stage.run("bond", "accept", "-", "--name", "x", "--via", "y", "--passphrase-fd", "0").code == 2


def test_the_place_of_the_vault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    session = session_module.Session()
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("TIERCEL_VAULT", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert session.folder == tmp_path / ".local/share/tiercel"
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/ignored")
    assert session.folder == tmp_path / ".local/share/tiercel"
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert session.folder == Path("/data/tiercel")
    monkeypatch.setenv("TIERCEL_VAULT", "~/v")
    assert session.folder == tmp_path / "v"
    session.vault = Path("/w")
    assert session.folder == Path("/w")


def test_other_encodings_are_refused(stage: Stage) -> None:
    assert stage.run("list", passphrase="\udcff").code == 2
    for line in ("read \udcff", "list \udcff", "search \udcff", "write Bo --file - --subject \udcff",
                 "bond words \udcff", "carrier add folder x /\udcff", "bond invite \udcff --via x"):  # fmt: skip
        ended = stage.run(*line.split(), "--json", stdin=b"x")
        assert ended.code == 2 and "UTF-8" in ended.error["error"], line
    assert stage.calls == []


# -- names and invitations -------------------------------------------------------------------------

EVIL_NAMES = ["", " ", "../x", "/etc/passwd", "a;b", "a|b", "$(x)", "`x`", "__import__", "-x", ".x", "a\nb", "a\x1bb",
              "a\u202eb", "x" * 65, "x" * 1_000_000, "a\0b", "a/b", "a\\b", "C:", "x "]  # fmt: skip


@pytest.mark.parametrize("name", EVIL_NAMES, ids=lambda name: repr(name[:12]))
def test_T_NAME_1_names_on_the_command_line(stage: Stage, name: str, no_terminal: None) -> None:
    """Refused as usage before a passphrase is asked for, a file opened or the runtime called."""
    out = stage.vault / "out"
    for words in (
        ["init", "--vault", str(stage.vault / "new"), f"--name={name}"],
        ["carrier", "add", "folder", "--", name, "/tmp"],
        ["bond", "invite", "--via", "stick", "--out", str(out), "--", name],
        ["bond", "accept", INVITATION, "--via", "stick", f"--name={name}"],
    ):
        ended = stage.run("--json", *words, passphrase=None)
        assert (ended.code, ended.error["kind"]) == (2, "usage_error"), words
        assert len(ended.err) < 1000
    assert stage.calls == [] and not out.exists()


@pytest.mark.parametrize("kind", ["os", "../x", "__import__", "a;b", "sys", "memory", "x" * 1_000_000])
def test_T_NAME_1_kinds_of_carriers_are_a_fixed_table(stage: Stage, kind: str) -> None:
    loaded = set(sys.modules)
    ended = stage.run("carrier", "add", kind, "name", "/tmp", "--json")
    assert (ended.code, ended.error["kind"]) == (2, "usage_error")
    assert set(sys.modules) == loaded and stage.calls == []


@pytest.mark.parametrize("name", ["Bo", "Žofie Nováková", "os", "D’Arcy & co. (old)", "日本", "7"])
def test_names_people_have(stage: Stage, name: str) -> None:
    stage.answers["bonds.bonds"] = [type(BOND)(name, "pairing", "none", (), ())]
    assert stage.run("bond", "accept", INVITATION, "--name", name, "--via", "stick").code == 0
    assert stage.given("bonds.accept") == (INVITATION, name, "stick")


def test_a_name_is_the_same_however_it_is_typed(stage: Stage) -> None:
    stage.run("bond", "confirm", "Zoe\u0308")
    assert stage.given("bonds.confirm") == ("Zo\u00eb",)


@pytest.mark.parametrize(
    "text",
    [
        "7",
        "7-",
        "-a-b",
        "",
        "apple apple",
        "тiercel1" + "a" * 117,
        "ｔiercel1" + "a" * 117,
        "tiercel2" + "a" * 117,
        "x" * 9999,
    ],
    ids=lambda text: repr(text[:9]),
)
def test_T_CODE_1_on_the_command_line(stage: Stage, text: str, tmp_path: Path, no_terminal: None) -> None:
    """What is no invitation is refused before the vault is opened, as an argument, in a file and on standard input."""
    file = tmp_path / "invitation.txt"
    file.write_text(text, "utf-8")
    tail = ["--name", "Ada", "--via", "stick", "--json"]
    for words, stdin in (([text], b""), ([str(file)], b""), (["-"], text.encode())):
        ended = stage.run("bond", "accept", *tail, "--", *words, stdin=stdin, passphrase=None)
        assert ended.code == 3 or (words == [text] and ended.code == 2), (words, ended.err)
    assert stage.calls == []


def test_an_invitation_from_anywhere(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "ada.txt"
    file.write_text(INVITATION + "\n")
    for given, stdin in ((INVITATION, b""), (str(file), b""), ("-", f"  {INVITATION}\r\n".encode())):
        assert stage.run("bond", "accept", given, "--name", "Bo", "--via", "stick", stdin=stdin).code == 0
        assert stage.given("bonds.accept") == (INVITATION, "Bo", "stick")
    stage.run("bond", "accept", INVITATION.upper(), "--name", "Bo", "--via", "stick")
    assert stage.given("bonds.accept")[0] == INVITATION.upper()
    assert stage.run("bond", "accept", str(tmp_path), "--name", "Bo", "--via", "stick").code == 2
    assert stage.run("bond", "accept", "not-there.txt", "--name", "Bo", "--via", "stick").code == 2


def test_the_file_of_an_invitation(stage: Stage, tmp_path: Path) -> None:
    out = tmp_path / "bo.txt"
    line = ["bond", "invite", "Bo", "--via", "stick", "--out", str(out)]
    before = os.umask(0)
    try:
        assert stage.run(*line).code == 0
    finally:
        os.umask(before)
    assert out.read_text() == INVITATION + "\n" and stat.S_IMODE(out.stat().st_mode) == 0o600
    stage.calls.clear()
    out.write_text("mine")
    ended = stage.run(*line)
    assert ended.code == 2 and out.read_text() == "mine"
    assert "bonds.invite" not in [name for name, _ in stage.calls]  # no bond that nobody was told of
    out.unlink()
    stage.answers["bonds.invite"] = LimitError()
    assert stage.run(*line).code == 7 and not out.exists()


# -- letters ---------------------------------------------------------------------------------------


def draft(stage: Stage) -> Draft:
    found = stage.given("writing.write")[0]
    assert isinstance(found, Draft)
    return found


@pytest.mark.parametrize("text", ["x", "a\r\nb\r", "\ufeffx\n\n", "e\u0301 \u00e9", "\0", " \n"], ids=repr)
def test_text_is_kept_byte_for_byte(stage: Stage, tmp_path: Path, text: str) -> None:
    file = tmp_path / "letter.txt"
    file.write_bytes(text.encode())
    for given in (str(file), "-"):
        assert stage.run("write", "Bo", "--file", given, stdin=text.encode()).code == 0
        assert draft(stage).text == text


def test_every_option_of_write_arrives(stage: Stage, tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.touch()
    b.touch()
    ended = stage.run(
        "write", "Bo", "--subject", "S", "--place", "P", "--dated", "22. 12. 1891", "--file", "-", "--enclose", str(a),
        "--enclose", str(b), "--reply-to", "3jk", "--until", "1970-01-03", "--not-before", "1970-01-02", "--urgent",
        "--draft", stdin=b"x",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert stage.given("writing.write") [:2] == (
        Draft("Bo", "x", "S", "P", "22. 12. 1891", (a, b), "3jk", 2, 1, True), False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "date", ["tomorrow", "2031-13-01", "2031-5-7", "20310507", "2031-W01-1", "1969-12-31", "", "٢٠٣١-٠٥-٠٧"]
)
def test_dates_are_dates(stage: Stage, date: str) -> None:
    for option in ("--until", "--not-before"):
        ended = stage.run("write", "Bo", "--file", "-", option, date, stdin=b"x")
        assert ended.code == 2 and "2031-05-17" in ended.err
    assert stage.calls == []


def test_a_date_long_ago_lies_in_the_past(stage: Stage) -> None:
    ended = stage.run("write", "Bo", "--file", "-", "--until", "0001-01-01", stdin=b"x")
    assert ended.code == 2 and "0001-01-01 lies in the past" in ended.err


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.0", "", "٣", "9" * 5000])
def test_an_enclosure_is_named_by_its_number(stage: Stage, number: str) -> None:
    ended = stage.run("enclosure", "save", "3jk", "--to", "/", "--", number)
    assert ended.code == 2 and "an enclosure is named by its number, 1 for the first." in ended.err
    assert stage.run("enclosure", "save", "3jk", "2", "--to", "/").code == 0
    assert stage.given("reading.save_enclosure")[1] == 2


def test_what_cannot_be_a_letter_is_refused(stage: Stage, tmp_path: Path) -> None:
    ended = stage.run("write", "Bo", "--file", "-", "--json", stdin=b"\xff\xfea")
    assert ended.code == 3 and "--enclose" in ended.error["remedy"]
    ended = stage.run("write", "Bo", "--file", "-", "--json", stdin=b"x" * (33 << 20))
    assert ended.code == 7 and "--enclose" in ended.error["remedy"]
    ended = stage.run("write", "Bo", "--file", "-", "--json")
    assert ended.code == 2 and "empty" in ended.error["error"]
    ended = stage.run("write", "Bo", "--file", "-", "--until", "2030-01-01", "--not-before", "2030-01-02", stdin=b"x")
    assert ended.code == 2
    assert "writing.write" not in [name for name, _ in stage.calls]
    assert stage.run("write", "Bo", "--file", "-", "--enclose", __file__).code == 0  # an enclosure alone is a letter


def test_without_text_and_terminal_no_editor_opens(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "false")
    for words, terminal in ((["write", "Bo"], False), (["write", "Bo", "--json"], True)):
        ended = stage.run(*words, terminal=terminal)
        assert ended.code == 2 and "--file" in ended.err
    assert stage.calls == []


# -- the editor ------------------------------------------------------------------------------------


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An editor that writes what ``text`` holds and notes what it saw."""
    script = tmp_path / "my editor"
    script.write_text(
        "#!/bin/sh\n"
        f'stat -c %a "$1" > "{tmp_path}/mode"; stat -c %a "$(dirname "$1")" >> "{tmp_path}/mode"\n'
        f'echo "$1" > "{tmp_path}/path"; env > "{tmp_path}/env"; cat "{tmp_path}/text" > "$1"; touch "$1~"\n'
        f'[ ! -e "{tmp_path}/fail" ]\n'
    )
    script.chmod(0o700)
    monkeypatch.setenv("EDITOR", f"'{script}'")
    monkeypatch.delenv("VISUAL", raising=False)
    return tmp_path


def test_the_editor_gives_the_text_and_leaves_nothing(stage: Stage, editor: Path) -> None:
    (editor / "text").write_bytes("Dear Bo\r\nž".encode())
    assert stage.run("write", "Bo", terminal=True).code == 0
    assert draft(stage).text == "Dear Bo\r\nž"
    assert (editor / "mode").read_text().split() == ["600", "700"]
    path = Path((editor / "path").read_text().strip())
    assert path.is_relative_to(stage.vault) and not path.parent.exists()
    assert "TIERCEL_PASSPHRASE" not in (editor / "env").read_text()
    assert list(stage.vault.iterdir()) == []


def test_the_text_is_kept_when_the_letter_is_not_accepted(stage: Stage, editor: Path) -> None:
    (editor / "text").write_text("a long evening's work")
    stage.answers["writing.write"] = LimitError()
    ended = stage.run("write", "Bo", terminal=True)
    path = Path((editor / "path").read_text().strip())
    assert ended.code == 7 and str(path) in ended.err and path.read_text() == "a long evening's work"

    stage.answers["writing.write"] = NotBonded()  # the vault has it as a draft
    assert stage.run("write", "Bo", terminal=True).code == 8
    assert not Path((editor / "path").read_text().strip()).exists()


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), MemoryError()], ids=["ctrl-c", "bug"])
def test_the_text_is_kept_when_something_else_happens(stage: Stage, editor: Path, interrupt: BaseException) -> None:
    (editor / "text").write_text("work")
    stage.answers["writing.write"] = interrupt
    ended = stage.run("write", "Bo", terminal=True)
    path = Path((editor / "path").read_text().strip())
    assert ended.code in (130, 1) and path.read_text() == "work" and str(path) in ended.err


def test_the_text_is_kept_when_the_editor_fails(stage: Stage, editor: Path) -> None:
    (editor / "text").write_text("work")
    (editor / "fail").touch()
    ended = stage.run("write", "Bo", terminal=True)
    path = Path((editor / "path").read_text().strip())
    assert ended.code == 2 and str(path) in ended.err and path.read_text() == "work"


def test_an_empty_page_is_no_letter(stage: Stage, editor: Path) -> None:
    (editor / "text").write_text(" \n")
    assert stage.run("write", "Bo", terminal=True).code == 2
    assert list(stage.vault.iterdir()) == []
    assert "writing.write" not in [name for name, _ in stage.calls]


def test_nobody_writes_a_page_that_cannot_be_a_letter(stage: Stage, editor: Path) -> None:
    for error in (NameUnknown("nobody"), UsageError("past"), LimitError()):
        stage.answers["writing.check"] = error
        assert stage.run("write", "Bo", "--reply-to", "x", terminal=True).code == error.exit_code
    assert not (editor / "path").exists()
    checked = stage.given("writing.check")[0]
    assert isinstance(checked, Draft) and (checked.bond, checked.reply_to) == ("Bo", "x")


def test_a_draft_is_edited_from_its_text_on(stage: Stage, editor: Path) -> None:
    (editor / "text").write_text("new text")
    script = editor / "my editor"
    script.write_text(script.read_text().replace("#!/bin/sh\n", f'#!/bin/sh\ncat "$1" > "{editor}/before"\n'))
    assert stage.run("edit", "3jk", terminal=True).code == 0
    assert (editor / "before").read_text() == "old text" and stage.given("drafts.edit") == ("3jk", "new text")
    assert stage.run("edit", "3jk", "--file", "-", stdin=b"third").code == 0
    assert stage.given("drafts.edit") == ("3jk", "third")
    assert list(stage.vault.iterdir()) == []


def test_an_edit_that_fails_keeps_what_is_new(stage: Stage, editor: Path) -> None:
    stage.answers["drafts.edit"] = LimitError()
    for text, kept in (("old text", False), ("new text", True)):
        (editor / "text").write_text(text)
        ended = stage.run("edit", "3jk", terminal=True)
        assert ended.code == 7 and Path((editor / "path").read_text().strip()).exists() == kept
        assert ("kept in" in ended.err) == kept
    stage.answers["drafts.text"] = StateForbids()
    (editor / "path").unlink()
    assert stage.run("edit", "3jk", terminal=True).code == 2 and not (editor / "path").exists()
    assert stage.run("edit", "3jk").code == 2, "no text and no terminal"


def test_an_editor_that_is_none(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in ("/nowhere/editor", "'", "false"):
        monkeypatch.setenv("VISUAL", command)
        ended = stage.run("write", "Bo", terminal=True)
        assert ended.code == 2 and "bug" not in ended.err
    assert list(stage.vault.iterdir()) == [] and len(ID) == 26


# -- the way to a relay ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "proxy"),
    [([], None), (["--tor"], "127.0.0.1:9050"), (["--proxy", "[::1]:9150"], "[::1]:9150"),
     (["--tor", "--proxy", "tor.lan:9050"], "tor.lan:9050")],
)  # fmt: skip
def test_a_relay_is_added_with_the_way_to_it(stage: Stage, words: list[str], proxy: str | None) -> None:
    assert stage.run("carrier", "add", "relay", "post", "tiercel-relay://h:1/ca", *words).code == 0
    assert stage.calls[-1][1][1:] == ("post", "tiercel-relay://h:1/ca", proxy, None)


def test_a_rate_is_given_in_kib(stage: Stage) -> None:
    assert stage.run("carrier", "add", "relay", "post", "tiercel-relay://h:1/ca", "--limit", "64").code == 0
    assert stage.calls[-1][1][-1] == 65_536


@pytest.mark.parametrize("proxy", ["9050", "h:0", "h:", ":9050", "http://h:1", "a b:1", "u@h:1", "::1:9"])
def test_a_proxy_is_a_host_and_a_port(stage: Stage, proxy: str) -> None:
    ended = stage.run("carrier", "add", "relay", "post", "tiercel-relay://h:1/ca", "--proxy", proxy, "--json")
    assert ended.code == 2 and "HOST:PORT" in ended.error["error"] and stage.calls == []
