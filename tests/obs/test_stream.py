"""Start and stop on the fake OBS: each way a start can go, who may interfere, and what is left behind."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from clawcraft.errors import (
    Busy,
    ClawcraftError,
    EncoderNotStarted,
    Interrupted,
    ObsUnavailable,
    ObsUnresponsive,
    SceneNotFound,
    StreamConnectFailed,
    StreamDisconnected,
    StreamKeyRefused,
    StreamStartFailed,
    StreamStartTimeout,
    StreamStopTimeout,
    Superseded,
)
from clawcraft.obs.port import FrontendEvent
from clawcraft.obs.stream_state import Phase
from tests.obs.conftest import Rig

Seen = Callable[[Callable[[], bool]], None]


def test_a_good_start_and_stop(rig: Rig) -> None:
    assert rig.start() == {"status": "started", "scene": "Main", "attempts": 1}
    assert rig.state() == "live"
    assert rig.stop() == {"status": "stopped"}
    assert rig.state() == "offline"
    assert rig.obs.calls == ["start", "stop"]


def test_progress_never_falls(rig: Rig) -> None:
    rig.obs.starts = [-2, -2, "good"]
    rig.set(retries=2)
    rig.start()
    percents = [percent for percent, _message in rig.progress if percent != 45]
    assert percents[:2] == [30, 40]
    assert all(0 < percent < 99 for percent in percents)


def test_a_start_while_live_leaves_obs_alone(rig: Rig) -> None:
    rig.start()
    assert rig.start("BRB") == {"status": "already_running", "scene": "BRB", "attempts": 1}
    assert rig.obs.calls == ["start", "scene BRB"]


def test_a_start_while_obs_reconnects_is_already_running(rig: Rig) -> None:
    rig.start()
    rig.obs.reconnecting = True
    rig.obs.signal("reconnect")
    assert rig.state() == "reconnecting"
    assert rig.start()["status"] == "already_running"


def test_a_stop_while_obs_reconnects_stops(rig: Rig) -> None:
    rig.start()
    rig.obs.reconnecting = True
    rig.obs.signal("reconnect")
    assert rig.stop() == {"status": "stopped"}


def test_a_stop_while_offline_is_already_stopped(rig: Rig) -> None:
    assert rig.stop() == {"status": "already_stopped"}
    assert rig.obs.calls == []


# --- scenes -----------------------------------------------------------------------------------------------------------


def test_the_scene_is_shown_before_the_start(rig: Rig) -> None:
    assert rig.start("BRB")["scene"] == "BRB"
    assert rig.obs.calls == ["scene BRB", "start"]


def test_the_default_scene_is_shown_when_none_is_asked_for(rig: Rig) -> None:
    rig.set(default_scene="BRB")
    assert rig.start()["scene"] == "BRB"


def test_an_unknown_scene_fails_before_anything_starts_and_lists_those_there_are(rig: Rig) -> None:
    with pytest.raises(SceneNotFound) as caught:
        rig.start("Nowhere")
    assert caught.value.details["scenes"] == ["Main", "BRB"]
    assert "start" not in rig.obs.calls


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
    rig.obs.starts = [code, "good"]
    with pytest.raises(kind) as caught:
        rig.start()
    assert type(caught.value) is kind
    assert caught.value.details["obs_code"] == code
    assert caught.value.details["obs_reason"] == reason
    assert caught.value.details["obs_error"] == "said by the output"
    assert rig.start()["status"] == "started"


def test_a_server_that_cannot_be_reached_is_tried_again(rig: Rig) -> None:
    rig.obs.starts = [-2, -2, "good"]
    rig.set(retries=2)
    assert rig.start()["attempts"] == 3


def test_retries_are_bounded(rig: Rig) -> None:
    rig.obs.starts = [-2]
    rig.set(retries=2)
    with pytest.raises(StreamConnectFailed) as caught:
        rig.start()
    assert caught.value.details["attempts"] == 3
    assert rig.obs.calls == ["start"] * 3


def test_a_refused_key_is_not_tried_again(rig: Rig) -> None:
    rig.obs.starts = [-3]
    rig.set(retries=5)
    with pytest.raises(StreamKeyRefused):
        rig.start()
    assert rig.obs.calls == ["start"]


def test_an_encoder_that_does_not_start_is_known_while_its_box_is_open(rig: Rig) -> None:
    rig.obs.starts = ["encoder", "good"]
    with pytest.raises(EncoderNotStarted):
        rig.start()
    assert rig.obs.boxes == 1
    with pytest.raises(Busy):
        rig.start()
    rig.obs.close_box()
    assert rig.start()["status"] == "started"


def test_the_streamers_own_start_that_was_refused_is_not_taken_for_a_running_one(rig: Rig) -> None:
    rig.obs.starts = ["encoder", "good"]
    rig.obs.ui.post(rig.obs._start)
    rig.obs.close_box()
    assert rig.start()["status"] == "started"


def test_a_start_that_obs_answers_with_a_question_never_begins(rig: Rig) -> None:
    rig.obs.starts = ["question", "good"]
    rig.set(operation_timeout_s=0.05)
    with pytest.raises(StreamStartFailed) as caught:
        rig.start()
    assert caught.value.details["obs_reason"] == "not begun"
    rig.obs.close_box()
    rig.set(operation_timeout_s=5.0)
    assert rig.start()["status"] == "started"


def test_after_such_a_question_the_streamers_own_start_is_left_alone(rig: Rig, seen: Seen) -> None:
    rig.obs.starts = ["question", "good"]
    rig.set(operation_timeout_s=0.05)
    with pytest.raises(StreamStartFailed):
        rig.start()
    rig.obs.close_box()
    rig.set(operation_timeout_s=5.0)
    assert rig.stop() == {"status": "already_stopped"}
    rig.obs.press_start()
    seen(lambda: rig.state() == "live")
    assert rig.stream._late_stop is None


def connecting(rig: Rig) -> bool:
    return bool(rig.progress) and rig.progress[-1][0] == 60


# --- a silent server --------------------------------------------------------------------------------------------------


def silent_timeout(rig: Rig) -> None:
    rig.obs.starts = ["silent", "good"]
    rig.set(operation_timeout_s=0.05)
    with pytest.raises(StreamStartTimeout):
        rig.start()
    rig.set(operation_timeout_s=5.0)
    rig.progress.clear()


def test_a_failed_start_does_not_go_live_later_by_surprise(rig: Rig, seen: Seen) -> None:
    silent_timeout(rig)
    assert rig.state() == "starting"
    rig.obs.connect()
    seen(lambda: rig.state() == "offline")
    assert rig.obs.calls == ["start", "stop"]


def test_an_attempt_that_comes_up_just_when_it_is_adopted_stays_up(rig: Rig) -> None:
    # STARTED has sent for the late stop; before that gets its turn, a new start finds the stream up and keeps it.
    rig.obs.up = True
    rig.stream._state.set(phase=Phase.LIVE, stop_armed=True)
    assert rig.start()["status"] == "already_running"
    rig.worker.submit(rig.stream._stop_late).result(5)
    assert rig.state() == "live"
    assert "stop" not in rig.obs.calls


def test_a_later_start_adopts_the_attempt_that_still_connects(rig: Rig, seen: Seen) -> None:
    silent_timeout(rig)
    start = rig.begin_start()
    seen(lambda: connecting(rig))
    rig.obs.connect()
    assert start.result(5) == {"status": "started", "scene": "Main", "attempts": 1, "adopted": True}
    assert rig.obs.calls == ["start"]


def test_an_attempt_adopted_in_vain_is_still_stopped_when_it_connects(rig: Rig, seen: Seen) -> None:
    silent_timeout(rig)
    rig.set(operation_timeout_s=0.05)
    with pytest.raises(StreamStartTimeout):
        rig.start()
    rig.obs.connect()
    seen(lambda: rig.state() == "offline")
    assert rig.obs.calls == ["start", "stop"]


def test_the_streamers_own_attempt_goes_on_when_ours_gave_up_on_it(rig: Rig, seen: Seen) -> None:
    rig.obs.starts = ["silent"]
    rig.obs.press_start()
    rig.set(operation_timeout_s=0.05)
    with pytest.raises(StreamStartTimeout, match="goes on"):
        rig.start()
    rig.obs.connect()
    seen(lambda: rig.state() == "live")
    assert rig.obs.calls == []


def test_the_next_start_succeeds_after_the_silent_server_was_given_up(rig: Rig) -> None:
    silent_timeout(rig)
    rig.obs.end(-2)
    assert rig.start() == {"status": "started", "scene": "Main", "attempts": 1}


def test_a_stream_delay_is_not_obs_being_slow(rig: Rig, seen: Seen) -> None:
    rig.obs.starts = ["silent"]
    rig.obs.delay_s = 5
    rig.set(operation_timeout_s=0.2)
    start = rig.begin_start()
    seen(lambda: connecting(rig) or start.done())
    rig.obs.connect()
    assert start.result(5)["status"] == "started"
    assert rig.stop() == {"status": "stopped"}


# --- a stop while connecting ------------------------------------------------------------------------------------------


def test_a_stop_ends_a_start_that_waits_and_takes_effect_once_obs_can_obey(rig: Rig, seen: Seen) -> None:
    rig.obs.starts = ["silent", "good"]
    start = rig.begin_start()
    seen(lambda: rig.state() == "starting")
    rig.stream.supersede()
    with pytest.raises(Superseded):
        start.result(5)
    stop = rig.begin_stop()
    seen(lambda: rig.progress[-1] == (30, "stopping the stream"))
    rig.obs.connect()
    assert stop.result(5) == {"status": "stopped"}
    assert rig.obs.calls == ["start", "stop"]
    assert rig.start()["status"] == "started"


def test_a_stop_is_over_when_the_attempt_gives_up_by_itself(rig: Rig, seen: Seen) -> None:
    rig.obs.starts = ["silent"]
    rig.obs.press_start()
    stop = rig.begin_stop()
    seen(lambda: rig.stream._state.read(lambda now: now.stop_armed))
    rig.obs.end(-2)
    assert stop.result(5) == {"status": "stopped"}


def test_a_stop_that_cannot_be_obeyed_in_time_stays_in_force(rig: Rig, seen: Seen) -> None:
    rig.obs.starts = ["silent"]
    rig.obs.press_start()
    rig.set(operation_timeout_s=0.05)
    with pytest.raises(StreamStopTimeout, match="as soon as OBS has connected"):
        rig.stop()
    rig.set(operation_timeout_s=5.0)
    rig.obs.connect()
    seen(lambda: rig.state() == "offline")


def test_a_stop_between_two_attempts_ends_the_start(rig: Rig, seen: Seen) -> None:
    rig.obs.starts = [-2]
    rig.set(retries=3, retry_delay_s=60.0)
    start = rig.begin_start()
    seen(lambda: rig.progress[-1][0] == 45)
    rig.stream.supersede()
    with pytest.raises(Superseded):
        start.result(5)
    assert rig.stop() == {"status": "already_stopped"}


# --- the streamer at the same time ------------------------------------------------------------------------------------


def test_a_start_the_streamer_made_a_moment_before_is_adopted(rig: Rig, seen: Seen) -> None:
    rig.obs.starts = ["silent"]
    rig.obs.press_start()
    start = rig.begin_start()
    seen(lambda: connecting(rig))
    rig.obs.connect()
    assert start.result(5)["adopted"] is True
    assert rig.obs.calls == []


def test_a_stream_the_streamer_is_just_stopping_is_waited_for(rig: Rig) -> None:
    rig.start()
    rig.obs.press_stop()
    assert rig.start()["status"] in {"started", "already_running"}
    assert rig.stop()["status"] == "stopped"


def test_a_stop_the_streamer_made_a_moment_before_is_not_made_twice(rig: Rig, seen: Seen) -> None:
    rig.start()
    rig.obs.output.post(lambda: seen(lambda: rig.progress[-1] == (30, "stopping the stream")))
    rig.obs.press_stop()
    assert rig.stop() == {"status": "stopped"}
    assert rig.obs.calls == ["start"]


# --- OBS not itself ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changing", "changed", "what"),
    [
        (FrontendEvent.PROFILE_CHANGING, FrontendEvent.PROFILE_CHANGED, "profile"),
        (FrontendEvent.SCENE_COLLECTION_CHANGING, FrontendEvent.SCENE_COLLECTION_CHANGED, "scene collection"),
    ],
)
def test_nothing_starts_while_obs_exchanges_what_it_streams(
    rig: Rig, changing: FrontendEvent, changed: FrontendEvent, what: str
) -> None:
    rig.obs.emit(changing)
    with pytest.raises(Busy, match=what) as caught:
        rig.start()
    assert caught.value.retryable is True
    rig.obs.emit(changed)
    assert rig.start()["status"] == "started"


def test_a_start_given_up_because_the_ui_thread_is_blocked_never_happens(rig: Rig) -> None:
    go_on = threading.Event()
    rig.obs.ui.post(lambda: go_on.wait(10))
    rig.set(operation_timeout_s=0.05)
    with pytest.raises(ObsUnresponsive):
        rig.start()
    go_on.set()
    rig.obs.ui.call(lambda: None)
    assert rig.obs.calls == []


def test_signals_that_are_not_heard_do_not_make_a_good_start_a_bad_one(rig: Rig) -> None:
    rig.obs.hears_signals = False
    assert rig.start()["status"] == "started"
    rig.stop()
    rig.obs.starts = [-3]
    with pytest.raises(StreamStartFailed) as caught:
        rig.start()
    assert caught.value.details["obs_reason"] == "unknown"


# --- without libobs ---------------------------------------------------------------------------------------------------


def test_without_libobs_start_and_stop_still_work(rig: Rig) -> None:
    rig.without_libobs()
    assert rig.start() == {"status": "started", "scene": None, "attempts": 1}
    assert rig.start()["status"] == "already_running"
    assert rig.stop() == {"status": "stopped"}
    assert rig.stop() == {"status": "already_stopped"}


def test_without_libobs_a_scene_asked_for_is_refused_and_a_default_one_is_a_warning(rig: Rig) -> None:
    rig.without_libobs()
    with pytest.raises(ObsUnavailable, match="no libobs here"):
        rig.start("BRB")
    assert rig.obs.calls == ["forget_output"]
    rig.set(default_scene="BRB")
    assert "no libobs here" in rig.start()["warnings"][0]


def test_without_libobs_failures_are_still_told_apart(rig: Rig) -> None:
    rig.without_libobs()
    rig.obs.starts = [-3, "good"]
    with pytest.raises(StreamKeyRefused):
        rig.start()
    assert rig.start()["status"] == "started"


# --- the end of the script --------------------------------------------------------------------------------------------


def test_close_ends_a_waiting_start_as_interrupted(rig: Rig, seen: Seen) -> None:
    rig.obs.starts = ["silent"]
    start = rig.begin_start()
    seen(lambda: rig.state() == "starting")
    rig.close()
    with pytest.raises(Interrupted):
        start.result(5)
    assert "forget_output" in rig.obs.calls


def test_close_ends_a_waiting_stop_as_interrupted(rig: Rig, seen: Seen) -> None:
    rig.obs.starts = ["silent"]
    rig.obs.press_start()
    stop = rig.begin_stop()
    seen(lambda: rig.stream._state.read(lambda now: now.stop_armed))
    rig.close()
    with pytest.raises(Interrupted):
        stop.result(5)


def test_nothing_starts_once_obs_shuts_down(rig: Rig) -> None:
    rig.obs.emit(FrontendEvent.SHUTDOWN)
    with pytest.raises(Interrupted):
        rig.start()
    assert rig.obs.calls == []


def test_nothing_is_asked_of_obs_after_close(rig: Rig) -> None:
    rig.close()
    rig.obs.calls.clear()
    for attempt in (rig.start, rig.stop):
        with pytest.raises(ClawcraftError):
            attempt()
    rig.obs.press_start()
    assert rig.obs.calls == []


def test_a_reload_while_connecting_does_not_start_twice(rig: Rig, seen: Seen) -> None:
    rig.obs.starts = ["silent", "good"]
    start = rig.begin_start()
    seen(lambda: rig.state() == "starting")
    rig.reload()
    with pytest.raises(Interrupted):
        start.result(5)
    rig.progress.clear()
    start = rig.begin_start()
    seen(lambda: connecting(rig))
    rig.obs.connect()
    assert start.result(5)["adopted"] is True
    assert rig.obs.calls.count("start") == 1


def test_a_start_interrupted_by_a_reload_does_not_go_live_by_surprise(rig: Rig, seen: Seen) -> None:
    rig.obs.starts = ["silent"]
    start = rig.begin_start()
    seen(lambda: rig.state() == "starting")
    rig.close()
    with pytest.raises(Interrupted):
        start.result(5)
    rig.build(rig.stream.carry())
    rig.obs.connect()
    seen(lambda: rig.state() == "offline")
    assert rig.obs.calls.count("stop") == 1


def test_what_is_carried_is_plain_data(rig: Rig) -> None:
    rig.start()
    carried: dict[str, Any] = rig.stream.carry()
    assert {type(value) for value in carried.values()} <= {str, int, float, bool, type(None)}


def test_a_script_loaded_in_mid_stream_sees_it_live(rig: Rig) -> None:
    rig.start()
    rig.close()
    rig.build()
    assert rig.state() == "live"
    assert rig.start()["status"] == "already_running"
    assert rig.stop() == {"status": "stopped"}
