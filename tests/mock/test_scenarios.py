"""What happens in the scenarios that tests/contract_obs does not compare with the real OBS."""

import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from obs_mock import SCENARIOS, MockObs, Scenario, Timings

NewObs = Callable[..., MockObs]

STREAMER = """
    def state():
        output = obs.obs_frontend_get_streaming_output()
        found = obs.obs_output_active(output), obs.obs_output_reconnecting(output)
        results["state"] = found + (obs.obs_frontend_streaming_active(), obs.obs_output_get_last_error(output))
        obs.obs_output_release(output)

    def script_load(settings):
        obs.obs_frontend_add_event_callback(on_event)
        results["start"] = obs.obs_frontend_streaming_start
        results["stop"] = obs.obs_frontend_streaming_stop
"""


def stream_part(obs: MockObs) -> list[str]:
    """The timeline without hooks, loading and exit."""
    kept = ("event STREAMING", "signal", "box")
    return [entry for entry in obs.timeline() if entry.startswith(kept) and "activate" not in entry]


def state() -> tuple[bool, bool, bool, str | None]:
    """active, reconnecting, streaming, last error; as the script sees them."""
    script().on_ui(script().state)
    found: tuple[bool, bool, bool, str | None] = script().results["state"]
    return found


def script() -> Any:
    return sys.modules["mock_test_script"]


def start() -> None:
    script().results["start"]()


def stop() -> None:
    script().results["stop"]()


@pytest.mark.parametrize("event_first", [False, True])
def test_signal_and_event_come_in_the_order_of_the_scenario(new_obs: NewObs, event_first: bool) -> None:
    with new_obs(STREAMER, scenario="event_first" if event_first else "good") as obs:
        start()
        started = ["signal start", "event STREAMING_STARTED"]
        wait_for_all(obs, started)
        stop()
        stopped = ["signal stop 0", "event STREAMING_STOPPED"]
        wait_for_all(obs, stopped)
        assert stream_part(obs) == [
            "event STREAMING_STARTING",
            "signal starting",
            *(reversed(started) if event_first else started),
            "event STREAMING_STOPPING",
            "signal stopping",
            *(reversed(stopped) if event_first else stopped),
        ]


def wait_for_all(obs: MockObs, happened: list[str]) -> None:
    for entry in happened:
        obs.wait_for(entry)


def test_without_the_window_there_is_no_box(new_obs: NewObs) -> None:
    with new_obs(STREAMER, scenario=SCENARIOS["dead_server"].but(window_visible=False)) as obs:
        start()
        obs.wait_for("event STREAMING_STOPPED")
        assert obs.boxes() == ()


def test_each_failure_adds_a_box(new_obs: NewObs) -> None:
    with new_obs(STREAMER, scenario="dead_server") as obs:
        for count in (1, 2):
            mark = len(obs.timeline())
            start()
            obs.wait_for("box Failed to connect to server (-2)", after=mark)
            assert len(obs.boxes()) == count
        obs.click_box()
        assert len(obs.boxes()) == 1


def test_reconnects_that_fail_are_tried_again(new_obs: NewObs) -> None:
    with new_obs(STREAMER, scenario=Scenario("flaky", live_s=0.0, retries_fail=2)) as obs:
        start()
        obs.wait_for("signal reconnect_success")
        assert stream_part(obs).count("signal reconnect") == 3


def test_a_disconnect_that_lasts_ends_with_its_code(new_obs: NewObs) -> None:
    with new_obs(STREAMER, scenario="disconnect_gives_up") as obs:
        start()
        obs.wait_for("event STREAMING_STOPPED")
        assert "signal stop -5" in stream_part(obs)
        assert state()[:3] == (False, False, False)


def test_the_user_starts_first(new_obs: NewObs) -> None:
    with new_obs(STREAMER) as obs:
        obs.scenario = "user_starts"
        script().on_ui(script().state)
        assert stream_part(obs) == ["event STREAMING_STARTING", "signal starting"]
        obs.wait_for("event STREAMING_STARTED")


def test_the_user_stops_as_soon_as_it_is_live(new_obs: NewObs) -> None:
    with new_obs(STREAMER, scenario="user_stops") as obs:
        start()
        obs.wait_for("event STREAMING_STOPPED")
        assert "event STREAMING_STOPPING" in stream_part(obs)


def test_the_users_button_is_disabled_while_connecting(new_obs: NewObs) -> None:
    with new_obs(STREAMER, scenario="silent_server") as obs:
        obs.press_stream_button()
        obs.press_stream_button()
        obs.save()
        assert stream_part(obs) == ["event STREAMING_STARTING", "signal starting"]


def test_a_slow_ui_runs_each_task_late(new_obs: NewObs) -> None:
    with new_obs(STREAMER, scenario=Scenario("slow", ui_delay_s=0.05)) as obs:
        ran = threading.Event()
        script().on_ui(ran.set, wait=False)
        assert not ran.is_set()
        assert ran.wait(5)
        assert obs.scenario.ui_delay_s == 0.05


def test_a_busy_ui_hangs_once(new_obs: NewObs) -> None:
    with new_obs(STREAMER, scenario=Scenario("busy", ui_hang_s=0.05)) as obs:
        ran = threading.Event()
        script().on_ui(ran.set, wait=False)
        assert ran.wait(5)
        assert obs.scenario.ui_hang_s == 0.0


def test_the_end_does_not_wait_for_a_hanging_ui(new_obs: NewObs) -> None:
    obs = new_obs(STREAMER, scenario=Scenario("hung", ui_hang_s=3600))
    obs.start()
    script().on_ui(lambda: None, wait=False)
    assert obs.stop().ok


def test_without_libobs_ctypes_finds_nothing(new_obs: NewObs) -> None:
    body = """
        def look():
            found = []
            for name in (None, "libobs.so.0", "obs.dll"):
                try:
                    ctypes.CDLL(name).obs_queue_task
                    found.append(name)
                except (AttributeError, OSError):
                    pass
            return found
    """
    with new_obs(STREAMER, body) as obs:
        look = script().look
        assert look() == [None, "libobs.so.0", "obs.dll"]
        obs.scenario = "no_libobs"
        assert look() == []


def test_timings_scale_together() -> None:
    assert Timings(connect_s=1.0, stop_s=2.0).scaled(0.5).stop_s == 1.0


def test_every_scenario_ends_cleanly(new_obs: NewObs) -> None:
    for name in SCENARIOS:
        with new_obs(STREAMER, scenario=name) as obs:
            mark = len(obs.timeline())
            obs.press_stream_button()
            obs.wait_for("event STREAMING_STARTING", after=mark)
