"""Rare states that the worlds of many seeds must reach sometimes: a simulator that never gets there proves little.

Each is declared here and reached by being seen: in the steps of a letter's way, in where a machine went down, in what
really went wrong, or in what the vault holds at that moment. None is reached by being planned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .people import Change, Person
    from .plan import Act
    from .world import World

_BY_COUNT: Final = {
    "parcel: late duplicate": "a parcel came again after weeks or months",
    "parcel: hold": "a parcel was held until the day after its last",
    "parcel: swap": "a parcel came under the name of another",
    "parcel: replay": "a parcel of long ago, or of others, was put on a road again",
    "road: rolled back": "the disk of a relay or folder was put back to an older copy",
    "road: wiped": "a road lost everything it held",
    "road: lie": "a relay said that it holds what it never stored",
    "road: spam": "a mail lay in the spam box",
    "road: over the limit": "a mail was too large for its provider",
    "road: folded name": "a folder changed names to capitals",
    "road: partial copy": "a stick was pulled out while it was written to",
    "road: two computers": "two computers wrote to one stick",
    "road: unflushed lost": "a crash took parcels that no flush had made durable",
    "road: full met": "a road was full",
    "road: read only met": "a road could only be read",
    "road: outage met": "a road was not there",
    "node: locked": "the vault was locked under a visit",
    "node: time zone": "a clock showed the time of another zone",
    "node: disk full": "the disk of a vault was full",
    "node: disk sync": "a sync of a vault failed",
    "node: disk write": "a write to a vault failed",
    "node: disk read only": "the disk of a vault could not be written",
    "node: clone used in turn": "two copies of a vault were used in turn",
    "life: bond ended": "a bond was ended",
}
_BY_PLACE: Final = {
    "putting": "a machine went down while parcels were put",
    "housekeeping": "a machine went down while a visit came to its end",
    "home": "a machine went down while a visit began",
    "spools": "a machine went down while an enclosure was gathered",
    "reading_roads": "a machine went down while a road was read",
    "seals": "a machine went down while a letter was sealed",
    "writing": "a machine went down while a letter was accepted",
    "reading": "a machine went down while a letter was shown",
    "telling": "a machine went down while a note was said",
}
_BY_STEP: Final = (  # side, beginning of the step, wonder
    ("out", "sealed again", "a letter was sealed again"),
    ("out", "its key had expired", "a letter was sealed again because its key was gone"),
    ("out", "recall asked", "a letter on its way was asked back"),
    ("out", "recalled before", "a letter was taken back before it left"),
    ("out", "kept", "a recall was answered kept"),
    ("out", "returned", "a letter came back unopened"),
    ("out", "expired", "a letter expired"),
    ("out", "receipt: read", "a receipt of reading came"),
    ("out", "held: for the old", "letters were held because a bond ended"),
    ("out", "held: a copy", "letters were held because a copy was put back"),
    ("out", "the bond was confirmed", "held letters went on after a person confirmed"),
    ("out", "crossed: one copy", "one copy of a vault returned what another had shown"),
    ("in", "crossed", "a reader learnt that an older life of the vault had returned a letter"),
)
_UNDER_WAY: Final = frozenset({"accepted", "sealed", "handed over"})
_OTHERS: Final = (
    "a clock in doubt was confirmed",
    "a clock was years ahead",
    "a clock was years behind",
    "a disk failed under an act",
    "a held letter was sent after all",
    "a letter arrived before one that was written earlier",
    "a letter before one that came is missing",
    "a letter came while its writer held it for expired",
    "a letter expired, and its receipt came after all",
    "a letter of a bond that is over stayed a draft",
    "a letter was handed to two roads",
    "a letter was known to be read before it was known to have arrived",
    "a letter was not to be opened yet",
    "a letter was opened with the last-resort key",
    "a letter was sealed to the last-resort key",
    "a letter was sent again although it had arrived: its receipt was lost",
    "a reply proved that a letter had arrived",
    "a return and the reading of a letter crossed",
    "a recall came before its letter",
    "an enclosure came after its letter was opened",
    "an enclosure of more than a MiB arrived",
    "an older copy refused to send",
    "an older copy was taken for the vault",
    "one road failed and another worked in the same visit",
    "something was set aside in quarantine",
    "the other side was told that a copy was put back",
    "two vaults that write as one were noticed",
    "a copy was put back while an enclosure was being gathered",
)
SOMETIMES: Final[frozenset[str]] = frozenset(
    {*_BY_COUNT.values(), *_BY_PLACE.values(), *(wonder for _side, _step, wonder in _BY_STEP), *_OTHERS}
)
"""Every rare state that is looked for, as a sentence."""


def wonders_of(world: World, person: Person, act: Act, changes: list[Change]) -> Iterator[str]:
    """The rare states that one act reached."""
    for change in changes:
        if change.kind == 0:
            yield from _of_letter(world, person, change)
    if changes:
        yield from _of_vault(person)
    years = person.clock.offset_ms / (365 * 86_400_000)
    if act.what == "visit" and abs(years) >= 1:
        yield "a clock was years ahead" if years > 0 else "a clock was years behind"


def wonders_of_life(world: World) -> Iterator[str]:
    """The rare states that show in what was counted over a whole life."""
    for counted, wonder in _BY_COUNT.items():
        if world.counts[counted]:
            yield wonder
    for site in world.crash_sites:
        wonder = _BY_PLACE.get(site.partition(".")[0], "")
        if wonder:
            yield wonder


def _of_letter(world: World, person: Person, change: Change) -> Iterator[str]:
    before = person.states.get(change.id, "")
    for side, beginning, wonder in _BY_STEP:
        if change.direction == side and any(step.startswith(beginning) for step in change.steps):
            yield wonder
    yield from _of_ours(world, change, before) if change.direction == "out" else _of_theirs(world, person, change)


def _of_ours(world: World, change: Change, before: str) -> Iterator[str]:
    if change.state == "crossed":
        yield "a return and the reading of a letter crossed"
    if before == "expired" and change.state in ("arrived", "read", "answered"):
        yield "a letter expired, and its receipt came after all"
    if before in _UNDER_WAY and change.state == "answered":
        yield "a reply proved that a letter had arrived"
    if before in _UNDER_WAY and change.state == "read" and "receipt: arrived" not in change.steps:
        yield "a letter was known to be read before it was known to have arrived"
    if any("last-resort" in step for step in change.steps):
        yield "a letter was sealed to the last-resort key"
    if any(step.startswith("handed over") for step in change.steps):
        if len(change.roads) > 1:
            yield "a letter was handed to two roads"
        if "handed over again" in change.steps and world.has_arrived(change.id):
            yield "a letter was sent again although it had arrived: its receipt was lost"


def _of_theirs(world: World, person: Person, change: Change) -> Iterator[str]:
    if change.weaker:
        yield "a letter was opened with the last-resort key"
    if change.state == "returned" and change.id not in person.states:
        yield "a recall came before its letter"
    if "arrived" not in change.steps:
        return
    if world.state_at_writer(change.id) == "expired":
        yield "a letter came while its writer held it for expired"
    if change.shown:
        yield "an enclosure came after its letter was opened"
    if person.largest_enclosure(change.id) > 1 << 20:
        yield "an enclosure of more than a MiB arrived"
    if change.number is not None:
        newest = person.newest.get(change.bond, 0)
        if change.number < newest:
            yield "a letter arrived before one that was written earlier"
        elif change.number > newest + 1:
            yield "a letter before one that came is missing"


def _of_vault(person: Person) -> Iterator[str]:
    row = person.home.vault.one(
        "SELECT EXISTS (SELECT 1 FROM quarantine), EXISTS (SELECT 1 FROM bonds WHERE doubted_at IS NOT NULL),"
        " EXISTS (SELECT 1 FROM warnings WHERE text LIKE 'Two vaults%' OR text LIKE '%another copy%')"
    )
    assert row is not None
    if row[0]:
        yield "something was set aside in quarantine"
    if row[1]:
        yield "the other side was told that a copy was put back"
    if row[2]:
        yield "two vaults that write as one were noticed"
