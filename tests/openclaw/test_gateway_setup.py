"""Setting up: a token that is missing and then set while the gateway runs; asking a person before going live."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.support.openclaw_gateway import Gateway, plugin_patch
from tests.support.scripted_model import ScriptedModel, calls
from tests.support.studio import TOKEN, Studio

pytestmark = [pytest.mark.openclaw, pytest.mark.timeout(600), pytest.mark.usefixtures("openclaw_installed")]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio(tmp_path_factory.mktemp("studio"), with_twitch=False) as studio:
        yield studio


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, openclaw_installed: None, model: ScriptedModel, studio: Studio
) -> Iterator[Gateway]:
    config = {
        "baseUrl": studio.url,
        "token": {"source": "env", "provider": "default", "id": "NOBODY_SET_THIS"},
        "confirmGoLive": True,
    }
    more = {"tools": {"toolSearch": False}}
    with Gateway(tmp_path_factory.mktemp("gateway"), model.base_url, plugin_patch(config), {}, more) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def configured(gateway: Gateway) -> Gateway:
    """The gateway after the user set the token, without a restart."""
    gateway.cli("config", "set", "plugins.entries.twitch-clawcraft.config.token", TOKEN)
    deadline = time.monotonic() + 90
    while not _is_configured(gateway):
        assert time.monotonic() < deadline, gateway.invoke_raw("twitch_pre_show_check").text
        time.sleep(0.2)
    return gateway


def _is_configured(gateway: Gateway) -> bool:
    # While OpenClaw exchanges the plugin, the tool is not there at all.
    answer = gateway.invoke_raw("twitch_pre_show_check")
    return answer.status_code == 200 and bool(answer.json()["result"]["details"]["ok"])


def test_a_missing_secret_keeps_nothing_from_starting_and_says_what_is_missing(gateway: Gateway) -> None:
    result = gateway.invoke("twitch_pre_show_check")
    assert (result["ok"], result["code"]) == (False, "not_configured")
    assert "'token' could not be resolved" in result["message"]


def test_without_tool_search_the_model_sees_the_typed_parameters(gateway: Gateway, model: ScriptedModel) -> None:
    gateway.say(calls(("twitch_job_status", {"job_id": "job_1"})))
    tools = {tool["function"]["name"]: tool["function"]["parameters"] for tool in model.requests[-1]["tools"]}
    start = tools["twitch_start_stream"]["properties"]
    assert start["title"]["maxLength"] == 140
    assert start["wait"]["type"] == "boolean"
    assert tools["twitch_set_title"]["required"] == ["title"]


def test_arguments_that_break_the_schema_do_not_reach_the_plugin(gateway: Gateway) -> None:
    [answer] = json.loads(gateway.say(calls(("twitch_set_title", {"title": "x" * 141}))))
    assert "not_configured" not in answer
    assert "title" in answer


def test_nobody_there_to_approve_means_no_start(configured: Gateway, studio: Studio) -> None:
    direct = configured.invoke_raw("twitch_start_stream")
    assert direct.status_code == 403
    assert direct.json()["error"]["requiresApproval"] is True
    [answer] = json.loads(configured.say(calls(("twitch_start_stream", {"title": "Hi"}))))
    assert "approval" in answer
    assert studio.stream_state() == "offline"


def test_a_person_decides_whether_the_stream_starts(configured: Gateway, studio: Studio) -> None:
    start = calls(("twitch_start_stream", {"obs_scene": "BRB"}))
    with configured.approver("deny"):
        [answer] = json.loads(configured.say(start))
        assert "Denied" in answer
        assert studio.stream_state() == "offline"
    with configured.approver("allow-once"):
        [answer] = json.loads(configured.say(start))
        assert json.loads(answer)["status"] == "started"
    assert studio.stream_state() == "live"
    assert configured.invoke("twitch_stop_stream")["ok"] is True, "the stop does not ask"


def test_no_secret_is_in_what_the_model_saw_or_in_the_log(configured: Gateway, model: ScriptedModel) -> None:
    everything = json.dumps(model.requests) + configured.log_path.read_text(errors="replace")
    assert TOKEN not in everything
