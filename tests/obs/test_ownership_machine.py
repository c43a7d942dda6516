"""The streamer, the agent and OBS at once, in any order: what must never happen, and the old faults, each of which is
put back to see that this finds it."""

import contextlib
import gc
import importlib
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from clawcraft.errors import ClawcraftError, Interrupted, PausedByOperator, StreamStartFailed, Superseded
from obs_mock import MockObs, Scenario, Timings
from obs_mock.stream import Owner, State
from tests.obs.conftest import Rig
from tests.support.clock import ManualClock
from tests.support.obs_control import SCRIPT
from tests.support.waiting import wait_until

STEPS = 40
EXAMPLES = int(os.environ.get("CLAWCRAFT_MACHINE_EXAMPLES", "40"))
HOME, AWAY = "Untitled", "Other"
SETTLED_S = 5.0

good = Scenario("good")
WAYS = {
    "29.0.2": [
        good,
        good,
        good.but(silent=True),
        good.but(confirms=True),
        good.but(stop_code=-2),
        good.but(encoder_fails=True),
        good.but(dialog_while_starting=True),
        good.but(event_first=True),
    ]
}
WAYS["30.2.3"] = [
    *WAYS["29.0.2"],
    good.but(prepares_s=0.02),
    good.but(prepares_s=0.02, silent=True),
    good.but(prepares_s=0.0, preparation_fails=True),
    good.but(stopped_twice=True),
]
WAYS["32.2.2"] = WAYS["30.2.3"]


class Ownership(RuleBasedStateMachine):
    """The agent's thread is one for starts and one for stops, as in the service."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.start: Future[Any] | None = None
        self.stop: Future[Any] | None = None
        self.paused = False
        self.wanted = False
        """The agent's last word on the stream is that it shall be live."""
        self.stopped_starts: set[int] = set()
        """The starts that a stop of the agent was about."""

    @initialize(version=st.sampled_from(sorted(WAYS)))
    def open(self, version: str) -> None:
        self.folder = TemporaryDirectory()
        self.workers = [ThreadPoolExecutor(1, name) for name in ("starts", "stops")]
        self.clock = ManualClock()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("clawcraft.clock.SystemClock", lambda: self.clock)
        self.obs = MockObs(
            SCRIPT,
            settings={"plugin_dir": str(SCRIPT.parents[2] / "obs_plugin"), "port": 0},
            config_dir=Path(self.folder.name) / "obs-studio",
            timings=Timings().scaled(0.0),
            version=version,
        ).start()
        self.rig = Rig(self.obs, self.clock, self.workers[0])
        self.collection = HOME

    def teardown(self) -> None:
        if not hasattr(self, "obs"):
            return
        report = self.obs.stop()
        self._end_all()
        for worker in self.workers:
            worker.shutdown()
        self.patch.undo()
        self.folder.cleanup()
        report.check()

    # --- the streamer ---------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def meets(self, data: st.DataObject) -> None:
        """How the next starts go."""
        self.obs.scenario = data.draw(st.sampled_from(WAYS[self.obs.version]))

    @rule()
    def clicks_the_stream_button(self) -> None:
        self._prepare_no_click()
        self.obs.press_stream_button()

    @precondition(lambda self: self.obs.boxes())
    @rule(yes=st.booleans())
    def answers_a_box(self, yes: bool) -> None:
        self._prepare_no_click()
        self.obs.click_box(yes)

    @precondition(lambda self: self.collection == HOME)
    @rule()
    def clicks_it_in_another_collection(self) -> None:
        self.obs.switch_collection(AWAY)
        self.clicks_the_stream_button()
        self.obs.pass_queues()
        self.obs.switch_collection(HOME)

    def _prepare_no_click(self) -> None:
        """OBS tells nobody that it prepares what the streamer clicked on: until STREAMING_STARTING it cannot be known,
        and a start meanwhile is one too many."""
        self.obs.scenario = self.obs.scenario.but(prepares_s=None, preparation_fails=False)

    @rule()
    def pauses_or_resumes(self) -> None:
        self.paused = not self.paused
        if self.paused and self.collection == HOME:
            self.rig.stream.end_start(PausedByOperator("paused"))

    @rule()
    def reloads(self) -> None:
        if self.collection == HOME:
            self.obs.reload()

    @rule()
    def switches_the_collection(self) -> None:
        self.collection = AWAY if self.collection == HOME else HOME
        self.obs.switch_collection(self.collection)

    # --- the agent ------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.collection == HOME and self.start is None)
    @rule()
    def starts(self) -> None:
        if self.paused:
            return
        if self.stop is not None:
            self._settle()
            if not self.stop.done():
                return  # the service's worker lets a start wait for the stops that were accepted before it
        driver, stream = self.rig.driver, self.rig.stream
        self.wanted = True
        self.connections, self.was_live = self.obs.stream.connections, self._is_live()

        def run() -> Any:
            with driver._starts:
                return stream.start(None, self.rig._note, self._may)

        self.start = self.workers[0].submit(run)

    @precondition(lambda self: self.collection == HOME and self.stop is None)
    @rule()
    def stops(self) -> None:
        driver = self.rig.driver
        if self.start is not None:
            driver.do_supersede()
        self.wanted = False
        self.stopped_starts.add(self.obs.stream.starts)
        self.stop = self.workers[1].submit(driver.do_stop)
        self.obs.pass_queues()
        self.stopped_starts.add(self.obs.stream.starts)

    # --- the rest of the world ------------------------------------------------------------------------------------

    @rule()
    def the_server_answers(self) -> None:
        self.obs.answer()

    @rule()
    def the_connection_fails(self) -> None:
        if self.obs.stream.state is State.CONNECTING:
            self.obs.disconnect()

    @rule(seconds=st.sampled_from([1, 25, 70]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)
        if self.collection == HOME:
            self.rig.stream._state.wake()

    # --- what must always be --------------------------------------------------------------------------------------

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "obs"):
            return
        type(self).steps += 1
        self._settle()
        self._take(self._take_start, self._take_stop)
        assert self.obs.recorder.violations() == ()
        for owner, start in self.obs.stream.stopped_by_script:
            assert owner is Owner.SCRIPT or start in self.stopped_starts, "a stream of the streamer was stopped"
        if not self.wanted and self.start is None and self._is_live() and self.obs.stream.owner is Owner.SCRIPT:
            wait_until(lambda: not self._is_live(), "what nobody wants is stopped", SETTLED_S)

    def _take_start(self) -> None:
        start = self.start
        if start is None or not start.done():
            return
        self.start = None
        error = start.exception()
        if error is None:
            live = self.was_live or self.obs.stream.connections > self.connections
            assert live, "done without live"
            return
        assert isinstance(error, ClawcraftError), error
        self.wanted = self.wanted and self.was_live  # a stream that is up is not taken down by a start that failed
        if isinstance(error, StreamStartFailed) and error.details.get("obs_reason") == "not begun":
            assert self.obs.version != "29.0.2", "OBS ignored a start that was said to be possible"

    def _take_stop(self) -> None:
        stop = self.stop
        if stop is not None and stop.done():
            self.stop = None
            error = stop.exception()
            assert error is None or isinstance(error, ClawcraftError), error

    def _take(self, *ways: Callable[[], None]) -> None:
        for way in ways:
            way()

    def _may(self) -> None:
        if self.paused:
            raise PausedByOperator("paused")

    def _is_live(self) -> bool:
        return self.obs.stream.state in (State.LIVE, State.RECONNECTING)

    def _settle(self) -> None:
        """What follows from the last step has happened, as far as it does not wait for another one."""
        for _ in range(3):
            self.obs.pass_queues()
            for call in (self.start, self.stop):
                if call is not None and not call.done():
                    with contextlib.suppress(TimeoutError):
                        call.exception(0.004)

    def _end_all(self) -> None:
        for call in (self.start, self.stop):
            if call is not None:
                assert isinstance(call.exception(10), Interrupted | Superseded | ClawcraftError | None)


def run(examples: int, phases: tuple[Phase, ...] = tuple(Phase)) -> None:
    Ownership.steps = 0
    gc.freeze()  # each unload collects, and all that pytest and hypothesis hold would be looked through each time
    try:
        run_state_machine_as_test(
            Ownership,
            settings=settings(
                max_examples=examples,
                stateful_step_count=STEPS,
                phases=phases,
                deadline=None,
                database=None,
                derandomize=True,
                print_blob=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        gc.unfreeze()


def test_nothing_acts_against_the_streamer() -> None:
    run(EXAMPLES)


# --- the old faults, put back -----------------------------------------------------------------------------------------


def _a_stop_is_bound_to_nothing(module: Any) -> None:
    """C1: the promise of a stop outlives the start it was made for."""
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


def _boxes_are_not_seen(module: Any) -> None:
    """C2a."""
    module("orders").Orders._refuse_beneath_a_box = lambda _self, _window: None


def _events_are_missed_while_unloaded(module: Any) -> None:
    """C2b: what is not known is taken for offline."""
    stream, state = module("stream"), module("stream_state")
    close, found = stream.StreamController.close, state.StreamState._found

    def closed(self: Any) -> None:
        close(self)
        self.observer.tell(None)

    def guessed(self: Any, seen: Any, level: int) -> Any:
        phase = found(self, seen, level)
        return state.Phase.ENDED if phase is None and self._now.phase is state.Phase.UNKNOWN else phase

    stream.StreamController.close, state.StreamState._found = closed, guessed


def _a_start_is_over_with_its_call(module: Any) -> None:
    """C3: nothing is left of a preparation."""
    module("adapter").ObsAdapter.prepares = lambda _self: False


def _pause_counts_on_arrival_only(module: Any) -> None:
    """C5."""
    module("stream").StreamController.end_start = lambda _self, _error: None


def _silence_beneath_a_dialog_is_a_refusal(module: Any) -> None:
    """C9."""
    state = module("stream_state").StreamState
    settle = state.settle
    state.settle = lambda self, seen, _level: settle(self, seen, 0)


def _stopped_alone_ends_a_start(module: Any) -> None:
    """Doubled STOPPED."""
    state = module("stream_state")

    def ended(self: Any) -> None:
        if self._now.stopped_told:
            self._move(state.Phase.ENDED)

    state.StreamState._end_if_told = ended


def _a_failed_start_leaves_nothing_behind(module: Any) -> None:
    """A start that was given up goes live later."""
    module("stream_state").StreamState.arm = lambda _self, _number, armed=True: False


FAULTS = [
    _a_stop_is_bound_to_nothing,
    _boxes_are_not_seen,
    _events_are_missed_while_unloaded,
    _a_start_is_over_with_its_call,
    _pause_counts_on_arrival_only,
    _silence_beneath_a_dialog_is_a_refusal,
    _stopped_alone_ends_a_start,
    _a_failed_start_leaves_nothing_behind,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__.strip("_"))
def test_each_old_fault_is_found(fault: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> None:
    def module(name: str) -> Any:
        return importlib.import_module(f"clawcraft.obs.{name}")

    kept = [
        (cls, dict(vars(cls)))
        for name in ("adapter", "orders", "stream", "stream_state")
        for cls in vars(module(name)).values()
        if isinstance(cls, type) and cls.__module__ == module(name).__name__ and not issubclass(cls, Enum)
    ]
    fault(module)
    try:
        with pytest.raises((AssertionError, TimeoutError, ExceptionGroup, Flaky)):
            run(400, (Phase.generate,))
    finally:
        for cls, attributes in kept:
            for name, value in attributes.items():
                if callable(value):
                    setattr(cls, name, value)
    if path := os.environ.get("CLAWCRAFT_MACHINE_TABLE"):
        with Path(path).open("a", encoding="utf-8") as table:
            table.write(f"{fault.__name__.strip('_')}: {Ownership.steps}\n")
