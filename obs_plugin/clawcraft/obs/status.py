"""The ``obs`` object of ``GET /status``: read from OBS at most four times a second, however often it is asked for."""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from clawcraft.clock import Clock
from clawcraft.errors import ClawcraftError
from clawcraft.obs.port import ObsPort, ObsSnapshot, StreamSnapshot
from clawcraft.obs.stream_state import Phase, StreamState
from clawcraft.obs.ui_thread import UiThread

CACHE_S: Final = 0.25
UI_TIMEOUT_S: Final = 1.0
BITRATE_WINDOW_S: Final = 1.0


class StatusPage:
    """``read`` may be called from any thread; those that come while one of them asks OBS share its answer."""

    def __init__(
        self,
        obs: ObsPort,
        ui: UiThread,
        clock: Clock,
        state: StreamState,
        settle: Callable[[StreamSnapshot], object],
    ) -> None:
        self._obs = obs
        self._ui = ui
        self._clock = clock
        self._state = state
        self._settle = settle
        self._one_asks = threading.Lock()
        self._page: Mapping[str, Any] = {}
        self._valid_until_s = float("-inf")
        self._expired = 0
        self._last: ObsSnapshot | None = None
        self._bitrate = Bitrate()

    def read(self) -> Mapping[str, Any]:
        """``{"version", "responsive", "stream": {…}, "current_scene", "scenes"}``. A figure that OBS was not asked
        for, or did not answer, is null; a list of scenes is the last one known."""
        with self._one_asks:
            if self._clock.monotonic() >= self._valid_until_s:
                expired = self._expired
                self._page = self._read()
                if expired == self._expired:
                    self._valid_until_s = self._clock.monotonic() + CACHE_S
            return self._page

    def expire(self) -> None:
        """Something changed in OBS: who hears that a job is done must not be shown the moment before."""
        self._expired += 1
        self._valid_until_s = float("-inf")

    def _read(self) -> Mapping[str, Any]:
        problem = ""
        snapshot = None
        try:
            snapshot = self._ui.call(self._ask, UI_TIMEOUT_S)
            self._last = snapshot
        except ClawcraftError as error:
            problem = error.message
        last = self._last
        page: dict[str, Any] = {
            "version": self._obs.version(),
            "responsive": snapshot is not None,
            "stream": self._stream(snapshot),
            "current_scene": last.current_scene if last else None,
            "scenes": list(last.scenes) if last else [],
        }
        return page | {"problem": problem} if problem else page

    def _ask(self) -> ObsSnapshot:
        """UI thread."""
        snapshot = self._obs.snapshot()
        self._settle(snapshot.stream)
        return snapshot

    def _stream(self, snapshot: ObsSnapshot | None) -> dict[str, Any]:
        now_s = self._clock.monotonic()
        start = self._state.snapshot()
        phase, live_since_s = start.phase, start.live_since_s
        figures: dict[str, Any] = dict.fromkeys(("bitrate_kbps", "dropped_frames", "total_frames", "congestion"))
        if snapshot is not None and phase.is_up:
            stream = snapshot.stream
            figures = {
                "bitrate_kbps": self._bitrate.kbps(now_s, stream.total_bytes, start.connected_s),
                "dropped_frames": stream.dropped_frames,
                "total_frames": stream.total_frames,
                "congestion": round(stream.congestion, 3),
            }
        return {
            "state": phase.shown,
            "live": phase is Phase.LIVE,
            "reconnecting": phase is Phase.RECONNECTING,
            "uptime_s": None if live_since_s is None or not phase.is_up else round(now_s - live_since_s, 1),
            **figures,
        }


class Bitrate:
    """Rate of a byte counter that starts at 0 again whenever OBS connects; null until a window has passed. The first
    one is that since OBS connected, where that is known."""

    def __init__(self) -> None:
        self._from: tuple[float, int] | None = None
        self._kbps: float | None = None

    def kbps(self, now_s: float, total_bytes: int, connected_s: float | None = None) -> float | None:
        known = self._from
        if known is None or total_bytes < known[1] or (connected_s is not None and connected_s > known[0]):
            known, self._kbps = ((now_s, total_bytes) if connected_s is None else (connected_s, 0)), None
        if (passed_s := now_s - known[0]) >= BITRATE_WINDOW_S:
            self._kbps = round((total_bytes - known[1]) * 8 / 1000 / passed_s, 1)
            known = (now_s, total_bytes)
        self._from = known
        return self._kbps
