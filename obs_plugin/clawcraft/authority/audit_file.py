"""The file of the audit trail, which is only ever added to, and the rows that wait for it.

A disk that refuses keeps nobody from anything: rows wait in memory then, and only ``tend`` goes on trying, on the
supervisor's thread. Everything else on any thread; nothing here raises, whatever the disk does.
"""

import contextlib
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from clawcraft.authority import audit_entries as entries
from clawcraft.authority.audit_entries import Entry, Row
from clawcraft.clock import Clock
from clawcraft.database import Database, FileKind
from clawcraft.errors import Stopping, StorageUnavailable
from clawcraft.telemetry.events import EventLog, incident

AUDIT_TRAIL: Final = FileKind(
    name="audit trail",
    lost="all earlier entries, which are in the file that was moved",
    migrations=entries.MIGRATIONS,
    exclusive=False,  # tools/audit.py reads while OBS runs
    busy_timeout_s=0.1,  # a request may be waiting
)
KEPT_S: Final = 90 * 24 * 3600.0
MAX_BYTES: Final = 100_000_000
MAX_WAITING: Final = 2_000
SWEEP_BATCH: Final = 200
SWEEP_BATCHES: Final = 50
SWEEP_PAUSE_S: Final = 0.005

_OLDEST: Final = f"SELECT seq, at FROM entries ORDER BY seq LIMIT {SWEEP_BATCH}"  # noqa: S608 - constants
_COUNTED: Final = f"SELECT seq FROM entries WHERE kind = '{entries.Kind.COUNTED}' ORDER BY seq LIMIT {SWEEP_BATCH}"  # noqa: S608
_NOT_STORABLE: Final = (
    *(ValueError, TypeError, OverflowError),
    *(sqlite3.ProgrammingError, sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError),
)


class AuditFile:
    """See the module. What is past KEPT_S goes, and the oldest where the rows take more than ``max_bytes``."""

    def __init__(self, path: Path, clock: Clock, log: EventLog, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._clock = clock
        self._log = log
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        """Around the rows that wait; never held across I/O."""
        self._waiting: deque[Row] = deque()
        self._lost = 0
        self.added = 0
        """Rows so far."""
        self._closing = threading.Event()
        self._database: Database | None = None
        self._no_file = ""
        self.open()

    @property
    def trouble(self) -> str:
        """Why the trail cannot be written, as far as anybody knows; empty while it can."""
        return self._no_file if self._database is None else self._database.trouble

    @property
    def is_open(self) -> bool:
        return self._database is not None

    def open(self) -> None:
        """Try to; else ``trouble`` tells."""
        try:
            self._database = Database(self._path, AUDIT_TRAIL, self._clock, self._log)
        except StorageUnavailable as error:
            self._no_file = error.message

    def add(self, *rows: Row) -> None:
        """Let rows wait for the next ``store``. Waits for no disk."""
        with self._lock:
            self.added += len(rows)
            room = max(0, MAX_WAITING - len(self._waiting))
            self._waiting.extend(rows[:room])
            self._lost += len(rows[room:])

    def store(self) -> None:
        """Write what waits, in its order. In trouble it goes on waiting: nobody is to wait for such a disk."""
        if self._waiting and not self.trouble:
            self._write()

    def read(self, wanted: Callable[[Iterator[Entry]], None]) -> None:
        """Give ``wanted`` the entries, newest first."""
        if self._database is not None:
            with self._giving_up(), self._database.reading() as connection:
                wanted(entries.newest_first(connection))

    def tend(self) -> None:
        """Every minute, and often while in trouble: see whether that is over, and let go of what is past its time."""
        if self.trouble:
            self._write()
            return
        self.store()
        with self._giving_up():
            self._sweep()

    def close(self) -> None:
        """Write what waits, if the disk lets. Idempotent."""
        self._closing.set()
        self._write()
        if self._database is not None:
            self._database.close()

    # --- inside ---------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        database = self._database
        if database is None:
            return
        with database.lock:
            with self._lock:
                waiting, lost = list(self._waiting), self._lost
            rows = list(waiting)
            if self.trouble or lost:  # something is written in any case, to see whether the trouble is over
                told = {"trouble": self.trouble, "entries_lost": lost}
                rows.append(entries.remark(self._clock.time(), entries.Kind.SERVICE, "written again", told))
            if not rows:
                return
            with self._giving_up():
                with database.writing(len(rows)) as connection:
                    for row in rows:
                        self._insert(connection, row)
                with self._lock:
                    for _ in waiting:
                        self._waiting.popleft()
                    self._lost -= lost

    def _insert(self, connection: sqlite3.Connection, row: Row) -> None:
        """One that cannot be stored, whatever the disk is like, must not keep the others from it."""
        try:
            connection.execute(entries.INSERT, row)
        except _NOT_STORABLE as error:
            reason = f"{type(error).__name__}: {error}"
            self._log.event("audit_entry_set_aside", ref=row.ref, kind=str(row.kind), reason=reason)

    def _sweep(self) -> None:
        """Small batches with a pause between, in which every request gets its turn; close() ends it."""
        database = self._database
        for _ in range(SWEEP_BATCHES):
            if database is None or self._closing.is_set():
                return
            with database.reading() as connection:
                past_its_time = self._past_its_time(connection.execute)
            if not past_its_time:
                return
            with database.transaction() as connection:
                connection.execute("INSERT INTO sweeping VALUES (1)")  # which the trigger lets through
                connection.execute(f"DELETE FROM entries WHERE seq IN ({past_its_time})")  # noqa: S608 - made below
                connection.execute("DELETE FROM sweeping")
            self._closing.wait(SWEEP_PAUSE_S)

    def _past_its_time(self, execute: Callable[[str], Any]) -> str:
        """A query for the rows that are to go next; empty if all may stay. Where room is short, counts go first."""
        oldest = execute("SELECT at FROM entries ORDER BY seq LIMIT 1").fetchone()
        kept_from_s = self._clock.time() - KEPT_S
        if oldest is None:
            return ""
        if oldest["at"] < kept_from_s:
            return f"SELECT seq FROM ({_OLDEST}) WHERE at < {kept_from_s}"  # noqa: S608 - a number
        pages, free, size = (
            execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        if (pages - free) * size <= self._max_bytes:
            return ""
        return _COUNTED if execute(_COUNTED).fetchone() else f"SELECT seq FROM ({_OLDEST})"  # noqa: S608 - constants

    @contextlib.contextmanager
    def _giving_up(self) -> Iterator[None]:
        """What the disk refuses can wait, and a defect here is nobody's who asks."""
        try:
            yield
        except (StorageUnavailable, Stopping):
            pass
        except Exception as error:  # noqa: BLE001 - see above
            incident(self._log, error)
