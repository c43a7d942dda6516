"""Start and stop of the stream, truthfully reported, on top of OBS's events and signals.

The start worker calls ``start`` and the stop worker ``stop``; OBS's UI thread makes and closes it; any thread the
rest. What it rests on, measured on OBS 29 and read in the source of 30 to 32:

- The check "nothing is starting or up" and the start itself are one task on the UI thread, so that no click of the
  streamer can come between. A second start while OBS connects crashes OBS.
- The start is the frontend's C function, which releases the GIL: an error box keeps that call for as long as it is
  open, while Python goes on. Nobody waits for it to return.
- OBS cannot be stopped while it connects. A start that failed or was forbidden in that phase leaves a stop behind
  ("armed"), bound to its record, so that it does not go live by surprise; also in another scene collection.
"""

import contextlib
import functools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.clock import Clock
from clawcraft.errors import (
    ClawcraftError,
    Interrupted,
    ObsUnresponsive,
    StreamConnectFailed,
    StreamStartFailed,
    StreamStartTimeout,
    StreamStopTimeout,
    Superseded,
)
from clawcraft.obs.failures import STOPPED_HINT, start_failure
from clawcraft.obs.jpeg import Picture
from clawcraft.obs.libobs import Libobs, LibobsMissing
from clawcraft.obs.observer import Observer
from clawcraft.obs.orders import Found, Order, Orders
from clawcraft.obs.picture import ProgramPictures
from clawcraft.obs.port import ObsPort, ProgressSink
from clawcraft.obs.status import StatusPage
from clawcraft.obs.stream_state import Owner, Phase, Start, StreamState
from clawcraft.obs.ui_thread import UiThread
from clawcraft.settings import Settings

FIRST_RETRY_S: Final = 1.0
"""The second retry follows after twice that, and so on."""
LOOK_S: Final = 1.0
"""How often OBS is looked at while it prepares, or stops."""
DEACTIVATION_S: Final = 0.01
"""An output is active for a moment longer than its signal "stop" says; no signal comes behind that."""


@dataclass(slots=True)
class _Waiting:
    """The start that runs, why it is to end, the scene that was shown when OBS was told, the attempt that is under way
    in OBS, and whether somebody else than the service had OBS stop it."""

    ends: ClawcraftError | None = None
    scene: str | None = None
    order: Order | None = None
    is_stopped: bool = False


@dataclass(frozen=True, slots=True)
class AgentsStream:
    """A stream that an agent started: the number of its start, and since when it has been up, by the clock's
    ``monotonic``."""

    number: int
    live_since_s: float


class StreamController:
    """One life of the script. Its ``observer`` outlives it: the next life gets it, and with it what happened."""

    def __init__(
        self,
        obs: ObsPort,
        ui: UiThread,
        libobs: Libobs | LibobsMissing,
        clock: Clock,
        settings: Callable[[], Settings],
        observer: Observer | None = None,
    ) -> None:
        self._obs = obs
        self._ui = ui
        self._libobs = libobs
        self._clock = clock
        self._settings = settings
        self._running: _Waiting | None = None
        self._ending = threading.Lock()
        """Around why the running start ends, and its attempt: it is up for its job, or somebody ends it."""
        self.streamer_stopped: Callable[[bool], object] = lambda _own: None
        """Called on OBS's threads when somebody else than the service has OBS stop a stream, with whether it is the one
        of the start that runs; must return at once."""
        self.observer = observer
        if isinstance(libobs, LibobsMissing):
            self._state = self._new_state(None)
        else:
            self.observer = observer or Observer(libobs)
            with self.observer.changing_listener() as before:
                self._state = self._new_state(None if before is None else before.carry())
                self.observer.tell(self)
            self.observer.connect()
        self._after_unload = UiThread(libobs)
        self._orders = Orders(obs, ui, self._state)
        self._pictures = ProgramPictures()
        self._page = StatusPage(obs, ui, clock, self._state, self._orders.settle_now)
        now = self._state.snapshot()
        if self._state.arm(now.number, now.armed):
            self._stop_late()  # it came up while nobody was there to stop it

    def _new_state(self, carried: Mapping[str, Any] | None) -> StreamState:
        libobs = self._libobs

        def level() -> int:
            return libobs.window().level if isinstance(libobs, Libobs) else 0

        return StreamState(self._clock, self._log, level, self._stop_late, carried)

    def _log(self, line: str) -> None:
        """Not after unload, when obspython is no longer ours to call."""
        if not self._state.closed:
            self._obs.log(line)

    # --- OBS's threads: see observer.py ---------------------------------------------------------------------------

    def hear_event(self, code: int) -> None:
        if self._state.hear_event(code):
            self._tell_of_a_stop()
        self._page.expire()

    def hear_signal(self, name: str, code: int) -> None:
        if self._state.hear_signal(name, code):
            self._tell_of_a_stop()
        if name == "stop" and code:
            self._orders.know_box()
        self._page.expire()

    def _tell_of_a_stop(self) -> None:
        running = self._running
        order = None if running is None else running.order
        is_own = order is not None and order.number == self._state.snapshot().number
        if running is not None and is_own:
            running.is_stopped = True
        self.streamer_stopped(is_own)

    def carry(self) -> dict[str, Any]:
        """For the next life, which sees to everything from here on."""
        self._after_unload.close()
        return self._state.carry()

    def close(self) -> None:
        """At script_unload, on the UI thread. Ends a waiting start or stop as Interrupted, and all calls to OBS;
        idempotent. A start of the agent that is not up yet is stopped once it is: its job has just failed."""
        now = self._state.snapshot()
        self._state.must_stop = self._stop_after_unload
        is_ours = now.phase.is_beginning and now.owner is Owner.AGENT and not self._state.closed
        if is_ours and self._state.arm(now.number):
            self._stop_after_unload()
        self._state.closed = True
        self._state.wake()
        self._pictures.close()
        self._ui.close()

    # --- any thread -----------------------------------------------------------------------------------------------

    def end_start(self, error: ClawcraftError) -> None:
        """What the streamer or a stop forbids: a start that is not up for its job yet ends as ``error`` and leaves
        nothing behind that goes live."""
        running = self._running
        if running is not None:
            with self._ending:
                running.ends = error
                order = running.order
            if order is not None:
                self._see_off(order, error)  # at once: its thread may be at a disk that hangs
            self._state.wake()

    def agents_stream(self) -> AgentsStream | None:
        """The stream that is on air, if an agent's start put it there."""
        now = self._state.snapshot()
        if not now.phase.is_up or now.owner is not Owner.AGENT or now.live_since_s is None:
            return None
        return AgentsStream(now.number, now.live_since_s)

    def dropped(self) -> bool:
        """Whether the last stream that was up ended with an error: OBS gave up, nobody stopped it. A start that has
        begun since changes nothing until it is up."""
        return self._state.snapshot().has_dropped

    def end_agents_stream(self, number: int) -> None:
        """Returns at once. Stop this stream; never another one, and never the streamer's."""
        self._orders.stop_agents(number)

    def status(self) -> Mapping[str, Any]:
        """The ``obs`` object of ``GET /status``."""
        return self._page.read()

    def show(self) -> int:
        """A number for the stream that is up or beginning, or, while there is none, for the next one."""
        now = self._state.snapshot()
        return now.number + (now.phase is Phase.ENDED)

    def on_air(self) -> int | None:
        """The number of the stream that is up or beginning; None while there is none, or while it is being stopped."""
        now = self._state.snapshot()
        return None if now.phase in (Phase.STOPPING, Phase.ENDED) else now.number

    # --- the workers ----------------------------------------------------------------------------------------

    def check_scene(self, scene: str | None) -> None:
        """Before anything of a start: raises SceneNotFound for a scene (None: the default one of the settings, if any)
        that the current collection lacks, ObsUnavailable or ObsUnresponsive where OBS cannot be asked; changes
        nothing."""
        settings = self._settings()
        self._orders.check_scene(scene, settings.default_scene, settings.stream_operation_timeout_s)

    def switch_scene(self, scene: str, may: Callable[[], object]) -> str | None:
        """Show ``scene``; the one shown before. ``may`` as at a start. Raises SceneNotFound, other ClawcraftErrors."""
        before = self._orders.switch_scene(scene, may, self._settings().stream_operation_timeout_s)
        self._page.expire()
        return before

    def take_picture(self) -> Picture:
        """What viewers see right now. Raises ClawcraftError."""
        return self._pictures.take()

    def start(
        self, scene: str | None, progress: ProgressSink, may: Callable[[], object] = lambda: None
    ) -> Mapping[str, Any]:
        """Put the stream on air; returns once OBS says so: ``{"status": "started" | "already_running", "scene": …,
        "attempts": n, …}``. Each attempt has ``stream_operation_timeout_s``. ``may`` raises what forbids the start; it
        is asked on the UI thread, in the task that starts, and must return at once. Raises ClawcraftError."""
        settings = self._settings()
        start = self._running = _Waiting()
        try:
            found, attempts = self._attempts(start, scene or settings.default_scene or None, settings, progress, may)
        finally:
            self._running = None
            self._page.expire()
        return {
            "status": "already_running" if found is Found.UP else "started",
            "scene": start.scene,
            "attempts": attempts,
            **({"adopted": True} if found is Found.STARTING else {}),
        }

    def stop(self, progress: ProgressSink) -> Mapping[str, Any]:
        """Take the stream off air; returns once OBS says so: ``{"status": "stopped" | "already_stopped"}``. Raises
        ClawcraftError."""
        timeout_s = self._settings().stream_operation_timeout_s
        order = self._orders.stop(timeout_s)
        if order.found is Found.OFFLINE:
            return {"status": "already_stopped"}
        progress(50, "OBS stops the stream")  # behind the order: it reaches the disk while OBS is at work
        deadline_s = self._clock.monotonic() + timeout_s + order.delay_s

        def is_over(now: Start) -> bool:
            # Another one in the place of a start that was beginning may be that very start: OBS showed a box meanwhile.
            return _is_over(now, order.number) and (order.found is not Found.STARTING or now.phase is Phase.ENDED)

        if self._wait_over(is_over, deadline_s):
            return {"status": "stopped"}
        phase = self._state.snapshot().phase
        raise StreamStopTimeout(
            f"OBS did not report the stream stopped within {timeout_s:g} s; it is {phase.shown}."
            + (" It will be stopped as soon as OBS has connected." if phase.is_beginning else ""),
            details={"stream": phase.shown, "timeout_s": timeout_s},
        )

    # --- one start ------------------------------------------------------------------------------------------------

    def _attempts(
        self,
        start: _Waiting,
        scene: str | None,
        settings: Settings,
        progress: ProgressSink,
        may: Callable[[], object],
    ) -> tuple[Found, int]:
        """Attempts until one is up, and how many; only a server that cannot be reached is worth another."""
        attempts = 0
        while True:
            attempts += 1
            try:
                return self._attempt(start, scene, settings.stream_operation_timeout_s, progress, may), attempts
            except StreamStartFailed as error:
                error.details["attempts"] = attempts
                if start.is_stopped:
                    error.hint = STOPPED_HINT
                    raise
                if not isinstance(error, StreamConnectFailed) or attempts > settings.obs_retries:
                    raise
            scene = None  # what the streamer shows meanwhile stays
            delay_s = FIRST_RETRY_S * 2 ** (attempts - 1)
            progress(45, f"OBS cannot connect; attempt {attempts + 1} follows in {delay_s:g} s")
            self._wait(lambda _now: False, self._clock.monotonic() + delay_s, start)

    def _attempt(
        self, start: _Waiting, scene: str | None, timeout_s: float, progress: ProgressSink, may: Callable[[], object]
    ) -> Found:
        """One try to be up; raises why it is not."""
        deadline_s = self._clock.monotonic() + timeout_s

        def still_wanted() -> None:
            if start.ends is not None:
                raise start.ends
            may()

        while (order := self._orders.start(scene, still_wanted, timeout_s)).found is Found.STOPPING:
            if self._wait_over(functools.partial(_is_over, number=order.number), deadline_s, start):
                self._state.pause(DEACTIVATION_S)
            if self._clock.monotonic() >= deadline_s:
                raise StreamStartTimeout(f"The stream before did not end within {timeout_s:g} s.")
        start.scene = order.scene
        if order.found is Found.UP:
            return order.found
        try:
            with self._ending:
                start.order = order
                ends = start.ends
            if ends is not None:
                self._see_off(order, ends)
            if order.found is Found.ACTED:
                progress(30, "OBS starts the stream")  # behind the order: it reaches the disk while OBS is at work
                # Whether OBS started the output at all; if not, it says nothing more about this attempt.
                now = self._orders.settle(deadline_s - self._clock.monotonic())
                if now.number == order.number and now.is_silent:
                    raise start_failure(True, None, self._orders.last_error())
            deadline_s += self._orders.delay_s()
            # Below 60 where somebody else began it: it is no start of this job's, whatever becomes of it.
            progress(60 if order.found is Found.ACTED else 55, "OBS is connecting to the streaming server")
            self._wait_up(order.number, deadline_s, start, still_wanted)
            if start.ends is not None:
                raise start.ends
            self._judge(order, timeout_s)
            still_wanted()
            with self._ending:
                if start.ends is not None:
                    raise start.ends
                start.order = None
        except BaseException as error:
            self._see_off(order, error)
            raise
        return order.found

    def _see_off(self, order: Order, error: BaseException) -> None:
        """Any thread. What is left of an attempt that has failed must not go live later, or stay live; the streamer's
        own attempt may."""
        stopped = isinstance(error, Superseded)
        if (order.owner is Owner.AGENT or stopped) and self._state.arm(order.number):
            self._state.must_stop()

    def _judge(self, order: Order, timeout_s: float) -> None:
        """Raises unless the attempt is up."""
        now = self._state.snapshot()
        begun = now.level > 0 or now.output_started or now.connected or now.refused
        if now.number > order.number:
            raise StreamStartFailed(
                "The start ended, and the streamer began another one.", details={"obs_reason": "replaced"}
            )
        if now.phase is Phase.ENDED and begun:
            raise start_failure(now.refused, now.stop_code, self._orders.last_error())
        if now.phase in (Phase.ASKED, Phase.PREPARING) or not (begun or now.phase.is_up):
            raise StreamStartFailed(
                f"OBS did not begin to stream within {timeout_s:g} s: it asks a question, prepares still, or outputs "
                "are disabled.",
                details={"obs_reason": "not begun", "timeout_s": timeout_s},
                hint="Look at OBS's window and answer what it asks, then start again with a new request_id.",
            )
        if not (now.phase.is_up or now.connected):
            owned = order.owner is Owner.STREAMER
            later = "The streamer started it, so it goes on." if owned else "If it connects, it is stopped."
            raise StreamStartTimeout(
                f"OBS neither connected nor gave up within {timeout_s:g} s. {later}",
                details={"timeout_s": timeout_s},
            )

    def _wait_up(self, number: int, deadline_s: float, start: _Waiting, still_wanted: Callable[[], object]) -> None:
        """Until the attempt is up or over, or the deadline. OBS tells nobody that it gives up while it prepares; it
        shows a box, which is looked for. Nor does everybody tell who forbids the start, such as a command that revokes
        its agent: ``still_wanted`` is asked, and raises."""

        def is_decided(now: Start) -> bool:
            return _is_over(now, number) or now.phase.is_up

        while (now_s := self._clock.monotonic()) < deadline_s:
            if self._wait(is_decided, min(deadline_s, now_s + LOOK_S), start):
                return
            still_wanted()
            if self._state.snapshot().phase is Phase.PREPARING:
                with contextlib.suppress(ObsUnresponsive):
                    self._orders.settle(LOOK_S)

    def _wait_over(self, is_over: Callable[[Start], bool], deadline_s: float, start: _Waiting | None = None) -> bool:
        """As ``_wait``, for the end of a stop; OBS may owe it (see Observer.end_stop)."""
        over, observer = False, self.observer
        while not over and (now_s := self._clock.monotonic()) < deadline_s:
            over = self._wait(is_over, min(deadline_s, now_s + LOOK_S), start)
            if observer is not None and observer.owes_end:
                if over:  # so OBS's output says itself; its word may be on its way
                    until_s = min(deadline_s, self._clock.monotonic() + LOOK_S)
                    self._wait(lambda _now: not observer.owes_end, until_s)
                with contextlib.suppress(ObsUnresponsive):
                    self._orders.end_stop(observer.end_stop, LOOK_S)
        return over or is_over(self._state.snapshot())

    # --- helpers --------------------------------------------------------------------------------------------------

    def _wait(self, reached: Callable[[Start], bool], deadline_s: float, start: _Waiting | None = None) -> bool:
        """Until ``reached`` (True) or the deadline (False). Raises Interrupted at close, and what ends the start."""

        def is_to_end() -> bool:
            return self._state.closed or (start is not None and start.ends is not None)

        self._state.wait(lambda now: reached(now) or is_to_end(), deadline_s)
        if reached(self._state.snapshot()):
            return True
        if self._state.closed:
            raise Interrupted("The service stopped while OBS was working on the stream.")
        if start is not None and start.ends is not None:
            raise start.ends
        return False

    def _stop_late(self) -> None:
        """Any thread: a start has come up that was to be stopped. Not here: OBS is in the middle of its own start."""
        self._orders.stop_armed()

    def _stop_after_unload(self) -> None:
        """As ``_stop_late``, where nothing of obspython may be called any more."""
        libobs = self._libobs

        def stop() -> None:
            now = self._state.snapshot()
            if isinstance(libobs, Libobs) and now.armed and now.phase is not Phase.STOPPING:
                self._state.stopping()
                libobs.stop_streaming()

        self._after_unload.post(stop)


def _is_over(now: Start, number: int) -> bool:
    return now.number > number or (now.number == number and now.phase is Phase.ENDED)
