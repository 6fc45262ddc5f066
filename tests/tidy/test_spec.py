"""T-SPEC-1: spec/ and the code say the same: numbers, labels, transitions, sections cited, worked examples."""

from __future__ import annotations

import io
import re
from pathlib import Path

from tiercel import crypto, limits, wire
from tiercel.bond.invitation import Invitation, box_keys, encode_invitation
from tiercel.bond.words import six_words, word_list
from tiercel.delivery.schedule import retransmit_after_ms
from tiercel.delivery.states import TRANSITIONS, Event, State
from tiercel.letter.record import (
    FIRST_PREVIOUS,
    Kind,
    LetterRecord,
    ReaderRecord,
    encode_letter,
    id_chain,
    readers_hash,
)
from tiercel.parcel import epochs, symbols
from tiercel.parcel.note import Note, encode_note
from tiercel.parcel.profiles import PROFILES, capacity
from tiercel.parcel.tags import make_head
from tiercel.relay import protocol as relay
from tiercel.sealing.envelope import receipt_proof
from tiercel.sealing.padding import pad_body, padme
from tiercel.sealing.stream import seal_stream

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "spec"
TEXTS = {path.name: path.read_text("utf-8") for path in sorted(SPEC.glob("*.md"))}
CODE = {path: path.read_text("utf-8") for path in sorted((ROOT / "src").rglob("*.py"))}
KEY = bytes(range(32))


def rows(text: str, columns: int) -> list[list[str]]:
    """The cells of every table row with that many columns, code marks taken off."""
    lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line[:1] == "|"]
    return [[cell.strip().strip("`") for cell in line] for line in lines if len(line) == columns]


def headings(name: str) -> set[str]:
    return set(re.findall(r"^## (\d+)\. ", TEXTS[name], re.MULTILINE))


def written(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii")
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def test_T_SPEC_1_every_constant_both_ways() -> None:
    told = {row[0]: row[1] for row in rows(TEXTS["constants.md"], 4) if row[0].isupper()}
    assert told == {name: written(getattr(limits, name)) for name in vars(limits) if name.isupper()}


def test_T_SPEC_1_every_constant_has_its_section() -> None:
    for name, _, _, section in rows(TEXTS["constants.md"], 4)[2:]:
        file, _, number = section.partition(" ")
        assert number in headings(file), f"{name}: no section {section}"


def test_T_SPEC_1_every_constant_named_in_the_text_exists() -> None:
    for name, text in TEXTS.items():
        for constant in re.findall(r"`([A-Z][A-Z0-9_]+_[A-Z0-9_]+)`", text):
            assert hasattr(limits, constant), f"{name} names {constant}"


def test_T_SPEC_1_labels() -> None:
    """The labels in the code are exactly those of sealing.md 1."""
    used = set()
    for text in CODE.values():
        used |= set(re.findall(r'\b(?:label|derive)\(\s*"([^"]+)"', text))
        used |= set(re.findall(r'\blp\(VERSION, b"([^"]+)"', text))  # the letter room may not import label
    section = TEXTS["sealing.md"].split("## 1. ")[1].split("## 2. ")[0]
    table = [row for row in rows(section, 4) if row[0] not in {"label", "---"}]
    assert {row[0] for row in table} == used
    assert len(table) == len(used)
    for _, _, _, place in table:
        file, _, number = place.rpartition(" ")
        assert number in headings(file or "sealing.md")


def test_T_SPEC_1_transitions() -> None:
    section = TEXTS["delivery.md"].split("## 3. ")[1].split("## 4. ")[0]
    told = rows(section, 3)[2:]
    in_code = [(state, event, after) for state, row in TRANSITIONS.items() for event, after in row.items()]
    assert told == [[state.value, event.name.lower(), after.value] for state, event, after in in_code]
    states = {row[0] for row in rows(TEXTS["delivery.md"].split("## 2. ")[0], 2)[2:]}
    assert states == {state.value for state in State}
    events = TEXTS["delivery.md"].split("## 2. ")[1].split("## 3. ")[0]
    named = {word for row in rows(events, 2)[2:] for word in row[0].split(", ")}
    assert named == {event.name.lower() for event in Event}


def test_T_SPEC_1_every_citation_is_a_section() -> None:
    """What code and papers cite exists. A citation of several sections names each."""
    papers = {path: path.read_text("utf-8") for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]}
    cited = 0
    for path, text in (CODE | papers).items():
        for file, numbers in re.findall(r"spec/([a-z-]+\.md)((?: \d+)?(?:(?:, | and )\d+(?![\d.]*\w))*)", text):
            assert file in TEXTS, f"{path}: spec/{file}"
            for number in re.findall(r"\d+", numbers):
                cited += 1
                assert number in headings(file), f"{path.relative_to(ROOT)}: spec/{file} {number}"
    assert cited > 40
    for name, text in TEXTS.items():
        for file, number in re.findall(r"\b([a-z]+\.md) (\d+)", text):
            assert number in headings(file), f"{name}: {file} {number}"


def test_T_SPEC_1_versions_and_profiles() -> None:
    index = {re.sub(r"\[(.*)\]\(.*\)", r"\1", row[0]): row[2] for row in rows(TEXTS["README.md"], 3)[2:]}
    assert set(index) == set(TEXTS) - {"README.md"}
    for name, version in index.items():
        assert TEXTS[name].split("\n")[2].startswith(f"Version {version}. "), name
    table = [row for row in rows(TEXTS["parcel.md"], 3) if row[0] in PROFILES]
    assert {row[0]: row[1].replace(",", "") for row in table} == {p.name: str(p.size_bytes) for p in PROFILES.values()}
    section = TEXTS["parcel.md"].replace("\n", " ")
    by_size = sorted(PROFILES.values(), key=lambda profile: profile.size_bytes)
    for size, number in ((limits.SYMBOL_SMALL_BYTES, 0), (limits.SYMBOL_LARGE_BYTES, 1)):
        told = ", ".join(f"{profile.name} {capacity(profile, size)}" for profile in by_size)
        assert f"{told} of class {number}" in section


def examples() -> dict[str, str]:
    found = {}
    for text in TEXTS.values():
        for block in re.findall(r"```example\n(.*?)```", text, re.DOTALL):
            found |= dict(line.rsplit(" = ", 1) for line in block.splitlines())
    return found


def test_T_SPEC_1_worked_examples() -> None:
    stream = io.BytesIO()
    digest = seal_stream(io.BytesIO(b"abc"), stream, KEY, 3, lambda done: None)
    letter = LetterRecord(
        kind=Kind.LETTER, letter_id=KEY[:16], number=1, previous=FIRST_PREVIOUS, written_day=20_000, sealed_day=20_001,
        text="Dear M.", readers_hash=readers_hash(()), receipt_secret=bytes(16),
    )  # fmt: skip
    keys = epochs.epoch_keys(KEY, 0)
    two, big = symbols.layout_of(3584), symbols.layout_of(300_000)
    coded = symbols.encode(two, b"\1" * 1792 + b"\2" * 1792, (2, 3, 4, 255))
    person = ReaderRecord(kind="person", since_day=20_000)
    waits = [retransmit_after_ms(2 * limits.DAY_MS, tries) // limits.DAY_MS for tries in (0, 1, 5)]
    made: dict[str, object] = {
        'LP("a", "bc")': wire.lp(b"a", b"bc"),
        'label("tag", 0x00)': crypto.label("tag", b"\0"),
        "bundle of a record of 584 bytes": len(pad_body(bytes(584))) + 1204,
        "bundle of a record of 585 bytes": len(pad_body(bytes(585))) + 1204,
        **{f"Padmé({n})": padme(n) for n in (1000, 65_537, 1_000_000)},
        'ciphertext of "abc" under 000102..1f': stream.getvalue(),
        "its hash": digest,
        "proof of kind 0, secret of 16 zeros, letter id 000102..0f": receipt_proof(bytes(16), 0, KEY[:16]),
        'the letter "Dear M."': encode_letter(letter),
        "previous of letter 2, after letter id 16 zeros": id_chain(bytes(16), 1, FIRST_PREVIOUS),
        "hash of the empty list": readers_hash(()),
        'hash of [["person", 20000]]': readers_hash([person]),
        "K_tag of root 000102..1f, d = 0": keys.tag_key,
        "K_par of the same": keys.box_key,
        "root of the next epoch": epochs.evolve(KEY),
        "r of 16 zeros || tag": make_head(keys, bytes(16)),
        "two symbols of 01.. and 02..: first bytes of symbols 2, 3, 4, 255": bytes(symbol[0] for symbol in coded),
        "layout of 300000 bytes: K, G, k": f"{big.symbols_total} {big.groups} {big.k}",
        "a note of day 20000 that says nothing else": encode_note(Note(day=20_000)),
        "cA of zeros, S = 000102..1f, base epoch 690": encode_invitation(Invitation(bytes(32), KEY, 690)),
        "keys of the box of direction 0, S = 000102..1f": b"".join(box_keys(KEY, 0)),
        "words of keys and nonces all zero": " ".join(six_words(bytes(1216), bytes(32), bytes(1216), bytes(32))),
        "hash of power 0 and key 000102..1f": relay.key_hash(relay.Power.DROP, KEY),
        "id of the box of the keys 00.., 01.. and 02..": relay.BoxKeys(*(bytes([n]) * 32 for n in range(3))).box,
        "bytes 0 to 9": b"TIERCELK\0\1",
        "wait after 0, 1 and 5 tries, round trip 2 days, in days": " ".join(map(str, waits)),
    }
    assert examples() == {name: value.hex() if isinstance(value, bytes) else str(value) for name, value in made.items()}


def test_T_SPEC_1_the_word_list_is_the_one_named() -> None:
    text = "".join(f"{word}\n" for word in word_list())
    assert crypto.sha256(text.encode("ascii")).hex() in TEXTS["bond.md"]
