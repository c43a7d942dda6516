# ruff: noqa: S608 - what is put into SQL here are this module's own constants; every value is bound
"""The job table: every job from before its 202 leaves until its TTL, in SQLite; who waits for a job waits here.

Called from all HTTP workers and the stream worker. Jobs that have not ended are in memory too, so that a change the
disk refuses is not lost to those who poll: it is written with the next one that succeeds.
"""

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clawcraft.actions.registry import Envelope
from clawcraft.clock import Clock
from clawcraft.errors import ClawcraftError, Interrupted, JobNotFound, QueueFull, StorageUnavailable
from clawcraft.jobs.database import Database
from clawcraft.jobs.kept_answers import AnswerTable
from clawcraft.jobs.model import Job, JobStatus, Progress
from clawcraft.jobs.rows import COLUMNS, INSERT, UPDATE, from_row, listing, to_row, to_update
from clawcraft.jobs.signatures import SignatureTable
from clawcraft.telemetry.events import EventLog

FILE_NAME: Final = "jobs.sqlite3"
MAX_ACTIVE: Final = 1024
QUEUE_FULL_RETRY_S: Final = 5.0
SWEEP_BATCH: Final = 50
SWEEP_PAUSE_S: Final = 0.005
SWEEP_AT_MOST: Final = 5_000
QUEUED_MESSAGE: Final = "queued"

Jobs = list[Job]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job with what idempotency compares: its place in the order of acceptance and its request's fingerprint."""

    job: Job
    seq: int
    fingerprint: str


class JobStore:
    """See the module. ``on_transition`` hears of each stored change of state, outside the lock, in the changing
    thread, and must not raise. Raises StorageUnavailable if there is no place for the file."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        ttl_s: Callable[[], float],
        log: EventLog,
        on_transition: Callable[[Job], None],
    ) -> None:
        self._database = Database(path, clock, log)
        self._clock = clock
        self._ttl_s = ttl_s
        self._log = log
        self._on_transition = on_transition
        self._memory: dict[str, Job] = {}
        """Every job that has not ended, and those ended whose last change is not on disk yet."""
        self._unsaved: set[str] = set()
        self._changed = threading.Condition(self._database.lock)
        self._woken = False
        self.answers = AnswerTable(self._database, clock, ttl_s)
        self._signatures = SignatureTable(self._database, clock)
        try:
            self._end_leftovers()
        except (ValueError, TypeError) as error:
            self._memory.clear()
            self._database.start_over(f"a job cannot be read: {error}")

    # --- reading --------------------------------------------------------------------------------------------------

    def get(self, job_id: str) -> Job:
        """Raises JobNotFound, also for a job past its TTL that no sweep has met yet."""
        with self._database.reading() as connection:
            job = self._memory.get(job_id)
            if job is None:
                row = connection.execute(
                    f"SELECT {COLUMNS} FROM jobs WHERE id = ? AND (finished_at IS NULL OR finished_at >= ?)",
                    (job_id, self._oldest_kept()),
                ).fetchone()
                job = None if row is None else from_row(row)
        if job is None:
            raise JobNotFound(f"there is no job {job_id!r}")
        return job

    def wait_ended(self, job_id: str, timeout_s: float) -> Job:
        """The job once it has ended, or as it is after ``timeout_s`` or wake_all(). Raises JobNotFound."""
        with self._changed:
            job = self.get(job_id)
            if not job.status.ended and timeout_s > 0:
                self._changed.wait_for(lambda: self._woken or self._ended(job_id), timeout_s)
                job = self.get(job_id)
        return job

    def wake_all(self) -> None:
        """Any thread, at stop: nobody waits any longer, now or later; each gets the job as it is."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def list(self, filters: Mapping[str, str], limit: int, cursor: str | None = None) -> tuple[Jobs, str | None]:
        """Newest first, ``limit`` at most: the jobs that match all ``filters`` (keys of FILTERS), and the cursor of
        the next page, None after the last. Raises InvalidRequest for an unknown status or a cursor not from here."""
        sql, values = listing(filters, cursor)
        with self._database.reading() as connection:
            rows = connection.execute(sql, (*values, self._oldest_kept(), limit + 1)).fetchall()
            jobs = [self._memory.get(row[1]) or from_row(row[1:]) for row in rows[:limit]]
        return jobs, str(rows[limit - 1][0]) if len(rows) > limit else None

    def queue_length(self) -> int:
        """Jobs that wait for their turn."""
        with self._database.lock:
            return sum(job.status is JobStatus.QUEUED for job in self._memory.values())

    # --- the keys of idempotency ----------------------------------------------------------------------------------

    def by_request_id(self, request_id: str) -> Accepted | None:
        """The kept job with this request_id."""
        return self._accepted("request_id = ?", request_id)

    def latest_without_request_id(self, envelope: Envelope) -> Accepted | None:
        """The newest job without request_id that has the envelope's action, agent, mission and correlation."""
        return self._accepted(
            "request_id IS NULL AND agent_id = ? AND action = ? AND mission_id IS ? AND correlation_id IS ?",
            *(envelope.agent_id, envelope.action, envelope.mission_id, envelope.correlation_id),
        )

    def other_action_since(self, seq: int, envelope: Envelope) -> bool:
        """Whether the envelope's agent got a different action accepted after ``seq`` in the same mission (the same
        correlation, where no mission is named)."""
        scope = "mission_id = ?" if envelope.mission_id is not None else "mission_id IS NULL AND correlation_id = ?"
        with self._database.reading() as connection:
            row = connection.execute(
                f"SELECT 1 FROM jobs WHERE agent_id = ? AND {scope} AND seq > ? AND action <> ? LIMIT 1",
                (envelope.agent_id, envelope.mission_id or envelope.correlation_id, seq, envelope.action),
            ).fetchone()
        return row is not None

    # --- writing --------------------------------------------------------------------------------------------------

    def create(self, envelope: Envelope, fingerprint: str) -> Job:
        """Store a new queued job. Raises QueueFull, StorageUnavailable: then there is no job."""
        now_s = self._clock.time()
        job = Job(
            id=f"job_{uuid.uuid4().hex}",
            action=envelope.action,
            args=dict(envelope.args),
            agent_id=envelope.agent_id,
            request_id=envelope.request_id,
            mission_id=envelope.mission_id,
            correlation_id=envelope.correlation_id,
            status=JobStatus.QUEUED,
            progress=Progress(0, QUEUED_MESSAGE, now_s),
            created_at=now_s,
        )
        with self._database.lock:
            if len(self._memory) >= MAX_ACTIVE:
                raise QueueFull(
                    f"{MAX_ACTIVE} jobs wait or run already",
                    details={"limit": MAX_ACTIVE},
                    retry_after_s=QUEUE_FULL_RETRY_S,
                )
            with self._database.transaction() as connection:
                if job.request_id is not None:  # An expired job that no sweep has met yet frees its key.
                    connection.execute(
                        "DELETE FROM jobs WHERE request_id = ? AND finished_at < ?",
                        (job.request_id, self._oldest_kept()),
                    )
                connection.execute(INSERT, (*to_row(job), fingerprint))
            self._memory[job.id] = job
        self._announce(job)
        return job

    def start(self, job_id: str) -> Job:
        """queued → running."""
        return self._move(job_id, JobStatus.RUNNING)

    def finish(self, job_id: str, result: Mapping[str, Any]) -> Job:
        """running → done."""
        return self._move(job_id, JobStatus.DONE, result=result)

    def fail(self, job_id: str, error: ClawcraftError) -> Job:
        """queued or running → failed."""
        return self._move(job_id, JobStatus.FAILED, error=error.to_json())

    def fail_all(self, job_ids: Sequence[str], error: ClawcraftError) -> None:
        """Each queued or running → failed, in one transaction."""
        with self._changed:
            now_s, outcome = self._clock.time(), error.to_json()
            jobs = [self._active(job_id).moved(JobStatus.FAILED, now_s=now_s, error=outcome) for job_id in job_ids]
            self._save(*jobs)
            self._changed.notify_all()
        for job in jobs:
            self._announce(job)

    def progress(self, job_id: str, percent: int, message: str) -> None:
        """Store a running job's progress. Raises IllegalTransition if it does not run."""
        with self._database.lock:
            self._save(self._active(job_id).progressed(percent, message, now_s=self._clock.time()))

    def seen_signature(self, signature: str, expires_at_s: float) -> bool:
        """Whether this signature was shown before and has not expired; if not, it counts as seen until
        ``expires_at_s`` (Unix seconds). Survives a restart."""
        return self._signatures.seen(signature, expires_at_s)

    def sweep(self) -> int:
        """Delete what is past its TTL, at most SWEEP_AT_MOST jobs, for about a second; returns how many. Small
        batches with a pause between, in which every other thread gets its turn; close() ends it."""
        swept = 0
        while swept < SWEEP_AT_MOST and not self._woken:
            with self._database.transaction() as connection:
                jobs = connection.execute(
                    "DELETE FROM jobs WHERE seq IN (SELECT seq FROM jobs WHERE finished_at < ? LIMIT ?)",
                    (self._oldest_kept(), SWEEP_BATCH),
                ).rowcount
            swept += jobs
            if jobs + self.answers.sweep(SWEEP_BATCH) == 0:
                break
            with self._changed:
                self._changed.wait_for(lambda: self._woken, SWEEP_PAUSE_S)
        return swept

    def close(self) -> None:
        """Any thread; idempotent. Whoever comes later gets Stopping."""
        self.wake_all()
        self._database.close()

    # --- inside ---------------------------------------------------------------------------------------------------

    def _end_leftovers(self) -> None:
        """A job found queued or running was cut off by the end of OBS. It is never resumed: a start that waited then
        must not put the streamer live now."""
        error = Interrupted("OBS or the service ended before this job did")
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM jobs WHERE status IN ('queued', 'running') ORDER BY seq"
            ).fetchall()
        jobs = [from_row(row).moved(JobStatus.FAILED, now_s=self._clock.time(), error=error.to_json()) for row in rows]
        with self._database.transaction() as connection:
            for job in jobs:
                connection.execute(UPDATE, to_update(job))
        for job in jobs:
            self._announce(job)

    def _move(self, job_id: str, status: JobStatus, **outcome: Mapping[str, Any]) -> Job:
        with self._changed:
            job = self._active(job_id).moved(status, now_s=self._clock.time(), **outcome)
            self._save(job)
            if job.status.ended:
                self._changed.notify_all()
        self._announce(job)
        return job

    def _save(self, *jobs: Job) -> None:
        """Write the jobs, and with them whatever the disk refused before; what it refuses now stays in memory."""
        for job in jobs:
            self._memory[job.id] = job
            self._unsaved.add(job.id)
        try:
            with self._database.transaction() as connection:
                for job_id in self._unsaved:
                    connection.execute(UPDATE, to_update(self._memory[job_id]))
        except StorageUnavailable as error:
            for job in jobs:
                self._log.event("job_not_stored", job_id=job.id, status=str(job.status), reason=error.message)
            return
        for job_id in self._unsaved:
            if self._memory[job_id].status.ended:
                del self._memory[job_id]
        self._unsaved.clear()

    def _active(self, job_id: str) -> Job:
        return self._memory.get(job_id) or self.get(job_id)

    def _ended(self, job_id: str) -> bool:
        job = self._memory.get(job_id)
        return job is None or job.status.ended

    def _accepted(self, condition: str, *values: str | None) -> Accepted | None:
        with self._database.reading() as connection:
            row = connection.execute(
                f"SELECT seq, fingerprint, {COLUMNS} FROM jobs WHERE {condition} "
                "AND (finished_at IS NULL OR finished_at >= ?) ORDER BY seq DESC LIMIT 1",
                (*values, self._oldest_kept()),
            ).fetchone()
            if row is None:
                return None
            seq, fingerprint, *columns = row
            return Accepted(self._memory.get(columns[0]) or from_row(columns), seq, fingerprint)

    def _oldest_kept(self) -> float:
        return self._clock.time() - self._ttl_s()

    def _announce(self, job: Job) -> None:
        self._log.event("job", **_told(job))
        self._on_transition(job)


def _told(job: Job) -> dict[str, Any]:
    """What the log is told of a change of state: every id, the new state, how long the job waited and ran (seconds),
    and how it ended."""
    told = {
        "job_id": job.id,
        "status": str(job.status),
        "action": job.action,
        "agent_id": job.agent_id,
        "request_id": job.request_id,
        "mission_id": job.mission_id,
        "correlation_id": job.correlation_id,
        "queued_s": None if job.started_at is None else round(job.started_at - job.created_at, 3),
    }
    if job.finished_at is not None:
        told["duration_s"] = round(job.finished_at - job.created_at, 3)
        told["outcome"] = job.error["code"] if job.error is not None else (job.result or {}).get("status", "done")
    return told
