"""Two named agents of one service, over real sockets: neither reads, replays, supersedes, squats or starves."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import pytest

from clawcraft.actions.catalogue import ACTIONS, Policy
from clawcraft.authority.agent_file import AgentFile
from clawcraft.jobs.store import MAX_ACTIVE_OF_AGENT
from clawcraft.telemetry.log import FILE_NAME
from tests.service.conftest import Studio
from tests.support.agents import add_agent
from tests.support.audit_tool import audit
from tests.support.paths import data_folder, service_log
from tests.support.responses import fits
from tests.support.tool_client import ToolClient
from tests.support.waiting import wait_until
from twitch_sim.server import TwitchSim

START, STOP, TITLE, CHAT = (
    f"twitch.{name}" for name in ("start_stream", "stop_stream", "set_title", "post_chat_message")
)


class Two(Studio):
    """One with its agents ``a`` and ``b``, and whoever has the service's own token; their files are in ``data``."""

    def __enter__(self) -> Self:
        super().__enter__()
        self.data = data_folder(self.folder)
        self.service = self.client()
        self.a, self.b = self.agent("alpha"), self.agent("beta")
        return self

    def agent(self, name: str, **narrowed: Any) -> ToolClient:
        client = ToolClient(self.port, add_agent(self.data, name, **narrowed).reveal(), name)
        self.stack.callback(client.close)
        return client


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    with Two(tmp_path) as two:
        yield two


@pytest.fixture
def connecting(tmp_path: Path) -> Iterator[Two]:
    """Whose streaming server never answers, so that every start waits."""
    with Two(tmp_path, scenario="silent_server") as two:
        yield two


def code(answer: Any) -> str:
    return "" if answer.ok else str(answer.json()["error"]["code"])


# --- one test for each thing that B cannot do to A --------------------------------------------------------------------


def test_neither_reads_the_others_jobs(two: Two) -> None:
    of_a = two.a.run(START, "r", title="secret plan")["id"]
    assert two.b.get(f"/tools/jobs/{of_a}", wait=1).json() == {
        **two.b.get("/tools/jobs/job_x").json(),
        "error": {**two.b.get("/tools/jobs/job_x").json()["error"], "message": f"there is no job '{of_a}'"},
    }
    for filters in ({}, {"status": "done"}, {"action": START}):
        assert two.b.get("/tools/jobs", **filters).json()["jobs"] == []
        assert [job["id"] for job in two.a.get("/tools/jobs", **filters).json()["jobs"]] == [of_a]
    assert code(two.b.get("/tools/jobs", holder="alpha")) == "invalid_request"
    assert [job["id"] for job in two.service.get("/tools/jobs").json()["jobs"]] == [of_a]
    assert two.service.job(of_a)["agent_id"] == "alpha"


def test_neither_replays_what_the_other_sent(twitch: TwitchSim, two: Two) -> None:
    of_a, of_b = two.a.accept(START, "same"), two.b.accept(START, "same")
    assert of_a != of_b
    assert two.a.accept(START, "same") == of_a
    answers = [agent.post(TITLE, "t", title="x") for agent in (two.a, two.b, two.a)]
    assert ["Idempotent-Replayed" in answer.headers for answer in answers] == [False, False, True]
    two.b.agent_id = "alpha"
    assert code(two.b.post(START, "same")) == "agent_mismatch"


def test_neither_is_refused_under_the_others_name(tmp_path: Path) -> None:
    with Two(tmp_path) as two:
        two.b.agent_id = "alpha"
        answers = [two.b.post(START, "r"), two.b.post(TITLE, "r", title="")]
        assert [code(answer) for answer in answers] == ["agent_mismatch", "invalid_request"]
        assert [answer.json()["error"]["details"].get("agent_id") for answer in answers] == ["beta", None]
        two.service.agent_id = "alpha"  # which may say any name
        assert code(two.service.post(TITLE, "r", title="")) == "invalid_request"
    counted = [entry for entry in audit(two.data) if entry["kind"] == "counted"]
    names = ("agent_mismatch", "beta"), ("invalid_request", "beta"), ("invalid_request", "alpha")
    assert sorted((entry["outcome"], entry["agent_id"]) for entry in counted) == sorted(names)
    lines = [json.loads(line) for line in (two.data / FILE_NAME).read_text(encoding="ascii").splitlines()]
    logged = [line for line in lines if line["event"] == "request" and line.get("code")]
    told = [(line["code"], line["agent_id"], line.get("holder"), line.get("claimed_agent_id")) for line in logged]
    # A request's line comes after its answer, and so perhaps after the next one's.
    assert sorted(told, key=str) == [
        ("agent_mismatch", "beta", "beta", "alpha"),
        ("invalid_request", "alpha", None, None),
        ("invalid_request", "beta", "beta", "alpha"),
    ]


def test_neither_supersedes_what_the_other_waits_for(connecting: Two) -> None:
    two = connecting
    two.service.accept(START, "first")  # which the others wait behind
    of_a, of_b = two.a.accept(START, "r"), two.b.accept(START, "r")
    two.b.accept(STOP, "s")
    assert two.b.job(of_b)["error"]["code"] == "superseded"
    assert "error" not in two.a.job(of_a)
    two.service.accept(STOP, "s")
    assert two.a.ended(of_a)["error"]["code"] == "superseded"


def test_neither_uses_up_the_others_request_ids(two: Two) -> None:
    for squatter in (two.b, two.service):
        squatter.run(STOP, "r1")
        squatter.post(TITLE, "r2", title="x")
    assert two.a.run(START, "r1")["status"] == "done"
    assert two.a.run(START, "r2")["status"] == "done"
    assert code(two.a.post(STOP, "r1")) == "idempotency_conflict"


def test_neither_starves_the_other_at_the_rate_limit(tmp_path: Path) -> None:
    with Two(tmp_path, tool_action_rate_limit_per_min="2") as two:
        for agent in (two.a, two.b, two.service):
            assert [code(agent.post(TITLE, title=f"{n}")) for n in range(3)] == ["twitch_not_configured"] * 2 + [
                "rate_limited"
            ]
            assert agent.post(STOP, "s").status_code == 202


def test_neither_starves_the_other_in_the_queue(connecting: Two) -> None:
    two = connecting
    for number in range(MAX_ACTIVE_OF_AGENT):
        two.a.accept(START, f"r{number}")
    assert code(two.a.post(START, "more")) == "queue_full"
    two.b.accept(START, "r")
    of_b = two.b.accept(STOP, "s")
    two.a.accept(STOP, "s")
    wait_until(lambda: two.b.job(of_b)["started_at"], "the stop of B is on its way, whatever OBS makes of it")


def test_neither_starves_the_other_at_twitch(tmp_path: Path, twitch: TwitchSim) -> None:
    twitch.fault("POST /chat/messages", hang=True, times=3)
    with ThreadPoolExecutor(3) as pool:
        with Two(tmp_path, tool_service_timeout_ms="60000") as two:
            waiting = [pool.submit(two.a.post, CHAT, f"wait-{n}", message="hi") for n in range(3)]
            twitch.world.wait_for("POST /chat/messages", 3)
            assert code(two.a.post(CHAT, "one-more", message="hi")) == "busy"
            assert code(two.b.post(CHAT, "r", message="hi")) == ""
            two.obs.stop()
        assert not any(answer.result().ok for answer in waiting)


# --- who gets in ------------------------------------------------------------------------------------------------------


def test_a_revoked_agent_is_out_at_once_and_the_others_are_not(two: Two) -> None:
    two.a.run(STOP, "r")
    AgentFile(two.data).revoke("alpha")
    for answer in (two.a.get("/status"), two.a.get("/tools/jobs"), two.a.post(STOP, "s")):
        assert (answer.status_code, code(answer)) == (401, "unauthorized")
    assert "ask the streamer" in answer.json()["error"]["hint"]
    for agent in (two.b, two.service):
        assert agent.run(STOP, "s")["status"] == "done"


def test_a_start_of_an_agent_that_is_revoked_while_it_connects_ends(connecting: Two) -> None:
    job_id = connecting.a.accept(START, "r")
    wait_until(lambda: connecting.service.status()["obs"]["stream"]["state"] == "starting", "OBS connects")
    AgentFile(connecting.data).revoke("alpha")
    assert connecting.service.ended(job_id)["error"]["code"] == "action_disabled"


def test_an_agent_whose_time_is_over_is_told_so(two: Two) -> None:
    late = two.agent("late", until=time.time() - 1)
    answer = late.post(STOP, "r")
    assert (answer.status_code, code(answer)) == (401, "unauthorized")
    assert "good until" in answer.json()["error"]["message"]


def test_a_named_agent_is_who_its_token_says(two: Two) -> None:
    two.a.agent_id = "Alpha"
    answer = two.a.post(STOP, "r")
    assert (answer.status_code, answer.json()["error"]["details"]) == (403, {"agent_id": "alpha"})
    two.service.agent_id = "alpha"  # the service's own token may say whatever it likes, and is still another
    of_service = two.service.accept(STOP, "r")
    assert code(two.a.get(f"/tools/jobs/{of_service}")) == "job_not_found"


def test_a_file_of_agents_that_is_damaged_leaves_the_services_token_alone(two: Two) -> None:
    (two.data / "agents.json").write_text("{")
    assert code(two.a.get("/status")) == "unauthorized"
    assert two.service.run(STOP, "r")["status"] == "done"
    wait_until(lambda: '"agents_unreadable"' in service_log(two.data), "the log says so")


def test_an_agent_sees_what_it_may_and_how_often(two: Two) -> None:
    narrow = two.agent("narrow", only=frozenset({TITLE, CHAT}), policy={CHAT: Policy.ASK}, limits={TITLE: 1})
    answer = narrow.get("/tools").json()
    assert fits("tools", answer)
    assert {tool["name"] for tool in answer["tools"] if tool["enabled"]} == {TITLE, CHAT}
    assert {tool["name"]: tool["policy"] for tool in answer["tools"]}[CHAT] == "ask"
    general = {tool["name"]: tool["policy"] for tool in two.service.get("/tools").json()["tools"]}
    assert general == {action.name: str(action.policy) for action in ACTIONS}
    status = narrow.get("/status").json()
    assert fits("status", status)
    assert status["agent"] == {"name": "narrow", "until": None, "limits_per_min": {TITLE: 1}}
    assert "agent" not in two.service.status()
    assert code(narrow.post(STOP, "r")) == "action_disabled"
    assert [code(narrow.post(TITLE, title=f"{n}")) for n in range(2)] == ["twitch_not_configured", "rate_limited"]


def test_a_named_agents_token_never_goes_to_chat(two: Two) -> None:
    token = add_agent(two.data, "third").reveal()
    for agent in (two.a, two.service):
        answer = agent.post(CHAT, message=f"it is {token}")
        assert answer.json()["error"]["details"]["violations"][0]["rule"] == "secret"
