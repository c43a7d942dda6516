"""The OBS side of the service inside a real OBS that streams to a local RTMP server: what the fake OBS cannot prove,
and what ``tests/e2e`` does not drive over HTTP. One OBS for all of it, and a second one with an encoder that cannot
start."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.display import Display
from tests.support.obs_control import OTHER_SCRIPT, SCRIPT, ObsControl, Pending
from tests.support.obs_home import ObsHome
from tests.support.real_obs import ERROR_BOX, RealObs
from tests.support.rtmp_server import RtmpServer
from tests.support.tcp_gate import TcpGate
from tests.support.waiting import insist, wait_until

pytestmark = pytest.mark.real_obs
AT_WORK = {50, 55, 60}
"""Percents."""
DELAY_S = 6
LONGER_THAN_A_START_MAY_TAKE_S = 600.0


class Stage(NamedTuple):
    """What the tests play on."""

    control: ObsControl
    obs: RealObs
    rtmp: RtmpServer
    gate: TcpGate

    def state(self) -> str:
        return str(self.control.call("status")["stream"]["state"])

    def wait_state(self, state: str) -> None:
        wait_until(lambda: self.state() == state, f"the stream is {state}")

    def count(self, event: str) -> int:
        return int(self.control.call("events").count(event))

    def begin(self, do: str) -> Pending:
        """A start or stop, once OBS has its order and is at work on it."""
        self.control.call("forget_progress")
        pending = self.control.begin(do)
        wait_until(lambda: AT_WORK & set(self.control.call("progress")), f"OBS is at work: {do}")
        return pending

    def begin_timed_out(self) -> Pending:
        """A start that waits for its server, when its time is over."""
        start = self.begin("start")
        self.control.call("skip", seconds=LONGER_THAN_A_START_MAY_TAKE_S)
        return start


@pytest.fixture(scope="module")
def open_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    control = ObsControl()
    with Display(folder / "display") as display, RtmpServer(folder / "rtmp") as rtmp, TcpGate() as gate:
        home = ObsHome(
            server_url=gate.url(), script=SCRIPT, script_settings=control.settings(), more_scripts=[OTHER_SCRIPT]
        )
        home.write(folder / "home")
        with RealObs(display, folder / "home") as obs:
            control.wait_ready()
            yield Stage(control, obs, rtmp, gate)


@pytest.fixture
def stage(open_stage: Stage) -> Iterator[Stage]:
    """Offline, a good server, no box on the screen; afterwards the next start must succeed, whatever happened."""
    open_stage.gate.forward(open_stage.rtmp.port)
    open_stage.control.call("configure")
    yield open_stage
    open_stage.gate.release(open_stage.rtmp.port)
    open_stage.obs.close_error_boxes()
    open_stage.control.call("configure")
    open_stage.control.call("stop")
    assert open_stage.control.call("start")["status"] == "started"
    wait_until(lambda: open_stage.rtmp.publishers() == ["testkey"], "the server has the stream")
    assert open_stage.control.call("stop") == {"status": "stopped"}
    wait_until(lambda: not open_stage.rtmp.publishers(), "no publisher is left")


def test_200_scene_switches_while_another_script_listens_to_events(stage: Stage) -> None:
    mark = stage.obs.process.mark()
    assert stage.control.call("switch_scenes", names=["BRB", "Main"], times=200) == 200
    assert stage.control.call("status")["current_scene"] == "Main"
    stage.obs.process.wait_for_line(r"obs_other_script.py\] heard event", mark)


def test_a_server_that_comes_back_is_reached_by_a_retry(stage: Stage) -> None:
    stage.gate.dead()
    stage.control.call("configure", obs_retries=5)
    stopped = stage.count("STREAMING_STOPPED")
    start = stage.control.begin("start")
    wait_until(lambda: stage.count("STREAMING_STOPPED") > stopped, "the first attempt failed")
    stage.gate.forward(stage.rtmp.port)
    outcome = start.result()
    assert outcome.value["status"] == "started"
    assert outcome.value["attempts"] > 1


def test_a_silent_server_times_out_and_never_goes_live_by_surprise(stage: Stage) -> None:
    stage.gate.silent()
    starts, stops = stage.count("STREAMING_STARTED"), stage.count("STREAMING_STOPPED")
    assert stage.begin_timed_out().result().code == "stream_start_timeout"
    stage.gate.release(stage.rtmp.port)
    wait_until(lambda: stage.count("STREAMING_STOPPED") > stops, "what connected late was stopped")
    assert stage.count("STREAMING_STARTED") == starts + 1


def test_a_start_after_a_timeout_adopts_the_attempt_that_still_connects(stage: Stage) -> None:
    stage.gate.silent()
    assert stage.begin_timed_out().result().code == "stream_start_timeout"
    starts = stage.count("STREAMING_STARTING")
    start = stage.begin("start")
    stage.gate.release(stage.rtmp.port)
    assert start.result().value["status"] == "started"
    assert stage.count("STREAMING_STARTING") == starts
    assert stage.rtmp.publishers() == ["testkey"]


def test_a_stop_while_connecting_takes_effect_once_obs_can_obey(stage: Stage) -> None:
    stage.gate.silent()
    start = stage.control.begin("start")
    stage.wait_state("starting")
    stage.control.call("supersede")
    assert start.result().code == "superseded"
    stop = stage.begin("stop")
    stage.gate.release(stage.rtmp.port)
    assert stop.result().value == {"status": "stopped"}
    wait_until(lambda: not stage.rtmp.publishers(), "no publisher is left")


def test_the_streamers_own_start_at_the_same_time_is_adopted(stage: Stage) -> None:
    stage.gate.silent()
    starts = stage.count("STREAMING_STARTING")
    start = stage.begin("start_at_the_same_time")
    stage.gate.release(stage.rtmp.port)
    result = start.result().value
    assert result["status"] == "started"
    assert result["adopted"] is True
    assert stage.count("STREAMING_STARTING") == starts + 1


def test_the_streamer_clicks_start_while_the_agent_starts(stage: Stage) -> None:
    for _ in range(5):
        starts = stage.count("STREAMING_STARTING")
        start = stage.control.begin("start")
        stage.obs.click("stream")
        assert start.result().value["status"] in {"started", "already_running"}
        stage.obs.wait_clicks_taken()
        # The click met a button that said Start, Connecting or Stop; OBS lives and started once.
        assert stage.count("STREAMING_STARTING") == starts + 1
        stage.control.call("stop")


def test_the_streamer_stops_while_the_agent_stops(stage: Stage) -> None:
    stage.control.call("start")
    stage.control.call("press_stop")
    assert stage.control.call("stop")["status"] in {"stopped", "already_stopped"}
    assert stage.control.call("stop") == {"status": "already_stopped"}


def test_a_blocked_ui_thread_is_named_and_a_given_up_start_never_happens(stage: Stage) -> None:
    stage.control.call("configure", stream_operation_timeout_s=0.3)
    starts = stage.count("STREAMING_STARTING")
    block = stage.control.begin("block_ui_thread")
    wait_until(lambda: not stage.control.call("status")["responsive"], "the UI thread is blocked")
    assert stage.control.outcome("start").code == "obs_unresponsive"
    stage.control.call("release_ui_thread")
    block.result()
    stage.control.call("pass_ui_queue")
    assert stage.count("STREAMING_STARTING") == starts


def test_a_clean_exit_leaks_nothing_and_warns_of_nothing(open_stage: Stage) -> None:
    assert open_stage.obs.quit() == 0
    # OBS 29 itself leaks one block for each time it reconnects, also without any script.
    reconnects = sum("Reconnecting in" in line for line in open_stage.obs.process.lines())
    assert open_stage.obs.memory_leaks() <= reconnects
    assert open_stage.obs.warnings() == []
    open_stage.obs.start()
    open_stage.control.wait_ready()


def test_an_encoder_that_cannot_start_then_a_delayed_stream_and_a_queue_full_of_tasks_at_exit(tmp_path: Path) -> None:
    control = ObsControl()
    with Display(tmp_path / "display") as display, RtmpServer(tmp_path / "rtmp") as rtmp:
        ObsHome(server_url=rtmp.url(), profile="Good", delay_s=DELAY_S).write(tmp_path / "home")
        settings = control.settings(tasks_at_unload=20)
        broken = ObsHome(rtmp.url(), profile="Broken", encoder="broken", script=SCRIPT, script_settings=settings)
        broken.write(tmp_path / "home")
        with RealObs(display, tmp_path / "home") as obs:
            control.wait_ready()
            outcome = control.outcome("start")
            assert outcome.code == "encoder_not_started"
            # Python goes on beneath the error box, and another start does not pile up a second one.
            obs.wait_error_box()
            assert control.call("status")["responsive"] is True
            assert control.outcome("start").code == "obs_busy"
            assert obs.close_error_boxes() == 1
            # The streamer's own click meets the same box; what it leaves must not be taken for a running attempt.
            insist(lambda: obs.click("stream"), lambda: obs.display.windows(ERROR_BOX), "OBS says that it cannot start")
            assert obs.close_error_boxes() == 1
            control.call("use_profile", name="Good")
            # The streamer's delay is not OBS being slow.
            control.call("configure", stream_operation_timeout_s=DELAY_S - 1)
            start = control.outcome("start")
            assert start.value["status"] == "started"
            assert start.took_s > DELAY_S
            assert rtmp.publishers() == ["testkey"]
            assert control.call("stop") == {"status": "stopped"}
            obs.exits_clean()
            assert not any("a task ran after unload" in line for line in obs.process.lines())
