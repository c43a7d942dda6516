"""The Tasks extension over the whole service in the fake OBS: a job is the task of the same id."""

import re
from datetime import datetime

import pytest

from obs_mock.stream import State
from tests.mcp.conftest import Open
from tests.support.agents import add_agent
from tests.support.mcp_client import TASKS
from tests.support.paths import data_folder
from tests.support.waiting import wait_until

START, STOP = "twitch_start_stream", "twitch_stop_stream"
NOTE = "twitch-clawcraft/note"
FIELDS = {"taskId", "status", "statusMessage", "createdAt", "lastUpdatedAt", "ttlMs", "pollIntervalMs"}


def test_a_start_is_a_task_from_its_beginning_to_its_end(open_studio: Open) -> None:
    client = open_studio().connect(tasks=True)
    created = client.call(START, request_id="go-1")
    assert created["resultType"] == "task"
    assert created.keys() - {"_meta", "resultType"} == FIELDS
    assert created["status"] == "working"
    assert datetime.fromisoformat(created["createdAt"]) <= datetime.fromisoformat(created["lastUpdatedAt"])
    assert (created["ttlMs"], created["pollIntervalMs"]) == (7 * 24 * 3600 * 1000, 1000)
    ended = client.ended(created["taskId"])
    assert (ended["resultType"], ended["status"]) == ("complete", "completed")
    assert ended["result"]["structuredContent"]["status"] == "started"
    assert ended["result"]["content"][0]["type"] == "text"
    again = client.call(START, request_id="go-1")
    assert again["structuredContent"] == ended["result"]["structuredContent"]


def test_what_failed_is_a_completed_task_whose_result_says_so(open_studio: Open) -> None:
    client = open_studio().connect(tasks=True)
    ended = client.ended(client.call(START, obs_scene="No such scene")["taskId"])
    assert ended["status"] == "completed"
    assert ended["result"]["isError"] is True
    assert ended["result"]["structuredContent"]["error"]["code"] == "scene_not_found"


def test_what_takes_no_time_is_no_task(open_studio: Open) -> None:
    client = open_studio().connect(tasks=True)
    assert client.call("status")["resultType"] == "complete"
    assert client.call("twitch_set_title", title="x")["isError"] is True


def test_without_the_capability_there_are_no_tasks(open_studio: Open) -> None:
    client = open_studio().connect()
    job_id = client.told(STOP)["job_id"]
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        message = client.message(method, taskId=job_id)
        response = client.post(message)
        assert (response.status_code, response.json()["error"]["code"]) == (400, -32021)
        assert response.json()["error"]["data"] == {"requiredCapabilities": {"extensions": {TASKS: {}}}}


def test_a_task_waits_for_the_streamer_and_can_be_taken_back(open_studio: Open) -> None:
    studio = open_studio(TOOL_ACTION_POLICY="start_stream=ask,set_title=ask")
    client = studio.connect(tasks=True)
    for tool, arguments in ((START, {}), ("twitch_set_title", {"title": "x"})):
        created = client.call(tool, **arguments)
        assert created["status"] == "working"
        assert created["statusMessage"] == "waiting for the streamer; nothing has been done yet"
        # What the client says is nobody's yes.
        assert client.result("tasks/update", taskId=created["taskId"], inputResponses={"allow": True})
        assert client.task(created["taskId"])["status"] == "working"
        cancelled = client.result("tasks/cancel", taskId=created["taskId"])
        assert cancelled.keys() == {"resultType", "_meta"}
        assert cancelled["_meta"][NOTE] == "Taken back before anything was done."
        ended = client.task(created["taskId"])
        assert (ended["status"], "result" in ended) == ("cancelled", False)
        assert ended["statusMessage"] == "the agent took this back before anything was done"
    assert client.told("status")["approvals_pending"] == 0
    assert studio.obs.stream.state is State.IDLE


def test_the_countdown_after_a_yes_can_be_taken_back_too(open_studio: Open) -> None:
    studio = open_studio(TOOL_ACTION_POLICY="start_stream=ask", TOOL_START_COUNTDOWN_MS="60000")
    client = studio.connect(tasks=True)
    task_id = client.call(START)["taskId"]

    def counts_down() -> bool:
        studio.obs.press_hotkey("twitch_clawcraft.allow")
        return bool(re.search("starts in", client.task(task_id)["statusMessage"]))

    wait_until(counts_down, "the countdown runs")
    client.result("tasks/cancel", taskId=task_id)
    assert client.task(task_id)["status"] == "cancelled"
    assert studio.obs.stream.state is State.IDLE


def test_what_waits_behind_another_can_be_taken_back_and_what_runs_cannot(open_studio: Open) -> None:
    studio = open_studio("silent_server")
    client = studio.connect(tasks=True)
    first = client.call(START)["taskId"]
    wait_until(lambda: studio.obs.stream.state is State.CONNECTING, "the first start runs")
    second = client.call(START)["taskId"]
    notes = {task: client.result("tasks/cancel", taskId=task)["_meta"][NOTE] for task in (first, second)}
    assert notes[first].startswith("This runs already and cannot be cancelled")
    assert notes[second] == "Taken back before anything was done."
    assert (client.task(first)["status"], client.task(second)["status"]) == ("working", "cancelled")
    stop = client.call(STOP)
    assert client.ended(first)["status"] == "cancelled"
    assert "stop" in client.task(first)["statusMessage"]
    studio.obs.answer()
    client.ended(stop["taskId"])
    assert client.result("tasks/cancel", taskId=first)["_meta"][NOTE] == "This has ended; nothing was changed."


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_anothers_task_is_none(open_studio: Open, method: str) -> None:
    studio = open_studio(TOOL_ACTION_POLICY="start_stream=ask")
    of_service = studio.connect(tasks=True).call(START)["taskId"]
    token = add_agent(data_folder(studio.folder), "other").reveal()
    other = studio.connect(tasks=True, token=token)
    for task_id in (of_service, "job_x", "../x"):
        assert other.error(method, taskId=task_id)["code"] == -32602
    assert studio.client().job(of_service)["approval"]["state"] == "pending"
