"""T-LATE-2 through the runtime: what cannot be opened ends in one of five ways, and no two look alike."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from hostile import FILE, Hostile
from letter_kit import letter
from people import Person, bonded, exchange
from post_office import of_letter
from tiercel.crypto import sha256
from tiercel.errors import NameUnknown
from tiercel.letter.record import EnclosureRecord, encode_letter
from tiercel.limits import PREKEY_KEPT_DAYS, QUARANTINE_DAYS
from tiercel.parcel.box import Kind, seal_symbols
from tiercel.parcel.symbols import encode, layout_of
from tiercel.runtime import bonds, problems, reading
from tiercel.runtime.roads import add_folder
from tiercel.sealing.envelope import BondKeys, seal_letter
from tiercel.sealing.prekeys import Gift
from tiercel.vault import bundles, notes, prekeys


class Outcome(NamedTuple):
    """What became of a bundle: where it was set aside, what its writer was told, what the person reads."""

    verdict: str | None
    seal_again: bool
    receipt_again: bool
    said: str | None


RECORD = encode_letter(letter(random.Random(9), number=40, text="never to be seen"))


def duplicate(ada: Person, _bo: Person, hostile: Hostile, folder: Path) -> None:
    """The very letter again, after its receipt went home."""
    written = ada.write("once")
    ada.sync()
    kept = [path.read_bytes() for path in of_letter(ada, written, folder)]
    exchange(_bo, ada)
    assert ada.state(written) == "arrived"
    ada.clock.advance(days=2)
    for parcel in kept:
        hostile.put(parcel)


def key_expired(ada: Person, bo: Person, hostile: Hostile, _folder: Path) -> None:
    """A letter on a road for longer than its key is kept."""
    for _ in range(PREKEY_KEPT_DAYS // 20 + 2):
        ada.clock.advance(days=20)
        exchange(ada, bo, rounds=1)
    hostile.learn_keys(ada.home)
    hostile.record(RECORD)


def forged(_ada: Person, _bo: Person, hostile: Hostile, _folder: Path) -> None:
    """Parcel keys and gift are true; the secret of the bond is not."""
    hostile.letter_keys = BondKeys(hostile.letter_keys.bond_id, bytes(32))
    hostile.record(RECORD)


def damaged(_ada: Person, _bo: Person, hostile: Hostile, _folder: Path) -> None:
    """A bit of the envelope differs; the parcels around it are whole."""
    bundle = bytearray(hostile.sealed(RECORD))
    bundle[900] ^= 8
    hostile.bundle(bytes(bundle))


def other_bond(ada: Person, bo: Person, hostile: Hostile, folder: Path) -> None:
    """Sealed to a gift of Bo's that he gave to somebody else."""
    cleo = Person(folder.parent, "cleo", ada.clock, 1)
    add_folder(cleo.home, "post", str(folder))
    bonds.accept(cleo.home, bonds.invite(bo.home, "cleo", "post"), "bo", "post")
    exchange(cleo, bo, rounds=2)
    bonds.confirm(cleo.home, "bo")
    bonds.confirm(bo.home, "cleo")
    exchange(cleo, bo)
    with cleo.home.vault.transaction():
        row = prekeys.take_theirs(cleo.home.vault, 1, 0)
    assert row is not None
    gift = Gift(row.pid, row.public, row.token)
    bond = hostile.bond
    hostile.bundle(seal_letter(hostile.letter_keys, bond.direction, bond.incarnation, gift, RECORD))


def outcome(bo: Person) -> Outcome:
    """What Bo's next visit makes of what lies there now."""
    told: list[str] = []
    real = notes.say
    shown = {each.id for each in reading.letters(bo.home)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            notes, "say", lambda vault, bond, what, *rest: told.append(what) or real(vault, bond, what, *rest)
        )
        report = bo.sync()
    assert {each.id for each in reading.letters(bo.home)} == shown and report.letters == 0
    verdicts = [verdict for (verdict,) in bo.home.vault.all("SELECT verdict FROM quarantine")]
    said = [notice for notice in report.notices if "could not be opened" in notice]
    assert len(verdicts) <= 1 and len(said) <= 1
    listed = problems.problems(bo.home, "ada")
    assert [problem.verdict for problem in listed] == verdicts and listed == problems.problems(bo.home)
    return Outcome(
        verdicts[0] if verdicts else None, notes.EXPIRED in told, notes.RECEIPT in told, said[0] if said else None
    )


VERDICTS: dict[str, tuple[Callable[[Person, Person, Hostile, Path], None], Outcome]] = {
    "duplicate": (duplicate, Outcome(None, False, True, None)),
    "key_expired": (key_expired, Outcome("key_expired", True, False, "key expired")),
    "forged": (forged, Outcome("forged", False, False, "forged")),
    "damaged": (damaged, Outcome("damaged", False, False, "damaged")),
    "other_bond": (other_bond, Outcome("other_bond", True, False, "other bond")),
}


def reached(folder: Path, verdict: str) -> Outcome:
    ada, bo = bonded(folder)
    exchange(ada, bo)
    bring, _expected = VERDICTS[verdict]
    bring(ada, bo, Hostile(ada.home, folder / "post", seed=1, gifts=1), folder / "post")
    found = outcome(bo)
    good = ada.write("and the next")
    exchange(ada, bo)
    assert ada.state(good) == "arrived"
    return found


@pytest.mark.parametrize("verdict", VERDICTS)
def test_T_LATE_2_each_verdict_is_reached(tmp_path: Path, verdict: str) -> None:
    expected, found = VERDICTS[verdict][1], reached(tmp_path, verdict)
    assert found[:3] == expected[:3]
    assert (found.said is None) == (expected.said is None)
    assert expected.said is None or (found.said and f"({expected.said})" in found.said)


def test_T_LATE_2_no_two_look_alike() -> None:
    assert len({expected for _bring, expected in VERDICTS.values()}) == len(VERDICTS) == 5
    assert len({expected.said for _bring, expected in VERDICTS.values()}) == 5, "nor do they read alike"


def test_what_cannot_be_opened_is_explained_and_offers_no_more_than_people_can_do(tmp_path: Path) -> None:
    _ada, bo = bonded(tmp_path)
    verdicts = ("key_expired", "other_bond", "damaged", "forged", "malformed", "newer_version", "unreadable")
    with bo.home.vault.transaction():
        for n, verdict in enumerate(verdicts):
            kind = "malformed_letter" if verdict == "malformed" else verdict
            bundles.quarantine(bo.home.vault, 1, bytes([n]) * 32, kind, None, bo.clock.now_ms() + n)
    listed = problems.problems(bo.home)
    assert [problem.verdict for problem in listed] == list(reversed(verdicts)), "newest first"
    assert len({problem.sentence for problem in listed}) == len(verdicts)
    assert all(problem.sentence and problem.by_itself and "{" not in str(problem) for problem in listed)
    forged = next(problem for problem in listed if problem.verdict == "forged")
    assert "another way" in forged.remedy and "tiercel bond end ada" in forged.remedy
    assert [problem.verdict for problem in listed if "bond end" in problem.remedy] == ["forged"]
    assert all("tiercel" not in problem.remedy for problem in listed if problem is not forged), (
        "nothing else is offered"
    )
    with pytest.raises(NameUnknown):
        problems.problems(bo.home, "cy")
    bo.clock.advance(days=QUARANTINE_DAYS + 1)
    bo.sync()
    assert problems.problems(bo.home) == []


# -- T-POLL-2 of an enclosure ----------------------------------------------------------------------


@pytest.mark.parametrize("subset", ["sources", "repair", "mixed"])
def test_T_POLL_2_an_enclosure_that_decodes_to_something_else_is_no_enclosure(tmp_path: Path, subset: str) -> None:
    """Two files under one name: whichever symbols come first, only the bytes of the hash are ever the enclosure."""
    ada, bo = bonded(tmp_path)
    exchange(ada, bo)
    hostile = Hostile(ada.home, tmp_path / "post", seed=1, gifts=1)
    one, two = (random.Random(n).randbytes(5 * 1792) for n in (1, 2))
    layout = layout_of(len(one))
    named = EnclosureRecord(key=bytes(32), bundle_hash=sha256(one), size=8000, name="which", kind="a/b")
    hostile.record(encode_letter(letter(random.Random(5), enclosures=(named,), number=40, text="one or the other")))
    indices = {"sources": range(5), "repair": range(5, 10), "mixed": (0, 1, 2, 8, 9)}[subset]
    refs, at = [(0, index) for index in indices], 2 if subset == "mixed" else 0
    false = list(encode(layout, two, indices))
    symbols = [*list(encode(layout, one, indices))[:at], *false[at:]]
    for _ in range(2):
        r = hostile.rng.randbytes(16)
        hostile.put(seal_symbols(hostile.keys, FILE, r, Kind.ENCLOSURE, sha256(one), layout, refs, symbols))
        assert any("not the one that was sent" in notice for notice in bo.sync().notices)
        (came,) = [each for each in reading.letters(bo.home) if each.direction == "in"]
        assert not reading.read(bo.home, came.id, peek=True).enclosures[0].whole
    hostile.bundle(one, Kind.ENCLOSURE)
    bo.sync()
    assert reading.read(bo.home, came.id, peek=True).enclosures[0].whole
    assert {path.read_bytes() for path in bo.home.vault.enclosures.iterdir()} == {one}
