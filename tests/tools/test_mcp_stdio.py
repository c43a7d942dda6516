"""``tools/mcp_stdio.py`` as a host runs it: lines in, lines out, and nothing but answers among them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.mcp_client import MODERN, TASKS, McpClient
from tests.support.paths import TOOLS
from tests.support.ports import free_port
from tests.support.studio import TOKEN, Studio
from tests.support.waiting import HANG_S


def says(*lines: Any, port: int, options: tuple[str, ...] = (), **environment: str) -> list[dict[str, Any]]:
    """What a bridge answers to ``lines``, in the order of ids, once its host has no more to say."""
    text = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOOL_")}
    done = subprocess.run(  # in bytes, since some are no text
        [sys.executable, str(TOOLS / "mcp_stdio.py"), "--url", f"http://127.0.0.1:{port}", *options],
        input=text,
        env={**kept, **environment},
        capture_output=True,
        timeout=HANG_S,
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return sorted(answers, key=lambda answer: str(answer["id"]))


def message(method: str, number: int | None = 1, **params: Any) -> dict[str, Any]:
    named = {} if number is None else {"id": number}
    return {"jsonrpc": "2.0", **named, "method": method, "params": params}


def test_a_session_of_an_earlier_protocol(studio: Studio) -> None:
    answers = says(
        message("initialize", 1, protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "host"}),
        message("notifications/initialized", None),
        message("tools/list", 2),
        message("tools/call", 3, name="status", arguments={}),
        message("notifications/cancelled", None, requestId=3),
        port=studio.port,
        TOOL_SERVICE_TOKEN=TOKEN,
    )
    assert [answer["id"] for answer in answers] == [1, 2, 3]
    assert answers[0]["result"]["protocolVersion"] == "2025-06-18"
    assert answers[2]["result"]["structuredContent"]["ok"] is True


def test_the_present_protocol_with_a_task(studio: Studio) -> None:
    by_hand = McpClient(1, None, MODERN, tasks=True)
    call = by_hand.message("tools/call", name="twitch_stop_stream", arguments={})
    read = by_hand.message("resources/read", uri="clawcraft://job/jöb x ")
    created, refused = says(call, read, port=studio.port, TOOL_SERVICE_TOKEN=TOKEN)
    assert created["result"]["resultType"] == "task"
    assert refused["error"]["data"] == {"uri": "clawcraft://job/jöb x "}
    get = by_hand.message("tasks/get", taskId=created["result"]["taskId"])
    (task,) = says(get, port=studio.port, TOOL_SERVICE_TOKEN=TOKEN)
    assert task["result"]["taskId"] == created["result"]["taskId"]
    assert TASKS in str(says(by_hand.message("server/discover"), port=studio.port, TOOL_SERVICE_TOKEN=TOKEN))


def test_the_token_may_be_in_a_file_the_environment_or_the_services_folder(studio: Studio, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "secrets.json").write_text(json.dumps({"TOOL_SERVICE_TOKEN": TOKEN}))
    ways: list[tuple[tuple[str, ...], dict[str, str]]] = [
        (("--token-file", str(file)), {"TOOL_SERVICE_TOKEN": "not-the-right-one-at-all"}),
        ((), {"TOOL_SERVICE_TOKEN_FILE": str(file)}),
        (("--data-dir", str(folder)), {}),
    ]
    for options, environment in ways:
        (answer,) = says(message("ping"), port=studio.port, options=options, **environment)
        assert answer["result"] == {}


def test_a_refusal_is_an_error_that_says_what_to_do(studio: Studio, tmp_path: Path) -> None:
    (wrong,) = says(message("ping"), port=studio.port, TOOL_SERVICE_TOKEN="not-the-right-one-at-all")
    assert wrong["error"]["data"]["code"] == "unauthorized"
    assert "ask the streamer" in wrong["error"]["message"]
    (none,) = says(message("ping"), port=studio.port, options=("--data-dir", str(tmp_path)))
    assert "start OBS" in none["error"]["message"]
    (file,) = says(message("ping"), port=studio.port, options=("--token-file", str(tmp_path / "nothing")))
    assert "cannot be read" in file["error"]["message"]


def test_without_obs_every_request_is_told_so_and_no_notification(tmp_path: Path) -> None:
    answers = says(
        message("initialize", 1, protocolVersion="2025-06-18"),
        message("notifications/initialized", None),
        message("tools/list", 2),
        port=free_port(),
        TOOL_SERVICE_TOKEN=TOKEN,
    )
    assert [(answer["id"], answer["error"]["code"]) for answer in answers] == [(1, -32000), (2, -32000)]
    assert "start OBS" in answers[0]["error"]["message"]


def test_what_is_no_json_is_an_error_and_the_next_line_is_served(studio: Studio) -> None:
    lines = (b"{", b"", message("ping", 1), b"[]", b"\xff")
    answered, *broken = says(*lines, port=studio.port, TOOL_SERVICE_TOKEN=TOKEN)
    assert (answered["id"], answered["result"]) == (1, {})
    assert sorted(answer["error"]["code"] for answer in broken) == [-32700, -32700, -32600]
    assert {answer["id"] for answer in broken} == {None}
