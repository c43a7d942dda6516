"""A show played by ``tools/mission.py`` in real OBS: nothing the service says is otherwise at the local Twitch.

The local Twitch lags, loses clips and drops messages. It lasts half a minute, with the lags of Twitch in proportion;
with CLAWCRAFT_SHOW_MINUTES=15 it lasts so long, and the lags are Twitch's own.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from clawcraft.actions.catalogue import ACTIONS
from tests.support.paths import TOOLS
from tests.support.rtmp_server import RtmpServer
from tests.support.show import Show
from tests.support.tool_client import stored_token
from twitch_sim.server import TwitchSim

MINUTES = float(os.environ.get("CLAWCRAFT_SHOW_MINUTES", "0.5"))
STRETCH_S = 600
"""Beyond the minutes: for two starts that wait for Twitch, and steps that take their time."""
SETTINGS = {
    "TOOL_ACTION_POLICY": ",".join(f"{action.key}=allow" for action in ACTIONS),
    "TOOL_ACTION_RATE_LIMIT_PER_MIN": "60",
    "TWITCH_RAID_TARGETS": "friendlyneighbour",
}

LOOK_EVERY_S = 0.2

pytestmark = [pytest.mark.real_obs, pytest.mark.timeout(MINUTES * 60 + STRETCH_S)]


@contextlib.contextmanager
def on_air(twitch: TwitchSim, rtmp: RtmpServer) -> Iterator[None]:
    """While the block lasts, the local Twitch sees what the RTMP server is sent, as the real one does."""
    over = threading.Event()

    def follow() -> None:
        while not over.wait(LOOK_EVERY_S):
            twitch.show_live(bool(rtmp.publishers()))

    thread = threading.Thread(target=follow, name="on-air")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("heard", ["chat", "chat,stream"])
def test_every_claim_of_a_show_is_true(tmp_path: Path, heard: str) -> None:
    with TwitchSim() as twitch:
        twitch.play("realistic")
        if MINUTES < 10:
            world = twitch.world
            world.live_delay_s, world.offline_delay_s, world.clip_delay_s = 5.0, 12.0, 5.0
        settings = {**twitch.environment(), **SETTINGS, "TWITCH_EVENTS": heard}
        with Show(tmp_path, settings) as show, on_air(twitch, show.rtmp):
            done = subprocess.run(
                [
                    *(sys.executable, str(TOOLS / "mission.py"), "--url", f"http://127.0.0.1:{show.port}", "--json"),
                    *("--minutes", str(MINUTES), "--witness", twitch.control_url, "--target", "friendlyneighbour"),
                ],
                env={**os.environ, "TOOL_SERVICE_TOKEN": stored_token(show.config)},
                capture_output=True,
                text=True,
                timeout=MINUTES * 60 + STRETCH_S,
            )
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    failed = [check for check in report["checks"] if not check["passed"]]
    false = [claim for claim in report["claims"] if claim["failure"]]
    assert (failed, false) == ([], [])
    kinds = {claim["claim"]["kind"] for claim in report["claims"]}
    assert {"start_stream", "stop_stream", "heard chat", "nothing missed", "shown stream"} <= kinds
    if MINUTES >= 1:
        assert {action.key for action in ACTIONS if action.name.startswith("twitch.")} <= kinds
