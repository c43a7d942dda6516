"""Start and stop of the stream, truthfully reported, on top of OBS's events and signals.

The stream worker calls ``start`` and ``stop``; OBS's UI thread calls ``on_frontend_event`` and ``close``; any thread
the rest. What it rests on, measured on OBS 29 and read in the source of 30 to 32:

- The check "nothing is starting or up" and the start itself are one task on the UI thread, so that no click of the
  streamer can come between. A second start while OBS connects crashes OBS.
- The start is the frontend's C function, which releases the GIL: an error box keeps that call for as long as it is
  open, while Python goes on. Nobody waits for it to return.
- OBS cannot be stopped while it connects. A start that failed or was superseded in that phase leaves a stop behind
  ("armed"), so that it does not go live by surprise.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.clock import Clock
from clawcraft.errors import (
    ClawcraftError,
    Interrupted,
    StreamConnectFailed,
    StreamStartFailed,
    StreamStartTimeout,
    StreamStopTimeout,
    Superseded,
)
from clawcraft.obs.failures import start_failure
from clawcraft.obs.orders import UI_TIMEOUT_S, Found, Orders, StartOrder
from clawcraft.obs.port import FrontendEvent, ObsPort, ProgressSink
from clawcraft.obs.status import StatusPage
from clawcraft.obs.stream_state import Phase, StreamState, StreamTracker
from clawcraft.obs.ui_thread import UiThread
from clawcraft.settings import Settings

SIGNAL_GRACE_S: Final = 0.25
"""OBS posts STOPPED to its UI thread before our listener of ``stop`` runs on the output's thread."""
FIRST_RETRY_S: Final = 1.0
"""The second retry follows after twice that, and so on."""
LATE_STOP_JOIN_S: Final = 0.5


@dataclass(slots=True)
class _Start:
    """The start that runs."""

    superseded: bool = False


class StreamController:
    """One life of the script; ``carry()`` hands what it knows to the next."""

    def __init__(
        self,
        obs: ObsPort,
        ui: UiThread,
        clock: Clock,
        settings: Callable[[], Settings],
        carried: Mapping[str, Any] | None = None,
    ) -> None:
        self._obs = obs
        self._ui = ui
        self._clock = clock
        self._settings = settings
        self._tracker = StreamTracker(clock, carried)
        self._orders = Orders(obs, ui, self._tracker)
        self._page = StatusPage(obs, ui, clock, self._tracker, self._orders.settle_now)
        self._running: _Start | None = None
        self._late_stop: threading.Thread | None = None

    # --- OBS's UI thread ------------------------------------------------------------------------------------------

    def on_frontend_event(self, code: int) -> None:
        """Notes the event and returns."""
        self._page.expire()
        event = self._obs.event(code)
        if event is None or self._tracker.snapshot().closed:
            return
        self._tracker.on_event(event)
        if event is FrontendEvent.STREAMING_STARTING:
            self._tracker.set(signals=self._obs.connect_signals(self._on_signal))
        elif event is FrontendEvent.STREAMING_STARTED and self._must_stop():
            # Not here: OBS is in the middle of its own start.
            self._late_stop = threading.Thread(target=self._stop_late, name="clawcraft-late-stop", daemon=True)
            self._late_stop.start()
        elif event is FrontendEvent.SHUTDOWN:
            self._tracker.set(closed=True)

    def _on_signal(self, name: str, code: int) -> None:
        """Any thread of OBS."""
        self._tracker.on_signal(name, code)
        self._page.expire()

    def close(self) -> None:
        """At script_unload. Ends a waiting start or stop as Interrupted, and all calls to OBS; idempotent."""
        self._tracker.set(closed=True)
        self._ui.close()
        if self._late_stop is not None:
            self._late_stop.join(LATE_STOP_JOIN_S)  # its call to OBS has just ended as Stopping
        self._obs.forget_output()

    # --- any thread -----------------------------------------------------------------------------------------------

    def supersede(self) -> None:
        """A stop was accepted: a start that waits ends as Superseded and leaves nothing behind that goes live."""
        start = self._running
        if start is not None:
            start.superseded = True
            self._tracker.wake()

    def status(self) -> Mapping[str, Any]:
        """The ``obs`` object of ``GET /status``."""
        return self._page.read()

    def carry(self) -> dict[str, Any]:
        """What the next life of the script has to know, as plain data."""
        return self._tracker.carry()

    # --- the stream worker ----------------------------------------------------------------------------------------

    def check_scene(self, scene: str | None) -> None:
        """Before anything of a start: raises SceneNotFound for a scene (None: the default one of the settings, if any)
        that the current collection lacks, ObsUnavailable or ObsUnresponsive where OBS cannot be asked; changes
        nothing."""
        settings = self._settings()
        self._orders.check_scene(scene, settings.default_scene, settings.stream_operation_timeout_s)

    def start(self, scene: str | None, progress: ProgressSink) -> Mapping[str, Any]:
        """Put the stream on air; returns once OBS says so: ``{"status": "started" | "already_running", "scene": …,
        "attempts": n, …}``. Each attempt has ``stream_operation_timeout_s``. Raises ClawcraftError."""
        settings = self._settings()
        start = self._running = _Start()
        try:
            progress(30, "preparing the scene")
            shown = self._orders.show_scene(scene, settings.default_scene, settings.stream_operation_timeout_s)
            self._page.expire()
            progress(40, "starting the stream")
            found, attempts = self._attempts(start, settings, progress)
        finally:
            self._running = None
        return {
            "status": "already_running" if found is Found.UP else "started",
            "scene": shown,
            "attempts": attempts,
            **({"adopted": True} if found is Found.STARTING else {}),
        }

    def stop(self, progress: ProgressSink) -> Mapping[str, Any]:
        """Take the stream off air; returns once OBS says so: ``{"status": "stopped" | "already_stopped"}``. Raises
        ClawcraftError."""
        timeout_s = self._settings().stream_operation_timeout_s
        progress(30, "stopping the stream")
        if self._orders.stop(timeout_s) is Found.OFFLINE:
            return {"status": "already_stopped"}
        deadline_s = self._clock.monotonic() + timeout_s + self._orders.delay_s()
        if self._wait(lambda now: now.phase is Phase.OFFLINE, deadline_s):
            return {"status": "stopped"}
        phase = self._tracker.snapshot().phase
        raise StreamStopTimeout(
            f"OBS did not report the stream stopped within {timeout_s:g} s; it is {phase}."
            + (" It will be stopped as soon as OBS has connected." if phase is Phase.STARTING else ""),
            details={"stream": str(phase), "timeout_s": timeout_s},
        )

    # --- one start ------------------------------------------------------------------------------------------------

    def _attempts(self, start: _Start, settings: Settings, progress: ProgressSink) -> tuple[Found, int]:
        """Attempts until one is up, and how many; only a server that cannot be reached is worth another."""
        attempts = 0
        while True:
            attempts += 1
            try:
                return self._attempt(start, settings.stream_operation_timeout_s, progress), attempts
            except StreamStartFailed as error:
                error.details["attempts"] = attempts
                if not isinstance(error, StreamConnectFailed) or attempts > settings.obs_retries:
                    raise
            delay_s = FIRST_RETRY_S * 2 ** (attempts - 1)
            progress(45, f"OBS cannot connect; attempt {attempts + 1} follows in {delay_s:g} s")
            self._wait(lambda _now: False, self._clock.monotonic() + delay_s, start)

    def _attempt(self, start: _Start, timeout_s: float, progress: ProgressSink) -> Found:
        """One try to be up; raises why it is not."""
        deadline_s = self._clock.monotonic() + timeout_s
        while (order := self._orders.start(timeout_s)).found is Found.STOPPING:
            if not self._wait(lambda now: now.phase is not Phase.STOPPING, deadline_s, start):
                raise StreamStartTimeout(f"The stream before did not end within {timeout_s:g} s.")
        if order.found is Found.UP:
            return order.found
        try:
            if order.found is Found.ACTED:
                # Whether OBS started the output at all; if not, it says nothing more about this attempt.
                self._orders.settle(deadline_s - self._clock.monotonic())
            deadline_s += self._orders.delay_s()
            progress(60, "OBS is connecting to the streaming server")
            self._wait(lambda now: now.is_over(order.attempt), deadline_s, start)
            self._judge(order, timeout_s)
        except BaseException as error:
            # What is left of a failed attempt must not go live later; the streamer's own attempt may.
            if not order.foreign or isinstance(error, Superseded):
                self._tracker.arm_stop(order.attempt)
                if self._must_stop():
                    self._stop_late()
            raise
        return order.found

    def _judge(self, order: StartOrder, timeout_s: float) -> None:
        """Raises unless the attempt is up."""
        grace_s = self._clock.monotonic() + SIGNAL_GRACE_S
        self._tracker.wait(lambda now: not now.has_ended(order.attempt) or now.reason_known, grace_s)
        now = self._tracker.snapshot()
        if now.has_ended(order.attempt):
            raise start_failure(now.refused, now.stop_code, self._orders.last_error())
        if now.attempt < order.attempt:
            raise StreamStartFailed(
                f"OBS did not begin to stream within {timeout_s:g} s: it asks a question, or outputs are disabled.",
                details={"obs_reason": "not begun", "timeout_s": timeout_s},
                hint="Look at OBS's window and answer what it asks, then start again with a new request_id.",
            )
        if not (now.phase.is_up or now.connected):
            later = "The streamer started it, so it goes on." if order.foreign else "If it connects, it is stopped."
            raise StreamStartTimeout(
                f"OBS neither connected nor gave up within {timeout_s:g} s. {later}",
                details={"timeout_s": timeout_s},
            )

    # --- helpers --------------------------------------------------------------------------------------------------

    def _wait(self, reached: Callable[[StreamState], bool], deadline_s: float, start: _Start | None = None) -> bool:
        """Until ``reached`` (True) or the deadline (False). Raises Interrupted at close, and Superseded once a stop
        was accepted."""
        self._tracker.wait(lambda now: reached(now) or now.closed or (start and start.superseded), deadline_s)
        if self._tracker.read(reached):
            return True
        if self._tracker.snapshot().closed:
            raise Interrupted("The service stopped while OBS was working on the stream.")
        if start is not None and start.superseded:
            raise Superseded("A stop was requested while the stream was starting.")
        return False

    def _must_stop(self) -> bool:
        return self._tracker.read(lambda now: now.stop_armed and now.phase.is_up)

    def _stop_late(self) -> None:
        """Stop a stream that must not be up."""
        try:
            self._orders.stop_armed(UI_TIMEOUT_S)
        except Interrupted:
            return
        except ClawcraftError as error:
            self._obs.log(f"a stream that must not be live could not be stopped: {error.message}")
