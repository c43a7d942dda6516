"""The streamer, the agent and OBS at once, in any order: what must never happen, and the old faults, each of which is
put back to see that this finds it.

All threads take turns and the time is the test's, so that each example ends alike on any machine.
CLAWCRAFT_MACHINE_EXAMPLES asks for more examples than the few of every day, for others at each run, and for the old
faults; 1,500 find them all. CLAWCRAFT_MACHINE_TABLE is a file that gets how many steps each took, and what it broke.
"""

import contextlib
import gc
import importlib
import os
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from clawcraft.errors import ClawcraftError, PausedByOperator, Superseded
from obs_mock import Scenario
from obs_mock.constants import EVENTS
from obs_mock.stream import Owner, State
from tests.support.obs_life import Call, evening

STEPS = 40
EXAMPLES = 40
MORE = int(os.environ.get("CLAWCRAFT_MACHINE_EXAMPLES", "0"))
HOME, AWAY = "Untitled", "Other"

GOOD = Scenario("good")
WAYS: dict[str, dict[str, Any]] = {
    "good": {},
    "silent": {"silent": True},
    "confirms": {"confirms": True},
    "asks": {"asks": True},
    "dead server": {"stop_code": -2},
    "dead server, no window": {"stop_code": -2, "window_visible": False},
    "refused key": {"stop_code": -3},
    "encoder": {"encoder_fails": True},
    "another dialog": {"dialog_while_starting": True},
    "event first": {"event_first": True},
    "stream delay": {"delay_s": 5},
    "server goes": {"live_s": 1.0},
    "server stays away": {"live_s": 1.0, "retries_fail": None},
    "the streamer starts": {"user_starts": True},
    "the streamer stops": {"user_stops": True},
    "slow look": {"look_s": 6.0},
    "UI hangs": {"ui_hang_s": 6.0},
}
LATER_WAYS: dict[str, dict[str, Any]] = {
    "prepares": {"prepares_s": 2.0},
    "prepares, silent": {"prepares_s": 2.0, "silent": True},
    "prepares in vain": {"prepares_s": 2.0, "preparation_fails": True},
    "stopped twice": {"stopped_twice": True},
}
ANY_WAY = st.sampled_from(sorted(WAYS | LATER_WAYS))
# Those that leave something open are half of them.
A_CLICK = st.sampled_from(["another dialog", "confirms", "good", "silent"]) | ANY_WAY
A_START = st.sampled_from(["another dialog", "good", "prepares", "silent", "slow look", "stopped twice"]) | ANY_WAY
SHOWN = {
    State.IDLE: "offline",
    State.PREPARING: "starting",
    State.CONNECTING: "starting",
    State.LIVE: "live",
    State.RECONNECTING: "reconnecting",
    State.STOPPING: "stopping",
}


class Ownership(RuleBasedStateMachine):
    """The agent has a thread for its start and one for its stop, as in the service."""

    steps: ClassVar[list[int]] = []
    """How many there were in each example."""
    told: ClassVar[list[tuple[str, ...]]] = []
    """What happened in each example."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0
        self.start: Call | None = None
        self.stop: Call | None = None
        self.paused = False
        self.wanted = False
        """The agent's last word is that a stream of its own shall be live."""
        self.meant: set[int] = set()
        """The starts of OBS that a stop of the agent was about."""
        self.stopped_to = 0
        """No start up to this one may be live any more: a stop of it is done."""

    @initialize(version=st.sampled_from(["29.0.2", "30.2.3", "32.2.2"]), seed=st.integers(0, 2**16))
    def open(self, version: str, seed: int) -> None:
        self.opened = contextlib.ExitStack()
        self.time, self.obs, self.lives = self.opened.enter_context(evening(version, seed, obs_retries=1))
        self.collection = HOME

    def teardown(self) -> None:
        if hasattr(self, "opened"):
            type(self).steps.append(self.taken)
            self.opened.close()
            type(self).told.append(self.obs.timeline())

    # --- the streamer ---------------------------------------------------------------------------------------------

    @precondition(lambda self: not self.obs.boxes())
    @rule(way=A_CLICK)
    def clicks_the_stream_button(self, way: str) -> None:
        self._meet(way)
        self._click()

    def _click(self) -> None:
        self._prepare_no_click()
        self.obs.press_stream_button()

    @precondition(lambda self: self.obs.boxes())
    @rule(yes=st.booleans())
    def answers_a_box(self, yes: bool) -> None:
        self._prepare_no_click()
        self.obs.click_box(yes)

    @precondition(lambda self: self.collection == HOME and not self.obs.boxes())
    @rule(way=A_CLICK, seconds=st.sampled_from([0.0, 0.1, 1.0]))
    def clicks_it_in_another_collection(self, way: str, seconds: float) -> None:
        self._until_done(lambda: self.obs.switch_collection(AWAY))
        self._meet(way)
        if not self.obs.boxes():
            self._click()
        self.time.pass_time(seconds)
        self._until_done(lambda: self.obs.switch_collection(HOME))

    def _meet(self, way: str) -> None:
        """How the next starts go: OBS prepares nothing before 30.2."""
        later = self.obs.version != "29.0.2"
        self.obs.scenario = GOOD.but(**(WAYS | LATER_WAYS if later else WAYS).get(way, {}))

    def _prepare_no_click(self) -> None:
        """OBS tells nobody that it prepares what the streamer clicked on: until STREAMING_STARTING it cannot be known,
        and a start meanwhile is one too many."""
        self.obs.scenario = self.obs.scenario.but(prepares_s=None, preparation_fails=False)

    @rule()
    def pauses_or_resumes(self) -> None:
        self.paused = not self.paused
        if self.paused and self.collection == HOME:
            self.wanted = self.wanted and self._is_live()
            self.lives.stream.end_start(PausedByOperator("paused"))

    @precondition(lambda self: self.collection == HOME and not self.obs.boxes())
    @rule()
    def reloads(self) -> None:
        self._until_done(self.obs.reload)

    @rule()
    def switches_the_collection(self) -> None:
        self.collection = AWAY if self.collection == HOME else HOME
        self._until_done(lambda: self.obs.switch_collection(self.collection))

    def _until_done(self, act: Callable[[], None]) -> None:
        """OBS is slow, or shows a box in the middle of it."""
        call = Call(self.time, "the streamer", act)
        self.time.rest()
        while not call.is_over:
            if self.obs.boxes():
                self.answers_a_box(yes=False)
            self.time.pass_time(1.0)
        assert call.error is None, call.error

    # --- the agent ------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.collection == HOME and not self.paused and (self.start or self.stop) is None)
    @rule(way=A_START)
    def starts(self, way: str) -> None:
        """Not while a stop runs: the service's start waits for it."""
        self._meet(way)
        stream = self.lives.stream
        self.connections, self.was_live, self.was_wanted = self.obs.stream.connections, self._is_live(), self.wanted
        self.wanted = True
        self.start = self.lives.call("start", lambda: stream.start(None, lambda _percent, _message: None, self._may))

    @precondition(lambda self: self.collection == HOME and self.stop is None)
    @rule()
    def stops(self) -> None:
        stream = self.lives.stream
        wanted = self.wanted if self.start is None else self.was_wanted and self.was_live
        self.goes_on = wanted and self._is_live()
        if self.start is not None:
            stream.end_start(Superseded("a stop was accepted"))
        self.wanted = False
        self.meant.add(self.obs.stream.starts)
        self.stop = stop = self.lives.call("stop", lambda: stream.stop(lambda _percent, _message: None))
        self.time.rest()
        self._is_about(stop)
        self.obs.post(lambda: self._is_about(stop))  # if OBS hangs, it does first what the streamer clicked before

    def _is_about(self, stop: Call) -> None:
        if not stop.is_over or stop.error is None:
            self.meant.add(self.obs.stream.starts)
            self.stop_is_about = self.obs.stream.starts

    # --- the rest of the world ------------------------------------------------------------------------------------

    @precondition(lambda self: self.obs.stream.state is State.CONNECTING)
    @rule(streamer_stops=st.booleans())
    def the_server_answers(self, streamer_stops: bool) -> None:
        """At once the streamer may have enough of it: a click that comes in before OBS says that it is live."""
        self.obs.scenario = self.obs.scenario.but(user_stops=streamer_stops)
        self.obs.answer()

    @precondition(lambda self: self.obs.stream.state in (State.CONNECTING, State.LIVE))
    @rule()
    def the_connection_is_lost(self) -> None:
        self.obs.disconnect()

    @precondition(lambda self: not self.obs.ui_hangs())
    @rule(seconds=st.sampled_from([1.0, 6.0]))
    def the_window_hangs(self, seconds: float) -> None:
        """What OBS's output tells meanwhile is known to the script before the event of it."""
        self.obs.hang_ui(seconds)

    @rule(seconds=st.sampled_from([0.05, 0.3, 1.5, 7.0, 25.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.time.pass_time(seconds)

    # --- what must always be --------------------------------------------------------------------------------------

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "collection"):
            return
        self.taken += 1
        self.time.rest()
        self._take_start()
        self._take_stop()
        assert self.obs.recorder.violations() == ()
        stream = self.obs.stream
        for owner, number in stream.stopped_by_script:
            assert owner is Owner.SCRIPT or number in self.meant, "a stream of the streamer was stopped"
        if self._is_live():
            assert stream.starts > self.stopped_to, "live after a stop that is done"
            late = self.obs.ui_hangs()
            assert self.start or self.wanted or late or stream.owner is Owner.USER, "live though nobody wants it"
        self._shows_what_is()

    def _take_start(self) -> None:
        start = self.start
        if start is None or not start.is_over:
            return
        self.start = None
        error = start.error
        if error is None:
            assert self.was_live or self.obs.stream.connections > self.connections, "done without live"
            return
        assert isinstance(error, ClawcraftError), error
        # A stream that was up is not taken down by a start that failed.
        self.wanted = self.wanted and self.was_wanted and self.was_live

    def _take_stop(self) -> None:
        stop = self.stop
        if stop is None or not stop.is_over:
            return
        self.stop = None
        assert stop.error is None or isinstance(stop.error, ClawcraftError), stop.error
        if stop.error is None:
            self.stopped_to = self.stop_is_about
        elif self.stop_is_about not in [number for _owner, number in self.obs.stream.stopped_by_script]:
            self.wanted = self.goes_on  # OBS was never told, and the agent knows

    def _shows_what_is(self) -> None:
        """Not beneath a box, where OBS is in the middle of something; not in its moment between "stop" and idle; and
        a preparation that failed is known by a deadline only."""
        output = self.obs.stream.output
        ending = self.obs.stream.state is State.IDLE and output is not None and output.active
        if self.collection != HOME or self.obs.boxes() or self.obs.ui_hangs() or ending:
            return
        scenario, self.obs.stream.scenario = self.obs.stream.scenario, GOOD  # it is for those who act
        self.lives.stream._page.expire()
        status = self.lives.stream.status()
        self.obs.stream.scenario = scenario
        shown, is_now = status["stream"]["state"], self.obs.stream.state
        preparing = self.lives.stream._state.snapshot().phase == "preparing"
        assert shown == SHOWN[is_now] or preparing, f"{shown} is shown, OBS is {is_now}"

    def _may(self) -> None:
        if self.paused:
            raise PausedByOperator("paused")

    def _is_live(self) -> bool:
        return self.obs.stream.state in (State.LIVE, State.RECONNECTING)


def run(examples: int, **options: Any) -> None:
    Ownership.steps, Ownership.told = [], []
    gc.freeze()  # each unload collects, and all that pytest and hypothesis hold would be looked through each time
    try:
        run_state_machine_as_test(
            Ownership,
            settings=settings(
                max_examples=examples,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                print_blob=False,
                suppress_health_check=list(HealthCheck),
                **options,
            ),
        )
    finally:
        gc.unfreeze()


def test_nothing_acts_against_the_streamer() -> None:
    run(MORE or EXAMPLES, derandomize=not MORE)
    tell("no fault", sum(Ownership.steps), "nothing")


def test_each_example_ends_alike_each_time() -> None:
    runs = []
    for _ in range(2):
        run(5, derandomize=True, phases=(Phase.generate,))
        runs.append(Ownership.told)
    assert runs[0] == runs[1]


# --- the old faults, put back -----------------------------------------------------------------------------------------


def _a_stop_is_bound_to_nothing(module: Callable[[str], Any]) -> None:
    """The promise of a stop outlives the start it was made for."""
    state = module("stream_state").StreamState
    move, begin = state._move, state._begin

    def moved(self: Any, phase: Any) -> None:
        armed = self._now.armed
        move(self, phase)
        self._now.armed = armed

    def begun(self: Any, owner: Any, phase: Any) -> None:
        armed = self._now.armed
        begin(self, owner, phase)
        self._now.armed = armed

    state._move, state._begin = moved, begun


def _boxes_are_not_seen(module: Callable[[str], Any]) -> None:
    module("orders").Orders._refuse_beneath_a_box = lambda _self, _window: None


def _what_happens_while_unloaded_is_not_heard(module: Callable[[str], Any]) -> None:
    """What was known before is taken for what is."""
    controller = module("stream").StreamController
    close = controller.close

    def closed(self: Any) -> None:
        close(self)
        self.hear_event = lambda _code: None
        self.hear_signal = lambda _name, _code: None

    controller.close = closed


def _a_start_is_over_with_its_call(module: Callable[[str], Any]) -> None:
    """Nothing is left of a preparation."""
    module("adapter").ObsAdapter.prepares = lambda _self: False


def _pause_counts_on_arrival_only(module: Callable[[str], Any]) -> None:
    module("stream").StreamController.end_start = lambda _self, _error: None
    attempts = module("stream").StreamController._attempts

    def unasked(self: Any, start: Any, settings: Any, progress: Any, _may: Any) -> Any:
        return attempts(self, start, settings, progress, lambda: None)

    module("stream").StreamController._attempts = unasked


def _a_refused_output_is_never_noticed(module: Callable[[str], Any]) -> None:
    """The streamer's start fails in the encoder: starting for good."""
    state = module("stream_state").StreamState
    settle = state.settle

    def settled(self: Any, seen: Any, level: int) -> None:
        self._now.level = -1
        settle(self, seen, level)

    state.settle = settled


def _a_start_follows_though_nobody_waits(module: Callable[[str], Any]) -> None:
    """The deadline passes while the check runs."""
    task = module("ui_thread")._Task

    def wait(self: Any, timeout_s: float) -> bool:
        return bool(self._settled.wait(timeout_s))

    task.wait = wait


def _silence_beneath_a_dialog_is_a_refusal(module: Callable[[str], Any]) -> None:
    state = module("stream_state").StreamState
    settle = state.settle
    state.settle = lambda self, seen, _level: settle(self, seen, 0)


def _an_end_that_was_missed_is_never_noticed(module: Callable[[str], Any]) -> None:
    """A stream ends while the script is unloaded."""
    controller = module("stream").StreamController
    close = controller.close

    def closed(self: Any) -> None:
        close(self)
        event, signal = self.hear_event, self.hear_signal
        self.hear_event = lambda code: None if code == EVENTS["STREAMING_STOPPED"] else event(code)
        self.hear_signal = lambda name, code: None if name == "stop" else signal(name, code)

    controller.close = closed
    state = module("stream_state")
    found = state.StreamState._found

    def as_told(self: Any, seen: Any, level: int) -> Any:
        return None if self._now.phase in (state.Phase.LIVE, state.Phase.STOPPING) else found(self, seen, level)

    state.StreamState._found = as_told


def _stopped_alone_ends_a_start(module: Callable[[str], Any]) -> None:
    """STOPPED comes twice, the second time within the next start."""
    state = module("stream_state")

    def ended(self: Any) -> None:
        if self._now.stopped_told:
            self._move(state.Phase.ENDED)

    state.StreamState._end_if_told = ended


def _a_failed_start_leaves_nothing_behind(module: Callable[[str], Any]) -> None:
    """A start that was given up goes live later."""
    module("stream_state").StreamState.arm = lambda _self, _number, armed=True: False


def _up_is_what_the_event_says(module: Callable[[str], Any]) -> None:
    """A stop that is promised between the signal and the event of a start is forgotten."""
    state = module("stream_state").StreamState
    arm = state.arm

    def armed_when_up(self: Any, number: int, armed: bool = True) -> bool:
        return bool(arm(self, number, armed)) and self._now.phase.is_up

    state.arm = armed_when_up


def _the_stop_after_unload_is_blind(module: Callable[[str], Any]) -> None:
    """It comes behind the streamer's own."""
    controller = module("stream").StreamController
    controller._stop_after_unload = lambda self: self._libobs.stop_streaming()


FAULTS = [
    _a_stop_is_bound_to_nothing,
    _boxes_are_not_seen,
    _what_happens_while_unloaded_is_not_heard,
    _a_start_is_over_with_its_call,
    _pause_counts_on_arrival_only,
    _a_refused_output_is_never_noticed,
    _a_start_follows_though_nobody_waits,
    _silence_beneath_a_dialog_is_a_refusal,
    _an_end_that_was_missed_is_never_noticed,
    _stopped_alone_ends_a_start,
    _a_failed_start_leaves_nothing_behind,
    _up_is_what_the_event_says,
    _the_stop_after_unload_is_blind,
]


@contextlib.contextmanager
def put_back(fault: Callable[[Callable[[str], Any]], None]) -> Iterator[None]:
    """The product with this fault."""

    def module(name: str) -> Any:
        return importlib.import_module(f"clawcraft.obs.{name}")

    kept = [
        (kind, dict(vars(kind)))
        for name in ("adapter", "orders", "stream", "stream_state", "ui_thread")
        for kind in vars(module(name)).values()
        if isinstance(kind, type) and kind.__module__ == module(name).__name__ and not issubclass(kind, Enum)
    ]
    fault(module)
    try:
        yield
    finally:
        for kind, attributes in kept:
            for name, value in attributes.items():
                if vars(kind).get(name) is not value:
                    setattr(kind, name, value)


@pytest.mark.skipif(not MORE, reason="takes minutes: CLAWCRAFT_MACHINE_EXAMPLES=1500 asks for it")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__.strip("_"))
def test_each_old_fault_is_found(fault: Callable[[Callable[[str], Any]], None]) -> None:
    with put_back(fault), pytest.raises(AssertionError) as found:
        run(MORE, derandomize=True, phases=(Phase.generate,))
    # The last example is the one before once more, for the report.
    said = str(found.value).split("\n")
    broken = said[1].removeprefix("- ") if said[0].endswith(":") else said[0]
    tell(fault.__name__.strip("_").replace("_", " "), sum(Ownership.steps[:-1]), broken)


def tell(fault: str, steps: int, broken: str) -> None:
    """A row of the table, if one is asked for."""
    if path := os.environ.get("CLAWCRAFT_MACHINE_TABLE"):
        with Path(path).open("a", encoding="utf-8") as table:
            table.write(f"{fault} | {steps} | {broken}\n")
