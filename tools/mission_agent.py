"""An agent of one mission, for ``tools/mission.py``: sends actions, follows jobs, holds the service to its contract.

Standard library only.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import Any, Final

from service_client import Reply, ServiceClient

AGENT_ID: Final = "mission-check"
POLL_S: Final = 5
LEGAL_NEXT: Final = {
    "queued": {"queued", "running", "done", "failed"},
    "running": {"running", "done", "failed"},
}


class CheckFailed(Exception):
    """Raised when the service does not do what the contract says; the text says what it did."""


def check(condition: object, otherwise: str) -> None:
    if not condition:
        raise CheckFailed(otherwise)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an action came to: ``result``, or where that is None ``error``; and how long to wait before another."""

    result: dict[str, Any] | None
    error: dict[str, Any]
    retry_after_s: float


class MissionAgent:
    """Speaks through ``service``, under one mission id. ``jobs``: those the service made of its requests, in order."""

    def __init__(self, service: ServiceClient, job_timeout_s: float) -> None:
        self._service = service
        self._job_timeout_s = job_timeout_s
        self.mission_id = f"mission-{uuid.uuid4()}"
        self.jobs: list[str] = []

    def execute(self, action: str, request: str, **args: object) -> Reply:
        """``request`` is the request's name within this mission. Raises NoAnswer."""
        envelope = {"request_id": f"{self.mission_id}:{request}", "agent_id": AGENT_ID, "action": action}
        return in_json(self._service.execute(envelope | {"args": args, "mission_id": self.mission_id}))

    def answered(self, action: str, request: str, **args: object) -> Answer:
        """As ``execute``; where the streamer is asked, or it takes its time, what the job came to. Raises NoAnswer."""
        reply = self.execute(action, request, **args)
        result, error = reply.body.get("result"), reply.error
        if reply.status == 202 and isinstance(result, dict):
            self.jobs.append(str(result["job_id"]))
            job = self.ended(self.jobs[-1])
            result, error = job.get("result"), job.get("error") or {}
        check(error or isinstance(result, dict), f"expected a result or an error, got {short(reply)}")
        return Answer(None if error else result, error, _retry_after_s(reply))

    def get(self, path: str, **query: object) -> Reply:
        """Raises NoAnswer."""
        return in_json(self._service.get(path, **query))

    def accepted(self, action: str, request: str, **args: object) -> str:
        """The id of the job that the service makes of the request."""
        reply = self.execute(action, request, **args)
        check(reply.status == 202, f"expected 202, got {short(reply)}")
        job_id = str(result_of(reply)["job_id"])
        location = reply.headers.get("location", "")
        check(location.endswith(f"/tools/jobs/{job_id}"), f"Location is {location!r}, the job is {job_id}")
        if job_id not in self.jobs:
            self.jobs.append(job_id)
        return job_id

    def ended(self, job_id: str) -> dict[str, Any]:
        """The job at its end, with ``seen``: its states in order. Raises CheckFailed for an illegal move."""
        deadline = time.monotonic() + self._job_timeout_s
        states, percent = ["queued"], 0
        while time.monotonic() < deadline:
            reply = self.get(f"/tools/jobs/{job_id}", wait=POLL_S if len(states) > 1 else 0)
            check(reply.status == 200, f"expected the job, got {short(reply)}")
            job: dict[str, Any] = reply.body["job"]
            state, now = job["status"], job["progress"]["percent"]
            check(state in LEGAL_NEXT[states[-1]], f"{states[-1]} was followed by {state}")
            check(now >= percent, f"percent fell from {percent} to {now}")
            percent = now
            if state != states[-1]:
                states.append(state)
            if state in ("done", "failed"):
                return job | {"seen": " → ".join(states)}
            if len(states) == 1:
                time.sleep(0.02)
        raise CheckFailed(f"the job did not end within {self._job_timeout_s:g} s: {' → '.join(states)}")


def in_json(reply: Reply) -> Reply:
    check(reply.body, f"{reply.status} with a body that is not a JSON object: {reply.text[:80]!r}")
    return reply


def _retry_after_s(reply: Reply) -> float:
    try:
        return float(reply.headers.get("retry-after", "0"))
    except ValueError:
        return 0.0


def result_of(reply: Reply) -> dict[str, Any]:
    """``result`` of a success; otherwise raises CheckFailed with the service's own words."""
    result = reply.body.get("result")
    check(reply.body.get("ok") is True and isinstance(result, dict), f"expected a result, got {short(reply)}")
    assert isinstance(result, dict)
    return result


def refused(reply: Reply, status: int, code: str) -> str:
    """What was seen, where the service refuses as it should. Raises CheckFailed."""
    check((reply.status, reply.error.get("code")) == (status, code), f"expected {status} {code}, got {short(reply)}")
    check(reply.body.get("ok") is False, "ok is not false")
    error = reply.body["error"]
    check({"code", "message", "retryable", "hint", "details"} <= set(error), f"the error lacks fields: {error}")
    check(error["message"] and error["hint"], "the error has no message or no hint")
    return f"{status} {code}"


def short(reply: Reply) -> str:
    return f"{reply.status} {json.dumps(reply.body, ensure_ascii=False)[:300]}"
