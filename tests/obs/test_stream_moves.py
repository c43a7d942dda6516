"""Each move of a start's record by itself: from which phase what OBS tells, or says of itself, leads where."""

from collections.abc import Callable
from typing import Any

import pytest

from clawcraft.obs.libobs import Window
from clawcraft.obs.port import FrontendEvent, StreamSnapshot
from clawcraft.obs.stream_state import PREPARATION_S, Owner, Phase, Start, StreamState
from tests.support.clock import ManualClock

UP = StreamSnapshot(True, False, 0, 0, 0, 0.0, None)
RECONNECTS = StreamSnapshot(True, True, 0, 0, 0, 0.0, None)
DOWN = StreamSnapshot(False, False, 0, 0, 0, 0.0, None)
BARE, BOX, MENU = Window(1, 0), Window(2, 7), Window(2, 0)
NEVER = StreamSnapshot(False, False, 0, 0, 0, 0.0, None, exists=False)


class Record:
    """A state that begins in a phase, what it has logged, and how often it called for a stop."""

    def __init__(self, phase: Phase, **fields: Any) -> None:
        self.clock = ManualClock()
        self.log: list[str] = []
        self.stops = 0
        self.level = 1
        start = {"number": 7, "owner": "agent", "phase": "live", "level": 1, "asked_level": 1}
        self.state = StreamState(self.clock, self.log.append, lambda: self.level, self._stop, start)
        for name, value in {"phase": phase, **fields}.items():
            setattr(self.state._now, name, value)

    def _stop(self) -> None:
        self.stops += 1

    @property
    def now(self) -> Start:
        return self.state.snapshot()


def test_what_a_phase_counts_as() -> None:
    assert [phase for phase in Phase if phase.is_up] == [Phase.LIVE, Phase.RECONNECTING]
    assert [phase for phase in Phase if phase.is_beginning] == [Phase.ASKED, Phase.PREPARING, Phase.CONNECTING]
    assert [phase.shown for phase in Phase] == [
        "unknown", "starting", "starting", "starting", "live", "reconnecting", "stopping", "offline",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("phase", "stream", "fields", "found"),
    [
        (Phase.UNKNOWN, UP, {}, Phase.LIVE),
        (Phase.UNKNOWN, RECONNECTS, {}, Phase.RECONNECTING),
        (Phase.UNKNOWN, DOWN, {}, Phase.UNKNOWN),
        (Phase.UNKNOWN, NEVER, {}, Phase.ENDED),
        (Phase.ASKED, UP, {}, Phase.ASKED),
        (Phase.PREPARING, UP, {}, Phase.LIVE),
        (Phase.PREPARING, RECONNECTS, {}, Phase.RECONNECTING),
        (Phase.PREPARING, DOWN, {"asked_s": ManualClock().now_s - PREPARATION_S}, Phase.PREPARING),
        (Phase.PREPARING, DOWN, {"asked_s": ManualClock().now_s - PREPARATION_S - 0.1}, Phase.ENDED),
        (Phase.CONNECTING, UP, {"output_started": True}, Phase.CONNECTING),
        (Phase.CONNECTING, UP, {"output_started": True, "connected": True}, Phase.LIVE),
        (Phase.CONNECTING, RECONNECTS, {"output_started": True, "connected": True}, Phase.RECONNECTING),
        (Phase.CONNECTING, DOWN, {"output_started": True, "connected": True}, Phase.CONNECTING),
        (Phase.CONNECTING, DOWN, {"output_started": True}, Phase.CONNECTING),
        (Phase.CONNECTING, DOWN, {}, Phase.ENDED),
        (Phase.CONNECTING, DOWN, {"stop_code": -1}, Phase.CONNECTING),
        (Phase.LIVE, UP, {}, Phase.LIVE),
        (Phase.LIVE, RECONNECTS, {}, Phase.RECONNECTING),
        (Phase.LIVE, DOWN, {}, Phase.ENDED),
        (Phase.RECONNECTING, UP, {}, Phase.LIVE),
        (Phase.RECONNECTING, DOWN, {}, Phase.ENDED),
        (Phase.STOPPING, UP, {}, Phase.STOPPING),
        (Phase.STOPPING, DOWN, {}, Phase.ENDED),
        (Phase.ENDED, UP, {}, Phase.ENDED),
    ],
)
def test_what_obs_says_of_itself_settles_what_it_leaves_no_doubt_about(
    phase: Phase, stream: StreamSnapshot, fields: dict[str, Any], found: Phase
) -> None:
    record = Record(phase, **fields)
    record.state.settle(stream, BARE)
    assert (record.now.phase, record.now.number, record.log) == (found, 7, [])


@pytest.mark.parametrize("phase", [Phase.LIVE, Phase.RECONNECTING, Phase.STOPPING])
def test_a_stream_that_ends_by_a_signal_is_not_over_before_obs_has_told_so(phase: Phase) -> None:
    record = Record(phase, stop_code=0)
    record.state.settle(DOWN, BARE)
    assert record.now.phase is not Phase.ENDED


def test_a_task_deeper_than_the_start_settles_nothing_about_it() -> None:
    record = Record(Phase.CONNECTING)
    record.state.settle(DOWN, BOX)
    assert (record.now.phase, record.now.refused) == (Phase.CONNECTING, False)
    record.state.settle(DOWN, BARE)
    assert (record.now.phase, record.now.refused) == (Phase.ENDED, True)


def test_a_preparation_is_not_given_up_while_a_window_is_open() -> None:
    record = Record(Phase.PREPARING)
    record.state.settle(DOWN, BOX)
    assert (record.now.phase, record.now.boxed) == (Phase.PREPARING, True)
    record.state.settle(DOWN, BARE)
    assert record.now.phase is Phase.ENDED


@pytest.mark.parametrize(("window", "boxed"), [(BARE, False), (BOX, True), (MENU, False)])
def test_a_box_between_the_call_and_the_start_is_remembered(window: Window, boxed: bool) -> None:
    for phase in (Phase.ASKED, Phase.PREPARING):
        record = Record(phase, asked_s=ManualClock().now_s)
        record.state.settle(DOWN, window)
        assert record.now.boxed is boxed


def test_a_promised_stop_is_called_for_when_the_start_comes_up_and_only_then() -> None:
    for armed in (True, False):
        record = Record(Phase.CONNECTING, armed=armed, output_started=True)
        record.state.hear_signal("reconnect", 0)
        assert record.stops == 0
        record.state.hear_signal("start", 0)
        assert record.stops == armed
        settled = Record(Phase.CONNECTING, armed=armed, output_started=True, connected=True)
        settled.state.settle(DOWN, BARE)
        assert settled.stops == 0
        settled.state.settle(UP, BARE)
        settled.state.settle(UP, BARE)
        assert settled.stops == armed


@pytest.mark.parametrize(
    ("phase", "connected", "armed", "is_up"),
    [
        (Phase.ASKED, False, True, False),
        (Phase.CONNECTING, False, True, False),
        (Phase.CONNECTING, True, True, True),
        (Phase.LIVE, False, True, True),
        (Phase.RECONNECTING, False, True, True),
        (Phase.STOPPING, True, False, False),
        (Phase.ENDED, True, False, False),
    ],
)
def test_a_stop_is_promised_to_a_start_that_is_not_over(
    phase: Phase, connected: bool, armed: bool, is_up: bool
) -> None:
    record = Record(phase, connected=connected)
    assert record.state.arm(8) is False
    assert record.now.armed is False
    assert record.state.arm(7) is is_up
    assert record.now.armed is armed
    assert record.state.arm(7, armed=False) is False
    assert record.now.armed is False


def test_a_promised_stop_dies_with_its_start() -> None:
    record = Record(Phase.LIVE, armed=True)
    record.state.settle(DOWN, BARE)
    assert (record.now.phase, record.now.armed) == (Phase.ENDED, False)


def test_a_move_that_there_is_not_is_a_defect_and_leaves_nothing_known() -> None:
    record = Record(Phase.ENDED)
    record.state.stopping()
    assert (record.now.number, record.now.phase, record.now.owner) == (8, Phase.UNKNOWN, Owner.STREAMER)
    assert record.log == ["defect: a start by the agent went from ended to stopping"]


@pytest.mark.parametrize(
    ("phase", "fields", "is_defect"),
    [
        (Phase.ENDED, {}, False),
        (Phase.UNKNOWN, {}, False),
        (Phase.LIVE, {}, True),
        (Phase.CONNECTING, {"output_started": True}, True),
        (Phase.CONNECTING, {}, False),
        (Phase.STOPPING, {"stop_code": 0}, False),
        (Phase.PREPARING, {"boxed": True}, False),
        (Phase.PREPARING, {}, True),
    ],
)
def test_a_start_over_another_is_a_defect_unless_that_may_be_over(
    phase: Phase, fields: dict[str, Any], is_defect: bool
) -> None:
    record = Record(phase, **fields)
    assert record.state.ask() == 8
    assert (record.now.owner, record.now.phase) == (Owner.AGENT, Phase.ASKED)
    assert bool(record.log) is is_defect


def test_our_start_knows_when_and_how_deep_it_was_asked() -> None:
    record = Record(Phase.ENDED)
    record.level = 3
    record.state.ask()
    assert (record.now.asked_s, record.now.asked_level) == (record.clock.now_s, 3)


@pytest.mark.parametrize(
    ("phase", "boxed", "asynchronous", "after"),
    [
        (Phase.ASKED, False, True, Phase.PREPARING),
        (Phase.ASKED, True, True, Phase.ENDED),
        (Phase.ASKED, False, False, Phase.ENDED),
        (Phase.CONNECTING, False, True, Phase.CONNECTING),
    ],
)
def test_behind_our_call_a_start_prepares_or_never_begins(
    phase: Phase, boxed: bool, asynchronous: bool, after: Phase
) -> None:
    record = Record(phase, boxed=boxed)
    record.state.asked(asynchronous)
    assert record.now.phase is after


@pytest.mark.parametrize(
    ("phase", "boxed", "level", "owner"),
    [
        (Phase.ASKED, False, 1, Owner.AGENT),
        (Phase.ASKED, True, 1, Owner.AGENT),
        (Phase.PREPARING, False, 1, Owner.AGENT),
        (Phase.PREPARING, True, 1, Owner.STREAMER),
        (Phase.PREPARING, True, 2, Owner.AGENT),
        (Phase.ENDED, False, 1, Owner.STREAMER),
        (Phase.UNKNOWN, False, 1, Owner.STREAMER),
    ],
)
def test_whose_start_obs_tells_of(phase: Phase, boxed: bool, level: int, owner: Owner) -> None:
    record = Record(phase, boxed=boxed)
    record.level = level
    record.state.hear_event(FrontendEvent.STREAMING_STARTING)
    assert (record.now.owner, record.now.phase, record.now.level) == (owner, Phase.CONNECTING, level)


@pytest.mark.parametrize(
    ("phase", "fields", "number"),
    [
        (Phase.ASKED, {}, 7),
        (Phase.PREPARING, {}, 7),
        (Phase.CONNECTING, {}, 7),
        (Phase.CONNECTING, {"output_started": True}, 8),
        (Phase.ENDED, {}, 8),
    ],
)
def test_the_output_starts_once_for_each_start(phase: Phase, fields: dict[str, Any], number: int) -> None:
    record = Record(phase, **fields)
    record.state.hear_signal("starting", 0)
    assert (record.now.number, record.now.phase, record.now.output_started) == (number, Phase.CONNECTING, True)


@pytest.mark.parametrize("phase", [Phase.ASKED, Phase.PREPARING, Phase.ENDED])
def test_the_end_of_the_start_before_ends_no_start_that_has_not_begun(phase: Phase) -> None:
    record = Record(phase)
    record.state.hear_signal("stop", 0)
    record.state.hear_event(FrontendEvent.STREAMING_STOPPED)
    assert (record.now.phase, record.now.stop_code, record.now.stopped_told) == (phase, None, False)


Tell = Callable[[StreamState], object]


@pytest.mark.parametrize(
    "tell",
    [
        lambda state: state.hear_signal("stopping", 0),
        lambda state: state.hear_event(FrontendEvent.STREAMING_STOPPING),
    ],
    ids=["signal", "event"],
)
def test_a_start_that_nothing_was_heard_of_is_stopping_by_no_word_about_another(tell: Tell) -> None:
    silent, begun = Record(Phase.CONNECTING), Record(Phase.CONNECTING, output_started=True)
    tell(silent.state)
    tell(begun.state)
    assert (silent.now.phase, begun.now.phase) == (Phase.CONNECTING, Phase.STOPPING)


@pytest.mark.parametrize("order", [1, -1], ids=["signal first", "event first"])
def test_an_end_needs_the_signal_and_the_event_in_whatever_order(order: int) -> None:
    record = Record(Phase.LIVE)
    record.level = 4
    tell: list[Tell] = [
        lambda state: state.hear_signal("stop", -1),
        lambda state: state.hear_event(FrontendEvent.STREAMING_STOPPED),
    ]
    first, second = tell[::order]
    first(record.state)
    assert record.now.phase is Phase.LIVE
    second(record.state)
    assert (record.now.phase, record.now.stop_code, record.state.stopped_level) == (Phase.ENDED, -1, 4)


def test_what_was_not_seen_from_its_beginning_is_up_or_over_by_one_word() -> None:
    up = Record(Phase.UNKNOWN)
    up.state.hear_event(FrontendEvent.STREAMING_STARTED)
    assert (up.now.phase, up.now.connected_s, up.now.live_since_s) == (Phase.LIVE, None, up.clock.now_s)
    over = Record(Phase.UNKNOWN)
    over.state.hear_event(FrontendEvent.STREAMING_STOPPED)
    assert over.now.phase is Phase.ENDED


def test_a_stream_has_been_live_since_it_came_up_and_counts_from_its_last_connection() -> None:
    record = Record(Phase.CONNECTING, output_started=True)
    record.state.hear_event(FrontendEvent.STREAMING_STARTED)
    assert record.now.phase is Phase.CONNECTING
    record.state.hear_signal("start", 0)
    began_s = record.clock.now_s
    assert (record.now.live_since_s, record.now.connected_s) == (began_s, began_s)
    record.clock.advance(60)
    record.state.hear_signal("reconnect", 0)
    assert (record.now.phase, record.now.live_since_s) == (Phase.RECONNECTING, began_s)
    record.clock.advance(5)
    record.state.hear_signal("reconnect_success", 0)
    assert (record.now.phase, record.now.live_since_s, record.now.connected_s) == (Phase.LIVE, began_s, began_s + 65)
    record.state.stopping()
    assert (record.now.phase, record.now.live_since_s) == (Phase.STOPPING, began_s)


@pytest.mark.parametrize("phase", [Phase.CONNECTING, Phase.STOPPING, Phase.ENDED])
def test_only_a_stream_that_is_up_reconnects(phase: Phase) -> None:
    record = Record(phase)
    record.state.hear_signal("reconnect", 0)
    record.state.hear_signal("reconnect_success", 0)
    assert (record.now.phase, record.log) == (phase, [])


def test_what_obs_exchanges_and_its_end_are_known() -> None:
    state = Record(Phase.ENDED).state
    for begin, end, what in (
        (FrontendEvent.PROFILE_CHANGING, FrontendEvent.PROFILE_CHANGED, "profile"),
        (FrontendEvent.SCENE_COLLECTION_CHANGING, FrontendEvent.SCENE_COLLECTION_CHANGED, "scene collection"),
    ):
        state.hear_event(begin)
        assert state.changing == what
        state.hear_event(end)
        assert state.changing == ""
    assert not state.closed
    state.hear_event(FrontendEvent.SCRIPTING_SHUTDOWN)
    assert state.closed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"phase": "live"}, (Phase.LIVE, False)),
        ({"phase": "live", "stop_code": 0}, (Phase.ENDED, False)),
        ({"phase": "ended", "stop_code": 0}, (Phase.ENDED, False)),
        ({"phase": "asked"}, (Phase.PREPARING, True)),
        ({"phase": "preparing"}, (Phase.PREPARING, False)),
    ],
)
def test_the_next_life_goes_on_from_what_the_one_before_knew(before: dict[str, Any], after: tuple[Phase, bool]) -> None:
    carried = {"number": 7, "owner": "agent", **before}
    log: list[str] = []
    state = StreamState(ManualClock(), log.append, lambda: 1, lambda: None, carried)
    now = state.snapshot()
    assert (now.number, now.owner, (now.phase, now.boxed), log) == (7, Owner.AGENT, after, [])
    again = StreamState(ManualClock(), log.append, lambda: 1, lambda: None, state.carry())
    assert again.snapshot() == now


def test_a_first_life_knows_nothing() -> None:
    state = StreamState(ManualClock(), print, lambda: 1, lambda: None)
    assert state.carry() == {
        "number": 0, "owner": "streamer", "phase": "unknown", "armed": False, "level": 0, "output_started": False,
        "connected": False, "started_told": False, "refused": False, "stop_code": None, "stopped_told": False,
        "asked_s": 0.0, "asked_level": 0, "boxed": False, "live_since_s": None, "connected_s": None,
        "behind_drop": False,
    }  # fmt: skip
    assert (state.changing, state.stopped_level, state.closed) == ("", 0, False)


def test_who_waits_gets_what_was_reached_or_how_it_stands_at_the_deadline() -> None:
    record = Record(Phase.LIVE)
    assert record.state.wait(lambda now: now.number, record.clock.now_s - 1) == 7
    assert record.state.wait(lambda now: now.phase is Phase.ENDED, record.clock.now_s) is False
