"""Each error code of the table reaches an agent over a real socket: here, or in the test file named below."""

import resource
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from clawcraft.errors import error_classes
from obs_mock.scenarios import Timings
from tests.service.conftest import Studio
from tests.support.tool_client import ToolClient
from tests.support.waiting import wait_until
from twitch_sim.server import TwitchSim

TESTS = Path(__file__).resolve().parents[1]
HERE = {
    "busy", "channel_not_allowed", "channel_offline", "chat_message_dropped", "game_not_found",
    "idempotency_conflict", "obs_unavailable", "queue_full", "stopping", "storage_unavailable",
    "stream_start_failed", "stream_stop_timeout", "timeout", "twitch_missing_scope", "twitch_rejected",
    "twitch_token_invalid", "twitch_unavailable",
}  # fmt: skip
ELSEWHERE = {
    "http/test_gate.py": (
        "invalid_json", "invalid_request", "unknown_action", "unauthorized", "invalid_signature", "replayed_request",
        "client_not_allowed", "payload_too_large", "unsupported_media_type", "rate_limited",
    ),
    "http/test_endpoints.py": (
        "not_found", "job_not_found", "method_not_allowed", "headers_too_large", "internal_error",
    ),
    "panel/test_panel.py": ("action_disabled", "paused_by_operator"),
    "e2e/test_go_live.py": ("twitch_not_configured", "scene_not_found"),
    "e2e/test_stuck_obs.py": ("obs_unresponsive", "encoder_not_started"),
    "e2e/test_crash_and_exit.py": ("interrupted",),
    "e2e/test_failures.py": (
        "stream_start_timeout", "superseded", "stream_key_refused", "stream_connect_failed", "stream_disconnected",
    ),
}  # fmt: skip


def test_every_code_of_the_table_is_reached_somewhere() -> None:
    elsewhere = {code for codes in ELSEWHERE.values() for code in codes}
    assert {cls.code for cls in error_classes()} == HERE | elsewhere
    for name, codes in ELSEWHERE.items():
        text = (TESTS / name).read_text("utf-8")
        assert [code for code in codes if f'"{code}"' not in text] == [], name


class Agent:
    """A client of a studio with the local Twitch."""

    def __init__(self, client: ToolClient, twitch: TwitchSim) -> None:
        self.client = client
        self.twitch = twitch
        self._number = 0

    def outcome(self, action: str, request_id: str | None = None, **args: Any) -> tuple[int, str]:
        """Status and error code of one request, with an id of its own unless one is given."""
        self._number += 1
        answer = self.client.post(f"twitch.{action}", request_id or f"code-{self._number}", **args)
        return answer.status_code, answer.json()["error"]["code"]


@pytest.fixture
def twitch(monkeypatch: pytest.MonkeyPatch) -> Iterator[TwitchSim]:
    with TwitchSim() as sim:
        for name, value in sim.environment().items():
            monkeypatch.setenv(name, value)
        yield sim


@pytest.fixture
def agent(twitch: TwitchSim, tmp_path: Path) -> Iterator[Agent]:
    studio = Studio(tmp_path, tool_service_timeout_ms="1500", twitch_api_retries="0")
    with studio.obs:
        client = studio.client()
        wait_until(lambda: client.status()["twitch"]["state"] == "ok", "the token is validated")
        yield Agent(client, twitch)
        client.close()


def test_what_twitch_refuses(agent: Agent) -> None:
    world = agent.twitch.world
    assert agent.outcome("set_title", channel="stranger", title="x") == (403, "channel_not_allowed")
    assert agent.outcome("set_game", game="No such game at all") == (502, "game_not_found")
    assert agent.outcome("create_clip") == (502, "channel_offline")
    world.chat_drop = {"code": "msg_rejected", "message": "held by AutoMod"}
    assert agent.outcome("post_chat_message", message="hi") == (502, "chat_message_dropped")
    agent.twitch.fault("PATCH /channels", status=400, body={"error": "Bad Request", "status": 400, "message": "no"})
    assert agent.outcome("set_title", title="x") == (502, "twitch_rejected")
    agent.twitch.fault("POST /clips", status=500, body="<html>oops</html>")
    world.go_live()
    assert agent.outcome("create_clip") == (502, "twitch_unavailable")
    agent.twitch.fault("POST /chat/messages", hang=True)
    assert agent.outcome("post_chat_message", message="hi") == (504, "timeout")
    world.revoke_all()
    assert agent.outcome("set_title", title="x") == (502, "twitch_token_invalid")


def test_a_scope_the_token_lacks(twitch: TwitchSim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in twitch.environment(twitch.world.issue(scopes=("clips:edit",))).items():
        monkeypatch.setenv(name, value)
    studio = Studio(tmp_path)
    with studio.obs:
        client = studio.client()
        assert Agent(client, twitch).outcome("post_chat_message", message="hi") == (502, "twitch_missing_scope")
        client.close()


def test_more_actions_than_may_wait_for_twitch(agent: Agent) -> None:
    agent.twitch.fault("POST /chat/messages", hang=True, times=4)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(agent.outcome, "post_chat_message", f"wait-{n}", message="hi") for n in range(4)]
        agent.twitch.world.wait_for("POST /chat/messages", 4)
        assert agent.outcome("post_chat_message", "one-more", message="hi") == (503, "busy")
        assert {future.result() for future in waiting} == {(504, "timeout")}


def test_a_twin_that_waits_while_the_service_stops(twitch: TwitchSim, tmp_path: Path) -> None:
    studio = Studio(tmp_path, tool_service_timeout_ms="20000")
    with studio.obs:
        client = studio.client()
        agent = Agent(client, twitch)
        twitch.fault("POST /chat/messages", hang=True)
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(agent.outcome, "post_chat_message", "twin", message="hi")
            twitch.world.wait_for("POST /chat/messages", 1)
            twin = pool.submit(agent.outcome, "post_chat_message", "twin", message="hi")
            metric = "clawcraft_http_waiting 1.0"
            wait_until(lambda: metric in client.get("/metrics").text, "the twin waits")
            stopping = threading.Thread(target=studio.obs.stop)
            stopping.start()
            assert twin.result(10) == (503, "stopping")
            assert first.result(10)[0] in (503, 504)
            stopping.join(10)
        client.close()


def test_the_same_id_for_something_else(client: ToolClient) -> None:
    client.run("twitch.stop_stream", "taken")
    answer = client.post("twitch.start_stream", "taken")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_conflict")


def test_more_jobs_than_the_queue_holds(studio: Studio, client: ToolClient) -> None:
    studio.obs.scenario = "silent_server"
    for number in range(1024):
        client.accept("twitch.start_stream", f"queue-{number}")
    answer = client.post("twitch.start_stream", "one too many".replace(" ", "-"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "queue_full")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_disk_that_takes_nothing(client: ToolClient) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, limits[1]))
    try:
        answer = client.post("twitch.stop_stream", "full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage_unavailable")
    assert client.run("twitch.stop_stream", "full")["status"] == "done"


def test_an_obs_without_libobs(tmp_path: Path) -> None:
    studio = Studio(tmp_path, scenario="no_libobs")
    studio.obs.start()  # without libobs OBS counts one leak, which its own API causes: no check of the report
    client = studio.client()
    for action in ("twitch.start_stream", "twitch.stop_stream"):
        error = client.run(action, f"no-libobs-{action}")["error"]
        assert (error["code"], error["retryable"]) == ("obs_unavailable", False)
        assert "libobs was not found in this process" in error["message"]
    assert client.status()["obs"]["problem"] == error["message"]
    client.close()
    studio.obs.stop()


def test_a_stream_the_streamer_stops_as_it_starts(studio: Studio, client: ToolClient) -> None:
    studio.obs.scenario = "disconnect_while_starting"
    assert client.run("twitch.start_stream", "cut")["error"]["code"] == "stream_disconnected"
    studio.obs.scenario = "user_stops"
    failed = client.run("twitch.start_stream", "clicked")
    assert failed["error"]["code"] == "stream_start_failed"


def test_a_stop_that_obs_does_not_confirm(tmp_path: Path) -> None:
    studio = Studio(tmp_path, Timings(stop_s=3.0), obs_stream_operation_timeout_ms="1000")
    with studio.obs:
        client = studio.client()
        assert client.run("twitch.start_stream", "slow-1")["status"] == "done"
        assert client.run("twitch.stop_stream", "slow-2")["error"]["code"] == "stream_stop_timeout"
        wait_until(lambda: client.status()["obs"]["stream"]["state"] == "offline", "OBS has stopped at last")
        client.close()
