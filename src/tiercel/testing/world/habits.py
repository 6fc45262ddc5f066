"""How one person lives: when they visit their roads and write, what letters, and what happens to their machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .swarm import Draw

VISIT_DAYS: Final = (8.0, 60.0)
BUSY_DAYS: Final = (1.0, 4.0)  # of one person in ten, who also writes often
WRITE_DAYS: Final = (20.0, 300.0)
_HOURS: Final = 1 / 24
_STRUCK: Final = {"clone": 0.3, "plant": 0.3}  # how likely a fault that is on strikes a person; else 0.8


def life_of(draw: Draw, name: str, others: list[str]) -> None:
    """Add everything that a person does, and what goes wrong with the machine, to a plan."""
    away, busy = _months_away(draw), draw.rng.random() < 0.05
    _visits(draw, name, away, draw.between(*BUSY_DAYS) if busy else draw.between(*VISIT_DAYS))
    for other in others:
        _letters(draw, name, other, away, 5 * draw.between(*BUSY_DAYS) if busy else draw.between(*WRITE_DAYS))
    for fault, add in _MACHINE.items():
        if fault in draw.on and draw.rng.random() < _STRUCK.get(fault, 0.8):
            add(draw, name, others)


def _months_away(draw: Draw) -> list[tuple[float, float]]:
    rng = draw.rng
    return [(day, day + draw.between(20, 200)) for day in draw.times(0.4)] if rng.random() < 0.5 else []


def _is_away(day: float, away: list[tuple[float, float]]) -> bool:
    return any(start <= day < end for start, end in away)


def _visits(draw: Draw, name: str, away: list[tuple[float, float]], every: float) -> None:
    """Every so many days at the person's hour; on days off not at all."""
    rng = draw.rng
    hour, off = rng.uniform(0, 24), rng.sample(range(7), rng.choice((0, 0, 1, 2)))
    day = 0.0
    while (day := day + every * rng.uniform(0.5, 1.5)) < draw.days:
        if int(day) % 7 not in off and not _is_away(day, away):
            draw.act(int(day) + (hour + rng.uniform(-2, 2)) * _HOURS, name, "visit")
        if rng.random() < 0.03:
            draw.act(day + rng.uniform(0, 5), name, "read")


def _letters(draw: Draw, name: str, other: str, away: list[tuple[float, float]], every: float) -> None:
    rng, day = draw.rng, 0.0
    while (day := day + rng.expovariate(1 / every)) < draw.days:
        if _is_away(day, away):
            continue
        draw.act(day, name, "write", to=other, mark=len(draw.acts), **_letter(draw))
        if rng.random() < 0.5:
            draw.act(day + 0.002, name, "visit", hurry=True)
        if rng.random() < 0.06:
            draw.act(day + draw.between(0.01, 40), name, "recall")


def _letter(draw: Draw) -> dict[str, Any]:
    rng = draw.rng
    chance = rng.random()
    size = 600 if chance < 0.85 else 6_000 if chance < 0.95 else 60_000 if chance < 0.995 else 900_000
    found: dict[str, Any] = {"size": rng.randrange(10, size)}
    if rng.random() < 0.05:
        found["enclosures"] = rng.choice((1, 1, 1, 2))
        chance = rng.random()
        most = 9_000 if chance < 0.7 else 150_000 if chance < 0.95 else 1_300_000 if chance < 0.995 else 5_000_000
        found["enclosed"] = rng.randrange(most)
    if rng.random() < 0.08:
        found["urgent"] = True
    if rng.random() < 0.08:
        found["deadline"] = round(draw.between(2, 200))
    if rng.random() < 0.04:
        found["not before"] = round(draw.between(1, 60))
    if rng.random() < 0.4:
        found["reply"] = True
    return found


# -- what happens to the machine ---------------------------------------------------------------------


def _crash(draw: Draw, name: str, others: list[str]) -> None:
    rng = draw.rng
    for day in draw.times(3):
        how: dict[str, Any] = {"cut": rng.choice(("before commit", "after commit")), "nth": rng.randrange(1, 9)}
        what = rng.choice(("visit", "visit", "visit", "read", "write"))
        if what == "write":
            how |= {"to": rng.choice(others), "mark": len(draw.acts), "size": 400, "nth": 1}
        draw.act(day, name, what, **how)


def _sweep(draw: Draw, name: str, others: list[str]) -> None:
    for day in draw.times(0.5):
        draw.act(day, name, "write", to=draw.rng.choice(others), mark=len(draw.acts), size=300)
        draw.act(day + 0.01, name, "sweep")


def _power(draw: Draw, name: str, others: list[str]) -> None:
    rng = draw.rng
    for day in draw.times(3):
        where = rng.choice(("write", "sync", "before commit", "after commit"))
        lost = rng.choice(("some", "all"))
        nth = rng.randrange(1, 60 if where == "write" else 12)
        if rng.random() < 0.3:
            draw.act(
                day, name, "write", to=rng.choice(others), mark=len(draw.acts), size=500, cut=where, nth=nth, lost=lost
            )
        else:
            draw.act(day, name, "visit", cut=where, nth=nth, lost=lost)


def _disk(draw: Draw, name: str, _others: list[str]) -> None:
    rng = draw.rng
    for day in draw.times(3):
        what = rng.choice(("write", "sync", "full", "read only"))
        draw.act(day, name, "visit", fail=what, nth=rng.randrange(1, 20))


def _lock(draw: Draw, name: str, _others: list[str]) -> None:
    for day in draw.times(2):
        draw.act(day, name, "lock", nth=draw.rng.randrange(1, 12))


def _restore(draw: Draw, name: str, _others: list[str]) -> None:
    for day in draw.times(3):
        draw.act(day, name, "back up")
    for day in draw.times(draw.between(0.1, 0.8)):
        draw.act(day, name, "put back", days=round(draw.between(0.01, 30), 2))


def _clone(draw: Draw, name: str, _others: list[str]) -> None:
    """Once in a life: a copy of the whole machine, which is used in turn with it for a while."""
    rng = draw.rng
    at = rng.uniform(0.1, 0.9) * draw.days
    draw.act(at, name, "clone")
    for _ in range(rng.randrange(1, 6)):
        at += draw.between(0.5, 20)
        draw.act(at, name, "other copy")
        draw.act(at + 0.1, name, "visit")
    draw.act(at + draw.between(1, 60), name, "one copy")


def _clock(draw: Draw, name: str, _others: list[str]) -> None:
    rng = draw.rng
    for day in draw.times(0.5):
        days = rng.choice((-3652, -3652, 3652, 3652, -365, 365, 800, -40, 46, 100, -2, -0.5, 20))
        draw.act(day, name, "clock jump", days=days)
        for _ in range(rng.randrange(0, 4)):
            draw.act(day + rng.uniform(0, 5), name, "visit")
        draw.act(day + draw.between(1, 60), name, "clock right")


def _zone(draw: Draw, name: str, _others: list[str]) -> None:
    for day in draw.times(0.5):
        draw.act(day, name, "zone", hours=draw.rng.choice((-11, -5, -1, 1, 2, 8, 13)))
        draw.act(day + draw.between(1, 60), name, "clock right")


def _reopen(draw: Draw, name: str, _others: list[str]) -> None:
    for day in draw.times(4):
        draw.act(day, name, "reopen")


def _forge(draw: Draw, name: str, _others: list[str]) -> None:
    for day in draw.times(2):
        draw.act(day, name, "forge")


def _plant(draw: Draw, name: str, _others: list[str]) -> None:
    """Once in a life."""
    draw.act(draw.rng.uniform(0.1, 0.9) * draw.days, name, "plant")


def _rot(draw: Draw, name: str, others: list[str]) -> None:
    """A letter with an enclosure is sent, and while it is, the disk reads it wrong."""
    for day in draw.times(1):
        more = {"enclosures": 1, "enclosed": draw.rng.randrange(1_000, 90_000)}
        draw.act(day, name, "write", to=draw.rng.choice(others), mark=len(draw.acts), size=200, **more)
        draw.act(day + 0.001, name, "rot", days=round(draw.between(0.5, 20), 2))
        draw.act(day + 0.002, name, "visit", hurry=True)


_MACHINE: Final = {
    "crash": _crash, "sweep": _sweep, "power": _power, "disk": _disk, "lock": _lock, "restore": _restore,
    "clone": _clone, "clock": _clock, "zone": _zone, "reopen": _reopen,
    "forge": _forge, "plant": _plant, "rot": _rot,
}  # fmt: skip
