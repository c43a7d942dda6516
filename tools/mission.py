#!/usr/bin/env python3
"""The mission bridge check: a whole agent mission against a running service, through nothing but its HTTP contract.

It starts the stream, changes the title, makes calls that must fail, repeats requests, and stops the stream; and
asserts 202 for async actions, every transition of a job, idempotency, and that a failed call does not end the mission.
It goes live for real: use it on a staging channel, or with a bandwidth-test stream key. It refuses to run while the
stream is live, and stops what it started whatever goes wrong. Standard library only.

Exit status: 0 all checks passed, 1 a check failed, 2 the mission could not begin.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import _venv

_venv.require_python()

from clawcraft.secrets import Secret  # noqa: E402
from service_client import NoAnswer, Reply, ServiceClient  # noqa: E402

AGENT_ID: Final = "mission-check"
POLL_S: Final = 5
REQUEST_TIMEOUT_S: Final = 60.0
LEGAL_NEXT: Final = {
    "queued": {"queued", "running", "done", "failed"},
    "running": {"running", "done", "failed"},
}


LATER: Final = {
    "create_marker": ({"description": "mission check"}, "created"),
    "announce": ({"message": "Mission check"}, "sent"),
}
"""What is off at first, and tried where the streamer has switched it on: its arguments, and the status it ends with."""


class CheckFailed(Exception):
    """Raised when the service does not do what the contract says; the text says what it did."""


class CannotBegin(Exception):
    """Raised when there is nothing to check: no service, no access, or a stream that must not be touched."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. ``seconds`` is how long the step took."""

    name: str
    passed: bool
    seen: str
    seconds: float


def check(condition: object, otherwise: str) -> None:
    if not condition:
        raise CheckFailed(otherwise)


class Mission:
    """The steps, in order. Each returns what it saw; what a later step needs is kept in fields."""

    def __init__(self, service: ServiceClient, title: str, with_twitch: bool, job_timeout_s: float) -> None:
        self._service = service
        self._title = title
        self._with_twitch = with_twitch
        self._job_timeout_s = job_timeout_s
        self._id = f"mission-{uuid.uuid4()}"
        self._start_job = ""
        self._stop_job = ""
        self.checks: list[Check] = []

    def run(self) -> bool:
        """True if all passed. Raises CannotBegin."""
        self._begin()
        try:
            self._step("start: 202 and a job", self._start)
            self._step("start again, same request_id: same job", self._start_again)
            self._step("failing call while the job runs", self._unknown_action)
            self._step("same request_id, other args: 409", self._conflict)
            self._step("start: every transition to done", lambda: self._follow(self._start_job))
            self._step("set title", self._set_title)
            self._step("set title again, same request_id: replayed", lambda: self._set_title(again=True))
            for action in self._switched_on():
                self._step(action.replace("_", " "), functools.partial(self._later, action))
            self._step("failing call in the middle", self._bad_title)
            self._step("failing job in the middle", self._bad_scene)
            self._step("still live after the failures", lambda: self._stream_is(True))
            self._step("the mission's jobs are listed", self._listed)
            self._step("stop: 202 and a job", self._stop)
            self._step("stop: every transition to done", lambda: self._follow(self._stop_job))
            self._step("stop again, same request_id: same job", self._stop_again)
            self._step("off air at the end", lambda: self._stream_is(False))
        finally:
            if self._start_job and not (self._stop_job and self.checks[-1].passed):
                self._clean_up()
        return all(one.passed for one in self.checks)

    def _begin(self) -> None:
        try:
            health, status = self._get("/health"), self._get("/status")
        except (CheckFailed, NoAnswer) as error:
            raise CannotBegin(str(error)) from None
        if health.body.get("ok") is not True or status.body.get("ok") is not True:
            raise CannotBegin(f"the service does not let us in: {_short(status)}")
        if status.body["obs"]["stream"]["state"] != "offline":
            raise CannotBegin("the stream is not offline: this check would end it")

    def _step(self, name: str, step: Callable[[], str]) -> None:
        begun = time.monotonic()
        try:
            passed, seen = True, step()
        except (CheckFailed, NoAnswer) as error:
            passed, seen = False, str(error)
        except (KeyError, TypeError, AttributeError) as error:
            passed, seen = False, f"the answer lacks a part of the contract: {error!r}"
        self.checks.append(Check(name, passed, seen, round(time.monotonic() - begun, 3)))

    def _execute(self, action: str, request: str, **args: object) -> Reply:
        envelope = {"request_id": f"{self._id}:{request}", "agent_id": AGENT_ID, "action": f"twitch.{action}"}
        return _in_json(self._service.execute(envelope | {"args": args, "mission_id": self._id}))

    def _get(self, path: str, **query: object) -> Reply:
        return _in_json(self._service.get(path, **query))

    def _accepted(self, action: str, request: str, **args: object) -> str:
        reply = self._execute(action, request, **args)
        check(reply.status == 202, f"expected 202, got {_short(reply)}")
        job_id = str(_result(reply)["job_id"])
        location = reply.headers.get("location", "")
        check(location.endswith(f"/tools/jobs/{job_id}"), f"Location is {location!r}, the job is {job_id}")
        return job_id

    def _start(self) -> str:
        self._start_job = self._accepted("start_stream", "start")
        return self._start_job

    def _start_again(self) -> str:
        again = self._accepted("start_stream", "start")
        check(again == self._start_job, f"another job: {again}")
        return again

    def _unknown_action(self) -> str:
        return _refused(self._execute("start_everything", "unknown"), 400, "unknown_action")

    def _conflict(self) -> str:
        return _refused(self._execute("start_stream", "start", title="other"), 409, "idempotency_conflict")

    def _follow(self, job_id: str) -> str:
        check(job_id, "there is no job to follow")
        job = self._ended(job_id)
        error = job.get("error", {})
        check(job["status"] == "done", f"{job['seen']}: {error.get('code')}, {error.get('message')}")
        times = [job["created_at"], job["started_at"], job["finished_at"]]
        check(None not in times and times == sorted(times), f"times out of order: {times}")
        return f"{job['seen']}, result {job['result']['status']}"

    def _ended(self, job_id: str) -> dict[str, Any]:
        """The job at its end, with ``seen``: its states in order. Raises CheckFailed for an illegal move."""
        deadline = time.monotonic() + self._job_timeout_s
        states, percent = ["queued"], 0
        while time.monotonic() < deadline:
            reply = self._get(f"/tools/jobs/{job_id}", wait=POLL_S if len(states) > 1 else 0)
            check(reply.status == 200, f"expected the job, got {_short(reply)}")
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

    def _set_title(self, again: bool = False) -> str:
        reply = self._execute("set_title", "title", title=self._title)
        if not self._with_twitch:
            return _refused(reply, 503, "twitch_not_configured")
        check(reply.status == 200, f"expected 200, got {_short(reply)}")
        if not again:
            return str(_result(reply)["status"])
        check(reply.headers.get("idempotent-replayed") == "true", "the answer is not marked Idempotent-Replayed")
        return "replayed"

    def _switched_on(self) -> list[str]:
        """Those of the later actions that are played. A question to the streamer would make a job of one."""
        tools = self._get("/tools").body.get("tools", []) if self._with_twitch else []
        allowed = {tool["name"].removeprefix("twitch.") for tool in tools if tool["policy"] == "allow"}
        clips = ["get_clip"] if {"create_clip", "get_clip"} <= allowed else []
        return [action for action in LATER if action in allowed] + clips

    def _later(self, action: str) -> str:
        if action == "get_clip":
            return self._clip()
        args, expected = LATER[action]
        return self._played(self._execute(action, action, **args), expected)

    def _clip(self) -> str:
        made = self._execute("create_clip", "clip")
        if made.status != 200:
            return self._played(made, "created")
        clip_id = _result(made)["clip_id"]
        found = _result(self._execute("get_clip", "get-clip", clip_id=clip_id))
        check(found["clip_id"] == clip_id, f"another clip: {found['clip_id']}")
        check(found["confirmed"] or not _result(made)["confirmed"], "a confirmed clip is not confirmed any more")
        return str(found["status"])

    def _played(self, reply: Reply, expected: str) -> str:
        if reply.error.get("code") == "channel_offline":
            # Twitch shows a channel as live minutes after it is.
            return _refused(reply, 502, "channel_offline")
        status = str(_result(reply)["status"])
        check(status == expected, f"expected {expected}, got {status}")
        return status

    def _bad_title(self) -> str:
        return _refused(self._execute("set_title", "bad-title", title=""), 400, "invalid_request")

    def _bad_scene(self) -> str:
        job = self._ended(self._accepted("start_stream", "bad-scene", obs_scene=f"no such scene {self._id}"))
        check(job["status"] == "failed", f"the job ended as {job['status']}")
        check(job["error"]["code"] == "scene_not_found", f"expected scene_not_found, got {job['error']}")
        return f"{job['seen']}, {job['error']['code']}"

    def _stream_is(self, live: bool) -> str:
        stream = self._get("/status").body["obs"]["stream"]
        check(stream["live"] is live, f"the stream is {stream['state']}")
        return str(stream["state"])

    def _listed(self) -> str:
        jobs = self._get("/tools/jobs", mission_id=self._id, limit=200).body["jobs"]
        check(self._start_job in [job["id"] for job in jobs], f"the start job is not among {len(jobs)}")
        check(len(jobs) == 2, f"expected the start and the failed job, got {len(jobs)}")
        return f"{len(jobs)} jobs"

    def _stop(self) -> str:
        self._stop_job = self._accepted("stop_stream", "stop", reason="mission check")
        return self._stop_job

    def _stop_again(self) -> str:
        again = self._accepted("stop_stream", "stop", reason="mission check")
        check(again == self._stop_job, f"another job: {again}")
        return again

    def _clean_up(self) -> None:
        """Never leave a stream behind that this check started."""
        self._step("clean up: stop the stream", lambda: self._follow(self._accepted("stop_stream", "clean-up")))


def _refused(reply: Reply, status: int, code: str) -> str:
    check((reply.status, reply.error.get("code")) == (status, code), f"expected {status} {code}, got {_short(reply)}")
    check(reply.body.get("ok") is False, "ok is not false")
    error = reply.body["error"]
    check({"code", "message", "retryable", "hint", "details"} <= set(error), f"the error lacks fields: {error}")
    check(error["message"] and error["hint"], "the error has no message or no hint")
    return f"{status} {code}"


def _in_json(reply: Reply) -> Reply:
    check(reply.body, f"{reply.status} with a body that is not a JSON object: {reply.text[:80]!r}")
    return reply


def _result(reply: Reply) -> dict[str, Any]:
    """``result`` of a success; otherwise raises CheckFailed with the service's own words."""
    result = reply.body.get("result")
    check(reply.body.get("ok") is True and isinstance(result, dict), f"expected a result, got {_short(reply)}")
    assert isinstance(result, dict)
    return result


def _short(reply: Reply) -> str:
    return f"{reply.status} {json.dumps(reply.body, ensure_ascii=False)[:300]}"


def _table(checks: list[Check]) -> str:
    width = max(len(one.name) for one in checks)
    return "\n".join(
        f"{'ok  ' if one.passed else 'FAIL'}  {one.name:<{width}}  {one.seconds:>7.2f} s  {one.seen}" for one in checks
    )


def _secret(path: Path | None, given: str | None, name: str) -> Secret | None:
    text = path.read_text("utf-8").strip() if path is not None else given or os.environ.get(name)
    return Secret(text) if text else None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Run an agent mission against a twitch-clawcraft service and check the contract. Goes live!"
    )
    parser.add_argument("--url", default="http://127.0.0.1:3040", help="the service (default: %(default)s)")
    parser.add_argument("--token", help="its token (default: TOOL_SERVICE_TOKEN; safer than an argument)")
    parser.add_argument("--token-file", type=Path, help="file with the token")
    parser.add_argument("--signature-secret", help="its signature secret (default: TOOL_SERVICE_SIGNATURE_SECRET)")
    parser.add_argument("--signature-secret-file", type=Path, help="file with the signature secret")
    parser.add_argument("--title", default="Mission check", help="title to set (default: %(default)s)")
    parser.add_argument(
        "--without-twitch", action="store_true", help="the service has no Twitch account: expect it to say so"
    )
    parser.add_argument(
        "--job-timeout", type=float, default=120, metavar="S", help="longest job (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


def main() -> int:
    options = _options()
    try:
        token = _secret(options.token_file, options.token, "TOOL_SERVICE_TOKEN")
        secret = _secret(options.signature_secret_file, options.signature_secret, "TOOL_SERVICE_SIGNATURE_SECRET")
        if token is None:
            raise CannotBegin("no token: give --token-file, --token or TOOL_SERVICE_TOKEN")
        service = ServiceClient(options.url, token, secret, timeout_s=REQUEST_TIMEOUT_S)
        mission = Mission(service, options.title, not options.without_twitch, options.job_timeout)
        passed = mission.run()
    except (CannotBegin, OSError, ValueError) as error:
        print(json.dumps({"ok": False, "error": str(error)}) if options.json else f"error: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps({"ok": passed, "checks": [asdict(one) for one in mission.checks]}, ensure_ascii=False))
    else:
        print(_table(mission.checks))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
