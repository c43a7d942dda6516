"""Each error code of the table, got by an agent over a real socket from the whole service in the fake OBS."""

import hashlib
import hmac
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from clawcraft.errors import error_classes
from obs_mock.scenarios import Timings
from tests.service.conftest import Studio
from tests.support.agents import add_agent
from tests.support.examples import EXAMPLES
from tests.support.full_disk import full_disk
from tests.support.paths import data_folder
from tests.support.tool_client import ToolClient, stored_token
from tests.support.waiting import wait_until
from twitch_sim.server import TwitchSim

STATUS: Final = {cls.code: cls.status for cls in error_classes()}
SIGNED: Final = {"TOOL_SERVICE_SIGNATURE_SECRET": "a-secret-to-sign-with"}


class Agent:
    """An agent of a studio with the local Twitch. Each call gives the code of the failure that was answered."""

    def __init__(self, studio: Studio, twitch: TwitchSim) -> None:
        self.studio = studio
        self.twitch = twitch
        self.client = studio.client()
        self._number = 0

    def post(self, action: str, request_id: str | None = None, **args: Any) -> str:
        self._number += 1
        return self.code_of(self.client.post(f"twitch.{action}", request_id or f"code-{self._number}", **args))

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> str:
        """A request as it is, with token and content type unless ``headers`` say otherwise."""
        usual = {"Authorization": f"Bearer {stored_token(self.studio.folder)}", "Content-Type": "application/json"}
        named = {**usual, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.code_of(requests.request(method, self.client.url + path, data=body, headers=named, timeout=10))

    def job(self, action: str, **args: Any) -> str:
        """The code that a job ends with."""
        self._number += 1
        job = self.client.run(f"twitch.{action}", f"code-{self._number}", **args)
        return str(job["error"]["code"]) if "error" in job else ""

    @staticmethod
    def code_of(answer: requests.Response) -> str:
        """The code of a failure, whose status must be the table's; empty for a success."""
        if answer.ok:
            return ""
        code = str(answer.json()["error"]["code"])
        assert answer.status_code == STATUS[code]
        return code


# --- what takes more than one call ------------------------------------------------------------------------------------


def _sent_twice(agent: Agent) -> str:
    body = b'{"agent_id": "agent", "action": "twitch.set_title", "args": {"title": "x"}}'
    timestamp = str(int(time.time()))
    signed = timestamp.encode() + b"." + body
    signature = hmac.new(b"a-secret-to-sign-with", signed, hashlib.sha256).hexdigest()
    headers = {"X_Tool_Timestamp": timestamp, "X_Tool_Signature": signature}
    codes = [agent.send("POST", "/tools/execute", body, **headers) for _ in range(2)]
    assert codes[0] == ""
    return codes[1]


def _paused(agent: Agent) -> str:
    agent.studio.obs.open_panel()
    agent.studio.obs.click("pause")
    return agent.post("set_title", title="x")


def _too_often(agent: Agent) -> str:
    assert agent.post("set_title", title="x") == ""
    return agent.post("set_title", title="y")


def _the_name_of_another_agent(agent: Agent) -> str:
    token = add_agent(data_folder(agent.studio.folder), "somebody-else")
    body = b'{"agent_id": "agent", "action": "twitch.set_title", "args": {"title": "x"}}'
    return agent.send("POST", "/tools/execute", body, Authorization=f"Bearer {token.reveal()}")


def _the_same_id_for_something_else(agent: Agent) -> str:
    assert agent.post("stop_stream", "taken") == ""
    return agent.post("start_stream", "taken")


def _a_defect(agent: Agent) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(sys.modules["clawcraft.twitch.client"].Twitch, "session")
        return agent.post("set_title", title="x")


def _denied(agent: Agent) -> str:
    job_id = agent.client.accept("twitch.set_title", "asked", title="x")
    agent.studio.obs.press_hotkey("twitch_clawcraft.deny")
    return str(agent.client.ended(job_id)["error"]["code"])


def _revoked(agent: Agent) -> str:
    wait_until(lambda: agent.client.status()["twitch"]["state"] == "ok", "the token is validated")
    agent.twitch.world.revoke_all()
    return agent.post("set_title", title="x")


def _more_than_may_wait_for_twitch(agent: Agent) -> str:
    agent.twitch.fault("POST /chat/messages", hang=True, times=4)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(agent.post, "post_chat_message", f"wait-{n}", message="hi") for n in range(4)]
        agent.twitch.world.wait_for("POST /chat/messages", 4)
        code = agent.post("post_chat_message", "one-more", message="hi")
        assert {future.result() for future in waiting} == {"timeout"}
    return code


def _a_duplicate_that_waits_while_the_service_stops(agent: Agent) -> str:
    agent.twitch.fault("POST /chat/messages", hang=True)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(agent.post, "post_chat_message", "same", message="hi")
        agent.twitch.world.wait_for("POST /chat/messages", 1)
        duplicate = pool.submit(agent.post, "post_chat_message", "same", message="hi")
        metric = "clawcraft_http_waiting 1.0"
        wait_until(lambda: metric in agent.client.get("/metrics").text, "the duplicate waits")
        stopping = threading.Thread(target=agent.studio.obs.stop)
        stopping.start()
        code = duplicate.result(10)
        assert first.result(10) in ("stopping", "twitch_unavailable", "timeout")
        stopping.join(10)
    return code


def _more_jobs_than_the_queue_holds(agent: Agent) -> str:
    """Some starts time out meanwhile and make room, on a slow machine more of them."""
    codes = (agent.post("start_stream", f"queue-{number}") for number in range(4 * 1024))
    code = next(filter(None, codes), "")
    agent.client.run("twitch.stop_stream", "empty")  # the queue, which is else written off while the script unloads
    return code


def _a_disk_that_takes_nothing(agent: Agent) -> str:
    with full_disk():
        code = agent.post("stop_stream", "full")
    assert agent.client.run("twitch.stop_stream", "full")["status"] == "done"
    return code


def _an_obs_without_libobs(agent: Agent) -> str:
    for action in ("twitch.start_stream", "twitch.stop_stream"):
        error = agent.client.run(action, f"no-libobs-{action}")["error"]
        assert not error["retryable"]
        assert "libobs was not found in this process" in error["message"]
    assert agent.client.status()["obs"]["problem"] == error["message"]
    return str(error["code"])


def _a_window_that_hangs(agent: Agent) -> str:
    agent.studio.obs.scenario = "busy_ui"
    return agent.job("start_stream")


def _a_stop_that_obs_does_not_confirm(agent: Agent) -> str:
    assert agent.job("start_stream") == ""
    code = agent.job("stop_stream")
    wait_until(lambda: agent.client.status()["obs"]["stream"]["state"] == "offline", "OBS has stopped at last")
    return code


def _a_start_before_a_stop(agent: Agent) -> str:
    started = agent.client.accept("twitch.start_stream", "start")
    agent.client.accept("twitch.stop_stream", "stop")
    return str(agent.client.ended(started)["error"]["code"])


def _a_start_that_outlived_its_service(agent: Agent) -> str:
    started = agent.client.accept("twitch.start_stream", "start")
    agent.studio.obs.reload()
    again: ToolClient = agent.studio.client()
    code = str(again.ended(started)["error"]["code"])
    again.close()
    return code


def _a_start_beneath_a_box(agent: Agent) -> str:
    agent.client.run("twitch.start_stream", "refused-by-the-encoder")
    return str(agent.client.ended(agent.client.accept("twitch.start_stream", "beneath"))["error"]["code"])


# --- how each code is got ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """What an agent does for a code, and with what service: values of the panel, the environment, the scenario of
    OBS."""

    go: Callable[[Agent], str]
    panel: dict[str, object] = field(default_factory=dict)
    environment: Callable[[TwitchSim], dict[str, str]] = lambda twitch: {}
    scenario: str = "good"
    timings: Timings | None = None


def sends(method: str, path: str, body: bytes | None = None, **headers: str) -> Way:
    return Way(lambda agent: agent.send(method, path, body, **headers))


def posts(action: str, *, panel: dict[str, object] | None = None, **args: Any) -> Way:
    return Way(lambda agent: agent.post(action, **args), panel or {})


def meets(endpoint: str, action: str, /, **fault: Any) -> Way:
    """Twitch answers the action's call otherwise than it should."""

    def go(agent: Agent) -> str:
        agent.twitch.fault(endpoint, **fault)
        return agent.post(action, **EXAMPLES[f"twitch.{action}"])

    return Way(go)


def starts(scenario: str) -> Way:
    return Way(lambda agent: agent.job("start_stream"), {"obs_stream_operation_timeout_ms": "1000"}, scenario=scenario)


def with_token(*scopes: str) -> Callable[[TwitchSim], dict[str, str]]:
    return lambda twitch: twitch.environment(twitch.world.issue(scopes=scopes))


CHAT: Final = "POST /chat/messages"
BAD_REQUEST: Final = {"error": "Bad Request", "status": 400, "message": "no"}
DROPPED: Final = {"data": [{"message_id": "", "is_sent": False, "drop_reason": {"code": "msg_rejected"}}]}
NO_TOKEN: Final = {"TWITCH_OAUTH_TOKEN": "", "TWITCH_REFRESH_TOKEN": ""}
BRIEF: Final[dict[str, object]] = {"obs_stream_operation_timeout_ms": "1000"}
ASKED: Final = {"TOOL_ACTION_POLICY": "set_title=ask"}
EXECUTE: Final = ("POST", "/tools/execute")
TITLE: Final = EXAMPLES["twitch.set_title"]

WAYS: Final = {
    "invalid_json": sends(*EXECUTE, b"{"),
    "invalid_request": posts("set_title"),
    "unknown_action": posts("fly"),
    "payload_too_large": sends(*EXECUTE, b" " * 70_000),
    "unsupported_media_type": sends(*EXECUTE, Content_Type="text/plain"),
    "not_found": sends("GET", "/nowhere"),
    "job_not_found": sends("GET", "/tools/jobs/job_none"),
    "method_not_allowed": sends("DELETE", "/status"),
    "headers_too_large": sends("GET", "/status", X_Long="x" * 20_000),
    "client_not_allowed": sends("GET", "/status", Host="evil.example"),
    "unauthorized": sends("GET", "/status", Authorization="Bearer somebody-elses"),
    "invalid_signature": Way(lambda agent: agent.post("set_title", **TITLE), environment=lambda twitch: SIGNED),
    "replayed_request": Way(_sent_twice, environment=lambda twitch: SIGNED),
    "action_disabled": posts("set_title", panel={"action_set_title": False}, **TITLE),
    "paused_by_operator": Way(_paused),
    "agent_mismatch": Way(_the_name_of_another_agent),
    "refused_by_guard_rail": Way(
        lambda agent: agent.post("set_title", title="see example.com"),
        environment=lambda twitch: {"TOOL_REFUSE_LINKS": "true"},
    ),
    "idempotency_conflict": Way(_the_same_id_for_something_else),
    "rate_limited": Way(_too_often, {"tool_action_rate_limit_per_min": "1"}),
    "internal_error": Way(_a_defect),
    "channel_not_allowed": posts("set_title", channel="stranger", **TITLE),
    "game_not_found": posts("set_game", game="No such game at all"),
    "channel_offline": posts("create_clip"),
    "chat_message_dropped": meets(CHAT, "post_chat_message", status=200, body=DROPPED),
    "twitch_rejected": meets("PATCH /channels", "set_title", status=400, body=BAD_REQUEST),
    "twitch_unavailable": meets(CHAT, "post_chat_message", status=500, body="<html>oops</html>"),
    "timeout": meets(CHAT, "post_chat_message", hang=True),
    "twitch_token_invalid": Way(_revoked),
    "twitch_missing_scope": Way(lambda agent: agent.post("set_title", **TITLE), environment=with_token("clips:edit")),
    "twitch_not_configured": Way(lambda agent: agent.post("set_title", **TITLE), environment=lambda twitch: NO_TOKEN),
    "busy": Way(_more_than_may_wait_for_twitch),
    "stopping": Way(_a_duplicate_that_waits_while_the_service_stops, {"tool_service_timeout_ms": "20000"}),
    "queue_full": Way(_more_jobs_than_the_queue_holds, scenario="silent_server"),
    "storage_unavailable": Way(_a_disk_that_takes_nothing),
    "obs_unavailable": Way(_an_obs_without_libobs, scenario="no_libobs"),
    "obs_unresponsive": Way(_a_window_that_hangs, BRIEF),
    "scene_not_found": Way(lambda agent: agent.job("start_stream", obs_scene="Nowhere")),
    "stream_key_refused": starts("refused_key"),
    "stream_connect_failed": starts("dead_server"),
    "stream_disconnected": starts("disconnect_while_starting"),
    "stream_start_failed": starts("user_stops"),
    "stream_start_timeout": starts("silent_server"),
    "encoder_not_started": starts("encoder_fails"),
    "obs_busy": Way(_a_start_beneath_a_box, scenario="encoder_fails"),
    "stream_stop_timeout": Way(_a_stop_that_obs_does_not_confirm, BRIEF, timings=Timings(stop_s=3.0)),
    "denied_by_operator": Way(_denied, environment=lambda twitch: ASKED),
    "approval_expired": Way(
        lambda agent: agent.job("set_title", title="x"),
        {"tool_approval_timeout_ms": "1000"},
        environment=lambda twitch: ASKED,
    ),
    "superseded": Way(_a_start_before_a_stop, scenario="silent_server"),
    "interrupted": Way(_a_start_that_outlived_its_service, scenario="silent_server"),
}


@pytest.mark.parametrize("code", sorted(STATUS))
def test_every_code_of_the_table_reaches_an_agent(
    code: str, tmp_path: Path, twitch: TwitchSim, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert code in WAYS, f"{code}: no way to get it in {__name__}"
    way = WAYS[code]
    for name, value in way.environment(twitch).items():
        monkeypatch.setenv(name, value)
    panel = {"tool_service_timeout_ms": "1500", "twitch_api_retries": "0", "obs_operation_retries": "0", **way.panel}
    studio = Studio(tmp_path, way.timings, way.scenario, **panel)
    studio.obs.start()
    try:
        agent = Agent(studio, twitch)
        assert way.go(agent) == code
        agent.client.close()
    finally:
        report = studio.obs.stop()
    if way.scenario != "no_libobs":  # there OBS counts one leak, which its own API causes
        report.check()
