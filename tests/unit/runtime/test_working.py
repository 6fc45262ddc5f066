"""Helpers keep order, raise what they met, and drop what is no longer wanted; a background sync hides no failure."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tiercel.runtime import working
from tiercel.runtime.working import Behind, SyncedFile, ahead


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_results_come_in_the_order_of_the_items(at_once: int) -> None:
    with ahead(lambda n: n * n, range(50), at_once) as results:
        assert [(n, result()) for n, result in results] == [(n, n * n) for n in range(50)]


@pytest.mark.parametrize("at_once", [1, 2])
def test_an_error_is_raised_where_its_result_is_asked_for(at_once: int) -> None:
    def work(n: int) -> int:
        if n == 3:
            raise OSError("no")
        return n

    came = []
    with pytest.raises(OSError, match="no"), ahead(work, range(10), at_once) as results:
        for _n, result in results:
            came.append(result())
    assert came == [0, 1, 2]


def test_no_more_is_begun_than_a_few_ahead_and_none_after_leaving() -> None:
    begun: list[int] = []
    with ahead(begun.append, range(1000), 2) as results:
        next(results)[1]()
    before = list(begun)
    assert len(before) <= 5
    assert begun == before and threading.active_count() == 1


def test_one_at_a_time_uses_no_thread() -> None:
    with ahead(lambda _n: threading.get_ident(), range(3), 1) as results:
        assert {result() for _n, result in results} == {threading.get_ident()}


def test_what_was_given_is_done_in_order_when_it_is_closed() -> None:
    done: list[int] = []
    behind = Behind(True)
    for n in range(20):
        behind.give(lambda n=n: done.append(n))  # type: ignore[misc]
    behind.close()
    assert done == list(range(20))


def test_a_file_written_anywhere_is_all_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "SYNC_EVERY_BYTES", 1000)
    monkeypatch.setattr(working, "WRITE_BYTES", 300)
    data = os.urandom(5000)
    with (tmp_path / "file").open("w+b", buffering=0) as file, SyncedFile(file.fileno()) as synced:
        synced.write_at(memoryview(data)[2000:], 2000)
        synced.write_at(memoryview(data)[:2000], 0)
        synced.sync()
    assert (tmp_path / "file").read_bytes() == data


def test_a_sync_that_failed_in_the_background_is_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel tells a failed write only once: who asked first must hear of it."""

    def fails(_file: int) -> None:
        raise OSError(5, "broken disk")

    monkeypatch.setattr(working, "SYNC_EVERY_BYTES", 1)
    monkeypatch.setattr(os, "fdatasync", fails)
    with (tmp_path / "file").open("wb", buffering=0) as file, SyncedFile(file.fileno()) as synced:
        synced.write(memoryview(b"dear"))
        with pytest.raises(OSError, match="broken disk"):
            synced.sync()


def test_what_was_raised_behind_is_raised_in_the_end() -> None:
    def fails() -> None:
        raise KeyError("a bug")

    behind = Behind(True)
    behind.give(fails)
    with pytest.raises(KeyError):
        behind.close()
