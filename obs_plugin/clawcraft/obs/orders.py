"""What is asked of OBS: each order is one check and, if it holds, one act right behind it with nothing in between.

Called from the stream worker and from the late stop's thread; checks and acts run on OBS's UI thread. Where that is
out of reach (no libobs), every order raises ObsUnavailable.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeVar

from clawcraft.errors import Busy, ClawcraftError, Interrupted, SceneNotFound, Stopping
from clawcraft.obs.port import ObsPort, ObsSnapshot
from clawcraft.obs.stream_state import Phase, StreamTracker
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
class StartOrder:
    """``attempt``: the number of the STREAMING_STARTING to watch. ``foreign``: it is not one of the service's own,
    the streamer began it."""

    found: Found
    attempt: int
    foreign: bool


class Orders:
    """The service's voice to OBS."""

    def __init__(self, obs: ObsPort, ui: UiThread, tracker: StreamTracker) -> None:
        self._obs = obs
        self._ui = ui
        self._tracker = tracker

    def check_scene(self, wanted: str | None, default: str, timeout_s: float) -> None:
        """Raises what ``show_scene`` would raise for this scene, and changes nothing. OBS is asked without a scene,
        too: who goes on after this has to know that OBS can be reached at all."""

        def check() -> None:
            now = self._obs.snapshot()
            if name := wanted or default:
                _require_scene(name, now)

        self._on_ui(check, timeout_s)

    def show_scene(self, wanted: str | None, default: str, timeout_s: float) -> str | None:
        """Switch to the scene asked for, else to the default one; the scene then shown."""
        name = wanted or default

        def show() -> str | None:
            now = self._obs.snapshot()
            if not name or name == now.current_scene:
                return now.current_scene
            self._refuse_while_changing()
            _require_scene(name, now)
            self._obs.set_scene(name)
            return name

        return self._on_ui(show, timeout_s)

    def start(self, timeout_s: float) -> StartOrder:
        """Start unless something is starting, up or stopping. A stop that was armed is taken back."""
        return self._order(self._check_start, lambda order: order.found, self._obs.start_streaming, timeout_s)

    def stop(self, timeout_s: float) -> Found:
        """Stop what is up; what is still starting will be stopped once it is up."""
        return self._order(self._check_stop, lambda found: found, self._obs.stop_streaming, timeout_s)

    def stop_armed(self, timeout_s: float) -> None:
        """Stop what must not be up, unless a new start has adopted it meanwhile."""

        def check() -> Found:
            armed = self._tracker.read(lambda now: now.stop_armed)
            return self._check_stop() if armed else Found.UP

        self._order(check, lambda found: found, self._obs.stop_streaming, timeout_s)

    def settle(self, timeout_s: float) -> None:
        """Bring the state in line with what OBS says of itself. On return OBS is through with the start before, or
        sits in its error box."""
        self._call(self.settle_now, timeout_s)

    def settle_now(self, seen: ObsSnapshot | None = None) -> None:
        """UI thread, inside a task."""
        self._tracker.settle(self._obs.streaming_active(), (seen or self._obs.snapshot()).stream.reconnecting)

    def delay_s(self) -> int:
        """The stream delay of the start before."""
        return self._on_ui(lambda: self._obs.snapshot().stream.delay_s, UI_TIMEOUT_S)

    def last_error(self) -> str | None:
        """The streaming output's own word on its last failure; None where OBS does not answer."""
        try:
            return self._ui.call(lambda: self._obs.snapshot().stream.last_error, UI_TIMEOUT_S)
        except ClawcraftError:
            return None

    # --- checks ---------------------------------------------------------------------------------------------------

    def _check_start(self) -> StartOrder:
        self._refuse_while_changing()
        self.settle_now()
        now = self._tracker.snapshot()
        if now.closed:
            raise Stopping("OBS is closing, or the script reloads.")
        if now.phase is Phase.STOPPING:
            return StartOrder(Found.STOPPING, now.attempt, foreign=True)
        if now.phase is Phase.OFFLINE and now.in_call:
            raise Busy(
                "OBS is still inside the start before: it shows an error box or a question.",
                hint="Someone has to close the box in OBS; then send the same request again.",
                retry_after_s=10.0,
            )
        self._tracker.set(stop_armed=False)
        if now.phase.is_up:
            return StartOrder(Found.UP, now.attempt, foreign=True)
        if now.phase is Phase.STARTING:
            return StartOrder(Found.STARTING, now.attempt, foreign=not now.stop_armed)
        return StartOrder(Found.ACTED, now.attempt + 1, foreign=False)

    def _check_stop(self) -> Found:
        self.settle_now()
        phase = self._tracker.snapshot().phase
        if phase is Phase.STARTING:
            self._tracker.set(stop_armed=True)
            return Found.STARTING
        if phase.is_up:
            # At once, not at OBS's event: a second stop would be a forced one, which cuts off the stream's end.
            self._tracker.set(phase=Phase.STOPPING)
            return Found.ACTED
        return Found.STOPPING if phase is Phase.STOPPING else Found.OFFLINE

    def _refuse_while_changing(self) -> None:
        changing = self._tracker.snapshot().changing
        if changing:
            raise Busy(f"OBS is changing its {changing} right now.", retry_after_s=1.0)

    # --- the way to OBS -------------------------------------------------------------------------------------------

    def _order(
        self, check: Callable[[], T], found: Callable[[T], Found], act: Callable[[], None], timeout_s: float
    ) -> T:
        def act_if_clear(checked: T) -> None:
            if found(checked) is not Found.ACTED:
                return
            self._tracker.set(in_call=True)
            try:
                act()
            finally:
                self._tracker.leave_call()

        return self._on_ui(check, timeout_s, act_if_clear)

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
