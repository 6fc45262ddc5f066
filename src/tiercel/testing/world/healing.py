"""The end of all faults: roads deliver, clocks are right, people visit and confirm, until nothing is open any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tiercel.limits import DAY_MS

from .plan import Act, Value
from .stepping import step

if TYPE_CHECKING:
    from .people import Person
    from .world import World

_ROUNDS_MAX: Final = 56
_CALM_ROUNDS: Final = 4
_LEAST_DAYS: Final = 40  # a quarantine empties after 30, and a service letter goes once in 7
_DAYS: Final = (0.2, 0.2, 0.5, 0.5, 1.0)  # between the first rounds; afterwards
_DAYS_AFTERWARDS: Final = 3.0


def heal(world: World) -> None:
    """Let a world come right; how long it took stands in ``slowest_days``.

    Ends when nothing is open, some calm rounds have passed and stocks of keys had time to fill, or after five months.
    """
    world.healing = True
    for road in world.roads.values():
        road.heal()
    for person in world.people.values():
        _put_right(world, person)
    world.checks.healing(world)
    for person in world.people.values():
        for name in person.bonds:  # what must go without help from now on
            details: dict[str, Value] = {"to": name, "size": 300, "mark": f"to {name} after the faults"}
            step(world, person, Act(0, -2, person.name, "write", details))
    began, calm = world.now_ms, 0
    for number in range(_ROUNDS_MAX):
        world.now_ms += round((_DAYS[number] if number < len(_DAYS) else _DAYS_AFTERWARDS) * DAY_MS)
        for person in world.people.values():
            _visit(world, person, number)
        if any(is_open(person) for person in world.people.values()):
            calm, world.slowest_days = 0, (world.now_ms - began) / DAY_MS
        else:
            calm += 1
        if calm > _CALM_ROUNDS and world.now_ms - began > _LEAST_DAYS * DAY_MS:
            return


def is_open(person: Person) -> bool:
    """Whether anything of a person's letters still waits for word: a receipt, an answer, an enclosure."""
    row = person.home.vault.one(
        "SELECT EXISTS (SELECT 1 FROM letters l JOIN bonds b ON b.id = l.bond WHERE b.state = 'bonded' AND ("
        " l.direction = 'out' AND l.kind = 0 AND l.state IN ('accepted', 'sealed', 'handed over', 'held')"
        " OR l.recall_at IS NOT NULL OR l.direction = 'in' AND l.kind = 0 AND l.arrived_at IS NULL"
        " AND l.state <> 'returned' AND (l.deadline_day IS NULL OR l.deadline_day >= ?)))",
        person.today,
    )
    return bool(row and row[0])


def _put_right(world: World, person: Person) -> None:
    for what in ("clock right", "rot back", "one copy", "accept copy"):
        _do(world, person, what, -1)
    for name in person.bonds:
        _do(world, person, "confirm", -1, name)


def _visit(world: World, person: Person, number: int) -> None:
    _do(world, person, "visit", number)
    rows = person.home.vault.all("SELECT name FROM bonds WHERE state = 'bonded' AND doubted_at IS NOT NULL ORDER BY id")
    for (name,) in rows:
        _do(world, person, "confirm", number, name)


def _do(world: World, person: Person, what: str, number: int, to: str = "") -> None:
    step(world, person, Act(0, number, person.name, what, {"to": to} if to else {}))
