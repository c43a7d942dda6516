"""What a call came to, as a tool's result: structured, the same as text, and a picture as a picture. No state."""

import json
from collections.abc import Mapping
from typing import Any, Final

from clawcraft.actions.catalogue import BY_NAME
from clawcraft.jobs.model import Job

Result = dict[str, Any]

_ASK_JOB: Final = "Call job with this job_id and wait_s 30 until it is done or failed."
GOES_ON: Final = f"Not finished yet. {_ASK_JOB}"
NOT_BEGUN: Final = f"Nothing has been done yet: the streamer has to allow it first. {_ASK_JOB}"


RETRY_AFTER: Final = "Retry-After"
_NONE: Final[Mapping[str, str]] = {}
_IN_TOOLS: Final = (
    ("GET /tools/jobs", "job"),
    ("GET /tools", "tools/list"),
    ("GET /status", "status"),
    ("the seconds in Retry-After", "the seconds in details.retry_after_s"),
)
"""What the hints of the HTTP API are in MCP."""


def told(body: Mapping[str, Any], images: list[Result] | None = None) -> Result:
    """A success."""
    return {"content": [*(images or []), _text(body)], "structuredContent": body}


def failed(ids: Mapping[str, Any], error: Mapping[str, Any], headers: Mapping[str, str] = _NONE) -> Result:
    """A failure with the contract's ``error`` object, and what HTTP would say in ``headers``."""
    if RETRY_AFTER in headers:
        error = {**error, "details": {"retry_after_s": int(headers[RETRY_AFTER]), **error["details"]}}
    known = {name: value for name, value in ids.items() if value is not None}
    body = {"status": "failed", **known, "error": worded(error)}
    return {"content": [_text(body)], "structuredContent": body, "isError": True}


def of_action(action: str, body: Mapping[str, Any]) -> Result:
    """A success of ``action``."""
    seen, images = pictured(action, body)
    return told(seen, images)


def of_job(job: Job) -> Result:
    """What a call came to that became a job, or how far it is."""
    ids = {"job_id": job.id, **({} if job.request_id is None else {"request_id": job.request_id})}
    if job.error is not None:
        return failed(ids, job.error)
    if job.result is not None:
        return of_action(job.action, {"status": "done", **ids, **job.result})
    approval = {} if job.approval is None else {"approval": job.approval.to_json()}
    next_step = NOT_BEGUN if job.is_pending else GOES_ON
    status = {"status": str(job.status), "progress": job.progress.to_json()}
    return told({**ids, **status, **approval, "next": next_step})


def job_told(job: Job) -> tuple[dict[str, Any], list[Result]]:
    """The contract's ``job``, and the picture that it brought."""
    body = job.to_json()
    if job.error is not None:
        body["error"] = worded(job.error)
    if job.result is None:
        return body, []
    body["result"], images = pictured(job.action, job.result)
    return body, images


def pictured(action: str, result: Mapping[str, Any]) -> tuple[dict[str, Any], list[Result]]:
    """``result`` without the picture in it, and that."""
    name = BY_NAME[action].unkept
    if name is None or result.get(name) is None or "media_type" not in result:
        return dict(result), []
    rest = {key: value for key, value in result.items() if key != name}
    return rest, [{"type": "image", "data": result[name], "mimeType": result["media_type"]}]


def worded(error: Mapping[str, Any]) -> dict[str, Any]:
    """``error`` with a hint that can be followed here."""
    hint = str(error.get("hint", ""))
    for there, here in _IN_TOOLS:
        hint = hint.replace(there, here)
    return {**error, "hint": hint}


def text_of(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str)


def _text(body: Any) -> Result:
    return {"type": "text", "text": text_of(body)}
