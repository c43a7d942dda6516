"""The record of a start, fed by hand with what OBS tells."""

import pytest

from clawcraft.obs.libobs import Window
from clawcraft.obs.port import FrontendEvent, StreamSnapshot
from clawcraft.obs.stream_state import Owner, Phase, StreamState
from tests.support.clock import ManualClock


@pytest.fixture
def stops() -> list[str]:
    return []


@pytest.fixture
def state(stops: list[str]) -> StreamState:
    return StreamState(ManualClock(), stops.append, lambda: 1, lambda: stops.append("stop"))


def connect(state: StreamState) -> None:
    state.hear_event(FrontendEvent.STREAMING_STARTING)
    state.hear_signal("starting", 0)
    state.hear_signal("start", 0)


def test_a_stop_that_was_promised_to_a_start_never_hits_the_next_one_though_obs_told_nothing_of_its_end(
    state: StreamState, stops: list[str]
) -> None:
    state.hear_event(FrontendEvent.STREAMING_STARTING)
    state.hear_signal("starting", 0)
    promised = state.snapshot()
    assert not state.arm(promised.number)  # it is not up yet
    # Its end falls into an exchange of collections; the streamer starts again within the same.
    state.hear_signal("starting", 0)
    now = state.snapshot()
    assert (now.number, now.owner, now.phase, now.armed) == (
        promised.number + 1,
        Owner.STREAMER,
        Phase.CONNECTING,
        False,
    )
    state.hear_signal("start", 0)
    assert "stop" not in stops


def test_started_alone_is_no_stream_that_is_up(state: StreamState) -> None:
    """The window hung while a stream came and went, STOPPED was told twice of the one before, and a start came next."""
    state.hear_event(FrontendEvent.STREAMING_STARTING)
    state.hear_signal("starting", 0)
    state.hear_event(FrontendEvent.STREAMING_STOPPED)
    state.hear_signal("start", 0)
    state.hear_signal("stop", -5)
    state.ask()
    state.hear_event(FrontendEvent.STREAMING_STARTING)
    state.hear_signal("starting", 0)
    state.hear_event(FrontendEvent.STREAMING_STARTED)
    state.hear_event(FrontendEvent.STREAMING_STOPPED)
    assert state.snapshot().phase is Phase.CONNECTING
    state.hear_signal("start", 0)
    assert state.snapshot().phase is Phase.LIVE


def test_a_stop_by_the_streamer_before_obs_says_started_is_no_stream_that_is_up(state: StreamState) -> None:
    connect(state)
    state.hear_event(FrontendEvent.STREAMING_STOPPING)
    state.hear_event(FrontendEvent.STREAMING_STARTED)
    assert state.snapshot().phase is Phase.STOPPING
    state.hear_event(FrontendEvent.STREAMING_STOPPED)
    state.hear_signal("stop", 0)
    assert state.snapshot().phase is Phase.ENDED


def test_a_stream_that_loses_its_connection_before_anybody_saw_it_live_has_been_live_since_then(
    state: StreamState,
) -> None:
    connect(state)
    state.settle(StreamSnapshot(True, True, 0, 0, 0, 0.0, None), Window(1, 0))
    now = state.snapshot()
    assert (now.phase, now.live_since_s is not None) == (Phase.RECONNECTING, True)


def test_a_stop_by_the_streamer_before_the_next_stream_is_up_settles_a_drop(state: StreamState) -> None:
    connect(state)
    state.hear_event(FrontendEvent.STREAMING_STARTED)
    state.hear_signal("stop", -5)
    state.hear_event(FrontendEvent.STREAMING_STOPPED)
    assert state.snapshot().has_dropped
    connect(state)
    assert state.snapshot().has_dropped
    state.hear_event(FrontendEvent.STREAMING_STOPPING)
    state.hear_signal("stop", 0)
    state.hear_event(FrontendEvent.STREAMING_STOPPED)
    assert (state.snapshot().phase, state.snapshot().has_dropped) == (Phase.ENDED, False)


def test_a_start_that_connects_before_obs_is_done_telling_that_it_begins_stays_its_agents(state: StreamState) -> None:
    state._now.phase = Phase.ENDED
    number = state.ask()
    state.hear_event(FrontendEvent.STREAMING_STARTING)
    state.hear_signal("start", 0)
    state.hear_signal("starting", 0)
    state.hear_event(FrontendEvent.STREAMING_STARTED)
    now = state.snapshot()
    assert (now.number, now.owner, now.phase) == (number, Owner.AGENT, Phase.LIVE)
