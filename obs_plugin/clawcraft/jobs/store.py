# ruff: noqa: S608 - what is put into SQL here are this module's own constants; every value is bound
"""The job table: every job from before its 202 leaves until its TTL, in SQLite; who waits for a job waits here.

Called from all HTTP workers and the stream worker. Jobs that have not ended, and some that ended lately, are in memory
too: a poll finds them there without a lock, however long a commit takes. It sees a change once that is on disk, or at
once where the disk refuses it; such a change is written with the next one that succeeds. That a job runs is seen at
once, and written with its next change: a stream must not wait for the disk, and a job cut off ends alike either way.
"""

import contextlib
import hashlib
import sqlite3
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clawcraft.actions.catalogue import ACTIONS, BY_NAME, Kind
from clawcraft.clock import Clock
from clawcraft.database import Database
from clawcraft.errors import (
    ApprovalExpired,
    ClawcraftError,
    Interrupted,
    JobNotFound,
    QueueFull,
    Stopping,
    StorageUnavailable,
)
from clawcraft.jobs.database import JOB_TABLE
from clawcraft.jobs.kept_answers import AnswerTable
from clawcraft.jobs.model import QUEUED_MESSAGE, Envelope, Job, JobStatus, Progress, RequestKey
from clawcraft.jobs.rows import COLUMNS, INSERT, KEPT, UPDATE, from_row, listing, to_row
from clawcraft.telemetry.events import EventLog

FILE_NAME: Final = "jobs.sqlite3"
MAX_ACTIVE: Final = 1024
MAX_ACTIVE_OF_AGENT: Final = 64
"""Of each named agent: it can fill its own queue and nobody else's."""
ROOM_FOR_STOPS: Final = 16
"""Beyond these, for each holder: whoever filled its queue can still stop the stream."""
ENDED_IN_MEMORY: Final = 64
WHOLE_IN_MEMORY: Final = 4
"""Of these, with the part of the result that is not stored: a picture is large."""
QUEUE_FULL_RETRY_S: Final = 5.0
SWEEP_BATCH: Final = 50
SWEEP_PAUSE_S: Final = 0.005
SWEEP_AT_MOST: Final = 5_000
SIGNATURE_SWEEP_BATCH: Final = 16

_ANY_USE: Final = "SELECT " + " OR ".join(
    f"EXISTS (SELECT 1 FROM {table} WHERE holder = ? AND request_id = ?)" for table in ("jobs", "answers")
)

_ASYNC: Final = ", ".join(f"'{action.name}'" for action in ACTIONS if action.kind is Kind.ASYNC)

Jobs = list[Job]
_TOLD: Final = ("action", "agent_id", "request_id", "mission_id", "correlation_id")


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
        self._database = Database(path, JOB_TABLE, clock, log)
        self._clock = clock
        self._ttl_s = ttl_s
        self._log = log
        self._on_transition = on_transition
        # Changed under the database's lock; read without one.
        self._active: dict[str, Job] = {}
        """Every job that has not ended, and those ended whose end is not on disk yet."""
        self._ended: dict[str, Job] = {}
        """The ENDED_IN_MEMORY jobs that ended last, oldest first."""
        self._whole: deque[str] = deque()
        self._unsaved: dict[str, Job] = {}
        self._begun: dict[str, Job] = {}
        """Jobs that run, until that is told."""
        self._changed = threading.Condition()
        self._woken = False
        self.answers = AnswerTable(self._database, clock, ttl_s)
        try:
            self._end_leftovers()
        except (ValueError, TypeError) as error:
            self._database.start_over(f"a job cannot be read: {error}")

    # --- reading --------------------------------------------------------------------------------------------------

    def get(self, job_id: str, holder: str = "") -> Job:
        """Raises JobNotFound, also for a job past its TTL that no sweep has met yet, and for one that is not the named
        agent ``holder``'s own."""
        job = self.in_memory(job_id)
        if job is None:
            with self._database.reading() as connection:
                row = connection.execute(f"SELECT {COLUMNS} FROM jobs WHERE id = ?", (job_id,)).fetchone()
            job = None if row is None else from_row(row)
        over = job is not None and job.finished_at is not None and job.finished_at < self._oldest_kept_s()
        if job is None or over or holder not in ("", job.holder):
            raise JobNotFound(f"there is no job {job_id!r}")
        return job

    def in_memory(self, job_id: str) -> Job | None:
        """The job, if it takes neither a lock nor the disk to know it."""
        # In this order: a job that ends is put among the ended before it leaves the active.
        return self._active.get(job_id) or self._ended.get(job_id)

    def active(self) -> Jobs:
        """Those that have not ended, in the order of acceptance. Waits for nothing."""
        return [job for job in self._active.copy().values() if not job.status.ended]

    def wait_ended(self, job_id: str, timeout_s: float) -> Job:
        """The job once it has ended, or as it is after ``timeout_s`` or wake_all(). Raises JobNotFound."""
        job = self.get(job_id)
        if not job.status.ended and timeout_s > 0:
            with self._changed:
                self._changed.wait_for(lambda: self._woken or self._has_ended(job_id), timeout_s)
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
        sql, values = listing(filters, cursor, self._oldest_kept_s())
        with self._database.reading() as connection:
            if self._begun:
                self._save([])  # a filter on the status looks at the disk
            rows = connection.execute(sql, (*values, limit + 1)).fetchall()
            jobs = [self._unsaved.get(row["id"]) or from_row(row) for row in rows[:limit]]
        return jobs, str(rows[limit - 1]["seq"]) if len(rows) > limit else None

    def queue_length(self) -> int:
        """Jobs that wait for their turn; those that wait for the streamer have none yet."""
        return sum(job.status is JobStatus.QUEUED and not job.is_pending for job in list(self._active.values()))

    # --- the keys of idempotency ----------------------------------------------------------------------------------

    def by_request_key(self, key: RequestKey) -> Accepted | None:
        """The kept job of this holder's request_id."""
        return self._accepted("holder = ? AND request_id = ?", *key)

    def knows(self, key: RequestKey) -> bool:
        """Whether a job or an answer of this holder's request_id is kept."""
        return self.may_know(key) and (self.by_request_key(key) is not None or self.answers.get(key) is not None)

    def may_know(self, key: RequestKey) -> bool:
        """False where there is neither a job nor an answer, kept or past its TTL: as for nearly every request."""
        with self._database.reading() as connection:
            return bool(connection.execute(_ANY_USE, (*key, *key)).fetchone()[0])

    def latest_without_request_id(self, envelope: Envelope) -> Accepted | None:
        """The newest job without request_id that has the envelope's holder, action, agent, mission and correlation."""
        scope, key = _scope(envelope)
        return self._accepted(
            f"{scope} AND correlation_id IS ? AND request_id IS NULL AND agent_id = ? AND holder = ? AND action = ?"
            " ORDER BY seq DESC",
            *(key, envelope.correlation_id, envelope.agent_id, envelope.holder, envelope.action),
        )

    def other_action_since(self, seq: int, envelope: Envelope) -> bool:
        """Whether the envelope's agent got a different async action accepted after ``seq`` in the same mission (the
        same correlation, where no mission is named). A sync one is a job only because the streamer was asked."""
        scope, key = _scope(envelope)
        with self._database.reading() as connection:
            row = connection.execute(
                f"SELECT 1 FROM jobs WHERE {scope} AND seq > ? AND agent_id = ? AND holder = ? AND action <> ?"
                f" AND action IN ({_ASYNC}) LIMIT 1",
                (key, seq, envelope.agent_id, envelope.holder, envelope.action),
            ).fetchone()
        return row is not None

    # --- writing --------------------------------------------------------------------------------------------------

    def create(self, envelope: Envelope, fingerprint: str, ask_until: float | None = None) -> Job:
        """Store a new queued job; with ``ask_until`` (Unix seconds) one that the streamer has to allow by then. Raises
        QueueFull, StorageUnavailable: then there is no job."""
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
            holder=envelope.holder,
        )
        if ask_until is not None:
            job = job.asked(ask_until, now_s=now_s)
        with self._database.lock:
            self._refuse_when_full(job)
            self._insert({**to_row(job), "fingerprint": fingerprint})
            self._active[job.id] = job
        self._announce(job)
        return job

    def start(self, job_id: str) -> Job:
        """queued → running; stored and told with the job's next change."""
        with self._database.lock:
            job = self.get(job_id).moved(JobStatus.RUNNING, now_s=self._clock.time())
            self._begun[job_id] = self._unsaved[job_id] = self._active[job_id] = job
        return job

    def finish(self, job_id: str, result: Mapping[str, Any]) -> Job:
        """running → done."""
        return self._move(job_id, JobStatus.DONE, result=result)

    def fail(self, job_id: str, error: ClawcraftError, by: str | None = None) -> Job:
        """queued or running → failed. ``by`` tells who said no, if the streamer was asked."""
        return self._move(job_id, JobStatus.FAILED, error=error.to_json(), by=by)

    def ask(self, job_id: str, ask_until: float) -> Job:
        """A queued job, which now waits for the streamer until ``ask_until`` (Unix seconds)."""
        return self._change(job_id, lambda job, now_s: job.asked(ask_until, now_s=now_s))

    def allow(self, job_id: str, by: str, message: str) -> Job:
        """A pending job, to which the streamer said yes; it stays queued, with ``message``."""
        return self._change(job_id, lambda job, now_s: job.allowed(by, message, now_s=now_s))

    def fail_all(self, job_ids: Sequence[str], error: ClawcraftError) -> None:
        """Each queued or running → failed, in one transaction."""
        with self._database.lock:
            now_s, outcome = self._clock.time(), error.to_json()
            jobs = [self.get(job_id).moved(JobStatus.FAILED, now_s=now_s, error=outcome) for job_id in job_ids]
            self._save(jobs)
        for job in jobs:
            self._announce(job)

    def progress(self, job_id: str, percent: int, message: str) -> None:
        """Store a running job's progress. Raises IllegalTransition if it does not run."""
        with self._database.lock:
            self._save([self.get(job_id).progressed(percent, message, now_s=self._clock.time())])
        self._announce_begun(job_id)

    def seen_signature(self, signature: str, expires_at_s: float) -> bool:
        """Whether this request signature was shown before and has not expired; if not, it counts as seen until
        ``expires_at_s`` (Unix seconds). Survives a restart."""
        # The file never holds what could be sent again.
        digest = hashlib.sha256(signature.encode()).digest()
        with self._database.transaction() as connection:
            now_s = self._clock.time()
            row = connection.execute("SELECT expires_at FROM signatures WHERE digest = ?", (digest,)).fetchone()
            if row is not None and row["expires_at"] >= now_s:
                return True
            # Each new one clears a few old ones, so the table stays as small as one window's traffic.
            connection.execute(
                "DELETE FROM signatures WHERE digest IN (SELECT digest FROM signatures WHERE expires_at < ? LIMIT ?)",
                (now_s, SIGNATURE_SWEEP_BATCH),
            )
            connection.execute("INSERT OR REPLACE INTO signatures VALUES (?, ?)", (digest, expires_at_s))
        return False

    @property
    def trouble(self) -> str:
        """Why the table cannot be written, as far as anybody knows; empty while it can."""
        return self._database.trouble

    def tend(self) -> None:
        """Sweep, and in trouble see whether it is over: write what the disk refused, or anything. Never raises for
        what the disk does; ``trouble`` tells."""
        with contextlib.suppress(StorageUnavailable, Stopping):
            with self._database.lock:
                if self.trouble and self._unsaved:
                    self._save([])
                elif self.trouble:
                    with self._database.transaction() as connection:  # a signature that has long expired
                        connection.execute("INSERT OR REPLACE INTO signatures VALUES (x'', 0)")
            self.sweep()

    def sweep(self) -> int:
        """Delete what is past its TTL, at most SWEEP_AT_MOST jobs, for about a second; returns how many. Small
        batches with a pause between, in which every other thread gets its turn; close() ends it."""
        swept = 0
        while swept < SWEEP_AT_MOST and not self._woken:
            with self._database.transaction() as connection:
                jobs = connection.execute(
                    "DELETE FROM jobs WHERE seq IN (SELECT seq FROM jobs WHERE finished_at < ? LIMIT ?)",
                    (self._oldest_kept_s(), SWEEP_BATCH),
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
        with self._database.lock:
            if self._unsaved:
                self._save([])
            self._database.close()
            for jobs in (self._active, self._ended, self._unsaved, self._begun):
                jobs.clear()

    # --- inside ---------------------------------------------------------------------------------------------------

    def _insert(self, row: Mapping[str, Any]) -> None:
        try:
            with self._database.writing(1) as connection:
                connection.execute(INSERT, row)
        except sqlite3.IntegrityError:  # An expired job that no sweep has met yet frees its key.
            with self._database.transaction() as connection:
                connection.execute(
                    "DELETE FROM jobs WHERE holder = ? AND request_id = ? AND finished_at < ?",
                    (row["holder"], row["request_id"], self._oldest_kept_s()),
                )
                connection.execute(INSERT, row)

    def _refuse_when_full(self, job: Job) -> None:
        limit = MAX_ACTIVE_OF_AGENT if job.holder else MAX_ACTIVE
        room = limit + ROOM_FOR_STOPS if BY_NAME[job.action].supersedes else limit
        if sum(other.holder == job.holder for other in self._active.values()) >= room:
            raise QueueFull(
                f"{limit} jobs wait or run already", details={"limit": limit}, retry_after_s=QUEUE_FULL_RETRY_S
            )

    def _end_leftovers(self) -> None:
        """A job found queued or running was cut off by the end of OBS. It is never resumed: a start that waited then
        must not put the streamer live now."""
        cut_off = Interrupted("OBS or the service ended before this job did").to_json()
        unanswered = ApprovalExpired("OBS or the service ended before the streamer answered").to_json()
        with self._database.transaction() as connection:
            rows = connection.execute(f"SELECT {COLUMNS} FROM jobs WHERE finished_at IS NULL ORDER BY seq").fetchall()
            now_s, jobs = self._clock.time(), []
            for job in map(from_row, rows):
                error = unanswered if job.is_pending else cut_off
                jobs.append(job.moved(JobStatus.FAILED, now_s=now_s, error=error))
            connection.executemany(UPDATE, map(to_row, jobs))
        for job in jobs:
            self._announce(job)

    def _move(self, job_id: str, status: JobStatus, **outcome: Any) -> Job:
        return self._change(job_id, lambda job, now_s: job.moved(status, now_s=now_s, **outcome))

    def _change(self, job_id: str, change: Callable[[Job, float], Job]) -> Job:
        with self._database.lock:
            job = change(self.get(job_id), self._clock.time())
            self._save([job])
        self._announce(job)
        return job

    def _save(self, jobs: Sequence[Job]) -> None:
        """Under the lock: write the jobs, and with them whatever the disk refused before; what it refuses now stays
        in memory. Then who polls sees them, and who waits for their end wakes."""
        unsaved = {**self._unsaved, **{job.id: job for job in jobs}}
        try:
            with self._database.writing(len(unsaved)) as connection:
                for job in unsaved.values():
                    self._write(connection, job)
        except StorageUnavailable as error:
            self._unsaved = unsaved
            self._active.update(unsaved)
            for job in jobs:
                self._log.event("job_not_stored", job_id=job.id, status=str(job.status), reason=error.message)
        else:
            self._unsaved = {}
            for job in unsaved.values():
                if not job.status.ended:
                    self._active[job.id] = job
                    continue
                self._ended[job.id] = job
                self._keep_few_whole(job)
                self._active.pop(job.id, None)
                if len(self._ended) > ENDED_IN_MEMORY:
                    del self._ended[next(iter(self._ended))]
        if any(job.status.ended for job in jobs):
            with self._changed:
                self._changed.notify_all()

    def _keep_few_whole(self, job: Job) -> None:
        """What is not stored can be read from memory for a while: whoever asked for it polls."""
        if job.storable() is job:
            return
        self._whole.append(job.id)
        if len(self._whole) > WHOLE_IN_MEMORY:
            earlier = self._ended.get(self._whole.popleft())
            if earlier is not None:
                self._ended[earlier.id] = earlier.storable()

    def _write(self, connection: sqlite3.Connection, job: Job) -> None:
        """One that cannot be written, whatever the disk is like, must not keep the others from being written: its row
        stays as it was, and the log says so."""
        try:
            connection.execute(UPDATE, to_row(job))
        except (ValueError, TypeError, OverflowError, sqlite3.ProgrammingError, sqlite3.DataError) as error:
            reason = f"{type(error).__name__}: {error}"
            self._log.event("job_set_aside", job_id=job.id, status=str(job.status), reason=reason)

    def _has_ended(self, job_id: str) -> bool:
        job = self._active.get(job_id)
        return job is None or job.status.ended

    def _accepted(self, condition: str, *values: str | None) -> Accepted | None:
        with self._database.reading() as connection:
            row = connection.execute(
                f"SELECT seq, fingerprint, {COLUMNS} FROM jobs WHERE {KEPT} AND {condition} LIMIT 1",
                (self._oldest_kept_s(), *values),
            ).fetchone()
            if row is None:
                return None
            return Accepted(self._unsaved.get(row["id"]) or from_row(row), row["seq"], row["fingerprint"])

    def _oldest_kept_s(self) -> float:
        return self._clock.time() - self._ttl_s()

    def _announce_begun(self, job_id: str) -> None:
        begun = self._begun.pop(job_id, None)
        if begun is not None:
            self._announce(begun)

    def _announce(self, job: Job) -> None:
        self._announce_begun(job.id)
        told: dict[str, Any] = {"job_id": job.id, "status": str(job.status)}
        told |= {name: getattr(job, name) for name in _TOLD}
        told["holder"] = job.holder or None
        if job.approval is not None:
            told |= {"approval": str(job.approval.state), "approval_by": job.approval.by}
        if job.started_at is not None:
            told["queued_s"] = round(job.started_at - job.created_at, 3)
        if job.finished_at is not None:
            told["duration_s"] = round(job.finished_at - job.created_at, 3)
            told["outcome"] = job.error["code"] if job.error is not None else (job.result or {}).get("status", "done")
        self._log.event("job", **told)
        self._on_transition(job)


def _scope(envelope: Envelope) -> tuple[str, str | None]:
    """The condition for jobs of the envelope's mission (of its correlation, where no mission is named), and its value:
    words that let SQLite use the index on either."""
    if envelope.mission_id is not None:
        return "mission_id = ?", envelope.mission_id
    return "mission_id IS NULL AND correlation_id = ?", envelope.correlation_id
