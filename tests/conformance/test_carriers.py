"""The public suite over every carrier and wrapper."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from tiercel.carriers.folder import FolderCarrier
from tiercel.carriers.memory import MailboxCarrier, MemoryCarrier, mailboxes
from tiercel.carriers.registry import open_carrier
from tiercel.carriers.wrappers.fault import Faults, Faulty
from tiercel.carriers.wrappers.retry import Retrying
from tiercel.ports import Carrier
from tiercel.testing.carrier_suite import CarrierSuite, parcel_bytes, parcel_name

ODD_SIZES = (0, 1, 31, 32, 65_535, 65_537, 1_048_575, 1_048_577)


class MemorySuite(CarrierSuite):
    memory: MemoryCarrier

    @contextmanager
    def breaking(self, carrier: Carrier) -> Iterator[None]:
        self.memory.room_bytes = sum(map(len, self.memory.entries.values()))
        yield
        self.memory.room_bytes = None

    def litter(self, carrier: Carrier) -> Callable[[], object]:
        rubbish = {f"Thumbs{number}.db": bytes(65_536) for number in range(3)}
        rubbish |= {parcel_name(900 + number): bytes(size) for number, size in enumerate(ODD_SIZES)}
        self.memory.entries.update(rubbish)
        return lambda: dict(self.memory.entries)


class TestMemory(MemorySuite):
    @pytest.fixture
    def carrier(self) -> Carrier:
        self.memory = MemoryCarrier()
        return self.memory


class TestRetryOfAFaultyMemory(MemorySuite):
    """Every act fails now and then, before or after it was done; nobody notices."""

    @pytest.fixture
    def carrier(self) -> Carrier:
        self.memory = MemoryCarrier()
        faulty = Faulty(self.memory, random.Random(20), Faults(error_before=0.3, error_after=0.3))
        patient = Retrying(faulty, lambda _: None, tries=100)
        # A flush is not tried again, by contract; here nothing can be lost by it.
        patient.flush = self.memory.flush  # type: ignore[method-assign]
        return patient


class TestMailbox(MemorySuite):
    """A road whose listing shows only what the other side put."""

    other: MailboxCarrier

    @pytest.fixture
    def carrier(self) -> Carrier:
        mine, self.other = mailboxes()
        self.memory = mine.theirs
        return mine

    def there(self, _carrier: Carrier) -> Carrier:
        return self.other


class FolderSuite(CarrierSuite):
    path: Path

    def breaking(self, carrier: Carrier) -> AbstractContextManager[object]:
        """Half of a parcel fits on the disk."""
        write = os.write

        def half(file: int, data: memoryview) -> int:
            if len(data) < 60_000:
                raise OSError(errno.ENOSPC, "no room")
            return write(file, data[: len(data) // 2])

        return patch("os.write", half)

    def litter(self, carrier: Carrier) -> Callable[[], object]:
        for name in ("Thumbs.db", ".DS_Store", "desktop.ini", parcel_name(1).upper(), parcel_name(950) + ".part"):
            (self.path / name).write_bytes(parcel_bytes(1, 65_536))
        for number, size in enumerate(ODD_SIZES):
            (self.path / parcel_name(900 + number)).write_bytes(bytes(size))
        (self.path / ".Trash").mkdir()
        (self.path / parcel_name(960)).mkdir()
        (self.path / parcel_name(961)).symlink_to(self.path / "Thumbs.db")
        os.mkfifo(self.path / parcel_name(962))
        return lambda: {path.name: (path.lstat().st_size, path.lstat().st_mode) for path in self.path.iterdir()}


class TestFolder(FolderSuite):
    @pytest.fixture
    def carrier(self, tmp_path: Path) -> Carrier:
        self.path = tmp_path
        return open_carrier("folder", {"path": str(tmp_path)})


class TestRetryOfAFolder(FolderSuite):
    @pytest.fixture
    def carrier(self, tmp_path: Path) -> Carrier:
        self.path = tmp_path
        return Retrying(FolderCarrier(tmp_path), lambda _: None, tries=3)


class TestFaultlessFolder(FolderSuite):
    @pytest.fixture
    def carrier(self, tmp_path: Path) -> Carrier:
        self.path = tmp_path
        return Faulty(FolderCarrier(tmp_path), random.Random(1))


class TestFolderWithoutHardLinks(FolderSuite):
    """A FAT stick: no links, no modes, times that somebody else owns."""

    @pytest.fixture
    def carrier(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Carrier:
        def cannot(*_: object, **__: object) -> None:
            raise PermissionError(errno.EPERM, "Operation not permitted")

        for act in ("link", "fchmod", "utime"):
            monkeypatch.setattr(os, act, cannot)
        self.path = tmp_path
        return FolderCarrier(tmp_path)
