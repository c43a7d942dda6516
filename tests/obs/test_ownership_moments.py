"""Single moments in which a start could have gone against the streamer, in lockstep: each was found by the machine."""

import contextlib
import itertools
from collections.abc import Callable, Iterator

import pytest

from clawcraft.errors import (
    ClawcraftError,
    ObsBusy,
    ObsUnresponsive,
    PausedByOperator,
    StreamConnectFailed,
    StreamStartFailed,
    StreamStopTimeout,
    Superseded,
)
from clawcraft.obs.stream import FIRST_RETRY_S
from obs_mock import Scenario
from obs_mock.constants import EVENTS
from obs_mock.stream import State
from tests.support.obs_life import Call, Evening, evening

GOOD = Scenario("good")
SILENT = GOOD.but(silent=True)
SLOW = GOOD.but(look_s=6.0)
"""OBS is looked at in a check: that is longer than anybody waits."""
ASYNCHRONOUS = "30.2.3"


@pytest.fixture
def open_evening() -> Iterator[Callable[..., Evening]]:
    with contextlib.ExitStack() as stack:
        yield lambda *args, **settings: stack.enter_context(evening(*args, **{"obs_retries": 0, **settings}))


@pytest.fixture
def now(open_evening: Callable[..., Evening]) -> Evening:
    return open_evening("29.0.2")


def start(now: Evening, may: Callable[[], object] = lambda: None) -> Call:
    stream = now.lives.stream
    return now.lives.call("start", lambda: stream.start(None, lambda _percent, _message: None, may))


def stop(now: Evening) -> Call:
    stream = now.lives.stream
    return now.lives.call("stop", lambda: stream.stop(lambda _percent, _message: None))


def state(now: Evening) -> State:
    return now.obs.stream.state


def press(now: Evening) -> None:
    """The streamer starts or ends the stream, and a second passes."""
    now.obs.press_stream_button()
    now.time.pass_time(1)


def failed(call: Call, kind: type[ClawcraftError]) -> ClawcraftError:
    assert call.is_over
    assert isinstance(call.error, kind)
    return call.error


def starts(now: Evening) -> None:
    call = start(now)
    now.time.pass_time(1)
    assert call.value == {"status": "started", "scene": "Main", "attempts": 1}


def gives_up(now: Evening, act: Callable[[Evening], Call]) -> None:
    """OBS is still looked at when nobody waits any more."""
    now.obs.scenario = SLOW
    given_up = act(now)
    now.time.pass_time(30)
    failed(given_up, ObsUnresponsive)


def answers(now: Evening) -> None:
    """The server that was silent, after all."""
    now.obs.scenario = GOOD
    now.obs.answer()
    now.time.pass_time(1)


def test_a_start_whose_check_outlasts_its_caller_does_not_follow(now: Evening) -> None:
    gives_up(now, start)
    assert now.obs.stream.starts == 0


def test_a_start_that_gave_up_in_its_check_takes_back_no_promised_stop(now: Evening) -> None:
    now.obs.scenario = SILENT
    timed_out = start(now)
    now.time.pass_time(25)
    failed(timed_out, ClawcraftError)
    gives_up(now, start)
    answers(now)
    assert now.obs.stream.state is State.IDLE


def test_a_stop_whose_check_outlasts_its_caller_promises_nothing(now: Evening) -> None:
    now.obs.scenario = SILENT
    now.obs.press_stream_button()
    now.time.rest()
    gives_up(now, stop)
    answers(now)
    assert now.obs.stream.state is State.LIVE


def test_a_start_that_connects_just_before_its_life_ends_is_stopped(now: Evening) -> None:
    """Between OBS's signal and its event, in which nothing is to come that would tell of it."""
    now.obs.scenario = SILENT
    interrupted = start(now)
    now.time.rest()
    now.obs.scenario = GOOD.but(ui_hang_s=9.0)
    now.lives.stream.status()  # OBS's UI thread hangs from here on: the click is before what the server says
    reload = Call(now.time, "the streamer reloads", now.obs.reload)
    now.time.rest()
    now.obs.answer()
    now.time.pass_time(9)
    assert reload.is_over
    told = now.obs.timeline()
    assert told.index("signal start") < told.index("hook script_unload") < told.index("event STREAMING_STARTED")
    failed(interrupted, ClawcraftError)
    now.time.pass_time(1)
    assert now.obs.stream.state is State.IDLE


def test_a_promised_stop_that_had_no_turn_before_its_life_ended_is_made_in_the_next(now: Evening) -> None:
    """The start comes up and the stop is posted, but the streamer's reload has its turn on the UI thread before it."""
    now.obs.scenario = SILENT
    superseded = start(now)
    now.time.rest()
    now.obs.scenario = GOOD.but(ui_hang_s=9.0)
    now.lives.stream.status()  # OBS's UI thread hangs from here on
    now.obs.answer()
    now.time.rest()
    reload = Call(now.time, "the streamer reloads", now.obs.reload)
    now.time.rest()
    now.lives.stream.end_start(Superseded("a stop was accepted"))  # the stop that this promises is behind the reload
    now.time.rest()
    failed(superseded, Superseded)
    now.time.pass_time(9)
    assert reload.is_over
    told = now.obs.timeline()
    assert told.index("signal start") < told.index("event STREAMING_STARTED") < told.index("hook script_unload")
    now.time.pass_time(1)
    assert now.obs.stream.state is State.IDLE


def test_a_start_that_connects_after_its_life_ended_is_stopped_though_no_other_life_follows(now: Evening) -> None:
    now.obs.scenario = SILENT
    interrupted = start(now)
    now.time.rest()
    now.obs.switch_collection("Other")  # which has no such script
    now.time.pass_time(1)
    failed(interrupted, ClawcraftError)
    now.obs.answer()
    now.time.pass_time(2)
    assert [number for _owner, number in now.obs.stream.stopped_by_script] == [1]
    assert now.obs.stream.state is State.IDLE


def test_a_stop_after_unload_is_not_made_behind_the_streamers_own(now: Evening) -> None:
    now.obs.scenario = GOOD.but(user_stops=True)
    now.obs.press_stream_button()
    now.time.rest()
    stop(now)
    now.time.rest()
    now.obs.switch_collection("Other")
    now.time.pass_time(1)
    assert now.obs.stream.stopped_by_script == []
    assert now.obs.stream.state is State.IDLE


def test_nothing_is_logged_through_obs_after_unload(now: Evening) -> None:
    press(now)
    now.obs.switch_collection("Other")
    now.lives.stream._log("a defect")  # the fake fails the test if it is asked


def the_next_start_is_the_streamers(now: Evening) -> None:
    now.obs.click_box()
    now.obs.scenario = GOOD
    press(now)
    assert now.obs.stream.state is State.LIVE
    assert now.obs.stream.stopped_by_script == []


@pytest.mark.parametrize(
    "way", [GOOD.but(asks=True), GOOD.but(prepares_s=2.0, preparation_fails=True)], ids=["asks", "prepares in vain"]
)
def test_a_start_that_obs_gave_up_in_a_box_is_not_the_streamers_next_one(
    open_evening: Callable[..., Evening], way: Scenario
) -> None:
    now = open_evening(ASYNCHRONOUS)
    now.obs.scenario = way
    given_up = start(now)
    now.time.pass_time(25)
    assert failed(given_up, StreamStartFailed).details["obs_reason"] == "not begun"
    the_next_start_is_the_streamers(now)


def test_a_question_that_outlives_the_script_is_not_the_streamers_next_start(
    open_evening: Callable[..., Evening],
) -> None:
    now = open_evening(ASYNCHRONOUS)
    now.obs.scenario = GOOD.but(asks=True)
    start(now)
    now.time.rest()
    now.obs.switch_collection("Other")  # obs-websocket can, beneath a box
    now.obs.switch_collection("Untitled")
    the_next_start_is_the_streamers(now)


def test_a_start_is_refused_beneath_a_question_that_the_streamer_is_asked(now: Evening) -> None:
    """OBS would take it, and the streamer's answer could then start another one."""
    now.obs.scenario = GOOD.but(asks=True)
    now.obs.press_stream_button()
    now.time.rest()
    assert now.obs.boxes()
    refused = start(now)
    now.time.pass_time(1)
    failed(refused, ObsBusy)
    assert now.obs.stream.starts == 0
    now.obs.click_box()
    now.obs.scenario = GOOD
    starts(now)


def test_a_stop_that_the_streamer_made_a_moment_before_is_not_made_twice(now: Evening) -> None:
    starts(now)
    now.obs.press_stream_button()
    stopped = stop(now)
    now.time.pass_time(1)
    assert stopped.value == {"status": "stopped"}
    assert (now.obs.stream.state, now.obs.stream.stopped_by_script) == (State.IDLE, [])


def test_a_start_follows_at_once_when_the_stream_before_has_ended(now: Evening) -> None:
    press(now)
    now.obs.scenario = GOOD.but(delay_s=2)
    now.obs.press_stream_button()
    now.time.rest()
    again = start(now)
    now.time.pass_time(0.5)
    assert not again.is_over
    now.obs.scenario = GOOD
    now.time.pass_time(2)
    assert again.is_over
    assert now.obs.stream.state is State.LIVE


def test_a_stop_waits_for_the_streamers_delay_as_well(now: Evening) -> None:
    now.obs.scenario = GOOD.but(delay_s=30)
    live = start(now)
    now.time.pass_time(32)
    assert live.is_over
    stopped = stop(now)
    now.time.pass_time(28)
    assert not stopped.is_over
    now.time.pass_time(4)
    assert stopped.value == {"status": "stopped"}


def test_an_attempt_follows_another_after_twice_as_long(open_evening: Callable[..., Evening]) -> None:
    now = open_evening("29.0.2", obs_retries=2)
    now.obs.scenario = GOOD.but(stop_code=-2)
    retried = start(now)
    began: list[float] = []
    for step in range(100):
        if now.obs.stream.starts > len(began):
            began.append(step / 10)
        now.time.pass_time(0.1)
    failed(retried, StreamConnectFailed)
    first_s, second_s = (later - earlier for earlier, later in itertools.pairwise(began))
    assert first_s == pytest.approx(FIRST_RETRY_S, abs=0.25)
    assert second_s == pytest.approx(2 * FIRST_RETRY_S, abs=0.25)


def test_a_stream_that_breaks_off_has_dropped_and_one_that_the_streamer_ends_has_not(now: Evening) -> None:
    now.obs.scenario = GOOD.but(live_s=5.0, retries_fail=None)
    start(now)
    now.time.pass_time(4)
    assert not now.lives.stream.dropped()
    now.time.pass_time(60)
    assert now.obs.stream.state is State.IDLE
    assert now.lives.stream.dropped()
    now.obs.scenario = GOOD
    starts(now)
    assert not now.lives.stream.dropped()
    press(now)
    assert now.obs.stream.state is State.IDLE
    assert not now.lives.stream.dropped()


def test_a_start_that_fails_behind_a_drop_has_put_nothing_right(now: Evening) -> None:
    now.obs.scenario = GOOD.but(live_s=5.0, retries_fail=None)
    start(now)
    now.time.pass_time(64)
    assert now.lives.stream.dropped()
    now.obs.scenario = GOOD.but(stop_code=-2)
    refused = start(now)
    now.time.pass_time(10)
    failed(refused, StreamConnectFailed)
    assert now.lives.stream.dropped()
    now.obs.scenario = SILENT
    press(now)  # the streamer's own try
    assert now.obs.stream.state is State.CONNECTING
    assert now.lives.stream.dropped()


def test_a_stream_that_is_up_behind_a_drop_has_put_it_right(now: Evening) -> None:
    now.obs.scenario = GOOD.but(live_s=5.0, retries_fail=None)
    start(now)
    now.time.pass_time(64)
    now.obs.scenario = GOOD
    starts(now)
    assert not now.lives.stream.dropped()
    now.obs.scenario = GOOD.but(stop_code=-2)
    press(now)
    press(now)
    now.time.pass_time(10)
    assert now.obs.stream.state is State.IDLE
    assert not now.lives.stream.dropped()


def test_what_is_shown_is_the_scene_that_was_just_switched_to(now: Evening) -> None:
    assert now.lives.stream.status()["current_scene"] == "Main"
    switched = now.lives.call("switch", lambda: now.lives.stream.switch_scene("BRB", lambda: None))
    now.time.rest()
    assert switched.value == "Main"
    assert now.lives.stream.status()["current_scene"] == "BRB"


def test_a_show_has_one_number_from_before_its_start_until_it_is_over(now: Evening) -> None:
    now.lives.stream.status()
    announced = now.lives.stream.show()
    assert now.lives.stream.on_air() is None
    starts(now)
    assert now.obs.stream.state is State.LIVE
    assert now.lives.stream.show() == now.lives.stream.on_air() == announced
    press(now)
    assert now.lives.stream.show() == announced + 1
    assert now.lives.stream.on_air() is None


# --- what OBS does of itself ------------------------------------------------------------------------------------------


@pytest.fixture
def preparing(open_evening: Callable[..., Evening]) -> Evening:
    """A start was superseded while OBS prepares it: BasicOutputHandler::SetupMultitrackVideo returns at once, and
    STREAMING_STARTING comes later."""
    now = open_evening(ASYNCHRONOUS)
    now.obs.scenario = GOOD.but(prepares_s=2.0)
    superseded = start(now)
    now.time.pass_time(0.5)
    now.lives.stream.end_start(Superseded("a stop was accepted"))
    now.time.rest()
    failed(superseded, Superseded)
    return now


def test_a_stop_while_obs_prepares_is_kept(preparing: Evening) -> None:
    now = preparing
    stopped = stop(now)
    now.time.pass_time(0.5)
    assert not stopped.is_over
    now.time.pass_time(5)
    assert stopped.value == {"status": "stopped"}
    assert (now.obs.stream.state, now.obs.stream.starts) == (State.IDLE, 1)


def test_a_start_while_obs_prepares_prepares_nothing_again(preparing: Evening) -> None:
    now = preparing
    again = start(now)
    now.time.pass_time(5)
    assert again.value == {"status": "started", "scene": "Main", "attempts": 1, "adopted": True}
    assert (now.obs.stream.state, now.obs.stream.starts) == (State.LIVE, 1)


def test_a_second_stopped_is_not_the_end_of_the_next_start(open_evening: Callable[..., Evening]) -> None:
    """Each output of Enhanced Broadcasting has its own signal "stop", and each calls OBSBasic::StreamingStop."""
    now = open_evening(ASYNCHRONOUS)
    now.obs.scenario = GOOD.but(stopped_twice=True)
    press(now)
    now.obs.press_stream_button()
    now.time.pass_time(1.1)
    starts(now)
    assert now.obs.timeline().count("event STREAMING_STOPPED") == 2


def test_a_dialog_of_another_plugin_within_the_start_leaves_nothing_that_goes_live(now: Evening) -> None:
    """OBSBasic::StartStreaming calls api->on_event(STREAMING_STARTING) before outputHandler->StartStreaming: a dialog
    in somebody's callback runs UI tasks in between, and looks as the box of an encoder that failed does."""
    now.obs.scenario = GOOD.but(dialog_while_starting=True)
    call = start(now)
    now.time.pass_time(3)
    failed(call, StreamStartFailed)
    assert now.lives.stream.status()["stream"]["state"] == "starting"
    now.obs.click_box()
    now.time.pass_time(1)
    assert now.obs.stream.state is State.IDLE


def test_the_streamers_start_that_an_encoder_refused_is_over_in_the_next_life(now: Evening) -> None:
    now.obs.scenario = GOOD.but(encoder_fails=True)
    now.obs.press_stream_button()
    now.time.rest()
    now.obs.click_box()
    now.obs.reload()
    now.obs.scenario = GOOD
    assert now.lives.stream.status()["stream"]["state"] == "offline"
    starts(now)


@pytest.mark.parametrize("act", [start, stop])
def test_nobody_waits_for_a_stream_that_ended_while_the_script_was_unloaded(
    now: Evening, act: Callable[[Evening], Call]
) -> None:
    press(now)
    now.obs.switch_collection("Other")
    press(now)
    now.obs.switch_collection("Untitled")
    call = act(now)
    now.time.pass_time(1)
    assert call.value["status"] in ("started", "already_stopped")


def test_a_stop_that_obs_makes_while_it_exchanges_collections_is_not_made_again(now: Evening) -> None:
    """A hotkey's or another program's stop is posted to the UI thread, and OBSBasic::ClearSceneData runs what is."""
    now.obs.scenario = SILENT.but(user_stops=True)
    now.obs.press_stream_button()
    now.time.rest()
    now.obs.hang_ui(1.0)
    away = Call(now.time, "the streamer", lambda: now.obs.switch_collection("Other"))
    now.time.rest()
    now.obs.answer()
    now.time.pass_time(1.0)
    assert away.is_over
    assert "untold STREAMING_STOPPING" in now.obs.timeline()
    now.obs.switch_collection("Untitled")
    assert now.lives.stream.status()["stream"]["state"] == "stopping"
    call = stop(now)
    now.time.pass_time(1.0)
    assert call.value == {"status": "stopped"}
    assert now.obs.stream.stopped_by_script == []


# --- pause ------------------------------------------------------------------------------------------------------------


class Pause:
    """The streamer's switch."""

    def __init__(self, now: Evening) -> None:
        self._now = now
        self._on = False

    def press(self) -> None:
        self._on = True
        self._now.lives.stream.end_start(PausedByOperator("paused"))

    def check(self) -> None:
        if self._on:
            raise PausedByOperator("paused")


def never_live(now: Evening, paused: Call) -> None:
    """Nor if the server answers at last; a stream that OBS could not be kept from is stopped as soon as OBS can."""
    failed(paused, PausedByOperator)
    now.obs.answer()
    now.time.pass_time(100)
    assert now.obs.stream.state is State.IDLE
    assert "event STREAMING_STARTED" not in now.obs.timeline() or "event STREAMING_STOPPING" in now.obs.timeline()


@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.199, 5.0])
@pytest.mark.parametrize("way", [GOOD, SILENT], ids=["good", "silent"])
def test_pause_while_connecting_ends_the_start(now: Evening, way: Scenario, after_s: float) -> None:
    now.obs.scenario = way
    pause = Pause(now)
    call = start(now, pause.check)
    now.time.pass_time(after_s if way.silent else min(after_s, 0.199))
    pause.press()
    now.time.rest()
    never_live(now, call)


def test_pause_between_retries_ends_the_start(open_evening: Callable[..., Evening]) -> None:
    now = open_evening("29.0.2", obs_retries=2)
    now.obs.meet(GOOD.but(stop_code=-2, window_visible=False), GOOD)
    pause = Pause(now)
    call = start(now, pause.check)
    now.time.pass_time(0.5)
    assert "signal stop -2" in now.obs.timeline()
    pause.press()
    now.time.rest()
    failed(call, PausedByOperator)
    now.time.pass_time(100)
    assert now.obs.stream.connections == 0


def test_pause_before_the_start_has_its_turn_on_the_ui_thread(now: Evening) -> None:
    now.obs.scenario = GOOD.but(ui_hang_s=1.0)
    pause = Pause(now)
    call = start(now, pause.check)
    now.time.rest()
    pause.press()
    now.time.pass_time(5)
    failed(call, PausedByOperator)
    assert now.obs.stream.starts == 0


def test_what_forbids_a_start_and_tells_nobody_ends_it_though_it_connects_before_the_next_look(now: Evening) -> None:
    forbidden = False

    def may() -> None:
        if forbidden:
            raise PausedByOperator("revoked")

    call = start(now, may)
    now.time.pass_time(0.1)
    assert state(now) is State.CONNECTING
    forbidden = True
    now.time.pass_time(5)
    failed(call, PausedByOperator)
    assert state(now) is State.IDLE


def test_a_pause_takes_a_start_off_air_though_its_job_still_waits_for_a_disk(now: Evening) -> None:
    stream = now.lives.stream

    def progress(percent: int, _message: str) -> None:
        if percent == 30:
            now.time.block(lambda: False, 20)

    call = now.lives.call("start", lambda: stream.start(None, progress))
    now.time.pass_time(5)
    assert state(now) is State.LIVE
    stream.end_start(PausedByOperator("paused"))
    now.time.pass_time(2)
    assert state(now) is State.IDLE
    assert not call.is_over
    now.time.pass_time(20)
    failed(call, PausedByOperator)


@pytest.mark.parametrize(("dead", "wait_s", "own_show_s"), [(2, 1.3, 0.5), (8, 130.0, 60.0)])
def test_between_its_attempts_a_start_does_not_follow_the_streamers_own_stop(
    open_evening: Callable[..., Evening], dead: int, wait_s: float, own_show_s: float
) -> None:
    now = open_evening("29.0.2", obs_retries=10)
    now.obs.meet(*[GOOD.but(stop_code=-2, window_visible=False)] * dead, GOOD)
    stream = now.lives.stream
    stopped: list[bool] = []

    def stand_down(own: bool) -> None:
        stopped.append(own)
        stream.end_start(Superseded("the streamer stopped the stream"))

    stream.streamer_stopped = stand_down
    call = start(now)
    now.time.pass_time(wait_s)
    assert state(now) is State.IDLE
    assert not call.is_over
    now.obs.press_stream_button()
    now.time.pass_time(own_show_s)
    now.obs.press_stream_button()
    now.time.pass_time(600)
    failed(call, Superseded)
    assert state(now) is State.IDLE
    assert set(stopped) == {False}


def test_a_start_that_the_streamer_stopped_is_not_tried_again(open_evening: Callable[..., Evening]) -> None:
    """With a stream delay OBS can be stopped before it has connected, and may fail to connect behind that."""
    now = open_evening("29.0.2", obs_retries=3)
    now.obs.meet(GOOD.but(stop_code=-2, window_visible=False), GOOD)
    call = start(now)
    now.time.pass_time(0.01)
    assert state(now) is State.CONNECTING
    now.lives.stream.hear_event(EVENTS["STREAMING_STOPPING"])
    now.time.pass_time(60)
    assert "pressed Stop" in failed(call, StreamConnectFailed).hint
    assert now.obs.stream.starts == 1


def test_a_stop_of_the_streamers_is_told_once_and_one_of_the_service_is_not(now: Evening) -> None:
    stream = now.lives.stream
    stopped: list[bool] = []
    stream.streamer_stopped = stopped.append
    start(now)
    now.time.pass_time(1)
    stop(now)
    now.time.pass_time(1)
    assert state(now) is State.IDLE
    assert stopped == []
    press(now)
    press(now)
    assert state(now) is State.IDLE
    assert stopped == [False]
    now.obs.scenario = GOOD.but(user_stops=True)
    call = start(now)
    now.time.pass_time(5)
    failed(call, StreamStartFailed)
    assert stopped == [False, True]


def test_a_stop_that_was_carried_out_is_told_though_obs_is_busy_behind_it(
    now: Evening, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(now)
    now.time.pass_time(1)
    obs = now.lives.stream._obs
    stop_streaming = obs.stop_streaming

    def stop_and_be_busy() -> None:
        stop_streaming()
        now.obs.hang_ui(6.0)

    monkeypatch.setattr(obs, "stop_streaming", stop_and_be_busy)
    call = stop(now)
    now.time.pass_time(20)
    assert (call.value, call.error) == ({"status": "stopped"}, None)


def test_a_stream_whose_end_was_just_heard_is_not_one_that_runs() -> None:
    gives_up = GOOD.but(live_s=0.5, retries_fail=None, window_visible=False)

    def begun(now: Evening) -> Evening:
        now.obs.meet(gives_up, GOOD)
        start(now)
        return now

    with evening("29.0.2", obs_retries=0) as now:
        given_up_s = 0.0
        begun(now)
        while not any(entry.startswith("signal stop ") for entry in now.obs.timeline()):
            now.time.pass_time(0.1)
            given_up_s += 0.1
    with evening("29.0.2", obs_retries=0) as now:
        begun(now)
        now.time.pass_time(given_up_s - 1.0)
        now.obs.hang_ui(2.0)
        now.time.pass_time(0.5)
        again = start(now)
        now.time.pass_time(0.7)
        assert now.lives.stream._state.snapshot().stop_code is not None
        now.time.pass_time(10)
        assert again.value["status"] == "started"
        assert state(now) is State.LIVE


def opened(now: Evening, *, modal: bool) -> None:
    """The streamer opens a window that waits for them for a second and a half."""
    now.obs.post(lambda: now.obs.stream._boxes.show("Remove the source?", modal=modal))
    now.time.pass_time(1.5)
    now.obs.click_box()
    now.time.pass_time(0.2)


def test_a_menu_that_the_streamer_opens_while_obs_prepares_leaves_the_agent_its_start(
    open_evening: Callable[..., Evening],
) -> None:
    now = open_evening(ASYNCHRONOUS)
    now.obs.scenario = GOOD.but(prepares_s=3.0)
    call = start(now)
    now.time.pass_time(0.3)
    opened(now, modal=False)
    now.time.pass_time(5)
    assert call.value["status"] == "started"
    assert now.lives.stream.agents_stream() is not None


def test_a_stop_is_not_told_as_done_where_a_start_behind_a_box_may_be_the_one_that_was_to_be_stopped(
    open_evening: Callable[..., Evening],
) -> None:
    now = open_evening(ASYNCHRONOUS)
    now.obs.scenario = GOOD.but(prepares_s=3.0)
    start(now)
    now.time.pass_time(0.3)
    opened(now, modal=True)
    now.lives.stream.end_start(Superseded("a stop was accepted"))
    call = stop(now)
    now.time.pass_time(120)
    assert state(now) is State.LIVE
    error = failed(call, StreamStopTimeout)
    assert "it is live" in error.message
