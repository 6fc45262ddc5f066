"""What waits to be sent, why, and what is tried next on which road: read from the rows that decide it.

The words are those of :mod:`tiercel.delivery.outlook`.
"""

from __future__ import annotations

from tiercel.delivery.outlook import LetterNow, Outlook, RoadNow, outlook
from tiercel.delivery.schedule import opens_at, seal_fits
from tiercel.delivery.states import UNDER_WAY, State
from tiercel.limits import DAY_MS
from tiercel.parcel.box import Kind
from tiercel.vault import bonds, bundles, letters, prekeys, roads
from tiercel.vault.bonds import Bond
from tiercel.vault.bundles import BundleOut
from tiercel.vault.letters import Letter
from tiercel.wire import to_base32

from . import way
from .home import Home
from .seals import usable_from
from .views import NextView, OutboxItem

WAITING = (*sorted(UNDER_WAY), State.HELD)
"""States of a letter that waits for something."""


def outbox(home: Home) -> list[OutboxItem]:
    """Our letters that wait, for a receipt or for the answer to a recall: urgent ones first, then the oldest."""
    states = ", ".join(f"'{state.value}'" for state in WAITING)
    found = letters.letters_where(home.vault, f"direction = 'out' AND kind = {letters.LETTER} AND state IN ({states})")
    found += letters.letters_where(home.vault, f"direction = 'out' AND kind = {letters.LETTER} AND recall_at > 0")
    here = {letter.seq: letter for letter in found if waits(letter)}
    return [waiting(home, letter) for letter in sorted(here.values(), key=lambda one: (-one.urgent, one.seq))]


def waits(letter: Letter) -> bool:
    """Whether a letter of ours waits for something: a receipt, a person, or the answer to a recall."""
    asked = letter.recall_at is not None and letter.state in (State.ARRIVED, State.EXPIRED)
    return letter.direction == "out" and (letter.state in WAITING or asked)


def waiting(home: Home, letter: Letter) -> OutboxItem:
    """What one of our letters waits for, and what is tried next; ``letter`` is under way or held."""
    bond = bonds.bond_by_id(home.vault, letter.bond)
    found = _outlook(home, letter, bond)
    steps = tuple(NextView(step.what.value, step.at, step.road, step.until) for step in found.steps)
    first = steps[0] if steps else NextView("", None, None)
    return OutboxItem(
        to_base32(letter.id), bond.name, letter.state, found.why.value, first.what, first.at, first.road,
        steps, bool(letter.urgent), letter.subject,
    )  # fmt: skip


def _outlook(home: Home, letter: Letter, bond: Bond) -> Outlook:
    under_way = bundles.out_of_letter(home.vault, letter.seq)
    seal = next((bundle for bundle in under_way if bundle.kind == Kind.LETTER), None)
    now = LetterNow(
        letter.state,
        sealed=bool(under_way),
        key=_key_at_hand(home, bond),
        roads=tuple(_road(home, letter, bond, seal, use) for use in roads.roads_of(home.vault, bond.id)),
        doubted=bond.doubted_at is not None and bond.state == "bonded",
        enclosure_lost=way.lost_enclosure(home, letter),
        recall_at=letter.recall_at,
        deadline_day=letter.deadline_day,
    )
    return outlook(now, home.clock.now_ms())


def _road(home: Home, letter: Letter, bond: Bond, seal: BundleOut | None, use: roads.BondRoad) -> RoadNow:
    row = home.vault.one(
        "SELECT (SELECT min(due_at) FROM sendings WHERE carrier = ?2 AND bundle IN mine),"
        " count(*), min(until) FROM handed WHERE carrier = ?2 AND put = 1 AND bundle IN mine".replace(
            "mine", "(SELECT hash FROM bundles_out WHERE letter = ?1)"
        ),
        letter.seq, use.carrier,
    )  # fmt: skip
    assert row is not None
    opens = opens_at(letter.accepted_at, use.after_days)
    return RoadNow(use.name, opens, row[0] or 0, row[1], row[2], _fits(home, seal, use))


def _fits(home: Home, seal: BundleOut | None, use: roads.BondRoad) -> bool:
    carrier = roads.carrier_named(home.vault, use.name)
    assert carrier is not None
    today, delay_ms = home.clock.now_ms() // DAY_MS, home.open_carrier(carrier).road.delay_ms
    return seal is None or seal_fits(seal.made_day, today, delay_ms)


def _key_at_hand(home: Home, bond: Bond) -> bool:
    return prekeys.any_theirs(home.vault, bond.id, usable_from(home, bond))
