"""What is asked of OBS: each order is one check and, if it holds, one act right behind it with nothing in between.

Called from the stream worker and from the late stop's thread; checks and acts run on OBS's UI thread. Where that is
out of reach (no libobs), every order raises ObsUnavailable.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final, TypeVar

from clawcraft.errors import Busy, ClawcraftError, Interrupted, ObsBusy, SceneNotFound, Stopping
from clawcraft.obs.libobs import Window
from clawcraft.obs.port import ObsPort, ObsSnapshot, StreamSnapshot
from clawcraft.obs.stream_state import Owner, Phase, Start, StreamState
from clawcraft.obs.ui_thread import UiThread

T = TypeVar("T")
UI_TIMEOUT_S: Final = 5.0


class Found(Enum):
    """What a check found. ACTED: the way was clear, and OBS was told."""

    ACTED = auto()
    STARTING = auto()
    UP = auto()
    STOPPING = auto()
    OFFLINE = auto()


@dataclass(frozen=True, slots=True)
class Order:
    """What was found, the number of the start that it is about, at a start the scene then shown, and at a stop the
    stream delay in seconds."""

    found: Found
    number: int
    owner: Owner
    scene: str | None = None
    delay_s: int = 0


class Orders:
    """The service's voice to OBS."""

    def __init__(self, obs: ObsPort, ui: UiThread, state: StreamState) -> None:
        self._obs = obs
        self._ui = ui
        self._state = state
        self._known_boxes: dict[int, int] = {}

    def check_scene(self, wanted: str | None, default: str, timeout_s: float) -> None:
        """Raises what ``start`` would raise for this scene, and changes nothing. OBS is asked without a scene,
        too: who goes on after this has to know that OBS can be reached at all."""

        def check() -> None:
            now = self._obs.snapshot()
            if name := wanted or default:
                _require_scene(name, now)

        self._on_ui(check, timeout_s)

    def switch_scene(self, name: str, may: Callable[[], object], timeout_s: float) -> str | None:
        """Switch to this scene; the one that was shown before. ``may`` raises what forbids it, at the last moment."""

        def switch() -> str | None:
            may()
            now = self._obs.snapshot()
            self._show(name, now)
            return now.current_scene

        return self._on_ui(switch, timeout_s)

    def start(self, scene: str | None, may: Callable[[], object], timeout_s: float) -> Order:
        """Start unless something is starting, up or stopping, with ``scene`` shown, if any is named. A stop that was
        promised to it is taken back. ``may`` raises what forbids the start, at the last moment there is."""

        def check() -> Order:
            may()
            now = self._obs.snapshot()
            order = self._check_start(now.stream)
            if scene is not None and order.found is not Found.STOPPING:  # viewers still see the stream before
                self._show(scene, now)
            return replace(order, scene=scene or now.current_scene)

        def act(order: Order) -> None:
            self._state.arm(order.number, armed=False)
            if order.found is Found.ACTED:
                asynchronous = self._obs.prepares()  # not behind the start: a box can keep it until after unload
                self._state.ask()
                try:
                    self._obs.start_streaming()
                finally:
                    self._state.asked(asynchronous)

        return self._on_ui(check, timeout_s, act)

    def stop(self, timeout_s: float) -> Order:
        """Stop what is up; what is still starting will be stopped once it is up."""
        return self._on_ui(self._check_stop, timeout_s, self._act_stop)

    def stop_armed(self) -> None:
        """Any thread, returns at once. Stop the start that must not be up, unless a new start has adopted it."""

        def stop() -> None:
            if self._state.snapshot().armed:
                self._act_stop(self._check_stop())

        self._ui.post(stop)

    def stop_agents(self, number: int) -> None:
        """Any thread, returns at once. Stop the start with this number, if it is an agent's and up."""

        def stop() -> None:
            order = self._check_up()
            if order.number == number and order.owner is Owner.AGENT:
                self._act_stop(order)

        self._ui.post(stop)

    def settle(self, timeout_s: float) -> Start:
        """The start as OBS itself sees it. On return OBS is through with the start before, or sits in a box."""

        def settle() -> Start:
            self.settle_now()
            return self._state.snapshot()

        return self._call(settle, timeout_s)

    def end_stop(self, end: Callable[[], object], timeout_s: float) -> None:
        """``end`` has OBS tell the end that it owes, if it does; then as ``settle``."""

        def end_and_settle() -> None:
            end()
            self.settle_now()

        self._call(end_and_settle, timeout_s)

    def settle_now(self, seen: StreamSnapshot | None = None) -> Window:
        """UI thread, inside a task."""
        window = self._obs.window()
        self._state.settle(seen or self._obs.stream(), window)
        for level in [level for level in self._known_boxes if level > window.level]:
            del self._known_boxes[level]
        return window

    def know_box(self) -> None:
        """A thread of OBS, in the signal of a failure. OBS tells it in a box that stays until somebody clicks: what is
        posted now runs inside it (StreamingStop was posted before). Nothing follows from that click, so a start
        beneath it is safe; any other box may be about to start the stream itself."""

        def know() -> None:
            window = self.settle_now()
            if window.level == self._state.stopped_level + 1:
                self._known_boxes[window.level] = window.modal

        self._ui.post(know)

    def delay_s(self) -> int:
        """The stream delay of the start before."""
        return self._on_ui(lambda: self._obs.stream().delay_s, UI_TIMEOUT_S)

    def last_error(self) -> str | None:
        """The streaming output's own word on its last failure; None where OBS does not answer."""
        try:
            return self._ui.call(lambda: self._obs.stream().last_error, UI_TIMEOUT_S)
        except ClawcraftError:
            return None

    # --- checks ---------------------------------------------------------------------------------------------------

    def _check_start(self, seen: StreamSnapshot) -> Order:
        self._refuse_while_changing()
        window = self.settle_now(seen)
        if self._state.closed:
            raise Stopping("OBS is closing, or the script reloads.")
        now = self._state.snapshot()
        if now.phase is Phase.UNKNOWN:
            raise ObsBusy(
                "OBS may be connecting: the service was not there when that could have begun.",
                hint="Ask the streamer to press Start Streaming and Stop Streaming once in OBS, or to restart it.",
            )
        is_ending = now.phase.is_up and now.stop_code is not None  # its signal is there, STREAMING_STOPPED not yet
        if now.phase is Phase.STOPPING or is_ending or (now.phase is Phase.ENDED and seen.active):
            # After "stop" the output stays active for a moment, in which OBS ignores a start without a word.
            return Order(Found.STOPPING, now.number, now.owner)
        if now.phase is Phase.ENDED or now.is_silent:
            self._refuse_beneath_a_box(window)
        if now.phase is Phase.ENDED:
            return Order(Found.ACTED, now.number + 1, Owner.AGENT)
        # Its own stop was promised by the service, so nobody else counts on that.
        owner = Owner.AGENT if now.armed else now.owner
        return Order(Found.UP if now.phase.is_up else Found.STARTING, now.number, owner)

    def _refuse_beneath_a_box(self, window: Window) -> None:
        known = all(level in self._known_boxes for level in range(2, window.level + 1))
        if known and self._known_boxes.get(window.level, window.modal) == window.modal:
            return
        raise ObsBusy("OBS waits for the streamer: it shows a question, an error, a dialog or a menu.")

    def _check_stop(self) -> Order:
        seen = self._obs.stream()
        self.settle_now(seen)
        now = self._state.snapshot()
        found = Found.OFFLINE
        if now.phase.is_up:
            found = Found.ACTED
        elif now.phase is Phase.STOPPING:
            found = Found.STOPPING
        elif now.phase is not Phase.ENDED:
            found = Found.STARTING
        return Order(found, now.number, now.owner, delay_s=seen.delay_s)

    def _check_up(self) -> Order:
        self.settle_now()
        now = self._state.snapshot()
        return Order(Found.ACTED if now.phase.is_up else Found.OFFLINE, now.number, now.owner)

    def _act_stop(self, order: Order) -> None:
        # A start that connected behind the check tells nobody of it any more.
        if order.found is Found.ACTED or (order.found is Found.STARTING and self._state.arm(order.number)):
            self._state.stopping()
            self._obs.stop_streaming()

    def _show(self, name: str, now: ObsSnapshot) -> None:
        if name != now.current_scene:
            self._refuse_while_changing()
            _require_scene(name, now)
            self._obs.set_scene(name)

    def _refuse_while_changing(self) -> None:
        changing = self._state.changing
        if changing:
            raise Busy(f"OBS is changing its {changing} right now.", retry_after_s=1.0)

    # --- the way to OBS -------------------------------------------------------------------------------------------

    def _on_ui(self, fn: Callable[[], T], timeout_s: float, after: Callable[[T], object] | None = None) -> T:
        return self._call(fn, min(UI_TIMEOUT_S, timeout_s), after)

    def _call(self, fn: Callable[[], T], timeout_s: float, after: Callable[[T], object] | None = None) -> T:
        try:
            return self._ui.call(fn, max(0.0, timeout_s), after=after)
        except Stopping as error:
            raise Interrupted("The service stopped before OBS was asked.") from error


def _require_scene(name: str, now: ObsSnapshot) -> None:
    if name not in now.scenes:
        raise SceneNotFound(f"There is no scene named {name!r}.", details={"scenes": list(now.scenes)})
