"""Start and stop in the fake OBS: each way a start can go, who may interfere, and what is left behind.

That the way to OBS is safe is the fake's to judge: it fails a test in which the real one would freeze or crash, such
as a second start while the first connects, or a call after unload.
"""

import time
from collections.abc import Callable

import pytest

from clawcraft.errors import (
    Busy,
    ClawcraftError,
    EncoderNotStarted,
    Interrupted,
    ObsBusy,
    ObsUnavailable,
    PausedByOperator,
    SceneNotFound,
    StreamConnectFailed,
    StreamDisconnected,
    StreamKeyRefused,
    StreamStartFailed,
    StreamStartTimeout,
    StreamStopTimeout,
    Superseded,
)
from obs_mock import SCENARIOS, Scenario
from tests.obs.conftest import SILENT, Rig
from tests.support.waiting import HANG_S

STARTED = {"status": "started", "scene": "Main", "attempts": 1}
TWO_RETRIES = {"obs_retries": 2, "stream_operation_timeout_s": 1e6}


def test_a_good_start_and_stop(rig: Rig) -> None:
    assert rig.start() == STARTED
    assert rig.state() == "live"
    assert rig.stop() == {"status": "stopped"}
    assert rig.state() == "offline"
    assert rig.told() == ["STARTING", "STARTED", "STOPPING", "STOPPED"]


def test_a_start_while_live_leaves_obs_alone(rig: Rig) -> None:
    rig.start()
    assert rig.start("BRB") == {"status": "already_running", "scene": "BRB", "attempts": 1}
    assert rig.told() == ["STARTING", "STARTED", "scene"]


def test_a_start_while_obs_reconnects_is_already_running_and_a_stop_stops(rig: Rig) -> None:
    rig.obs.scenario = Scenario("gone", live_s=0.0, retries_fail=99)
    rig.start()
    rig.wait_state("reconnecting")
    assert rig.start()["status"] == "already_running"
    assert rig.stop() == {"status": "stopped"}


def test_a_stop_right_behind_the_disconnect_ends_though_obs_owes_its_end(rig: Rig) -> None:
    """What OBS 29 to 32 do with it: see Observer.end_stop. The mock holds a start that follows for a hang."""
    lose_the_connection(rig)
    stop = rig.begin_stop()
    rig.wait(lambda: rig.told()[-1] == "STOPPING")
    assert rig.outlast(stop).result() == {"status": "stopped"}
    assert rig.told()[2:] == ["STOPPING", "STOPPED"]
    assert rig.start()["status"] == "started"


def test_the_streamers_stop_right_behind_the_disconnect_hangs_no_start(rig: Rig) -> None:
    """Nobody waits for it: its end is told when the next start begins, before OBS could wait for it."""
    lose_the_connection(rig)
    rig.obs.press_stream_button()
    rig.wait(lambda: rig.state() == "offline")
    assert rig.told()[-1] == "STOPPING"
    assert rig.start()["status"] == "started"
    assert rig.told()[2:] == ["STOPPING", "STARTING", "STOPPED", "STARTED"]


def lose_the_connection(rig: Rig) -> None:
    rig.obs.scenario = Scenario("gone", live_s=0.0, retries_fail=99, lingers=True)
    rig.start()
    rig.wait_state("reconnecting")
    rig.obs.scenario = Scenario("back", lingers=True)


def test_a_stop_while_offline_is_already_stopped(rig: Rig) -> None:
    assert rig.stop() == {"status": "already_stopped"}
    assert rig.told() == []


# --- scenes -----------------------------------------------------------------------------------------------------------


def test_the_scene_is_shown_before_the_start(rig: Rig) -> None:
    assert rig.start("BRB")["scene"] == "BRB"
    assert rig.told() == ["scene", "STARTING", "STARTED"]


def test_the_default_scene_is_shown_when_none_is_asked_for(rig: Rig) -> None:
    rig.set(default_scene="BRB")
    assert rig.start()["scene"] == "BRB"
    assert rig.obs.scene() == "BRB"


def test_an_unknown_scene_fails_before_anything_starts_and_lists_those_there_are(rig: Rig) -> None:
    for refused in (rig.stream.check_scene, rig.start):
        with pytest.raises(SceneNotFound) as caught:
            refused("Nowhere")
        assert caught.value.details["scenes"] == ["Main", "BRB"]
    assert rig.told() == []


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (-1, StreamStartFailed, "bad path"),
        (-2, StreamConnectFailed, "connect failed"),
        (-3, StreamKeyRefused, "invalid stream"),
        (-4, StreamStartFailed, "error"),
        (-5, StreamDisconnected, "disconnected"),
        (-6, StreamStartFailed, "unsupported"),
        (-7, StreamStartFailed, "no space"),
        (-8, StreamStartFailed, "encode error"),
        (-77, StreamStartFailed, "unknown"),
        (0, StreamStartFailed, "stopped"),
    ],
)
def test_obs_says_why_a_start_failed(rig: Rig, code: int, kind: type[StreamStartFailed], reason: str) -> None:
    rig.obs.meet(Scenario("failing", stop_code=code, last_error="said by the output"), "good")
    with pytest.raises(kind) as caught:
        rig.start()
    assert type(caught.value) is kind
    assert caught.value.details["obs_code"] == code
    assert caught.value.details["obs_reason"] == reason
    assert caught.value.details["obs_error"] == "said by the output"
    assert rig.start()["status"] == "started"


def test_a_server_that_cannot_be_reached_is_tried_again_and_each_attempt_is_told(rig: Rig) -> None:
    rig.obs.meet("dead_server", "dead_server", "good")
    rig.set(**TWO_RETRIES)
    assert rig.outlast(rig.begin_start()).result()["attempts"] == 3
    # 45 after 60: an attempt begins again. A job's percent does not fall all the same (jobs/model.py).
    assert [percent for percent, _message in rig.progress] == [30, 60, 45, 30, 60, 45, 30, 60]


def test_retries_are_bounded(rig: Rig) -> None:
    rig.obs.scenario = "dead_server"
    rig.set(**TWO_RETRIES)
    with pytest.raises(StreamConnectFailed) as caught:
        rig.outlast(rig.begin_start()).result()
    assert caught.value.details["attempts"] == 3
    assert rig.told().count("STARTING") == 3


def test_a_refused_key_is_not_tried_again(rig: Rig) -> None:
    rig.obs.scenario = "refused_key"
    rig.set(**TWO_RETRIES)
    with pytest.raises(StreamKeyRefused):
        rig.start()
    assert rig.told() == ["STARTING", "STOPPED"]


def test_an_encoder_that_does_not_start_is_known_while_its_box_is_open(rig: Rig) -> None:
    rig.obs.meet("encoder_fails", "good")
    with pytest.raises(EncoderNotStarted):
        rig.start()
    assert rig.obs.boxes() == ("Failed to start streaming",)
    with pytest.raises(ObsBusy):
        rig.start("BRB")
    assert rig.obs.scene() == "Main"  # a start that is refused changes nothing
    rig.obs.click_box()
    assert rig.start()["status"] == "started"


def test_a_scene_that_is_shown_between_two_attempts_stays(rig: Rig) -> None:
    rig.obs.meet("dead_server", "good")
    rig.set(**TWO_RETRIES)
    started = rig.begin_start("BRB")
    rig.wait(lambda: rig.at(45))
    assert rig.stream.switch_scene("Main", lambda: None) == "BRB"
    assert rig.outlast(started).result() == {"status": "started", "scene": "Main", "attempts": 2}


def test_the_streamers_own_start_that_was_refused_is_not_taken_for_a_running_one(rig: Rig) -> None:
    rig.obs.meet("encoder_fails", "good")
    rig.obs.press_stream_button()
    rig.obs.wait_for("box Failed to start streaming")
    rig.obs.click_box()
    assert rig.start()["status"] == "started"


def test_a_start_that_obs_answers_with_a_question_never_begins(rig: Rig) -> None:
    rig.obs.meet(SCENARIOS["good"].but(asks=True), "good")
    with pytest.raises(StreamStartFailed) as caught:
        rig.outlast(rig.begin_connecting()).result()
    assert caught.value.details["obs_reason"] == "not begun"
    rig.obs.click_box()
    assert rig.told() == []
    assert rig.start() == STARTED


# --- a silent server --------------------------------------------------------------------------------------------------


def silent_timeout(rig: Rig) -> None:
    """A start that gave up while OBS still connects."""
    rig.obs.meet(SILENT, "good")
    with pytest.raises(StreamStartTimeout):
        rig.outlast(rig.begin_connecting()).result()


@pytest.mark.parametrize("adopted", [False, True], ids=["given up", "adopted in vain"])
def test_a_failed_start_does_not_go_live_later_by_surprise(rig: Rig, adopted: bool) -> None:
    silent_timeout(rig)
    if adopted:
        with pytest.raises(StreamStartTimeout):
            rig.outlast(rig.begin_connecting()).result()
    assert rig.state() == "starting"
    rig.obs.answer()
    rig.obs.wait_for("event STREAMING_STOPPED")
    assert rig.told() == ["STARTING", "STARTED", "STOPPING", "STOPPED"]


def test_an_attempt_that_comes_up_just_when_it_is_adopted_stays_up(rig: Rig) -> None:
    # STARTED has sent for the late stop; before that gets its turn, a new start finds the stream up and keeps it.
    rig.start()
    rig.stream._state.arm(rig.stream._state.snapshot().number)
    assert rig.start()["status"] == "already_running"
    rig.stream._stop_late()
    rig.driver.do_pass_ui_queue()
    assert rig.state() == "live"
    assert rig.told() == ["STARTING", "STARTED"]


def test_a_later_start_adopts_the_attempt_that_still_connects(rig: Rig) -> None:
    silent_timeout(rig)
    start = rig.begin_connecting()
    rig.obs.answer()
    assert start.result(HANG_S) == {**STARTED, "adopted": True}
    assert rig.told() == ["STARTING", "STARTED"]


def test_the_streamers_own_attempt_goes_on_when_ours_gave_up_on_it(rig: Rig) -> None:
    rig.obs.scenario = SILENT
    rig.obs.press_stream_button()
    with pytest.raises(StreamStartTimeout, match="goes on"):
        rig.outlast(rig.begin_connecting()).result()
    rig.obs.answer()
    rig.wait_state("live")
    assert rig.obs.stream.stopped_by_script == []


def test_the_next_start_succeeds_after_the_silent_server_was_given_up(rig: Rig) -> None:
    silent_timeout(rig)
    rig.obs.disconnect()
    rig.wait_state("offline")
    assert rig.start() == STARTED


def test_a_stream_delay_is_not_obs_being_slow(rig: Rig) -> None:
    rig.obs.scenario = SILENT.but(delay_s=5)
    start = rig.begin_connecting()
    rig.clock.advance(rig.driver.in_force.stream_operation_timeout_s + 4)
    rig.stream._state.wake()
    rig.obs.answer()
    assert start.result(HANG_S)["status"] == "started"


# --- a stop while connecting ------------------------------------------------------------------------------------------


def stop_armed(rig: Rig) -> bool:
    return rig.stream._state.snapshot().armed


def test_a_stop_ends_a_start_that_waits_and_takes_effect_once_obs_can_obey(rig: Rig) -> None:
    rig.obs.scenario = SILENT
    start = rig.begin_connecting()
    rig.driver.do_supersede()
    with pytest.raises(Superseded):
        start.result(HANG_S)
    stop = rig.begin_stop()
    rig.wait(lambda: rig.at(50))
    rig.obs.answer()
    assert stop.result(HANG_S) == {"status": "stopped"}
    assert rig.told() == ["STARTING", "STARTED", "STOPPING", "STOPPED"]


def test_a_stop_is_over_when_the_attempt_gives_up_by_itself(rig: Rig) -> None:
    rig.obs.scenario = SILENT
    rig.obs.press_stream_button()
    stop = rig.begin_stop()
    rig.wait(lambda: stop_armed(rig))
    rig.obs.disconnect()
    assert stop.result(HANG_S) == {"status": "stopped"}


def test_a_stop_that_cannot_be_obeyed_in_time_stays_in_force(rig: Rig) -> None:
    rig.obs.scenario = SILENT
    rig.obs.press_stream_button()
    with pytest.raises(StreamStopTimeout, match="as soon as OBS has connected"):
        rig.outlast(rig.begin_stop()).result()
    rig.obs.answer()
    rig.obs.wait_for("event STREAMING_STOPPED")


def test_a_stop_between_two_attempts_ends_the_start(rig: Rig) -> None:
    rig.obs.scenario = "dead_server"
    rig.set(**TWO_RETRIES)
    start = rig.begin_start()
    rig.wait(lambda: rig.at(45))
    rig.driver.do_supersede()
    with pytest.raises(Superseded):
        start.result(HANG_S)
    assert rig.stop() == {"status": "already_stopped"}


# --- the streamer at the same time ------------------------------------------------------------------------------------


def test_a_start_the_streamer_made_a_moment_before_is_adopted(rig: Rig) -> None:
    rig.obs.scenario = SILENT.but(user_starts=True)
    start = rig.begin_connecting()
    rig.obs.answer()
    assert start.result(HANG_S)["adopted"] is True
    assert rig.told() == ["STARTING", "STARTED"]


def test_a_stream_the_streamer_is_just_stopping_is_waited_for(rig: Rig) -> None:
    rig.start()
    rig.obs.scenario = SCENARIOS["good"].but(delay_s=1)
    rig.obs.press_stream_button()
    rig.wait_state("stopping")
    start = rig.begin_start()
    with rig.obs.ui_blocked():  # so that STOPPED is not heard while the output still ends: OBS would ignore the start
        rig.obs.wait_for("signal deactivate")
        rig.obs.scenario = "good"
    assert start.result(HANG_S) == STARTED
    assert rig.told() == ["STARTING", "STARTED", "STOPPING", "STOPPED", "STARTING", "STARTED"]


# --- OBS not itself ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["profile", "scene collection"])
def test_nothing_starts_while_obs_exchanges_what_it_streams(rig: Rig, what: str) -> None:
    event = what.upper().replace(" ", "_")
    rig.obs.emit(f"{event}_CHANGING")
    with pytest.raises(Busy, match=what) as caught:
        rig.start()
    assert caught.value.retryable is True
    rig.obs.emit(f"{event}_CHANGED")
    assert rig.start()["status"] == "started"


def test_without_libobs_nothing_is_done_and_the_reason_is_said(new_rig: Callable[..., Rig]) -> None:
    rig = new_rig(scenario="no_libobs")
    # The scene first: no title is changed for a start that cannot be.
    for refused in (lambda: rig.stream.check_scene(None), rig.start, rig.stop):
        with pytest.raises(ObsUnavailable, match="libobs was not found in this process") as caught:
            refused()
        assert caught.value.retryable is False
    status = rig.stream.status()
    assert status["responsive"] is False
    assert "libobs was not found in this process" in status["problem"]
    assert status["stream"]["state"] == "unknown"


# --- the end of the script --------------------------------------------------------------------------------------------


def reload_while_connecting(rig: Rig) -> None:
    start = rig.begin_connecting()
    rig.obs.reload()
    with pytest.raises(Interrupted):
        start.result(HANG_S)


def test_unload_ends_a_waiting_stop_as_interrupted(rig: Rig) -> None:
    rig.obs.scenario = SILENT
    rig.obs.press_stream_button()
    stop = rig.begin_stop()
    rig.wait(lambda: stop_armed(rig))
    rig.obs.switch_collection("Other")
    with pytest.raises(Interrupted):
        stop.result(HANG_S)


def test_nothing_starts_once_obs_shuts_down(rig: Rig) -> None:
    rig.obs.emit("SCRIPTING_SHUTDOWN")
    with pytest.raises(Interrupted):
        rig.start()
    assert rig.told() == []


def test_nothing_is_asked_of_obs_after_unload(rig: Rig) -> None:
    stream = rig.stream
    rig.obs.switch_collection("Other")
    with pytest.raises(ClawcraftError):
        stream.start(None, rig._note)
    with pytest.raises(ClawcraftError):
        stream.stop(rig._note)


def test_a_reload_while_connecting_does_not_start_twice(rig: Rig) -> None:
    rig.obs.meet(SILENT, "good")
    reload_while_connecting(rig)
    start = rig.begin_connecting()
    rig.obs.answer()
    assert start.result(HANG_S)["adopted"] is True
    assert rig.told() == ["STARTING", "STARTED"]


def test_a_start_of_the_life_before_is_still_heard(rig: Rig) -> None:
    rig.obs.scenario = SILENT
    reload_while_connecting(rig)
    start = rig.begin_connecting()
    rig.obs.disconnect()
    with pytest.raises(StreamConnectFailed):
        start.result(HANG_S)


def test_a_start_interrupted_by_a_reload_does_not_go_live_by_surprise(rig: Rig) -> None:
    rig.obs.scenario = SILENT
    reload_while_connecting(rig)
    rig.obs.answer()
    rig.obs.wait_for("event STREAMING_STOPPED")


def test_what_is_carried_is_plain_data(rig: Rig) -> None:
    rig.start()
    assert {type(value) for value in rig.stream.carry().values()} <= {str, int, float, bool, type(None)}


def test_a_script_loaded_in_mid_stream_sees_it_live(rig: Rig) -> None:
    rig.obs.switch_collection("Other")
    rig.obs.press_stream_button()
    rig.obs.wait_for("event STREAMING_STARTED")
    rig.obs.switch_collection("Untitled")
    assert rig.state() == "live"
    assert rig.start()["status"] == "already_running"
    assert rig.stop() == {"status": "stopped"}


def until_connected(rig: Rig) -> None:
    """On the UI thread, which waits for nobody: it is busy."""
    until_s = time.monotonic() + HANG_S
    while not rig.stream._state.snapshot().connected and time.monotonic() < until_s:
        time.sleep(0.001)


def test_a_start_that_connects_between_a_stops_check_and_its_promise_is_stopped(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.obs.scenario = SILENT
    rig.obs.press_stream_button()
    rig.wait_state("starting")
    state = rig.stream._state
    arm = state.arm

    def connected_before(number: int, armed: bool = True) -> bool:
        if not state.snapshot().connected:
            rig.obs.answer()
            until_connected(rig)
        return arm(number, armed)

    monkeypatch.setattr(state, "arm", connected_before)
    assert rig.stop() == {"status": "stopped"}
    assert rig.state() == "offline"


def test_a_pause_while_the_window_is_busy_behind_the_start_ends_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """OBS starts a recording too, say, and meanwhile the server answers."""
    stream = rig.stream
    start_streaming = stream._obs.start_streaming

    def start_and_be_busy() -> None:
        start_streaming()
        stream.end_start(PausedByOperator("paused"))
        until_connected(rig)

    monkeypatch.setattr(stream._obs, "start_streaming", start_and_be_busy)
    with pytest.raises(PausedByOperator):
        rig.start()
    rig.wait_state("offline")


def test_the_scene_of_a_start_is_not_shown_in_the_stream_that_is_ending(rig: Rig) -> None:
    rig.obs.scenario = Scenario("delayed", delay_s=3)
    rig.start()
    rig.obs.press_stream_button()
    rig.wait_state("stopping")
    shown = rig.stream.status()["current_scene"]
    (other,) = [scene for scene in rig.stream.status()["scenes"] if scene != shown]
    start = rig.begin_start(other)
    rig.wait(lambda: rig.stream._running is not None)
    rig.stream.end_start(PausedByOperator("paused"))
    with pytest.raises(PausedByOperator):
        start.result(HANG_S)
    rig.stream._page.expire()
    assert rig.stream.status()["current_scene"] == shown
    assert "scene" not in rig.told()
