"""The plugin and the service agree on what texts may say, and on error codes."""

import json
import re
from pathlib import Path

from clawcraft.actions.catalogue import ACTIONS
from clawcraft.errors import error_classes
from generators.openclaw import JOB_STATUS, PRE_SHOW_CHECK, action_schema

PLUGIN = Path(__file__).resolve().parents[2] / "tools" / "openclaw"

NOT_FOR_AGENTS = {
    "client_not_allowed",
    "headers_too_large",
    "idempotency_conflict",
    "internal_error",
    "invalid_json",
    "method_not_allowed",
    "not_found",
    "payload_too_large",
    "plugin_error",
    "replayed_request",
    "unexpected_answer",
    "unknown_action",
    "unsupported_media_type",
}
"""Codes that no agent can cause or cure through the plugin: the skill has one line for all of them."""


def test_the_directory_of_tools_shows_each_description_whole() -> None:
    texts = [action_schema(action)["x-agent"]["description"] for action in ACTIONS]
    texts += [PRE_SHOW_CHECK["description"], JOB_STATUS["description"]]
    assert [text for text in texts if len(text) > 170] == []


def test_the_skill_says_what_to_do_with_every_error_an_agent_can_meet() -> None:
    skill = (PLUGIN / "skills" / "twitch-show" / "SKILL.md").read_text("utf-8")
    table = "\n".join(line.split("|")[1] for line in skill.splitlines() if line.startswith("| `"))
    named = set(re.findall(r"`([a-z_]+)`", table)) - {
        tool["name"] for tool in json.loads((PLUGIN / "tools.json").read_text())
    }
    plugin_codes = set(re.findall(r'failure\(\s*"([a-z_]+)"', (PLUGIN / "lib" / "failures.js").read_text("utf-8")))
    codes = {error.code for error in error_classes()} | plugin_codes
    assert "service_down" in plugin_codes
    assert codes - named == NOT_FOR_AGENTS
    assert named <= codes, "the skill names a code that nobody sends"
