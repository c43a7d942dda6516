#!/usr/bin/env python3
"""Writes what the OpenClaw plugin knows of the tools: ``tools.json`` and the tool lists in ``openclaw.plugin.json``.

Parameters come from ``schemas/actions/``; run it after a change there. ``--check`` only tells whether the files are
up to date. The texts are written for a model that may see nothing of a tool but its name and the first 175 characters
of its description, which is what OpenClaw's directory of tools shows.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PLUGIN: Final = Path(__file__).resolve().parent
ACTION_SCHEMAS: Final = PLUGIN.parents[1] / "schemas" / "actions"
PROFILES: Final = ("coding", "messaging", "full")
"""OpenClaw's tool profiles that show the tools; without the list its common profiles hide them."""

SCHEMA_KEYS: Final = frozenset(
    {"type", "properties", "required", "additionalProperties", "description", "default", "enum"}
    | {"minLength", "maxLength", "pattern", "minimum", "maximum"}
)
"""What model providers and OpenClaw's validator take everywhere. The rest (combinations such as "one of", and
multipleOf, which 5.1 / 0.1 fails in floating point) stays in the descriptions, and with the service."""

WAIT: Final = {
    "type": "boolean",
    "default": True,
    "description": "true: return the final outcome. false: return the job id at once; you are told when the job ends.",
}


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. ``action`` is the service's action, None where the plugin itself answers."""

    name: str
    label: str
    description: str
    action: str | None = None
    parameters: dict[str, Any] | None = None
    read_only: bool = False


TOOLS: Final = (
    Tool(
        "twitch_pre_show_check",
        "Pre-show check",
        "Check that OBS and Twitch are ready, and what is on air now: live or not, uptime, scenes, what is missing. "
        "Changes nothing. Use before going live.",
        parameters={
            "type": "object",
            "properties": {
                "obs_scene": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 120,
                    "description": "OBS scene you intend to start with; the check tells whether it exists.",
                }
            },
            "additionalProperties": False,
        },
        read_only=True,
    ),
    Tool(
        "twitch_start_stream",
        "Start stream",
        "Go live on Twitch through OBS, only when the user wants it; can set title, game and OBS scene. Waits until "
        "on air, returns the outcome. Safe when already live.",
        "twitch.start_stream",
    ),
    Tool(
        "twitch_stop_stream",
        "Stop stream",
        "End the Twitch stream in OBS, only when the user wants it. Waits until off air, returns the outcome. Safe "
        "when not live; also ends a start that is still connecting.",
        "twitch.stop_stream",
    ),
    Tool(
        "twitch_set_title",
        "Set stream title",
        "Set the Twitch channel's stream title, live or not. Returns the previous and the current title.",
        "twitch.set_title",
    ),
    Tool(
        "twitch_set_game",
        "Set stream category",
        "Set the Twitch channel's category (game), live or not, by exact name (game) or by game_id. An unknown name "
        "fails with suggestions.",
        "twitch.set_game",
    ),
    Tool(
        "twitch_post_chat_message",
        "Post chat message",
        "Write one message into the Twitch channel's chat as the streamer's account; viewers see it at once. No chat "
        "commands.",
        "twitch.post_chat_message",
    ),
    Tool(
        "twitch_create_clip",
        "Create clip",
        "Make a clip of the last moments of the live Twitch stream and return its address. The channel must be live.",
        "twitch.create_clip",
    ),
    Tool(
        "twitch_job_status",
        "Job status",
        "Tell how a start or stop of the Twitch stream is going, by its job_id: queued, running with progress, done "
        "with its result, or failed with its error.",
        parameters={
            "type": "object",
            "properties": {
                "job_id": {
                    "type": "string",
                    "pattern": "^[A-Za-z0-9_-]{1,64}$",
                    "description": "The job_id that twitch_start_stream or twitch_stop_stream returned.",
                },
                "wait_s": {
                    "type": "integer",
                    "minimum": 0,
                    "maximum": 30,
                    "default": 0,
                    "description": "Wait up to this many seconds for the job to end.",
                },
            },
            "required": ["job_id"],
            "additionalProperties": False,
        },
        read_only=True,
    ),
)


def tools_json() -> list[dict[str, Any]]:
    """The content of ``tools.json``. Raises SystemExit if tools and action schemas do not match one to one."""
    schemas = {path.name.removesuffix(".json"): path for path in ACTION_SCHEMAS.glob("*.json")}
    covered = {tool.action for tool in TOOLS if tool.action}
    if covered != set(schemas):
        raise SystemExit(f"error: actions without a tool, or tools without an action: {covered ^ set(schemas)}")
    tools: list[dict[str, Any]] = []
    for tool in TOOLS:
        entry: dict[str, Any] = {"name": tool.name, "label": tool.label, "description": tool.description}
        if tool.action is None:
            entry["parameters"] = tool.parameters
        else:
            schema = json.loads(schemas[tool.action].read_text("utf-8"))
            entry |= {"action": tool.action, "kind": schema["x-kind"]}
            entry["description"] = " ".join([tool.description, *_rules(schema)])
            entry["parameters"] = _parameters(schema)
        tools.append(entry)
    return tools


def manifest_json() -> dict[str, Any]:
    """``openclaw.plugin.json`` with its tool lists as they should be."""
    manifest: dict[str, Any] = json.loads((PLUGIN / "openclaw.plugin.json").read_text("utf-8"))
    manifest["contracts"]["tools"] = [tool.name for tool in TOOLS]
    manifest["toolMetadata"] = {
        tool.name: {
            "profiles": list(PROFILES),
            "sideEffecting": not tool.read_only,
            "replaySafe": tool.read_only,
        }
        for tool in TOOLS
    }
    return manifest


def _rules(schema: dict[str, Any]) -> list[str]:
    """The rules between fields, in words: model providers refuse them at the top of a schema."""
    return [part["description"] for part in schema.get("allOf", [])]


def _parameters(schema: dict[str, Any]) -> dict[str, Any]:
    parameters = _reduced(schema)
    del parameters["description"]
    if schema["x-kind"] == "async":
        parameters["properties"]["wait"] = WAIT
    return parameters


def _reduced(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        raise SystemExit("error: an action schema has a $ref, which a tool's parameters cannot follow")
    reduced = {key: value for key, value in schema.items() if key in SCHEMA_KEYS}
    if "properties" in reduced:
        reduced["properties"] = {name: _reduced(field) for name, field in reduced["properties"].items()}
    return reduced


def files() -> dict[Path, str]:
    """Each generated file and the text it should have."""
    return {
        PLUGIN / "tools.json": _text(tools_json()),
        PLUGIN / "openclaw.plugin.json": _text(manifest_json()),
    }


def _text(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="Write tools.json and the tool lists of openclaw.plugin.json.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if something would change")
    options = parser.parse_args()
    stale = [path for path, text in files().items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        if options.check:
            print(f"error: {path.name} is out of date: run tools/openclaw/generate.py", file=sys.stderr)
        else:
            path.write_text(files()[path], "utf-8")
            print(f"wrote {path.name}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
