"""One act of one person, with everything that may cut it short: a crash, a failing disk, a vault locked meanwhile."""

from __future__ import annotations

import errno
import traceback
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Final

from tiercel.errors import DiskFull, NotYet, StateForbids, TiercelError, VaultError

from . import symbolic
from .acts import ACTS
from .checks import Violation
from .disk import Lost, Point, PowerCut
from .fault_disk import FaultDisk
from .plan import Act

if TYPE_CHECKING:
    from .people import Person
    from .world import World

_ROOM_BYTES: Final = 20_000
_SWEEP_MAX: Final = 60


class _NothingElse:
    """What an act raises that no person may ever see is a violation, with the place where it was raised."""

    def __init__(self, act: Act) -> None:
        self._act = act

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, Violation):
            where = traceback.extract_tb(error.__traceback__)[-4:]
            way = " < ".join(
                f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in where[::-1]
            )
            doing = f"{self._act.who}: {self._act.what} {self._act.details}"
            raise Violation("crash", f"{doing}: {type(error).__name__}: {error} ({way})") from error


def step(world: World, person: Person, act: Act) -> None:
    """Let a person act; afterwards the machine runs again and everything was looked at."""
    if act.what == "sweep":
        _sweep(world, person, act)
        return
    rng = Random(f"{world.plan.seed} act {act.n}")
    with _NothingElse(act):
        outcome = _act(world, person, act, rng)
        world.stepped(person, act, outcome)


class _Dying:
    """What a program still says after its machine went down, or its vault was locked, is heard by nobody."""

    def __init__(self, person: Person, act: Act) -> None:
        self._person, self._act = person, act
        self.silenced = False

    def __enter__(self) -> _Dying:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        locked = self._act.what == "lock" and not self._person.locks_in
        ours = isinstance(error, Exception) and not isinstance(error, Violation)
        self.silenced = ours and (locked or not self._person.disk.powered)
        return self.silenced


def _act(world: World, person: Person, act: Act, rng: Random) -> str:
    failed = _prepare(person, act)
    outcome = "done"
    with _Dying(person, act) as dying:
        try:
            with symbolic.acting(person.name):
                ACTS[act.what](person, act.details, rng)
        except PowerCut as cut:
            _note_cut(world, act, cut)
        except (NotYet, StateForbids) as error:
            outcome = error.kind
        except (VaultError, DiskFull) as error:
            outcome = _on_disk_error(world, person, error, failed)
    if dying.silenced or not person.disk.powered:
        outcome = "cut"
    return _after(world, person, act, outcome, failed, rng)


def _prepare(person: Person, act: Act) -> int:
    """Order what the machine will do; how often the disk had failed before."""
    details, disk = act.details, person.disk
    nth = int(details.get("nth", 1))
    if "cut" in details and (isinstance(disk, FaultDisk) or details["cut"] not in (Point.WRITE, Point.SYNC)):
        disk.cut_at(Point(str(details["cut"])), nth)
    if "fail" in details and isinstance(disk, FaultDisk):
        what = str(details["fail"])
        if what in (Point.WRITE, Point.SYNC):
            disk.fail(Point(what), nth, number=errno.EIO)
        elif what == "full":
            disk.room_bytes = _ROOM_BYTES * nth
        else:
            disk.read_only = True
    return disk.failed if isinstance(disk, FaultDisk) else 0


def _on_disk_error(world: World, person: Person, error: TiercelError, failed: int) -> str:
    """A vault may only complain where its disk failed, or where it was locked."""
    if isinstance(person.disk, FaultDisk) and person.disk.failed > failed:
        world.reached("a disk failed under an act")
        return error.kind
    raise error


def _note_cut(world: World, act: Act, cut: PowerCut) -> None:
    frames = traceback.extract_tb(cut.__traceback__)
    # Nearly all commits are the office's: where it was called from says more.
    ours = [frame for frame in frames if "/runtime/" in frame.filename and "/office.py" not in frame.filename]
    where = f"{ours[-1].filename.rsplit('/', 1)[-1]} {ours[-1].name}" if ours else act.what
    world.crash_sites.add(f"{where} {str(cut).rsplit(' ', 1)[0]}")


def _after(world: World, person: Person, act: Act, outcome: str, failed: int, rng: Random) -> str:
    disk, details = person.disk, act.details
    disk.never_mind()
    locked, person.locks_in = act.what == "lock" and not person.locks_in, 0
    if not disk.powered:
        lost = Lost(str(details.get("lost", "nothing"))) if disk.loses_writes else Lost.NOTHING
        person.crash(lost, rng)
        world.counts["crash points"] += 1
        world.counts[f"node: {'power cut' if lost is not Lost.NOTHING else 'crash'} {details.get('cut', '')}"] += 1
        return "cut"
    if isinstance(disk, FaultDisk) and "fail" in details:
        if disk.failed > failed:
            world.counts[f"node: disk {details['fail']}"] += disk.failed - failed
        disk.mend()
        person.reopen()
    elif locked:
        world.counts["node: locked"] += 1
        person.reopen()
    return outcome


def _sweep(world: World, person: Person, act: Act) -> None:
    """One visit, cut before and after its first commit, its second, ... until one comes to its end."""
    world.counts["node: sweep"] += 1
    for nth in range(1, _SWEEP_MAX):
        for point in (Point.BEFORE_COMMIT, Point.AFTER_COMMIT):
            before = world.counts["crash points"]
            details = {**act.details, "cut": str(point), "nth": nth}
            step(world, person, Act(act.at_ms, act.n, act.who, str(act.details.get("of", "visit")), details))
            if world.counts["crash points"] == before:
                return
