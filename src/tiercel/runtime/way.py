"""The way of our letters: each step is an event of the one table of states, recorded with its evidence."""

from __future__ import annotations

from tiercel.delivery.states import UNDER_WAY, State
from tiercel.limits import ID_BYTES
from tiercel.vault import bonds, bundles, letters
from tiercel.vault.bonds import Bond
from tiercel.vault.letters import Letter
from tiercel.wire import to_base32

from .home import Home

_UNDER_WAY_SQL = "(" + ", ".join(f"'{state.value}'" for state in sorted(UNDER_WAY)) + ")"


def open_letters(home: Home, bond: int) -> list[Letter]:
    """Our letters of a bond that are still sent, service letters included, oldest first."""
    # The plus keeps SQLite from walking all letters of the bond: those under way are few, and have an index.
    where = f"+bond = ? AND direction = 'out' AND state IN {_UNDER_WAY_SQL} ORDER BY urgent DESC, seq"
    return letters.letters_where(home.vault, where, bond)


def lost_enclosure(home: Home, letter: Letter) -> bool:
    """Whether the stored file of an enclosure is gone or cut: then the letter waits, and no other one waits for it."""
    from tiercel.sealing.stream import sealed_size  # listing letters, which comes by here, needs no sealing

    enclosed = letters.enclosures_of(home.vault, letter.seq)
    return any(item.file is not None and lost_file(home, item.file, sealed_size(item.size)) for item in enclosed)


def lost_file(home: Home, file: str, length: int) -> bool:
    """Whether a stored enclosure is not there, or not of the length of its bundle."""
    path = home.vault.enclosures / file
    try:
        return not path.is_file() or path.stat().st_size != length
    except OSError:
        return True


def say_lost(bond: Bond, letter: Letter, what: str = "is missing from the vault folder, or not whole") -> str:
    """A sentence for a letter that waits for its enclosure."""
    return (
        f"An enclosure of your letter {to_base32(letter.id)[:8]} to {bond.name} {what}; the letter waits."
        " Put back a copy of the vault folder, or recall it and write anew."
    )


def said_of_lost(home: Home) -> list[str]:
    """A sentence for each letter that cannot leave because an enclosure is lost."""
    lost = [each for each in letters.with_enclosures_under_way(home.vault) if lost_enclosure(home, each)]
    return [say_lost(bonds.bond_by_id(home.vault, letter.bond), letter) for letter in lost]


def waiting(home: Home) -> int:
    """How many outgoing letters have no receipt yet."""
    return letters.waiting(home.vault)


def service_letter(home: Home, bond: Bond, kind: int) -> Letter:
    """Put a letter without text on its way: an opening, a service letter or the end of a bond."""
    now = home.clock.now_ms()
    letter = letters.add_letter(
        home.vault,
        id=home.entropy.token(ID_BYTES),
        bond=bond.id,
        direction="out",
        kind=kind,
        state=State.ACCEPTED.value,
        written_at=now,
        receipt_secret=home.entropy.token(ID_BYTES),
    )
    letters.add_event(home.vault, letter.seq, now, "accepted")
    return letter


def stop_sending(home: Home, letter: Letter) -> None:
    """Drop the sealed bundles of a letter; its parcels leave the roads at the next visit."""
    bundles.drop_out(home.vault, letter.seq)
