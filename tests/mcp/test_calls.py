"""Tools called, over the whole service in the fake OBS: what runs, repeats, is refused, and is written down."""

import base64
import threading
from typing import Any

import pytest
import requests

from clawcraft.authority.approval import MAX_QUESTIONS
from obs_mock.pictures import jpeg
from obs_mock.stream import State
from tests.mcp.conftest import Open
from tests.support.agents import add_agent
from tests.support.audit_tool import audit
from tests.support.mcp_client import LEGACY, MODERN
from tests.support.paths import data_folder
from tests.support.tool_client import ToolClient
from tests.support.waiting import wait_until
from twitch_sim.server import TwitchSim

TITLE, CHAT, START, STOP = (
    f"twitch_{name}" for name in ("set_title", "post_chat_message", "start_stream", "stop_stream")
)


@pytest.mark.parametrize("version", [*LEGACY, MODERN])
def test_a_show_without_tasks(open_studio: Open, twitch: TwitchSim, version: str) -> None:
    client = open_studio().connect(version)
    assert client.told("status", check=True)["checks"]
    started = client.told(START, title="We are live")
    assert (started["status"], started["metadata"]["verified"]) == ("started", True)
    twitch.world.go_live()
    assert client.told(CHAT, message="hello")["status"] == "sent"
    assert client.told("channel")["channel"]["data"]["title"] == "We are live"
    assert client.told("events")["enabled"] is False
    assert client.told(STOP)["status"] == "stopped"
    assert {job["action"] for job in client.told("job")["jobs"]} == {"twitch.start_stream", "twitch.stop_stream"}


def test_what_is_told_is_told_as_text_too(open_studio: Open) -> None:
    result = open_studio().connect().call(STOP)
    (text,) = result["content"]
    assert text["type"] == "text"
    assert '"status":"already_stopped"' in text["text"]
    assert result["structuredContent"]["status"] == "already_stopped"
    assert result["resultType"] == "complete"


def test_the_same_request_id_runs_once_and_calls_without_one_are_new(open_studio: Open, twitch: TwitchSim) -> None:
    client = open_studio().connect()
    ids = [client.told(CHAT, message="hello", request_id="call-1")["message_id"] for _ in range(2)]
    assert ids[0] == ids[1]
    assert twitch.world.count("POST /chat/messages") == 1
    answers = [client.told(CHAT, message="hello") for _ in range(2)]
    assert answers[0]["request_id"] != answers[1]["request_id"]
    assert twitch.world.count("POST /chat/messages") == 3
    assert client.refused(CHAT, message="other", request_id="call-1")["code"] == "idempotency_conflict"


def test_equal_json_rpc_ids_of_two_connections_are_two_calls(open_studio: Open, twitch: TwitchSim) -> None:
    studio = open_studio()
    for _ in range(2):
        assert studio.connect("2025-11-25").told(CHAT, message="hello")["status"] == "sent"
    assert twitch.world.count("POST /chat/messages") == 2


def test_a_request_id_is_the_same_by_either_door(open_studio: Open, twitch: TwitchSim) -> None:
    studio = open_studio()
    token = add_agent(data_folder(studio.folder), "writer").reveal()
    by_mcp, by_http = studio.connect(token=token), ToolClient(studio.port, token, "writer")
    by_mcp.told(CHAT, message="hello", request_id="call-1")
    again = by_http.post("twitch.post_chat_message", "call-1", message="hello")
    assert again.headers["Idempotent-Replayed"] == "true"
    by_http.close()


def test_a_failed_action_is_a_result_with_our_error_object(open_studio: Open) -> None:
    client = open_studio().connect()
    error = client.refused(TITLE, title="x")
    assert error.keys() == {"code", "message", "retryable", "hint", "details"}
    assert error["code"] == "twitch_not_configured"
    failed = client.call(START, obs_scene="No such scene")
    assert failed["isError"] is True
    assert failed["structuredContent"]["status"] == "failed"
    assert failed["structuredContent"]["error"]["code"] == "scene_not_found"
    assert failed["structuredContent"]["job_id"].startswith("job_")


def test_the_rate_limit_is_that_of_the_other_door(open_studio: Open, twitch: TwitchSim) -> None:
    studio = open_studio(TOOL_ACTION_RATE_LIMITS="set_title=2")
    by_mcp, by_http = studio.connect(), studio.client()
    by_mcp.told(TITLE, title="one")
    assert by_http.post("twitch.set_title", "r2", title="two").ok
    error = by_mcp.refused(TITLE, title="three")
    assert error["code"] == "rate_limited"
    assert error["details"]["retry_after_s"] > 0
    assert "details.retry_after_s" in error["hint"]


def test_a_pause_is_one_for_this_door_too(open_studio: Open) -> None:
    studio = open_studio()
    client = studio.connect()
    client.told("status")
    studio.obs.press_hotkey("twitch_clawcraft.pause")
    wait_until(lambda: client.told("status")["paused"], "the pause is on")
    assert client.refused(START)["code"] == "paused_by_operator"
    assert client.told(STOP)["status"] == "already_stopped"


def test_an_agent_sees_and_may_only_what_is_its_own(open_studio: Open) -> None:
    studio = open_studio()
    service = studio.connect()
    token = add_agent(data_folder(studio.folder), "clipper", only=frozenset({"twitch.create_clip"})).reveal()
    clipper = studio.connect(token=token)
    assert {name for name in clipper.tools() if name.startswith("twitch_")} == {"twitch_create_clip"}
    assert clipper.refused(START)["code"] == "action_disabled"
    of_service = service.told(START)["job_id"]
    assert clipper.told("job")["jobs"] == []
    assert clipper.refused("job", job_id=of_service)["code"] == "job_not_found"
    assert clipper.error("resources/read", uri=f"clawcraft://job/{of_service}")["code"] == -32602
    assert clipper.told("status")["agent"]["name"] == "clipper"
    assert service.told("job", job_id=of_service)["job"]["agent_id"] == "mcp"


def test_a_picture_is_a_picture_and_no_text(open_studio: Open) -> None:
    client = open_studio(TOOL_ACTION_POLICY="obs.screenshot=allow").connect()
    image, text = client.call("obs_screenshot", request_id="shot")["content"]
    encoded = base64.b64encode(jpeg(1280, 720)).decode()
    assert image == {"type": "image", "data": encoded, "mimeType": "image/jpeg"}
    assert encoded not in text["text"]
    (again,) = client.call("obs_screenshot", request_id="shot")["content"]
    assert "not_kept" in again["text"]


def test_what_the_streamer_is_asked_about_is_waited_for(open_studio: Open) -> None:
    studio = open_studio(TOOL_ACTION_POLICY="start_stream=ask", TOOL_START_COUNTDOWN_MS="0")
    client, watcher = studio.connect(), studio.client()
    results: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: results.append(client.call(START)))
    thread.start()

    def allowed() -> bool:
        studio.obs.press_hotkey("twitch_clawcraft.allow")
        jobs = watcher.get("/tools/jobs").json()["jobs"]
        return bool(jobs and jobs[0]["approval"]["state"] == "allowed")

    wait_until(allowed, "the streamer has said yes")
    thread.join()
    assert results[0]["structuredContent"]["status"] == "started"


def test_the_streamers_no_is_an_error(open_studio: Open) -> None:
    studio = open_studio(TOOL_ACTION_POLICY="start_stream=ask", TOOL_APPROVAL_TIMEOUT_MS="1000")
    assert studio.connect().refused(START)["code"] == "approval_expired"
    assert studio.obs.stream.state is State.IDLE


def test_a_client_that_is_cut_off_in_a_start_finds_it_again(open_studio: Open) -> None:
    studio = open_studio("silent_server")
    client = studio.connect()
    message = client.message("tools/call", name=START, arguments={"request_id": "go-1"})
    headers = {"Mcp-Method": "tools/call", "Mcp-Name": START, "MCP-Protocol-Version": MODERN}
    with pytest.raises(requests.ReadTimeout):
        requests.post(client.url, json=message, headers={**client.authorization, **headers}, timeout=(5, 0.5))
    wait_until(lambda: studio.obs.stream.state is State.CONNECTING, "the start goes on without its client")
    (job,) = client.told("job")["jobs"]
    assert (job["request_id"], job["status"]) == ("go-1", "running")
    by_tasks = studio.connect(tasks=True)
    assert by_tasks.call(START, request_id="go-1")["taskId"] == job["id"]
    by_tasks.call(STOP)
    assert by_tasks.ended(job["id"])["status"] == "cancelled"


def test_everything_is_in_the_audit_trail(open_studio: Open, twitch: TwitchSim) -> None:
    studio = open_studio()
    client = studio.connect()
    client.told(CHAT, message="hello")
    client.told(START)
    client.refused(CHAT, message="/ban somebody")
    studio.obs.stop().check()
    entries = audit(data_folder(studio.folder))
    asked = [(entry["action"], entry["agent_id"]) for entry in entries if entry["kind"] == "asked"]
    assert asked == [("twitch.post_chat_message", "mcp"), ("twitch.start_stream", "mcp")]
    (refused,) = [entry for entry in entries if entry["kind"] == "counted"]
    assert (refused["action"], refused["outcome"]) == ("twitch.post_chat_message", "invalid_request")


def test_too_many_questions_say_when_to_come_back(open_studio: Open) -> None:
    client = open_studio(TOOL_ACTION_POLICY="set_title=ask").connect(tasks=True)
    for number in range(MAX_QUESTIONS):
        assert client.call(TITLE, title=f"title {number}")["resultType"] == "task"
    error = client.refused(TITLE, title="one more")
    assert (error["code"], error["details"]["retry_after_s"]) == ("queue_full", 5)
