"""What an agent is shown of the tools: made of the table of actions, only what it may use, and little of it."""

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from clawcraft.actions.catalogue import ACTIONS, Effect, Policy
from clawcraft.errors import ActionDisabled, ClawcraftError, error_classes
from clawcraft.http.mcp.results import failed, worded
from clawcraft.http.mcp.tools import READINGS, ToolList, tool_name
from tests.support.http_service import CONTRACT, HttpService
from tests.support.mcp_client import McpClient

MOST_CHARACTERS = 15_000
"""Of what a model sees of all tools together, every action switched on: it is in the context of each conversation."""
AT_FIRST = 7_000
"""The same for the actions that are on at first."""
EVERY = {action.name: Policy.ALLOW for action in ACTIONS}
TOOLS = {tool["name"]: tool for tool in ToolList(CONTRACT).tools(EVERY)}


def seen_of(tools: list[dict[str, Any]]) -> int:
    """Characters of what a host shows its model; hints and output schemas are for the host itself."""
    shown = [{name: tool[name] for name in ("name", "description", "inputSchema")} for tool in tools]
    return len(json.dumps(shown, separators=(",", ":"), ensure_ascii=False))


def test_there_is_a_tool_for_each_action_and_four_that_look() -> None:
    assert TOOLS.keys() == {tool_name(action) for action in ACTIONS} | READINGS.keys()
    assert len(TOOLS) == len(ACTIONS) + 4


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS.keys())
def test_every_host_can_take_it(tool: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", tool["name"])
    assert tool["title"]
    assert len(tool["description"]) <= 300
    for schema in (tool["inputSchema"], tool["outputSchema"]):
        Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
        # Model providers refuse these at the top, and know no format of ours.
        assert not {"oneOf", "anyOf", "allOf", "not", "$ref"} & schema.keys()
        assert '"format"' not in json.dumps(schema)
    assert tool["annotations"].keys() == {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS.keys())
def test_a_failure_too_is_as_the_tool_says(tool: dict[str, Any]) -> None:
    """A client that checks what is structured gives its model nothing of an answer that is not."""
    result = failed({"request_id": "call-1"}, ActionDisabled("it is off").to_json())
    assert result["isError"]
    Draft202012Validator(tool["outputSchema"]).validate(result["structuredContent"])


def test_a_rule_between_arguments_is_said_in_words() -> None:
    assert "Give game or game_id, not both." in TOOLS["twitch_start_stream"]["description"]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_the_hints_say_what_the_action_does(action: Any) -> None:
    hints = TOOLS[tool_name(action)]["annotations"]
    assert hints["readOnlyHint"] is (action.effect is Effect.READS)
    assert hints["destructiveHint"] is (action.effect in (Effect.SETS, Effect.ENDS))
    assert hints["idempotentHint"] is (action.effect in (Effect.READS, Effect.SETS))


def test_going_live_ending_and_raiding_are_what_a_host_asks_its_user_about() -> None:
    for name in ("twitch_start_stream", "twitch_stop_stream", "twitch_raid"):
        assert TOOLS[name]["annotations"]["destructiveHint"], name
    for name in ("status", "channel", "events", "job", "obs_screenshot", "twitch_get_clip"):
        assert TOOLS[name]["annotations"]["readOnlyHint"], name


def test_all_tools_together_leave_room_in_a_context() -> None:
    assert seen_of(list(TOOLS.values())) <= MOST_CHARACTERS
    assert seen_of(ToolList(CONTRACT).tools({action.name: action.policy for action in ACTIONS})) <= AT_FIRST


def test_what_is_off_is_not_listed_and_what_is_asked_about_says_so(service: HttpService, client: McpClient) -> None:
    assert "twitch_raid" not in client.tools()
    assert "asked first" not in client.tools()["twitch_start_stream"]["description"]
    service.configure(action_policies={"twitch.start_stream": Policy.ASK, "twitch.raid": Policy.ALLOW})
    tools = client.tools()
    assert tools["twitch_start_stream"]["description"].endswith("The streamer is asked first.")
    assert "twitch_raid" in tools
    service.configure(disabled_actions=("twitch.stop_stream",))
    assert "twitch_stop_stream" not in client.tools()


@pytest.mark.parametrize("error", tuple(error_classes()), ids=lambda error: error.code)
def test_no_hint_leads_to_what_mcp_does_not_have(error: type[ClawcraftError]) -> None:
    hint = worded(error("it failed").to_json())["hint"]
    assert not re.search(r"(GET|POST) /tools|(GET|POST) /status|Retry-After|Location", hint)


def test_both_eras_see_the_same_tools(client: McpClient, legacy: McpClient) -> None:
    assert client.tools() == legacy.tools()
