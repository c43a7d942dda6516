"""One full show: an OpenClaw agent, a real OBS, an RTMP server and the local Twitch; then the day OBS is killed.

The plugin is configured with what ``tools/openclaw/print_config.py`` prints.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.openclaw_gateway import PLUGIN, Gateway
from tests.support.scripted_model import ScriptedModel, calls
from tests.support.show import Show
from tests.support.tool_client import stored_token
from tests.support.waiting import wait_until
from twitch_sim.server import TwitchSim

pytestmark = [
    pytest.mark.openclaw,
    pytest.mark.real_obs,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("openclaw_installed"),
]


@pytest.fixture(scope="module")
def twitch() -> Iterator[TwitchSim]:
    with TwitchSim() as sim:
        yield sim


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory, openclaw_installed: None, twitch: TwitchSim) -> Iterator[Show]:
    with Show(tmp_path_factory.mktemp("show"), twitch.environment()) as show:
        yield show


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, model: ScriptedModel, show: Show) -> Iterator[Gateway]:
    command = [sys.executable, str(PLUGIN / "print_config.py"), "--obs-config-dir", str(show.config)]
    printed = subprocess.run([*command, "--port", str(show.port)], capture_output=True, text=True, timeout=30)
    assert printed.returncode == 0, printed.stderr
    assert stored_token(show.config) not in printed.stdout
    patch = json.loads(printed.stdout)
    more = {"tools": {"toolSearch": False}}
    with Gateway(tmp_path_factory.mktemp("gateway"), model.base_url, patch, {}, more) as gateway:
        yield gateway


def results(answer: str) -> list[dict[str, Any]]:
    return [json.loads(text) for text in json.loads(answer)]


def test_an_agent_runs_a_full_show(gateway: Gateway, show: Show, twitch: TwitchSim, model: ScriptedModel) -> None:
    on_air: list[dict[str, str]] = []

    def viewers_arrive() -> None:
        on_air.append(show.rtmp.probe())
        twitch.world.go_live()

    model.before_call = {"twitch_create_clip": viewers_arrive}
    check, start, title, chat, clip, during, stop = results(
        gateway.say(
            calls(
                ("twitch_pre_show_check", {"obs_scene": "BRB"}),
                ("twitch_start_stream", {"title": "Full show", "game": "Just Chatting", "obs_scene": "BRB"}),
                ("twitch_set_title", {"title": "Full show, part 2"}),
                ("twitch_post_chat_message", {"message": "We are live"}),
                ("twitch_create_clip", {}),
                ("twitch_pre_show_check", {}),
                ("twitch_stop_stream", {"reason": "the end"}),
            )
        )
    )
    assert (check["ready"], check["live"]) == (True, False)
    assert start["status"] == "started"
    assert "warnings" not in start
    assert title["current"]["title"] == "Full show, part 2"
    assert chat["ok"]
    assert clip["url"]
    assert (during["live"], during["current_scene"]) == (True, "BRB")
    assert stop["status"] == "stopped"
    assert on_air == [{"video": "h264", "audio": "aac"}]
    assert show.stream_state() == "offline"
    wait_until(lambda: not show.rtmp.publishers(), "the server sees no publisher")


def test_obs_killed_in_mid_show_is_a_clear_result_and_the_mission_goes_on(
    gateway: Gateway, show: Show, model: ScriptedModel
) -> None:
    def kill() -> None:
        os.kill(show.obs.pid, 9)
        wait_until(lambda: not show.rtmp.publishers(), "the server sees no publisher")
        show.obs.__exit__(None, None, None)

    model.before_call = {"twitch_set_title": kill, "twitch_pre_show_check": show.start}
    start, title, stop, check, again, off = results(
        gateway.say(
            calls(
                ("twitch_start_stream", {}),
                ("twitch_set_title", {"title": "never set"}),
                ("twitch_stop_stream", {}),
                ("twitch_pre_show_check", {}),
                ("twitch_start_stream", {}),
                ("twitch_stop_stream", {}),
            )
        )
    )
    assert start["status"] == "started"
    assert title["message"].startswith("OBS is not running or the script is not loaded")
    assert stop["code"] == "service_down"
    assert (check["ok"], check["live"]) == (True, False)
    assert again["status"] == "started"
    assert off["status"] == "stopped"
