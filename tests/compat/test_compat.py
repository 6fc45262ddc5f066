"""Old data is opened by every later version: vaults, their keys, letters at rest and sealed letters on their way."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from people import PASSPHRASE, START_MS
from tiercel.runtime import bonds, reading, syncing
from tiercel.runtime.home import Home
from tiercel.testing.clock import FakeClock
from tiercel.testing.entropy import SeededEntropy
from tiercel.vault.store import Vault

WORLDS = sorted(path for path in Path(__file__).parent.iterdir() if path.name.startswith("world-"))


def _home(world: Path, name: str) -> Home:
    """A person of an old world, whose road is the copy of the old folder."""
    entropy = SeededEntropy(f"later {name}")
    vault = Vault.open(world / name, PASSPHRASE, entropy)
    with vault.transaction():
        vault.run("UPDATE carriers SET place = ?", str(world / "post"))
    return Home(vault, FakeClock(START_MS + 86_400_000), entropy)


@pytest.mark.parametrize("old", WORLDS, ids=[world.name for world in WORLDS])
def test_an_old_world_goes_on(old: Path, tmp_path: Path) -> None:
    world = tmp_path / "world"
    shutil.copytree(old, world)
    with _home(world, "ada") as ada, _home(world, "bo") as bo:
        assert [each.state for each in bonds.bonds(ada)] == ["bonded", "pairing"]
        assert sorted(each.state for each in reading.letters(ada)) == ["answered", "arrived", "draft", "returned"]
        first = next(each for each in reading.letters(bo) if each.subject == "Winter")
        opened = reading.read(bo, first.id)
        assert (opened.body, opened.place, first.state) == ("Dear Bo,\n\nwinter is over.\n", "Brno", "answered")
        saved, _size = reading.save_enclosure(bo, first.id, 1, tmp_path)
        assert saved.read_text() == "The ice bore a cart until the ninth of March.\n"
        assert [each.id for each in reading.search(bo, "winter")] == [first.id]
        assert syncing.sync(ada).letters == 1
        syncing.sync(ada)
        assert syncing.sync(bo).waiting == 0
        assert "this one waits in the folder" in [reading.read(ada, each.id).body for each in reading.letters(ada)]


def test_there_is_a_world_of_every_version_so_far() -> None:
    assert [world.name for world in WORLDS] == ["world-1"]
