"""What the streamer changed right before an unload (a reload, another collection, the end of OBS) is kept, whatever the
panel is busy with."""

import sys
import threading
from pathlib import Path

import pytest

from clawcraft.authority.agent_file import AgentFile
from clawcraft.kept_rails import KeptRails
from tests.panel.conftest import Streamer
from tests.support.agents import add_agent
from tests.support.paths import SCRIPT, data_folder

START = "twitch.start_stream"


@pytest.fixture
def busy(streamer: Streamer, tmp_path: Path) -> Streamer:
    """The panel runs a tool that does not end."""
    streamer.start()
    tool, begun = tmp_path / "tool.py", threading.Event()
    tool.write_text("import time\nprint('runs', flush=True)\ntime.sleep(600)\n")
    background = sys.modules[SCRIPT.stem]._panel._background
    background.submit(lambda: background.run_tool(str(tool), progress=lambda _line: begun.set()))
    assert begun.wait(60)
    return streamer


def test_an_action_that_was_switched_off_stays_off(busy: Streamer) -> None:
    busy.obs.change("policy_start_stream", "off")
    busy.reload()
    policies = {tool["name"]: tool["policy"] for tool in busy.agent().get("/tools").json()["tools"]}
    assert policies[START] == "off"


def test_an_agent_that_was_revoked_stays_out(busy: Streamer) -> None:
    folder = data_folder(busy.folder)
    add_agent(folder, "one")
    busy.refresh()
    busy.obs.change("agent_chosen", "one")
    busy.obs.click("agent_revoke")
    busy.obs.click("agent_revoke")
    busy.reload()
    assert "one" not in AgentFile(folder).read().agents


def test_a_secret_that_was_stored_is_there(busy: Streamer) -> None:
    busy.obs.type_text("twitch_client_secret", "a-secret-that-is-long-enough")
    busy.obs.click("twitch_store")
    busy.reload()
    assert busy.stored("TWITCH_CLIENT_SECRET") == "a-secret-that-is-long-enough"


def test_what_the_disk_refused_is_tried_once_more(streamer: Streamer) -> None:
    streamer.start()
    folder = data_folder(streamer.folder)
    taken = folder / KeptRails.FILE_NAME
    taken.mkdir()
    streamer.obs.change("tool_starts_per_hour", 3)
    streamer.sees("rails_problem", "could not be kept")
    taken.rmdir()
    streamer.stop()
    assert KeptRails(folder).values()["TOOL_STARTS_PER_HOUR"] == "3"
