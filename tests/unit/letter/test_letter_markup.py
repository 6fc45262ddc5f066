"""The inert mark-up, and text that cannot drive a terminal."""

from __future__ import annotations

import unicodedata

import pytest

from tiercel.letter.markup import Items, Paragraph, Quote, Span, one_line, parse, to_terminal, visible

HOSTILE = [
    "\x1b[2J", "\x1b]8;;http://x\x07here\x1b]8;;\x07", "\x9b31m", "\x90q\x9c", "a\rb", "\x08\x08\x08", "\x7f", "\x00",
    "\u202egnp.exe", "\u2066x\u2069", "\u200f", "\u061c", "\u200b", "\ufeff", "\u2028", "\u2029", "\x85",
    "\U000e0041", "\ufff9a\ufffb", "\u180e", "\u2060",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_drives_the_terminal(text: str) -> None:
    for shown in (to_terminal(text), one_line(text), str(parse(text))):
        for character in shown:
            assert unicodedata.category(character) not in {"Cc", "Cf", "Zl", "Zp", "Cs"} or character in "\n\t"
    assert "\\" in to_terminal(text)


def test_what_is_harmless_stays() -> None:
    text = "Łódź, 5 May\n\tindented · “quoted” — 手紙 \u0645\u0631\u062d\u0628\u0627 👩\u200d🚀 <b>&amp; \\x1b"
    assert to_terminal(text) == text
    assert visible("a\r\nb\rc") == "a\nb\\x0dc"
    assert one_line("a\nb\tc") == "a\\nb\\tc"
    assert to_terminal("\x1b \u202e \U000e0041") == "\\x1b \\u202e \\U000e0041"


def test_blocks() -> None:
    text = "Dear M.,\nall *is well* here.\n\n\n- bread\n- *salt*\n> you wrote\n>\n> twice\nYours"
    assert parse(text) == [
        Paragraph((Span("Dear M.,\nall "), Span("is well", True), Span(" here."))),
        Items(((Span("bread"),), (Span("salt", True),))),
        Quote((Span("you wrote\n\ntwice"),)),
        Paragraph((Span("Yours"),)),
    ]
    assert parse("") == [] == parse("\n \n\t\n")


@pytest.mark.parametrize(
    "text", ["2*3*4", "* not *", "**bold**", "*open", "a *b\nc* d", "x*y z*", "-no list", ">no quote", "* a*", "*"]
)
def test_what_only_looks_like_mark_up_is_text(text: str) -> None:
    assert parse(text) == [Paragraph((Span(text),))]


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "[a](http://b)", "![x](y)", "<img src=x>", "http://a.b"])
def test_there_are_no_links_images_or_html(text: str) -> None:
    assert parse(text) == [Paragraph((Span(text),))]


@pytest.mark.parametrize(
    "text", ["*", "*a", "* ", "*a*", "a*", "**a", "> ", "- ", "\x1b", "\r\n", "*a" + " " * 99, "*\n"]
)
def test_time_is_linear_in_the_text(text: str) -> None:
    parse(text * (1_000_000 // len(text)))  # quadratic work would not end within the time limit of a test
