#!/usr/bin/env python3
"""The mission bridge check: a whole agent mission against a running service, through nothing but its HTTP contract.

It starts the stream, makes calls that must fail, repeats requests, plays each action that is switched on, and stops the
stream; and asserts 202 for async actions, every transition of a job, idempotency, and that a failed call does not end
the mission. ``--minutes`` plays on for that long. With ``--witness`` everything the service says is compared with what
the local Twitch knows. It goes live for real: use it on a staging channel, or with a bandwidth-test stream key. It
refuses to run while the stream is live, and whatever goes wrong stops what it started and puts title, game, tags and
labels back; what it could not put back fails a check that names it. Standard library only.

Exit status: 0 all passed, 1 a check failed or a claim was not true, 2 the mission could not begin.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import _venv

_venv.require_python()

import data_folder  # noqa: E402
from clawcraft.secrets import Secret, SecretStore  # noqa: E402
from mission_agent import CheckFailed, MissionAgent, check, refused, result_of, short  # noqa: E402
from mission_report import Played, counted  # noqa: E402
from mission_show import MissionShow  # noqa: E402
from service_client import NoAnswer, ServiceClient  # noqa: E402
from witness import Witness  # noqa: E402

REQUEST_TIMEOUT_S: Final = 60.0
START: Final = "twitch.start_stream"
STOP: Final = "twitch.stop_stream"
_TOKEN: Final = "TOOL_SERVICE_TOKEN"
_SIGNATURE_SECRET: Final = "TOOL_SERVICE_SIGNATURE_SECRET"


class CannotBegin(Exception):
    """Raised when there is nothing to check: no service, no access, or a stream that must not be touched."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. ``seconds`` is how long the step took."""

    name: str
    passed: bool
    seen: str
    seconds: float


class Mission:
    """The steps, in order. Each returns what it saw; what a later step needs is kept in fields. A mission of some
    ``minutes`` also waits until Twitch shows the channel live, and ends with an encore, while Twitch still lists the
    stream before."""

    def __init__(self, agent: MissionAgent, show: MissionShow, title: str, with_twitch: bool, minutes: float) -> None:
        self._agent = agent
        self._show = show
        self._title = title
        self._with_twitch = with_twitch
        self._minutes = minutes
        self._start_args: dict[str, Any] = {"wait_until_live": True} if minutes else {}
        self._running = ""
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
            self._step("start: every transition to done", lambda: self._follow("start_stream", self._start_job))
            self._step("set title", self._set_title)
            self._step("set title again, same request_id: replayed", lambda: self._set_title(again=True))
            if self._with_twitch:
                self._step("what is switched on", self._play)
            self._step("failing call in the middle", self._bad_title)
            self._step("failing job in the middle", self._bad_scene)
            self._step("still live after the failures", lambda: self._stream_is(True))
            self._step("the mission's jobs are listed", self._listed)
            self._step("stop: 202 and a job", self._stop)
            self._step("stop: every transition to done", lambda: self._follow("stop_stream", self._stop_job))
            self._step("stop again, same request_id: same job", self._stop_again)
            if self._minutes:
                self._step("encore", self._encore)
            self._step("off air at the end", lambda: self._stream_is(False))
        finally:
            if self._running:
                self._clean_up()
            if self._show.before.changed:
                self._step("title, game, tags, labels as before", self._show.before.put_back)
        return all(one.passed for one in self.checks) and not any(one.failure for one in self._show.played)

    def _begin(self) -> None:
        try:
            health, status = self._agent.get("/health"), self._agent.get("/status")
        except (CheckFailed, NoAnswer) as error:
            raise CannotBegin(str(error)) from None
        if health.body.get("ok") is not True or status.body.get("ok") is not True:
            raise CannotBegin(f"the service does not let us in: {short(status)}")
        if status.body["obs"]["stream"]["state"] != "offline":
            raise CannotBegin("the stream is not offline: this check would end it")

    def _step(self, name: str, step: Callable[[], str]) -> None:
        begun = time.monotonic()
        try:
            passed, seen = True, step()
        except (CheckFailed, NoAnswer, OSError) as error:
            passed, seen = False, str(error)
        except (KeyError, TypeError, AttributeError) as error:
            passed, seen = False, f"the answer lacks a part of the contract: {error!r}"
        self.checks.append(Check(name, passed, seen, round(time.monotonic() - begun, 3)))

    def _start(self) -> str:
        self._start_job = self._running = self._agent.accepted(START, "start", **self._start_args)
        return self._start_job

    def _start_again(self) -> str:
        again = self._agent.accepted(START, "start", **self._start_args)
        check(again == self._start_job, f"another job: {again}")
        return again

    def _unknown_action(self) -> str:
        return refused(self._agent.execute("twitch.start_everything", "unknown"), 400, "unknown_action")

    def _conflict(self) -> str:
        return refused(self._agent.execute(START, "start", title="other"), 409, "idempotency_conflict")

    def _follow(self, kind: str, job_id: str) -> str:
        check(job_id, "there is no job to follow")
        asked_s = time.time()
        job = self._agent.ended(job_id)
        self._show.followed(kind, asked_s, job)
        error = job.get("error", {})
        check(job["status"] == "done", f"{job['seen']}: {error.get('code')}, {error.get('message')}")
        times = [job["created_at"], job["started_at"], job["finished_at"]]
        check(None not in times and times == sorted(times), f"times out of order: {times}")
        if kind == "stop_stream":
            self._running = ""
        return f"{job['seen']}, result {job['result']['status']}"

    def _set_title(self, again: bool = False) -> str:
        if not again:  # the same request, which is told as the first was
            self._show.before.ask("twitch.set_title")
        reply = self._agent.execute("twitch.set_title", "title", title=self._title)
        self._show.before.hear("twitch.set_title", reply.body.get("result"), reply.error)
        if not self._with_twitch:
            return refused(reply, 503, "twitch_not_configured")
        check(reply.status == 200, f"expected 200, got {short(reply)}")
        if not again:
            return str(result_of(reply)["status"])
        check(reply.headers.get("idempotent-replayed") == "true", "the answer is not marked Idempotent-Replayed")
        return "replayed"

    def _play(self) -> str:
        self._show.play(self._minutes)
        self._show.end()
        return f"{len(self._show.played)} claims"

    def _bad_title(self) -> str:
        return refused(self._agent.execute("twitch.set_title", "bad-title", title=""), 400, "invalid_request")

    def _bad_scene(self) -> str:
        scene = f"no such scene {self._agent.mission_id}"
        job = self._agent.ended(self._agent.accepted(START, "bad-scene", obs_scene=scene))
        check(job["status"] == "failed", f"the job ended as {job['status']}")
        check(job["error"]["code"] == "scene_not_found", f"expected scene_not_found, got {job['error']}")
        return f"{job['seen']}, {job['error']['code']}"

    def _stream_is(self, live: bool) -> str:
        stream = self._agent.get("/status").body["obs"]["stream"]
        check(stream["live"] is live, f"the stream is {stream['state']}")
        return str(stream["state"])

    def _listed(self) -> str:
        jobs = self._agent.get("/tools/jobs", mission_id=self._agent.mission_id, limit=200).body["jobs"]
        expected = min(200, len(self._agent.jobs))
        check(len(jobs) == expected, f"expected {expected} jobs, got {len(jobs)}")
        unknown = {job["id"] for job in jobs} - set(self._agent.jobs)
        check(not unknown, f"not the mission's own: {unknown}")
        return f"{len(jobs)} jobs"

    def _stop(self) -> str:
        self._stop_job = self._agent.accepted(STOP, "stop", reason="mission check")
        return self._stop_job

    def _stop_again(self) -> str:
        again = self._agent.accepted(STOP, "stop", reason="mission check")
        check(again == self._stop_job, f"another job: {again}")
        return again

    def _encore(self) -> str:
        self._running = self._agent.accepted(START, "encore", **self._start_args)
        seen = self._follow("start_stream", self._running)
        self._follow("stop_stream", self._agent.accepted(STOP, "encore-stop", reason="mission check"))
        return seen

    def _clean_up(self) -> None:
        """Never leave a stream behind that this check started."""
        stop = "clean up: stop the stream"
        self._step(stop, lambda: self._follow("stop_stream", self._agent.accepted(STOP, "clean-up")))


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
        description="Run an agent mission against a twitch-clawcraft service and check the contract. Goes live! At the "
        "end it puts title, game, tags and labels back, and names what it could not put back."
    )
    port = os.environ.get("PORT") or "3040"
    parser.add_argument("--url", default=f"http://127.0.0.1:{port}", help="the service (default: %(default)s)")
    data_folder.add_option(parser)
    parser.add_argument(
        "--token", help="its token (default: TOOL_SERVICE_TOKEN, which is safer, else what the service has stored)"
    )
    parser.add_argument("--token-file", type=Path, help="file with the token")
    parser.add_argument("--signature-secret", help="its signature secret (default: as for the token)")
    parser.add_argument("--signature-secret-file", type=Path, help="file with the signature secret")
    parser.add_argument("--title", default="Mission check", help="title to set (default: %(default)s)")
    parser.add_argument(
        "--without-twitch", action="store_true", help="the service has no Twitch account: expect it to say so"
    )
    parser.add_argument(
        "--job-timeout", type=float, default=240, metavar="S", help="longest job (default: %(default)s)"
    )
    parser.add_argument(
        "--minutes", type=float, default=0, metavar="M", help="play so long (default: each action once, at once)"
    )
    parser.add_argument("--target", default="", metavar="LOGIN", help="channel for shoutout and raid, else not played")
    parser.add_argument("--scene", default="", metavar="NAME", help="scene to switch to, else not played")
    parser.add_argument(
        "--witness", metavar="URL", help="compare all claims with the local Twitch that is controlled at this URL"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


def main() -> int:
    options = _options()
    try:
        token = _secret(options.token_file, options.token, _TOKEN)
        secret = _secret(options.signature_secret_file, options.signature_secret, _SIGNATURE_SECRET)
        if token is None:  # as the service on this machine keeps it, and what belongs to it
            store = SecretStore(data_folder.find(options.data_dir))
            token, secret = store.get(_TOKEN), secret or store.get(_SIGNATURE_SECRET)
        if token is None:
            raise CannotBegin(
                f"no token in {store.path}: start OBS with the script once, or give --token-file, --token or {_TOKEN}"
            )
        service = ServiceClient(options.url, token, secret, timeout_s=REQUEST_TIMEOUT_S)
        agent = MissionAgent(service, options.job_timeout)
        witness = Witness(options.witness) if options.witness else None
        report = _say_nothing if options.json else _say
        show = MissionShow(agent, options.title, report, witness, options.target, options.scene)
        mission = Mission(agent, show, options.title, not options.without_twitch, options.minutes)
        passed = mission.run()
    except (CannotBegin, OSError, ValueError) as error:
        print(json.dumps({"ok": False, "error": str(error)}) if options.json else f"error: {error}", file=sys.stderr)
        return 2
    if options.json:
        checks, claims = ([asdict(one) for one in rows] for rows in (mission.checks, show.played))
        print(json.dumps({"ok": passed, "checks": checks, "claims": claims}, ensure_ascii=False))
    else:
        print(f"\n{counted(show.played)}\n\n{_table(mission.checks)}")
    return 0 if passed else 1


def _say(played: Played) -> None:
    print(played.line(), flush=True)


def _say_nothing(_played: Played) -> None:
    """The claims are in the JSON at the end."""


if __name__ == "__main__":
    sys.exit(main())
