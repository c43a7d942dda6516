"""The streaming output with its counters, and the boxes OBS shows when it fails."""

import itertools
import time
from typing import ClassVar

from obs_mock.loops import Loop
from obs_mock.signals import SignalHandler
from obs_mock.violations import Recorder

BYTES_PER_S, FRAMES_PER_S = 37_500, 30


class Output:
    """OBS's streaming output. It exists from the first start on."""

    c_type: ClassVar[str] = "obs_output_t *"
    name = "simple_stream"
    kind = "rtmp_output"

    def __init__(self, signals: SignalHandler) -> None:
        self.signals = signals
        self.active = False
        self.owes_end = False
        """It was told to stop while the thread that lost the connection was not through yet: it never tells the end."""
        self.last_error: str | None = None
        self.dropped_frames = 0
        self.congestion = 0.0
        self._connected_at: float | None = None
        self._sent_s = 0.0

    def connected(self) -> None:
        """The counters begin anew, at the start and at each reconnect."""
        self.active = True
        self._connected_at, self._sent_s = time.monotonic(), 0.0

    def disconnected(self) -> None:
        """The counters stay where they are."""
        self._sent_s, self._connected_at = self.sent_s, None

    @property
    def sent_s(self) -> float:
        return self._sent_s if self._connected_at is None else time.monotonic() - self._connected_at


class Boxes:
    """Modal boxes of OBS, and menus: each runs a nested event loop on the UI thread until it is clicked."""

    def __init__(self, ui: Loop, recorder: Recorder) -> None:
        self._ui = ui
        self._recorder = recorder
        self._open: list[tuple[str, int | None]] = []
        self._answer = False
        self._ids = itertools.count(1)

    def show(self, text: str, *, modal: bool = True) -> bool:
        """Until it is clicked away; whether the answer was yes. A menu is not modal."""
        depth = len(self._open)
        self._open.append((text, next(self._ids) if modal else None))
        self._recorder.note(f"box {text}")
        self._ui.run_until(lambda: len(self._open) <= depth)
        answer, self._answer = self._answer, False
        return answer

    def click(self, yes: bool = False) -> None:
        """The user answers the topmost box; nothing happens if there is none."""

        def close() -> None:
            if self._open:
                self._open.pop()
                self._answer = yes

        self._ui.call(close)

    @property
    def topmost(self) -> int | None:
        """``QApplication::activeModalWidget``: an address."""
        return next((widget for _text, widget in reversed(self._open) if widget is not None), None)

    def click_all(self) -> None:
        self._ui.call(self._open.clear)

    @property
    def open(self) -> tuple[str, ...]:
        return tuple(text for text, _id in self._open)
