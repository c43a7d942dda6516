"""The threads that run jobs: only here does the service start or stop a stream.

Starts have one thread, and what ends them has another: a stop queues behind no start, and behind nothing that a start
waits for. A start that was accepted after a stop begins after it. Within a thread the order is that of acceptance;
named agents take turns, so that none waits for all that another has asked for. Everything else that became a job,
mostly because the streamer was asked about it, has ACTION_LANES threads of its own.

``submit`` and ``withdraw`` are called on HTTP workers, ``start`` and ``stop`` by the service's owner, ``forbid`` by
whoever changes what the agent may do, also on OBS's UI thread; the rest is the worker's own.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from clawcraft.actions.catalogue import ACTIONS, BY_NAME
from clawcraft.actions.handlers import Handlers
from clawcraft.errors import ClawcraftError, Interrupted, Superseded
from clawcraft.jobs.model import IllegalTransition, Job
from clawcraft.jobs.store import JobStore
from clawcraft.telemetry.events import EventLog, incident

ACTION_LANES: Final = 2
STARTS: Final = frozenset(action.supersedes for action in ACTIONS if action.supersedes)
"""The actions that a stop supersedes."""


class _Lane:
    """One daemon thread (OBS would not exit over any other kind) and its queue."""

    def __init__(self, name: str, run: Callable[["_Lane"], None]) -> None:
        self.queue: deque[_Accepted] = deque()
        self.current: _Accepted | None = None
        self._last_holder: str | None = None
        self.thread = threading.Thread(target=run, args=(self,), name=name, daemon=True)

    @property
    def is_idle(self) -> bool:
        return not self.queue and self.current is None

    def has(self, action: str) -> bool:
        """Whether a job of ``action`` is here."""
        here = self.queue if self.current is None else (self.current, *self.queue)
        return any(accepted.job.action == action for accepted in here)

    def take(self) -> "_Accepted":
        """The next job: the oldest, unless its holder had the last turn and another one waits."""
        waiting = (accepted for accepted in self.queue if accepted.job.holder != self._last_holder)
        self.current = taken = next(waiting, self.queue[0])
        self.queue.remove(taken)
        self._last_holder = taken.job.holder
        return taken


@dataclass(eq=False)
class StreamWorker:
    """Its threads wait in memory, and never poll. ``may`` raises what forbids a job now; ``asks`` takes
    a job back that the streamer wants to be asked about by now, and says so; ``check_unasked`` raises for one that
    has begun. ``end_start`` ends what a start may be blocked in, with an error for its job; ``interrupt`` ends
    everything, for good."""

    _store: JobStore
    _handlers: Handlers
    _may: Callable[[Job], None]
    _asks: Callable[[Job, Callable[[], None]], bool]
    _check_unasked: Callable[[Job], None]
    _end_start: Callable[[ClawcraftError], None]
    _interrupt: Callable[[], None]
    _log: EventLog

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._starts = _Lane("clawcraft-jobs", self._run)
        self._stops = _Lane("clawcraft-stops", self._run)
        self._actions = [_Lane(f"clawcraft-actions-{n + 1}", self._run) for n in range(ACTION_LANES)]
        self._lanes = (self._stops, self._starts, *self._actions)
        self._forbidden = False
        self._stopping = False

    def start(self) -> None:
        for lane in self._lanes:
            lane.thread.start()

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
                self._lane(job).queue.append(_Accepted(job, self._store.progress, self._may))
        if stopping:
            self._end(job, Interrupted(_SERVICE_ENDED))
        if superseded:
            self._store.fail_all([other.id for other in superseded], superseded_by(job))

    def wake(self) -> None:
        """Any thread: begin what is queued. Cheap where nothing is."""
        if any(lane.queue for lane in self._lanes):
            with self._changed:
                self._changed.notify_all()

    def withdraw(self, job_id: str) -> bool:
        """Its agent takes back a job that has not begun. False where there is none."""
        with self._changed:
            found = self._unqueue(lambda accepted: accepted.job.id == job_id)
            if found:
                self._changed.notify_all()  # a start may have waited for a stop
        for accepted in found:
            self._end(accepted.job, withdrawn())
        return bool(found)

    def forbid(self) -> None:
        """Any thread, returns at once: the streamer may have forbidden something. What is forbidden now stays so for
        what was accepted before, also if it is allowed again before its turn. A start that waits in OBS ends; the
        queued ones end on the stops' thread, since that writes to the disk."""
        with self._changed:
            before = [*self._queued(), *(lane.current for lane in self._lanes if lane.current is not None)]
        # Outside the lock: it may look at a file.
        forbidden = [(accepted, error) for accepted in before if (error := self._forbids(accepted.job)) is not None]
        with self._changed:
            self._forbid(forbidden)

    def stand_down(self, own: bool) -> None:
        """Any thread, returns at once: the streamer has OBS stop. The starts that were accepted before end, as at an
        agent's stop; but one that is up for its job has had its turn, and one whose ``own`` stream that is fails."""
        with self._changed:
            current = None if own else self._starts.current
            starts = [*([] if current is None else [current]), *self._starts.queue]
            self._forbid([(accepted, stopped_by_streamer()) for accepted in starts])

    def begin_stop(self) -> None:
        """Any thread, returns at once: from here on no job begins, and the one that runs is told to end. Comes before
        anything that jobs depend on is closed. Idempotent."""
        with self._changed:
            self._stopping = True
            for lane in self._lanes:
                if lane.current is not None:
                    lane.current.cancel(Interrupted(_SERVICE_ENDED))
            self._changed.notify_all()
        self._interrupt()

    def stop(self, timeout_s: float) -> bool:
        """End the running jobs and all queued ones as interrupted and join the threads; False if a handler did not
        return in time. Idempotent."""
        deadline_s = time.monotonic() + timeout_s
        self.begin_stop()
        with self._changed:
            queued = [accepted.job for accepted in self._queued()]
            running = {lane.thread: lane.current for lane in self._lanes}
            for lane in self._lanes:
                lane.queue.clear()
        if queued:
            self._store.fail_all([job.id for job in queued], Interrupted(_SERVICE_ENDED))
        for thread, current in running.items():
            if thread.ident is not None:
                thread.join(max(0.0, deadline_s - time.monotonic()))
            if thread.is_alive() and current is not None:
                self._end(current.job, Interrupted(_SERVICE_ENDED))
        return not any(thread.is_alive() for thread in running)

    def _lane(self, job: Job) -> _Lane:
        if BY_NAME[job.action].supersedes:
            return self._stops
        if job.action in STARTS:
            return self._starts
        # Behind the others of its action, whatever that waits for: of two scenes the later one is to stay.
        return next(
            (lane for lane in self._actions if lane.has(job.action)),
            min(self._actions, key=lambda lane: len(lane.queue) + (lane.current is not None)),
        )

    def _forbid(self, forbidden: Sequence[tuple["_Accepted", ClawcraftError]]) -> None:
        """Under the lock."""
        for accepted, error in forbidden:
            accepted.forbid(error)
            if self._starts.current is accepted:  # not the next one, which may be let
                self._end_start(error)
        self._forbidden = True
        self._changed.notify_all()

    def _queued(self) -> list["_Accepted"]:
        """Under the lock."""
        return [accepted for lane in self._lanes for accepted in lane.queue]

    def _unqueue(self, which: Callable[["_Accepted"], bool]) -> list["_Accepted"]:
        """Under the lock."""
        found = list(filter(which, self._queued()))
        for lane in self._lanes:
            lane.queue = deque(accepted for accepted in lane.queue if accepted not in found)
        return found

    def _forbids(self, job: Job) -> ClawcraftError | None:
        try:
            self._may(job)
        except ClawcraftError as error:
            return error
        return None

    def _displace(self, job: Job) -> list[Job]:
        """Under the lock, so that the start meant is still the one that runs: cancel it, and unqueue those behind."""
        waiting = self._unqueue(lambda other: supersedes(job, other.job))
        current = self._starts.current
        if current is not None and supersedes(job, current.job):
            # First the mark, then the call: a start that has not reached OBS yet meets the mark at its next
            # progress, one that waits for OBS is woken by the call.
            current.cancel(superseded_by(job))
            self._end_start(superseded_by(job))
        return [other.job for other in waiting]

    def _run(self, lane: _Lane) -> None:
        while (running := self._next(lane)) is not None:
            try:
                self._work(running)
            except Exception as error:  # noqa: BLE001 - the thread must outlive any one job
                self._end(running.job, incident(self._log, error, job_id=running.job.id))

    def _next(self, lane: _Lane) -> "_Accepted | None":
        """The next job of this lane; None for good."""

        def is_due() -> bool:
            return bool(lane.queue) and (lane is not self._starts or self._stops.is_idle)

        while True:
            with self._changed:
                if lane.current is not None:
                    lane.current = None
                    self._changed.notify_all()  # a start may have waited for a stop
                self._changed.wait_for(lambda: self._stopping or is_due() or (self._forbidden and lane is self._stops))
                if self._stopping:
                    return None
                if is_due():
                    return lane.take()
                self._forbidden = False
                forbidden = self._unqueue(lambda accepted: accepted.forbidden_by is not None)
                if forbidden:
                    self._changed.notify_all()  # as above
            for accepted in forbidden:
                if accepted.forbidden_by is not None:
                    self._end(accepted.job, accepted.forbidden_by)

    def _work(self, running: "_Accepted") -> None:
        job = running.job
        try:
            running.may()
            if self._asks(job, running.may):
                return
            self._store.start(job.id)

            def may() -> None:
                running.may()
                self._check_unasked(job)

            result = self._handlers.run(BY_NAME[job.action], job.args, job.id, running.progress, may)
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


class _Accepted:
    """A job from when it is taken to its end: whether it may go on."""

    def __init__(self, job: Job, store_progress: Callable[[str, int, str], None], may: Callable[[Job], None]) -> None:
        self.job = job
        self._store_progress = store_progress
        self._may = may
        self._cancelled: ClawcraftError | None = None
        self.forbidden_by: ClawcraftError | None = None
        """Why the streamer did not want it at some moment since."""

    def cancel(self, error: ClawcraftError) -> None:
        """Any thread: the job's next progress raises ``error``."""
        self._cancelled = error

    def forbid(self, error: ClawcraftError) -> None:
        """Any thread: ``may`` raises ``error``. Progress does not: what is done by now ends as it is."""
        self.forbidden_by = error

    def may(self) -> None:
        """Any thread, returns at once. Raises what forbids the job's action, or did since it was taken, or why the job
        is to end."""
        for error in (self._cancelled, self.forbidden_by):
            if error is not None:
                raise error
        self._may(self.job)

    def progress(self, percent: int, message: str) -> None:
        """Persist progress. Raises Superseded or Interrupted once the job is to end."""
        if self._cancelled is None:
            self._store_progress(self.job.id, percent, message)
            return
        with contextlib.suppress(IllegalTransition, ClawcraftError):
            self._store_progress(self.job.id, percent, message)  # how far it came: OBS may have begun
        raise self._cancelled


_SERVICE_ENDED: Final = "the service stopped before this job ended"


def superseded_by(by: Job) -> Superseded:
    """Why a start that waits ends when the stop ``by`` is accepted."""
    return Superseded("a stop was accepted after this start", details={"stop_job_id": by.id})


def stopped_by_streamer() -> Superseded:
    """Why a start that was accepted before ends when the streamer has OBS stop."""
    return Superseded("the streamer stopped the stream in OBS after this start was accepted")


def withdrawn() -> Superseded:
    """Why a job ends that its agent took back before it began."""
    return Superseded(
        "the agent took this back before anything was done",
        hint="Nothing was done. Ask again with a new request_id if it is wanted after all.",
    )


def supersedes(job: Job, other: Job) -> bool:
    """A named agent's stop ends only its own starts that wait."""
    return BY_NAME[job.action].supersedes == other.action and job.holder in ("", other.holder)
