"""Two people and a folder between them, for tests that read like letters."""

from __future__ import annotations

from pathlib import Path

from tiercel.runtime import bonds, reading, syncing, writing
from tiercel.runtime.home import Home
from tiercel.runtime.roads import add_folder
from tiercel.runtime.views import Draft, LetterView, SyncReport
from tiercel.testing.clock import FakeClock
from tiercel.testing.entropy import SeededEntropy
from tiercel.vault.keys import KdfParameters
from tiercel.vault.store import Vault

CHEAP_KDF = KdfParameters(memory_kib=64, passes=1, lanes=1)
START_MS = 1_750_000_000_000
PASSPHRASE = "a quiet evening"


class Person:
    """One person with a vault; the clock is shared, so that both live on the same day."""

    def __init__(self, folder: Path, name: str, clock: FakeClock, seed: int | str) -> None:
        self.name, self.clock, self.folder = name, clock, folder / name
        self.entropy = SeededEntropy(f"{name} {seed}")
        vault = Vault.create(self.folder, PASSPHRASE, self.entropy, kdf=CHEAP_KDF, state_dir=folder / f"{name}-state")
        self.state_dir = folder / f"{name}-state"
        self.home = Home(vault, clock, self.entropy)

    def reopen(self) -> Person:
        """Close the vault and open it again, as a new run of the program does."""
        self.home.close()
        vault = Vault.open(self.folder, PASSPHRASE, self.entropy, state_dir=self.state_dir)
        self.home = Home(vault, self.clock, self.entropy)
        return self

    def sync(self) -> SyncReport:
        """Visit the roads; every road must answer."""
        report = syncing.sync(self.home)
        assert not report.troubles, report.troubles
        return report

    def write(self, text: str, **more: object) -> str:
        """Write and send a letter to the one bond; give its id."""
        bond = bonds.bonds(self.home)[0].name
        return writing.write(self.home, Draft(bond, text, **more)).id  # type: ignore[arg-type]

    def letter(self, letter_id: str) -> LetterView:
        """One letter of the list."""
        return next(each for each in reading.letters(self.home) if each.id == letter_id)

    def state(self, letter_id: str) -> str:
        """The state of a letter."""
        return self.letter(letter_id).state


def ada_and_bo(folder: Path, seed: int | str = 1) -> tuple[Person, Person]:
    """Two people with vaults and a shared folder called ``post``, not paired yet."""
    clock = FakeClock(START_MS)
    (folder / "post").mkdir()
    ada, bo = Person(folder, "ada", clock, seed), Person(folder, "bo", clock, seed)
    for person in (ada, bo):
        add_folder(person.home, "post", str(folder / "post"))
    return ada, bo


def bonded(folder: Path, seed: int | str = 1) -> tuple[Person, Person]:
    """Two people who have compared their six words and confirmed on both sides."""
    ada, bo = ada_and_bo(folder, seed)
    bonds.accept(bo.home, bonds.invite(ada.home, "bo", "post"), "ada", "post")
    for person in (bo, ada, bo, ada):
        person.sync()
    assert bonds.words(ada.home, "bo").words == bonds.words(bo.home, "ada").words
    bonds.confirm(ada.home, "bo")
    bonds.confirm(bo.home, "ada")
    for person in (ada, bo, ada, bo, ada):
        person.sync()
    return ada, bo


def exchange(*people: Person, rounds: int = 3) -> None:
    """Let everyone visit the folder a few times in turn."""
    for _ in range(rounds):
        for person in people:
            person.sync()
