"""Questions to the streamer: jobs that wait for a yes, and the countdown between the yes to a start and the start.

Silence is a no, and so are a pause, a restart and a closed OBS. A yes holds for exactly the arguments that were stored.
``hand_over`` stands between the accepted request and the worker, on HTTP workers; ``allow`` and ``deny`` come from the
panel and its hotkeys, also on OBS's UI thread, so they take no lock that is held across a disk's answer; one thread of
its own does the rest.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from clawcraft.actions.catalogue import Policy
from clawcraft.authority.policy import Policies
from clawcraft.clock import Clock
from clawcraft.errors import ApprovalExpired, ClawcraftError, DeniedByOperator, Interrupted, QueueFull
from clawcraft.jobs.model import Envelope, IllegalTransition, Job
from clawcraft.jobs.store import QUEUE_FULL_RETRY_S, JobStore
from clawcraft.jobs.worker import STARTS, stopped_by_streamer, superseded_by, supersedes, withdrawn
from clawcraft.settings import Settings
from clawcraft.telemetry.events import EventLog, incident

MAX_QUESTIONS: Final = 10
"""Of each holder of a token."""
NOTICE_S: Final = 1.0
"""A key that allows "the oldest question" counts only once that has been the oldest for so long: nobody says yes to
what they cannot have seen. A no always counts."""


@dataclass(frozen=True, slots=True)
class Question:
    """A job that waits for the streamer, or, with ``begins_s``, was allowed and counts down. Monotonic seconds."""

    job: Job
    expires_s: float
    begins_s: float | None = None

    @property
    def for_show(self) -> bool:
        """Whether a yes may hold for the whole show; never for a start."""
        return self.job.action not in STARTS


@dataclass(frozen=True, slots=True)
class _Answer:
    """A yes, unless ``no`` says how the job ends; ``by`` is empty where the question itself was not answered."""

    job_id: str
    by: str
    for_show: bool = False
    no: ClawcraftError | None = None


@dataclass(eq=False)
class Approvals:
    """``submit`` and ``enqueue`` are the worker's; ``may`` raises what forbids a job now; ``show`` numbers the
    streams, so that a yes "for this show" ends with it. ``told`` is called whenever there are other questions, on the
    thread that changes them: it must return at once."""

    _store: JobStore
    _enqueue: Callable[[Job], None]
    _submit: Callable[[Job], None]
    _may: Callable[[Job], None]
    _policies: Policies
    _settings: Callable[[], Settings]
    _show: Callable[[], int]
    _clock: Clock
    _log: EventLog
    _told: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._questions: tuple[Question, ...] = ()
        """Oldest first. Replaced under the lock, read without."""
        self._oldest_since_s = 0.0
        """Since when the oldest one that has no answer is the oldest."""
        self._answering = threading.Lock()
        """Behind ``_lock``, and never held across a disk's answer: an answer comes before its question is over, or
        finds none."""
        self._answers: deque[_Answer] = deque()
        self._granted: dict[tuple[str, str, str], int] = {}
        self._stopping = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clawcraft-approvals", daemon=True)

    def start(self) -> None:
        self._thread.start()

    # --- any thread, returns at once ------------------------------------------------------------------------------

    def questions(self) -> tuple[Question, ...]:
        """What waits for the streamer, oldest first."""
        return self._questions

    def remaining_s(self, question: Question) -> float:
        """Until the question is a no, or the countdown is over."""
        end_s = question.expires_s if question.begins_s is None else question.begins_s
        return max(0.0, end_s - self._clock.monotonic())

    def allow(self, by: str, job_id: str | None = None, *, for_show: bool = False) -> bool:
        """The streamer's yes to a question; without ``job_id`` to the oldest. False where there is none."""
        with self._answering:
            for question in self._questions:
                if question.begins_s is None and job_id in (None, question.job.id):
                    if job_id is None and self._clock.monotonic() - self._oldest_since_s < NOTICE_S:
                        return False
                    self._answer(_Answer(question.job.id, by, for_show and question.for_show))
                    return True
        return False

    def deny(self, by: str, job_id: str | None = None) -> bool:
        """The streamer's no; without ``job_id`` to the start that counts down, else to the oldest question."""
        with self._answering:
            counting = [question for question in self._questions if question.begins_s is not None]
            for question in (*counting, *self._questions):
                if job_id in (None, question.job.id):
                    self._answer(_Answer(question.job.id, by, no=DeniedByOperator("the streamer said no")))
                    return True
        return False

    def forbid(self) -> None:
        """The streamer may have forbidden something. What is forbidden now is a no, also if it is allowed again at
        once; and a yes for the show ends with the policy that asked for it."""
        for key in self._granted.copy():
            self._keep_grant(*key)
        for question in self._questions:
            try:
                self._may(question.job)
            except ClawcraftError as error:
                with self._answering:
                    self._answer(_Answer(question.job.id, "", no=error))

    def stand_down(self) -> None:
        """Any thread, returns at once: the streamer has OBS stop. The starts that wait here end, as at an agent's stop,
        whether they were allowed or not."""
        with self._answering:
            for question in self._questions:
                if question.job.action in STARTS:
                    self._answer(_Answer(question.job.id, "", no=stopped_by_streamer()))

    def begin_stop(self) -> None:
        self._stopping = True
        self._wake.set()

    def _answer(self, answer: _Answer) -> None:
        self._answers.append(answer)
        self._wake.set()

    # --- HTTP workers and the worker's threads --------------------------------------------------------------------

    def must_ask(self, envelope: Envelope | Job) -> bool:
        """Whether the streamer has to allow this request."""
        if self._policies.of(envelope.action, envelope.holder) is not Policy.ASK:
            return False
        return self._granted.get((envelope.holder, envelope.agent_id, envelope.action)) != self._show()

    def check_unasked(self, request: Envelope | Job) -> None:
        """Of what is running, before it changes anything. Raises DeniedByOperator for what nobody was asked about,
        though the streamer wants that by now."""
        asked = isinstance(request, Job) and request.approval is not None
        if not asked and self.must_ask(request):
            raise DeniedByOperator(
                f"the streamer wants to be asked about {request.action} by now, and was not asked about this one",
                hint="Tell the streamer. Asked for again with a new request_id, it becomes a question to them.",
            )

    def ask_until(self, holder: str) -> float:
        """Until when (Unix seconds) a question asked now waits. Raises QueueFull: a streamer cannot read more."""
        if sum(question.job.holder == holder for question in self._questions) >= MAX_QUESTIONS:
            raise QueueFull(
                f"{MAX_QUESTIONS} questions of this agent wait for the streamer already",
                details={"limit": MAX_QUESTIONS},
                retry_after_s=QUEUE_FULL_RETRY_S,
            )
        return self._clock.time() + self._settings().approval_timeout_s

    def hand_over(self, job: Job) -> None:
        """A job that was just stored: to the streamer, or to the worker. What it supersedes gives way before this
        returns, also what waits here."""
        with self._lock:
            if job.is_pending:
                self._ask(job)
                return
            superseded = self._drop(lambda question: supersedes(job, question.job))
            self._enqueue(job)  # under the lock: no countdown may end between the two
        self._end_superseded(superseded, job)

    def withdraw(self, job_id: str) -> bool:
        """The agent takes back what waits here, or counts down. False where nothing does."""
        with self._lock:
            dropped = self._drop(lambda question: question.job.id == job_id)
        for question in dropped:
            self._end(question, withdrawn(), None)
        return bool(dropped)

    def take_back(self, job: Job, still_wanted: Callable[[], None]) -> bool:
        """The worker is about to begin a job. One that nobody was asked about, though the streamer wants that by now,
        becomes a question. ``still_wanted`` raises if the job is to end, which a stop may have said meanwhile."""
        if job.approval is not None or not self.must_ask(job):
            return False
        with self._lock:
            still_wanted()
            self._ask(self._store.ask(job.id, self._clock.time() + self._settings().approval_timeout_s))
        return True

    def stop(self, timeout_s: float) -> bool:
        """End every question and join the thread; False if it did not end in time. Idempotent."""
        self.begin_stop()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        with self._lock:
            left = self._drop(lambda _question: True)
        for question in left:
            if question.begins_s is None:
                self._end(question, ApprovalExpired("the service ended before the streamer answered"), None)
            else:
                self._end(question, Interrupted("the service ended before the countdown did"), None)
        return not self._thread.is_alive()

    # --- under the lock -------------------------------------------------------------------------------------------

    def _ask(self, job: Job) -> None:
        question = Question(job, self._clock.monotonic() + self._settings().approval_timeout_s)
        self._replace((*self._questions, question))
        self._log.event("question", job_id=job.id, action=job.action, agent_id=job.agent_id)
        self._wake.set()

    def _keep_grant(self, holder: str, agent_id: str, action: str) -> None:
        """Any thread: let go of a yes for the show where the streamer does not want to be asked any more, or the agent
        may not at all."""
        try:
            kept = self._policies.of(action, holder) is Policy.ASK
        except ClawcraftError:
            kept = False
        if not kept:
            self._granted.pop((holder, agent_id, action), None)

    def _drop(self, which: Callable[[Question], bool]) -> list[Question]:
        dropped = [question for question in self._questions if which(question)]
        if dropped:
            self._replace(tuple(question for question in self._questions if question not in dropped))
        return dropped

    def _replace(self, questions: tuple[Question, ...]) -> None:
        def oldest(of: tuple[Question, ...]) -> str | None:
            return next((question.job.id for question in of if question.begins_s is None), None)

        if oldest(questions) != oldest(self._questions):
            self._oldest_since_s = self._clock.monotonic()
        self._questions = questions
        self._told()

    # --- its own thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            self._wake.wait(self._next_moment_s())
            self._wake.clear()
            if self._stopping:
                return
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - one bad question must not end all later ones
                incident(self._log, error)

    def _next_moment_s(self) -> float | None:
        return min(map(self.remaining_s, self._questions), default=None)

    def _look(self) -> None:
        while self._answers:
            answer = self._answers.popleft()
            if answer.no is None:
                self._yes(answer)
            elif (question := self._find(answer)) is not None:
                self._end_one(question, answer.no, answer.by or None)
        now_s = self._clock.monotonic()
        for question in self._questions:
            if question.begins_s is not None and question.begins_s <= now_s:
                self._begin(question)
            elif question.begins_s is None and question.expires_s <= now_s:
                self._expire(question)

    def _yes(self, answer: _Answer) -> None:
        with self._lock:
            question = self._find(answer)
            if question is None or question.begins_s is not None:
                return
            starts = question.job.action in STARTS
            countdown_s = self._settings().start_countdown_s if starts else 0.0
            message = f"allowed by the streamer; starts in {countdown_s:g} s" if countdown_s else "allowed; queued"
            try:
                job = self._store.allow(question.job.id, answer.by, message)
            except (IllegalTransition, ClawcraftError) as error:  # it has ended meanwhile
                self._drop(lambda other: other is question)
                self._log.event("answer_ignored", job_id=question.job.id, reason=str(error))
                return
            if answer.for_show:
                self._granted[job.holder, job.agent_id, job.action] = self._show()
                self._keep_grant(job.holder, job.agent_id, job.action)  # in this order: see forbid
            allowed = replace(question, job=job, begins_s=self._clock.monotonic() + countdown_s)
            self._replace(tuple(allowed if other is question else other for other in self._questions))
        # What is due now begins in the same look.

    def _begin(self, question: Question) -> None:
        # A start in one step, so that a stop of the streamer's meets it here or at the worker: it supersedes nothing,
        # so that takes no disk.
        is_start = question.job.action in STARTS
        with self._lock:
            if is_start:
                if not self._stopping:  # else it ends with the rest
                    self._is_over(question, self._submit)
                return
            if not self._is_over(question):
                return
            # A start that was asked for after this stop begins after it, if the streamer says yes to that too.
            before_s = question.job.created_at
            superseded = self._drop(
                lambda other: supersedes(question.job, other.job) and other.job.created_at <= before_s
            )
            self._submit(question.job)
        self._end_superseded(superseded, question.job)

    def _expire(self, question: Question) -> None:
        with self._lock:
            if not self._is_over(question):
                return
        waited_s = self._settings().approval_timeout_s
        self._end(question, ApprovalExpired(f"the streamer did not answer within {waited_s:g} s"), None)

    def _is_over(self, question: Question, then: Callable[[Job], object] = lambda _job: None) -> bool:
        """Under the lock: drop a question whose time is up, and hand its job to ``then``. False where an answer has
        come meanwhile, which a disk that took its time may have kept from being heard: it counts in the next look."""
        with self._answering:
            if any(answer.job_id == question.job.id for answer in self._answers):
                return False
            if not self._drop(lambda other: other is question):
                return False
            then(question.job)
            return True

    def _end_superseded(self, questions: list[Question], by: Job) -> None:
        if questions:
            self._store.fail_all([question.job.id for question in questions], superseded_by(by))

    def _end_one(self, question: Question, error: ClawcraftError, by: str | None) -> None:
        with self._lock:
            dropped = self._drop(lambda other: other is question)
        if dropped:
            self._end(question, error, by)

    def _end(self, question: Question, error: ClawcraftError, by: str | None) -> None:
        try:
            self._store.fail(question.job.id, error, by)
        except (IllegalTransition, ClawcraftError) as problem:
            self._log.event("job_end_ignored", job_id=question.job.id, reason=str(problem))

    def _find(self, answer: _Answer) -> Question | None:
        return next((question for question in self._questions if question.job.id == answer.job_id), None)
