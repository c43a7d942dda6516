"""The SQLite file beneath the job table: opening it whatever its state, its schema, and one transaction at a time.

One connection under one lock serves every thread: a statement takes some ten microseconds, so waiting for the lock
costs less than a connection per thread, and one close leaves nothing open.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from clawcraft.clock import Clock
from clawcraft.errors import Stopping, StorageUnavailable
from clawcraft.files import private_folder
from clawcraft.telemetry.events import EventLog

BUSY_TIMEOUT_S: Final = 2.0
"""At a reload the life before this one may need a moment to let go of the file."""

_OF_VERSION_1: Final = (
    *("jobs_by_request", "jobs_without_request", "jobs_of_agent_mission", "jobs_of_agent_correlation"),
    *("jobs_by_status", "jobs_by_action", "jobs_by_action_status", "jobs_by_mission", "jobs_by_correlation"),
    "jobs_by_end",
)
MIGRATIONS: Sequence[Sequence[str]] = (
    (
        """CREATE TABLE jobs (
            seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, action TEXT NOT NULL, args TEXT NOT NULL,
            agent_id TEXT NOT NULL, request_id TEXT, mission_id TEXT, correlation_id TEXT, fingerprint TEXT NOT NULL,
            status TEXT NOT NULL, percent INTEGER NOT NULL, message TEXT NOT NULL, updated_at REAL NOT NULL,
            created_at REAL NOT NULL, started_at REAL, finished_at REAL, result TEXT, error TEXT)""",
        """CREATE TABLE answers (
            request_id TEXT PRIMARY KEY, action TEXT NOT NULL, fingerprint TEXT NOT NULL, created_at REAL NOT NULL,
            status INTEGER, body TEXT) WITHOUT ROWID""",
        "CREATE INDEX answers_by_age ON answers (created_at)",
        "CREATE TABLE signatures (digest BLOB PRIMARY KEY, expires_at REAL NOT NULL) WITHOUT ROWID",
        "CREATE INDEX signatures_by_expiry ON signatures (expires_at)",
    ),
    (
        *(f"DROP INDEX IF EXISTS {index}" for index in _OF_VERSION_1),
        "CREATE UNIQUE INDEX jobs_by_request ON jobs (request_id) WHERE request_id IS NOT NULL",
        "CREATE INDEX jobs_by_mission ON jobs (mission_id) WHERE mission_id IS NOT NULL",
        "CREATE INDEX jobs_by_correlation ON jobs (correlation_id) WHERE correlation_id IS NOT NULL",
        "CREATE INDEX jobs_by_end ON jobs (finished_at)",
    ),
    (
        # What is there is the service token's own: before, nobody else had one.
        "ALTER TABLE jobs ADD COLUMN holder TEXT NOT NULL DEFAULT ''",
        "DROP INDEX jobs_by_request",
        "CREATE UNIQUE INDEX jobs_by_request ON jobs (holder, request_id) WHERE request_id IS NOT NULL",
        "CREATE INDEX jobs_by_holder ON jobs (holder) WHERE holder <> ''",
        """CREATE TABLE answers_by_holder (
            holder TEXT NOT NULL, request_id TEXT NOT NULL, action TEXT NOT NULL, fingerprint TEXT NOT NULL,
            created_at REAL NOT NULL, status INTEGER, body TEXT, PRIMARY KEY (holder, request_id)) WITHOUT ROWID""",
        """INSERT INTO answers_by_holder
            SELECT '', request_id, action, fingerprint, created_at, status, body FROM answers""",
        "DROP TABLE answers",
        "ALTER TABLE answers_by_holder RENAME TO answers",
        "CREATE INDEX answers_by_age ON answers (created_at)",
    ),
)
"""The statements that lead from each schema version to the next; ``user_version`` counts those applied.

With these indexes SQLite finds the good plan by itself (the partial ones cannot lure it into a search for NULL),
and every query but one kind costs the same at a million jobs as at none: some 10 us. A listing by nothing but status
or action walks back from the newest job until its page is full, 0.1 ms mostly, and 13 ms for each 100,000 jobs where
none matches; two more indexes would make each 202 dearer for that.
"""

_UNREADABLE: Final = (None, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""What tells of the file itself, None being this module's own verdict. All else is a failure of the surroundings: the
file may be fine, so it stays where it is."""


class Database:
    """The open file. Raises StorageUnavailable from the constructor only if no file can be used at all; a file that
    SQLite cannot read, or of a newer version, is moved aside and said so in the log."""

    def __init__(self, path: Path, clock: Clock, log: EventLog) -> None:
        self.path = path
        self.lock = threading.RLock()
        self.trouble = ""
        """Why the last use failed, until something was written again: a full disk, mostly."""
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
                raise Stopping("the service is stopping and its job table is closed")
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

    def start_over(self, reason: str) -> None:
        """Move the file aside and begin an empty one; the log says what is lost. Raises StorageUnavailable."""
        self.close()
        moved_to = self._place_aside()
        try:
            for suffix in ("", "-wal", "-shm"):
                part = self.path.with_name(self.path.name + suffix)
                if part.exists():
                    part.replace(moved_to.with_name(moved_to.name + suffix))
            self._open()
        except (sqlite3.Error, OSError) as error:
            raise self._unavailable(error) from error
        self._log.event(
            "job_table_replaced",
            reason=reason,
            moved_to=str(moved_to),
            lost="all earlier jobs, and the answers kept for repeated request_ids",
        )

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
        connection = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        try:
            # Exclusive: a second OBS on this folder must not take this one's running jobs for leftovers of a crash.
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            # NORMAL survives the death of the process, kill -9 included: the commit is in the operating system's
            # hands by then. Only a power cut can lose the last commits; an fsync each would cost milliseconds.
            connection.execute("PRAGMA synchronous = NORMAL")
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
            _migrate(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _place_aside(self) -> Path:
        stamp = int(self._clock.time())
        while (place := self.path.with_name(f"{self.path.name}.unreadable-{stamp}")).exists():
            stamp += 1
        return place

    def _unavailable(self, error: Exception) -> StorageUnavailable:
        code = _primary_code(error) if isinstance(error, sqlite3.Error) else None
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            what, hint = "is in use by another OBS", "Close the other OBS that runs this script, then try again."
        else:
            what, hint = f"cannot be used: {error}", None
        return StorageUnavailable(f"the job table {what}", hint=hint, details={"path": str(self.path)})


def _migrate(connection: sqlite3.Connection) -> None:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise sqlite3.DatabaseError(f"the file has schema version {version}, newer than this script's")
    connection.execute("BEGIN IMMEDIATE")
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    connection.execute("COMMIT")


def _primary_code(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code; None for errors that do not come from the library."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
