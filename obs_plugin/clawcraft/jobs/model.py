"""A valid request, and the job it may become: its states, the legal moves between them, its JSON form.

No storage, no threads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from clawcraft.clock import rfc3339
from clawcraft.errors import ApprovalExpired
from clawcraft.jobs.plain import plain, plain_text, storable

RequestKey = tuple[str, str]
"""Holder and request_id: each holder counts its own."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One valid request: every field has passed its schema, ``args`` that of its action. ``holder`` is the named agent
    whose token brought it, empty for the service's own token."""

    action: str
    args: Mapping[str, Any]
    agent_id: str
    request_id: str | None = None
    mission_id: str | None = None
    correlation_id: str | None = None
    holder: str = ""

    @property
    def request_key(self) -> RequestKey | None:
        """What makes two requests the same one; None without a request_id."""
        return None if self.request_id is None else (self.holder, self.request_id)

    def held_by(self, holder: str) -> "Envelope":
        return replace(self, holder=holder)

    def claims(self) -> dict[str, str]:
        """What a refusal names and a log shows of the request."""
        names = ("request_id", "agent_id", "action", "mission_id", "correlation_id")
        claims = {name: text for name in names if (text := getattr(self, name)) is not None}
        return {**claims, "holder": self.holder} if self.holder else claims


class JobStatus(StrEnum):
    """queued → running → done or failed; a queued job can also fail without running."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self in (JobStatus.DONE, JobStatus.FAILED)


LEGAL_MOVES: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.FAILED}),
    JobStatus.RUNNING: frozenset({JobStatus.DONE, JobStatus.FAILED}),
    JobStatus.DONE: frozenset(),
    JobStatus.FAILED: frozenset(),
}


class IllegalTransition(RuntimeError):
    """Raised when code asks for a move that LEGAL_MOVES does not have: a defect, never an agent's doing."""


@dataclass(frozen=True, slots=True)
class Progress:
    """``percent`` 0 to 100, never falling; ``updated_at`` Unix seconds."""

    percent: int
    message: str
    updated_at: float

    def to_json(self) -> dict[str, Any]:
        return {"percent": self.percent, "message": self.message, "updated_at": rfc3339(self.updated_at)}


class ApprovalState(StrEnum):
    """pending → allowed, denied or expired. Whatever ends the job while it is pending is a no."""

    PENDING = "pending"
    ALLOWED = "allowed"
    DENIED = "denied"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Approval:
    """What the streamer says to a job that may not run unasked; times are Unix seconds. ``by`` names where the answer
    came from, or the code of what ended the question."""

    state: ApprovalState
    expires_at: float
    decided_at: float | None = None
    by: str | None = None

    def to_json(self) -> dict[str, Any]:
        decided = {} if self.decided_at is None else {"decided_at": rfc3339(self.decided_at), "by": self.by}
        return {"state": str(self.state), "expires_at": rfc3339(self.expires_at), **decided}


QUEUED_MESSAGE: Final = "queued"
PENDING_MESSAGE: Final = "waiting for the streamer; nothing has been done yet"


@dataclass(frozen=True, slots=True)
class Job:
    """One asynchronous action. Times are Unix seconds; ``error`` is a ``ClawcraftError.to_json()``; ``approval`` is
    None where nobody had to be asked; ``holder`` as in its envelope: nobody else may know of it, but who holds the
    service's own token."""

    id: str
    action: str
    args: Mapping[str, Any]
    agent_id: str
    request_id: str | None
    mission_id: str | None
    correlation_id: str | None
    status: JobStatus
    progress: Progress
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    approval: Approval | None = None
    holder: str = ""

    @property
    def is_pending(self) -> bool:
        """Whether the streamer has yet to say yes."""
        return self.approval is not None and self.approval.state is ApprovalState.PENDING

    def asked(self, expires_at: float, *, now_s: float) -> "Job":
        """The queued job, which waits for the streamer from here on."""
        if self.status is not JobStatus.QUEUED or self.approval is not None:
            raise IllegalTransition(f"job {self.id}: a question while {self.status}")
        approval = Approval(ApprovalState.PENDING, expires_at)
        return replace(self, approval=approval, progress=Progress(0, PENDING_MESSAGE, now_s))

    def allowed(self, by: str, message: str, *, now_s: float) -> "Job":
        """The queued job once the streamer said yes."""
        if self.status is not JobStatus.QUEUED or self.approval is None or not self.is_pending:
            raise IllegalTransition(f"job {self.id}: allowed while {self.status}, and not asked for")
        approval = replace(self.approval, state=ApprovalState.ALLOWED, decided_at=now_s, by=by)
        return replace(self, approval=approval, progress=Progress(0, message, now_s))

    def moved(
        self,
        status: JobStatus,
        *,
        now_s: float,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
        by: str | None = None,
    ) -> "Job":
        """The job in its next state: the one function that changes ``status``. ``by`` tells who said no, if somebody
        was asked.

        Raises IllegalTransition for a move LEGAL_MOVES lacks, or an end without its result or error.
        """
        if status not in LEGAL_MOVES[self.status]:
            raise IllegalTransition(f"job {self.id}: {self.status} → {status}")
        if (result is not None) != (status is JobStatus.DONE) or (error is not None) != (status is JobStatus.FAILED):
            raise IllegalTransition(f"job {self.id}: {status} needs exactly its own outcome")
        if status is JobStatus.RUNNING:
            if self.is_pending:
                raise IllegalTransition(f"job {self.id}: {status} without the streamer's yes")
            progress = Progress(max(self.progress.percent, 1), "running", now_s)
            return replace(self, status=status, started_at=now_s, progress=progress)
        result, error = result and plain(result), error and plain(error)
        percent = 100 if status is JobStatus.DONE else self.progress.percent
        message = str(status) if error is None else str(error.get("message", status))
        ended = replace(
            self,
            status=status,
            finished_at=now_s,
            progress=Progress(percent, message, now_s),
            result=result,
            error=error and _final(error),
        )
        if self.approval is None or error is None or not (self.is_pending or by):
            return ended
        code = str(error.get("code"))
        state = ApprovalState.EXPIRED if code == ApprovalExpired.code else ApprovalState.DENIED
        return replace(ended, approval=replace(self.approval, state=state, decided_at=now_s, by=by or code))

    def progressed(self, percent: int, message: str, *, now_s: float) -> "Job":
        """The same running job further on; a lower percent keeps the higher one."""
        if self.status is not JobStatus.RUNNING:
            raise IllegalTransition(f"job {self.id}: progress while {self.status}")
        percent = min(99, max(self.progress.percent, percent))
        return replace(self, progress=Progress(percent, plain_text(message), now_s))

    def storable(self) -> "Job":
        """The same job as far as it may be stored."""
        if self.result is None:
            return self
        result = storable(self.action, self.result)
        return self if result is self.result else replace(self, result=result)

    def to_json(self) -> dict[str, Any]:
        """The contract's ``job`` object; ``result`` or ``error`` is there once the job ended."""
        body: dict[str, Any] = {
            "id": self.id,
            "action": self.action,
            "status": str(self.status),
            "progress": self.progress.to_json(),
            "request_id": self.request_id,
            "agent_id": self.agent_id,
            "mission_id": self.mission_id,
            "correlation_id": self.correlation_id,
            "created_at": rfc3339(self.created_at),
            "started_at": None if self.started_at is None else rfc3339(self.started_at),
            "finished_at": None if self.finished_at is None else rfc3339(self.finished_at),
        }
        if self.approval is not None:
            body["approval"] = self.approval.to_json()
        if self.result is not None:
            body["result"] = dict(self.result)
        if self.error is not None:
            body["error"] = dict(self.error)
        return body


def _final(error: Mapping[str, Any]) -> dict[str, Any]:
    """A job's error: its request_id leads to this job for good, so that sending it again changes nothing."""
    if not error.get("retryable"):
        return dict(error)
    hint = f"{error.get('hint', '')} This job has ended: try again with a new request_id.".strip()
    return {**error, "retryable": False, "hint": hint}
