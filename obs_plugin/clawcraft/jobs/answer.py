"""What executing an envelope comes to, in the contract's own words. No state."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from clawcraft.errors import ClawcraftError
from clawcraft.jobs.model import Envelope, Job
from clawcraft.jobs.plain import plain, storable

REPLAYED: Final = "Idempotent-Replayed"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status, the JSON body, and headers of its own."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    def storable(self) -> "Answer":
        """The same answer as far as it may be stored."""
        result = self.body.get("result")
        if result is None:
            return self
        return replace(self, body={**self.body, "result": storable(self.body["action"], result)})

    def replayed(self) -> "Answer":
        """The same answer, marked as one given before."""
        return replace(self, headers={**self.headers, REPLAYED: "true"})


def accepted(job: Job) -> Answer:
    """202 for a job, as it is now: a repeat is told how far it has come."""
    result = {
        "job_id": job.id,
        "status": str(job.status),
        "progress": job.progress.to_json(),
        "request_id": job.request_id,
        **({} if job.approval is None else {"approval": job.approval.to_json()}),
    }
    return Answer(202, {"ok": True, "action": job.action, "result": result}, {"Location": f"/tools/jobs/{job.id}"})


def succeeded(envelope: Envelope, result: Mapping[str, Any]) -> Answer:
    """200 for a sync action."""
    body = {"request_id": envelope.request_id, "status": "done", **result}
    return Answer(200, {"ok": True, "action": envelope.action, "result": plain(body)})


def failed(envelope: Envelope, error: ClawcraftError) -> Answer:
    """The failure object, with the status of its code."""
    return Answer(error.status, plain(error.body(envelope.action, envelope.request_id)), error.headers())
