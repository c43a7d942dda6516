"""Streaming: start, stop and disconnect, as OBS's frontend and its output do them together.

The order of events and signals, and the threads they come on, are those of OBS 29 (tests/contract_obs holds both to
them). ``starting`` and ``stopping`` come on the UI thread, ``start``, ``stop`` and ``reconnect`` on an output thread.
"""

import enum
import threading
from collections import deque
from collections.abc import Callable

from obs_mock.constants import EVENTS
from obs_mock.loops import Loop
from obs_mock.output import Boxes, Output
from obs_mock.scenarios import DISCONNECTED, Scenario, Timings
from obs_mock.signals import SignalHandler
from obs_mock.violations import Recorder

SIGNALS = ("start", "stop", "starting", "stopping", "activate", "deactivate", "reconnect", "reconnect_success")


class State(enum.Enum):
    IDLE = enum.auto()
    PREPARING = enum.auto()
    CONNECTING = enum.auto()
    LIVE = enum.auto()
    RECONNECTING = enum.auto()
    STOPPING = enum.auto()


class Owner(enum.Enum):
    """Who asked for the stream there is."""

    SCRIPT = enum.auto()
    USER = enum.auto()


def _nothing() -> None:
    pass


class Stream:
    """What OBS does with its Start Streaming button. UI thread, unless a method says otherwise."""

    def __init__(
        self,
        ui: Loop,
        outputs: Loop,
        recorder: Recorder,
        boxes: Boxes,
        timings: Timings,
        new_signals: Callable[[tuple[str, ...]], SignalHandler],
        emit_event: Callable[[int], None],
        save: Callable[[], None],
        numbers: tuple[int, ...],
    ) -> None:
        self._numbers = numbers
        self.prepares = numbers >= (30, 2)
        """Whether this OBS has Enhanced Broadcasting."""
        self._ui = ui
        self._outputs = outputs
        self._recorder = recorder
        self._boxes = boxes
        self._timings = timings
        self._new_signals = new_signals
        self._emit_event = emit_event
        self._save = save
        self._lock = threading.Lock()
        self._queued = 0
        self.starts = 0
        self._retries = 0
        self.state = State.IDLE
        self.owner = Owner.USER
        self.connections = 0
        self.stopped_by_script: list[tuple[Owner, int]] = []
        """Whose each stream was that the script stopped, and the number of its start."""
        self.output: Output | None = None
        self.streaming = False
        self.scenario = Scenario("good")
        self.next_scenarios: deque[Scenario] = deque()

    # The way in

    def request_start(self) -> None:
        """``obs_frontend_streaming_start`` of the script, any thread: at once on the UI thread, else queued."""
        if self._ui.is_current():
            self._start(by_script=True)
            return
        self.let_user_start()
        with self._lock:
            second = self._queued > 0 or self._is_beginning()
            self._queued += 0 if second else 1
        if second:
            raise self._recorder.violation(self._second_start())
        self._ui.post(self._queued_start)

    def request_stop(self) -> None:
        """``obs_frontend_streaming_stop``, any thread."""
        if self._ui.is_current():
            self._stop(by_script=True)
        else:
            self._ui.post(lambda: self._stop(by_script=True))

    def let_user_start(self) -> None:
        """Any thread: in the scenario ``user_starts`` the user's click is queued before what the caller queues."""
        if self.scenario.user_starts:
            self.scenario = self.scenario.but(user_starts=False)
            self._ui.post(self.press_button)

    def press_button(self) -> None:
        """The user's Start/Stop button: disabled while connecting."""
        if self._active():
            if self.state in (State.LIVE, State.RECONNECTING):
                self._stop(by_script=False)
        elif not self._is_beginning():
            # OBSBasic::on_streamButton_clicked (later StreamActionTriggered) asks, then calls StartStreaming, which
            # looks at nothing but whether the output is active.
            if self.scenario.confirms and not self._boxes.show("Are you sure you want to start streaming?"):
                return
            self._start(by_script=False)

    def answer(self) -> None:
        """Any thread: the server that was silent answers at last."""
        run = self.starts
        self._outputs.post(lambda: self._connected(run))

    def disconnect(self) -> None:
        """Any thread: the server goes away; while connecting, the connection fails."""
        run = self.starts
        self._outputs.post(lambda: self._disconnected(run))

    def _active(self) -> bool:
        """``BasicOutputHandler::StreamingActive``: ``obs_output_active``, a moment longer than until "stop"."""
        return self.output is not None and self.output.active

    def _is_beginning(self) -> bool:
        """Under way, but not active yet: where OBS does not refuse a second start."""
        return self.state in (State.PREPARING, State.CONNECTING) and not self._active()

    def _is_connecting(self) -> bool:
        """The output runs, which STREAMING_STARTING comes before."""
        return self.state is State.CONNECTING and self._existing().signals.emitting

    def _second_start(self) -> str:
        outcome = "crashes OBS" if self._numbers < (30,) else "makes two connections"
        if self._numbers >= (31,):
            outcome = "ends the stream by itself after 4 s"
        return f"second start while {self.state.name.lower()}: {outcome}"

    def _queued_start(self) -> None:
        with self._lock:
            self._queued -= 1
        if self._is_beginning():  # the user was faster; the caller is gone, so nobody can catch it
            self._recorder.violation(self._second_start())
            return
        self._start(by_script=True)

    # Start

    def _start(self, by_script: bool) -> None:
        """``OBSBasic::StartStreaming``."""
        if self._active():
            self._recorder.note("start ignored")
            return
        if self._is_beginning():
            raise self._recorder.violation(self._second_start())
        if self.next_scenarios:
            self.scenario = self.next_scenarios.popleft()
        if self.scenario.asks:
            self._boxes.show("Are you sure?")
            return
        self.owner = Owner.SCRIPT if by_script else Owner.USER
        self._recorder.note(f"start by {self.owner.name.lower()}")
        self.starts += 1
        self._retries = 0
        self._create_output()
        if self.scenario.prepares_s is None:
            self._begin()
            return
        # BasicOutputHandler::SetupMultitrackVideo: a thread asks the service, and the UI thread goes on with
        # finish_stream_setup when it has answered.
        assert self.prepares, "an asynchronous preparation came with OBS 30.2"
        self.state = State.PREPARING
        self._ui.post(self._begin, self.scenario.prepares_s)

    def _begin(self) -> None:
        """``finish_stream_setup``."""
        if self.scenario.preparation_fails:
            self.state = State.IDLE
            self._boxes.show("Failed to start streaming")  # DisplayStreamStartError; no event, and no signal
            return
        self.state = State.CONNECTING
        scenario, run = self.scenario, self.starts
        assert self.output is not None
        self.output.last_error = None
        self._emit_event(EVENTS["STREAMING_STARTING"])
        if scenario.dialog_while_starting:
            self._boxes.show("Another plugin's dialog")
        self._ui.post(self._save)
        if scenario.encoder_fails:
            self.state = State.IDLE
            self._boxes.show("Failed to start streaming")
            return
        if self.output.owes_end:
            raise self._recorder.violation("a start behind a stop whose end OBS owes: it hangs for ever")
        self.output.signals.emitting = True
        self.output.signals.emit("starting")
        if scenario.silent:
            return
        if scenario.stop_code is None:
            self._outputs.post(lambda: self._connected(run), self._timings.connect_s + scenario.delay_s)
        else:
            code, error = scenario.stop_code, scenario.last_error
            delay_s = self._timings.fail_s if code == -2 else self._timings.refuse_s
            self._outputs.post(lambda: self._fail(run, code, error), delay_s)

    def _create_output(self) -> None:
        """OBS keeps it for the next start, unless its type changes."""
        if self.output is None:
            self.output = Output(self._new_signals(SIGNALS))

    def _connected(self, run: int) -> None:
        if run != self.starts or not self._is_connecting():
            return
        scenario, output = self.scenario, self._existing()
        self.state = State.LIVE
        self.connections += 1
        output.connected()
        output.signals.emit("activate")
        self.streaming = True
        self._signal("start", "STREAMING_STARTED", before=self.press_button if scenario.user_stops else _nothing)
        if scenario.live_s is not None:
            self._outputs.post(lambda: self._disconnected(run), scenario.live_s)

    def _fail(self, run: int, code: int, error: str | None) -> None:
        """The output thread: the stream ends with an error."""
        if run != self.starts or self.state in (State.IDLE, State.STOPPING):
            return
        output = self._existing()
        output.last_error = error
        output.disconnected()
        output.active = False
        self._ended(code)

    # Stop

    def _stop(self, by_script: bool) -> None:
        self._ui.post(self._save)
        output = self.output
        if output is None or not output.active:
            return  # also while connecting: OBS cannot stop then
        if self.state is State.STOPPING:
            if by_script:
                raise self._recorder.violation("second stop while stopping: OBS takes it as a forced stop")
            return
        if self.state is State.IDLE:
            return  # the encoders of the stream before are still ending
        if by_script:
            self.stopped_by_script.append((self.owner, self.starts))
            self._recorder.note(f"stop by script of {self.owner.name.lower()}")
        reconnecting = self.state is State.RECONNECTING
        output.owes_end = reconnecting and self._retries == 1 and self.scenario.lingers
        self.state = State.STOPPING
        self._emit_event(EVENTS["STREAMING_STOPPING"])
        output.signals.emit("stopping")
        if reconnecting:
            output.active = False
            if not output.owes_end:
                self._ended(0)
        else:
            self._outputs.post(self._stopped_output, self._timings.stop_s + self.scenario.delay_s)

    def force_stop(self, output: Output) -> None:
        """``obs_output_force_stop`` of an output that is idle: it tells an end."""
        if output.active:
            raise self._recorder.violation("a forced stop of an output that is active cuts off the stream's end")
        before, self.state = self.state, State.STOPPING
        if not output.owes_end:
            self._emit_event(EVENTS["STREAMING_STOPPING"])
            output.signals.emit("stopping")
        output.owes_end = False
        self._ended(0)
        if before is not State.STOPPING:
            self.state = before

    def _stopped_output(self) -> None:
        output = self._existing()
        output.disconnected()
        self._ended(0)
        self._outputs.post(self._deactivated, self._timings.deactivate_s)

    def _deactivated(self) -> None:
        output = self._existing()
        output.signals.emit("deactivate")
        output.active = False

    def _ended(self, code: int) -> None:
        """The UI thread after a stop while reconnecting, else the output thread."""
        self.streaming = False
        self.state = State.IDLE
        if self._ui.is_current():
            self._emit_event(EVENTS["STREAMING_STOPPED"])
            self._existing().signals.emit("stop", code=code)
        else:
            self._signal("stop", "STREAMING_STOPPED", then=lambda: self._show_failure(code), code=code)
            if self.scenario.stopped_twice:
                self._ui.post(lambda: self._emit_event(EVENTS["STREAMING_STOPPED"]), self._timings.second_stop_s)
        self._existing().signals.emitting = self.state is not State.IDLE

    def _show_failure(self, code: int) -> None:
        if code and self.scenario.window_visible:
            self._boxes.show(f"Failed to connect to server ({code})")

    # Disconnect

    def _disconnected(self, run: int) -> None:
        if run != self.starts:
            return
        if self._is_connecting():
            self._fail(run, -2, None)
        elif self.state is State.LIVE:
            self._existing().disconnected()
            self.state = State.RECONNECTING
            self._reconnect(run)

    def _reconnect(self, run: int) -> None:
        """One attempt: 2, 2, 4 … seconds later."""
        delay_s = self._timings.reconnect_s * 2 ** max(0, self._retries - 1)
        self._retries += 1
        self._existing().signals.emit("reconnect", timeout_sec=round(delay_s))
        self._outputs.post(lambda: self._retried(run), delay_s)

    def _retried(self, run: int) -> None:
        if run != self.starts or self.state is not State.RECONNECTING:
            return
        fails = self.scenario.retries_fail
        if fails is None and self._retries > 2:
            self._fail(run, DISCONNECTED, None)
        elif fails is None or self._retries <= fails:
            self._reconnect(run)
        else:
            self._retries = 0
            self._existing().connected()
            self.state = State.LIVE
            self._existing().signals.emit("reconnect_success")

    # Both

    def _signal(
        self,
        name: str,
        event: str,
        before: Callable[[], None] = _nothing,
        then: Callable[[], None] = _nothing,
        **values: int,
    ) -> None:
        """On the output thread: the output's signal and OBS's own event, in the order the scenario says. OBS's own
        listener was connected first: what it posts to the UI thread stands before all that another one posts."""
        event_first = self.scenario.event_first
        told, emitted = threading.Event(), threading.Event()

        def on_ui() -> None:
            if not event_first:
                emitted.wait(5)
            before()  # a click that came in before
            self._emit_event(EVENTS[event])
            told.set()
            then()

        self._ui.post(on_ui)
        if event_first:
            told.wait(5)
        self._existing().signals.emit(name, **values)
        emitted.set()

    def _existing(self) -> Output:
        assert self.output is not None
        return self.output
