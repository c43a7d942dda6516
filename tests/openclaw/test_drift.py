"""What the plugin tells an agent: in its first characters, in few of them, in words that an agent can follow."""

import json
import re
from pathlib import Path
from typing import Any

from clawcraft.errors import error_classes

PLUGIN = Path(__file__).resolve().parents[2] / "tools" / "openclaw"
TOOLS: list[dict[str, Any]] = json.loads((PLUGIN / "tools.json").read_text("utf-8"))
FAILURES = (PLUGIN / "lib" / "failures.js").read_text("utf-8")
SKILL = (PLUGIN / "skills" / "twitch-show" / "SKILL.md").read_text("utf-8")
SHOWN = 175
"""Of a description in OpenClaw's directory of tools."""

NOT_FOR_AGENTS = {
    "headers_too_large",
    "idempotency_conflict",
    "invalid_json",
    "method_not_allowed",
    "not_found",
    "payload_too_large",
    "replayed_request",
    "unknown_action",
    "unsupported_media_type",
}
"""Codes that no agent can cause through the plugin."""


def test_the_directory_of_tools_shows_each_argument() -> None:
    hidden = [
        (tool["name"], name)
        for tool in TOOLS
        for name in tool["parameters"]["properties"]
        if not re.search(rf"\b{name}\b", tool["description"][:SHOWN])
    ]
    assert hidden == []


def test_what_an_agent_carries_all_the_time_is_short() -> None:
    at_first = [tool for tool in TOOLS if tool.get("atFirst") != "off"]
    shown = [{key: tool[key] for key in ("name", "description", "parameters")} for tool in at_first]
    assert sum(len(json.dumps(tool, separators=(",", ":"), ensure_ascii=False)) for tool in shown) <= 5800
    assert len(SKILL) <= 3000


def test_no_hint_sends_an_agent_to_http() -> None:
    speaks_http = re.search(r"SPEAKS_HTTP = /(.+)/;", FAILURES)
    assert speaks_http
    table = set(re.findall(r"^  (\w+):", FAILURES[FAILURES.index("const HINTS") :], re.MULTILINE))
    hints = {error.code: error.default_hint for error in error_classes() if error.code not in NOT_FOR_AGENTS}
    assert {code for code, hint in hints.items() if re.search(speaks_http[1], hint)} - table == set()
    assert table <= hints.keys()


def test_the_skill_names_only_codes_that_somebody_sends() -> None:
    section = SKILL.partition("## When a tool fails")[2].partition("## ")[0]
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", section)) - {tool["name"] for tool in TOOLS}
    own = set(re.findall(r'failure\(\s*"([a-z_]+)"', FAILURES))
    codes = {error.code for error in error_classes()} | own
    assert "service_down" in own
    assert named <= codes
