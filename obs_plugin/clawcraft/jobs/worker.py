"""The one thread that runs jobs, in the order of their acceptance: only here does the service start or stop a stream.

``submit`` is called on HTTP workers, ``start`` and ``stop`` by the service's owner, the rest is the worker's own.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from clawcraft.actions.catalogue import BY_NAME
from clawcraft.actions.handlers import Handlers
from clawcraft.errors import ClawcraftError, Interrupted, Superseded
from clawcraft.jobs.model import IllegalTransition, Job
from clawcraft.jobs.store import JobStore
from clawcraft.telemetry.events import EventLog, incident


class StreamWorker:
    """One daemon thread (OBS would not exit over any other kind); it waits in memory, never polls. ``supersede`` and
    ``interrupt`` end what a running job may be blocked in: for a stop that follows a start, and for good."""

    def __init__(
        self,
        store: JobStore,
        handlers: Handlers,
        supersede: Callable[[], None],
        interrupt: Callable[[], None],
        log: EventLog,
    ) -> None:
        self._store = store
        self._handlers = handlers
        self._supersede = supersede
        self._interrupt = interrupt
        self._log = log
        self._changed = threading.Condition()
        self._queue: deque[Job] = deque()
        self._current: _Running | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="clawcraft-jobs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Take a stored job, and begin."""
        self.enqueue(job)
        self.wake()

    def enqueue(self, job: Job) -> None:
        """Take a stored job, which begins at ``wake``, or when the job before it ends. Whoever wakes the worker once
        the 202 is on the wire does not have the answer share the interpreter with the job. What the job supersedes
        gives way before this returns."""
        with self._changed:
            stopping = self._stopping
            superseded = [] if stopping else self._displace(job)
            if not stopping:
                self._queue.append(job)
        if stopping:
            self._end(job, Interrupted(_SERVICE_ENDED))
        if superseded:
            self._store.fail_all([other.id for other in superseded], _superseded(job))

    def wake(self) -> None:
        """Any thread: begin what is queued. Cheap where nothing is."""
        if self._queue:
            with self._changed:
                self._changed.notify()

    def begin_stop(self) -> None:
        """Any thread, returns at once: from here on no job begins, and the one that runs is told to end. Comes before
        anything that jobs depend on is closed. Idempotent."""
        with self._changed:
            self._stopping = True
            if self._current is not None:
                self._current.cancel(Interrupted(_SERVICE_ENDED))
            self._changed.notify()
        self._interrupt()

    def stop(self, timeout_s: float) -> bool:
        """End the running job and all queued ones as interrupted and join the thread; False if a handler did not
        return in time. Idempotent."""
        self.begin_stop()
        with self._changed:
            queued = list(self._queue)
            self._queue.clear()
            current = self._current
        if queued:
            self._store.fail_all([job.id for job in queued], Interrupted(_SERVICE_ENDED))
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive() and current is not None:
            self._end(current.job, Interrupted(_SERVICE_ENDED))
        return not self._thread.is_alive()

    def _displace(self, job: Job) -> list[Job]:
        """Under the lock, so that the start meant is still the one that runs: cancel it, and unqueue those behind."""
        action = BY_NAME[job.action].supersedes
        waiting = [other for other in self._queue if other.action == action]
        if waiting:
            self._queue = deque(other for other in self._queue if other.action != action)
        if self._current is not None and self._current.job.action == action:
            # First the mark, then the call: a start that has not reached OBS yet meets the mark at its next
            # progress, one that waits for OBS is woken by the call.
            self._current.cancel(_superseded(job))
            self._supersede()
        return waiting

    def _run(self) -> None:
        while (running := self._next()) is not None:
            try:
                self._work(running)
            except Exception as error:  # noqa: BLE001 - the thread must outlive any one job
                self._end(running.job, incident(self._log, error, job_id=running.job_id))

    def _next(self) -> "_Running | None":
        with self._changed:
            self._current = None
            self._changed.wait_for(lambda: self._stopping or self._queue)
            if self._stopping:
                return None
            self._current = _Running(self._queue.popleft(), self._store.progress)
            return self._current

    def _work(self, running: "_Running") -> None:
        job = self._store.start(running.job_id)
        try:
            result = self._handlers.run(BY_NAME[job.action], job.args, job.id, running.progress)
        except ClawcraftError as error:
            self._end(job, error)
        except Exception as error:  # noqa: BLE001 - a defect of a handler ends its job, not the worker
            self._end(job, incident(self._log, error, job_id=job.id, action=job.action, request_id=job.request_id))
        else:
            with self._if_not_ended(job):
                self._store.finish(job.id, result)

    def _end(self, job: Job, error: ClawcraftError) -> None:
        with self._if_not_ended(job):
            self._store.fail(job.id, error)

    @contextlib.contextmanager
    def _if_not_ended(self, job: Job) -> Iterator[None]:
        """stop() may have ended the job, and the store after it, while a handler did not return. Whatever else it is,
        the jobs after this one have their turn."""
        try:
            yield
        except (IllegalTransition, ClawcraftError) as error:
            self._log.event("job_end_ignored", job_id=job.id, reason=str(error))
        except Exception as error:  # noqa: BLE001 - see above
            incident(self._log, error, job_id=job.id, action=job.action, request_id=job.request_id)


class _Running:
    """The job that runs."""

    def __init__(self, job: Job, store_progress: Callable[[str, int, str], None]) -> None:
        self.job = job
        self._store_progress = store_progress
        self._cancelled: ClawcraftError | None = None

    @property
    def job_id(self) -> str:
        return self.job.id

    def cancel(self, error: ClawcraftError) -> None:
        """Any thread: the job's next progress raises ``error``."""
        self._cancelled = error

    def progress(self, percent: int, message: str) -> None:
        """Persist progress. Raises Superseded or Interrupted once the job is to end."""
        if self._cancelled is not None:
            raise self._cancelled
        self._store_progress(self.job_id, percent, message)


_SERVICE_ENDED: Final = "the service stopped before this job ended"


def _superseded(by: Job) -> Superseded:
    return Superseded("a stop was accepted after this start", details={"stop_job_id": by.id})
