"""The vault: one encrypted database, the files beside it, and the promises both keep.

The room owns transactions, deletion that deletes, and the refusal of damaged, newer or older vaults. What the tables
mean stands in the modules beside it. No other room opens the database.

Example:
    >>> with Vault.open(folder, passphrase, entropy, state_dir=state) as vault:  # doctest: +SKIP
    ...     with vault.transaction():
    ...         vault.run("DELETE FROM prekeys WHERE pid = ?", pid)
    ...     vault.forget()

Source: spec/vault.md; security.md A41, A42, A44.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import get_ident
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

import apsw

from tiercel.errors import VaultBusy, VaultDamaged, VaultError
from tiercel.limits import ID_BYTES, VAULT_BUSY_MS
from tiercel.ports import Entropy

from . import files, layout, marker, migrate, opening
from .border import files as converted
from .border import from_sqlite

if TYPE_CHECKING:
    from .keys import KdfParameters

# A reader that is in the way of the checkpoint is not waited for: the checkpoint is owed and tried again.
_FORGET_WAIT_MS: Final = 250
_STOPPED = "The disk failed under this vault, so it was stopped: nothing more is promised that may not be kept."


class _Block:
    """A block of a vault, as :meth:`Vault.transaction` and :meth:`Vault.reading` give it. Used once."""

    __slots__ = ("_begin", "_vault", "_writing")

    def __init__(self, vault: Vault, begin: str, *, writing: bool) -> None:
        self._vault, self._begin, self._writing = vault, begin, writing

    def __enter__(self) -> None:
        self._vault._begin(self._begin, writing=self._writing)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._vault._end(error)
        except apsw.Error as failure:
            self._vault.raise_ours(failure)
        if isinstance(error, apsw.Error):
            self._vault.raise_ours(error)


class Vault:
    """An open vault. Threads may share one; each block of one thread waits for the other's.

    Attributes:
        folder: The vault folder.
        db: The connection, for what the methods here do not offer. Its errors are converted inside blocks.
        enclosures: Folder of sealed enclosures; see :mod:`.files`.
        id: 16 random bytes that name this vault on this machine.
        checkpoint_owed: Deleted keys may still be in the log of the database; :meth:`forget` has to be tried again.
    """

    def __init__(self, folder: Path, db: apsw.Connection, state_dir: Path | None) -> None:
        """For :meth:`create` and :meth:`open`."""
        self.folder = folder
        self.db = db
        self.enclosures = folder / layout.ENCLOSURES
        self.checkpoint_owed = self._log_bytes() > 0
        self._state_dir = state_dir
        self._turn = threading.Lock()
        self._owner: int | None = None
        self._writing = False
        self._stopped = False
        self._changes_before = 0
        self._keep_backups = False
        self._backups_gone = False
        self.id = self._read_id()
        self._marker = marker.read_marker(state_dir, self.id) or 0
        self._behind = self.generation < self._marker
        self._marked = -1  # the generation up to which this run raised the marker

    def __repr__(self) -> str:
        return f"Vault({str(self.folder)!r})"

    # -- making, opening, closing --

    @classmethod
    def create(
        cls,
        folder: Path,
        passphrase: str,
        entropy: Entropy,
        *,
        kdf: KdfParameters | None = None,
        state_dir: Path | None = None,
        steps: Sequence[str] | None = None,
        vfs: str | None = None,
    ) -> Self:
        """Make a vault in a new or empty folder and open it.

        Args:
            folder: Made with mode 0700 where it is missing. One that a killed ``create`` left is taken over.
            passphrase: See :mod:`.keys` for what counts as the same one.
            entropy: For the key, the salts and the id.
            kdf: Cost of each try at the passphrase; by default :data:`.keys.DEFAULT_KDF`.
            state_dir: Where the rollback marker is kept; None keeps none.
            steps: The schema, for tests; by default the shipped one.
            vfs: A SQLite VFS below the page cipher, for simulated disks; see :func:`.database.connect`.

        Raises:
            VaultExists: Something is in the folder. Nothing was changed.
            VaultBusy, DiskFull, VaultError, UsageError: As named. Nothing is left half-made.
        """
        from .keys import DEFAULT_KDF, new_header  # the cryptographic library is loaded only when it is needed

        with layout.making(folder):
            header, key = new_header(passphrase, entropy, kdf or DEFAULT_KDF)
            with opening.connected(folder, key, vfs) as db:
                opening.fill(db, entropy.token(ID_BYTES), migrate.shipped_steps() if steps is None else steps)
                files.sync_folder(folder)
                vault = cls(folder, db, state_dir)
                files.replace(folder / layout.KEYS, header)
        return vault

    @classmethod
    def open(
        cls,
        folder: Path,
        passphrase: str,
        entropy: Entropy,
        *,
        state_dir: Path | None = None,
        steps: Sequence[str] | None = None,
        vfs: str | None = None,
    ) -> Self:
        """Open a vault; an older one is upgraded, after a copy of its database was made beside it.

        An older copy of itself opens too: see :attr:`rolled_back`.

        Args:
            folder: The vault folder.
            passphrase: As given to :meth:`create`.
            entropy: Not used today; opening may have to renew keys in a later version.
            state_dir: Where the rollback marker is kept; None looks at none.
            steps: The schema, for tests; by default the shipped one.
            vfs: A SQLite VFS below the page cipher, for simulated disks; see :func:`.database.connect`.

        Raises:
            VaultMissing, WrongPassphrase, VaultDamaged, VaultNewer, VaultBusy, DiskFull, VaultError: As named. Nothing
                was overwritten.
        """
        from .keys import unlock

        key = unlock(layout.read_header(folder), passphrase)
        with opening.connected(folder, key, vfs) as db:
            upgraded = opening.upgrade(db, folder, key, steps, vfs)
            vault = cls(folder, db, state_dir)
            vault._keep_backups = upgraded
        layout.settle(folder)
        return vault

    def close(self) -> None:
        """Empty the log, raise the marker, close. Safe to call twice.

        Raises:
            DiskFull, VaultError: Emptying failed; what was committed is safe, deleted keys may linger until next time.
        """
        try:
            if not self._stopped:
                self.forget()
                self.mark()
        finally:
            self._stopped = True
            self.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def change_passphrase(self, old: str, new: str, entropy: Entropy) -> None:
        """Replace the passphrase in one step: a crash leaves the old one or the new one in force.

        Raises:
            WrongPassphrase: ``old`` does not open the vault.
            VaultBusy, VaultDamaged, DiskFull, VaultError, UsageError: As named. The old one stays in force.
        """
        from .keys import change_passphrase

        self._need_running()
        with layout.alone(self.folder):
            header = change_passphrase(layout.read_header(self.folder), old, new, entropy)
            with converted():
                files.replace(self.folder / layout.KEYS, header)

    # -- blocks --

    def transaction(self) -> AbstractContextManager[None]:
        """All of the block, durably, or nothing of it. One writer at a time over all processes.

        What the block decides from data it must read inside the block.

        Raises:
            VaultBusy: Another process wrote for ten seconds.
            DiskFull, VaultDamaged, VaultError: As named; everything is as before. After a failing disk the vault is
                stopped (:class:`~tiercel.errors.VaultError` from then on): whether the last commit holds is known
                only after opening again.
        """
        return _Block(self, "BEGIN IMMEDIATE", writing=True)

    def reading(self) -> AbstractContextManager[None]:
        """One unchanging view for all reads of the block, beside any writer. Keep it short: it holds up forgetting."""
        return _Block(self, "BEGIN", writing=False)

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part of :meth:`transaction`: where an error leaves it nothing of it stays, and the rest goes on."""
        self._say("SAVEPOINT part")
        try:
            yield
        except BaseException:
            with suppress(apsw.Error):  # after some errors SQLite has undone the whole transaction by itself
                self._say("ROLLBACK TO part")
                self._say("RELEASE part")
            raise
        self._say("RELEASE part")

    def all(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        """Every row. Outside a block it sees a view of its own."""
        ours = self._owner == get_ident()
        if not ours:
            self._begin_reading(sql)
        try:
            return self.db.execute(sql, args).fetchall()
        except apsw.Error as error:
            self.raise_ours(error)
        finally:
            if not ours:
                self._end_reading()

    def one(self, sql: str, *args: Any) -> tuple[Any, ...] | None:
        """The first row, or None. Outside a block it sees a view of its own."""
        ours = self._owner == get_ident()
        if not ours:
            self._begin_reading(sql)
        try:
            row: tuple[Any, ...] | None = self.db.execute(sql, args).fetchone()
            return row
        except apsw.Error as error:
            self.raise_ours(error)
        finally:
            if not ours:
                self._end_reading()

    def run(self, sql: str, *args: Any) -> None:
        """Change something; only inside :meth:`transaction`."""
        self.run_each(sql, (args,))

    def run_each(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Change something once for each of these rows of arguments; only inside :meth:`transaction`."""
        if self._owner != get_ident() or not self._writing:
            raise RuntimeError("a change outside a transaction")
        try:
            self.db.executemany(sql, rows)
        except apsw.Error as error:
            self.raise_ours(error)

    # -- forgetting, and older copies --

    def forget(self) -> bool:
        """Make deleted bytes unreadable now: empty the log into the database, where they are overwritten.

        Call it after every transaction that deleted keys. A reader in the way is not waited for.

        Returns:
            Whether it was done. If not, :attr:`checkpoint_owed` stays set, and the next call or :meth:`close` tries
            again; so does the next run, which finds the log.

        Raises:
            DiskFull, VaultError: The disk failed.
        """
        self._need_running()
        self._take_turn()
        try:
            self.checkpoint_owed = True
            try:
                self._empty_log()
            except VaultBusy:
                return False
            self.checkpoint_owed = self._log_bytes() > 0
            if not self.checkpoint_owed and not self._keep_backups:
                self._remove_backups()
        finally:
            self._give_turn()
        return not self.checkpoint_owed

    def _remove_backups(self) -> None:
        # Copies made by an upgrade hold every key deleted since. They outlive the run that made them, no more.
        if not self._backups_gone:
            with converted():
                for path in migrate.backups(self.folder):
                    path.unlink(missing_ok=True)
            self._backups_gone = True

    @property
    def generation(self) -> int:
        """How many changing transactions this vault has had; it only grows."""
        return self._age()[0]

    @property
    def rolled_back(self) -> bool:
        """Whether this is an older copy of the vault last used here. Reading is fine; nothing may be sent."""
        return self._age()[1]

    def accept_rollback(self) -> None:
        """A person decided that this copy is the vault from now on. Every other copy then counts as old."""
        newest = max(self._marker, marker.read_marker(self._state_dir, self.id) or 0)
        with self.transaction():
            # Beyond all that was ever seen: an old copy between the two generations is found as well.
            self.run("UPDATE meta SET value = max(value, ?) WHERE key = 'generation'", newest)
            self.run("DELETE FROM meta WHERE key = 'rolled_back'")
        self.mark()

    def mark(self) -> bool:
        """Put the present generation outside the vault; before anything is sent, and at close.

        Returns:
            Whether the marker stands. If not, there is no place for it, or the vault is an older copy of itself.
        """
        generation, rolled_back = self._age()
        if rolled_back:
            return False
        if generation != self._marked and marker.raise_marker(self._state_dir, self.id, generation):
            self._marked = generation
        return generation == self._marked

    def check(self) -> list[str]:
        """Read every page and every rule; for ``doctor``. Takes as long as reading the whole database.

        Returns:
            A sentence for each thing found; none when all is well.
        """
        from .keys import check_header

        found = []
        try:
            check_header(layout.read_header(self.folder))
            for (line,) in self.all("PRAGMA quick_check(20)"):
                if line != "ok":
                    found.append(f"The database fails its check: {line}.")
            for table, *_ in self.all("PRAGMA foreign_key_check"):
                found.append(f"A row of {table} points to nothing.")
        except VaultError as error:
            found.append(str(error))
        return found

    # -- inside --

    def _begin(self, begin: str, *, writing: bool) -> None:
        self._need_running()
        self._take_turn()
        try:
            self._say(begin)
        except BaseException as error:
            self._give_turn()
            if isinstance(error, apsw.Error):
                self.raise_ours(error)
            raise
        self._writing, self._changes_before = writing, self.db.total_changes()

    def _end(self, error: BaseException | None) -> None:
        """Commit, or undo because of an error of the block, which is raised as one of ours where it is SQLite's."""
        try:
            if error is None:
                self._finish()
        except BaseException as failure:
            error = failure
            raise
        finally:
            if error is not None:
                self._undo()
            self._writing = False
            self._give_turn()

    def _finish(self) -> None:
        if not self._writing:
            self._say("ROLLBACK")
            return
        if self.db.total_changes() != self._changes_before:
            self._count_commit()
        self._say("COMMIT")

    def _say(self, word: str) -> None:
        # Quick to parse, and every statement kept costs a place that another loses.
        self.db.execute(word, can_cache=False)

    def _take_turn(self) -> None:
        me = get_ident()
        if self._owner == me:
            raise RuntimeError("a block inside a block")
        if not self._turn.acquire(timeout=VAULT_BUSY_MS / 1000):
            raise VaultBusy()
        self._owner = me

    def _give_turn(self) -> None:
        self._owner = None
        self._turn.release()

    def raise_ours(self, error: apsw.Error) -> NoReturn:
        """Raise the error of ours that says the same, or the error itself where it is a bug.

        After a failing disk nothing goes on.
        """
        if isinstance(error, apsw.IOError):
            self._stop()
        ours = from_sqlite(error, self.db.system_errno)
        if ours is None:
            raise error
        raise ours from error

    def _begin_reading(self, sql: str) -> None:
        """Make room for one statement outside a block: a SELECT has one view by itself, and of another nothing stays.

        Every visit asks a hundred times, so this says in full what :meth:`_begin` would.
        """
        if not sql.startswith("SELECT"):
            self._begin("BEGIN", writing=False)
            return
        if self._stopped:
            self._need_running()
        if not self._turn.acquire(blocking=False):
            self._take_turn()
        self._owner = get_ident()

    def _end_reading(self) -> None:
        if self.db.in_transaction:
            self._undo()
        self._owner = None
        self._turn.release()

    def _undo(self) -> None:
        # SQLite has rolled back by itself after some errors; whatever is left falls with the connection.
        with suppress(apsw.Error):
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
        if self.db.in_transaction:
            self._stop()

    def _stop(self) -> None:
        """After a failed sync the kernel calls pages clean that are not: nothing this process reads can be trusted."""
        self._stopped = True
        with suppress(apsw.Error):
            self.db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)

    def _need_running(self) -> None:
        if self._stopped:
            raise VaultError(_STOPPED, remedy="Check the disk, then open the vault again.")

    def _count_commit(self) -> None:
        if self._behind:  # an older copy stays known as one when its own changes carry it past the marker
            self.db.execute(
                "INSERT OR REPLACE INTO meta (key, value) SELECT 'rolled_back', 1"
                " WHERE (SELECT value FROM meta WHERE key = 'generation') < ?",
                (self._marker,),
            )
        self.db.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")

    def _empty_log(self) -> None:
        self.db.set_busy_timeout(_FORGET_WAIT_MS)
        try:
            self.db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:
            self.raise_ours(error)
        finally:
            self.db.set_busy_timeout(VAULT_BUSY_MS)

    def _log_bytes(self) -> int:
        try:
            return (self.folder / (layout.DATABASE + "-wal")).stat().st_size
        except FileNotFoundError:
            return 0

    def _age(self) -> tuple[int, bool]:
        """The generation, and whether this is an older copy of the vault."""
        rows = dict(self.all("SELECT key, value FROM meta WHERE key IN ('generation', 'rolled_back')"))
        generation, rolled_back = (
            value if isinstance(value := rows.get(key), int) else 0 for key in ("generation", "rolled_back")
        )
        return generation, generation < self._marker or rolled_back != 0

    def _read_id(self) -> bytes:
        row = self.one("SELECT value FROM meta WHERE key = 'vault_id'")
        if not row or not isinstance(row[0], bytes) or len(row[0]) != ID_BYTES:
            raise VaultDamaged()
        return row[0]
