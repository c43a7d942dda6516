"""The official Python client of MCP, in an environment of its own below ``.venv/``, made when first needed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from _venv import Environment
from tests.support.paths import ROOT, TOOLS
from tests.support.waiting import HANG_S

MCP_TESTS: Final = ROOT / "tests" / "mcp"


def sdk() -> Path:
    """The Python that has it."""
    environment = Environment(MCP_TESTS / "requirements-mcp.txt", ROOT / ".venv")
    environment.make()
    return environment.python


def play(way: str, port: int, token: str) -> dict[str, Any]:
    """What ``sdk_show.py`` was told. ``way`` is the client's mode, ``--tasks`` if it takes them, and ``stdio`` for our
    bridge in place of HTTP."""
    mode, *options = way.split()
    url = f"http://127.0.0.1:{port}"
    by_url = ["--url", f"{url}/mcp"]
    by_stdio = ["--command", sys.executable, str(TOOLS / "mcp_stdio.py"), "--url", url]
    options = [*[option for option in options if option != "stdio"], *(by_stdio if "stdio" in options else by_url)]
    done = subprocess.run(
        [str(sdk()), str(MCP_TESTS / "sdk_show.py"), mode, *options],
        env={**os.environ, "TOOL_SERVICE_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=4 * HANG_S,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def judge(report: dict[str, Any], way: str) -> None:
    """Everything that a show has to come to, whichever way it was played."""
    assert report["version"] == ("2025-11-25" if way == "legacy" else "2026-07-28")
    assert {"status", "job", "twitch_start_stream", "obs_screenshot"} <= set(report["tools"])
    assert report["prompt"].endswith("title: A show")
    assert report["read"]["ok"] is True
    steps = report["steps"]
    assert [(step["tool"], step["told"].get("status", "")) for step in steps if not step["error"]][1:] == [
        ("twitch_start_stream", "started"),
        ("twitch_start_stream", "started"),
        ("obs_screenshot", "taken"),
        ("twitch_set_title", "updated"),
        ("twitch_post_chat_message", "sent"),
        ("twitch_stop_stream", "stopped"),
    ]
    first, again = [step["told"] for step in steps if step["told"].get("status") == "started"]
    assert first["job_id"] == again["job_id"]
    (failed,) = [step["told"]["error"]["code"] for step in steps if step["error"]]
    assert failed == "scene_not_found"
    assert [step["kinds"] for step in steps if step["tool"] == "obs_screenshot"] == [["image", "text"]]
    assert len(report["tasks"]) == (3 if "--tasks" in way else 0)
