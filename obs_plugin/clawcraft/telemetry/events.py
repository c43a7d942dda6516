"""What the jobs tell the log: one event per transition, and the incident behind an internal error. No state."""

import secrets
import traceback
from typing import Any, Protocol

from clawcraft.errors import InternalError
from clawcraft.jobs.model import Job


class EventLog(Protocol):
    """The structured log. Any thread; never raises."""

    def event(self, name: str, /, **fields: Any) -> None: ...


def log_transition(log: EventLog, job: Job) -> None:
    """One ``job`` event: every id, the new state, how long it waited and ran (seconds), and how it ended."""
    fields: dict[str, Any] = {
        "job_id": job.id,
        "status": str(job.status),
        "action": job.action,
        "agent_id": job.agent_id,
        "request_id": job.request_id,
        "mission_id": job.mission_id,
        "correlation_id": job.correlation_id,
    }
    if job.started_at is not None:
        fields["queued_s"] = round(job.started_at - job.created_at, 3)
    if job.finished_at is not None:
        fields["duration_s"] = round(job.finished_at - job.created_at, 3)
        fields["outcome"] = job.error["code"] if job.error is not None else (job.result or {}).get("status", "done")
    log.event("job", **fields)


def incident(log: EventLog, error: Exception, **ids: Any) -> InternalError:
    """A defect as an agent may see it: the traceback goes to the log, and the answer names only its id."""
    incident_id = secrets.token_hex(6)
    log.event("incident", incident_id=incident_id, traceback="".join(traceback.format_exception(error)), **ids)
    return InternalError(
        f"an unexpected error in the service, incident {incident_id}", details={"incident": incident_id}
    )
