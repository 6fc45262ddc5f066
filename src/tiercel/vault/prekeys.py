"""Prekeys: our secrets, their gifts, and the tombstones that tell duplicate, expired and unknown apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tiercel.limits import DAY_MS

from .rows import insert, insert_each, select, select_one
from .store import Vault

ONE_TIME, LAST_RESORT, PAIRING = "one-time", "last-resort", "pairing"


@dataclass(frozen=True)
class OurPrekey:
    """A row of ``prekeys_ours``."""

    bond: int
    pid: bytes
    kind: str
    seed: bytes = field(repr=False)
    token: bytes = field(repr=False)
    public_hash: bytes
    made_day: int
    letter: bytes | None
    acked_at: int | None
    superseded_at: int | None
    copied: int = 0


@dataclass(frozen=True)
class TheirPrekey:
    """A row of ``prekeys_theirs``."""

    bond: int
    pid: bytes
    kind: str
    incarnation: bytes
    public: bytes
    token: bytes = field(repr=False)
    made_day: int


def add_ours(vault: Vault, *prekeys: OurPrekey) -> None:
    """Store the secret halves of gifts."""
    insert_each(vault, "prekeys_ours", prekeys)


def ours_by_pid(vault: Vault, bond: int, pid: bytes) -> OurPrekey | None:
    """A live secret of this bond."""
    return select_one(vault, OurPrekey, "prekeys_ours", "WHERE bond = ? AND pid = ?", bond, pid)


def pid_in_other_bond(vault: Vault, bond: int, pid: bytes) -> bool:
    """Whether a pid is live under another bond."""
    return vault.one("SELECT 1 FROM prekeys_ours WHERE bond <> ? AND pid = ? LIMIT 1", bond, pid) is not None


def spend_ours(vault: Vault, prekey: OurPrekey, letter: bytes) -> None:
    """Destroy a one-time secret with the letter it opened. Source: spec/sealing.md 6.

    A last-resort key lives on and gets no tombstone that names a letter: once it has died by time, a letter sealed to
    it is not a duplicate of the first one it opened.
    """
    if prekey.kind != LAST_RESORT:
        insert(vault, "prekeys_spent", or_ignore=True, bond=prekey.bond, pid=prekey.pid, letter=letter)
        vault.run("DELETE FROM prekeys_ours WHERE bond = ? AND pid = ?", prekey.bond, prekey.pid)


def spent_letter(vault: Vault, bond: int, pid: bytes) -> tuple[bool, bytes | None]:
    """Whether a pid has a tombstone, and the letter it opened (None: it expired unused)."""
    row = vault.one("SELECT letter FROM prekeys_spent WHERE bond = ? AND pid = ?", bond, pid)
    return (row is not None, row[0] if row else None)


def carried(vault: Vault, bond: int, letter: bytes) -> list[OurPrekey]:
    """What every seal of a letter carried so far, oldest first."""
    return select(vault, OurPrekey, "prekeys_ours", "WHERE bond = ? AND letter = ? ORDER BY rowid", bond, letter)


def carry_again(vault: Vault, bond: int, letter: bytes, pids: Sequence[bytes], today: int) -> None:
    """A letter is sealed again and carries only these of its gifts; they age from now on.

    Its receipt does not say which seal was opened: what is not in all of them is never counted as held.
    """
    marks = ", ".join("?" * len(pids))
    vault.run(
        f"UPDATE prekeys_ours SET letter = NULL WHERE bond = ? AND letter = ? AND pid NOT IN ({marks})",
        bond, letter, *pids,
    )  # fmt: skip
    vault.run("UPDATE prekeys_ours SET made_day = max(made_day, ?) WHERE bond = ? AND letter = ?", today, bond, letter)


def ack_gifts(vault: Vault, bond: int, letter: bytes, now_ms: int) -> None:
    """A letter's receipt came: its gifts are held by the other side; every older last-resort key is superseded.

    Also one whose own letter was never acknowledged: the other side takes no key older than the one it holds.
    """
    vault.run(
        "UPDATE prekeys_ours SET acked_at = ? WHERE bond = ? AND letter = ? AND acked_at IS NULL", now_ms, bond, letter
    )
    vault.run(
        "UPDATE prekeys_ours SET superseded_at = ?1 WHERE bond = ?2 AND kind = 'last-resort' AND superseded_at IS NULL"
        " AND rowid < (SELECT max(rowid) FROM prekeys_ours WHERE bond = ?2 AND letter = ?3 AND kind = 'last-resort')",
        now_ms, bond, letter,
    )  # fmt: skip
    _drop_copied(vault, bond, letter)


def ours_were_copied(vault: Vault, bond: int) -> None:
    """A copy was put back: the lost time may have used, and deleted, the secrets that are in it."""
    vault.run("UPDATE prekeys_ours SET copied = 1 WHERE bond = ?", bond)


def _drop_copied(vault: Vault, bond: int, letter: bytes) -> None:
    """What told of the copy has its receipt: the other side seals to none of its one-time secrets any more.

    Source: spec/letter.md 5.
    """
    told = (
        "EXISTS (SELECT 1 FROM letters WHERE bond = ?1 AND id = ?2 AND direction = 'out' AND letters.kind = 4"
        " AND written_at >= (SELECT value FROM meta WHERE key = 'put_back_at'))"
    )
    dead = f"bond = ?1 AND copied = 1 AND kind = 'one-time' AND {told}"
    gone = f"SELECT bond, pid, NULL FROM prekeys_ours WHERE {dead}"
    vault.run(f"INSERT OR IGNORE INTO prekeys_spent (bond, pid, letter) {gone}", bond, letter)
    vault.run(f"DELETE FROM prekeys_ours WHERE {dead}", bond, letter)


def nothing_held(vault: Vault, bond: int) -> None:
    """After a copy was put back on either side: none of our gifts is known to be held.

    Of ours, because the other side may have used or replaced any gift that this copy counts; of theirs, because it let
    go of all it had.
    """
    vault.run("UPDATE prekeys_ours SET acked_at = NULL, letter = NULL WHERE bond = ? AND kind <> 'pairing'", bond)


_OLDER_THERE = (
    # Of a letter sealed more than once the first seal may be the one that was opened: there its gifts are that old.
    "EXISTS (SELECT 1 FROM letters WHERE letters.bond = ?2 AND letters.id = letter AND seals > 1 AND written_at < ?3)"
)


def stock(vault: Vault, bond: int, usable_from_day: int) -> tuple[int, int, int]:
    """One-time prekeys of ours: those the other side holds and may still use, those it may hold and still use, all.

    One past its use is kept for letters on their way, and stands in the way of no new one until there are very many.
    """
    row = vault.one(
        f"SELECT count(*) FILTER (WHERE made_day >= ?1 AND acked_at IS NOT NULL AND NOT {_OLDER_THERE}),"
        " count(*) FILTER (WHERE made_day >= ?1), count(*) FROM prekeys_ours WHERE bond = ?2 AND kind = 'one-time'",
        usable_from_day, bond, usable_from_day * DAY_MS,
    )  # fmt: skip
    assert row is not None
    return row[0], row[1], row[2]


def newest_last_resort(vault: Vault, bond: int) -> OurPrekey | None:
    """Our newest last-resort secret."""
    where = "WHERE bond = ? AND kind = 'last-resort' ORDER BY made_day DESC, rowid DESC"
    return select_one(vault, OurPrekey, "prekeys_ours", where, bond)


def expire_ours(vault: Vault, bond: int, one_time_before_day: int, superseded_before_ms: int) -> None:
    """Delete secrets past their keeping, leaving tombstones."""
    dead = (
        "bond = ? AND ((kind = 'one-time' AND made_day < ?)"
        " OR (kind = 'last-resort' AND superseded_at IS NOT NULL AND superseded_at < ?))"
    )
    found = vault.one(
        f"SELECT 1 FROM prekeys_ours WHERE {dead} LIMIT 1", bond, one_time_before_day, superseded_before_ms
    )
    if found is None:
        return
    vault.run(
        "INSERT OR IGNORE INTO prekeys_spent (bond, pid, letter)"
        f" SELECT bond, pid, NULL FROM prekeys_ours WHERE {dead}",
        bond, one_time_before_day, superseded_before_ms,
    )  # fmt: skip
    vault.run(f"DELETE FROM prekeys_ours WHERE {dead}", bond, one_time_before_day, superseded_before_ms)


# -- theirs ------------------------------------------------------------------------------------------


def add_theirs(vault: Vault, *prekeys: TheirPrekey) -> None:
    """Store gifts to seal with."""
    insert_each(vault, "prekeys_theirs", prekeys, or_ignore=True)


def theirs_known(vault: Vault, bond: int, pids: Iterable[bytes] = ()) -> tuple[set[bytes], int]:
    """Which of these pids were ever taken or refused, and how many one-time gifts are held."""
    these = json.dumps([pid.hex() for pid in pids])
    known = vault.all(
        "WITH these AS (SELECT unhex(value) AS pid FROM json_each(?2))"
        " SELECT pid FROM prekeys_theirs WHERE bond = ?1 AND pid IN these"
        " UNION SELECT pid FROM prekeys_refused WHERE bond = ?1 AND pid IN these",
        bond, these,
    )  # fmt: skip
    held = vault.one("SELECT count(*) FROM prekeys_theirs WHERE bond = ? AND kind = 'one-time'", bond)
    return {pid for (pid,) in known}, held[0] if held else 0


def any_theirs(vault: Vault, bond: int, usable_from_day: int) -> bool:
    """Whether there is a key of theirs to seal with that was made on a day or later, or one that does not age."""
    where = "bond = ? AND (kind = 'last-resort' OR (kind = 'one-time' AND made_day >= ?))"
    return vault.one(f"SELECT 1 FROM prekeys_theirs WHERE {where} LIMIT 1", bond, usable_from_day) is not None


def take_theirs(vault: Vault, bond: int, usable_from_day: int) -> TheirPrekey | None:
    """Choose the prekey to seal with, newest one-time first, and destroy it; the last resort is kept.

    Must run inside the transaction that stores the sealed bundle, so that no prekey is used twice.
    """
    best = "WHERE bond = ? AND kind = 'one-time' AND made_day >= ? ORDER BY made_day DESC, rowid DESC"
    chosen = select_one(vault, TheirPrekey, "prekeys_theirs", best, bond, usable_from_day)
    if chosen is None:
        last = "WHERE bond = ? AND kind = 'last-resort' ORDER BY made_day DESC, rowid DESC"
        return select_one(vault, TheirPrekey, "prekeys_theirs", last, bond)
    drop_theirs(vault, bond, chosen.pid)
    return chosen


def pairing_theirs(vault: Vault, bond: int) -> TheirPrekey | None:
    """The other side's pairing key as first prekey, for the opening only."""
    return select_one(vault, TheirPrekey, "prekeys_theirs", "WHERE bond = ? AND kind = 'pairing'", bond)


def drop_theirs(vault: Vault, bond: int, *pids: bytes) -> None:
    """Never use these gifts of theirs again."""
    rows = [(bond, pid) for pid in pids]
    vault.run_each("DELETE FROM prekeys_theirs WHERE bond = ? AND pid = ?", rows)
    vault.run_each("INSERT OR IGNORE INTO prekeys_refused (bond, pid) VALUES (?, ?)", rows)


def let_go(vault: Vault, bond: int, pid: bytes, usable_from_day: int) -> bool:
    """The other side says that a key of its own is gone: say whether there is another to seal with.

    A last-resort gift is given up only for another: with none, sealing again would meet the same dead key.
    """
    held = vault.one("SELECT 1 FROM prekeys_theirs WHERE bond = ? AND pid = ?", bond, pid)
    if held is None:  # a one-time gift went with its seal
        return True
    usable = "(kind = 'last-resort' OR (kind = 'one-time' AND made_day >= ?))"
    another = vault.one(
        f"SELECT 1 FROM prekeys_theirs WHERE bond = ? AND pid <> ? AND {usable} LIMIT 1", bond, pid, usable_from_day
    )
    if another is not None:
        drop_theirs(vault, bond, pid)
    return another is not None


def drop_one_time_theirs(vault: Vault, bond: int) -> None:
    """After an old copy was put back: any of these may have been used already."""
    rows = vault.all("SELECT pid FROM prekeys_theirs WHERE bond = ? AND kind = 'one-time'", bond)
    drop_theirs(vault, bond, *(pid for (pid,) in rows))


def drop_of_others(vault: Vault, bond: int, incarnation: bytes) -> None:
    """Their vault was put back from a copy: what another incarnation of it gave is nobody's any more."""
    where = "bond = ? AND kind <> 'pairing' AND incarnation <> ?"
    rows = vault.all(f"SELECT pid FROM prekeys_theirs WHERE {where}", bond, incarnation)
    drop_theirs(vault, bond, *(pid for (pid,) in rows))


def drop_oldest_theirs(vault: Vault, bond: int, count: int) -> None:
    """Let go of the oldest one-time gifts, so that the newest 256 stay."""
    oldest = vault.all(
        "SELECT pid FROM prekeys_theirs WHERE bond = ? AND kind = 'one-time' ORDER BY made_day, rowid LIMIT ?",
        bond, count,
    )  # fmt: skip
    drop_theirs(vault, bond, *(pid for (pid,) in oldest))


def replace_last_resort(vault: Vault, prekey: TheirPrekey) -> None:
    """Hold a newer last-resort gift; an older one is let go, a late older one is not taken."""
    older = vault.all("SELECT pid, made_day FROM prekeys_theirs WHERE bond = ? AND kind = 'last-resort'", prekey.bond)
    if any(made_day > prekey.made_day for _pid, made_day in older):
        return
    drop_theirs(vault, prekey.bond, *(pid for pid, _made_day in older))
    add_theirs(vault, prekey)
