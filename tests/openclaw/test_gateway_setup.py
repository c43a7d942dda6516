"""A gateway whose plugin lacks its token and has to ask before going live."""

import json
from collections.abc import Iterator

import pytest

from tests.support.openclaw_gateway import Gateway
from tests.support.scripted_model import ScriptedModel, calls
from tests.support.studio import Studio

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
    with Gateway(tmp_path_factory.mktemp("gateway"), model.base_url, config, {}, more) as gateway:
        yield gateway


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


def test_nobody_there_to_approve_means_no_start(gateway: Gateway, studio: Studio) -> None:
    direct = gateway.invoke_raw("twitch_start_stream")
    assert direct.status_code == 403
    assert direct.json()["error"]["requiresApproval"] is True
    [answer] = json.loads(gateway.say(calls(("twitch_start_stream", {"title": "Hi"}))))
    assert "approval" in answer
    assert studio.stream_state() == "offline"
