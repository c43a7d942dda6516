"""What executing an envelope comes to, in the contract's own words. No state."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from clawcraft.errors import ClawcraftError
from clawcraft.jobs.model import Envelope, Job, JobStatus, Progress
from clawcraft.jobs.plain import plain
from clawcraft.jobs.store import QUEUED_MESSAGE

REPLAYED: Final = "Idempotent-Replayed"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status, the JSON body, and headers of its own."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    def replayed(self) -> "Answer":
        """The same answer, marked as one given before."""
        return replace(self, headers={**self.headers, REPLAYED: "true"})


def accepted(job: Job) -> Answer:
    """202 for a job, the same each time: as it was when it was accepted."""
    result = {
        "job_id": job.id,
        "status": str(JobStatus.QUEUED),
        "progress": Progress(0, QUEUED_MESSAGE, job.created_at).to_json(),
        "request_id": job.request_id,
    }
    return Answer(202, {"ok": True, "action": job.action, "result": result}, {"Location": f"/tools/jobs/{job.id}"})


def succeeded(envelope: Envelope, result: Mapping[str, Any]) -> Answer:
    """200 for a sync action."""
    body = {"request_id": envelope.request_id, "status": "done", **result}
    return Answer(200, {"ok": True, "action": envelope.action, "result": plain(body)})


def failed(envelope: Envelope, error: ClawcraftError) -> Answer:
    """The failure object, with the status of its code."""
    return Answer(error.status, plain(error.body(envelope.action, envelope.request_id)), error.headers())
