"""No fallback: a library without the suite ends the program with a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from tiercel import crypto
from tiercel.cli import main
from tiercel.errors import SuiteMissing


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    for cached in (crypto.require_suite, crypto._suite):
        cached.cache_clear()
    yield
    for cached in (crypto.require_suite, crypto._suite):
        cached.cache_clear()


class _Missing:
    @staticmethod
    def from_seed_bytes(_seed: bytes) -> None:
        raise UnsupportedAlgorithm("no ML-KEM here")


def test_T_FALL_1_without_ml_kem_nothing_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(crypto, "MLKEM768PrivateKey", _Missing)
    monkeypatch.setenv("TIERCEL_PASSPHRASE", "a quiet evening")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert main.run(["--vault", str(tmp_path / "vault"), "init"]) == SuiteMissing.exit_code
    said = capsys.readouterr()
    assert said.out == ""
    assert SuiteMissing.sentence in said.err
    assert not (tmp_path / "vault").exists()


def test_T_FALL_1_a_library_without_the_kem_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoKem:
        pass

    monkeypatch.setattr(crypto.hpke, "KEM", NoKem)
    with pytest.raises(SuiteMissing):
        crypto.require_suite()
