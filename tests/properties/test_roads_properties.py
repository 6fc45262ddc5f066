"""Whatever roads lose: while one of them delivers in the end, a letter arrives, once, and its receipt comes back."""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from road_kit import Pair
from tiercel.runtime import reading

NAMES = ("one", "two", "three", "four")


@dataclass(frozen=True)
class Fate:
    """What a road is and does: it loses this share of what is put; if it survives, nothing after the first so many."""

    kind: str
    loss: float
    survives_after: int | None
    after_days: int

    def lose(self, pair: Pair, name: str, rng: random.Random) -> None:
        """Let both sides of a road lose parcels from now on."""
        for sides in pair.sides.values():
            begun = len(sides[name].order)

            def loses(_name: str, side: object = sides[name], begun: int = begun) -> bool:
                put = len(side.order) - begun  # type: ignore[attr-defined]
                if self.survives_after is not None and put > self.survives_after:
                    return False
                return rng.random() < self.loss

            sides[name].loses = loses


fates = st.builds(
    Fate,
    st.sampled_from(("shelf", "relay")),
    st.sampled_from((0.0, 0.5, 0.9, 1.0)),
    st.one_of(st.none(), st.integers(0, 6)),
    st.sampled_from((0, 0, 3, 20)),
)


@settings(
    deadline=None,
    max_examples=8,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(fates, min_size=1, max_size=4), st.integers(0, 3), st.integers(0, 2**32), st.booleans())
def test_any_roads_with_any_losses_bring_every_letter_if_one_road_survives(
    roads: list[Fate], survivor: int, seed: int, large: bool
) -> None:
    rng = random.Random(seed)
    names = NAMES[: len(roads)]
    roads[survivor % len(roads)] = Fate(roads[survivor % len(roads)].kind, 1.0, 3, 0)
    with tempfile.TemporaryDirectory() as folder:
        pair = Pair(Path(folder), {name: fate.kind for name, fate in zip(names, roads, strict=True)}, seed)
        pair.use(*[(name, fate.after_days) for name, fate in zip(names, roads, strict=True)])
        for name, fate in zip(names, roads, strict=True):
            fate.lose(pair, name, rng)
        enclosed = Path(folder) / "film"
        enclosed.write_bytes(rng.randbytes(150_000 if large else 10))
        letters = [
            pair.ada.write("x" * rng.choice((1, 3000, 60_000))),
            pair.bo.write("back", urgent=True),
            pair.ada.write("with a film", enclosures=(enclosed,)),
        ]
        people = {letters[0]: pair.ada, letters[1]: pair.bo, letters[2]: pair.ada}
        pair.days(300, lambda: all(who.state(letter) == "arrived" for letter, who in people.items()))
        for person in pair.people:
            assert len(reading.letters(person.home)) == 3, "nothing is shown twice"
            pair.exchange()
            under_way = person.home.vault.all(
                "SELECT 1 FROM sendings JOIN bundles_out ON hash = bundle JOIN letters ON seq = letter"
                " WHERE letters.kind = 0"
            )
            assert not under_way
