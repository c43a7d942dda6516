"""The very first start of a real OBS, after ``tools/install.py`` into a home where OBS never ran."""

import json
import signal
from pathlib import Path

import pytest

from tests.support.display import Display
from tests.support.ports import free_port
from tests.support.real_obs import RealObs
from tests.support.tool_client import ToolClient, stored_token, wait_for_service
from tests.support.waiting import wait_until
from tests.tools.conftest import DETECT, Clone

pytestmark = pytest.mark.real_obs


def test_the_service_answers_at_the_first_start_and_is_gone_after_uninstalling(
    display: Display, whole_clone: Clone
) -> None:
    whole_clone.installs(DETECT)
    port = free_port()

    with RealObs(display, whole_clone.user_home, {"PORT": str(port)}) as obs:
        wait_for_service(port)
        client = ToolClient(port, stored_token(whole_clone.config))
        # It answers before OBS has loaded its scenes.
        wait_until(lambda: client.status()["obs"]["current_scene"] == "Scene", "the scene that was made is loaded")
        client.close()
        assert whole_clone.install("--uninstall").returncode == 3, "OBS still runs"
        # OBS's own assistant for the first start is open and modal, beneath which the service has answered.
        display.dismiss(display.wait_window("Auto-Configuration Wizard"))
        assert obs.quit() == 0

    collection = whole_clone.config / "basic/scenes/Untitled.json"
    saved = json.loads(collection.read_bytes())
    assert [Path(entry["path"]) for entry in saved["modules"]["scripts-tool"]] == [whole_clone.script]
    whole_clone.installs("--uninstall")
    left = json.loads(collection.read_bytes())
    assert left == saved | {"modules": saved["modules"] | {"scripts-tool": []}}


def test_an_obs_that_was_killed_is_no_running_obs(display: Display, clone: Clone) -> None:
    clone.installs(DETECT)
    with RealObs(display, clone.user_home, {"PORT": str(free_port())}) as obs:
        obs.process.signal_group(signal.SIGKILL)
        obs.process.wait(10)

    clone.installs(DETECT)
