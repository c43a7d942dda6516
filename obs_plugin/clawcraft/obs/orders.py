"""What is asked of OBS: each order is one check and, if it holds, one act right behind it with nothing in between.

Called from the stream worker and from the late stop's thread; checks and acts run on OBS's UI thread. Without libobs
the checks run on the caller's thread and OBS queues the acts itself: then a click of the streamer can come between.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeVar

from clawcraft.errors import Busy, ClawcraftError, Interrupted, ObsUnavailable, SceneNotFound, Stopping
from clawcraft.obs.port import ObsPort, ObsSnapshot
from clawcraft.obs.stream_state import Phase, StreamState
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

    def __init__(self, obs: ObsPort, ui: UiThread, state: StreamState) -> None:
        self._obs = obs
        self._ui = ui
        self._state = state

    @property
    def ui_unavailable(self) -> str:
        """Why OBS's UI thread is out of reach; empty when it is not."""
        return self._ui.unavailable

    def check_scene(self, wanted: str | None, default: str, timeout_s: float) -> None:
        """Raises what ``show_scene`` would raise for this scene, and changes nothing."""
        name = wanted or default
        if self._ui.unavailable:
            self._refuse_scene(wanted)
        elif name:
            self._on_ui(lambda: _require_scene(name, self._obs.snapshot()), timeout_s)

    def show_scene(self, wanted: str | None, default: str, timeout_s: float) -> tuple[str | None, list[str]]:
        """Switch to the scene asked for, else to the default one; the scene then shown, and warnings."""
        name = wanted or default
        if self._ui.unavailable:
            self._refuse_scene(wanted)
            return None, [f"The default scene was not shown: {self._ui.unavailable}."] if name else []

        def show() -> str | None:
            now = self._obs.snapshot()
            if not name or name == now.current_scene:
                return now.current_scene
            self._refuse_while_changing()
            _require_scene(name, now)
            self._obs.set_scene(name)
            return name

        return self._on_ui(show, timeout_s), []

    def start(self, timeout_s: float) -> StartOrder:
        """Start unless something is starting, up or stopping. A stop that was armed is taken back."""
        return self._order(self._check_start, lambda order: order.found, self._obs.start_streaming, timeout_s)

    def stop(self, timeout_s: float) -> Found:
        """Stop what is up; what is still starting will be stopped once it is up."""
        return self._order(self._check_stop, lambda found: found, self._obs.stop_streaming, timeout_s)

    def stop_armed(self, timeout_s: float) -> None:
        """Stop what must not be up, unless a new start has adopted it meanwhile."""

        def check() -> Found:
            armed = self._state.read(lambda now: now.stop_armed)
            return self._check_stop() if armed else Found.UP

        self._order(check, lambda found: found, self._obs.stop_streaming, timeout_s)

    def settle(self, timeout_s: float) -> None:
        """Bring the state in line with what OBS says of itself. On return OBS is through with the start before, or
        sits in its error box."""
        self._call(self.settle_now, timeout_s)

    def settle_now(self, seen: ObsSnapshot | None = None) -> None:
        """UI thread, inside a task; any thread without libobs."""
        up = self._obs.streaming_active()
        if not self._ui.unavailable:
            self._state.settle(up, (seen or self._obs.snapshot()).stream.reconnecting)
        elif up:
            self._state.settle(up, self._state.snapshot().phase is Phase.RECONNECTING)

    def delay_s(self) -> int:
        """The stream delay of the start before; 0 where OBS cannot be asked."""
        if self._ui.unavailable:
            return 0
        return self._on_ui(lambda: self._obs.snapshot().stream.delay_s, UI_TIMEOUT_S)

    def last_error(self) -> str | None:
        """The streaming output's own word on its last failure."""
        if self._ui.unavailable:
            return None
        try:
            return self._ui.call(lambda: self._obs.snapshot().stream.last_error, UI_TIMEOUT_S)
        except ClawcraftError:
            return None

    def _refuse_scene(self, wanted: str | None) -> None:
        if wanted:
            raise ObsUnavailable(f"The scene cannot be switched: {self._ui.unavailable}.", retryable=False)

    # --- checks ---------------------------------------------------------------------------------------------------

    def _check_start(self) -> StartOrder:
        self._refuse_while_changing()
        self.settle_now()
        now = self._state.snapshot()
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
        self._state.set(stop_armed=False)
        if now.phase.is_up:
            return StartOrder(Found.UP, now.attempt, foreign=True)
        if now.phase is Phase.STARTING:
            return StartOrder(Found.STARTING, now.attempt, foreign=not now.stop_armed)
        return StartOrder(Found.ACTED, now.attempt + 1, foreign=False)

    def _check_stop(self) -> Found:
        self.settle_now()
        phase = self._state.snapshot().phase
        if phase is Phase.STARTING:
            self._state.set(stop_armed=True)
            return Found.STARTING
        if phase.is_up:
            # At once, not at OBS's event: a second stop would be a forced one, which cuts off the stream's end.
            self._state.set(phase=Phase.STOPPING)
            return Found.ACTED
        return Found.STOPPING if phase is Phase.STOPPING else Found.OFFLINE

    def _refuse_while_changing(self) -> None:
        changing = self._state.snapshot().changing
        if changing:
            raise Busy(f"OBS is changing its {changing} right now.", retry_after_s=1.0)

    # --- the way to OBS -------------------------------------------------------------------------------------------

    def _order(
        self, check: Callable[[], T], found: Callable[[T], Found], act: Callable[[], None], timeout_s: float
    ) -> T:
        def act_if_clear(checked: T) -> None:
            if found(checked) is not Found.ACTED:
                return
            self._state.set(in_call=True)
            try:
                act()
            finally:
                self._state.leave_call()

        if not self._ui.unavailable and self._obs.starts_on_ui_thread:
            return self._on_ui(check, timeout_s, act_if_clear)
        checked = check() if self._ui.unavailable else self._on_ui(check, timeout_s)
        act_if_clear(checked)
        return checked

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
