"""Every endpoint over a real socket: what it answers, and that the answer is what its schema says."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from clawcraft import VERSION, errors
from clawcraft.actions.catalogue import Policy
from clawcraft.authority.refusals import Refused
from clawcraft.errors import ChannelOffline, TwitchNotConfigured
from clawcraft.http.app import CHANNEL_WAIT_S
from clawcraft.jobs.answer import Answer, failed
from clawcraft.jobs.model import Envelope, JobStatus
from tests.support.http_service import CONTRACT, OBS_STATUS, HttpService, job, request
from tests.support.responses import fits
from tests.support.settings import make_settings
from tests.support.waiting import HANG_S


def test_health_tells_who_it_is_and_nothing_else(service: HttpService) -> None:
    answer = service.get("/health", token=None)
    assert answer.status == 200
    assert answer.json == {"ok": True, "service": "twitch-clawcraft", "version": VERSION}
    assert fits("health", answer.json)


def test_every_answer_has_the_same_safe_headers(service: HttpService) -> None:
    for answer in (service.get("/health"), service.get("/nowhere"), service.post(request()), service.get("/metrics")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert int(answer.headers["Content-Length"]) == len(answer.raw)
        assert answer.headers["Server"] is None
        assert answer.headers["Access-Control-Allow-Origin"] is None


def test_a_sync_action_answers_its_result(service: HttpService) -> None:
    body = request(args={"title": "Grüße 😀", "channel": "Someone"}, mission_id="m 1", correlation_id="c")
    answer = service.post(body)
    assert answer.status == 200
    assert fits("sync", answer.json)
    (envelope,) = service.dispatcher.envelopes
    assert envelope.args == {"title": "Grüße 😀", "channel": "someone"}
    assert (envelope.agent_id, envelope.request_id) == ("producer", "req-1")
    assert (envelope.mission_id, envelope.correlation_id) == ("m 1", "c")


def test_an_async_action_answers_202_with_its_job(service: HttpService) -> None:
    answer = service.post(request("twitch.start_stream"))
    assert answer.status == 202
    assert answer.headers["Location"] == "/tools/jobs/job_1"
    assert fits("accepted", answer.json)


def test_text_travels_as_utf8_not_as_escapes(service: HttpService) -> None:
    service.dispatcher.script = lambda envelope: Answer(200, {"ok": True, "result": {"title": "Grüße 😀\u2028"}})
    assert "Grüße 😀\u2028".encode() in service.post(request()).raw


def test_a_dispatchers_failure_keeps_its_status_and_headers(service: HttpService) -> None:
    body = {"ok": False, "action": "twitch.set_title", "request_id": "req-1", "error": {"code": "twitch_rejected"}}
    service.dispatcher.script = lambda envelope: Answer(502, body, {"Idempotent-Replayed": "true"})
    answer = service.post(request())
    assert (answer.status, answer.json) == (502, body)
    assert answer.headers["Idempotent-Replayed"] == "true"
    (event,) = service.requests(1)
    assert (event["code"], event["replayed"]) == ("twitch_rejected", True)


def test_a_failure_names_action_and_request_id_once_they_are_known(service: HttpService) -> None:
    known = service.post(request(args={}))
    assert fits("failure", known.json)
    assert (known.json["action"], known.json["request_id"]) == ("twitch.set_title", "req-1")
    unknown = service.post(b"{")
    assert fits("failure", unknown.json)
    assert (unknown.json["action"], unknown.json["request_id"]) == (None, None)


def test_a_job_is_shown_in_every_state(service: HttpService) -> None:
    service.jobs.put(job("a", request_id="r", mission_id="m"))
    assert fits("job_answer", service.get("/tools/jobs/a").json)
    running = service.jobs.get("a").moved(JobStatus.RUNNING, now_s=1_700_000_001.0)
    service.jobs.put(running)
    assert fits("job_answer", service.get("/tools/jobs/a").json)
    service.jobs.put(running.moved(JobStatus.FAILED, now_s=1_700_000_002.0, error=errors.Superseded("x").to_json()))
    answer = service.get("/tools/jobs/a")
    assert answer.status == 200
    assert fits("job_answer", answer.json)
    assert answer.json["job"]["error"]["code"] == "superseded"


@pytest.mark.parametrize("path", ["missing", "a%20b", "x" * 65, "%00", "..", "%F0%9F%98%80"])
def test_an_id_of_no_job_is_404(service: HttpService, path: str) -> None:
    answer = service.get(f"/tools/jobs/{path}")
    assert answer.status == 404
    assert answer.code in ("job_not_found", "not_found")


def test_jobs_are_listed_with_filters_and_cursor(service: HttpService) -> None:
    for number in range(3):
        service.jobs.put(job(f"j{number}", mission_id="Sendung 5"))
    answer = service.get("/tools/jobs?status=queued&action=twitch.start_stream&mission_id=Sendung+5&limit=2&cursor=abc")
    assert answer.status == 200
    assert fits("job_list", answer.json)
    assert (len(answer.json["jobs"]), answer.json["next_cursor"]) == (2, "next-1")
    filters = {"status": "queued", "action": "twitch.start_stream", "mission_id": "Sendung 5"}
    assert service.jobs.listed == [(filters, 2, "abc")]
    assert service.get("/tools/jobs").json["next_cursor"] is None
    assert service.jobs.listed[-1] == ({}, 50, None)


def test_tools_are_the_actions_with_their_schemas(service: HttpService) -> None:
    asked = {"twitch.start_stream": Policy.ASK}
    service.settings = make_settings(disabled_actions=("twitch.create_clip",), action_policies=asked)
    answer = service.get("/tools")
    assert answer.status == 200
    assert fits("tools", answer.json)
    tools = {tool["name"]: tool for tool in answer.json["tools"]}
    assert set(tools) == set(CONTRACT.actions)
    policies = {name: (tool["policy"], tool["enabled"]) for name, tool in tools.items()}
    assert policies["twitch.create_clip"] == ("off", False)
    assert policies["twitch.start_stream"] == ("ask", True)
    assert tools["twitch.set_title"] == {
        "name": "twitch.set_title",
        "description": CONTRACT.args_schema("twitch.set_title")["description"],
        "kind": "sync",
        "enabled": True,
        "policy": "allow",
        "args": CONTRACT.args_schema("twitch.set_title"),
    }


def test_status_is_what_the_service_says(service: HttpService) -> None:
    usual = service.status()
    service.status = lambda: {**usual, "paused": True, "obs": {**OBS_STATUS, "current_scene": "\udce4"}}
    answer = service.get("/status")
    assert answer.status == 200
    assert fits("status", answer.json)
    assert answer.json["paused"] is True
    assert answer.json["obs"]["current_scene"] == "?", "a name that is no text must not cost the whole answer"


def test_openapi_is_public_json(service: HttpService) -> None:
    answer = service.get("/openapi.json", token=None)
    assert answer.status == 200
    assert answer.json["openapi"] == "3.1.0"


def test_metrics_count_what_was_answered(service: HttpService) -> None:
    service.post(request())
    service.post(request(action="made.up"))
    service.get("/nowhere")
    service.get("/status", token="wrong")
    service.requests(4)
    answer = service.get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.raw.decode().splitlines()
    count = "clawcraft_http_requests_total"
    execute = 'endpoint="POST /tools/execute"'
    assert f'{count}{{action="twitch.set_title",code="",{execute},status="200"}} 1.0' in lines
    assert f'{count}{{action="unknown",code="unknown_action",{execute},status="400"}} 1.0' in lines
    assert f'{count}{{action="",code="not_found",endpoint="other",status="404"}} 1.0' in lines
    assert 'clawcraft_auth_failures_total{code="unauthorized"} 1.0' in lines
    assert 'clawcraft_build_info{version="1.2.3"} 1.0' in lines


@pytest.mark.parametrize(
    "path", ["/health", "/openapi.json", "/tools", "/status", "/channel", "/metrics", "/tools/jobs"]
)
def test_head_is_get_without_its_body(service: HttpService, path: str) -> None:
    get = service.get(path)
    head = service.call("HEAD", path, None, {"Authorization": "Bearer a-token-of-the-tests"})
    assert (head.status, head.raw) == (200, b"")
    if path != "/metrics":
        assert head.headers["Content-Length"] == get.headers["Content-Length"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/tools/execute", "POST"),
        ("HEAD", "/tools/execute", "POST"),
        ("PUT", "/tools/execute", "POST"),
        ("POST", "/tools/jobs/a", "GET, HEAD"),
        ("DELETE", "/tools/jobs/a", "GET, HEAD"),
        ("POST", "/health", "GET, HEAD"),
        ("OPTIONS", "/tools", "GET, HEAD"),
        ("OPTIONS", "/tools/execute", "POST"),
        ("TRACE", "/status", "GET, HEAD"),
        ("ANY", "/status", "GET, HEAD"),
        ("PROXY", "/status", "GET, HEAD"),
        ("BREW", "/metrics", "GET, HEAD"),
    ],
)
def test_another_method_is_405_with_allow(service: HttpService, method: str, path: str, allowed: str) -> None:
    answer = service.call(method, path)
    assert answer.status == 405
    assert answer.headers["Allow"] == allowed
    if method != "HEAD":
        assert answer.code == "method_not_allowed"
        assert answer.json["error"]["details"] == {"allowed": allowed.split(", ")}


@pytest.mark.parametrize(
    "path",
    ["/", "/tools/", "/tools/execute/", "/TOOLS", "/tools/jobs/", "/tools/jobs/a/b", "/tools/jobs/a%2Fb", "/%ffhealth"],
)
def test_other_paths_are_404(service: HttpService, path: str) -> None:
    answer = service.get(path)
    assert (answer.status, answer.code) == (404, "not_found")
    assert fits("failure", answer.json)


def test_a_defect_is_a_500_with_an_incident_and_its_traceback_only_in_the_log(service: HttpService) -> None:
    def broken(_: Any) -> Answer:
        raise ZeroDivisionError("the secret inside")

    service.dispatcher.script = broken
    answer = service.post(request())
    assert (answer.status, answer.code) == (500, "internal_error")
    assert fits("failure", answer.json)
    assert b"ZeroDivisionError" not in answer.raw
    assert b"secret inside" not in answer.raw
    (event,) = service.events.named("incident")
    assert answer.json["error"]["details"]["incident"] == event["incident_id"]
    assert "ZeroDivisionError" in event["traceback"]
    assert event["request_id"] == "req-1"
    assert service.get("/health").status == 200


def test_one_event_for_each_request_with_all_ids(service: HttpService) -> None:
    def takes_a_while(envelope: Envelope) -> Answer:
        service.clock.advance(0.25)
        return service.dispatcher.usual(envelope)

    service.dispatcher.script = takes_a_while
    service.post(request("twitch.start_stream", mission_id="m", correlation_id="c"))
    service.requests(1)  # each is told behind its answer, by the thread that served it
    service.get("/tools/jobs/missing", token="wrong")
    accepted, refused = service.requests(2)
    assert accepted.pop("duration_ms") == 250
    assert accepted == {
        "method": "POST",
        "path": "/tools/execute",
        "status": 202,
        "code": None,
        "action": "twitch.start_stream",
        "request_id": "req-1",
        "agent_id": "producer",
        "mission_id": "m",
        "correlation_id": "c",
        "job_id": "job_1",
        "replayed": None,
        "client": "127.0.0.1",
    }
    assert (refused["status"], refused["code"]) == (401, "unauthorized")


CODES_OF_THIS_LAYER = [
    error
    for error in errors.error_classes()
    if error.code not in ("not_found", "method_not_allowed", "payload_too_large", "headers_too_large")
]


@pytest.mark.parametrize("error", CODES_OF_THIS_LAYER, ids=lambda error: error.code)
def test_every_error_reaches_the_agent_as_it_is(service: HttpService, error: type[errors.ClawcraftError]) -> None:
    def refuse(_: Any) -> Answer:
        raise error("what happened", details={"evidence": 1}, retry_after_s=2.1)

    service.dispatcher.script = refuse
    answer = service.post(request())
    assert answer.status == error.status
    assert answer.headers["Retry-After"] == "3"
    assert fits("failure", answer.json)
    assert answer.json["error"] == {
        "code": error.code,
        "message": "what happened",
        "retryable": error.default_retryable,
        "hint": error.default_hint,
        "details": {"evidence": 1},
    }


def test_refused_and_repeated_requests_are_counted_and_what_an_action_comes_to_is_not(service: HttpService) -> None:
    def failing(envelope: Envelope) -> Answer:
        return failed(envelope, ChannelOffline("not live"))

    service.dispatcher.script = failing
    service.post(request())
    service.dispatcher.script = lambda envelope: service.dispatcher.usual(envelope).replayed()
    service.post(request())
    for _ in range(2):
        service.post(request("fly"))
    service.get("/status", token="wrong")
    service.requests(5)
    counted = {count.refused: count.times for count in service.refusals.take(unfinished=True)}
    assert counted == {
        Refused("replayed", "twitch.set_title", "producer", "127.0.0.1"): 1,
        Refused("unknown_action", "fly", "producer", "127.0.0.1"): 2,
        Refused("unauthorized", None, None, "127.0.0.1"): 1,
    }


def test_channel_says_what_twitch_lacks(service: HttpService) -> None:
    assert service.get("/channel").json == {"ok": True, "broadcaster": None}

    def refuse(_wait_s: float) -> dict[str, object]:
        raise TwitchNotConfigured("Twitch is not connected")

    service.channel = refuse
    assert [(service.get("/channel").status, service.get("/channel").code) for _ in range(2)] == [
        (503, "twitch_not_configured")
    ] * 2


def test_only_part_of_the_workers_wait_for_the_channel_and_the_others_are_answered_at_once(
    service: HttpService,
) -> None:
    go_on, waiting, asked = threading.Event(), threading.Semaphore(0), []

    def wait(wait_s: float) -> dict[str, object]:
        asked.append(wait_s)
        if wait_s:
            waiting.release()
            go_on.wait(HANG_S)
        return {}

    service.channel = wait
    with ThreadPoolExecutor(service.channel_slots.limit) as pool:
        held = [pool.submit(service.get, "/channel") for _ in range(service.channel_slots.limit)]
        for _ in held:
            assert waiting.acquire(timeout=HANG_S)
        assert [service.get(path).status for path in ("/channel", "/status", "/tools/jobs")] == [200] * 3
        assert asked == [*[CHANNEL_WAIT_S] * len(held), 0.0]
        go_on.set()
        assert [answer.result().status for answer in held] == [200] * len(held)
