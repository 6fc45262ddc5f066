"""One person's disk in a simulated world: a vault folder and a state folder that can be copied, put back and cut off.

:class:`Disk` is a folder in memory (``/dev/shm``) under SQLite's own file layer: as fast as it gets, and a process may
die on it at any commit. ``fault_disk.FaultDisk`` has the same interface, knows which writes were synced, loses the
others when its power is cut, and fails when it is told to.

Example:
    >>> disk = Disk(root / "ada")  # doctest: +SKIP
    >>> with suppress(PowerCut):
    ...     disk.cut_at(Point.AFTER_COMMIT, 3)
    ...     sync(Home(disk.create_vault("a quiet evening", entropy), clock, entropy))
    >>> disk.crash()  # what the dying process still did is undone
    >>> vault = disk.open_vault("a quiet evening", entropy)

Source: security.md 4.2.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, ClassVar, Final

import apsw

from tiercel.ports import Entropy
from tiercel.vault.store import Vault

if TYPE_CHECKING:
    from tiercel.vault.keys import KdfParameters

_SHARED_MEMORY: Final = "-shm"  # the index of the log; SQLite makes it anew after a crash
ALONE: Final = "unix-excl"
"""SQLite's own file layer for one process: a tenth of a world's time would go to locks that nobody else asks for."""


class PowerCut(BaseException):
    """The machine went dark, or the process was killed. Not an ``Exception``: nothing but the world may catch it."""


class Point(StrEnum):
    """A moment at which a disk can be cut off."""

    BEFORE_COMMIT = "before commit"  # all of a changing transaction was said, and none of it is durable
    AFTER_COMMIT = "after commit"  # it is durable, and nothing after it happened
    WRITE = "write"  # before the write; FaultDisk only
    SYNC = "sync"  # before the sync; FaultDisk only


class Lost(StrEnum):
    """What a crash takes of that which was written and not synced."""

    NOTHING = "nothing"  # only the process died: the kernel still writes everything
    SOME = "some"  # a random part, single writes torn at 512 bytes; FaultDisk only
    ALL = "all"  # FaultDisk only


@dataclass(frozen=True)
class Snapshot:
    """The files of a disk at one moment, by their path under its root. Immutable, so that any number may share it."""

    files: dict[str, bytes]

    @property
    def size_bytes(self) -> int:
        """The sum of all lengths."""
        return sum(map(len, self.files.values()))


class Disk:
    """A folder of its own for one vault and its marker.

    Args:
        root: Made here, and removed by :meth:`close`. Put it under ``/dev/shm``.

    Attributes:
        folder: The vault folder.
        state_dir: Where the rollback marker of this machine is.
        counts: How often each :class:`Point` was passed, since the disk was made.
        powered: False from a :class:`PowerCut` to the next :meth:`crash`. What the dying process does in between
            reaches no disk; a world's carriers have to look here as well and take nothing from it.
    """

    loses_writes: ClassVar[bool] = False  # whether Lost.SOME, Lost.ALL, Point.WRITE and Point.SYNC exist here
    vfs: ClassVar[str | None] = ALONE

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o700, parents=True)
        self.root = root
        self.folder = root / "vault"
        self.state_dir = root / "state"
        self.counts: Counter[Point] = Counter()
        self.powered = True
        self._vaults: list[Vault] = []
        self._at_cut: Snapshot | None = None
        self._cut_in: tuple[Point, int] | None = None

    # -- the vault --

    def create_vault(self, passphrase: str, entropy: Entropy, kdf: KdfParameters | None = None) -> Vault:
        """A new vault on this disk, by default with the cheapest passphrase there is."""
        return self._known(
            _WatchedVault.create(
                self.folder, passphrase, entropy, kdf=kdf or _cheapest(), state_dir=self.state_dir, vfs=self.vfs
            )
        )

    def open_vault(self, passphrase: str, entropy: Entropy) -> Vault:
        """Open the vault of this disk, as a new process does. Raises as :meth:`Vault.open`."""
        return self._known(_WatchedVault.open(self.folder, passphrase, entropy, state_dir=self.state_dir, vfs=self.vfs))

    # -- copies --

    def snapshot(self) -> Snapshot:
        """Copy everything, as a backup between two runs or a machine's image does. Not inside a transaction."""
        return Snapshot(dict(self._files()))

    def restore(self, snapshot: Snapshot, *, marker: bool = False) -> None:
        """Put a copy, also one of another disk, in place of what is there. The vault must be closed or abandoned.

        Args:
            snapshot: From :meth:`snapshot`.
            marker: Whether the state folder is put back too: an image of the machine, whose age the marker cannot
                tell. Without it only the vault folder goes back, as from a backup, and the marker says so.
        """
        self._abandon()
        kept = {} if marker else {name: data for name, data in self._files() if name.startswith("state/")}
        files = {name: data for name, data in snapshot.files.items() if marker or not name.startswith("state/")}
        self._put(files | kept)

    # -- crashes --

    def cut_at(self, point: Point, nth: int) -> None:
        """Raise :class:`PowerCut` at the ``nth`` such moment from now, counted from 1. One order at a time."""
        self._refuse_unknown(point in (Point.WRITE, Point.SYNC))
        self._cut_in = (point, nth)

    def never_mind(self) -> None:
        """Take the order of :meth:`cut_at` back."""
        self._cut_in = None

    def crash(self, lost: Lost = Lost.NOTHING, rng: Random | None = None) -> None:
        """End the process that used this disk. Its vaults are abandoned, not closed, and must not be used again.

        Call it after a :class:`PowerCut` was caught, or at any moment outside a transaction.

        Args:
            lost: What is lost of that which was not synced.
            rng: Chooses what, for :data:`Lost.SOME`.
        """
        self._refuse_unknown(lost is not Lost.NOTHING)
        image = self._at_cut or self._image()
        self._abandon()
        self._put(self._after(image, lost, rng).files)
        self.powered, self._at_cut, self._cut_in = True, None, None

    def close(self) -> None:
        """Remove the disk and everything on it."""
        self._abandon()
        shutil.rmtree(self.root, ignore_errors=True)

    # -- inside --

    def passes(self, point: Point) -> None:
        """Count a moment, and raise :class:`PowerCut` where one was ordered. For the vault and the file layer."""
        if not self.powered:
            return
        self.counts[point] += 1
        if self._cut_in is None or self._cut_in[0] is not point:
            return
        left = self._cut_in[1] - 1
        self._cut_in = (point, left) if left else None
        if not left:
            self._at_cut = self._image()
            self.powered = False
            raise PowerCut(f"{point} {self.counts[point]}")

    def forget_vault(self, vault: Vault) -> None:
        """A vault was closed: a crash has nothing to abandon."""
        self._vaults = [each for each in self._vaults if each is not vault]

    def _image(self) -> Snapshot:
        return Snapshot(dict(self._files()))

    def _after(self, image: Snapshot, lost: Lost, rng: Random | None) -> Snapshot:
        return image

    def _refuse_unknown(self, asked: bool) -> None:
        if asked and not self.loses_writes:
            raise ValueError("this disk does not know which writes were synced")

    def _known(self, vault: _WatchedVault) -> Vault:
        vault.disk = self
        self._vaults.append(vault)
        return vault

    def _abandon(self) -> None:
        # The files are put back afterwards, so what closing writes into them does not stay.
        for vault in self._vaults:
            with suppress(apsw.Error):
                vault.db.close(True)
        self._vaults.clear()

    def _files(self) -> Iterator[tuple[str, bytes]]:
        for folder in (self.folder, self.folder / "enclosures", self.state_dir):
            for path in sorted(folder.glob("*")) if folder.is_dir() else ():
                if path.is_file() and not path.name.endswith(_SHARED_MEMORY):
                    yield str(path.relative_to(self.root)), path.read_bytes()

    def _put(self, files: dict[str, bytes]) -> None:
        for folder in (self.folder, self.state_dir):
            shutil.rmtree(folder, ignore_errors=True)
        if "vault/vault.db" in files:
            (self.folder / "enclosures").mkdir(mode=0o700, parents=True)
        for name, data in files.items():
            path = self.root / name
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.write_bytes(data)


class _WatchedVault(Vault):
    """The vault as it is; its disk hears of every commit that changes something."""

    disk: Disk | None = None

    def _finish(self) -> None:
        changes = self._writing and self.db.total_changes() != self._changes_before
        if changes and self.disk:
            self.disk.passes(Point.BEFORE_COMMIT)
        super()._finish()
        if changes and self.disk:
            self.disk.passes(Point.AFTER_COMMIT)

    def close(self) -> None:
        try:
            super().close()
        finally:
            if self.disk:
                self.disk.forget_vault(self)


def _cheapest() -> KdfParameters:
    from tiercel.vault.keys import KdfParameters  # the cryptographic module is chosen before it is loaded

    return KdfParameters(memory_kib=8, passes=1, lanes=1)
