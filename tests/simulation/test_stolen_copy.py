"""T-HEAL-1: somebody copied a vault. What the copy can still do, day by day, measured with its keys and no rules kept.

Ada's vault was copied; she and Bo go on as before. LIMITS.md says the figures of this test.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest

from letter_kit import letter
from people import PASSPHRASE, Person, bonded, exchange
from tiercel.crypto import kem_public, sha256
from tiercel.letter.record import encode_letter
from tiercel.limits import DAY_MS
from tiercel.parcel.box import Kind, seal_symbols
from tiercel.parcel.epochs import ParcelKeys, epoch_keys, epoch_of, evolve
from tiercel.parcel.symbols import encode, group_of, layout_of, send_order
from tiercel.ports import Profile
from tiercel.runtime import reading, roads, syncing
from tiercel.runtime.home import Home
from tiercel.sealing.envelope import BondKeys, seal_letter
from tiercel.sealing.prekeys import Gift
from tiercel.testing.entropy import SeededEntropy
from tiercel.vault import bonds
from tiercel.vault.store import Vault
from tiercel.wire import to_base32

FILE = Profile("file", 65_536)
FORGED_TO_HER_DAYS, FORGED_AS_HER_DAYS = 297, 297
"""What LIMITS.md says: so many days after the copy was made forging still worked, and a day later no more."""


class Thief:
    """All that the copy held on the day it was made, used by somebody who keeps no rule."""

    def __init__(self, person: Person, copy: Path, post: Path) -> None:
        self.person, self.post, self.rng = person, post, Random(1)
        vault = Vault.open(copy, PASSPHRASE, SeededEntropy("thief"), state_dir=copy.with_name("thief's state"))
        self.home = Home(vault, person.clock, SeededEntropy("thief"))
        self.bond = bonds.all_bonds(vault)[0]
        assert self.bond.bond_id and self.bond.auth_root
        self.keys = BondKeys(self.bond.bond_id, self.bond.auth_root)
        ours = (
            "SELECT pid, seed, token FROM prekeys_ours WHERE kind <> 'pairing' ORDER BY kind = 'last-resort', made_day"
        )
        self.to_her = [Gift(pid, kem_public(seed), token) for pid, seed, token in vault.all(ours)]
        theirs = "SELECT pid, public, token FROM prekeys_theirs ORDER BY kind = 'last-resort', made_day"
        self.as_her = [Gift(*row) for row in vault.all(theirs)]
        self.roots = {direction: bonds.roots_of(vault, 1, direction) for direction in (0, 1)}

    def forge(self, direction: int, gifts: list[Gift]) -> bytes:
        """Put a letter of that direction on the road, under every key that may be live and to every kind of gift."""
        rng, number = self.rng, self.rng.randrange(1 << 16, 1 << 30)
        record = letter(Random(rng.random()), number=number, previous=rng.randbytes(32), sealed_day=self.today)
        for gift in {gifts.pop(0) if len(gifts) > 1 else gifts[0], gifts[-1]}:  # the last is the last resort
            bundle = seal_letter(self.keys, direction, self.bond.incarnation, gift, encode_letter(record))
            for keys in self._keys(direction):
                self._put(keys, bundle)
        return record.letter_id

    def _keys(self, direction: int) -> list[ParcelKeys]:
        now = epoch_of(self.home.clock.now_ms())
        return [
            epoch_keys(evolve(root.root, epoch - root.epoch), direction)
            for root in self.roots[direction]
            for epoch in range(max(root.epoch, now - 5), now + 2)
        ]

    def _put(self, keys: ParcelKeys, bundle: bytes) -> None:
        layout = layout_of(len(bundle))
        refs = list(send_order(layout))
        symbols = [bytes(encode(layout, group_of(layout, bundle, group), [index])[0]) for group, index in refs]
        parcel = seal_symbols(keys, FILE, self.rng.randbytes(16), Kind.LETTER, sha256(bundle), layout, refs, symbols)
        (self.post / to_base32(self.rng.randbytes(16))).write_bytes(parcel)

    @property
    def today(self) -> int:
        return self.home.clock.now_ms() // DAY_MS


def stolen(folder: Path) -> tuple[Person, Person, Thief]:
    """A bond at work, and a copy of Ada's vault in other hands since today."""
    ada, bo = bonded(folder)
    ada.write("before")
    bo.write("before")
    exchange(ada, bo)
    ada.home.close()
    shutil.copytree(ada.folder, folder / "stolen")
    ada.reopen()
    return ada, bo, Thief(ada, folder / "stolen", folder / "post")


def shows(person: Person, letter_id: bytes) -> bool:
    return any(each.id == to_base32(letter_id) for each in reading.letters(person.home))


def clear(thief: Thief, honest: set[str]) -> None:
    """Nothing of the thief stays on the road: what was not recognised would lie there for ever."""
    for path in thief.post.iterdir():
        if path.name not in honest:
            path.unlink()


@pytest.mark.parametrize("side", ["to her", "as her"])
def test_T_HEAL_1_the_day_until_which_forging_works(tmp_path: Path, side: str) -> None:
    ada, bo, thief = stolen(tmp_path)
    to_her = side == "to her"
    reader, direction = (ada, thief.bond.their_direction) if to_her else (bo, thief.bond.direction)
    gifts = thief.to_her if to_her else thief.as_her
    worked, day = [], 0
    while day < 330:
        step = 1 if 270 <= day < 300 else 10
        ada.clock.advance(days=step)
        day += step
        if day % 10 == 0:
            ada.write("all is well")
            bo.write("here too")
        exchange(ada, bo, rounds=1)
        if day in (10, 100) or day > 270:
            honest = {path.name for path in thief.post.iterdir()}
            forged = thief.forge(direction, gifts)
            reader.sync()
            clear(thief, honest)
            worked += [day] if shows(reader, forged) else []
    assert 10 in worked and 100 in worked
    assert worked[-1] == (FORGED_TO_HER_DAYS if to_her else FORGED_AS_HER_DAYS)


def test_T_HEAL_1_after_an_acknowledged_letter_each_way_the_copy_opens_nothing_new(tmp_path: Path) -> None:
    """The copy reads until gifts of hers made since are held, and a root that came sealed to one of them is in use."""
    ada, bo, thief = stolen(tmp_path)
    (tmp_path / "copied post").mkdir()
    roads.move(thief.home, "post", str(tmp_path / "copied post"))
    read = []
    for day in range(10, 130, 10):
        ada.clock.advance(days=10)
        ada.write("x" * 3000)
        said = bo.write(f"on day {day} " + "x" * 3000)
        bo.sync()
        for path in (tmp_path / "post").iterdir():
            shutil.copy(path, tmp_path / "copied post" / path.name)
        syncing.sync(thief.home)
        read += [day] if shows_text(thief, said) else []
        exchange(ada, bo)
    assert read == [10], "one letter each way, ten days later, and nothing after it opens"


def shows_text(thief: Thief, letter_id: str) -> bool:
    return any(each.id == letter_id for each in reading.letters(thief.home))
