"""The file of the job table, ``jobs.sqlite3``: its tables and indexes in each version. No state."""

from collections.abc import Sequence
from typing import Final

from clawcraft.database import FileKind

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
        "ALTER TABLE jobs ADD COLUMN approval TEXT",
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

JOB_TABLE: Final = FileKind(
    name="job table",
    lost="all earlier jobs, and the answers kept for repeated request_ids",
    migrations=MIGRATIONS,
    # A second OBS on this folder must not take this one's running jobs for leftovers of a crash.
    exclusive=True,
    # At a reload the life before this one may need a moment to let go of the file.
    busy_timeout_s=2.0,
)
