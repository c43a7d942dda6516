"""The mission bridge check in a real OBS with an RTMP server and the local Twitch."""

import json
import os
from pathlib import Path

import pytest

from tests.support.show import Show
from tests.support.tool import tool
from tests.support.tool_client import stored_token
from twitch_sim.server import TwitchSim

pytestmark = pytest.mark.real_obs


def test_the_mission_passes_in_a_real_obs(tmp_path: Path) -> None:
    with TwitchSim() as twitch, Show(tmp_path, twitch.environment()) as show:
        env = {**os.environ, "TOOL_SERVICE_TOKEN": stored_token(show.config)}
        done = tool("mission.py", "--url", f"http://127.0.0.1:{show.port}", "--json", env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        assert all(check["passed"] for check in json.loads(done.stdout)["checks"])
        assert show.stream_state() == "offline"
