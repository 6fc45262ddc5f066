"""Names from strangers, judged by the rules of three systems wherever the tests run."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiercel.letter.names import free_name, safe_name, split_name

HOSTILE = [
    "../../evil", "..\\..\\evil", "C:\\x", "C:x", "\\\\host\\share\\x", "//host/x", "/etc/passwd", "CON",
    "con.txt", "Aux .tar.gz",
    "COM1", "com¹.txt", "LPT9.", "nul\u200b", "CONIN$", "a.txt:stream", "a.txt::$DATA", "\u202etxt.exe",
    "x\x1b[2J.txt", "a\x00b",
    ".hidden", "...", ".", "..", " ", "", "-rf", "--help", "~root", "$HOME", "%PATH%", "`id`", "a;b|c", "x.",
    "x ", "x . .", "a\nb",
    "desktop.ini", "Thumbs.db", "AUTORUN.INF", "\u200b\u200d\ufeff", "\u3164", "\uff0e\uff0e\uff0fevil",
    "\u2025\u2215x", "ＣＯＮ",
    "ＣＯＭ１.txt", "e\u0301\u0301.txt", "\u0301", "é", "e\u0301", "ﬁ.pdf", "İ.txt", "ß", "STRASSE", "straße",
    "K", "\u212a", "x" * 300,
    "x" * 300 + ".txt", "手" * 300 + ".png", "\U00020000" * 200, "\ud800",
    "한" * 100, "a." + "b" * 300, "." * 500, "e" + "\u0301" * 400,
    "\ufe0f\ufe0f", "a\u034fb", "a/\u0301", "x.tar.gz", "Lettre d'été (2).pdf", "письмо.txt",
    "\U000e0041\U000e0042",
]  # fmt: skip
POOL = ["..", "/", "\\", ":", "\x00", "\x1b[0m", "\u202e", "\u200b", ".", " ", "con", "AUX", "lpt1", ".txt",
    ".exe", "a", "é", "e\u0301",
        "手", "*", "?", '"', "<", "|", "\n", "\u0301", "\U00020000", "-", "~", "$", "한", "ß", "SS",
        "\ufe0f", "1", "¹"]  # fmt: skip


def hostile_names() -> list[str]:
    rng = Random("T-PATH-1")
    made = ["".join(rng.choices(POOL, k=rng.randint(1, 40))) for _ in range(500 - len(HOSTILE))]
    return HOSTILE + made


def same_file(name: str) -> str:
    """What two names share when a careless file system calls them one."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFKC", name).casefold())


def judge(name: str) -> None:
    assert name and name not in {".", ".."} and len(name) <= 80
    assert name[0] not in ".- ~" and name[-1] not in ". "  # never hidden, never an option, nothing Windows drops
    for flavour, folder in ((PurePosixPath, "/home/m/in"), (PureWindowsPath, "C:\\Users\\m\\in")):
        path = flavour(folder) / name
        assert path.parent == flavour(folder) and path.name == name and ".." not in path.parts
    windows = PureWindowsPath(name)
    assert not windows.drive and not windows.root and not windows.is_reserved()
    assert not PureWindowsPath(unicodedata.normalize("NFKC", name)).is_reserved()
    assert not set(name) & set('<>:"/\\|?*\0%$`;&')
    assert len(name.encode()) <= 255 and len(name.encode("utf-16-le")) // 2 <= 255
    assert len(unicodedata.normalize("NFD", name).encode("utf-16-le")) // 2 <= 255  # macOS stores this
    assert unicodedata.normalize("NFC", name) == name
    for character in name:
        assert character.isprintable() and (
            unicodedata.category(character)[0] in "LM" or character.isdecimal() or character in " ._-()"
        )


def test_T_PATH_1() -> None:
    names = hostile_names()
    assert len(names) == 500
    taken: dict[str, str] = {}
    for label in names:
        name = free_name(safe_name(label), lambda name: same_file(name) in taken)
        judge(name)
        taken[same_file(name)] = label
    assert len(taken) == 500  # no two of them collide, whatever the file system thinks of case and accents


@settings(deadline=None, max_examples=400)
@given(st.text() | st.lists(st.sampled_from(POOL)).map("".join))
def test_any_label_gives_a_name_that_stays_as_it_is(label: str) -> None:
    name = safe_name(label)
    judge(name)
    assert safe_name(name) == name
    judge(free_name(name, lambda candidate: not candidate.removesuffix(split_name(candidate)[1]).endswith("(12)")))


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Letter to M. (draft).odt", "Letter to M. (draft).odt"), ("", "enclosure"), ("\u202e", "enclosure"),
        (".txt", "txt"), ("0. .0.0", "0.0.0"),
        ("../../etc/passwd", "etcpasswd"), ("con.txt", "_con.txt"), ("aux.tar.gz", "_aux.tar.gz"),
        ("a..b  c .txt", "a.b c.txt"),
        ("x" * 90 + ".txt", "x" * 76 + ".txt"), ("me\u202egnp.exe", "megnp.exe"), ("été.pdf", "été.pdf"),
        ("console", "console"),
        ("e\u200b\u0301", "é"),
    ],
)  # fmt: skip
def test_what_becomes_of_a_label(label: str, name: str) -> None:
    assert safe_name(label) == name


def test_a_taken_name_is_counted_before_its_extension() -> None:
    taken = {"a.txt", "a (2).txt", "b"}
    assert free_name("a.txt", taken.__contains__) == "a (3).txt"
    assert free_name("b", taken.__contains__) == "b (2)"
    long = safe_name("手" * 100 + ".jpeg")
    other = free_name(long, {long}.__contains__)
    assert other.endswith(" (2).jpeg") and len(other.encode()) <= 255


def test_the_extension_is_shown_apart() -> None:
    assert split_name("photo.jpeg.exe") == ("photo.jpeg", ".exe")
    assert split_name("Makefile") == ("Makefile", "")
    assert split_name("a." + "b" * 17) == ("a." + "b" * 17, "")
