"""The protocol's own conformance suite against the service, in both eras. What cannot pass is listed with the reason.

The suite calls fixtures by its own names; where tools, prompts and resources of ours do what a fixture is to do, they
play it. It is installed from npm once, into a cache folder.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from clawcraft.files import locked
from tests.support.mcp_proxy import McpProxy, Player
from tests.support.real_obs import obs_required
from tests.support.studio import TOKEN, Studio

PACKAGES = (
    "conformance-2025@npm:@modelcontextprotocol/conformance@0.1.16",
    "conformance-2026@npm:@modelcontextprotocol/conformance@0.2.0-alpha.12",
)
FOLDER = "mcp-conformance-0.1.16-0.2.0-alpha.12"
NODE: Final = "26"
NODE_NEEDS: Final = 22
INSTALL_S: Final = 600
START = "twitch_start_stream"
PLAYERS = {
    "test_simple_text": Player("status"),
    "test_streaming_elicitation": Player("status"),
    "test_logging_tool": Player("status"),
    "test_image_content": Player("obs_screenshot"),
    "test_error_handling": Player("twitch_set_title", {"title": "x"}),
    "greet": Player("status"),
    "slow_compute": Player(START),
    "failing_job": Player(START, {"obs_scene": "No such scene"}),
    "test://static-text": Player("clawcraft://status"),
    "test_simple_prompt": Player("run_a_show"),
    "test_prompt_with_arguments": Player("run_a_show", renamed={"arg1": "title", "arg2": "game"}),
}
TEMPLATED = "test://template/123/data"

EXPECTED_FAILURES = {
    "no client is ever asked by the service: what needs a yes is asked of the streamer": {
        *("tools-call-elicitation", "elicitation-sep1034-general", "elicitation-sep1330-general"),
        *("sep-2322-elicitation-incomplete", "sep-2322-list-roots-incomplete", "sep-2322-sampling-incomplete"),
        *("sep-2322-respect-client-capabilities", "sep-2322-multi-round-r1", "sep-2322-multiple-inputs-incomplete"),
        *("sep-2322-non-tool-incomplete", "sep-2322-request-state-incomplete", "sep-2322-result-type-included"),
        *("sep-2322-reject-tampered-state", "sep-2663-mrtr-synchronous-before-task-creation"),
        *("sep-2663-tasks-get-status-input-required", "tasks-mrtr-tasks-update-resumes"),
        *("tasks-mrtr-partial-fulfillment", "tasks-result-type-complete-on-non-task-responses"),
    },
    "sampling is deprecated, and nothing here wants a model": {"tools-call-sampling"},
    "no tool needs a capability of the client": {
        *("sep-2575-server-rejects-undeclared-capability", "sep-2575-missing-capability-http-400"),
        "sep-2663-server-returns-missing-capability-when-required",
    },
    "answers are single JSON objects, so that there is no stream for progress": {"tools-call-with-progress"},
    "logging is deprecated, and not offered": {"logging-set-level", "tools-call-with-logging"},
    "completion is not offered: no argument has a list to choose from": {"completion-complete"},
    "subscriptions are not offered: events and job wait instead": {"resources-subscribe", "resources-unsubscribe"},
    "there is no sound, no binary resource, and nothing that embeds a resource": {
        *("tools-call-audio", "tools-call-embedded-resource", "tools-call-mixed-content", "resources-read-binary"),
        *("prompts-get-embedded-resource", "prompts-get-with-image"),
    },
    "no argument is repeated in a header": {
        *("sep-2243-server-no-xmcp-tool", "sep-2243-server-decode-base64", "sep-2243-server-validate-param-match"),
        *("sep-2243-server-reject-invalid-param-chars", "sep-2243-server-reject-param-mismatch"),
    },
    "it looks for one tool by name, whose schema has every keyword there is": {"json-schema-2020-12-tool-found"},
    "no action of ours breaks the protocol when told to": {"sep-2663-tasks-get-status-failed"},
    "it wants to be greeted with its own words": {"tasks-headers-tolerate-mcp-method-on-tools-call"},
}
"""Checks of the suite by the reason why they cannot pass."""
EXPECTED = {check for checks in EXPECTED_FAILURES.values() for check in checks}

pytestmark = [pytest.mark.npm, pytest.mark.timeout(900)]


def installed() -> Path:
    """The folder with the suites and a Node.js that runs them, installed once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "twitch-clawcraft" / FOLDER
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix(".lock"), INSTALL_S):
        if not folder.exists():
            fresh = Path(tempfile.mkdtemp(dir=folder.parent))
            try:
                (fresh / "package.json").write_text('{"private": true}\n')
                more = [] if _node_version() >= NODE_NEEDS else [f"node@{NODE}"]
                _install(fresh, [*PACKAGES, *more])
                fresh.rename(folder)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
    return folder


def node(folder: Path) -> str:
    """The Node.js for what is installed in ``folder``."""
    own = folder / "node_modules" / ".bin" / "node"
    return str(own) if own.exists() else "node"


def _install(folder: Path, packages: list[str]) -> None:
    npm = shutil.which("npm")
    assert npm is not None
    command = ["nice", npm, "install", "--no-audit", "--no-fund", "--save-exact", *packages]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S)
    assert done.returncode == 0, done.stderr[-4000:]


def _node_version() -> int:
    found = shutil.which("node")
    said = subprocess.run([found, "--version"], capture_output=True, text=True).stdout if found else ""
    match = re.match(r"v(\d+)\.", said)
    return int(match[1]) if match else 0


@pytest.fixture(scope="module")
def suites() -> Path:
    if shutil.which("npm") is None:
        (pytest.fail if obs_required() else pytest.skip)("npm is not installed")
    return installed()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    policy = {"TOOL_ACTION_POLICY": "obs.screenshot=allow"}
    with Studio(tmp_path_factory.mktemp("studio"), policy, with_twitch=False) as studio:
        job = studio.client.run("twitch.stop_stream", "the-123")["id"]
        with McpProxy(studio.port, TOKEN, {**PLAYERS, TEMPLATED: Player(f"clawcraft://job/{job}")}) as proxy:
            yield proxy.url


@pytest.mark.parametrize(
    ("suite", "arguments", "at_least"),
    [
        ("conformance-2025", (), 14),
        ("conformance-2026", (), 140),
        ("conformance-2026", ("--spec-version", "2026-07-28"), 95),
    ],
    ids=["2025-11-25", "2025-11-25 and extensions", "2026-07-28"],
)
def test_the_suite_finds_nothing_but_what_is_listed(
    suites: Path, url: str, tmp_path: Path, suite: str, arguments: tuple[str, ...], at_least: int
) -> None:
    program = suites / "node_modules" / suite / "dist" / "index.js"
    done = subprocess.run(
        [node(suites), str(program), "server", "--url", url, "--suite", "all", "-o", str(tmp_path), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )
    checks = [check for file in tmp_path.glob("*/checks.json") for check in json.loads(file.read_text("utf-8"))]
    failed = {check["id"]: check.get("errorMessage") for check in checks if check["status"] == "FAILURE"}
    passed = {check["id"] for check in checks if check["status"] == "SUCCESS"}
    assert {name: reason for name, reason in failed.items() if name not in EXPECTED} == {}
    assert (passed - failed.keys()) & EXPECTED == set()
    assert sum(check["status"] == "SUCCESS" for check in checks) >= at_least, done.stdout[-2000:] + done.stderr[-2000:]
