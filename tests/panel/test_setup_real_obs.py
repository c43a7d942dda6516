"""What a start may lack, and the hotkey, in a real OBS."""

import json
from pathlib import Path

import pytest

from tests.support.display import Display
from tests.support.obs_desk import Desk
from tests.support.obs_panel import ScriptsWindow
from tests.support.paths import SCRIPT
from tests.support.project_copy import copy_project
from tests.support.show import install
from tests.support.tool_client import answers, wait_for_service
from tests.support.waiting import insist, wait_until
from twitch_sim import TwitchSim

pytestmark = pytest.mark.real_obs
HOTKEY = [{"key": "OBS_KEY_F8"}]


def test_the_hotkey_pauses_while_obs_is_minimised_and_the_pause_outlasts_a_restart(
    display: Display, twitch: TwitchSim, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, display, twitch, SCRIPT, {"keep_paused": True}, keys={"pause_hotkey": HOTKEY})
    with desk.obs:
        wait_for_service(desk.port)
        agent = desk.agent()
        main = desk.obs.window()
        display.xdotool("windowminimize", main)
        wait_until(lambda: main not in display.windows("^OBS [0-9]"), "OBS is minimised")
        display.xdotool("keydown", "F8")
        wait_until(lambda: agent.status()["paused"], "the hotkey pauses")
        display.xdotool("keyup", "F8")
        assert desk.refusal(agent, "twitch.start_stream") == "paused_by_operator"
        display.xdotool("windowmap", "--sync", main, "windowactivate", "--sync", main)
        assert desk.quit() == 0
        desk.obs.kill()  # what is left of the process here
        assert json.loads(desk.hotkeys.read_text())["pause_hotkey"] == HOTKEY
        assert "pause_hotkey" not in desk.saved_settings()

        desk.obs.start()
        wait_for_service(desk.port)
        assert desk.refusal(agent, "twitch.start_stream") == "paused_by_operator"
        display.xdotool("keydown", "F8")
        wait_until(lambda: not agent.status()["paused"], "the hotkey lets the agent go on")
        display.xdotool("keyup", "F8")
        desk.exits_clean()


def test_missing_packages_are_installed_at_a_click(
    display: Display, twitch: TwitchSim, artefacts: Path, tmp_path: Path
) -> None:
    project = copy_project(tmp_path / "project")
    desk = Desk(tmp_path, display, twitch, project / "obs_plugin" / SCRIPT.name)
    with desk.obs:
        desk.obs.process.wait_for_line("packages are missing")
        window = ScriptsWindow(desk.obs, artefacts)
        window.open()
        window.vanished(
            "operator_open",
            "operator_dock",
            "connect",
            "bot_connect",
            "copy_for_agent",
            "token_show",
            "token_new",
            "agent_name",
            "agent_add",
        )
        window.appeared(["packages_install"], before="client_id")
        window.screenshot("packages-missing")

        def begun() -> bool:
            return desk.obs.has_child() or answers(desk.port)

        def press_install() -> None:
            if not begun():
                window.press("packages_install")

        insist(press_install, begun, "the installer runs")
        window.screenshot("packages-being-installed")
        wait_for_service(desk.port)
        window.press("refresh")
        window.screenshot("packages-installed")
        window.close()
        assert desk.quit() == 0
        assert desk.obs.warnings() == []


def test_the_script_is_added_to_another_collection_at_a_click(
    display: Display, twitch: TwitchSim, artefacts: Path, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, display, twitch, SCRIPT)
    other = desk.obs_home.write_collection(desk.config, "Other", [{"path": "/elsewhere/clock.lua", "settings": {}}])
    before = other.read_bytes()
    with desk.obs:
        wait_for_service(desk.port)
        window = ScriptsWindow(desk.obs, artefacts)
        window.open()
        window.press("refresh")
        window.appeared(["collections_add"], before="client_id")
        window.screenshot("other-collection")

        def listed() -> list[str]:
            return [entry["path"] for entry in json.loads(other.read_text())["modules"]["scripts-tool"]]

        def added() -> bool:
            """The panel looks for other collections in the background, and shows at the next press what it found;
            until then the button is not there, and the keys add a space to the client id."""
            window.press("refresh")
            window.press("collections_add")
            return len(listed()) == 2

        wait_until(added, "the script is added")
        assert listed() == ["/elsewhere/clock.lua", str(SCRIPT)]
        window.close()
        assert desk.quit() == 0
        assert desk.obs.warnings() == []
    done = install("--uninstall", "--obs-config-dir", str(desk.config), "--collection", "Other")
    assert done.returncode == 0, done.stderr
    assert other.read_bytes() == before
