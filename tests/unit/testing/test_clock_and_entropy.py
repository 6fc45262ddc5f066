"""The small test tools."""

from __future__ import annotations

from tiercel.ports import Clock, Entropy
from tiercel.testing.clock import FakeClock
from tiercel.testing.entropy import SeededEntropy


def test_the_clock_stands_until_it_is_turned() -> None:
    fake = FakeClock(1_000)
    clock: Clock = fake
    assert clock.now_ms() == clock.now_ms() == 1_000
    assert fake.advance(days=30) == 1_000 + 30 * 86_400_000
    assert fake.advance(ms=5) == clock.now_ms()
    assert fake.advance(days=-30, ms=-5) == 1_000
    assert fake.advance(days=0.5) == 1_000 + 43_200_000


def test_entropy_repeats_by_seed_and_never_within_one() -> None:
    def tokens(seed: int | str) -> list[bytes]:
        entropy: Entropy = SeededEntropy(seed)
        return [entropy.token(size) for size in (0, 1, 16, 32, 32, 1216)]

    assert tokens(1) == tokens(1)
    assert [len(token) for token in tokens(1)] == [0, 1, 16, 32, 32, 1216]
    long = {token for seed in (1, 2, "1", "2") for token in tokens(seed) if len(token) > 1}
    assert len(long) == 4 * 4
