"""OBS that cannot go on: an encoder that never starts, a UI thread that hangs. HTTP answers, the job says why."""

from pathlib import Path

import pytest
import requests

from tests.support.paths import ROOT
from tests.support.show import Show
from tests.support.waiting import HANG_S, wait_until

pytestmark = pytest.mark.real_obs


def test_an_encoder_that_does_not_start_is_named_beneath_its_error_box(tmp_path: Path) -> None:
    with Show(tmp_path, encoder="broken") as show:
        for number in range(2):
            failed = show.client.run("twitch.start_stream", f"encoder-{number}")
            assert failed["error"]["code"] == "encoder_not_started", failed
            show.obs.wait_error_box()
            assert requests.get(f"{show.client.url}/health", timeout=HANG_S).json()["ok"] is True
            assert show.stream_state() == "starting"  # to the service this could be another plugin's dialog
            show.obs.close_error_boxes()
            wait_until(lambda: show.stream_state() == "offline", "OBS is through with the start")
        assert show.obs.quit() == 0
        assert show.obs.memory_leaks() == 0


def test_a_ui_thread_that_hangs_is_told_and_the_next_start_succeeds(tmp_path: Path) -> None:
    stuck = ROOT / "tests" / "support" / "obs_stuck_script.py"
    until = tmp_path / "no longer stuck"
    env = {"STUCK_UNTIL": str(until)}
    with Show(tmp_path, env, more_scripts=(stuck,)) as show:
        assert show.client.run("twitch.start_stream", "stuck-1")["status"] == "done"
        show.client.run("twitch.stop_stream", "stuck-2")
        failed = show.client.run("twitch.start_stream", "stuck-3")
        assert failed["error"]["code"] == "obs_unresponsive", failed
        assert requests.get(f"{show.client.url}/health", timeout=HANG_S).json()["ok"] is True
        assert show.client.status()["obs"]["responsive"] is False
        until.touch()
        wait_until(lambda: show.client.status()["obs"]["responsive"], "OBS goes on")
        done = show.client.run("twitch.start_stream", "stuck-4")
        assert done["status"] == "done", done
        assert show.client.run("twitch.stop_stream", "stuck-5")["status"] == "done"
        assert show.obs.quit() == 0
        assert show.obs.memory_leaks() == 0
