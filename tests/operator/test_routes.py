"""What the page is told and what it changes, without a browser."""

import sys
import threading
from typing import Any

import pytest

from clawcraft.authority.pause import PAUSES
from tests.operator.conftest import code
from tests.panel.conftest import Streamer
from tests.support.agents import add_agent
from tests.support.operator_page import PageClient, code_of
from tests.support.paths import data_folder, service_log
from tests.support.tool_client import ToolClient
from tests.support.waiting import wait_until

START = "twitch.start_stream"


def policy_of(page: PageClient, action: str) -> str:
    return str(next(row["policy"] for row in page.state()["state"]["actions"] if row["name"] == action))


def question(page: PageClient) -> dict[str, Any]:
    found: dict[str, Any] = wait_until(lambda: page.state()["state"]["questions"], "a question waits")[0]
    return found


def asked(streamer: Streamer, page: PageClient, **args: Any) -> tuple[str, ToolClient]:
    assert page.post("policy", {"action": START, "policy": "ask"}).status_code == 200
    agent = streamer.agent()
    return agent.accept(START, "request-1", **args), agent


def settled(page: PageClient) -> dict[str, Any]:
    """The state once it has stopped changing: the service may still be telling of what came before."""

    def unchanged() -> dict[str, Any] | None:
        first = page.state()
        again = page.state(first["tag"], wait_s=0.2)
        assert ("state" in again) == (again["tag"] != first["tag"])
        return first if again["tag"] == first["tag"] else None

    found: dict[str, Any] = wait_until(unchanged, "the state settles")
    return found


def test_the_state_comes_at_once_with_another_tag_and_waits_with_the_same(page: PageClient) -> None:
    first = settled(page)
    assert first["state"]["paused"] is False
    told: list[dict[str, Any]] = []

    def follow() -> None:
        """As the page does: what is read while something changes may show a part of it only, and the rest is next."""
        tag = first["tag"]
        while not (told and told[-1].get("state", first["state"])["paused"]):
            told.append(page.state(tag, wait_s=30))
            tag = told[-1]["tag"]

    waiting = threading.Thread(target=follow)
    waiting.start()
    other = PageClient(int(page.url.rpartition(":")[2]))
    other.session.cookies.update(page.session.cookies)
    other.headers = page.headers
    assert other.post("pause", {"paused": True}).status_code == 200
    waiting.join()
    assert all(answer["tag"] != first["tag"] and "state" in answer for answer in told)
    other.close()


def test_pages_that_wait_leave_every_worker_to_agents(streamer: Streamer, page: PageClient) -> None:
    tag = page.state()["tag"]
    stop = threading.Event()

    def wait() -> None:
        client = PageClient(streamer.port)
        client.session.cookies.update(page.session.cookies)
        while not stop.is_set():
            client.state(tag, wait_s=30)
        client.close()

    threads = [threading.Thread(target=wait) for _ in range(12)]  # more than there are workers
    for thread in threads:
        thread.start()
    agent = streamer.agent()
    assert agent.status()["paused"] is False
    assert agent.run(START, "request-1")["status"] == "done"
    stop.set()
    page.post("pause", {"paused": True})  # another state: everybody is answered
    for thread in threads:
        thread.join()


def test_a_question_is_shown_with_its_arguments_whole_and_answered(streamer: Streamer, page: PageClient) -> None:
    title = "<img src=x onerror=alert(1)> " + "x" * 100
    job_id, agent = asked(streamer, page, title=title, obs_scene="Main")
    waits = question(page)
    assert (waits["job_id"], waits["args"]) == (job_id, {"title": title, "obs_scene": "Main"})
    assert (waits["state"], waits["for_show"]) == ("asked", False)
    assert page.post("answer", {"job_id": job_id, "answer": "deny"}).status_code == 200
    ended = agent.ended(job_id)
    assert (ended["error"]["code"], ended["approval"]["by"]) == ("denied_by_operator", "operator page")
    assert code_of(page.post("answer", {"job_id": job_id, "answer": "allow"})) == "job_not_found"


def test_a_yes_to_a_start_counts_down_and_can_be_taken_back(streamer: Streamer, page: PageClient) -> None:
    job_id, agent = asked(streamer, page)
    question(page)
    page.post("answer", {"job_id": job_id, "answer": "allow"})
    wait_until(lambda: question(page)["state"] == "counting", "it counts down")
    assert 0 < page.state()["figures"]["remaining_s"][job_id] <= 5
    page.post("answer", {"job_id": job_id, "answer": "deny"})
    assert agent.ended(job_id)["error"]["code"] == "denied_by_operator"
    assert page.state()["state"]["stream"]["live"] is False


def test_a_policy_of_the_page_counts_at_once_also_for_what_is_queued(streamer: Streamer, page: PageClient) -> None:
    job_id, agent = asked(streamer, page)
    question(page)
    assert page.post("policy", {"action": START, "policy": "off"}).status_code == 200
    assert agent.ended(job_id)["error"]["code"] == "action_disabled"
    assert policy_of(page, START) == "off"
    assert agent.post(START, "request-2").json()["error"]["code"] == "action_disabled"
    streamer.stop()
    streamer.start()
    assert policy_of(page, START) == "off"


def test_the_later_choice_counts_be_it_made_on_the_page_or_in_the_panel(streamer: Streamer, page: PageClient) -> None:
    streamer.obs.change("policy_start_stream", "off")
    page.post("policy", {"action": START, "policy": "allow"})
    streamer.obs.change("limit_set_game", 5)  # an edit of something else in the panel chooses nothing
    assert policy_of(page, START) == "allow"
    streamer.refresh()
    streamer.obs.change("policy_start_stream", "off")
    assert policy_of(page, START) == "off"


def test_a_policy_of_the_environment_stays(
    streamer: Streamer, page: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    streamer.stop()
    monkeypatch.setenv("TOOL_ACTION_POLICY", "start_stream=ask")
    streamer.start()
    row = next(row for row in page.state()["state"]["actions"] if row["name"] == START)
    assert (row["policy"], row["fixed_by"]) == ("ask", "the environment of OBS")
    assert code_of(page.post("policy", {"action": START, "policy": "allow"})) == "invalid_request"
    assert policy_of(page, START) == "ask"


def test_one_agent_is_narrowed_and_switched_off_alone(streamer: Streamer, page: PageClient) -> None:
    token = add_agent(data_folder(streamer.folder), "producer").reveal()
    agent, other = streamer.client(token, "producer"), streamer.agent()
    row = page.state()["state"]["agents"][0]
    assert (row["name"], row["policies"][START]) == ("producer", "allow")
    page.post("policy", {"agent": "producer", "action": "twitch.set_title", "policy": "off"})
    refused = agent.post("twitch.set_title", title="x").json()["error"]["code"]
    assert (refused, other.post("twitch.set_title", title="x").json()["error"]["code"]) == (
        "action_disabled",
        "twitch_not_configured",
    )
    page.post("agent", {"agent": "producer", "on": False})
    assert agent.post(START, "request-1").json()["error"]["code"] == "action_disabled"
    assert {tool["policy"] for tool in agent.get("/tools").json()["tools"]} == {"off"}
    row = page.state()["state"]["agents"][0]
    assert (row["off"], set(row["policies"].values())) == (True, {"off"})
    for _ in range(2):  # on once more is no more
        page.post("agent", {"agent": "producer", "on": True})
    assert agent.run(START, "request-2")["status"] == "done"
    assert agent.post("twitch.set_title", title="x").json()["error"]["code"] == "action_disabled"
    row = page.state()["state"]["agents"][0]
    assert (row["off"], row["policies"][START], row["policies"]["twitch.set_title"]) == (False, "allow", "off")
    assert code_of(page.post("agent", {"agent": "nobody", "on": False})) == "invalid_request"


def test_a_pause_of_the_page_outlasts_a_restart_where_the_panel_says_so(
    streamer: Streamer, page: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.post("pause", {"paused": True})
    streamer.stop()
    monkeypatch.delitem(vars(sys), PAUSES)  # OBS has started again, not only the script
    streamer.start()
    assert page.state()["state"]["paused"] is False
    streamer.obs.change("keep_paused", True)
    page.post("pause", {"paused": True})
    streamer.stop()
    streamer.start(keep_paused=True)
    assert page.state()["state"]["paused"] is True
    page.post("pause", {"paused": False})
    assert page.state()["state"]["paused"] is False


def test_a_picture_is_there_only_where_agents_may_take_one(streamer: Streamer, page: PageClient) -> None:
    assert page.state()["state"]["picture"] is False
    page.post("policy", {"action": "obs.screenshot", "policy": "allow"})
    assert page.state()["state"]["picture"] is True
    answer = page.get("picture")
    assert (answer.headers["Content-Type"], answer.content[:2]) == ("image/jpeg", b"\xff\xd8")
    page.post("policy", {"action": "obs.screenshot", "policy": "off"})
    assert code_of(page.get("picture")) == "action_disabled"


def test_what_the_streamer_does_is_in_the_trail_with_what_agents_did(streamer: Streamer, page: PageClient) -> None:
    newest = page.get("audit").json()["newest"]
    agent = streamer.agent()
    agent.run(START, "request-1")
    page.post("pause", {"paused": True})
    since = page.get("audit", after=newest).json()
    words = [(row["kind"], row.get("action"), row["outcome"]) for row in since["entries"]]
    assert words == [("operator", None, "paused"), ("asked", START, "started")]
    assert since["entries"][1]["label"] == "start the stream"
    assert page.get("audit", after=since["newest"]).json()["entries"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("answer", {"job_id": "job_1", "answer": "yes"}),
        ("answer", {"answer": "allow"}),
        ("pause", {"paused": 1.5}),
        ("policy", {"action": "twitch.dance", "policy": "off"}),
        ("policy", {"action": START, "policy": "maybe"}),
        ("agent", {"agent": "", "on": True}),
        ("agent", {"agent": "x"}),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(page: PageClient, path: str, body: dict[str, Any]) -> None:
    assert code_of(page.post(path, body)) == "invalid_request"


def test_a_question_of_the_page_that_makes_no_sense_is_refused(page: PageClient) -> None:
    for path, params in (
        ("state", {"tag": "x"}),
        ("state", {"wait": 31}),
        ("audit", {"before": "x"}),
        ("audit", {"kind": "x"}),
        ("audit", {"limit": 201}),
        ("session", {"x": 1}),
    ):
        assert code_of(page.get(path, **params)) == "invalid_request"
    assert code_of(page.get("static/secrets.json")) == "not_found"
    assert code_of(page.get("static/..%2fdoor.py")) == "not_found"


def test_a_page_that_waits_ends_with_the_service(streamer: Streamer, page: PageClient) -> None:
    tag, agent = settled(page)["tag"], streamer.agent()
    told: list[Any] = []
    waiting = threading.Thread(target=lambda: told.append(page.state(tag, wait_s=30)))
    waiting.start()
    wait_until(lambda: "\nclawcraft_http_waiting 1.0" in agent.get("/metrics").text, "it waits")
    streamer.stop()
    waiting.join()
    assert told[0]["ok"]
    streamer.start()


def test_the_log_is_not_filled_by_a_page_that_waits(streamer: Streamer, page: PageClient) -> None:
    page.state()
    page.get("state", tag="wrong")
    data = data_folder(streamer.folder)
    wait_until(lambda: "invalid_request" in service_log(data), "the refusal is logged")
    lines = [line for line in service_log(data).splitlines() if '"/operator/state"' in line]
    assert len(lines) == 1
    code(streamer)
