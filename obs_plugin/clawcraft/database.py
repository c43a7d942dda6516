"""A SQLite file of the service's: opening it whatever its state, its schema, and one transaction at a time.

One connection under one lock serves every thread: a statement takes some ten microseconds, so waiting for the lock
costs less than a connection per thread, and one close leaves nothing open.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clawcraft.clock import Clock
from clawcraft.errors import Stopping, StorageUnavailable
from clawcraft.files import private_folder
from clawcraft.telemetry.events import EventLog

_UNREADABLE: Final = (None, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""What tells of the file itself, None being this module's own verdict. All else is a failure of the surroundings: the
file may be fine, so it stays where it is."""

CACHE_KIB: Final = 512
"""Pages of a file in OBS's own memory, in the place of SQLite's 2 MB; the operating system keeps the rest in its."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file is for.

    Parameters: ``name`` as people are told it, ``lost`` what is gone with a file that cannot be read; ``migrations``
    the statements that lead from each schema version to the next, of which ``user_version`` counts those applied;
    ``exclusive`` keeps every other program out, ``busy_timeout_s`` is how long to wait for one that is in.
    """

    name: str
    lost: str
    migrations: Sequence[Sequence[str]]
    exclusive: bool
    busy_timeout_s: float


class Database:
    """The open file. Raises StorageUnavailable from the constructor only if no file can be used at all; a file that
    SQLite cannot read, or of a newer version, is moved aside and said so in the log."""

    def __init__(self, path: Path, kind: FileKind, clock: Clock, log: EventLog) -> None:
        self.path = path
        self.lock = threading.RLock()
        self.trouble = ""
        """Why the last use failed, until something was written again: a full disk, mostly."""
        self._kind = kind
        self._clock = clock
        self._log = log
        self._connection: sqlite3.Connection | None = None
        try:
            self._open()
        except sqlite3.Error as error:
            if _primary_code(error) not in _UNREADABLE:
                raise self._unavailable(error) from error
            self.start_over(str(error))

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection for one read. Raises StorageUnavailable, or Stopping after close()."""
        with self.lock:
            if self._connection is None:
                raise Stopping(f"the service is stopping and its {self._kind.name} is closed")
            try:
                yield self._connection
            except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
                raise  # A defect of ours, not of the disk.
            except sqlite3.Error as error:
                unavailable = self._unavailable(error)
                self.trouble = unavailable.message
                raise unavailable from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection inside a write transaction: all of it is stored when the block ends, or none."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            before = connection.total_changes
            try:
                yield connection
                connection.execute("COMMIT")
                if connection.total_changes != before:
                    self.trouble = ""
            except BaseException:
                # SQLite itself rolls back on a full disk; a second rollback would be an error.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def writing(self, statements: int) -> Iterator[sqlite3.Connection]:
        """The connection for so many statements that write. One alone is a transaction of its own, and takes half the
        time: a request may be waiting."""
        if statements > 1:
            with self.transaction() as connection:
                yield connection
            return
        with self.reading() as connection:
            before = connection.total_changes
            yield connection
            if connection.total_changes != before:
                self.trouble = ""

    def start_over(self, reason: str) -> None:
        """Move the file aside and begin an empty one; the log says what is lost. Raises StorageUnavailable."""
        self.close()
        stamp = int(self._clock.time())
        while (moved_to := self.path.with_name(f"{self.path.name}.unreadable-{stamp}")).exists():
            stamp += 1
        try:
            for suffix in ("", "-wal", "-shm"):
                part = self.path.with_name(self.path.name + suffix)
                if part.exists():
                    part.replace(moved_to.with_name(moved_to.name + suffix))
            self._open()
        except (sqlite3.Error, OSError) as error:
            raise self._unavailable(error) from error
        event = f"{self._kind.name.replace(' ', '_')}_replaced"
        message = f"it is now {moved_to} ({reason}); not known any more: {self._kind.lost}"
        self._log.event(event, message=message, reason=reason, moved_to=str(moved_to), lost=self._kind.lost)

    def close(self) -> None:
        """Any thread; idempotent."""
        with self.lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _open(self) -> None:
        """Raises sqlite3.Error for what SQLite finds, StorageUnavailable where there is no place for the file."""
        try:
            private_folder(self.path.parent)
            # Chat messages and titles are the streamer's own business; SQLite gives its side files the same mode.
            self.path.touch(mode=0o600)
        except OSError as error:
            raise self._unavailable(error) from error
        timeout_s = self._kind.busy_timeout_s
        connection = sqlite3.connect(
            self.path, timeout=timeout_s, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        try:
            connection.row_factory = sqlite3.Row
            if self._kind.exclusive:
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            # NORMAL survives the death of the process, kill -9 included: the commit is in the operating system's
            # hands by then. Only a power cut can lose the last commits; an fsync each would cost milliseconds.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
            _migrate(connection, self._kind.migrations)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _unavailable(self, error: Exception) -> StorageUnavailable:
        code = _primary_code(error) if isinstance(error, sqlite3.Error) else None
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            what, hint = "is in use by another OBS", "Close the other OBS that runs this script, then try again."
        else:
            what, hint = f"cannot be used: {error}", None
        return StorageUnavailable(f"the {self._kind.name} {what}", hint=hint, details={"path": str(self.path)})


def _migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]]) -> None:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(migrations):
        raise sqlite3.DatabaseError(f"the file has schema version {version}, newer than this script's")
    connection.execute("BEGIN IMMEDIATE")
    for statements in migrations[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(migrations)}")
    connection.execute("COMMIT")


def _primary_code(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code; None for errors that do not come from the library."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
