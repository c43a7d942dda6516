"""The clock of tests."""

import threading


class ManualClock:
    """Moves only when it is told to. Any thread."""

    def __init__(self, time_s: float = 1_780_000_000.0) -> None:
        self._lock = threading.Lock()
        self.now_s = time_s
        self.waits: list[float] = []
        """What ``wait`` was asked for."""

    def time(self) -> float:
        return self.now_s

    def monotonic(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        with self._lock:
            self.now_s += seconds

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """In place of ``event.wait``: the time goes by at once."""
        self.waits.append(seconds)
        self.advance(seconds)
        return event.is_set()
