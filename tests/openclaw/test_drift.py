"""The plugin and the service agree: generated files, actions, error codes."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from clawcraft.errors import error_classes
from clawcraft.settings import ACTION_NAMES

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


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("openclaw_generate", PLUGIN / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_generated_files_are_up_to_date(generate: ModuleType) -> None:
    for path, text in generate.files().items():
        assert path.read_text("utf-8") == text, f"{path.name} is stale: run tools/openclaw/generate.py"


def test_a_change_of_an_action_schema_shows(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in generate.ACTION_SCHEMAS.glob("*.json"):
        schema = json.loads(path.read_text("utf-8"))
        if path.stem == "twitch.set_title":
            schema["properties"]["title"]["maxLength"] = 141
        (tmp_path / path.name).write_text(json.dumps(schema))
    monkeypatch.setattr(generate, "ACTION_SCHEMAS", tmp_path)
    changed = [path.name for path, text in generate.files().items() if path.read_text("utf-8") != text]
    assert changed == ["tools.json"]
    (tmp_path / "twitch.raid.json").write_text("{}")
    with pytest.raises(SystemExit, match=re.escape("twitch.raid")):
        generate.files()


def test_there_is_one_tool_for_each_action_of_the_service() -> None:
    tools = json.loads((PLUGIN / "tools.json").read_text("utf-8"))
    assert sorted(tool["action"] for tool in tools if "action" in tool) == sorted(ACTION_NAMES)


def test_the_directory_of_tools_shows_each_description_whole(generate: ModuleType) -> None:
    assert [tool.name for tool in generate.TOOLS if len(tool.description) > 170] == []


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
