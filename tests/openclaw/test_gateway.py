"""The plugin in a real OpenClaw gateway, against the fake OBS and the local Twitch.

One gateway serves the whole module; what waits behind the address it knows is changed by a TCP gate.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.openclaw_gateway import GATEWAY_TOKEN, Gateway, payload_of, plugin_patch
from tests.support.scripted_model import ScriptedModel, calls
from tests.support.studio import TOKEN, Studio
from tests.support.tcp_gate import TcpGate

pytestmark = [pytest.mark.openclaw, pytest.mark.timeout(600), pytest.mark.usefixtures("openclaw_installed")]

SECRET = "studio-signature-secret"
TOOLS = [
    "twitch_pre_show_check",
    "twitch_start_stream",
    "twitch_stop_stream",
    "twitch_set_title",
    "twitch_set_game",
    "twitch_post_chat_message",
    "twitch_create_clip",
    "twitch_job_status",
]


@pytest.fixture(scope="module")
def gate() -> Iterator[TcpGate]:
    with TcpGate() as gate:
        yield gate


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, openclaw_installed: None, model: ScriptedModel, gate: TcpGate
) -> Iterator[Gateway]:
    config = {
        "baseUrl": f"http://127.0.0.1:{gate.port}",
        "token": {"source": "env", "provider": "default", "id": "TOOL_SERVICE_TOKEN"},
        "signatureSecret": {"source": "env", "provider": "default", "id": "TOOL_SERVICE_SIGNATURE_SECRET"},
    }
    agents = {
        "ownership": "explicit",
        "defaults": {"systemAgent": {"agentId": "main"}},
        "entries": {"main": {}, "coder": {"tools": {"profile": "coding"}}, "host": {"tools": {"profile": "messaging"}}},
    }
    env = {"TOOL_SERVICE_TOKEN": TOKEN, "TOOL_SERVICE_SIGNATURE_SECRET": SECRET}
    folder = tmp_path_factory.mktemp("gateway")
    with Gateway(folder, model.base_url, plugin_patch(config), env, {"agents": agents}) as gateway:
        yield gateway


@contextmanager
def behind(gate: TcpGate, studio: Studio) -> Iterator[Studio]:
    """The gateway reaches this studio."""
    with studio:
        gate.forward(studio.port)
        try:
            yield studio
        finally:
            gate.gone()


@pytest.fixture
def studio(tmp_path: Path, gate: TcpGate) -> Iterator[Studio]:
    settings = {"TOOL_SERVICE_SIGNATURE_SECRET": SECRET, "TOOL_SERVICE_REQUIRE_TIMESTAMP": "1"}
    with behind(gate, Studio(tmp_path / "studio", settings)) as studio:
        yield studio


def seen_by_model(answer: str) -> list[dict[str, Any]]:
    """The payloads of the tool results that the scripted model repeated; through tool search or without it."""
    payloads: list[dict[str, Any]] = []
    for text in json.loads(answer):
        result = json.loads(text)
        payloads.append(payload_of(result["result"]) if "tool" in result and "result" in result else result)
    return payloads


def test_the_plugin_is_installed_by_openclaws_own_command(gateway: Gateway) -> None:
    assert "Installed plugin: twitch-clawcraft" in gateway.install_output
    assert "differs from npm package name" not in gateway.install_output


def test_a_whole_show_by_direct_calls(gateway: Gateway, studio: Studio) -> None:
    check = gateway.invoke("twitch_pre_show_check", {"obs_scene": "BRB"})
    assert (check["ready"], check["live"], check["channel"]) == (True, False, "clawstreamer")
    started = gateway.invoke("twitch_start_stream", {"title": "Direct", "obs_scene": "BRB"})
    assert (started["ok"], started["status"]) == (True, "started")
    assert studio.stream_state() == "live"
    studio.sim.world.go_live()
    [job] = studio.client.get("/tools/jobs").json()["jobs"]
    ids = {"action": "twitch.start_stream", "job_id": job["id"], "job_status": "done"}
    assert gateway.invoke("twitch_job_status", {"job_id": job["id"]}) == {**started, **ids}
    assert gateway.invoke("twitch_set_title", {"title": "Direct 2"})["current"]["title"] == "Direct 2"
    assert gateway.invoke("twitch_set_game", {"game": "Just Chatting"})["ok"] is True
    assert gateway.invoke("twitch_post_chat_message", {"message": "hello"})["ok"] is True
    assert gateway.invoke("twitch_create_clip")["url"]
    assert gateway.invoke("twitch_stop_stream", {"reason": "over"})["status"] == "stopped"
    assert studio.stream_state() == "offline"


def test_a_whole_show_by_an_agent(gateway: Gateway, studio: Studio, model: ScriptedModel) -> None:
    model.before_call = {"twitch_create_clip": studio.sim.world.go_live}
    show = calls(
        ("twitch_pre_show_check", {}),
        ("twitch_start_stream", {"title": "Agent", "game": "Just Chatting"}),
        ("twitch_set_title", {"title": "Agent 2"}),
        ("twitch_set_game", {"game_id": "509658"}),
        ("twitch_post_chat_message", {"message": "hello"}),
        ("twitch_create_clip", {}),
        ("twitch_stop_stream", {}),
        ("twitch_set_title", {"title": ""}),
        ("twitch_job_status", {"job_id": "job_nobody"}),
    )
    answer = gateway.say(show)
    assert sum(map(len, json.loads(answer)[:7])) <= 3000, "characters that a show leaves in the model's context"
    results = seen_by_model(answer)
    assert [result["ok"] for result in results[:7]] == [True] * 7
    assert results[-1]["code"] == "job_not_found"
    assert studio.sim.world.channels["1001"].title == "Agent 2"
    jobs = studio.client.get("/tools/jobs").json()["jobs"]
    assert [job["action"] for job in jobs] == ["twitch.stop_stream", "twitch.start_stream"]
    for job in jobs:
        assert job["agent_id"] == "main"
        assert "call_" in job["request_id"]
        assert job["request_id"].endswith(job["correlation_id"])
    assert len({job["mission_id"] for job in jobs}) == 1
    assert jobs[0]["mission_id"]


@pytest.mark.parametrize("agent", ["main", "coder", "host"])
def test_every_profile_and_tool_search_show_the_tools(
    gateway: Gateway, studio: Studio, model: ScriptedModel, agent: str
) -> None:
    [result] = seen_by_model(gateway.say(calls(("twitch_pre_show_check", {})), agent))
    assert result["ready"] is True
    request = model.requests[-1]
    shown = json.dumps(request["messages"][0])
    assert [tool for tool in TOOLS if tool not in shown] == []
    found = json.loads(json.loads(gateway.say(calls(("tool_search", {"query": "go live on twitch"})), agent))[0])
    assert "twitch_start_stream" in json.dumps(found)


def test_an_agent_that_does_not_wait_is_woken(gateway: Gateway, studio: Studio, model: ScriptedModel) -> None:
    [result] = seen_by_model(
        gateway.say(calls(("twitch_start_stream", {"wait": False})), session_key="agent:main:wake-test")
    )
    assert "You will be told" in result["note"]
    job_id = result["job_id"]

    def told(request: dict[str, Any]) -> bool:
        text = json.dumps(request["messages"])
        return "has news" in text and job_id in text

    woken = model.wait_for(told, 90)
    assert "started" in json.dumps(woken["messages"][-2:])


def test_a_service_that_is_down(gateway: Gateway, gate: TcpGate) -> None:
    gate.gone()
    for tool in TOOLS:
        result = gateway.invoke(tool, {"job_id": "job_1"} if tool == "twitch_job_status" else {})
        assert result["code"] == "service_down", tool
        assert result["message"].startswith("OBS is not running or the script is not loaded")


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"TOOL_SERVICE_TOKEN": "another-token-0123456789"}, "unauthorized"),
        ({"TOOL_SERVICE_SIGNATURE_SECRET": "another-secret"}, "invalid_signature"),
        ({"TOOL_ACTION_RATE_LIMIT_PER_MIN": "1"}, "rate_limited"),
    ],
)
def test_each_refusal_is_a_result_to_act_on(
    gateway: Gateway, gate: TcpGate, tmp_path: Path, settings: dict[str, str], code: str
) -> None:
    with behind(gate, Studio(tmp_path / "studio", {"TOOL_SERVICE_SIGNATURE_SECRET": SECRET, **settings})):
        gateway.invoke("twitch_set_title", {"title": "one"})
        [result] = seen_by_model(gateway.say(calls(("twitch_set_title", {"title": "two"}))))
    assert (result["ok"], result["code"]) == (False, code)
    assert result["message"]
    assert result["hint"]
    if code == "rate_limited":
        assert 30 < result["retry_after_s"] <= 60


def test_an_action_that_is_off_is_not_among_the_tools_until_it_is_switched_on(
    gateway: Gateway, gate: TcpGate, tmp_path: Path, model: ScriptedModel
) -> None:
    def shown() -> str:
        gateway.invoke("twitch_pre_show_check")
        gateway.say("Which tools are there?")
        return json.dumps(model.requests[-1]["messages"][0])

    policies = ("twitch.set_title=off,obs.screenshot=allow", "twitch.set_title=allow,obs.screenshot=off")
    for number, policy in enumerate(policies):
        settings = {"TOOL_SERVICE_SIGNATURE_SECRET": SECRET, "TOOL_ACTION_POLICY": policy}
        with behind(gate, Studio(tmp_path / f"studio{number}", settings)):
            directory = shown()
            assert ("twitch_set_title" in directory, "obs_screenshot" in directory) == (number == 1, number == 0)
            assert "twitch_raid" not in directory


def test_a_paused_agent(gateway: Gateway, gate: TcpGate, tmp_path: Path) -> None:
    service_folder = tmp_path / "studio" / "plugin_config" / "twitch-clawcraft"
    service_folder.mkdir(parents=True)
    (service_folder / "paused").touch()
    with behind(gate, Studio(tmp_path / "studio", {"TOOL_SERVICE_SIGNATURE_SECRET": SECRET})) as studio:
        check, start = seen_by_model(gateway.say(calls(("twitch_pre_show_check", {}), ("twitch_start_stream", {}))))
        assert studio.stream_state() == "offline"
    assert check["ready"] is False
    assert "paused" in check["problems"][0]
    assert start["code"] == "paused_by_operator"


def test_obs_that_dies_in_mid_show_does_not_end_the_mission(
    gateway: Gateway, gate: TcpGate, studio: Studio, model: ScriptedModel
) -> None:
    def crash() -> None:
        studio.kill()
        gate.gone()

    def open_again() -> None:
        studio.start()
        gate.forward(studio.port)

    model.before_call = {"twitch_set_title": crash, "twitch_stop_stream": open_again}
    started, title, check, stopped = seen_by_model(
        gateway.say(
            calls(
                ("twitch_start_stream", {}),
                ("twitch_set_title", {"title": "Hi"}),
                ("twitch_pre_show_check", {}),
                ("twitch_stop_stream", {}),
            )
        )
    )
    model.before_call = {}
    assert started["status"] == "started"
    assert title["code"] in ("service_down", "service_lost")
    assert title["hint"]
    assert check["code"] == "service_down"
    assert stopped["status"] == "already_stopped"


def test_obs_that_dies_under_a_start(gateway: Gateway, gate: TcpGate, tmp_path: Path) -> None:
    studio = Studio(tmp_path / "studio", {"TOOL_SERVICE_SIGNATURE_SECRET": SECRET})
    with behind(gate, studio):
        studio.kill()
        studio.start("silent_server")
        results: list[dict[str, Any]] = []
        call = threading.Thread(target=lambda: results.append(gateway.invoke("twitch_start_stream")))
        call.start()
        while not (jobs := studio.client.get("/tools/jobs", status="running").json()["jobs"]):
            assert call.is_alive(), results
        studio.kill()
        gate.gone()
        call.join(60)
    [result] = results
    assert (result["ok"], result["code"], result["job_id"]) == (False, "service_lost", jobs[0]["id"])


def test_no_secret_is_in_what_the_model_saw_or_in_the_log(gateway: Gateway, model: ScriptedModel) -> None:
    everything = json.dumps(model.requests) + gateway.log_path.read_text(errors="replace")
    assert "twitch" in everything
    for secret in (TOKEN, SECRET, GATEWAY_TOKEN):
        assert secret not in everything
